"""Exact real numbers at which a step function steps, and on which side of them a batch norm's output lies.

A threshold is a rational number; an irrational root ``centre + factor * sqrt(square)``, where a parabola or a rounded
power of two steps; or a logarithm, where a sigmoid does. What is compared with it is ``a + b / sqrt(root)``. Rational
numbers and roots are compared by squares. A logarithm is enclosed between rational numbers, ever closer, until the
other number lies outside: it always does some day, for by Lindemann and Weierstrass neither the logarithm of a rational
number other than 1, nor that of ``exp(p) - 1`` for a rational p other than 0, is algebraic.

The enclosures are those of the standard library's ``decimal``, whose ``ln`` and ``exp`` are correctly rounded: the
number lies between the neighbours of the result.
"""

from dataclasses import dataclass
from decimal import Context, Decimal
from fractions import Fraction
from functools import lru_cache
from math import isqrt
from typing import assert_never

_DIGITS = 40  # to begin with; more where that does not decide
_ESTIMATE_BITS = 160


@dataclass(frozen=True, slots=True)
class Root:
    """``centre + factor * sqrt(square)``; ``factor`` is not zero, ``square`` no square of a rational: see ``root``."""

    centre: Fraction
    factor: Fraction
    square: Fraction


@dataclass(frozen=True, slots=True)
class Logarithm:
    """``offset + factor * ln(argument)``, or ``offset + factor * ln(exp(argument) - 1)`` where ``of_exponential``.

    ``factor`` is not zero. The argument is positive; not 1, or not 0 where ``of_exponential``: see ``logarithm``.
    """

    offset: Fraction
    factor: Fraction
    argument: Fraction
    of_exponential: bool = False


Point = Fraction | Root | Logarithm


def root(centre: Fraction, factor: Fraction, square: Fraction) -> Point:
    """``centre + factor * sqrt(square)`` for a square that is not negative, as a rational number where it is one."""
    rational = rational_root(square)
    if factor == 0 or rational is not None:
        return centre + factor * (rational or 0)
    return Root(centre, factor, square)


def logarithm(argument: Fraction, factor: Fraction = Fraction(1), offset: Fraction = Fraction(0)) -> Point:
    """``offset + factor * ln(argument)`` for a positive argument, as a rational number where it is one."""
    return offset if argument == 1 else Logarithm(offset, factor, argument)


def linear(point: Point, slope: Fraction, offset: Fraction) -> Point:
    """``slope * point + offset``; the slope is not zero."""
    match point:
        case Fraction():
            return slope * point + offset
        case Root():
            return Root(slope * point.centre + offset, slope * point.factor, point.square)
        case Logarithm():
            return Logarithm(slope * point.offset + offset, slope * point.factor, point.argument, point.of_exponential)
        case _:
            assert_never(point)


def compare(a: Fraction, b: Fraction, under: Fraction, point: Point) -> int:
    """-1, 0 or 1: whether ``a + b / sqrt(under)`` is below, at or above the point; ``under`` is positive."""
    match point:
        case Fraction():
            return _sign(a - point, b, under)
        case Root():
            first, second = a - point.centre, point.factor
            side = _sign(first, b, under)
            if (side > 0) != (second > 0) or side == 0:
                return 1 if second < 0 else -1
            # The same sign: by squares, which turns their order around where they are negative.
            squares = _sign(first * first + b * b / under - second * second * point.square, 2 * first * b, under)
            return squares * side
        case Logarithm():
            digits = _DIGITS
            while True:
                low, high = _enclosed(point, digits)
                if _sign(a - low, b, under) < 0:
                    return -1
                if _sign(a - high, b, under) > 0:
                    return 1
                digits *= 2
        case _:
            assert_never(point)


def _sign(a: Fraction, b: Fraction, under: Fraction) -> int:
    """The sign of ``a + b / sqrt(under)``."""
    if a == 0 or b == 0 or (a > 0) == (b > 0):
        total = a or b
        return (total > 0) - (total < 0)
    difference = a * a * under - b * b
    if difference == 0:
        return 0
    return 1 if (difference > 0) == (a > 0) else -1


def estimate(point: Point) -> Fraction:
    """The point to about 2**-80 of it: where to begin to look."""
    match point:
        case Fraction():
            return point
        case Root():
            return point.centre + point.factor * root_estimate(point.square)
        case Logarithm():
            low, high = _enclosed(point, _DIGITS)
            return (low + high) / 2
        case _:
            assert_never(point)


@lru_cache(maxsize=1 << 16)
def _enclosed(point: Logarithm, digits: int) -> tuple[Fraction, Fraction]:
    """Two rational numbers around a logarithm, about ``10**-digits`` of it apart."""
    if point.of_exponential:
        low, high = _enclosed_exponential(point.argument, digits)
        ends = [_enclosed_logarithm(end - 1, digits) for end in (low, high) if end > 1]
        # Where the digits do not even show that exp(argument) is above 1, nothing is known from below.
        lower = ends[0][0] if len(ends) == 2 else Fraction(-(1 << digits))
        upper = ends[-1][1]
    else:
        lower, upper = _enclosed_logarithm(point.argument, digits)
    first, second = (point.offset + point.factor * end for end in (lower, upper))
    return min(first, second), max(first, second)


def _enclosed_logarithm(argument: Fraction, digits: int) -> tuple[Fraction, Fraction]:
    """The logarithm of a quotient is that of its numerator less that of its denominator: integers are exact."""
    above, below = (_around(Context(prec=digits).ln(Decimal(n))) for n in argument.as_integer_ratio())
    return above[0] - below[1], above[1] - below[0]


def _enclosed_exponential(argument: Fraction, digits: int) -> tuple[Fraction, Fraction]:
    context = Context(prec=digits)
    quotient = context.divide(Decimal(argument.numerator), Decimal(argument.denominator))
    if Fraction(quotient) == argument:
        return _around(context.exp(quotient))
    return _around(context.exp(quotient.next_minus(context)))[0], _around(context.exp(quotient.next_plus(context)))[1]


def _around(rounded: Decimal) -> tuple[Fraction, Fraction]:
    """The neighbours of a correctly rounded number, half a unit of its last digit from which the true one lies."""
    exact = Fraction(rounded)
    if not exact:  # ln(1), the only one that is exact
        return exact, exact
    exponent = rounded.as_tuple().exponent
    assert isinstance(exponent, int)
    unit = Fraction(10) ** exponent
    return exact - unit, exact + unit


def rational_root(value: Fraction) -> Fraction | None:
    """The square root of a rational that is not negative if it is rational, else None."""
    numerator, denominator = isqrt(value.numerator), isqrt(value.denominator)
    if numerator * numerator == value.numerator and denominator * denominator == value.denominator:
        return Fraction(numerator, denominator)
    return None


def root_estimate(value: Fraction) -> Fraction:
    """sqrt(value) to about 2**-80 relative."""
    shift = max(0, _ESTIMATE_BITS - value.numerator.bit_length() - value.denominator.bit_length()) + 2
    return Fraction(isqrt((value.numerator * value.denominator) << (2 * shift)), value.denominator << shift)
