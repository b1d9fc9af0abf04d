"""The network that is measured, made with QKeras and saved where every tool reads it."""

import sys
from itertools import pairwise
from pathlib import Path

import numpy as np

SIZES = (16, 64, 32, 32, 5)
INPUT_TYPE = "fixed<8,3>"
SPARSITY = 0.75


def save_network(folder: Path, seed: int = 1, samples: int = 20_000) -> None:
    """Write ``model.h5``, inputs ``x.npy`` on the grid, and Keras's own outputs ``y.npy``."""
    from hwgen.training.tensorflow import load, quiet

    stack = load()
    keras, qkeras = stack.keras, stack.qkeras
    rng = np.random.default_rng(seed)

    def quantizer() -> object:
        return qkeras.quantized_bits(6, 0, alpha=1)

    model = keras.Sequential([keras.layers.InputLayer((SIZES[0],), name="x")])
    for number, (inputs, outputs) in enumerate(pairwise(SIZES), start=1):
        last = number == len(SIZES) - 1
        layer = qkeras.QDense(
            outputs,
            kernel_quantizer=quantizer(),
            bias_quantizer=quantizer(),
            name="logits" if last else f"fc{number}",
        )
        model.add(layer)
        kernel = np.clip(np.rint(rng.normal(0, 8, (inputs, outputs))), -32, 31)
        kernel[rng.random(kernel.shape) < SPARSITY] = 0
        layer.set_weights([kernel / 32, rng.integers(-8, 8, outputs) / 32])
        if not last:
            model.add(qkeras.QActivation("quantized_relu(6,0)", name=f"relu{number}"))
    x = (rng.integers(-128, 128, (samples, SIZES[0])) / 32).astype(np.float32)
    with quiet():
        model.save(folder / "model.h5")
        np.save(folder / "y.npy", model.predict(x, batch_size=4096, verbose=0))
    np.save(folder / "x.npy", x)


if __name__ == "__main__":
    save_network(Path(sys.argv[1]))
