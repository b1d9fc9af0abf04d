"""One kernel a layer kind: exact integer arithmetic in the cheapest NumPy number format that is proven to hold it.

Codes travel as float32 while every intermediate result stays below 2**24, as float64 below 2**53, as int64 below
2**62: within those bounds sums of integers are exact in any order, and floating-point matrix products are an order of
magnitude faster than integer ones. The bounds come from interval arithmetic, not from the data.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import prod
from typing import assert_never

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from hwgen.fixed import IntArray, Overflow, Rounding, requantize
from hwgen.ir import (
    ArgMax,
    Concatenate,
    Conv,
    Dense,
    Interval,
    Layer,
    MaxPool,
    Merge,
    Rearrange,
    Relu,
    Requantize,
    Reshape,
    StepFunction,
    Value,
)
from hwgen.ir.layers import step_codes
from hwgen.reference.formats import Codes, number_format
from hwgen.reference.merging import concatenate, merge

Kernel = Callable[..., Codes]  # one (samples, *input shape) array an input, to (samples, *output shape)


@dataclass(frozen=True, slots=True)
class Step:
    """A layer made ready to run.

    Attributes:
        layer: where it reads and what it defines.
        kernel: what it computes.
        bytes_a_sample: of the largest array on the way.
    """

    layer: Layer
    kernel: Kernel
    bytes_a_sample: int


def prepare(layer: Layer, sources: Sequence[Value], intervals: Sequence[Interval]) -> Step:
    """Choose number formats and lay out weights once, for any number of samples.

    Args:
        sources: the values that the layer reads.
        intervals: theirs.
    """
    source, given = sources[0], intervals[0]
    match layer:
        case Dense():
            return Step(layer, _dense(layer, given), 4 * max(source.size, layer.output.size))
        case Conv():
            return _conv(layer, given)
        case MaxPool():
            return Step(layer, _max_pool(layer, given), 4 * source.size)
        case Reshape():
            shape = layer.output.shape
            return Step(layer, lambda codes: codes.reshape(len(codes), *shape), 4 * source.size)
        case Rearrange():
            return Step(layer, _rearrange(layer), 8 * layer.output.size)
        case Merge():
            return Step(layer, merge(layer, sources, intervals), 8 * layer.output.size)
        case Concatenate():
            return Step(layer, concatenate(layer, sources, intervals), 8 * layer.output.size)
        case ArgMax():
            return Step(layer, lambda codes: codes.argmax(axis=-1, keepdims=True), 8 * source.size)
        case Relu():
            return Step(layer, lambda codes: np.maximum(codes, codes.dtype.type(0)), 4 * source.size)
        case Requantize():
            return Step(layer, _requantize(layer, source, given), 4 * source.size)
        case StepFunction():
            return Step(layer, lambda codes: step_codes(layer, codes.astype(np.int64)), 8 * source.size)
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
        total: Codes = codes.astype(number, copy=False) @ weights
        total += bias
        return total

    return run


def _conv(layer: Conv, given: Interval) -> Step:
    *kernel, channels, outputs = layer.weight.shape
    *positions, _ = layer.output.shape
    taps, groups = prod(kernel), layer.groups
    blocks = _by_group(layer)
    # Padding is zero and adds nothing to a magnitude.
    bounds = [np.tile(end.reshape(groups, -1), taps) for end in (given.low, given.high)]
    biases = layer.bias.reshape(groups, -1)
    magnitudes = [_magnitude(*of_group) for of_group in zip(blocks, biases, *bounds, strict=True)]
    number = number_format(max(magnitudes))
    weights, bias = blocks.astype(number), layer.bias.astype(number)
    spatial = tuple(range(1, len(kernel) + 1))
    reach = [(size - 1) * dilation + 1 for size, dilation in zip(kernel, layer.dilation, strict=True)]
    starts = tuple(slice(None, None, stride) for stride in layer.strides)
    steps = tuple(slice(None, None, dilation) for dilation in layer.dilation)

    def run(codes: Codes) -> Codes:
        padded = _padded(codes.astype(number, copy=False), layer.padding, 0)
        # (samples, *starts, channels, *reach): a view. One row a window, its taps in the order of the weights: a copy.
        windows = sliding_window_view(padded, reach, spatial)[(slice(None), *starts, slice(None), *steps)]
        rows = np.moveaxis(windows, len(kernel) + 1, -1)
        if groups == 1:
            total: Codes = rows.reshape(-1, taps * channels) @ weights[0]
        else:
            by_group = np.moveaxis(rows.reshape(-1, taps, groups, channels // groups), 2, 0)
            products = by_group.reshape(groups, -1, taps * channels // groups) @ weights
            total = np.moveaxis(products, 0, 1).reshape(-1, outputs)
        total += bias
        return total.reshape(len(codes), *layer.output.shape)

    return Step(layer, run, prod(positions) * max(taps * channels, outputs) * number.itemsize)


def _by_group(layer: Conv) -> IntArray:
    """The weights of each group: (groups, positions of the window * inputs of a group, outputs of a group)."""
    *kernel, channels, outputs = layer.weight.shape
    within, of_group = channels // layer.groups, outputs // layer.groups
    row, column = np.divmod(layer.weight.index, outputs)
    tap, channel = np.divmod(row, channels)
    blocks = np.zeros((layer.groups, prod(kernel) * within, of_group), dtype=np.int64)
    blocks[column // of_group, tap * within + channel % within, column % of_group] = layer.weight.code
    return blocks


def _padded(codes: Codes, padding: tuple[tuple[int, int], ...], fill: int) -> Codes:
    """Codes with borders around the axes between samples and channels; the same array where there are none."""
    if not any(before or after for before, after in padding):
        return codes
    sizes = [size + before + after for size, (before, after) in zip(codes.shape[1:-1], padding, strict=True)]
    padded = np.full((len(codes), *sizes, codes.shape[-1]), fill, dtype=codes.dtype)
    inside = tuple(slice(before, before + size) for size, (before, _) in zip(codes.shape[1:-1], padding, strict=True))
    padded[(slice(None), *inside)] = codes
    return padded


def _max_pool(layer: MaxPool, given: Interval) -> Kernel:
    lowest = int(given.low.min())

    def run(codes: Codes) -> Codes:
        # The interval's lowest code never beats a real one.
        best = _padded(codes, layer.padding, lowest)
        for axis, (size, stride) in enumerate(zip(layer.window, layer.strides, strict=True), start=1):
            span = (layer.output.shape[axis - 1] - 1) * stride + 1
            before = (slice(None),) * axis
            taps = [best[(*before, slice(offset, offset + span, stride))] for offset in range(size)]
            best = taps[0]
            for tap in taps[1:]:
                best = np.maximum(best, tap)
        return best

    return run


def _rearrange(layer: Rearrange) -> Kernel:
    origin = np.maximum(layer.index.ravel(), 0)
    zeros = np.flatnonzero(layer.index.ravel() < 0)

    def run(codes: Codes) -> Codes:
        moved = codes.reshape(len(codes), -1)[:, origin]
        moved[:, zeros] = 0
        return moved.reshape(len(codes), *layer.output.shape)

    return run


def _requantize(layer: Requantize, source: Value, given: Interval) -> Kernel:
    quantizer = layer.quantizer
    shift = source.type.fraction - layer.output.type.fraction
    low, high = given.bounds
    # Within these bounds no product with 2**-shift underflows.
    in_float = quantizer.rounding in (Rounding.RND_CONV, Rounding.TRN) and -53 < shift < 100
    largest = float(max(abs(low), abs(high), 1)) * 2.0 ** max(0, -shift) if in_float else 0.0
    saturates = quantizer.overflow in (Overflow.SAT, Overflow.SAT_SYM) and layer.output.type.width <= 50
    if not in_float or not saturates or largest >= 2.0**53:
        return lambda codes: requantize(codes.astype(np.int64), source.type, quantizer)
    # Multiplying by a power of two is exact, so rint and floor see the true value.
    number = number_format(max(largest, float(layer.output.type.max_code) + 1))
    factor = number.type(2.0**-shift)
    to_integer = np.rint if quantizer.rounding is Rounding.RND_CONV else np.floor
    lowest, highest = number.type(quantizer.low), number.type(quantizer.high)

    def run(codes: Codes) -> Codes:
        scaled: Codes = codes.astype(number, copy=False) * factor
        to_integer(scaled, out=scaled)
        np.clip(scaled, lowest, highest, out=scaled)
        return scaled

    return run
