"""A Network as the view that the project's templates show: names, types, layers and calls as finished strings."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from hwgen.emit.layer_files import part_files, table_files, unused
from hwgen.emit.layers import LayerView, Ports, SourceArray, Surroundings, layer_view
from hwgen.emit.liveness import live_codes
from hwgen.emit.names import Names
from hwgen.emit.strategy import Strategy
from hwgen.emit.values import PartFile, Port, TableFile, Unused, ValueView, names_around, port, value_views
from hwgen.ir import Conv, Dense, Interval, MaxPool, Network, Reshape, network_text, value_ranges


@dataclass(frozen=True, slots=True)
class Step:
    """One layer inside the top function; ``function`` is "" for wires."""

    index: int
    layer: str
    function: str
    sources: tuple[ValueView, ...]
    output: ValueView


@dataclass(frozen=True, slots=True)
class NetworkView:
    """Everything that the templates of a project need to know about the network.

    Attributes:
        text: the network's text form, line by line.
        schedule: the HLS pragma of the top function, "" for none.
        parts: neurons that are in files of their own.
        unused: neurons that are compiled only for tracing.
    """

    name: str
    guard: str
    text: tuple[str, ...]
    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]
    values: tuple[ValueView, ...]
    layers: tuple[LayerView, ...]
    steps: tuple[Step, ...]
    schedule: str
    parts: tuple[PartFile, ...]
    unused: tuple[Unused, ...]
    tables: tuple[TableFile, ...]

    streamed = False

    @property
    def header(self) -> str:
        """The header that callers with arrays include; ``call`` the function that they call."""
        return self.name

    @property
    def call(self) -> str:
        return self.name


def network_view(network: Network, strategy: Strategy) -> NetworkView:
    """Turn a checked network into strings.

    Raises:
        InputError: a top function cannot have the network's name.
    """
    names = names_around(network)
    inputs = [(names.take(source.value.name), source.value.name) for source in network.inputs]
    outputs = [(names.take(name), name) for name in network.outputs]
    ranges = value_ranges(network)
    wires = {layer.output.name: layer.input for layer in network.layers if isinstance(layer, Reshape)}
    values = value_views(network, ranges, wires, names)
    schedule = _schedule(network)
    layers, steps = _layers(network, strategy, schedule, ranges, values, names)
    return NetworkView(
        name=network.name,
        guard=network.name.upper(),
        text=tuple(network_text(network).splitlines()),
        inputs=tuple(port(given, values[name], "read", names) for given, name in inputs),
        outputs=tuple(port(given, values[name], "write", names) for given, name in outputs),
        values=tuple(values.values()),
        layers=tuple(layers),
        steps=tuple(steps),
        schedule=schedule,
        parts=part_files(network.name, layers),
        unused=unused(layers),
        tables=table_files(layers),
    )


def _layers(
    network: Network,
    strategy: Strategy,
    schedule: str,
    ranges: Mapping[str, Interval],
    values: Mapping[str, ValueView],
    names: Names,
) -> tuple[list[LayerView], list[Step]]:
    live = live_codes(network)
    layers: list[LayerView] = []
    steps: list[Step] = []
    for index, layer in enumerate(network.layers):
        sources, output = tuple(values[name] for name in layer.inputs), values[layer.output.name]
        if isinstance(layer, Reshape):
            steps.append(Step(index, layer.name, "", sources, output))
            continue
        arrays = ["x"] if len(sources) == 1 else [f"x{number}" for number in range(len(sources))]
        ports = Ports(
            title=f"{layer.name} ({type(layer).__name__})",
            function=names.take(f"compute_{layer.name}"),
            # In a pipelined function everything is inlined; a stage of a dataflow is a pipeline by itself.
            schedule="INLINE" if schedule.startswith("PIPELINE") else "PIPELINE II=1",
            sources=tuple(
                SourceArray(array, source.code_type, source.size) for array, source in zip(arrays, sources, strict=True)
            ),
            y_type=output.code_type,
            y_size=output.size,
            inputs=layer.weight.size // layer.weight.shape[-1] if isinstance(layer, Dense | Conv) else sources[0].size,
            outputs=layer.output.shape[-1],
        )
        around = Surroundings(
            tuple(network.value(name) for name in layer.inputs),
            tuple(ranges[name] for name in layer.inputs),
            live[layer.output.name],
            output.type,
            strategy,
            names,
        )
        layers.append(layer_view(layer, ports, around))
        steps.append(Step(index, layer.name, ports.function, sources, output))
    return layers, steps


def _schedule(network: Network) -> str:
    """PIPELINE unrolls every loop; DATAFLOW keeps those over positions, and needs one reader for each array."""
    if not any(isinstance(layer, Conv | MaxPool) for layer in network.layers):
        return "PIPELINE II=1"
    readers = Counter([*(name for layer in network.layers for name in layer.inputs), *network.outputs])
    for layer in reversed(network.layers):  # the readers of a reshaped value read its source's array
        if isinstance(layer, Reshape):
            readers[layer.input] += readers[layer.output.name] - 1
    return "DATAFLOW" if max(readers.values()) == 1 else ""
