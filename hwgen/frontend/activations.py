"""Activation quantizers as exact step functions of a real number."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Context, Decimal
from fractions import Fraction
from itertools import pairwise
from typing import assert_never

import numpy as np

from hwgen.errors import UnsupportedError
from hwgen.fixed import FixedType, Overflow, Quantizer, Rounding
from hwgen.frontend.curves import (
    QKERAS_HARD_SIGMOID,
    QKERAS_SMOOTH_SIGMOID,
    TANH,
    Curve,
    clipped_line,
    float32,
    hard_swish,
    sigmoid,
)
from hwgen.frontend.points import linear
from hwgen.frontend.power_of_two_steps import exponent_steps
from hwgen.frontend.quantized_tensor import exponent_of, is_power_of_two
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
    Sigmoid,
    Ternary,
    quantizer_name,
)
from hwgen.frontend.real_steps import ListedStep, RealStep, UniformStep, composed
from hwgen.frontend.thresholds import Threshold

_WIDEST = 60  # bits of a code; one more than an int64 with a sign can add to another

_HALF = Fraction(1, 2)


@dataclass(frozen=True, slots=True)
class ActivationQuantizer:
    """A quantizer between layers.

    Attributes:
        step: real number to code.
        type: what a code means, its scale's power of two included.
        scale: what remains of the scale: a code's value is ``code * type.lsb * scale``.
        rounding: the same as an ``ap_fixed`` assignment, where it is one; else None.
        name: how QKeras writes it.
        float32_rounds: why Keras's own float32 may take another code, or another value for the same; None where it
            cannot but for ``x + (xq - x)``.
    """

    step: RealStep
    type: FixedType
    scale: Fraction
    rounding: Quantizer | None
    name: str
    float32_rounds: str | None = None


def activation_quantizer(config: QuantizerConfig, where: str) -> ActivationQuantizer:
    """Turn a quantizer's configuration into the exact step function that it is at inference.

    Raises:
        UnsupportedError: its scale depends on the data, or its levels need too many bits on a common grid.
    """
    match config:
        case QuantizedBits():
            return _bits(config, where, quantizer_name(config))
        case QuantizedLinear():
            return _linear(config, where)
        case QuantizedHswish():
            bits = _bits(config.quantizer, where, quantizer_name(config))
            return _after(bits, hard_swish("hard_swish", float32(config.shift), float32(config.bound)))
        case QuantizedRelu():
            return _relu(config, where)
        case QuantizedTanh():
            return _tanh(config)
        case QuantizedSigmoid():
            return _sigmoid(config)
        case QuantizedUlaw():
            return _ulaw(config, where)
        case Ternary():
            at = float32(0.33 if config.threshold is None else config.threshold)
            step = ListedStep((Threshold(-at, strict=True), Threshold(at, strict=False)), (-1, 0, 1))
            if at == 0:  # sign(0) is 0 in ternary
                step = ListedStep((Threshold(at, strict=False), Threshold(at, strict=True)), (-1, 0, 1))
            return _with_scale(config, step, FixedType(True, 2, 0), config.alpha, where)
        case Binary():
            levels = (0, 1) if config.use_01 else (-1, 1)
            kind = FixedType(False, 1, 0) if config.use_01 else FixedType(True, 2, 0)
            return _with_scale(config, _sign(levels), kind, config.alpha, where)
        case RoundedSigmoid():
            name, levels = quantizer_name(config), (0, 1) if config.use_01 else (-1, 1)
            kind = FixedType(False, 1, 0) if config.use_01 else FixedType(True, 2, 0)
            step = ListedStep((Threshold(Fraction(0), strict=True),), levels)
            return ActivationQuantizer(step, kind, Fraction(1), None, name, _ROUNDED.format("hard_sigmoid"))
        case PowerOfTwo():
            thresholds, values = exponent_steps(config)
            because = "float32 rounds the logarithm whose exponent is rounded"
            return _listed(thresholds, values, None, quantizer_name(config), because, where)
        case _:
            assert_never(config)


def bits_quantizer(config: QuantizedBits) -> Quantizer | None:
    """The rounding that quantized_bits without automatic scale is; None for one signed bit, which is the sign."""
    if config.bits == 1 and config.keep_negative:
        return None
    kind = FixedType.from_qkeras(config.bits, config.integer, config.keep_negative)
    return Quantizer(kind, Rounding.RND_CONV, Overflow.SAT_SYM if config.symmetric else Overflow.SAT)


def _sign(levels: tuple[int, int]) -> ListedStep:
    return ListedStep((Threshold(Fraction(0), strict=False),), levels)


def _bits(config: QuantizedBits, where: str, name: str) -> ActivationQuantizer:
    if isinstance(config.alpha, str):
        raise _data_dependent(name, where)
    quantizer = bits_quantizer(config)
    if quantizer is None:
        return _scaled(name, _sign((-1, 1)), FixedType(True, 2, 0), config.alpha, where)
    step = UniformStep(quantizer.type.lsb, quantizer.low, quantizer.high)
    if config.alpha in (None, 1.0):
        return ActivationQuantizer(step, quantizer.type, Fraction(1), quantizer, name)
    return _scaled(name, step, quantizer.type, config.alpha, where)


def _linear(config: QuantizedLinear, where: str) -> ActivationQuantizer:
    name = quantizer_name(config)
    if isinstance(config.alpha, str):
        raise _data_dependent(name, where)
    if config.sign:  # half a step up or down
        return _scaled(name, _sign((-1, 1)), FixedType(True, 2, 1 - config.integer), config.alpha, where)
    kind = FixedType.from_qkeras(config.bits, config.integer, config.keep_negative)
    lowest = kind.min_code + int(config.symmetric and config.keep_negative)
    scaled = _scaled(name, UniformStep(kind.lsb, lowest, kind.max_code), kind, config.alpha, where)
    quantizer = Quantizer(scaled.type, Rounding.RND_CONV, Overflow.SAT_SYM if config.symmetric else Overflow.SAT)
    step = UniformStep(scaled.type.lsb * scaled.scale, lowest, kind.max_code)
    return ActivationQuantizer(step, scaled.type, scaled.scale, quantizer if scaled.scale == 1 else None, name)


def _relu(config: QuantizedRelu, where: str) -> ActivationQuantizer:
    name = quantizer_name(config)
    slope = Fraction(config.negative_slope)
    kind = FixedType.from_qkeras(config.bits, config.integer, keep_negative=bool(slope))
    if config.sigmoid is not None:
        return _relu_of_sigmoid(config, kind, slope, where)
    lowest = -int(slope * (kind.max_code + 1))
    step = UniformStep(kind.lsb, lowest, kind.max_code, slope or Fraction(1))
    if config.bound is not None:
        thresholds = [step.threshold(k) for k in range(step.steps)]
        values = [step.level(k) * kind.lsb for k in range(step.steps + 1)]
        return _listed(thresholds, [min(v, float32(config.bound)) for v in values], None, name, None, where)
    rounding = None if slope else Quantizer(kind, Rounding.RND_CONV, Overflow.SAT)
    return ActivationQuantizer(step, kind, Fraction(1), rounding, name)


def _relu_of_sigmoid(config: QuantizedRelu, kind: FixedType, slope: Fraction, where: str) -> ActivationQuantizer:
    """``p = m * sigmoid(x / 2**integer)`` is rounded, and again times the slope for negative inputs.

    The code is ``clip(2 * round(p) - m, 0, m - 1) + clip(2 * round(p * slope) - slope * m, -slope * m, 0)``.
    """
    m = kind.max_code + 1
    lowest = slope * m
    thresholds = {Threshold(k - _HALF, strict=k % 2 == 1) for k in range(m // 2 + 1, m + 1)}
    if slope:
        thresholds |= {Threshold((k - _HALF) / slope, strict=k % 2 == 1) for k in range(1, int(lowest) + 1)}
    ordered = sorted(thresholds, key=_order)

    def code(p: Fraction) -> Fraction:
        negative = min(max(2 * round(p * slope) - lowest, -lowest), Fraction(0))
        return min(max(2 * round(p) - m, 0), m - 1) + negative

    # Between thresholds it is constant, so any number between them tells its level.
    edges = [_rational(t) for t in ordered]
    inside = [edges[0] - 1, *((a + b) / 2 for a, b in pairwise(edges)), edges[-1] + 1]
    values = [code(p) * kind.lsb for p in inside]
    of_p = _internal_sigmoid(config.sigmoid or Sigmoid.HARD, Fraction(2) ** config.integer, Fraction(m))
    return _listed(ordered, values, of_p, quantizer_name(config), _ROUNDED.format(of_p[0].name), where)


def _order(threshold: Threshold) -> tuple[Fraction, bool]:
    return _rational(threshold), threshold.strict


def _rational(threshold: Threshold) -> Fraction:
    assert isinstance(threshold.at, Fraction)
    return threshold.at


_ROUNDED = "float32 rounds {}"


def _tanh(config: QuantizedTanh) -> ActivationQuantizer:
    name, kind = quantizer_name(config), FixedType(True, config.bits, config.bits - 1)
    low = kind.min_code + int(config.symmetric)
    step = UniformStep(kind.lsb, low, kind.max_code)
    quantizer = Quantizer(kind, Rounding.RND_CONV, Overflow.SAT_SYM if config.symmetric else Overflow.SAT)
    exact = ActivationQuantizer(step, kind, Fraction(1), None, name)
    match config.sigmoid:
        case Sigmoid.REAL:
            return _after(exact, TANH)
        case Sigmoid.HARD:  # 2 * clip(x / 2 + 1/2, 0, 1) - 1, which saturates where the codes do
            return ActivationQuantizer(step, kind, Fraction(1), quantizer, name, _ROUNDED.format("hard_tanh"))
        case Sigmoid.SMOOTH:
            one = Fraction(1)
            return _after(exact, clipped_line("smooth_tanh", Fraction(3, 8), Fraction(0), -one, one, rounds=True))
        case _:
            assert_never(config.sigmoid)


def _sigmoid(config: QuantizedSigmoid) -> ActivationQuantizer:
    kind = FixedType(False, config.bits, config.bits)
    step = UniformStep(kind.lsb, int(config.symmetric), kind.max_code)
    exact = ActivationQuantizer(step, kind, Fraction(1), None, quantizer_name(config))
    return _after(exact, _sigmoid_curve(config.sigmoid))


def _ulaw(config: QuantizedUlaw, where: str) -> ActivationQuantizer:
    """Levels are ``sign(r) * ln(1 + u * |r|) / ln(1 + u)``, clipped, with r a rounded sigmoid from -1 to 1.

    A level is the float32 number nearest to that: in QKeras too it is one of float32, if not always the nearest.
    """
    m = 1 << (config.bits - 1)
    u = float32(config.u)

    def value(code: int) -> Fraction:
        r = Fraction(2 * code, m) - 1
        size = nearest_float32(_quotient_of_logarithms(1 + u * abs(r), 1 + u)) if r else Fraction(0)
        clipped = min(max(size if r > 0 else -size, Fraction(int(config.symmetric), m) - 1), 1 - Fraction(1, m))
        return clipped * Fraction(2) ** config.integer

    thresholds = [Threshold(k - _HALF, strict=k % 2 == 1) for k in range(1, m + 1)]
    of_p = _internal_sigmoid(config.sigmoid, Fraction(2) ** config.integer, Fraction(m))
    because = "float32 rounds the logarithms that its levels are"
    return _listed(thresholds, [value(k) for k in range(m + 1)], of_p, quantizer_name(config), because, where)


def _quotient_of_logarithms(first: Fraction, second: Fraction) -> Fraction:
    """``ln(first) / ln(second)`` to 40 digits, where float32 holds 8."""
    context = Context(prec=40)
    above, below = (context.ln(context.divide(Decimal(n.numerator), Decimal(n.denominator))) for n in (first, second))
    return Fraction(context.divide(above, below))


def nearest_float32(value: Fraction) -> Fraction:
    """The float32 number nearest to a positive number in its normal range."""
    guess = np.float32(float(value))
    beside = [np.nextafter(guess, np.float32(end)) for end in (-np.inf, np.inf)]
    return min((Fraction(float(f)) for f in (guess, *beside)), key=lambda f: abs(f - value))


def _sigmoid_curve(kind: Sigmoid, divisor: Fraction = Fraction(1)) -> Curve:
    match kind:
        case Sigmoid.REAL:
            return sigmoid("sigmoid", divisor)
        case Sigmoid.HARD | Sigmoid.SMOOTH:
            curve, slope = (
                (QKERAS_HARD_SIGMOID, _HALF) if kind is Sigmoid.HARD else (QKERAS_SMOOTH_SIGMOID, Fraction(3, 16))
            )
            return clipped_line(curve.name, slope / divisor, _HALF, Fraction(0), Fraction(1), rounds=True)
        case _:
            assert_never(kind)


def _internal_sigmoid(kind: Sigmoid, divisor: Fraction, factor: Fraction) -> tuple[Curve, Fraction]:
    """``factor * sigmoid(x / divisor)``."""
    return _sigmoid_curve(kind, divisor), factor


def _after(quantizer: ActivationQuantizer, curve: Curve) -> ActivationQuantizer:
    """The same quantizer of an activation function."""
    step = composed(quantizer.step, curve)
    remark = _ROUNDED.format(curve.name) if curve.float32_rounds else None
    return ActivationQuantizer(step, quantizer.type, quantizer.scale, None, quantizer.name, remark)


def _listed(
    thresholds: Sequence[Threshold],
    values: Sequence[Fraction],
    after: tuple[Curve, Fraction] | None,
    name: str,
    float32_rounds: str | None,
    where: str,
) -> ActivationQuantizer:
    """A quantizer whose levels are any binary fractions: their codes are on the coarsest grid that holds them all.

    Args:
        after: an activation function, and what its value is multiplied by before the thresholds.
    """
    fraction = max((v.denominator.bit_length() - 1 if v.denominator > 1 else -_zeros(v)) for v in values if v)
    codes = [int(v * Fraction(2) ** fraction) for v in values]
    width = max(abs(code).bit_length() for code in codes) + int(min(codes) < 0)
    if width > _WIDEST:
        raise UnsupportedError(
            f"{where}: {name} has levels from {float(min(values)):g} to {float(max(values)):g} in steps of "
            f"2**{-fraction}, which take codes of {width} bits, and hwgen computes with at most {_WIDEST}; "
            f"use fewer bits."
        )
    kind = FixedType.holding(min(codes), max(codes), fraction)
    step: RealStep = ListedStep(tuple(thresholds), tuple(codes))
    if after is not None:
        curve, factor = after
        scaled = tuple(Threshold(linear(t.at, 1 / factor, Fraction(0)), t.strict) for t in thresholds)
        step = composed(ListedStep(scaled, tuple(codes)), curve)
    return ActivationQuantizer(step, kind, Fraction(1), None, name, float32_rounds)


def _zeros(value: Fraction) -> int:
    """Trailing zeros of a whole number that is not zero."""
    return (value.numerator & -value.numerator).bit_length() - 1


def _data_dependent(name: str, where: str) -> UnsupportedError:
    return UnsupportedError(
        f"{where}: {name} takes its scale from the batch that it sees, so it is no fixed function "
        f"of its input; use alpha=1 or a number for activations."
    )


def _with_scale(
    config: QuantizerConfig, step: RealStep, kind: FixedType, alpha: Alpha, where: str
) -> ActivationQuantizer:
    name = quantizer_name(config)
    if isinstance(alpha, str):
        raise _data_dependent(name, where)
    return _scaled(name, step, kind, alpha, where)


def _scaled(
    name: str, step: RealStep, kind: FixedType, alpha: float | tuple[float, ...] | None, where: str
) -> ActivationQuantizer:
    if isinstance(alpha, tuple):
        if len(set(alpha)) > 1:
            raise UnsupportedError(f"{where}: {name}: one alpha for all channels is needed on activations.")
        alpha = alpha[0]
    scale = Fraction(1) if alpha is None else float32(alpha)
    if scale <= 0:
        raise UnsupportedError(f"{where}: {name}: alpha must be positive on activations.")
    if is_power_of_two(scale):
        kind = FixedType(kind.signed, kind.width, kind.fraction - exponent_of(scale))
        scale = Fraction(1)
    return ActivationQuantizer(step, kind, scale, None, name)
