"""``hwgen build``: a trained model to an HLS project."""

from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from hwgen import api
from hwgen.cli.options import InputTypeText, MasksFile, ModelFile, WeightsFile
from hwgen.cli.tables import console, percent, table
from hwgen.errors import InputError


def build_command(
    model: ModelFile,
    output: Annotated[Path, typer.Option("--output", "-o", metavar="DIR", help="Folder of the project.")],
    strategy: Annotated[
        str, typer.Option(help="multipliers: a constant product a non-zero weight. adders: shifts and additions only.")
    ] = "multipliers",
    input_type: InputTypeText = None,
    weights: WeightsFile = None,
    masks: MasksFile = None,
    part: Annotated[str, typer.Option(help="FPGA part, as Vitis names it.")] = api.DEFAULT_PART,
    clock_ns: Annotated[float, typer.Option(help="Clock period in ns.")] = api.DEFAULT_CLOCK_NS,
    inputs: Annotated[
        Path | None, typer.Option(help="Data (.npy) for the project's own testbench; chosen by hwgen if not given.")
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace an hwgen project in DIR.")] = False,
) -> None:
    """Build the project and print what is in it."""
    loaded = api.load(model, weights, input_type, masks)
    data = None if inputs is None else read_array(inputs)
    result = api.build(
        loaded, output, strategy=strategy, part=part, clock_ns=clock_ns, inputs=data, overwrite=overwrite
    )
    rows = table(
        f"{output}: HLS C++, {result.strategy.value}, {part}, {clock_ns:g} ns (counted before synthesis)",
        {"layer": "left", "weights": "right", "left": "right", "zero": "right", "weight bits": "right",
         "input bits": "right", "products": "right", "adders": "right", "positions": "right"},
    )  # fmt: skip
    adders = result.strategy is api.Strategy.ADDERS
    for layer in result.layers:
        products, sums = (0, layer.adders) if adders else (layer.nonzeros, layer.sums)
        zero = percent(layer.weights - layer.nonzeros, layer.weights)
        counts = (layer.weights, layer.nonzeros, zero, layer.weight_bits, layer.input_bits, products, sums)
        rows.add_row(layer.layer, *(str(count) for count in counts), str(layer.positions))
    console.print(rows)
    for note in loaded.network.notes:
        console.print(f"note: {note}", markup=False)
    console.print(f"{result.files} files; next: hwgen verify {output}", markup=False)


def read_array(path: Path) -> np.ndarray:
    """Read a .npy file.

    Raises:
        InputError: missing, or no array.
    """
    try:
        array = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise InputError(f"{path}: a NumPy array (.npy) was expected ({error}).") from error
    if not isinstance(array, np.ndarray):
        raise InputError(f"{path}: a .npy file with one array was expected, this is an archive of several.")
    return array
