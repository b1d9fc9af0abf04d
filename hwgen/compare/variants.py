"""A network pruned and its weights made coarser after training, without training again.

Each layer with weights loses its smallest ones, and keeps so many bits of the others. Types stay, so that whatever
reads a sum reads it as before: a weight of fewer bits is a multiple of a power of two, which costs hardware nothing.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import assert_never

import numpy as np

from hwgen.errors import InputError
from hwgen.fixed import FixedType, IntArray
from hwgen.ir import (
    ArgMax,
    Concatenate,
    Conv,
    Dense,
    Layer,
    MaxPool,
    Merge,
    Network,
    Rearrange,
    Relu,
    Requantize,
    Reshape,
    SparseTensor,
    StepFunction,
    Value,
    check_network,
)
from hwgen.ir.interval import Interval
from hwgen.ir.ranges import input_interval, layer_interval


def variant(network: Network, sparsity: float, bits: int | None) -> Network:
    """The network with fewer and coarser weights.

    Args:
        sparsity: share of each layer's weights that is zero at least, 0 to 1; those nearest to zero go first.
        bits: of each weight, sign included, in its layer's range; None leaves them. A layer of fewer keeps what it has.
    Raises:
        InputError: a share or a number of bits that makes no sense.
    """
    if not 0 <= sparsity <= 1:
        raise InputError(f"a sparsity is a share from 0 to 1, got {sparsity:g}.")
    if bits is not None and bits < 1:
        raise InputError(f"a weight has at least 1 bit, got {bits}.")
    values: dict[str, Value] = {}
    ranges: dict[str, Interval] = {}
    for source in network.inputs:
        values[source.value.name] = source.value
        ranges[source.value.name] = input_interval(source.value)
    layers: list[Layer] = []
    for layer in network.layers:
        made: Layer = layer
        if isinstance(layer, Dense | Conv):
            made = replace(layer, weight=_coarser(_pruned(layer.weight, layer.entries, sparsity), bits))
        made = _widened(made, values, ranges)
        layers.append(made)
        values[made.output.name] = made.output
    return check_network(replace(network, layers=tuple(layers), exactness=()))


def _pruned(weight: SparseTensor, entries: int, sparsity: float) -> SparseTensor:
    kept = entries - round(sparsity * entries)
    if weight.nonzeros <= kept:
        return weight
    # Of equal ones, the first stay: a stable order makes the result the same everywhere.
    largest = np.sort(np.argsort(-np.abs(weight.code), kind="stable")[:kept])
    return SparseTensor(weight.shape, weight.type, weight.index[largest], weight.code[largest])


def _coarser(weight: SparseTensor, bits: int | None) -> SparseTensor:
    drop = 0 if bits is None else weight.type.width - bits
    if drop <= 0:
        return weight
    kind = FixedType(weight.type.signed, weight.type.width - drop, 0)
    code = np.clip(_half_even(weight.code, drop), kind.min_code, kind.max_code) << drop
    left = code != 0
    return SparseTensor(weight.shape, weight.type, weight.index[left], code[left])


def _half_even(code: IntArray, drop: int) -> IntArray:
    """``code / 2**drop``, ties to the even neighbour."""
    down = code >> drop
    twice = (code - (down << drop)) << 1
    up = (twice > 1 << drop) | ((twice == 1 << drop) & (down & 1 == 1))
    return np.asarray(down + up, dtype=np.int64)


def _widened(layer: Layer, values: Mapping[str, Value], ranges: dict[str, Interval]) -> Layer:
    """The layer with an output type that holds what it reaches: rounding may have made a sum larger."""
    given = [values[name] for name in layer.inputs]
    found = layer_interval(layer, given, [ranges[name] for name in layer.inputs])
    ranges[layer.output.name] = found
    match layer:
        case Reshape() | MaxPool():
            kind = given[0].type
        case Requantize() | StepFunction() | ArgMax():
            return layer
        case Dense() | Conv() | Merge() | Relu() | Concatenate() | Rearrange():
            kind, (low, high) = layer.output.type, found.bounds
            if not kind.holds(low, high):
                kind = FixedType.holding(low, high, kind.fraction)
        case _:
            assert_never(layer)
    return replace(layer, output=replace(layer.output, type=kind))
