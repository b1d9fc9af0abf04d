"""``estimated`` and ``mapped``: what a project takes."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from hwgen.api.arguments import checked
from hwgen.api.building import DEFAULT_FPGA
from hwgen.api.verifying import DEFAULT_TRAFFIC_PERCENT
from hwgen.estimate import Arithmetic, CellEstimate, Figures, arithmetic, calibration, estimate_cells
from hwgen.mapping import MappedProject, map_project
from hwgen.regression import (
    built_project,
)
from hwgen.tools import Cache, Progress, find_compiler
from hwgen.tools.verilator import find_verilator
from hwgen.verify.rtl import default_samples
from hwgen.verify.rtl_engine import RtlEngine, Traffic
from hwgen.verify.rtl_project import open_rtl_project

DEFAULT_FAMILY = "xcup"


@checked
def mapped(
    directory: str | Path,
    family: str = DEFAULT_FAMILY,
    *,
    simulate: bool = True,
    seed: int = 0,
    cache: bool = True,
    progress: Progress | None = None,
) -> MappedProject:
    """Let Yosys map a Verilog project to a family's cells, simulate the netlist beside the reference, count the cells.

    Args:
        family: one of ``hwgen.mapping.FAMILIES``: ``"xcup"`` (AMD UltraScale+), ``"xc7"``, ``"ecp5"``, ``"ice40"``,
            ``"gowin"``, or ``"generic"`` 6-input LUTs.
        simulate: without, the cells of a netlist are counted that nobody ran.
        seed: of the vectors.
        cache: keep netlists and compiled simulations in the user's cache.
        progress: told what is being done.
    Returns:
        Counts by module and in all; stage ``mapped``.
    Raises:
        ProjectError: the folder holds no Verilog project, or a damaged one.
        InputError: an unknown family.
        ToolMissingError: no Yosys, or no Verilator and C++ compiler to simulate with.
        ToolFailedError: Yosys fails, or its netlist computes something else.
    """
    project = open_rtl_project(Path(directory))
    store = Cache.of_user() if cache else None
    engine = None
    if simulate:
        traffic = Traffic(DEFAULT_TRAFFIC_PERCENT, DEFAULT_TRAFFIC_PERCENT, seed)
        engine = RtlEngine(find_verilator(), find_compiler(None), traffic, store, progress=progress)
    samples = default_samples(project)
    return map_project(project, family, engine=engine, samples=samples, seed=seed, cache=store, progress=progress)


@dataclass(frozen=True, slots=True)
class Estimate:
    """What a project takes, found without any tool; stage ``estimate``.

    Attributes:
        figures: counted in it, layer by layer.
        arithmetic: of its network, by layer with weights.
        cells: of Verilog for AMD, with an error bar; None for C++, and for Verilog for others.
    """

    figures: Figures
    arithmetic: Mapping[str, Arithmetic]
    cells: CellEstimate | None


@checked
def estimated(directory: str | Path, family: str = DEFAULT_FAMILY) -> Estimate:
    """Estimate at once what a project takes.

    Args:
        family: of the cells: ``"xcup"`` (AMD UltraScale+) or ``"xc7"``.
    Raises:
        ProjectError: the folder is no hwgen project, or damaged.
        InputError: a family that the estimate is not calibrated for.
    """
    calibration(family)
    project = built_project(Path(directory))
    circuit = project.circuit
    made_for_amd = circuit is not None and circuit.target.name == DEFAULT_FPGA
    cells = estimate_cells(circuit, family, project.clock_ns) if circuit is not None and made_for_amd else None
    return Estimate(project.figures, arithmetic(project.network), cells)
