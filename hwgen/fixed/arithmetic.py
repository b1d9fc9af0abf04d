"""Values to codes and codes to codes, exactly, in int64, over whole arrays."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hwgen.errors import InputError, TypeRangeError
from hwgen.fixed.types import FixedType, IntArray, Overflow, Quantizer, Rounding

_INT64_BITS = 63
_FLOAT64_BITS = 53


def value_of(code: IntArray, source: FixedType) -> NDArray[np.float64]:
    """Return the values that codes stand for, in float64.

    Args:
        code: any shape; integers in units of ``2**-source.fraction``.
    Raises:
        TypeRangeError: a value needs more than a float64's 53 bits or its exponent.
    """
    code = np.asarray(code, dtype=np.int64)
    values = code.astype(np.float64)
    # 2**63 - 1 becomes 2**63, which is no int64.
    rounded = values >= 2.0**_INT64_BITS
    rounded |= np.where(rounded, 0, values).astype(np.int64) != np.where(rounded, 0, code)
    if rounded.any():
        raise TypeRangeError(
            f"code {code[rounded][0]} of {source} needs more than 53 bits, so float64 cannot hold its value exactly."
        )
    with np.errstate(over="ignore"):
        scaled = np.ldexp(values, -source.fraction)
    if not np.isfinite(scaled).all():
        large = code[~np.isfinite(scaled)][0]
        raise TypeRangeError(f"code {large} of {source} stands for a value too large for float64.")
    return scaled


def quantize(value: ArrayLike, quantizer: Quantizer) -> IntArray:
    """Convert real values to codes, exactly as if computed on the rationals that the floats are.

    Args:
        value: any shape; finite floats, or integers below 2**53 in magnitude.
    Returns:
        Same shape; integers in units of ``2**-quantizer.type.fraction``.
    Raises:
        InputError: a value is NaN or infinite.
        TypeRangeError: wrapping a value would need more than float64 holds.
    """
    given = np.asarray(value)
    values = given.astype(np.float64)
    finite = np.isfinite(values)
    if not finite.all():
        raise InputError(f"values to quantize must be finite, got {values[~finite][0]}.")
    large = np.abs(values) >= 2.0**_FLOAT64_BITS
    if given.dtype.kind in "iu" and large.any():
        raise TypeRangeError(f"integer values to quantize must be below 2**53 in magnitude, got {given[large][0]}.")
    with np.errstate(over="ignore", under="ignore"):
        scaled = np.ldexp(values, quantizer.type.fraction)
    # A non-zero value that underflows still rounds by its sign.
    scaled = np.where((scaled == 0) & (values != 0), np.copysign(2.0**-1000, values), scaled)
    rounded = _round_float(scaled, quantizer.rounding)
    if quantizer.overflow is Overflow.WRAP:
        if not np.isfinite(rounded).all():
            raise TypeRangeError(
                f"{values[~np.isfinite(rounded)][0]} is too large to be wrapped to {quantizer.type}: float64 holds no "
                f"such code."
            )
        # The remainder of a float64 by a power of two is exact.
        rounded = np.fmod(rounded, 2.0 ** min(quantizer.type.width, 64))
        rounded = np.where(rounded >= 2.0**63, rounded - 2.0**64, rounded)
        rounded = np.where(rounded < -(2.0**63), rounded + 2.0**64, rounded)
        return _overflow(rounded.astype(np.int64), quantizer)
    if quantizer.type.width > 62:
        return _saturate_wide(rounded, quantizer)
    # Beyond 2**62 a saturating mode only needs to know the side.
    return _overflow(np.clip(rounded, -(2.0**62), 2.0**62).astype(np.int64), quantizer)


def _saturate_wide(rounded: NDArray[np.float64], quantizer: Quantizer) -> IntArray:
    """Saturate to types whose limits a float64 cannot hold exactly, one value at a time."""
    integers = np.array([_clamp_far(x) for x in rounded.ravel()], dtype=object)
    low, high = quantizer.low, quantizer.high
    outside = (integers > high) | (integers < quantizer.type.min_code)
    clipped = np.clip(integers, low, high)
    if quantizer.overflow is Overflow.SAT_ZERO:
        clipped = np.where(outside, 0, clipped)
    codes: IntArray = clipped.astype(np.int64).reshape(rounded.shape)
    return codes


def _clamp_far(value: float) -> int:
    return int(max(min(value, 2.0**70), -(2.0**70)))


def _round_float(scaled: NDArray[np.float64], rounding: Rounding) -> NDArray[np.float64]:
    """Round to integers by magnitude: whole part and remainder of a non-negative float64 are exact.

    The remainder above the floor of a small negative value would not be: -0.49999999999999994 + 1 rounds to one half.
    """
    size = np.abs(scaled)
    whole = np.floor(size)
    with np.errstate(invalid="ignore"):
        rest = np.where(np.isfinite(size), size - whole, 0.0)
        odd = np.where(np.isfinite(whole), np.fmod(whole, 2.0), 0.0) != 0
    negative = scaled < 0
    more, tie = rest > 0.5, rest == 0.5
    match rounding:
        case Rounding.TRN:
            away = negative & (rest > 0)
        case Rounding.TRN_ZERO:
            away = np.zeros(scaled.shape, dtype=bool)
        case Rounding.RND:
            away = more | (tie & ~negative)
        case Rounding.RND_MIN_INF:
            away = more | (tie & negative)
        case Rounding.RND_ZERO:
            away = more
        case Rounding.RND_INF:
            away = more | tie
        case Rounding.RND_CONV:
            away = more | (tie & odd)
    rounded: NDArray[np.float64] = np.copysign(whole + away, scaled)
    return rounded


def requantize(code: IntArray, source: FixedType, quantizer: Quantizer) -> IntArray:
    """Convert codes of one type to codes of another: shift and round, then resolve overflow.

    Args:
        code: any shape; integers in units of ``2**-source.fraction``.
    Returns:
        Same shape; integers in units of ``2**-quantizer.type.fraction``.
    Raises:
        TypeRangeError: a left shift would not fit int64.
    Source: AMD UG1399, quantization and overflow modes of ap_fixed.
    """
    code = np.asarray(code, dtype=np.int64)
    shift = source.fraction - quantizer.type.fraction
    if shift <= 0:
        return _overflow(_shift_left(code, -shift, source, quantizer), quantizer)
    return _overflow(_shift_right(code, shift, quantizer.rounding), quantizer)


def _shift_left(code: IntArray, shift: int, source: FixedType, quantizer: Quantizer) -> IntArray:
    if not code.size or not code.any():
        return code
    largest = max(int(code.max()), -int(code.min()) - 1)
    if shift and largest.bit_length() + shift > _INT64_BITS:
        raise TypeRangeError(
            f"converting {source} to {quantizer} shifts a code of {largest.bit_length() + 1} bits left by {shift}, "
            f"which does not fit int64; use types whose fractions are closer."
        )
    return code << shift


def _shift_right(code: IntArray, shift: int, rounding: Rounding) -> IntArray:
    if shift > _INT64_BITS - 1:
        # Python integers: 2**shift itself does not fit int64. One axis, because NumPy unwraps a 0-d object array.
        wide = code.astype(object).reshape(-1)
        return _round_right(wide, shift, rounding).astype(np.int64).reshape(code.shape)
    return _round_right(code, shift, rounding).astype(np.int64)


def _round_right(code: NDArray[Any], shift: int, rounding: Rounding) -> NDArray[Any]:
    """Divide integers, held as int64 or as Python objects, by ``2**shift`` and round."""
    floor = code >> shift
    if rounding is Rounding.TRN:
        return floor
    rest = code - (floor << shift)
    half = 1 << (shift - 1)
    negative = code < 0
    match rounding:
        case Rounding.TRN_ZERO:
            up = negative & (rest > 0)
        case Rounding.RND:
            up = rest >= half
        case Rounding.RND_MIN_INF:
            up = rest > half
        case Rounding.RND_ZERO:
            up = (rest > half) | ((rest == half) & negative)
        case Rounding.RND_INF:
            up = (rest > half) | ((rest == half) & ~negative)
        case Rounding.RND_CONV:
            up = (rest > half) | ((rest == half) & ((floor & 1) == 1))
    rounded: NDArray[Any] = floor + up.astype(code.dtype)
    return rounded


def _overflow(code: IntArray, quantizer: Quantizer) -> IntArray:
    """Bring codes into the range of ``quantizer.type``."""
    target = quantizer.type
    match quantizer.overflow:
        case Overflow.WRAP:
            if not target.signed:
                return code & target.max_code
            unused = 64 - target.width  # shifting out the high bits and back extends the sign
            return (code << unused) >> unused
        case Overflow.SAT | Overflow.SAT_SYM:
            return np.clip(code, quantizer.low, quantizer.high)
        case Overflow.SAT_ZERO:
            return np.where((code < target.min_code) | (code > target.max_code), 0, code)
