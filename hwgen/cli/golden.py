"""``hwgen golden``: freeze what a project computes and takes."""

from pathlib import Path
from typing import Annotated

import typer

from hwgen import api
from hwgen.cli.arrays import read_array
from hwgen.cli.figures import print_figures
from hwgen.cli.tables import console, doing

GoldenFolder = Annotated[
    Path | None, typer.Option("--golden", "-o", metavar="FOLDER", show_default="DIR.golden", help="Golden folder.")
]


def golden_command(
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="Folder that hwgen build wrote.")],
    golden: GoldenFolder = None,
    samples: Annotated[int, typer.Option(min=1, help="Vectors to make.")] = api.DEFAULT_GOLDEN_SAMPLES,
    inputs: Annotated[Path | None, typer.Option(help="Real data (.npy) to freeze as well.")] = None,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the vectors.")] = 0,
) -> None:
    """Verify the project, then write golden.json and vectors.npz: commit them."""
    data = None if inputs is None else read_array(inputs)
    with doing(f"{directory}: reading") as progress:
        frozen, folder = api.golden(directory, golden, samples=samples, inputs=data, seed=seed, progress=progress)
    print_figures(str(directory), frozen.figures)
    console.print(
        f"{frozen.network}: {frozen.samples} samples frozen in {folder}; after the next build: hwgen check {directory}",
        markup=False,
    )
