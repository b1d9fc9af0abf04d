"""``hwgen train``: a TOML configuration to a trained, pruned QKeras model."""

from pathlib import Path
from typing import Annotated

import typer

from hwgen import api
from hwgen.cli.tables import console, errors, percent, table


def train_command(
    config: Annotated[Path, typer.Argument(metavar="CONFIG.toml", help="What to train, see examples/.")],
) -> None:
    """Train and print what came out."""
    from hwgen.training import progress_bars  # no other command needs it, and it takes long to import

    with progress_bars(errors) as report:
        result = api.train(config, report)
    rows = table(
        f"{result.folder}: trained in {result.seconds:.0f} s",
        {"layer": "left", "weight bits": "right", "weights": "right", "pruned": "right", "zero in hardware": "right"},
    )
    for layer in result.layers:
        rows.add_row(
            layer.name,
            str(layer.weight_bits),
            str(layer.weights),
            percent(layer.pruned, layer.weights),
            percent(layer.zeros, layer.weights),
        )
    console.print(rows)
    if result.accuracy_float is not None:
        console.print(f"accuracy, float network:         {result.accuracy_float:.4f}")
    console.print(f"accuracy, quantized and pruned:  {result.accuracy_qkeras:.4f}")
    command = f"hwgen build {result.model_path} --input-type '{result.input_type}' -o DIR"
    console.print(f"next: {command}", markup=False)
