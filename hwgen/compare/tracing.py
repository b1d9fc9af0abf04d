"""A network given to a peer that traces: da4ml and alkaid take arrays of fixed-point variables and NumPy's operations.

Both are given the same integers as hwgen: weights and biases as the exact numbers that their codes mean, roundings and
overflows by name. What they make of it is theirs; it is held against the reference before anything of it counts.
"""

from collections.abc import Sequence
from typing import Any, assert_never

import numpy as np
from numpy.typing import NDArray

from hwgen.errors import UnsupportedError
from hwgen.fixed import FixedType, IntArray, Overflow, Rounding
from hwgen.ir import (
    ArgMax,
    Concatenate,
    Conv,
    Dense,
    MaxPool,
    Merge,
    MergeOperation,
    Network,
    Rearrange,
    Relu,
    Requantize,
    Reshape,
    StepFunction,
    Value,
)

_EXACT_BITS = 53  # they compute in float64


def traced_outputs(network: Network, flat: Any, peer: str, ties_to_even: bool) -> Any:
    """What a peer's variables become, all outputs behind each other.

    Args:
        flat: the peer's array of all inputs' numbers behind each other.
        peer: its name, for errors.
        ties_to_even: whether its quantizers know that rounding.
    Raises:
        UnsupportedError: a layer, a rounding or an overflow that is not given to peers.
    """
    values = network.values()
    for value in values.values():
        if value.type.width > _EXACT_BITS:
            raise UnsupportedError(
                f"peer {peer}: value {value.name!r} has {value.type.width} bits, and it computes in float64 of "
                f"{_EXACT_BITS}."
            )
    known: dict[str, Any] = {}
    start = 0
    for source in network.inputs:
        known[source.value.name] = flat[start : start + source.value.size].reshape(*source.value.shape)
        start += source.value.size
    for layer in network.layers:
        given = [known[name] for name in layer.inputs]
        match layer:
            case Dense():
                weight = numbers(layer.weight.dense(), layer.weight.type)
                made = given[0].reshape(-1, weight.shape[0]) @ weight + numbers(layer.bias, layer.output.type)
            case Relu():
                made = given[0].relu()
            case Reshape():
                made = given[0]
            case Requantize():
                made = _requantized(layer, given[0], values[layer.input].type, peer, ties_to_even)
            case Merge(operation=MergeOperation.ADD):
                made = sum(given[1:], start=given[0])
            case Merge(operation=MergeOperation.SUBTRACT):
                made = given[0] - given[1]
            case Merge() | Conv() | MaxPool() | Concatenate() | Rearrange() | ArgMax() | StepFunction():
                raise UnsupportedError(
                    f"peer {peer}: layer {layer.name!r} ({type(layer).__name__}) is not given to peers; Dense, Relu, "
                    f"Requantize, Reshape and sums are."
                )
            case _:
                assert_never(layer)
        known[layer.output.name] = made.reshape(*layer.output.shape)
    outputs = [known[name].reshape(-1) for name in network.outputs]
    return outputs[0] if len(outputs) == 1 else np.concatenate(outputs)


def _requantized(layer: Requantize, given: Any, source: FixedType, peer: str, ties_to_even: bool) -> Any:
    kind, rounding = layer.output.type, layer.rounding
    if layer.overflow is Overflow.SAT_ZERO:
        raise UnsupportedError(f"peer {peer}: layer {layer.name!r} overflows to zero, which is not given to peers.")
    signed, integer = int(kind.signed), kind.integer - int(kind.signed)
    if source.fraction <= kind.fraction:
        rounding = Rounding.TRN  # nothing to round
    if rounding is Rounding.RND_CONV and not ties_to_even:
        given, rounding = _ties_to_even(given, source, kind), Rounding.TRN
    if rounding not in (Rounding.TRN, Rounding.RND, Rounding.RND_CONV):
        raise UnsupportedError(
            f"peer {peer}: layer {layer.name!r} rounds with {rounding.value}, which is not given to peers; TRN, RND "
            f"and RND_CONV are."
        )
    return given.quantize(signed, integer, kind.fraction, overflow_mode=layer.overflow.value, round_mode=rounding.value)


def _ties_to_even(given: Any, source: FixedType, kind: FixedType) -> Any:
    """The number whose truncation is the rounded one: half a step less one code is added, and one more where the
    truncated number is odd."""
    code, step = float(source.lsb), float(kind.lsb)
    odd = given.quantize(0, 1 - kind.fraction, kind.fraction)
    return given + (step / 2 - code) + odd * (code / step)


def numbers(codes: IntArray, kind: FixedType) -> NDArray[np.float64]:
    """What codes mean, exactly."""
    return np.asarray(codes, dtype=np.float64) * float(kind.lsb)


def flat_numbers(values: Sequence[Value], codes: Sequence[IntArray]) -> NDArray[np.float64]:
    """(samples, size) of all values behind each other."""
    return np.concatenate(
        [numbers(each, value.type).reshape(len(each), -1) for value, each in zip(values, codes, strict=True)], axis=1
    )
