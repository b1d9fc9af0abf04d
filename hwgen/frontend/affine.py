"""Exact affine functions with one square root, channel by channel, and the step functions that they compose to.

Batch normalization is ``(x - mean) * gamma / sqrt(variance + epsilon) + beta``: rational but for one square root.
Whether such a value reaches a threshold is decided exactly, by comparing squares, so the integer thresholds of the
composed step function are the true ones and not a rounding of them.
"""

from dataclasses import dataclass
from fractions import Fraction
from math import ceil, floor

import numpy as np

from hwgen.errors import UnsupportedError
from hwgen.fixed import IntArray
from hwgen.frontend.points import compare, estimate, rational_root, root_estimate
from hwgen.frontend.real_steps import RealStep
from hwgen.frontend.thresholds import Threshold

NEVER = 1 << 62  # a threshold that no code reaches
_MOST_STEPS = 1 << 16
_MOST_STEPS_OF_ALL = 1 << 20


@dataclass(frozen=True, slots=True)
class Affine:
    """``y = (slope * x + shift) / sqrt(root) + offset`` for one channel; ``root`` is 1 or no rational square."""

    slope: Fraction
    shift: Fraction
    root: Fraction
    offset: Fraction

    @classmethod
    def linear(cls, slope: Fraction, offset: Fraction = Fraction(0)) -> "Affine":
        return cls(slope, Fraction(0), Fraction(1), offset)

    @property
    def rational(self) -> bool:
        return self.root == 1

    def scaled_input(self, factor: Fraction, offset: Fraction = Fraction(0)) -> "Affine":
        """The same function of x where the old input is ``factor * x + offset``."""
        return Affine(self.slope * factor, self.shift + self.slope * offset, self.root, self.offset)

    def normalized(self, gamma: Fraction, beta: Fraction, mean: Fraction, variance: Fraction) -> "Affine":
        """Batch normalization after this function, which must be rational; ``variance`` includes epsilon."""
        assert self.rational
        slope, constant = self.slope, self.shift + self.offset
        root = rational_root(variance)
        if root is not None:
            return Affine.linear(gamma * slope / root, gamma * (constant - mean) / root + beta)
        return Affine(gamma * slope, gamma * (constant - mean), variance, beta)

    def reaches(self, x: int, threshold: Threshold) -> bool:
        """Whether ``y(x)`` is at (or, if strict, above) the threshold: decided exactly."""
        order = compare(self.offset, self.slope * x + self.shift, self.root, threshold.at)
        return order > 0 or (order == 0 and not threshold.strict)


def first_reaching(function: Affine, threshold: Threshold) -> int:
    """The smallest integer x for which an ascending function reaches the threshold."""
    right = estimate(threshold.at) - function.offset
    if not function.rational:
        right *= root_estimate(function.root)
    guess = (right - function.shift) / function.slope
    if function.rational and isinstance(threshold.at, Fraction):
        return floor(guess) + 1 if threshold.strict else ceil(guess)
    x = ceil(guess)
    while not function.reaches(x, threshold):
        x += 1
    while function.reaches(x - 1, threshold):
        x -= 1
    return x


def integer_steps(
    functions: list[Affine], step: RealStep, low: list[int], high: list[int], where: str
) -> tuple[IntArray, IntArray]:
    """Compose affine functions of an integer code with a step function of a real number.

    Args:
        functions: one a channel.
        step: what follows.
        low: lowest code of each channel.
        high: highest code of each channel.
        where: the layer, for messages.
    Returns:
        Thresholds (channels, steps) and levels (channels, steps + 1) as ``hwgen.ir.StepFunction`` wants them; equal
        channels are reduced to one.
    Raises:
        UnsupportedError: more thresholds than a table of hardware could hold.
    """
    ends = [_reached(f, step, a, b) for f, a, b in zip(functions, low, high, strict=True)]
    steps = [abs(last - first) for first, last in ends]
    if max(steps) > _MOST_STEPS or sum(steps) > _MOST_STEPS_OF_ALL:
        raise UnsupportedError(
            f"{where}: scale, batch norm and quantizer together make {max(steps)} steps in one channel, {sum(steps)} "
            f"in all; hwgen builds at most {_MOST_STEPS} in a channel and {_MOST_STEPS_OF_ALL} in a layer: quantize to "
            f"fewer bits, or make the scale a power of two (alpha=1 or 'auto_po2')."
        )
    rows = [_channel_steps(f, step, *reached) for f, reached in zip(functions, ends, strict=True)]
    width = max(len(thresholds) for thresholds, _ in rows)
    thresholds = np.full((len(rows), width), NEVER, dtype=np.int64)
    levels = np.empty((len(rows), width + 1), dtype=np.int64)
    for channel, (at, values) in enumerate(rows):
        thresholds[channel, : len(at)] = at
        levels[channel, : len(values)] = values
        levels[channel, len(values) :] = values[-1]
    if (thresholds == thresholds[:1]).all() and (levels == levels[:1]).all():
        return thresholds[:1], levels[:1]
    return thresholds, levels


def _reached(function: Affine, step: RealStep, low: int, high: int) -> tuple[int, int]:
    """How many thresholds the values at both ends have reached."""
    first = _passed(function, step, low)
    return first, first if function.slope == 0 else _passed(function, step, high)


def _channel_steps(function: Affine, step: RealStep, at_low: int, at_high: int) -> tuple[list[int], list[int]]:
    """Only the thresholds that codes between the ends can cross."""
    if at_low <= at_high:
        thresholds = [first_reaching(function, step.threshold(k)) for k in range(at_low, at_high)]
        return thresholds, [step.level(k) for k in range(at_low, at_high + 1)]
    # Descending: the function of -x ascends; x falls below a level one code after it last reaches it.
    mirrored = function.scaled_input(Fraction(-1))
    falls = [1 - first_reaching(mirrored, step.threshold(k)) for k in reversed(range(at_high, at_low))]
    return falls, [step.level(k) for k in reversed(range(at_high, at_low + 1))]


def _passed(function: Affine, step: RealStep, x: int) -> int:
    """How many thresholds the value at x has reached, by bisection."""
    low, high = 0, step.steps
    while low < high:
        middle = (low + high) // 2
        if function.reaches(x, step.threshold(middle)):
            low = middle + 1
        else:
            high = middle
    return low
