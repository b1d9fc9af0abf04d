"""Exact numbers of the form ``a + b / sqrt(v)``: what batch normalization makes of a rational number.

Order and floor are decided by comparing squares, never by an approximation, so a quantizer after a batch norm sees on
which side of a tie a value truly lies.
"""

import math
from dataclasses import dataclass
from fractions import Fraction


@dataclass(frozen=True, slots=True)
class Surd:
    """``a + b / sqrt(v)`` with b not zero and v no square of a rational; made by ``surd``."""

    a: Fraction
    b: Fraction
    v: Fraction


Number = Fraction | Surd


def surd(a: Fraction, b: Fraction, v: Fraction) -> Number:
    """``a + b / sqrt(v)`` for a positive v, as a rational number where it is one."""
    if v <= 0:
        raise ValueError(f"a positive number was expected under the root, got {v}")
    root = Fraction(math.isqrt(v.numerator), math.isqrt(v.denominator))
    if b == 0:
        return a
    return a + b / root if root * root == v else Surd(a, b, v)


def compare(number: Number, other: Fraction) -> int:
    """-1, 0 or 1: below, equal or above."""
    if isinstance(number, Fraction):
        return (number > other) - (number < other)
    # a + b / sqrt(v) > other  <=>  b / sqrt(v) > distance
    distance = other - number.a
    if (number.b > 0) != (distance > 0) or distance == 0:
        return 1 if number.b > 0 else -1
    larger = number.b**2 / number.v > distance**2
    return 1 if larger == (number.b > 0) else -1


def floor(number: Number) -> int:
    """The largest integer that is not above the number."""
    if isinstance(number, Fraction):
        return math.floor(number)
    square = number.b**2 / number.v
    root = Fraction(math.isqrt(math.floor(square * 2**64)), 2**32)
    guess = math.floor(number.a + (root if number.b > 0 else -root))
    while compare(number, Fraction(guess)) < 0:
        guess -= 1
    while compare(number, Fraction(guess + 1)) >= 0:
        guess += 1
    return guess


def linear(number: Number, slope: Fraction, offset: Fraction = Fraction(0)) -> Number:
    """``number * slope + offset``."""
    if isinstance(number, Fraction):
        return number * slope + offset
    return surd(number.a * slope + offset, number.b * slope, number.v)


def maximum(first: Number, second: Number) -> Number:
    """The larger of two numbers; two surds must share a and v, as the outputs of one batch norm's channel do."""
    if isinstance(second, Fraction):
        return first if compare(first, second) >= 0 else second
    if isinstance(first, Fraction):
        return maximum(second, first)
    if (first.a, first.v) != (second.a, second.v):
        raise NotImplementedError("the order of two different square roots")
    return first if first.b >= second.b else second


def round_half_even(number: Number) -> int:
    """The nearest integer, the even one of two."""
    shifted = linear(number, Fraction(1), Fraction(1, 2))
    nearest = floor(shifted)
    tie = isinstance(shifted, Fraction) and shifted == nearest
    return nearest - 1 if tie and nearest % 2 else nearest


def sign(number: Number) -> int:
    """-1, 0 or 1."""
    return compare(number, Fraction(0))
