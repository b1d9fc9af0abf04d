"""Seconds to get ready, and samples per second, of hwgen's emulator, codes to codes on one core; prints JSON."""

import json
import sys
import time
from itertools import pairwise
from pathlib import Path

import numpy as np
from measure_hwgen import cpu_seconds
from networks import INPUT_TYPE

import hwgen
from hwgen.emulator import Emulator, EmulatorEngine, emulator
from hwgen.fixed import FixedType, IntArray, Overflow, Rounding
from hwgen.ir import Dense, Input, Layer, Network, Requantize, SparseTensor, Value, check_network
from hwgen.reference import encode, simulate

SAMPLES = 1_000_000
RUNS = 5  # the fastest counts: a run is 30 ms, and anything else on the machine is longer
LARGE_SIZES, LARGE_SPARSITY, LARGE_SAMPLES = (64, 1024, 1024, 10), 0.9, 50_000


def large_network(seed: int = 1) -> Network:
    """64-1024-1024-10, 6-bit weights from a Gaussian of 8 steps, 90 % of them zero, activations of 6 bits."""
    rng = np.random.default_rng(seed)
    before = source = Value("x", (LARGE_SIZES[0],), FixedType(True, 8, 5))
    layers: list[Layer] = []
    for number, (inputs, outputs) in enumerate(pairwise(LARGE_SIZES), start=1):
        dense = np.clip(np.rint(rng.normal(0, 8, (inputs, outputs))), -32, 31).astype(np.int64)
        dense[rng.random(dense.shape) < LARGE_SPARSITY] = 0
        weight = SparseTensor.from_dense(dense, FixedType(True, 6, 5))
        total = Value(f"sum{number}", (outputs,), FixedType(True, 24, before.type.fraction + 5))
        layers.append(Dense(f"fc{number}", before.name, total, weight, rng.integers(-256, 256, outputs)))
        before = total
        if number < len(LARGE_SIZES) - 1:
            before = Value(f"act{number}", (outputs,), FixedType(False, 6, 6))
            layers.append(Requantize(f"relu{number}", total.name, before, Rounding.RND_CONV, Overflow.SAT))
    return check_network(Network("mlp", (Input(source, None),), tuple(layers), (before.name,)))


def run_seconds(emulated: Emulator, codes: IntArray) -> float:
    """Wall seconds of one call."""
    start = time.perf_counter()
    emulated.codes([codes])
    return time.perf_counter() - start


def main(folder: Path, engine: str, size: str) -> None:
    """Measure on the saved network, or on the large one."""
    if size == "large":
        network, samples = large_network(), LARGE_SAMPLES
        few = np.random.default_rng(0).integers(-128, 128, (5_000, LARGE_SIZES[0]))
    else:
        network, samples = hwgen.load(folder / "model.h5", input_type=INPUT_TYPE).network, SAMPLES
        few = encode(network, np.load(folder / "x.npy"))[0]
    codes = np.tile(few, (samples // len(few), 1))
    cpu, wall = cpu_seconds(), time.perf_counter()
    emulated = emulator(network, EmulatorEngine(engine), cache=False)
    ready_cpu, ready_wall = cpu_seconds() - cpu, time.perf_counter() - wall
    equal = float((emulated.codes([few])[0] == simulate(network, [few])[0]).all(axis=1).mean())
    seconds = min(run_seconds(emulated, codes) for _ in range(RUNS))
    figures = {
        "ready_cpu_s": ready_cpu,
        "ready_wall_s": ready_wall,
        "samples_s": len(codes) / seconds,
        "equal": equal,
        "version": emulated.kernel.compiler,
    }
    print(json.dumps(figures))


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], sys.argv[3])
