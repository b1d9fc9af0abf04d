"""``Interval``: what each channel of a value can reach."""

from dataclasses import dataclass

from hwgen.fixed import IntArray

CODE_BITS = 62  # a code, and every partial sum on the way to it, stays below 2**62 in magnitude


@dataclass(frozen=True, slots=True, eq=False)
class Interval:
    """Lowest and highest code of each channel.

    Attributes:
        low: (channels,) int64: the last axis of the value, every position included.
        high: same shape.
    """

    low: IntArray
    high: IntArray

    @property
    def bounds(self) -> tuple[int, int]:
        """Lowest and highest code over all channels."""
        return int(self.low.min()), int(self.high.max())
