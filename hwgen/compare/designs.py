"""The rows of hwgen's own designs: of a project as it is, or of what can be built from a network."""

from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from hwgen.circuit import TARGETS, Circuit, ClockPlan, Interface, Optimize, Target, lower
from hwgen.compare.table import COLUMNS, Row, Stage
from hwgen.emit import rtl_project
from hwgen.errors import UnsupportedError
from hwgen.estimate import (
    Arithmetic,
    CellEstimate,
    Figures,
    arithmetic,
    calibrated_families,
    circuit_figures,
    estimate_cells,
    network_figures,
)
from hwgen.ir import Network
from hwgen.mapping import CellCounts, map_project
from hwgen.regression import built_project
from hwgen.tools import Cache, Progress
from hwgen.verify.rtl import default_samples
from hwgen.verify.rtl_engine import RtlEngine
from hwgen.verify.rtl_project import RtlProject, open_rtl_project, project_target, rtl_project_from_files

# What a project's scripts name; nothing that is counted here depends on it.
_PART = "xcvu13p-flga2577-2-e"


@dataclass(frozen=True, slots=True)
class CellMapping:
    """How Verilog is mapped.

    Attributes:
        family: one of ``hwgen.mapping.FAMILIES``.
        engine: that simulates netlists before they count; None does not.
    """

    family: str
    engine: RtlEngine | None
    cache: Cache | None
    progress: Progress | None = None


def family_target(family: str) -> Target:
    """The adders that a family's carry logic makes."""
    chosen = {"xcup": "amd", "xc7": "amd", "ecp5": "lattice", "ice40": "lattice"}
    return TARGETS[chosen.get(family, "generic")]


def project_rows(directory: Path, name: str, mapping: CellMapping | None, family: str) -> tuple[list[Row], list[str]]:
    """The stages of a project folder, and notes.

    Args:
        family: whose cells are estimated, where they can be.
    Raises:
        ProjectError: it is no hwgen project, or damaged.
    """
    built = built_project(directory)
    rows = [_estimate(name, built.network, built.figures, built.circuit, family, built.clock_ns)]
    if mapping is None:
        return rows, []
    if project_target(directory) != "rtl":
        return rows, [f"{name}: HLS C++ is not mapped; its vendor's compiler says what it takes."]
    return [*rows, mapped_row(name, open_rtl_project(directory), built.clock_ns, mapping)], []


def model_rows(
    network: Network,
    prefix: str,
    *,
    plan: ClockPlan,
    interface: Interface | None,
    clock_ns: float,
    mapping: CellMapping | None,
    family: str,
) -> tuple[list[Row], list[str]]:
    """What hwgen makes of a network: C++ of multipliers and of adders, Verilog for latency and for LUTs.

    Args:
        prefix: of the designs' names.
        plan, interface: of the Verilog.
        family: whose cells are estimated, where they can be.
    Returns:
        Rows, and notes on what could not be built.
    """
    rows = [
        _estimate(f"{prefix}hls-{name}", network, network_figures(network, adders=adders), None, family, clock_ns)
        for name, adders in (("multipliers", False), ("adders", True))
    ]
    notes = []
    target = family_target(family)
    for optimize in Optimize:
        name = f"{prefix}rtl-{optimize.value}"
        try:
            circuit = lower(network, target, plan, interface, optimize)
        except UnsupportedError as error:
            notes.append(f"{name}: {error}")
            continue
        rows.append(_estimate(name, network, circuit_figures(network, circuit), circuit, family, clock_ns))
        if mapping is not None:
            rows.append(mapped_row(name, opened(network, circuit, clock_ns), clock_ns, mapping))
    return rows, notes


def opened(network: Network, circuit: Circuit, clock_ns: float) -> RtlProject:
    """A circuit's Verilog as a project that was never written."""
    files = rtl_project(network, circuit, part=_PART, clock_ns=clock_ns)
    return rtl_project_from_files(dict(files), network.name)


def mapped_row(name: str, project: RtlProject, clock_ns: float, mapping: CellMapping) -> Row:
    """What Yosys makes of a project, module by module.

    Raises:
        InputError: an unknown family.
        ToolMissingError: no Yosys.
        ToolFailedError: it fails, or its netlist computes something else.
    """
    found = map_project(
        project,
        mapping.family,
        engine=mapping.engine,
        samples=default_samples(project),
        cache=mapping.cache,
        progress=mapping.progress,
    )
    figures = cell_figures(found.total)
    figures |= {
        "latency_cycles": project.latency_cycles,
        "latency_ns": _nanoseconds(project.latency_cycles, clock_ns),
        "initiation_interval": project.circuit.initiation_interval,
    }
    return Row(name, Stage.MAPPED, found.yosys, figures, mapping.family)


def cell_figures(counts: CellCounts) -> dict[str, float]:
    """The cells of a netlist; of the rarer kinds only what is there."""
    always = ("luts", "flip_flops")
    return {name: number for name, number in counts.document().items() if number or name in always}


def _estimate(
    name: str, network: Network, counted: Figures, circuit: Circuit | None, family: str, clock_ns: float
) -> Row:
    by = f"hwgen {version('hwgen')}"
    figures: dict[str, float] = {key: number for key, number in counted.totals.items() if key in COLUMNS}
    figures["ebops"] = sum(arithmetic(network).values(), Arithmetic()).ebops
    if circuit is None:
        if figures["products"]:
            figures["multipliers"] = sum(arithmetic(network).values(), Arithmetic()).multipliers
        return Row(name, Stage.ESTIMATE, by, figures)
    figures["latency_ns"] = _nanoseconds(circuit.latency_cycles, clock_ns)
    found = circuit_cells(circuit, family, clock_ns)
    if found is None:
        return Row(name, Stage.ESTIMATE, by, figures)
    figures |= {"luts": found.luts, "flip_flops": found.flip_flops, "carries": found.carries}
    return Row(name, Stage.ESTIMATE, by, figures, family, error=found.calibration.worst_error)


def circuit_cells(circuit: Circuit, family: str, clock_ns: float) -> CellEstimate | None:
    """The cells of a circuit before it is mapped; None where those of the family cannot be estimated."""
    if family not in calibrated_families() or circuit.target.name != "amd":
        return None
    return estimate_cells(circuit, family, clock_ns)


def _nanoseconds(cycles: float, clock_ns: float) -> float:
    """At the clock that was asked for; whether a tool reaches it is not said here."""
    return cycles * clock_ns
