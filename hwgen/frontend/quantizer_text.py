"""What a Keras file writes for a quantizer, a string or a class dictionary, as its name and its options."""

import ast
from collections.abc import Mapping
from typing import Any

from hwgen.errors import UnsupportedError
from hwgen.frontend.architecture import Config, class_of
from hwgen.frontend.options import shortened

# Positional parameters of qkeras 0.9.0, in order; quantized_linear's of qkeras-v3, which alone has it.
PARAMETERS: Mapping[str, tuple[str, ...]] = {
    "quantized_bits": (
        *("bits", "integer", "symmetric", "keep_negative", "alpha", "use_stochastic_rounding", "scale_axis"),
        *("qnoise_factor", "var_name", "use_ste", "use_variables"),
    ),
    "quantized_relu": (
        *("bits", "integer", "use_sigmoid", "negative_slope", "use_stochastic_rounding", "relu_upper_bound"),
        *("is_quantized_clip", "qnoise_factor", "var_name", "use_ste", "use_variables"),
    ),
    "quantized_linear": (
        *("bits", "integer", "symmetric", "keep_negative", "alpha", "use_stochastic_rounding", "scale_axis"),
        *("qnoise_factor", "var_name", "use_variables"),
    ),
    "quantized_hswish": (
        *("bits", "integer", "symmetric", "alpha", "use_stochastic_rounding", "scale_axis", "qnoise_factor"),
        *("var_name", "use_ste", "use_variables", "relu_shift", "relu_upper_bound"),
    ),
    "quantized_tanh": ("bits", "use_stochastic_rounding", "symmetric", "use_real_tanh"),
    "quantized_sigmoid": ("bits", "symmetric", "use_real_sigmoid", "use_stochastic_rounding"),
    "quantized_ulaw": ("bits", "integer", "symmetric", "u"),
    "stochastic_ternary": ("alpha", "threshold", "temperature", "use_real_sigmoid", "number_of_unrolls"),
    "stochastic_binary": ("alpha", "temperature", "use_real_sigmoid"),
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

# Functions of qkeras that are no classes.
QKERAS_FUNCTIONS = (
    *("hard_sigmoid", "smooth_sigmoid", "hard_tanh", "smooth_tanh"),
    *("binary_tanh", "binary_sigmoid"),
)

# Keras's own functions, which its files name by a plain string or as a function of their module.
_FUNCTION_MODULES = ("keras", "tf_keras", "tensorflow")


def read_quantizer_text(identifier: Any, where: str) -> tuple[str, Mapping[str, Any]]:
    """Split ``"quantized_bits(6, alpha=1)"`` or ``{"class_name": …, "config": …}`` into name and options.

    Returns:
        The name of a quantizer or of an activation, and its options; those of a quantizer that is not in ``PARAMETERS``
        are not told apart.
    Raises:
        UnsupportedError: neither of the two forms.
    """
    if isinstance(identifier, dict):
        return _from_dictionary(identifier, where)
    if isinstance(identifier, str):
        return _from_call(identifier.strip(), where)
    got = shortened(repr(identifier))
    raise UnsupportedError(f"{where}: a quantizer's name or configuration was expected, got {got}.")


def _from_dictionary(identifier: Config, where: str) -> tuple[str, Mapping[str, Any]]:
    name, config = str(identifier.get("class_name", "")), identifier.get("config")
    if name == "function":
        module = str(identifier.get("module")).partition(".")[0]
        if isinstance(config, str) and (
            module in _FUNCTION_MODULES or (module == "qkeras" and config in QKERAS_FUNCTIONS)
        ):
            return config, {}
        function = config if isinstance(config, str) else identifier.get("registered_name")
        raise UnsupportedError(
            f"{where}: {shortened(repr(function))} is a Python function of the model's author, and its code is not in "
            f"the file; use a quantizer such as quantized_relu(bits, integer)."
        )
    if not name or not isinstance(config, dict):
        got = shortened(repr(identifier))
        raise UnsupportedError(f"{where}: a quantizer's class and configuration were expected, got {got}.")
    return class_of(identifier), config


def _from_call(text: str, where: str) -> tuple[str, Mapping[str, Any]]:
    """Parse ``name(arguments)``; arguments are literals, as in QKeras's own ``safe_eval``."""
    if "(" not in text:
        return text, {}
    try:
        if text.count("(") > 1:
            raise ValueError("QKeras reads no brackets in arguments")
        call = ast.parse(text, mode="eval").body
        if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Name):
            raise ValueError("not a call")
        name = call.func.id
        values = [_literal(argument) for argument in call.args]
        options = {str(keyword.arg): _literal(keyword.value) for keyword in call.keywords}
    except (SyntaxError, ValueError, TypeError, MemoryError, RecursionError) as error:
        raise UnsupportedError(
            f"{where}: {text[:200]!r} is no quantizer that hwgen can read ({shortened(str(error))})."
        ) from error
    parameters = PARAMETERS.get(name)
    if parameters is None:
        return name, options | ({"arguments": values} if values else {})
    if len(values) > len(parameters):
        raise UnsupportedError(f"{where}: {text[:200]!r} has more arguments than {name} takes.")
    positional = dict(zip(parameters, values, strict=False))
    twice = sorted(positional.keys() & options.keys())
    if twice:
        raise UnsupportedError(f"{where}: {text[:200]!r} gives {twice[0]} twice.")
    return name, positional | options


def _literal(node: ast.expr) -> Any:
    """Python's own message shows an object and where it lies in memory."""
    try:
        return ast.literal_eval(node)
    except ValueError as error:
        raise ValueError(f"{ast.unparse(node)[:80]} is neither a number nor text") from error
