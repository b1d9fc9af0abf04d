"""One kernel a layer kind: exact integer arithmetic in the cheapest NumPy number format that is proven to hold it.

Codes travel as float32 while every intermediate result stays below 2**24, as float64 below 2**53, as int64 below
2**62: within those bounds sums of integers are exact in any order, and floating-point matrix products are an order of
magnitude faster than integer ones. The bounds come from interval arithmetic, not from the data.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, assert_never

import numpy as np
from numpy.typing import NDArray

from hwgen.fixed import IntArray, Overflow, Rounding, requantize
from hwgen.ir import Conv, Dense, Interval, Layer, MaxPool, Relu, Requantize, Reshape, StepFunction, Value
from hwgen.ir.layers import step_codes

Codes = NDArray[Any]  # integers, held as float32, float64 or int64
Kernel = Callable[[Codes], Codes]  # (samples, *input shape) to (samples, *output shape)

_WINDOW_BYTES = 1 << 25  # gathered windows of one block of samples stay within this


@dataclass(frozen=True, slots=True)
class Step:
    """A layer made ready to run: where it reads, what it computes, how many samples at a time it likes."""

    layer: Layer
    kernel: Kernel
    samples_at_once: int


def number_format(magnitude: float) -> type[np.float32 | np.float64 | np.int64]:
    """The cheapest format in which sums up to this magnitude are exact in any order."""
    if magnitude < 2.0**24:
        return np.float32
    if magnitude < 2.0**53:
        return np.float64
    return np.int64


def prepare(layer: Layer, source: Value, given: Interval) -> Step:
    """Choose number formats and lay out weights once, for any number of samples.

    Args:
        source: the value that the layer reads.
        given: that value's interval.
    """
    match layer:
        case Dense():
            return Step(layer, _dense(layer, given), 4096)
        case Conv():
            return _conv(layer, source, given)
        case MaxPool():
            return Step(layer, _max_pool(layer, given), 256)
        case Reshape():
            shape = layer.output.shape
            return Step(layer, lambda codes: codes.reshape(len(codes), *shape), 4096)
        case Relu():
            return Step(layer, lambda codes: np.maximum(codes, codes.dtype.type(0)), 4096)
        case Requantize():
            return Step(layer, _requantize(layer, source, given), 4096)
        case StepFunction():
            return Step(layer, lambda codes: step_codes(layer, codes.astype(np.int64)), 4096)
        case _:
            assert_never(layer)


def _magnitude(matrix: IntArray, bias: IntArray, given_low: IntArray, given_high: IntArray) -> float:
    """Largest sum of magnitudes over the outputs: bounds every partial sum in every order."""
    largest = np.maximum(np.abs(given_low.astype(np.float64)), np.abs(given_high.astype(np.float64)))
    sums = np.abs(bias.astype(np.float64)) + largest @ np.abs(matrix.astype(np.float64))
    # A factor for the rounding of this very sum.
    return float(sums.max(initial=0.0)) * (1 + 1e-9)


def _dense(layer: Dense, given: Interval) -> Kernel:
    matrix = layer.weight.dense()
    number = number_format(_magnitude(matrix, layer.bias, given.low, given.high))
    weights, bias = matrix.astype(number), layer.bias.astype(number)

    def run(codes: Codes) -> Codes:
        total = codes.astype(number, copy=False) @ weights
        total += bias
        return total

    return run


def _conv(layer: Conv, source: Value, given: Interval) -> Step:
    outputs = layer.weight.shape[-1]
    window = layer.weight.shape[:-2]
    channels = layer.weight.shape[-2]
    matrix = layer.weight.dense().reshape(-1, outputs)
    taps = matrix.shape[0] // channels
    low = np.tile(np.minimum(given.low, 0), taps)
    high = np.tile(np.maximum(given.high, 0), taps)
    number = number_format(_magnitude(matrix, layer.bias, low, high))
    # Rows without weights need not be gathered.
    used = np.flatnonzero(matrix.any(axis=1))
    weights, bias = matrix[used].astype(number), layer.bias.astype(number)
    positions = layer.output.shape[:-1]
    gather = _window_positions(source.shape, window, layer)[:, used]
    shape = layer.output.shape

    def run(codes: Codes) -> Codes:
        padded = np.pad(codes.astype(number, copy=False), ((0, 0), *layer.padding, (0, 0)))
        windows = padded.reshape(len(codes), -1)[:, gather]
        total = windows @ weights
        total += bias
        return total.reshape(len(codes), *shape)

    bytes_a_sample = int(np.prod(positions)) * max(1, used.size) * np.dtype(number).itemsize
    return Step(layer, run, max(1, _WINDOW_BYTES // bytes_a_sample))


def _window_positions(source_shape: tuple[int, ...], window: tuple[int, ...], layer: Conv) -> IntArray:
    """(output positions, window codes): flat indices into one padded sample."""
    padded = [size + before + after for size, (before, after) in zip(source_shape[:-1], layer.padding, strict=True)]
    channels = source_shape[-1]
    flat = np.zeros((1, 1), dtype=np.int64)
    for axis, size in enumerate(padded):
        start = np.arange(layer.output.shape[axis], dtype=np.int64) * layer.strides[axis]
        tap = np.arange(window[axis], dtype=np.int64) * layer.dilation[axis]
        along = start[:, None] + tap[None, :]
        flat = (flat[:, None, :, None] * size + along[None, :, None, :]).reshape(
            flat.shape[0] * along.shape[0], flat.shape[1] * along.shape[1]
        )
    return (flat[:, :, None] * channels + np.arange(channels)).reshape(flat.shape[0], -1)


def _max_pool(layer: MaxPool, given: Interval) -> Kernel:
    lowest = int(given.low.min())

    def run(codes: Codes) -> Codes:
        # The interval's lowest code never beats a real one.
        padded = np.pad(codes, ((0, 0), *layer.padding, (0, 0)), constant_values=lowest)
        for axis, (size, stride) in enumerate(zip(layer.window, layer.strides, strict=True), start=1):
            positions = layer.output.shape[axis - 1]
            best: Codes | None = None
            for offset in range(size):
                index = [slice(None)] * padded.ndim
                index[axis] = slice(offset, offset + (positions - 1) * stride + 1, stride)
                tap = padded[tuple(index)]
                best = tap if best is None else np.maximum(best, tap)
            assert best is not None
            padded = best
        return padded

    return run


def _requantize(layer: Requantize, source: Value, given: Interval) -> Kernel:
    quantizer = layer.quantizer
    shift = source.type.fraction - layer.output.type.fraction
    low, high = given.bounds
    largest = float(max(abs(low), abs(high), 1)) * 2.0 ** max(0, -shift)
    in_float = quantizer.rounding in (Rounding.RND_CONV, Rounding.TRN) and largest < 2.0**53
    if not in_float or quantizer.overflow not in (Overflow.SAT, Overflow.SAT_SYM) or layer.output.type.width > 50:
        return lambda codes: requantize(codes.astype(np.int64), source.type, quantizer)
    # Multiplying by a power of two is exact, so rint and floor see the true value.
    number = number_format(max(largest, float(layer.output.type.max_code) + 1))
    factor = number(2.0**-shift)
    to_integer = np.rint if quantizer.rounding is Rounding.RND_CONV else np.floor
    lowest, highest = number(quantizer.low), number(quantizer.high)

    def run(codes: Codes) -> Codes:
        scaled = codes.astype(number, copy=False) * factor
        to_integer(scaled, out=scaled)
        return np.clip(scaled, lowest, highest, out=scaled)

    return run
