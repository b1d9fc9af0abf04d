"""``Lane``: the integer type in which rows of codes are stored and summed."""

from enum import Enum
from typing import Self

from hwgen.errors import TypeRangeError


class Lane(Enum):
    """A signed integer type of C++, by the logarithm of its bytes."""

    INT8 = 0
    INT16 = 1
    INT32 = 2
    INT64 = 3

    @property
    def bits(self) -> int:
        return 8 << self.value

    @property
    def bytes(self) -> int:
        return 1 << self.value

    @property
    def low(self) -> int:
        return -(1 << (self.bits - 1))

    @property
    def high(self) -> int:
        return (1 << (self.bits - 1)) - 1

    def holds(self, low: int, high: int) -> bool:
        """Whether every code from ``low`` to ``high`` fits."""
        return self.low <= low and high <= self.high

    @classmethod
    def holding(cls, low: int, high: int, least: Self | None = None) -> Self:
        """The narrowest lane, from ``least`` on, for codes from ``low`` to ``high``.

        Raises:
            TypeRangeError: none of them holds both.
        """
        for lane in cls:
            if lane.holds(low, high) and (least is None or lane.value >= least.value):
                return lane
        raise TypeRangeError(
            f"codes from {low} to {high} were found, and an emulator's lanes have at most 64 bits; "
            f"use fewer bits in the network's types."
        )
