"""Samples per second of the NumPy reference, one core, beside plain int64 matrix products; prints JSON."""

import json
import sys
import time
from pathlib import Path

import numpy as np
from networks import INPUT_TYPE

import hwgen
from hwgen.fixed import requantize
from hwgen.ir import Dense, Requantize
from hwgen.reference import encode, simulate

SAMPLES = 400_000


def main(folder: Path) -> None:
    """Measure on the saved network."""
    network = hwgen.load(folder / "model.h5", input_type=INPUT_TYPE).network
    codes = encode(network, np.load(folder / "x.npy"))[0]
    codes = np.tile(codes, (SAMPLES // len(codes), 1))
    simulate(network, [codes[:5000]])
    start = time.perf_counter()
    ours = simulate(network, [codes])[0]
    seconds = time.perf_counter() - start
    few = codes[: SAMPLES // 8]
    start = time.perf_counter()
    plain = few
    for layer in network.layers:
        if isinstance(layer, Dense):
            source = layer
            plain = plain @ layer.weight.dense() + layer.bias
        elif isinstance(layer, Requantize):
            plain = requantize(plain, source.output.type, layer.quantizer)
    plain_seconds = time.perf_counter() - start
    if not (plain == ours[: len(few)]).all():
        raise SystemExit("the two computations differ")
    print(json.dumps({"samples_s": len(codes) / seconds, "plain_int64_samples_s": len(few) / plain_seconds}))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
