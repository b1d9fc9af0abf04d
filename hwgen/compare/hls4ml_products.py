"""Converts a Keras file with hls4ml, as its documentation does, and prints how many multipliers its C++ allows itself.

A program of its own, for TensorFlow stays out of hwgen's process: ``python -m hwgen.compare.hls4ml_products MODEL``.
"""

import importlib
import io
import json
import sys
import tempfile
from contextlib import redirect_stdout
from importlib.metadata import version
from typing import Any

from hwgen.training.tensorflow import load, quiet


def main(path: str) -> None:
    """Print a JSON object: of each layer with weights ``multiplier_limit``, products at a reuse factor of one."""
    stack = load()
    hls4ml = importlib.import_module("hls4ml")
    convert = importlib.import_module("hls4ml.converters").keras_v2_to_hls
    # hls4ml 1.3.0 takes any installed Keras 3 to mean a Keras 3 model; this one is tf-keras.
    keras: Any = importlib.import_module("keras")
    keras.__version__ = version("tf-keras")
    with tempfile.TemporaryDirectory() as folder, redirect_stdout(io.StringIO()), quiet():
        model = stack.qkeras.utils.load_qmodel(path, compile=False)
        config = hls4ml.utils.config_from_keras_model(model, granularity="name", backend="Vitis")
        wanted = {
            "OutputDir": folder,
            "ProjectName": "myproject",
            "Backend": "Vitis",
            "IOType": "io_parallel",
            "HLSConfig": config,
            "KerasModel": model,
        }
        limits = {layer.name: _limit(layer) for layer in convert(wanted).get_layers() if "weight" in layer.weights}
    print(json.dumps(limits))


def _limit(layer: Any) -> int:
    """As in its templates: entries less zeros."""
    weight = layer.weights["weight"]
    return int(weight.data.size - weight.nzeros)


if __name__ == "__main__":
    main(sys.argv[1])
