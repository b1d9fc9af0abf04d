"""Views of what joins streams: a FIFO for each, read where all of them hold a beat."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from hwgen.circuit import Stream, Word
from hwgen.circuit.operations import Queued
from hwgen.emit.names import Names
from hwgen.emit.rtl_bits import Reader, Signal

FIFO = "hwgen_fifo"


@dataclass(frozen=True, slots=True)
class FifoView:
    """One FIFO.

    Attributes:
        instance: of the FIFO.
        words: what enters in a beat, the last word first; ``bits`` its width.
        output: name of the words at its head; ``ready`` of the wire that says that there are any.
        valid: the port that says that a beat comes.
        depth: beats that it holds; ``place_bits`` of a position in it, ``count_bits`` of their number.
    """

    instance: str
    words: tuple[str, ...]
    bits: int
    output: str
    ready: str
    valid: str
    depth: int

    @property
    def place_bits(self) -> int:
        return max((self.depth - 1).bit_length(), 1)

    @property
    def count_bits(self) -> int:
        return self.depth.bit_length()


@dataclass(frozen=True, slots=True)
class JoinView:
    """The body of a module that joins streams, before its words."""

    about: tuple[str, ...]
    fifos: tuple[FifoView, ...]
    template = "join"
    primitives = (FIFO,)


class JoinStart:
    """The start of a stream that joins others: its view, and an expression for each of its words."""

    def __init__(
        self,
        stream: Stream,
        taps: Sequence[Word],
        streams: Sequence[int],
        source: Callable[[int], Signal],
        names: Names,
        reader: Reader,
    ) -> None:
        """``taps``: words of the stream that are read; ``streams``: the one from which each of them comes; ``source``:
        the signal of a word that they take."""
        self.stream, self.reader = stream, reader
        self.places: dict[int, tuple[Signal, int]] = {}  # word of a source: the FIFO's head, and where it stands in it
        fifos = []
        for number, given in enumerate(stream.sources):
            words = [tap.operation.word for tap in taps if isinstance(tap.operation, Queued)]
            words = [word for word, of in zip(words, streams, strict=True) if of == given.stream]
            signals = [source(word) for word in words]
            # Where nothing of a source is read, it still says when its beats come.
            bits = sum(signal.width for signal in signals) or 1
            head = reader.declare(Signal(names.take(f"{stream.name}_head{number}"), bits, False))
            low = 0
            for word, signal in zip(words, signals, strict=True):
                self.places[word] = head, low
                low += signal.width
            fifos.append(
                FifoView(
                    names.take(f"fifo_{stream.name}_{number}"),
                    tuple(reader.whole(signal) for signal in reversed(signals)) or ("1'b0",),
                    bits,
                    head.name,
                    names.take(f"{stream.name}_ready{number}"),
                    f"in{number}_valid",
                    given.depth,
                )
            )
        self.fifos = tuple(fifos)

    def expression(self, word: Word) -> str:
        """A word of the stream, from the head of its FIFO."""
        assert isinstance(word.operation, Queued)
        head, low = self.places[word.operation.word]
        return self.reader.bits(head, low, word.width)

    def view(self) -> JoinView:
        """The body of the module."""
        depths = " and ".join(str(fifo.depth) for fifo in self.fifos)
        return JoinView(
            (
                "Streams that meet again: each beat waits until its partners are there.",
                f"At most {depths} beats can wait, whatever the gaps between inputs.",
            ),
            self.fifos,
        )
