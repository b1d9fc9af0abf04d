"""Views of the top module, its AXI4-Stream wrapper and its testbench."""

from collections.abc import Mapping
from dataclasses import dataclass

from hwgen.circuit import Circuit, Port
from hwgen.emit.names import Names
from hwgen.emit.rtl_bits import Reader, Signal
from hwgen.emit.rtl_modules import ModuleView, module_view
from hwgen.emit.rtl_wiring import Wiring
from hwgen.ir import Network, network_text

# Names in the top's, the wrapper's and the testbench's own text.
_TAKEN = """
    clk rst ce in_valid out_valid valid unused core slice aclk aresetn out_ready dut
    s_axis_tdata s_axis_tvalid s_axis_tready m_axis_tdata m_axis_tvalid m_axis_tready m_axis_tlast
    run sent received cycle errors seed drive check SAMPLES LATENCY MOST_CYCLES hwgen_add3 hwgen_register_slice
"""


@dataclass(frozen=True, slots=True)
class PortView:
    """A port of the top: all codes of a value.

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
    pins: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class AxisView:
    """The AXI4-Stream wrapper.

    Attributes:
        in_bits, out_bits: of the streams' data, whole bytes.
        input_pins: connections of the top's inputs.
        data: what goes out.
        last: whether the beat that goes out is the last one of its sample.
        unused: padding of the incoming data, empty where there is none.
    """

    name: str
    in_bits: int
    out_bits: int
    input_pins: tuple[str, ...]
    data: str
    last: str
    unused: str


@dataclass(frozen=True, slots=True)
class TopView:
    """The top module."""

    name: str
    testbench: str
    text: tuple[str, ...]
    latency_cycles: int
    latency_text: str
    inputs: tuple[PortView, ...]
    outputs: tuple[PortView, ...]
    parts: tuple[PartView, ...]
    next_valid: str
    unused: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Design:
    """Everything that the templates of a Verilog project show.

    Attributes:
        modules: of inputs and layers, in the network's order.
        traces: for each value of the network, the signals of its codes: (instance, signal, stage, width, signed) each;
            None for a code that no output depends on, and for a constant one that is built into its readers.
    """

    top: TopView
    axis: AxisView
    modules: tuple[ModuleView, ...]
    traces: Mapping[str, tuple[tuple[str, str, int, int, bool] | None, ...]]


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
    ports = [Signal(port.name, port.msb + 1, False) for port in inputs]
    lines = _lines(network)
    modules = [
        module_view(
            wiring,
            place,
            names.take(f"{network.name}_{place.layer}"),
            names.take(f"u_{place.layer}"),
            lines.get(place.layer, ()),
            ports,
            names,
        )
        for place in wiring.places
    ]
    reader = Reader()
    for signal in ports:
        reader.whole(reader.declare(signal))
    latency = circuit.latency_cycles
    top = TopView(
        name=network.name,
        testbench=testbench,
        text=tuple(network_text(network).splitlines()),
        latency_cycles=circuit.latency_cycles,
        latency_text=f"Latency {circuit.latency_cycles} cycles, initiation interval {circuit.initiation_interval}.",
        inputs=tuple(inputs),
        outputs=tuple(_output(wiring, number, port) for number, port in enumerate(outputs)),
        parts=_parts(network, wiring, modules),
        next_valid="in_valid" if latency == 1 else f"{{valid[{latency - 2}:0], in_valid}}",
        unused=_unused(inputs, wiring),
    )
    return Design(top, _axis(axis, top), tuple(modules), _traces(wiring, modules))


def _port(names: Names, direction: str, port: Port) -> PortView:
    shape = "x".join(map(str, port.shape))
    comment = f"{port.name}: {shape} codes of {port.type}, w = {port.type.width}"
    return PortView(names.take(f"{direction}_{port.name}"), port.name, port.size * port.type.width - 1, comment)


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
    found = {(place.layer, place.port): (place, module) for place, module in zip(wiring.places, modules, strict=True)}
    titles: list[tuple[str, int | None, str]] = [
        (source.value.name, port, f"Input {source.value.name}") for port, source in enumerate(network.inputs)
    ]
    titles += [(layer.name, None, f"Layer {layer.name}: {type(layer).__name__}") for layer in network.layers]
    parts = []
    for layer, port, title in titles:
        if (layer, port) in found:
            place, module = found[layer, port]
            wires = tuple(f"wire {wiring.signals[tap].declaration};" for tap in place.exports)
            pins = tuple(module.pins)
            parts.append(PartView(title, wires, module.name, module.instance, pins))
        else:
            parts.append(PartView(f"{title}, no logic", (), "", "", ()))
    return tuple(parts)


def _unused(inputs: list[PortView], wiring: Wiring) -> tuple[str, ...]:
    unused = [] if wiring.circuit.latency_cycles else ["clk", "rst", "ce"]
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
    return AxisView(name, in_bits, out_bits, tuple(pins), f"{{{', '.join(parts)}}}", "1'b1", padding)


def _traces(wiring: Wiring, modules: list[ModuleView]) -> dict[str, tuple[tuple[str, str, int, int, bool] | None, ...]]:
    instance = {
        word: module.instance for place, module in zip(wiring.places, modules, strict=True) for word in place.words
    }

    def trace(word: int) -> tuple[str, str, int, int, bool] | None:
        if not wiring.alive(word):
            return None
        stage = wiring.circuit.words[word].stage
        signal = wiring.signals[word, stage]
        return (instance[word], signal.name, stage, signal.width, signal.signed)

    return {value: tuple(trace(word) for word in words) for value, words in wiring.circuit.values}
