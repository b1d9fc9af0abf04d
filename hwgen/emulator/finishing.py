"""What layers do to one code after another, gathered into the ``Finish`` of the sums before them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Self, assert_never

import numpy as np

from hwgen.emulator.lanes import Lane
from hwgen.emulator.program import Finish, OverflowForm, RoundingForm, Stepping, Steps
from hwgen.fixed import FixedType, IntArray, Overflow, Quantizer, Rounding, requantize
from hwgen.ir import Interval, Layer, Relu, Requantize, StepFunction

_MOST_COMPARED = 24  # steps: beyond, looking each code up is cheaper
_LONGEST_TABLE = 1 << 16
_LARGEST_TABLES = 1 << 22  # entries of all channels
_WIDEST_SHIFT = 63


@dataclass(frozen=True, slots=True, eq=False)
class Finishing:
    """Relu, shift, rounding, overflow and a step function, in this order, each there or not.

    Attributes:
        hull: lowest and highest code of each channel at any point, what comes in and what comes out included.
        reached: the interval behind all of it.
        fraction: of the codes behind it.
        before: the interval before rounding; ``shifted`` the one between rounding and overflow.
        steps: one a channel, or none.
    """

    hull: Interval
    reached: Interval
    fraction: int
    before: Interval
    shifted: Interval
    positive: bool = False
    shift: int = 0  # to the right; negative to the left
    rounding: Rounding = Rounding.TRN
    overflow: Overflow | None = None
    limits: tuple[int, int] = (0, 0)
    signed: bool = True
    width: int = 0
    steps: tuple[Steps, ...] = ()

    @classmethod
    def of(cls, interval: Interval, fraction: int) -> Self:
        """Nothing happens to codes of an interval."""
        return cls(interval, interval, fraction, interval, interval)

    def then(self, layer: Layer) -> "Finishing | None":
        """With one more layer; None where that does not go into this order."""
        if self.steps:
            return None
        match layer:
            case Relu():
                return self._relu()
            case Requantize():
                return self._requantized(layer) if self.overflow is None else None
            case StepFunction():
                return self._stepped(layer.thresholds, layer.levels, layer.output.type)
            case _:
                return None

    def _relu(self) -> "Finishing | None":
        reached = Interval(np.maximum(self.reached.low, 0), np.maximum(self.reached.high, 0))
        if self.overflow is None:
            return replace(
                self, hull=_both(self.hull, reached), reached=reached, before=reached, shifted=reached, positive=True
            )
        if self.overflow not in (Overflow.SAT, Overflow.SAT_SYM):
            return None
        low, high = self.limits
        return replace(self, hull=_both(self.hull, reached), reached=reached, limits=(max(low, 0), high))

    def _requantized(self, layer: Requantize) -> "Finishing":
        quantizer = layer.quantizer
        kind = quantizer.type
        shift = self.fraction - kind.fraction
        if shift > _WIDEST_SHIFT:
            return self._far_right(shift, quantizer)
        if not self.reached.low.any() and not self.reached.high.any():
            shift = max(shift, 0)  # zeros may be shifted to the left as far as one likes
        wide = Quantizer(FixedType(True, 64, 0), layer.rounding, Overflow.SAT)
        source = FixedType(True, 64, shift)
        shifted = Interval(
            requantize(self.reached.low, source, wide),
            requantize(self.reached.high, source, wide),
        )
        limits = (quantizer.low, quantizer.high)
        if quantizer.overflow is Overflow.SAT_ZERO:
            limits = (kind.min_code, kind.max_code)
        reached = _resolved(shifted, quantizer, limits)
        return replace(
            self,
            hull=_both(self.hull, shifted, reached),
            reached=reached,
            fraction=kind.fraction,
            shifted=shifted,
            shift=shift,
            rounding=layer.rounding,
            overflow=quantizer.overflow,
            limits=limits,
            signed=kind.signed,
            width=kind.width,
        )

    def _far_right(self, shift: int, quantizer: Quantizer) -> "Finishing":
        """A shift by 64 bits or more leaves -1 or 0: a step at zero, or above the lowest code, where that is a tie."""
        below = {
            Rounding.TRN: 0,
            Rounding.TRN_ZERO: None,
            Rounding.RND: None,
            Rounding.RND_ZERO: None,
            Rounding.RND_CONV: None,
            Rounding.RND_INF: Lane.INT64.low + 1 if shift == _WIDEST_SHIFT + 1 else None,
            Rounding.RND_MIN_INF: Lane.INT64.low + 1 if shift == _WIDEST_SHIFT + 1 else None,
        }[quantizer.rounding]
        lowest = FixedType(True, 1, quantizer.type.fraction)
        level = int(requantize(np.array(-1), lowest, quantizer)) if below is not None else 0
        thresholds = np.array([[0 if below is None else below]], dtype=np.int64)
        return self._stepped(thresholds, np.array([[level, 0]], dtype=np.int64), quantizer.type)

    def _stepped(self, thresholds: IntArray, levels: IntArray, kind: FixedType) -> "Finishing":
        steps = []
        for channel, (low, high) in enumerate(zip(self.reached.low.tolist(), self.reached.high.tolist(), strict=True)):
            row = channel if len(thresholds) > 1 else 0
            first, last = np.searchsorted(thresholds[row], [low, high], side="right").tolist()
            steps.append(Steps(low, high, thresholds[row, first:last], levels[row, first : last + 1]))
        reached = Interval(
            np.array([step.levels.min() for step in steps], dtype=np.int64),
            np.array([step.levels.max() for step in steps], dtype=np.int64),
        )
        return replace(
            self, hull=_both(self.hull, reached), reached=reached, fraction=kind.fraction, steps=tuple(steps)
        )

    def stepping(self) -> Stepping:
        """How the step function of all channels is found."""
        if not self.steps:
            return Stepping.NONE
        if max(len(step.thresholds) for step in self.steps) <= _MOST_COMPARED:
            return Stepping.COMPARE
        spans = [step.high - step.low + 1 for step in self.steps]
        narrow = all(Lane.INT32.holds(int(step.levels.min()), int(step.levels.max())) for step in self.steps)
        if narrow and max(spans) <= _LONGEST_TABLE and sum(spans) <= _LARGEST_TABLES:
            return Stepping.TABLE
        return Stepping.SEARCH

    def lane(self, low: int, high: int) -> Lane:
        """The narrowest lane in which codes of a hull can be finished."""
        deep = abs(self.shift)
        least = next(lane for lane in Lane if lane.bits > deep and lane is not Lane.INT8)
        return Lane.holding(low, high, least)

    def finish(self, lane: Lane) -> Finish:
        """All of it, for codes in a lane that holds the hull."""
        finish = Finish(positive=self.positive, stepping=self.stepping())
        if self.overflow is None:
            return finish
        if self.shift < 0:
            finish = replace(finish, rounding=RoundingForm.LEFT, shift=-self.shift)
        elif self.shift > 0:
            finish = self._right(finish, lane)
        low, high = self.shifted.bounds
        if self.limits[0] <= low and high <= self.limits[1]:
            return finish
        match self.overflow:
            case Overflow.SAT | Overflow.SAT_SYM:
                form = OverflowForm.CLIP
            case Overflow.SAT_ZERO:
                form = OverflowForm.ZERO
            case Overflow.WRAP:
                form = OverflowForm.SIGNED if self.signed else OverflowForm.UNSIGNED
            case _:
                assert_never(self.overflow)
        # Sums in a narrow lane are those that need no limits; others of the layer may.
        clamped = (max(self.limits[0], lane.low), min(self.limits[1], lane.high))
        return replace(finish, overflow=form, low=clamped[0], high=clamped[1], unused=max(lane.bits - self.width, 0))

    def _right(self, finish: Finish, lane: Lane) -> Finish:
        half = 1 << (self.shift - 1)
        mask = (1 << self.shift) - 1
        # What is added to the rest: for all codes, for negative ones, for odd floors.
        add, negative, odd = {
            Rounding.TRN: (0, 0, 0),
            Rounding.TRN_ZERO: (0, mask, 0),
            Rounding.RND: (half, 0, 0),
            Rounding.RND_MIN_INF: (half - 1, 0, 0),
            Rounding.RND_ZERO: (half - 1, 1, 0),
            Rounding.RND_INF: (half, -1, 0),
            Rounding.RND_CONV: (half - 1, 0, 1),
        }[self.rounding]
        form = RoundingForm.EVEN if odd else RoundingForm.ADD
        if negative or self.before.bounds[1] + add + odd > lane.high:
            form = RoundingForm.REST
        return replace(finish, rounding=form, shift=self.shift, add=add, mask=mask, negative=negative, odd=odd)


def _both(*intervals: Interval) -> Interval:
    return Interval(
        np.min([interval.low for interval in intervals], axis=0),
        np.max([interval.high for interval in intervals], axis=0),
    )


def _resolved(shifted: Interval, quantizer: Quantizer, limits: tuple[int, int]) -> Interval:
    """The interval behind overflow: everything that the type holds where it wraps, or may become zero."""
    low, high = limits
    if quantizer.overflow in (Overflow.SAT, Overflow.SAT_SYM):
        return Interval(np.clip(shifted.low, low, high), np.clip(shifted.high, low, high))
    fits = (shifted.low >= low) & (shifted.high <= high)
    return Interval(np.where(fits, shifted.low, low), np.where(fits, shifted.high, high))


def gathered(layers: Sequence[Layer], interval: Interval, fraction: int) -> Finishing:
    """Layers that are known to go into one ``Finishing``."""
    finishing = Finishing.of(interval, fraction)
    for layer in layers:
        further = finishing.then(layer)
        assert further is not None
        finishing = further
    return finishing
