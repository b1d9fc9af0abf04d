"""Order of exact numbers against enclosures that are found by series, and composed steps against evaluation."""

from fractions import Fraction

import numpy as np
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from oracle.surd import surd
from oracle.transcendental import enclosed, exponential

from hwgen.frontend.curves import Curve, bounded_relu, clipped_line, hard_swish, leaky_relu
from hwgen.frontend.points import Logarithm, Root, compare, estimate, linear, logarithm, root
from hwgen.frontend.real_steps import ListedStep, UniformStep, composed, level_at
from hwgen.frontend.thresholds import Threshold

fractions = st.builds(Fraction, st.integers(-200, 200), st.sampled_from([1, 2, 3, 8, 100, 2**20 - 1]))
positive = fractions.map(abs).filter(bool)
small = st.fractions(-8, 8, max_denominator=40)
ZERO, ONE = Fraction(0), Fraction(1)


@given(fractions, fractions, positive, fractions, fractions.filter(bool), positive)
def test_roots_are_ordered_as_their_enclosures_say(
    a: Fraction, b: Fraction, under: Fraction, centre: Fraction, factor: Fraction, square: Fraction
) -> None:
    point = root(centre, factor, square)
    order = compare(a, b, under, point)
    exact = surd(centre, factor * square, square)  # sqrt(v) = v / sqrt(v)
    ours, theirs = enclosed(surd(a, b, under), 200), enclosed(exact, 200)
    if order == 0:
        assert ours[0] <= theirs[1]
        assert theirs[0] <= ours[1]
    elif order > 0:
        assert ours[1] > theirs[0]
    else:
        assert ours[0] < theirs[1]
    if max(ours[0], theirs[0]) > min(ours[1], theirs[1]):  # the enclosures alone decide
        assert order == (1 if ours[0] > theirs[1] else -1)


@settings(deadline=None)
@given(
    small, small, st.sampled_from([ONE, Fraction(2), Fraction(3, 7)]), positive, st.sampled_from([ONE, -ONE / 2]), small
)
def test_logarithms_are_ordered_as_the_exponential_says(
    a: Fraction, b: Fraction, under: Fraction, argument: Fraction, factor: Fraction, offset: Fraction
) -> None:
    assume(argument != 1)
    point = logarithm(argument, factor, offset)
    assert isinstance(point, Logarithm)
    order = compare(a, b, under, point)
    # a + b / sqrt(under) > offset + factor * ln(argument)  <=>  exp((... - offset) / factor) > argument, or <
    low, high = exponential(surd((a - offset) / factor, b / factor, under), 100)
    above = 1 if factor > 0 else -1
    assert order in (-1, 1)
    if low > argument:
        assert order == above
    elif high < argument:
        assert order == -above


def test_a_logarithm_very_near_a_rational_number_is_told_from_it() -> None:
    point = logarithm(Fraction(3))
    low, high = Fraction(1), Fraction(2)
    for _ in range(300):  # 300 bits, far more than the first look at it holds
        middle = (low + high) / 2
        low, high = (middle, high) if compare(middle, ZERO, ONE, point) < 0 else (low, middle)
    assert exponential(low, 400)[1] < 3 < exponential(high, 400)[0]


def test_a_tie_of_two_roots_is_one() -> None:
    point = root(Fraction(1), Fraction(2), Fraction(3))
    assert isinstance(point, Root)
    assert compare(Fraction(1), Fraction(6), Fraction(3), point) == 0  # 6 / sqrt(3) = 2 * sqrt(3)
    assert compare(Fraction(1), Fraction(6), Fraction(3), linear(point, Fraction(-1), Fraction(0))) == 1
    assert root(ONE, ONE, Fraction(9, 4)) == Fraction(5, 2)


def by_formula(curve: str, x: Fraction, p: tuple[Fraction, Fraction]) -> Fraction:
    first, second = p
    match curve:
        case "hard_swish":
            return x * min(max(x + first, ZERO), second) / second
        case "leaky":
            return x if x >= 0 else first * x
        case "clipped":
            return min(max(first * x + second, -ONE), ONE)
        case _:
            return min(x, second) if x > first else (x - first) / 4


CURVES = {
    "hard_swish": lambda a, b: hard_swish("hard_swish", a, b),
    "leaky": lambda a, b: leaky_relu("leaky", a),
    "clipped": lambda a, b: clipped_line("clipped", a, b, -ONE, ONE, rounds=False),
    "relu": lambda a, b: bounded_relu("relu", Fraction(1, 4), a, b),
}
listed = st.lists(st.tuples(fractions, st.booleans()), min_size=1, max_size=5, unique=True).map(
    lambda at: ListedStep(tuple(Threshold(*t) for t in sorted(at)), tuple(k * k % 7 for k in range(len(at) + 1)))
)
uniform = st.builds(
    lambda low, size: UniformStep(Fraction(1, 8), low, low + size), st.integers(-40, 5), st.integers(1, 60)
)


@settings(deadline=None)
@given(st.sampled_from(sorted(CURVES)), positive, positive, st.one_of(listed, uniform), st.lists(fractions, min_size=8))
def test_a_composed_step_is_the_step_of_the_functions_value(
    name: str, a: Fraction, b: Fraction, step: ListedStep | UniformStep, values: list[Fraction]
) -> None:
    curve: Curve = CURVES[name](a, b)
    found = composed(step, curve)
    ends = [t.at for t in map(found.threshold, range(found.steps)) if isinstance(t.at, Fraction)]
    for x in [*values, *ends, a, -a, a / 2, -a / 2, b - a, ZERO]:
        assert level_at(found, x) == level_at(step, by_formula(name, x, (a, b)))
    around = [estimate(found.threshold(k).at) for k in range(found.steps)]
    assert around == sorted(around)
    for x in np.unique(np.array([float(t) for t in around])).tolist():
        for side in (Fraction(1, 2**30), -Fraction(1, 2**30)):
            at = Fraction(x) + side
            assert level_at(found, at) == level_at(step, by_formula(name, at, (a, b)))
