"""The JSON form of a Network: every field, deterministic; ``json_reader`` makes an equal network of it."""

import json
from typing import Any, assert_never

from hwgen.fixed import FixedType, Quantizer
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
from hwgen.ir.tensor import SparseTensor, Value

FORMAT = 2


def network_to_json(network: Network) -> str:
    """Serialize; the same network always gives the same bytes."""
    document = {
        "format": FORMAT,
        "name": network.name,
        "inputs": [
            {"value": _value(source.value), "quantizer": _quantizer(source.quantizer)} for source in network.inputs
        ],
        "layers": [_layer(layer) for layer in network.layers],
        "outputs": list(network.outputs),
        "exactness": [
            {"layer": e.layer, "float32_exact": e.float32_exact, "bits": e.bits, "reason": e.reason}
            for e in network.exactness
        ],
        "notes": list(network.notes),
    }
    return json.dumps(document, indent=None, separators=(",", ":"))


def _type(fixed_type: FixedType) -> dict[str, Any]:
    return {"signed": fixed_type.signed, "width": fixed_type.width, "fraction": fixed_type.fraction}


def _value(value: Value) -> dict[str, Any]:
    return {"name": value.name, "shape": list(value.shape), "type": _type(value.type)}


def _quantizer(quantizer: Quantizer | None) -> dict[str, Any] | None:
    if quantizer is None:
        return None
    return {
        "type": _type(quantizer.type),
        "rounding": quantizer.rounding.value,
        "overflow": quantizer.overflow.value,
    }


def _tensor(tensor: SparseTensor) -> dict[str, Any]:
    return {
        "shape": list(tensor.shape),
        "type": _type(tensor.type),
        "index": tensor.index.tolist(),
        "code": tensor.code.tolist(),
    }


def _layer(layer: Layer) -> dict[str, Any]:
    common = {
        "kind": type(layer).__name__,
        "name": layer.name,
        "inputs": list(layer.inputs),
        "output": _value(layer.output),
    }
    match layer:
        case Dense():
            return common | {"weight": _tensor(layer.weight), "bias": layer.bias.tolist()}
        case Conv():
            return common | {
                "weight": _tensor(layer.weight),
                "bias": layer.bias.tolist(),
                "strides": list(layer.strides),
                "padding": [list(pair) for pair in layer.padding],
                "dilation": list(layer.dilation),
                "groups": layer.groups,
            }
        case MaxPool():
            return common | {
                "window": list(layer.window),
                "strides": list(layer.strides),
                "padding": [list(pair) for pair in layer.padding],
            }
        case Reshape() | Relu() | ArgMax():
            return common
        case Rearrange():
            return common | {"index": layer.index.ravel().tolist()}
        case Merge():
            return common | {"operation": layer.operation.name}
        case Concatenate():
            return common | {"axis": layer.axis}
        case Requantize():
            return common | {"rounding": layer.rounding.value, "overflow": layer.overflow.value}
        case StepFunction():
            return common | {
                "thresholds": layer.thresholds.tolist(),
                "levels": layer.levels.tolist(),
                "origin": layer.origin,
            }
        case _:
            assert_never(layer)
