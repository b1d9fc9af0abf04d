"""A Network as the view that the project's templates show: names, types, layers and calls as finished strings."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from hwgen.emit.cpp import code_type, quantizer_type, value_type
from hwgen.emit.kernel import Function, Part
from hwgen.emit.layers import (
    ComparatorsView,
    ConvView,
    DenseView,
    LayerView,
    LookupView,
    Ports,
    RearrangeView,
    ScaledStepsView,
    SourceArray,
    Surroundings,
    layer_view,
)
from hwgen.emit.liveness import live_codes
from hwgen.emit.names import Names
from hwgen.emit.steps import Table
from hwgen.emit.strategy import Strategy
from hwgen.errors import InputError
from hwgen.fixed import FixedType
from hwgen.ir import (
    Conv,
    Dense,
    Interval,
    MaxPool,
    Network,
    Requantize,
    Reshape,
    network_text,
    value_ranges,
)

_FILES = frozenset({"codes", "defines", "parameters", "trace"})  # headers beside the top function's


@dataclass(frozen=True, slots=True)
class ValueView:
    """A value: its fixed-point type, and the integers that carry it between layers.

    Attributes:
        type: name of the ap_fixed type, ``type_definition`` what it is.
        code_type: name of the integer type, ``code_definition`` what it is: no wider than the codes reach.
        array: name of the array of codes; that of its source, for a ``Reshape``.
        own: whether it has its own array.
        comment: shape and range, for people.
    """

    name: str
    type: str
    type_definition: str
    code_type: str
    code_definition: str
    array: str
    own: bool
    size: int
    fraction: int
    comment: str


@dataclass(frozen=True, slots=True)
class Port:
    """An argument of the top function.

    Attributes:
        function: converts between its numbers and their codes.
        local: name of an array of its type, for callers of the top function.
    """

    name: str
    value: ValueView
    function: str
    local: str


@dataclass(frozen=True, slots=True)
class Step:
    """One layer inside the top function; ``function`` is "" for wires."""

    index: int
    layer: str
    function: str
    sources: tuple[ValueView, ...]
    output: ValueView


@dataclass(frozen=True, slots=True)
class PartFile:
    """Neurons of a large layer, in a file of their own."""

    path: str
    ports: Ports
    part: Part


@dataclass(frozen=True, slots=True)
class Unused:
    """Neurons of one layer that nothing reads."""

    ports: Ports
    functions: tuple[Function, ...]


@dataclass(frozen=True, slots=True)
class TableFile:
    """Constant tables of one layer."""

    path: str
    guard: str
    title: str
    tables: tuple[Table, ...]


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


def network_view(network: Network, strategy: Strategy) -> NetworkView:
    """Turn a checked network into strings.

    Raises:
        InputError: a top function cannot have the network's name.
    """
    names = Names()
    if names.take(network.name) != network.name or network.name in _FILES:
        raise InputError(
            f"network {network.name!r}: the top function cannot have this name, which C++, the ap_types headers or "
            f"another file of the project has; name the network otherwise."
        )
    inputs = [(names.take(source.value.name), source.value.name) for source in network.inputs]
    outputs = [(names.take(name), name) for name in network.outputs]
    ranges = value_ranges(network)
    values = _values(network, ranges, names)
    schedule = _schedule(network)
    layers, steps = _layers(network, strategy, schedule, ranges, values, names)
    sums = [view for view in layers if isinstance(view, DenseView | ConvView)]
    return NetworkView(
        name=network.name,
        guard=network.name.upper(),
        text=tuple(network_text(network).splitlines()),
        inputs=tuple(_port(port, values[name], "read", names) for port, name in inputs),
        outputs=tuple(_port(port, values[name], "write", names) for port, name in outputs),
        values=tuple(values.values()),
        layers=tuple(layers),
        steps=tuple(steps),
        schedule=schedule,
        parts=tuple(
            PartFile(f"firmware/{network.name}_{part.name}.cpp", view.ports, part)
            for view in sums
            if view.kernel.split
            for part in view.kernel.parts
        ),
        unused=tuple(Unused(view.ports, view.kernel.unused) for view in sums if view.kernel.unused),
        tables=tuple(
            TableFile(f"firmware/weights/{view.name}.h", f"WEIGHTS_{view.name}_H_", view.ports.title, tables)
            for view in layers
            if (tables := _tables(view))
        ),
    )


def _tables(view: LayerView) -> tuple[Table, ...]:
    """Constant arrays of a layer."""
    match view:
        case ScaledStepsView() | ComparatorsView() | LookupView():
            return view.form.tables
        case RearrangeView():
            return (view.index,) if view.moves else ()
        case _:
            return ()


def _port(name: str, value: ValueView, direction: str, names: Names) -> Port:
    return Port(name, value, names.take(f"{direction}_{value.name}"), names.take(f"{name}_data"))


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


def _values(network: Network, ranges: Mapping[str, Interval], names: Names) -> dict[str, ValueView]:
    """Types are named as in hls4ml: that of a lone input is ``input_t``, that of a lone output ``result_t``."""
    definitions = _definitions(network)
    inputs = [source.value.name for source in network.inputs]
    wires = {layer.output.name: layer.input for layer in network.layers if isinstance(layer, Reshape)}
    views: dict[str, ValueView] = {}
    for name, value in network.values().items():
        low, high = ranges[name].bounds
        source = views[wires[name]] if name in wires else None
        views[name] = ValueView(
            name=name,
            type=_type_name(name, inputs, network.outputs, names),
            type_definition=definitions[name],
            code_type=source.code_type if source else names.take(f"{name}_code_t"),
            code_definition=code_type(FixedType.holding(low, high, 0)),
            array=source.array if source else names.take(f"{name}_code"),
            own=source is None,
            size=value.size,
            fraction=value.type.fraction,
            comment=f"{name}: {'x'.join(map(str, value.shape))}, codes from {low} to {high}",
        )
    return views


def _type_name(name: str, inputs: Sequence[str], outputs: Sequence[str], names: Names) -> str:
    if list(inputs) == [name]:
        return "input_t"
    if list(outputs) == [name]:
        return "result_t"
    return names.take(f"{name}_t")


def _definitions(network: Network) -> dict[str, str]:
    """The ap_fixed type of each value; with its rounding and overflow where a quantizer makes the value."""
    found: dict[str, str] = {}
    for source in network.inputs:
        quantizer = source.quantizer
        found[source.value.name] = quantizer_type(quantizer) if quantizer else value_type(source.value.type)
    for layer in network.layers:
        if isinstance(layer, Requantize):
            found[layer.output.name] = quantizer_type(layer.quantizer)
        else:
            found[layer.output.name] = value_type(layer.output.type)
    return found


def _schedule(network: Network) -> str:
    """PIPELINE unrolls every loop; DATAFLOW keeps those over positions, and needs one reader for each array."""
    if not any(isinstance(layer, Conv | MaxPool) for layer in network.layers):
        return "PIPELINE II=1"
    readers = Counter([*(name for layer in network.layers for name in layer.inputs), *network.outputs])
    for layer in reversed(network.layers):  # the readers of a reshaped value read its source's array
        if isinstance(layer, Reshape):
            readers[layer.input] += readers[layer.output.name] - 1
    return "DATAFLOW" if max(readers.values()) == 1 else ""
