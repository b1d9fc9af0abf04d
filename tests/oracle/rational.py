"""Rounding and overflow written down from AMD UG1399 with exact rationals, one number at a time.

Modes are named by the strings of ``ap_fixed``; a type is three plain integers. Nothing of hwgen is used.
"""

import math
from fractions import Fraction

HALF = Fraction(1, 2)

ROUNDINGS = ("TRN", "TRN_ZERO", "RND", "RND_ZERO", "RND_INF", "RND_MIN_INF", "RND_CONV")
OVERFLOWS = ("WRAP", "SAT", "SAT_ZERO", "SAT_SYM")


def two_to(exponent: int) -> Fraction:
    """``2**exponent`` for an exponent of either sign."""
    return Fraction(2) ** exponent


def round_rational(value: Fraction, rounding: str) -> int:
    """The integer that a rounding mode gives for a rational number."""
    sign = -1 if value < 0 else 1
    match rounding:
        case "TRN":
            return math.floor(value)
        case "TRN_ZERO":
            return sign * math.floor(abs(value))
        case "RND":
            return math.floor(value + HALF)
        case "RND_MIN_INF":
            return math.ceil(value - HALF)
        case "RND_INF":
            return sign * math.floor(abs(value) + HALF)
        case "RND_ZERO":
            return sign * math.ceil(abs(value) - HALF)
        case "RND_CONV":
            below, above = math.floor(value), math.ceil(value)
            if value - below != above - value:
                return below if value - below < above - value else above
            return below if below % 2 == 0 else above
    raise ValueError(rounding)


def code_limits(signed: bool, width: int) -> tuple[int, int]:
    """Lowest and highest code of a two's complement or an unsigned type."""
    return (-(2 ** (width - 1)), 2 ** (width - 1) - 1) if signed else (0, 2**width - 1)


def overflow_rational(code: int, signed: bool, width: int, overflow: str) -> int:
    """The code that an overflow mode leaves of an integer of any size."""
    low, high = code_limits(signed, width)
    match overflow:
        case "WRAP":
            return (code - low) % 2**width + low
        case "SAT":
            return min(max(code, low), high)
        case "SAT_ZERO":
            return code if low <= code <= high else 0
        case "SAT_SYM":
            # One signed bit has no positive code to mirror: ap_fixed keeps -1.
            lowest = -high if signed and width > 1 else low
            return min(max(code, lowest), high)
    raise ValueError(overflow)


def quantize_rational(value: Fraction, signed: bool, width: int, fraction: int, rounding: str, overflow: str) -> int:
    """The code of a rational value: scale, round, resolve overflow, in that order."""
    return overflow_rational(round_rational(value * two_to(fraction), rounding), signed, width, overflow)
