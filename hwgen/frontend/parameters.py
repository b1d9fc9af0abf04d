"""Weights to integer codes, as the QKeras quantizers of the file produce them.

The stored weights are float32 and so are the quantizers' own operations. Where those are IEEE element by element
(scaling by powers of two, rounding, one division by a scale), they are repeated here bit by bit. Where they reduce or
call a logarithm (``auto_po2``, ``auto`` of ternary and binary), the exact rational result is used, and weights for
which float32 could decide otherwise are named in ``remark``.
"""

from dataclasses import replace
from fractions import Fraction
from typing import assert_never

import numpy as np

from hwgen.errors import UnsupportedError
from hwgen.fixed import IntArray, quantize
from hwgen.frontend.activations import activation_quantizer, bits_quantizer
from hwgen.frontend.automatic_scales import (
    auto_quantized_bits,
    auto_quantized_linear,
    least_squares_binary,
    least_squares_ternary,
)
from hwgen.frontend.powers_of_two import power_of_two_values
from hwgen.frontend.quantized_tensor import Float32, QuantizedTensor, scaled_tensor
from hwgen.frontend.quantizer_types import (
    Alpha,
    Binary,
    PowerOfTwo,
    QuantizedBits,
    QuantizedHswish,
    QuantizedLinear,
    QuantizedRelu,
    QuantizedSigmoid,
    QuantizedTanh,
    QuantizedUlaw,
    QuantizerConfig,
    RoundedSigmoid,
    Ternary,
    quantizer_name,
)
from hwgen.frontend.real_steps import level_at

_WIDEST = 60  # bits of a weight
_FLOAT32_MARGIN = Fraction(1, 1 << 20)  # several times what float32's functions are off


def trainable(config: QuantizerConfig) -> QuantizerConfig:
    """A kernel's quantizer: QKeras layers turn a kernel quantizer's ``alpha=None`` into ``auto_po2``."""
    match config:
        case QuantizedBits(alpha=None) | QuantizedLinear(alpha=None):
            return replace(config, symmetric=True, alpha="auto_po2")
        case QuantizedHswish():
            inner = trainable(config.quantizer)
            assert isinstance(inner, QuantizedBits)
            return replace(config, quantizer=inner)
        case Ternary(alpha=None) | Binary(alpha=None):
            return replace(config, alpha="auto_po2")
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
    where = f"{where}: {quantizer_name(config)}"
    match config:
        case QuantizedBits():
            return _quantized_bits(weights, config, where)
        case Ternary():
            if isinstance(config.alpha, str):
                _refuse_contradiction(config, where)
                return least_squares_ternary(weights, config.alpha, config.unrolls, where)
            threshold = np.float32(0.33 if config.threshold is None else config.threshold)
            code = np.where(np.abs(weights) >= threshold, np.sign(weights), 0).astype(np.int64)
            return scaled_parameter(weights, code, 0, config.alpha, where)
        case Binary():
            signs = np.where(weights < 0, 0 if config.use_01 else -1, 1).astype(np.int64)
            if isinstance(config.alpha, str):
                return least_squares_binary(weights, signs, config.alpha, where)
            return scaled_parameter(weights, signs, 0, config.alpha, where)
        case QuantizedLinear():
            return _quantized_linear(weights, config, where)
        case QuantizedHswish():
            return _quantized_bits(_hswish(weights, config), config.quantizer, where)
        case PowerOfTwo():
            values, remark = power_of_two_values(weights, config, where)
            return _on_smallest_grid(values, weights.shape, remark, where)
        case QuantizedRelu() | QuantizedTanh() | QuantizedSigmoid() | QuantizedUlaw() | RoundedSigmoid():
            return _by_its_steps(weights, config, where)
        case _:
            assert_never(config)


def parameter_values(weights: Float32, config: QuantizerConfig | None, where: str) -> tuple[list[Fraction], str | None]:
    """A vector of batch-norm parameters as exact rationals, quantized where the file says so, and a remark."""
    if config is None:
        return [Fraction(w) for w in weights.ravel().tolist()], None
    if isinstance(config, PowerOfTwo):
        return power_of_two_values(weights, config, where)
    tensor = quantize_parameter(weights, config, where)
    return tensor.values(), tensor.remark


def _refuse_contradiction(config: Ternary, where: str) -> None:
    if config.threshold is not None:
        raise UnsupportedError(
            f"{where}: a kernel's ternary without alpha takes it as {config.alpha!r}, which finds its own threshold; "
            f"give alpha=1 or leave threshold out."
        )


def _quantized_bits(weights: Float32, config: QuantizedBits, where: str) -> QuantizedTensor:
    if isinstance(config.alpha, str):
        if config.bits == 1:
            raise UnsupportedError(f"{where}: alpha={config.alpha!r} with 1 bit divides by zero in QKeras; use binary.")
        return auto_quantized_bits(weights, config, where)
    quantizer = bits_quantizer(config)
    if quantizer is None:
        code = np.where(weights < 0, -1, 1).astype(np.int64)
        return scaled_parameter(weights, code, 0, config.alpha, where)
    return scaled_parameter(weights, quantize(weights, quantizer), quantizer.type.fraction, config.alpha, where)


def _quantized_linear(weights: Float32, config: QuantizedLinear, where: str) -> QuantizedTensor:
    if isinstance(config.alpha, str):
        return auto_quantized_linear(weights, config, where)
    alpha = np.array([np.float32(s) for s in _alpha_numbers(config.alpha, weights.shape, where)], dtype=np.float32)
    unit = np.float32(2.0 ** (config.integer - config.bits + int(config.keep_negative)))
    with np.errstate(over="ignore"):
        scaled = (weights / (alpha * unit)).astype(np.float32)
    if config.sign:
        code = np.where(weights < 0, -1, 1).astype(np.int64)
        return scaled_tensor(weights, code, 1 - config.integer, alpha)
    m = 2 ** (config.bits - int(config.keep_negative))
    low = int(config.keep_negative) * (int(config.symmetric) - m)
    code = np.rint(np.clip(scaled.astype(np.float64), low, m - 1)).astype(np.int64)
    return scaled_tensor(weights, code, config.bits - int(config.keep_negative) - config.integer, alpha)


def _hswish(weights: Float32, config: QuantizedHswish) -> Float32:
    """float32, operation by operation as QKeras does it."""
    shift, bound = np.float32(config.shift), np.float32(config.bound)
    return np.asarray(weights * np.clip(weights + shift, np.float32(0), bound) / bound, dtype=np.float32)


def _on_smallest_grid(
    values: list[Fraction], shape: tuple[int, ...], remark: str | None, where: str
) -> QuantizedTensor:
    """Powers of two on the grid of the smallest one that the tensor holds."""
    sizes = [abs(v) for v in values if v]
    lowest = min(sizes, default=Fraction(1))
    widest = int(max(sizes, default=lowest) / lowest).bit_length()
    if widest > _WIDEST:
        raise UnsupportedError(
            f"{where}: its powers of two are {widest - 1} binary places apart, and weights of {widest} bits on a "
            f"common grid are too wide (at most {_WIDEST}); use fewer bits, which bounds the smallest power."
        )
    code = np.array([int(v / lowest) for v in values], dtype=np.int64).reshape(shape)
    fraction = lowest.denominator.bit_length() - lowest.numerator.bit_length()
    return QuantizedTensor(code, fraction, (Fraction(1),), remark)


def _by_its_steps(weights: Float32, config: QuantizerConfig, where: str) -> QuantizedTensor:
    """Element by element, as on activations; the remark counts weights that float32 may take to another level."""
    quantizer = activation_quantizer(config, where)
    codes: dict[float, int] = {}
    unsure = 0
    for w in weights.ravel().tolist():
        value = Fraction(w)
        if w not in codes:
            codes[w] = level_at(quantizer.step, value)
        if quantizer.float32_rounds is not None:
            margin = max(abs(value), Fraction(1)) * _FLOAT32_MARGIN
            beside = {level_at(quantizer.step, value + side) for side in (margin, -margin)}
            unsure += len(beside) > 1
    code = np.array([codes[w] for w in weights.ravel().tolist()], dtype=np.int64).reshape(weights.shape)
    tensor = scaled_tensor(weights, code, quantizer.type.fraction, np.array([quantizer.scale], dtype=np.float32))
    if not unsure:
        return tensor
    return replace(tensor, remark=f"{unsure} weights lie where {quantizer.float32_rounds} may take another level")


def scaled_parameter(weights: Float32, code: IntArray, fraction: int, alpha: Alpha, where: str) -> QuantizedTensor:
    """Attach a scale that is given as numbers to codes that are found already."""
    factor = np.array([np.float32(s) for s in _alpha_numbers(alpha, weights.shape, where)], dtype=np.float32)
    return scaled_tensor(weights, code, fraction, factor)


def _alpha_numbers(alpha: Alpha, shape: tuple[int, ...], where: str) -> tuple[float, ...]:
    """Numbers to multiply by: one, or one a channel of the last axis."""
    if alpha is None:
        return (1.0,)
    if isinstance(alpha, float):
        return (alpha,)
    if isinstance(alpha, tuple) and len(alpha) in (1, shape[-1]):
        return alpha
    given = f"{len(alpha)} numbers" if isinstance(alpha, tuple) else repr(alpha)
    raise UnsupportedError(
        f"{where}: alpha must be one number, or one for each of the {shape[-1]} output channels; got {given}."
    )
