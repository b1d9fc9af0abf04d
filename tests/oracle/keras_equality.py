"""One random model through hwgen, the exact evaluator and Keras: all the claims on equality, checked."""

import math
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import hwgen
from hwgen.errors import TypeRangeError, UnsupportedError
from oracle.equality_summary import Outcome
from oracle.keras_environment import unwrapped
from oracle.keras_rational import NotExactError, keras_outputs, trace
from oracle.quantizer_rational import Exact, each
from oracle.random_models import RandomModel, random_model
from oracle.rational import two_to

SAMPLES = 12
FORMS = ("h5", "keras", "json")


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
            f"{what} differ from the exact values in {len(wrong)} of {expected.size} places, first at "
            f"{wrong[0].tolist()}: {actual[at]}, not {expected[at]}\n{random}"
        )


def _check_quantizers(loaded: Any, samples: NDArray[np.float32], exact: dict[str, Exact], random: RandomModel) -> None:
    """Inside the network too: each quantizer's codes, where the network keeps a value of the layer's name."""
    inside = loaded.trace(samples)
    for layer in map(unwrapped, random.model.layers):
        own = hasattr(layer, "quantizer")
        quantizer = layer.quantizer if own else getattr(layer, "activation", None)
        name = layer.name if own else f"{layer.name}_activation"
        if hasattr(quantizer, "bits") and name in inside and _is_power_of_two(getattr(quantizer, "alpha", None)):
            fraction = loaded.network.value(name).type.fraction
            _assert_same(_values(inside[name], fraction), exact[layer.name], f"codes of {name}", random)


def _is_power_of_two(alpha: float | None) -> bool:
    """Whether codes are the values but for a shift; else the network carries the scale on to the next layer."""
    return alpha is None or math.frexp(alpha)[0] == 0.5
