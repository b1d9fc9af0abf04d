"""``hwgen build``: a trained model to an HLS project."""

from pathlib import Path
from typing import Annotated

import typer

from hwgen import api
from hwgen.cli.arrays import read_array
from hwgen.cli.options import InputTypeText, MasksFile, ModelFile, WeightsFile
from hwgen.cli.tables import console, percent, table


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
    adders = result.strategy is api.Strategy.ADDERS
    title = f"{output}: HLS C++ with {result.strategy.value}, {part}, {clock_ns:g} ns (counted in the network)"
    columns = ("weights", "left", "zero", "weight bits", "input bits", "products", "adders", "positions")
    rows = table(title, {"layer": "left"} | dict.fromkeys(columns, "right"))
    for layer in result.layers:
        products, sums = (0, layer.adders) if adders else (layer.nonzeros, layer.sums)
        zero = percent(layer.weights - layer.nonzeros, layer.weights)
        counts = (layer.weights, layer.nonzeros, zero, layer.weight_bits, layer.input_bits, products, sums)
        rows.add_row(layer.layer, *(str(count) for count in counts), str(layer.positions))
    console.print(rows)
    for note in loaded.network.notes:
        console.print(f"note: {note}", markup=False)
    console.print(f"{result.files} files; next: hwgen verify {output}", markup=False)
