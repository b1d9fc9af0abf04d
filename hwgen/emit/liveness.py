"""Which codes of each value anything reads: a neuron that nothing reads is not built."""

from collections.abc import Mapping
from typing import assert_never

import numpy as np
from numpy.typing import NDArray

from hwgen.ir import Conv, Dense, Layer, MaxPool, Network, Relu, Requantize, Reshape, StepFunction, Value

Live = NDArray[np.bool_]


def live_codes(network: Network) -> Mapping[str, Live]:
    """For every value, by name: (size,) whether an output of the network depends on that code."""
    live = {name: np.zeros(value.size, dtype=bool) for name, value in network.values().items()}
    for name in network.outputs:
        live[name][:] = True
    for layer in reversed(network.layers):
        live[layer.input] |= _read(layer, network.value(layer.input), live[layer.output.name])
    return live


def _read(layer: Layer, source: Value, live: Live) -> Live:
    """Codes of ``source`` that the live codes of the layer's output depend on; at least those."""
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
        case Reshape() | Relu() | Requantize() | StepFunction():
            return live
        case _:
            assert_never(layer)


def channel_live(live: Live, value: Value) -> Live:
    """(channels,) whether any position of a channel is live."""
    return np.asarray(live.reshape(-1, value.shape[-1]).any(axis=0))
