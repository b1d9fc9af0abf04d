"""Activation functions of one real number, as monotone pieces that can be turned around exactly.

A quantizer after an activation function steps where the function reaches one of the quantizer's thresholds, so all that
is needed of the function is its inverse there: a rational number, a root or a logarithm (``hwgen.frontend.points``).
"""

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from hwgen.frontend.points import Logarithm, Point, linear, logarithm, root
from hwgen.frontend.thresholds import Threshold

Inverse = Callable[[Point], Point]

_ZERO, _ONE = Fraction(0), Fraction(1)


@dataclass(frozen=True, slots=True, eq=False)
class Piece:
    """A function from where it starts to where the next piece does; strictly monotone, or constant.

    Attributes:
        start: None for minus infinity.
        first: its value at the start, or what it tends to there; None where it is infinite.
        last: the same at its end.
        rising: whether it rises; without meaning where it is constant.
        inverse: of a value strictly between the two.
        straight: whether it is a line, which turns any number around; of others the inverse takes rational numbers.
    """

    start: Threshold | None
    first: Fraction | None
    last: Fraction | None
    rising: bool
    inverse: Inverse
    straight: bool = False

    @property
    def constant(self) -> bool:
        return self.first is not None and self.first == self.last


@dataclass(frozen=True, slots=True, eq=False)
class Curve:
    """An activation function.

    Attributes:
        name: how people call it.
        pieces: in ascending order, from minus to plus infinity.
        float32_rounds: whether float32 rounds its values, so that Keras's own codes may differ.
    """

    name: str
    pieces: tuple[Piece, ...]
    float32_rounds: bool

    @property
    def straight(self) -> bool:
        """Whether it consists of lines."""
        return all(piece.straight for piece in self.pieces)

    @property
    def ascending(self) -> bool:
        """Whether it keeps order, so that a maximum may be taken before it."""
        levels = [end for piece in self.pieces for end in (piece.first, piece.last) if end is not None]
        return all(p.rising or p.constant for p in self.pieces) and levels == sorted(levels)


def constant(start: Threshold | None, value: Fraction) -> Piece:
    """A piece without slope."""
    return Piece(start, value, value, True, lambda point: point, straight=True)


def line(start: Threshold | None, end: Fraction | None, slope: Fraction, offset: Fraction) -> Piece:
    """``slope * x + offset`` up to ``end``."""
    if slope == 0:
        return constant(start, offset)
    begins = None if start is None else slope * _rational(start) + offset
    ends = None if end is None else slope * end + offset
    return Piece(start, begins, ends, slope > 0, lambda point: linear(point, 1 / slope, -offset / slope), straight=True)


def _rational(start: Threshold) -> Fraction:
    assert isinstance(start.at, Fraction)
    return start.at


def _from(at: Fraction) -> Threshold:
    return Threshold(at, strict=False)


def clipped_line(name: str, slope: Fraction, offset: Fraction, low: Fraction, high: Fraction, rounds: bool) -> Curve:
    """``clip(slope * x + offset, low, high)`` for a positive slope."""
    bottom, top = (low - offset) / slope, (high - offset) / slope
    pieces = (constant(None, low), line(_from(bottom), top, slope, offset), constant(_from(top), high))
    return Curve(name, pieces, rounds)


def leaky_relu(name: str, slope: Fraction) -> Curve:
    """x, times ``slope`` where it is negative."""
    return Curve(name, (line(None, _ZERO, slope, _ZERO), line(_from(_ZERO), None, _ONE, _ZERO)), _rounds(slope))


def _rounds(slope: Fraction) -> bool:
    """Whether float32 may round ``slope * x``: where more than the exponent of x changes."""
    return slope.numerator & (slope.numerator - 1) != 0  # its denominator is a power of two: it is a float32 number


RELU = leaky_relu("relu", _ZERO)


def bounded_relu(name: str, slope: Fraction, threshold: Fraction, highest: Fraction | None) -> Curve:
    """Keras's ReLU: x above the threshold, at most ``highest``; ``slope * (x - threshold)`` elsewhere."""
    rounds = _rounds(slope) or bool(slope and threshold)  # the difference may be rounded too
    below = line(None, threshold, slope, -slope * threshold)
    above = Threshold(threshold, strict=threshold != 0)
    if highest is None:
        return Curve(name, (below, line(above, None, _ONE, _ZERO)), rounds)
    if highest <= threshold:
        return Curve(name, (below, constant(above, highest)), rounds)
    middle = line(above, highest, _ONE, _ZERO)
    return Curve(name, (below, middle, constant(_from(highest), highest)), rounds)


def hard_swish(name: str, shift: Fraction, bound: Fraction) -> Curve:
    """``x * clip(x + shift, 0, bound) / bound``: zero, a parabola, then x; both parameters are positive."""
    start, end, lowest = -shift, bound - shift, -shift / 2

    def parabola(sign: int) -> Inverse:
        # x * (x + shift) / bound = p
        return lambda p: root(-shift / 2, Fraction(sign), shift * shift / 4 + bound * _rational_value(p))

    at_lowest, at_end = lowest * (lowest + shift) / bound, end
    pieces = [constant(None, _ZERO)]
    if end > lowest:
        pieces.append(Piece(_from(start), _ZERO, at_lowest, False, parabola(-1)))
        pieces.append(Piece(_from(lowest), at_lowest, at_end, True, parabola(1)))
    else:
        pieces.append(Piece(_from(start), _ZERO, at_end, False, parabola(-1)))
    pieces.append(line(_from(end), None, _ONE, _ZERO))
    return Curve(name, tuple(pieces), True)


def sigmoid(name: str = "sigmoid", divisor: Fraction = _ONE) -> Curve:
    """``1 / (1 + exp(-x / divisor))``."""

    def inverse(point: Point) -> Point:
        p = _rational_value(point)
        return logarithm(p / (1 - p), divisor)

    return Curve(name, (Piece(None, _ZERO, _ONE, True, inverse),), True)


def _inverse_tanh(point: Point) -> Point:
    p = _rational_value(point)
    return logarithm((1 + p) / (1 - p), Fraction(1, 2))


def _inverse_softsign(point: Point) -> Point:
    p = _rational_value(point)
    return p / (1 - abs(p))


def _inverse_exponential(point: Point) -> Point:
    return logarithm(_rational_value(point))


def _inverse_softplus(point: Point) -> Point:
    # ln(1 + exp(x)) = p
    return Logarithm(_ZERO, _ONE, _rational_value(point), of_exponential=True)


TANH = Curve("tanh", (Piece(None, -_ONE, _ONE, True, _inverse_tanh),), True)
SOFTSIGN = Curve("softsign", (Piece(None, -_ONE, _ONE, True, _inverse_softsign),), True)
EXPONENTIAL = Curve("exponential", (Piece(None, _ZERO, None, True, _inverse_exponential),), True)
SOFTPLUS = Curve("softplus", (Piece(None, _ZERO, None, True, _inverse_softplus),), True)


def elu(name: str, alpha: Fraction, scale: Fraction = _ONE) -> Curve:
    """``scale * x`` above zero, ``scale * alpha * (exp(x) - 1)`` below; both are positive."""

    def inverse(point: Point) -> Point:
        return logarithm(1 + _rational_value(point) / (scale * alpha))

    pieces = (Piece(None, -scale * alpha, _ZERO, True, inverse), line(_from(_ZERO), None, scale, _ZERO))
    return Curve(name, pieces, True)


def _rational_value(point: Point) -> Fraction:
    assert isinstance(point, Fraction), "whoever composes steps asks whether the curve is straight"
    return point


def float32(value: float) -> Fraction:
    """What TensorFlow makes of a Python number."""
    return Fraction(float(np.float32(value)))


# Keras's constants, as it writes them.
_SELU_ALPHA, _SELU_SCALE = 1.6732632423543772848170429916717, 1.0507009873554804934193349852946

# By the name that Keras gives them; hard_sigmoid is not among them, for Keras 2 and Keras 3 mean two functions by it.
KERAS_CURVES = {
    "tanh": TANH,
    "sigmoid": sigmoid(),
    "softsign": SOFTSIGN,
    "softplus": SOFTPLUS,
    "exponential": EXPONENTIAL,
    "elu": elu("elu", _ONE),
    "selu": elu("selu", float32(_SELU_ALPHA), float32(_SELU_SCALE)),
    "relu6": bounded_relu("relu6", _ZERO, _ZERO, Fraction(6)),
    "hard_swish": hard_swish("hard_swish", Fraction(3), Fraction(6)),
    "hard_silu": hard_swish("hard_silu", Fraction(3), Fraction(6)),
    "hard_tanh": clipped_line("hard_tanh", _ONE, _ZERO, -_ONE, _ONE, rounds=False),
    "leaky_relu": leaky_relu("leaky_relu", float32(0.2)),
}

KERAS_2_HARD_SIGMOID = clipped_line("hard_sigmoid", float32(0.2), Fraction(1, 2), _ZERO, _ONE, rounds=True)
KERAS_3_HARD_SIGMOID = clipped_line("hard_sigmoid", Fraction(1, 6), Fraction(1, 2), _ZERO, _ONE, rounds=True)

# QKeras's own; a layer of QKeras that names one of them means these.
QKERAS_HARD_SIGMOID = clipped_line("hard_sigmoid", Fraction(1, 2), Fraction(1, 2), _ZERO, _ONE, rounds=True)
QKERAS_SMOOTH_SIGMOID = clipped_line("smooth_sigmoid", Fraction(3, 16), Fraction(1, 2), _ZERO, _ONE, rounds=True)
QKERAS_CURVES = {
    "hard_sigmoid": QKERAS_HARD_SIGMOID,
    "smooth_sigmoid": QKERAS_SMOOTH_SIGMOID,
    "hard_tanh": KERAS_CURVES["hard_tanh"],
    "smooth_tanh": clipped_line("smooth_tanh", Fraction(3, 8), _ZERO, -_ONE, _ONE, rounds=True),
}
