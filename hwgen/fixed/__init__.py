"""Fixed-point numbers as integers: types, rounding, overflow, and the scalar steps between them."""

from hwgen.fixed.arithmetic import quantize, requantize, value_of
from hwgen.fixed.types import FixedType, IntArray, Overflow, Quantizer, Rounding, parse_quantizer, parse_type

__all__ = [
    "FixedType",
    "IntArray",
    "Overflow",
    "Quantizer",
    "Rounding",
    "parse_quantizer",
    "parse_type",
    "quantize",
    "requantize",
    "value_of",
]
