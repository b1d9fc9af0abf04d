"""``hwgen inspect``: layers, types, sparsity, exactness, and everything that would be refused."""

import shlex
from pathlib import Path

import typer

from hwgen import api
from hwgen.cli.options import HeadText, InputTypeText, MasksFile, ModelFile, QuantizeTexts, WeightsFile, by_layer
from hwgen.cli.tables import console, percent, shape_text, table
from hwgen.ir import Conv, Dense, Network, Requantize, StepFunction


def inspect_command(
    model: ModelFile,
    input_type: InputTypeText = None,
    weights: WeightsFile = None,
    masks: MasksFile = None,
    quantize: QuantizeTexts = None,
    head: HeadText = "logits",
) -> None:
    """Print what hwgen makes of a model; exit 2 if it refuses it."""
    found = api.inspect(model, weights, input_type, masks, by_layer(quantize), head)
    refused = [layer for layer in found.layers if layer.refusal is not None]
    if found.network is None:
        rows = table(str(model), {"layer": "left", "class": "left", "": "left"})
        for layer in found.layers:
            rows.add_row(layer.name, layer.class_name, "refused" if layer.refusal else "readable")
        console.print(rows)
        supported = ""
        for layer in refused:
            why, mark, listed = str(layer.refusal).partition("; supported: ")
            console.print(f"refused: {why}{'.' if mark else ''}", markup=False)
            supported = listed or supported
        if supported:  # the same for all of them
            console.print(f"supported: {supported}", markup=False)
        if found.problem:
            console.print(f"refused: {found.problem}", markup=False)
        raise typer.Exit(2)
    _print_network(model, found.network)
    given = {"--input-type": input_type, "--weights": weights, "--masks": masks}
    pairs = [(name, str(value)) for name, value in given.items() if value is not None]
    pairs += [("--quantize", text) for text in quantize or []]
    pairs += [("--head", head)] if head != "logits" else []
    options = "".join(f" {name} {shlex.quote(value)}" for name, value in pairs)
    console.print(f"next: hwgen build {model}{options} -o DIR", markup=False)


def _print_network(path: Path, network: Network) -> None:
    rows = table(
        f"{path}: network {network.name}",
        {"value": "left", "layer": "left", "shape": "right", "type": "left", "weights": "right", "left": "right",
         "zero": "right", "details": "left"},
    )  # fmt: skip
    for source in network.inputs:
        how = f"data quantized by {source.quantizer}" if source.quantizer else "data must lie on this grid"
        rows.add_row(
            source.value.name, "input", shape_text(source.value.shape), str(source.value.type), "", "", "", how
        )
    for layer in network.layers:
        cells = ["", "", "", ""]
        match layer:
            case Dense() | Conv():
                weight = layer.weight
                cells = [
                    str(weight.size),
                    str(weight.nonzeros),
                    percent(weight.size - weight.nonzeros, weight.size),
                    f"weight {weight.type}",
                ]
            case Requantize():
                cells[3] = f"{layer.rounding.value}, {layer.overflow.value}"
            case StepFunction():
                cells[3] = f"{layer.origin}, {layer.thresholds.shape[1]} thresholds"
            case _:
                pass
        kind = type(layer).__name__
        rows.add_row(layer.output.name, kind, shape_text(layer.output.shape), str(layer.output.type), *cells)
    console.print(rows)
    console.print()
    exact = table(
        "float32 (how Keras computes) against exact arithmetic", {"layer": "left", "float32": "left", "why": "left"}
    )
    for entry in network.exactness:
        exact.add_row(entry.layer, "exact" if entry.float32_exact else "rounds", entry.reason)
    console.print(exact)
    for note in network.notes:
        console.print(f"note: {note}", markup=False)
    verdict = (
        "Keras in float32 computes exactly this network's outputs."
        if network.float32_exact
        else "Keras's own float32 rounds in the layers above; hwgen computes the exact values."
    )
    console.print(verdict)
