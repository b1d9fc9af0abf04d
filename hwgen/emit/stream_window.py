"""How a window slides over the pixels of a stream, as line buffers that move a step a pixel.

As in ``hwgen.circuit.window``: an output is computed in the step in which its anchor, a pixel of the frame, stands in a
fixed place of the line buffers. Where padding gives more outputs than there are anchors, the padding itself is walked
through as part of the frame, a step a position.
"""

from dataclasses import dataclass, replace

from hwgen.circuit import Window
from hwgen.circuit.window import sliding_window
from hwgen.emit.stream_program import Program
from hwgen.errors import UnsupportedError
from hwgen.ir import Conv, MaxPool, Value


@dataclass(frozen=True, slots=True)
class StreamWindow:
    """A window over a stream.

    Attributes:
        window: over the frame that is walked through.
        size: rows and columns of taps; ``dilation`` the distances between them.
        reach: columns from the first to the last tap, both counted.
        lead: steps from a pixel's arrival to the one in which it is the anchor.
        steps: of a frame.
        source: rows and columns that come in; ``border`` where their first stands in the frame.
    """

    window: Window
    size: tuple[int, int]
    dilation: tuple[int, int]
    source: tuple[int, int]
    border: tuple[int, int]

    @property
    def walks_padding(self) -> bool:
        return self.window.frame != self.source

    @property
    def reach(self) -> int:
        return self.window.before[1] + self.window.after[1] + 1

    @property
    def lead(self) -> int:
        return self.window.lead

    @property
    def steps(self) -> int:
        rows, columns = self.window.frame
        last_row, last_column = self.window.anchors(0)[-1], self.window.anchors(1)[-1]
        return max(rows * columns, last_row * columns + last_column + self.lead + 1)

    @property
    def masked(self) -> bool:
        """Whether some output finds taps outside the frame."""
        return any(
            not self.window.inside(axis, tap * self.dilation[axis] - self.window.before[axis])[1]
            for axis in (0, 1)
            for tap in range(self.size[axis])
        )

    def program(self) -> Program:
        """When pixels are read and outputs written."""
        columns = self.window.frame[1]
        top, left = self.border
        fires = {
            row * columns + column + self.lead for row in self.window.anchors(0) for column in self.window.anchors(1)
        }
        reads = []
        for step in range(self.steps):
            row, column = divmod(step, columns)
            inside = top <= row < top + self.source[0] and left <= column < left + self.source[1]
            reads.append(int(inside))
        return Program(tuple(reads), tuple(step in fires for step in range(self.steps)))


def stream_window(layer: Conv | MaxPool, source: Value) -> StreamWindow:
    """The window of a layer over its input's pixels."""
    size = layer.weight.shape[:-2] if isinstance(layer, Conv) else layer.window
    dilation = layer.dilation if isinstance(layer, Conv) else (1,) * len(size)
    reach = [(length - 1) * step + 1 for length, step in zip(size, dilation, strict=True)]
    frame, positions = source.shape[:-1], layer.output.shape[:-1]
    try:
        window = sliding_window(layer.name, frame, reach, positions, layer.strides, layer.padding)
        border = (0,) * len(frame)
    except UnsupportedError:
        padded = [length + before + after for length, (before, after) in zip(frame, layer.padding, strict=True)]
        window = sliding_window(layer.name, padded, reach, positions, layer.strides, [(0, 0)] * len(frame))
        border = tuple(before for before, _ in layer.padding)
    found = StreamWindow(window, _pair(size, 1), _pair(dilation, 1), _pair(frame, 1), _pair(border, 0))
    if found.walks_padding:  # outputs are computed as the window's last tap arrives
        return found
    return replace(found, border=(0, 0))


def _pair(sizes: tuple[int, ...], missing: int) -> tuple[int, int]:
    filled = (missing, *sizes)
    return filled[-2], filled[-1]
