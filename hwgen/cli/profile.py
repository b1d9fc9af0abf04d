"""``hwgen profile``: what data make of a model's types."""

import json
from pathlib import Path
from typing import Annotated

import typer

from hwgen import api
from hwgen.cli.arrays import read_array
from hwgen.cli.options import HeadText, InputTypeText, MasksFile, ModelFile, QuantizeTexts, WeightsFile, by_layer
from hwgen.cli.tables import console, table


def profile_command(
    model: ModelFile,
    inputs: Annotated[Path, typer.Option(help="Data (.npy), (samples, ...).")],
    as_json: Annotated[bool, typer.Option("--json", help="JSON instead of a table.")] = False,
    input_type: InputTypeText = None,
    weights: WeightsFile = None,
    masks: MasksFile = None,
    quantize: QuantizeTexts = None,
    head: HeadText = "logits",
) -> None:
    """Print a row a value: numbers seen and allowed, bits that nothing used, codes that an overflow changed."""
    loaded = api.load(model, weights, input_type, masks, by_layer(quantize), head)
    found = api.profile(loaded, read_array(inputs))
    if as_json:
        typer.echo(json.dumps([_document(each) for each in found], indent=2))
        return
    columns = ("type", "allowed", "seen", "bits", "unused above", "unused below", "overflown")
    rows = table(f"{model}: values on {inputs}", {"value": "left", "layer": "left"} | dict.fromkeys(columns, "right"))
    for each in found:
        rows.add_row(
            each.value,
            f"{each.layer} ({each.kind})" if each.layer else each.kind,
            str(each.type),
            _range(each, each.type.min_code, each.type.max_code),
            _range(each, each.low, each.high),
            str(each.type.width),
            str(each.top_unused),
            str(each.bottom_unused),
            "" if each.saturated is None else f"{each.saturated:.2%}",
        )
    console.print(rows)


def _range(each: api.ValueProfile, low: int, high: int) -> str:
    return f"{float(low * each.type.lsb):g} to {float(high * each.type.lsb):g}"


def _document(each: api.ValueProfile) -> dict[str, object]:
    return {
        "value": each.value,
        "layer": each.layer or None,
        "kind": each.kind,
        "type": str(each.type),
        "codes": each.codes,
        "low": each.low,
        "high": each.high,
        "lowest_allowed": each.type.min_code,
        "highest_allowed": each.type.max_code,
        "unused_above": each.top_unused,
        "unused_below": each.bottom_unused,
        "overflown": each.saturated,
    }
