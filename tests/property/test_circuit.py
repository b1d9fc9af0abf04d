"""A Circuit computes its Network: every code, every layer, every plan and target; and its proofs notice a lie."""

import re
from collections.abc import Sequence
from dataclasses import replace
from random import Random

import numpy as np
import pytest
from oracle.networks import every_input, random_inputs, tiny_network
from oracle.parallel import FAMILIES, PLANS, parallel_networks

from hwgen import reference
from hwgen.circuit import (
    TARGETS,
    Adder,
    AdderGraph,
    Circuit,
    ClockPlan,
    Parity,
    Piece,
    Row,
    Total,
    adder_graph,
    circuit_from_json,
    lower,
)
from hwgen.circuit import circuit_to_json as to_json
from hwgen.circuit.adder_graph import Node
from hwgen.circuit.operations import Operation, Sign, Sum, evaluate, sources
from hwgen.circuit.schedule import rows
from hwgen.errors import CircuitError, InputError, UnsupportedError
from hwgen.fixed import FixedType, IntArray
from hwgen.ir import Conv, Dense, Input, Network, Requantize, SparseTensor, Value, check_network

SEEDS = [range(start, start + 50) for start in range(0, 400, 50)]


@pytest.mark.parametrize("seeds", SEEDS, ids=lambda seeds: f"seeds {seeds.start} on")
def test_a_circuit_computes_the_codes_of_the_reference(seeds: range) -> None:
    for seed, network in parallel_networks(seeds):
        inputs = random_inputs(Random(seed), network, 40)
        expected = reference.simulate(network, inputs)
        for target in FAMILIES:
            for plan in PLANS:
                codes = lower(network, target, plan).codes(inputs)
                assert all((a == b).all() for a, b in zip(codes, expected, strict=True)), (seed, target, plan)


@pytest.mark.parametrize("seeds", SEEDS[:4], ids=lambda seeds: f"seeds {seeds.start} on")
def test_every_layer_of_a_circuit_has_the_codes_of_the_reference(seeds: range) -> None:
    for seed, network in parallel_networks(seeds):
        inputs = random_inputs(Random(seed), network, 40)
        expected = reference.trace(network, inputs)
        traced = lower(network, FAMILIES[seed % 2], PLANS[0]).trace(inputs)
        assert list(traced) == [layer.output.name for layer in network.layers]
        for name, codes in traced.items():
            assert (codes == expected[name].reshape(codes.shape)).all(), (seed, name)


def test_no_two_words_share_a_name_within_a_layer() -> None:
    for seed, network in parallel_networks(range(100)):
        words = lower(network, FAMILIES[0], PLANS[0]).words
        assert len({(word.layer, word.name) for word in words}) == len(words), seed


# ---- proofs


def _graph(random: Random) -> tuple[AdderGraph, IntArray, list[int]]:
    inputs, outputs = random.randint(1, 6), random.randint(1, 4)
    weight = np.array([[random.randint(-31, 31) for _ in range(outputs)] for _ in range(inputs)])
    bias = [random.choice([0, random.randint(-100, 100)]) for _ in range(outputs)]
    low = [random.randint(-20, 0) for _ in range(inputs)]
    graph = adder_graph(weight, low, [end + 15 for end in low], bias, FAMILIES[random.randint(0, 1)])
    return graph, weight, bias


def _changed(random: Random, node: Node) -> Node:
    """One shift, sign, constant, bit or inverter of a node is another."""
    match node:
        case Adder():
            at = random.randrange(len(node.terms))
            term = node.terms[at]
            other = random.choice([replace(term, shift=term.shift + 1), replace(term, negative=not term.negative)])
            terms = (*node.terms[:at], other, *node.terms[at + 1 :])
            return random.choice([replace(node, terms=terms), replace(node, constant=node.constant + 1)])
        case Row():
            at = random.randrange(4)
            lane = _with_another_bit(random, node.lanes[at])
            return replace(node, lanes=(*node.lanes[:at], lane, *node.lanes[at + 1 :]))
        case Parity():
            return replace(node, inputs=_with_another_bit(random, node.inputs))
        case Total():
            lane = _with_another_bit(random, node.lane)
            return random.choice([replace(node, lane=lane), replace(node, constant=node.constant + 1)])


def _with_another_bit(random: Random, lane: tuple[Piece, ...]) -> tuple[Piece, ...]:
    at = random.randrange(len(lane))
    piece = lane[at]
    others = [replace(piece, inverted=not piece.inverted)]
    if piece.node is not None:
        others.append(replace(piece, low=piece.low + 1))
    return (*lane[:at], random.choice(others), *lane[at + 1 :])


@pytest.mark.parametrize("seed", range(100))
def test_a_proof_fails_when_one_node_is_changed(seed: int) -> None:
    random = Random(seed)
    graph, _, _ = _graph(random)
    graph.prove()
    if not graph.nodes:
        return
    at = random.randrange(len(graph.nodes))
    nodes = (*graph.nodes[:at], _changed(random, graph.nodes[at]), *graph.nodes[at + 1 :])
    with pytest.raises(CircuitError):
        replace(graph, nodes=nodes).prove()


@pytest.mark.parametrize("seed", range(30))
def test_a_graph_gives_what_the_matrix_product_gives(seed: int) -> None:
    random = Random(seed)
    graph, weight, bias = _graph(random)
    codes = np.array([[random.randint(a, b) for a, b in zip(graph.low, graph.high, strict=True)] for _ in range(50)])
    assert (graph.outputs(codes) == codes @ weight + np.array(bias)).all()


def test_the_checks_of_a_circuit_notice_a_wrong_stage_and_a_wrong_interval() -> None:
    _, network = next(parallel_networks(range(7, 100)))
    circuit = lower(network, FAMILIES[0], PLANS[0])
    at, word = next((i, w) for i, w in enumerate(circuit.words) if sources(w.operation))
    first = sources(word.operation)[0]

    def with_word(index: int, **changes: int) -> Circuit:
        words = (*circuit.words[:index], replace(circuit.words[index], **changes), *circuit.words[index + 1 :])
        return replace(circuit, words=words)

    with pytest.raises(CircuitError, match="too early"):
        with_word(first, stage=word.stage + 1).check()
    with pytest.raises(CircuitError, match=f"word {word.name!r} reaches"):
        with_word(at, high=word.high + 1).check()


# ---- stages


def _depths(operations: Sequence[Operation], stage: Sequence[int]) -> list[int]:
    """Rows of logic behind each word since the last register."""
    depth: list[int] = []
    for number, operation in enumerate(operations):
        here = [depth[s] for s in sources(operation) if stage[s] == stage[number]]
        depth.append(max(here, default=0) + rows(operation))
    return depth


def test_no_stage_is_deeper_than_the_plan_says() -> None:
    for seed, network in parallel_networks(range(100)):
        for most in (1, 2, 3):
            words = lower(network, FAMILIES[seed % 2], ClockPlan(most)).words
            depths = _depths([word.operation for word in words], [word.stage for word in words])
            assert max(depths, default=0) <= most, seed


def test_without_registers_the_latency_is_zero() -> None:
    for seed, network in parallel_networks(range(60)):
        assert lower(network, FAMILIES[seed % 2], ClockPlan(None)).latency_cycles == 0


def test_a_target_latency_is_kept_with_stages_as_shallow_as_it_allows() -> None:
    for seed, network in parallel_networks(range(60)):
        target = FAMILIES[seed % 2]
        deepest = lower(network, target, ClockPlan(1)).latency_cycles
        for latency in range(deepest + 2):
            circuit = lower(network, target, ClockPlan(latency_cycles=latency))
            assert circuit.latency_cycles <= latency, seed
        assert lower(network, target, ClockPlan(latency_cycles=deepest)).latency_cycles == deepest


def test_plans_that_make_no_sense_are_refused() -> None:
    with pytest.raises(InputError, match=re.escape("a stage holds at least 1 adder, got 0.")):
        ClockPlan(0)
    with pytest.raises(InputError, match=re.escape("a latency is not negative, got -1 cycles.")):
        ClockPlan(latency_cycles=-1)


# ---- intervals


def _values(circuit: Circuit, inputs: IntArray) -> list[IntArray]:
    words: list[IntArray] = []
    for word in circuit.words:
        stream = circuit.streams[word.stream]
        words.append(evaluate(word.operation, words, (inputs.reshape(len(inputs), -1),), len(inputs), stream))
    return words


def test_intervals_are_what_brute_force_finds() -> None:
    tried = 0
    for seed in range(300):
        network = tiny_network(Random(seed))
        if any(isinstance(layer, Conv) for layer in network.layers):
            continue
        circuit = lower(network, FAMILIES[seed % 2], ClockPlan(1))
        loose = set()
        for number, (word, codes) in enumerate(zip(circuit.words, _values(circuit, every_input(network)), strict=True)):
            low, high = int(codes.min()), int(codes.max())
            assert word.low <= low, (seed, word)
            assert high <= word.high, (seed, word)
            reads = sources(word.operation)
            if isinstance(word.operation, Row | Parity):
                continue  # bits, which are not all patterns
            # A sign depends on the word that it is added to; the interval takes them for independent.
            corrected = isinstance(word.operation, Sum) and any(
                isinstance(circuit.words[s].operation, Sign) for s in reads
            )
            if corrected or loose & set(reads) or isinstance(network.layers[0], Requantize):
                loose.add(number)
            else:
                assert (word.low, word.high) == (low, high), (seed, word)
                tried += 1
    assert tried > 900


# ---- what is refused


def _dense(inputs: int, outputs: int, weight: IntArray) -> Network:
    x = Value("x", (inputs,), FixedType(True, 8, 0))
    y = Value("y", (outputs,), FixedType(True, 40, 0))
    tensor = SparseTensor.from_dense(weight, FixedType(True, 8, 0))
    return Network("big", (Input(x, None),), (Dense("fc", "x", y, tensor, np.zeros(outputs, dtype=np.int64)),), ("y",))


def test_a_network_too_large_to_unroll_is_refused_with_its_size() -> None:
    network = check_network(_dense(700, 300, np.full((700, 300), 5, dtype=np.int64)))
    with pytest.raises(UnsupportedError) as raised:
        lower(network, TARGETS["amd"], ClockPlan(1))
    assert str(raised.value) == (
        "network 'big' is too large to unroll: a fully parallel circuit adds or compares 421,000 terms (signed digits "
        "of weights, steps, windows, codes), 420,300 of them in layer 'fc', and at most 400,000 are built; prune or "
        "quantize it further, or build HLS C++ (--target hls)."
    )


# ---- JSON


def test_a_circuit_read_back_from_its_json_form_is_equal() -> None:
    for seed, network in parallel_networks(range(100)):
        circuit = lower(network, FAMILIES[seed % 2], PLANS[seed % 3])
        again = circuit_from_json(to_json(circuit))
        assert again == circuit, seed
        assert to_json(again) == to_json(circuit)
