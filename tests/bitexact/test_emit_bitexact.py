"""The generated C++, compiled and run, equals the reference simulator code by code, in every layer."""

import shutil
from collections.abc import Sequence
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
from hwgen.ir import Network, check_network
from hwgen.reference import simulate, trace


def assert_equal_in_every_layer(
    network: Network, strategy: Strategy, directory: Path, cxx: str, flags: Sequence[str] = ("-O0",), samples: int = 200
) -> None:
    """Compile with tracing, with the headers' own assertions, and compare every code of every layer."""
    files = hls_project(network, strategy=strategy, part="xcvu13p-flga2577-2-e", clock_ns=5.0)
    library = compile_library(network, files, directory / "traced", cxx, ("-DHWGEN_TRACE", *flags))
    inputs = random_inputs(network, samples)
    expected = trace(network, inputs)
    traced = library.trace(inputs)
    for layer in network.layers:
        name = layer.output.name
        np.testing.assert_array_equal(traced[name], expected[name], err_msg=f"{layer}")
    for name, codes in zip(network.outputs, library.run(inputs), strict=True):
        np.testing.assert_array_equal(codes, expected[name], err_msg=name)


def test_requantize_equals_the_reference_in_every_mode(tmp_path: Path, cxx: str) -> None:
    pairs = [
        (FixedType(True, 7, 4), FixedType(True, 5, 1)),
        (FixedType(True, 6, 4), FixedType(False, 4, 2)),
    ]
    chains = [
        Chain(f"{rounding.value}_{overflow.value}_{pair}".replace("_", "").lower(), (20,), source).requantize(
            target, rounding, overflow
        )
        for rounding in Rounding
        for overflow in Overflow
        for pair, (source, target) in enumerate(pairs)
    ]
    assert_equal_in_every_layer(side_by_side("modes", *chains), Strategy.MULTIPLIERS, tmp_path, cxx)


def test_requantize_is_exact_where_types_barely_touch(tmp_path: Path, cxx: str) -> None:
    """More bits cut off than the code has, one bit, shifts to the left, negative fractions, wide codes."""
    pairs = [
        (FixedType(True, 4, 9), FixedType(True, 3, 1), Rounding.RND_CONV),
        (FixedType(True, 4, 9), FixedType(True, 3, -1), Rounding.RND_INF),
        (FixedType(True, 4, 40), FixedType(True, 3, -40), Rounding.RND_MIN_INF),
        (FixedType(True, 4, 40), FixedType(True, 3, -40), Rounding.TRN),
        (FixedType(False, 1, 11), FixedType(True, 1, 0), Rounding.RND),
        (FixedType(True, 1, 0), FixedType(False, 1, 0), Rounding.TRN_ZERO),
        (FixedType(True, 3, -2), FixedType(True, 8, 4), Rounding.RND_ZERO),
        (FixedType(True, 3, -2), FixedType(True, 4, 8), Rounding.RND_ZERO),
        (FixedType(True, 60, 30), FixedType(True, 40, 7), Rounding.RND_CONV),
        (FixedType(False, 50, 20), FixedType(True, 64, 20), Rounding.RND),
    ]
    chains = [
        Chain(f"p{number}{overflow.value}".replace("_", "").lower(), (20,), source).requantize(
            target, rounding, overflow
        )
        for number, (source, target, rounding) in enumerate(pairs)
        for overflow in (Overflow.SAT, Overflow.WRAP)
    ]
    assert_equal_in_every_layer(side_by_side("edges", *chains), Strategy.MULTIPLIERS, tmp_path, cxx)


def _random_quantize(rng: np.random.Generator, chain: Chain) -> Chain:
    return chain.requantize(*random_quantizer(rng, chain.value.type, chain.interval))


def _dense_chain(rng: np.random.Generator, name: str) -> Chain:
    """Two layers; the second reads few of the first's results, so that neurons die."""
    inputs, hidden = int(rng.integers(1, 12)), int(rng.integers(2, 9))
    chain = Chain(name, (inputs,), random_type(rng, 8))
    bits = int(rng.integers(1, 8))
    chain.dense(random_weight(rng, (inputs, hidden), bits, 0.4), rng.integers(-40, 40, hidden).tolist())
    _random_quantize(rng, chain)
    if rng.integers(2):
        chain.relu()
    weight = random_weight(rng, (hidden, 3), bits, 0.4)
    weight[rng.integers(hidden)] = 0
    return chain.dense(weight, [0, 7, -9])


def _conv_chain(rng: np.random.Generator, name: str, spatial: int) -> Chain:
    """Convolution, quantizer, pool and a dense layer on the flat result."""
    sizes = tuple(rng.integers(4, 7, spatial).tolist())
    channels, outputs = int(rng.integers(1, 4)), int(rng.integers(1, 5))
    chain = Chain(name, (*sizes, channels), random_type(rng, 7))
    kernel = tuple(rng.integers(1, 4, spatial).tolist())
    padding = tuple((int(a), int(b)) for a, b in rng.integers(0, 3, (spatial, 2)))
    dilation = tuple(2 if size >= 5 and taps == 2 else 1 for size, taps in zip(sizes, kernel, strict=True))
    strides = tuple(rng.integers(1, 3, spatial).tolist())
    weight = random_weight(rng, (*kernel, channels, outputs), 5, 0.5)
    chain.conv(weight, rng.integers(-20, 20, outputs).tolist(), strides, padding, dilation)
    _random_quantize(rng, chain)
    window = tuple(min(2, size) for size in chain.value.shape[:-1])
    chain.max_pool(window, tuple(rng.integers(1, 3, spatial).tolist()), tuple((size - 1, size - 1) for size in window))
    chain.reshape(chain.value.size)
    weight = random_weight(rng, (chain.value.size, 2), 4, 0.6)
    return chain.dense(weight, [1, -1])


@pytest.mark.parametrize("strategy", list(Strategy))
def test_random_networks_equal_the_reference(strategy: Strategy, tmp_path: Path, cxx: str) -> None:
    rng = np.random.default_rng(7)
    chains = [_dense_chain(rng, f"dense{k}") for k in range(5)]
    chains += [_conv_chain(rng, f"line{k}", 1) for k in range(3)]
    chains += [_conv_chain(rng, f"plane{k}", 2) for k in range(3)]
    assert_equal_in_every_layer(side_by_side("mixture", *chains), strategy, tmp_path, cxx)


@pytest.mark.parametrize("strategy", list(Strategy))
def test_extreme_sums_equal_the_reference(strategy: Strategy, tmp_path: Path, cxx: str) -> None:
    rng = np.random.default_rng(3)
    chains = [
        # Sums of 36 and of 61 bits.
        Chain("wide", (6,), FixedType(True, 20, 3)).dense(random_weight(rng, (6, 3), 15, 0.2), [1 << 30, 0, -5]),
        Chain("widest", (2,), FixedType(True, 40, 3)).dense(np.array([[1 << 19], [-(1 << 19) + 1]]), [-(1 << 60)]),
        # One bit everywhere, signed and unsigned.
        Chain("bits", (9,), FixedType(False, 1, 0)).dense(random_weight(rng, (9, 4), 1, 0.3), [0, 1, 0, 0]),
        Chain("signs", (9,), FixedType(True, 1, 0)).dense(random_weight(rng, (9, 4), 1, 0.3), [0, 1, 0, 0]),
        # Nothing left of a layer; constants that the next layer folds.
        Chain("nothing", (3,), FixedType(True, 4, 0))
        .dense(np.zeros((3, 4), dtype=np.int64), [3, -2, 0, 1])
        .dense(np.array([[1, 2], [3, 4], [5, 6], [7, 8]]), [0, 1]),
        Chain("partly", (3,), FixedType(True, 4, 0))
        .dense(np.array([[0, 1], [0, 2], [0, 3]]), [9, 1])
        .requantize(FixedType(True, 6, 1), Rounding.RND, Overflow.SAT)
        .dense(np.array([[3, 0], [1, 5]]), [0, 1]),
        Chain("flat", (4, 4, 1), FixedType(True, 4, 0)).conv(
            np.zeros((2, 2, 1, 2), dtype=np.int64), [4, -4], (1, 1), ((0, 1), (1, 0)), (1, 1)
        ),
        # A constant channel, which padding makes a variable one.
        Chain("padded", (4, 2), FixedType(True, 4, 0))
        .conv(np.array([[[0, 1], [0, 2]]]), [3, 0], (1,), ((0, 0),), (1,))
        .conv(np.array([[[1], [1]], [[2], [-1]]]), [0], (1,), ((1, 0),), (1,)),
        # Long enough to be computed in pieces.
        Chain("long", (700,), FixedType(True, 3, 0)).dense(random_weight(rng, (700, 1), 4, 0.1), [5]),
    ]
    assert_equal_in_every_layer(side_by_side("extremes", *chains), strategy, tmp_path, cxx)


def test_step_functions_equal_the_reference(tmp_path: Path, cxx: str) -> None:
    cxx = shutil.which("clang++") or cxx  # which takes a quarter of g++'s time for them
    rng = np.random.default_rng(11)
    narrow, wide = FixedType(True, 5, 1), FixedType(True, 12, 4)
    chains = []
    for number, (descending, consecutive) in enumerate([(False, True), (True, True), (False, False), (True, False)]):
        for channels in (1, 3):
            rows = [random_steps(rng, -128, 127, descending, consecutive, 7) for _ in range(channels)]
            chains.append(
                Chain(f"random{number}x{channels}", (4, 3), FixedType(True, 8, 2)).steps(
                    [thresholds for thresholds, _ in rows], [levels for _, levels in rows], wide
                )
            )
    lines = [line_steps(slope, offset, 9, -16, 15) for slope, offset in ((37, 100), (500, -3000), (13, 0))]
    thresholds, levels = [t for t, _ in lines], [v for _, v in lines]
    chains.append(Chain("lines", (5, 3), FixedType(True, 14, 4)).steps(thresholds, levels, narrow))
    mirrored = [[1 - t for t in reversed(row)] for row in thresholds], [list(reversed(row)) for row in levels]
    chains.append(Chain("mirrored", (3,), FixedType(True, 14, 4)).steps(*mirrored, narrow))
    # A line whose scaled codes no C++ literal holds.
    far = line_steps(13, 5, 6, -4, 3)
    chains.append(Chain("far", (3,), FixedType(True, 61, 4)).steps([far[0]], [far[1]], narrow))
    # Levels that the input's range never leaves: nothing to clip.
    chains.append(Chain("inside", (4,), FixedType(True, 4, 0)).steps([[-4, 0, 4]], [[-2, -1, 0, 1]], narrow))
    never = 1 << 62
    chains.append(
        Chain("never", (3,), FixedType(True, 6, 0)).steps(
            [[-3, 4, never], [never, never, never], [-40, 0, 40]], [[-1, 0, 1, 2], [3, 4, 5, 6], [0, 1, 2, 3]], narrow
        )
    )
    assert_equal_in_every_layer(side_by_side("steps", *chains), Strategy.MULTIPLIERS, tmp_path, cxx)


def _branching_network() -> Network:
    """One input; values read twice, by nobody, as outputs as well as inside; an input that is an output."""
    chain = Chain("trunk", (4,), FixedType(True, 5, 1))
    chain.dense(np.array([[1, 2, 0, 5], [0, -3, 7, 0], [2, 2, 2, 0], [0, 0, 1, 1]]), [1, 2, 3, 4]).relu()
    trunk = side_by_side("branches", chain)
    head = Chain("head", (4,), chain.value.type)
    head.value, head.interval = chain.value, chain.interval
    head.dense(np.array([[1], [0], [3], [0]]), [0])
    tail = Chain("tail", (4,), chain.value.type)
    tail.value, tail.interval = chain.value, chain.interval
    tail.reshape(2, 2).relu()
    lost = Chain("lost", (4,), chain.value.type)
    lost.value, lost.interval = chain.value, chain.interval
    lost.dense(np.array([[5], [5], [5], [5]]), [0])
    layers = (*trunk.layers, *head.layers, *tail.layers, *lost.layers)
    outputs = (head.value.name, chain.value.name, tail.value.name, "trunk_in", tail.layers[0].output.name)
    return check_network(Network("branches", trunk.inputs, layers, outputs))


def test_branches_and_inputs_as_outputs_equal_the_reference(tmp_path: Path, cxx: str) -> None:
    assert_equal_in_every_layer(_branching_network(), Strategy.ADDERS, tmp_path, cxx)


def test_outputs_are_the_same_without_tracing_and_assertions(tmp_path: Path, cxx: str) -> None:
    """Neurons that nothing reads are compiled only for tracing."""
    rng = np.random.default_rng(23)
    network = side_by_side("plain", *[_dense_chain(rng, f"dense{k}") for k in range(3)], _conv_chain(rng, "plane", 2))
    files = hls_project(network, strategy=Strategy.ADDERS, part="xcvu13p-flga2577-2-e", clock_ns=5.0)
    assert "firmware/plain_unused.h" in files
    library = compile_library(network, files, tmp_path / "project", cxx, ("-O1", "-DNDEBUG"))
    inputs = random_inputs(network, 300)
    for codes, wanted in zip(library.run(inputs), simulate(network, inputs), strict=True):
        np.testing.assert_array_equal(codes, wanted)


def test_a_layer_split_over_files_equals_the_reference(
    tmp_path: Path, cxx: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hwgen.emit.kernel.LINES_A_FILE", 40)
    rng = np.random.default_rng(5)
    chain = Chain("parts", (10,), FixedType(True, 6, 2)).dense(random_weight(rng, (10, 10), 6, 0.3), [3] * 10)
    network = side_by_side("divided", chain)
    files = hls_project(network, strategy=Strategy.MULTIPLIERS, part="xcvu13p-flga2577-2-e", clock_ns=5.0)
    assert sum(path.startswith("firmware/divided_parts_0_part") for path in files) == 2
    assert_equal_in_every_layer(network, Strategy.MULTIPLIERS, tmp_path, cxx)
