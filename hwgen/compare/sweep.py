"""A grid of sparsities and bit widths, each point counted, and its accuracy where there is data."""

from collections.abc import Sequence
from importlib.metadata import version

from hwgen.circuit import TARGETS, ClockPlan, Interface, Optimize, lower
from hwgen.compare.accuracy import accuracy
from hwgen.compare.designs import circuit_cells
from hwgen.compare.table import COLUMNS, Row, Stage
from hwgen.compare.variants import variant
from hwgen.errors import InputError, UnsupportedError
from hwgen.estimate import Arithmetic, arithmetic, circuit_figures, network_figures
from hwgen.fixed import IntArray
from hwgen.ir import Conv, Dense, Network
from hwgen.tools import Progress

Data = tuple[tuple[IntArray, ...], IntArray]  # input codes, labels


def sweep_rows(
    network: Network,
    sparsities: Sequence[float],
    bits: Sequence[int | None],
    *,
    optimize: Optimize,
    plan: ClockPlan,
    interface: Interface | None,
    clock_ns: float,
    data: Data | None,
    family: str,
    progress: Progress | None = None,
) -> tuple[list[Row], list[str]]:
    """A row for each point of the grid, and notes on those that cannot be built as Verilog.

    Args:
        family: whose cells are estimated.
    Raises:
        InputError: a sparsity or a width that makes no sense, or no weights to prune.
    """
    if not any(isinstance(layer, Dense | Conv) for layer in network.layers):
        raise InputError(f"network {network.name!r} has no weights, so there is nothing to prune or to round.")
    rows, notes = [], []
    points = [(width, share) for width in bits for share in sparsities]
    for number, (width, share) in enumerate(points):
        name = f"{'as trained' if width is None else f'{width} bits'}, {share:.0%} pruned"
        if progress is not None:
            progress(name, number, len(points))
        made = variant(network, share, width)
        figures: dict[str, float] = {}
        cells = None
        try:
            circuit = lower(made, TARGETS["amd"], plan, interface, optimize)
            counted = circuit_figures(made, circuit)
            cells = circuit_cells(circuit, family, clock_ns)
        except UnsupportedError as error:
            notes.append(f"{name}: {error}")
            counted = network_figures(made, adders=True)
        figures |= {key: number for key, number in counted.totals.items() if key in COLUMNS}
        if "latency_cycles" in figures:
            figures["latency_ns"] = figures["latency_cycles"] * clock_ns
        figures["ebops"] = sum(arithmetic(made).values(), Arithmetic()).ebops
        if cells is not None:
            figures |= {"luts": cells.luts, "flip_flops": cells.flip_flops, "carries": cells.carries}
        if data is not None:
            figures["accuracy"] = accuracy(made, *data)
        by = f"hwgen {version('hwgen')}"
        if cells is None:
            rows.append(Row(name, Stage.ESTIMATE, by, figures))
        else:
            rows.append(Row(name, Stage.ESTIMATE, by, figures, family, error=cells.calibration.worst_error))
    if data is not None:
        notes.append(f"accuracy: of the reference's codes on {len(data[1]):,} samples; nothing was trained again.")
    return rows, notes
