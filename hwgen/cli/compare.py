"""``hwgen compare``: designs beside each other, in one table."""

from pathlib import Path
from typing import Annotated

import typer

from hwgen import api
from hwgen.cli.comparisons import FormatText, chosen_format, print_comparison
from hwgen.cli.options import HeadText, InputTypeText, MasksFile, QuantizeTexts, WeightsFile, by_layer
from hwgen.cli.tables import doing, errors
from hwgen.compare import PEERS, Budget, exceeded
from hwgen.mapping import FAMILIES


def compare_command(
    designs: Annotated[
        list[Path],
        typer.Argument(metavar="DIR|MODEL...", help="Folders that hwgen build wrote, and Keras files."),
    ],
    peers: Annotated[
        str | None,
        typer.Option(
            metavar="NAME,NAME", help=f"What others make of the same networks, where installed. {', '.join(PEERS)}."
        ),
    ] = None,
    mapped: Annotated[
        str | None,
        typer.Option(metavar="FAMILY", help=f"Map Verilog with Yosys as well. {', '.join(FAMILIES)}."),
    ] = None,
    baseline: Annotated[
        str | None, typer.Option(metavar="NAME", help="Design that the others are divided by, stage by stage.")
    ] = None,
    form: FormatText = "table",
    part: Annotated[
        str | None, typer.Option(help="FPGA part, such as xc7z020: say how much of it a design takes; exit 1 if over.")
    ] = None,
    max_luts: Annotated[
        int | None, typer.Option(metavar="N", help="Exit 1 if a design of hwgen takes more LUTs.")
    ] = None,
    max_latency_ns: Annotated[
        float | None, typer.Option(metavar="NS", help="Exit 1 if the latency of one is longer.")
    ] = None,
    adders_per_stage: Annotated[
        int | None,
        typer.Option(show_default="1", help="Of a model's Verilog: rows of adders or comparators between registers."),
    ] = None,
    io: Annotated[
        str | None,
        typer.Option(show_default="stream where there is a convolution", help="Of a model's Verilog: as in build."),
    ] = None,
    clock_ns: Annotated[
        float, typer.Option(help="Of a model's designs: clock period in ns; a project has its own.")
    ] = api.DEFAULT_CLOCK_NS,
    input_type: InputTypeText = None,
    weights: WeightsFile = None,
    masks: MasksFile = None,
    quantize: QuantizeTexts = None,
    head: HeadText = "logits",
    simulate: Annotated[
        bool, typer.Option("--simulate/--no-simulate", help="Run netlists beside the reference before they count.")
    ] = True,
) -> None:
    """Print the table; exit 1 if a design of hwgen is over a budget or larger than the part."""
    chosen = chosen_format(form)
    given = by_layer(quantize)
    sources = [path if path.is_dir() else api.load(path, weights, input_type, masks, given, head) for path in designs]
    with doing("comparing") as progress:
        found = api.compare_designs(
            sources,
            peers=[] if peers is None else [name.strip() for name in peers.split(",")],
            mapped=mapped,
            baseline=baseline,
            part=part,
            plan=None if adders_per_stage is None else api.ClockPlan(adders_per_stage),
            io=io,
            clock_ns=clock_ns,
            names=[path.absolute().name if path.is_dir() else path.stem for path in designs],
            files=[None if path.is_dir() else path for path in designs],
            simulate=simulate,
            progress=progress,
        )
    over = exceeded(found, Budget(max_luts, max_latency_ns))
    print_comparison(found, chosen, "Designs by stage")
    for excess in over:
        errors.print(f"over budget: {excess}", markup=False)
    raise typer.Exit(int(bool(over)))
