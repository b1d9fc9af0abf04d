"""``Comparison``: designs and stages, one row each, with ratios against a baseline."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from types import MappingProxyType

from hwgen.compare.parts import Part
from hwgen.errors import InputError


class Stage(Enum):
    """Where a figure comes from; those of different stages are never set against each other."""

    ESTIMATE = "estimate"  # counted in the network, the circuit or the C++
    MAPPED = "mapped"  # cells of a netlist that Yosys made


# What the figures are, in the order of the table; a smaller one is better, but for the accuracy.
COLUMNS: Mapping[str, str] = MappingProxyType(
    {
        "luts": "LUTs",
        "flip_flops": "flip-flops",
        "carries": "carry cells",
        "memory_luts": "of the LUTs, memory",
        "brams": "block memories",
        "dsps": "DSPs",
        "weights": "weights left",
        "products": "products",
        "multipliers": "of them, DSPs at most",
        "adders": "adders",
        "ebops": "EBOPs",
        "latency_cycles": "latency, cycles",
        "latency_ns": "latency, ns",
        "initiation_interval": "cycles a sample",
        "accuracy": "accuracy",
    }
)
# Of them, those that a part has so many of.
_OF_A_PART = ("luts", "flip_flops", "brams", "dsps")


@dataclass(frozen=True, slots=True)
class Row:
    """A design at a stage.

    Attributes:
        design: its name.
        stage: of all its figures.
        by: who counted, with version.
        figures: by the names in ``COLUMNS``; what this stage does not know is not there.
        family: whose cells they are; empty where they are no cells.
        peer: whether it is not hwgen's.
        error: of an estimate's LUTs, the worst share by which one was off on networks that were not fitted; None where
            nobody knows.
    """

    design: str
    stage: Stage
    by: str
    figures: Mapping[str, float]
    family: str = ""
    peer: bool = False
    error: float | None = None


@dataclass(frozen=True, slots=True)
class Comparison:
    """Rows in the order of the designs.

    Attributes:
        rows: each design's stages behind each other.
        notes: what could not be built, and other things to know, a sentence each.
        baseline: design that the ratios are against; None for no ratios.
        part: whose totals the figures are held against; None for none.
    """

    rows: tuple[Row, ...]
    notes: tuple[str, ...] = ()
    baseline: str | None = None
    part: Part | None = None

    @property
    def columns(self) -> tuple[str, ...]:
        """The figures that some row has."""
        return tuple(name for name in COLUMNS if any(name in row.figures for row in self.rows))

    def ratio(self, row: Row, name: str) -> float | None:
        """A figure over the baseline's of the same stage; None where there is none, the baseline's is zero, or another
        counted it: what two cost models say is not set against each other."""
        base = next((r for r in self.rows if r.design == self.baseline and r.stage is row.stage), None)
        base = None if base is None or base.by != row.by else base
        if base is None or name not in row.figures or not base.figures.get(name):
            return None
        return row.figures[name] / base.figures[name]

    def used(self, row: Row, name: str) -> float | None:
        """The share of what the part has; None where there is no part, it has none of these, or the
        figure is no count of its family's cells."""
        has = 0 if self.part is None or not row.family or name not in _OF_A_PART else self.part.document().get(name, 0)
        return row.figures[name] / int(has) if has and name in row.figures else None


def comparison(
    rows: Sequence[Row], notes: Sequence[str] = (), baseline: str | None = None, part: Part | None = None
) -> Comparison:
    """Put rows together.

    Raises:
        InputError: no design has the baseline's name, two designs share a name, or a figure is of another family than
            the part.
    """
    names = list(dict.fromkeys(row.design for row in rows))
    for (design, stage), number in Counter((row.design, row.stage) for row in rows).items():
        if number > 1:
            raise InputError(
                f"{number} designs are called {design!r} at stage {stage.value}, and a table names each once; give "
                f"different folders or files."
            )
    if baseline is not None and baseline not in names:
        raise InputError(f"no design is called {baseline!r}; the baseline is one of {', '.join(names)}.")
    for row in rows:
        if part is not None and row.family and row.family != part.family:
            raise InputError(
                f"part {part.name!r} is made of {part.family} cells, and design {row.design!r} was counted in those of "
                f"{row.family}; map to {part.family}."
            )
    return Comparison(tuple(rows), tuple(notes), baseline, part)
