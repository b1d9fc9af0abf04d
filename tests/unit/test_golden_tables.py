"""Quantizers against tables that were recorded from QKeras 0.9.0: every point, ties and saturation included, exactly.

The tables lie beside the checkout (../shared/oracles); without them these tests skip. Their tensors have one axis,
which matters where the scale is taken from the tensor.
"""

import json
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hwgen.frontend.activations import activation_quantizer
from hwgen.frontend.affine import Affine, integer_steps
from hwgen.frontend.parameters import quantize_parameter
from hwgen.frontend.quantizer_config import parse_quantizer_config
from hwgen.frontend.quantizer_types import QuantizedRelu, QuantizerConfig

SUPPORTED = ("quantized_bits(", "quantized_relu(", "ternary(", "binary(")


@pytest.fixture(scope="module")
def tables(shared: Path) -> dict[str, Any]:
    """Quantizer to its recorded case, those that hwgen supports."""
    cases = json.loads((shared / "oracles" / "qkeras_0_9_0_golden_tables.json").read_text())["cases"]
    return {case["quantizer"]: case for case in cases if case["quantizer"].startswith(SUPPORTED)}


def _parsed(text: str) -> QuantizerConfig:
    config = parse_quantizer_config(text, "the table")
    assert config is not None
    assert not isinstance(config, str)
    return config


def _exact(numbers: list[float]) -> list[Fraction]:
    """The float32 numbers that the table holds, in decimal, as the rationals that they are."""
    return [Fraction(float(np.float32(number))) for number in numbers]


def _on_a_grid(numbers: list[Fraction]) -> tuple[Fraction, list[int]]:
    """A common step, and each number in units of it."""
    step = Fraction(1, max(number.denominator for number in numbers))
    return step, [int(number / step) for number in numbers]


def test_activations_agree_with_qkeras_at_every_recorded_point(tables: dict[str, Any]) -> None:
    """Through the thresholds that a network is built from, one channel for each point."""
    points = 0
    for text, case in tables.items():
        if "auto" in text:
            continue
        quantizer = activation_quantizer(_parsed(text), "the table")
        inputs, expected = _exact(case["input"]), _exact(case["expected"])
        step, codes = _on_a_grid(inputs)
        for code, value in zip(codes, expected, strict=True):
            channel = [Affine.linear(step)]
            thresholds, levels = integer_steps(channel, quantizer.step, [code], [code], "the table")
            assert thresholds.size == 0
            assert int(levels[0, 0]) * quantizer.type.lsb * quantizer.scale == value, (text, float(code * step))
        points += len(expected)
    assert points > 3000


def test_activations_agree_with_qkeras_as_one_step_function_each(tables: dict[str, Any]) -> None:
    """The same points through all thresholds at once, on a grid that holds them: counting those at or below a code."""
    for text, case in tables.items():
        quantizer = None if "auto" in text else activation_quantizer(_parsed(text), "the table")
        if quantizer is None or quantizer.type.width > 12:  # more levels than are needed to tell
            continue
        inputs, expected = _exact(case["input"]), _exact(case["expected"])
        on_grid = [(x, y) for x, y in zip(inputs, expected, strict=True) if (x * 2**10).denominator == 1]
        codes = [int(x * 2**10) for x, _ in on_grid]
        channel = [Affine.linear(Fraction(1, 2**10))]
        thresholds, levels = integer_steps(channel, quantizer.step, [min(codes)], [max(codes)], "the table")
        passed = (thresholds[0][None, :] <= np.array(codes)[:, None]).sum(axis=1)
        for level, (x, y) in zip(levels[0][passed].tolist(), on_grid, strict=True):
            assert level * quantizer.type.lsb * quantizer.scale == y, (text, float(x))


def test_weights_agree_with_qkeras_at_every_recorded_point_or_say_that_float32_rounds(tables: dict[str, Any]) -> None:
    points = 0
    for text, case in tables.items():
        config = _parsed(text)
        if isinstance(config, QuantizedRelu):
            continue
        tensor = quantize_parameter(np.array(case["input"], dtype=np.float32), config, "the table")
        differ = sum(a != b for a, b in zip(tensor.values(), _exact(case["expected"]), strict=True))
        assert differ == 0 or tensor.remark is not None, text
        # A remark is no licence: whatever differs is float32's last bit.
        for ours, theirs in zip(tensor.values(), _exact(case["expected"]), strict=True):
            assert abs(ours - theirs) <= max(abs(ours), Fraction(1)) * Fraction(2) ** -20, text
        points += len(case["expected"])
    assert points > 2000
