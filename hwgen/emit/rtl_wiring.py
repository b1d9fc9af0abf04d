"""Where the words of a circuit live: which module computes each, how long it is kept, and which modules read it when.

A *tap* is a word as it stands in one pipeline stage of its stream. A word's registers stand beside it, in its own
module, so that all its readers share them; modules read each other's taps through ports.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from hwgen.circuit import Circuit
from hwgen.circuit.liveness import is_constant, last_stage, last_stages, live_streams, reading_stage, reads
from hwgen.circuit.operations import Read, Starting
from hwgen.emit.names import Names
from hwgen.emit.rtl_bits import Signal

Tap = tuple[int, int]  # word, stage
_Home = tuple[str, int | None, int | None]  # layer, port, stream that starts


@dataclass(frozen=True, slots=True)
class Place:
    """What becomes one module: an input of the network, the start of a stream, or a layer.

    Attributes:
        layer: name of the layer, or of the input's value.
        port: index of the input; None for a layer.
        stream: index of the stream that it starts; None where it starts none.
        words: that it computes and somebody reads, by stage.
        imports, exports: taps that it reads from others, and that others read.
    """

    layer: str
    port: int | None
    stream: int | None
    words: tuple[int, ...]
    imports: tuple[Tap, ...]
    exports: tuple[Tap, ...]


class Wiring:
    """Everything that the modules of a circuit have to agree on."""

    def __init__(self, circuit: Circuit, names: Names) -> None:
        self.circuit = circuit
        self.last = last_stages(self.circuit)
        self.signals = self._signals(names)
        self.places = self._places()
        # What people call a word: the first value that it is a code of.
        self.codes: dict[int, str] = {}
        for value, words in circuit.values:
            for index, word in enumerate(words):
                self.codes.setdefault(word, f"{value}[{index}]")

    def tap(self, word: int, stage: int) -> Tap:
        """A word as read in a stage; a constant is the same in each."""
        return (word, self.circuit.words[word].stage if is_constant(self.circuit.words[word]) else stage)

    def results(self, port: int) -> list[Tap]:
        """The taps of an output's codes."""
        return [self.tap(word, self.circuit.result_stage) for word in self.circuit.results[port]]

    def streams(self) -> tuple[int, ...]:
        """The streams that lead to the outputs, that of the inputs first."""
        return live_streams(self.circuit)

    def last_stage(self, stream: int) -> int:
        """The last stage of a stream in which it is taken, by another or by the outputs."""
        return last_stage(self.circuit, stream)

    def alive(self, word: int) -> bool:
        """Whether an output depends on the word."""
        return word in self.last

    def read_by(self, word: int) -> Iterator[Tap]:
        """The taps that compute a word."""
        for source in reads(self.circuit.words[word]):
            yield self.tap(source, reading_stage(self.circuit, word, source))

    def _signals(self, names: Names) -> dict[Tap, Signal]:
        words = self.circuit.words
        taken = {number: names.take(words[number].name) for number in sorted(self.last)}
        signals = {}
        for number, name in taken.items():
            word = words[number]
            signals[number, word.stage] = Signal(name, word.width, word.signed)
            if not is_constant(word):
                for stage in range(word.stage + 1, self.last[number] + 1):
                    signals[number, stage] = Signal(names.take(f"{name}_s{stage}"), word.width, word.signed)
        return signals

    def _places(self) -> tuple[Place, ...]:
        home = {number: self._home(number) for number in sorted(self.last)}
        members: dict[_Home, list[int]] = {}
        # A stream starts somewhere even where none of its words is read.
        for stream in self.streams():
            if not self.circuit.streams[stream].sources:
                continue
            members.setdefault((self.circuit.streams[stream].name, None, stream), [])
        for number, key in home.items():
            members.setdefault(key, []).append(number)
        imports: dict[_Home, set[Tap]] = {key: set() for key in members}
        exports: dict[_Home, set[Tap]] = {key: set() for key in members}
        for number, key in home.items():
            for tap in self.read_by(number):
                if home[tap[0]] != key:
                    imports[key].add(tap)
                    exports[home[tap[0]]].add(tap)
        for port in range(len(self.circuit.outputs)):
            for tap in self.results(port):
                exports[home[tap[0]]].add(tap)
        words = self.circuit.words
        return tuple(
            Place(
                *key,
                tuple(sorted(numbers, key=lambda number: words[number].stage)),
                tuple(sorted(imports[key])),
                tuple(sorted(exports[key])),
            )
            for key, numbers in members.items()
        )

    def _home(self, number: int) -> _Home:
        word = self.circuit.words[number]
        match word.operation:
            case Read(port=port):
                return word.layer, port, None
            case operation if isinstance(operation, Starting):
                return word.layer, None, word.stream
            case _:
                return word.layer, None, None
