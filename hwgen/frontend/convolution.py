"""A convolution on its way into the Network: its window's geometry, and the sum held until more is known."""

from dataclasses import dataclass
from fractions import Fraction
from math import prod

import numpy as np

from hwgen.errors import UnsupportedError
from hwgen.fixed import FixedType, IntArray
from hwgen.frontend.builder import Builder, Signal
from hwgen.frontend.quantized_tensor import QuantizedTensor
from hwgen.frontend.specs import WindowSpec
from hwgen.frontend.sums import WeightedSum, float32_exactness, matrix_interval, remembered, weight_tensor
from hwgen.ir import Conv, Interval, Value
from hwgen.ir.layers import output_length


@dataclass(frozen=True, slots=True)
class Window:
    """Where a window slides: strides, zeros (before, after) and dilation, one a spatial axis."""

    strides: tuple[int, ...]
    zeros: tuple[tuple[int, int], ...]
    dilation: tuple[int, ...]


def sliding_window(spec: WindowSpec, shape: tuple[int, ...], zeros: tuple[tuple[int, int], ...] | None) -> Window:
    """The geometry of a layer over an input of a shape.

    Args:
        zeros: that a zero padding before the layer adds to each axis, or None; the layer's own padding is "valid" then.
    """
    if zeros is None:
        axes = zip(spec.kernel_size, spec.strides, spec.dilation, strict=True)
        zeros = tuple(padding_zeros(spec.padding, shape[a], *window) for a, window in enumerate(axes))
    return Window(spec.strides, zeros, spec.dilation)


def convolve(
    builder: Builder,
    name: str,
    where: str,
    signal: Signal,
    kernel: QuantizedTensor,
    bias: tuple[Fraction, ...] | None,
    remarks: list[str],
    window: Window,
    groups: int = 1,
) -> Signal:
    """The sum of a convolution whose kernel (positions..., inputs of one group, filters) is quantized."""
    value, factor = builder.operand(signal, where)
    *sizes, _, filters = kernel.code.shape
    given = padded_interval(builder.ranges[value.name], window.zeros, prod(sizes))
    shape = (*window_positions(signal.shape, tuple(sizes), window, where), filters)

    def emit(codes: IntArray, fraction: int, bias_codes: IntArray) -> Value:
        weight = weight_tensor(codes, fraction, groups)
        interval = matrix_interval(name, weight, bias_codes, given)
        kind = FixedType.holding(*interval.bounds, fraction + value.type.fraction)
        unique = builder.names.unique(name)
        output = Value(unique, shape, kind)
        layer = Conv(
            unique, value.name, output, weight, bias_codes, window.strides, window.zeros, window.dilation, groups
        )
        return builder.add(layer)

    total = WeightedSum(name, kernel, factor, bias, value.type.fraction, remembered(emit), groups)
    matrix = kernel.code.reshape(-1, filters)
    builder.exactness.append(float32_exactness(name, total, given, matrix, remarks))
    return Signal(total, shape)


def window_positions(shape: tuple[int, ...], sizes: tuple[int, ...], window: Window, where: str) -> tuple[int, ...]:
    """Positions of a window along each spatial axis of an input."""
    found = tuple(
        output_length(shape[a], sizes[a], window.strides[a], window.zeros[a], window.dilation[a])
        for a in range(len(sizes))
    )
    if min(found) < 1:
        raise UnsupportedError(f"{where}: its kernel is larger than its input of shape {shape}.")
    return found


def padding_zeros(padding: str, size: int, window: int, stride: int, dilation: int = 1) -> tuple[int, int]:
    """Zeros before and after one axis, as TensorFlow lays them out.

    Args:
        padding: "valid", "same" or "causal".
    """
    reach = (window - 1) * dilation + 1
    if padding == "valid":
        return 0, 0
    if padding == "causal":
        return reach - 1, 0
    total = max(0, (-(-size // stride) - 1) * stride + reach - size)
    return total // 2, total - total // 2


def padded_interval(given: Interval, zeros: tuple[tuple[int, int], ...], taps: int) -> Interval:
    """Interval of each entry of a flattened window, padding included."""
    padded = any(before or after for before, after in zeros)
    low = np.minimum(given.low, 0) if padded else given.low
    high = np.maximum(given.high, 0) if padded else given.high
    return Interval(np.tile(low, taps), np.tile(high, taps))
