"""How sparsity grows during training."""

from dataclasses import dataclass

from hwgen.errors import InputError


@dataclass(frozen=True, slots=True)
class PolynomialSchedule:
    """Sparsity after a number of training steps: flat, a polynomial rise, flat.

    Source: Zhu and Gupta 2017, "To prune, or not to prune", equation 1, with its power 3 made a parameter.

    Attributes:
        begin: step of the first pruning; nothing is pruned before it.
        end: step from which the final sparsity holds; equal to ``begin`` for a single cut.
        every: steps between two prunings.
        initial: sparsity at ``begin``, 0 to 1; a lower final sparsity replaces it.
        power: 1 is a straight line; larger prunes earlier.
    """

    begin: int
    end: int
    every: int = 1
    initial: float = 0.0
    power: float = 3.0

    def __post_init__(self) -> None:
        if not 0 <= self.begin <= self.end:
            raise InputError(f"a schedule needs 0 <= begin <= end, in steps; got begin {self.begin}, end {self.end}.")
        if self.every < 1:
            raise InputError(f"a schedule prunes every 1 or more steps, got {self.every}.")
        if not 0.0 <= self.initial <= 1.0:
            raise InputError(f"a schedule's initial sparsity is between 0 and 1, got {self.initial}.")
        if not self.power > 0.0:
            raise InputError(f"a schedule's power is positive, got {self.power}.")

    def updates_at(self, step: int) -> bool:
        """Whether masks are chosen anew once ``step`` steps are done; always so at ``end``."""
        return self.begin <= step <= self.end and ((step - self.begin) % self.every == 0 or step == self.end)

    def sparsity(self, step: int, final: float) -> float:
        """Return the sparsity after ``step`` steps on the way to ``final``; both are shares, 0 to 1."""
        if step < self.begin:
            return 0.0
        if step >= self.end:
            return final
        rest = 1.0 - (step - self.begin) / (self.end - self.begin)
        return float(final + (min(self.initial, final) - final) * rest**self.power)
