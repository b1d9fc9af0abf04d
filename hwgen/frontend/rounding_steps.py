"""Every rounding mode of ``ap_fixed`` as a step function of a real number."""

from dataclasses import dataclass
from fractions import Fraction
from typing import assert_never

from hwgen.errors import UnsupportedError
from hwgen.fixed import Overflow, Quantizer, Rounding
from hwgen.frontend.real_steps import UniformStep
from hwgen.frontend.thresholds import Threshold

_HALF = Fraction(1, 2)


@dataclass(frozen=True, slots=True)
class RoundingStep(UniformStep):
    """Round to a grid in one of the modes, then clip."""

    rounding: Rounding = Rounding.RND_CONV

    def threshold(self, step: int) -> Threshold:
        """Where ``level(step + 1)`` begins."""
        code = self.low + step + 1
        match self.rounding:
            case Rounding.TRN:
                at, strict = Fraction(code), False
            case Rounding.TRN_ZERO:
                at, strict = (Fraction(code), False) if code > 0 else (Fraction(code - 1), True)
            case Rounding.RND:
                at, strict = code - _HALF, False
            case Rounding.RND_MIN_INF:
                at, strict = code - _HALF, True
            case Rounding.RND_ZERO:
                at, strict = code - _HALF, code > 0
            case Rounding.RND_INF:
                at, strict = code - _HALF, code <= 0
            case Rounding.RND_CONV:
                at, strict = code - _HALF, code % 2 == 1
            case _:
                assert_never(self.rounding)
        return Threshold(at * self.lsb, strict)


def rounding_step(quantizer: Quantizer, where: str) -> RoundingStep:
    """The step function of a type with rounding and overflow.

    Raises:
        UnsupportedError: it does not saturate, so it does not keep order.
    """
    if quantizer.overflow not in (Overflow.SAT, Overflow.SAT_SYM):
        raise UnsupportedError(
            f"{where}: results can be rounded to types that saturate (SAT or SAT_SYM), got {quantizer}."
        )
    return RoundingStep(quantizer.type.lsb, quantizer.low, quantizer.high, rounding=quantizer.rounding)
