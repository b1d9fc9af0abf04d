"""``check_network``: every invariant of a Network, checked in one place and named when broken.

1. Names: the network's, every value's and every layer's name is a C identifier that no language of the outputs
   reserves; values are unique, layers are unique.
2. Topology: a layer reads a value defined before it; every output is a value; there is at least one input, one output.
3. Shapes: positive sizes; each layer's output shape follows from its input's shape and its own attributes.
4. Fractions: the output's fraction is the sum of the input's and the weight's in ``Dense`` and ``Conv``, and the input's
   own in ``MaxPool``, ``Reshape`` and ``Relu``. An input's quantizer quantizes to the input's type.
5. Range: no sum needs more than 62 bits, and every exact layer's output type holds every code that its interval
   reaches, so no exact layer ever overflows.
6. Step functions: thresholds ascend, levels are monotone and fit the output type; one channel a channel of the input,
   or one for all.
7. Exactness and notes are for people; they are not checked.
"""

import keyword
import re
from typing import assert_never

import numpy as np

from hwgen.errors import NetworkError
from hwgen.ir.layers import Conv, Dense, Layer, MaxPool, Relu, Requantize, Reshape, StepFunction, output_length
from hwgen.ir.network import Network
from hwgen.ir.ranges import Interval, input_interval, layer_interval
from hwgen.ir.tensor import Value

_IDENTIFIER = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
# Words that C++ or Verilog keep to themselves and that a layer might plausibly be called.
_RESERVED = frozenset(
    [
        "alignas",
        "alignof",
        "and",
        "asm",
        "assign",
        "auto",
        "automatic",
        "begin",
        "bool",
        "break",
        "buf",
        "bufif0",
        "bufif1",
        "case",
        "casex",
        "casez",
        "catch",
        "cell",
        "char",
        "class",
        "compl",
        "config",
        "const",
        "const_cast",
        "constexpr",
        "continue",
        "deassign",
        "decltype",
        "default",
        "defparam",
        "delete",
        "design",
        "disable",
        "do",
        "double",
        "dynamic_cast",
        "edge",
        "else",
        "end",
        "endcase",
        "endconfig",
        "endfunction",
        "endgenerate",
        "endmodule",
        "endprimitive",
        "endspecify",
        "endtable",
        "endtask",
        "enum",
        "event",
        "explicit",
        "export",
        "extern",
        "false",
        "float",
        "for",
        "force",
        "forever",
        "fork",
        "friend",
        "function",
        "generate",
        "genvar",
        "goto",
        "highz0",
        "highz1",
        "if",
        "ifnone",
        "incdir",
        "include",
        "initial",
        "inline",
        "inout",
        "input",
        "instance",
        "int",
        "integer",
        "join",
        "large",
        "liblist",
        "library",
        "localparam",
        "long",
        "macromodule",
        "main",
        "medium",
        "module",
        "mutable",
        "namespace",
        "nand",
        "negedge",
        "new",
        "nmos",
        "noexcept",
        "nor",
        "noshowcancelled",
        "not",
        "notif0",
        "notif1",
        "nullptr",
        "operator",
        "or",
        "output",
        "parameter",
        "pmos",
        "posedge",
        "primitive",
        "private",
        "protected",
        "public",
        "pull0",
        "pull1",
        "pulldown",
        "pullup",
        "pulsestyle_ondetect",
        "pulsestyle_onevent",
        "rcmos",
        "real",
        "realtime",
        "reg",
        "register",
        "reinterpret_cast",
        "release",
        "repeat",
        "return",
        "rnmos",
        "rpmos",
        "rtran",
        "rtranif0",
        "rtranif1",
        "scalared",
        "short",
        "showcancelled",
        "signed",
        "sizeof",
        "small",
        "specify",
        "specparam",
        "static",
        "static_assert",
        "static_cast",
        "std",
        "strength",
        "strong0",
        "strong1",
        "struct",
        "supply0",
        "supply1",
        "switch",
        "table",
        "task",
        "template",
        "this",
        "thread_local",
        "throw",
        "time",
        "tran",
        "tranif0",
        "tranif1",
        "tri",
        "tri0",
        "tri1",
        "triand",
        "trior",
        "trireg",
        "true",
        "try",
        "typedef",
        "typeid",
        "typename",
        "union",
        "unsigned",
        "use",
        "using",
        "vectored",
        "virtual",
        "void",
        "volatile",
        "wait",
        "wand",
        "weak0",
        "weak1",
        "while",
        "wire",
        "wor",
        "xnor",
        "xor",
    ]
)


def valid_identifier(name: str) -> bool:
    """Whether a name can stand as it is in C++, Verilog and Python."""
    return (
        bool(_IDENTIFIER.fullmatch(name)) and "__" not in name and name not in _RESERVED and not keyword.iskeyword(name)
    )


def check_network(network: Network) -> Network:
    """Return the network if it keeps every invariant of this module.

    Raises:
        NetworkError: an invariant is broken; the message names the layer and the invariant.
        TypeRangeError: a sum may need more than 62 bits.
    """
    _check_name("network", network.name)
    if not network.inputs or not network.outputs:
        raise NetworkError(f"network {network.name!r}: at least one input and one output are needed.")
    values: dict[str, Value] = {}
    ranges: dict[str, Interval] = {}
    for source in network.inputs:
        _define(source.value, values, "input")
        if source.quantizer is not None and source.quantizer.type != source.value.type:
            raise NetworkError(
                f"input {source.value.name!r}: its quantizer gives {source.quantizer.type}, its type is {source.value.type}."
            )
        ranges[source.value.name] = input_interval(source.value)
    layer_names: set[str] = set()
    for layer in network.layers:
        _check_name("layer", layer.name)
        if layer.name in layer_names:
            raise NetworkError(f"layer {layer.name!r}: the name is used twice.")
        layer_names.add(layer.name)
        if layer.input not in values:
            raise NetworkError(f"layer {layer.name!r}: reads {layer.input!r}, which no earlier layer defines.")
        given = values[layer.input]
        _check_layer(layer, given)
        _define(layer.output, values, f"layer {layer.name!r}")
        interval = layer_interval(layer, given, ranges[layer.input])
        low, high = interval.bounds
        if not layer.output.type.holds(low, high):
            raise NetworkError(
                f"layer {layer.name!r}: codes from {low} to {high} can come out, "
                f"more than its output type {layer.output.type} holds."
            )
        ranges[layer.output.name] = interval
    for name in network.outputs:
        if name not in values:
            raise NetworkError(f"network {network.name!r}: output {name!r} is no value of the network.")
    if len(set(network.outputs)) != len(network.outputs):
        raise NetworkError(f"network {network.name!r}: an output is listed twice.")
    return network


def _check_name(kind: str, name: str) -> None:
    if not valid_identifier(name):
        raise NetworkError(
            f"{kind} {name!r}: a name is a letter followed by letters, digits and single underscores, "
            f"and no reserved word of C++, Verilog or Python."
        )


def _define(value: Value, values: dict[str, Value], where: str) -> None:
    _check_name("value", value.name)
    if value.name in values:
        raise NetworkError(f"{where}: value {value.name!r} is defined twice.")
    if not value.shape or any(size < 1 for size in value.shape):
        raise NetworkError(f"{where}: value {value.name!r} has shape {value.shape}; every size is at least 1.")
    values[value.name] = value


def _expect(layer: Layer, what: str, expected: object, got: object) -> None:
    if expected != got:
        raise NetworkError(f"layer {layer.name!r}: {what} should be {expected}, got {got}.")


def _check_layer(layer: Layer, given: Value) -> None:
    match layer:
        case Dense():
            _expect(layer, "rank of the input", 1, len(given.shape))
            _expect(layer, "weight shape", (given.shape[0], layer.output.shape[0]), layer.weight.shape)
            _expect(layer, "output rank", 1, len(layer.output.shape))
            _check_sum(layer, given)
        case Conv():
            _check_conv(layer, given)
            _check_sum(layer, given)
        case MaxPool():
            _check_pool(layer, given)
            _expect(layer, "output fraction", given.type.fraction, layer.output.type.fraction)
        case Reshape():
            _expect(layer, "number of output codes", given.size, layer.output.size)
            _expect(layer, "output type", given.type, layer.output.type)
        case Relu():
            _expect(layer, "output shape", given.shape, layer.output.shape)
            _expect(layer, "output fraction", given.type.fraction, layer.output.type.fraction)
        case Requantize():
            _expect(layer, "output shape", given.shape, layer.output.shape)
        case StepFunction():
            _check_step(layer, given)
        case _:
            assert_never(layer)


def _check_sum(layer: Dense | Conv, given: Value) -> None:
    fraction = given.type.fraction + layer.weight.type.fraction
    _expect(layer, "output fraction (input's plus weight's)", fraction, layer.output.type.fraction)
    _expect(layer, "bias shape", (layer.output.shape[-1],), layer.bias.shape)


def _check_conv(layer: Conv, given: Value) -> None:
    spatial = len(given.shape) - 1
    if spatial not in (1, 2):
        raise NetworkError(f"layer {layer.name!r}: a convolution has one or two spatial axes, its input has {spatial}.")
    _expect(layer, "weight rank", spatial + 2, len(layer.weight.shape))
    for what, attribute in (("strides", layer.strides), ("padding", layer.padding), ("dilation", layer.dilation)):
        _expect(layer, f"number of {what}", spatial, len(attribute))
    _check_window(layer, layer.strides, layer.padding)
    if any(d < 1 for d in layer.dilation):
        raise NetworkError(f"layer {layer.name!r}: dilation is at least 1, got {layer.dilation}.")
    _expect(layer, "input channels of the weight", given.shape[-1], layer.weight.shape[-2])
    expected = tuple(
        output_length(given.shape[a], layer.weight.shape[a], layer.strides[a], layer.padding[a], layer.dilation[a])
        for a in range(spatial)
    )
    _expect(layer, "output shape", (*expected, layer.weight.shape[-1]), layer.output.shape)


def _check_pool(layer: MaxPool, given: Value) -> None:
    spatial = len(given.shape) - 1
    for what, attribute in (("window", layer.window), ("strides", layer.strides), ("padding", layer.padding)):
        _expect(layer, f"number of sizes in {what}", spatial, len(attribute))
    _check_window(layer, layer.strides, layer.padding)
    if any(before >= w or after >= w for w, (before, after) in zip(layer.window, layer.padding, strict=True)):
        raise NetworkError(
            f"layer {layer.name!r}: padding must be smaller than the window, or a window would be empty."
        )
    expected = tuple(
        output_length(given.shape[a], layer.window[a], layer.strides[a], layer.padding[a]) for a in range(spatial)
    )
    _expect(layer, "output shape", (*expected, given.shape[-1]), layer.output.shape)


def _check_window(layer: Conv | MaxPool, strides: tuple[int, ...], padding: tuple[tuple[int, int], ...]) -> None:
    if any(s < 1 for s in strides):
        raise NetworkError(f"layer {layer.name!r}: strides are at least 1, got {strides}.")
    if any(before < 0 or after < 0 for before, after in padding):
        raise NetworkError(f"layer {layer.name!r}: padding is not negative, got {padding}.")


def _check_step(layer: StepFunction, given: Value) -> None:
    _expect(layer, "output shape", given.shape, layer.output.shape)
    if layer.thresholds.shape[0] not in (1, given.shape[-1]):
        raise NetworkError(
            f"layer {layer.name!r}: one step function a channel ({given.shape[-1]}) or one for all is needed, "
            f"got {layer.thresholds.shape[0]}."
        )
    if (np.diff(layer.thresholds, axis=1) < 0).any():
        raise NetworkError(f"layer {layer.name!r}: thresholds must ascend.")
    steps = np.diff(layer.levels, axis=1)
    if ((steps < 0).any(axis=1) & (steps > 0).any(axis=1)).any():
        raise NetworkError(f"layer {layer.name!r}: levels must be monotone in each channel.")
