"""Activation functions of Keras on exact numbers: rational where they are, else to a hundred digits.

Where such a function of a rational number is transcendental, which it is but for a few arguments, it lies on no tie; a
hundred digits tell on which side of one it is.
"""

from collections.abc import Callable
from decimal import Context, Decimal, localcontext
from fractions import Fraction
from typing import Any

import numpy as np

from oracle.quantizer_rational import NotExactError
from oracle.surd import Number
from oracle.transcendental import enclosed

_DIGITS = 100
_BITS = 320
_ZERO, _ONE = Fraction(0), Fraction(1)
_SELU_ALPHA, _SELU_SCALE = 1.6732632423543772848170429916717, 1.0507009873554804934193349852946

Function = Callable[[Fraction], Fraction]


class Near(Fraction):
    """A number to a hundred digits: good for a quantizer, and no exact output."""

    __slots__ = ()


def _decimal(x: Fraction) -> Decimal:
    return Decimal(x.numerator) / Decimal(x.denominator)


def _exp(x: Fraction) -> Fraction:
    if x == 0:
        return _ONE
    with localcontext(Context(prec=_DIGITS)):
        return Near(_decimal(x).exp())


def _softplus(x: Fraction) -> Fraction:
    if x > 200:  # where ln(1 + exp(-x)) is below the last digit that counts here
        return Near(x)
    with localcontext(Context(prec=_DIGITS)):
        return Near((1 + _decimal(x).exp()).ln())


def _sigmoid(x: Fraction) -> Fraction:
    return _near(1 / (1 + _exp(-x))) if x else Fraction(1, 2)


def _tanh(x: Fraction) -> Fraction:
    if not x:
        return _ZERO
    square = _exp(2 * x)
    return _near((square - 1) / (square + 1))


def _near(x: Fraction) -> Fraction:
    return Near(x)


def float32(value: float) -> Fraction:
    """What TensorFlow makes of a Python number."""
    return Fraction(float(np.float32(value)))


def elu(alpha: Fraction, scale: Fraction = _ONE) -> Function:
    return lambda x: x * scale if x >= 0 else _near(alpha * scale * (_exp(x) - 1))


def leaky_relu(slope: Fraction) -> Function:
    return lambda x: x if x >= 0 else slope * x


def bounded_relu(highest: Fraction | None, slope: Fraction, threshold: Fraction) -> Function:
    """Keras's ReLU layer, which at the threshold itself is zero: its code says so, its documentation does not."""

    def apply(x: Fraction) -> Fraction:
        if x <= threshold:
            return slope * (x - threshold)
        return x if highest is None else min(x, highest)

    return apply


_FUNCTIONS: dict[str, Function] = {
    "tanh": _tanh,
    "sigmoid": _sigmoid,
    "softsign": lambda x: x / (1 + abs(x)),
    "softplus": _softplus,
    "exponential": _exp,
    "elu": elu(_ONE),
    "selu": elu(float32(_SELU_ALPHA), float32(_SELU_SCALE)),
    "hard_sigmoid": lambda x: min(max(float32(0.2) * x + Fraction(1, 2), _ZERO), _ONE),
}


def curve(layer: Any, name: str | None) -> Callable[[Number], Fraction]:
    """The function of a layer of activation, or of a Keras activation by its name.

    Raises:
        NotExactError: it is none of these.
    """
    match type(layer).__name__:
        case "LeakyReLU":
            function = leaky_relu(float32(float(layer.alpha)))
        case "ELU":
            function = elu(float32(float(layer.alpha)))
        case "ReLU":
            highest = None if layer.max_value is None else float32(float(layer.max_value))
            function = bounded_relu(highest, float32(float(layer.negative_slope)), float32(float(layer.threshold)))
        case _ if name in _FUNCTIONS:
            function = _FUNCTIONS[name]
        case other:
            raise NotExactError(f"{layer.name}: {other} {name} is no curve here")

    def apply(number: Number) -> Fraction:
        if isinstance(number, Fraction):
            y = function(number)
            return Near(y) if isinstance(number, Near) else y
        low, high = enclosed(number, _BITS)
        return Near(function((low + high) / 2))

    return apply
