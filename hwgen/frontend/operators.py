"""Operators on tensors, ``a + b`` in a Functional model: Keras 2 stores each as a layer of class ``TFOpLambda``.

Its config names TensorFlow's function, and its call holds the second operand among the options.
"""

from collections.abc import Mapping
from typing import Any

from hwgen.errors import UnsupportedError
from hwgen.frontend.calls import TensorReference, read_reference

OPERATOR_CLASSES = ("TFOpLambda", "SlicingOpLambda")
OPERATORS = {  # TensorFlow's function, by the layer that computes the same of tensors of one rank
    "__operators__.add": "Add",
    "math.add": "Add",
    "math.subtract": "Subtract",
    "math.multiply": "Multiply",
    "math.maximum": "Maximum",
    "math.minimum": "Minimum",
}


def operator_class(function: str) -> str:
    """The class under which an operator is read: ``tf.math.add``."""
    return f"tf.{function}"


def read_operator(
    name: str, config: Mapping[str, Any], calls: list[Any]
) -> tuple[str, tuple[tuple[TensorReference, ...], ...]]:
    """The class of an operator's layer, and the two tensors that its one call reads.

    Raises:
        UnsupportedError: another function, or an operand that is no layer's output.
    """
    function = config.get("function")
    if function not in OPERATORS:
        known = ", ".join(operator_class(each) for each in OPERATORS)
        raise UnsupportedError(
            f"layer {name!r}: is TensorFlow's function {str(function)[:80]!r} on a tensor; of these hwgen reads "
            f"{known}; use a Keras layer instead."
        )
    operands = [reference for call in calls for reference in _operands(call)]
    if len(calls) != 1 or len(operands) != 2 or None in operands:
        raise UnsupportedError(
            f"layer {name!r}: is {operator_class(str(function))} of {str(calls)[:120]}; two outputs of layers were "
            f"expected; use a Keras layer instead, such as {OPERATORS[str(function)]}."
        )
    return operator_class(str(function)), (tuple(operand for operand in operands if operand is not None),)


def _operands(call: Any) -> list[TensorReference | None]:
    """Both of ``[name, call, tensor, {"y": [name, call, tensor], "name": None}]``; None for what is no tensor."""
    if not isinstance(call, list) or len(call) != 4 or not isinstance(call[3], dict):
        return [None]
    options = {key: value for key, value in call[3].items() if value is not None}
    second = options.pop("y", None)
    return [read_reference(call[:3]), read_reference(second), *([None] if options else [])]
