"""A Network as the view of a dataflow: functions that read and write streams, and the FIFOs between them."""

from collections.abc import Mapping
from dataclasses import dataclass

from hwgen.emit.layer_files import part_files, table_files, unused
from hwgen.emit.layers import Ports, SourceArray, Surroundings
from hwgen.emit.liveness import Live, live_codes
from hwgen.emit.names import Names
from hwgen.emit.strategy import Strategy
from hwgen.emit.stream_depths import fifo_depths
from hwgen.emit.stream_layers import StreamLayerView, stream_layer_view
from hwgen.emit.stream_plan import Process, Role, StreamPlan, beats_of, stream_plan
from hwgen.emit.values import PartFile, Port, TableFile, Unused, ValueView, names_around, port, value_views
from hwgen.ir import Conv, Dense, Interval, Layer, Network, network_text, value_ranges


@dataclass(frozen=True, slots=True)
class FifoView:
    """A stream between two functions."""

    name: str
    type: str
    depth: int


@dataclass(frozen=True, slots=True)
class Clone:
    """A function that gives ``copies`` readers a stream each."""

    function: str
    value: ValueView
    copies: int


@dataclass(frozen=True, slots=True)
class Shown:
    """A layer whose codes are traced, as pixels of a stream."""

    index: int
    stream: str
    beats: int


@dataclass(frozen=True, slots=True)
class Call:
    """One process inside the top function; ``wires`` are sentences about layers that have none."""

    function: str
    arguments: tuple[str, ...]
    traces: tuple[Shown, ...]
    wires: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class StreamView:
    """Everything that the templates of a project need to know about the network, as in ``NetworkView``.

    Attributes:
        fifos: in the order in which they are written.
        clones: functions that copy streams.
        calls: the processes, in an order in which each finds its inputs complete.
    """

    name: str
    guard: str
    text: tuple[str, ...]
    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]
    values: tuple[ValueView, ...]
    layers: tuple[StreamLayerView, ...]
    fifos: tuple[FifoView, ...]
    clones: tuple[Clone, ...]
    calls: tuple[Call, ...]
    parts: tuple[PartFile, ...]
    unused: tuple[Unused, ...]
    tables: tuple[TableFile, ...]
    call: str

    streamed = True

    @property
    def header(self) -> str:
        """The header that callers with arrays include; ``call`` the function that they call."""
        return f"{self.name}_arrays"


def stream_view(network: Network, strategy: Strategy) -> StreamView:
    """Turn a checked network into the strings of a dataflow.

    Raises:
        InputError: a top function cannot have the network's name.
    """
    names = names_around(network)
    inputs = [(names.take(source.value.name), source.value.name) for source in network.inputs]
    outputs = [(names.take(name), name) for name in network.outputs]
    ranges = value_ranges(network)
    plan = stream_plan(network, names)
    wires = {name: carrier for name, carrier in plan.carriers.items() if name != carrier}
    values = value_views(network, ranges, wires, names)
    read = tuple(port(given, values[name], "read", names) for given, name in inputs)
    written = tuple(port(given, values[name], "write", names) for given, name in outputs)
    builder = _Builder(network, strategy, plan, ranges, values, names)
    calls = builder.calls(read, written)
    depths = fifo_depths(plan)
    return StreamView(
        name=network.name,
        guard=network.name.upper(),
        text=tuple(network_text(network).splitlines()),
        inputs=read,
        outputs=written,
        values=tuple(values.values()),
        layers=tuple(builder.layers),
        fifos=tuple(FifoView(fifo.name, builder.pixel(fifo.carried), depths[fifo.name]) for fifo in plan.fifos),
        clones=tuple(builder.clones),
        calls=calls,
        parts=part_files(network.name, builder.layers),
        unused=unused(builder.layers),
        tables=table_files(builder.layers),
        call=names.take(f"{network.name}_of_arrays"),
    )


class _Builder:
    """Writes the functions of the processes, and the calls."""

    def __init__(
        self,
        network: Network,
        strategy: Strategy,
        plan: StreamPlan,
        ranges: Mapping[str, Interval],
        values: Mapping[str, ValueView],
        names: Names,
    ) -> None:
        self.network, self.strategy, self.plan = network, strategy, plan
        self.ranges, self.values, self.names = ranges, values, names
        self.live: Mapping[str, Live] = live_codes(network)
        self.layers: list[StreamLayerView] = []
        self.clones: list[Clone] = []
        self.index = {layer.name: number for number, layer in enumerate(network.layers)}

    def pixel(self, value: str) -> str:
        """C++ type of a beat of codes."""
        view = self.values[value]
        return f"pixel<{view.code_type}, {view.channels}>"

    def calls(self, inputs: tuple[Port, ...], outputs: tuple[Port, ...]) -> tuple[Call, ...]:
        waiting, leaving = list(inputs), list(outputs)
        found: list[Call] = []
        for process in self.plan.processes:
            streams = (*process.reads, *process.writes)
            match process.role:
                case Role.READ:
                    given = waiting.pop(0)
                    function, streams = given.function, (given.name, *streams)
                case Role.WRITE:
                    given = leaving.pop(0)
                    function, streams = given.function, (*streams, given.name)
                case Role.CLONE:
                    function = self.names.take(f"clone_{process.value}")
                    self.clones.append(Clone(function, self.values[process.value], len(process.writes)))
                case Role.DRAIN:
                    function = f"drain<{self.values[process.value].beats}>"
                case Role.LAYER:
                    assert process.layer is not None, "a process of a layer has it"
                    function = self._function(process.layer)
            found.append(Call(function, streams, self._traces(process), self._wires(process)))
        return tuple(found)

    def _function(self, layer: Layer) -> str:
        named = [self.plan.carriers[name] if isinstance(layer, Dense) else name for name in layer.inputs]
        sources = [self.values[name] for name in named]
        output = self.values[layer.output.name]
        arrays = ["x"] if len(sources) == 1 else [f"x{number}" for number in range(len(sources))]
        ports = Ports(
            title=f"{layer.name} ({type(layer).__name__})",
            function=self.names.take(f"compute_{layer.name}"),
            schedule="",
            sources=tuple(
                SourceArray(array, source.code_type, source.channels)
                for array, source in zip(arrays, sources, strict=True)
            ),
            y_type=output.code_type,
            y_size=output.channels,
            inputs=layer.weight.size // layer.weight.shape[-1]
            if isinstance(layer, Dense | Conv)
            else sources[0].channels,
            outputs=output.channels,
            beats=beats_of(self.network.value(named[0]) if isinstance(layer, Dense) else layer.output),
        )
        around = Surroundings(
            tuple(self.network.value(name) for name in layer.inputs),
            tuple(self.ranges[name] for name in layer.inputs),
            self.live[layer.output.name],
            output.type,
            self.strategy,
            self.names,
        )
        self.layers.append(stream_layer_view(layer, ports, around))
        return ports.function

    def _traces(self, process: Process) -> tuple[Shown, ...]:
        if process.role not in (Role.READ, Role.LAYER):
            return ()
        beats = self.values[process.value].beats
        return tuple(Shown(self.index[name], process.writes[0], beats) for name in process.shown)

    def _wires(self, process: Process) -> tuple[str, ...]:
        own = None if process.layer is None else process.layer.name
        return tuple(
            f"{name}: the codes of {process.value} in the same order, so it is the same stream."
            for name in process.shown
            if name != own
        )


def _operands(layer: Layer) -> int:
    """Codes that a sum of the layer reads; 0 where it has no sums."""
    return layer.weight.size // layer.weight.shape[-1] if isinstance(layer, Dense | Conv) else 0
