"""Reads a quantizer's options: each one honoured, without effect at inference, or refused by name."""

from collections.abc import Callable, Mapping
from typing import Any

from hwgen.errors import UnsupportedError
from hwgen.frontend.options import Options, is_number
from hwgen.frontend.quantizer_text import read_quantizer_text
from hwgen.frontend.quantizer_types import (
    Alpha,
    Binary,
    PowerOfTwo,
    QuantizedBits,
    QuantizedRelu,
    QuantizerConfig,
    Ternary,
)

_RANDOM: Mapping[str, str] = {
    "bernoulli": "its output is random at inference, so no hardware can equal it",
    "stochastic_ternary": "use its deterministic form, ternary",
    "stochastic_binary": "use its deterministic form, binary",
}

# QKeras computes 2**integer and quantized_relu's 2**bits in int32, which wraps at 2**31.
_LARGEST_POWER = 30
_SMALLEST_POWER = -149  # of float32


def parse_quantizer_config(identifier: Any, where: str) -> QuantizerConfig | str | None:
    """Read what a Keras file says about a quantizer or an activation.

    Args:
        identifier: None, a string such as ``"quantized_relu(6)"`` or ``"relu"``, or a class dictionary.
        where: the layer and the option, for messages.
    Returns:
        The configuration; the name of an activation without options (``"linear"``, ``"relu"``, …); or None.
    Raises:
        UnsupportedError: unknown, random at inference, or with an option that hwgen does not honour.
    """
    if identifier is None:
        return None
    name, options = read_quantizer_text(identifier, where)
    if name in _RANDOM:
        raise UnsupportedError(f"{where}: {name} is not supported; {_RANDOM[name]}.")
    parse = _PARSERS.get(name)
    if parse is None:
        if options or (isinstance(identifier, dict) and identifier.get("class_name") != "function"):
            supported = ", ".join(_PARSERS)
            raise UnsupportedError(f"{where}: {name} has no fixed-point form in hwgen; supported: {supported}.")
        return name
    taken = QuantizerOptions(f"{where}: {name}", options)
    config = parse(taken)
    taken.finish()
    return config


class QuantizerOptions(Options):
    """A quantizer's options."""

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
        for key in ("use_stochastic_rounding", "var_name", "use_ste", "use_variables"):
            self.take(key)  # rounding is stochastic in training only
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


def _quantized_relu(options: QuantizerOptions) -> QuantizedRelu:
    bits = options.whole("bits", 1, _LARGEST_POWER, default=8)
    integer = options.whole("integer", -32, _LARGEST_POWER, default=0)
    if options.flag("use_sigmoid", False):
        raise options.refuse("use_sigmoid=1 is not supported.")
    slope = options.number("negative_slope", 0.0) or 0.0
    bound = options.number("relu_upper_bound")
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


def _ternary(options: QuantizerOptions) -> Ternary:
    alpha = options.alpha()
    threshold = options.number("threshold")
    unrolls = options.whole("number_of_unrolls", 1, 100, default=5)
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


def _binary(options: QuantizerOptions) -> Binary:
    return Binary(options.flag("use_01", False), options.alpha())


def _power_of_two(signed: bool) -> Callable[[QuantizerOptions], PowerOfTwo]:
    def parse(options: QuantizerOptions) -> PowerOfTwo:
        bits = options.whole("bits", 2, 16, default=8)
        max_value = options.number("max_value")
        if max_value is not None and max_value <= 0:
            raise options.refuse(f"max_value={max_value:g} must be positive.")
        if not signed and (options.number("negative_slope", 0.0) or 0.0) != 0:
            raise options.refuse("negative_slope is not supported.")
        quadratic = options.flag("quadratic_approximation", False)
        rounding = options.take("log2_rounding", "rnd")
        if rounding not in ("rnd", "floor"):
            raise options.refuse(f"log2_rounding={rounding!r} must be 'rnd' or 'floor'.")
        config = PowerOfTwo(bits, max_value, signed, quadratic, rounding == "floor")
        if config.lowest < _SMALLEST_POWER:
            raise options.refuse(f"bits={bits}: its smallest power of two, 2**{config.lowest}, is zero in float32.")
        return config

    return parse


_PARSERS: Mapping[str, Callable[[QuantizerOptions], QuantizerConfig]] = {
    "quantized_bits": _quantized_bits,
    "quantized_relu": _quantized_relu,
    "ternary": _ternary,
    "binary": _binary,
    "quantized_po2": _power_of_two(signed=True),
    "quantized_relu_po2": _power_of_two(signed=False),
}
