"""``Program``: a network as operations on rows, each row one code of many samples.

Rows have numbers; a ``Buffer`` is rows behind each other in memory, of one lane. Everything that only moves codes is
gone: a value is a list of the rows that hold its codes. What is left is sums of weighted rows (a maximum, a minimum, a
product or an index instead of a sum where a layer asks for it), each finished by what the layers behind it do to every
code, and stored in one row.
"""

from dataclasses import dataclass
from enum import Enum

from hwgen.emulator.lanes import Lane
from hwgen.fixed import IntArray

NO_ROW = -1  # stands for a code that is always zero


class Kind(Enum):
    """What becomes of the terms; the numbers are those of ``Kind`` in templates/emulator/common.hpp."""

    SUM = 0
    MAXIMUM = 1
    MINIMUM = 2
    PRODUCT = 3
    ARGMAX = 4


class RoundingForm(Enum):
    """How a shift rounds; the numbers are those of ``Rounding`` in templates/emulator/common.hpp."""

    NONE = 0
    LEFT = 1
    ADD = 2  # add, then shift
    EVEN = 3  # the same, and one more where the floor is odd
    REST = 4  # by the rest above the floor, no intermediate wider than the code


class OverflowForm(Enum):
    """How overflow is resolved; the numbers are those of ``Overflow`` in templates/emulator/common.hpp."""

    NONE = 0
    CLIP = 1
    ZERO = 2
    SIGNED = 3
    UNSIGNED = 4


class Stepping(Enum):
    """How a step function is found; the numbers are those of ``Stepping`` in templates/emulator/common.hpp."""

    NONE = 0
    COMPARE = 1
    TABLE = 2
    SEARCH = 3


@dataclass(frozen=True, slots=True)
class Finish:
    """What happens to a code before it is stored, in this order; the fields are those of ``Finish`` in common.hpp.

    Attributes:
        positive: below zero becomes zero first.
        shift: bits, to the left or to the right as ``rounding`` says.
        add: added to what is shifted to the right, or to its rest.
        mask: the bits of the rest.
        negative: added to the rest of a negative code.
        odd: 1 to add the floor's lowest bit to the rest.
        low, high: limits of a clip; what is outside becomes zero; ``high`` is the mask of an unsigned wrap.
        unused: bits above a signed wrap, in the lane.
    """

    positive: bool = False
    rounding: RoundingForm = RoundingForm.NONE
    shift: int = 0
    add: int = 0
    mask: int = 0
    negative: int = 0
    odd: int = 0
    overflow: OverflowForm = OverflowForm.NONE
    low: int = 0
    high: int = 0
    unused: int = 0
    stepping: Stepping = Stepping.NONE


@dataclass(frozen=True, slots=True)
class Buffer:
    """Rows that stand behind each other in memory.

    Attributes:
        first: number of its first row.
        rows: how many.
        lane: theirs.
    """

    first: int
    rows: int
    lane: Lane


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """Where the codes of a value are.

    Attributes:
        lane: of all its rows.
        index: (the value's shape) int64 row numbers, ``NO_ROW`` for a code that is always zero.
    """

    lane: Lane
    index: IntArray


@dataclass(frozen=True, slots=True, eq=False)
class Operation:
    """Sums, or what stands for them, of one kind and one choice of lanes, at one place or several.

    Attributes:
        given: lane of the rows that are read.
        part: lane in which terms are added; a part of a sum whose end fits it.
        total: lane of the whole sum, and in which it is finished.
        result: lane of the rows that are written.
        moves: (places, 2) int64: by how many rows what is read, and what is written, lies behind the first place.
        bias: (sums,) int64.
        target: (sums,) int64: the row written at the first place.
        step: (sums,) int64: which step function of the program.
        parts: (sums,) int64: in how many parts each sum is added.
        ends: (all parts,) int64: behind which term each part ends.
        source: (terms,) int64: the row that each term reads at the first place.
        weight: (terms,) int64; the index that an ``ARGMAX`` gives.
    """

    kind: Kind
    given: Lane
    part: Lane
    total: Lane
    result: Lane
    finish: Finish
    moves: IntArray
    bias: IntArray
    target: IntArray
    step: IntArray
    parts: IntArray
    ends: IntArray
    source: IntArray
    weight: IntArray


@dataclass(frozen=True, slots=True, eq=False)
class Steps:
    """A step function over the codes that reach it.

    Attributes:
        low, high: the lowest and the highest of them.
        thresholds: (steps,) int64, ascending, all above ``low`` and at most ``high``.
        levels: (steps + 1,) int64.
    """

    low: int
    high: int
    thresholds: IntArray
    levels: IntArray


@dataclass(frozen=True, slots=True, eq=False)
class Port:
    """An input or an output.

    Attributes:
        rows: of its codes, in C order.
        low: the lowest code of its type.
        width: bits of its type.
    """

    rows: Rows
    low: int
    width: int


@dataclass(frozen=True, slots=True, eq=False)
class Program:
    """Everything that a block of samples goes through."""

    buffers: tuple[Buffer, ...]
    operations: tuple[Operation, ...]
    steps: tuple[Steps, ...]
    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]

    @property
    def terms(self) -> int:
        """Weighted rows in all operations: what a compiled form has to write out."""
        return sum(len(operation.source) for operation in self.operations)
