"""Step functions of an integer, and the cheapest exact way to compute them: multiply, add, shift.

A scalar function between an accumulator and the next code is a monotone step function of an integer in a known
range. ``multiply_add_shift`` finds the ``clip((n * multiplier + addend) >> shift, low, high)`` with the smallest shift
that equals it, or shows that there is none.

Why it misses none: ``(n * m + a) >> s`` steps onto level ``k + 1`` exactly at threshold ``t[k]`` if
``t[k] * m + a >= (k + 1) << s > (t[k] - 1) * m + a``. An addend exists if and only if every lower bound of ``a`` is at
most every upper bound, that is, for all ``i < j``,
``(j - i) / (t[j] - t[i] + 1) < m / 2**s < (j - i) / (t[j] - t[i] - 1)``.
So the slopes that work are one open interval, whatever the shift.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise

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
        line = (np.asarray(code, dtype=np.int64) * self.multiplier + self.addend) >> self.shift
        return np.asarray(np.clip(line, self.low, self.high), dtype=np.int64)


def multiply_add_shift(
    thresholds: Sequence[int], levels: Sequence[int], low: int, high: int, max_shift: int = 32
) -> MultiplyAddShift | None:
    """Find the form with the smallest shift that equals a step function for every integer from ``low`` to ``high``.

    Args:
        thresholds: ascending, repeated where a step is higher than one; ``f(n) = levels[k]`` where k thresholds are at
            most n. Those outside ``low + 1`` to ``high`` play no part.
        levels: one more than thresholds; consecutive integers, all ascending or all descending.
        low: smallest input.
        high: largest input.
        max_shift: where to stop looking.
    Returns:
        The form, right by construction at every threshold and so everywhere; None if levels are not consecutive, no
        form has so small a shift, or the form's product would not fit int64.
    """
    reached = [k for k, threshold in enumerate(thresholds) if low < threshold <= high]
    first = sum(threshold <= low for threshold in thresholds)
    steps = [thresholds[k] for k in reached]
    values = levels[first : first + len(steps) + 1]
    if not steps:
        return MultiplyAddShift(0, values[0], 0, values[0], values[0])
    step = values[1] - values[0]
    if abs(step) != 1 or any(b - a != step for a, b in pairwise(values)):
        return None
    # A descending function of n is an ascending one of -n: f(n) >= level  <=>  -n >= 1 - threshold.
    if step < 0:
        form = _ascending([1 - t for t in reversed(steps)], values[-1], max_shift)
        if form is not None:
            form = MultiplyAddShift(-form.multiplier, form.addend, form.shift, form.low, form.high)
    else:
        form = _ascending(steps, values[0], max_shift)
    if form is None or any(abs(n * form.multiplier) + abs(form.addend) >= 2**63 for n in (low, high)):
        return None
    return form


def _ascending(thresholds: list[int], first: int, max_shift: int) -> MultiplyAddShift | None:
    """The form that starts at level ``first`` and rises by one at each threshold."""
    above, below = _slopes(thresholds)
    for shift in range(max_shift + 1):
        multiplier = int(above * (1 << shift)) + 1
        if below is None or multiplier < below * (1 << shift):
            break
    else:
        return None
    heights = [(first + 1 + k) << shift for k in range(len(thresholds))]
    lowest = max(height - t * multiplier for height, t in zip(heights, thresholds, strict=True))
    highest = min(height - (t - 1) * multiplier for height, t in zip(heights, thresholds, strict=True)) - 1
    assert lowest <= highest
    return MultiplyAddShift(multiplier, _roundest(lowest, highest), shift, first, first + len(thresholds))


def _slopes(thresholds: list[int]) -> tuple[Fraction, Fraction | None]:
    """The open interval of slopes of a line through the staircase; None where it has no upper end.

    Both ends are extremes of a ratio over all pairs of thresholds, found by Dinkelbach's iteration: the pair that most
    violates the present ratio gives the next one, and each round looks at every threshold once.
    """
    widest = thresholds[-1] - thresholds[0]
    steps = len(thresholds) - 1
    above = Fraction(steps, widest + 1)
    while True:
        pair = _worst_pair([(above.numerator * t, above.denominator * k) for k, t in enumerate(thresholds)])
        ratio = Fraction(pair[1] - pair[0], thresholds[pair[1]] - thresholds[pair[0]] + 1)
        if ratio <= above:
            break
        above = ratio
    if widest < 2:
        return above, None
    below = Fraction(steps, widest - 1)
    while True:
        pair = _worst_pair([(-below.numerator * t, -below.denominator * k) for k, t in enumerate(thresholds)])
        run = thresholds[pair[1]] - thresholds[pair[0]] - 1
        if run <= 0 or Fraction(pair[1] - pair[0], run) >= below:
            return above, below
        below = Fraction(pair[1] - pair[0], run)


def _worst_pair(points: list[tuple[int, int]]) -> tuple[int, int]:
    """The ``i < j`` (or ``i == j`` for a single point) with the largest rise of ``height - run`` from i to j."""
    start, lowest = 0, points[0][1] - points[0][0]
    best, largest = (0, 0), None
    for position, (run, height) in enumerate(points[1:], start=1):
        here = height - run
        if largest is None or here - lowest > largest:
            best, largest = (start, position), here - lowest
        if here < lowest:
            start, lowest = position, here
    return best


def _roundest(low: int, high: int) -> int:
    """The integer in [low, high] with the most trailing zeros: the cheapest constant to add."""
    if low <= 0 <= high:
        return 0
    for zeros in range(max(abs(low), abs(high)).bit_length(), -1, -1):
        candidate = -(-low >> zeros) << zeros
        if candidate <= high:
            return candidate
    return low
