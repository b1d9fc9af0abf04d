"""What a word of a circuit is computed by: one frozen dataclass an operation, exact on integers.

Sums are exact. ``Shift``, ``Step`` and ``Lookup`` are where a value becomes coarser; ``Clip``, ``Wrap`` and
``ZeroOutside`` are where it becomes narrower.
"""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from typing import assert_never

import numpy as np

from hwgen.circuit.adder_graph import Term
from hwgen.circuit.rows import Bitwise, Parity, Row, Total, evaluate_bits, nodes_read
from hwgen.circuit.streams import Stream
from hwgen.fixed import FixedType, IntArray, Overflow, Quantizer, Rounding, requantize


@dataclass(frozen=True, slots=True)
class Read:
    """Code ``index`` of input ``port``."""

    port: int
    index: int


@dataclass(frozen=True, slots=True)
class Constant:
    """A word that never changes."""

    value: int


@dataclass(frozen=True, slots=True)
class Sum:
    """The exact sum of shifted, signed words and a constant: one row of carry logic."""

    terms: tuple[Term, ...]
    constant: int = 0


@dataclass(frozen=True, slots=True)
class Shift:
    """``floor(word / 2**amount)``; with ``ties_to_even``, the word has half a step added already, and an exact tie,
    whose low bits are then all zero, clears the lowest bit of the result."""

    word: int
    amount: int
    ties_to_even: bool = False


@dataclass(frozen=True, slots=True)
class Sign:
    """1 where the word is negative, else 0."""

    word: int


@dataclass(frozen=True, slots=True)
class Clip:
    """The nearest value from ``low`` to ``high``."""

    word: int
    low: int
    high: int


@dataclass(frozen=True, slots=True)
class ZeroOutside:
    """The word where it lies from ``low`` to ``high``, else zero."""

    word: int
    low: int
    high: int


@dataclass(frozen=True, slots=True)
class Wrap:
    """The low bits of the word, read as ``width`` bits, signed or not."""

    word: int
    signed: bool
    width: int


@dataclass(frozen=True, slots=True)
class Step:
    """``levels[k]`` where k of the ascending thresholds are at most the word."""

    word: int
    thresholds: tuple[int, ...]
    levels: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Lookup:
    """``levels[word mod len(levels)]``: a table, whose length is a power of two, by the word's lowest bits."""

    word: int
    levels: tuple[int, ...]

    @property
    def bits(self) -> int:
        """Of the index."""
        return len(self.levels).bit_length() - 1


@dataclass(frozen=True, slots=True)
class Maximum:
    """The larger of two words."""

    first: int
    second: int


@dataclass(frozen=True, slots=True)
class Minimum:
    """The smaller of two words."""

    first: int
    second: int


@dataclass(frozen=True, slots=True)
class Product:
    """Two words multiplied."""

    first: int
    second: int


@dataclass(frozen=True, slots=True)
class AtLeast:
    """1 where the first word is at least the second, else 0."""

    first: int
    second: int


@dataclass(frozen=True, slots=True)
class Select:
    """The first word where ``condition`` is 1, the second where it is 0."""

    condition: int
    first: int
    second: int


@dataclass(frozen=True, slots=True)
class Tap:
    """A word of the source stream, so many rows and columns from the window's anchor.

    Attributes:
        otherwise: what it is where that lies outside the frame; None where it never does.
    """

    word: int
    row: int
    column: int
    otherwise: int | None


@dataclass(frozen=True, slots=True)
class Gather:
    """A word of the source stream as it was in one beat of the sample."""

    word: int
    beat: int


@dataclass(frozen=True, slots=True)
class Queued:
    """A word of one of the streams that are joined, in the beat of the same number."""

    word: int


Pair = Maximum | Minimum | Product | AtLeast
Starting = Tap | Gather | Queued  # words that start a stream: they read words of another
Quantizing = Shift | Clip | ZeroOutside | Wrap | Step | Lookup
Operation = Read | Constant | Sum | Bitwise | Sign | Quantizing | Pair | Select | Starting

Range = tuple[int, int]


def sources(operation: Operation) -> tuple[int, ...]:
    """The words that an operation reads."""
    match operation:
        case Read() | Constant():
            return ()
        case Sum(terms=terms):
            return tuple(term.node for term in terms)
        case Maximum() | Minimum() | Product() | AtLeast():
            return (operation.first, operation.second)
        case Select():
            return (operation.condition, operation.first, operation.second)
        case Shift() | Sign() | Clip() | ZeroOutside() | Wrap() | Step() | Lookup() | Tap() | Gather() | Queued():
            return (operation.word,)
        case Row() | Parity() | Total():
            return nodes_read(operation)
        case _:
            assert_never(operation)


def evaluate(
    operation: Operation, words: Sequence[IntArray], inputs: tuple[IntArray, ...], samples: int, stream: Stream
) -> IntArray:
    """The operation's value in every beat of every sample.

    Args:
        words: values of earlier words, (samples * beats of their stream,) int64 each.
        inputs: (samples * beats, codes of a beat) int64, one array a port.
        stream: of the word.
    """
    match operation:
        case Read():
            return inputs[operation.port][:, operation.index]
        case Constant():
            return np.full(samples * stream.beats, operation.value, dtype=np.int64)
        case Sum():
            total = np.full(samples * stream.beats, operation.constant, dtype=np.int64)
            for term in operation.terms:
                shifted = words[term.node] << term.shift
                total = total - shifted if term.negative else total + shifted
            return total
        case Shift():
            word = words[operation.word]
            result = word >> operation.amount
            if operation.ties_to_even:
                tie = (word & ((1 << operation.amount) - 1)) == 0
                result = np.where(tie, result & ~np.int64(1), result)
            return result
        case Sign():
            return (words[operation.word] < 0).astype(np.int64)
        case Clip():
            return np.clip(words[operation.word], operation.low, operation.high)
        case ZeroOutside():
            word = words[operation.word]
            return np.where((word < operation.low) | (word > operation.high), 0, word)
        case Wrap():
            kind = FixedType(operation.signed, operation.width, 0)
            wide = FixedType(True, 64, 0)
            return requantize(words[operation.word], wide, Quantizer(kind, Rounding.TRN, Overflow.WRAP))
        case Step():
            passed = np.searchsorted(
                np.array(operation.thresholds, dtype=np.int64), words[operation.word], side="right"
            )
            return np.array(operation.levels, dtype=np.int64)[passed]
        case Lookup():
            index = words[operation.word] & (len(operation.levels) - 1)
            return np.asarray(np.array(operation.levels, dtype=np.int64)[index])
        case Maximum():
            return np.maximum(words[operation.first], words[operation.second])
        case Minimum():
            return np.minimum(words[operation.first], words[operation.second])
        case Product():
            return words[operation.first] * words[operation.second]
        case AtLeast():
            return (words[operation.first] >= words[operation.second]).astype(np.int64)
        case Select():
            return np.where(words[operation.condition] == 1, words[operation.first], words[operation.second])
        case Tap():
            assert stream.window is not None
            otherwise = 0 if operation.otherwise is None else operation.otherwise
            return stream.window.taps(words[operation.word], operation.row, operation.column, otherwise).ravel()
        case Gather():
            return words[operation.word].reshape(samples, -1)[:, operation.beat]
        case Queued():
            return words[operation.word]
        case Row() | Parity() | Total():
            return evaluate_bits(operation, words, samples * stream.beats)
        case _:
            assert_never(operation)


def interval(operation: Operation, ranges: list[Range], inputs: tuple[Range, ...]) -> Range:
    """Lowest and highest value, from those of the words that it reads.

    Args:
        inputs: lowest and highest code of each port.
    """
    match operation:
        case Read():
            return inputs[operation.port]
        case Constant():
            return operation.value, operation.value
        case Sum():
            low = high = operation.constant
            for term in operation.terms:
                at_low, at_high = (end << term.shift for end in ranges[term.node])
                low += -at_high if term.negative else at_low
                high += -at_low if term.negative else at_high
            return low, high
        case Shift():
            low, high = ranges[operation.word]
            if operation.ties_to_even:
                return _even(low, operation.amount), _even(high, operation.amount)
            return low >> operation.amount, high >> operation.amount
        case Sign():
            low, high = ranges[operation.word]
            return int(high < 0), int(low < 0)
        case Clip():
            low, high = (min(max(end, operation.low), operation.high) for end in ranges[operation.word])
            return low, high
        case ZeroOutside():
            low, high = ranges[operation.word]
            inside = (max(low, operation.low), min(high, operation.high))
            if inside[0] > inside[1]:
                return 0, 0
            outside = low < operation.low or high > operation.high
            return (min(inside[0], 0), max(inside[1], 0)) if outside else inside
        case Wrap():
            kind = FixedType(operation.signed, operation.width, 0)
            low, high = ranges[operation.word]
            return (low, high) if kind.holds(low, high) else (kind.min_code, kind.max_code)
        case Step():
            first, last = (bisect_right(operation.thresholds, end) for end in ranges[operation.word])
            reached = operation.levels[first : last + 1]
            return min(reached), max(reached)
        case Lookup():
            low, high = ranges[operation.word]
            size = len(operation.levels)
            # More codes than entries meet all of them.
            met = [operation.levels[code % size] for code in range(low, min(high, low + size - 1) + 1)]
            return min(met), max(met)
        case Maximum():
            (low1, high1), (low2, high2) = ranges[operation.first], ranges[operation.second]
            return max(low1, low2), max(high1, high2)
        case Minimum():
            (low1, high1), (low2, high2) = ranges[operation.first], ranges[operation.second]
            return min(low1, low2), min(high1, high2)
        case Product():
            return _product(ranges[operation.first], ranges[operation.second], operation.first == operation.second)
        case AtLeast():
            (low1, high1), (low2, high2) = ranges[operation.first], ranges[operation.second]
            return int(low1 >= high2), int(high1 >= low2)
        case Select():
            (low1, high1), (low2, high2) = ranges[operation.first], ranges[operation.second]
            return min(low1, low2), max(high1, high2)
        case Tap(otherwise=None) | Gather() | Queued():
            return ranges[operation.word]
        case Tap():
            assert operation.otherwise is not None
            low, high = ranges[operation.word]
            return min(low, operation.otherwise), max(high, operation.otherwise)
        case Row():
            return 0, (1 << operation.bits) - 1
        case Parity():
            return 0, 1
        case Total():
            low = high = operation.constant
            for word, coefficient in operation.terms:
                ends = [coefficient * end for end in ranges[word]]
                low, high = low + min(ends), high + max(ends)
            return low, high
        case _:
            assert_never(operation)


def _product(first: Range, second: Range, square: bool) -> Range:
    products = [a * b for a in first for b in second]
    if square:
        products = [end * end for end in first] + ([0] if first[0] <= 0 <= first[1] else [])
    return min(products), max(products)


def _even(end: int, amount: int) -> int:
    result = end >> amount
    return result & ~1 if end & ((1 << amount) - 1) == 0 else result
