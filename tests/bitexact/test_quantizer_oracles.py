"""Every quantizer three ways: as QKeras computes it, by its exact definition, and as hwgen's front end reads it."""

import json
import random
from bisect import bisect_right
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from oracle.keras_environment import building, quantizers, tf
from oracle.quantizer_rational import Exact, each, exact_activation, exact_parameter
from oracle.random_quantizers import activation_quantizer, bias_quantizer, kernel_quantizer

from hwgen.frontend.activations import activation_quantizer as read_activation
from hwgen.frontend.parameters import quantize_parameter
from hwgen.frontend.quantizer_config import QuantizerConfig, parse_quantizer_config

TABLES = "oracles/qkeras_0_9_0_golden_tables.json"
SUPPORTED = ("quantized_bits", "quantized_relu", "ternary", "binary")
RANDOM_QUANTIZERS = 20  # of each kind and seed


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
    thresholds = [(t.at, t.strict) for t in map(step.threshold, range(step.steps))]

    def value(x: Fraction) -> Fraction:
        return step.level(bisect_right(thresholds, (x, False))) * quantizer.type.lsb * quantizer.scale

    return each(value, values)


def fractions(values: object) -> Exact:
    return each(Fraction, np.asarray(values, dtype=np.float64).astype(object))


def snapped(keras_values: object, exact: Exact) -> list[Fraction]:
    """QKeras's float32 results, each moved to the nearest level: its ``x + (xq - x)`` is not always quite ``xq``."""
    levels = sorted(set(exact.flat))
    edges = [float(a + b) / 2 for a, b in pairwise(levels)]
    return [levels[k] for k in np.searchsorted(edges, np.asarray(keras_values, dtype=np.float64).ravel())]


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
        assert snapped(case["expected"], exact) == exact.tolist(), text
        assert by_hwgen == exact.tolist(), text


def points_around_decisions(quantizer: object, rng: np.random.Generator) -> NDArray[np.float32]:
    """float32 values on, just beside and between the ties and limits of a quantizer of up to 8 bits."""
    integer, bits = int(getattr(quantizer, "integer", 0)), int(getattr(quantizer, "bits", 2))
    half_steps = np.ldexp(np.arange(-(2 ** (bits + 2)), 2 ** (bits + 2) + 1, dtype=np.float32), integer - bits - 1)
    special = np.float32([0.33, -0.33, 0.5, 0.2, -0.2, 0.8, 1e-30, -1e-30, 40.0, -0.0])
    centres = np.concatenate([half_steps, special, np.float32(rng.normal(scale=2.0**integer, size=50))])
    beside = [np.nextafter(centres, np.float32(end)) for end in (-np.inf, np.inf)]
    points = np.concatenate([centres, *beside])
    # TensorFlow takes subnormal numbers for zero.
    return points[(points == 0) | (np.abs(points) >= np.finfo(np.float32).tiny)]


@pytest.mark.parametrize("seed", range(4))
def test_random_activation_quantizers_agree_on_and_beside_every_tie(seed: int) -> None:
    rng = random.Random(seed)
    for _ in range(RANDOM_QUANTIZERS):
        text = activation_quantizer(rng)
        quantizer = qkeras_quantizer(text)
        inputs = points_around_decisions(quantizer, np.random.default_rng(rng.randrange(2**32)))
        exact = each(exact_activation(quantizer), fractions(inputs))
        assert by_hwgen_activation(text, fractions(inputs)).tolist() == exact.tolist(), text
        assert snapped(quantizer(tf.constant(inputs)), exact) == exact.tolist(), text


@pytest.mark.parametrize("seed", range(4))
def test_random_weight_quantizers_agree_on_kernels_and_biases(seed: int) -> None:
    rng, numbers = random.Random(seed), np.random.default_rng(seed)
    for _ in range(5 * RANDOM_QUANTIZERS):
        is_bias = rng.random() < 0.3
        text = bias_quantizer(rng) if is_bias else kernel_quantizer(rng)
        shape = (5,) if is_bias else rng.choice([(7, 4), (3, 2, 3), (2, 3, 2, 4)])
        scale = rng.choice([0.1, 1.0, 4.0])
        grid = rng.choice([2.0**-3, 2.0**-30])  # the coarse one makes ties
        kept = numbers.random(shape) > rng.choice([0, 0.7])
        weights = (np.round(numbers.normal(scale=scale, size=shape) / grid) * grid * kept).astype(np.float32)
        quantizer = qkeras_quantizer(text)
        exact = exact_parameter(quantizer, weights)
        assert quantize_parameter(weights, hwgen_config(text), "here").values() == exact.ravel().tolist(), text
