"""A quantized weight tensor: integer codes on a common grid, and the scales that are no powers of two."""

from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from hwgen.fixed import IntArray

Float32 = NDArray[np.float32]

_WIDEST_SHIFT = 60  # bits of a code after a channel's power of two is shifted in


@dataclass(frozen=True, slots=True, eq=False)
class QuantizedTensor:
    """``value = code * 2**-fraction * scale[channel]``, exactly.

    Attributes:
        code: the tensor's shape.
        fraction: of the common grid.
        scale: one positive factor a channel (last axis), or one for all. A single 1 where every scale is a power of
            two, as long as the codes have room for them.
        remark: why Keras's own float32 value may differ from this one, or None where it cannot.
    """

    code: IntArray
    fraction: int
    scale: tuple[Fraction, ...]
    remark: str | None

    def masked(self, keep: NDArray[np.bool_]) -> "QuantizedTensor":
        """Zero the codes that a pruning mask drops; masks act after the quantizer."""
        return QuantizedTensor(np.where(keep, self.code, 0), self.fraction, self.scale, self.remark)

    def values(self) -> list[Fraction]:
        """Every value exactly, in C order."""
        channels = len(self.scale)
        lsb = Fraction(2) ** -self.fraction
        return [code * lsb * self.scale[i % channels] for i, code in enumerate(self.code.ravel().tolist())]


def scaled_tensor(
    weights: Float32, code: IntArray, fraction: int, factor: Float32, remark: str | None = None
) -> QuantizedTensor:
    """Move powers of two from the scales into the codes, and compare with what float32 makes of the same numbers.

    Args:
        factor: one a channel, or one for all; any sign, or zero.
        remark: what is known to differ already; else it is found out here.
    """
    if remark is None:
        remark = _float32_remark(weights, code, fraction, factor)
    scale = [Fraction(float(f)) for f in factor]
    if any(s < 0 for s in scale):
        code = np.where(factor < 0, -code, code)
        scale = [abs(s) for s in scale]
    live = np.atleast_1d(code.reshape(-1, code.shape[-1]).any(axis=0)).tolist()
    if len(scale) > 1:  # a channel without weights has no scale
        scale = [s if alive else Fraction(1) for s, alive in zip(scale, live, strict=True)]
    if 0 in scale:
        code = np.where(np.array([s == 0 for s in scale]), 0, code)
        scale = [s or Fraction(1) for s in scale]
    if all(is_power_of_two(s) for s in scale):
        exponents = [exponent_of(s) for s in scale]
        used = [e for e, alive in zip(exponents, live, strict=True) if alive] if len(scale) > 1 else exponents
        lowest = min(used, default=0)
        shift = np.array([max(0, e - lowest) if e in used else 0 for e in exponents], dtype=np.int64)
        if int(np.abs(code).max(initial=0)).bit_length() + int(shift.max()) <= _WIDEST_SHIFT:
            return QuantizedTensor(code << shift, fraction - lowest, (Fraction(1),), remark)
    return QuantizedTensor(code, fraction, tuple(scale), remark)


def _float32_remark(weights: Float32, code: IntArray, fraction: int, factor: Float32) -> str | None:
    """Keras returns ``x + (xq - x)`` in float32, with ``xq = scale * (code / m)``: equal to the exact value, or not."""
    exact = np.ldexp(code.astype(np.float64), -fraction) * factor.astype(np.float64)
    with np.errstate(over="ignore", invalid="ignore"):  # where float32 overflows, it differs
        grid = np.ldexp(code.astype(np.float32), -fraction).astype(np.float32)
        quantized = (factor * grid).astype(np.float32)
        through = weights + (quantized - weights)
    differ = int((through.astype(np.float64) != exact).sum())
    if not differ:
        return None
    return f"{differ} of {code.size} quantized weights are rounded by float32 (scale {float(factor.ravel()[0]):g})"


def is_power_of_two(value: Fraction) -> bool:
    """Whether a positive rational is a power of two."""
    return (
        value > 0 and value.numerator & (value.numerator - 1) == 0 and value.denominator & (value.denominator - 1) == 0
    )


def exponent_of(power: Fraction) -> int:
    """log2 of a power of two."""
    return power.numerator.bit_length() - power.denominator.bit_length()
