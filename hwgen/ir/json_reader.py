"""Reads the JSON form of a Network: every field of every object, of the right kind, and no other."""

import json

from hwgen.errors import NetworkError
from hwgen.fixed import FixedType, IntArray, Overflow, Quantizer, Rounding
from hwgen.ir.check import check_network
from hwgen.ir.json_form import FORMAT
from hwgen.ir.json_object import JsonObject
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
)
from hwgen.ir.network import Exactness, Input, Network
from hwgen.ir.tensor import SparseTensor, Value


def network_from_json(text: str) -> Network:
    """Read what ``network_to_json`` wrote, and check it.

    Raises:
        NetworkError: not the JSON form of a network, or the network breaks an invariant.
        TypeRangeError: a sum may reach 2**62, or a shift to the left may leave 64 bits.
    """
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise NetworkError(f"the JSON form of a network was expected; {error}.") from error
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise NetworkError(
            f"the JSON form of a network, format {FORMAT}, was expected; build it again with this hwgen."
        )
    return check_network(JsonObject(document, "network").read(_network))


def _network(document: JsonObject) -> Network:
    document.integer("format")
    return Network(
        document.text("name"),
        document.parts("inputs", _input),
        document.parts("layers", _layer),
        document.texts("outputs"),
        document.parts("exactness", _exactness),
        document.texts("notes"),
    )


def _input(document: JsonObject) -> Input:
    return Input(document.part("value", _value), document.part_or_none("quantizer", _quantizer))


def _exactness(document: JsonObject) -> Exactness:
    return Exactness(
        document.text("layer"), document.flag("float32_exact"), document.integer("bits"), document.text("reason")
    )


def _type(document: JsonObject) -> FixedType:
    return FixedType(document.flag("signed"), document.integer("width"), document.integer("fraction"))


def _value(document: JsonObject) -> Value:
    return Value(document.text("name"), document.integers("shape"), document.part("type", _type))


def _quantizer(document: JsonObject) -> Quantizer:
    modes = document.member("rounding", Rounding), document.member("overflow", Overflow)
    return Quantizer(document.part("type", _type), *modes)


def _tensor(document: JsonObject) -> SparseTensor:
    return SparseTensor(
        document.integers("shape"), document.part("type", _type), document.array("index"), document.array("code")
    )


def _layer(document: JsonObject) -> Layer:
    kind = document.text("kind")
    name, inputs, output = document.text("name"), document.texts("inputs"), document.part("output", _value)
    match kind:
        case "Merge":
            return Merge(name, inputs, output, document.member("operation", MergeOperation))
        case "Concatenate":
            return Concatenate(name, inputs, output, document.integer("axis"))
    if len(inputs) != 1:
        raise document.refusal(f"one input was expected, got {len(inputs)}")
    common = name, inputs[0], output
    match kind:
        case "Dense":
            return Dense(*common, document.part("weight", _tensor), document.array("bias"))
        case "Conv":
            return Conv(
                *common,
                document.part("weight", _tensor),
                document.array("bias"),
                document.integers("strides"),
                document.pairs("padding"),
                document.integers("dilation"),
                document.integer("groups"),
            )
        case "MaxPool":
            return MaxPool(
                *common, document.integers("window"), document.integers("strides"), document.pairs("padding")
            )
        case "Reshape":
            return Reshape(*common)
        case "Rearrange":
            return Rearrange(*common, _index(document, output))
        case "ArgMax":
            return ArgMax(*common)
        case "Relu":
            return Relu(*common)
        case "Requantize":
            return Requantize(*common, document.member("rounding", Rounding), document.member("overflow", Overflow))
        case "StepFunction":
            return StepFunction(
                *common, document.array("thresholds", 2), document.array("levels", 2), document.text("origin")
            )
    raise document.refusal(
        f"unknown kind {kind!r}; this hwgen knows {', '.join(known.__name__ for known in Layer.__args__)}"
    )


def _index(document: JsonObject, output: Value) -> IntArray:
    index = document.array("index")
    if index.size != output.size:
        raise document.refusal(f"'index' should hold {output.size} integers, got {index.size}")
    return index.reshape(output.shape)
