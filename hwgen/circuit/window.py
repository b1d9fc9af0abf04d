"""``Window``: how a window slides over frames whose pixels come one a beat, row by row.

Each output position has an *anchor*: a pixel that lies in its window and in the frame. The output is computed in the
step in which its anchor stands in a fixed place of the line buffers, so that outputs come in the order of pixels, at
most one a step, and nothing ever has to wait. Window positions before the anchor have passed already; those after it
must have come, or lie outside the frame.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from hwgen.errors import UnsupportedError
from hwgen.fixed import IntArray

Pair = tuple[int, int]  # rows, columns


@dataclass(frozen=True, slots=True)
class Window:
    """A sliding window; a signal over time is one row.

    Attributes:
        frame: rows and columns that come in.
        positions: rows and columns that go out.
        first: row and column of the first output's anchor.
        strides: rows and columns from one anchor to the next.
        before, after: rows and columns from the anchor to the window's first and last.
    """

    frame: Pair
    positions: Pair
    first: Pair
    strides: Pair
    before: Pair
    after: Pair

    @property
    def lead(self) -> int:
        """Steps from a pixel's arrival to the step in which it is the anchor."""
        return self.after[0] * self.frame[1] + self.after[1]

    def anchors(self, axis: int) -> range:
        """Rows (axis 0) or columns (axis 1) of the anchors."""
        start, stride = self.first[axis], self.strides[axis]
        return range(start, start + self.positions[axis] * stride, stride)

    def inside(self, axis: int, offset: int) -> tuple[bool, bool]:
        """Whether so many rows or columns from the anchor lie in the frame: for some output, and for all."""
        hits = [0 <= anchor + offset < self.frame[axis] for anchor in self.anchors(axis)]
        return any(hits), all(hits)

    def taps(self, codes: IntArray, row: int, column: int, otherwise: int) -> IntArray:
        """What the pixel so many rows and columns from the anchor is, for every output position.

        Args:
            codes: (samples, pixels) int64.
            otherwise: what stands outside the frame.
        Returns:
            (samples, output positions) int64.
        """
        frame = codes.reshape(-1, *self.frame)
        rows, columns = (np.array(self.anchors(axis)) + offset for axis, offset in ((0, row), (1, column)))
        here = frame.take(rows, axis=1, mode="clip").take(columns, axis=2, mode="clip")
        inside = np.outer((rows >= 0) & (rows < self.frame[0]), (columns >= 0) & (columns < self.frame[1]))
        return np.where(inside, here, otherwise).reshape(len(frame), -1)


def sliding_window(
    layer: str,
    frame: Sequence[int],
    reach: Sequence[int],
    positions: Sequence[int],
    strides: Sequence[int],
    padding: Sequence[tuple[int, int]],
) -> Window:
    """The window of a layer over one or two axes.

    Args:
        reach: pixels from the window's first to its last, both counted, an axis.
        positions: of the output, an axis.
        padding: (before, after) an axis.
    Raises:
        UnsupportedError: more outputs along an axis than anchors, at their distance, lie in the frame.
    """
    axes = []
    for axis, (size, length, count, stride, (pad, _)) in enumerate(
        zip(frame, reach, positions, strides, padding, strict=True)
    ):
        before = min(length - 1, size - 1 + pad - (count - 1) * stride)
        if before < pad:
            raise UnsupportedError(
                f"layer {layer!r}: along axis {axis} its padding gives outputs that no pixel of their own brings in a "
                "stream; build it in parallel (--io parallel) or as HLS C++ (--target hls)."
            )
        axes.append((size, count, before - pad, stride, before, length - 1 - before))
    if len(axes) == 1:
        axes.insert(0, (1, 1, 0, 1, 0, 0))
    frames, counts, first, steps, before_both, after = ((a, b) for a, b in zip(*axes, strict=True))
    return Window(frames, counts, first, steps, before_both, after)
