"""Types and literals as C++ text."""

from hwgen.fixed import FixedType, Quantizer


def integer_type(low: int, high: int) -> str:
    """The narrowest ``ap_int`` or ``ap_uint`` that holds codes from ``low`` to ``high``."""
    return code_type(FixedType.holding(low, high, 0))


def code_type(fixed_type: FixedType) -> str:
    """The integer type of a fixed-point type's codes."""
    return f"ap_{'' if fixed_type.signed else 'u'}int<{fixed_type.width}>"


def value_type(fixed_type: FixedType) -> str:
    """``ap_fixed<width, integer>``."""
    return f"ap_{'' if fixed_type.signed else 'u'}fixed<{fixed_type.width}, {fixed_type.integer}>"


def quantizer_type(quantizer: Quantizer) -> str:
    """``ap_fixed<width, integer, rounding, overflow>``: assigning to it quantizes."""
    modes = f"AP_{quantizer.rounding.value}, AP_{quantizer.overflow.value}"
    return f"{value_type(quantizer.type)[:-1]}, {modes}>"


def literal(number: int) -> str:
    """An integer literal, with the suffix that one beyond 32 bits needs."""
    return f"{number}LL" if number.bit_length() > 31 else str(number)


def weight_literal(number: int) -> str:
    """A constant in the narrowest type that holds it: a plain ``int`` would make the product 32 bits wider."""
    return f"weight<{integer_type(min(number, 0), max(number, 0))}>({literal(number)})"
