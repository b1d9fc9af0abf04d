"""Exact intervals of every value: what each channel can reach, given the types of the inputs."""

from collections.abc import Mapping, Sequence
from typing import assert_never

import numpy as np

from hwgen.errors import TypeRangeError
from hwgen.fixed import FixedType, IntArray, Overflow, Quantizer, requantize
from hwgen.ir.interval import CODE_BITS, Interval
from hwgen.ir.layers import (
    ArgMax,
    Concatenate,
    Conv,
    Dense,
    Layer,
    MaxPool,
    Merge,
    Rearrange,
    Relu,
    Requantize,
    Reshape,
    StepFunction,
)
from hwgen.ir.merge_ranges import aligned, merged
from hwgen.ir.network import Network
from hwgen.ir.tensor import SparseTensor, Value


def value_ranges(network: Network) -> Mapping[str, Interval]:
    """The interval of every value, by interval arithmetic from the input types.

    Raises:
        TypeRangeError: a sum may reach 2**62 in magnitude, or a shift to the left may leave 64 bits.
    """
    values = network.values()
    ranges = {source.value.name: input_interval(source.value) for source in network.inputs}
    for layer in network.layers:
        sources = [values[name] for name in layer.inputs]
        ranges[layer.output.name] = layer_interval(layer, sources, [ranges[name] for name in layer.inputs])
    return ranges


def input_interval(value: Value) -> Interval:
    """Every code of the type, in every channel."""
    channels = value.shape[-1]
    return Interval(
        np.full(channels, value.type.min_code, dtype=np.int64), np.full(channels, value.type.max_code, dtype=np.int64)
    )


def layer_interval(layer: Layer, sources: Sequence[Value], intervals: Sequence[Interval]) -> Interval:
    """The interval of a layer's output, from the values it reads and their intervals."""
    source, given = sources[0], intervals[0]
    match layer:
        case Dense():
            return sum_interval(layer.name, layer.weight, layer.bias, given)
        case Conv():
            padded = any(before or after for before, after in layer.padding)
            low = np.minimum(given.low, 0) if padded else given.low
            high = np.maximum(given.high, 0) if padded else given.high
            positions = layer.weight.size // (layer.weight.shape[-1] * layer.weight.shape[-2])
            window = Interval(np.tile(low, positions), np.tile(high, positions))
            return sum_interval(layer.name, _as_matrix(layer.weight), layer.bias, window)
        case MaxPool():
            return given
        case Reshape():
            return _reshaped(source, layer.output, given)
        case Rearrange():
            return _rearranged(layer, source, given)
        case Merge():
            return merged(layer, sources, intervals)
        case Concatenate():
            return _concatenated(layer, sources, intervals)
        case ArgMax():
            return Interval(np.zeros(1, dtype=np.int64), np.full(1, source.shape[-1] - 1, dtype=np.int64))
        case Relu():
            return Interval(np.maximum(given.low, 0), np.maximum(given.high, 0))
        case Requantize():
            return _requantized(layer, source, given)
        case StepFunction():
            return _stepped(layer, given)
        case _:
            assert_never(layer)


def _as_matrix(weight: SparseTensor) -> SparseTensor:
    outputs = weight.shape[-1]
    return SparseTensor((weight.size // outputs, outputs), weight.type, weight.index, weight.code)


def sum_interval(name: str, weight: SparseTensor, bias: IntArray, given: Interval) -> Interval:
    """Interval of ``input @ weight + bias`` for a sparse (inputs, outputs) weight.

    Raises:
        TypeRangeError: magnitudes add up to 2**62, so that a partial sum could overflow.
    """
    row, column = np.divmod(weight.index, weight.shape[1])
    magnitude = np.maximum(np.abs(given.low.astype(np.float64)), np.abs(given.high.astype(np.float64)))
    total = np.abs(bias.astype(np.float64))
    np.add.at(total, column, np.abs(weight.code.astype(np.float64)) * magnitude[row])
    # The factor covers the rounding of this very sum.
    if total.size and total.max() >= 2.0**CODE_BITS * 0.999:
        raise TypeRangeError(
            f"layer {name!r}: magnitudes of products and bias add up to about 2**{np.log2(total.max()):.1f}, and hwgen "
            f"computes below 2**{CODE_BITS}; use fewer bits in its inputs, weights or scales."
        )
    at_low, at_high = weight.code * given.low[row], weight.code * given.high[row]
    low, high = bias.copy(), bias.copy()
    np.add.at(low, column, np.minimum(at_low, at_high))
    np.add.at(high, column, np.maximum(at_low, at_high))
    return Interval(low, high)


def _reshaped(source: Value, output: Value, given: Interval) -> Interval:
    """Per-channel intervals follow their channel to wherever the reshape puts it."""
    repeats = source.size // source.shape[-1]
    per_code_low, per_code_high = np.tile(given.low, repeats), np.tile(given.high, repeats)
    channels = output.shape[-1]
    return Interval(per_code_low.reshape(-1, channels).min(axis=0), per_code_high.reshape(-1, channels).max(axis=0))


def _rearranged(layer: Rearrange, source: Value, given: Interval) -> Interval:
    """Each output channel reaches what the channels reach that some code of it comes from."""
    channels = layer.output.shape[-1]
    # A zero is one more channel of the source.
    low, high = np.append(given.low, 0), np.append(given.high, 0)
    origin = np.where(layer.index < 0, len(given.low), layer.index % source.shape[-1]).reshape(-1, channels)
    return Interval(low[origin].min(axis=0), high[origin].max(axis=0))


def _concatenated(layer: Concatenate, sources: Sequence[Value], intervals: Sequence[Interval]) -> Interval:
    shifted = aligned(layer, sources, intervals)
    if layer.axis == len(layer.output.shape) - 1:
        return Interval(np.concatenate([i.low for i in shifted]), np.concatenate([i.high for i in shifted]))
    return Interval(np.min([i.low for i in shifted], axis=0), np.max([i.high for i in shifted], axis=0))


def _stepped(layer: StepFunction, given: Interval) -> Interval:
    """The lowest and the highest of the levels that each channel reaches."""
    ends = []
    for channel, (low, high) in enumerate(zip(given.low.tolist(), given.high.tolist(), strict=True)):
        row = channel if len(layer.thresholds) > 1 else 0
        first, last = np.searchsorted(layer.thresholds[row], [low, high], side="right").tolist()
        reached = layer.levels[row, first : last + 1]
        ends.append((int(reached.min()), int(reached.max())))
    pairs = np.array(ends, dtype=np.int64).reshape(-1, 2)
    return Interval(pairs[:, 0], pairs[:, 1])


def _requantized(layer: Requantize, source: Value, given: Interval) -> Interval:
    """Rounding keeps order, so ends map to ends; so does saturation, but not every other way to resolve overflow."""
    quantizer = layer.quantizer
    wide = Quantizer(FixedType(True, 64, quantizer.type.fraction), layer.rounding, Overflow.SAT)
    try:
        low, high = requantize(given.low, source.type, wide), requantize(given.high, source.type, wide)
    except TypeRangeError as error:
        raise TypeRangeError(
            f"layer {layer.name!r}: converting {source.type} to {quantizer} shifts codes to the left by "
            f"{quantizer.type.fraction - source.type.fraction}, out of 64 bits; use types whose fractions are closer."
        ) from error
    if layer.overflow in (Overflow.SAT, Overflow.SAT_SYM):
        return Interval(np.clip(low, quantizer.low, quantizer.high), np.clip(high, quantizer.low, quantizer.high))
    # WRAP and SAT_ZERO keep order only where nothing overflows; elsewhere anything the type holds can come out.
    fits = (low >= quantizer.low) & (high <= quantizer.high)
    return Interval(np.where(fits, low, quantizer.low), np.where(fits, high, quantizer.high))
