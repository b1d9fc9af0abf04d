"""A tiny network gives exactly these files: any change of the generated text shows up in review."""

from collections.abc import Callable

import numpy as np
import pytest

from hwgen.emit import Strategy, Vectors, hls_project
from hwgen.fixed import FixedType, Overflow, Rounding
from hwgen.ir import (
    Conv,
    Dense,
    Exactness,
    Input,
    MaxPool,
    Network,
    Relu,
    Requantize,
    Reshape,
    SparseTensor,
    StepFunction,
    Value,
    check_network,
)

FILES = [
    "README.md",
    "step_functions.json",
    "build_lib.sh",
    "firmware/defines.h",
    "firmware/parameters.h",
    "firmware/tiny.cpp",
    "firmware/tiny.h",
    "firmware/tiny_unused.h",
    "firmware/weights/scale.h",
    "firmware/weights/lookup.h",
    "project.tcl",
    "tb_data/tb_input_features.dat",
    "tb_data/tb_output_predictions.dat",
    "tiny_bridge.cpp",
    "tiny_test.cpp",
]


def tiny_network() -> Network:
    """Every kind of layer once or twice; a dead neuron, a constant one, a zero in every weight."""
    x = Value("x", (6, 2), FixedType(True, 4, 1))
    kernel = np.array([[[3, 0], [-1, 2]], [[0, 0], [7, -4]]])
    conv = Value("conv", (3, 2), FixedType(True, 8, 3))
    scaled = Value("scaled", (3, 2), FixedType(True, 4, 0))
    pool = Value("pool", (2, 2), FixedType(True, 4, 0))
    flat = Value("flat", (4,), FixedType(True, 4, 0))
    hidden = Value("hidden", (4,), FixedType(True, 8, 2))
    positive = Value("positive", (4,), FixedType(False, 7, 2))
    rounded = Value("rounded", (4,), FixedType(False, 3, 0))
    logits = Value("logits", (2,), FixedType(True, 7, 1))
    y = Value("y", (2,), FixedType(False, 3, 0))
    weight = np.array([[5, 0, 3, 0], [0, -7, 0, 0], [1, 2, 0, 0], [0, 0, -6, 0]])
    last = np.array([[3, -1], [1, 0], [0, 0], [2, 5]])
    layers = (
        Conv("conv", "x", conv, _tensor(kernel, 2), np.array([5, -1]), (2,), ((0, 1),), (1,)),
        StepFunction("scale", "conv", scaled, _line((13, 5), (40, 0)), _levels(2), "scale"),
        MaxPool("pool", "scaled", pool, (2,), (1,), ((0, 0),)),
        Reshape("flat", "pool", flat),
        Dense("hidden", "flat", hidden, _tensor(weight, 2), np.array([1, -2, 0, 9])),
        Relu("positive", "hidden", positive),
        Requantize("rounded", "positive", rounded, Rounding.RND_CONV, Overflow.SAT),
        Dense("logits", "rounded", logits, _tensor(last, 1), np.array([-3, 4])),
        StepFunction("lookup", "logits", y, np.array([[-5, 0, 17]]), np.array([[0, 1, 5, 7]]), "a table"),
    )
    exactness = (Exactness("conv", True, 8, "sums of 8 bits"), Exactness("hidden", True, 8, "sums of 8 bits"))
    return check_network(Network("tiny", (Input(x, None),), layers, ("y",), exactness, ("softmax dropped",)))


def _tensor(weight: np.ndarray, fraction: int) -> SparseTensor:
    return SparseTensor.from_dense(weight, FixedType(True, 4, fraction))


def _line(slopes: tuple[int, ...], offsets: tuple[int, ...]) -> np.ndarray:
    """Thresholds of ``(n * slope + offset) >> 7`` at the levels -3 to 3."""
    return np.array(
        [[-(-((level << 7) - b) // a) for level in range(-3, 4)] for a, b in zip(slopes, offsets, strict=True)]
    )


def _levels(channels: int) -> np.ndarray:
    return np.tile(np.arange(-4, 4), (channels, 1))


@pytest.mark.parametrize("strategy", list(Strategy))
def test_a_tiny_network_gives_exactly_these_files(strategy: Strategy, golden: Callable[[str, str], None]) -> None:
    vectors = Vectors((np.arange(-8, 16).reshape(2, 6, 2) // 2,), (np.array([[1, 2], [7, 0]]),))
    files = hls_project(tiny_network(), strategy=strategy, part="xcvu13p-flga2577-2-e", clock_ns=5.0, vectors=vectors)
    for name in FILES:
        golden(f"tiny_{strategy.value}/{name}.txt", files.text(name))
