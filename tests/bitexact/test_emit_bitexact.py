"""The generated C++, compiled and run, equals the reference simulator code by code, in every layer."""

from pathlib import Path

import numpy as np
import pytest
from emit_library import compile_library
from emit_networks import (
    Chain,
    line_steps,
    random_inputs,
    random_quantizer,
    random_steps,
    random_type,
    random_weight,
    side_by_side,
)

from hwgen.emit import Strategy, hls_project
from hwgen.fixed import FixedType, Overflow, Rounding
from hwgen.ir import Network
from hwgen.reference import simulate, trace

SIGNED = FixedType(True, 8, 3)
UNSIGNED = FixedType(False, 6, 2)


def assert_equal_in_every_layer(network: Network, strategy: Strategy, directory: Path, cxx: str, samples: int = 400) -> None:
    files = hls_project(network, strategy=strategy, part="xcvu13p-flga2577-2-e", clock_ns=5.0)
    library = compile_library(network, files, directory / "project", cxx)
    inputs = random_inputs(network, samples)
    expected = trace(network, inputs)
    for name, codes in library.trace(inputs).items():
        np.testing.assert_array_equal(codes, expected[name], err_msg=name)
    for name, codes in zip(network.outputs, library.run(inputs), strict=True):
        np.testing.assert_array_equal(codes, expected[name], err_msg=name)
    # Without tracing, neurons that nothing reads are gone; outputs stay the same.
    plain = compile_library(network, files, directory / "plain", cxx, flags=("-DNDEBUG",))
    for codes, wanted in zip(plain.run(inputs), simulate(network, inputs), strict=True):
        np.testing.assert_array_equal(codes, wanted)


@pytest.mark.parametrize("overflow", list(Overflow))
def test_requantize_equals_the_reference_in_all_roundings(overflow: Overflow, tmp_path: Path, cxx: str) -> None:
    sources = [FixedType(True, 9, 4), FixedType(False, 8, 4), FixedType(True, 3, -1), FixedType(True, 1, 0)]
    targets = [FixedType(True, 5, 1), FixedType(False, 4, 0), FixedType(True, 2, 6), FixedType(False, 1, -2)]
    chains = [
        Chain(f"c{s}_{t}_{r}", (40,), source).requantize(target, rounding, overflow)
        for r, rounding in enumerate(Rounding)
        for s, source in enumerate(sources)
        for t, target in enumerate(targets)
    ]
    network = side_by_side("modes", *chains)
    assert_equal_in_every_layer(network, Strategy.MULTIPLIERS, tmp_path, cxx, samples=60)
