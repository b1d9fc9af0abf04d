"""Weights to integer codes, as the QKeras quantizers of the file produce them.

The stored weights are float32 and so are the quantizers' own operations. Where those are IEEE element by element
(scaling by powers of two, rounding, one division by a scale), they are repeated here bit by bit. Where they reduce or
call a logarithm (``auto_po2``, ``auto`` of ternary and binary), the exact rational result is used, and weights for which
float32 could decide otherwise are named in ``remark``.
"""

from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from hwgen.errors import UnsupportedError
from hwgen.fixed import FixedType, IntArray, Overflow, Quantizer, Rounding, quantize
from hwgen.frontend.quantizer_config import (
    Alpha,
    Binary,
    PowerOfTwo,
    QuantizedBits,
    QuantizedRelu,
    QuantizerConfig,
    Ternary,
    quantizer_name,
)

Float32 = NDArray[np.float32]
_EPSILON = np.float32(1e-7)  # keras.backend.epsilon()


@dataclass(frozen=True, slots=True, eq=False)
class QuantizedTensor:
    """``value = code * 2**-fraction * scale[channel]``, exactly.

    Attributes:
        code: the tensor's shape.
        fraction: of the common grid.
        scale: one factor a channel (last axis) that is no power of two, or a single 1.
        remark: why Keras's own float32 value may differ from this one, or None where it cannot.
    """

    code: IntArray
    fraction: int
    scale: tuple[Fraction, ...]
    remark: str | None

    def masked(self, keep: NDArray[np.bool_]) -> "QuantizedTensor":
        """Zero the codes that a pruning mask drops; masks act after the quantizer."""
        return QuantizedTensor(np.where(keep, self.code, 0), self.fraction, self.scale, self.remark)

    def values(self) -> list[Fraction]:
        """Every value exactly, in C order."""
        channels = len(self.scale)
        lsb = Fraction(2) ** -self.fraction
        return [code * lsb * self.scale[i % channels] for i, code in enumerate(self.code.ravel().tolist())]


def trainable(config: QuantizerConfig) -> QuantizerConfig:
    """A kernel's quantizer: QKeras layers turn a kernel quantizer's ``alpha=None`` into ``auto_po2``."""
    match config:
        case QuantizedBits(alpha=None):
            return replace(config, symmetric=True, alpha="auto_po2")
        case Ternary(alpha=None):
            return Ternary("auto_po2", config.threshold, config.unrolls)
        case Binary(alpha=None):
            return Binary(config.use_01, "auto_po2")
        case _:
            return config


def quantize_parameter(weights: Float32, config: QuantizerConfig, where: str) -> QuantizedTensor:
    """Apply a weight quantizer.

    Args:
        weights: float32, channels last; finite.
        where: layer and weight, for messages.
    Raises:
        UnsupportedError: a quantizer that is not for weights, or scales that do not fit together.
    """
    match config:
        case QuantizedBits():
            return _quantized_bits(weights, config, where)
        case Ternary():
            return _ternary(weights, config, where)
        case Binary():
            return _binary(weights, config, where)
        case QuantizedRelu() | PowerOfTwo():
            raise UnsupportedError(
                f"{where}: {quantizer_name(config)} is not supported for weights; "
                f"supported: quantized_bits, ternary, binary."
            )


def _quantized_bits(weights: Float32, config: QuantizedBits, where: str) -> QuantizedTensor:
    if isinstance(config.alpha, str):
        return _quantized_bits_auto(weights, config, where)
    quantizer = bits_quantizer(config)
    if quantizer is None:
        code = np.where(weights < 0, -1, 1).astype(np.int64)
        return _scaled(weights, code, 0, config.alpha, where)
    return _scaled(weights, quantize(weights, quantizer), quantizer.type.fraction, config.alpha, where)


def bits_quantizer(config: QuantizedBits) -> Quantizer | None:
    """The rounding that quantized_bits without automatic scale is; None for one signed bit, which is the sign."""
    if config.bits == 1 and config.keep_negative:
        return None
    kind = FixedType.from_qkeras(config.bits, config.integer, config.keep_negative)
    return Quantizer(kind, Rounding.RND_CONV, Overflow.SAT_SYM if config.symmetric else Overflow.SAT)


def _scaled(weights: Float32, code: IntArray, fraction: int, alpha: Alpha, where: str) -> QuantizedTensor:
    """Attach a scale given as numbers, and see whether Keras's float32 result is the exact one."""
    scale = alpha_scale(alpha, weights.shape, where)
    factor = np.array([np.float32(s) for s in scale], dtype=np.float32)
    return _finish(weights, code, fraction, factor)


def alpha_scale(alpha: Alpha, shape: tuple[int, ...], where: str) -> tuple[float, ...]:
    """Numbers to multiply by: one, or one a channel of the last axis."""
    if alpha is None:
        return (1.0,)
    if isinstance(alpha, float):
        return (alpha,)
    if isinstance(alpha, tuple) and len(alpha) in (1, shape[-1]):
        return alpha
    raise UnsupportedError(
        f"{where}: alpha needs one number, or one for each of the {shape[-1]} output channels; got {alpha!r}."
    )


def _finish(
    weights: Float32, code: IntArray, fraction: int, factor: Float32, remark: str | None = None
) -> QuantizedTensor:
    """Move powers of two from the scales into the codes, and compare with what float32 makes of the same numbers."""
    if remark is None:
        remark = _float32_remark(weights, code, fraction, factor)
    scale = [Fraction(float(f)) for f in factor]
    if any(s < 0 for s in scale):
        code = np.where(factor < 0, -code, code)
        scale = [abs(s) for s in scale]
    live = np.atleast_1d(code.reshape(-1, code.shape[-1]).any(axis=0)) if code.size else np.zeros(1, dtype=bool)
    if len(scale) > 1:  # a channel without weights has no scale
        scale = [s if alive else Fraction(1) for s, alive in zip(scale, live, strict=True)]
    if 0 in scale:
        code = np.where(np.array([s == 0 for s in scale]), 0, code)
        scale = [s or Fraction(1) for s in scale]
    if all(is_power_of_two(s) for s in scale):
        exponents = [exponent_of(s) for s in scale]
        used = [e for e, alive in zip(exponents, live, strict=True) if alive] if len(scale) > 1 else exponents
        lowest = min(used, default=0)
        shift = np.array([max(0, e - lowest) for e in exponents], dtype=np.int64)
        return QuantizedTensor(code << shift, fraction - lowest, (Fraction(1),), remark)
    return QuantizedTensor(code, fraction, tuple(scale), remark)


def _float32_remark(weights: Float32, code: IntArray, fraction: int, factor: Float32) -> str | None:
    """Keras returns ``x + (xq - x)`` in float32, with ``xq = scale * (code / m)``: equal to the exact value, or not."""
    exact = np.ldexp(code.astype(np.float64), -fraction) * factor.astype(np.float64)
    grid = np.ldexp(code.astype(np.float32), -fraction).astype(np.float32)
    quantized = (factor * grid).astype(np.float32)
    through = weights + (quantized - weights)
    differ = int((through.astype(np.float64) != exact).sum())
    if not differ:
        return None
    return f"{differ} of {code.size} quantized weights are rounded by float32 (scale {float(factor.ravel()[0]):g})"


def is_power_of_two(value: Fraction) -> bool:
    """Whether a positive rational is a power of two."""
    return (
        value > 0 and value.numerator & (value.numerator - 1) == 0 and value.denominator & (value.denominator - 1) == 0
    )


def exponent_of(power: Fraction) -> int:
    """log2 of a power of two."""
    return power.numerator.bit_length() - power.denominator.bit_length()


# Automatic scales. The names follow qkeras 0.9.0: levels, v, z, scale.


def _reduction_axes(weights: Float32) -> tuple[int, ...]:
    return tuple(range(weights.ndim - 1))


def _quantized_bits_auto(weights: Float32, config: QuantizedBits, where: str) -> QuantizedTensor:
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
        with np.errstate(divide="ignore", invalid="ignore"):
            z = np.where(scale > 0, _symmetric_code(x, np.where(scale > 0, scale, np.float32(1)), half_levels), 0)
    code = z.astype(np.int64)
    factor = np.broadcast_to(scale, (*(1,) * (x.ndim - 1), scale.shape[-1])).reshape(-1).astype(np.float32)
    # value = z * scale * 2**integer
    remark = f"{uncertain} scales lie where float32 may choose the other power of two" if uncertain else None
    if config.alpha == "auto":
        m = np.float32(2.0 ** (config.bits - int(config.keep_negative)))
        remark = remark or _auto_remark(weights, z, scale, m, config.integer)
    return _finish(weights, code, -config.integer, factor, remark)


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


def _ternary(weights: Float32, config: Ternary, where: str) -> QuantizedTensor:
    if not isinstance(config.alpha, str):
        threshold = np.float32(0.33 if config.threshold is None else config.threshold)
        code = np.where(np.abs(weights) >= threshold, np.sign(weights), 0).astype(np.int64)
        return _scaled(weights, code, 0, config.alpha, where)
    x = weights
    axes = None if x.ndim == 1 else _reduction_axes(x)
    largest = np.abs(x).max(axis=axes, keepdims=True)
    scale = (np.float32(2) * largest / np.float32(3)).astype(np.float32)
    uncertain = 0
    if config.alpha == "auto_po2":
        scale, uncertain = _nearest_power(scale.astype(np.float64), 1e-6)
    q = np.zeros_like(x)
    for _ in range(config.unrolls):
        with np.errstate(divide="ignore", invalid="ignore"):
            ratio = (x / scale).astype(np.float32)
        # |scale * round(x / scale)| >= scale / 2, with round half to even: more than one half.
        q = np.where(np.abs(ratio) > np.float32(0.5), np.sign(x), 0).astype(np.float32)
        if config.alpha == "auto":
            uncertain += int((np.abs(np.abs(ratio) - 0.5) < 1e-5).sum())
        scale, unsure = _least_squares(config.alpha, x, q)
        uncertain += unsure
    return _finish_auto(weights, q, scale, uncertain, config.alpha)


def _binary(weights: Float32, config: Binary, where: str) -> QuantizedTensor:
    signs = np.where(weights < 0, 0 if config.use_01 else -1, 1).astype(np.int64)
    if not isinstance(config.alpha, str):
        return _scaled(weights, signs, 0, config.alpha, where)
    q = signs.astype(np.float32)
    scale, uncertain = _least_squares(config.alpha, weights, q)
    return _finish_auto(weights, q, scale, uncertain, config.alpha)


def _least_squares(alpha: str, x: Float32, q: Float32) -> tuple[Float32, int]:
    """mean(x·q) / (mean(q·q) + epsilon), each mean rounded once to float32; a power of two for ``auto_po2``."""
    qx, qq = _moments(x, q)
    scale = (qx.astype(np.float32) / (qq.astype(np.float32) + _EPSILON)).astype(np.float32)
    if alpha == "auto_po2":
        return _nearest_power(scale.astype(np.float64), 1e-5)
    return scale, 0


def _finish_auto(weights: Float32, q: Float32, scale: Float32, uncertain: int, alpha: str) -> QuantizedTensor:
    factor = np.broadcast_to(scale, (*(1,) * (weights.ndim - 1), scale.shape[-1])).reshape(-1).astype(np.float32)
    remark = f"{uncertain} choices lie where float32 may decide otherwise (alpha={alpha!r})" if uncertain else None
    if alpha == "auto" and remark is None:
        remark = "its scales are float32 means, whose last bit depends on the order of summation (alpha='auto')"
    return _finish(weights, q.astype(np.int64), 0, factor, remark)


def power_of_two_values(weights: Float32, config: PowerOfTwo) -> tuple[list[Fraction], str | None]:
    """quantized_po2 and quantized_relu_po2 on a vector of parameters: exact values, and a remark where log2 is close.

    Source: qkeras 0.9.0, ``_clip_power_of_two``. Values below epsilon take the smallest exponent; the exponent is
    rounded half to even (or down), and doubled after rounding that of the square root for ``quadratic``.
    """
    needs_sign = int(config.max_value is None or config.max_value > 1)
    effective = config.bits - int(config.signed) - needs_sign
    low, high = -(2**effective), 2**effective - 1
    if config.quadratic:
        high = 2 * (high // 2)
    values: list[Fraction] = []
    unsure = 0
    for w in weights.ravel().tolist():
        magnitude = abs(w) if config.signed else max(w, 0.0)
        if magnitude < float(_EPSILON):
            exponent = low
        else:
            bounded = magnitude if config.max_value is None else min(magnitude, config.max_value)
            logarithm = float(np.log2(np.float64(bounded))) / (2 if config.quadratic else 1)
            nearest = int(np.floor(logarithm)) if config.floor else int(np.rint(logarithm))
            edge = abs(logarithm - np.rint(logarithm)) if config.floor else abs(abs(logarithm - nearest) - 0.5)
            exact_power = bounded == 2.0 ** int(np.rint(np.log2(bounded)))
            unsure += int(edge < 1e-5 and not (exact_power and not config.floor))
            exponent = (2 if config.quadratic else 1) * min(max(nearest, low), high)
        sign = -1 if config.signed and w < 0 else 1
        values.append(sign * Fraction(2) ** exponent)
    remark = f"{unsure} powers of two lie where float32's logarithm may round otherwise" if unsure else None
    return values, remark


def parameter_values(weights: Float32, config: QuantizerConfig | None, where: str) -> tuple[list[Fraction], str | None]:
    """A vector of batch-norm parameters as exact rationals, quantized where the file says so."""
    if config is None:
        return [Fraction(w) for w in weights.ravel().tolist()], None
    if isinstance(config, PowerOfTwo):
        return power_of_two_values(weights, config)
    tensor = quantize_parameter(weights, config, where)
    return tensor.values(), tensor.remark
