"""Activation quantizers as exact monotone step functions of a real number."""

from bisect import bisect_left
from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np

from hwgen.errors import UnsupportedError
from hwgen.fixed import FixedType, Overflow, Quantizer, Rounding
from hwgen.frontend.parameters import bits_quantizer
from hwgen.frontend.quantized_tensor import exponent_of, is_power_of_two
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


@dataclass(frozen=True, slots=True)
class Threshold:
    """Where the next level begins: at ``at`` itself, or just above it where ``strict``."""

    at: Fraction
    strict: bool


@dataclass(frozen=True, slots=True)
class UniformStep:
    """Round half to even to a grid, then clip: levels are the codes ``low`` to ``high``.

    Attributes:
        lsb: the grid, on the input's side.
        negative_slope: what negative inputs are multiplied by before rounding.
    """

    lsb: Fraction
    low: int
    high: int
    negative_slope: Fraction = Fraction(1)

    @property
    def steps(self) -> int:
        return self.high - self.low

    def level(self, step: int) -> int:
        return self.low + step

    def threshold(self, step: int) -> Threshold:
        """Where ``level(step + 1)`` begins: a tie goes to the even code."""
        code = self.low + step + 1
        at = (code - Fraction(1, 2)) * self.lsb
        return Threshold(at / self.negative_slope if at < 0 else at, strict=code % 2 == 1)

    def after_relu(self) -> "UniformStep":
        """The same step function of ``max(x, 0)``."""
        return replace(self, low=min(max(self.low, 0), self.high))


@dataclass(frozen=True, slots=True)
class ListedStep:
    """A step function given by its thresholds and levels."""

    thresholds: tuple[Threshold, ...]
    levels: tuple[int, ...]

    @property
    def steps(self) -> int:
        return len(self.thresholds)

    def level(self, step: int) -> int:
        return self.levels[step]

    def threshold(self, step: int) -> Threshold:
        return self.thresholds[step]

    def after_relu(self) -> "ListedStep":
        """The same step function of ``max(x, 0)``: thresholds that zero has passed are gone."""
        passed = bisect_left([(t.at, t.strict) for t in self.thresholds], (Fraction(0), True))
        return ListedStep(self.thresholds[passed:], self.levels[passed:])


RealStep = UniformStep | ListedStep


@dataclass(frozen=True, slots=True)
class ActivationQuantizer:
    """A quantizer between layers.

    Attributes:
        step: real number to code.
        type: what a code means, its scale's power of two included.
        scale: what remains of the scale: a code's value is ``code * type.lsb * scale``.
        rounding: the same as an ``ap_fixed`` assignment, where it is one; else None.
        name: how QKeras writes it.
    """

    step: RealStep
    type: FixedType
    scale: Fraction
    rounding: Quantizer | None
    name: str


def activation_quantizer(config: QuantizerConfig, where: str) -> ActivationQuantizer:
    """Turn a quantizer's configuration into the exact step function that it is at inference.

    Raises:
        UnsupportedError: its scale depends on the data, or it is not for activations.
    """
    match config:
        case QuantizedBits():
            return _bits(config, where)
        case QuantizedRelu():
            return _relu(config)
        case Ternary():
            at = Fraction(float(np.float32(0.33 if config.threshold is None else config.threshold)))
            step = ListedStep((Threshold(-at, strict=True), Threshold(at, strict=False)), (-1, 0, 1))
            if at == 0:  # sign(0) is 0 in ternary
                step = ListedStep((Threshold(at, strict=False), Threshold(at, strict=True)), (-1, 0, 1))
            return _with_scale(config, step, FixedType(True, 2, 0), config.alpha, where)
        case Binary():
            levels = (0, 1) if config.use_01 else (-1, 1)
            kind = FixedType(False, 1, 0) if config.use_01 else FixedType(True, 2, 0)
            return _with_scale(config, ListedStep((Threshold(Fraction(0), False),), levels), kind, config.alpha, where)
        case PowerOfTwo():
            raise UnsupportedError(
                f"{where}: {quantizer_name(config)} is not supported for activations; "
                f"supported: quantized_bits, quantized_relu, ternary, binary."
            )


def _bits(config: QuantizedBits, where: str) -> ActivationQuantizer:
    if isinstance(config.alpha, str):
        raise _data_dependent(config, where)
    quantizer = bits_quantizer(config)
    if quantizer is None:
        step: RealStep = ListedStep((Threshold(Fraction(0), False),), (-1, 1))
        return _with_scale(config, step, FixedType(True, 2, 0), config.alpha, where)
    step = UniformStep(quantizer.type.lsb, quantizer.low, quantizer.high)
    if config.alpha in (None, 1.0):
        return ActivationQuantizer(step, quantizer.type, Fraction(1), quantizer, quantizer_name(config))
    return _with_scale(config, step, quantizer.type, config.alpha, where)


def _relu(config: QuantizedRelu) -> ActivationQuantizer:
    name = quantizer_name(config)
    if not config.negative_slope:
        kind = FixedType.from_qkeras(config.bits, config.integer, keep_negative=False)
        step = UniformStep(kind.lsb, 0, kind.max_code)
        return ActivationQuantizer(step, kind, Fraction(1), Quantizer(kind, Rounding.RND_CONV, Overflow.SAT), name)
    kind = FixedType.from_qkeras(config.bits, config.integer, keep_negative=True)
    slope = Fraction(config.negative_slope)
    lowest = -(slope * (kind.max_code + 1))
    step = UniformStep(kind.lsb, int(lowest), kind.max_code, slope)
    return ActivationQuantizer(step, kind, Fraction(1), None, name)


def _data_dependent(config: QuantizerConfig, where: str) -> UnsupportedError:
    return UnsupportedError(
        f"{where}: {quantizer_name(config)} takes its scale from the batch that it sees, so it is no fixed function "
        f"of its input; use alpha=1 or a number for activations."
    )


def _with_scale(
    config: QuantizerConfig, step: RealStep, kind: FixedType, alpha: Alpha, where: str
) -> ActivationQuantizer:
    if isinstance(alpha, str):
        raise _data_dependent(config, where)
    if isinstance(alpha, tuple):
        raise UnsupportedError(
            f"{where}: {quantizer_name(config)}: one alpha for all channels is needed on activations."
        )
    scale = Fraction(1) if alpha is None else Fraction(float(np.float32(alpha)))
    if scale <= 0:
        raise UnsupportedError(f"{where}: {quantizer_name(config)}: alpha must be positive on activations.")
    if is_power_of_two(scale):
        kind = FixedType(kind.signed, kind.width, kind.fraction - exponent_of(scale))
        scale = Fraction(1)
    return ActivationQuantizer(step, kind, scale, None, quantizer_name(config))
