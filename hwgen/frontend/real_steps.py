"""Step functions of a real number: what a quantizer is, alone or after an activation function."""

from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass, replace
from fractions import Fraction

from hwgen.frontend.curves import RELU, Curve, Piece
from hwgen.frontend.points import compare
from hwgen.frontend.thresholds import Threshold

_ONE = Fraction(1)
_NOTHING = Fraction(0)


@dataclass(frozen=True, slots=True)
class UniformStep:
    """Round half to even to a grid, then clip: levels are the codes ``low`` to ``high``.

    Attributes:
        lsb: the grid, on the input's side.
        negative_slope: what negative inputs are multiplied by before rounding.
    """

    lsb: Fraction
    low: int
    high: int
    negative_slope: Fraction = _ONE

    @property
    def steps(self) -> int:
        return self.high - self.low

    def level(self, step: int) -> int:
        return self.low + step

    def threshold(self, step: int) -> Threshold:
        """Where ``level(step + 1)`` begins: a tie goes to the even code."""
        code = self.low + step + 1
        at = (code - Fraction(1, 2)) * self.lsb
        return Threshold(at / self.negative_slope if at < 0 else at, strict=code % 2 == 1)

    def after_relu(self) -> "UniformStep":
        """The same step function of ``max(x, 0)``."""
        return replace(self, low=min(max(self.low, 0), self.high))


@dataclass(frozen=True, slots=True)
class ListedStep:
    """A step function given by its ascending thresholds and its levels, which are any."""

    thresholds: tuple[Threshold, ...]
    levels: tuple[int, ...]

    @property
    def steps(self) -> int:
        return len(self.thresholds)

    def level(self, step: int) -> int:
        return self.levels[step]

    def threshold(self, step: int) -> Threshold:
        return self.thresholds[step]

    def after_relu(self) -> "ListedStep":
        """The same step function of ``max(x, 0)``: thresholds that zero has passed are gone."""
        passed = reached_at(self, Fraction(0))
        return ListedStep(self.thresholds[passed:], self.levels[passed:])


@dataclass(frozen=True, slots=True, eq=False)
class ComposedStep:
    """A step function of an activation function of x; thresholds are found when they are asked for.

    Attributes:
        step: of the activation function's value.
        runs: its monotone pieces in order, and which thresholds of ``step`` each crosses.
        begins: the number of the first threshold of each run.
        steps: how many there are in all.
    """

    step: "RealStep"
    runs: tuple["_Run", ...]
    begins: tuple[int, ...]
    steps: int

    def level(self, step: int) -> int:
        if step == 0:
            return self.step.level(self.runs[0].first)
        run, within = self._run(step - 1)
        return self.step.level(run.reached_after(within))

    def threshold(self, step: int) -> Threshold:
        run, within = self._run(step)
        return run.threshold(within, self.step)

    def after_relu(self) -> "RealStep":
        """The same step function of ``max(x, 0)``."""
        return composed(self, RELU)

    def _run(self, step: int) -> tuple["_Run", int]:
        number = bisect_right(self.begins, step) - 1
        return self.runs[number], step - self.begins[number]


RealStep = UniformStep | ListedStep | ComposedStep


@dataclass(frozen=True, slots=True, eq=False)
class _Run:
    """A piece of an activation function; it goes from ``first`` thresholds reached to ``last``.

    Attributes:
        jump: whether the number of thresholds reached changes where the piece begins.
    """

    piece: Piece
    jump: bool
    first: int
    last: int

    @property
    def steps(self) -> int:
        return int(self.jump) + abs(self.last - self.first)

    def reached_after(self, within: int) -> int:
        """How many thresholds are reached behind the piece's own threshold number ``within``."""
        crossed = within + 1 - int(self.jump)
        return self.first + crossed if self.last >= self.first else self.first - crossed

    def threshold(self, within: int, step: RealStep) -> Threshold:
        if self.jump and within == 0:
            assert self.piece.start is not None
            return self.piece.start
        if self.last >= self.first:
            crossed = step.threshold(self.reached_after(within) - 1)
            return Threshold(self.piece.inverse(crossed.at), crossed.strict)
        # Falling: a level that is held from its threshold on is left just above it.
        crossed = step.threshold(self.reached_after(within))
        return Threshold(self.piece.inverse(crossed.at), not crossed.strict)


def composed(step: RealStep, curve: Curve) -> RealStep:
    """The step function of an activation function."""
    runs: list[_Run] = []
    for number, piece in enumerate(curve.pieces):
        following = curve.pieces[number + 1].start if number + 1 < len(curve.pieces) else None
        first = _reached_at_start(step, piece)
        last = _reached_at_end(step, piece, following)
        runs.append(_Run(piece, bool(runs) and runs[-1].last != first, first, last))
    begins = [0]
    for run in runs:
        begins.append(begins[-1] + run.steps)
    return ComposedStep(step, tuple(runs), tuple(begins[:-1]), begins[-1])


def _reached_at_start(step: RealStep, piece: Piece) -> int:
    """Thresholds reached where a piece begins; just behind that where it does not hold its own beginning."""
    if piece.first is None:
        return 0 if piece.rising else step.steps
    if piece.constant or (piece.start is not None and not piece.start.strict):
        return reached_at(step, piece.first)
    return _reached_above(step, piece.first) if piece.rising else _reached_below(step, piece.first)


def _reached_at_end(step: RealStep, piece: Piece, following: Threshold | None) -> int:
    if piece.last is None:
        return step.steps if piece.rising else 0
    if piece.constant or (following is not None and following.strict):
        return reached_at(step, piece.last)
    return _reached_below(step, piece.last) if piece.rising else _reached_above(step, piece.last)


def reached_at(step: RealStep, value: Fraction) -> int:
    """How many thresholds a rational number has reached."""
    return _count(step, value, lambda order, strict: order > 0 or (order == 0 and not strict))


def _reached_above(step: RealStep, value: Fraction) -> int:
    return _count(step, value, lambda order, _: order >= 0)


def _reached_below(step: RealStep, value: Fraction) -> int:
    return _count(step, value, lambda order, _: order > 0)


def _count(step: RealStep, value: Fraction, reached: Callable[[int, bool], bool]) -> int:
    """How many of the ascending thresholds are reached, by bisection."""
    low, high = 0, step.steps
    while low < high:
        middle = (low + high) // 2
        threshold = step.threshold(middle)
        if reached(compare(value, _NOTHING, _ONE, threshold.at), threshold.strict):
            low = middle + 1
        else:
            high = middle
    return low


def is_rational(step: RealStep) -> bool:
    """Whether all thresholds are rational numbers."""
    match step:
        case UniformStep():
            return True
        case ListedStep():
            return all(isinstance(threshold.at, Fraction) for threshold in step.thresholds)
        case ComposedStep():
            return is_rational(step.step) and all(run.piece.straight for run in step.runs)


def level_at(step: RealStep, value: Fraction) -> int:
    """The level of a rational number."""
    return step.level(reached_at(step, value))


__all__ = ["ComposedStep", "ListedStep", "RealStep", "Threshold", "UniformStep", "composed", "level_at", "reached_at"]
