"""One small network with every kind of stored weight, for tests of file formats: numbers by seed, layers by name."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from oracle.keras_files import (
    Arrays,
    KerasLayer,
    activation,
    batch_norm,
    conv,
    conv_batchnorm,
    dense,
    input_layer,
    layer,
    quantized_bits,
)

WEIGHT_STEP = 2.0**-5  # quantized_bits(6, 0)


@dataclass(frozen=True)
class SmallNetwork:
    """Layers, and the integer codes of the kernels that they were made from."""

    layers: list[KerasLayer]
    codes: dict[str, NDArray[Any]]


def small_network(seed: int = 1) -> SmallNetwork:
    """Convolution, convolution with batch norm, pooling, batch norm, two dense layers, softmax; input (6, 6, 2)."""
    random = np.random.default_rng(seed)

    def codes(*shape: int) -> NDArray[Any]:
        return random.integers(-31, 32, shape) * (random.random(shape) < 0.7)

    kernels = {"conv": codes(3, 3, 2, 3), "folded": codes(2, 2, 3, 3), "hidden": codes(12, 4), "scores": codes(4, 3)}
    values = {name: kernel * WEIGHT_STEP for name, kernel in kernels.items()}
    layers = [
        input_layer("conv_input", (6, 6, 2)),
        activation("pixels", quantized_bits(8, 2)),
        conv("conv", values["conv"], codes(3) * WEIGHT_STEP),
        activation("conv_relu", "quantized_relu(6,2)"),
        conv_batchnorm("folded", values["folded"], codes(3) * WEIGHT_STEP, _norm(random, 3)),
        activation("folded_relu", "quantized_relu(6,2)"),
        layer("MaxPooling2D", "pool", pool_size=[2, 2], strides=[1, 1], padding="valid", data_format="channels_last"),
        batch_norm("norm", _norm(random, 3)),
        activation("norm_bits", quantized_bits(6, 2)),
        layer("Flatten", "flat", data_format="channels_last"),
        dense("hidden", values["hidden"], codes(4) * WEIGHT_STEP),
        layer("Dropout", "dropout", rate=0.25, noise_shape=None, seed=None),
        activation("hidden_relu", "quantized_relu(6,2)"),
        dense("scores", values["scores"], None, bias_quantizer=None),
        layer("Activation", "softmax", activation="softmax"),
    ]
    return SmallNetwork(layers, kernels)


def _norm(random: np.random.Generator, channels: int) -> Arrays:
    return {
        "gamma": random.uniform(0.5, 2, channels).astype(np.float32),
        "beta": random.normal(size=channels).astype(np.float32),
        "moving_mean": random.normal(size=channels).astype(np.float32),
        "moving_variance": random.uniform(0.5, 2, channels).astype(np.float32),
    }
