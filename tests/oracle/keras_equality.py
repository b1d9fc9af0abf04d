"""One random model through hwgen, the exact evaluator and Keras: all the claims on equality, checked, and a summary."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import hwgen
from hwgen.errors import TypeRangeError, UnsupportedError
from oracle.keras_rational import NotExactError, keras_outputs, trace
from oracle.quantizer_rational import Exact, each
from oracle.random_models import RandomModel, random_model
from oracle.rational import two_to

SAMPLES = 12
FORMS = ("h5", "keras", "json")


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


def check_equality(seed: int, folder: Path) -> Outcome:
    """Save the model of a seed, load it, run it.

    Raises:
        AssertionError: a claim does not hold; the message describes the model.
    """
    random = random_model(seed)
    path, weights = random.save(folder, FORMS[seed % len(FORMS)])
    samples = random.samples(SAMPLES)
    exact = _exact_steps(random, samples)
    try:
        loaded = hwgen.load(path, weights=weights, input_type=random.input_type)
    except (UnsupportedError, TypeRangeError) as refusal:
        sentence = str(refusal)
        assert any(words in sentence for words in random.refusals), f"refused without reason: {sentence}\n{random}"
        return Outcome("refused", sentence.split(": ", 1)[-1])
    assert exact is not None, f"accepted, although it has no exact meaning\n{random}"
    network = loaded.network
    codes = loaded.codes(samples)
    assert isinstance(codes, np.ndarray)
    expected = list(exact.values())[-1]
    fraction = network.value(network.outputs[0]).type.fraction
    _assert_same(_values(codes, fraction), expected, "the output codes", random)
    _check_quantizers(loaded, samples, exact, random)
    by_keras = each(Fraction, keras_outputs(random.model, samples).astype(object))
    differ = by_keras != expected
    if network.float32_exact:
        _assert_same(by_keras, expected, "Keras, where float32 is said to be exact,", random)
        return Outcome("float32 is exact")
    largest = max((abs(value) for value in expected.flat), default=Fraction(0)) or Fraction(1)
    error = max(abs(a - b) for a, b in zip(by_keras.flat, expected.flat, strict=True)) / largest
    return Outcome("float32 rounds", f"{float(differ.mean()):.4f}", float(error))


def _exact_steps(random: RandomModel, samples: NDArray[np.float32]) -> dict[str, Exact] | None:
    """Every layer's exact output, or None where the model has no exact fixed-point meaning."""
    try:
        steps = {step.name: step.output for step in trace(random.model, each(Fraction, samples.astype(object)))}
    except NotExactError:
        return None
    *_, last = steps.values()
    return steps if all(isinstance(number, Fraction) for number in last.flat) else None


def _values(codes: NDArray[np.int64], fraction: int) -> Exact:
    return each(lambda code: code * two_to(-fraction), codes.astype(object))


def _assert_same(actual: Exact, expected: Exact, what: str, random: RandomModel) -> None:
    assert actual.shape == expected.shape, f"{what}: shape {actual.shape}, not {expected.shape}\n{random}"
    wrong = np.argwhere(actual != expected)
    if len(wrong):
        at = tuple(wrong[0])
        raise AssertionError(
            f"{what} differ from the exact values in {len(wrong)} of {expected.size} places, first at {wrong[0].tolist()}: "
            f"{actual[at]}, not {expected[at]}\n{random}"
        )


def _check_quantizers(
    loaded: Any, samples: NDArray[np.float32], exact: dict[str, Exact], random: RandomModel
) -> None:
    """Inside the network too: each quantizer's codes, where the network keeps a value of the layer's name."""
    inside = loaded.trace(samples)
    for layer in random.model.layers:
        quantizer = getattr(layer, "quantizer", None) or getattr(layer, "activation", None)
        name = layer.name if hasattr(layer, "quantizer") else f"{layer.name}_activation"
        alpha = Fraction(getattr(quantizer, "alpha", None) or 1)
        if hasattr(quantizer, "bits") and name in inside and alpha.denominator & (alpha.denominator - 1) == 0:
            fraction = loaded.network.value(name).type.fraction
            if alpha.denominator < 2**20:  # 0.3 as a float has a large power of two below
                _assert_same(_values(inside[name], fraction), exact[layer.name], f"codes of {name}", random)


def summary(outcomes: Iterable[Outcome]) -> list[str]:
    """Lines for the end of a test run: how many models were equal, and how far Keras itself was off."""
    outcomes = list(outcomes)
    kinds = Counter(outcome.kind for outcome in outcomes)
    rounding = [outcome for outcome in outcomes if outcome.kind == "float32 rounds"]
    off = [outcome for outcome in rounding if outcome.error > 0]
    lines = [
        f"{len(outcomes)} random models: {len(outcomes) - kinds['refused']} equal to the exact evaluator in every code, "
        f"{kinds['refused']} refused",
        f"where float32 is exact, Keras gave the same codes: {kinds['float32 is exact']} models",
        f"where float32 rounds, Keras was off in {len(off)} of {len(rounding)} models, at worst by "
        f"{max((outcome.error for outcome in off), default=0.0):.2g} of its largest output",
    ]
    reasons = Counter(outcome.detail for outcome in outcomes if outcome.kind == "refused")
    return lines + [f"refused {count}: {reason}" for reason, count in reasons.most_common()]
