"""Evaluates a built QKeras model in exact arithmetic, layer by layer: the slow, obvious meaning of the model.

Parameters are the exact rationals that the quantizers produce; arithmetic is exact; quantizers act on exact values. The
parameters are read from the model object, so this shares neither a file reader nor arithmetic with hwgen. Tensors are
NumPy object arrays of ``Fraction``, or of ``Surd`` between a batch norm and the quantizer after it.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from math import ceil, lcm
from typing import Any

import numpy as np

from oracle.keras_environment import keras, unwrapped
from oracle.quantizer_rational import (
    Exact,
    NotExactError,
    each,
    exact_activation,
    exact_parameter,
    has_automatic_scale,
)
from oracle.surd import maximum, surd


@dataclass(frozen=True, slots=True)
class Step:
    """What one Keras layer computed: (samples, *shape) exact numbers."""

    name: str
    output: Exact


def evaluate(model: Any, inputs: Exact) -> Exact:
    """The model's outputs; the last layer's softmax is left out.

    Args:
        model: a chain of layers.
        inputs: (samples, *shape) Fractions.
    """
    *_, last = trace(model, inputs)
    return last.output


def trace(model: Any, inputs: Exact) -> Iterator[Step]:
    """Every layer's output in order.

    Raises:
        NotExactError: a layer has no exact meaning on what it is given.
    """
    layers = [unwrapped(layer) for layer in model.layers if not isinstance(layer, keras.layers.InputLayer)]
    yield Step("input", inputs)
    for layer in layers:
        inputs = _layer(layer, inputs, is_last=layer is layers[-1])
        yield Step(layer.name, inputs)


def _layer(layer: Any, x: Exact, is_last: bool) -> Exact:
    match type(layer).__name__:
        case "QDense" | "Dense":
            y = _dot(x, _parameter(layer, "kernel")) + _bias(layer)
        case "QConv1D" | "QConv2D" | "Conv1D" | "Conv2D":
            y = _convolution(layer, x, _parameter(layer, "kernel")) + _bias(layer)
        case "QConv2DBatchnorm":
            kernel, bias = _folded(layer)
            y = _convolution(layer, x, kernel) + bias
        case "BatchNormalization" | "QBatchNormalization":
            return _batch_norm(layer, x)
        case "MaxPooling1D" | "MaxPooling2D":
            return _max_pool(x, _pair(layer.pool_size), _pair(layer.strides), layer.padding)
        case "GlobalMaxPooling1D" | "GlobalMaxPooling2D":
            y = _max_pool(x, x.shape[1:-1], x.shape[1:-1], "valid")
            return y if layer.keepdims else y.reshape(len(x), x.shape[-1])
        case "Flatten":
            return x.reshape(len(x), -1)
        case "Reshape":
            return x.reshape(len(x), *layer.target_shape)
        case "Dropout":
            return x
        case "ReLU":
            return each(lambda n: maximum(n, Fraction(0)), x)
        case "QActivation":
            return each(exact_activation(layer.quantizer), x)
        case "Activation":
            y = x
        case other:
            raise NotExactError(f"layer {layer.name}: {other} has no exact meaning here")
    if layer.activation is keras.activations.softmax:
        if not is_last:
            raise NotExactError(f"layer {layer.name}: a softmax inside the model")
        return y
    return each(exact_activation(layer.activation), y)


def _parameter(layer: Any, name: str) -> Exact:
    quantizer = getattr(layer, f"{name}_quantizer_internal", None)
    return exact_parameter(quantizer, getattr(layer, name).numpy())


def _bias(layer: Any) -> Exact | Fraction:
    return _parameter(layer, "bias") if layer.use_bias else Fraction(0)


def _dot(x: Exact, kernel: Exact) -> Exact:
    """``x @ kernel`` over the last axis, as one product of integers over common denominators."""
    numbers, denominator = _integers(x)
    weights, weight_denominator = _integers(kernel)
    bound = int(np.abs(numbers).max(initial=0)) * int(np.abs(weights).max(initial=0)) * kernel.shape[0]
    if bound < 2**62:
        numbers, weights = numbers.astype(np.int64), weights.astype(np.int64)
    total = np.asarray(numbers @ weights, dtype=object)
    both = denominator * weight_denominator
    return each(lambda n: Fraction(n, both), total)


def _integers(numbers: Exact) -> tuple[Exact, int]:
    """Integers and the denominator that they share."""
    if any(not isinstance(number, Fraction) for number in numbers.flat):
        raise NotExactError("a product of square roots: a batch norm feeds weights without a quantizer between")
    denominator = lcm(*{number.denominator for number in numbers.flat})
    return each(lambda n: int(n * denominator), numbers), denominator


def _convolution(layer: Any, x: Exact, kernel: Exact) -> Exact:
    """Cross-correlation: for every tap of the window, a product over channels."""
    assert getattr(layer, "groups", 1) == 1
    window, channels = kernel.shape[:-2], kernel.shape[-2:]
    strides, dilation = _pair(layer.strides), _pair(layer.dilation_rate)
    x, sizes = _padded(x, window, strides, dilation, layer.padding, Fraction(0))
    columns = [_tap(x, tap, sizes, strides, dilation) for tap in np.ndindex(*window)]
    return _dot(np.concatenate(columns, axis=-1), kernel.reshape(-1, channels[-1]))


def _max_pool(x: Exact, window: tuple[int, ...], strides: tuple[int, ...], padding: str) -> Exact:
    once = (1,) * len(window)
    x, sizes = _padded(x, window, strides, once, padding, None)
    best: Exact | None = None
    for tap in np.ndindex(*window):
        here = _tap(x, tap, sizes, strides, once)
        best = here if best is None else _elementwise_maximum(best, here)
    assert best is not None
    return best


def _elementwise_maximum(first: Exact, second: Exact) -> Exact:
    """The larger of each pair; padding, which is None, never wins."""
    result = np.empty(first.shape, dtype=object)
    for position, (a, b) in enumerate(zip(first.flat, second.flat, strict=True)):
        result.flat[position] = maximum(a, b) if a is not None and b is not None else (b if a is None else a)
    return result


def _padded(
    x: Exact, window: tuple[int, ...], strides: tuple[int, ...], dilation: tuple[int, ...], padding: str, filler: Any
) -> tuple[Exact, tuple[int, ...]]:
    """The input with its padding, and how many windows fit along each axis, as TensorFlow documents it."""
    widths, sizes = [(0, 0)], []
    for axis, size in enumerate(x.shape[1:-1]):
        reach = (window[axis] - 1) * dilation[axis] + 1
        before = after = 0
        if padding == "causal":
            before = reach - 1
        elif padding == "same":
            missing = max((ceil(size / strides[axis]) - 1) * strides[axis] + reach - size, 0)
            before, after = missing // 2, missing - missing // 2
        widths.append((before, after))
        sizes.append((before + size + after - reach) // strides[axis] + 1)
    return np.pad(x, [*widths, (0, 0)], constant_values=filler), tuple(sizes)


def _tap(
    x: Exact, tap: tuple[int, ...], sizes: tuple[int, ...], strides: tuple[int, ...], dilation: tuple[int, ...]
) -> Exact:
    """One position of the window, at every position of the output."""
    starts = [offset * d for offset, d in zip(tap, dilation, strict=True)]
    slices = [
        slice(start, start + (size - 1) * stride + 1, stride)
        for start, size, stride in zip(starts, sizes, strides, strict=True)
    ]
    return x[(slice(None), *slices)]


def _pair(sizes: Any) -> tuple[int, ...]:
    return tuple(sizes) if isinstance(sizes, tuple | list) else (int(sizes),)


def _batch_norm_parameters(layer: Any, channels: int) -> tuple[Exact, Exact, Exact, Exact]:
    """gamma, beta, mean, variance + epsilon, with epsilon as the float32 that TensorFlow adds."""

    def read(name: str, attribute: str, default: int) -> Exact:
        variable = getattr(layer, attribute)
        if variable is None:
            return np.full(channels, Fraction(default), dtype=object)
        return exact_parameter(getattr(layer, f"{name}_quantizer_internal", None), variable.numpy())

    epsilon = Fraction(float(np.float32(layer.epsilon)))
    gamma, beta = read("gamma", "gamma", 1), read("beta", "beta", 0)
    return gamma, beta, read("mean", "moving_mean", 0), read("variance", "moving_variance", 1) + epsilon


def _batch_norm(layer: Any, x: Exact) -> Exact:
    """``gamma * (x - mean) / sqrt(variance + epsilon) + beta``, channel by channel."""
    assert list(layer.axis) == [x.ndim - 1]
    if not all(isinstance(number, Fraction) for number in x.flat):
        raise NotExactError(f"layer {layer.name}: a batch norm after a batch norm")
    result = np.empty(x.shape, dtype=object)
    for channel, (g, b, m, v) in enumerate(zip(*_batch_norm_parameters(layer, x.shape[-1]), strict=True)):
        result[..., channel] = each(lambda n, g=g, b=b, m=m, v=v: surd(b, g * (n - m), v), x[..., channel])
    return result


def _folded(layer: Any) -> tuple[Exact, Exact]:
    """QConv2DBatchnorm: kernel ``q(inv * W)`` and bias ``q(inv * (b - mean) + beta)``.

    ``inv`` is ``gamma / sqrt(variance + epsilon)``, a real number.
    """
    kernel = each(Fraction, layer.kernel.numpy().astype(object))
    gamma, beta, mean, variance = _batch_norm_parameters(layer.batchnorm, kernel.shape[-1])
    given = each(Fraction, layer.bias.numpy().astype(object)) if layer.use_bias else gamma * 0
    folded_bias = np.empty(given.shape, dtype=object)
    folded_kernel = np.empty(kernel.shape, dtype=object)
    for channel, (g, b, m, v) in enumerate(zip(gamma, beta, mean, variance, strict=True)):
        folded_bias[channel] = surd(b, g * (given[channel] - m), v)
        folded_kernel[..., channel] = each(lambda w, g=g, v=v: surd(Fraction(0), g * w, v), kernel[..., channel])
    in_float32 = [tensor.numpy() for tensor in layer.get_folded_weights()]
    return (
        _quantize_folded(layer.kernel_quantizer_internal, folded_kernel, in_float32[0]),
        _quantize_folded(layer.bias_quantizer_internal, folded_bias, in_float32[1]),
    )


def _quantize_folded(quantizer: Any, exact: Exact, in_float32: np.ndarray) -> Exact:
    if quantizer is None:
        raise NotExactError("a folded parameter without a quantizer is irrational")
    if has_automatic_scale(quantizer):
        # The scale is float32's, so the tensor that it is taken from is float32's too.
        return exact_parameter(quantizer, in_float32)
    return each(exact_activation(quantizer), exact)


def keras_outputs(model: Any, inputs: np.ndarray) -> np.ndarray:
    """What Keras itself predicts in float32, without the last layer's softmax: (samples, *shape) float32."""
    last = unwrapped(model.layers[-1])
    softmax = getattr(last, "activation", None) is keras.activations.softmax
    if softmax:
        last.activation = keras.activations.linear
    try:
        return np.asarray(model.predict_on_batch(inputs.astype(np.float32)))
    finally:
        if softmax:
            last.activation = keras.activations.softmax
