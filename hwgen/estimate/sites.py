"""``circuit_sites``: LUT sites, registers and carry cells of a circuit's Verilog for AMD, module by module.

What is counted is the structure as it is written: a LUT a position of a row, one an exclusive or, one a selected bit.
Registers that hold the same bit are one, and what no port reads is not there. What synthesis tools make of comparators,
tables and products is theirs to choose: those are units, which a calibration turns into LUTs.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from math import ceil

from hwgen.circuit import Circuit, Stream, Window
from hwgen.circuit.liveness import is_constant, last_stage, last_stages, live_streams, reading_stage, reads
from hwgen.circuit.operations import Gather, Queued, Read, Starting, Tap, sources
from hwgen.estimate.logic import FALSE, Literal, Logic, Site
from hwgen.estimate.words import Bits, constant_bits, extended, word_bits

# A module: the layer, and the index of the port or of the stream where it is no layer's own logic.
Home = tuple[str, int | None, int | None]
TOP: Home = ("", None, None)


@dataclass(slots=True)
class _Module:
    logic: Logic
    taps: dict[tuple[int, int], Bits] = field(default_factory=dict)  # by word and stage
    words: list[int] = field(default_factory=list)
    ports: set[tuple[int, int]] = field(default_factory=set)
    always: Counter[Site] = field(default_factory=Counter)  # what is there whatever the ports read


def circuit_sites(circuit: Circuit, carry_bits: int) -> Mapping[Home, Counter[Site]]:
    """Units of each kind of site, by module; the valid bits are the top's.

    Args:
        carry_bits: of a carry cell: 8 on UltraScale and later, 4 before.
    """
    return _Sites(circuit, carry_bits).counted()


class _Sites:
    def __init__(self, circuit: Circuit, carry_bits: int) -> None:
        self.circuit = circuit
        self.carry_bits = carry_bits
        self.three = circuit.target.operands >= 3 and circuit.target.name == "amd"
        self.modules: dict[Home, _Module] = {}
        self.homes: dict[int, Home] = {}
        self.pixels: dict[int, tuple[dict[int, int], dict[tuple[int, int], Bits]]] = {}
        for number in sorted(last_stages(circuit)):
            home = self._home(number)
            self.homes[number] = home
            self._module(home).words.append(number)

    def _module(self, home: Home) -> _Module:
        return self.modules.setdefault(home, _Module(Logic(self.carry_bits)))

    def _home(self, number: int) -> Home:
        word = self.circuit.words[number]
        match word.operation:
            case Read(port=port):
                return word.layer, port, None
            case operation if isinstance(operation, Starting):
                return word.layer, None, word.stream
            case _:
                return word.layer, None, None

    def counted(self) -> Mapping[Home, Counter[Site]]:
        circuit = self.circuit
        for number, home in self.homes.items():
            if home[2] is not None and home[2] not in self.pixels:
                self._start(home[2])
            self._word(number, home)
        for stream in live_streams(circuit):  # one starts somewhere even where none of its words is read
            if circuit.streams[stream].sources and stream not in self.pixels:
                self._start(stream)
        for result in circuit.results:
            for word in result:
                self._tap(TOP, word, circuit.result_stage)
        found = {home: module.logic.needed(self._needed(module)) + module.always for home, module in
                 self.modules.items() if home != TOP}  # fmt: skip
        valid = sum(last_stage(circuit, stream) for stream in live_streams(circuit))
        return {TOP: Counter({Site.FLIP_FLOP: valid}), **found}

    @staticmethod
    def _needed(module: _Module) -> Bits:
        return [bit for tap in sorted(module.ports) for bit in module.taps[tap]]

    def _word(self, number: int, home: Home) -> None:
        word, module = self.circuit.words[number], self.modules[home]

        def given(source: int) -> Bits:
            return self._tap(home, source, reading_stage(self.circuit, number, source))

        if isinstance(word.operation, Starting) and reads(word):
            bits = self._started(number)
        else:
            bits = word_bits(module.logic, word, self.circuit.words, given, self.three)
        module.taps[number, word.stage] = bits

    def _tap(self, home: Home, number: int, stage: int) -> Bits:
        """A word as a module reads it: registers where it is that module's own, else a port of both."""
        word = self.circuit.words[number]
        if is_constant(word):
            stage = word.stage
        own = self.homes[number]
        module = self._module(home)
        if own != home:
            self._registered(self.modules[own], number, stage)
            self.modules[own].ports.add((number, stage))
            return [module.logic.wire((number, stage, bit)) for bit in range(word.width)]
        return self._registered(module, number, stage)

    def _registered(self, module: _Module, number: int, stage: int) -> Bits:
        if (number, stage) not in module.taps:
            before = self._registered(module, number, stage - 1)
            module.taps[number, stage] = [module.logic.register(bit) for bit in before]
        return module.taps[number, stage]

    # ---- what starts a stream

    def _start(self, number: int) -> None:
        """Counters, and the registers and memories that a window, a gathered sample or a FIFO keeps."""
        stream = self.circuit.streams[number]
        home: Home = (stream.name, None, number)
        module = self._module(home)
        started = [word for word in module.words if reads(self.circuit.words[word])]
        taken = sorted({source for word in started for source in sources(self.circuit.words[word].operation)})
        offsets: dict[int, int] = {}
        pixel: Bits = []
        for source in taken:
            stage = next(s.stage for s in stream.sources if s.stream == self.circuit.words[source].stream)
            offsets[source] = len(pixel)
            pixel += self._tap(home, source, stage)
        if stream.joins:
            self._join(module, stream, taken)
            kept = {(0, 0): [module.logic.wire((number, "head", bit)) for bit in range(len(pixel))]}
        elif stream.window is None:
            kept = self._gather(module, self.circuit.streams[stream.sources[0].stream].beats, pixel)
        else:
            taps = [self.circuit.words[word].operation for word in started]
            kept = self._window(module, stream.window, [tap for tap in taps if isinstance(tap, Tap)], pixel)
        self.pixels[number] = offsets, kept

    def _started(self, number: int) -> Bits:
        word = self.circuit.words[number]
        offsets, kept = self.pixels[word.stream]
        logic = self.modules[self.homes[number]].logic
        match word.operation:
            case Gather(word=source, beat=beat):
                return self._slice(kept[0, beat], offsets[source], source, word.width)
            case Queued(word=source):
                return self._slice(kept[0, 0], offsets[source], source, word.width)
            case Tap(word=source, row=row, column=column, otherwise=otherwise):
                window = self.circuit.streams[word.stream].window
                assert window is not None
                bits = self._slice(
                    kept[window.after[0] - row, window.after[1] - column], offsets[source], source, word.width
                )
                if otherwise is None or all(window.inside(axis, at)[1] for axis, at in ((0, row), (1, column))):
                    return bits
                inside = logic.wire((row, column))
                ends = constant_bits(otherwise, word.width)
                return [logic.forced(bit, inside ^ 1, end) for bit, end in zip(bits, ends, strict=True)]
            case _:
                raise AssertionError("only tapped, gathered and queued words start a stream")

    def _slice(self, pixel: Bits, start: int, source: int, width: int) -> Bits:
        own = pixel[start : start + self.circuit.words[source].width]
        return extended(own, self.circuit.words[source].signed, 0, width)

    def _window(self, module: _Module, window: Window, taps: list[Tap], pixel: Bits) -> dict[tuple[int, int], Bits]:
        last: dict[int, int] = {}
        for tap in taps:
            back = window.after[0] - tap.row
            last[back] = max(last.get(back, 0), window.after[1] - tap.column)
        if last:
            last.setdefault(0, 0)
        kept: dict[tuple[int, int], Bits] = {}
        above = 0
        for row in sorted(last):
            entering = pixel if row == 0 else kept[above, 0]
            if row:
                entering = _memory(module.logic, entering, (row - above) * window.frame[1] - 1, (row, above))
                counter = _bits((row - above) * window.frame[1] - 2)
                _counter(module, counter if (row - above) * window.frame[1] > 1 else 0)
            kept[row, 0] = [_step_register(module.logic, bit) for bit in entering]
            for column in range(1, last[row] + 1):
                kept[row, column] = [_step_register(module.logic, bit) for bit in kept[row, column - 1]]
            above = row
        rows, columns = (
            _bits(max(window.frame[axis] - 1, window.first[axis], window.strides[axis] - 1)) for axis in (0, 1)
        )
        # Which pixel comes next matters where steps without one follow the last.
        pixels = _bits(window.frame[0] * window.frame[1] - 1) if window.lead else 0
        _counter(module, 2 * rows + 2 * columns + pixels)
        module.always[Site.FLIP_FLOP] += window.lead + 2 + int(window.lead > 0)
        masks = {(axis, at) for tap in taps if tap.otherwise is not None for axis, at in ((0, tap.row), (1, tap.column))
                 if not window.inside(axis, at)[1]}  # fmt: skip
        module.always[Site.LIMIT] += len(masks)
        return kept

    @staticmethod
    def _gather(module: _Module, beats: int, pixel: Bits) -> dict[tuple[int, int], Bits]:
        kept: dict[tuple[int, int], Bits] = {}
        entering = pixel
        for beat in reversed(range(beats)):
            entering = [_step_register(module.logic, bit) for bit in entering]
            kept[0, beat] = entering
        _counter(module, _bits(beats - 1))
        module.always[Site.FLIP_FLOP] += 1
        return kept

    def _join(self, module: _Module, stream: Stream, taken: list[int]) -> None:
        for source in stream.sources:
            bits = sum(self.circuit.words[word].width for word in taken
                       if self.circuit.words[word].stream == source.stream)  # fmt: skip
            count = source.depth.bit_length()
            _counter(module, count)
            if source.depth == 1:
                module.always[Site.FLIP_FLOP] += bits
            else:
                _counter(module, 2 * max((source.depth - 1).bit_length(), 1))
                module.always[Site.MEMORY] += ceil(_memory_luts(source.depth) * bits)


def _counter(module: _Module, bits: int) -> None:
    module.always[Site.CONTROL] += bits
    module.always[Site.FLIP_FLOP] += bits


def _bits(most: int) -> int:
    return max(most.bit_length(), 1)


def _step_register(logic: Logic, literal: Literal) -> Literal:
    """A register of the line buffers, which keep constants as well."""
    return literal if literal == FALSE else logic.node(Site.FLIP_FLOP, 1, (literal,), ("step", literal))


def _memory(logic: Logic, pixel: Bits, length: int, key: tuple[int, int]) -> Bits:
    """A line buffer of so many pixels in LUTs: 64 entries of a bit each, with selections between more."""
    if length < 1:
        return pixel
    return [logic.lut(Site.MEMORY, (bit,), (key, at), _memory_luts(length)) for at, bit in enumerate(pixel)]


def _memory_luts(length: int) -> float:
    """A bit of so many entries."""
    return max(0.5, length / 64)
