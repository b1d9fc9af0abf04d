"""Sums bit by bit: rows of carry logic over bits of other words, and the words that such rows leave.

A bit heap holds bits of many words, each with a weight. A ``Row`` replaces some of them by fewer of the same sum: one
LUT a bit position, whose carry-save goes to the next position and whose carry goes along a chain. When one bit a
position is left, a ``Total`` names them and says which linear sum they are.

Source: J. M. Simkins and B. D. Philofsky, US patent 7,274,211 (2007), structure of a three-operand adder; the fourth
bit of a position takes the input that the carry-save of the position below leaves free.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from hwgen.fixed import IntArray

WIDEST_ROW = 60  # a row's word has two bits more


@dataclass(frozen=True, slots=True)
class Piece:
    """Neighbouring bits of a word, perhaps inverted; zeros, or inverted ones, where ``node`` is None."""

    node: int | None
    low: int
    count: int
    inverted: bool = False

    @property
    def absent(self) -> bool:
        """Whether there is nothing to add: zeros."""
        return self.node is None and not self.inverted


Lane = tuple[Piece, ...]  # the lowest bits first
ZERO = Piece(None, 0, 1)
ONE = Piece(None, 0, 1, True)


@dataclass(frozen=True, slots=True)
class Row:
    """The exact sum of four lanes and a carry, as bits.

    The first three lanes enter a LUT each; the fourth enters the carry chain, and is empty in every position that the
    carry-save of the position below takes. Bits 0 to ``width - 1`` are the sum modulo ``2**width``. Where the row is
    ``open``, bit ``width`` is the carry of the chain and bit ``width + 1`` the carry-save of the last position, both of
    weight ``2**width``.
    """

    lanes: tuple[Lane, Lane, Lane, Lane]
    carry: Piece
    width: int
    open: bool

    @property
    def bits(self) -> int:
        """Of the row's word."""
        return self.width + 2 * self.open

    @property
    def pieces(self) -> tuple[Piece, ...]:
        return (*self.lanes[0], *self.lanes[1], *self.lanes[2], *self.lanes[3], self.carry)


@dataclass(frozen=True, slots=True)
class Parity:
    """The exclusive or of bits: their sum, where only its lowest bit counts."""

    inputs: tuple[Piece, ...]

    @property
    def pieces(self) -> tuple[Piece, ...]:
        return self.inputs


@dataclass(frozen=True, slots=True)
class Total:
    """Bits of other words, put together: wires and inverters. They are the sum that ``terms`` and ``constant`` say.

    Attributes:
        lane: the bits.
        signed: whether the highest counts as negative.
        terms: nodes and their coefficients.
    """

    lane: Lane
    signed: bool
    terms: tuple[tuple[int, int], ...]
    constant: int

    @property
    def width(self) -> int:
        return sum(piece.count for piece in self.lane)

    @property
    def pieces(self) -> tuple[Piece, ...]:
        return self.lane


Bitwise = Row | Parity | Total


def nodes_read(operation: Bitwise) -> tuple[int, ...]:
    """The nodes whose bits an operation reads, each once."""
    return tuple(dict.fromkeys(piece.node for piece in operation.pieces if piece.node is not None))


def renumbered(operation: Bitwise, number: Sequence[int]) -> Bitwise:
    """The same over other numbers of nodes."""

    def moved(lane: Lane) -> Lane:
        return tuple(
            piece if piece.node is None else Piece(number[piece.node], piece.low, piece.count, piece.inverted)
            for piece in lane
        )

    match operation:
        case Row():
            a, b, c, d = operation.lanes
            (carry,) = moved((operation.carry,))
            return Row((moved(a), moved(b), moved(c), moved(d)), carry, operation.width, operation.open)
        case Parity():
            return Parity(moved(operation.inputs))
        case Total():
            terms = tuple((number[node], coefficient) for node, coefficient in operation.terms)
            return Total(moved(operation.lane), operation.signed, terms, operation.constant)


def lane_bits(lane: Lane) -> Iterator[Piece]:
    """Bit by bit, the lowest first."""
    for piece in lane:
        for at in range(piece.count):
            yield (
                Piece(piece.node, piece.low + at, 1, piece.inverted)
                if piece.node is not None
                else (ONE if piece.inverted else ZERO)
            )


def joined(bits: Sequence[Piece]) -> Lane:
    """Bits as few pieces as possible."""
    lane: list[Piece] = []
    for bit in bits:
        if lane:
            last = lane[-1]
            follows = bit.node is None or bit.low == last.low + last.count
            if last.node == bit.node and last.inverted == bit.inverted and follows:
                lane[-1] = Piece(last.node, last.low, last.count + 1, last.inverted)
                continue
        lane.append(Piece(bit.node, bit.low if bit.node is not None else 0, 1, bit.inverted))
    return tuple(lane)


def presence(lane: Lane) -> int:
    """A mask of the positions in which there is something to add."""
    mask = position = 0
    for piece in lane:
        if not piece.absent:
            mask |= ((1 << piece.count) - 1) << position
        position += piece.count
    return mask


def negated(lane: Lane) -> int:
    """A mask of the positions whose bit is that of a word, inverted."""
    mask = position = 0
    for piece in lane:
        if piece.inverted and piece.node is not None:
            mask |= ((1 << piece.count) - 1) << position
        position += piece.count
    return mask


def saves(row: Row) -> int:
    """A mask of the positions that have a carry-save: at least two bits in the first three lanes."""
    a, b, c = map(presence, row.lanes[:3])
    return a & b | a & c | b & c


def evaluate_bits(operation: Bitwise, values: Sequence[IntArray], count: int) -> IntArray:
    """The operation's value.

    Args:
        values: of earlier nodes, (count,) int64 each.
    """
    match operation:
        case Row():
            a, b, c, d = (_assembled(lane, values, count) for lane in operation.lanes)
            total = a + b + c + d + _assembled((operation.carry,), values, count)
            low = total & ((1 << operation.width) - 1)
            if not operation.open:
                return low
            top = operation.width - 1
            saved = (((a & b) | (a & c) | (b & c)) >> top) & 1
            carry = (total >> operation.width) - saved
            return low | carry << operation.width | saved << (operation.width + 1)
        case Parity():
            found = np.zeros(count, dtype=np.int64)
            for piece in operation.inputs:
                found = found ^ _assembled((piece,), values, count)
            return found
        case Total():
            found = _assembled(operation.lane, values, count)
            top = operation.width - 1
            return found - ((found >> top & 1) << operation.width) if operation.signed else found


def _assembled(lane: Lane, values: Sequence[IntArray], count: int) -> IntArray:
    found = np.zeros(count, dtype=np.int64)
    position = 0
    for piece in lane:
        mask = (1 << piece.count) - 1
        if piece.node is not None:
            bits = (values[piece.node] >> piece.low) & mask
            found |= (bits ^ mask if piece.inverted else bits) << position
        elif piece.inverted:
            found |= mask << position
        position += piece.count
    return found
