"""The tables of what a design takes, as far as no tool has to be asked."""

from collections.abc import Mapping

from hwgen.cli.tables import console, table
from hwgen.estimate import FIGURES, Arithmetic, CellEstimate, Figures

_ARITHMETIC = {
    "weights": "weights",
    "weights_left": "left",
    "dense_bits": "bits, dense",
    "sparse_bits": "bits, sparse",
    "products": "products",
    "shifts": "shifts",
    "one_adder": "one adder",
    "multipliers": "DSPs at most",
    "bit_operations": "bit operations",
    "ebops": "EBOPs",
}


def print_figures(title: str, figures: Figures) -> None:
    """One row a layer, one in all."""
    shown = [name for name in FIGURES if name in figures.totals]
    rows = table(f"{title} (estimate)", {"layer": "left"} | {FIGURES[name]: "right" for name in shown})
    for row in figures.layers:
        rows.add_row(row.layer, *(str(row.counts.get(name, "")) for name in shown))
    rows.add_row("in all", *(str(figures.totals[name]) for name in shown))
    console.print(rows)


def print_arithmetic(title: str, layers: Mapping[str, Arithmetic]) -> None:
    """What layers with weights hold and compute, one row each."""
    rows = table(
        f"{title} (estimate: products of a sample)", {"layer": "left"} | dict.fromkeys(_ARITHMETIC.values(), "right")
    )
    for layer, counts in [*layers.items(), ("in all", sum(layers.values(), Arithmetic()))]:
        rows.add_row(layer, *(f"{counts.document()[name]:,}" for name in _ARITHMETIC))
    console.print(rows)


def print_cells(title: str, cells: CellEstimate) -> None:
    """Cells of a family, one row a layer, and the error bar."""
    columns = ("LUTs", "flip-flops", "carry cells", "rows of logic")
    rows = table(f"{title} (estimate: {cells.calibration.family})", {"layer": "left"} | dict.fromkeys(columns, "right"))
    for layer in cells.layers:
        name = layer.layer or "valid bits"
        rows.add_row(name, *(f"{count:,}" for count in (layer.luts, layer.flip_flops, layer.carries, layer.rows)))
    rows.add_row("in all", *(f"{count:,}" for count in (cells.luts, cells.flip_flops, cells.carries, cells.rows)))
    console.print(rows)
    latency = f"Latency {cells.latency_cycles} cycles, {cells.latency_ns:g} ns at the project's clock."
    console.print(f"{latency} {cells.error_text}.", markup=False)
