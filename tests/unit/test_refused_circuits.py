"""Circuits and adder graphs that break an invariant, and networks that no stream of pixels can be: whole sentences."""

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from hwgen.circuit import (
    TARGETS,
    Adder,
    AdderGraph,
    Circuit,
    ClockPlan,
    Interface,
    circuit_from_json,
    circuit_to_json,
    lower,
)
from hwgen.circuit.adder_graph import Output, Term
from hwgen.circuit.circuit import Port, Word
from hwgen.circuit.operations import Gather, Queued, Read, Sum
from hwgen.circuit.streams import Stream
from hwgen.errors import CircuitError, HwgenError, InputError, UnsupportedError
from hwgen.fixed import FixedType, Overflow, Rounding
from hwgen.ir import (
    Conv,
    Input,
    Layer,
    MaxPool,
    Merge,
    MergeOperation,
    Network,
    Relu,
    Requantize,
    SparseTensor,
    Value,
    check_network,
)

CODE = FixedType(True, 4, 0)  # -8 to 7


def refusal(kind: type[HwgenError], call: Callable[[], object]) -> str:
    with pytest.raises(kind) as caught:
        call()
    return str(caught.value)


# ---- sums


def graph(adder: Adder, *outputs: Output, low: int = -8, high: int = 7) -> AdderGraph:
    """Two inputs, nodes 0 and 1; the adder is node 2."""
    weight = np.array([[2], [1]], dtype=np.int64)
    return AdderGraph(TARGETS["generic"], (low, low), (high, high), (adder,), outputs or (Output(2),), weight, (5,))


DIFFERENCE = Adder((Term(0, 1), Term(1, 0, negative=True)), 5)


@pytest.mark.parametrize(
    ("made", "says"),
    [
        (graph(DIFFERENCE), "output 0 computes +2*x0 -1*x1 +5; +2*x0 +1*x1 +5 was asked for."),
        (graph(DIFFERENCE, Output(None, constant=4)), "output 0 computes +4; +2*x0 +1*x1 +5 was asked for."),
        (
            graph(Adder((Term(2, 0),))),
            "node 2 should read earlier nodes, shifted left; it is "
            "Adder(terms=(Term(node=2, shift=0, negative=False),), constant=0).",
        ),
        (
            graph(Adder((Term(-1, 0),))),
            "node 2 should read earlier nodes, shifted left; it is "
            "Adder(terms=(Term(node=-1, shift=0, negative=False),), constant=0).",
        ),
        (
            graph(Adder((Term(0, -1),))),
            "node 2 should read earlier nodes, shifted left; it is "
            "Adder(terms=(Term(node=0, shift=-1, negative=False),), constant=0).",
        ),
        (
            graph(DIFFERENCE, Output(3)),
            "output 0 should be one of 3 nodes, shifted left; it is Output(node=3, shift=0, constant=0).",
        ),
        (
            graph(DIFFERENCE, Output(2, -1)),
            "output 0 should be one of 3 nodes, shifted left; it is Output(node=2, shift=-1, constant=0).",
        ),
        (
            graph(Adder((Term(0, 60),)), low=0, high=4),
            f"node 2 reaches 0 to {4 << 60}, more than 62 bits.",
        ),
    ],
)
def test_an_adder_graph_that_cannot_be_proven_is_refused(made: AdderGraph, says: str) -> None:
    assert refusal(CircuitError, lambda: made.prove()) == says


# ---- words


def added() -> Circuit:
    """y = x0 + x1, registered once."""
    words = (
        Word("first", "x", Read(0, 0), 0, -8, 7),
        Word("second", "x", Read(0, 1), 0, -8, 7),
        Word("sum", "fc", Sum((Term(0, 0), Term(1, 0))), 1, -16, 14),
    )
    x, y = Port("x", (2,), CODE), Port("y", (1,), FixedType(True, 5, 0))
    return Circuit("net", TARGETS["amd"], (x,), (Stream("in", 1),), words, (y,), ((2,),), (("y", (2,)),), 1).check()


def with_word(circuit: Circuit, number: int, **changes: Any) -> Circuit:
    words = list(circuit.words)
    words[number] = replace(words[number], **changes)
    return replace(circuit, words=tuple(words))


def with_output(circuit: Circuit, **changes: Any) -> Circuit:
    return replace(circuit, outputs=(replace(circuit.outputs[0], **changes),))


@pytest.mark.parametrize(
    ("circuit", "says"),
    [
        (with_word(added(), 2, high=15), "word 'sum' reaches -16 to 14; the circuit says -16 to 15."),
        (
            with_word(added(), 2, operation=Sum((Term(0, 61),)), low=-(8 << 61), high=7 << 61),
            f"word 'sum' reaches {-(8 << 61)} to {7 << 61}, more than the 64 bits of a circuit's words.",
        ),
        (
            with_word(added(), 2, operation=Sum((Term(0, 0), Term(2, 0)))),
            "word 'sum' reads word 2, which is not an earlier one.",
        ),
        (
            with_word(added(), 2, operation=Sum((Term(-1, 0),))),
            "word 'sum' reads word -1, which is not an earlier one.",
        ),
        (with_word(added(), 1, stage=2), "word 'sum' reads 'second' too early: in stage 1, before stage 2."),
        (
            with_word(added(), 2, operation=Gather(0, 0)),
            "word 'sum' is a Gather, with which no word of stream 'in' starts.",
        ),
        (
            replace(added(), inputs=(replace(added().inputs[0], beats=2),)),
            "input 'x' comes in 2 beats of its 2 codes, stream 'in' in 1.",
        ),
        (with_output(added(), beats=0), "output 'y' comes in 0 beats of its 1 codes, stream 'in' in 1."),
        (with_output(added(), shape=(2,)), "output 'y' needs 2 words, has 1."),
        (with_output(added(), type=CODE), "output 'y': word 'sum' reaches -16 to 14, beyond fixed<4,4>."),
        (
            replace(added(), values=(("y", (3,)),)),
            "value 'y' has words that are not among the circuit's 3.",
        ),
        (replace(added(), latency_cycles=3), "stages and streams make a latency of 1 cycles; the circuit says 3."),
    ],
)
def test_a_circuit_that_breaks_an_invariant_is_refused(circuit: Circuit, says: str) -> None:
    assert refusal(CircuitError, circuit.check) == says


# ---- streams


def sliding(name: str, source: str, output: str, padding: tuple[int, int] = (1, 1), pixels: int = 4) -> Conv:
    """Three taps of one channel, each times one."""
    weight = SparseTensor.from_dense(np.ones((3, 1, 1), dtype=np.int64), FixedType(False, 1, 0))
    made = Value(output, (pixels, 1), FixedType(True, 6, 0))
    return Conv(name, source, made, weight, np.array([0]), (1,), (padding,), (1,), 1)


def network(*layers: Layer, outputs: tuple[str, ...] = ("y",)) -> Network:
    """Of an input ``x`` of four pixels."""
    return check_network(Network("net", (Input(Value("x", (4, 1), CODE), None),), layers, outputs))


def joined() -> Circuit:
    """Four pixels and their sums over three meet in a join: streams "in", "conv", "add"."""
    sums = Value("y", (4, 1), FixedType(True, 7, 0))
    added = Merge("add", ("x", "s"), sums, MergeOperation.ADD)
    return lower(network(sliding("conv", "x", "s"), added), TARGETS["amd"], ClockPlan(1), Interface.STREAM)


def test_a_fifo_of_another_depth_is_refused() -> None:
    circuit = joined()
    first, second = circuit.streams[2].sources
    assert (first.depth, second.depth) == (4, 2)
    shallow = replace(circuit.streams[2], sources=(replace(first, depth=1), second))
    wrong = replace(circuit, streams=(*circuit.streams[:2], shallow))
    assert refusal(CircuitError, wrong.check) == "stream 'add' needs FIFOs of [4, 2] beats to wait in, has [1, 2]."


def test_a_word_of_another_stream_is_refused() -> None:
    circuit = joined()
    number = next(n for n, word in enumerate(circuit.words) if isinstance(word.operation, Sum) and word.stream == 2)
    word = circuit.words[number]
    wrong = with_word(circuit, number, operation=Sum((Term(0, 0),)))
    assert refusal(CircuitError, wrong.check) == (
        f"word '{word.name}' of stream 'add' reads 'x_0', which is of stream 'in'."
    )
    queued = next(n for n, word in enumerate(circuit.words) if isinstance(word.operation, Queued))
    name = circuit.words[queued].name
    assert refusal(CircuitError, with_word(circuit, queued, operation=Gather(0, 0)).check) == (
        f"word '{name}' is a Gather, with which no word of stream 'add' starts."
    )


def test_outputs_of_two_streams_are_refused() -> None:
    circuit = joined()
    other = replace(circuit.outputs[0], name="z")
    wrong = replace(circuit, outputs=(*circuit.outputs, other), results=(*circuit.results, (0,)))
    assert refusal(CircuitError, wrong.check) == (
        "output 'z': word 'x_0' is of stream 'in', the first of stream 'add'."
    )


def test_outputs_of_different_numbers_of_beats_are_refused() -> None:
    half = MaxPool("pool", "x", Value("half", (2, 1), CODE), (2,), (2,), ((0, 0),))
    relu = Relu("relu", "x", Value("y", (4, 1), FixedType(False, 3, 0)))
    given = network(half, relu, outputs=("half", "y"))
    assert refusal(UnsupportedError, lambda: lower(given, TARGETS["amd"], ClockPlan(1), Interface.STREAM)) == (
        "network 'net': its outputs 'half', 'y' leave in 2 and 4 beats of a stream; build it in parallel (--io "
        "parallel) or as HLS C++ (--target hls)."
    )


def test_padding_without_a_pixel_for_each_output_is_refused() -> None:
    given = network(sliding("wide", "x", "y", padding=(2, 2), pixels=6))
    assert refusal(UnsupportedError, lambda: lower(given, TARGETS["amd"], ClockPlan(1), Interface.STREAM)) == (
        "layer 'wide': along axis 0 its padding gives outputs that no pixel of their own brings in a stream; build it "
        "in parallel (--io parallel) or as HLS C++ (--target hls)."
    )
    assert lower(given, TARGETS["amd"], ClockPlan(1), Interface.PARALLEL).outputs[0].beats == 1


def test_a_latency_below_that_of_the_pixels_is_refused() -> None:
    plan = ClockPlan(latency_cycles=4)
    given = network(sliding("conv", "x", "y"))
    assert lower(given, TARGETS["amd"], ClockPlan(None), Interface.STREAM).latency_cycles == 5
    assert refusal(InputError, lambda: lower(given, TARGETS["amd"], plan, Interface.STREAM)) == (
        "a latency of 4 cycles was asked for, but the pixels of a sample and the line buffers alone take 5; ask for "
        "more, or build it in parallel (--io parallel)."
    )


def test_a_rounding_beyond_64_bits_is_refused() -> None:
    x, y = Value("x", (1,), FixedType(False, 63, 1)), Value("y", (1,), FixedType(False, 63, 0))
    wide = check_network(
        Network("wide", (Input(x, None),), (Requantize("round", "x", y, Rounding.RND, Overflow.SAT),), ("y",))
    )
    assert refusal(CircuitError, lambda: lower(wide, TARGETS["amd"], ClockPlan(1))) == (
        f"word 'round_0_round' reaches 1 to {1 << 63}, more than the 64 bits of a circuit's words."
    )


# ---- JSON


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('{"format":2}', "a circuit of format 4 was expected, got format 2."),
        ("{}", "the text is no JSON form of a circuit: KeyError: 'format'."),
        (
            "",
            "the text is no JSON form of a circuit: JSONDecodeError: Expecting value: line 1 column 1 (char 0).",
        ),
        ("[]", "the text is no JSON form of a circuit: TypeError: list indices must be integers or slices, not str."),
    ],
)
def test_a_text_that_is_no_circuit_is_refused(text: str, says: str) -> None:
    assert refusal(CircuitError, lambda: circuit_from_json(text)) == says


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("results", 0, 0), 99),
        (("words", 2, "stream"), 7),
        (("words", 2, "stage"), None),
        (("words", 2, "operation", "terms", 0), 3),
        (("inputs", 0, "shape"), 3),
        (("inputs", 0, "type", "width"), 65),
        (("streams", 0, "window"), []),
        (("streams",), {}),
    ],
)
def test_a_damaged_text_of_a_circuit_is_refused(path: tuple[str | int, ...], value: object) -> None:
    document = json.loads(circuit_to_json(added()))
    place = document
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    said = refusal(CircuitError, lambda: circuit_from_json(json.dumps(document)))
    assert said.startswith("the text is no JSON form of a circuit: ")
