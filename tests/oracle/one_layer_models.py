"""A small model around each layer class, and the sentence with which a changed one is refused."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import hwgen
from hwgen.errors import HwgenError
from oracle.keras_files import (
    KerasLayer,
    activation,
    batch_norm,
    conv,
    conv_batchnorm,
    dense,
    depthwise,
    input_layer,
    layer,
    quantized_bits,
    separable,
    sequential,
    transposed,
    with_norm,
    write_h5,
)

TYPE = "fixed<8,3>"


def zeros(*shape: int) -> np.ndarray:
    return np.zeros(shape, dtype=np.float32)


def norm(channels: int) -> dict[str, np.ndarray]:
    names = ("gamma", "beta", "moving_mean", "moving_variance")
    return {name: np.ones(channels, dtype=np.float32) for name in names}


def message(folder: Path, layers: Sequence[KerasLayer], architecture: Any = None, **load: Any) -> str:
    """Write a model and load it: the sentence with which it is refused.

    Args:
        architecture: where it is not the layers in sequence.
        load: arguments of ``hwgen.load``; the input type is ``TYPE`` unless given.
    """
    path = folder / "model.h5"
    write_h5(path, architecture or sequential(layers), layers)
    with pytest.raises(HwgenError) as caught:
        hwgen.load(path, **{"input_type": TYPE} | load)
    assert "\n" not in str(caught.value)
    return str(caught.value)


# One good model for each class: the layer in question is called "it".
MODELS: dict[str, list[KerasLayer]] = {
    "InputLayer": [input_layer("it", (4,)), dense("head", zeros(4, 3), zeros(3))],
    "QDense": [input_layer("data", (4,)), dense("it", zeros(4, 3), zeros(3))],
    "QConv1D": [input_layer("data", (6, 2)), conv("it", zeros(3, 2, 4), zeros(4))],
    "QConv2D": [input_layer("data", (6, 6, 2)), conv("it", zeros(3, 3, 2, 4), zeros(4))],
    "QConv2DBatchnorm": [input_layer("data", (6, 6, 2)), conv_batchnorm("it", zeros(3, 3, 2, 4), zeros(4), norm(4))],
    "QDenseBatchnorm": [input_layer("data", (4,)), with_norm(dense("it", zeros(4, 3), zeros(3)), norm(3))],
    "QDepthwiseConv2D": [input_layer("data", (6, 6, 2)), depthwise("it", zeros(3, 3, 2, 1), zeros(2))],
    "QDepthwiseConv2DBatchnorm": [
        input_layer("data", (6, 6, 2)),
        with_norm(depthwise("it", zeros(3, 3, 2, 2), zeros(4)), norm(4)),
    ],
    "QSeparableConv1D": [
        input_layer("data", (6, 2)),
        separable("it", zeros(3, 2, 1), zeros(1, 2, 4), zeros(4)),
    ],
    "QSeparableConv2D": [
        input_layer("data", (6, 6, 2)),
        separable("it", zeros(3, 3, 2, 2), zeros(1, 1, 4, 3), zeros(3)),
    ],
    "QConv2DTranspose": [input_layer("data", (6, 6, 2)), transposed("it", zeros(3, 3, 4, 2), zeros(4))],
    "AveragePooling1D": [input_layer("data", (6, 2)), layer("AveragePooling1D", "it", pool_size=[2], strides=[2])],
    "AveragePooling2D": [
        input_layer("data", (6, 6, 2)),
        layer("AveragePooling2D", "it", pool_size=[2, 2], strides=[2, 2]),
    ],
    "GlobalAveragePooling1D": [input_layer("data", (8, 2)), layer("GlobalAveragePooling1D", "it", keepdims=False)],
    "GlobalAveragePooling2D": [input_layer("data", (4, 4, 2)), layer("GlobalAveragePooling2D", "it", keepdims=True)],
    "QAveragePooling2D": [
        input_layer("data", (6, 6, 2)),
        layer(
            "QAveragePooling2D",
            "it",
            **{"pool_size": [3, 3], "strides": [3, 3], "average_quantizer": quantized_bits(8), "activation": None},
        ),
    ],
    "QGlobalAveragePooling2D": [
        input_layer("data", (6, 6, 2)),
        layer("QGlobalAveragePooling2D", "it", average_quantizer=quantized_bits(8), activation=None, keepdims=False),
    ],
    "ZeroPadding1D": [input_layer("data", (6, 2)), layer("ZeroPadding1D", "it", padding=[1, 2])],
    "ZeroPadding2D": [input_layer("data", (6, 6, 2)), layer("ZeroPadding2D", "it", padding=[[1, 0], [0, 1]])],
    "Cropping1D": [input_layer("data", (6, 2)), layer("Cropping1D", "it", cropping=[1, 2])],
    "Cropping2D": [input_layer("data", (6, 6, 2)), layer("Cropping2D", "it", cropping=[[1, 0], [0, 1]])],
    "UpSampling1D": [input_layer("data", (6, 2)), layer("UpSampling1D", "it", size=2)],
    "UpSampling2D": [
        input_layer("data", (6, 6, 2)),
        layer("UpSampling2D", "it", size=[2, 2], interpolation="nearest"),
    ],
    "Permute": [input_layer("data", (6, 2)), layer("Permute", "it", dims=[2, 1])],
    "RepeatVector": [input_layer("data", (4,)), layer("RepeatVector", "it", n=3)],
    "BatchNormalization": [
        input_layer("data", (4,)),
        batch_norm("it", norm(4)),
        activation("end", "quantized_relu(6)"),
    ],
    "QBatchNormalization": [
        input_layer("data", (4,)),
        KerasLayer(
            "QBatchNormalization",
            {
                **batch_norm("it", norm(4)).config,
                "gamma_quantizer": "quantized_relu_po2(6, 2048)",
                "beta_quantizer": "quantized_po2(5)",
                "mean_quantizer": "quantized_po2(5)",
                "variance_quantizer": "quantized_relu_po2(6, quadratic_approximation=True)",
            },
            norm(4),
        ),
        activation("end", "quantized_relu(6)"),
    ],
    "QActivation": [input_layer("data", (4,)), activation("it", "quantized_relu(6)")],
    "Activation": [input_layer("data", (4,)), layer("Activation", "it", activation="relu")],
    "ReLU": [
        input_layer("data", (4,)),
        layer("ReLU", "it", max_value=None, negative_slope=0.0, threshold=0.0),
    ],
    "Softmax": [input_layer("data", (4,)), layer("Softmax", "it", axis=-1)],
    "MaxPooling1D": [input_layer("data", (6, 2)), layer("MaxPooling1D", "it", pool_size=[2], strides=[2])],
    "MaxPooling2D": [input_layer("data", (6, 6, 2)), layer("MaxPooling2D", "it", pool_size=[2, 2], strides=None)],
    "GlobalMaxPooling1D": [input_layer("data", (6, 2)), layer("GlobalMaxPooling1D", "it", keepdims=False)],
    "GlobalMaxPooling2D": [input_layer("data", (6, 6, 2)), layer("GlobalMaxPooling2D", "it", keepdims=True)],
    "Flatten": [input_layer("data", (6, 2)), layer("Flatten", "it", data_format="channels_last")],
    "Reshape": [input_layer("data", (6, 2)), layer("Reshape", "it", target_shape=[3, -1])],
    "Dropout": [input_layer("data", (4,)), layer("Dropout", "it", rate=0.5, noise_shape=None, seed=3)],
    "GaussianNoise": [input_layer("data", (4,)), layer("GaussianNoise", "it", stddev=0.5)],
}


def changed(class_name: str, **options: Any) -> list[KerasLayer]:
    """The class's model with options of its layer "it" changed."""
    return [entry.changed(**options) if entry.name == "it" else entry for entry in MODELS[class_name]]
