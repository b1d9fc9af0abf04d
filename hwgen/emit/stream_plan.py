"""``StreamPlan``: a Network as a dataflow, processes with FIFOs of pixels between them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import assert_never

import numpy as np

from hwgen.emit.names import Names
from hwgen.emit.stream_order import stream_order
from hwgen.emit.stream_program import Program, beat_by_beat, collected, drained, in_turn
from hwgen.emit.stream_window import stream_window
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


class Role(Enum):
    """What a process is for."""

    READ = "read"  # takes an input of the network from its port
    LAYER = "layer"
    CLONE = "clone"  # gives every reader of a value a stream of its own
    DRAIN = "drain"  # takes what nobody reads
    WRITE = "write"  # brings an output of the network to its port


@dataclass(frozen=True, slots=True)
class Process:
    """One function of the dataflow.

    Attributes:
        value: the value that it makes, passes on or takes away.
        layer: that it computes, None for the others.
        reads, writes: names of FIFOs, in the order of its arguments; ports of the network are not among them.
        program: its steps. Bits of ``program.reads`` stand for ``reads``; of a ``READ`` for the port.
        latency: cycles from a step's reading to its writing that depths of FIFOs are computed with.
        shown: layers whose codes are what it writes: itself, and the wires behind it.
    """

    role: Role
    value: str
    layer: Layer | None
    reads: tuple[str, ...]
    writes: tuple[str, ...]
    program: Program
    latency: int
    shown: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Fifo:
    """A stream between two processes; ``carried`` is the value whose pixels it holds."""

    name: str
    carried: str


@dataclass(frozen=True, slots=True)
class StreamPlan:
    """Processes in an order in which each finds its inputs complete.

    Attributes:
        carriers: for each value the one whose pixels bring its codes: itself, but for reshaped ones that are wires.
    """

    processes: tuple[Process, ...]
    fifos: tuple[Fifo, ...]
    carriers: Mapping[str, str]


def beats_of(value: Value) -> int:
    """Pixels of a value: a pixel is its last axis."""
    return value.size // value.shape[-1]


def stream_plan(network: Network, names: Names) -> StreamPlan:
    """Lay a network out as processes."""
    return _Planner(network, names).run()


class _Planner:
    def __init__(self, network: Network, names: Names) -> None:
        self.network, self.names, self.values = network, names, network.values()
        self.carriers = _carriers(network)
        self.processes: list[Process] = []
        self.fifos: list[Fifo] = []
        self.ready: dict[str, list[str]] = {}  # by carrier: FIFOs that still wait for a reader

    def run(self) -> StreamPlan:
        for source in self.network.inputs:
            value = source.value
            self._make(Role.READ, value.name, None, (), beat_by_beat(beats_of(value)), 1)
        for layer in self.network.layers:
            name = layer.output.name
            if self.carriers[name] == name:
                self._layer(layer)
        for name in self.network.outputs:
            program = beat_by_beat(beats_of(self.values[name]))
            self.processes.append(Process(Role.WRITE, name, None, (self._take(name),), (), program, 1))
        return StreamPlan(tuple(self.processes), tuple(self.fifos), self.carriers)

    def _layer(self, layer: Layer) -> None:
        # What a dense layer collects may come in any pixels; to all others a value comes in its own.
        named = [self.carriers[name] if isinstance(layer, Dense) else name for name in layer.inputs]
        sources = [self.values[name] for name in named]
        reads = tuple(self._take(name) for name in layer.inputs)
        program = layer_program(layer, sources)
        self._make(Role.LAYER, layer.output.name, layer, reads, program, _latency(layer))

    def _make(
        self, role: Role, value: str, layer: Layer | None, reads: tuple[str, ...], program: Program, latency: int
    ) -> None:
        """Add the process that makes a value, and what its readers need."""
        made = self._fifo(value)
        shown = tuple(each.name for each in self.network.layers if self.carriers[each.output.name] == value)
        self.processes.append(Process(role, value, layer, reads, (made,), program, latency, shown))
        readers = self._readers(value)
        beats = beats_of(self.values[value])
        if readers == 0:
            self.processes.append(Process(Role.DRAIN, value, None, (made,), (), drained(beats), 1))
        elif readers == 1:
            self.ready[value] = [made]
        else:
            copies = [self._fifo(value) for _ in range(readers)]
            self.processes.append(
                Process(Role.CLONE, value, None, (made,), tuple(copies), beat_by_beat(beats), 1),
            )
            self.ready[value] = copies

    def _readers(self, carrier: str) -> int:
        read = [
            name
            for layer in self.network.layers
            if self.carriers[layer.output.name] == layer.output.name
            for name in layer.inputs
        ]
        return sum(self.carriers[name] == carrier for name in [*read, *self.network.outputs])

    def _take(self, name: str) -> str:
        return self.ready[self.carriers[name]].pop(0)

    def _fifo(self, value: str) -> str:
        fifo = Fifo(self.names.take(f"{value}_stream"), value)
        self.fifos.append(fifo)
        return fifo.name


def _carriers(network: Network) -> dict[str, str]:
    """A ``Reshape`` is wires where pixels stay pixels, and where only dense layers, which collect them, read it."""
    carriers = {source.value.name: source.value.name for source in network.inputs}
    values = network.values()
    for layer in network.layers:
        name = layer.output.name
        carriers[name] = name
        if isinstance(layer, Reshape):
            carrier = carriers[layer.input]
            readers = [other for other in network.layers if name in other.inputs]
            collected_only = name not in network.outputs and all(isinstance(other, Dense) for other in readers)
            if values[carrier].shape[-1] == layer.output.shape[-1] or collected_only:
                carriers[name] = carrier
    return carriers


def layer_program(layer: Layer, sources: Sequence[Value]) -> Program:
    """When a layer reads and writes.

    Args:
        sources: the values whose pixels come in.
    """
    match layer:
        case Conv() | MaxPool():
            return stream_window(layer, sources[0]).program()
        case Dense():
            return collected(beats_of(sources[0]))
        case Reshape() | Rearrange():
            return stream_order(layer, sources[0]).program()
        case Concatenate():
            return _joined(layer, sources)
        case Merge():
            return beat_by_beat(beats_of(layer.output), len(sources))
        case ArgMax() | Relu() | Requantize() | StepFunction():
            return beat_by_beat(beats_of(layer.output))
        case _:
            assert_never(layer)


def _joined(layer: Concatenate, sources: Sequence[Value]) -> Program:
    """Along the last axis, pixels of all inputs become one; along another, pixels pass one after another."""
    if joins_pixels(layer):
        return beat_by_beat(beats_of(layer.output), len(sources))
    runs = [beats // blocks for beats, blocks in ((beats_of(s), _blocks(layer)) for s in sources)]
    return in_turn([number for _ in range(_blocks(layer)) for number, run in enumerate(runs) for _ in range(run)])


def joins_pixels(layer: Concatenate) -> bool:
    return layer.axis == len(layer.output.shape) - 1


def _blocks(layer: Concatenate) -> int:
    return int(np.prod(layer.output.shape[: layer.axis]))


def _latency(layer: Layer) -> int:
    """A cycle, and of sums one for each level of a tree of adders: an assumption, since the HLS compiler schedules."""
    if not isinstance(layer, Dense | Conv) or not layer.weight.index.size:
        return 1
    terms = int(np.bincount(layer.weight.index % layer.weight.shape[-1]).max())
    return 1 + (terms + 1).bit_length()
