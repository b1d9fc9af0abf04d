"""``lower``: a Network to a Circuit, layer by layer, every sum proven."""

from dataclasses import dataclass, replace
from typing import assert_never

from hwgen.circuit.builder import Builder
from hwgen.circuit.circuit import Circuit, Port, Word, latency_cycles
from hwgen.circuit.interface import Interface, default_interface, value_beats, within_beats
from hwgen.circuit.merge import argmax_words, join_words
from hwgen.circuit.operations import Clip, Constant, Gather, Queued, Read, Starting, sources
from hwgen.circuit.quantize import requantize_word, step_word
from hwgen.circuit.schedule import ClockPlan, stages
from hwgen.circuit.size import check_size
from hwgen.circuit.spatial import parallel_conv, parallel_pool, stream_conv, stream_pool
from hwgen.circuit.streams import Source, Stream, with_depths
from hwgen.circuit.target import Optimize, Target
from hwgen.errors import UnsupportedError
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


def lower(
    network: Network,
    target: Target,
    plan: ClockPlan,
    interface: Interface | None = None,
    optimize: Optimize = Optimize.LUTS,
    effort: str = "normal",
) -> Circuit:
    """Build a pipelined circuit.

    Args:
        interface: how samples come; None for a stream where there is a convolution, else parallel.
        optimize: for few LUTs, or for few rows of logic from input to output.
        effort: of the search for few LUTs, as in ``solve``.
    Raises:
        UnsupportedError: a network too large to unroll, or one whose pixels cannot come in a stream.
        CircuitError: a sum needs more than 62 bits.
        InputError: a latency that streams cannot have.
    """
    interface = default_interface(network) if interface is None else interface
    check_size(network, interface)
    if optimize is Optimize.LATENCY:
        target, effort = replace(target, carry_save=False), "none"
    lowering = _Lowering(network, target, interface, effort)
    build = lowering.build
    for layer in network.layers:
        lowering.layer(layer)
    counts = [lowering.beats[name] for name in network.outputs]
    if len(set(counts)) > 1:
        raise UnsupportedError(
            f"network {network.name!r}: its outputs {', '.join(map(repr, network.outputs))} leave in "
            f"{' and '.join(map(str, counts))} beats of a stream; build it in parallel (--io parallel) or as HLS C++ "
            f"(--target hls)."
        )
    placed = lowering.joined([lowering.placed[name] for name in network.outputs], _free("outputs", network))
    results = tuple(tuple(each.words) for each in placed)

    def latency(stage: list[int]) -> int:
        return latency_cycles(_timed(build, stage), stage, build.stream_of, results)

    stage = stages(build.operations, plan, latency)
    words = tuple(
        Word(name, layer_name, operation, at, low, high, stream)
        for name, layer_name, operation, at, (low, high), stream in zip(
            build.names, build.layers, build.operations, stage, build.ranges, build.stream_of, strict=True
        )
    )
    return Circuit(
        network.name,
        target,
        tuple(_port(source.value, build.streams[0].beats) for source in network.inputs),
        _timed(build, stage),
        words,
        tuple(
            _port(network.value(name), build.streams[each.stream].beats)
            for name, each in zip(network.outputs, placed, strict=True)
        ),
        results,
        tuple((layer.output.name, tuple(lowering.placed[layer.output.name].words)) for layer in network.layers),
        latency(stage),
    ).check()


def _free(name: str, network: Network) -> str:
    """The name, or one like it that no layer has."""
    while any(layer.name == name for layer in network.layers):
        name += "_"
    return name


def _port(value: Value, beats_of_sample: int) -> Port:
    return Port(value.name, value.shape, value.type, beats_of_sample)


def _timed(build: Builder, stage: list[int]) -> tuple[Stream, ...]:
    """The streams, each taking words of its source when the last of them is there."""
    taken: dict[tuple[int, int], int] = {}
    for operation, stream in zip(build.operations, build.stream_of, strict=True):
        if isinstance(operation, Starting):
            for word in sources(operation):
                edge = (build.stream_of[word], stream)
                taken[edge] = max(taken.get(edge, 0), stage[word])
    timed = [
        replace(stream, sources=tuple(Source(s.stream, taken.get((s.stream, number), 0)) for s in stream.sources))
        for number, stream in enumerate(build.streams)
    ]
    return with_depths(timed)


@dataclass(frozen=True, slots=True)
class _Placed:
    """A value: the words of a beat of its codes, and their stream."""

    words: list[int]
    stream: int


class _Lowering:
    """The circuit so far, and where each value of the network is in it."""

    def __init__(self, network: Network, target: Target, interface: Interface, effort: str) -> None:
        self.values = network.values()
        self.beats = value_beats(network, interface)
        types = [source.value.type for source in network.inputs]
        count = self.beats[network.inputs[0].value.name]
        self.build = Builder([(t.min_code, t.max_code) for t in types], target, Stream("in", count), effort)
        self.placed: dict[str, _Placed] = {}
        for port, source in enumerate(network.inputs):
            value = source.value
            words = [self.build.add(Read(port, i), value.name, f"{value.name}_{i}") for i in range(value.size // count)]
            self.placed[value.name] = _Placed(words, 0)

    def layer(self, layer: Layer) -> None:
        """Build a layer and place its value."""
        given = [self.placed[name] for name in layer.inputs]
        if self.beats[layer.output.name] == 1 and not isinstance(layer, Conv | MaxPool):
            given = self._gathered(given, layer.name)
        given = self.joined(given, layer.name)
        self.build.stream = given[0].stream
        words = [each.words for each in given]
        if isinstance(layer, Merge | Concatenate):
            made = join_words(self.build, layer, [self.values[name] for name in layer.inputs], words)
        else:
            made = self._words(layer, words[0])
        self.placed[layer.output.name] = _Placed(made, self.build.stream)

    def joined(self, given: list[_Placed], stream: str) -> list[_Placed]:
        """Values that are to be read together, in one stream; they come in as many beats.

        Args:
            stream: name of the stream that joins them.
        """
        build = self.build
        streams = sorted({each.stream for each in given})
        if len(streams) == 1:
            return given
        build.start(Stream(stream, build.streams[streams[0]].beats, tuple(Source(number) for number in streams)))
        queued: dict[int, int] = {}
        for each in given:
            for word in each.words:
                if word not in queued:
                    queued[word] = build.add(Queued(word), stream, f"{stream}_of_{build.names[word]}")
        return [_Placed([queued[word] for word in each.words], build.stream) for each in given]

    def _words(self, layer: SingleInput, given: list[int]) -> list[int]:
        build, shape = self.build, self.values[layer.input].shape
        stream = self.beats[layer.input] > 1
        match layer:
            case Dense():
                return build.sums(layer.name, layer.weight.dense(), layer.bias.tolist(), given, layer.name)
            case Conv():
                return (
                    stream_conv(build, layer, given, shape[:-1])
                    if stream
                    else parallel_conv(build, layer, given, shape)
                )
            case MaxPool():
                return (
                    stream_pool(build, layer, given, shape[:-1])
                    if stream
                    else parallel_pool(build, layer, given, shape)
                )
            case Reshape():
                return given
            case Rearrange():
                return self._rearrange(layer, given)
            case ArgMax():
                return argmax_words(build, layer, given, shape[-1])
            case Relu():
                return [
                    build.add(Clip(w, 0, max(0, build.ranges[w][1])), layer.name, f"{layer.name}_{i}")
                    for i, w in enumerate(given)
                ]
            case Requantize():
                shift = self.values[layer.input].type.fraction - layer.output.type.fraction
                return [requantize_word(build, layer, shift, w, f"{layer.name}_{i}") for i, w in enumerate(given)]
            case StepFunction():
                channels = layer.output.shape[-1]
                return [step_word(build, layer, i % channels, w, f"{layer.name}_{i}") for i, w in enumerate(given)]
            case _:
                assert_never(layer)

    def _gathered(self, given: list[_Placed], layer: str) -> list[_Placed]:
        """Whole samples in one beat, side by side in C order; what is gathered already stays.

        Args:
            layer: that starts the streams of those that are not.
        """
        build = self.build
        found: dict[int, _Placed] = {}
        for each in given:
            beats = build.streams[each.stream].beats
            if beats == 1:
                found[id(each)] = each
            elif id(each) not in found:
                build.start(Stream(layer, 1, (Source(each.stream),)))
                name = f"{layer}_gathered{len(found)}"
                words = [
                    build.add(Gather(word, beat), layer, f"{name}_{beat * len(each.words) + i}")
                    for beat in range(beats)
                    for i, word in enumerate(each.words)
                ]
                found[id(each)] = _Placed(words, build.stream)
        return [found[id(each)] for each in given]

    def _rearrange(self, layer: Rearrange, given: list[int]) -> list[int]:
        """Wires: every beat is made of codes of the same beat."""
        build = self.build
        within = within_beats(layer, self.values[layer.input], self.beats[layer.output.name])
        assert within is not None
        places = within.tolist()
        if -1 not in places:
            return [given[place] for place in places]
        zero = build.add(Constant(0), layer.name, f"{layer.name}_zero")
        return [zero if place < 0 else given[place] for place in places]
