"""``hwgen sweep``: pruning and rounding after training against definitions written out, and accuracy by hand."""

import csv
import io
import re
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from random import Random

import numpy as np
import pytest
from keras_file import write_dense_model
from oracle.networks import random_inputs, random_network
from oracle.pair_network import pair_network
from typer.testing import CliRunner

import hwgen
from hwgen.api import Model
from hwgen.circuit import AMD, ClockPlan, lower
from hwgen.cli import app
from hwgen.compare import accuracy, classes, variant
from hwgen.errors import InputError, UnsupportedError
from hwgen.fixed import FixedType
from hwgen.ir import Conv, Dense, Input, Network, Relu, Value
from hwgen.reference import simulate


def kernels(network: Network) -> list[Dense | Conv]:
    return [layer for layer in network.layers if isinstance(layer, Dense | Conv)]


def half_even(code: int, drop: int) -> int:
    return round(Fraction(code, 1 << drop))  # Python rounds ties to even


@pytest.mark.parametrize("seed", range(40))
def test_variants_of_any_network_prune_the_smallest_and_round_the_rest(seed: int) -> None:
    random = Random(seed)
    network = random_network(random)
    sparsity, bits = random.choice([0.0, 0.3, 0.5, 0.9, 1.0]), random.choice([None, 1, 2, 4, 8])
    made = variant(network, sparsity, bits)  # checks itself: sums fit their types
    for before, after in zip(kernels(network), kernels(made), strict=True):
        old, new = before.weight.dense().ravel().tolist(), after.weight.dense().ravel().tolist()
        drop = 0 if bits is None else max(0, before.weight.type.width - bits)
        low, high = before.weight.type.min_code >> drop, before.weight.type.max_code >> drop
        rounded = [min(max(half_even(code, drop), low), high) << drop for code in old]
        gone = [i for i, code in enumerate(new) if code != rounded[i]]
        assert all(new[i] == 0 for i in gone)
        zeros = before.entries - sum(code != 0 for code in new)
        assert zeros >= round(sparsity * before.entries)
        # What went is no larger than what stayed.
        stayed = [abs(old[i]) for i, code in enumerate(new) if code]
        assert max((abs(old[i]) for i in gone), default=0) <= min(stayed, default=1 << 62)
        assert (before.bias == after.bias).all()


@pytest.mark.parametrize("seed", range(10))
def test_a_variant_without_pruning_or_rounding_computes_the_same(seed: int) -> None:
    random = Random(100 + seed)
    network = random_network(random)
    inputs = random_inputs(random, network, 20)
    for one, two in zip(simulate(network, inputs), simulate(variant(network, 0.0, None), inputs), strict=True):
        assert (one == two).all()


def test_a_circuit_of_a_variant_computes_what_the_reference_does() -> None:
    made = variant(pair_network(), 0.5, 3)
    inputs = random_inputs(Random(1), made, 50)
    assert (lower(made, AMD, ClockPlan(1)).codes(inputs)[0] == simulate(made, inputs)[0]).all()


def test_more_pruning_leaves_fewer_weights() -> None:
    found = hwgen.sweep(Model(pair_network()), sparsities=[0, 0.3, 0.6, 1])
    weights = [row.figures["weights"] for row in found.rows]
    assert all(more > fewer for more, fewer in pairwise(weights))
    assert weights[-1] == 0
    assert found.ratio(found.rows[1], "weights") == weights[1] / weights[0]


@pytest.mark.parametrize(
    ("sparsity", "bits", "text"),
    [
        (1.5, None, "a sparsity is a share from 0 to 1, got 1.5."),
        (-0.1, 4, "a sparsity is a share from 0 to 1, got -0.1."),
        (0.5, 0, "a weight has at least 1 bit, got 0."),
    ],
)
def test_shares_and_widths_that_make_no_sense_are_refused(sparsity: float, bits: int | None, text: str) -> None:
    with pytest.raises(InputError, match=f"^{re.escape(text)}$"):
        variant(pair_network(), sparsity, bits)


def test_a_network_without_weights_is_refused() -> None:
    x, y = Value("x", (2,), FixedType(True, 4, 0)), Value("y", (2,), FixedType(False, 3, 0))
    network = Network("bare", (Input(x, None),), (Relu("relu", "x", y),), ("y",))
    with pytest.raises(InputError) as caught:
        hwgen.sweep(Model(network), sparsities=[0.5])
    assert str(caught.value) == "network 'bare' has no weights, so there is nothing to prune or to round."


def test_what_cannot_be_unrolled_is_counted_in_the_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise UnsupportedError("too large.")

    monkeypatch.setattr("hwgen.compare.sweep.lower", refuse)
    found = hwgen.sweep(Model(pair_network()))
    assert "adders" in found.rows[0].figures
    assert "latency_cycles" not in found.rows[0].figures
    assert found.notes == ("as trained, 0% pruned: too large.",)


# ---- accuracy


def test_the_accuracy_is_that_of_the_largest_output() -> None:
    network = pair_network()
    inputs = random_inputs(Random(2), network, 60)
    (codes,) = simulate(network, inputs)
    labels = np.array([0 if a >= b else 1 for a, b in codes.tolist()])
    assert accuracy(network, inputs, labels) == 1.0
    labels[:15] ^= 1
    assert accuracy(network, inputs, labels) == 45 / 60


def test_labels_are_classes_or_rows() -> None:
    rows = np.array([[0, 1], [1, 0], [0.2, 0.8]])
    assert classes(rows, 3).tolist() == [1, 0, 1]
    assert classes(np.array([[1.0], [0.0], [1.0]]), 3).tolist() == [1, 0, 1]


@pytest.mark.parametrize(
    ("labels", "text"),
    [
        (
            np.zeros(4, dtype=np.int64),
            "labels are (3,) classes or (3, classes), a row for each sample; got (4,).",
        ),
        (np.array([0.5, 1, 2]), "labels are whole numbers, the classes; these are not."),
    ],
)
def test_labels_that_are_none_are_refused(labels: np.ndarray, text: str) -> None:
    with pytest.raises(InputError, match=f"^{re.escape(text)}$"):
        classes(labels, 3)


def test_an_accuracy_of_several_outputs_is_refused() -> None:
    network = pair_network()
    both = Network(network.name, network.inputs, network.layers, ("sums", "y"))
    text = "network 'pair' has 2 outputs, and an accuracy is of one; give no labels."
    with pytest.raises(InputError, match=f"^{re.escape(text)}$"):
        accuracy(both, random_inputs(Random(1), both, 3), np.zeros(3, dtype=np.int64))


def test_data_without_labels_is_refused() -> None:
    with pytest.raises(InputError) as caught:
        hwgen.sweep(Model(pair_network()), inputs=np.zeros((3, 3)))
    assert str(caught.value) == "inputs and labels belong together: an accuracy needs both."


# ---- the command


def test_the_command_prints_the_grid(tmp_path: Path) -> None:
    write_dense_model(tmp_path / "net.h5")
    model = hwgen.load(tmp_path / "net.h5", input_type="fixed<8,3>")
    x = np.random.default_rng(1).integers(-128, 128, (50, *model.network.inputs[0].value.shape)) / 32
    np.save(tmp_path / "x.npy", x)
    np.save(tmp_path / "y.npy", np.asarray(model.codes(x)).argmax(axis=1))
    data = ["--inputs", str(tmp_path / "x.npy"), "--labels", str(tmp_path / "y.npy")]
    grid = ["--sparsity", "0,.9", "--bits", "2,16", "--format", "csv"]
    ran = CliRunner().invoke(app, ["sweep", str(tmp_path / "net.h5"), "--input-type", "fixed<8,3>", *grid, *data])
    assert ran.exit_code == 0
    read = list(csv.DictReader(io.StringIO(ran.stdout)))
    assert [row["design"] for row in read] == [
        "2 bits, 0% pruned",
        "2 bits, 90% pruned",
        "16 bits, 0% pruned",
        "16 bits, 90% pruned",
    ]
    assert float(read[2]["accuracy"]) == 1.0  # as trained: the labels are its own


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["--sparsity", "half"], "--sparsity is numbers separated by commas, such as 0,.5,.75; got 'half'."),
        (["--bits", "4,x"], "--bits is numbers separated by commas, such as 4,6,8; got '4,x'."),
        (["--bits", "4.5"], "--bits is whole numbers separated by commas, such as 4,6,8; got '4.5'."),
        (["--inputs", "x.npy"], "--inputs and --labels belong together: an accuracy needs both."),
    ],
)
def test_arguments_that_cannot_be_read_are_refused(tmp_path: Path, arguments: list[str], text: str) -> None:
    write_dense_model(tmp_path / "net.h5")
    ran = CliRunner().invoke(app, ["sweep", str(tmp_path / "net.h5"), "--input-type", "fixed<8,3>", *arguments])
    assert isinstance(ran.exception, InputError)
    assert str(ran.exception) == text
