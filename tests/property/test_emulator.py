"""The emulator against the NumPy reference and plain integers: every layer, mode and lane, both engines and targets."""

import os
from dataclasses import replace
from itertools import product
from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracle.example_network import example_network
from oracle.integers import trace_integers
from oracle.networks import networks, random_inputs, random_network

import hwgen
from hwgen.emulator import Emulator, EmulatorEngine, emulator
from hwgen.emulator.lanes import Lane
from hwgen.emulator.lower import lower
from hwgen.emulator.program import Kind, Program, Stepping
from hwgen.fixed import FixedType, IntArray, Overflow, Rounding
from hwgen.ir import (
    ArgMax,
    Conv,
    Dense,
    Input,
    Layer,
    Merge,
    MergeOperation,
    Network,
    Rearrange,
    Requantize,
    SparseTensor,
    StepFunction,
    Value,
    check_network,
)
from hwgen.reference import simulate

FUZZ = int(os.environ.get("HWGEN_FUZZ", "300"))
randoms = st.randoms(use_true_random=False)
WIDE = FixedType(True, 63, 0)


def interpreting(network: Network) -> Emulator:
    return emulator(network, EmulatorEngine.INTERPRETER)


def assert_equal(emulated: Emulator, inputs: tuple[IntArray, ...]) -> None:
    expected = simulate(emulated.network, inputs)
    found = emulated.codes(inputs)
    assert [codes.tolist() for codes in found] == [codes.tolist() for codes in expected]
    assert all(
        codes.dtype == np.int64 and codes.shape == want.shape for codes, want in zip(found, expected, strict=True)
    )


@settings(max_examples=100, deadline=None)
@given(networks(), randoms, st.sampled_from([0, 1, 3, 129]))
def test_random_networks_have_the_codes_of_the_reference(network: Network, random: Random, samples: int) -> None:
    assert_equal(interpreting(network), random_inputs(random, network, samples))


@settings(max_examples=30, deadline=None)
@given(networks(), randoms)
def test_the_narrow_target_has_the_same_codes(network: Network, random: Random) -> None:
    emulated = interpreting(network)
    assert_equal(replace(emulated, kernel=replace(emulated.kernel, wide=False)), random_inputs(random, network, 20))


# ---- rounding and overflow


def quantizing(source: FixedType, target: FixedType, rounding: Rounding, overflow: Overflow) -> Network:
    x = Value("x", (1,), source)
    layer = Requantize("quantize", "x", Value("y", (1,), target), rounding, overflow)
    return check_network(Network("net", (Input(x, None),), (layer,), ("y",)))


def telling_codes(source: FixedType, shift: int, random: Random) -> IntArray:
    """Ends, small codes, ties and their neighbours, anything."""
    half = 1 << max(shift - 1, 0)
    codes = {source.min_code, source.max_code, *range(-5, 6)}
    for _ in range(60):
        tie = (2 * random.randint(-6, 6) + 1) * half
        codes |= {tie - 1, tie, tie + 1, random.randint(source.min_code, source.max_code)}
    kept = sorted(code for code in codes if source.min_code <= code <= source.max_code)
    return np.array(kept, dtype=np.int64).reshape(-1, 1)


@settings(max_examples=250, deadline=None)
@given(
    st.sampled_from(Rounding),
    st.sampled_from(Overflow),
    st.tuples(st.booleans(), st.sampled_from([1, 4, 7, 8, 14, 15, 16, 17, 30, 31, 32, 33, 60, 62, 63, 64])),
    st.tuples(st.booleans(), st.sampled_from([1, 2, 5, 8, 15, 16, 17, 32, 48, 62, 63])),
    st.integers(-20, 70),
    randoms,
)
def test_every_rounding_and_overflow_in_every_lane(
    rounding: Rounding,
    overflow: Overflow,
    source: tuple[bool, int],
    target: tuple[bool, int],
    shift: int,
    random: Random,
) -> None:
    signed, width = source
    kind = FixedType(signed, min(width, 64 if signed else 63), 0)
    # To the left within 62 bits.
    right = max(shift, kind.width - 62)
    network = quantizing(kind, FixedType(*target, -right), rounding, overflow)
    codes = telling_codes(kind, right, random)
    (found,) = interpreting(network).codes([codes])
    assert found.tolist() == simulate(network, [codes])[0].tolist()
    assert found.tolist() == trace_integers(network, [codes])["y"]


def every_mode() -> Network:
    """Each rounding with each overflow behind a sum; a sum in parts, a maximum and an index beside them."""
    x, wide = Value("x", (3,), FixedType(True, 8, 0)), parts_of_16_bits().inputs[0].value
    weight = SparseTensor.from_dense(np.array([[3, 1], [-1, 0], [25, -7]]), FixedType(True, 6, 0))
    layers: list[Layer] = []
    for number, (rounding, overflow) in enumerate(product(Rounding, Overflow)):
        total = Value(f"sum{number}", (2,), FixedType(True, 14, 0))
        layers.append(Dense(f"dense{number}", "x", total, weight, np.array([5, -9])))
        output = Value(f"y{number}", (2,), FixedType(number % 3 > 0, 6, -3 if number % 5 else 2))
        layers.append(Requantize(f"quantize{number}", total.name, output, rounding, overflow))
    both = Value("both", (2,), FixedType(True, 12, 2))
    layers.append(Merge("merge", ("y0", "y1"), both, MergeOperation.MAXIMUM))
    layers.append(ArgMax("argmax", "sum5", Value("best", (1,), FixedType(False, 1, 0))))
    parts = parts_of_16_bits()
    layers += [replace(layer, input="wide") if isinstance(layer, Dense) else layer for layer in parts.layers]
    inputs = (Input(x, None), Input(replace(wide, name="wide"), None))
    outputs = tuple(layer.output.name for layer in layers if not isinstance(layer, Dense))
    return check_network(Network("modes", inputs, tuple(layers), outputs))


def test_a_compiled_network_has_the_codes_of_the_reference() -> None:
    network = every_mode()
    emulated = emulator(network)
    assert emulated.engine is EmulatorEngine.COMPILED
    assert_equal(emulated, random_inputs(Random(5), network, 300))


# ---- lanes


def parts_of_16_bits() -> Network:
    """A sum of 32 bits whose parts fit 16, one that fits 16 itself, and one with a product that does not."""
    x = Value("x", (60,), FixedType(False, 8, 0))
    matrix = np.random.default_rng(3).integers(-31, 32, (60, 3))
    matrix[5:, 1] = 0
    matrix[7, 2] = 300
    weight = SparseTensor.from_dense(matrix, FixedType(True, 10, 0))
    total = Value("sum", (3,), FixedType(True, 24, 0))
    dense = Dense("dense", "x", total, weight, np.array([1000, 7, -70000]))
    levels = Value("y", (3,), FixedType(True, 9, -8))
    rounded = Requantize("round", "sum", levels, Rounding.RND_CONV, Overflow.SAT)
    return check_network(Network("parts", (Input(x, None),), (dense, rounded), ("y",)))


def test_sums_are_added_in_the_narrowest_lanes_that_hold_them() -> None:
    program = lower(parts_of_16_bits())
    lanes = [(each.part, each.total, each.result, len(each.bias)) for each in program.operations]
    assert lanes == [
        (Lane.INT16, Lane.INT16, Lane.INT16, 1),
        (Lane.INT16, Lane.INT32, Lane.INT16, 1),
        (Lane.INT32, Lane.INT32, Lane.INT16, 1),
    ]
    assert_equal(interpreting(parts_of_16_bits()), random_inputs(Random(4), parts_of_16_bits(), 500))


@pytest.mark.parametrize(("fraction", "overflow"), [(0, Overflow.WRAP), (0, Overflow.SAT), (20, Overflow.SAT)])
def test_a_sum_in_a_narrow_lane_beside_one_that_overflows_a_wider_type(fraction: int, overflow: Overflow) -> None:
    x = Value("x", (1,), FixedType(True, 4, 0))
    weight = SparseTensor.from_dense(np.array([[0, 1, -(2**33)]]), FixedType(True, 35, 0))
    dense = Dense("dense", "x", Value("sum", (3,), FixedType(True, 40, 0)), weight, np.array([1, 2, 3]))
    rounded = Requantize("round", "sum", Value("y", (3,), FixedType(True, 24, fraction)), Rounding.TRN, overflow)
    network = check_network(Network("net", (Input(x, None),), (dense, rounded), ("y",)))
    assert_equal(interpreting(network), (np.arange(-8, 8).reshape(-1, 1),))


def test_a_merge_of_many_whose_results_are_wider_than_what_it_reads() -> None:
    x = Value("x", (2,), FixedType(True, 14, 0))
    fine = Value("fine", (2,), FixedType(True, 14, 9))
    total = Value("y", (2,), FixedType(True, 26, 9))
    merge = Merge("merge", ("x", "fine", "x", "fine"), total, MergeOperation.ADD)
    network = check_network(Network("net", (Input(x, None), Input(fine, None)), (merge,), ("y",)))
    assert_equal(interpreting(network), random_inputs(Random(1), network, 200))


@pytest.mark.parametrize("bits", [8, 16, 32, 64])
def test_codes_may_come_in_narrower_integers(bits: int) -> None:
    network = example_network()
    inputs = random_inputs(Random(2), network, 131)
    narrow = [codes.astype(f"int{bits}") for codes in inputs]
    expected = simulate(network, inputs)
    assert [codes.tolist() for codes in interpreting(network).codes(narrow)] == [codes.tolist() for codes in expected]


@pytest.mark.parametrize("size", [1, 7, 8, 9, 64, 65, 130])
def test_blocks_and_columns_join_without_a_seam(size: int) -> None:
    x = Value("x", (size,), FixedType(True, 9, 0))
    network = Network("net", (Input(x, None),), (Requantize("q", "x", Value("y", (size,), FixedType(True, 7, -1)),
        Rounding.RND, Overflow.SAT),), ("x", "y"))  # fmt: skip
    for samples in (1, 127, 128, 129, 257):
        assert_equal(interpreting(network), random_inputs(Random(size), network, samples))


# ---- layers


@pytest.mark.parametrize(
    ("steps", "width", "form"),
    [(3, 8, Stepping.COMPARE), (60, 12, Stepping.TABLE), (60, 40, Stepping.SEARCH), (60, 16, Stepping.TABLE)],
)
def test_step_functions_that_rise_and_fall_by_each_way_to_find_them(steps: int, width: int, form: Stepping) -> None:
    random = np.random.default_rng(steps + width)
    x = Value("x", (4, 3), FixedType(True, width, 0))
    ends = 1 << (width - 1)
    thresholds = np.sort(random.integers(-ends, ends, (3, steps)), axis=1)
    thresholds[:, -1] = 2**62
    thresholds[1, 0] = thresholds[1, 1]
    levels = random.integers(-100, 100, (3, steps + 1))
    step = StepFunction("step", "x", Value("y", (4, 3), FixedType(True, 8, 0)), thresholds, levels, "test")
    network = check_network(Network("net", (Input(x, None),), (step,), ("y",)))
    assert lower(network).operations[0].finish.stepping is form
    codes = random.integers(-ends, ends, (300, 4, 3))
    codes[:3, 0] = thresholds[:, :3].T.clip(-ends, ends - 1)
    assert_equal(interpreting(network), (codes,))


def sums_at_places(program: Program) -> dict[int, int]:
    """How many operations run at so many places."""
    places = [len(each.moves) for each in program.operations if each.kind is Kind.SUM]
    return {count: places.count(count) for count in sorted(set(places))}


def test_an_image_has_one_arrangement_inside_and_others_at_its_edges() -> None:
    x = Value("x", (9, 7, 2), FixedType(False, 5, 0))
    weight = SparseTensor.from_dense(np.random.default_rng(0).integers(-9, 9, (3, 3, 2, 4)), FixedType(True, 5, 0))
    output = Value("y", (9, 7, 4), FixedType(True, 16, 0))
    padding = ((1, 1), (1, 1))
    conv = Conv("conv", "x", output, weight, np.arange(4), (1, 1), padding, (1, 1))
    network = check_network(Network("net", (Input(x, None),), (conv,), ("y",)))
    assert sums_at_places(lower(network)) == {1: 4, 5: 2, 7: 2, 35: 1}
    assert_equal(interpreting(network), random_inputs(Random(0), network, 150))


def test_a_convolution_over_an_image_with_zeros_between_its_codes() -> None:
    x = Value("x", (4, 2), FixedType(True, 6, 0))
    index = np.full((8, 2), -1)
    index[::2] = np.arange(8).reshape(4, 2)[:, ::-1]
    spread = Rearrange("spread", "x", Value("wide", (8, 2), x.type), index)
    weight = SparseTensor.from_dense(np.random.default_rng(1).integers(-9, 9, (3, 2, 3)), FixedType(True, 5, 0))
    output = Value("y", (8, 3), FixedType(True, 14, 0))
    conv = Conv("conv", "wide", output, weight, np.zeros(3, np.int64), (1,), ((1, 1),), (1,))
    network = check_network(Network("net", (Input(x, None),), (spread, conv), ("wide", "y")))
    assert_equal(interpreting(network), random_inputs(Random(0), network, 40))


def test_memory_is_shared_by_layers_that_are_never_needed_together() -> None:
    x = Value("x", (32,), FixedType(True, 8, 0))
    layers: list[Layer] = []
    before = x
    for number in range(20):
        kind = FixedType(True, 8, -(number + 1) % 2)
        after = Value(f"v{number}", (32,), kind)
        index = np.random.default_rng(number).permutation(32)
        moved = Value(f"m{number}", (32,), before.type)
        layers.append(Rearrange(f"move{number}", before.name, moved, index))
        layers.append(Requantize(f"q{number}", moved.name, after, Rounding.RND, Overflow.SAT))
        before = after
    network = check_network(Network("deep", (Input(x, None),), tuple(layers), (before.name,)))
    emulated = interpreting(network)
    assert emulated.tables.arena_bytes == 2 * 32 * 128 * 2
    assert_equal(emulated, random_inputs(Random(0), network, 200))


# ---- from outside


def test_the_emulator_is_one_word_away() -> None:
    network = example_network()
    model = hwgen.Model(network)
    data = [np.ldexp(codes, -source.value.type.fraction) for source, codes in
            zip(network.inputs, random_inputs(Random(7), network, 30), strict=True)]  # fmt: skip
    for one, two in (
        (model.codes(data), model.codes(data, engine="emulator")),
        (model.predict(data), model.predict(data, engine="emulator")),
        (model.codes(data), hwgen.emulate(model, "interpreter").codes(data)),
        (model.predict(data), hwgen.emulate(network, "interpreter").predict(data)),
    ):
        assert [each.tolist() for each in one] == [each.tolist() for each in two]


def test_a_large_network_is_interpreted_and_says_so() -> None:
    x = Value("x", (80,), FixedType(True, 4, 0))
    weight = SparseTensor.from_dense(np.ones((80, 60), dtype=np.int64), FixedType(False, 1, 0))
    dense = Dense("dense", "x", Value("y", (60,), FixedType(True, 20, 0)), weight, np.zeros(60, np.int64))
    network = check_network(Network("net", (Input(x, None),), (dense,), ("y",)))
    assert hwgen.emulate(network).engine is EmulatorEngine.INTERPRETER


@pytest.mark.fuzz
@pytest.mark.parametrize("seed", range(5000, 5000 + FUZZ))
def test_many_random_networks_have_the_codes_of_the_reference(seed: int) -> None:
    random = Random(seed)
    network = random_network(random, most_layers=20)
    assert_equal(interpreting(network), random_inputs(random, network, 140))


@pytest.mark.fuzz
@pytest.mark.parametrize("seed", range(6000, 6000 + FUZZ // 15))
def test_random_networks_compiled_have_the_codes_of_the_reference(seed: int) -> None:
    random = Random(seed)
    network = random_network(random, most_layers=12)
    emulated = emulator(network, EmulatorEngine.COMPILED, cache=False)
    assert_equal(emulated, random_inputs(random, network, 140))
