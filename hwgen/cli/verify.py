"""``hwgen verify``: a project against the reference, every output code."""

from pathlib import Path
from typing import Annotated

import typer

from hwgen import api
from hwgen.cli.arrays import read_array
from hwgen.cli.tables import console, doing, table


def verify_command(
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="Folder that hwgen build wrote.")],
    engine: Annotated[
        str | None,
        typer.Option(
            show_default="what DIR holds", help="csim: its C++, compiled. rtlsim: its Verilog, with Verilator."
        ),
    ] = None,
    samples: Annotated[
        int | None,
        typer.Option(
            min=1,
            show_default="2000, fewer where a sample is many pixels",
            help="Vectors to make: extremes, ties, saturation, random.",
        ),
    ] = None,
    inputs: Annotated[Path | None, typer.Option(help="Real data (.npy) to run as well.")] = None,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the vectors.")] = 0,
    compiler: Annotated[str | None, typer.Option(help="g++, clang++ or a path; found by itself if not given.")] = None,
    pristine: Annotated[
        bool, typer.Option("--pristine", help="Of csim: headers and sums as synthesized; slower, the same codes.")
    ] = False,
    gap_percent: Annotated[
        int, typer.Option(help="Of rtlsim: percentage of cycles without a sample.")
    ] = api.DEFAULT_TRAFFIC_PERCENT,
    stall_percent: Annotated[
        int, typer.Option(help="Of rtlsim: percentage of cycles in which ce is low.")
    ] = api.DEFAULT_TRAFFIC_PERCENT,
    vcd: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Of rtlsim: write a waveform of the run as well; use few samples."),
    ] = None,
    axis: Annotated[
        bool,
        typer.Option("--axis", help="Of rtlsim: drive the AXI4-Stream wrapper; a stall is a receiver not ready."),
    ] = False,
    cache: Annotated[
        bool, typer.Option("--cache/--no-cache", help="Keep compiled projects in the user's cache.")
    ] = True,
) -> None:
    """Verify, print the verdict, write verify.json; exit 0 if equal, 1 if not."""
    data = None if inputs is None else read_array(inputs)
    with doing(f"{directory}: reading") as progress:
        report = api.verify(
            directory,
            engine=engine,
            samples=samples,
            inputs=data,
            seed=seed,
            compiler=compiler,
            pristine=pristine,
            gap_percent=gap_percent,
            stall_percent=stall_percent,
            waveform=vcd,
            axis=axis,
            cache=cache,
            progress=progress,
        )
    kinds = table(str(directory), {"vectors": "left", "samples": "right"})
    for group in report.groups:
        kinds.add_row(group.kind.value, str(group.samples))
    console.print(kinds)
    if report.coverage:
        hits = table(
            "\nwhat they exercised",
            {"layer": "left", "kind": "left", "edges": "right", "ties": "right", "ends": "right"},
        )
        for layer in report.coverage:
            counts = (f"{part.hit}/{part.possible}" for part in (layer.edges, layer.ties, layer.ends))
            hits.add_row(layer.layer, layer.kind, *counts)
        console.print(hits)
    console.print()
    console.print(report.summary(), markup=False)
    timing = report.timing
    compiled = "from the cache" if timing.from_cache else f"{timing.compile_s:.1f} s"
    console.print(
        f"compile {compiled}, run {timing.run_s:.2f} s; written: {directory / report.file_name}", markup=False
    )
    raise typer.Exit(report.exit_code)
