"""Compile seconds and samples per second of hls4ml's own C++ for the same file; prints JSON."""

import io
import json
import sys
import tempfile
import time
from contextlib import redirect_stdout
from importlib.metadata import version
from pathlib import Path

import numpy as np
from measure_hwgen import cpu_seconds
from networks import INPUT_TYPE

from hwgen.training.tensorflow import load, quiet


def main(folder: Path) -> None:
    """Measure hls4ml as its documentation uses it."""
    stack = load()
    import hls4ml
    import keras
    from hls4ml.converters import keras_v2_to_hls

    # hls4ml 1.3.0 takes any installed Keras 3 to mean a Keras 3 model; this one is tf-keras.
    keras.__version__ = version("tf-keras")
    x, y = np.load(folder / "x.npy"), np.load(folder / "y.npy")
    with tempfile.TemporaryDirectory() as temporary, redirect_stdout(io.StringIO()), quiet():
        model = stack.qkeras.utils.load_qmodel(str(folder / "model.h5"), compile=False)
        config = hls4ml.utils.config_from_keras_model(model, granularity="name", backend="Vitis")
        config["LayerName"]["x"]["Precision"]["result"] = INPUT_TYPE
        wanted = {
            "OutputDir": f"{temporary}/project",
            "ProjectName": "myproject",
            "Backend": "Vitis",
            "Part": "xcvu13p-flga2577-2-e",
            "ClockPeriod": 5,
            "IOType": "io_parallel",
            "HLSConfig": config,
            "KerasModel": model,
        }
        converted = keras_v2_to_hls(wanted)
        cpu, wall = cpu_seconds(), time.perf_counter()
        converted.compile()
        compile_cpu, compile_wall = cpu_seconds() - cpu, time.perf_counter() - wall
        converted.predict(x[:10])
        start = time.perf_counter()
        values = converted.predict(x)
        seconds = time.perf_counter() - start
    print(
        json.dumps(
            {
                "compile_cpu_s": compile_cpu,
                "compile_wall_s": compile_wall,
                "samples_s": len(x) / seconds,
                "equal": float((values == y).all(axis=1).mean()),
                "version": f"hls4ml {hls4ml.__version__}",
            }
        )
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]))
