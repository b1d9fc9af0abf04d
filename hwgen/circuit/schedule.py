"""Pipelining: the stage of each word, by adders a stage or by a target latency."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from hwgen.circuit.operations import (
    AtLeast,
    Clip,
    Constant,
    Gather,
    Lookup,
    Maximum,
    Minimum,
    Operation,
    Product,
    Queued,
    Read,
    Select,
    Shift,
    Sign,
    Starting,
    Step,
    Sum,
    Tap,
    Wrap,
    ZeroOutside,
    sources,
)
from hwgen.circuit.rows import Parity, Row, Total
from hwgen.errors import InputError


@dataclass(frozen=True, slots=True)
class ClockPlan:
    """How deep a stage may be.

    Attributes:
        adders_per_stage: rows of logic (adders, comparators, selections) between registers; None: no registers at all.
        latency_cycles: at most this many cycles from a sample's first beat to its last output instead, with stages as
            shallow as that allows.
    """

    adders_per_stage: int | None = 1
    latency_cycles: int | None = None

    def __post_init__(self) -> None:
        if self.adders_per_stage is not None and self.adders_per_stage < 1:
            raise InputError(f"a stage holds at least 1 adder, got {self.adders_per_stage}.")
        if self.latency_cycles is not None and self.latency_cycles < 0:
            raise InputError(f"a latency is not negative, got {self.latency_cycles} cycles.")


def stages(operations: Sequence[Operation], plan: ClockPlan, latency: Callable[[list[int]], int]) -> list[int]:
    """The stage of each word within its stream, as early as the plan allows.

    Args:
        latency: cycles from input to output, where the words are in such stages.
    Raises:
        InputError: streams alone take more cycles than the plan allows.
    """
    if plan.latency_cycles is None:
        return _by_depth(operations, plan.adders_per_stage)
    for depth in range(1, max(_levels(operations), default=0) + 1):
        found = _by_depth(operations, depth)
        if latency(found) <= plan.latency_cycles:
            return found
    found = [0] * len(operations)
    if latency(found) > plan.latency_cycles:
        raise InputError(
            f"a latency of {plan.latency_cycles} cycles was asked for, but the pixels of a sample and the line buffers "
            f"alone take {latency(found)}; ask for more, or build it in parallel (--io parallel)."
        )
    return found


def _read_within(operation: Operation) -> tuple[int, ...]:
    """The words of its own stream that an operation reads; a tap and a gathered word start one."""
    return () if isinstance(operation, Starting) else sources(operation)


def _levels(operations: Sequence[Operation]) -> list[int]:
    level: list[int] = []
    for operation in operations:
        level.append(max((level[s] for s in _read_within(operation)), default=0) + rows(operation))
    return level


def _by_depth(operations: Sequence[Operation], depth: int | None) -> list[int]:
    if depth is None:
        return [0] * len(operations)
    stage: list[int] = []
    used: list[int] = []
    for operation in operations:
        read = _read_within(operation)
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
        case Sum() | Clip() | ZeroOutside() | Step() | Lookup():
            return 1
        case Maximum() | Minimum() | AtLeast() | Select() | Product():
            return 1
        case Row() | Parity():
            return 1
        case Shift():
            return int(operation.ties_to_even)
        case Tap():
            return int(operation.otherwise is not None)
        case Read() | Constant() | Sign() | Wrap() | Gather() | Queued() | Total():
            return 0
