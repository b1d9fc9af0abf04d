"""Views of what starts a stream: the line buffers under a sliding window, or the registers that gather a sample."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from hwgen.circuit import Stream, Window, Word
from hwgen.circuit.operations import Gather, Tap
from hwgen.emit.names import Names
from hwgen.emit.rtl_bits import Reader, Signal, constant

WINDOW = "hwgen_window"
LINE_BUFFER = "hwgen_line_buffer"
GATHER = "hwgen_gather"


@dataclass(frozen=True, slots=True)
class BufferView:
    """Pixels delayed by whole lines.

    Attributes:
        instance: of the line buffer.
        source, output: names of the pixel that enters and of the one that leaves.
        length: steps between them.
        place_bits: of its position in memory.
    """

    instance: str
    source: str
    output: str
    length: int
    place_bits: int


@dataclass(frozen=True, slots=True)
class StreamView:
    """The body of a module that starts a stream, before its words.

    Attributes:
        about: what it does, for people, line by line.
        pixel: what enters in a beat, the last code first; none where nothing is read.
        pixel_bits: its width.
        window: parameters of the window's control, in the order of its declaration; empty where a sample is gathered.
        registers: declarations of the pixels that the window sees.
        buffers: the line buffers between its rows.
        moves: assignments in a step.
        masks: wires that say which rows and columns lie in the frame.
        gathered: name of all beats side by side; empty for a window.
        beats, beat_bits: of a gathered sample.
    """

    about: tuple[str, ...]
    pixel: tuple[str, ...]
    pixel_bits: int
    window: tuple[str, ...] = ()
    row: str = ""
    column: str = ""
    registers: tuple[str, ...] = ()
    buffers: tuple[BufferView, ...] = ()
    moves: tuple[str, ...] = ()
    masks: tuple[str, ...] = ()
    gathered: str = ""
    beats: int = 0
    beat_bits: int = 0
    template = "stream"

    @property
    def primitives(self) -> tuple[str, ...]:
        """Modules of the library that it uses."""
        if self.gathered:
            return (GATHER,)
        return (WINDOW, LINE_BUFFER) if self.buffers else (WINDOW,)


class StreamStart:
    """The start of a stream: its view, and an expression for each of its words."""

    def __init__(
        self,
        stream: Stream,
        source_beats: int,
        taps: Sequence[Word],
        source: Callable[[int], Signal],
        names: Names,
        reader: Reader,
    ) -> None:
        """``source_beats``: of a sample of the stream that it takes its words from; ``taps``: words of the stream that
        are read; ``source``: the signal of a word that they take."""
        self.stream, self.beats, self.names, self.reader = stream, source_beats, names, reader
        operations = [word.operation for word in taps]
        taken = sorted({each.word for each in operations if isinstance(each, Tap | Gather)})
        signals = {word: source(word) for word in taken}
        self.offsets: dict[int, int] = {}
        self.bits = 0
        for word, signal in signals.items():
            self.offsets[word] = self.bits
            self.bits += signal.width
        self.pixel = tuple(reader.whole(signals[word]) for word in reversed(taken))
        self.masks: dict[tuple[int, int], tuple[str, str]] = {}  # axis and offset: name and condition
        if stream.window is None:
            if not taken:  # constants only: it still says when a sample is complete
                self.pixel, self.bits = ("1'b0",), 1
            self.gathered = reader.declare(Signal(names.take(f"{stream.name}_beats"), self.beats * self.bits, False))
        else:
            self.step = reader.declare(Signal("step", 1, False))
            self.row, self.column = self._counters(stream.window)
            self.pixels = self._pixels(stream.window, [each for each in operations if isinstance(each, Tap)])

    def _counters(self, window: Window) -> tuple[Signal, Signal]:
        row, column = (
            Signal(name, _bits(max(window.frame[axis] - 1, window.first[axis], window.strides[axis] - 1)), False)
            for axis, name in enumerate(("row", "column"))
        )
        return self.reader.declare(row), self.reader.declare(column)

    def _pixels(self, window: Window, taps: Sequence[Tap]) -> dict[tuple[int, int], Signal]:
        """Registers by rows and columns back from the newest pixel: in each row as far as some tap looks."""
        last: dict[int, int] = {}
        for tap in taps:
            back = window.after[0] - tap.row
            last[back] = max(last.get(back, 0), window.after[1] - tap.column)
        if last:
            last.setdefault(0, 0)
            self.reader.whole(self.step)
        return {
            (row, column): self.reader.declare(
                Signal(self.names.take(f"{self.stream.name}_back{row}_{column}"), self.bits, False)
            )
            for row in sorted(last)
            for column in range(last[row] + 1)
        }

    def expression(self, word: Word) -> str:
        """A word of the stream, from the pixels in its registers."""
        operation = word.operation
        match operation:
            case Gather():
                start = operation.beat * self.bits + self.offsets[operation.word]
                return self.reader.bits(self.gathered, start, word.width)
            case Tap():
                window = self.stream.window
                assert window is not None
                pixel = self.pixels[window.after[0] - operation.row, window.after[1] - operation.column]
                bits = self.reader.bits(pixel, self.offsets[operation.word], word.width)
                inside = [self._mask(window, axis, at) for axis, at in ((0, operation.row), (1, operation.column))]
                conditions = [mask for mask in inside if mask]
                if operation.otherwise is None or not conditions:
                    return bits
                otherwise = constant(operation.otherwise, word.width, word.signed)
                return f"({' && '.join(conditions)}) ? {bits} : {otherwise}"
            case _:
                raise AssertionError("only tapped and gathered words start a stream")

    def _mask(self, window: Window, axis: int, offset: int) -> str:
        """A wire, high where so many rows or columns from the anchor lie in the frame; none if they always do."""
        if window.inside(axis, offset)[1]:
            return ""
        if (axis, offset) not in self.masks:
            counter = self.column if axis else self.row
            side = "minus" if offset < 0 else "plus"
            name = self.names.take(f"{self.stream.name}_{counter.name}_{side}{abs(offset)}")
            sign, limit = (">=", -offset) if offset < 0 else ("<", window.frame[axis] - offset)
            condition = f"{self.reader.whole(counter)} {sign} {constant(limit, counter.width, signed=False)}"
            self.masks[axis, offset] = name, condition
        return self.masks[axis, offset][0]

    def view(self) -> StreamView:
        """The body of the module; to be asked for when every word has been written."""
        window = self.stream.window
        if window is None:
            return StreamView(
                about=(f"Gathers the {self.beats} beats of a sample.",),
                pixel=self.pixel,
                pixel_bits=self.bits,
                gathered=self.gathered.name,
                beats=self.beats,
                beat_bits=_bits(self.beats - 1),
            )
        parameters = {
            "ROWS": window.frame[0],
            "COLUMNS": window.frame[1],
            "LEAD": window.lead,
            "FIRST_ROW": window.first[0],
            "FIRST_COLUMN": window.first[1],
            "ROW_STRIDE": window.strides[0],
            "COLUMN_STRIDE": window.strides[1],
            "ROW_BITS": self.row.width,
            "COLUMN_BITS": self.column.width,
            "PIXEL_BITS": _bits(window.frame[0] * window.frame[1] - 1),
        }
        size = [before + after + 1 for before, after in zip(window.before, window.after, strict=True)]
        rows = sorted({row for row, _ in self.pixels})
        moves = [f"{self.pixels[0, 0].name} <= pixel;"] if rows else []
        moves += [
            f"{signal.name} <= {self.reader.whole(self.pixels[row, column - 1])};"
            for (row, column), signal in self.pixels.items()
            if column
        ]
        buffers = [
            BufferView(
                self.names.take(f"lines_{self.stream.name}_{now}"),
                self.reader.whole(self.pixels[before, 0]),
                self.pixels[now, 0].name,
                (now - before) * window.frame[1],
                _bits(max((now - before) * window.frame[1] - 2, 1)),
            )
            for before, now in pairwise(rows)
        ]
        driven = {view.output for view in buffers}
        return StreamView(
            about=(
                f"A window of {size[0]}x{size[1]} pixels over frames of {window.frame[0]}x{window.frame[1]}, "
                f"{window.positions[0]}x{window.positions[1]} positions.",
                "Pixels are numbered backwards from the newest: rows, columns.",
            ),
            pixel=self.pixel,
            pixel_bits=self.bits,
            window=tuple(f".{name}({value})" for name, value in parameters.items()),
            row=self.row.declaration,
            column=self.column.declaration,
            registers=tuple(
                f"{'wire' if signal.name in driven else 'reg'} {signal.declaration};" for signal in self.pixels.values()
            ),
            buffers=tuple(buffers),
            moves=tuple(moves),
            masks=tuple(f"wire {name} = {condition};" for name, condition in self.masks.values()),
        )


def _bits(most: int) -> int:
    """Bits of a counter from 0 to ``most``."""
    return max(most.bit_length(), 1)
