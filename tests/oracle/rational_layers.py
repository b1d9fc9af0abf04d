"""Keras layers by their definition, on exact numbers: windows without dot products, moved numbers, merges.

Tensors are NumPy object arrays (samples, *shape) of ``Fraction``; those that move numbers take any.
"""

from fractions import Fraction
from functools import reduce
from math import prod
from typing import Any

import numpy as np

from oracle.quantizer_rational import Exact, NotExactError, each, exact_parameter
from oracle.surd import maximum

Spans = tuple[tuple[int, int], ...]


def depthwise(x: Exact, kernel: Exact, geometry: Any) -> Exact:
    """Each channel times its own kernel (window..., channels, multiplier).

    Args:
        geometry: a layer with strides, dilation and padding.
    """
    *window, channels, multiplier = kernel.shape
    strides, dilation = _per_axis(geometry.strides, window), _per_axis(geometry.dilation_rate, window)
    spans = spans_of(x.shape[1:-1], tuple(window), strides, dilation, geometry.padding)
    sizes = [len(starts) for starts in spans]
    y = np.full((len(x), *sizes, channels * multiplier), Fraction(0), dtype=object)
    for position in np.ndindex(*sizes):
        for tap in np.ndindex(*window):
            place = tuple(spans[a][p] + t * dilation[a] for a, (p, t) in enumerate(zip(position, tap, strict=True)))
            if all(0 <= p < size for p, size in zip(place, x.shape[1:-1], strict=True)):
                products = x[(slice(None), *place)][:, :, None] * kernel[tap][None]
                y[(slice(None), *position)] += products.reshape(len(x), -1)
    return y


def transposed(x: Exact, kernel: Exact, layer: Any) -> Exact:
    """Every input adds its multiple of the kernel (window..., filters, channels) to the outputs around it."""
    *window, filters, _ = kernel.shape
    strides, dilation = _per_axis(layer.strides, window), _per_axis(layer.dilation_rate, window)
    sizes = layer.compute_output_shape((None, *x.shape[1:]))[1:-1]
    whole = [(n - 1) * s + (k - 1) * d + 1 for n, s, k, d in zip(x.shape[1:-1], strides, window, dilation, strict=True)]
    full = np.full(
        (len(x), *(max(a, b) for a, b in zip(whole, sizes, strict=True)), filters), Fraction(0), dtype=object
    )
    for position in np.ndindex(*x.shape[1:-1]):
        for tap in np.ndindex(*window):
            at = tuple(p * s + t * d for p, s, t, d in zip(position, strides, tap, dilation, strict=True))
            full[(slice(None), *at)] += x[(slice(None), *position)] @ kernel[tap].T
    cut = [max(0, w - size) // 2 if layer.padding == "same" else 0 for w, size in zip(whole, sizes, strict=True)]
    return full[(slice(None), *(slice(c, c + size) for c, size in zip(cut, sizes, strict=True)))]


def average(layer: Any, x: Exact) -> Exact:
    """The mean of what a window covers of the input; QKeras multiplies it by the area and a quantized reciprocal."""
    everything = type(layer).__name__.startswith(("Global", "QGlobal"))
    spatial = x.shape[1:-1]
    window = spatial if everything else _per_axis(layer.pool_size, spatial)
    strides = window if everything else _per_axis(layer.strides, spatial)
    once = (1,) * len(spatial)
    spans = spans_of(spatial, window, strides, once, "valid" if everything else layer.padding)
    sizes = [len(starts) for starts in spans]
    y = np.empty((len(x), *sizes, x.shape[-1]), dtype=object)
    for position in np.ndindex(*sizes):
        starts = [spans[a][p] for a, p in enumerate(position)]
        box = tuple(slice(max(0, s), max(0, s + w)) for s, w in zip(starts, window, strict=True))
        inside = _rational(x[(slice(None), *box)].reshape(len(x), -1, x.shape[-1]))
        y[(slice(None), *position)] = inside.sum(axis=1) / Fraction(inside.shape[1])
    if getattr(layer, "average_quantizer", None) is not None:
        share = exact_parameter(layer.average_quantizer_internal, np.array([1.0 / prod(window)], dtype=np.float32))
        y = y * (prod(window) * share[0])
    return y.reshape(len(x), -1) if everything and not layer.keepdims else y


def spans_of(
    shape: tuple[int, ...], window: tuple[int, ...], strides: tuple[int, ...], dilation: tuple[int, ...], padding: str
) -> list[list[int]]:
    """Where each window starts along each axis; padding lies below zero and beyond the end."""
    found = []
    for size, taps, stride, spread in zip(shape, window, strides, dilation, strict=True):
        reach = (taps - 1) * spread + 1
        if padding == "same":
            count = (size + stride - 1) // stride
            first = -(max((count - 1) * stride + reach - size, 0) // 2)
        else:
            first = 1 - reach if padding == "causal" else 0
            count = (size - first - reach) // stride + 1
        found.append([first + stride * number for number in range(count)])
    return found


def moved(layer: Any, x: Exact) -> Exact:
    """Zero padding, cropping, repeating and permuting, as the Keras documentation describes them."""
    match type(layer).__name__:
        case "ZeroPadding1D":
            return np.pad(x, [(0, 0), tuple(layer.padding), (0, 0)], constant_values=Fraction(0))
        case "ZeroPadding2D":
            return np.pad(x, [(0, 0), *map(tuple, layer.padding), (0, 0)], constant_values=Fraction(0))
        case "Cropping1D":
            before, after = layer.cropping
            return x[:, before : x.shape[1] - after]
        case "Cropping2D":
            (top, bottom), (left, right) = layer.cropping
            return x[:, top : x.shape[1] - bottom, left : x.shape[2] - right]
        case "UpSampling1D":
            return x.repeat(layer.size, axis=1)
        case "UpSampling2D":
            return x.repeat(layer.size[0], axis=1).repeat(layer.size[1], axis=2)
        case "Permute":
            return x.transpose(0, *layer.dims)
        case "RepeatVector":
            return np.stack([x] * layer.n, axis=1)
    raise NotExactError(f"{layer.name} moves nothing")


def merged(layer: Any, tensors: list[Exact]) -> Exact:
    """Several inputs; those of fewer axes get them after the samples' axis, as Keras does."""
    kind = type(layer).__name__
    if kind == "Concatenate":
        return np.concatenate(tensors, axis=layer.axis)
    rank = max(x.ndim for x in tensors)
    alike = [_rational(x).reshape(len(x), *(1,) * (rank - x.ndim), *x.shape[1:]) for x in tensors]
    match kind:
        case "Add":
            return reduce(np.add, alike)
        case "Average":
            return reduce(np.add, alike) / Fraction(len(alike))
        case "Subtract":
            return np.subtract(*alike)
        case "Multiply":
            return reduce(np.multiply, alike)
        case "Maximum":
            return reduce(np.frompyfunc(maximum, 2, 1), alike)
        case "Minimum":
            return -reduce(np.frompyfunc(maximum, 2, 1), [-x for x in alike])
    raise NotExactError(f"{layer.name}: {kind} has no exact meaning here")


def _rational(x: Exact) -> Exact:
    if any(not isinstance(number, Fraction) for number in x.flat):
        raise NotExactError("arithmetic on square roots: a batch norm without a quantizer behind it")
    return x


def _per_axis(sizes: Any, axes: Any) -> tuple[int, ...]:
    given = tuple(sizes) if isinstance(sizes, tuple | list) else (int(sizes),)
    return given * len(axes) if len(given) == 1 else given


__all__ = ["average", "depthwise", "each", "merged", "moved", "transposed"]
