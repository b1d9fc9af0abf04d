"""Options that several commands share."""

from pathlib import Path
from typing import Annotated

import typer

from hwgen.errors import InputError

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
QuantizeTexts = Annotated[
    list[str] | None,
    typer.Option(
        "--quantize",
        metavar="LAYER=TYPE",
        help="Type for weights and bias that the model leaves unquantized, such as 'output=fixed<16,6,RND,SAT>'; "
        "'output=TYPE:TYPE' rounds what the layer computes as well. Once for each such layer.",
    ),
]
HeadText = Annotated[
    str,
    typer.Option(
        "--head",
        metavar="HEAD",
        help="What the outputs are: logits (a final softmax or sigmoid is left out), argmax, "
        "'softmax=ufixed<8,0,RND,SAT>' or 'sigmoid=ufixed<8,0,RND,SAT>'.",
    ),
]


def by_layer(given: list[str] | None) -> dict[str, str] | None:
    """The types of ``--quantize`` by layer.

    Raises:
        InputError: not of the form LAYER=TYPE, or a layer twice.
    """
    if not given:
        return None
    types: dict[str, str] = {}
    for text in given:
        layer, equals, kind = (part.strip() for part in text.partition("="))
        if not equals or not layer or not kind:
            raise InputError(f"--quantize is written LAYER=TYPE, such as 'output=fixed<16,6,RND,SAT>'; got {text!r}.")
        if layer in types:
            raise InputError(f"--quantize names layer {layer!r} twice.")
        types[layer] = kind
    return types
