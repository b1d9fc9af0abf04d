"""What Yosys makes of a project's Verilog for AMD's FPGAs: whether all of it is still there, and what it computes.

A netlist is looked at in three ways, none of which believes the other two:

* ``unknown_bits`` reads the Verilog as it was elaborated, before anything was optimised: what is undriven or x there
  may become any value that suits the optimiser, so it is refused before that happens.
* ``hollow_parts`` reads the netlist and compares with the reference: an output bit that the reference moves must not be
  constant, and an input bit that the reference answers to must be wired to every output bit that answers.
* ``simulate_netlist`` and ``four_state_verdict`` run it on AMD's models of its cells, with Verilator and with Icarus.
  What a cell's INIT says of power-up is taken out of the models first: registers start with random contents in the
  one, with x in the other.
"""

import json
import re
import subprocess
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from hwgen import reference
from hwgen.circuit import Circuit
from hwgen.fixed import IntArray
from hwgen.ir import Network
from hwgen.verify.rtl import verify_opened_rtl
from hwgen.verify.rtl_engine import RtlEngine
from hwgen.verify.rtl_project import SimulatedPort, open_rtl_project
from hwgen.verify.rtl_report import RtlReport
from oracle.rtl_tools import run_yosys

CONTROLS = ("clk", "rst", "ce", "in_valid", "out_valid")
REGISTERS = ("FDRE", "FDSE", "FDCE", "FDPE")
SHIFT_REGISTERS = ("SRL16E", "SRLC16E", "SRLC32E")
CARRIES = ("CARRY4", "CARRY8")
PLAIN = ("INV", "MUXF7", "MUXF8", "MUXF9")
LUTS = ("LUT1", "LUT2", "LUT3", "LUT4", "LUT5", "LUT6", "LUT6_2")

Bit = int | str  # a wire's number, or the constant "0", "1", "x" or "z"


@dataclass(frozen=True)
class Cell:
    """A cell: its kind, and the wires at its pins."""

    name: str
    kind: str
    inputs: tuple[tuple[str, tuple[Bit, ...]], ...]
    outputs: tuple[Bit, ...]


@dataclass(frozen=True)
class Netlist:
    """A flat module, as Yosys writes it in JSON."""

    inputs: Mapping[str, tuple[Bit, ...]]
    outputs: Mapping[str, tuple[Bit, ...]]
    cells: tuple[Cell, ...]

    @property
    def counts(self) -> Counter[str]:
        """How many cells of each kind."""
        return Counter(cell.kind for cell in self.cells)

    def count(self, kinds: Sequence[str]) -> int:
        """How many cells of some kinds."""
        return sum(self.counts[kind] for kind in kinds)

    @property
    def driven(self) -> set[Bit]:
        """Every wire that an input or a cell gives a value."""
        wires = {bit for bits in self.inputs.values() for bit in bits}
        return wires.union(bit for cell in self.cells for bit in cell.outputs)


def read_netlist(path: Path, top: str) -> Netlist:
    """The module ``top`` of a file that Yosys' ``write_json`` wrote."""
    module = json.loads(path.read_text())["modules"][top]
    ports: dict[str, dict[str, tuple[Bit, ...]]] = {"input": {}, "output": {}}
    for name, port in module["ports"].items():
        ports[port["direction"]][name] = tuple(port["bits"])
    cells = []
    for name, cell in module["cells"].items():
        if cell["type"] == "$scopeinfo":  # a note on where the cells came from
            continue
        pins = [(pin, tuple(bits), cell["port_directions"][pin]) for pin, bits in cell["connections"].items()]
        given = tuple((pin, bits) for pin, bits, direction in pins if direction == "input")
        made = tuple(bit for _, bits, direction in pins if direction == "output" for bit in bits)
        cells.append(Cell(name, cell["type"], given, made))
    return Netlist(ports["input"], ports["output"], tuple(cells))


# ---- synthesis


@dataclass(frozen=True)
class Synthesized:
    """A project's Verilog, elaborated and synthesized.

    Attributes:
        elaborated: as Yosys read it, flat, with nothing optimised.
        netlist: of the family's cells.
        verilog: the netlist, for simulators.
    """

    elaborated: Netlist
    netlist: Netlist
    verilog: bytes


def synthesize(project: Path, top: str, family: str, defines: Sequence[str]) -> Synthesized:
    """Let Yosys' ``synth_xilinx`` have a project's Verilog; its files stay in the project's folder.

    Line buffers become registers, for the models of memories cannot be told to start with unknown contents.

    Args:
        family: as ``synth_xilinx`` names it: xc7, xcu, xcup.
        defines: macros for the Verilog.
    """
    sources = [str(path) for path in sorted((project / "rtl").rglob("*.v")) if path.stem != f"{top}_axis"]
    macros = " ".join(f"-D{name}" for name in defines)
    status, said = run_yosys(
        f"read_verilog -lib +/xilinx/cells_sim.v\nread_verilog {macros} {' '.join(sources)}\ndesign -save given\n"
        f"hierarchy -check -top {top}\nproc -noopt\nflatten\n"
        f"select {top}\nwrite_json -selected {project}/elaborated.json\n"
        f"design -load given\nsynth_xilinx -flatten -top {top} -family {family} -noiopad -noclkbuf -nobram -nolutram\n"
        f"write_json {project}/netlist.json\nwrite_verilog -noattr {project}/netlist.v"
    )
    assert status == 0, said[-2000:]
    return Synthesized(
        read_netlist(project / "elaborated.json", top),
        read_netlist(project / "netlist.json", top),
        (project / "netlist.v").read_bytes(),
    )


# ---- what is unknown


def unknown_bits(module: Netlist) -> list[str]:
    """A sentence for each pin and each output that is x, z or undriven somewhere."""
    known = module.driven | {"0", "1"}
    pins = [
        (f"{cell.kind} {cell.name}, pin {pin}", bits)
        for cell in module.cells
        for pin, bits in cell.inputs
        if not _of_memory(cell, pin)
    ]
    pins += [(f"output {name}", bits) for name, bits in module.outputs.items()]
    return [
        f"{where}: bit {at} is {'undriven' if isinstance(bit, int) else bit}."
        for where, bits in pins
        for at, bit in enumerate(bits)
        if bit not in known
    ]


def _of_memory(cell: Cell, pin: str) -> bool:
    """Where Yosys itself writes x for a memory: for the clock of a read port whose register is not found yet, and for
    what would be written in a cycle in which a line buffer or a FIFO writes nothing."""
    idle = cell.kind == "$mux" and pin == "A" and (r"\lines_" in cell.name or r"\fifo_" in cell.name)
    return idle or (cell.kind in ("$memrd", "$memrd_v2") and pin != "ADDR")


# ---- what is missing


@dataclass(frozen=True)
class Behaviour:
    """What the reference was seen to do, bit by bit of the ports. Bits are counted through all ports of a side; where a
    sample is many beats, a bit of a port stands for that of each beat.

    Attributes:
        zeros, ones: for each output bit, whether it was ever 0 and ever 1.
        answers: for each output bit, a mask of the input bits whose flip alone changed it.
    """

    zeros: tuple[bool, ...]
    ones: tuple[bool, ...]
    answers: tuple[int, ...]

    @property
    def moving(self) -> int:
        """Output bits that took both values."""
        return sum(zero and one for zero, one in zip(self.zeros, self.ones, strict=True))


def observe(
    network: Network, inputs: Sequence[IntArray], in_beats: int = 1, out_beats: int = 1, flipped_samples: int = 24
) -> Behaviour:
    """Run the reference on samples, and on some of them again with one input bit flipped, for every input bit."""
    samples = len(inputs[0])
    seen = _output_bits(network, reference.simulate(network, inputs))
    some = np.unique(np.linspace(0, samples - 1, min(samples, flipped_samples)).astype(np.int64))
    place_of = _places(network, out_beats)
    answers = [0] * (max(place_of) + 1)
    start = 0
    for place, source in enumerate(network.inputs):
        kind = source.value.type
        codes = source.value.size // in_beats
        for code in range(source.value.size):
            for bit in range(kind.width):
                flipped = [array[some].copy() for array in inputs]
                column = flipped[place].reshape(len(some), source.value.size)
                patterns = (column[:, code] ^ (1 << bit)) & ((1 << kind.width) - 1)
                top = kind.width - 1
                column[:, code] = patterns - ((patterns >> top) << kind.width) if kind.signed else patterns
                # The lowest code does not occur behind a symmetric quantizer.
                usable = column[:, code] != kind.min_code
                if usable.any():
                    changed = _output_bits(network, reference.simulate(network, [array[usable] for array in flipped]))
                    for output in np.flatnonzero((changed != seen[some[usable]]).any(axis=0)).tolist():
                        answers[place_of[output]] |= 1 << (start + code % codes * kind.width + bit)
        start += codes * kind.width
    zeros, ones = ([False] * len(answers) for _ in range(2))
    for output, place in enumerate(place_of):
        zeros[place] |= bool((seen[:, output] == 0).any())
        ones[place] |= bool((seen[:, output] == 1).any())
    return Behaviour(tuple(zeros), tuple(ones), tuple(answers))


def _places(network: Network, out_beats: int) -> list[int]:
    """For each output bit of a sample, the bit of the ports that carries it."""
    places: list[int] = []
    start = 0
    for name in network.outputs:
        value = network.value(name)
        bits = value.size // out_beats * value.type.width
        places += [start + bit % bits for bit in range(value.size * value.type.width)]
        start += bits
    return places


def _output_bits(network: Network, outputs: Sequence[IntArray]) -> IntArray:
    """(samples, bits): the bits of every code of every output."""
    columns = []
    for name, codes in zip(network.outputs, outputs, strict=True):
        positions = np.arange(network.value(name).type.width)
        columns.append(((codes.reshape(len(codes), -1, 1) >> positions) & 1).reshape(len(codes), -1))
    return np.concatenate(columns, axis=1)


def settled_bits(circuit: Circuit) -> list[bool]:
    """For each output bit, whether the interval of its word leaves it only one value."""
    settled = []
    for port, words in zip(circuit.outputs, circuit.results, strict=True):
        mask = (1 << port.type.width) - 1
        for word in words:
            moving = ((circuit.words[word].low ^ circuit.words[word].high) & mask).bit_length()
            settled += [bit >= moving for bit in range(port.type.width)]
    return settled


def dependence(module: Netlist, ports: Sequence[str]) -> dict[Bit, int]:
    """For each wire, a mask of the bits of input ports that some path of cells leads to it from, registers included."""
    numbered = [bit for port in ports for bit in module.inputs[port]]
    masks: dict[Bit, int] = {bit: 1 << number for number, bit in enumerate(numbered)}
    readers: dict[Bit, list[Cell]] = {}
    for cell in module.cells:
        for bit in {bit for _, bits in cell.inputs for bit in bits if isinstance(bit, int)}:
            readers.setdefault(bit, []).append(cell)
    waiting = list(masks)
    while waiting:
        bit = waiting.pop()
        for cell in readers.get(bit, []):
            for made in cell.outputs:
                before = masks.get(made, 0)
                if before | masks[bit] != before:
                    masks[made] = before | masks[bit]
                    waiting.append(made)
    return masks


def hollow_parts(
    synthesized: Synthesized,
    inputs: Sequence[SimulatedPort],
    outputs: Sequence[SimulatedPort],
    circuit: Circuit,
    behaviour: Behaviour,
) -> list[str]:
    """A sentence for each thing that the netlist must have and has not."""
    netlist = synthesized.netlist
    return [
        *_wrong_ports(netlist, inputs, outputs),
        *_missing_logic(netlist, [port.name for port in inputs], [port.name for port in outputs], behaviour),
        *_wrong_counts(synthesized, circuit),
    ]


def _wrong_ports(netlist: Netlist, inputs: Sequence[SimulatedPort], outputs: Sequence[SimulatedPort]) -> Iterator[str]:
    expected = {port.name: port.value.size // port.beats * port.value.type.width for port in (*inputs, *outputs)}
    expected |= dict.fromkeys(CONTROLS, 1)
    found = {name: len(bits) for name, bits in {**netlist.inputs, **netlist.outputs}.items()}
    if found != expected:
        yield f"the ports are {found}, not {expected}."
    if netlist.outputs["out_valid"][0] in ("0", "1"):
        yield "out_valid is constant."


def _missing_logic(
    netlist: Netlist, inputs: Sequence[str], outputs: Sequence[str], behaviour: Behaviour
) -> Iterator[str]:
    reached = dependence(netlist, inputs)
    bits = [(name, at, bit) for name in outputs for at, bit in enumerate(netlist.outputs[name])]
    for (name, at, bit), zero, one, answers in zip(
        bits, behaviour.zeros, behaviour.ones, behaviour.answers, strict=True
    ):
        if (bit == "0" and one) or (bit == "1" and zero):
            yield f"output {name}: bit {at} is constant {bit}, and the reference has the other value too."
        unread = answers & ~reached.get(bit, 0)
        if unread:
            yield f"output {name}: bit {at} does not depend on {unread.bit_count()} input bits that change it."


def _wrong_counts(synthesized: Synthesized, circuit: Circuit) -> Iterator[str]:
    netlist, elaborated = synthesized.netlist, synthesized.elaborated
    for kind in sorted(set(netlist.counts) - {*REGISTERS, *SHIFT_REGISTERS, *CARRIES, *LUTS, *PLAIN}):
        yield f"{netlist.counts[kind]} cells of {kind} are none of the family's."
    flip_flops, shifts = netlist.count(REGISTERS), netlist.count(SHIFT_REGISTERS)
    # The chains of valid bits are reset, so no shift register can hold them.
    taken = {source.stream: source.stage for stream in circuit.streams for source in stream.sources}
    valid = sum(taken.values()) + circuit.result_stage
    if flip_flops < valid:
        yield f"{flip_flops} flip-flops cannot hold the {valid} valid bits."
    if not circuit.latency_cycles and flip_flops + shifts:
        yield f"a circuit without registers has {flip_flops} flip-flops and {shifts} shift registers."
    for kinds in (CARRIES, ("LUT6_2",)):
        if elaborated.count(kinds) and not netlist.count(kinds):
            yield f"the Verilog instantiates {elaborated.count(kinds)} of {kinds}, and none is left."
    logic = netlist.count(LUTS) + netlist.count(CARRIES)
    bits = sum(word.width for word in circuit.words)
    if logic > 16 * bits:
        yield f"{logic} LUTs and carry cells are too many for words of {bits} bits."


# ---- simulation


def cell_models(amd_cells: Path, kinds: Sequence[str]) -> str:
    """AMD's models of some cells without their contents at power-up, and without timing, which is not simulated."""
    text = amd_cells.read_text()
    models = []
    for kind in sorted(kinds):
        found = re.search(rf"^module {kind}\s*\(.*?^endmodule", text, re.MULTILINE | re.DOTALL)
        assert found, f"{amd_cells.name} has no model of {kind}."
        model = re.sub(r"^\s*specify\b.*?^\s*endspecify", "", found[0], flags=re.MULTILINE | re.DOTALL)
        model = re.sub(r"^\s*initial Q <= INIT;", "", model, flags=re.MULTILINE)
        model = re.sub(r"^(\s*reg \[\d+:0\] r) = INIT;", r"\1;", model, flags=re.MULTILINE)
        assert not re.search(r"\binitial\b|\breg\b[^;,]*=", model), f"{kind} still starts with known contents."
        models.append(model)
    return "\n\n".join(models) + "\n"


def simulate_netlist(
    project: Path, synthesized: Synthesized, amd_cells: Path, engine: RtlEngine, samples: int, seed: int
) -> RtlReport:
    """Simulate the netlist in place of the project's Verilog, just as ``hwgen verify`` does: gaps, stalls, latency."""
    models = cell_models(amd_cells, list(synthesized.netlist.counts)).encode()
    files = {"netlist.v": synthesized.verilog, "cells.v": models}
    opened = replace(open_rtl_project(project), files=files, sources=tuple(files), signals={})
    return verify_opened_rtl(opened, engine, samples=samples, seed=seed)


def four_state_verdict(project: Path, synthesized: Synthesized, top: str, amd_cells: Path) -> str:
    """The last line of the project's own testbench around the netlist, in Icarus, where an unknown bit stays x."""
    (project / "cells.v").write_text(cell_models(amd_cells, list(synthesized.netlist.counts)))
    compiled = subprocess.run(
        ["iverilog", "-g2012", "-s", f"{top}_tb", "-o", "sim.vvp", "netlist.v", "cells.v", f"tb/{top}_tb.v"],
        cwd=project,
        capture_output=True,
        text=True,
        check=False,
    )
    assert compiled.returncode == 0, compiled.stderr
    run = subprocess.run(["vvp", "-n", "sim.vvp"], cwd=project, capture_output=True, text=True, check=False)
    return run.stdout.strip().splitlines()[-1]
