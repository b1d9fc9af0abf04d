"""From training to a proven datapath, on handwritten digits: what ``make demo`` runs.

Trains a pruned QKeras network (examples/digits.toml), builds HLS C++ from it twice, with constant multipliers and with
shift-and-add, compiles and runs both, and compares every output code with the NumPy reference and with Keras.
"""

import sys
import time
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

import hwgen
from hwgen.training import load_config, progress_bars, train

HERE = Path(__file__).resolve().parent
SAMPLES = 2000


def main() -> int:
    """Run the demo; 0 if everything is equal, 1 if not."""
    began = time.perf_counter()
    out = Path("demo")
    console = Console(highlight=False)
    config = load_config(HERE / "digits.toml")
    config = config.model_copy(update={"output": config.output.model_copy(update={"folder": str(out / "trained")})})
    with progress_bars() as report:
        trained = train(config, report)

    model = hwgen.load(trained.model_path, input_type=trained.input_type)
    data = np.load(trained.test_data_path)
    codes = np.asarray(model.codes(data["x"]))
    output_type = model.network.value(model.network.outputs[0]).type
    keras_codes = np.ldexp(data["logits"].astype(np.float64), output_type.fraction)
    keras_mismatches = int((keras_codes != codes).sum())
    accuracy = float((codes.argmax(axis=1) == data["y"]).mean())

    builds, reports = {}, {}
    columns = (TextColumn("{task.description:<32}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True)) as bars:
        for strategy in hwgen.Strategy:
            task = bars.add_task(f"HLS C++, {strategy.value}", total=1)
            folder = out / f"hls_{strategy.value}"
            builds[strategy] = hwgen.build(model, folder, strategy=strategy, inputs=data["x"], overwrite=True)
            reports[strategy] = hwgen.verify(
                folder,
                samples=SAMPLES,
                inputs=data["x"],
                progress=lambda step, done, total, task=task: bars.update(task, completed=done, total=total + 1),
            )
            bars.update(task, completed=1, total=1)

    layers = builds[hwgen.Strategy.ADDERS].layers
    table = Table(title="digits: trained, pruned, quantized, built, verified", title_justify="left", box=None)
    table.add_column("")
    for strategy in hwgen.Strategy:
        table.add_column(f"HLS, {strategy.value}", justify="right")
    rows = {
        "accuracy, float network": [f"{trained.accuracy_float:.4f}" if trained.accuracy_float else "-"] * 2,
        "accuracy, QKeras (pruned)": [f"{trained.accuracy_qkeras:.4f}"] * 2,
        "accuracy, hardware": [f"{accuracy:.4f}"] * 2,
        "weights": [str(sum(layer.weights for layer in layers))] * 2,
        "weights left": [str(sum(layer.nonzeros for layer in layers))] * 2,
        "bits, weights x inputs": [", ".join(f"{layer.weight_bits}x{layer.input_bits}" for layer in layers)] * 2,
        "constant multiplications left": [str(sum(layer.nonzeros for layer in layers)), "0"],
        "adders left": [str(sum(layer.sums for layer in layers)), str(sum(layer.adders for layer in layers))],
        "samples compared with NumPy": [str(report.samples) for report in reports.values()],
        "output codes compared": [str(report.codes) for report in reports.values()],
        "mismatches with NumPy": [str(report.mismatches) for report in reports.values()],
        "samples compared with Keras": [str(len(data["x"]))] * 2,
        "mismatches with Keras": [str(keras_mismatches)] * 2,
        "compiler": [report.compiler for report in reports.values()],
        "project": [str(build.directory) for build in builds.values()],
    }
    for name, cells in rows.items():
        table.add_row(name, *cells)
    console.print(table)
    equal = keras_mismatches == 0 and all(report.equal for report in reports.values())
    if not equal:
        for report in reports.values():
            console.print(report.summary(), markup=False)
    console.print(f"{time.perf_counter() - began:.0f} s in all")
    console.print(f"next: hwgen inspect {trained.model_path} --input-type '{trained.input_type}'", markup=False)
    return 0 if equal else 1


if __name__ == "__main__":
    sys.exit(main())
