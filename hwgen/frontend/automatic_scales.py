"""Scales that QKeras takes from the weights: ``auto``, ``auto_po2``; names follow its source: levels, v, z, scale."""

import numpy as np
from numpy.typing import NDArray

from hwgen.errors import UnsupportedError
from hwgen.fixed import IntArray
from hwgen.frontend.quantized_tensor import Float32, QuantizedTensor, scaled_tensor
from hwgen.frontend.quantizer_types import QuantizedBits, QuantizedLinear

_EPSILON = np.float32(1e-7)  # keras.backend.epsilon()
_LARGEST_WEIGHT = np.float32(2.0**60)  # far below where squares and scales overflow float32, far above any weight


def auto_quantized_bits(weights: Float32, config: QuantizedBits, where: str) -> QuantizedTensor:
    """quantized_bits with a scale a channel: the largest magnitude, and five least-squares steps for ``auto_po2``.

    Args:
        weights: float32, channels last; one axis: a vector is one channel for ``auto`` and its maximum.
        config: at least two bits.
    Raises:
        UnsupportedError: weights so large that float32 overflows.
    """
    _refuse_overflow(weights / np.float32(2.0**config.integer), where)
    x = (weights / np.float32(2.0**config.integer)).astype(np.float32)
    half_levels = np.float32(2 ** (config.bits - 1) - 1)
    axes = _reduction_axes(x) if x.ndim > 1 else (0,)
    largest = np.abs(x).max(axis=axes, keepdims=True)
    scale = (largest * np.float32(2) / (half_levels * np.float32(2))).astype(np.float32)
    uncertain = 0
    if config.alpha == "auto_po2":
        scale, uncertain = _nearest_power(scale.astype(np.float64), 1e-6)
        z = x
        for _ in range(5):
            z = _symmetric_code(x, scale, half_levels)
            qx, qq = _moments(x, z)
            ratio = qx / (qq + np.float64(_EPSILON))
            scale, unsure = _nearest_power(ratio, 1e-5)
            uncertain += unsure
        if config.requantize:
            z = _symmetric_code(x, scale, half_levels)
    else:
        z = np.where(scale > 0, _symmetric_code(x, np.where(scale > 0, scale, np.float32(1)), half_levels), 0)
    code = z.astype(np.int64)
    # value = z * scale * 2**integer
    remark = f"{uncertain} scales lie where float32 may choose the other power of two" if uncertain else None
    if config.alpha == "auto":
        m = np.float32(2.0 ** (config.bits - int(config.keep_negative)))
        remark = remark or _auto_remark(weights, z, scale, m, config.integer)
    return scaled_tensor(weights, code, -config.integer, _per_channel(scale, x.ndim), remark)


def auto_quantized_linear(weights: Float32, config: QuantizedLinear, where: str) -> QuantizedTensor:
    """quantized_linear of qkeras-v3 with a scale a channel: element by element for a vector, as it does there.

    Raises:
        UnsupportedError: weights so large that float32 overflows.
    """
    _refuse_overflow(weights, where)
    x, shift = weights, np.float32(0.5 if config.sign else 0)
    m = 2 ** (config.bits - int(config.keep_negative))
    low = -0.5 if config.sign else float(int(config.keep_negative) * (int(config.symmetric) - m))
    high = 0.5 if config.sign else float(m - 1)
    axes = tuple(range(x.ndim - 1))
    magnitude = np.abs(x) if config.keep_negative else x
    largest = magnitude.max(axis=axes, keepdims=True) if axes else magnitude
    numerator = largest * np.float32(2) if config.keep_negative else largest
    scale = np.maximum((numerator / np.float32(high - low)).astype(np.float32), _EPSILON)

    def rounded(scale: Float32) -> Float32:
        clipped = np.clip((x / scale).astype(np.float32), np.float32(low), np.float32(high))
        return np.asarray(np.rint(clipped - shift) + shift, dtype=np.float32)

    uncertain = 0
    if config.alpha == "auto_po2":
        scale, uncertain = _nearest_power(scale.astype(np.float64), 1e-6)
        for _ in range(1 if config.sign else 5):
            before = scale
            scale, unsure = _least_squares("auto_po2", x, rounded(scale))
            uncertain += unsure
            if (before == scale).all():
                break
    z = rounded(scale)
    code = np.rint(z * (2 if config.sign else 1)).astype(np.int64)
    remark = f"{uncertain} scales lie where float32 may choose the other power of two" if uncertain else None
    factor = scale.ravel() if x.ndim == 1 else _per_channel(scale, x.ndim)
    return scaled_tensor(weights, code, int(config.sign), factor, remark)


def least_squares_ternary(weights: Float32, alpha: str, unrolls: int, where: str) -> QuantizedTensor:
    """Ternary with an automatic scale: threshold and scale found in turns."""
    _refuse_overflow(weights, where)
    axes = None if weights.ndim == 1 else _reduction_axes(weights)
    largest = np.abs(weights).max(axis=axes, keepdims=True)
    scale = (np.float32(2) * largest / np.float32(3)).astype(np.float32)
    uncertain = 0
    if alpha == "auto_po2":
        scale, uncertain = _nearest_power(scale.astype(np.float64), 1e-6)
    q = np.zeros_like(weights)
    for _ in range(unrolls):
        with np.errstate(divide="ignore", invalid="ignore"):
            ratio = (weights / scale).astype(np.float32)
        # |scale * round(x / scale)| >= scale / 2, with round half to even: more than one half.
        q = np.where(np.abs(ratio) > np.float32(0.5), np.sign(weights), 0).astype(np.float32)
        if alpha == "auto":
            uncertain += int((np.abs(np.abs(ratio) - 0.5) < 1e-5).sum())
        scale, unsure = _least_squares(alpha, weights, q)
        uncertain += unsure
    return _least_squares_tensor(weights, q, scale, uncertain, alpha)


def least_squares_binary(weights: Float32, signs: IntArray, alpha: str, where: str) -> QuantizedTensor:
    """Signs with an automatic scale."""
    _refuse_overflow(weights, where)
    q = signs.astype(np.float32)
    scale, uncertain = _least_squares(alpha, weights, q)
    return _least_squares_tensor(weights, q, scale, uncertain, alpha)


def _refuse_overflow(weights: Float32, where: str) -> None:
    largest = np.abs(weights).max(initial=0)
    if not largest <= _LARGEST_WEIGHT:
        raise UnsupportedError(
            f"{where}: its largest value is {largest:g}, so that float32 overflows where QKeras looks for a scale; "
            f"train again."
        )


def _per_channel(scale: Float32, ndim: int) -> Float32:
    return np.broadcast_to(scale, (*(1,) * (ndim - 1), scale.shape[-1])).reshape(-1).astype(np.float32)


def _reduction_axes(weights: Float32) -> tuple[int, ...]:
    return tuple(range(weights.ndim - 1))


def _auto_remark(weights: Float32, z: Float32, scale: Float32, m: np.float32, integer: int) -> str | None:
    m_i = np.float32(2.0**integer)
    through = weights + ((scale * m) * (m_i * z / m) - weights)
    exact = z.astype(np.float64) * scale.astype(np.float64) * float(m_i)
    differ = int((through.astype(np.float64) != exact).sum())
    return f"{differ} of {z.size} quantized weights are rounded by float32 (alpha='auto')" if differ else None


def _symmetric_code(x: Float32, scale: Float32, half_levels: np.float32) -> Float32:
    """Half away from zero, clipped to +-half_levels; float32 as in QKeras."""
    v = np.floor(np.abs(x) / scale + np.float32(0.5)).astype(np.float32)
    return (np.sign(x) * np.where(v < half_levels, v, half_levels)).astype(np.float32)


def _moments(x: Float32, q: Float32) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Means of x·q and q·q per channel, in float64; element by element for a vector, as QKeras does."""
    wide, coded = x.astype(np.float64), q.astype(np.float64)
    if x.ndim == 1:
        return wide * coded, coded * coded
    axes = _reduction_axes(x)
    return (wide * coded).mean(axis=axes, keepdims=True), (coded * coded).mean(axis=axes, keepdims=True)


def _nearest_power(scale: NDArray[np.float64], margin: float) -> tuple[Float32, int]:
    """2**round(log2(scale + epsilon)) and how many of them lie within ``margin`` of a tie."""
    logarithm = np.log2(scale + np.float64(_EPSILON))
    exponent = np.rint(logarithm)
    unsure = int((np.abs(np.abs(logarithm - np.floor(logarithm)) - 0.5) < margin).sum())
    return np.ldexp(np.float32(1), exponent.astype(np.int32)).astype(np.float32), unsure


def _least_squares(alpha: str, x: Float32, q: Float32) -> tuple[Float32, int]:
    """mean(x·q) / (mean(q·q) + epsilon), each mean rounded once to float32; a power of two for ``auto_po2``."""
    qx, qq = _moments(x, q)
    scale = (qx.astype(np.float32) / (qq.astype(np.float32) + _EPSILON)).astype(np.float32)
    if alpha == "auto_po2":
        return _nearest_power(scale.astype(np.float64), 1e-5)
    return scale, 0


def _least_squares_tensor(weights: Float32, q: Float32, scale: Float32, uncertain: int, alpha: str) -> QuantizedTensor:
    remark = f"{uncertain} choices lie where float32 may decide otherwise (alpha={alpha!r})" if uncertain else None
    if alpha == "auto" and remark is None:
        remark = "its scales are float32 means, whose last bit depends on the order of summation (alpha='auto')"
    return scaled_tensor(weights, q.astype(np.int64), 0, _per_channel(scale, weights.ndim), remark)
