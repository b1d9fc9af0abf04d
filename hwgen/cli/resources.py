"""``hwgen resources``: what a project takes, and at which stage that was found out."""

from pathlib import Path
from typing import Annotated

import typer

from hwgen import api
from hwgen.cli.figures import print_arithmetic, print_cells, print_figures
from hwgen.cli.tables import console, doing, table
from hwgen.errors import InputError
from hwgen.mapping import FAMILIES, CellCounts, MappedProject

_COLUMNS = {
    "luts": "LUTs",
    "flip_flops": "flip-flops",
    "carries": "carry cells",
    "memory_luts": "of the LUTs, memory",
    "brams": "block memories",
    "dsps": "DSPs",
}


def resources_command(
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="Folder that hwgen build wrote.")],
    mapped: Annotated[
        str | None,
        typer.Option(
            metavar="FAMILY",
            help=f"Of Verilog: map it with Yosys, simulate the netlist, count its cells. {', '.join(FAMILIES)}.",
        ),
    ] = None,
    family: Annotated[
        str | None,
        typer.Option(
            metavar="FAMILY",
            show_default=api.DEFAULT_FAMILY,
            help="Of Verilog for AMD: whose LUTs are estimated, xcup or xc7.",
        ),
    ] = None,
    simulate: Annotated[
        bool, typer.Option("--simulate/--no-simulate", help="Run the netlist beside the reference before it counts.")
    ] = True,
) -> None:
    """Print what the project takes, layer by layer."""
    if mapped is None:
        estimate = api.estimated(directory, family or api.DEFAULT_FAMILY)
        print_figures(str(directory), estimate.figures)
        print_arithmetic(str(directory), estimate.arithmetic)
        if estimate.cells is not None:
            print_cells(str(directory), estimate.cells)
        return
    if family is not None:
        raise InputError("--family is of the estimate, and --mapped names its own; only one of them can be given.")
    with doing(f"{directory}: mapping") as progress:
        found = api.mapped(directory, mapped, simulate=simulate, progress=progress)
    _print_mapped(directory, found)


def _print_mapped(directory: Path, found: MappedProject) -> None:
    shown = [name for name in _COLUMNS if name in ("luts", "flip_flops") or found.total.document()[name]]
    title = f"{directory} (mapped: {FAMILIES[found.family].title}, {found.yosys}, each module by itself)"
    rows = table(title, {"module": "left"} | {_COLUMNS[name]: "right" for name in shown})

    def add(module: str, counts: CellCounts) -> None:
        rows.add_row(module, *(f"{counts.document()[name]:,}" for name in shown))

    for layer in found.layers:
        add(layer.module, layer.counts)
    add("in all", found.total)
    console.print(rows)
    if found.simulated is None:
        console.print("The netlists were not simulated.", markup=False)
    else:
        console.print(f"The netlists were simulated: {found.simulated.summary()}", markup=False)
