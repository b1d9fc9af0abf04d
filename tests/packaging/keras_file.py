"""Writes a Keras .h5 file without Keras: what ``model.save("model.h5")`` leaves for a small pruned QKeras network."""

import json
from pathlib import Path
from typing import Any

import h5py
import numpy as np

INPUTS, HIDDEN, OUTPUTS = 16, 8, 3
WEIGHT_BITS, WEIGHT_STEP = 6, 2.0**-5  # quantized_bits(6, 0)


def write_dense_model(path: Path) -> None:
    """QDense(8), quantized_relu(6, 2), QDense(3); two weights in three are zero."""
    random = np.random.default_rng(1)
    layers = {"hidden": (INPUTS, HIDDEN), "scores": (HIDDEN, OUTPUTS)}
    config = {
        "class_name": "Sequential",
        "config": {
            "name": "small",
            "layers": [
                {
                    "class_name": "InputLayer",
                    "config": {
                        "batch_input_shape": [None, INPUTS],
                        "dtype": "float32",
                        "sparse": False,
                        "ragged": False,
                        "name": "features",
                    },
                },
                _dense("hidden", HIDDEN),
                {
                    "class_name": "QActivation",
                    "config": {
                        "name": "rectified",
                        "trainable": True,
                        "dtype": "float32",
                        "activation": {
                            "class_name": "quantized_relu",
                            "config": {
                                "bits": 6,
                                "integer": 2,
                                "use_sigmoid": 0,
                                "negative_slope": 0.0,
                                "use_stochastic_rounding": False,
                                "relu_upper_bound": None,
                                "qnoise_factor": 1.0,
                            },
                            "__passive_serialization__": True,
                        },
                    },
                },
                _dense("scores", OUTPUTS),
            ],
        },
    }
    with h5py.File(path, "w") as file:
        file.attrs["keras_version"] = "2.21.0"
        file.attrs["backend"] = "tensorflow"
        file.attrs["model_config"] = json.dumps(config)
        weights = file.create_group("model_weights")
        weights.attrs["keras_version"] = "2.21.0"
        weights.attrs["backend"] = "tensorflow"
        weights.attrs["layer_names"] = np.array([b"hidden", b"rectified", b"scores"])
        weights.create_group("rectified").attrs["weight_names"] = np.array([], dtype="S1")
        for name, shape in layers.items():
            group = weights.create_group(name)
            group.attrs["weight_names"] = np.array([f"{name}/kernel:0".encode(), f"{name}/bias:0".encode()])
            kernel = random.integers(-31, 32, shape) * (random.random(shape) < 1 / 3) * WEIGHT_STEP
            group.create_dataset(f"{name}/kernel:0", data=kernel.astype(np.float32))
            bias = random.integers(-31, 32, shape[1]) * WEIGHT_STEP
            group.create_dataset(f"{name}/bias:0", data=bias.astype(np.float32))


def _dense(name: str, units: int) -> dict[str, Any]:
    quantizer = {
        "module": "qkeras.quantizers",
        "class_name": "quantized_bits",
        "config": {
            "bits": WEIGHT_BITS,
            "integer": 0,
            "symmetric": 0,
            "alpha": 1,
            "keep_negative": True,
            "use_stochastic_rounding": False,
            "qnoise_factor": 1.0,
        },
        "registered_name": "quantized_bits",
    }
    return {
        "class_name": "QDense",
        "config": {
            "name": name,
            "trainable": True,
            "dtype": "float32",
            "units": units,
            "activation": "linear",
            "use_bias": True,
            "kernel_quantizer": quantizer,
            "bias_quantizer": quantizer,
            "kernel_range": None,
            "bias_range": None,
        },
    }
