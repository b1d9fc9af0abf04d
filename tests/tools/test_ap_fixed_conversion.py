"""``requantize`` against the compiled ``ap_fixed`` header: every mode, all codes of small types, edges of wide ones."""

import os
import random
from pathlib import Path

import numpy as np
import pytest
from oracle.ap_fixed import Conversion, convert_in_every_mode
from oracle.rational import code_limits

from hwgen.fixed import FixedType, Overflow, Quantizer, Rounding, requantize

# Each conversion costs a compiler a second; a fuzz run makes a tenth as many as models, the nightly run asks for more.
CONVERSIONS = int(os.environ.get("HWGEN_AP_FIXED_CONVERSIONS", "12"))
FUZZ = int(os.environ.get("HWGEN_FUZZ", "300")) // 10
SEED = int(os.environ.get("HWGEN_AP_FIXED_SEED", "0"))


def small_conversion(rng: random.Random) -> Conversion:
    """Types of 1 to 9 bits, fractions that shift by up to 9 bits either way, every code."""
    signed, width, fraction = rng.random() < 0.5, rng.randint(1, 8), rng.randint(-3, 10)
    low, high = code_limits(signed, width)
    target = rng.random() < 0.5, rng.randint(1, 9), fraction - rng.randint(-6, 9)
    return Conversion(signed, width, fraction, *target, np.arange(low, high + 1, dtype=np.int64))


def wide_conversion(rng: random.Random) -> Conversion:
    """Types up to 64 bits; codes at the ends, around the target's ends and ties, and anywhere."""
    signed, target_signed = rng.random() < 0.5, rng.random() < 0.5
    width, target_width = rng.randint(9, 63), rng.randint(1, 64 if target_signed else 63)
    fraction = rng.randint(-8, 40)
    shift = rng.randint(width - 63, 40)
    low, high = code_limits(signed, width)
    step = 2 ** max(shift, 1)
    target_low, target_high = code_limits(target_signed, target_width)
    centres = [low, high, 0, target_low * step, target_high * step]
    centres += [step * rng.randint(-40, 40) // 2 for _ in range(20)] + [rng.randint(low, high) for _ in range(20)]
    codes = {centre + offset for centre in centres for offset in (-step // 2, -1, 0, 1, step // 2)}
    within = sorted(code for code in codes if low <= code <= high)
    return Conversion(
        signed, width, fraction, target_signed, target_width, fraction - shift, np.array(within, dtype=np.int64)
    )


def check(seed: int, count: int, cxx: str, folder: Path) -> None:
    """Compare ``count`` random conversions, a quarter of them wide."""
    rng = random.Random(seed)
    conversions = [wide_conversion(rng) if number % 4 == 3 else small_conversion(rng) for number in range(count)]
    for conversion, by_mode in zip(conversions, convert_in_every_mode(conversions, cxx, folder), strict=True):
        source = FixedType(conversion.signed, conversion.width, conversion.fraction)
        target = FixedType(conversion.target_signed, conversion.target_width, conversion.target_fraction)
        for (rounding, overflow), by_header in by_mode.items():
            quantizer = Quantizer(target, Rounding[rounding], Overflow[overflow])
            by_hwgen = requantize(conversion.codes, source, quantizer)
            assert by_hwgen.tolist() == by_header.tolist(), f"{source} to {quantizer}"


def test_requantize_equals_the_ap_fixed_header_in_every_mode(cxx: str, tmp_path: Path) -> None:
    check(SEED, CONVERSIONS, cxx, tmp_path)


@pytest.mark.fuzz
@pytest.mark.parametrize("batch", range(1, 1 + -(-FUZZ // 10)))
def test_more_conversions_equal_the_header(batch: int, cxx: str, tmp_path: Path) -> None:
    check(SEED + 1000 + batch, 10, cxx, tmp_path)
