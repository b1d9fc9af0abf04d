"""Intervals of layers that read several values."""

from collections.abc import Sequence

import numpy as np

from hwgen.errors import TypeRangeError
from hwgen.ir.interval import CODE_BITS, Interval
from hwgen.ir.layers import Concatenate, Merge, MergeOperation
from hwgen.ir.tensor import Value


def aligned(layer: Merge | Concatenate, sources: Sequence[Value], intervals: Sequence[Interval]) -> list[Interval]:
    """The intervals in steps of the output.

    Raises:
        TypeRangeError: a code shifted to the output's fraction may reach 2**62 in magnitude.
    """
    found = []
    for source, interval in zip(sources, intervals, strict=True):
        shift = layer.output.type.fraction - source.type.fraction
        _refuse_wide(layer, _largest(interval) << min(shift, CODE_BITS))
        steps = min(shift, CODE_BITS)  # only zeros are shifted further
        found.append(Interval(interval.low << steps, interval.high << steps))
    return found


def merged(layer: Merge, sources: Sequence[Value], intervals: Sequence[Interval]) -> Interval:
    """The interval of a merge.

    Raises:
        TypeRangeError: a result, or a partial sum, may reach 2**62 in magnitude.
    """
    if layer.operation is MergeOperation.MULTIPLY:
        return _product(layer, *intervals)
    given = aligned(layer, sources, intervals)
    lows, highs = [i.low for i in given], [i.high for i in given]
    match layer.operation:
        case MergeOperation.ADD:
            _refuse_wide(layer, sum(_largest(i) for i in given))
            return Interval(np.sum(lows, axis=0), np.sum(highs, axis=0))
        case MergeOperation.SUBTRACT:
            _refuse_wide(layer, sum(_largest(i) for i in given))
            return Interval(lows[0] - highs[1], highs[0] - lows[1])
        case MergeOperation.MAXIMUM:
            return Interval(np.max(lows, axis=0), np.max(highs, axis=0))
        case MergeOperation.MINIMUM:
            return Interval(np.min(lows, axis=0), np.min(highs, axis=0))


def _product(layer: Merge, one: Interval, two: Interval) -> Interval:
    _refuse_wide(layer, _largest(one) * _largest(two))
    if layer.inputs[0] == layer.inputs[1]:
        ends = np.stack([one.low * one.low, one.high * one.high])
        holds_zero = (one.low <= 0) & (one.high >= 0)
        return Interval(np.where(holds_zero, 0, ends.min(axis=0)), ends.max(axis=0))
    ends = np.stack([a * b for a in (one.low, one.high) for b in (two.low, two.high)])
    return Interval(ends.min(axis=0), ends.max(axis=0))


def _largest(interval: Interval) -> int:
    low, high = interval.bounds
    return max(abs(low), abs(high))


def _refuse_wide(layer: Merge | Concatenate, magnitude: int) -> None:
    if magnitude >= 1 << CODE_BITS:
        raise TypeRangeError(
            f"layer {layer.name!r}: its codes may reach 2**{magnitude.bit_length() - 1}, and hwgen computes below "
            f"2**{CODE_BITS}; use fewer bits in its inputs, or types whose fractions are closer."
        )
