"""The text form of QKeras quantizers, checked without TensorFlow: ``quantized_bits(6,0,alpha=1)``."""

import ast
from dataclasses import dataclass
from difflib import get_close_matches

from hwgen.errors import InputError

Argument = int | float | str | bool

# What hwgen.frontend turns into hardware exactly: training what cannot be built would waste its user's time.
WEIGHT_QUANTIZERS = ("quantized_bits", "binary", "ternary")
ACTIVATION_QUANTIZERS = ("quantized_relu", "quantized_bits", "binary", "ternary")
_FIXED_BITS = {"binary": 1, "ternary": 2}


@dataclass(frozen=True, slots=True)
class QuantizerText:
    """A quantizer as written in a configuration.

    Attributes:
        name: the QKeras class.
        bits: width of a code; 1 for binary, 2 for ternary.
        arguments: by position.
        options: by name.
    """

    name: str
    bits: int
    arguments: tuple[Argument, ...]
    options: tuple[tuple[str, Argument], ...]


def read_quantizer(text: str, known: tuple[str, ...]) -> QuantizerText:
    """Read a quantizer, one of ``known``.

    Raises:
        InputError: not ``name(arguments)``, an unknown name, an argument that is not a number, a text or a flag, or no
            number of bits where the quantizer has one (QKeras's default of 8 is not taken silently).
    """
    example = f"for example {known[0]}(6,0)"
    try:
        call = ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError) as error:
        raise InputError(f"a quantizer is written as QKeras does, {example}; got {text!r}.") from error
    name_node = call.func if isinstance(call, ast.Call) else call
    if not isinstance(name_node, ast.Name):
        raise InputError(f"a quantizer is written as QKeras does, {example}; got {text!r}.")
    name = name_node.id
    if name not in known:
        near = get_close_matches(name, known, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"one of {', '.join(known)}."
        raise InputError(f"unknown quantizer {name!r}; {hint}")
    arguments: tuple[Argument, ...] = ()
    options: tuple[tuple[str, Argument], ...] = ()
    if isinstance(call, ast.Call):
        arguments = tuple(_argument(node, text) for node in call.args)
        options = tuple((keyword.arg or "**", _argument(keyword.value, text)) for keyword in call.keywords)
    return QuantizerText(name, _bits(name, arguments, dict(options), text), arguments, options)


def _argument(node: ast.expr, text: str) -> Argument:
    try:
        value = ast.literal_eval(node)
    except (ValueError, TypeError, SyntaxError):
        value = None
    if not isinstance(value, int | float | str):  # QKeras's own reader turns None into the text 'on'
        raise InputError(
            f"{text!r}: an argument of a quantizer is a number, a text or a flag; got {ast.unparse(node)!r}."
        )
    return value


def _bits(name: str, arguments: tuple[Argument, ...], options: dict[str, Argument], text: str) -> int:
    if name in _FIXED_BITS:
        return _FIXED_BITS[name]
    bits = arguments[0] if arguments else options.get("bits")
    if isinstance(bits, bool) or not isinstance(bits, int) or not 1 <= bits <= 32:
        raise InputError(f"{text!r}: {name} needs its number of bits, 1 to 32, first: {name}(6,...).")
    return bits
