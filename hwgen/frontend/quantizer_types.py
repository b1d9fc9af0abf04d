"""QKeras quantizers as configurations, every option of them understood."""

from dataclasses import dataclass
from typing import Literal

Alpha = float | tuple[float, ...] | Literal["auto", "auto_po2"] | None


@dataclass(frozen=True, slots=True)
class QuantizedBits:
    """``requantize``: qkeras-v3 rounds ``auto_po2`` weights once more with the final scale; qkeras 0.9.0 does not."""

    bits: int
    integer: int
    symmetric: bool
    keep_negative: bool
    alpha: Alpha
    requantize: bool = False


@dataclass(frozen=True, slots=True)
class QuantizedRelu:
    bits: int
    integer: int
    negative_slope: float


@dataclass(frozen=True, slots=True)
class Ternary:
    alpha: Alpha
    threshold: float | None
    unrolls: int


@dataclass(frozen=True, slots=True)
class Binary:
    use_01: bool
    alpha: Alpha


@dataclass(frozen=True, slots=True)
class PowerOfTwo:
    """quantized_po2, or quantized_relu_po2 where ``signed`` is false."""

    bits: int
    max_value: float | None
    signed: bool
    quadratic: bool
    floor: bool

    @property
    def lowest(self) -> int:
        """The smallest exponent, which values near zero take; those that are rounded go to twice it if quadratic."""
        return -(1 << self._exponent_bits)

    @property
    def highest(self) -> int:
        """The largest exponent before it is doubled."""
        largest = (1 << self._exponent_bits) - 1
        return 2 * (largest // 2) if self.quadratic else largest

    @property
    def _exponent_bits(self) -> int:
        needs_sign = self.max_value is None or self.max_value > 1
        return self.bits - int(self.signed) - int(needs_sign)


QuantizerConfig = QuantizedBits | QuantizedRelu | Ternary | Binary | PowerOfTwo


def quantizer_name(config: QuantizerConfig) -> str:
    """How QKeras writes it, without options that are off; for messages and reports."""
    match config:
        case QuantizedBits():
            text = f"quantized_bits({config.bits},{config.integer}{',1' if config.symmetric else ''}"
            text += "" if config.keep_negative else ",keep_negative=False"
            return text + _alpha_text(config.alpha) + ")"
        case QuantizedRelu():
            slope = f",negative_slope={config.negative_slope:g}" if config.negative_slope else ""
            return f"quantized_relu({config.bits},{config.integer}{slope})"
        case Ternary():
            threshold = "" if config.threshold is None else f",threshold={config.threshold:g}"
            return f"ternary({(_alpha_text(config.alpha) + threshold).lstrip(',')})"
        case Binary():
            return f"binary({(_alpha_text(config.alpha) + (',use_01' if config.use_01 else '')).lstrip(',')})"
        case PowerOfTwo():
            return f"quantized_{'' if config.signed else 'relu_'}po2({config.bits})"


def _alpha_text(alpha: Alpha) -> str:
    if alpha is None:
        return ""
    if isinstance(alpha, tuple):
        return f",alpha=[{len(alpha)} numbers]"
    return f",alpha={alpha}" if isinstance(alpha, str) else f",alpha={alpha:g}"
