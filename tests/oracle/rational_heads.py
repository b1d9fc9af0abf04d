"""What ``--head`` and ``--quantize LAYER=WEIGHTS:RESULT`` make of exact numbers, by their definition.

A sigmoid is rounded once. A softmax is made of numbers that hwgen documents: exponentials of the differences from the
largest, rounded to ``p`` bits after the point; their sum; its reciprocal, rounded to ``r`` bits; products, rounded to
the type. ``p`` and ``r`` are the smallest with which the products are at most half a step from the real softmax.
"""

from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np

from oracle.quantizer_rational import Exact, each
from oracle.rational import quantize_rational, two_to
from oracle.rational_curves import Near
from oracle.surd import Number, compare
from oracle.transcendental import decided, exponential, sigmoid

_FAR = Fraction(200)  # no type here tells a sigmoid or an exponential of it from its limit


@dataclass(frozen=True, slots=True)
class Rounding:
    """A type with its modes, as ``ap_fixed`` writes it: ``ufixed<8,0,RND,SAT>``."""

    signed: bool
    width: int
    fraction: int
    rounding: str
    overflow: str

    @classmethod
    def read(cls, text: str) -> "Rounding":
        name, _, inside = text.removesuffix(">").partition("<")
        width, integer, rounding, overflow = inside.split(",")
        return cls(not name.startswith("u"), int(width), int(width) - int(integer), rounding, overflow)

    def code(self, value: Fraction) -> int:
        return quantize_rational(value, self.signed, self.width, self.fraction, self.rounding, self.overflow)

    def value(self, value: Fraction) -> Fraction:
        return self.code(value) * two_to(-self.fraction)


def headed(head: str, end: Exact) -> Exact | None:
    """What a head such as ``softmax=ufixed<8,0,RND,SAT>`` makes of logits; None where they have no exact meaning."""
    kind, _, text = head.partition("=")
    if any(isinstance(number, Near) for number in end.flat):
        return None
    if kind == "sigmoid":
        return _sigmoid(Rounding.read(text), end)
    if not all(isinstance(number, Fraction) for number in end.flat):
        return None
    match kind:
        case "logits":
            return end
        case "argmax":
            return _by_row(lambda row: [Fraction(row.index(max(row)))], end)
        case "softmax":
            return _softmax(Rounding.read(text), end)
    raise ValueError(head)


def _by_row(function: Any, end: Exact) -> Exact:
    return np.apply_along_axis(lambda row: np.array(function(list(row)), dtype=object), -1, end)


def _sigmoid(to: Rounding, end: Exact) -> Exact:
    def code(number: Number) -> Fraction:
        near = -_FAR if compare(number, -_FAR) < 0 else _FAR if compare(number, _FAR) > 0 else number
        return decided(sigmoid, near, to.code) * two_to(-to.fraction)

    return each(code, end)


def _softmax(to: Rounding, end: Exact) -> Exact:
    p, r = _table_bits(end.shape[-1], two_to(-to.fraction))
    known: dict[Fraction, int] = {}

    def power(below: Fraction) -> int:
        if below not in known:
            known[below] = 0 if below < -_FAR else decided(exponential, below, lambda v: _half_up(v * two_to(p)))
        return known[below]

    def shares(row: list[Fraction]) -> list[Fraction]:
        powers = [power(number - max(row)) for number in row]
        reciprocal = _half_up(two_to(p + r) / sum(powers))
        return [to.value(number * reciprocal * two_to(-p - r)) for number in powers]

    return _by_row(shares, end)


def _table_bits(classes: int, lsb: Fraction) -> tuple[int, int]:
    r = 1
    while two_to(-r - 1) > lsb / 4:
        r += 1
    p = 1
    while max(Fraction(classes - 1), Fraction(classes + 1, 2)) * two_to(-p - 1) + two_to(-r - 1) > lsb / 2:
        p += 1
    return p, r


def _half_up(value: Fraction) -> int:
    return (2 * value.numerator + value.denominator) // (2 * value.denominator)
