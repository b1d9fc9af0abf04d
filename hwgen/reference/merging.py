"""Kernels of layers that read several values."""

from collections.abc import Callable, Sequence
from functools import reduce
from typing import Any, assert_never

import numpy as np

from hwgen.ir import Concatenate, Interval, Merge, MergeOperation, Value
from hwgen.reference.formats import Codes, number_format

Merging = Callable[..., Codes]


def merge(layer: Merge, sources: Sequence[Value], given: Sequence[Interval]) -> Merging:
    """Codes of all inputs, in steps of the output, position by position."""
    factors = [_factor(layer, source) for source in sources]
    largest = [max(abs(low), abs(high)) for low, high in (interval.bounds for interval in given)]
    match layer.operation:
        case MergeOperation.MULTIPLY:
            number = number_format(float(largest[0]) * float(largest[1]) * (1 + 1e-9))
            return lambda one, two: one.astype(number) * two.astype(number)
        case MergeOperation.ADD:
            combine: Callable[[Codes, Codes], Codes] = np.add
        case MergeOperation.SUBTRACT:
            combine = np.subtract
        case MergeOperation.MAXIMUM:
            combine = np.maximum
        case MergeOperation.MINIMUM:
            combine = np.minimum
        case _:
            assert_never(layer.operation)
    number = number_format(sum(float(m) * f for m, f in zip(largest, factors, strict=True)) * (1 + 1e-9))
    return lambda *codes: reduce(combine, _aligned(codes, factors, number))


def concatenate(layer: Concatenate, sources: Sequence[Value], given: Sequence[Interval]) -> Merging:
    """Codes of all inputs, in steps of the output, side by side."""
    factors = [_factor(layer, source) for source in sources]
    ends = [float(max(abs(low), abs(high))) for low, high in (interval.bounds for interval in given)]
    number = number_format(max(end * factor for end, factor in zip(ends, factors, strict=True)))
    return lambda *codes: np.concatenate(_aligned(codes, factors, number), axis=layer.axis + 1)


def _factor(layer: Merge | Concatenate, source: Value) -> float:
    """What a code is multiplied by, a power of two, where only zeros would be multiplied by more than 2**62."""
    return 2.0 ** min(layer.output.type.fraction - source.type.fraction, 62)


def _aligned(codes: Sequence[Codes], factors: Sequence[float], number: np.dtype[Any]) -> list[Codes]:
    return [
        code.astype(number, copy=False) * number.type(factor) if factor != 1 else code.astype(number, copy=False)
        for code, factor in zip(codes, factors, strict=True)
    ]
