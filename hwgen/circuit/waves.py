"""``Waves``: a circuit evaluated in NumPy by few calls, each for all words of one kind whose sources are there.

``Circuit.word_values`` says what each word is, one after the other. This gives the same codes; where there are
thousands of words and hundreds of samples, most of what that takes is calls, and here are tens of them.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import overload

import numpy as np

from hwgen.circuit.circuit import Circuit
from hwgen.circuit.operations import Clip, Operation, Shift, Sum, evaluate, sources
from hwgen.fixed import IntArray

Altered = Callable[[IntArray, IntArray], None]


@dataclass(frozen=True, slots=True, eq=False)
class _Wave:
    """Words of one kind and one stream that can be computed together.

    Attributes:
        numbers: (words,) int64, of the words in the circuit.
        first: their place among the words of the stream, one behind the other.
        operations: of each.
    """

    numbers: IntArray
    stream: int
    first: int
    operations: tuple[Operation, ...]

    @property
    def steps(self) -> int:
        """One a word."""
        return len(self.numbers)


@dataclass(frozen=True, slots=True, eq=False)
class _Sums(_Wave):
    """Sums of equally many terms.

    Attributes:
        sources: (terms, words) int64: their places among the words of the stream.
        factors: (terms, words, 1) int64: powers of two, or negated ones.
        constants: (words, 1) int64; None where all are zero.
    """

    sources: IntArray
    factors: IntArray
    constants: IntArray | None

    @property
    def steps(self) -> int:
        """One a term."""
        return len(self.sources)


@dataclass(frozen=True, slots=True, eq=False)
class _Kept(_Wave):
    """Words made of another one and up to two numbers.

    Attributes:
        sources: (words,) int64: places among the words of the stream.
        one, two: (words, 1) int64: what the operation says.
    """

    sources: IntArray
    one: IntArray
    two: IntArray

    @property
    def steps(self) -> int:
        return 1


class _Words(Sequence[IntArray]):
    """Words by number, as ``evaluate`` reads them: (samples * beats,) each."""

    def __init__(self, place: IntArray, stream: IntArray, values: Sequence[IntArray]) -> None:
        self._place, self._stream, self._values = place, stream, values

    @overload
    def __getitem__(self, number: int) -> IntArray: ...
    @overload
    def __getitem__(self, number: slice) -> Sequence[IntArray]: ...
    def __getitem__(self, number: int | slice) -> IntArray | Sequence[IntArray]:
        if isinstance(number, slice):
            return [self[each] for each in range(len(self))[number]]
        word: IntArray = self._values[self._stream[number]][self._place[number]]
        return word

    def __len__(self) -> int:
        return len(self._place)


class Waves:
    """A circuit, ready to be evaluated in few calls.

    Attributes:
        stream: (words,) int64, of each word of the circuit.
        place: (words,) int64, of each word among those of its stream, as in what ``values`` returns.
        steps: in which everything is evaluated, of a few calls each.
    """

    def __init__(self, circuit: Circuit) -> None:
        self.circuit = circuit
        self.stream = np.array([word.stream for word in circuit.words], dtype=np.int64)
        self.place = np.zeros(len(circuit.words), dtype=np.int64)
        self._sizes = [0] * len(circuit.streams)
        self._waves: list[_Wave] = []
        for (_, stream, _), numbers in sorted(self._grouped().items(), key=lambda group: group[0]):
            first = self._sizes[stream]
            self.place[numbers] = np.arange(first, first + len(numbers))
            self._sizes[stream] += len(numbers)
            self._waves.append(self._wave(np.array(numbers, dtype=np.int64), stream, first))
        self.steps = sum(wave.steps for wave in self._waves)

    def _grouped(self) -> dict[tuple[int, int, str], list[int]]:
        """Words by how many others have to be there before them, stream and kind."""
        level: list[int] = []
        groups: dict[tuple[int, int, str], list[int]] = {}
        for number, word in enumerate(self.circuit.words):
            operation = word.operation
            level.append(1 + max((level[source] for source in sources(operation)), default=-1))
            kind = type(operation).__name__
            if isinstance(operation, Sum):
                kind += str(len(operation.terms))
            elif isinstance(operation, Shift):
                kind += str(operation.ties_to_even)
            groups.setdefault((level[number], word.stream, kind), []).append(number)
        return groups

    def _wave(self, numbers: IntArray, stream: int, first: int) -> _Wave:
        operations = tuple(self.circuit.words[number].operation for number in numbers.tolist())
        common = (numbers, stream, first, operations)

        def column(values: Sequence[int]) -> IntArray:
            return np.array(values, dtype=np.int64)[:, None]

        if all(isinstance(operation, Sum) and operation.terms for operation in operations):
            sums = [operation for operation in operations if isinstance(operation, Sum)]
            read = np.array([[term.node for term in each.terms] for each in sums], dtype=np.int64)
            factors = np.array(
                [[-(1 << term.shift) if term.negative else 1 << term.shift for term in each.terms] for each in sums],
                dtype=np.int64,
            )
            constants = column([each.constant for each in sums])
            return _Sums(
                *common, self.place[read].T.copy(), factors.T[:, :, None].copy(), constants if constants.any() else None
            )
        kept = [operation for operation in operations if isinstance(operation, Clip | Shift)]
        if len(kept) == len(operations):
            read = self.place[np.array([operation.word for operation in kept], dtype=np.int64)]
            ends = [
                (each.low, each.high) if isinstance(each, Clip) else (each.amount, (1 << each.amount) - 1)
                for each in kept
            ]
            return _Kept(*common, read, column([one for one, _ in ends]), column([two for _, two in ends]))
        return _Wave(*common)

    def values(self, inputs: Sequence[IntArray], altered: Altered | None = None) -> list[IntArray]:
        """What each word is in every beat of every sample.

        Args:
            inputs: (samples, *shape) int64, one array an input of the circuit.
            altered: called with numbers of words and what they are, (words, samples, beats), which it may change before
                any other word reads them: to see what a fault does.
        Returns:
            (words, samples, beats) int64, one array a stream, its words in the order of ``place``.
        """
        circuit, samples = self.circuit, len(inputs[0])
        flat = tuple(
            codes.reshape(samples * port.beats, port.codes) for port, codes in zip(circuit.inputs, inputs, strict=True)
        )
        found = [
            np.empty((size, samples * stream.beats), dtype=np.int64)
            for size, stream in zip(self._sizes, circuit.streams, strict=True)
        ]
        words = _Words(self.place, self.stream, found)
        for wave in self._waves:
            stream = circuit.streams[wave.stream]
            there = found[wave.stream]
            made = there[wave.first : wave.first + len(wave.numbers)]
            match wave:
                case _Sums():
                    _add(there, wave, made)
                case _Kept():
                    _keep(there, wave, made)
                case _:
                    for row, operation in zip(made, wave.operations, strict=True):
                        row[:] = evaluate(operation, words, flat, samples, stream)
            if altered is not None:
                altered(wave.numbers, made.reshape(len(made), samples, stream.beats))
        return [
            array.reshape(len(array), samples, stream.beats)
            for array, stream in zip(found, circuit.streams, strict=True)
        ]


def _add(there: IntArray, wave: _Sums, made: IntArray) -> None:
    for number, (read, factor) in enumerate(zip(wave.sources, wave.factors, strict=True)):
        term = there[read]
        term *= factor
        if number:
            made += term
        else:
            made[:] = term
    if wave.constants is not None:
        made += wave.constants


def _keep(there: IntArray, wave: _Kept, made: IntArray) -> None:
    read = there[wave.sources]
    operation = wave.operations[0]
    if isinstance(operation, Clip):
        np.clip(read, wave.one, wave.two, out=made)
        return
    assert isinstance(operation, Shift)
    np.right_shift(read, wave.one, out=made)
    if operation.ties_to_even:
        made &= ~((read & wave.two) == 0).astype(np.int64)
