"""``check_network``: every invariant of a Network, checked in one place and named when broken.

1. Names: the network's, every value's and every layer's name is a C identifier that no language of the outputs
   reserves; values are unique, layers are unique.
2. Topology: a layer reads a value defined before it; every output is a value, listed once; there is at least one input
   and one output.
3. Shapes: positive sizes; each layer's output shape follows from its input's shape and its own attributes. A
   convolution or a pooling slides over one or two axes, and no pooling window lies in the padding alone.
4. Fractions: the output's fraction is the sum of the input's and the weight's in ``Dense`` and ``Conv``, and the
   input's own in ``MaxPool`` and ``Relu``; ``Reshape`` keeps the type. An input's quantizer quantizes to the input's
   type.
5. Range: no sum reaches 2**62 in magnitude, no shift to the left leaves 64 bits, and every exact layer's output type
   holds every code that its interval reaches, so no exact layer ever overflows.
6. Step functions: thresholds ascend, levels fit the output type; one channel a channel of the input,
   or one for all.
7. Exactness and notes are for people; they are not checked.
"""

from typing import assert_never

from hwgen.errors import NetworkError
from hwgen.ir.layers import Conv, Dense, Layer, MaxPool, Relu, Requantize, Reshape, StepFunction, output_length
from hwgen.ir.names import valid_identifier
from hwgen.ir.network import Network
from hwgen.ir.ranges import Interval, input_interval, layer_interval
from hwgen.ir.tensor import Value

__all__ = ["check_network", "valid_identifier"]


def check_network(network: Network) -> Network:
    """Return the network if it keeps every invariant of this module.

    Raises:
        NetworkError: an invariant is broken; the message names the layer and the invariant.
        TypeRangeError: a sum may reach 2**62, or a shift to the left may leave 64 bits.
    """
    _check_name("network", network.name)
    if not network.inputs or not network.outputs:
        raise NetworkError(f"network {network.name!r}: at least one input and one output are needed.")
    values: dict[str, Value] = {}
    ranges: dict[str, Interval] = {}
    for source in network.inputs:
        value = source.value
        _define(value, values, "input")
        if source.quantizer is not None and source.quantizer.type != value.type:
            raise NetworkError(
                f"input {value.name!r}: its quantizer gives {source.quantizer.type}, its type is {value.type}."
            )
        ranges[value.name] = input_interval(value)
    layer_names: set[str] = set()
    for layer in network.layers:
        _check_name("layer", layer.name)
        if layer.name in layer_names:
            raise NetworkError(f"layer {layer.name!r}: the name is used twice.")
        layer_names.add(layer.name)
        if layer.input not in values:
            raise NetworkError(f"layer {layer.name!r}: reads {layer.input!r}, which no earlier layer defines.")
        given = values[layer.input]
        _define(layer.output, values, f"layer {layer.name!r}")
        _check_layer(layer, given)
        ranges[layer.output.name] = layer_interval(layer, given, ranges[layer.input])
        _check_holds(layer, *ranges[layer.output.name].bounds)
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


def _check_holds(layer: Layer, low: int, high: int) -> None:
    if not layer.output.type.holds(low, high):
        raise NetworkError(
            f"layer {layer.name!r}: codes from {low} to {high} can come out, "
            f"more than its output type {layer.output.type} holds."
        )


def _expect(layer: Layer, what: str, expected: object, got: object) -> None:
    if expected != got:
        raise NetworkError(f"layer {layer.name!r}: {what} should be {expected}, got {got}.")


def _check_layer(layer: Layer, given: Value) -> None:
    match layer:
        case Dense():
            _expect(layer, "rank of the input", 1, len(given.shape))
            _expect(layer, "output rank", 1, len(layer.output.shape))
            _expect(layer, "weight shape", (given.shape[0], layer.output.shape[0]), layer.weight.shape)
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
    spatial = _sliding_axes(layer, given)
    _expect(layer, "weight rank", spatial + 2, len(layer.weight.shape))
    *kernel, channels, outputs = layer.weight.shape
    for what, attribute in (("strides", layer.strides), ("padding", layer.padding), ("dilation", layer.dilation)):
        _expect(layer, f"number of {what}", spatial, len(attribute))
    _check_window(layer, tuple(kernel))
    if any(d < 1 for d in layer.dilation):
        raise NetworkError(f"layer {layer.name!r}: dilation is at least 1, got {layer.dilation}.")
    _expect(layer, "input channels of the weight", given.shape[-1], channels)
    expected = tuple(
        output_length(given.shape[a], kernel[a], layer.strides[a], layer.padding[a], layer.dilation[a])
        for a in range(spatial)
    )
    _expect(layer, "output shape", (*expected, outputs), layer.output.shape)


def _check_pool(layer: MaxPool, given: Value) -> None:
    spatial = _sliding_axes(layer, given)
    for what, attribute in (("window sizes", layer.window), ("strides", layer.strides), ("padding", layer.padding)):
        _expect(layer, f"number of {what}", spatial, len(attribute))
    _check_window(layer, layer.window)
    if any(before >= w or after >= w for w, (before, after) in zip(layer.window, layer.padding, strict=True)):
        raise NetworkError(f"layer {layer.name!r}: padding is smaller than the window, or a window would be empty.")
    expected = tuple(
        output_length(given.shape[a], layer.window[a], layer.strides[a], layer.padding[a]) for a in range(spatial)
    )
    _expect(layer, "output shape", (*expected, given.shape[-1]), layer.output.shape)


def _sliding_axes(layer: Conv | MaxPool, given: Value) -> int:
    spatial = len(given.shape) - 1
    if spatial not in (1, 2):
        raise NetworkError(
            f"layer {layer.name!r}: a window slides over one or two axes besides the channels, its input has {spatial}."
        )
    return spatial


def _check_window(layer: Conv | MaxPool, window: tuple[int, ...]) -> None:
    if any(size < 1 for size in window):
        raise NetworkError(f"layer {layer.name!r}: every size of a window is at least 1, got {window}.")
    if any(s < 1 for s in layer.strides):
        raise NetworkError(f"layer {layer.name!r}: strides are at least 1, got {layer.strides}.")
    if any(before < 0 or after < 0 for before, after in layer.padding):
        raise NetworkError(f"layer {layer.name!r}: padding is not negative, got {layer.padding}.")


def _check_step(layer: StepFunction, given: Value) -> None:
    _expect(layer, "output shape", given.shape, layer.output.shape)
    channels = layer.thresholds.shape[0]
    if channels not in (1, given.shape[-1]):
        raise NetworkError(
            f"layer {layer.name!r}: one step function a channel ({given.shape[-1]}) or one for all is needed, "
            f"got {channels}."
        )
    # Compared, not subtracted: a difference of two int64 may not fit int64.
    if (layer.thresholds[:, 1:] < layer.thresholds[:, :-1]).any():
        raise NetworkError(f"layer {layer.name!r}: thresholds must ascend.")
    _check_holds(layer, int(layer.levels.min()), int(layer.levels.max()))
