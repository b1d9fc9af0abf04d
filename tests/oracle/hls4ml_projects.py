"""Keras 2 models through hls4ml, with its Vitis backend and with hwgen's: the one is the oracle of the other.

Runs in both environments that matter: TensorFlow 2.14, whose own Keras is 2, and current TensorFlow with tf-keras.
"""

import os
import warnings
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from oracle.rational import quantize_rational, two_to

os.environ["TF_USE_LEGACY_KERAS"] = "1"  # before TensorFlow is imported: qkeras needs Keras 2
os.environ["TF_ENABLE_ONEDNN_OPTS"] = "0"
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # theirs, while importing; nothing of hwgen's runs here
    import hls4ml
    import keras as installed_keras
    import qkeras
    import tensorflow as tf

    keras = tf.keras
    from hwgen.hls4ml_backend import hls4ml_config_from_keras, hls4ml_from_keras

tf.get_logger().setLevel("ERROR")

__all__ = [
    "HAS_KERAS_2",
    "Accumulator",
    "Config",
    "configuration",
    "converted",
    "hls4ml",
    "hls4ml_from_keras",
    "keras",
    "predictions",
    "pruned",
    "qkeras",
    "samples_for",
]

# Where Keras 3 is installed, hls4ml's own functions take every model for one of Keras 3.
HAS_KERAS_2 = installed_keras.__version__.startswith("2.")

Config = dict[str, Any]


def configuration(model: Any, change: Callable[[Config], None] | None = None, backend: str = "hwgen") -> Config:
    """hls4ml's configuration of a model, by layer name, with what ``change`` makes of it."""
    if HAS_KERAS_2:
        config = hls4ml.utils.config_from_keras_model(
            model, granularity="name", backend=backend, default_precision="fixed<16,6>"
        )
    else:
        config = hls4ml_config_from_keras(model, default_precision="fixed<16,6>", backend=backend)
    if change is not None:
        change(config)
    return config


def converted(model: Any, config: Config, folder: Path, backend: str = "hwgen", **options: Any) -> Any:
    """hls4ml's graph of a model: from hls4ml's own call where that knows Keras 2, else from hwgen's."""
    if HAS_KERAS_2:
        return hls4ml.converters.convert_from_keras_model(
            model, hls_config=config, output_dir=str(folder), backend=backend, **options
        )
    return hls4ml_from_keras(model, hls_config=config, output_dir=folder, backend=backend, **options)


def predictions(
    model: Any,
    samples: NDArray[np.float32],
    folder: Path,
    backend: str,
    change: Callable[[Config], None] | None = None,
    **options: Any,
) -> list[NDArray[np.float32]]:
    """What a compiled project predicts, one array for each of the model's outputs."""
    project = converted(model, configuration(model, change, backend), folder / backend, backend, **options)
    project.compile()
    found = project.predict(np.ascontiguousarray(samples))
    return found if isinstance(found, list) else [found]


def pruned(model: Any, seed: int, kept: float = 0.5) -> Any:
    """Give a model random weights on a grid of 1/32, a part of them zero, and biases on a grid of 1/16; variances are
    positive."""
    rng = np.random.default_rng(seed)
    for layer in model.layers:
        weights = layer.get_weights()
        if weights:
            weights[0] = rng.integers(-32, 32, weights[0].shape) / 32 * (rng.random(weights[0].shape) < kept)
            if len(weights) > 1:
                lowest = [1 if "variance" in variable.name else -8 for variable in layer.weights[1:]]
                weights[1:] = [
                    rng.integers(low, low + 16, array.shape) / 16
                    for low, array in zip(lowest, weights[1:], strict=True)
                ]
            layer.set_weights(weights)
    return model


def samples_for(model: Any, count: int, seed: int) -> NDArray[np.float32]:
    """Inputs on a grid of 2**-10 between -4 and 4, which ``fixed<16,6>`` holds."""
    rng = np.random.default_rng(seed)
    return (rng.integers(-4096, 4096, (count, *model.input_shape[1:])) / 1024).astype(np.float32)


class Accumulator:
    """``ap_fixed<width, integer, rounding, overflow>`` over rationals, from UG1399's definition of the modes."""

    def __init__(self, width: int, integer: int, rounding: str, overflow: str) -> None:
        self.width, self.fraction = width, width - integer
        self.rounding, self.overflow = rounding, overflow

    def __str__(self) -> str:
        return f"fixed<{self.width},{self.width - self.fraction},{self.rounding},{self.overflow}>"

    def cast(self, value: Fraction) -> Fraction:
        code = quantize_rational(value, True, self.width, self.fraction, self.rounding, self.overflow)
        return code * two_to(-self.fraction)

    def dense(
        self, inputs: NDArray[np.float32], kernel: NDArray[np.float32], bias: NDArray[np.float32]
    ) -> list[list[Fraction]]:
        """Bias first, then each product, cast and added; every sum cast again, in the order of the inputs."""
        rows = []
        for sample in inputs:
            sums = []
            for column, start in zip(kernel.T, bias, strict=True):
                total = self.cast(Fraction(float(start)))
                for x, w in zip(sample, column, strict=True):
                    total = self.cast(total + self.cast(Fraction(float(x)) * Fraction(float(w))))
                sums.append(total)
            rows.append(sums)
        return rows
