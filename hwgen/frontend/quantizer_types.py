"""QKeras quantizers as configurations, every option of them understood."""

from dataclasses import dataclass
from enum import Enum
from typing import Literal

Alpha = float | tuple[float, ...] | Literal["auto", "auto_po2"] | None


class Sigmoid(Enum):
    """What QKeras takes for a sigmoid; ``qkeras.set_internal_sigmoid`` switches it for a whole process."""

    HARD = "hard"
    SMOOTH = "smooth"
    REAL = "real"


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
class QuantizedLinear:
    """Of qkeras-v3: alpha divides what is rounded, too."""

    bits: int
    integer: int
    symmetric: bool
    keep_negative: bool
    alpha: Alpha

    @property
    def sign(self) -> bool:
        """Whether it is the sign: one bit, half a step up or down."""
        return self.bits == 1 and self.keep_negative


@dataclass(frozen=True, slots=True)
class QuantizedHswish:
    """quantized_bits of ``x * clip(x + shift, 0, bound) / bound``."""

    quantizer: QuantizedBits
    shift: float
    bound: float


@dataclass(frozen=True, slots=True)
class QuantizedRelu:
    """``sigmoid``: which one comes before it, None for none; ``bound``: the largest value, None for the grid's."""

    bits: int
    integer: int
    negative_slope: float
    sigmoid: Sigmoid | None = None
    bound: float | None = None


@dataclass(frozen=True, slots=True)
class QuantizedTanh:
    bits: int
    symmetric: bool
    sigmoid: Sigmoid


@dataclass(frozen=True, slots=True)
class QuantizedSigmoid:
    bits: int
    symmetric: bool
    sigmoid: Sigmoid


@dataclass(frozen=True, slots=True)
class QuantizedUlaw:
    bits: int
    integer: int
    symmetric: bool
    u: float
    sigmoid: Sigmoid


@dataclass(frozen=True, slots=True)
class Ternary:
    """ternary; or stochastic_ternary, which is the same at inference."""

    alpha: Alpha
    threshold: float | None
    unrolls: int
    stochastic: bool = False


@dataclass(frozen=True, slots=True)
class Binary:
    """binary; or stochastic_binary, which is the same at inference."""

    use_01: bool
    alpha: Alpha
    stochastic: bool = False


@dataclass(frozen=True, slots=True)
class RoundedSigmoid:
    """binary_tanh, or binary_sigmoid where ``use_01``: functions of QKeras that round a hard sigmoid to 0 or 1.

    At zero the half rounds to 0, so that unlike ``binary`` they give the lower level there.
    """

    use_01: bool


@dataclass(frozen=True, slots=True)
class PowerOfTwo:
    """quantized_po2, or quantized_relu_po2 where ``signed`` is false."""

    bits: int
    max_value: float | None
    signed: bool
    quadratic: bool
    floor: bool
    negative_slope: float = 0.0

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


QuantizerConfig = (
    QuantizedBits
    | QuantizedLinear
    | QuantizedHswish
    | QuantizedRelu
    | QuantizedTanh
    | QuantizedSigmoid
    | QuantizedUlaw
    | Ternary
    | Binary
    | RoundedSigmoid
    | PowerOfTwo
)


def quantizer_name(config: QuantizerConfig) -> str:
    """How QKeras writes it, without options that are off; for messages and reports."""
    match config:
        case QuantizedBits():
            return f"quantized_bits({_bits_text(config)})"
        case QuantizedLinear():
            text = f"quantized_linear({config.bits},{config.integer}{'' if config.symmetric else ',symmetric=0'}"
            text += "" if config.keep_negative else ",keep_negative=False"
            return text + _alpha_text(config.alpha) + ")"
        case QuantizedHswish():
            usual = (config.shift, config.bound) == (3, 6)
            text = "" if usual else f",relu_shift={config.shift:g},relu_upper_bound={config.bound:g}"
            return f"quantized_hswish({_bits_text(config.quantizer)}{text})"
        case QuantizedRelu():
            slope = f",negative_slope={config.negative_slope:g}" if config.negative_slope else ""
            before = ",use_sigmoid=1" if config.sigmoid is not None else ""
            bound = "" if config.bound is None else f",relu_upper_bound={config.bound:g}"
            return f"quantized_relu({config.bits},{config.integer}{before}{slope}{bound})"
        case QuantizedTanh():
            return f"quantized_tanh({config.bits}{_sigmoid_text(config.symmetric, config.sigmoid, 'tanh')})"
        case QuantizedSigmoid():
            return f"quantized_sigmoid({config.bits}{_sigmoid_text(config.symmetric, config.sigmoid, 'sigmoid')})"
        case QuantizedUlaw():
            return f"quantized_ulaw({config.bits},{config.integer}{',1' if config.symmetric else ''},u={config.u:g})"
        case Ternary():
            threshold = "" if config.threshold is None else f",threshold={config.threshold:g}"
            name = "stochastic_ternary" if config.stochastic else "ternary"
            return f"{name}({(_alpha_text(config.alpha) + threshold).lstrip(',')})"
        case Binary():
            name = "stochastic_binary" if config.stochastic else "binary"
            return f"{name}({(_alpha_text(config.alpha) + (',use_01' if config.use_01 else '')).lstrip(',')})"
        case RoundedSigmoid():
            return "binary_sigmoid" if config.use_01 else "binary_tanh"
        case PowerOfTwo():
            return f"quantized_{'' if config.signed else 'relu_'}po2({config.bits})"


def _bits_text(config: QuantizedBits) -> str:
    text = f"{config.bits},{config.integer}{',1' if config.symmetric else ''}"
    return text + ("" if config.keep_negative else ",keep_negative=False") + _alpha_text(config.alpha)


def _sigmoid_text(symmetric: bool, sigmoid: Sigmoid, function: str) -> str:
    return (",symmetric=1" if symmetric else "") + (f",use_real_{function}=1" if sigmoid is Sigmoid.REAL else "")


def _alpha_text(alpha: Alpha) -> str:
    if alpha is None:
        return ""
    if isinstance(alpha, tuple):
        return f",alpha=[{len(alpha)} numbers]"
    return f",alpha={alpha}" if isinstance(alpha, str) else f",alpha={alpha:g}"
