"""Views of the modules of a Verilog project: one an input, one a stream's start, one a layer."""

import textwrap
from dataclasses import dataclass

from hwgen.circuit.liveness import reads
from hwgen.circuit.operations import sources
from hwgen.emit.names import Names
from hwgen.emit.rtl_bits import Reader, Signal
from hwgen.emit.rtl_expressions import Add3, CaseTable, expression
from hwgen.emit.rtl_joins import JoinStart, JoinView
from hwgen.emit.rtl_rows import ROW, RowView
from hwgen.emit.rtl_streams import StreamStart, StreamView
from hwgen.emit.rtl_wiring import Place, Tap, Wiring

ADD3 = "hwgen_add3"


@dataclass(frozen=True, slots=True)
class StageView:
    """What a module does in one pipeline stage.

    Attributes:
        words: statements of each word, line by line.
        registers: declarations of what is kept for the next stage.
        moves: assignments to them.
    """

    number: int
    words: tuple[tuple[str, ...], ...]
    registers: tuple[str, ...]
    moves: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ModuleView:
    """One module.

    Attributes:
        instance: its name in the top.
        title: what it is, for people.
        notes: more of it, line by line.
        ports: declarations; ``pins`` their names, and what they are connected to in the top.
        stream: what starts a stream in it; None where nothing does.
        primitives: modules of the library that it uses.
        unused: bits that nothing reads.
    """

    name: str
    instance: str
    path: str
    title: str
    notes: tuple[str, ...]
    ports: tuple[str, ...]
    pins: tuple[tuple[str, str], ...]
    stream: StreamView | JoinView | None
    stages: tuple[StageView, ...]
    primitives: tuple[str, ...]
    unused: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Valid:
    """The valid bits with which the words of a stream's sources come, and that of its own."""

    given: tuple[str, ...]
    made: str


def module_view(
    wiring: Wiring,
    place: Place,
    module: str,
    instance: str,
    notes: tuple[str, ...],
    inputs: list[Signal],
    names: Names,
    valid: Valid | None,
) -> ModuleView:
    """The module of one place.

    Args:
        valid: where it starts a stream, its valid bits.
        notes: lines that say what the layer is.
        inputs: signals of the circuit's ports.
        names: of the design.
    """
    return _Module(wiring, place, inputs, names).view(module, instance, notes, valid)


class _Module:
    def __init__(self, wiring: Wiring, place: Place, inputs: list[Signal], names: Names) -> None:
        self.wiring, self.place, self.inputs, self.names = wiring, place, inputs, names
        self.words = wiring.circuit.words
        self.reader = Reader()
        self.exported = set(place.exports)
        self.three_operands = wiring.circuit.target.operands >= 3 and wiring.circuit.target.name == "amd"
        self.library: set[str] = set()
        self.start: StreamStart | JoinStart | None = None

    def view(self, module: str, instance: str, notes: tuple[str, ...], valid: Valid | None) -> ModuleView:
        wiring, place = self.wiring, self.place
        given: list[Signal] = [] if place.port is None else [self.inputs[place.port]]
        given += [wiring.signals[tap] for tap in place.imports]
        for signal in given:
            self.reader.declare(signal)
        if place.stream is not None:
            self.start = self._start(place.stream)
        stages = self._stages()
        clocked = any(stage.moves for stage in stages)
        clock = ("clk", "rst", "ce") if valid else ("clk", "ce") if clocked else ()
        made = [wiring.signals[tap] for tap in place.exports]
        ports = [f"input wire {name}" for name in clock]
        pins = [(name, name) for name in clock]
        if valid:
            names = ["in_valid"] if len(valid.given) == 1 else [f"in{i}_valid" for i in range(len(valid.given))]
            ports += [*(f"input wire {name}" for name in names), "output wire out_valid"]
            pins += [*zip(names, valid.given, strict=True), ("out_valid", valid.made)]
        ports += [f"input wire {signal.declaration}" for signal in given]
        ports += [
            f"output {'reg' if self._kept(tap) else 'wire'} {signal.declaration}"
            for tap, signal in zip(place.exports, made, strict=True)
        ]
        started = None if self.start is None else self.start.view()
        return ModuleView(
            name=module,
            instance=instance,
            path=f"rtl/{module}.v",
            title=f"{wiring.circuit.name}: {_what(place)}.",
            notes=notes,
            ports=tuple(ports),
            pins=(*pins, *((signal.name, signal.name) for signal in [*given, *made])),
            stream=started,
            stages=stages,
            primitives=tuple(sorted(self.library)) + (started.primitives if started else ()),
            unused=self.reader.unread(),
        )

    def _start(self, number: int) -> StreamStart | JoinStart:
        circuit = self.wiring.circuit
        stream = circuit.streams[number]
        stages = {source.stream: source.stage for source in stream.sources}
        # A constant word needs nothing of the stream.
        taps = [self.words[word] for word in self.place.words if reads(self.words[word])]

        def source(word: int) -> Signal:
            return self.wiring.signals[self.wiring.tap(word, stages[self.words[word].stream])]

        if stream.joins:
            streams = [next(self.words[s].stream for s in sources(tap.operation)) for tap in taps]
            return JoinStart(stream, taps, streams, source, self.names, self.reader)
        beats = circuit.streams[stream.sources[0].stream].beats
        return StreamStart(stream, beats, taps, source, self.names, self.reader)

    def _kept(self, tap: Tap) -> bool:
        """Whether a register holds it."""
        return tap[1] > self.words[tap[0]].stage

    def _stages(self) -> tuple[StageView, ...]:
        wiring = self.wiring
        computed: dict[int, list[tuple[str, ...]]] = {}
        kept: dict[int, list[tuple[Signal, Signal, bool]]] = {}
        for number in self.place.words:
            word = self.words[number]
            computed.setdefault(word.stage, []).append(self._statements(number))
            stage = word.stage
            while (number, stage + 1) in wiring.signals:
                tap = (number, stage + 1)
                self.reader.declare(wiring.signals[tap])
                here, following = wiring.signals[number, stage], wiring.signals[tap]
                self.reader.whole(here)
                kept.setdefault(stage, []).append((here, following, tap in self.exported))
                stage += 1
        for tap in self.exported:
            self.reader.whole(wiring.signals[tap])
        return tuple(
            StageView(
                stage,
                tuple(computed.get(stage, ())),
                tuple(f"reg {following.declaration};" for _, following, port in kept.get(stage, ()) if not port),
                tuple(f"{following.name} <= {here.name};" for here, following, _ in kept.get(stage, ())),
            )
            for stage in sorted(computed.keys() | kept.keys())
        )

    def _statements(self, number: int) -> tuple[str, ...]:
        word = self.words[number]
        signal = self.reader.declare(self.wiring.signals[number, word.stage])

        def source(index: int) -> Signal:
            return self.wiring.signals[self.wiring.tap(index, word.stage)]

        made: str | Add3 | CaseTable | RowView
        if self.start is not None and reads(word):
            made = self.start.expression(word)
        else:
            made = expression(word, self.words, source, self.inputs, self.three_operands, self.reader)
        port = (number, word.stage) in self.exported
        interval = f" // {word.low}" if word.low == word.high else f" // {word.low} to {word.high}"
        if number in self.wiring.codes:
            interval += f": {self.wiring.codes[number]}"
        if isinstance(made, Add3):
            return self._instance(signal, made, port, interval)
        if isinstance(made, RowView):
            return self._row(signal, made, port, interval)
        declared: tuple[str, ...] = ()
        if isinstance(made, CaseTable):
            declared, made = self._table(signal, made)
        start = f"assign {signal.name}" if port else f"wire {signal.declaration}"
        lines = f"{start} = {made};".split("\n")
        lines[0] += interval
        return (*declared, *lines)

    def _table(self, signal: Signal, table: CaseTable) -> tuple[tuple[str, ...], str]:
        """The function, and the call of it."""
        name = self.names.take(f"{signal.name}_table")
        result = Signal(name, signal.width, signal.signed).declaration
        lines = [f"function {result};", f"    input [{table.bits - 1}:0] code;", "    case (code)"]
        for codes, value in table.cases:
            lines += textwrap.wrap(
                f"{codes}: {name} = {value};", 120, initial_indent=" " * 8, subsequent_indent=" " * 12
            )
        return (*lines, "    endcase", "endfunction"), f"{name}({table.index})"

    def _instance(self, signal: Signal, add: Add3, port: bool, interval: str) -> tuple[str, ...]:
        self.library.add(ADD3)
        a, b, c = add.operands
        name = self.names.take(f"add_{signal.name}")
        declared = () if port else (f"wire {signal.declaration};{interval}",)
        width, low = signal.width, add.low_width
        made = f"{signal.name}[{width - 1}:{low}]" if low else signal.name
        return (
            *declared,
            f"{ADD3} #(.WIDTH({width - low}), .NEGATE({add.mask})) {name} ({interval if port else ''}".rstrip(),
            f"    .a({a}),",
            f"    .b({b}),",
            f"    .c({c}),",
            f"    .sum({made})",
            ");",
            *((f"assign {signal.name}[{low - 1}:0] = {add.low};",) if low else ()),
        )

    def _row(self, signal: Signal, row: RowView, port: bool, interval: str) -> tuple[str, ...]:
        self.library.add(ROW)
        name = self.names.take(f"row_{signal.name}")
        parameters = ", ".join(f".{key}({value})" for key, value in row.parameters)
        declared = () if port else (f"wire {signal.declaration};{interval}",)
        return (
            *declared,
            f"{ROW} #({parameters}) {name} ({interval if port else ''}".rstrip(),
            *(f"    .{pin}({text})," for pin, text in row.pins),
            f"    .sum({signal.name})",
            ");",
        )


def _what(place: Place) -> str:
    if place.port is not None:
        return f"the codes of input {place.layer}"
    return f"layer {place.layer}" if place.stream is None else f"what layer {place.layer} sees"
