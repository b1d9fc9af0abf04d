"""``Interface``: how the codes of a sample enter a circuit, as hls4ml's ``io_parallel`` and ``io_stream``.

From it follows in how many beats each value comes.
"""

from collections.abc import Mapping
from enum import Enum
from typing import assert_never

import numpy as np

from hwgen.errors import UnsupportedError
from hwgen.fixed import IntArray
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
    StepFunction,
    Value,
)


class Interface(Enum):
    """How samples come, and so how layers are built."""

    PARALLEL = "parallel"  # a sample a cycle: every code has its own wires, every layer stands there in full
    STREAM = "stream"  # a pixel with all its channels a cycle: windows slide, what has no pixels is parallel


Beats = Mapping[str, int]  # by value: in how many beats its codes come, as many of them side by side in each


def default_interface(network: Network) -> Interface:
    """A stream where there is a convolution, unless inputs differ in their number of pixels."""
    streams = any(isinstance(layer, Conv) for layer in network.layers) and len(set(_pixels_of_inputs(network))) == 1
    return Interface.STREAM if streams else Interface.PARALLEL


def value_beats(network: Network, interface: Interface) -> Beats:
    """In how many beats each value comes.

    In a stream an image comes a pixel a beat, and what a window makes of it too. Where codes of different beats meet in
    another way than in a window, the whole sample is gathered, and what follows has all of it in one beat.

    Raises:
        UnsupportedError: several inputs of different numbers of pixels.
    """
    if interface is Interface.PARALLEL:
        return dict.fromkeys(network.values(), 1)
    counts = _pixels_of_inputs(network)
    if len(set(counts)) > 1:
        raise UnsupportedError(
            f"network {network.name!r}: its {len(counts)} inputs would come in {', '.join(map(str, counts))} beats of "
            f"a stream, and they have to come together; build it in parallel (--io parallel) or as HLS C++ "
            f"(--target hls)."
        )
    values = network.values()
    beats = {source.value.name: counts[0] for source in network.inputs}
    for layer in network.layers:
        given = {beats[name] for name in layer.inputs}
        # Values of different beats meet only as whole samples.
        beats[layer.output.name] = 1 if len(given) > 1 else _output_beats(layer, values[layer.inputs[0]], given.pop())
    return beats


def _output_beats(layer: Layer, source: Value, now: int) -> int:
    """Beats of a layer's output, where all that it reads comes in ``now`` of them."""
    if now == 1:
        return 1
    match layer:
        case Conv() | MaxPool() | Reshape():
            made = pixels(layer.output)
            return made if made == now or not isinstance(layer, Reshape) else 1
        case Rearrange():
            # A pixel repeated beside itself would be several in a beat, and what reads a beat takes it for one.
            return now if pixels(layer.output) == now and within_beats(layer, source, now) is not None else 1
        case Concatenate():
            return now if layer.axis == len(layer.output.shape) - 1 else 1
        case Dense():
            return 1
        case Merge() | ArgMax() | Relu() | Requantize() | StepFunction():
            return now
        case _:
            assert_never(layer)


def within_beats(layer: Rearrange, source: Value, beats: int) -> IntArray | None:
    """(codes of a beat of the output) where each comes from in the same beat of the source, -1 for zero; None where
    codes move between beats, or not in all beats alike."""
    if layer.output.size % beats:
        return None
    index = layer.index.reshape(beats, -1)
    codes = source.size // beats
    within = np.where(index < 0, -1, index - np.arange(beats)[:, None] * codes)
    inside = (within == within[0]).all() and within.min() >= -1 and within.max() < codes
    return within[0] if inside else None


def pixels(value: Value) -> int:
    """Positions of a value, each with all its channels."""
    return value.size // value.shape[-1]


def _pixels_of_inputs(network: Network) -> list[int]:
    """Pixels of each input; a vector that is only reshaped to an image comes as that image."""
    counts = []
    for source in network.inputs:
        readers = [layer for layer in network.layers if source.value.name in layer.inputs]
        images = {pixels(layer.output) for layer in readers if isinstance(layer, Reshape)}
        only_reshaped = len(images) == 1 and all(isinstance(layer, Reshape) for layer in readers)
        counts.append(images.pop() if only_reshaped and len(source.value.shape) == 1 else pixels(source.value))
    return counts
