"""``Circuit``: words and the operations between them, each in its pipeline stage."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from hwgen.circuit.bounds import Bounds
from hwgen.circuit.operations import Gather, Operation, Queued, Range, Starting, Sum, evaluate, sources
from hwgen.circuit.rows import Row
from hwgen.circuit.streams import Stream, beat_cycles, with_depths
from hwgen.circuit.target import Target
from hwgen.errors import CircuitError
from hwgen.fixed import FixedType, IntArray

_WIDEST = FixedType(True, 64, 0)  # NumPy evaluates in int64
_FORGOTTEN = np.zeros(0, dtype=np.int64)


@dataclass(frozen=True, slots=True)
class Port:
    """An input or output of the circuit: codes of one type.

    Attributes:
        name: of the network's value.
        shape: of one sample.
        type: of each code.
        beats: in which a sample comes, each with as many of its codes, in C order.
    """

    name: str
    shape: tuple[int, ...]
    type: FixedType
    beats: int = 1

    @property
    def size(self) -> int:
        """Codes of a sample."""
        return int(np.prod(self.shape))

    @property
    def codes(self) -> int:
        """Codes of a beat."""
        return self.size // self.beats


@dataclass(frozen=True, slots=True)
class Word:
    """One integer of the circuit.

    Attributes:
        name: unique; says layer, neuron and step.
        layer: of the network.
        operation: what computes it.
        stage: pipeline stage of its stream in which it is valid; inputs are valid in stage 0.
        low, high: what it can reach.
        stream: index of the stream that it belongs to.
    """

    name: str
    layer: str
    operation: Operation
    stage: int
    low: int
    high: int
    stream: int = 0

    @property
    def signed(self) -> bool:
        return self.low < 0

    @property
    def width(self) -> int:
        """Bits that hold every value from low to high."""
        return FixedType.holding(self.low, self.high, 0).width


@dataclass(frozen=True, slots=True)
class Circuit:
    """A pipelined datapath that takes a beat a cycle: a sample, or a pixel of one.

    Attributes:
        name: of the network.
        target: the FPGA family that its sums are made for.
        inputs: in the network's order; a code may be no lower than the word's interval says.
        streams: that of the inputs first, each after its source.
        words: each reads earlier ones only.
        outputs: in the network's order; all of one stream.
        results: for each output, the words of a beat of its codes.
        values: for each layer of the network, the words of a beat of its codes: for tracing.
        latency_cycles: from a sample's first beat to its last output, where its beats come without gaps and no other
            sample follows.
    """

    name: str
    target: Target
    inputs: tuple[Port, ...]
    streams: tuple[Stream, ...]
    words: tuple[Word, ...]
    outputs: tuple[Port, ...]
    results: tuple[tuple[int, ...], ...]
    values: tuple[tuple[str, tuple[int, ...]], ...]
    latency_cycles: int

    @property
    def initiation_interval(self) -> int:
        """Cycles from one sample to the next: its beats."""
        return self.streams[0].beats

    @property
    def result_stream(self) -> int:
        """The stream of the outputs."""
        return self.words[self.results[0][0]].stream

    @property
    def result_stage(self) -> int:
        """The stage of that stream in which the outputs leave."""
        return result_stage(self.results, [word.stage for word in self.words])

    def codes(self, inputs: Sequence[IntArray]) -> tuple[IntArray, ...]:
        """Outputs for input codes.

        Args:
            inputs: (samples, *shape) int64, one array an input.
        Returns:
            (samples, *shape) int64, one array an output.
        """
        found = self._evaluate(inputs, self.results)
        return tuple(
            array.reshape(len(inputs[0]), *port.shape) for port, array in zip(self.outputs, found, strict=True)
        )

    def trace(self, inputs: Sequence[IntArray]) -> dict[str, IntArray]:
        """Codes of every layer, (samples, size) int64, by the name of its value."""
        found = self._evaluate(inputs, [words for _, words in self.values])
        return {name: array.reshape(len(inputs[0]), -1) for (name, _), array in zip(self.values, found, strict=True)}

    def word_values(
        self, inputs: Sequence[IntArray], altered: Callable[[int, IntArray], IntArray] | None = None
    ) -> Iterator[IntArray]:
        """What each word is in every beat of every sample, (samples * beats of its stream,), one word after the other.

        One that no later word reads is not kept.

        Args:
            inputs: as of ``codes``.
            altered: what is to stand instead of a word, by its number and what it is: to see what a fault does.
        """
        samples = len(inputs[0])
        flat = tuple(
            codes.reshape(samples * port.beats, port.codes) for port, codes in zip(self.inputs, inputs, strict=True)
        )
        last = {source: number for number, word in enumerate(self.words) for source in sources(word.operation)}
        done: dict[int, list[int]] = {}
        for source, number in last.items():
            done.setdefault(number, []).append(source)
        words: list[IntArray] = []
        for number, word in enumerate(self.words):
            codes = evaluate(word.operation, words, flat, samples, self.streams[word.stream])
            words.append(codes if altered is None else altered(number, codes))
            yield words[number]
            for source in done.get(number, ()):
                words[source] = _FORGOTTEN
            if number not in last:
                words[number] = _FORGOTTEN

    def _evaluate(self, inputs: Sequence[IntArray], wanted: Sequence[Sequence[int]]) -> list[IntArray]:
        """The words of each group, (samples * beats, words)."""
        asked = {word for group in wanted for word in group}
        found = {number: values for number, values in enumerate(self.word_values(inputs)) if number in asked}
        return [np.stack([found[word] for word in group], axis=1) for group in wanted]

    def check(self) -> "Circuit":
        """Return the circuit if every invariant holds.

        A word reads earlier words of its stream, valid no later than itself, or, where it starts a stream, words of the
        source, valid when they are taken; its interval is what its operation gives, and fits 64 bits with a sign; ports
        have as many beats as their stream; outputs are of one stream and fit their type; the latency is what streams
        and stages make it; FIFOs are as deep as they have to be.

        Raises:
            CircuitError: one does not; the message names the word.
        """
        ports: tuple[Range, ...] = tuple((port.type.min_code, port.type.max_code) for port in self.inputs)
        bounds = Bounds(ports)
        for number, word in enumerate(self.words):
            self._check_sources(number, word)
            low, high = bounds.add(word.operation)
            if (low, high) != (word.low, word.high):
                raise CircuitError(
                    f"word {word.name!r} reaches {low} to {high}; the circuit says {word.low} to {word.high}."
                )
            if not _WIDEST.holds(low, high):
                raise CircuitError(
                    f"word {word.name!r} reaches {low} to {high}, more than the 64 bits of a circuit's words."
                )
        for port in self.inputs:
            self._check_beats("input", port, self.streams[0])
        for port, result in zip(self.outputs, self.results, strict=True):
            self._check_output(port, result)
        for name, codes in self.values:
            if not all(0 <= code < len(self.words) for code in codes):
                raise CircuitError(f"value {name!r} has words that are not among the circuit's {len(self.words)}.")
        for stream, needed in zip(self.streams, with_depths(self.streams), strict=True):
            if stream != needed:
                asked, had = ([source.depth for source in each.sources] for each in (needed, stream))
                raise CircuitError(f"stream {stream.name!r} needs FIFOs of {asked} beats to wait in, has {had}.")
        latency = latency_cycles(
            self.streams, [word.stage for word in self.words], [word.stream for word in self.words], self.results
        )
        if latency != self.latency_cycles:
            raise CircuitError(
                f"stages and streams make a latency of {latency} cycles; the circuit says {self.latency_cycles}."
            )
        return self

    def _check_beats(self, side: str, port: Port, stream: Stream) -> None:
        if port.beats != stream.beats or port.size % port.beats:
            raise CircuitError(
                f"{side} {port.name!r} comes in {port.beats} beats of its {port.size} codes, stream {stream.name!r} in "
                f"{stream.beats}."
            )

    def _check_output(self, port: Port, result: Sequence[int]) -> None:
        self._check_beats("output", port, self.streams[self.result_stream])
        if len(result) != port.codes:
            raise CircuitError(f"output {port.name!r} needs {port.codes} words, has {len(result)}.")
        for index in result:
            word = self.words[index]
            if word.stream != self.result_stream:
                stream, others = self.streams[word.stream].name, self.streams[self.result_stream].name
                raise CircuitError(
                    f"output {port.name!r}: word {word.name!r} is of stream {stream!r}, the first of stream {others!r}."
                )
            if not port.type.holds(word.low, word.high):
                raise CircuitError(
                    f"output {port.name!r}: word {word.name!r} reaches {word.low} to {word.high}, beyond {port.type}."
                )

    def _check_sources(self, number: int, word: Word) -> None:
        operation = word.operation
        starts = isinstance(operation, Starting)
        stream = self.streams[word.stream]
        given = {source.stream: source.stage for source in stream.sources} if starts else {word.stream: word.stage}
        kinds = stream.gathers, stream.joins
        if starts and kinds != (isinstance(operation, Gather), isinstance(operation, Queued)):
            raise CircuitError(
                f"word {word.name!r} is a {type(operation).__name__}, with which no word of stream {stream.name!r} "
                f"starts."
            )
        for source in sources(operation):
            if not 0 <= source < number:
                raise CircuitError(f"word {word.name!r} reads word {source}, which is not an earlier one.")
            read = self.words[source]
            if read.stream not in given:
                raise CircuitError(
                    f"word {word.name!r} of stream {stream.name!r} reads {read.name!r}, which is of stream "
                    f"{self.streams[read.stream].name!r}."
                )
            if read.stage > given[read.stream]:
                raise CircuitError(
                    f"word {word.name!r} reads {read.name!r} too early: in stage {given[read.stream]}, before stage "
                    f"{read.stage}."
                )

    @property
    def adders(self) -> int:
        """Rows of carry logic that add."""
        return sum(isinstance(word.operation, Sum | Row) for word in self.words)


def result_stage(results: Sequence[Sequence[int]], stage: Sequence[int]) -> int:
    """The stage in which outputs leave."""
    return max((stage[word] for result in results for word in result), default=0)


def latency_cycles(
    streams: Sequence[Stream], stage: Sequence[int], stream: Sequence[int], results: Sequence[Sequence[int]]
) -> int:
    """Cycles from a sample's first beat to its last output, from the stage and the stream of each word."""
    last = beat_cycles(streams)[stream[results[0][0]]][-1]
    return int(last) + result_stage(results, stage)
