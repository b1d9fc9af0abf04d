"""Project folders that are not what they should be, C++ and Verilog: each refusal as its whole sentence."""

import errno
import json
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hwgen.circuit import TARGETS, ClockPlan, lower
from hwgen.emit import Strategy, hls_project, rtl_project
from hwgen.errors import InputError, ProjectError
from hwgen.fixed import FixedType
from hwgen.ir import Dense, Input, Network, Relu, SparseTensor, StepFunction, Value, check_network
from hwgen.verify import open_project, project_from_files, verify_project
from hwgen.verify.certificate import StepChecks
from hwgen.verify.rtl import verify_rtl
from hwgen.verify.rtl_engine import RtlEngine, Traffic, write_waveform
from hwgen.verify.rtl_project import RtlProject, open_rtl_project, project_target, rtl_project_from_files

Files = Mapping[str, bytes]
PART = "xcvu13p-flga2577-2-e"
STEP = ("codes", (3,), FixedType(False, 2, 0))


def network(steps: bool) -> Network:
    """Three sums of two inputs, each a step function of its own, or a rectifier."""
    x, total, out = Value("x", (2,), FixedType(True, 4, 0)), Value("total", (3,), FixedType(True, 7, 0)), Value(*STEP)
    weight = SparseTensor.from_dense(np.array([[3, 0, 1], [-1, 2, 1]]), FixedType(True, 4, 0))
    thresholds, levels = np.array([[-3, 5]] * 3), np.array([[0, 2, 3]] * 3)
    last = (
        StepFunction("steps", "total", out, thresholds, levels, "a test")
        if steps
        else Relu("relu", "total", Value("codes", (3,), FixedType(False, 6, 0)))
    )
    layers = (Dense("fc", "x", total, weight, np.array([1, 0, 0])), last)
    return check_network(Network("net", (Input(x, None),), layers, ("codes",)))


@cache
def hls_files(steps: bool = True) -> Files:
    return hls_project(network(steps), strategy=Strategy.ADDERS, part=PART, clock_ns=5.0)


@cache
def rtl_files(steps: bool = True) -> Files:
    made = network(steps)
    return rtl_project(made, lower(made, TARGETS["amd"], ClockPlan(1)), part=PART, clock_ns=5.0)


WORDS = len(lower(network(True), TARGETS["amd"], ClockPlan(1)).words)

OPENERS: dict[str, tuple[Callable[[], Files], Callable[[Files, str], object]]] = {
    "C++": (hls_files, project_from_files),
    "Verilog": (rtl_files, rtl_project_from_files),
}


def refusal(call: Callable[[], object]) -> str:
    with pytest.raises(ProjectError) as caught:
        call()
    return str(caught.value)


def edited(files: Files, path: str, *place: str | int, value: object) -> Files:
    """The files, with a value put into a JSON document at a place."""
    document = inner = json.loads(files[path])
    for step in place[:-1]:
        inner = inner[step]
    inner[place[-1]] = value
    return {**files, path: json.dumps(document).encode()}


def without(files: Files, path: str) -> Files:
    return {name: content for name, content in files.items() if name != path}


# ---- folders


@pytest.mark.parametrize("opened", [open_project, open_rtl_project, project_target, verify_project])
def test_a_folder_that_is_none_is_refused(opened: Callable[[Path], object], tmp_path: Path) -> None:
    nowhere, file = tmp_path / "nowhere", tmp_path / "file"
    file.write_text("")
    for path in (nowhere, file):
        assert refusal(lambda path=path: opened(path)) == (
            f"a project folder was expected at '{path}', where there is no folder."
        )
    assert refusal(lambda: opened(tmp_path)) == (
        f"project '{tmp_path}': project.json is missing, so this is no hwgen project; write one with 'hwgen build'."
    )


@pytest.mark.parametrize("opened", [open_project, open_rtl_project, project_target])
def test_a_folder_that_cannot_be_read_is_refused(
    opened: Callable[[Path], object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "project.json").write_text("{}")

    def refuses(self: Path) -> bytes:
        raise PermissionError(13, "Permission denied", str(self))

    monkeypatch.setattr(Path, "read_bytes", refuses)
    assert refusal(lambda: opened(tmp_path)) == (
        f"project '{tmp_path}': a file cannot be read: [Errno 13] Permission denied: '{tmp_path / 'project.json'}'."
    )


# ---- project.json


@pytest.mark.parametrize("kind", OPENERS)
@pytest.mark.parametrize(
    ("key", "value", "says"),
    [
        ("format", 7, "project.json is not of format 1, which this hwgen reads; build the project again."),
        (
            "sources",
            [],
            "project.json should list the source files under 'sources'; build the project again.",
        ),
        (
            "sources",
            [3],
            "project.json should list the source files under 'sources'; build the project again.",
        ),
        (
            "files",
            None,
            "project.json should map each file to its sha256 under 'files'; build the project again.",
        ),
        (
            "files",
            {"README.md": 1},
            "project.json should map each file to its sha256 under 'files'; build the project again.",
        ),
        (
            "sources",
            ["firmware/other.cpp"],
            "the source 'firmware/other.cpp', listed in project.json, is missing; build the project again.",
        ),
        (
            "sources",
            ["../../outside.cpp"],
            "the source '../../outside.cpp', listed in project.json, is missing; build the project again.",
        ),
    ],
)
def test_a_wrong_project_document_is_refused(kind: str, key: str, value: object, says: str) -> None:
    files, opened = OPENERS[kind]
    assert refusal(lambda: opened(edited(files(), "project.json", key, value=value), "here")) == (
        f"project 'here': {says}"
    )


NOT_JSON = "project.json cannot be read as JSON"


@pytest.mark.parametrize("kind", OPENERS)
@pytest.mark.parametrize(
    ("path", "content", "says"),
    [
        (
            "project.json",
            b"{",
            f"{NOT_JSON} (Expecting property name enclosed in double quotes: line 1 column 2 (char 1)); build the "
            f"project again.",
        ),
        (
            "project.json",
            b'"\xff"',
            f"{NOT_JSON} ('utf-8' codec can't decode byte 0xff in position 1: invalid start byte); build the project "
            f"again.",
        ),
        ("project.json", b"[" * 100_000, f"{NOT_JSON} (it is nested too deeply); build the project again."),
        (
            "project.json",
            b"[]",
            "project.json is not of format 1, which this hwgen reads; build the project again.",
        ),
        ("network.json", None, "network.json is missing; build the project again."),
        (
            "network.json",
            b"{}",
            "network.json is damaged (the JSON form of a network, format 2, was expected; build it again with this "
            "hwgen); build the project again.",
        ),
        (
            "network.json",
            b"\xff",
            "network.json is not text ('utf-8' codec can't decode byte 0xff in position 0: invalid start byte); build "
            "the project again.",
        ),
    ],
)
def test_missing_and_damaged_documents_are_refused(kind: str, path: str, content: bytes | None, says: str) -> None:
    files, opened = OPENERS[kind]
    changed = without(files(), path) if content is None else {**files(), path: content}
    assert refusal(lambda: opened(changed, "here")) == f"project 'here': {says}"


def test_a_list_of_files_that_is_none_is_refused_when_the_folder_is_read(tmp_path: Path) -> None:
    (tmp_path / "project.json").write_bytes(b"[" * 100_000)
    for opened in (open_project, open_rtl_project):
        assert refusal(lambda opened=opened: opened(tmp_path)) == (
            f"project '{tmp_path}': {NOT_JSON} (it is nested too deeply); build the project again."
        )


def test_a_project_of_the_other_kind_is_refused() -> None:
    assert refusal(lambda: project_from_files(rtl_files(), "here")) == (
        "project 'here' holds no C++; build it with 'hwgen build --target hls'."
    )
    assert refusal(lambda: rtl_project_from_files(hls_files(), "here")) == (
        "project 'here' holds no Verilog; build it with 'hwgen build --target rtl'."
    )


# ---- Verilog


@pytest.mark.parametrize(
    ("place", "value", "says"),
    [
        *(
            (
                place,
                value,
                "project.json should name the top, axis and latency_cycles; build the project again.",
            )
            for place, value in [(("top",), 3), (("latency_cycles",), -1), (("latency_cycles",), True)]
        ),
        *(
            (
                ("inputs", *place),
                value,
                "the inputs that project.json names are not those of network.json; build the project again.",
            )
            for place, value in [
                ((0,), None),
                ((0, "value"), "other"),
                ((0, "port"), 3),
                ((0, "beats"), 0),
                ((0, "beats"), 3),
                ((0, "bits"), 9),
            ]
        ),
        (
            ("outputs",),
            [],
            "the outputs that project.json names are not those of network.json; build the project again.",
        ),
    ],
)
def test_a_top_module_that_is_not_the_networks_is_refused(place: tuple[str | int, ...], value: Any, says: str) -> None:
    files = edited(rtl_files(), "project.json", *place, value=value)
    assert refusal(lambda: rtl_project_from_files(files, "here")) == f"project 'here': {says}"


@pytest.mark.parametrize(
    ("place", "value", "says"),
    [
        (
            ("total", "beats"),
            2,
            "signals.json does not fit network.json: value 'total'; build the project again.",
        ),
        (
            ("nothing",),
            {"beats": 1, "valid": "", "codes": []},
            "signals.json does not fit network.json: value 'nothing'; build the project again.",
        ),
        (
            ("total", "beats"),
            float("inf"),
            "signals.json is damaged (TypeError: an integer was expected, got inf); build the project again.",
        ),
        (
            ("total", "codes", 0),
            {"signal": "s"},
            "signals.json is damaged (KeyError: 'instance'); build the project again.",
        ),
    ],
)
def test_signals_that_are_not_the_networks_are_refused(place: tuple[str | int, ...], value: Any, says: str) -> None:
    files = edited(rtl_files(), "signals.json", *place, value=value)
    assert refusal(lambda: rtl_project_from_files(files, "here")) == f"project 'here': {says}"


@pytest.mark.parametrize(
    ("place", "value", "says"),
    [
        (
            ("words", 0, "low"),
            "0",
            "circuit.json is damaged (CircuitError: word 'x_0' reaches -8 to 7; the circuit says 0 to 7.); build the "
            "project again.",
        ),
        (
            ("words",),
            None,
            "circuit.json is damaged (CircuitError: the text is no JSON form of a circuit: TypeError: 'NoneType' "
            "object is not iterable.); build the project again.",
        ),
        (
            ("values", 0, 1, 0),
            10**6,
            f"circuit.json is damaged (CircuitError: value 'total' has words that are not among the circuit's "
            f"{WORDS}.); build the project again.",
        ),
        (
            ("values", 0, 0),
            "other",
            "circuit.json does not fit network.json: value 'total' has 0 words; build the project again.",
        ),
        (
            ("values", 0, 1),
            [0, 1],
            "circuit.json does not fit network.json: value 'total' has 2 words; build the project again.",
        ),
    ],
)
def test_a_circuit_that_is_not_the_networks_is_refused(place: tuple[str | int, ...], value: Any, says: str) -> None:
    files = edited(rtl_files(), "circuit.json", *place, value=value)
    assert refusal(lambda: rtl_project_from_files(files, "here")) == f"project 'here': {says}"


def test_step_functions_that_cannot_be_checked_are_refused() -> None:
    assert refusal(lambda: rtl_project_from_files(without(rtl_files(), "step_functions.json"), "here")) == (
        "project 'here': step_functions.json is missing, so its step functions cannot be checked; build the project "
        "again."
    )


def test_without_step_functions_a_verilog_project_needs_no_certificate() -> None:
    assert "step_functions.json" not in rtl_files(False)
    project = rtl_project_from_files(rtl_files(False), "here")
    assert project.steps == StepChecks(0, 0)
    assert project.changes == ()


def test_a_verilog_project_needs_its_circuit() -> None:
    assert refusal(lambda: rtl_project_from_files(without(rtl_files(), "circuit.json"), "here")) == (
        "project 'here': circuit.json is missing; build the project again."
    )


# ---- how they are run


@pytest.mark.parametrize(
    ("traffic", "says"),
    [
        ({"gap_percent": 96}, "gaps are 0 to 95 percent of the cycles, got 96."),
        ({"stall_percent": -1}, "stalls are 0 to 95 percent of the cycles, got -1."),
    ],
)
def test_traffic_in_which_nothing_moves_is_refused(traffic: dict[str, int], says: str) -> None:
    with pytest.raises(InputError) as caught:
        Traffic(**traffic)
    assert str(caught.value) == says


def test_a_waveform_needs_a_folder_that_exists(tmp_path: Path) -> None:
    for target in (tmp_path, tmp_path / "nowhere" / "run.vcd"):
        with pytest.raises(InputError) as caught:
            verify_rtl(tmp_path, waveform=target)
        assert str(caught.value) == f"a file in a folder that exists was expected for the waveform, got {target}."


class Recorded(RtlEngine):
    """A simulator that was run already."""

    def build(self, project: RtlProject, output: Path, *, traced: bool = False) -> Any:
        output.with_suffix(".vcd").write_text("$end")

    def trace(self, project: RtlProject, library: Path, *rest: object) -> Any:
        return None, library.with_suffix(".vcd")


def test_a_waveform_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    project = rtl_project_from_files(rtl_files(), "here")
    engine = Recorded(None, None, Traffic())  # type: ignore[arg-type]
    with pytest.raises(InputError) as caught:
        write_waveform(engine, project, [np.zeros((1, 2), dtype=np.int64)], tmp_path)
    assert str(caught.value) == (
        f"the waveform could not be written to {tmp_path}: [Errno {errno.EISDIR}] Is a directory: '{tmp_path}'."
    )
