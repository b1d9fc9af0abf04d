"""Every form of a step function against its definition, and the check that verify runs again."""

import json
from collections.abc import Mapping
from itertools import accumulate

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hwgen.circuit import TARGETS, ClockPlan, lower
from hwgen.emit import Strategy, hls_project
from hwgen.emit.rtl_project import rtl_project
from hwgen.errors import ProjectError
from hwgen.fixed import FixedType
from hwgen.fixed.step import MultiplyAddShift
from hwgen.fixed.step_check import codes_to_check, first_wrong, form_level
from hwgen.fixed.step_form import Comparators, StepForm, Table, cheapest_form, steps_within, table_of
from hwgen.ir import Input, Network, StepFunction, Value, check_network
from hwgen.verify.certificate import StepChecks, check_step_functions, network_ranges

CERTIFICATE = "step_functions.json"
Drawn = tuple[list[int], list[int], int, int]


@st.composite
def step_functions(draw: st.DrawFn) -> Drawn:
    """Thresholds, repeated ones too, levels that rise and fall, and a range."""
    low = draw(st.integers(-(2**12), 2**12))
    high = low + draw(st.sampled_from([0, 1, 7, 63, 64, 500, 5000]))
    thresholds = sorted(draw(st.lists(st.integers(low - 20, high + 20), max_size=12)))
    if draw(st.booleans()):
        steps = [draw(st.sampled_from([1, -1]))] * len(thresholds)
    else:
        steps = draw(st.lists(st.integers(-9, 9), min_size=len(thresholds), max_size=len(thresholds)))
    return thresholds, list(accumulate(steps, initial=draw(st.integers(-20, 20)))), low, high


def level(thresholds: list[int], levels: list[int], code: int) -> int:
    return levels[sum(threshold <= code for threshold in thresholds)]


@settings(deadline=None)
@given(step_functions())
def test_the_cheapest_form_and_its_alternatives_are_the_step_function_at_every_code(drawn: Drawn) -> None:
    thresholds, levels, low, high = drawn
    steps = steps_within(thresholds, levels, low, high)
    forms: list[StepForm] = [cheapest_form(*drawn), Comparators(steps.thresholds, steps.levels)]
    if high - low < 1024:
        forms.append(table_of(steps, steps.table_bits))
    codes = np.unique(np.clip([low, high, *(t + d for t in thresholds for d in (-1, 0, 1))], low, high))
    expected = [level(thresholds, levels, code) for code in codes.tolist()]
    for form in forms:
        assert form.apply(codes).tolist() == expected
        assert [form_level(form, code) for code in codes.tolist()] == expected
        assert first_wrong(form, thresholds, levels, low, high) is None


@settings(deadline=None)
@given(step_functions().filter(lambda drawn: drawn[3] - drawn[2] <= 500), st.data())
def test_a_check_at_the_thresholds_finds_whatever_differs_anywhere(drawn: Drawn, data: st.DataObject) -> None:
    thresholds, levels, low, high = drawn
    draw = data.draw
    numbers = st.integers(-40, 40)
    form = draw(
        st.one_of(
            st.builds(MultiplyAddShift, numbers, numbers, st.integers(0, 6), st.integers(-9, 0), st.integers(0, 9)),
            st.builds(
                lambda at, levels: Comparators(tuple(sorted(at)), tuple(levels[: len(at) + 1])),
                st.lists(st.integers(low, high), max_size=4),
                st.lists(numbers, min_size=5, max_size=5),
            ),
        )
    )
    differ = [c for c in range(low, high + 1) if form_level(form, c) != level(thresholds, levels, c)]
    assert (first_wrong(form, thresholds, levels, low, high) is None) == (not differ)


def test_the_cost_rule_takes_each_form_where_it_is_cheap() -> None:
    line = [8 * k - 4 for k in range(-100, 100)]
    assert isinstance(cheapest_form(line, list(range(201)), -(2**15), 2**15 - 1), MultiplyAddShift)
    assert isinstance(cheapest_form([-700, 1, 2], [0, 5, 1, 3], -(2**15), 2**15 - 1), Comparators)
    assert isinstance(cheapest_form([-7, 1, 2, 5], [0, 5, 1, 3, 9], -32, 31), Table)
    # The lowest bits tell a range apart wherever it lies: no subtraction is needed.
    table = cheapest_form([105, 110, 119], [0, 5, 1, 3], 100, 130)
    assert isinstance(table, Table)
    assert table.bits == 5


def network(width: int = 16) -> Network:
    """Two channels: a crooked one, and a line."""
    x, y = Value("x", (2,), FixedType(True, width, 4)), Value("y", (2,), FixedType(True, 8, 0))
    thresholds = np.array([[-20, 0, 1, 90], [-20, -12, -4, 4]])
    levels = np.array([[-2, 5, 0, 1, 2], [-2, -1, 0, 1, 2]])
    layer = StepFunction("f", "x", y, thresholds, levels, "test")
    return check_network(Network("steps", (Input(x, None),), (layer,), ("y",)))


def project_files(kind: str, width: int = 16) -> dict[str, bytes]:
    made = network(width)
    if kind == "hls":
        files = hls_project(made, strategy=Strategy.ADDERS, part="xcvu13p", clock_ns=5.0)
    else:
        files = rtl_project(made, lower(made, TARGETS["amd"], ClockPlan()), part="xcvu13p", clock_ns=5.0)
    return {path: content.encode() if isinstance(content, str) else content for path, content in files.items()}


def changed(files: dict[str, bytes], entry: int, **values: object) -> dict[str, bytes]:
    document = json.loads(files[CERTIFICATE])
    document["step_functions"][entry] |= values
    return files | {CERTIFICATE: json.dumps(document).encode()}


def checked(files: Mapping[str, bytes], of: Network) -> StepChecks:
    return check_step_functions(files, of, network_ranges(of), "here")


@pytest.mark.parametrize("kind", ["hls", "rtl"])
@pytest.mark.parametrize("width", [6, 16])
def test_a_project_records_a_check_of_every_channel_that_passes_again(kind: str, width: int) -> None:
    files = project_files(kind, width)
    entries = json.loads(files[CERTIFICATE])["step_functions"]
    assert [(entry["layer"], entry["channel"]) for entry in entries] == [("f", 0), ("f", 1)]
    ends = FixedType(True, width, 4)
    assert {(entry["low"], entry["high"]) for entry in entries} == {(ends.min_code, ends.max_code)}
    codes = sum(entry["checked_codes"] for entry in entries)
    assert checked(files, network(width)) == StepChecks(2, codes)
    assert files == project_files(kind, width)


@pytest.mark.parametrize("kind", ["hls", "rtl"])
def test_a_wrong_form_is_named_with_layer_channel_and_threshold(kind: str) -> None:
    files = changed(project_files(kind), 0, form="comparators", thresholds=[-20, 0, 2, 90], levels=[-2, 5, 0, 1, 2])
    with pytest.raises(ProjectError) as caught:
        checked(files, network())
    assert str(caught.value) == (
        "project 'here': step_functions.json: layer 'f', channel 0: its form gives 0 at code 1, from threshold 1, "
        "where the step function is 1; build the project again."
    )


AGAIN = "; build the project again."
REFUSED: list[tuple[dict[str, object], str]] = [
    ({"sha256": "0"}, f"layer 'f', channel 1 was checked with other thresholds than the network's{AGAIN}"),
    ({"channel": 0}, f"layer 'f', channel 0 was checked with other thresholds than the network's{AGAIN}"),
    ({"channel": 7}, f"layer 'f', channel 7 is no step function of the network{AGAIN}"),
    ({"layer": "g"}, f"layer 'g', channel 1 is no step function of the network{AGAIN}"),
]


@pytest.mark.parametrize(("values", "says"), REFUSED)
def test_a_certificate_of_another_network_is_refused(values: dict[str, object], says: str) -> None:
    with pytest.raises(ProjectError) as caught:
        checked(changed(project_files("hls"), 1, **values), network())
    assert str(caught.value) == f"project 'here': step_functions.json: {says}"


DAMAGED: list[tuple[dict[str, object], str]] = [
    ({"low": 5, "high": 4}, "codes from 5 to 4"),
    ({"form": "guess"}, "a form 'guess'"),
    ({"form": "table", "bits": 2, "levels": [0, 1, 2, 3]}, "a table has an entry for each code"),
    (
        {"form": "comparators", "thresholds": [3, 2], "levels": [0, 1, 2]},
        "thresholds ascend, and there is one level more",
    ),
    (
        {"form": "multiply_add_shift", "multiplier": 1, "addend": 0, "shift": 64, "clip": [0, 1]},
        "a shift by 64",
    ),
    ({"low": "0"}, "integers were expected"),
]


@pytest.mark.parametrize(("values", "says"), DAMAGED)
def test_a_damaged_certificate_is_refused(values: dict[str, object], says: str) -> None:
    with pytest.raises(ProjectError) as caught:
        checked(changed(project_files("hls"), 1, **values), network())
    assert str(caught.value) == (
        f"project 'here': step_functions.json is damaged (ValueError: {says}); build the project again."
    )


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"[]", "TypeError: list indices must be integers or slices, not str"),
        (b"{}", "KeyError: 'step_functions'"),
        (b'{"format": 9, "step_functions": []}', "ValueError: format 1 was expected"),
        (b"[" * 100_000, "ValueError: it is nested too deeply"),
    ],
)
def test_a_certificate_that_is_none_is_refused(content: bytes, says: str) -> None:
    with pytest.raises(ProjectError) as caught:
        checked({CERTIFICATE: content}, network())
    assert str(caught.value) == f"project 'here': step_functions.json is damaged ({says}); build the project again."


def test_a_certificate_that_is_missing_or_says_nothing_of_a_channel_is_refused() -> None:
    files = project_files("hls")
    with pytest.raises(ProjectError) as caught:
        checked({}, network())
    assert str(caught.value) == (
        "project 'here': step_functions.json is missing, so its step functions cannot be checked; build the project "
        "again."
    )
    document = json.loads(files[CERTIFICATE])
    document["step_functions"].pop()
    with pytest.raises(ProjectError) as caught:
        checked({CERTIFICATE: json.dumps(document).encode()}, network())
    assert str(caught.value) == (
        "project 'here': step_functions.json says nothing of layer 'f', channel 1, codes -32768 to 32767; build the "
        "project again."
    )


def test_a_form_that_was_checked_for_fewer_codes_than_can_come_is_refused() -> None:
    files = changed(project_files("hls"), 0, low=-32767)
    with pytest.raises(ProjectError) as caught:
        checked(files, network())
    assert str(caught.value) == (
        "project 'here': step_functions.json says nothing of layer 'f', channel 0, codes -32768 to 32767; build the "
        "project again."
    )


def test_every_code_of_a_table_is_checked() -> None:
    table = Table(3, (0, 1, 2, 3, 4, 5, 6, 7))
    assert codes_to_check(table, [5], -4, 3) == list(range(-4, 4))
