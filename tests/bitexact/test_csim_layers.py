"""Random networks of every kind of layer, compiled: the codes of the reference in every layer."""

import os
from dataclasses import replace
from pathlib import Path
from random import Random

import numpy as np
import pytest
from emit_library import compile_library
from oracle.networks import random_inputs, random_network

from hwgen.emit import Strategy, hls_project
from hwgen.ir import Network, check_network
from hwgen.reference import trace

BATCH = 8
FUZZ = -(-int(os.environ.get("HWGEN_FUZZ", "300")) // BATCH)


def beside(networks: list[Network]) -> Network:
    """Networks as one, every name with a number in front: compiled at once."""

    def renamed(number: int, network: Network) -> Network:
        inputs = tuple(
            replace(source, value=replace(source.value, name=f"n{number}_{source.value.name}"))
            for source in network.inputs
        )
        layers = []
        for layer in network.layers:
            names = {"inputs": tuple(f"n{number}_{name}" for name in layer.inputs)}
            read = names if "inputs" in layer.__dataclass_fields__ else {"input": names["inputs"][0]}
            output = replace(layer.output, name=f"n{number}_{layer.output.name}")
            layers.append(replace(layer, name=f"n{number}_{layer.name}", output=output, **read))
        return replace(
            network, inputs=inputs, layers=tuple(layers), outputs=tuple(f"n{number}_{n}" for n in network.outputs)
        )

    all_of_them = [renamed(number, network) for number, network in enumerate(networks)]
    return check_network(
        Network(
            "beside",
            tuple(source for network in all_of_them for source in network.inputs),
            tuple(layer for network in all_of_them for layer in network.layers),
            tuple(name for network in all_of_them for name in network.outputs),
        )
    )


def assert_equal(seeds: range, strategy: Strategy, directory: Path, cxx: str) -> None:
    """Compile with tracing, every warning an error, and compare every code of every layer."""
    networks = [random_network(Random(seed), most_layers=9) for seed in seeds]
    network = beside(networks)
    files = hls_project(network, strategy=strategy, part="xcvu13p-flga2577-2-e", clock_ns=5.0)
    library = compile_library(network, files, directory / "project", cxx, ("-DHWGEN_TRACE", "-O0", "-DNDEBUG"))
    random = Random(seeds.start)
    inputs = [codes for each in networks for codes in random_inputs(random, each, 60)]
    expected, traced = trace(network, inputs), library.trace(inputs)
    for layer in network.layers:
        name = layer.output.name
        np.testing.assert_array_equal(traced[name], expected[name], err_msg=f"{layer}")
    for name, codes in zip(network.outputs, library.run(inputs), strict=True):
        np.testing.assert_array_equal(codes, expected[name], err_msg=name)


@pytest.mark.parametrize("strategy", Strategy, ids=lambda strategy: strategy.value)
def test_random_layers_equal_the_reference(strategy: Strategy, tmp_path: Path, cxx: str) -> None:
    assert_equal(range(BATCH), strategy, tmp_path, cxx)


@pytest.mark.fuzz
@pytest.mark.parametrize("name", ["g++", "clang++"])
@pytest.mark.parametrize("batch", range(1, 1 + FUZZ))
def test_more_random_layers_equal_the_reference(batch: int, name: str, tmp_path: Path) -> None:
    strategy = list(Strategy)[batch % 2]
    assert_equal(range(batch * BATCH, (batch + 1) * BATCH), strategy, tmp_path, name)
