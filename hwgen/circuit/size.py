"""How large a circuit will be, counted before anything is built."""

from collections.abc import Sequence
from math import prod
from typing import assert_never

import numpy as np

from hwgen.circuit.interface import Beats, Interface, value_beats
from hwgen.errors import UnsupportedError
from hwgen.fixed import IntArray
from hwgen.fixed.digits import signed_digits
from hwgen.ir import (
    ArgMax,
    Concatenate,
    Conv,
    Dense,
    Layer,
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

MOST_TERMS = 400_000  # beyond it a circuit fills the memory, and no FPGA holds it


def circuit_terms(network: Network, interface: Interface) -> int:
    """Terms that a circuit of a network adds, compares or holds.

    Raises:
        UnsupportedError: its pixels cannot come in a stream.
    """
    return _input_terms(network, interface) + sum(_terms(network, interface).values())


def _terms(network: Network, interface: Interface) -> dict[str, int]:
    """By layer."""
    values, beats = network.values(), value_beats(network, interface)
    return {layer.name: layer_terms(layer, [values[name] for name in layer.inputs], beats) for layer in network.layers}


def _input_terms(network: Network, interface: Interface) -> int:
    beats = value_beats(network, interface)
    return sum(_side_by_side(source.value, beats) for source in network.inputs)


def check_size(network: Network, interface: Interface) -> None:
    """Refuse what would not fit, before memory fills.

    Raises:
        UnsupportedError: more than ``MOST_TERMS`` terms.
    """
    terms = _terms(network, interface)
    total = sum(terms.values()) + _input_terms(network, interface)
    if total > MOST_TERMS:
        largest = max(terms, key=terms.__getitem__, default="")
        share = f", {terms[largest]:,} of them in layer {largest!r}" if largest else ""
        kind = "fully parallel" if interface is Interface.PARALLEL else "streaming"
        spatial = any(isinstance(layer, Conv | MaxPool) for layer in network.layers)
        stream = "stream its pixels (--io stream), " if interface is Interface.PARALLEL and spatial else ""
        raise UnsupportedError(
            f"network {network.name!r} is too large to unroll: a {kind} circuit adds or compares {total:,} "
            f"terms (signed digits of weights, steps, windows, codes){share}, and at most {MOST_TERMS:,} are built; "
            f"{stream}prune or quantize it further, or build HLS C++ (--target hls)."
        )


def layer_terms(layer: Layer, given: Sequence[Value], beats: Beats) -> int:
    """Terms that a layer adds, multiplies, compares, chooses from or gathers; ``given`` are its inputs."""
    gathered = 0
    if beats[layer.output.name] == 1 and not isinstance(layer, Conv | MaxPool):
        gathered = sum(value.size for value in given if beats[value.name] > 1)
    return gathered + _own_terms(layer, given, beats)


def _own_terms(layer: Layer, given: Sequence[Value], beats: Beats) -> int:
    size = _side_by_side(layer.output, beats)
    match layer:
        case Dense():
            return size + _digits(layer.weight.code)
        case Conv():
            return size + _digits(layer.weight.code) * (size // layer.output.shape[-1])
        case MaxPool():
            return size * prod(layer.window)
        case StepFunction():
            return size * (1 + int(layer.thresholds.shape[1]))
        case Relu() | Requantize():
            return size
        case Merge(operation=MergeOperation.MULTIPLY):
            return size * min(value.type.width for value in given)  # rows of a multiplier
        case Merge():
            return size * len(given)
        case ArgMax():
            return 2 * size * given[0].shape[-1]
        case Reshape() | Rearrange() | Concatenate():
            return 0
        case _:
            assert_never(layer)


def _side_by_side(value: Value, beats: Beats) -> int:
    """Codes of a beat."""
    return value.size // beats[value.name]


def _digits(codes: IntArray) -> int:
    distinct, numbers = np.unique(codes, return_counts=True)
    total = 0
    for code, number in zip(distinct.tolist(), numbers.tolist(), strict=True):
        total += number * len(signed_digits(code))
    return total
