"""Views of the top module, its AXI4-Stream wrapper and its testbench."""

from collections.abc import Mapping
from dataclasses import dataclass

from hwgen.circuit import Circuit, Port
from hwgen.circuit.operations import Read
from hwgen.emit.names import Names
from hwgen.emit.rtl_bits import Reader, Signal
from hwgen.emit.rtl_modules import ModuleView, Valid, module_view
from hwgen.emit.rtl_wiring import Place, Wiring
from hwgen.ir import Network, network_text

# Names in the top's, the wrapper's and the testbench's own text.
_TAKEN = """
    clk rst ce in_valid out_valid valid unused core slice aclk aresetn out_ready dut
    s_axis_tdata s_axis_tvalid s_axis_tready m_axis_tdata m_axis_tvalid m_axis_tready m_axis_tlast beat
    run sent received cycle errors seed drive check in_beats out_beats
    SAMPLES LATENCY MOST_CYCLES IN_BEATS OUT_BEATS GIVEN EXPECTED
    hwgen_add3 hwgen_row hwgen_register_slice hwgen_window hwgen_line_buffer hwgen_gather hwgen_fifo
    pixel step row column window gather
"""


@dataclass(frozen=True, slots=True)
class PortView:
    """A port of the top: a beat of a value's codes.

    Attributes:
        value: its name in the network.
        msb: index of the highest bit.
        codes: expressions of an output's codes, last one first; none for an input.
    """

    name: str
    value: str
    msb: int
    comment: str
    codes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PartView:
    """A layer in the top: the wires that its module drives, and the instance; no instance where it is wires only."""

    title: str
    wires: tuple[str, ...]
    module: str
    instance: str
    pins: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class ValidView:
    """The valid bits of a stream.

    Attributes:
        name: of the wires, bit k for stage k.
        start: what is valid in stage 0.
        stages: the last stage that is looked at.
        kept: name of their registers.
        title: which stream it is, for people.
    """

    name: str
    start: str
    stages: int
    kept: str
    title: str

    @property
    def next(self) -> str:
        """What the registers take."""
        return f"{self.name}[{self.stages - 1}:0]" if self.stages > 1 else f"{self.name}[0]"


@dataclass(frozen=True, slots=True)
class AxisView:
    """The AXI4-Stream wrapper.

    Attributes:
        in_bits, out_bits: of the streams' data, whole bytes.
        input_pins: connections of the top's inputs.
        data: what goes out.
        last: whether the beat that goes out is the last one of its sample.
        beat_bits: of the number of a beat in its sample; 0 where a sample is one beat.
        unused: padding of the incoming data, empty where there is none.
    """

    name: str
    in_bits: int
    out_bits: int
    input_pins: tuple[str, ...]
    data: str
    last: str
    beat_bits: int
    unused: str


@dataclass(frozen=True, slots=True)
class TopView:
    """The top module.

    Attributes:
        in_beats, out_beats: of a sample.
        valids: the streams from input to output.
        out_valid: the valid bit of the outputs.
    """

    name: str
    testbench: str
    text: tuple[str, ...]
    latency_cycles: int
    latency_text: str
    in_beats: int
    out_beats: int
    inputs: tuple[PortView, ...]
    outputs: tuple[PortView, ...]
    parts: tuple[PartView, ...]
    valids: tuple[ValidView, ...]
    out_valid: str
    unused: tuple[str, ...]

    @property
    def clocked(self) -> bool:
        """Whether it has registers."""
        return len(self.valids) > 1 or self.valids[0].stages > 0


@dataclass(frozen=True, slots=True)
class TraceView:
    """Where the codes of a value can be seen.

    Attributes:
        beats: of a sample.
        valid: the wires of the top whose bit k says that a beat is in stage k; none where no output depends on it.
        codes: of a beat: (instance, signal, stage, width, signed) each; None for a code that no output depends on, and
            for a constant one that is built into its readers.
    """

    beats: int
    valid: str
    codes: tuple[tuple[str, str, int, int, bool] | None, ...]


@dataclass(frozen=True, slots=True)
class Design:
    """Everything that the templates of a Verilog project show.

    Attributes:
        modules: of inputs and layers, in the network's order.
        traces: of each value of the network.
    """

    top: TopView
    axis: AxisView
    modules: tuple[ModuleView, ...]
    traces: Mapping[str, TraceView]


def design(network: Network, circuit: Circuit) -> Design:
    """The views of a circuit's Verilog."""
    names = Names()
    for taken in (*_TAKEN.split(), network.name):
        names.take(taken)
    axis, testbench = names.take(f"{network.name}_axis"), names.take(f"{network.name}_tb")
    inputs = [_port(names, "in", port) for port in circuit.inputs]
    outputs = [_port(names, "out", port) for port in circuit.outputs]
    for port in (*inputs, *outputs):
        names.take(f"given_{port.name}")
        names.take(f"expected_{port.name}")
    wiring = Wiring(circuit, names)
    valids = _valids(wiring, names)
    ports = [Signal(port.name, port.msb + 1, False) for port in inputs]
    lines = _lines(network)
    modules = [_module(network.name, wiring, place, lines, ports, valids, names) for place in wiring.places]
    reader = Reader()
    for signal in ports:
        reader.whole(reader.declare(signal))
    result = valids[circuit.result_stream]
    top = TopView(
        name=network.name,
        testbench=testbench,
        text=tuple(network_text(network).splitlines()),
        latency_cycles=circuit.latency_cycles,
        latency_text=f"Latency {circuit.latency_cycles} cycles, initiation interval {circuit.initiation_interval}.",
        in_beats=circuit.streams[0].beats,
        out_beats=circuit.streams[circuit.result_stream].beats,
        inputs=tuple(inputs),
        outputs=tuple(_output(wiring, number, port) for number, port in enumerate(outputs)),
        parts=_parts(network, wiring, modules),
        valids=tuple(valids.values()),
        out_valid=f"{result.name}[{result.stages}]",
        unused=_unused(inputs, wiring),
    )
    return Design(top, _axis(axis, top), tuple(modules), _traces(wiring, modules, valids))


def _valids(wiring: Wiring, names: Names) -> dict[int, ValidView]:
    """The valid bits of the streams that lead to the outputs."""
    found = {}
    for number in wiring.streams():
        name = wiring.circuit.streams[number].name
        start = names.take(f"start_{name}") if number else "in_valid"
        title = f"What layer {name} sees" if number else "The input"
        last = wiring.last_stage(number)
        found[number] = ValidView(names.take(f"valid_{name}"), start, last, names.take(f"kept_valid_{name}"), title)
    return found


def _module(
    network: str,
    wiring: Wiring,
    place: Place,
    lines: Mapping[str, tuple[str, ...]],
    inputs: list[Signal],
    valids: Mapping[int, ValidView],
    names: Names,
) -> ModuleView:
    valid, kind = None, ""
    if place.stream is not None:
        stream = wiring.circuit.streams[place.stream]
        given = tuple(f"{valids[source.stream].name}[{source.stage}]" for source in stream.sources)
        valid = Valid(given, valids[place.stream].start)
        kind = "_gather" if stream.gathers else "_join" if stream.joins else "_window"
    return module_view(
        wiring,
        place,
        names.take(f"{network}_{place.layer}{kind}"),
        names.take(f"u_{place.layer}{kind}"),
        lines.get(place.layer, ()),
        inputs,
        names,
        valid,
    )


def _port(names: Names, direction: str, port: Port) -> PortView:
    shape = "x".join(map(str, port.shape))
    comment = f"{port.name}: {shape} codes of {port.type}, w = {port.type.width}"
    if port.beats > 1:
        comment += f", in {port.beats} beats of {port.codes}"
    return PortView(names.take(f"{direction}_{port.name}"), port.name, port.codes * port.type.width - 1, comment)


def _lines(network: Network) -> dict[str, tuple[str, ...]]:
    """A line for people on each layer and input."""
    text = network_text(network).splitlines()[2:]
    names = [source.value.name for source in network.inputs] + [layer.name for layer in network.layers]
    return {name: (" ".join(line.split()),) for name, line in zip(names, text, strict=False)}


def _output(wiring: Wiring, number: int, port: PortView) -> PortView:
    width = wiring.circuit.outputs[number].type.width
    reader = Reader()
    codes = [reader.bits(reader.declare(wiring.signals[tap]), 0, width) for tap in reversed(wiring.results(number))]
    return PortView(port.name, port.value, port.msb, port.comment, tuple(codes))


def _parts(network: Network, wiring: Wiring, modules: list[ModuleView]) -> tuple[PartView, ...]:
    found: dict[tuple[str, int | None], list[tuple[Place, ModuleView]]] = {}
    for place, module in zip(wiring.places, modules, strict=True):
        found.setdefault((place.layer, place.port), []).append((place, module))
    titles: list[tuple[str, int | None, str]] = [
        (source.value.name, port, f"Input {source.value.name}") for port, source in enumerate(network.inputs)
    ]
    titles += [(layer.name, None, f"Layer {layer.name}: {type(layer).__name__}") for layer in network.layers]
    named = {name for name, _, _ in titles}
    titles += [(layer, port, "The outputs, beat by beat") for layer, port in found if layer not in named]
    parts = []
    for layer, port, title in titles:
        for place, module in found.get((layer, port), ()):
            what = title if place.stream is None or layer not in named else f"What layer {layer} sees"
            wires = tuple(f"wire {wiring.signals[tap].declaration};" for tap in place.exports)
            parts.append(PartView(what, wires, module.name, module.instance, module.pins))
        if (layer, port) not in found:
            parts.append(PartView(f"{title}, no logic", (), "", "", ()))
    return tuple(parts)


def _unused(inputs: list[PortView], wiring: Wiring) -> tuple[str, ...]:
    clocked = len(wiring.streams()) > 1 or wiring.circuit.result_stage
    unused = [] if clocked else ["clk", "rst", "ce"]
    read = {place.port for place in wiring.places}
    return (*unused, *(port.name for number, port in enumerate(inputs) if number not in read))


def _axis(name: str, top: TopView) -> AxisView:
    pins, low = [], 0
    for port in top.inputs:
        high = low + port.msb
        pins.append(f".{port.name}(s_axis_tdata[{high}:{low}])")
        low = high + 1
    in_bits = -(-low // 8) * 8
    bits = sum(port.msb + 1 for port in top.outputs)
    out_bits = -(-bits // 8) * 8
    parts = [port.name for port in reversed(top.outputs)]
    if out_bits > bits:
        parts.insert(0, f"{out_bits - bits}'d0")
    padding = ""
    if in_bits > low:
        padding = f"s_axis_tdata[{in_bits - 1}:{low}]" if in_bits - low > 1 else f"s_axis_tdata[{low}]"
    beat_bits = (top.out_beats - 1).bit_length()
    last = f"beat == {beat_bits}'d{top.out_beats - 1}" if beat_bits else "1'b1"
    return AxisView(name, in_bits, out_bits, tuple(pins), f"{{{', '.join(parts)}}}", last, beat_bits, padding)


def _traces(wiring: Wiring, modules: list[ModuleView], valids: Mapping[int, ValidView]) -> dict[str, TraceView]:
    circuit = wiring.circuit
    instance = {
        word: module.instance for place, module in zip(wiring.places, modules, strict=True) for word in place.words
    }

    def trace(word: int) -> tuple[str, str, int, int, bool] | None:
        if not wiring.alive(word):
            return None
        stage = circuit.words[word].stage
        signal = wiring.signals[word, stage]
        return (instance[word], signal.name, stage, signal.width, signal.signed)

    read: dict[str, list[int]] = {port.name: [] for port in circuit.inputs}
    for number, word in enumerate(circuit.words):
        if isinstance(word.operation, Read):
            read[circuit.inputs[word.operation.port].name].append(number)
    found = {}
    for value, words in (*read.items(), *circuit.values):
        stream = circuit.words[words[0]].stream
        valid = valids[stream].name if stream in valids else ""
        found[value] = TraceView(circuit.streams[stream].beats, valid, tuple(trace(word) for word in words))
    return found
