"""The intermediate representation: a Network of exact integer layers, its invariants, text form and JSON form."""

from hwgen.ir.check import check_network
from hwgen.ir.complexity import LayerComplexity, network_complexity
from hwgen.ir.interval import Interval
from hwgen.ir.json_form import network_to_json
from hwgen.ir.json_reader import network_from_json
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
    SingleInput,
    StepFunction,
)
from hwgen.ir.network import Exactness, Input, Network
from hwgen.ir.ranges import value_ranges
from hwgen.ir.tensor import SparseTensor, Value
from hwgen.ir.text_form import network_text

__all__ = [
    "ArgMax",
    "Concatenate",
    "Conv",
    "Dense",
    "Exactness",
    "Input",
    "Interval",
    "Layer",
    "LayerComplexity",
    "MaxPool",
    "Merge",
    "MergeOperation",
    "Network",
    "Rearrange",
    "Relu",
    "Requantize",
    "Reshape",
    "SingleInput",
    "SparseTensor",
    "StepFunction",
    "Value",
    "check_network",
    "network_complexity",
    "network_from_json",
    "network_text",
    "network_to_json",
    "value_ranges",
]
