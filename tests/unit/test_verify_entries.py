"""Every entry of a table is met, and both sides of every threshold, wherever inputs are found that do."""

import numpy as np
import pytest
from oracle.mutant_networks import mutant_network
from oracle.networks import every_input

from hwgen.fixed import FixedType, IntArray
from hwgen.ir import Dense, Input, Network, SparseTensor, StepFunction, Value, check_network
from hwgen.reference import trace
from hwgen.verify import VectorKind, make_vectors
from hwgen.verify.critical import critical_points
from hwgen.verify.entries import Entries, entry_samples
from hwgen.verify.space import Space


def step_codes(network: Network, inputs: list[IntArray]) -> list[set[int]]:
    """What each channel of the last layer, a step function, reads."""
    last = network.layers[-1]
    assert isinstance(last, StepFunction)
    codes = trace(network, inputs)[last.input]
    return [set(np.unique(codes[..., channel]).tolist()) for channel in range(codes.shape[-1])]


def entries_of(network: Network) -> Entries:
    return Entries.of(network, critical_points(network))


def far_thresholds(scale: int) -> Network:
    """Two sums of six codes of 12 bits, hardly any beside a threshold, and too wide for tables."""
    x = Value("x", (6,), FixedType(True, 12, 0))
    weight = np.random.default_rng(3).integers(scale // 2, scale, size=(6, 2)) | 1
    total = Value("total", (2,), FixedType(True, 40, 0))
    steps = np.array([[-70_001, 5, 90_000], [-3, 12_345, 12_346]])
    levels = np.array([[0, 3, 1, 2], [2, 0, 3, 1]])
    return check_network(
        Network(
            "net",
            (Input(x, None),),
            (
                Dense("dense", "x", total, SparseTensor.from_dense(weight, FixedType(True, 16, 0)), np.array([1, -7])),
                StepFunction("step", "total", Value("y", (2,), FixedType(False, 2, 0)), steps, levels, "a test"),
            ),
            ("y",),
        )
    )


@pytest.mark.parametrize("seed", [7, 10])
def test_every_entry_that_any_input_meets_is_met(seed: int) -> None:
    """Of 32,768 and 65,536 inputs, one alone gives some codes; uniform samples leave a quarter of the entries out."""
    network = mutant_network(seed)
    vectors = make_vectors(network, 2000)
    assert step_codes(network, list(vectors.inputs)) == step_codes(network, [every_input(network)])
    assert any(group.kind is VectorKind.ENTRY for group in vectors.groups)


def test_every_entry_is_met_behind_a_quantizer_with_too_many_inputs_to_try() -> None:
    """48 bits of input; the sums reach every code from -127 to 147, and from -14 to 5."""
    network = mutant_network(13, wide=True)
    wanted = [
        set(each.codes.tolist()) for each in entries_of(network).wanted if each.source == network.layers[-1].input
    ]
    made = step_codes(network, list(make_vectors(network, 2000).inputs))
    random = step_codes(
        network, list(Space.of(network).split(Space.of(network).random(2000, np.random.default_rng(0))))
    )
    assert made == wanted
    assert random != wanted


def test_both_sides_of_thresholds_are_found_by_coming_nearer() -> None:
    """A uniform sample lies beside a given threshold once in about 100,000."""
    network = far_thresholds(40)
    space, entries = Space.of(network), entries_of(network)
    rows = entry_samples(space, entries, 100, np.random.default_rng(0))
    codes = trace(network, space.split(rows))["total"]
    assert {-70_002, -70_001, 4, 5, 89_999, 90_000} <= set(codes[:, 0].tolist())
    assert {-4, -3, 12_344, 12_345, 12_346} <= set(codes[:, 1].tolist())
    assert (entries.missing, len(rows)) == (0, len(np.unique(rows, axis=0)))


def test_no_more_samples_come_than_were_asked_for() -> None:
    network = mutant_network(7)
    space = Space.of(network)
    assert len(entry_samples(space, entries_of(network), 5, np.random.default_rng(0))) == 5
    assert len(entry_samples(space, entries_of(network), 0, np.random.default_rng(0))) == 0


def test_what_is_met_is_not_looked_for_again() -> None:
    network = mutant_network(7)
    space, entries = Space.of(network), entries_of(network)
    entries.add(trace(network, [every_input(network)]))
    assert len(entry_samples(space, entries, 100, np.random.default_rng(0))) == 0


def test_the_same_samples_are_found_each_time() -> None:
    network = mutant_network(13, wide=True)
    space = Space.of(network)
    one, two = (entry_samples(space, entries_of(network), 50, np.random.default_rng(2)) for _ in range(2))
    assert (one == two).all()
