"""Thresholds of composed functions against their definition, evaluated at every code with exact arithmetic.

The definition: ``y = (slope * x + shift) / sqrt(root) + offset``, a relu perhaps, then the quantizer. It is evaluated
on exact numbers ``a + b / sqrt(v)`` (``oracle.surd``), which share no code with the thresholds.
"""

from collections.abc import Callable
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from oracle.surd import Number, compare, linear, maximum, round_half_even, surd

from hwgen.errors import UnsupportedError
from hwgen.frontend.activations import activation_quantizer
from hwgen.frontend.affine import Affine, first_reaching, integer_steps
from hwgen.frontend.points import rational_root, root_estimate
from hwgen.frontend.quantizer_config import parse_quantizer_config
from hwgen.frontend.real_steps import ListedStep, RealStep, UniformStep
from hwgen.frontend.thresholds import Threshold

Definition = Callable[[Number], int]

fractions = st.builds(
    Fraction, st.integers(-300, 300), st.sampled_from([1, 2, 3, 7, 16, 100, 2**12, 2**12 * 3, 2**24 - 1])
)
# Squares of rationals, numbers next to squares, and any others: all positive.
roots = st.one_of(
    st.just(Fraction(1)),
    st.builds(lambda r: r * r, fractions.filter(bool)),
    st.builds(
        lambda r, e: r * r + e, fractions.filter(bool), st.sampled_from([Fraction(1, 2**40), Fraction(1, 2**70)])
    ),
    fractions.map(abs).filter(bool),
)


@st.composite
def functions(draw: st.DrawFn) -> Affine:
    root = draw(roots)
    rational = rational_root(root)
    slope, shift, offset = draw(fractions), draw(fractions), draw(fractions)
    if rational is not None:
        return Affine.linear(slope / rational, shift / rational + offset)
    return Affine(slope, shift, root, offset)


def value(function: Affine, x: int) -> Number:
    return surd(function.offset, function.slope * x + function.shift, function.root)


@st.composite
def uniform_steps(draw: st.DrawFn) -> tuple[RealStep, Definition]:
    """Round half to even to a grid and clip, with a slope for negative numbers perhaps."""
    low = draw(st.integers(-20, 3))
    high = draw(st.integers(low, low + 30))
    lsb = draw(st.sampled_from([Fraction(1, 8), Fraction(1), Fraction(4), Fraction(1, 3)]))
    slope = draw(st.sampled_from([Fraction(1), Fraction(1, 2), Fraction(1, 8)]))

    def definition(y: Number) -> int:
        scaled = linear(y, 1 / lsb)
        code = round_half_even(scaled if compare(scaled, Fraction(0)) >= 0 else linear(scaled, slope))
        return min(max(code, low), high)

    return UniformStep(lsb, low, high, slope), definition


@st.composite
def listed_steps(draw: st.DrawFn) -> tuple[RealStep, Definition]:
    """Thresholds anywhere, reached at them or just above them; zero and both kinds at one place among them."""
    places = draw(st.lists(st.tuples(fractions, st.booleans()), min_size=1, max_size=6, unique=True))
    places += draw(st.sampled_from([[], [(Fraction(0), False)], [(Fraction(0), True)]]))
    ordered = sorted(set(places))
    levels = sorted(draw(st.lists(st.integers(-9, 9), min_size=len(ordered) + 1, max_size=len(ordered) + 1)))

    def definition(y: Number) -> int:
        reached = sum(compare(y, at) > 0 or (not strict and compare(y, at) == 0) for at, strict in ordered)
        return levels[reached]

    return ListedStep(tuple(Threshold(at, strict) for at, strict in ordered), tuple(levels)), definition


steps = st.one_of(uniform_steps(), listed_steps())


def step_value(thresholds: np.ndarray, levels: np.ndarray, channel: int, code: int) -> int:
    """A step function by its own definition: as many levels up as thresholds are at most the code."""
    row = 0 if len(thresholds) == 1 else channel
    return int(levels[row][int((thresholds[row] <= code).sum())])


@given(st.lists(functions(), min_size=1, max_size=3), steps, st.booleans(), st.integers(-60, 40), st.integers(0, 40))
def test_thresholds_give_the_level_of_the_exact_value_at_every_code(
    channels: list[Affine], stepped: tuple[RealStep, Definition], relu: bool, low: int, width: int
) -> None:
    step, definition = stepped
    high = low + width
    used = step.after_relu() if relu else step
    thresholds, levels = integer_steps(channels, used, [low] * len(channels), [high] * len(channels), "here")
    for channel, function in enumerate(channels):
        for code in range(low, high + 1):
            y = value(function, code)
            expected = definition(maximum(y, Fraction(0)) if relu else y)
            assert step_value(thresholds, levels, channel, code) == expected


@given(functions().filter(lambda f: f.slope > 0), fractions, st.booleans())
def test_the_first_code_that_reaches_a_threshold_is_the_first(function: Affine, at: Fraction, strict: bool) -> None:
    first = first_reaching(function, Threshold(at, strict))

    def reached(x: int) -> bool:
        order = compare(value(function, x), at)
        return order > 0 or (order == 0 and not strict)

    assert reached(first)
    assert not reached(first - 1)


@given(functions(), st.integers(-(2**40), 2**40), fractions, st.booleans())
# Both sides of the comparison are zero, the only equality that an irrational root allows.
@example(Affine(Fraction(1), Fraction(-3), Fraction(2), Fraction(5)), 3, Fraction(5), True)
@example(Affine(Fraction(1), Fraction(-3), Fraction(2), Fraction(5)), 3, Fraction(5), False)
def test_reaching_is_the_order_of_exact_numbers(function: Affine, x: int, at: Fraction, strict: bool) -> None:
    order = compare(value(function, x), at)
    assert function.reaches(x, Threshold(at, strict)) == (order > 0 or (order == 0 and not strict))


@given(functions().filter(lambda f: f.rational), fractions, fractions, fractions, roots)
def test_a_batch_norm_of_a_rational_function_is_its_formula(
    function: Affine, gamma: Fraction, beta: Fraction, mean: Fraction, variance: Fraction
) -> None:
    normalized = function.normalized(gamma, beta, mean, variance)
    for x in (-7, 0, 1, 1000):
        before = value(function, x)
        assert isinstance(before, Fraction)
        expected = surd(beta, gamma * (before - mean), variance)
        assert value(normalized, x) == expected


@given(functions(), fractions.filter(bool), fractions, st.integers(-99, 99))
def test_another_unit_of_the_input_is_another_function_of_the_same_value(
    function: Affine, factor: Fraction, offset: Fraction, x: int
) -> None:
    scaled = function.scaled_input(factor, offset)
    assert value(scaled, x) == surd(
        function.offset, function.slope * (factor * x + offset) + function.shift, function.root
    )


@given(roots)
def test_a_root_is_rational_exactly_where_its_square_is(root: Fraction) -> None:
    found = rational_root(root)
    estimate = root_estimate(root)
    if found is not None:
        assert found * found == root
        assert found > 0
    error = abs(estimate * estimate - root) / root
    assert error < Fraction(1, 2**75)


@settings(deadline=None)
@given(
    st.integers(2, 5),
    st.integers(-1, 3),
    st.integers(0, 4),
    st.sampled_from([Fraction(1, 8), Fraction(1, 3), Fraction(-1, 8), Fraction(5, 7)]),
)
def test_quantized_relu_with_a_negative_slope_is_its_formula(
    bits: int, integer: int, exponent: int, unit: Fraction
) -> None:
    """``clip(round(p), 0, m - 1) + max(round(p * slope), -slope * m)``, m = 2**(bits - 1), p = x * m / 2**integer."""
    slope = Fraction(1, 2 ** min(exponent, bits - 1))
    text = f"quantized_relu({bits}, {integer}, negative_slope={float(slope)!r})"
    config = parse_quantizer_config(text, "here")
    assert config is not None
    assert not isinstance(config, str)
    quantizer = activation_quantizer(config, "here")
    m, grid = 2 ** (bits - 1), Fraction(2) ** (integer - bits + 1)
    thresholds, levels = integer_steps([Affine.linear(unit)], quantizer.step, [-300], [300], "here")
    for code in range(-300, 301):
        p = code * unit / grid
        positive = min(max(round(p), 0), m - 1)
        negative = max(min(round(p * slope), 0), -slope * m)
        found = step_value(thresholds, levels, 0, code) * quantizer.type.lsb * quantizer.scale
        assert found == (positive + negative) * grid


def test_a_step_function_of_more_steps_than_hardware_holds_is_refused() -> None:
    fine = UniformStep(Fraction(1, 2**20), -(2**30), 2**30)
    with pytest.raises(UnsupportedError, match=r"here: .* steps in one channel"):
        integer_steps([Affine.linear(Fraction(1))], fine, [0], [1], "here")
    many = [Affine.linear(Fraction(1, 2**20))] * 40
    with pytest.raises(UnsupportedError, match=r"here: .* in all"):
        integer_steps(many, fine, [0] * 40, [2**15 + 2**14] * 40, "here")


def test_channels_that_are_equal_are_one() -> None:
    step = UniformStep(Fraction(1), -4, 4)
    function = Affine.linear(Fraction(1, 2))
    thresholds, levels = integer_steps([function] * 5, step, [-9] * 5, [9] * 5, "here")
    assert thresholds.shape == (1, 8)
    assert levels.shape == (1, 9)
