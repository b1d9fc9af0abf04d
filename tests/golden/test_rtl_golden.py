"""A tiny network gives exactly this Verilog: any change of the generated text shows up in review."""

from collections.abc import Callable

import numpy as np
import pytest

from hwgen import reference
from hwgen.circuit import TARGETS, ClockPlan, lower
from hwgen.emit import Vectors, rtl_project
from hwgen.fixed import FixedType, Overflow, Rounding
from hwgen.ir import (
    Dense,
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

PLANS = {"amd": ClockPlan(1), "generic": ClockPlan(None)}


def tiny_network() -> Network:
    """Every kind of layer that stands in parallel; a dead input, a constant neuron, both kinds of selection."""
    x = Value("x", (4, 1), FixedType(True, 4, 1))
    pool = Value("pool", (3, 1), FixedType(True, 4, 1))
    flat = Value("flat", (3,), FixedType(True, 4, 1))
    hidden = Value("hidden", (3,), FixedType(True, 9, 2))
    positive = Value("positive", (3,), FixedType(False, 8, 2))
    rounded = Value("rounded", (3,), FixedType(False, 3, 0))
    logits = Value("logits", (2,), FixedType(True, 8, 1))
    zero = Value("zero", (2,), FixedType(True, 4, 0))
    y = Value("y", (2,), FixedType(False, 3, 0))
    weight = np.array([[5, 0, 3], [0, 0, -7], [1, 0, 0]])
    last = np.array([[3, -1], [1, 0], [2, 5]])
    layers = (
        MaxPool("pool", "x", pool, (2,), (1,), ((0, 0),)),
        Reshape("flat", "pool", flat),
        Dense("hidden", "flat", hidden, _tensor(weight), np.array([1, 9, -2])),
        Relu("positive", "hidden", positive),
        Requantize("rounded", "positive", rounded, Rounding.RND_CONV, Overflow.SAT),
        Dense("logits", "rounded", logits, _tensor(last), np.array([-3, 4])),
        Requantize("zero", "logits", zero, Rounding.TRN_ZERO, Overflow.SAT_ZERO),
        StepFunction("lookup", "zero", y, np.array([[-5, 0, 3]]), np.array([[0, 1, 5, 7]]), "a table"),
    )
    return check_network(Network("tiny", (Input(x, None),), layers, ("y",)))


def _tensor(weight: np.ndarray) -> SparseTensor:
    return SparseTensor.from_dense(weight, FixedType(True, 4, 1))


@pytest.mark.parametrize("target", list(PLANS))
def test_a_tiny_network_gives_exactly_these_files(target: str, golden: Callable[[str, str], None]) -> None:
    network = tiny_network()
    inputs = (np.arange(-8, 8).reshape(4, 4, 1),)
    files = rtl_project(
        network,
        lower(network, TARGETS[target], PLANS[target]),
        part="xcvu13p-flga2577-2-e",
        clock_ns=5.0,
        vectors=Vectors(inputs, reference.simulate(network, inputs)),
    )
    for name in files:
        if not name.startswith("rtl/lib/") and name not in ("network.json", "project.json"):
            golden(f"tiny_rtl_{target}/{name}.txt", files.text(name))
