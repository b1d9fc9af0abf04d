"""Reads a quantizer's options: each one honoured, without effect at inference, or refused by name."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from hwgen.errors import UnsupportedError
from hwgen.frontend.options import Options, is_number, shortened
from hwgen.frontend.quantizer_text import read_quantizer_text
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
)

# The file does not say which sigmoid stands behind quantized_tanh, quantized_sigmoid, quantized_ulaw and
# quantized_relu(use_sigmoid=1): qkeras.set_internal_sigmoid is of the process. A process that has just started takes
# this one.
INTERNAL_SIGMOID = Sigmoid.HARD

# QKeras computes 2**integer and quantized_relu's 2**bits in int32, which wraps at 2**31.
_LARGEST_POWER = 30
_MOST_BITS_LISTED = 16  # of a quantizer after a function with few more useful bits in float32


def parse_quantizer_config(
    identifier: Any, where: str, internal_sigmoid: Sigmoid = INTERNAL_SIGMOID
) -> QuantizerConfig | str | None:
    """Read what a Keras file says about a quantizer or an activation.

    Args:
        identifier: None, a string such as ``"quantized_relu(6)"`` or ``"relu"``, or a class dictionary.
        where: the layer and the option, for messages.
        internal_sigmoid: what ``qkeras.set_internal_sigmoid`` chose.
    Returns:
        The configuration; the name of an activation without options (``"linear"``, ``"relu"``, …); or None.
    Raises:
        UnsupportedError: unknown, random at inference, or with an option that hwgen does not honour.
    """
    if identifier is None:
        return None
    name, options = read_quantizer_text(identifier, where)
    if name == "bernoulli":
        raise UnsupportedError(
            f"{where}: bernoulli is not supported; its output is random at inference, so no hardware can equal it."
        )
    known = QUANTIZERS.get(name)
    if known is None:
        if options or (isinstance(identifier, dict) and identifier.get("class_name") != "function"):
            supported = ", ".join(QUANTIZERS)
            raise UnsupportedError(
                f"{where}: {shortened(name)} has no fixed-point form in hwgen; supported: {supported}."
            )
        return name
    taken = QuantizerOptions(f"{where}: {name}", options, internal_sigmoid, complete=isinstance(identifier, str))
    config = known.parse(taken)
    taken.finish()
    return config


class QuantizerOptions(Options):
    """A quantizer's options.

    Args:
        internal_sigmoid: what ``qkeras.set_internal_sigmoid`` chose.
        complete: whether an option that is not there has its default: QKeras writes not all of them into a dictionary.
    """

    def __init__(self, where: str, values: Mapping[str, Any], internal_sigmoid: Sigmoid, *, complete: bool) -> None:
        super().__init__(where, values)
        self.internal_sigmoid, self.complete = internal_sigmoid, complete

    def alpha(self) -> Alpha:
        value = self.take("alpha")
        if isinstance(value, dict) and isinstance(value.get("config"), dict):  # Keras 3 wraps arrays
            value = value["config"].get("value", value)
        if value is None or value == "auto" or value == "auto_po2":
            return value  # type: ignore[no-any-return]  # one of the two words
        if is_number(value):  # True appears in real files and multiplies by one
            return float(value)
        row = value
        while isinstance(row, list) and len(row) == 1 and isinstance(row[0], list):
            row = row[0]  # [[[a, b]]] multiplies along the last axis, as [a, b] does
        if isinstance(row, list) and row and all(is_number(v) for v in row):
            return tuple(float(v) for v in row)
        raise self.refuse(
            f"alpha must be a number within float32, one number for each output channel, 'auto' or 'auto_po2', "
            f"got {str(value)[:80]}."
        )

    def finish(self) -> None:
        """Take the options that change nothing at inference, and refuse whatever remains."""
        self.ignore("use_stochastic_rounding", "var_name", "use_ste", "use_variables")  # random in training only
        noise = self.take("qnoise_factor", 1.0)
        if noise != 1:
            raise self.refuse(
                f"qnoise_factor={noise}: the model was saved while quantization was only partly on; "
                f"set it to 1 (update_qnoise_factor) and save again."
            )
        axis = self.take("scale_axis")
        if axis is not None:
            raise self.refuse(
                f"scale_axis={axis}: only scales for each output channel (scale_axis=None) are supported."
            )
        super().finish()


@dataclass(frozen=True, slots=True)
class QuantizerClass:
    """How the options of a quantizer are read, and what people are told that it computes."""

    parse: Callable[[QuantizerOptions], QuantizerConfig]
    computes: str


def _quantized_bits(options: QuantizerOptions) -> QuantizedBits:
    bits = options.whole("bits", 1, 32, default=8)
    integer = options.whole("integer", -32, _LARGEST_POWER, default=0)
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


def _quantized_linear(options: QuantizerOptions) -> QuantizedLinear:
    bits = options.whole("bits", 1, 32, default=8)
    integer = options.whole("integer", -32, _LARGEST_POWER, default=0)
    symmetric, keep_negative = options.flag("symmetric", True), options.flag("keep_negative", True)
    alpha = options.alpha()
    if not isinstance(alpha, str) and alpha is not None:
        scales = alpha if isinstance(alpha, tuple) else (alpha,)
        if min(scales) <= 0:
            raise options.refuse("alpha must be positive: the input is divided by it.")
    return QuantizedLinear(bits, integer, symmetric, keep_negative, alpha)


def _quantized_hswish(options: QuantizerOptions) -> QuantizedHswish:
    shift, bound = options.number("relu_shift", 3.0), options.number("relu_upper_bound", 6.0)
    if not shift or not bound or shift < 0 or bound < 0:
        raise options.refuse(f"relu_shift={shift} and relu_upper_bound={bound} must be positive.")
    return QuantizedHswish(_quantized_bits(options), shift, bound)


def _sigmoid_of(options: QuantizerOptions, key: str) -> Sigmoid:
    return Sigmoid.REAL if options.flag(key, False) else options.internal_sigmoid


def _quantized_tanh(options: QuantizerOptions) -> QuantizedTanh:
    bits = options.whole("bits", 2, _MOST_BITS_LISTED, default=8)
    return QuantizedTanh(bits, options.flag("symmetric", False), _sigmoid_of(options, "use_real_tanh"))


def _quantized_sigmoid(options: QuantizerOptions) -> QuantizedSigmoid:
    bits = options.whole("bits", 1, _MOST_BITS_LISTED, default=8)
    return QuantizedSigmoid(bits, options.flag("symmetric", False), _sigmoid_of(options, "use_real_sigmoid"))


def _quantized_ulaw(options: QuantizerOptions) -> QuantizedUlaw:
    bits = options.whole("bits", 2, _MOST_BITS_LISTED, default=8)
    integer = options.whole("integer", -32, _LARGEST_POWER, default=0)
    u = options.number("u", 255.0)
    if u is None or u <= 0:
        raise options.refuse(f"u={u} must be positive.")
    return QuantizedUlaw(bits, integer, options.flag("symmetric", False), u, options.internal_sigmoid)


def _quantized_relu(options: QuantizerOptions) -> QuantizedRelu:
    bits = options.whole("bits", 1, _LARGEST_POWER, default=8)
    integer = options.whole("integer", -32, _LARGEST_POWER, default=0)
    sigmoid = options.internal_sigmoid if options.flag("use_sigmoid", False) else None
    slope = options.number("negative_slope", 0.0) or 0.0
    bound = options.number("relu_upper_bound")
    stated = options.take("is_quantized_clip", "absent")
    if stated not in (0, 1, "absent"):
        raise options.refuse(f"is_quantized_clip must be true or false, got {stated!r}.")
    steps = bits - int(slope != 0)
    largest = 2.0**integer - 2.0 ** (integer - steps)
    if not bound or bound >= largest:
        bound = None
    elif stated == "absent" and not options.complete:
        raise options.refuse(
            f"relu_upper_bound={bound:g} is below the largest code's value {largest:g}, and the file does not say "
            f"whether it acts: QKeras leaves is_quantized_clip out when it saves; choose bits and integer so that the "
            f"largest code is the bound, or write the activation as text."
        )
    elif stated != 0:
        bound = None  # with is_quantized_clip, only gradients see it
    elif bound < 0:
        raise options.refuse(f"relu_upper_bound={bound:g} must not be negative.")
    if slope:
        exponent = _exponent(slope)
        if exponent is None or exponent > 0:
            raise options.refuse(f"negative_slope={slope:g} must be a power of two of at most 1.")
        if bits < 2 or -exponent > bits - 1:
            raise options.refuse(f"negative_slope={slope:g} is smaller than one step of {bits} bits.")
    if sigmoid is not None and bits > _MOST_BITS_LISTED:
        raise options.refuse(f"bits={bits} with use_sigmoid=1 is outside the 1 to {_MOST_BITS_LISTED}.")
    return QuantizedRelu(bits, integer, slope, sigmoid, bound)


def _exponent(value: float) -> int | None:
    """log2 of a power of two, else None."""
    mantissa, exponent = abs(value).hex().split("p")
    return int(exponent) if mantissa.rstrip("0") in ("0x1.", "0x1") and value > 0 else None


def _ternary(stochastic: bool) -> Callable[[QuantizerOptions], Ternary]:
    def parse(options: QuantizerOptions) -> Ternary:
        alpha = options.alpha()
        threshold = options.number("threshold")
        unrolls = options.whole("number_of_unrolls", 1, 100, default=5)
        rounds_at_random = options.flag("use_stochastic_rounding", False)
        if stochastic:
            _only_in_training(options)
        if isinstance(alpha, str) and threshold is not None:
            raise options.refuse(f"alpha={alpha!r} finds its own threshold; threshold={threshold:g} contradicts it.")
        if rounds_at_random and not isinstance(alpha, str):
            raise options.refuse("use_stochastic_rounding needs alpha='auto' or 'auto_po2'.")
        if threshold is not None and threshold < 0:
            raise options.refuse(f"threshold={threshold:g} must not be negative.")
        if isinstance(alpha, float) and alpha < 0:
            raise options.refuse(f"alpha={alpha:g} must not be negative.")
        return Ternary(alpha, threshold, unrolls, stochastic)

    return parse


def _binary(options: QuantizerOptions) -> Binary:
    return Binary(options.flag("use_01", False), options.alpha())


def _stochastic_binary(options: QuantizerOptions) -> Binary:
    _only_in_training(options)
    return Binary(False, options.alpha(), stochastic=True)


def _rounded_sigmoid(use_01: bool) -> Callable[[QuantizerOptions], RoundedSigmoid]:
    return lambda options: RoundedSigmoid(use_01)


def _only_in_training(options: QuantizerOptions) -> None:
    """What shapes the random numbers, of which inference draws none."""
    options.ignore("temperature", "use_real_sigmoid")


def _power_of_two(signed: bool) -> Callable[[QuantizerOptions], PowerOfTwo]:
    def parse(options: QuantizerOptions) -> PowerOfTwo:
        bits = options.whole("bits", 2, 32, default=8)
        max_value = options.number("max_value")
        if max_value is not None and max_value <= 0:
            raise options.refuse(f"max_value={max_value:g} must be positive.")
        slope = 0.0 if signed else options.number("negative_slope", 0.0) or 0.0
        if slope and _exponent(slope) is None:
            raise options.refuse(f"negative_slope={slope:g} must be a power of two.")
        quadratic = options.flag("quadratic_approximation", False)
        rounding = options.take("log2_rounding", "rnd")
        if rounding not in ("rnd", "floor"):
            raise options.refuse(f"log2_rounding={rounding!r} must be 'rnd' or 'floor'.")
        return PowerOfTwo(bits, max_value, signed, quadratic, rounding == "floor", slope)

    return parse


QUANTIZERS: Mapping[str, QuantizerClass] = {
    "quantized_bits": QuantizerClass(_quantized_bits, "rounds to a fixed-point type"),
    "quantized_linear": QuantizerClass(_quantized_linear, "rounds to a grid of a scale (qkeras-v3)"),
    "quantized_relu": QuantizerClass(_quantized_relu, "relu, rounded; with a slope below zero or an upper bound"),
    "quantized_tanh": QuantizerClass(_quantized_tanh, "tanh, or its piecewise form, rounded"),
    "quantized_sigmoid": QuantizerClass(_quantized_sigmoid, "sigmoid, or its piecewise form, rounded"),
    "quantized_ulaw": QuantizerClass(_quantized_ulaw, "u-law companding, rounded"),
    "quantized_hswish": QuantizerClass(_quantized_hswish, "x * clip(x + shift, 0, bound) / bound, rounded"),
    "ternary": QuantizerClass(_ternary(stochastic=False), "-1, 0 or 1, by a threshold"),
    "stochastic_ternary": QuantizerClass(_ternary(stochastic=True), "ternary, at random in training only"),
    "binary": QuantizerClass(_binary, "-1 or 1, or 0 or 1"),
    "stochastic_binary": QuantizerClass(_stochastic_binary, "binary, at random in training only"),
    "quantized_po2": QuantizerClass(_power_of_two(signed=True), "plus or minus a power of two"),
    "quantized_relu_po2": QuantizerClass(_power_of_two(signed=False), "a power of two, or zero"),
    "binary_tanh": QuantizerClass(_rounded_sigmoid(use_01=False), "1 above zero, else -1"),
    "binary_sigmoid": QuantizerClass(_rounded_sigmoid(use_01=True), "1 above zero, else 0"),
}
