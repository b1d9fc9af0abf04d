"""What became of random models, and the lines about it at the end of a test run; imports nothing heavy."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one model.

    Attributes:
        kind: "refused", "float32 is exact" or "float32 rounds".
        detail: of a refusal, its sentence without names and numbers; else the share of Keras's outputs that differ.
        error: Keras's largest error relative to its largest output.
    """

    kind: str
    detail: str = ""
    error: float = 0.0


def summary(outcomes: Iterable[Outcome]) -> list[str]:
    """Lines for the end of a test run: how many models were equal, and how far Keras itself was off."""
    outcomes = list(outcomes)
    kinds = Counter(outcome.kind for outcome in outcomes)
    rounding = [outcome for outcome in outcomes if outcome.kind == "float32 rounds"]
    off = [outcome for outcome in rounding if outcome.error > 0]
    lines = [
        f"{len(outcomes)} random models: {kinds['refused']} refused, the rest exact in every code",
        f"where float32 is exact, Keras gave the same codes: {kinds['float32 is exact']} models",
        f"where float32 rounds, Keras was off in {len(off)} of {len(rounding)} models, at worst by "
        f"{max((outcome.error for outcome in off), default=0.0):.2g} of its largest output",
    ]
    reasons = Counter(outcome.detail for outcome in outcomes if outcome.kind == "refused")
    return lines + [f"refused {count}: {reason}" for reason, count in reasons.most_common()]


def fuzz_summary(outcomes: Iterable[dict[str, Any]]) -> list[str]:
    """Lines about the models of the fuzzer: how many were exact, compared with what, and why others were refused."""
    outcomes = list(outcomes)
    exact = [outcome for outcome in outcomes if outcome["kind"] == "exact"]
    circuits = Counter(interface for outcome in exact for interface in outcome["circuits"])
    compiled = Counter(outcome["csim"] for outcome in exact if outcome["csim"])
    lines = [
        f"{len(outcomes)} models of 1 to {max(outcome['layers'] for outcome in outcomes)} layers: {len(exact)} exact "
        f"in every code, {len(outcomes) - len(exact)} refused",
        f"float32 is exact and Keras gave the same codes: {sum(outcome['keras'] for outcome in exact)} models",
        "circuits with the same codes: " + ", ".join(f"{count} {name}" for name, count in sorted(circuits.items())),
        f"compiled C++ with the same codes: {sum(compiled.values())} models; "
        + ", ".join(f"{count} {name}" for name, count in sorted(compiled.items())),
    ]
    reasons = Counter(outcome["refusal"] for outcome in outcomes if outcome["kind"] == "refused")
    notes = Counter(note for outcome in exact for note in outcome["notes"])
    return lines + [f"refused {count}: {reason}" for found in (reasons, notes) for reason, count in found.most_common()]
