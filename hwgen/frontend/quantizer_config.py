"""QKeras quantizers as configurations: parsed from strings or dictionaries, every option honoured or refused by name."""

import ast
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from hwgen.errors import UnsupportedError
from hwgen.frontend.files import Config

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


# Positional parameters of qkeras 0.9.0, in order.
_PARAMETERS: Mapping[str, tuple[str, ...]] = {
    "quantized_bits": (
        *("bits", "integer", "symmetric", "keep_negative", "alpha", "use_stochastic_rounding", "scale_axis"),
        *("qnoise_factor", "var_name", "use_ste", "use_variables"),
    ),
    "quantized_relu": (
        *("bits", "integer", "use_sigmoid", "negative_slope", "use_stochastic_rounding", "relu_upper_bound"),
        *("is_quantized_clip", "qnoise_factor", "var_name", "use_ste", "use_variables"),
    ),
    "ternary": ("alpha", "threshold", "use_stochastic_rounding", "number_of_unrolls"),
    "binary": ("use_01", "alpha", "use_stochastic_rounding"),
    "quantized_po2": (
        *("bits", "max_value", "use_stochastic_rounding", "quadratic_approximation", "log2_rounding"),
        *("qnoise_factor", "var_name", "use_ste", "use_variables"),
    ),
    "quantized_relu_po2": (
        *("bits", "max_value", "negative_slope", "use_stochastic_rounding", "quadratic_approximation", "log2_rounding"),
        *("qnoise_factor", "var_name", "use_ste", "use_variables"),
    ),
}

_RANDOM = ("bernoulli", "stochastic_ternary", "stochastic_binary")


class Options:
    """A quantizer's options, taken out one by one, so that what is left over is what hwgen does not know."""

    def __init__(self, where: str, name: str, values: Mapping[str, Any]) -> None:
        self.where, self.name, self._left = where, name, dict(values)

    def refuse(self, why: str) -> UnsupportedError:
        return UnsupportedError(f"{self.where}: {self.name}: {why}")

    def take(self, key: str, default: Any) -> Any:
        return self._left.pop(key, default)

    def integer(self, key: str, default: int, low: int, high: int) -> int:
        value = self.take(key, default)
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        if isinstance(value, bool) or not isinstance(value, int):
            raise self.refuse(f"{key} must be one whole number, got {value!r}.")
        if not low <= value <= high:
            raise self.refuse(f"{key}={value} is outside the {low} to {high} that hwgen computes exactly.")
        return value

    def flag(self, key: str, default: bool) -> bool:
        value = self.take(key, default)
        if value not in (0, 1, False, True):
            raise self.refuse(f"{key} must be 0 or 1, got {value!r}.")
        return bool(value)

    def number(self, key: str, default: float | None) -> float | None:
        value = self.take(key, default)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise self.refuse(f"{key} must be a number, got {value!r}.")
        return float(value)

    def alpha(self) -> Alpha:
        value = self.take("alpha", None)
        if isinstance(value, dict):  # Keras 3 wraps arrays
            value = value.get("config", {}).get("value", value)
        if value is None or value in ("auto", "auto_po2"):
            return value  # type: ignore[no-any-return]  # one of the two words
        if isinstance(value, list):
            flat = _flatten(value)
            if flat and all(isinstance(v, (int, float)) for v in flat):
                return tuple(float(v) for v in flat)
        elif isinstance(value, (int, float)):  # True appears in real files and multiplies by one
            return float(value)
        raise self.refuse(f"alpha must be a number, 'auto' or 'auto_po2', got {value!r}.")

    def finish(self) -> None:
        """Take the options that change nothing at inference, and refuse whatever remains."""
        for key in ("use_stochastic_rounding", "var_name", "use_ste", "use_variables"):
            self._left.pop(key, None)  # rounding is stochastic in training only
        noise = self._left.pop("qnoise_factor", 1.0)
        if noise != 1:
            raise self.refuse(
                f"qnoise_factor={noise}: the model was saved while quantization was only partly on; "
                f"set it to 1 (update_qnoise_factor) and save again."
            )
        axis = self._left.pop("scale_axis", None)
        if axis is not None:
            raise self.refuse(
                f"scale_axis={axis}: only scales for each output channel (scale_axis=None) are supported."
            )
        for key, value in self._left.items():
            if value is not None and not (key == "training" and value is False):
                raise self.refuse(f"option {key}={value!r} is not supported.")


def _flatten(value: Any) -> list[Any]:
    return [leaf for item in value for leaf in _flatten(item)] if isinstance(value, list) else [value]


def parse_quantizer_config(identifier: Any, where: str) -> QuantizerConfig | str | None:
    """Read what a Keras file says about a quantizer or an activation.

    Args:
        identifier: None, a string such as ``"quantized_relu(6)"`` or ``"relu"``, or a class dictionary.
        where: the layer and the option, for messages.
    Returns:
        The configuration; a plain activation's name in lower case (``"linear"``, ``"relu"``, …); or None.
    Raises:
        UnsupportedError: unknown, random at inference, or with an option that hwgen does not honour.
    """
    if identifier is None:
        return None
    if isinstance(identifier, dict):
        name, options = _from_dictionary(identifier, where)
    elif isinstance(identifier, str):
        name, options = _from_text(identifier, where)
    else:
        raise UnsupportedError(f"{where}: a quantizer's name or configuration was expected, got {identifier!r}.")
    if name in _RANDOM:
        raise UnsupportedError(f"{where}: {name} is not supported; {_why_random(name)}")
    if name not in _PARSERS:
        if options:
            supported = ", ".join(_PARSERS)
            raise UnsupportedError(f"{where}: {name} has no fixed-point form in hwgen; supported: {supported}.")
        return name
    taken = Options(where, name, options)
    config = _PARSERS[name](taken)
    taken.finish()
    return config


def _why_random(name: str) -> str:
    if name == "bernoulli":
        return "its output is random at inference, so no hardware can equal it."
    return "use its deterministic form."


def _from_dictionary(identifier: Config, where: str) -> tuple[str, Mapping[str, Any]]:
    name = str(identifier.get("class_name", "")).rsplit(">", 1)[-1]
    config = identifier.get("config")
    if name == "function" and isinstance(config, (str, dict)):
        return (config if isinstance(config, str) else str(config.get("name"))), {}
    if not name or not isinstance(config, dict):
        raise UnsupportedError(f"{where}: a quantizer's class and configuration were expected, got {identifier!r}.")
    return name, config


def _from_text(text: str, where: str) -> tuple[str, Mapping[str, Any]]:
    """Parse ``name(arguments)``; arguments are literals only, as in QKeras's own safe_eval."""
    text = text.strip()
    if "(" not in text:
        return text, {}
    try:
        call = ast.parse(text, mode="eval").body
        if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Name):
            raise ValueError("not a call")
        name = call.func.id
        values = [ast.literal_eval(argument) for argument in call.args]
        options = {str(keyword.arg): ast.literal_eval(keyword.value) for keyword in call.keywords}
    except (SyntaxError, ValueError) as error:
        raise UnsupportedError(f"{where}: {text!r} is no quantizer that hwgen can read ({error}).") from error
    parameters = _PARAMETERS.get(name, ())
    if name in _PARAMETERS and len(values) > len(parameters):
        raise UnsupportedError(f"{where}: {text!r} has more arguments than {name} takes.")
    if name not in _PARAMETERS and values:
        options["arguments"] = values
    return name, dict(zip(parameters, values, strict=False)) | options


def _quantized_bits(options: Options) -> QuantizedBits:
    bits = options.integer("bits", 8, 1, 32)
    integer = options.integer("integer", 0, -32, 32)
    symmetric = options.flag("symmetric", False)
    keep_negative = options.flag("keep_negative", True)
    alpha = options.alpha()
    if isinstance(alpha, str):
        symmetric = True
        if bits == 1:
            raise options.refuse(f"alpha={alpha!r} with 1 bit divides by zero in QKeras; use binary.")
    # Only qkeras-v3 writes this option, so its presence tells which of the two made the file.
    frozen = options.take("post_training_scale", "absent")
    if frozen not in (None, "absent"):
        raise options.refuse("post_training_scale is not supported.")
    requantize = frozen is None
    return QuantizedBits(bits, integer, symmetric, keep_negative, alpha, requantize)


def _quantized_relu(options: Options) -> QuantizedRelu:
    bits = options.integer("bits", 8, 1, 32)
    integer = options.integer("integer", 0, -32, 32)
    if options.flag("use_sigmoid", False):
        raise options.refuse("use_sigmoid=1 is not supported.")
    slope = options.number("negative_slope", 0.0) or 0.0
    bound = options.number("relu_upper_bound", None)
    clip = options.flag("is_quantized_clip", True)
    steps = bits - int(slope != 0)
    largest = 2.0**integer - 2.0 ** (integer - steps)
    if bound and bound < largest:
        told = "with is_quantized_clip=False" if not clip else "which QKeras ignores when it loads this file"
        raise options.refuse(
            f"relu_upper_bound={bound:g} is below the largest code's value {largest:g}, {told}; "
            f"choose bits and integer so that the largest code is the bound."
        )
    if slope:
        exponent = _exponent(slope)
        if exponent is None or exponent > 0:
            raise options.refuse(f"negative_slope={slope:g} must be a power of two of at most 1.")
        if bits < 2 or -exponent > bits - 1:
            raise options.refuse(f"negative_slope={slope:g} is smaller than one step of {bits} bits.")
    return QuantizedRelu(bits, integer, slope)


def _exponent(value: float) -> int | None:
    """log2 of a power of two, else None."""
    mantissa, exponent = abs(value).hex().split("p")
    return int(exponent) if mantissa.rstrip("0") in ("0x1.", "0x1") and value > 0 else None


def _ternary(options: Options) -> Ternary:
    alpha = options.alpha()
    threshold = options.number("threshold", None)
    unrolls = options.integer("number_of_unrolls", 5, 1, 100)
    stochastic = options.flag("use_stochastic_rounding", False)
    if isinstance(alpha, str) and threshold is not None:
        raise options.refuse(f"alpha={alpha!r} finds its own threshold; threshold={threshold:g} contradicts it.")
    if stochastic and not isinstance(alpha, str):
        raise options.refuse("use_stochastic_rounding needs alpha='auto' or 'auto_po2'.")
    if threshold is not None and threshold < 0:
        raise options.refuse(f"threshold={threshold:g} must not be negative.")
    if isinstance(alpha, float) and alpha < 0:
        raise options.refuse(f"alpha={alpha:g} must not be negative.")
    return Ternary(alpha, threshold, unrolls)


def _binary(options: Options) -> Binary:
    return Binary(options.flag("use_01", False), options.alpha())


def _power_of_two(signed: bool) -> Callable[[Options], PowerOfTwo]:
    def parse(options: Options) -> PowerOfTwo:
        bits = options.integer("bits", 8, 2, 16)
        max_value = options.number("max_value", None)
        if max_value is not None and max_value < 0:
            raise options.refuse(f"max_value={max_value:g} must not be negative.")
        if not signed and (options.number("negative_slope", 0.0) or 0.0) != 0:
            raise options.refuse("negative_slope is not supported.")
        quadratic = options.flag("quadratic_approximation", False)
        rounding = options.take("log2_rounding", "rnd")
        if rounding not in ("rnd", "floor"):
            raise options.refuse(f"log2_rounding={rounding!r} must be 'rnd' or 'floor'.")
        return PowerOfTwo(bits, max_value, signed, quadratic, rounding == "floor")

    return parse


_PARSERS: Mapping[str, Callable[[Options], QuantizerConfig]] = {
    "quantized_bits": _quantized_bits,
    "quantized_relu": _quantized_relu,
    "ternary": _ternary,
    "binary": _binary,
    "quantized_po2": _power_of_two(signed=True),
    "quantized_relu_po2": _power_of_two(signed=False),
}
