"""Which codes of each value anything reads: a neuron that nothing reads is not built."""

from collections.abc import Mapping, Sequence
from typing import assert_never

import numpy as np
from numpy.typing import NDArray

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
    SingleInput,
    StepFunction,
    Value,
)

Live = NDArray[np.bool_]


def live_codes(network: Network) -> Mapping[str, Live]:
    """For every value, by name: (size,) whether an output of the network depends on that code."""
    live = {name: np.zeros(value.size, dtype=bool) for name, value in network.values().items()}
    for name in network.outputs:
        live[name][:] = True
    for layer in reversed(network.layers):
        sources = [network.value(name) for name in layer.inputs]
        for name, read in zip(layer.inputs, _read(layer, sources, live[layer.output.name]), strict=True):
            live[name] |= read
    return live


def _read(layer: Layer, sources: Sequence[Value], live: Live) -> list[Live]:
    """Codes of each source that the live codes of the layer's output depend on; at least those."""
    match layer:
        case Merge():
            return [live] * len(sources)
        case Concatenate():
            ends = np.cumsum([source.shape[layer.axis] for source in sources])[:-1]
            parts = np.split(live.reshape(layer.output.shape), ends, axis=layer.axis)
            return [part.ravel() for part in parts]
        case _:
            return [_read_one(layer, sources[0], live)]


def _read_one(layer: SingleInput, source: Value, live: Live) -> Live:
    match layer:
        case Dense():
            row, column = np.divmod(layer.weight.index, layer.weight.shape[1])
            read = np.zeros(source.size, dtype=bool)
            read[row[live[column]]] = True
            return read
        case Conv():
            row, column = np.divmod(layer.weight.index, layer.weight.shape[-1])
            channels = source.shape[-1]
            read = np.zeros(channels, dtype=bool)
            read[row[channel_live(live, layer.output)[column]] % channels] = True
            return np.tile(read, source.size // channels)
        case MaxPool():
            return np.tile(channel_live(live, layer.output), source.size // source.shape[-1])
        case Rearrange():
            read = np.zeros(source.size, dtype=bool)
            index = layer.index.ravel()
            read[index[live & (index >= 0)]] = True
            return read
        case ArgMax():
            return np.repeat(live, source.shape[-1])
        case Reshape() | Relu() | Requantize() | StepFunction():
            return live
        case _:
            assert_never(layer)


def channel_live(live: Live, value: Value) -> Live:
    """(channels,) whether any position of a channel is live."""
    return np.asarray(live.reshape(-1, value.shape[-1]).any(axis=0))
