"""Compile seconds and samples per second of hwgen's C++; prints JSON."""

import json
import resource
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from networks import INPUT_TYPE

import hwgen
from hwgen.reference import decode, encode
from hwgen.tools import find_compiler
from hwgen.verify import Engine, open_project


def cpu_seconds() -> float:
    """CPU time of this process and its finished children."""
    own, children = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    return own.ru_utime + own.ru_stime + children.ru_utime + children.ru_stime


def main(folder: Path, strategy: str, compiler: str, headers: str) -> None:
    """Measure one strategy with one compiler; ``headers`` is "fast" or "pristine"."""
    model = hwgen.load(folder / "model.h5", input_type=INPUT_TYPE)
    x, y = np.load(folder / "x.npy"), np.load(folder / "y.npy")
    with tempfile.TemporaryDirectory() as temporary:
        engine = Engine(find_compiler(compiler), pristine=headers == "pristine", isolated=False)
        cpu, wall = cpu_seconds(), time.perf_counter()
        hwgen.build(model, Path(temporary) / "project", strategy=strategy, inputs=x[:100])
        library = Path(temporary) / "project.so"
        engine.build(open_project(Path(temporary) / "project"), library)
        compile_cpu, compile_wall = cpu_seconds() - cpu, time.perf_counter() - wall
        engine.run(model.network, library, [encode(model.network, x[:10])[0]])
        start = time.perf_counter()
        codes = engine.run(model.network, library, list(encode(model.network, x)))
        values = decode(model.network, codes)[0]
        seconds = time.perf_counter() - start
    print(
        json.dumps(
            {
                "compile_cpu_s": compile_cpu,
                "compile_wall_s": compile_wall,
                "samples_s": len(x) / seconds,
                "equal": float((values == y).all(axis=1).mean()),
                "version": f"{engine.compiler.version}",
            }
        )
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]), *sys.argv[2:])
