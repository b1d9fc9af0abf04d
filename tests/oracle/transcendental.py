"""exp, sigmoid and tanh of exact numbers, enclosed between rationals: evaluated forwards, by Taylor's series.

What a quantizer makes of such a value is decided by refining the enclosure until both its ends are rounded alike.
"""

from collections.abc import Callable
from fractions import Fraction

from oracle.surd import Number, Surd, compare

Enclosure = tuple[Fraction, Fraction]
Enclosed = Callable[[Number, int], Enclosure]

_MOST_BITS = 4000


def enclosed(number: Number, bits: int) -> Enclosure:
    """A number between two rationals at most about ``2**-bits`` apart."""
    if isinstance(number, Fraction):
        return number, number
    assert isinstance(number, Surd)
    grid = Fraction(1, 1 << bits)
    low, high = Fraction(-1), Fraction(1)
    while compare(number, low) < 0:
        low *= 2
    while compare(number, high) > 0:
        high *= 2
    while high - low > grid:
        middle = (low + high) / 2
        low, high = (middle, high) if compare(number, middle) >= 0 else (low, middle)
    return low, high


def exponential(number: Number, bits: int) -> Enclosure:
    low, high = enclosed(number, bits)
    return _exponential_of(low, bits)[0], _exponential_of(high, bits)[1]


def _exponential_of(x: Fraction, bits: int) -> Enclosure:
    """``exp(x)`` by halving x until it is small, a few terms of the series, and squaring."""
    if x < 0:
        low, high = _exponential_of(-x, bits)
        return 1 / high, 1 / low
    halvings = max(0, int(x).bit_length()) + 8
    precision = bits + 2 * halvings + 2 * int(2 * x) + 16
    one = 1 << precision  # numbers are counts of 1 / one
    r = -(-x.numerator * one // (x.denominator << halvings))  # rounded up, below 2**-8
    total, term, n = 0, one, 0
    while term > 2:
        total += term
        n += 1
        term = -(-term * r // (n * one))
    low, high = total - 4 * n - 4, total + 2 * term + 2
    for _ in range(halvings):
        low, high = low * low // one, -(-high * high // one)
    return Fraction(low, one), Fraction(high, one)


def sigmoid(number: Number, bits: int) -> Enclosure:
    if number == 0:
        return Fraction(1, 2), Fraction(1, 2)
    low, high = exponential(number, bits)
    return low / (1 + low), high / (1 + high)


def tanh(number: Number, bits: int) -> Enclosure:
    if number == 0:
        return Fraction(0), Fraction(0)
    low, high = exponential(number, bits)
    return (low * low - 1) / (low * low + 1), (high * high - 1) / (high * high + 1)


def softplus_above(number: Number, p: Fraction, bits: int) -> bool | None:
    """Whether ``ln(1 + exp(x)) > p``, that is ``1 + exp(x) > exp(p)``; None where the bits do not tell."""
    (low, high), (at_low, at_high) = exponential(number, bits), exponential(p, bits)
    return True if low + 1 > at_high else False if high + 1 < at_low else None


def decided(function: Enclosed, number: Number, decide: Callable[[Fraction], int]) -> int:
    """What a monotone decision says of a function's value."""
    bits = 40
    while bits < _MOST_BITS:
        low, high = (decide(end) for end in function(number, bits))
        if low == high:
            return low
        bits *= 2
    raise AssertionError("a value that no number of bits tells from a threshold")
