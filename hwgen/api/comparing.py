"""``compare_designs``, ``sweep`` and ``profile``: designs beside each other, and what data use of one."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike

from hwgen import reference
from hwgen.api.arguments import checked
from hwgen.api.building import DEFAULT_ADDERS_PER_STAGE, DEFAULT_CLOCK_NS
from hwgen.api.choices import choice
from hwgen.api.measuring import DEFAULT_FAMILY
from hwgen.api.models import Model
from hwgen.api.verifying import DEFAULT_TRAFFIC_PERCENT
from hwgen.circuit import ClockPlan, Interface, Optimize
from hwgen.compare import (
    CellMapping,
    Comparison,
    Peer,
    Row,
    ValueProfile,
    classes,
    comparison,
    find_part,
    model_rows,
    peer_rows,
    project_rows,
    require,
    sweep_rows,
)
from hwgen.compare import profile as profiled
from hwgen.errors import InputError
from hwgen.mapping import FAMILIES
from hwgen.regression import (
    built_project,
)
from hwgen.tools import Cache, Progress, find_compiler
from hwgen.tools.verilator import find_verilator
from hwgen.verify.rtl_engine import RtlEngine, Traffic


@checked
def compare_designs(
    sources: Sequence[Model | str | Path],
    *,
    peers: Sequence[str | Peer] = (),
    mapped: str | None = None,
    baseline: str | None = None,
    part: str | None = None,
    plan: ClockPlan | None = None,
    io: str | Interface | None = None,
    clock_ns: float = DEFAULT_CLOCK_NS,
    names: Sequence[str] | None = None,
    files: Sequence[Path | None] | None = None,
    simulate: bool = True,
    cache: bool = True,
    progress: Progress | None = None,
) -> Comparison:
    """Put designs beside each other: projects as they are, and of a model everything that hwgen can build.

    Args:
        sources: project folders, and models that ``load`` returned. Of a model: C++ of multipliers and of adders,
            Verilog for latency and for LUTs.
        peers: ``"da4ml"``, ``"alkaid"``: what they make of the same networks, counted by their own cost models and
            mapped in the same flow; ``"hls4ml"``: how many multipliers it allows itself for the same file.
        mapped: a family of ``hwgen.mapping.FAMILIES``, to map the Verilog as ``mapped`` does; None only counts.
        baseline: design whose figures the others are divided by, stage by stage.
        part: a part of the table ``hwgen.compare.PARTS``, to say how much of it a design takes.
        plan, io: of a model's Verilog, as in ``build``.
        clock_ns: that a latency of a model's designs is multiplied by; a project has its own.
        names: of the sources; None for the folders' names, and the networks'.
        files: Keras files that the models came from, for hls4ml; None where there is none.
        simulate: without, the cells of a netlist are counted that nobody ran.
        cache: keep netlists and compiled simulations in the user's cache.
        progress: told what is being done.
    Raises:
        InputError: nothing to compare, an unknown family, part or baseline, or two designs of one name.
        ProjectError: a folder is no hwgen project.
        ToolMissingError: no Yosys, nothing to simulate with, or a peer that is not installed.
        ToolFailedError: one of them fails, or a peer computes something else than the network.
    """
    others = [choice(Peer, peer, "peer") for peer in peers]
    for peer in others:
        require(peer)
    if not sources:
        raise InputError("at least one project folder or model is needed to compare; got none.")
    if mapped is not None and mapped not in FAMILIES:
        raise InputError(f"family {mapped!r} is unknown; hwgen maps to {', '.join(FAMILIES)}.")
    place = None if part is None else find_part(part)
    if place is not None and mapped is not None and place.family != mapped:
        raise InputError(
            f"part {place.name!r} is made of {place.family} cells, and the designs are to be mapped to {mapped}; map "
            f"them to {place.family}."
        )
    family = mapped or (DEFAULT_FAMILY if place is None else place.family)
    cells = None if mapped is None else _cell_mapping(mapped, simulate, cache, progress)
    interface = None if io is None else choice(Interface, io, "io")
    given = _source_names(sources) if names is None else list(names)
    rows: list[Row] = []
    notes: list[str] = []
    for source, name, file in zip(sources, given, files or [None] * len(sources), strict=True):
        if isinstance(source, Model):
            found, said = model_rows(
                source.network,
                f"{name}/" if len(sources) > 1 else "",
                plan=plan or ClockPlan(DEFAULT_ADDERS_PER_STAGE),
                interface=interface,
                clock_ns=clock_ns,
                mapping=cells,
                family=family,
            )
        else:
            found, said = project_rows(Path(source), name, cells, family)
        rows += found
        notes += said
        network = source.network if isinstance(source, Model) else built_project(Path(source)).network
        for peer in others:
            found, said = peer_rows(network, peer, f"{name}/" if len(sources) > 1 else "", clock_ns, cells, file)
            rows += found
            notes += said
    return comparison(rows, notes, baseline, place)


@checked
def profile(model: Model, inputs: ArrayLike | Sequence[ArrayLike]) -> tuple[ValueProfile, ...]:
    """What data make of a model's types: for each value the codes seen, the bits never used, the share that overflowed.

    Args:
        inputs: real data, as in ``Model.codes``.
    Raises:
        InputError: data that does not fit, or none.
    """
    return profiled(model.network, reference.encode(model.network, inputs))


@checked
def sweep(
    model: Model,
    *,
    sparsities: Sequence[float] = (0.0,),
    bits: Sequence[int] | None = None,
    inputs: ArrayLike | Sequence[ArrayLike] | None = None,
    labels: ArrayLike | None = None,
    optimize: str | Optimize = Optimize.LATENCY,
    plan: ClockPlan | None = None,
    io: str | Interface | None = None,
    clock_ns: float = DEFAULT_CLOCK_NS,
    progress: Progress | None = None,
) -> Comparison:
    """Prune a model and make its weights coarser after training, point by point of a grid, and count what is left.

    Args:
        sparsities: shares of each layer's weights that become zero, the smallest first.
        bits: widths that weights are rounded to, ties to even, within their layer's range; None leaves them.
        inputs, labels: data and (samples,) classes or (samples, classes), for the accuracy; both or none.
        optimize, plan, io: of the Verilog that is counted, as in ``build``.
        clock_ns: that a latency is multiplied by.
        progress: told what is being done.
    Returns:
        A row a point; ratios are against the first one.
    Raises:
        InputError: a sparsity, a width or data that makes no sense.
    """
    if (inputs is None) != (labels is None):
        raise InputError("inputs and labels belong together: an accuracy needs both.")
    data = None
    if inputs is not None and labels is not None:
        codes = reference.encode(model.network, inputs)
        data = (codes, classes(np.asarray(labels), len(codes[0])))
    rows, notes = sweep_rows(
        model.network,
        sparsities,
        (None,) if bits is None else bits,
        optimize=choice(Optimize, optimize, "optimize"),
        plan=plan or ClockPlan(DEFAULT_ADDERS_PER_STAGE),
        interface=None if io is None else choice(Interface, io, "io"),
        clock_ns=clock_ns,
        data=data,
        family=DEFAULT_FAMILY,
        progress=progress,
    )
    return comparison(rows, notes, rows[0].design if rows else None)


def _source_names(sources: Sequence[Model | str | Path]) -> list[str]:
    return [source.network.name if isinstance(source, Model) else Path(source).absolute().name for source in sources]


def _cell_mapping(family: str, simulate: bool, cache: bool, progress: Progress | None) -> CellMapping:
    store = Cache.of_user() if cache else None
    engine = None
    if simulate:
        traffic = Traffic(DEFAULT_TRAFFIC_PERCENT, DEFAULT_TRAFFIC_PERCENT, 0)
        engine = RtlEngine(find_verilator(), find_compiler(None), traffic, store, progress=progress)
    return CellMapping(family, engine, store, progress)
