"""Sums that are not what they say are refused: each check of adder graphs and of bits, as its whole sentence."""

from collections.abc import Callable, Sequence

import numpy as np
import pytest

from hwgen.circuit import AMD, Adder, AdderGraph, Output, Parity, Piece, Row, Term, Total
from hwgen.circuit.adder_graph import Node
from hwgen.circuit.bounds import Bounds
from hwgen.circuit.operations import Operation, Read
from hwgen.circuit.rows import ZERO
from hwgen.errors import CircuitError

NOTHING = (Piece(None, 0, 4),)
X, Y = (Piece(0, 0, 4),), (Piece(1, 0, 4),)
WIDE = (Piece(None, 0, 5),)
SUM = Row(((*X, ZERO), (*Y, ZERO), WIDE, WIDE), ZERO, 5, False)  # node 2: x + y, in bits
BOTH = ((0, 1), (1, 1))


def says(call: Callable[[], object]) -> str:
    with pytest.raises(CircuitError) as caught:
        call()
    return str(caught.value)


def graph(*nodes: Node, result: int = 2) -> AdderGraph:
    """Two codes from 0 to 15; one output, a node that should be their sum."""
    return AdderGraph(AMD, (0, 0), (15, 15), nodes, (Output(result),), np.ones((2, 1), dtype=np.int64), (0,))


def total(terms: Sequence[tuple[int, int]] = BOTH, constant: int = 0, lane: tuple[Piece, ...] | None = None) -> Total:
    """Of the row of node 2."""
    return Total((Piece(2, 0, 5),) if lane is None else lane, False, tuple(terms), constant)


def test_the_sum_that_the_refused_ones_differ_from_is_proven() -> None:
    codes = np.array([[15, 15], [3, 9]])
    assert (graph(SUM, total(), result=3).prove().outputs(codes) == [[30], [12]]).all()


@pytest.mark.parametrize(
    ("refused", "sentence"),
    [
        (graph(Adder((Term(0, 60),))), "node 2 reaches 0 to 17293822569102704640, more than 62 bits."),
        (graph(Adder((Term(0, 0), Term(1, 1)))), "output 0 computes +1*x0 +2*x1 +0; +1*x0 +1*x1 +0 was asked for."),
        (graph(SUM), "output 0 is node 2, which is a row of bits and no sum."),
        (graph(SUM, Adder((Term(2, 0),)), result=3), "node 2 is a row of bits, and a sum counts it as a word."),
        (
            graph(Adder((Term(0, 0), Term(1, 0))), total(terms=((2, 1),)), result=3),
            "node 2 is no word of its own, and a total counts it as one.",
        ),
        (graph(total(((0, 17),), 0, X)), "node 2 reaches 0 to 255, and its 4 bits do not hold that."),
    ],
)
def test_a_graph_is_refused_in_one_sentence(refused: AdderGraph, sentence: str) -> None:
    assert says(refused.prove) == sentence


@pytest.mark.parametrize(
    ("nodes", "sentence"),
    [
        (
            [Row((X, Y, NOTHING, NOTHING), ZERO, 5, True)],
            "node 2: the lanes of a row of 5 bits have another width.",
        ),
        (
            [Row((X, Y, NOTHING, X), ZERO, 4, True)],
            "node 2: a carry-save and a bit of the fourth lane meet in one position.",
        ),
        (
            [SUM, total(lane=(Piece(2, 0, 2), Piece(2, 3, 1), Piece(2, 2, 1), Piece(2, 4, 1)))],
            "node 3: the bits of node 2 do not count as the sum that they are.",
        ),
        (
            [Row((X, Y, NOTHING, NOTHING), ZERO, 4, False), total(lane=(Piece(2, 0, 4), Piece(None, 0, 1)))],
            "node 3: node 2 drops carries that count.",
        ),
        (
            [Parity((Piece(0, 0, 1), Piece(1, 0, 1))), total(lane=(Piece(2, 0, 1), Piece(None, 0, 1)))],
            "node 3: node 2 is an exclusive or where carries count.",
        ),
        ([SUM, total(terms=((0, 1), (1, 3)))], "node 3: its bits do not add node 1 +3 times."),
        ([SUM, total(constant=5)], "node 3: its bits add the constant 0, not 5."),
    ],
)
def test_bits_that_are_not_their_sum_are_refused_in_one_sentence(nodes: list[Node], sentence: str) -> None:
    assert says(graph(*nodes, result=1 + len(nodes)).prove) == sentence


def bounds(*operations: Operation) -> Bounds:
    found = Bounds(((0, 15), (0, 15)))
    for operation in (Read(0, 0), Read(1, 0), *operations):
        found.add(operation)
    return found


def test_words_that_are_not_their_sum_are_refused_in_one_sentence() -> None:
    assert says(lambda: bounds(total(((0, 17),), 0, X))) == "word 2 reaches 0 to 255, which its 4 bits do not hold."
    nothing = Row((WIDE, WIDE, WIDE, WIDE), ZERO, 5, False)
    assert says(lambda: bounds(nothing, total(terms=((2, 1),)))) == (
        "word 2 is a row of bits, and a sum counts it as a number."
    )
