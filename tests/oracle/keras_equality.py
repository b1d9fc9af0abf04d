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
from oracle.keras_rational import NotExactError, keras_outputs, output_layers, trace
from oracle.quantizer_rational import Exact, each
from oracle.random_graphs import RandomGraph
from oracle.random_models import RandomModel
from oracle.rational import two_to

Drawn = RandomModel | RandomGraph
Samples = NDArray[np.float32] | list[NDArray[np.float32]]
SAMPLES = 12
FORMS = ("h5", "keras", "json")


def check_equality(random: Drawn, folder: Path) -> Outcome:
    """Save a model, load it, run it.

    Raises:
        AssertionError: a claim does not hold; the message describes the model.
    """
    path, weights = random.save(folder, FORMS[random.seed % len(FORMS)])
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
    codes, by_keras = loaded.codes(_data(samples)), keras_outputs(random.model, samples)
    all_codes = codes if isinstance(codes, tuple) else (codes,)
    all_by_keras = by_keras if isinstance(by_keras, list) else [by_keras]
    names = [layer.name for layer in output_layers(random.model)]
    _check_quantizers(loaded, samples, exact, random)
    wrong, error = 0.0, 0.0
    for name, value, found, predicted in zip(names, network.outputs, all_codes, all_by_keras, strict=True):
        expected = exact[name]
        _assert_same(_values(found, network.value(value).type.fraction), expected, "the output codes", random)
        in_float32 = each(Fraction, np.asarray(predicted).astype(object))
        if network.float32_exact:
            _assert_same(in_float32, expected, "Keras, where float32 is said to be exact,", random)
        largest = max((abs(number) for number in expected.flat), default=Fraction(0)) or Fraction(1)
        distance = max(abs(a - b) for a, b in zip(in_float32.flat, expected.flat, strict=True)) / largest
        wrong, error = max(wrong, float((in_float32 != expected).mean())), max(error, float(distance))
    return Outcome("float32 is exact") if network.float32_exact else Outcome("float32 rounds", f"{wrong:.4f}", error)


def _data(samples: Samples) -> Samples:
    """What ``hwgen`` takes: an array for one input, a list for several."""
    return samples[0] if isinstance(samples, list) and len(samples) == 1 else samples


def _exact_steps(random: Drawn, samples: Samples) -> dict[str, Exact] | None:
    """Every layer's exact output, or None where the model has no exact fixed-point meaning."""
    given = samples if isinstance(samples, list) else [samples]
    try:
        steps = trace(random.model, [each(Fraction, array.astype(object)) for array in given])
        found = {step.name: step.output for step in steps}
    except NotExactError:
        return None
    ends = [found[layer.name] for layer in output_layers(random.model)]
    return found if all(isinstance(number, Fraction) for end in ends for number in end.flat) else None


def _values(codes: NDArray[np.int64], fraction: int) -> Exact:
    return each(lambda code: code * two_to(-fraction), codes.astype(object))


def _assert_same(actual: Exact, expected: Exact, what: str, random: Drawn) -> None:
    assert actual.shape == expected.shape, f"{what}: shape {actual.shape}, not {expected.shape}\n{random}"
    wrong = np.argwhere(actual != expected)
    if len(wrong):
        at = tuple(wrong[0])
        raise AssertionError(
            f"{what} differ from the exact values in {len(wrong)} of {expected.size} places, first at "
            f"{wrong[0].tolist()}: {actual[at]}, not {expected[at]}\n{random}"
        )


def _check_quantizers(loaded: Any, samples: Samples, exact: dict[str, Exact], random: Drawn) -> None:
    """Inside the network too: each quantizer's codes, where the network keeps a value of the layer's name."""
    inside = loaded.trace(_data(samples))
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
