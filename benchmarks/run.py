"""Every published figure, hwgen and its peers side by side: ``make bench``."""

import argparse
import io
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

HERE = Path(__file__).resolve().parent
RESULTS = HERE / "results"
# One core each, so that figures are a core's.
ONE_CORE = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}

RTL_SAMPLES = 1_000_000
QUICK_RTL_SAMPLES = 20_000

EMULATED = {"small": "16-64-32-32-5", "large": "64-1024-1024-10 at 90 % zeros"}

Figures = dict[str, float | str]


def measure(script: str, *arguments: str) -> Figures:
    """Run one measurement in a process of its own; its last line is JSON."""
    command = [sys.executable, str(HERE / script), *arguments]
    done = subprocess.run(command, env=os.environ | ONE_CORE, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise SystemExit(f"{script} failed:\n{done.stderr[-3000:]}")
    lines = done.stdout.strip().splitlines()
    return dict(json.loads(lines[-1])) if lines else {}


def plan(folder: Path, quick: bool) -> dict[str, tuple[str, ...]]:
    """What to measure: a name, and the command for it."""
    rows: dict[str, tuple[str, ...]] = {"NumPy reference": ("measure_reference.py", str(folder))}
    compilers = [compiler for compiler in ("g++", "clang++") if shutil.which(compiler)]
    for compiler in compilers:
        for strategy in ("multipliers", "adders"):
            name = f"C++ by hwgen, {strategy}, {compiler}"
            rows[name] = ("measure_hwgen.py", str(folder), strategy, compiler, "fast")
    rows["C++ by hwgen, multipliers, g++, original ap_types"] = (
        "measure_hwgen.py",
        str(folder),
        "multipliers",
        "g++",
        "pristine",
    )
    rows["C++ by hls4ml, g++"] = ("measure_hls4ml.py", str(folder))
    for engine, size in (("interpreter", "small"), ("compiled", "small"), ("interpreter", "large")):
        name = f"emulator, {engine}, {EMULATED[size]}"
        rows[name] = ("measure_emulator.py", str(folder), engine, size)
    samples = QUICK_RTL_SAMPLES if quick else RTL_SAMPLES
    for compiler in compilers[-1:] if quick else compilers:
        rows[f"Verilog by hwgen, Verilator, {compiler}"] = ("measure_rtl.py", str(folder), compiler, str(samples))
    return rows


def run(rounds: int, quick: bool) -> dict[str, list[Figures]]:
    """Measure everything in turn, ``rounds`` times; ``quick`` leaves out what only takes longer."""
    columns = (TextColumn("{task.description:<50}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with (
        tempfile.TemporaryDirectory() as temporary,
        Progress(*columns, console=Console(stderr=True)) as bars,
    ):
        folder = Path(temporary)
        task = bars.add_task("making the network", total=None)
        measure("networks.py", str(folder))
        rows = plan(folder, quick)
        bars.update(task, total=rounds * len(rows))
        found: dict[str, list[Figures]] = {name: [] for name in rows}
        for _ in range(rounds):
            for name, command in rows.items():
                bars.update(task, description=name)
                found[name].append(measure(*command))
                bars.advance(task)
    return found


def spread(figures: list[Figures], key: str, scale: float = 1.0, digits: int = 1) -> str:
    """Median (smallest to largest)."""
    values = sorted(float(figure[key]) * scale for figure in figures)
    text = f"{statistics.median(values):,.{digits}f}"
    return text if len(values) == 1 else f"{text} ({values[0]:,.{digits}f} to {values[-1]:,.{digits}f})"


def tables(found: dict[str, list[Figures]]) -> list[Table]:
    """The figures for people."""
    reference = Table(title="NumPy reference, 16-64-32-32-5, one core", title_justify="left", box=None)
    for heading in ("", "thousand samples/s"):
        reference.add_column(heading, justify="right" if heading else "left")
    figures = found["NumPy reference"]
    reference.add_row("hwgen.reference", spread(figures, "samples_s", 1e-3, 0))
    reference.add_row("plain int64 matrix products", spread(figures, "plain_int64_samples_s", 1e-3, 0))
    simulation = Table(title="Simulation of C++ and Verilog, same network, one core", title_justify="left", box=None)
    for heading in ("", "compile, CPU s", "compile, wall s", "thousand samples/s", "equal to Keras"):
        simulation.add_column(heading, justify="right" if heading else "left")
    for name, figures in found.items():
        if "compile_cpu_s" in figures[0]:
            simulation.add_row(
                name,
                spread(figures, "compile_cpu_s"),
                spread(figures, "compile_wall_s"),
                spread(figures, "samples_s", 1e-3),
                f"{min(float(figure['equal']) for figure in figures):.2%}",
            )
    circuit = Table(title="From network to Verilog, same network", title_justify="left", box=None)
    for heading in ("", "build, wall s", "adders", "latency, cycles"):
        circuit.add_column(heading, justify="right" if heading else "left")
    built = [figure for figures in found.values() for figure in figures if "build_wall_s" in figure]
    circuit.add_row(
        "Verilog by hwgen, one adder a stage, for amd",
        spread(built, "build_wall_s", digits=2),
        *(f"{built[0][key]:,}" for key in ("adders", "latency_cycles")),
    )
    emulation = Table(title="Emulator, codes to codes, one core", title_justify="left", box=None)
    for heading in ("", "compile, CPU s", "compile, wall s", "thousand samples/s", "equal to the reference"):
        emulation.add_column(heading, justify="right" if heading else "left")
    for name, figures in found.items():
        if "ready_cpu_s" in figures[0]:
            emulation.add_row(
                name,
                spread(figures, "ready_cpu_s"),
                spread(figures, "ready_wall_s"),
                spread(figures, "samples_s", 1e-3, 0),
                f"{min(float(figure['equal']) for figure in figures):.2%}",
            )
    return [reference, simulation, circuit, emulation]


def versions(found: dict[str, list[Figures]]) -> dict[str, str]:
    """Everything that a figure depends on."""
    packages = ("hwgen", "hls4ml", "numpy", "tensorflow", "tf_keras", "qkeras")
    tools = {package: version(package) for package in packages}
    compilers = {str(f[0]["version"]) for f in found.values() if "version" in f[0]}
    return {
        **tools,
        "python": platform.python_version(),
        "compilers": ", ".join(sorted(compilers)),
        "processor": _processor(),
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return f"{names[0]}, {len(names)} cores" if names else platform.machine()


def write(found: dict[str, list[Figures]], shown: list[Table]) -> Path:
    """Write the raw figures and the tables, with versions."""
    RESULTS.mkdir(exist_ok=True)
    used = versions(found)
    (RESULTS / "speed.json").write_text(json.dumps({"versions": used, "figures": found}, indent=2) + "\n")
    recorder = Console(width=120, record=True, file=io.StringIO())
    for table in shown:
        recorder.print(table)
    lines = "\n".join(line.rstrip() for line in recorder.export_text().splitlines())
    listed = "\n".join(f"- {tool}: {number}" for tool, number in used.items())
    target = RESULTS / "speed.md"
    target.write_text(f"# Speed\n\nRegenerate with `make bench`.\n\n```\n{lines}\n```\n\nMeasured with\n\n{listed}\n")
    return target


def main() -> int:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="how often each figure is measured")
    parser.add_argument("--quick", action="store_true", help="one round, results not written")
    options = parser.parse_args()
    found = run(1 if options.quick else options.rounds, options.quick)
    shown = tables(found)
    console = Console(highlight=False, width=None if sys.stdout.isatty() else 140)
    for table in shown:
        console.print(table)
        console.print()
    if not options.quick:
        console.print(f"written: {write(found, shown).relative_to(HERE.parent)}", markup=False)
    return 0


if __name__ == "__main__":
    sys.exit(main())
