"""Options that several commands share."""

from pathlib import Path
from typing import Annotated

import typer

ModelFile = Annotated[
    Path, typer.Argument(metavar="MODEL", help="Keras file: .h5, .keras, or .json together with --weights.")
]
WeightsFile = Annotated[Path | None, typer.Option("--weights", help="Weights (.h5) of a .json architecture.")]
InputTypeText = Annotated[
    str | None,
    typer.Option(
        "--input-type",
        metavar="TYPE",
        help="What numbers the model takes, such as 'fixed<8,3>'; 'fixed<8,3,RND_CONV,SAT>' rounds and clips data too. "
        "Several inputs: 'name=TYPE;name=TYPE'. Needed unless the model starts with a QActivation.",
    ),
]
MasksFile = Annotated[
    Path | None,
    typer.Option("--masks", help="Pruning masks (.npz); masks.npz beside the model is found by itself."),
]
