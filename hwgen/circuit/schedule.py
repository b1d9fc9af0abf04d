"""Pipelining: the stage of each word, by adders a stage or by a target latency."""

from collections.abc import Sequence
from dataclasses import dataclass

from hwgen.circuit.operations import (
    Clip,
    Constant,
    Maximum,
    Operation,
    Read,
    Shift,
    Sign,
    Step,
    Sum,
    Wrap,
    ZeroOutside,
    sources,
)
from hwgen.errors import InputError


@dataclass(frozen=True, slots=True)
class ClockPlan:
    """How deep a stage may be.

    Attributes:
        adders_per_stage: rows of logic (adders, comparators, selections) between registers; None: no registers at all.
        latency_cycles: at most this many cycles instead, with stages as shallow as that allows.
    """

    adders_per_stage: int | None = 1
    latency_cycles: int | None = None

    def __post_init__(self) -> None:
        if self.adders_per_stage is not None and self.adders_per_stage < 1:
            raise InputError(f"a stage holds at least 1 adder, got {self.adders_per_stage}.")
        if self.latency_cycles is not None and self.latency_cycles < 0:
            raise InputError(f"a latency is not negative, got {self.latency_cycles} cycles.")


def stages(operations: Sequence[Operation], plan: ClockPlan, results: Sequence[int]) -> list[int]:
    """The stage of each word, as early as the plan allows; a latency is that of the words ``results``."""
    if plan.latency_cycles is not None:
        return _within(operations, plan.latency_cycles, results)
    return _by_depth(operations, plan.adders_per_stage)


def _within(operations: Sequence[Operation], latency: int, results: Sequence[int]) -> list[int]:
    deepest = max(_levels(operations), default=0)
    for depth in range(1, deepest + 1):
        found = _by_depth(operations, depth)
        if max((found[word] for word in results), default=0) <= latency:
            return found
    return [0] * len(operations)


def _levels(operations: Sequence[Operation]) -> list[int]:
    level: list[int] = []
    for operation in operations:
        level.append(max((level[s] for s in sources(operation)), default=0) + rows(operation))
    return level


def _by_depth(operations: Sequence[Operation], depth: int | None) -> list[int]:
    if depth is None:
        return [0] * len(operations)
    stage: list[int] = []
    used: list[int] = []
    for operation in operations:
        read = sources(operation)
        now = max((stage[s] for s in read), default=0)
        filled = max((used[s] for s in read if stage[s] == now), default=0)
        cost = rows(operation)
        if filled + cost > depth:
            now, filled = now + 1, 0
        stage.append(now)
        used.append(filled + cost)
    return stage


def rows(operation: Operation) -> int:
    """Rows of logic that an operation takes; wires take none."""
    match operation:
        case Sum() | Clip() | ZeroOutside() | Step() | Maximum():
            return 1
        case Shift():
            return int(operation.ties_to_even)
        case Read() | Constant() | Sign() | Wrap():
            return 0
