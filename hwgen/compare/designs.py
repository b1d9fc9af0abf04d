"""The rows of hwgen's own designs: of a project as it is, or of what can be built from a network."""

from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from hwgen.circuit import TARGETS, Circuit, ClockPlan, Interface, Optimize, Target, lower
from hwgen.compare.table import COLUMNS, Row, Stage
from hwgen.emit import rtl_project
from hwgen.errors import UnsupportedError
from hwgen.estimate import Figures, circuit_figures, network_figures
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

    @property
    def target(self) -> Target:
        """The adders that its carry logic makes."""
        chosen = {"xcup": "amd", "xc7": "amd", "ecp5": "lattice", "ice40": "lattice"}
        return TARGETS[chosen.get(self.family, "generic")]


def project_rows(directory: Path, name: str, mapping: CellMapping | None) -> tuple[list[Row], list[str]]:
    """The stages of a project folder, and notes.

    Raises:
        ProjectError: it is no hwgen project, or damaged.
    """
    built = built_project(directory)
    rows = [_estimate(name, built.figures, built.clock_ns)]
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
) -> tuple[list[Row], list[str]]:
    """What hwgen makes of a network: C++ of multipliers and of adders, Verilog for latency and for LUTs.

    Args:
        prefix: of the designs' names.
        plan, interface: of the Verilog.
    Returns:
        Rows, and notes on what could not be built.
    """
    rows = [
        _estimate(f"{prefix}hls-multipliers", network_figures(network, adders=False), clock_ns),
        _estimate(f"{prefix}hls-adders", network_figures(network, adders=True), clock_ns),
    ]
    notes = []
    target = TARGETS["amd"] if mapping is None else mapping.target
    for optimize in Optimize:
        name = f"{prefix}rtl-{optimize.value}"
        try:
            circuit = lower(network, target, plan, interface, optimize)
        except UnsupportedError as error:
            notes.append(f"{name}: {error}")
            continue
        rows.append(_estimate(name, circuit_figures(network, circuit), clock_ns))
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


def _estimate(name: str, counted: Figures, clock_ns: float) -> Row:
    figures: dict[str, float] = {key: number for key, number in counted.totals.items() if key in COLUMNS}
    if "latency_cycles" in figures:
        figures["latency_ns"] = _nanoseconds(figures["latency_cycles"], clock_ns)
    return Row(name, Stage.ESTIMATE, f"hwgen {version('hwgen')}", figures)


def _nanoseconds(cycles: float, clock_ns: float) -> float:
    """At the clock that was asked for; whether a tool reaches it is not said here."""
    return cycles * clock_ns
