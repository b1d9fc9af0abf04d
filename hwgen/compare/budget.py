"""``Budget``: what a design may take, for those who let a build fail when it takes more."""

from dataclasses import dataclass

from hwgen.compare.table import Comparison, Row, Stage
from hwgen.errors import InputError


@dataclass(frozen=True, slots=True)
class Budget:
    """Limits; None for none. A part in the comparison is one too: no more than it has."""

    max_luts: int | None = None
    max_latency_ns: float | None = None


@dataclass(frozen=True, slots=True)
class Excess:
    """A design that takes more than it may."""

    design: str
    stage: Stage
    what: str
    figure: float
    limit: float

    def __str__(self) -> str:
        return f"{self.design} takes {self.figure:,g} {self.what} ({self.stage.value}), more than {self.limit:,g}."


def exceeded(found: Comparison, budget: Budget) -> tuple[Excess, ...]:
    """The designs of hwgen that are over budget, each judged by the latest stage that knows the figure.

    Raises:
        InputError: a limit, and no design of hwgen whose figure is known.
    """
    over: list[Excess] = []
    for name, what, limit, option in (
        ("luts", "LUTs", budget.max_luts, "--max-luts"),
        ("latency_ns", "ns", budget.max_latency_ns, "--max-latency-ns"),
    ):
        judged = _judged(found, name)
        if limit is not None and not judged:
            raise InputError(
                f"{option} was given, and no design here has that figure; build Verilog, and map it (--mapped)."
            )
        over += [
            Excess(row.design, row.stage, what, row.figures[name], limit)
            for row in judged
            if limit is not None and row.figures[name] > limit
        ]
    if found.part is not None:
        has = found.part
        for name, what, total in (
            ("luts", "LUTs", has.luts),
            ("flip_flops", "flip-flops", has.flip_flops),
            ("dsps", "DSPs", has.dsps),
            ("brams", "block memories", has.brams),
        ):
            over += [
                Excess(row.design, row.stage, f"{what} of {has.name}", row.figures[name], total)
                for row in _judged(found, name)
                if row.figures[name] > total
            ]
    return tuple(over)


def _judged(found: Comparison, name: str) -> list[Row]:
    """Of each design the row of the latest stage that has a figure."""
    latest: dict[str, Row] = {}
    for stage in Stage:
        latest |= {row.design: row for row in found.rows if row.stage is stage and not row.peer and name in row.figures}
    return list(latest.values())
