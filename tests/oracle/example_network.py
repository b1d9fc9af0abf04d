"""One small network with every kind of layer, written out, and ways to change it, for tests that break or print it."""

from dataclasses import replace
from typing import Any

import numpy as np

from hwgen.fixed import FixedType, Overflow, Quantizer, Rounding
from hwgen.ir import (
    Conv,
    Dense,
    Exactness,
    Input,
    Layer,
    MaxPool,
    Network,
    Relu,
    Requantize,
    Reshape,
    SparseTensor,
    StepFunction,
    Value,
)


def example_network() -> Network:
    """An image through every kind of layer to two classes; beside it a vector that is only rectified."""
    image = Value("image", (6, 5, 1), FixedType(False, 4, 4))
    vector = Value("vector", (3,), FixedType(True, 6, 2))
    kernel = np.array([[[[1, 0]], [[-2, 3]]], [[[0, 0]], [[3, -4]]], [[[0, 1]], [[0, 0]]]])
    matrix = np.zeros((12, 2), dtype=np.int64)
    matrix[[0, 5, 7, 11], [0, 0, 1, 1]] = [5, -8, -1, 7]
    thresholds = np.array([[-40, 0, 40], [-3, -3, 2**62]])
    layers: tuple[Layer, ...] = (
        Conv(
            "conv",
            "image",
            Value("sums", (6, 4, 2), FixedType(True, 8, 7)),
            SparseTensor.from_dense(kernel, FixedType(True, 3, 3)),
            np.array([0, 5]),
            strides=(1, 1),
            padding=((1, 1), (0, 0)),
            dilation=(1, 1),
        ),
        Requantize("narrow", "sums", Value("narrowed", (6, 4, 2), FixedType(True, 6, 5)), Rounding.RND, Overflow.SAT),
        Relu("relu", "narrowed", Value("positive", (6, 4, 2), FixedType(False, 5, 5))),
        MaxPool(
            "pool",
            "positive",
            Value("pooled", (3, 2, 2), FixedType(False, 5, 5)),
            window=(2, 3),
            strides=(2, 2),
            padding=((0, 0), (0, 1)),
        ),
        Reshape("flatten", "pooled", Value("flat", (12,), FixedType(False, 5, 5))),
        Dense(
            "dense",
            "flat",
            Value("scores", (2,), FixedType(True, 10, 8)),
            SparseTensor.from_dense(matrix, FixedType(True, 4, 3)),
            np.array([-7, 0]),
        ),
        StepFunction(
            "classify",
            "scores",
            Value("classes", (2,), FixedType(True, 3, 0)),
            thresholds,
            np.array([[-2, -1, 0, 1], [3, 1, 0, 0]]),
            "scale, quantized_bits(3,2)",
        ),
        Relu("rectify", "vector", Value("rectified", (3,), FixedType(False, 5, 2))),
    )
    return Network(
        "example",
        (Input(image, None), Input(vector, Quantizer(vector.type, Rounding.RND_CONV, Overflow.SAT))),
        layers,
        ("classes", "rectified", "image"),
        (Exactness("conv", True, 9, "sums need 9 of 24 bits"), Exactness("dense", False, 30, "sums need 30 bits")),
        ("softmax dropped: the largest output stays the largest.",),
    )


def with_layer(name: str, /, **changes: Any) -> Network:
    """The example network with one layer changed."""
    network = example_network()
    layers = tuple(replace(layer, **changes) if layer.name == name else layer for layer in network.layers)
    assert layers != network.layers
    return replace(network, layers=layers)


def with_output(name: str, /, **changes: Any) -> Network:
    """The example network with the value changed that one layer defines."""
    (layer,) = (layer for layer in example_network().layers if layer.name == name)
    return with_layer(name, output=replace(layer.output, **changes))


def alone(layer: Layer, shape: tuple[int, ...], kind: FixedType) -> Network:
    """A network of one layer that reads ``x``."""
    return Network("net", (Input(Value("x", shape, kind), None),), (layer,), (layer.output.name,))
