"""The JSON form of a Network: every field, deterministic, and back again to an equal network."""

import json
from typing import Any, assert_never

import numpy as np

from hwgen.errors import NetworkError
from hwgen.fixed import FixedType, Overflow, Quantizer, Rounding
from hwgen.ir.check import check_network
from hwgen.ir.layers import Conv, Dense, Layer, MaxPool, Relu, Requantize, Reshape, StepFunction
from hwgen.ir.network import Exactness, Input, Network
from hwgen.ir.tensor import SparseTensor, Value

FORMAT = 1


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


def network_from_json(text: str) -> Network:
    """Read what ``network_to_json`` wrote, and check it.

    Raises:
        NetworkError: not the JSON form of a network, or the network breaks an invariant.
    """
    try:
        document = json.loads(text)
    except json.JSONDecodeError as error:
        raise NetworkError(f"the JSON form of a network was expected; {error}.") from error
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise NetworkError(
            f"the JSON form of a network, format {FORMAT}, was expected; build it again with this hwgen."
        )
    try:
        network = Network(
            name=document["name"],
            inputs=tuple(Input(_to_value(i["value"]), _to_quantizer(i["quantizer"])) for i in document["inputs"]),
            layers=tuple(_to_layer(layer) for layer in document["layers"]),
            outputs=tuple(document["outputs"]),
            exactness=tuple(Exactness(**entry) for entry in document["exactness"]),
            notes=tuple(document["notes"]),
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise NetworkError(f"the JSON form of a network has a missing or wrong field: {error!r}.") from error
    return check_network(network)


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
        "input": layer.input,
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
            }
        case MaxPool():
            return common | {
                "window": list(layer.window),
                "strides": list(layer.strides),
                "padding": [list(pair) for pair in layer.padding],
            }
        case Reshape() | Relu():
            return common
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


def _to_type(document: dict[str, Any]) -> FixedType:
    return FixedType(document["signed"], document["width"], document["fraction"])


def _to_value(document: dict[str, Any]) -> Value:
    return Value(document["name"], tuple(document["shape"]), _to_type(document["type"]))


def _to_quantizer(document: dict[str, Any] | None) -> Quantizer | None:
    if document is None:
        return None
    return Quantizer(_to_type(document["type"]), Rounding(document["rounding"]), Overflow(document["overflow"]))


def _to_tensor(document: dict[str, Any]) -> SparseTensor:
    return SparseTensor(
        tuple(document["shape"]),
        _to_type(document["type"]),
        np.array(document["index"], dtype=np.int64),
        np.array(document["code"], dtype=np.int64),
    )


def _pairs(rows: list[list[int]]) -> tuple[tuple[int, int], ...]:
    return tuple((before, after) for before, after in rows)


def _to_layer(document: dict[str, Any]) -> Layer:
    name, source, output = document["name"], document["input"], _to_value(document["output"])
    match document["kind"]:
        case "Dense":
            return Dense(name, source, output, _to_tensor(document["weight"]), np.array(document["bias"], np.int64))
        case "Conv":
            return Conv(
                name,
                source,
                output,
                _to_tensor(document["weight"]),
                np.array(document["bias"], np.int64),
                tuple(document["strides"]),
                _pairs(document["padding"]),
                tuple(document["dilation"]),
            )
        case "MaxPool":
            window, strides = tuple(document["window"]), tuple(document["strides"])
            return MaxPool(name, source, output, window, strides, _pairs(document["padding"]))
        case "Reshape":
            return Reshape(name, source, output)
        case "Relu":
            return Relu(name, source, output)
        case "Requantize":
            return Requantize(name, source, output, Rounding(document["rounding"]), Overflow(document["overflow"]))
        case "StepFunction":
            thresholds = np.array(document["thresholds"], np.int64)
            levels = np.array(document["levels"], np.int64)
            return StepFunction(name, source, output, thresholds, levels, document["origin"])
        case kind:
            raise NetworkError(f"layer {name!r}: unknown kind {kind!r}; this hwgen knows {Layer!r}.")
