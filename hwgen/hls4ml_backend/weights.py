"""The weights that hls4ml's C++ would compute with, exactly: what it writes as text, read into the weights' type."""

from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwgen.errors import UnsupportedError
from hwgen.fixed import FixedType, Overflow, Quantizer, Rounding, quantize, value_of

# hls4ml's C++ reads a weight as a double before it rounds it into its type.
_DOUBLE_BITS = 53


def weight_values(node: Any, name: str) -> NDArray[np.float64]:
    """The values that ``node``'s weights ``name`` have in hls4ml's C++.

    hls4ml writes each weight as decimal text, with as many digits as the type has fraction bits, and its C++ converts
    that text to the weights' type, with the rounding and the overflow of the type. So a weight smaller than the type's
    step is a zero, and is elided as one.

    Returns:
        As many values as weights, in the order of hls4ml's text file; the last axis of the array runs fastest.
    Raises:
        UnsupportedError: the type is not fixed-point, or has an option that hwgen does not compute.
    """
    variable = node.get_weights(name)
    quantizer = weight_quantizer(variable.type.precision, f"layer '{node.name}', {name}")
    written = np.array([float(text) for text in variable], dtype=np.float64)
    return value_of(quantize(written, quantizer), quantizer.type)


def weight_quantizer(precision: Any, where: str) -> Quantizer:
    """What hls4ml's type does to the number it is given: ``ap_fixed`` with its modes, or ``ap_int``, which wraps.

    Raises:
        UnsupportedError: not such a type.
    """
    from hls4ml.model.types import FixedPrecisionType, IntegerPrecisionType

    if isinstance(precision, IntegerPrecisionType):
        integer = FixedType(bool(precision.signed), int(precision.width), 0)
        return Quantizer(integer, Rounding.TRN_ZERO, Overflow.WRAP)
    if not isinstance(precision, FixedPrecisionType):
        raise not_fixed_point(precision, where)
    if precision.saturation_bits:
        raise UnsupportedError(
            f"{where}: the type '{precision}' wraps around below {precision.saturation_bits} saturation bits, which "
            f"hwgen does not compute; set a Precision without them, or convert with backend='Vitis'."
        )
    if precision.width > _DOUBLE_BITS:
        raise UnsupportedError(
            f"{where}: the type '{precision}' has {precision.width} bits, and hls4ml's C++ reads a weight as a double, "
            f"which has {_DOUBLE_BITS}; set a Precision of at most {_DOUBLE_BITS} bits, or convert with "
            f"backend='Vitis'."
        )
    return Quantizer(
        FixedType.from_ap(int(precision.width), int(precision.integer), bool(precision.signed)),
        Rounding[precision.rounding_mode.name],
        Overflow[precision.saturation_mode.name],
    )


def check_input_type(node: Any) -> None:
    """See that a layer's input has a finite value in every code, so that a zero weight makes a zero product.

    Raises:
        UnsupportedError: the input is a floating-point number, which may be infinite or none.
    """
    from hls4ml.model.types import FixedPrecisionType, IntegerPrecisionType, XnorPrecisionType

    precision = node.get_input_variable().type.precision
    if not isinstance(precision, FixedPrecisionType | IntegerPrecisionType | XnorPrecisionType):
        raise not_fixed_point(precision, f"layer '{node.name}', input")


def not_fixed_point(precision: Any, where: str) -> UnsupportedError:
    return UnsupportedError(
        f"{where}: a zero-elided layer computes with ap_fixed or ap_int, and the type here is '{precision}'; set a "
        f"fixed-point Precision, or convert with backend='Vitis'."
    )


def literal(value: float) -> str:
    """A C++ double that is ``value`` exactly: the shortest decimal, without an exponent where that is shorter."""
    text = repr(float(value))
    assert Fraction(float(text)) == Fraction(value)
    return text
