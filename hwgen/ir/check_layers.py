"""What each layer asks of its own attributes, inputs and output: shapes, fractions, geometry."""

from collections.abc import Sequence
from typing import assert_never

from hwgen.errors import NetworkError
from hwgen.ir.layers import (
    ArgMax,
    Concatenate,
    Conv,
    Dense,
    Layer,
    MaxPool,
    Merge,
    MergeOperation,
    Rearrange,
    Relu,
    Requantize,
    Reshape,
    StepFunction,
    output_length,
)
from hwgen.ir.tensor import Value


def check_holds(layer: Layer, low: int, high: int) -> None:
    """Refuse codes that the output's type does not hold.

    Raises:
        NetworkError: the type is too narrow.
    """
    if not layer.output.type.holds(low, high):
        raise NetworkError(
            f"layer {layer.name!r}: codes from {low} to {high} can come out, "
            f"more than its output type {layer.output.type} holds."
        )


def _expect(layer: Layer, what: str, expected: object, got: object) -> None:
    if expected != got:
        raise NetworkError(f"layer {layer.name!r}: {what} should be {expected}, got {got}.")


def check_layer(layer: Layer, given: Sequence[Value]) -> None:
    """Refuse a layer whose attributes, inputs and output do not fit each other.

    Args:
        given: the values that it reads.
    Raises:
        NetworkError: naming the layer and what should be.
    """
    match layer:
        case Dense():
            _expect(layer, "rank of the input", 1, len(given[0].shape))
            _expect(layer, "output rank", 1, len(layer.output.shape))
            _expect(layer, "weight shape", (given[0].shape[0], layer.output.shape[0]), layer.weight.shape)
            _check_sum(layer, given[0])
        case Conv():
            _check_conv(layer, given[0])
            _check_sum(layer, given[0])
        case MaxPool():
            _check_pool(layer, given[0])
            _expect(layer, "output fraction", given[0].type.fraction, layer.output.type.fraction)
        case Reshape():
            _expect(layer, "number of output codes", given[0].size, layer.output.size)
            _expect(layer, "output type", given[0].type, layer.output.type)
        case Rearrange():
            _check_rearrange(layer, given[0])
        case Merge():
            _check_merge(layer, given)
        case Concatenate():
            _check_concatenate(layer, given)
        case ArgMax():
            _expect(layer, "output shape", (*given[0].shape[:-1], 1), layer.output.shape)
            _expect(layer, "output fraction", 0, layer.output.type.fraction)
        case Relu():
            _expect(layer, "output shape", given[0].shape, layer.output.shape)
            _expect(layer, "output fraction", given[0].type.fraction, layer.output.type.fraction)
        case Requantize():
            _expect(layer, "output shape", given[0].shape, layer.output.shape)
        case StepFunction():
            _check_step(layer, given[0])
        case _:
            assert_never(layer)


def _check_rearrange(layer: Rearrange, given: Value) -> None:
    _expect(layer, "output type", given.type, layer.output.type)
    _expect(layer, "shape of the index", layer.output.shape, layer.index.shape)
    if layer.index.min() < -1 or layer.index.max() >= given.size:
        raise NetworkError(
            f"layer {layer.name!r}: an index is -1 or below {given.size}, got {layer.index.min()} to "
            f"{layer.index.max()}."
        )


def _check_merge(layer: Merge, given: Sequence[Value]) -> None:
    pair = layer.operation in (MergeOperation.SUBTRACT, MergeOperation.MULTIPLY)
    if len(given) < 2 or (pair and len(given) > 2):
        wanted = "two" if pair else "two or more"
        raise NetworkError(f"layer {layer.name!r}: {wanted} inputs are needed, got {len(given)}.")
    for value in given:
        _expect(layer, f"shape of input {value.name!r}", layer.output.shape, value.shape)
    fractions = [value.type.fraction for value in given]
    product = layer.operation is MergeOperation.MULTIPLY
    _expect(layer, "output fraction", sum(fractions) if product else max(fractions), layer.output.type.fraction)


def _check_concatenate(layer: Concatenate, given: Sequence[Value]) -> None:
    if not given:
        raise NetworkError(f"layer {layer.name!r}: one or more inputs are needed, got none.")
    axis, shape = layer.axis, given[0].shape
    if not 0 <= axis < len(shape):
        raise NetworkError(f"layer {layer.name!r}: axis {axis} is none of an input of shape {shape}.")
    for value in given:
        _expect(layer, f"rank of input {value.name!r}", len(shape), len(value.shape))
        beside = (*shape[:axis], value.shape[axis], *shape[axis + 1 :])
        _expect(layer, f"shape of input {value.name!r}", beside, value.shape)
    total = sum(value.shape[axis] for value in given)
    _expect(layer, "output shape", (*shape[:axis], total, *shape[axis + 1 :]), layer.output.shape)
    _expect(layer, "output fraction", max(v.type.fraction for v in given), layer.output.type.fraction)


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
    _check_groups(layer, channels, outputs)
    expected = tuple(
        output_length(given.shape[a], kernel[a], layer.strides[a], layer.padding[a], layer.dilation[a])
        for a in range(spatial)
    )
    _expect(layer, "output shape", (*expected, outputs), layer.output.shape)


def _check_groups(layer: Conv, channels: int, outputs: int) -> None:
    groups = layer.groups
    if groups < 1 or channels % groups or outputs % groups:
        raise NetworkError(
            f"layer {layer.name!r}: {groups} groups do not divide {channels} input and {outputs} output channels."
        )
    if groups > 1:
        row, column = layer.weight.index // outputs % channels, layer.weight.index % outputs
        if (row // (channels // groups) != column // (outputs // groups)).any():
            raise NetworkError(f"layer {layer.name!r}: a weight stands between channels of different groups.")


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
    check_holds(layer, int(layer.levels.min()), int(layer.levels.max()))
