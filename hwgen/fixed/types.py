"""What an integer code means (``FixedType``) and how a value becomes one (``Quantizer``)."""

import re
from dataclasses import dataclass
from enum import Enum
from fractions import Fraction
from typing import Self

import numpy as np
from numpy.typing import NDArray

from hwgen.errors import InputError

IntArray = NDArray[np.int64]


class Rounding(Enum):
    """The seven quantization modes of ``ap_fixed``. Source: AMD UG1399, ap_fixed quantization modes."""

    TRN = "TRN"  # towards minus infinity
    TRN_ZERO = "TRN_ZERO"  # towards zero
    RND = "RND"  # nearest, ties towards plus infinity
    RND_ZERO = "RND_ZERO"  # nearest, ties towards zero
    RND_INF = "RND_INF"  # nearest, ties away from zero
    RND_MIN_INF = "RND_MIN_INF"  # nearest, ties towards minus infinity
    RND_CONV = "RND_CONV"  # nearest, ties to even: what QKeras does


class Overflow(Enum):
    """The four overflow modes of ``ap_fixed``. Source: AMD UG1399, ap_fixed overflow modes."""

    WRAP = "WRAP"  # keep the low bits
    SAT = "SAT"  # nearest representable code
    SAT_ZERO = "SAT_ZERO"  # zero
    SAT_SYM = "SAT_SYM"  # like SAT, with the range made symmetric about zero


@dataclass(frozen=True, slots=True)
class FixedType:
    """What an integer code means: ``value = code * 2**-fraction``.

    Attributes:
        signed: whether codes may be negative (two's complement).
        width: bits of a code, sign included; 1 to 64 signed, 1 to 63 unsigned, so that codes fit int64.
        fraction: bits after the binary point; may be negative or exceed ``width``.
    """

    signed: bool
    width: int
    fraction: int

    def __post_init__(self) -> None:
        widest = 64 if self.signed else 63
        if not 1 <= self.width <= widest:
            kind = "signed" if self.signed else "unsigned"
            raise InputError(f"a {kind} type has a width of 1 to {widest} bits, got {self.width}.")
        if abs(self.fraction) > 1000:
            raise InputError(f"a type's fraction is between -1000 and 1000 bits, got {self.fraction}.")

    @classmethod
    def from_ap(cls, width: int, integer: int, signed: bool = True) -> Self:
        """``ap_fixed<width, integer>``: ``integer`` counts the sign bit."""
        return cls(signed, width, width - integer)

    @classmethod
    def from_qkeras(cls, bits: int, integer: int, keep_negative: bool = True) -> Self:
        """``quantized_bits(bits, integer)``: ``integer`` excludes the sign bit."""
        return cls(keep_negative, bits, bits - int(keep_negative) - integer)

    @classmethod
    def from_kif(cls, keep_negative: bool, integer: int, fraction: int) -> Self:
        """HGQ's convention: sign bit, integer bits without the sign, fraction bits."""
        return cls(keep_negative, int(keep_negative) + integer + fraction, fraction)

    @classmethod
    def holding(cls, low: int, high: int, fraction: int) -> Self:
        """The narrowest type whose codes include ``low`` to ``high``; unsigned where ``low`` is not negative."""
        signed = low < 0
        magnitude = max(high, -low - 1 if low < 0 else 0)
        return cls(signed, max(1, magnitude.bit_length() + int(signed)), fraction)

    @property
    def integer(self) -> int:
        """Bits before the binary point, sign included: the second argument of ``ap_fixed``."""
        return self.width - self.fraction

    @property
    def min_code(self) -> int:
        return -(1 << (self.width - 1)) if self.signed else 0

    @property
    def max_code(self) -> int:
        return (1 << (self.width - int(self.signed))) - 1

    @property
    def lsb(self) -> Fraction:
        """Value of one code step, exactly."""
        return Fraction(2) ** -self.fraction

    @property
    def min_value(self) -> Fraction:
        return self.min_code * self.lsb

    @property
    def max_value(self) -> Fraction:
        return self.max_code * self.lsb

    def holds(self, low: int, high: int) -> bool:
        """Whether every code from ``low`` to ``high`` is representable."""
        return self.min_code <= low and high <= self.max_code

    def __str__(self) -> str:
        return f"{'' if self.signed else 'u'}fixed<{self.width},{self.integer}>"


@dataclass(frozen=True, slots=True)
class Quantizer:
    """How a value, or a code of a finer type, becomes a code of ``type``: round first, then resolve overflow."""

    type: FixedType
    rounding: Rounding
    overflow: Overflow

    @property
    def low(self) -> int:
        """Lowest code that can come out."""
        if self.overflow is Overflow.SAT_SYM and self.type.signed and self.type.width > 1:
            return self.type.min_code + 1
        return self.type.min_code

    @property
    def high(self) -> int:
        """Highest code that can come out."""
        return self.type.max_code

    def __str__(self) -> str:
        return f"{str(self.type)[:-1]},{self.rounding.value},{self.overflow.value}>"


_TYPE = re.compile(
    r"(?:ap_)?(?P<unsigned>u?)fixed<(?P<width>\d+),(?P<integer>-?\d+)"
    r"(?:,(?:AP_)?(?P<rounding>[A-Z_]+))?(?:,(?:AP_)?(?P<overflow>[A-Z_]+))?>"
)


def _parse(text: str) -> tuple[FixedType, Rounding | None, Overflow | None]:
    match = _TYPE.fullmatch(re.sub(r"\s", "", text))
    if match is None:
        raise InputError(
            f"a type is written as in ap_fixed, for example 'fixed<8,3>', 'ufixed<8,0>' or "
            f"'fixed<8,3,RND_CONV,SAT>'; got {text!r}."
        )
    rounding, overflow = match["rounding"], match["overflow"]
    if rounding is not None and rounding not in Rounding.__members__:
        raise InputError(f"{text!r}: unknown rounding {rounding!r}; one of {', '.join(Rounding.__members__)}.")
    if overflow is not None and overflow not in Overflow.__members__:
        raise InputError(f"{text!r}: unknown overflow {overflow!r}; one of {', '.join(Overflow.__members__)}.")
    fixed_type = FixedType.from_ap(int(match["width"]), int(match["integer"]), not match["unsigned"])
    return fixed_type, Rounding[rounding] if rounding else None, Overflow[overflow] if overflow else None


def parse_type(text: str) -> FixedType:
    """Read ``fixed<width,integer>`` or ``ufixed<width,integer>``.

    Raises:
        InputError: not of that form, or with rounding and overflow, which a type does not have.
    """
    fixed_type, rounding, overflow = _parse(text)
    if rounding is not None or overflow is not None:
        raise InputError(f"a type without rounding and overflow was expected, such as '{fixed_type}'; got {text!r}.")
    return fixed_type


def parse_quantizer(text: str) -> FixedType | Quantizer:
    """Read a type, or a type with both rounding and overflow: ``fixed<8,3,RND_CONV,SAT>``.

    Raises:
        InputError: not of that form, or rounding without overflow (neither has a default).
    """
    fixed_type, rounding, overflow = _parse(text)
    if rounding is None:
        return fixed_type
    if overflow is None:
        raise InputError(
            f"{text!r} names a rounding but no overflow, and neither has a default; "
            f"write for example '{str(fixed_type)[:-1]},{rounding.value},SAT>'."
        )
    return Quantizer(fixed_type, rounding, overflow)
