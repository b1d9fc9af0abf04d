"""Seconds from network to Verilog, compile seconds and samples per second of its simulation; prints JSON."""

import json
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from measure_hwgen import cpu_seconds
from networks import INPUT_TYPE

import hwgen
from hwgen.reference import decode, encode
from hwgen.tools import find_compiler
from hwgen.tools.verilator import find_verilator
from hwgen.verify.rtl_engine import RtlEngine, Traffic
from hwgen.verify.rtl_project import open_rtl_project


def main(folder: Path, compiler: str, samples: int) -> None:
    """Measure with one compiler, a sample every cycle; nothing comes from the cache, not even Verilator's runtime."""
    model = hwgen.load(folder / "model.h5", input_type=INPUT_TYPE)
    x, y = np.load(folder / "x.npy"), np.load(folder / "y.npy")
    x, y = np.resize(x, (samples, *x.shape[1:])), np.resize(y, (samples, *y.shape[1:]))
    with tempfile.TemporaryDirectory() as temporary:
        start = time.perf_counter()
        built = hwgen.build(model, Path(temporary) / "project", target="rtl")
        build_wall = time.perf_counter() - start
        engine = RtlEngine(find_verilator(), find_compiler(compiler), Traffic(0, 0), isolated=False)
        project = open_rtl_project(built.directory)
        library = Path(temporary) / "project.so"
        cpu, wall = cpu_seconds(), time.perf_counter()
        engine.build(project, library)
        compile_cpu, compile_wall = cpu_seconds() - cpu, time.perf_counter() - wall
        engine.run(project, library, [encode(model.network, x[:10])[0]])
        start = time.perf_counter()
        simulated = engine.run(project, library, list(encode(model.network, x)))
        values = decode(model.network, simulated.outputs)[0]
        seconds = time.perf_counter() - start
    assert built.circuit is not None
    print(
        json.dumps(
            {
                "build_wall_s": build_wall,
                "compile_cpu_s": compile_cpu,
                "compile_wall_s": compile_wall,
                "samples_s": samples / seconds,
                "equal": float((values == y).all(axis=1).mean()),
                "adders": built.circuit.adders,
                "latency_cycles": built.circuit.latency_cycles,
                "version": engine.verilator.version,
            }
        )
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]))
