"""Windows that slide over an image of rows: which rows each tap of each position reads."""

from dataclasses import dataclass
from math import prod

import numpy as np

from hwgen.emulator.program import NO_ROW
from hwgen.fixed import IntArray
from hwgen.ir import Conv, MaxPool


@dataclass(frozen=True, slots=True, eq=False)
class Pattern:
    """Positions whose windows read rows in the same arrangement.

    Attributes:
        positions: (places,) int64: their C-order numbers.
        moves: (places,) int64: by how many rows each window lies behind the first.
        rows: (taps, channels) int64: what the first window reads, ``NO_ROW`` for padding and zeros.
    """

    positions: IntArray
    moves: IntArray
    rows: IntArray


def window_patterns(layer: Conv | MaxPool, rows: IntArray) -> list[Pattern]:
    """All positions of a layer, by arrangement: inside the image there is one, at each edge a few more.

    Args:
        rows: (spatial..., channels) int64: the rows of what the layer reads.
    """
    channels = rows.shape[-1]
    size, dilation = _window(layer)
    padding = (*layer.padding, (0, 0))
    padded = np.pad(rows, padding, constant_values=NO_ROW)
    places = layer.output.shape[:-1]
    picks = []
    for length, stride, taps, step in zip(places, layer.strides, size, dilation, strict=True):
        picks.append(np.arange(length)[:, None] * stride + np.arange(taps) * step)
    grid = picks[0] if len(places) == 1 else (picks[0][:, None, :, None], picks[1][None, :, None, :])
    windows = padded[grid].reshape(prod(places), prod(size), channels)
    # Channels that stand behind each other need to be compared once.
    beside = bool((windows == np.where(windows[..., :1] < 0, NO_ROW, windows[..., :1] + np.arange(channels))).all())
    compared = windows[..., 0] if beside else windows.reshape(len(windows), -1)
    present = compared >= 0
    base = np.where(present.any(axis=1), compared[np.arange(len(compared)), present.argmax(axis=1)], 0)
    relative = np.where(present, compared - base[:, None], np.iinfo(np.int64).min)
    _, first, number = np.unique(relative, axis=0, return_index=True, return_inverse=True)
    number = number.reshape(-1)
    found = []
    for pattern, start in enumerate(first.tolist()):
        positions = np.flatnonzero(number == pattern)
        found.append(Pattern(positions, base[positions] - base[start], windows[start]))
    return found


def _window(layer: Conv | MaxPool) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Taps along each axis, and the step between them."""
    if isinstance(layer, Conv):
        return layer.weight.shape[:-2], layer.dilation
    return layer.window, (1,) * len(layer.window)
