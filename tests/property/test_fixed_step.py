"""``multiply_add_shift`` against brute force: what it returns is right everywhere, and it misses no line."""

from fractions import Fraction
from itertools import combinations_with_replacement, pairwise

import numpy as np
from hypothesis import example, given, settings
from hypothesis import strategies as st

from hwgen.fixed.step import multiply_add_shift

MAX_EXAMPLES = 400


def thresholds_and_levels(outputs: list[int], low: int) -> tuple[list[int], list[int]]:
    """Write down a step function from its values on ``low, low + 1, …``, every level in between included."""
    thresholds, levels = [], [outputs[0]]
    for position, (before, after) in enumerate(pairwise(outputs), start=1):
        step = 1 if after > before else -1
        for level in range(before + step, after + step, step) if after != before else ():
            thresholds.append(low + position)
            levels.append(level)
    return thresholds, levels


@st.composite
def lines(draw: st.DrawFn) -> tuple[int, int, list[int], int]:
    """``clip((a * n + b) >> k, lowest, highest)`` over a range: its start, its shift and its values."""
    multiplier = draw(st.integers(-40, 40))
    addend = draw(st.integers(-500, 500))
    shift = draw(st.integers(0, 7))
    low = draw(st.integers(-200, 200))
    size = draw(st.integers(1, 300))
    lowest = draw(st.integers(-40, 40))
    highest = draw(st.integers(lowest, lowest + 60))
    outputs = [min(max((n * multiplier + addend) >> shift, lowest), highest) for n in range(low, low + size)]
    return low, shift, outputs, size


@settings(max_examples=MAX_EXAMPLES, deadline=None)
@given(lines())
def test_every_clipped_line_is_found_and_equals_it_everywhere(line: tuple[int, int, list[int], int]) -> None:
    low, shift, outputs, size = line
    thresholds, levels = thresholds_and_levels(outputs, low)
    form = multiply_add_shift(thresholds, levels, low, low + size - 1)
    assert form is not None
    assert form.shift <= shift
    assert form.apply(np.arange(low, low + size)).tolist() == outputs


@settings(max_examples=MAX_EXAMPLES, deadline=None)
@given(st.data(), st.integers(-300, 300), st.integers(1, 200), st.integers(-20, 20), st.booleans())
def test_whatever_form_is_found_for_any_staircase_equals_it_everywhere(
    data: st.DataObject, low: int, size: int, first: int, ascending: bool
) -> None:
    high = low + size - 1
    thresholds = sorted(data.draw(st.lists(st.integers(low, high + 1), max_size=12)))
    step = 1 if ascending else -1
    levels = [first + step * k for k in range(len(thresholds) + 1)]
    form = multiply_add_shift(thresholds, levels, low, high)
    if form is not None:
        expected = [levels[sum(t <= n for t in thresholds)] for n in range(low, high + 1)]
        assert form.apply(np.arange(low, high + 1)).tolist() == expected


@settings(max_examples=MAX_EXAMPLES, deadline=None)
@given(
    st.floats(2.0**-8, 4.0, width=32),
    st.floats(-8.0, 8.0, width=32),
    st.integers(1, 6),
    st.integers(0, 9),
    st.booleans(),
)
@example(0.3, 0.0, 6, 0, False)
def test_a_float_scale_and_offset_before_rounding_is_found_and_equals_the_exact_rationals(
    scale: float, offset: float, bits: int, fraction: int, negative: bool
) -> None:
    slope = Fraction(-scale if negative else scale) / 2**fraction
    half = Fraction(1, 2)
    outputs = [min(max((slope * n + Fraction(offset) + half).__floor__(), 0), 2**bits - 1) for n in range(-300, 301)]
    form = multiply_add_shift(*thresholds_and_levels(outputs, -300), -300, 300)
    assert form is not None
    assert form.apply(np.arange(-300, 301)).tolist() == outputs


@settings(max_examples=200, deadline=None)
@given(st.integers(1, 2**61), st.integers(2, 200), st.integers(1, 63))
def test_a_form_never_overflows_int64_inside_its_range(start: int, period: int, steps: int) -> None:
    thresholds = [start + k * period + k % 2 for k in range(steps)]
    low, high = -(2**61), 2**62 - 1
    form = multiply_add_shift(thresholds, list(range(steps + 1)), low, high)
    if form is not None:
        ends = [abs(n * form.multiplier + form.addend) for n in (low, high)]
        assert max(ends) < 2**63


def some_line_passes(thresholds: tuple[int, ...], slopes: list[Fraction]) -> bool:
    """Whether, for one of the slopes, an offset puts the line at each level at its threshold and not one before."""
    levels = list(enumerate(thresholds, start=1))
    return any(
        max(level - t * slope for level, t in levels) < min(level - (t - 1) * slope for level, t in levels)
        for slope in slopes
    )


def test_a_form_is_found_exactly_for_the_small_staircases_that_are_lines() -> None:
    # What a slope can do changes only at ratios of a difference of levels to one of thresholds, give or take one.
    critical = sorted({Fraction(rise, run) for rise in range(5) for run in range(1, 10)})
    slopes = [(a + b) / 2 for a, b in pairwise(critical)] + [critical[-1] + 1]
    for steps in range(1, 5):
        for thresholds in combinations_with_replacement(range(1, 9), steps):
            form = multiply_add_shift(thresholds, range(steps + 1), 0, 8)
            assert (form is not None) == some_line_passes(thresholds, slopes), thresholds
            if form is not None:
                expected = [sum(t <= n for t in thresholds) for n in range(9)]
                assert form.apply(np.arange(9)).tolist() == expected


def test_levels_that_skip_have_no_such_form() -> None:
    assert multiply_add_shift([1, 2], [0, 2, 3], -4, 4) is None


def test_no_threshold_is_a_constant() -> None:
    form = multiply_add_shift([], [7], -4, 4)
    assert form is not None
    assert form.apply(np.arange(-4, 5)).tolist() == [7] * 9
