"""Evaluates a built QKeras model in exact arithmetic, layer by layer: the slow, obvious meaning of the model.

Parameters are the exact rationals that the quantizers produce; arithmetic is exact; quantizers act on exact values. The
parameters are read from the model object, so this shares neither a file reader nor arithmetic with hwgen. Tensors are
NumPy object arrays of ``Fraction``, or of ``Surd`` between a batch norm and the quantizer after it.
"""

from collections.abc import Iterator, Sequence
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
    exact_elements,
    exact_parameter,
    has_automatic_scale,
)
from oracle.rational_layers import average, depthwise, merged, moved, transposed
from oracle.surd import Number, floor, linear, maximum, surd


@dataclass(frozen=True, slots=True)
class Step:
    """What one Keras layer computed: (samples, *shape) exact numbers."""

    name: str
    output: Exact


def evaluate(model: Any, inputs: Exact) -> Exact:
    """The model's outputs; the last layer's softmax is left out.

    Args:
        model: with one input and one output.
        inputs: (samples, *shape) Fractions.
    """
    *_, last = trace(model, [inputs])
    return last.output


def output_layers(model: Any) -> list[Any]:
    """The layers whose outputs are the model's, pruning wrappers taken off."""
    return [unwrapped(tensor._keras_history.layer) for tensor in model.outputs]


def trace(model: Any, inputs: Sequence[Exact]) -> Iterator[Step]:
    """Every layer's output in order.

    Args:
        inputs: (samples, *shape) Fractions for each input of the model.
    Raises:
        NotExactError: a layer has no exact meaning on what it is given.
    """
    known: dict[str, Exact] = {}
    for tensor, given in zip(model.inputs, inputs, strict=True):
        known[tensor._keras_history.layer.name] = given
        yield Step("input", given)
    last = {layer.name for layer in output_layers(model)}
    for wrapped in model.layers:
        if isinstance(wrapped, keras.layers.InputLayer):
            continue
        layer, node = unwrapped(wrapped), wrapped.inbound_nodes[0]
        sources = [known[tensor._keras_history.layer.name] for tensor in _tensors(node.keras_inputs)]
        known[wrapped.name] = _merge_or_layer(layer, sources, layer.name in last)
        yield Step(layer.name, known[wrapped.name])


def _tensors(given: Any) -> list[Any]:
    return list(given) if isinstance(given, list | tuple) else [given]


def _merge_or_layer(layer: Any, sources: list[Exact], is_last: bool) -> Exact:
    return merged(layer, sources) if len(sources) > 1 else _layer(layer, sources[0], is_last)


def _layer(layer: Any, x: Exact, is_last: bool) -> Exact:
    match type(layer).__name__:
        case "QDense" | "Dense":
            y = _dot(x, _parameter(layer, "kernel")) + _bias(layer)
        case "QConv1D" | "QConv2D" | "Conv1D" | "Conv2D":
            y = _convolution(layer, x, _parameter(layer, "kernel")) + _bias(layer)
        case "QConv2DBatchnorm":
            kernel, bias = _folded(layer)
            y = _convolution(layer, x, kernel) + bias
        case "TimeDistributed":
            steps = _layer(layer.layer, x.reshape(-1, *x.shape[2:]), is_last)
            return steps.reshape(*x.shape[:2], *steps.shape[1:])
        case "QDenseBatchnorm":
            kernel, bias = _folded(layer)
            y = _dot(x, kernel) + bias
        case "QDepthwiseConv2D" | "DepthwiseConv1D" | "DepthwiseConv2D":
            y = depthwise(_checked(x), _parameter(layer, "depthwise_kernel", "depthwise"), layer) + _bias(layer)
        case "QDepthwiseConv2DBatchnorm":
            kernel, bias = _folded(layer, "depthwise")
            y = depthwise(_checked(x), kernel, layer) + bias
        case "QSeparableConv1D" | "QSeparableConv2D" | "SeparableConv1D" | "SeparableConv2D":
            between = depthwise(_checked(x), _parameter(layer, "depthwise_kernel", "depthwise"), layer)
            pointwise = _parameter(layer, "pointwise_kernel", "pointwise")
            y = _dot(between, pointwise.reshape(pointwise.shape[-2:])) + _bias(layer)
        case "QConv2DTranspose" | "Conv1DTranspose" | "Conv2DTranspose":
            y = transposed(_checked(x), _parameter(layer, "kernel"), layer) + _bias(layer)
        case (
            "AveragePooling1D"
            | "AveragePooling2D"
            | "GlobalAveragePooling1D"
            | "GlobalAveragePooling2D"
            | "QAveragePooling2D"
            | "QGlobalAveragePooling2D"
        ):
            return each(exact_activation(getattr(layer, "activation", None)), average(layer, x))
        case (
            "ZeroPadding1D"
            | "ZeroPadding2D"
            | "Cropping1D"
            | "Cropping2D"
            | "UpSampling1D"
            | "UpSampling2D"
            | "Permute"
            | "RepeatVector"
        ):
            return moved(layer, x)
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
        case "Dropout" | "SpatialDropout2D":
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


def evaluate_layer(layer: Any, x: Exact, is_last: bool) -> Exact:
    """One layer's output.

    Args:
        layer: with one input, wrappers taken off.
        is_last: whether its softmax is left out.
    Raises:
        NotExactError: it has no exact meaning on what it is given.
    """
    return _layer(layer, x, is_last)


def _checked(x: Exact) -> Exact:
    _integers(x)  # refuses square roots
    return x


def _parameter(layer: Any, name: str, quantized_as: str | None = None) -> Exact:
    quantizer = getattr(layer, f"{quantized_as or name}_quantizer_internal", None)
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
    window, (within, filters) = kernel.shape[:-2], kernel.shape[-2:]
    strides, dilation = _pair(layer.strides), _pair(layer.dilation_rate)
    x, sizes = _padded(x, window, strides, dilation, layer.padding, Fraction(0))
    groups = []
    for group in range(layer.groups):
        inputs = x[..., group * within : (group + 1) * within]
        outputs = slice(group * (filters // layer.groups), (group + 1) * (filters // layer.groups))
        columns = [_tap(inputs, tap, sizes, strides, dilation) for tap in np.ndindex(*window)]
        weights = kernel[..., outputs].reshape(-1, filters // layer.groups)
        groups.append(_dot(np.concatenate(columns, axis=-1), weights))
    return np.concatenate(groups, axis=-1)


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


def _folded(layer: Any, name: str = "") -> tuple[Exact, Exact]:
    """Layers with a batch norm: kernel ``q(inv * W)`` and bias ``q(inv * (b - mean) + beta)``.

    ``inv`` is ``gamma / sqrt(variance + epsilon)``, a real number.
    """
    stored = getattr(layer, f"{name}_kernel" if name else "kernel").numpy()
    channels = layer.batchnorm.moving_mean.shape[0]
    kernel = each(Fraction, stored.astype(object)).reshape(-1, channels)
    gamma, beta, mean, variance = _batch_norm_parameters(layer.batchnorm, channels)
    given = each(Fraction, layer.bias.numpy().astype(object)) if layer.use_bias else gamma * 0
    folded_bias = np.empty(given.shape, dtype=object)
    folded_kernel = np.empty(kernel.shape, dtype=object)
    for channel, (g, b, m, v) in enumerate(zip(gamma, beta, mean, variance, strict=True)):
        folded_bias[channel] = surd(b, g * (given[channel] - m), v)
        folded_kernel[..., channel] = each(lambda w, g=g, v=v: surd(Fraction(0), g * w, v), kernel[..., channel])
    quantizer = getattr(layer, f"{name or 'kernel'}_quantizer_internal")
    in_float32 = [tensor.numpy() for tensor in layer.get_folded_weights()]
    return (
        _quantize_folded(quantizer, folded_kernel.reshape(stored.shape), in_float32[0]),
        _quantize_folded(layer.bias_quantizer_internal, folded_bias, in_float32[1]),
    )


def _quantize_folded(quantizer: Any, exact: Exact, in_float32: np.ndarray) -> Exact:
    if quantizer is None:
        raise NotExactError("a folded parameter without a quantizer is irrational")
    if has_automatic_scale(quantizer):
        # The scale is float32's, so the tensor that it is taken from is float32's too; each number rounded once, which
        # TensorFlow's reciprocal square root and two products do up to a few units of the last place.
        once = each(_nearest_float32, exact).astype(np.float32)
        assert np.abs(once - in_float32).max(initial=0.0) <= 2.0**-20 * np.abs(once).max(initial=0.0), "folds differ"
        return exact_parameter(quantizer, once)
    return exact_elements(quantizer, exact)


def _nearest_float32(number: Number) -> float:
    if isinstance(number, Fraction):
        return float(np.float32(float(number)))
    scale = 2**60
    return float(np.float32(floor(linear(number, Fraction(scale))) / scale))


def keras_outputs(model: Any, inputs: np.ndarray | list[np.ndarray]) -> np.ndarray | list[np.ndarray]:
    """What Keras itself predicts in float32, without the last layers' softmax: (samples, *shape) float32 each."""
    ends = [layer for layer in output_layers(model) if _is_softmax(layer)]
    for layer in ends:
        layer.activation = keras.activations.linear
    try:
        given = inputs if isinstance(inputs, np.ndarray) else [array.astype(np.float32) for array in inputs]
        return model.predict_on_batch(given.astype(np.float32) if isinstance(given, np.ndarray) else given)
    finally:
        for layer in ends:
            layer.activation = keras.activations.softmax


def _is_softmax(layer: Any) -> bool:
    return getattr(layer, "activation", None) is keras.activations.softmax
