"""Test vectors: deterministic, of every kind, and exactly on ties, edges and thresholds."""

import itertools
from random import Random

import numpy as np
import pytest
from oracle.mutant_networks import mutant_network
from oracle.networks import every_input, random_network

from hwgen.errors import InputError
from hwgen.fixed import FixedType, Overflow, Quantizer, Rounding, requantize
from hwgen.ir import (
    Conv,
    Dense,
    Input,
    Interval,
    MaxPool,
    Network,
    Relu,
    Requantize,
    Reshape,
    SparseTensor,
    StepFunction,
    Value,
    check_network,
    value_ranges,
)
from hwgen.reference import simulate, trace
from hwgen.verify import VectorGroup, VectorKind, make_vectors, project_vectors
from hwgen.verify.boundary import boundary_samples
from hwgen.verify.critical import NEVER, PoolOrder, critical_points, first_tie
from hwgen.verify.space import Space
from hwgen.verify.targets import FirstSum, solve, targeted_samples


def dense_network(
    rounding: Rounding = Rounding.RND_CONV, overflow: Overflow = Overflow.SAT, bits: int = 8, inputs: int = 6
) -> Network:
    """One ``Dense`` and a ``Requantize`` that rounds three bits away and saturates often."""
    generator = np.random.default_rng(1)
    x = Value("x", (inputs,), FixedType(True, bits, 0))
    weight = SparseTensor.from_dense(generator.integers(1, 12, size=(inputs, 4)), FixedType(True, 5, 3))
    total = Value("total", (4,), FixedType(True, bits + 16, 3))
    y = Value("y", (4,), FixedType(True, 7, 0))
    layers = (
        Dense("dense", "x", total, weight, np.array([0, 1, -5, 100])),
        Requantize("quantize", "total", y, rounding, overflow),
    )
    return check_network(Network("net", (Input(x, None),), layers, ("y",)))


def step_network(thresholds: list[list[int]], low: int = -100, high: int = 100) -> Network:
    """A step function of the input itself; ``low`` and ``high`` say how many bits that has."""
    x = Value("x", (2,), FixedType.holding(low, high, 0))
    steps = np.array(thresholds)
    levels = np.tile(np.arange(steps.shape[1] + 1), (len(steps), 1))
    y = Value("y", (2,), FixedType(False, 4, 0))
    return check_network(
        Network("net", (Input(x, None),), (StepFunction("step", "x", y, steps, levels, "a test"),), ("y",))
    )


# ---- what is made


def test_the_same_seed_gives_the_same_vectors() -> None:
    first, second, other = (make_vectors(dense_network(), 300, seed) for seed in (5, 5, 6))
    assert (first.inputs[0] == second.inputs[0]).all()
    assert first.groups == second.groups
    assert not np.array_equal(first.inputs[0], other.inputs[0])


@pytest.mark.parametrize("samples", [1, 2, 3, 7, 50, 1000])
def test_as_many_samples_as_asked_for_come(samples: int) -> None:
    vectors = make_vectors(dense_network(), samples)
    assert vectors.samples == samples == sum(group.samples for group in vectors.groups)


def test_the_expected_outputs_are_those_of_the_reference() -> None:
    network = dense_network()
    vectors = make_vectors(network, 300)
    assert (simulate(network, vectors.inputs)[0] == vectors.outputs[0]).all()


def test_constant_and_one_hot_samples_are_what_they_are_called() -> None:
    vectors = make_vectors(dense_network(), 300)
    kinds = [vectors.kind(sample) for sample in range(vectors.samples)]
    by_kind = {kind: vectors.inputs[0][[k is kind for k in kinds]] for kind in VectorKind}
    assert (by_kind[VectorKind.ZERO] == 0).all()
    assert (by_kind[VectorKind.MINIMUM] == -128).all()
    assert (by_kind[VectorKind.MAXIMUM] == 127).all()
    assert by_kind[VectorKind.ALTERNATING].tolist() == [[-128, 127] * 3, [127, -128] * 3]
    one_hot = by_kind[VectorKind.ONE_HOT]
    assert ((one_hot != 0).sum(axis=1) == 1).all()
    assert sorted(one_hot.sum(axis=1).tolist()) == [-128] * 6 + [127] * 6


def test_one_hot_samples_are_limited_for_many_inputs() -> None:
    groups = make_vectors(dense_network(inputs=400), 10_000).groups
    assert VectorGroup(VectorKind.ONE_HOT, 512) in groups


def test_few_possible_inputs_are_all_run_once() -> None:
    vectors = make_vectors(dense_network(bits=2, inputs=4), 256)
    assert vectors.groups == (VectorGroup(VectorKind.EVERY, 256),)
    assert sorted(vectors.inputs[0].tolist()) == [list(codes) for codes in itertools.product(range(-2, 2), repeat=4)]


def test_given_codes_come_first_and_beside_the_others() -> None:
    given = np.arange(12, dtype=np.int64).reshape(2, 6)
    vectors = make_vectors(dense_network(), 20, given=[given])
    assert vectors.groups[0] == VectorGroup(VectorKind.GIVEN, 2)
    assert (vectors.inputs[0][:2] == given).all()
    assert vectors.samples == 22


def test_given_codes_can_be_all() -> None:
    vectors = make_vectors(dense_network(), 0, given=[np.zeros((3, 6), dtype=np.int64)])
    assert vectors.groups == (VectorGroup(VectorKind.GIVEN, 3),)


ENCODE = "hwgen.reference.encode turns real data into codes."


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ([], "network 'net' has 1 inputs, got 0 arrays."),
        (
            [np.zeros((2, 5), np.int64)],
            f"input 'x': int64 codes of shape (samples, 6) were expected, got int64 of shape (2, 5); {ENCODE}",
        ),
        (
            [np.zeros((2, 6), np.int32)],
            f"input 'x': int64 codes of shape (samples, 6) were expected, got int32 of shape (2, 6); {ENCODE}",
        ),
        ([[[0] * 6]], f"input 'x': int64 codes of shape (samples, 6) were expected, got list; {ENCODE}"),
        ([np.zeros((0, 6), np.int64)], "at least one sample of given data is needed, got none."),
        ([np.full((1, 6), 128)], "input 'x': codes from 128 to 128 do not fit its type fixed<8,8> (-128 to 127)."),
    ],
)
def test_given_codes_that_do_not_fit_are_refused(given: list[np.ndarray], says: str) -> None:
    with pytest.raises(InputError) as caught:
        make_vectors(dense_network(), 10, given=given)
    assert str(caught.value) == says


@pytest.mark.parametrize("samples", [0, -1])
def test_no_samples_are_no_verification(samples: int) -> None:
    with pytest.raises(InputError) as caught:
        make_vectors(dense_network(), samples)
    assert str(caught.value) == f"at least one sample is needed to verify anything, got {samples}."


def test_a_negative_seed_is_refused() -> None:
    with pytest.raises(InputError) as caught:
        make_vectors(dense_network(), 10, seed=-1)
    assert str(caught.value) == "a seed is 0 or more, got -1."


def test_a_testbench_gets_vectors_of_every_kind() -> None:
    (codes,) = project_vectors(dense_network())
    assert codes.shape == (200, 6)
    assert {(-128,) * 6, (127,) * 6, (0,) * 6} <= set(map(tuple, codes.tolist()))


def test_random_networks_of_every_kind_get_vectors() -> None:
    for seed in range(40):
        network = random_network(Random(seed))
        vectors = make_vectors(network, 60, seed)
        assert all(
            (expected == made).all()
            for expected, made in zip(simulate(network, vectors.inputs), vectors.outputs, strict=True)
        )


# ---- what is exercised


@pytest.mark.parametrize("rounding", Rounding)
@pytest.mark.parametrize("overflow", Overflow)
def test_every_tie_and_saturation_edge_of_a_first_layer_is_reached(rounding: Rounding, overflow: Overflow) -> None:
    (quantize,) = make_vectors(dense_network(rounding, overflow), 400).coverage
    assert quantize.ties.hit == quantize.ties.possible == 16
    assert quantize.edges.hit == quantize.edges.possible == 16
    assert quantize.ends.hit == quantize.ends.possible == 8


def test_the_critical_samples_tell_rounding_modes_apart() -> None:
    network = dense_network()
    vectors = make_vectors(network, 400)
    total = trace(network, vectors.inputs)["total"]
    source = network.value("total").type
    for rounding in set(Rounding) - {Rounding.RND_CONV}:
        for channel in range(4):
            other = requantize(total[:, channel], source, Quantizer(network.value("y").type, rounding, Overflow.SAT))
            assert (other != vectors.outputs[0][:, channel]).any(), (rounding, channel)


def test_every_threshold_is_reached_on_both_sides() -> None:
    network = step_network([[-100, -3, 5, 90], [0, 1, 2, 60]])
    vectors = make_vectors(network, 200)
    (step,) = vectors.coverage
    assert (step.edges.hit, step.edges.possible) == (16, 16)
    codes = vectors.inputs[0]
    assert {-101, -100, -4, -3, 4, 5, 89, 90} <= set(codes[:, 0].tolist())
    assert {-1, 0, 1, 2, 59, 60} <= set(codes[:, 1].tolist())


def test_thresholds_that_no_code_reaches_are_not_counted() -> None:
    (point,) = critical_points(step_network([[-500, 0, NEVER]]))
    at, below = point.possible[:, :3], point.possible[:, 3:6]
    assert at.tolist() == [[False, True, False]] * 2
    assert below.tolist() == [[False, True, False]] * 2
    assert point.possible[:, point.ends].tolist() == [[False, True]] * 2


def test_equal_thresholds_count_once() -> None:
    (point,) = critical_points(step_network([[5, 5, 5]]))
    assert point.possible[0, :3].tolist() == [False, False, True]
    assert point.possible[0, 3:6].tolist() == [True, False, False]
    _, events = point.occurrences(np.array([[5, 4]]))
    assert sorted(events.tolist()) == sorted([2, point.ends.stop - 1, 3 + 12, point.ends.start + 12])


@pytest.mark.parametrize("rounding", Rounding)
@pytest.mark.parametrize("target", [FixedType(True, 5, 1), FixedType(False, 4, 1), FixedType(True, 5, 6)])
@pytest.mark.parametrize("overflow", [Overflow.SAT, Overflow.SAT_SYM])
def test_saturation_edges_are_where_the_reference_begins_to_saturate(
    rounding: Rounding, overflow: Overflow, target: FixedType
) -> None:
    x = Value("x", (1,), FixedType(True, 10, 4))
    quantizer = Quantizer(target, rounding, overflow)
    layer = Requantize("quantize", "x", Value("y", (1,), target), rounding, overflow)
    (point,) = critical_points(check_network(Network("net", (Input(x, None),), (layer,), ("y",))))
    codes = np.arange(-512, 512)
    # Rounding alone, in a type that holds everything.
    exact = Quantizer(FixedType(True, 40, target.fraction), rounding, Overflow.SAT)
    rounded = requantize(codes, x.type, exact)
    assert point.thresholds.tolist() == [
        [codes[rounded >= quantizer.low].min(), codes[rounded > quantizer.high].min()],
    ]


@pytest.mark.parametrize("shift", [1, 2, 5])
def test_ties_are_counted_by_sign_and_parity(shift: int) -> None:
    low, high = -70, 90
    for negative, odd in itertools.product((False, True), repeat=2):
        ties = [
            code
            for code in range(low, high + 1)
            if code % (1 << shift) == 1 << (shift - 1) and (code < 0) == negative and (code >> shift) % 2 == odd
        ]
        assert first_tie(shift, low, high, negative, odd) == ((ties[0], len(ties)) if ties else None)


def test_no_tie_in_too_small_a_range() -> None:
    assert first_tie(4, 9, 23, False, False) is None


# ---- constructed samples


def test_solve_reaches_the_wanted_sum() -> None:
    generator = np.random.default_rng(0)
    low, high = np.full(12, -32), np.full(12, 31)
    for _ in range(50):
        weight = generator.integers(-20, 21, size=7)
        first = FirstSum(np.arange(7) + 2, weight[weight != 0], 5)
        first = FirstSum(first.position[: len(first.weight)], np.append(first.weight[1:], 1), 5)
        reach = int(np.abs(first.weight).sum()) * 20
        wanted = int(generator.integers(-reach, reach))
        codes = solve(first, wanted, low, high, generator)
        assert codes is not None
        assert int(codes[first.position] @ first.weight) + 5 == wanted
        assert ((codes >= low) & (codes <= high)).all()


def test_solve_mends_what_the_largest_weights_leave_over() -> None:
    first = FirstSum(np.arange(2), np.array([7, 5]), 0)
    codes = solve(first, 1, np.full(2, -50), np.full(2, 50), np.random.default_rng(0))
    assert codes is not None
    assert 7 * codes[0] + 5 * codes[1] == 1


def test_solve_gives_up_where_weights_share_a_divisor() -> None:
    first = FirstSum(np.arange(2), np.array([4, 6]), 0)
    assert solve(first, 3, np.full(2, -50), np.full(2, 50), np.random.default_rng(0)) is None


def test_constructed_samples_have_their_event_through_reshape_convolution_and_relu() -> None:
    generator = np.random.default_rng(2)
    x = Value("x", (50,), FixedType(True, 6, 0))
    image = Value("image", (5, 5, 2), x.type)
    weight = SparseTensor.from_dense(generator.integers(-7, 8, size=(3, 3, 2, 3)), FixedType(True, 4, 4))
    total = Value("total", (3, 3, 3), FixedType(True, 16, 4))
    positive = Value("positive", (3, 3, 3), FixedType(True, 16, 4))
    y = Value("y", (3, 3, 3), FixedType(False, 5, 1))
    layers = (
        Reshape("reshape", "x", image),
        Conv("conv", "image", total, weight, np.array([1, -9, 30]), (2, 2), ((1, 1), (1, 1)), (1, 1)),
        Relu("relu", "total", positive),
        Requantize("quantize", "positive", y, Rounding.RND, Overflow.SAT),
    )
    network = check_network(Network("net", (Input(x, None),), layers, ("y",)))
    (point,) = critical_points(network)
    space = Space.of(network)
    wanted = [e for e in np.flatnonzero(point.possible).tolist() if e % point.possible.shape[1] < point.ties.stop]
    samples = list(targeted_samples(network, point, wanted, space.low, space.high, generator))
    assert len(samples) == len(wanted)
    positives = trace(network, space.split(np.stack(samples)))["positive"]
    for sample, event in enumerate(wanted):
        _, events = point.occurrences(positives[sample : sample + 1])
        assert event in events


def test_the_second_of_two_inputs_is_constructed_in_its_place() -> None:
    given = [Value(name, (3,), FixedType(True, 6, 0)) for name in ("first", "second")]
    weight = SparseTensor.from_dense(np.array([[5], [3], [1]]), FixedType(True, 4, 2))
    layers = (
        Dense("dense", "second", Value("total", (1,), FixedType(True, 11, 2)), weight, np.array([0])),
        Requantize("quantize", "total", Value("y", (1,), FixedType(True, 5, 0)), Rounding.RND, Overflow.SAT),
    )
    network = check_network(Network("net", tuple(Input(v, None) for v in given), layers, ("y", "first")))
    (quantize,) = make_vectors(network, 100).coverage
    assert quantize.edges.hit == quantize.edges.possible == 4


def test_intervals_bound_what_is_possible() -> None:
    low, high = np.array([0]), np.array([3])
    assert Interval(low, high).bounds == (0, 3)
    x = Value("x", (1,), FixedType(False, 2, 2))
    layer = Requantize("quantize", "x", Value("y", (1,), FixedType(False, 4, 1)), Rounding.RND, Overflow.SAT)
    (point,) = critical_points(check_network(Network("net", (Input(x, None),), (layer,), ("y",))))
    assert not point.possible[:, point.edges].any()
    assert not point.possible[:, point.ends].any()
    assert point.possible[:, point.ties].tolist() == [[True, True, False, False]]


def test_extreme_samples_bring_every_sum_of_the_first_layer_to_its_ends() -> None:
    network = dense_network()
    vectors = make_vectors(network, 100)
    values = trace(network, vectors.inputs)
    ranges = value_ranges(network)
    first = next(layer for layer in network.layers if isinstance(layer, Dense))
    codes = values[first.output.name].reshape(-1, first.output.shape[-1])
    assert codes.min(axis=0).tolist() == ranges[first.output.name].low.tolist()
    assert codes.max(axis=0).tolist() == ranges[first.output.name].high.tolist()
    assert any(group.kind is VectorKind.EXTREME_SUM for group in vectors.groups)


def test_later_sums_reach_the_ends_that_any_input_brings() -> None:
    for seed in (0, 1, 3, 4, 5, 8):
        network = mutant_network(seed)
        later = [layer.output.name for layer in network.layers if isinstance(layer, Dense)][1]
        any_input = trace(network, [every_input(network)])[later]
        made = trace(network, make_vectors(network, 2000).inputs)[later]
        assert made.min(axis=0).tolist() == any_input.min(axis=0).tolist()
        assert made.max(axis=0).tolist() == any_input.max(axis=0).tolist()


def test_corners_bring_any_four_inputs_together_in_every_way() -> None:
    space = Space.of(dense_network(inputs=12))
    corners = space.corners(512, np.random.default_rng(0))
    assert set(np.unique(corners)) == {-128, 127}
    for places in itertools.combinations(range(12), 4):
        assert len(np.unique(corners[:, places], axis=0)) == 16


def test_boundary_samples_are_neighbours_with_different_outputs() -> None:
    network = dense_network()
    space = Space.of(network)
    generator = np.random.default_rng(0)
    rows = boundary_samples(space, space.random(200, generator), space.corners(2, generator), 101, generator)
    one, two = np.split(rows, 2)
    assert len(one) == 49  # 25, and 12 of each of two families
    assert np.abs(one - two).sum(axis=1).tolist() == [1] * 49
    outputs = [simulate(network, space.split(side))[0] for side in (one, two)]
    differ = outputs[0] != outputs[1]
    assert differ.any(axis=1).all()
    assert differ.any(axis=0).all()


def test_boundary_samples_are_found_for_the_widest_codes() -> None:
    network = step_network([[0]], -(1 << 61), (1 << 61) - 1)
    space = Space.of(network)
    generator = np.random.default_rng(0)
    rows = boundary_samples(space, space.random(20, generator), space.corners(2, generator), 20, generator)
    assert ((rows == 0) | (rows == -1)).any(axis=1).all()


def test_a_constant_output_has_no_boundary() -> None:
    space = Space.of(step_network([[500]]))
    generator = np.random.default_rng(0)
    assert boundary_samples(space, space.random(20, generator), space.corners(2, generator), 20, generator).shape == (
        0,
        2,
    )


def test_both_sides_of_zero_are_reached_before_a_relu_and_behind_a_quantizer() -> None:
    x = Value("x", (5,), FixedType(True, 10, 4))
    weight = SparseTensor.from_dense(np.array([[31], [29], [17], [13], [11]]), FixedType(True, 6, 0))
    layers = (
        Dense("dense", "x", Value("total", (1,), FixedType(True, 17, 4)), weight, np.array([0])),
        Relu("relu", "total", Value("positive", (1,), FixedType(False, 16, 4))),
        Requantize("quantize", "positive", Value("y", (1,), FixedType(False, 14, 1)), Rounding.RND, Overflow.SAT),
    )
    network = check_network(Network("net", (Input(x, None),), layers, ("y",)))
    totals = trace(network, make_vectors(network, 200).inputs)["total"]
    # 4 of 8 is the first that is rounded to 1.
    assert {-1, 0, 1, 3, 4} <= set(totals.ravel().tolist())


def test_every_code_of_a_pooling_window_is_its_only_maximum_in_some_sample() -> None:
    network = mutant_network(3)
    pool = next(layer for layer in network.layers if isinstance(layer, MaxPool))
    codes = trace(network, make_vectors(network, 1000).inputs)[pool.input].reshape(-1, 3)
    # Of 65536 inputs, 6 have a third code that is larger than the second.
    for one, other in ((0, 1), (1, 0), (1, 2), (2, 1)):
        assert (codes[:, one] > codes[:, other]).any()


@pytest.mark.parametrize("strides", [(1, 1), (2, 1)])
@pytest.mark.parametrize("padding", [((0, 0), (0, 0)), ((1, 1), (0, 1))])
def test_the_order_in_pooling_windows_is_that_of_a_loop(
    strides: tuple[int, int], padding: tuple[tuple[int, int], tuple[int, int]]
) -> None:
    source = Value("x", (4, 3, 2), FixedType(True, 4, 0))
    rows, columns = (
        (size + sum(pads) - 2) // stride + 1
        for size, pads, stride in zip(source.shape[:2], padding, strides, strict=True)
    )
    output = Value("y", (rows, columns, 2), source.type)
    point = PoolOrder.of(MaxPool("pool", "x", output, (2, 2), strides, padding), source)
    codes = np.random.default_rng(0).integers(-8, 8, size=(30, 4, 3, 2))
    expected = set()
    for sample, row, column, channel in itertools.product(range(30), range(rows), range(columns), range(2)):
        found = {}
        for tap, (i, j) in enumerate(itertools.product(range(2), range(2))):
            place = (row * strides[0] + i - padding[0][0], column * strides[1] + j - padding[1][0])
            if 0 <= place[0] < 4 and 0 <= place[1] < 3:
                found[tap] = int(codes[sample, *place, channel])
        largest = [tap for tap, code in found.items() if code == max(found.values())]
        if len(largest) == 1:
            expected.add((sample, ((row * columns + column) * 2 + channel) * 4 + largest[0]))
    assert set(zip(*(part.tolist() for part in point.occurrences(codes)), strict=True)) == expected
