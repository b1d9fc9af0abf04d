"""What data make of a network's types: ranges seen and allowed, bits that nothing uses, codes that saturate."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from hwgen.errors import InputError
from hwgen.fixed import FixedType, IntArray, Overflow, Quantizer, requantize
from hwgen.ir import Network, Requantize, Value
from hwgen.reference import trace

_WIDEST = 63  # bits that a code may have before its overflow is resolved


@dataclass(frozen=True, slots=True)
class ValueProfile:
    """What the codes of a value were.

    Attributes:
        value: its name.
        layer: that computes it; empty for an input.
        kind: of the layer.
        type: that its codes have.
        low, high: the codes seen.
        top_unused: bits above which no code went, of those that the type has; of a signed type beside the sign.
        bottom_unused: lowest bits that were zero in every code.
        saturated: share of codes that an overflow changed; None where nothing can overflow.
        codes: how many were seen.
    """

    value: str
    layer: str
    kind: str
    type: FixedType
    low: int
    high: int
    top_unused: int
    bottom_unused: int
    saturated: float | None
    codes: int


def profile(network: Network, inputs: Sequence[IntArray]) -> tuple[ValueProfile, ...]:
    """Run the reference and look at every value.

    Args:
        inputs: (samples, *shape) int64, one array an input.
    Raises:
        InputError: no samples.
    """
    if not len(inputs[0]):
        raise InputError("at least one sample is needed for a profile, got none.")
    values = network.values()
    codes = trace(network, tuple(inputs))
    found = [_seen(source.value, codes[source.value.name], "", "Input", None) for source in network.inputs]
    for layer in network.layers:
        saturated = _saturated(layer, values, codes) if isinstance(layer, Requantize) else None
        found.append(_seen(layer.output, codes[layer.output.name], layer.name, type(layer).__name__, saturated))
    return tuple(found)


def _seen(value: Value, codes: IntArray, layer: str, kind: str, saturated: float | None) -> ValueProfile:
    low, high = int(codes.min()), int(codes.max())
    # A signed type keeps its sign, also where no code was negative: those bits are another type's to save.
    needed = max(FixedType.holding(low, high, 0).width, 1)
    if value.type.signed and low >= 0:
        needed += 1
    used = int(np.bitwise_or.reduce(codes.ravel()))
    bottom = value.type.width if used == 0 else (used & -used).bit_length() - 1
    top = max(0, value.type.width - needed)
    return ValueProfile(
        value.name, layer, kind, value.type, low, high, top, min(bottom, value.type.width), saturated, codes.size
    )


def _saturated(layer: Requantize, values: Mapping[str, Value], codes: Mapping[str, IntArray]) -> float | None:
    """The share of codes that would have been another in a type wide enough for all of them."""
    source = values[layer.input].type
    wide = Quantizer(FixedType(True, _WIDEST, layer.output.type.fraction), layer.rounding, Overflow.SAT)
    rounded = requantize(codes[layer.input], source, wide)
    return float(np.mean(rounded.ravel() != codes[layer.output.name].ravel()))
