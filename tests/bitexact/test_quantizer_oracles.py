"""Every quantizer three ways: as QKeras computes it, by its exact definition, and as hwgen's front end reads it."""

import json
import random
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from oracle.keras_environment import building, keras, quantizers, tf
from oracle.quantizer_rational import Exact, each, exact_activation, exact_parameter
from oracle.random_quantizers import activation_quantizer, bias_quantizer, kernel_quantizer

from hwgen.frontend.activations import activation_quantizer as read_activation
from hwgen.frontend.parameters import quantize_parameter
from hwgen.frontend.quantizer_config import QuantizerConfig, parse_quantizer_config

TABLES = "oracles/qkeras_0_9_0_golden_tables.json"
SUPPORTED = ("quantized_bits", "quantized_relu", "ternary", "binary")
RANDOM_QUANTIZERS = 150

keras.backend.set_image_data_format("channels_last")


def qkeras_quantizer(text: str) -> object:
    with building():
        return quantizers.get_quantizer(text)


def hwgen_config(text: str) -> QuantizerConfig:
    config = parse_quantizer_config(text, "here")
    assert config is not None
    assert not isinstance(config, str)
    return config


def by_hwgen_activation(text: str, values: Exact) -> Exact:
    """Count the thresholds that each value has reached, and look the level up."""
    quantizer = read_activation(hwgen_config(text), "here")
    step = quantizer.step
    thresholds = [step.threshold(k) for k in range(step.steps)]

    def value(x: Fraction) -> Fraction:
        reached = sum(x > t.at if t.strict else x >= t.at for t in thresholds)
        return step.level(reached) * quantizer.type.lsb * quantizer.scale

    return each(value, values)


def fractions(values: object) -> Exact:
    return each(Fraction, np.asarray(values, dtype=np.float64).astype(object))


def same_but_for_float32(exact: Exact, keras_values: object) -> bool:
    """Whether QKeras's ``x + (xq - x)`` in float32 is nearer to each exact value than a thousandth of the smallest step."""
    steps = sorted({abs(a - b) for a in exact.flat for b in exact.flat if a != b})
    smallest = steps[0] if steps else Fraction(1)
    return all(abs(a - b) * 1000 < smallest for a, b in zip(exact.flat, fractions(keras_values).flat, strict=True))


def test_golden_tables_are_reproduced_at_every_point(shared: Path) -> None:
    cases = json.loads((shared / TABLES).read_text())["cases"]
    cases = [case for case in cases if case["quantizer"].split("(")[0] in SUPPORTED]
    assert len(cases) == 54
    for case in cases:
        text, inputs = case["quantizer"], np.array(case["input"], dtype=np.float32)
        quantizer = qkeras_quantizer(text)
        if "auto" in text:
            exact = exact_parameter(quantizer, inputs)
            by_hwgen = quantize_parameter(inputs, hwgen_config(text), "here").values()
        else:
            exact = each(exact_activation(quantizer), fractions(inputs))
            by_hwgen = by_hwgen_activation(text, fractions(inputs)).tolist()
        assert same_but_for_float32(exact, case["expected"]), text
        assert by_hwgen == exact.tolist(), text


def points_around_decisions(quantizer: object, rng: np.random.Generator) -> NDArray[np.float32]:
    """float32 values on, beside and between every tie and limit of a quantizer of up to 8 bits."""
    integer = int(getattr(quantizer, "integer", 0))
    step = 2.0 ** (integer - int(getattr(quantizer, "bits", 2)) - 4)
    grid = (np.arange(-24 * 2**4, 24 * 2**4) * step * 2).astype(np.float32)
    special = np.array([0.0, -0.0, 0.33, -0.33, 0.5, 0.2, -0.2, 0.8, 2.0**integer, 1e-30, -1e-30, 40.0], dtype=np.float32)
    centres = np.concatenate([grid, special, rng.normal(scale=2.0**integer, size=50).astype(np.float32)])
    above, below = np.nextafter(centres, np.float32(np.inf)), np.nextafter(centres, np.float32(-np.inf))
    return np.concatenate([centres, above, below])


@pytest.mark.parametrize("seed", range(4))
def test_random_activation_quantizers_agree_on_and_beside_every_tie(seed: int) -> None:
    rng = random.Random(seed)
    for _ in range(RANDOM_QUANTIZERS // 4):
        text = activation_quantizer(rng)
        quantizer = qkeras_quantizer(text)
        inputs = points_around_decisions(quantizer, np.random.default_rng(rng.randrange(2**32)))
        exact = each(exact_activation(quantizer), fractions(inputs))
        assert by_hwgen_activation(text, fractions(inputs)).tolist() == exact.tolist(), text
        assert same_but_for_float32(exact, quantizer(tf.constant(inputs))), text


@pytest.mark.parametrize("seed", range(4))
def test_random_weight_quantizers_agree_on_kernels_and_biases(seed: int) -> None:
    rng, numbers = random.Random(seed), np.random.default_rng(seed)
    for _ in range(RANDOM_QUANTIZERS // 4):
        is_bias = rng.random() < 0.3
        text = bias_quantizer(rng) if is_bias else kernel_quantizer(rng)
        shape = (5,) if is_bias else rng.choice([(7, 4), (3, 2, 3), (2, 3, 2, 4)])
        scale = rng.choice([0.1, 1.0, 4.0])
        weights = (numbers.normal(scale=scale, size=shape) * (numbers.random(shape) > rng.choice([0, 0.7]))).astype(np.float32)
        quantizer = qkeras_quantizer(text)
        exact = exact_parameter(quantizer, weights)
        assert quantize_parameter(weights, hwgen_config(text), "here").values() == exact.ravel().tolist(), text
