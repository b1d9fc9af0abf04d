"""Random networks of every kind of layer, and heads of given types, compiled: the reference's codes in every layer."""

import os
from pathlib import Path
from random import Random

import numpy as np
import pytest
from emit_library import compile_library
from oracle.given_heads import beside, networks_of_given_heads
from oracle.networks import random_inputs, random_network

from hwgen.circuit import Interface
from hwgen.emit import Strategy, hls_project
from hwgen.reference import trace

BATCH = 8
SLICE = 5  # networks
FUZZ = -(-int(os.environ.get("HWGEN_FUZZ", "300")) // BATCH)


PARALLEL, STREAM = Interface.PARALLEL, Interface.STREAM


def assert_equal(seeds: range, strategy: Strategy, interface: Interface, directory: Path, cxx: str) -> None:
    """Compile with tracing, every warning an error, and compare every code of every layer."""
    # Once as arrays and once as streams.
    heads = networks_of_given_heads(directory) if (strategy is Strategy.ADDERS) == (interface is PARALLEL) else []
    networks = [*(random_network(Random(seed), most_layers=9) for seed in seeds), *heads]
    network = beside(networks)
    files = hls_project(network, strategy=strategy, part="xcvu13p-flga2577-2-e", clock_ns=5.0, interface=interface)
    library = compile_library(network, files, directory / "project", cxx, ("-DHWGEN_TRACE", "-O0", "-DNDEBUG"))
    random = Random(seeds.start)
    drawn = [codes for each in networks for codes in random_inputs(random, each, 60)]
    # A symmetric quantizer never gives the lowest code.
    inputs = [np.maximum(codes, source.low) for codes, source in zip(drawn, network.inputs, strict=True)]
    expected, traced = trace(network, inputs), library.trace(inputs)
    for layer in network.layers:
        name = layer.output.name
        np.testing.assert_array_equal(traced[name], expected[name], err_msg=f"{layer}")
    for name, codes in zip(network.outputs, library.run(inputs), strict=True):
        np.testing.assert_array_equal(codes, expected[name], err_msg=name)


@pytest.mark.parametrize(
    ("strategy", "interface"),
    [(Strategy.MULTIPLIERS, PARALLEL), (Strategy.ADDERS, PARALLEL), (Strategy.MULTIPLIERS, STREAM)],
    ids=["multipliers-parallel", "adders-parallel", "multipliers-stream"],
)
def test_random_layers_and_given_heads_equal_the_reference(
    strategy: Strategy, interface: Interface, tmp_path: Path, cxx: str
) -> None:
    assert_equal(range(SLICE), strategy, interface, tmp_path, cxx)


@pytest.mark.fuzz
@pytest.mark.parametrize("name", ["g++", "clang++"])
@pytest.mark.parametrize("interface", Interface, ids=lambda interface: interface.value)
@pytest.mark.parametrize("batch", range(1, 1 + FUZZ))
def test_more_random_layers_equal_the_reference(batch: int, interface: Interface, name: str, tmp_path: Path) -> None:
    strategy = list(Strategy)[batch % 2]
    assert_equal(range(batch * BATCH, (batch + 1) * BATCH), strategy, interface, tmp_path, name)
