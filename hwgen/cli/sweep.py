"""``hwgen sweep``: a model pruned and rounded after training, point by point of a grid."""

from pathlib import Path
from typing import Annotated

import typer

from hwgen import api
from hwgen.cli.arrays import read_array
from hwgen.cli.comparisons import FormatText, chosen_format, print_comparison
from hwgen.cli.options import HeadText, InputTypeText, MasksFile, ModelFile, QuantizeTexts, WeightsFile, by_layer
from hwgen.cli.tables import doing
from hwgen.errors import InputError


def sweep_command(
    model: ModelFile,
    sparsity: Annotated[
        str, typer.Option(metavar="SHARE,...", help="Shares of each layer's weights that are pruned, 0 to 1.")
    ] = "0",
    bits: Annotated[
        str | None,
        typer.Option(metavar="BITS,...", show_default="as trained", help="Widths that weights are rounded to."),
    ] = None,
    inputs: Annotated[Path | None, typer.Option(help="Data (.npy) to find the accuracy on; needs --labels.")] = None,
    labels: Annotated[Path | None, typer.Option(help="Classes (.npy) of the data: numbers, or one-hot rows.")] = None,
    optimize: Annotated[str, typer.Option(help="Of the Verilog: latency or luts, as in build.")] = "latency",
    adders_per_stage: Annotated[
        int, typer.Option(help="Of the Verilog: rows of adders or comparators between registers.")
    ] = api.DEFAULT_ADDERS_PER_STAGE,
    io: Annotated[
        str | None,
        typer.Option(show_default="stream where there is a convolution", help="Of the Verilog: as in build."),
    ] = None,
    clock_ns: Annotated[float, typer.Option(help="Clock period in ns.")] = api.DEFAULT_CLOCK_NS,
    form: FormatText = "table",
    input_type: InputTypeText = None,
    weights: WeightsFile = None,
    masks: MasksFile = None,
    quantize: QuantizeTexts = None,
    head: HeadText = "logits",
) -> None:
    """Print a row for each width and sparsity."""
    chosen = chosen_format(form)
    if (inputs is None) != (labels is None):
        raise InputError("--inputs and --labels belong together: an accuracy needs both.")
    loaded = api.load(model, weights, input_type, masks, by_layer(quantize), head)
    with doing(f"{model}: sweeping") as progress:
        found = api.sweep(
            loaded,
            sparsities=_numbers(sparsity, "--sparsity", "0,.5,.75"),
            bits=None if bits is None else _whole(bits),
            inputs=None if inputs is None else read_array(inputs),
            labels=None if labels is None else read_array(labels),
            optimize=optimize,
            plan=api.ClockPlan(adders_per_stage),
            io=io,
            clock_ns=clock_ns,
            progress=progress,
        )
    print_comparison(found, chosen, f"{model}: pruned and rounded after training")


def _numbers(text: str, option: str, example: str) -> list[float]:
    try:
        return [float(each) for each in text.split(",")]
    except ValueError:
        raise InputError(f"{option} is numbers separated by commas, such as {example}; got {text!r}.") from None


def _whole(text: str) -> list[int]:
    numbers = _numbers(text, "--bits", "4,6,8")
    if any(not number.is_integer() for number in numbers):
        raise InputError(f"--bits is whole numbers separated by commas, such as 4,6,8; got {text!r}.")
    return [int(number) for number in numbers]
