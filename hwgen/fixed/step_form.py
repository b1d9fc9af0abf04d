"""How a step function of an integer is computed: multiply, add, shift; comparators; or a table. The cheapest is chosen.

The cost rule counts LUTs of six inputs, roughly:

- multiply, add, shift: a row of as many as the product has bits for each adder (one fewer than the multiplier has
  signed digits, and one for the addend), and a comparator for each end at which it is clipped;
- comparators: for each threshold, a LUT for every two bits of the code, and one for every two bits of the level that it
  selects;
- table: a LUT for each bit of a level and every 64 entries. A table has at most ``2**MOST_TABLE_BITS`` entries; its
  index is the lowest bits of the code, which tell all codes of the range apart.

A rule, no estimate: it says which form is tried to be small, not how large it becomes.
"""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from hwgen.fixed.digits import signed_digits
from hwgen.fixed.step import MultiplyAddShift, multiply_add_shift
from hwgen.fixed.types import FixedType, IntArray

MOST_TABLE_BITS = 10
_LUT_INPUTS = 6


@dataclass(frozen=True, slots=True)
class Comparators:
    """``levels[k]`` where k of the ascending thresholds are at most the code."""

    thresholds: tuple[int, ...]
    levels: tuple[int, ...]

    def apply(self, code: IntArray) -> IntArray:
        """Evaluate on int64 codes of any shape."""
        passed = np.searchsorted(np.array(self.thresholds, dtype=np.int64), code, side="right")
        return np.asarray(np.array(self.levels, dtype=np.int64)[passed])


@dataclass(frozen=True, slots=True)
class Table:
    """``levels[code mod 2**bits]``."""

    bits: int
    levels: tuple[int, ...]

    def apply(self, code: IntArray) -> IntArray:
        """Evaluate on int64 codes of any shape."""
        index = np.asarray(code, dtype=np.int64) & ((1 << self.bits) - 1)
        return np.asarray(np.array(self.levels, dtype=np.int64)[index])


StepForm = MultiplyAddShift | Comparators | Table


@dataclass(frozen=True, slots=True)
class Steps:
    """A step function in a range: only thresholds that codes from ``low`` to ``high`` cross, each once.

    Attributes:
        levels: one more than thresholds.
    """

    low: int
    high: int
    thresholds: tuple[int, ...]
    levels: tuple[int, ...]

    @property
    def table_bits(self) -> int:
        """Bits of the shortest index that tells all codes of the range apart."""
        return max(1, (self.high - self.low).bit_length())

    def level(self, code: int) -> int:
        return self.levels[bisect_right(self.thresholds, code)]


def steps_within(thresholds: Sequence[int], levels: Sequence[int], low: int, high: int) -> Steps:
    """Leave out what no code from ``low`` to ``high`` crosses, and steps of no height.

    Args:
        thresholds: ascending, repeated where a step is higher than one level.
        levels: one more; ``f(n) = levels[k]`` where k thresholds are at most n.
    """
    first = bisect_right(thresholds, low)
    last = bisect_right(thresholds, high)
    kept: list[int] = []
    found = [levels[first]]
    for threshold, level in zip(thresholds[first:last], levels[first + 1 : last + 1], strict=True):
        if kept and kept[-1] == threshold:
            found[-1] = level
        else:
            kept.append(threshold)
            found.append(level)
        if found[-1] == found[-2]:
            kept.pop()
            found.pop()
    return Steps(low, high, tuple(kept), tuple(found))


def cheapest_form(
    thresholds: Sequence[int], levels: Sequence[int], low: int, high: int
) -> MultiplyAddShift | Comparators | Table:
    """The form of least cost that equals a step function for every code from ``low`` to ``high``."""
    steps = steps_within(thresholds, levels, low, high)
    forms: list[StepForm] = [Comparators(steps.thresholds, steps.levels)]
    scaled = multiply_add_shift(thresholds, levels, low, high)
    if scaled is not None:
        forms.append(scaled)
    if steps.table_bits <= MOST_TABLE_BITS:
        forms.append(table_of(steps, steps.table_bits))
    return min(forms, key=lambda form: form_cost(form, steps))


def table_of(steps: Steps, bits: int) -> Table:
    """The table of a range; entries that no code of it meets repeat the last level."""
    levels = [steps.levels[-1]] * (1 << bits)
    for code in range(steps.low, steps.high + 1):
        levels[code & ((1 << bits) - 1)] = steps.level(code)
    return Table(bits, tuple(levels))


def form_cost(form: StepForm, steps: Steps) -> int:
    """Cost by the rule above, in half LUTs."""
    if not steps.thresholds:
        return 0
    level_bits = _bits(min(steps.levels), max(steps.levels))
    match form:
        case MultiplyAddShift():
            ends = [code * form.multiplier + form.addend for code in (steps.low, steps.high)]
            line = [end >> form.shift for end in ends]
            adders = len(signed_digits(form.multiplier)) - 1 + int(form.addend != 0)
            clips = int(min(line) < form.low) + int(max(line) > form.high)
            return 2 * adders * _bits(min(ends), max(ends)) + clips * (_bits(min(line), max(line)) + level_bits)
        case Comparators():
            return len(form.thresholds) * (_bits(steps.low, steps.high) + level_bits)
        case Table():
            return 2 * level_bits * max(1, 1 << max(0, form.bits - _LUT_INPUTS))


def _bits(low: int, high: int) -> int:
    return FixedType.holding(low, high, 0).width
