"""``step_functions.json``: how each step function of a project is computed, and that it was checked at every threshold.

``hwgen verify`` reads it and checks again.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, assert_never

from hwgen.circuit import Circuit
from hwgen.circuit.operations import Read
from hwgen.circuit.quantize import step_form
from hwgen.fixed.step import MultiplyAddShift
from hwgen.fixed.step_check import codes_to_check, first_wrong
from hwgen.fixed.step_form import Comparators, StepForm, Table
from hwgen.ir import Network, StepFunction

CERTIFICATE_FILE = "step_functions.json"
FORMAT = 1


@dataclass(frozen=True, slots=True)
class ChannelForm:
    """How one channel's step function, or the one of all channels, is computed.

    Attributes:
        row: of the layer's thresholds.
        low, high: the codes for which the form is right.
    """

    row: int
    low: int
    high: int
    form: StepForm


def certificate(network: Network, forms: Iterable[tuple[StepFunction, Sequence[ChannelForm]]]) -> str:
    """Check every form and write down that it was, deterministically.

    Args:
        forms: of every step function of the network.
    """
    entries = [_entry(layer, channel) for layer, channels in forms for channel in channels]
    document = {"format": FORMAT, "network": network.name, "step_functions": entries}
    head = json.dumps({**document, "step_functions": []}, indent=2)
    rows = ",\n".join("    " + json.dumps(entry) for entry in entries)
    return head.replace('"step_functions": []', f'"step_functions": [\n{rows}\n  ]') + "\n"


def circuit_forms(network: Network, circuit: Circuit) -> list[tuple[StepFunction, list[ChannelForm]]]:
    """The forms that a circuit's words are made of: one for each row of thresholds and each range that a word has."""
    words = dict(circuit.values)
    for port, value in enumerate(circuit.inputs):
        words[value.name] = tuple(
            number
            for number, word in enumerate(circuit.words)
            if isinstance(word.operation, Read) and word.operation.port == port
        )
    found = []
    for layer in network.layers:
        if isinstance(layer, StepFunction):
            rows = len(layer.thresholds)
            ranges = {
                (i % rows if rows > 1 else 0, circuit.words[word].low, circuit.words[word].high)
                for i, word in enumerate(words[layer.input])
            }
            forms = [ChannelForm(row, low, high, step_form(layer, row, low, high)) for row, low, high in sorted(ranges)]
            found.append((layer, forms))
    return found


def _entry(layer: StepFunction, channel: ChannelForm) -> dict[str, Any]:
    thresholds, levels = layer.thresholds[channel.row].tolist(), layer.levels[channel.row].tolist()
    wrong = first_wrong(channel.form, thresholds, levels, channel.low, channel.high)
    assert wrong is None, f"layer {layer.name!r}: a form of row {channel.row} is wrong at {wrong}"
    return {
        "layer": layer.name,
        "channel": channel.row if len(layer.thresholds) > 1 else None,
        "low": channel.low,
        "high": channel.high,
        **_form(channel.form),
        "sha256": steps_digest(thresholds, levels),
        "checked_codes": len(codes_to_check(channel.form, thresholds, channel.low, channel.high)),
    }


def _form(form: StepForm) -> dict[str, Any]:
    match form:
        case MultiplyAddShift():
            constants = {"multiplier": form.multiplier, "addend": form.addend, "shift": form.shift}
            return {"form": "multiply_add_shift", **constants, "clip": [form.low, form.high]}
        case Comparators():
            return {"form": "comparators", "thresholds": form.thresholds, "levels": form.levels}
        case Table():
            return {"form": "table", "bits": form.bits, "levels": form.levels}
        case _:
            assert_never(form)


def steps_digest(thresholds: Sequence[int], levels: Sequence[int]) -> str:
    """sha256 of the thresholds and levels of one channel."""
    return sha256(json.dumps([list(thresholds), list(levels)], separators=(",", ":")).encode()).hexdigest()
