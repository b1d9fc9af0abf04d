"""Weights to integer codes, as the QKeras quantizers of the file produce them.

The stored weights are float32 and so are the quantizers' own operations. Where those are IEEE element by element
(scaling by powers of two, rounding, one division by a scale), they are repeated here bit by bit. Where they reduce or
call a logarithm (``auto_po2``, ``auto`` of ternary and binary), the exact rational result is used, and weights for
which float32 could decide otherwise are named in ``remark``.
"""

from dataclasses import replace
from fractions import Fraction

import numpy as np

from hwgen.errors import UnsupportedError
from hwgen.fixed import FixedType, IntArray, Overflow, Quantizer, Rounding, quantize
from hwgen.frontend.automatic_scales import auto_quantized_bits, least_squares_binary, least_squares_ternary
from hwgen.frontend.powers_of_two import power_of_two_values
from hwgen.frontend.quantized_tensor import Float32, QuantizedTensor, scaled_tensor
from hwgen.frontend.quantizer_types import (
    Alpha,
    Binary,
    PowerOfTwo,
    QuantizedBits,
    QuantizedRelu,
    QuantizerConfig,
    Ternary,
    quantizer_name,
)


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
        case QuantizedRelu() | PowerOfTwo():
            raise UnsupportedError(f"{where} is not supported for weights; supported: quantized_bits, ternary, binary.")


def parameter_values(weights: Float32, config: QuantizerConfig | None, where: str) -> tuple[list[Fraction], str | None]:
    """A vector of batch-norm parameters as exact rationals, quantized where the file says so, and a remark."""
    if config is None:
        return [Fraction(w) for w in weights.ravel().tolist()], None
    if isinstance(config, PowerOfTwo):
        return power_of_two_values(weights, config)
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


def bits_quantizer(config: QuantizedBits) -> Quantizer | None:
    """The rounding that quantized_bits without automatic scale is; None for one signed bit, which is the sign."""
    if config.bits == 1 and config.keep_negative:
        return None
    kind = FixedType.from_qkeras(config.bits, config.integer, config.keep_negative)
    return Quantizer(kind, Rounding.RND_CONV, Overflow.SAT_SYM if config.symmetric else Overflow.SAT)


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
