"""What the templates of both forms of a project show of a network beside its layers: values, ports, files."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from hwgen.emit.cpp import code_type, quantizer_type, value_type
from hwgen.emit.kernel import Function, Part
from hwgen.emit.layers import Ports
from hwgen.emit.names import Names
from hwgen.emit.steps import Table
from hwgen.errors import InputError
from hwgen.fixed import FixedType
from hwgen.ir import Interval, Network, Requantize

_FILES = frozenset({"codes", "defines", "parameters", "stream", "trace"})  # headers beside the top function's


@dataclass(frozen=True, slots=True)
class ValueView:
    """A value: its fixed-point type, and the integers that carry it between layers.

    Attributes:
        type: name of the ap_fixed type, ``type_definition`` what it is.
        code_type: name of the integer type, ``code_definition`` what it is: no wider than the codes reach.
        array: name of the array of codes; that of its source, for a ``Reshape``.
        own: whether it has its own array.
        channels: codes of a pixel, the last axis; ``beats`` pixels.
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
    channels: int
    fraction: int
    comment: str

    @property
    def beats(self) -> int:
        return self.size // self.channels


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


def names_around(network: Network) -> Names:
    """Names for a project, the top function's taken.

    Raises:
        InputError: a top function cannot have the network's name.
    """
    names = Names()
    if names.take(network.name) != network.name or network.name in _FILES:
        raise InputError(
            f"network {network.name!r}: the top function cannot have this name, which C++, the ap_types headers or "
            f"another file of the project has; name the network otherwise."
        )
    return names


def port(name: str, value: ValueView, direction: str, names: Names) -> Port:
    return Port(name, value, names.take(f"{direction}_{value.name}"), names.take(f"{name}_data"))


def value_views(
    network: Network, ranges: Mapping[str, Interval], wires: Mapping[str, str], names: Names
) -> dict[str, ValueView]:
    """Every value by name; a lone input's type is called ``input_t``, a lone output's ``result_t``, as in hls4ml.

    Args:
        wires: values that are only other names of others, and of which.
    """
    definitions = _definitions(network)
    inputs = [source.value.name for source in network.inputs]
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
            channels=value.shape[-1],
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
