"""``hwgen build``: a trained model to an HLS C++ or a Verilog project."""

from pathlib import Path
from typing import Annotated

import typer

from hwgen import api
from hwgen.cli.arrays import read_array
from hwgen.cli.options import HeadText, InputTypeText, MasksFile, ModelFile, QuantizeTexts, WeightsFile, by_layer
from hwgen.cli.tables import console, percent, table
from hwgen.errors import InputError


def build_command(
    model: ModelFile,
    output: Annotated[Path, typer.Option("--output", "-o", metavar="DIR", help="Folder of the project.")],
    target: Annotated[
        str, typer.Option(help="hls: C++ for an HLS compiler. rtl: pipelined Verilog, for any synthesis tool.")
    ] = "hls",
    strategy: Annotated[
        str | None,
        typer.Option(
            show_default="multipliers",
            help="Of hls. multipliers: a constant product a non-zero weight. adders: shifts and additions only.",
        ),
    ] = None,
    fpga: Annotated[
        str | None,
        typer.Option(
            show_default=api.DEFAULT_FPGA,
            help="Of rtl: family whose adders it is made for: amd, intel, lattice or generic.",
        ),
    ] = None,
    optimize: Annotated[
        str | None,
        typer.Option(
            show_default="latency",
            help="Of rtl. latency: balanced trees of adders. luts: shared sums; fewer LUTs, more rows of logic.",
        ),
    ] = None,
    io: Annotated[
        str | None,
        typer.Option(
            show_default="stream where there is a convolution, in hls one over more than 1,024 codes",
            help="parallel: a sample at once, every code a register. stream: a pixel a cycle.",
        ),
    ] = None,
    adders_per_stage: Annotated[
        int | None,
        typer.Option(show_default="1", help="Of rtl: rows of adders or comparators between registers."),
    ] = None,
    latency_cycles: Annotated[
        int | None, typer.Option(help="Of rtl: at most so many cycles from input to output, instead.")
    ] = None,
    combinational: Annotated[bool, typer.Option("--combinational", help="Of rtl: no registers at all.")] = False,
    input_type: InputTypeText = None,
    weights: WeightsFile = None,
    masks: MasksFile = None,
    quantize: QuantizeTexts = None,
    head: HeadText = "logits",
    part: Annotated[
        str | None, typer.Option(show_default=api.DEFAULT_PART, help="FPGA part, as the vendor's tools name it.")
    ] = None,
    clock_ns: Annotated[float, typer.Option(help="Clock period in ns.")] = api.DEFAULT_CLOCK_NS,
    inputs: Annotated[
        Path | None, typer.Option(help="Data (.npy) for the project's own testbench; chosen by hwgen if not given.")
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace the files of an hwgen project in DIR; others stay.")
    ] = False,
) -> None:
    """Build the project and print what is in it."""
    loaded = api.load(model, weights, input_type, masks, by_layer(quantize), head)
    data = None if inputs is None else read_array(inputs)
    result = api.build(
        loaded,
        output,
        target=target,
        strategy=strategy,
        part=part,
        clock_ns=clock_ns,
        fpga=fpga,
        optimize=optimize,
        io=io,
        plan=_plan(adders_per_stage, latency_cycles, combinational),
        inputs=data,
        overwrite=overwrite,
    )
    _print_layers(result)
    for note in loaded.network.notes:
        console.print(f"note: {note}", markup=False)
    if result.circuit is not None:
        circuit = result.circuit
        interval = circuit.initiation_interval
        console.print(
            f"Verilog for {circuit.target.name}: {circuit.adders} adders of up to {circuit.target.operands} operands, "
            f"latency {circuit.latency_cycles} cycles, "
            + ("a sample every cycle" if interval == 1 else f"a pixel every cycle, a sample every {interval}"),
            markup=False,
        )
    console.print(f"{result.files} files; next: hwgen verify {output}", markup=False)


def _plan(adders_per_stage: int | None, latency_cycles: int | None, combinational: bool) -> api.ClockPlan | None:
    given = [
        name
        for name, wanted in (
            ("--adders-per-stage", adders_per_stage is not None),
            ("--latency-cycles", latency_cycles is not None),
            ("--combinational", combinational),
        )
        if wanted
    ]
    if len(given) > 1:
        raise InputError(f"{' and '.join(given)} were given; only one of them can say how the Verilog is pipelined.")
    if combinational:
        return api.ClockPlan(None)
    if latency_cycles is not None:
        return api.ClockPlan(latency_cycles=latency_cycles)
    return None if adders_per_stage is None else api.ClockPlan(adders_per_stage)


def _print_layers(result: api.BuildResult) -> None:
    adders = result.strategy is not api.Strategy.MULTIPLIERS
    what = (
        "Verilog"
        if result.target is api.BuildTarget.RTL
        else f"HLS C++ with {result.strategy.value}, {result.interface.value}"
    )
    title = f"{result.directory}: {what}, {result.part}, {result.clock_ns:g} ns (counted in the network)"
    columns = ("weights", "left", "zero", "bits", "products", "adders", "uses")
    rows = table(title, {"layer": "left"} | dict.fromkeys(columns, "right"))
    for layer in result.layers:
        products, sums = (0, layer.adders) if adders else (layer.nonzeros, layer.sums)
        zero = percent(layer.weights - layer.nonzeros, layer.weights)
        bits = f"{layer.weight_bits}x{layer.input_bits}"
        counts = (layer.weights, layer.nonzeros, zero, bits, products, sums)
        rows.add_row(layer.layer, *(str(count) for count in counts), str(layer.positions))
    console.print(rows)
