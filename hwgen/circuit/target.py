"""``Target``: what an FPGA family's carry logic can do."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Target:
    """An FPGA family.

    Attributes:
        name: for people and projects.
        operands: how many operands one row of carry logic adds: 3 on AMD (LUT6_2) and Intel (ALM), 2 elsewhere.
    """

    name: str
    operands: int


AMD = Target("amd", 3)
INTEL = Target("intel", 3)
LATTICE = Target("lattice", 2)
GENERIC = Target("generic", 2)

TARGETS = {target.name: target for target in (AMD, INTEL, LATTICE, GENERIC)}
