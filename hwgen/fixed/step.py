"""Step functions of an integer, and the cheapest exact way to compute them: multiply, add, shift.

A scalar function between an accumulator and the next code is a monotone step function of an integer in a known
range. ``multiply_add_shift`` looks for the smallest ``clip((n * multiplier + addend) >> shift, low, high)`` that
equals it, and accepts one only if it is right on both sides of every threshold. That is a proof over the whole
range: between two neighbouring thresholds both functions are monotone and take the same value at both ends.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from hwgen.fixed.types import IntArray


@dataclass(frozen=True, slots=True)
class MultiplyAddShift:
    """``clip((n * multiplier + addend) >> shift, low, high)``, an exact form of one channel's step function."""

    multiplier: int
    addend: int
    shift: int
    low: int
    high: int

    def apply(self, code: IntArray) -> IntArray:
        """Evaluate on int64 codes of any shape."""
        return np.clip((code * self.multiplier + self.addend) >> self.shift, self.low, self.high)


def multiply_add_shift(
    thresholds: Sequence[int], levels: Sequence[int], low: int, high: int, max_shift: int = 32
) -> MultiplyAddShift | None:
    """Find the form with the smallest shift that equals a step function for every integer from ``low`` to ``high``.

    Args:
        thresholds: ascending; ``f(n) = levels[k]`` where k thresholds are at most n.
        levels: one more than thresholds; consecutive integers, all ascending or all descending.
        low: smallest input.
        high: largest input.
        max_shift: where to stop looking.
    Returns:
        The form, proven at every threshold, or None: levels are not consecutive, or no form is small enough.
    """
    if not thresholds:
        return MultiplyAddShift(0, levels[0], 0, levels[0], levels[0])
    step = levels[1] - levels[0]
    if abs(step) != 1 or any(b - a != step for a, b in zip(levels, levels[1:], strict=False)):
        return None
    if len(set(thresholds)) != len(thresholds):
        return None  # a jump over levels: not a line
    # A descending function of n is an ascending one of -n: f(n) >= level  <=>  -n >= 1 - threshold.
    if step < 0:
        mirrored = multiply_add_shift(
            [1 - t for t in reversed(thresholds)], list(reversed(levels)), -high, -low, max_shift
        )
        if mirrored is None:
            return None
        return MultiplyAddShift(-mirrored.multiplier, mirrored.addend, mirrored.shift, mirrored.low, mirrored.high)
    first, last = levels[0], levels[-1]
    for shift in range(max_shift + 1):
        for multiplier in _candidates(thresholds, shift):
            lowest = max(((first + 1 + k) << shift) - t * multiplier for k, t in enumerate(thresholds))
            highest = min(((first + 1 + k) << shift) - (t - 1) * multiplier for k, t in enumerate(thresholds)) - 1
            if lowest <= highest:
                addend = _roundest(lowest, highest)
                return MultiplyAddShift(multiplier, addend, shift, first, last)
    return None


def _candidates(thresholds: Sequence[int], shift: int) -> list[int]:
    """Multipliers near the slope of the thresholds, at this resolution."""
    if len(thresholds) == 1:
        return [1 << shift]
    slope = Fraction(len(thresholds) - 1, thresholds[-1] - thresholds[0]) * (1 << shift)
    # The ends of the staircase are each uncertain by up to one step of n.
    spread = slope * Fraction(1, thresholds[-1] - thresholds[0])
    nearest = sorted({int(slope), int(slope) + 1, int(slope - spread), int(slope + spread) + 1})
    return [multiplier for multiplier in nearest if multiplier > 0]


def _roundest(low: int, high: int) -> int:
    """The integer in [low, high] with the most trailing zeros: the cheapest constant to add."""
    if low <= 0 <= high:
        return 0
    for zeros in range(max(abs(low), abs(high)).bit_length(), -1, -1):
        candidate = -(-low >> zeros) << zeros
        if candidate <= high:
            return candidate
    return low
