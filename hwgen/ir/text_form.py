"""The text form of a Network: one line a layer, aligned, for people."""

from typing import assert_never

from hwgen.ir.layers import (
    ArgMax,
    Concatenate,
    Conv,
    Dense,
    Layer,
    MaxPool,
    Merge,
    Rearrange,
    Relu,
    Requantize,
    Reshape,
    StepFunction,
)
from hwgen.ir.network import Network


def network_text(network: Network) -> str:
    """Layers with shapes, types and what is left of their weights, in aligned columns."""
    rows = [("value", "layer", "reads", "shape", "type", "details")]
    for source in network.inputs:
        details = f"quantized by {source.quantizer}" if source.quantizer else "data on this grid"
        rows.append((source.value.name, "input", "", _shape(source.value.shape), str(source.value.type), details))
    for layer in network.layers:
        kind = type(layer).__name__
        reads = ", ".join(layer.inputs)
        rows.append(
            (layer.output.name, kind, reads, _shape(layer.output.shape), str(layer.output.type), _details(layer))
        )
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    header = f"network {network.name}: {', '.join(network.outputs)}"
    return "\n".join([header, *lines, *(f"note: {note}" for note in network.notes)])


def _shape(shape: tuple[int, ...]) -> str:
    return "x".join(str(size) for size in shape)


def _weights(layer: Dense | Conv) -> str:
    left, entries = layer.weight.nonzeros, layer.entries
    zero = 1 - left / entries if entries else 0.0
    return f"{left} of {entries} weights left ({zero:.1%} zero), weight {layer.weight.type}"


def _sliding(layer: Conv | MaxPool) -> str:
    text = f"strides {_shape(layer.strides)}"
    if any(before or after for before, after in layer.padding):
        text += ", padding " + " ".join(f"{before}+{after}" for before, after in layer.padding)
    return text


def _details(layer: Layer) -> str:
    match layer:
        case Dense():
            return _weights(layer)
        case Conv():
            geometry = f"kernel {_shape(layer.weight.shape)}, {_sliding(layer)}"
            if any(d > 1 for d in layer.dilation):
                geometry += f", dilation {_shape(layer.dilation)}"
            if layer.groups > 1:
                geometry += f", {layer.groups} groups"
            return f"{_weights(layer)}, {geometry}"
        case MaxPool():
            return f"window {_shape(layer.window)}, {_sliding(layer)}"
        case Reshape() | Relu() | ArgMax():
            return ""
        case Rearrange():
            zeros = int((layer.index < 0).sum())
            return f"{zeros} zeros added" if zeros else ""
        case Merge():
            return layer.operation.value
        case Concatenate():
            return f"along axis {layer.axis}"
        case Requantize():
            return f"{layer.rounding.value}, {layer.overflow.value}"
        case StepFunction():
            channels, steps = layer.thresholds.shape
            each = "one for all channels" if channels == 1 else f"{channels} channels"
            return f"{layer.origin}: {each}, up to {steps} thresholds"
        case _:
            assert_never(layer)
