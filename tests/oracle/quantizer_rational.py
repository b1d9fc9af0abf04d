"""QKeras quantizers by their definition, on exact numbers; and the exact values that they give to parameters.

Written from the source of qkeras 0.9.0. An activation is a function of an exact number. A parameter's value is
``code * step * scale`` with the scale as the float32 that QKeras computed; the code is read off QKeras's own output by
rounding, because its ``x + (xq - x)`` in float32 is not always ``xq``, and where the quantizer has no automatic scale
it is compared with the definition.

One scale is not QKeras's to the last bit: that of ternary and binary with ``alpha='auto'`` is a quotient of means, and
the last bit of a float32 mean depends on the order in which TensorFlow adds on this machine. The oracle rounds each
mean once, and checks that QKeras is within a few units of the last place.
"""

import math
from collections.abc import Callable
from copy import copy
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from oracle.keras_environment import keras, qkeras, tf
from oracle.rational import two_to
from oracle.surd import Number, compare, linear, maximum, round_half_even, sign, surd
from oracle.transcendental import decided, sigmoid, tanh

Function = Callable[[Number], Number]
Exact = NDArray[Any]  # object array of Number


HALF = Fraction(1, 2)
ELEMENTWISE = ("quantized_relu", "quantized_tanh", "quantized_sigmoid", "quantized_ulaw")


class NotExactError(Exception):
    """The model has no exact fixed-point meaning at this place; the message says why."""


def exact_activation(activation: Any) -> Function:
    """The exact function of a number that a quantizer object, or a Keras activation, is at inference.

    Raises:
        NotExactError: its scale depends on the batch, or it is no such function.
    """
    if activation is None or activation is keras.activations.linear:
        return lambda x: x
    if activation is keras.activations.relu:
        return lambda x: maximum(x, Fraction(0))
    if activation in (qkeras.quantizers.binary_tanh, qkeras.quantizers.binary_sigmoid):
        low = Fraction(-1 if activation is qkeras.quantizers.binary_tanh else 0)
        return lambda x: Fraction(1) if sign(x) > 0 else low  # a half rounds to the even number, zero
    match type(activation).__name__:
        case "quantized_bits":
            return _bits(activation)
        case "quantized_relu":
            return _relu(activation)
        case "quantized_hswish":
            return _hswish(activation)
        case "quantized_tanh":
            return _tanh(activation)
        case "quantized_sigmoid":
            return _sigmoid(activation)
        case "quantized_ulaw":
            return _ulaw(activation)
        case "quantized_po2" | "quantized_relu_po2":
            return _power_of_two(activation)
        case "ternary" | "stochastic_ternary":
            threshold = 0.33 if activation.threshold is None else activation.threshold
            limit, scale = _float32(threshold), _number(activation.alpha)
            return lambda x: sign(x) * scale if _magnitude_reaches(x, limit) else Fraction(0)
        case "binary" | "stochastic_binary":
            low, scale = 0 if activation.use_01 else -1, _number(activation.alpha)
            return lambda x: (1 if sign(x) >= 0 else low) * scale
    raise NotExactError(f"activation {activation!r}")


def _float32(value: float) -> Fraction:
    """What TensorFlow makes of a Python number."""
    return Fraction(float(np.float32(value)))


def _number(alpha: Any) -> Fraction:
    if isinstance(alpha, str):
        raise NotExactError(f"alpha={alpha!r} on an activation depends on the batch")
    return Fraction(1) if alpha is None else _float32(alpha)


def _magnitude_reaches(x: Number, limit: Fraction) -> bool:
    return compare(x, limit) >= 0 or compare(x, -limit) <= 0


def _bits(quantizer: Any) -> Function:
    """``2**i * clip(round(x * m / 2**i), keep_negative * (symmetric - m), m - 1) / m * alpha``."""
    bits, integer, keep_negative = quantizer.bits, int(quantizer.integer), int(quantizer.keep_negative)
    scale = _number(quantizer.alpha)
    if bits - keep_negative == 0:
        return lambda x: (1 if sign(x) >= 0 else -1) * scale
    m = 2 ** (bits - keep_negative)
    step = two_to(integer) / m
    low = keep_negative * (int(quantizer.symmetric) - m)
    return lambda x: min(max(round_half_even(linear(x, 1 / step)), low), m - 1) * step * scale


def _rounded(function: str, factor: Fraction, x: Number) -> int:
    """``round(factor * f(x))`` for QKeras's hard sigmoid, the true one, or tanh."""
    match function:
        case "hard":
            return round_half_even(linear(_clipped(linear(x, HALF, HALF), Fraction(0), Fraction(1)), factor))
        case "tanh":
            return decided(tanh, x, lambda value: round(value * factor))
        case _:
            return decided(sigmoid, x, lambda value: round(value * factor))


def _clipped(x: Number, low: Fraction, high: Fraction) -> Number:
    return low if compare(x, low) <= 0 else high if compare(x, high) >= 0 else x


def _tanh(quantizer: Any) -> Function:
    m = 2 ** (quantizer.bits - 1)
    low = int(quantizer.symmetric) - m

    def apply(x: Number) -> Number:
        if quantizer.use_real_tanh:
            code = _rounded("tanh", Fraction(m), x)
        else:
            code = round_half_even(linear(_clipped(x, Fraction(-1), Fraction(1)), Fraction(m)))
        return Fraction(min(max(code, low), m - 1), m)

    return apply


def _sigmoid(quantizer: Any) -> Function:
    m, kind = 2**quantizer.bits, "real" if quantizer.use_real_sigmoid else "hard"
    return lambda x: Fraction(min(max(_rounded(kind, Fraction(m), x), int(quantizer.symmetric)), m - 1), m)


def _ulaw(quantizer: Any) -> Function:
    m = 2 ** (quantizer.bits - 1)
    scale = two_to(quantizer.integer)

    def apply(x: Number) -> Number:
        r = Fraction(2 * _rounded("hard", Fraction(m), linear(x, 1 / scale)), m) - 1
        size = np.float32(math.log(1 + quantizer.u * float(abs(r))) / math.log(1 + quantizer.u))
        level = sign(r) * Fraction(float(size))
        return min(max(level, Fraction(int(quantizer.symmetric), m) - 1), 1 - Fraction(1, m)) * scale

    return apply


def _hswish(quantizer: Any) -> Function:
    inner = _bits(quantizer)
    shift, bound = _float32(quantizer.relu_shift), _float32(quantizer.relu_upper_bound)

    def apply(x: Number) -> Number:
        if compare(x, -shift) <= 0:
            return inner(Fraction(0))
        if compare(x, bound - shift) >= 0:
            return inner(x)
        if isinstance(x, Fraction):
            return inner(x * (x + shift) / bound)
        # (a + b / sqrt(v))**2 = a**2 + b**2 / v + 2 * a * b / sqrt(v)
        square = (x.a**2 + x.b**2 / x.v + shift * x.a, 2 * x.a * x.b + shift * x.b)
        return inner(surd(square[0] / bound, square[1] / bound, x.v))

    return apply


def _power_of_two(quantizer: Any) -> Function:
    """``2**clip(round(log2(x)))``, or floor, of x or of its square root."""
    lowest, highest = quantizer._min_exp, quantizer._max_exp
    quadratic, floors = quantizer.quadratic_approximation, quantizer.log2_rounding == "floor"
    signed = type(quantizer).__name__ == "quantized_po2"

    def magnitude(x: Number) -> Fraction:
        if compare(x, _float32(1e-7)) < 0:
            return two_to(lowest)
        if quantizer.max_value is not None and compare(x, _float32(quantizer.max_value)) >= 0:
            x = _float32(quantizer.max_value)
        square = x * x if isinstance(x, Fraction) else surd(x.a**2 + x.b**2 / x.v, 2 * x.a * x.b, x.v)
        exponent = lowest
        for n in range(lowest + 1, highest + 1):
            # log2(x) reaches n - 1/2, or n; a tie goes to the even one.
            power = two_to((4 if quadratic else 2) * n - (0 if floors else 2 if quadratic else 1))
            order = compare(square, power)
            if order > 0 or (order == 0 and (floors or n % 2 == 0)):
                exponent = n
        return two_to((2 if quadratic else 1) * exponent)

    def apply(x: Number) -> Number:
        if sign(x) >= 0:
            return magnitude(x)
        if signed:
            return -magnitude(linear(x, Fraction(-1)))
        slope = Fraction(quantizer.negative_slope)
        return -magnitude(linear(x, -slope)) if slope else magnitude(Fraction(0))

    return apply


def _relu_of_sigmoid(quantizer: Any) -> Function:
    slope = Fraction(quantizer.negative_slope)
    m = 2 ** (quantizer.bits - (slope != 0))
    scale = two_to(int(quantizer.integer))

    def apply(x: Number) -> Number:
        inner = linear(x, 1 / scale)
        value = min(max(Fraction(2 * _rounded("hard", Fraction(m), inner), m) - 1, Fraction(0)), 1 - Fraction(1, m))
        if slope:
            negative = Fraction(2 * _rounded("hard", m * slope, inner)) / (slope * m) - 1
            value += slope * min(max(negative, Fraction(-1)), Fraction(0))
        return value * scale

    return apply


def _relu(quantizer: Any) -> Function:
    if quantizer.use_sigmoid:
        return _relu_of_sigmoid(quantizer)
    slope = Fraction(quantizer.negative_slope)
    m = 2 ** (quantizer.bits - (slope != 0))
    step = two_to(int(quantizer.integer)) / m
    bound = quantizer.relu_upper_bound
    bounded = None if quantizer.is_quantized_clip or not bound else _float32(bound)

    def apply(x: Number) -> Number:
        codes = linear(x, 1 / step)
        value = min(max(round_half_even(codes), 0), m - 1) * step
        if slope:
            value += max(min(round_half_even(linear(codes, slope)) * step, Fraction(0)), -slope * m * step)
        return value if bounded is None else min(value, bounded)

    return apply


def exact_parameter(quantizer: Any, tensor: NDArray[np.float32]) -> Exact:
    """The exact values that a quantizer gives to a float32 tensor: Fractions, same shape."""
    tensor = np.asarray(tensor, dtype=np.float32)
    if quantizer is None:
        return each(Fraction, tensor.astype(object))
    output = np.asarray(quantizer(tf.constant(tensor)), dtype=np.float64)
    if type(quantizer).__name__ in ELEMENTWISE:
        exact = each(exact_activation(quantizer), each(Fraction, tensor.astype(object)))
        beyond = np.abs(output - exact.astype(np.float64)) > 2.0**-20 * np.maximum(1, np.abs(output))
        assert beyond.mean() <= 0.05, "QKeras's output is not what its definition says"  # but for ties in float32
        return exact
    if type(quantizer).__name__ in ("quantized_po2", "quantized_relu_po2"):
        return each(_nearest_power, output.astype(object))
    scale = np.broadcast_to(np.asarray(quantizer.scale, dtype=np.float32), tensor.shape).astype(np.float64)
    step, most = _step(quantizer)
    with np.errstate(divide="ignore", invalid="ignore"):
        codes = np.where(scale == 0, 0.0, output / scale / step)
    nearest = np.rint(codes)
    assert np.abs(codes - nearest).max(initial=0.0) < 1e-2, "QKeras's output is near no multiple of its scale"
    assert np.abs(nearest).max(initial=0.0) <= most, "QKeras's output is beyond the largest code"
    if (
        has_automatic_scale(quantizer)
        and quantizer.alpha == "auto"
        and type(quantizer).__name__.endswith(("ternary", "binary"))
    ):
        once = _scale_of_means(tensor, nearest)
        assert np.abs(once - scale).max(initial=0.0) <= 2.0**-20 * np.abs(once).max(initial=0.0), "scales differ"
        scale = once
    exact = each(Fraction, nearest.astype(object)) * Fraction(step) * each(Fraction, scale.astype(object))
    if not isinstance(quantizer.alpha, str):
        by_definition = exact_elements(quantizer, each(Fraction, tensor.astype(object)))
        assert (exact == by_definition).all(), "QKeras's output is not what its definition says"
    return exact


def exact_elements(quantizer: Any, tensor: Exact) -> Exact:
    """A quantizer without automatic scale on exact numbers: its alpha is one number, or one for each channel."""
    if not isinstance(getattr(quantizer, "alpha", None), np.ndarray):
        return each(exact_activation(quantizer), tensor)
    result = np.empty(tensor.shape, dtype=object)
    for channel, alpha in enumerate(np.broadcast_to(quantizer.alpha, tensor.shape[-1:]).tolist()):
        of_one = copy(quantizer)
        of_one.alpha = alpha
        result[..., channel] = each(exact_activation(of_one), tensor[..., channel])
    return result


def _scale_of_means(tensor: NDArray[np.float32], codes: NDArray[np.float64]) -> NDArray[np.float64]:
    """``mean(x * q) / (mean(q * q) + epsilon)`` of each channel, each mean rounded once; by element for a vector."""
    x, q = (array.reshape(-1, tensor.shape[-1]) for array in (tensor, codes))
    if tensor.ndim == 1:
        means = [x[0] * q[0], q[0] * q[0]]
    else:
        means = [[float(sum(map(Fraction, column.tolist())) / len(x)) for column in (y * q).T] for y in (x, q)]
    product, square = (np.asarray(mean).astype(np.float32) for mean in means)
    scale = product / (square + np.float32(keras.backend.epsilon()))
    return np.broadcast_to(scale, tensor.shape).astype(np.float64)


def _step(quantizer: Any) -> tuple[float, int]:
    """Value of a code of one before the scale, and the largest magnitude of a code."""
    if type(quantizer).__name__ != "quantized_bits" or quantizer.bits - int(quantizer.keep_negative) == 0:
        return 1.0, 1
    m = 2 ** (quantizer.bits - int(quantizer.keep_negative))
    return 2.0 ** int(quantizer.integer) / m, m


def _nearest_power(value: float) -> Fraction:
    exponent = round(math.log2(abs(value)))
    assert abs(abs(value) / 2.0**exponent - 1) < 1e-5, f"QKeras's output {value} is near no power of two"
    return two_to(exponent) if value > 0 else -two_to(exponent)


def each(function: Callable[[Any], Any], numbers: Exact) -> Exact:
    """Apply a function to every element of an object array, once for each different one."""
    known: dict[Any, Any] = {}
    result = np.empty(numbers.shape, dtype=object)
    for position, number in enumerate(numbers.ravel().tolist()):
        if number not in known:
            known[number] = function(number)
        result.flat[position] = known[number]
    return result


def has_automatic_scale(quantizer: Any) -> bool:
    """Whether a quantizer takes its scale from the tensor."""
    return isinstance(getattr(quantizer, "alpha", None), str)
