"""``Target``: what an FPGA family's carry logic can do. ``Optimize``: what circuits are made small in."""

from dataclasses import dataclass
from enum import Enum


@dataclass(frozen=True, slots=True)
class Target:
    """An FPGA family.

    Attributes:
        name: for people and projects.
        operands: how many operands one row of carry logic adds: 3 on AMD (LUT6_2) and Intel (ALM), 2 elsewhere.
        carry_save: whether a LUT before the carry logic has a second output, so that sums are built bit by bit: AMD.
    """

    name: str
    operands: int
    carry_save: bool = False


AMD = Target("amd", 3, carry_save=True)
INTEL = Target("intel", 3)
LATTICE = Target("lattice", 2)
GENERIC = Target("generic", 2)

TARGETS = {target.name: target for target in (AMD, INTEL, LATTICE, GENERIC)}


class Optimize(Enum):
    """What a circuit is made small in."""

    LATENCY = "latency"  # balanced trees of adders; no column shares a sum with another
    LUTS = "luts"  # shared sums, on AMD bit by bit: fewer LUTs, more rows of logic on a path
