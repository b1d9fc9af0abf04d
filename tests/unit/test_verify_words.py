"""Words of a circuit go to their ends, and what is wrong with one of them comes out."""

import json
import re
from functools import cache

import numpy as np
import pytest
from oracle.mutant_campaign import verilog_case
from oracle.mutant_networks import mutant_network
from oracle.networks import every_input

from hwgen.circuit import TARGETS, Circuit, ClockPlan, circuit_from_json, lower
from hwgen.errors import ProjectError
from hwgen.fixed import IntArray
from hwgen.ir import Network
from hwgen.verify import TestVectors, VectorKind, make_vectors
from hwgen.verify.extremes import far_samples
from hwgen.verify.rtl_project import rtl_project_from_files
from hwgen.verify.space import Space
from hwgen.verify.words import CircuitWords, NetworkWords, small_circuit


def ends(circuit: Circuit, inputs: IntArray) -> list[tuple[int, int]]:
    """What each word reaches."""
    return [(int(word.min()), int(word.max())) for word in circuit.word_values([inputs])]


@cache
def wide(seed: int) -> tuple[Network, Circuit, TestVectors]:
    """A network of 48 bits of input, its circuit, and the vectors that verify it."""
    case = verilog_case(seed, wide=True)
    circuit = circuit_from_json(case.files["circuit.json"].decode())
    return case.network, circuit, make_vectors(case.network, 2000, circuit=circuit)


@pytest.mark.parametrize("seed", [3, 6])
def test_every_word_reaches_the_ends_that_any_input_brings(seed: int) -> None:
    network = mutant_network(seed)
    circuit = lower(network, TARGETS["amd"], ClockPlan(1))
    made = make_vectors(network, 400, circuit=circuit).inputs[0]
    assert ends(circuit, made) == ends(circuit, every_input(network))


def test_words_that_are_linear_reach_the_ends_of_their_intervals() -> None:
    _, circuit, vectors = wide(14)
    first = circuit.words[6].layer
    reached = ends(circuit, vectors.inputs[0])
    linear = [number for number, word in enumerate(circuit.words) if word.layer in ("x", first)]
    assert len(linear) > 15
    assert [reached[n] for n in linear] == [(circuit.words[n].low, circuit.words[n].high) for n in linear]


def test_partial_sums_behind_a_quantizer_go_where_vectors_without_a_search_do_not() -> None:
    network, circuit, vectors = wide(14)
    rows = Space.of(network).varied(4 * vectors.samples, np.random.default_rng(1))
    plain = ends(circuit, rows.reshape(len(rows), *network.inputs[0].value.shape))
    made = ends(circuit, vectors.inputs[0])
    assert all(low <= other and high >= another for (low, high), (other, another) in zip(made, plain, strict=True))
    assert sum(one != other for one, other in zip(made, plain, strict=True)) > 5


@pytest.mark.parametrize("bits", [3, 4, 5])
def test_an_input_that_is_narrowed_on_its_way_comes_out(bits: int) -> None:
    """Only where that code is just above 128 and the others are small does it change an output."""
    _, circuit, vectors = wide(19)
    number = next(number for number, word in enumerate(circuit.words) if word.name == f"x_{bits}")

    def narrowed(word: int, codes: IntArray) -> IntArray:
        return codes & 127 if word == number else codes

    right, wrong = (
        np.array(list(circuit.word_values(vectors.inputs, altered)))[list(circuit.results[0])]
        for altered in (None, narrowed)
    )
    assert (right != wrong).any()


def test_the_report_of_a_circuit_counts_what_vectors_reach() -> None:
    _, circuit, vectors = wide(19)
    assert vectors.words is not None
    reached = ends(circuit, vectors.inputs[0])
    changing = [n for n, word in enumerate(circuit.words) if word.low < word.high]
    hit = sum((reached[n][0] == circuit.words[n].low) + (reached[n][1] == circuit.words[n].high) for n in changing)
    assert (vectors.words.words, vectors.words.ends.possible) == (len(changing), 2 * len(changing))
    assert vectors.words.ends.hit == hit
    assert vectors.words.bits.hit <= vectors.words.bits.possible


def test_without_a_circuit_channels_of_layers_are_watched() -> None:
    network = mutant_network(8)
    words, space = NetworkWords(network), Space.of(network)
    none = np.empty((0, space.size), dtype=np.int64)
    rows = far_samples(space, words, none, 100, np.random.default_rng(0))
    any_input = every_input(network).reshape(-1, space.size)
    made, possible = (words.tally(space, each) for each in (rows, any_input))
    assert made.low.tolist() == possible.low.tolist()
    assert made.high.tolist() == possible.high.tolist()


def test_a_search_is_the_same_each_time() -> None:
    network, circuit, vectors = wide(14)
    again = make_vectors(network, 2000, circuit=circuit)
    assert (again.inputs[0] == vectors.inputs[0]).all()
    kinds = {group.kind for group in vectors.groups}
    assert {VectorKind.FAR_WORD, VectorKind.FAULT} <= kinds


def test_a_circuit_is_made_for_a_project_that_has_none() -> None:
    network = mutant_network(1)
    circuit = small_circuit(network)
    assert circuit is not None
    words = make_vectors(network, 200).words
    assert words is not None
    assert (words.called, words.words) == ("words of the circuit", len(CircuitWords(circuit).low))


def test_another_networks_circuit_is_refused() -> None:
    files, other = verilog_case(3).files, verilog_case(14, wide=True).files
    files = {**files, "circuit.json": other["circuit.json"]}
    sentence = "project 'a': circuit.json and network.json have different inputs; build the project again."
    with pytest.raises(ProjectError, match=f"^{re.escape(sentence)}$"):
        rtl_project_from_files(files, "a")


def test_a_damaged_circuit_is_refused() -> None:
    files = dict(verilog_case(3).files)
    circuit = json.loads(files["circuit.json"])
    circuit["format"] = 1
    sentence = (
        "project 'a': circuit.json is damaged (CircuitError: a circuit of format 4 was expected, got format 1.); build "
        "the project again."
    )
    with pytest.raises(ProjectError, match=f"^{re.escape(sentence)}$"):
        rtl_project_from_files({**files, "circuit.json": json.dumps(circuit).encode()}, "a")
