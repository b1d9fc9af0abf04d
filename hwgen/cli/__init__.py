"""The command line: one file a command; each parses, calls ``hwgen.api`` and prints."""

import gc
import sys
import traceback
from importlib.metadata import version
from typing import Annotated

import typer

from hwgen.cli.build import build_command
from hwgen.cli.check import check_command
from hwgen.cli.compare import compare_command
from hwgen.cli.golden import golden_command
from hwgen.cli.inspect_model import inspect_command
from hwgen.cli.profile import profile_command
from hwgen.cli.resources import resources_command
from hwgen.cli.sweep import sweep_command
from hwgen.cli.train import train_command
from hwgen.cli.verify import verify_command
from hwgen.errors import HwgenError

app = typer.Typer(
    name="hwgen",
    help="Turn a pruned, quantized neural network into an FPGA datapath, and prove that the two are equal.",
    epilog="Exit codes: 0 done or equal; 1 mismatch or change; 2 misuse or a refused model; 3 a tool is missing or "
    "failed; 70 a defect in hwgen.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"hwgen {version('hwgen')}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Options before the command."""


app.command("inspect", help="Show layers, types, sparsity and exactness of a model, and whatever would be refused.")(
    inspect_command
)
app.command("build", help="Write HLS C++ or Verilog from a trained model, its zero weights gone.")(build_command)
app.command("verify", help="Compile a project, run it, and compare every output code with the reference.")(
    verify_command
)
app.command("resources", help="Say what a project takes: counted in it, or mapped to an FPGA family by Yosys.")(
    resources_command
)
app.command("compare", help="Put designs beside each other in one table, with ratios, budgets and shares of a part.")(
    compare_command
)
app.command("profile", help="Run data and say which ranges, bits and overflows every value had.")(profile_command)
app.command("sweep", help="Prune a model and round its weights after training: a grid, each point counted.")(
    sweep_command
)
app.command("golden", help="Freeze what a project computes and takes, for hwgen check.")(golden_command)
app.command("check", help="Hold a rebuilt project against what was frozen; exit 1 if a code or a figure changed.")(
    check_command
)
app.command("train", help="Train, quantize and prune a model as a TOML file says.")(train_command)


_ALLOCATIONS = 200_000  # more than were freed, before cycles of references are looked for


def main() -> None:
    """Run the command line; every error that hwgen raises becomes one sentence and an exit code."""
    # A circuit is tens of thousands of small objects that live to the end: looking through them for cycles of
    # references again and again takes time and frees nothing.
    gc.set_threshold(_ALLOCATIONS, 50, 50)
    try:
        app()
    except HwgenError as error:
        print(f"hwgen: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
    except Exception:  # a defect of hwgen's own: told apart from a mismatch, which exits with 1
        traceback.print_exc()
        print("hwgen: the lines above show a defect in hwgen; please report them with the command.", file=sys.stderr)
        sys.exit(70)
    except KeyboardInterrupt:
        print("hwgen: interrupted.", file=sys.stderr)
        sys.exit(130)
