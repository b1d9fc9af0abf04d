"""``hwgen check``: a rebuilt project against what was frozen."""

from fractions import Fraction
from pathlib import Path
from typing import Annotated

import typer

from hwgen import api
from hwgen.cli.golden import GoldenFolder
from hwgen.cli.tables import console, doing


def check_command(
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="Folder that hwgen build wrote.")],
    golden: GoldenFolder = None,
    tolerance: Annotated[
        float, typer.Option(metavar="PERCENT", help="By which an adder count or the latency may grow.")
    ] = 0.0,
    run: Annotated[
        bool,
        typer.Option("--run/--no-run", help="Compile the project and run it, or hold only its network against it."),
    ] = True,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the vectors beside the frozen samples.")] = 0,
) -> None:
    """Replay the frozen samples and compare codes and figures; exit 0 if nothing changed, 1 if something did."""
    with doing(f"{directory}: reading") as progress:
        report = api.check(
            directory, golden, tolerance_percent=Fraction(str(tolerance)), run=run, seed=seed, progress=progress
        )
    console.print(report.summary(), markup=False)
    if not report.passed:
        console.print(f"if that is what you want, freeze it: hwgen golden {directory}", markup=False)
    raise typer.Exit(report.exit_code)
