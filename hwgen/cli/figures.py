"""The table of what a design takes."""

from hwgen.cli.tables import console, table
from hwgen.estimate import FIGURES, Figures


def print_figures(title: str, figures: Figures) -> None:
    """One row a layer, one in all."""
    shown = [name for name in FIGURES if name in figures.totals]
    rows = table(f"{title} (estimate)", {"layer": "left"} | {FIGURES[name]: "right" for name in shown})
    for row in figures.layers:
        rows.add_row(row.layer, *(str(row.counts.get(name, "")) for name in shown))
    rows.add_row("in all", *(str(figures.totals[name]) for name in shown))
    console.print(rows)
