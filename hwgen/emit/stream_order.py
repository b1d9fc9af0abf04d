"""Pixels of a stream in another order: within each pixel, along rows and columns, or out of a buffer."""

from dataclasses import dataclass

import numpy as np

from hwgen.emit.stream_program import Program, as_needed, beat_by_beat
from hwgen.fixed import IntArray
from hwgen.ir import Rearrange, Reshape, Value


@dataclass(frozen=True, slots=True)
class PixelOrder:
    """Every pixel becomes one, with its codes in the same new order: ``index``, -1 for zero."""

    index: tuple[int, ...]
    beats: int

    def program(self) -> Program:
        return beat_by_beat(self.beats)


@dataclass(frozen=True, slots=True)
class LineOrder:
    """Whole pixels along rows and columns: padding, cropping, repeating. One row is kept.

    Attributes:
        rows: row of the input for each row of the output, -1 for zeros; ascending but for those. ``columns`` likewise.
        source_rows, source_columns: of the input.
    """

    rows: tuple[int, ...]
    columns: tuple[int, ...]
    source_rows: int
    source_columns: int

    def program(self) -> Program:
        need, last = [], -1
        for row in self.rows:
            for column in self.columns:
                if row >= 0 and column >= 0:
                    last = max(last, row * self.source_columns + column)
                need.append(last)
        return as_needed(self.source_rows * self.source_columns, need)


@dataclass(frozen=True, slots=True)
class BufferOrder:
    """Pixels are kept in a ring of ``slots`` until all codes of the next output pixel are there.

    Attributes:
        place: (output pixels, channels): where each code stands in the ring, slot by slot; -1 for zero.
        need: for each output pixel, the last input pixel that must have come.
        beats: input pixels; ``channels`` codes of each.
        whole: whether the codes of an output pixel all stand in one slot.
    """

    place: tuple[tuple[int, ...], ...]
    need: tuple[int, ...]
    beats: int
    channels: int
    slots: int
    whole: bool

    def program(self) -> Program:
        return as_needed(self.beats, self.need)


Order = PixelOrder | LineOrder | BufferOrder


def stream_order(layer: Rearrange | Reshape, source: Value) -> Order:
    """The cheapest way to send pixels in a layer's order.

    Args:
        source: the value whose pixels come in.
    """
    shape = layer.output.shape
    index = layer.index if isinstance(layer, Rearrange) else np.arange(layer.output.size).reshape(shape)
    channels, beats = source.shape[-1], source.size // source.shape[-1]
    pixels = index.reshape(-1, shape[-1])
    return _pixel_order(pixels, beats, channels) or _line_order(index, source) or _buffered(pixels, beats, channels)


def _pixel_order(pixels: IntArray, beats: int, channels: int) -> PixelOrder | None:
    if len(pixels) != beats:
        return None
    within = np.where(pixels < 0, -1, pixels - np.arange(beats)[:, None] * channels)
    if (within != within[0]).any() or within.min() < -1 or within.max() >= channels:
        return None
    return PixelOrder(tuple(within[0].tolist()), beats)


def _line_order(index: IntArray, source: Value) -> LineOrder | None:
    channels = source.shape[-1]
    if index.shape[-1] != channels or len(source.shape) not in (2, 3) or len(index.shape) != len(source.shape):
        return None
    rows, columns = (1, *source.shape[:-1])[-2:]
    frame = index.reshape(-1, index.shape[-2], channels)
    pixel = frame[..., 0]
    whole = np.where(pixel[..., None] < 0, -1, pixel[..., None] + np.arange(channels))
    if (pixel[pixel >= 0] % channels).any() or (frame != whole).any():
        return None
    at = np.where(pixel < 0, -1, pixel // channels)
    row_of = np.where(at < 0, -1, at // columns).max(axis=1)
    column_of = np.where(at < 0, -1, at % columns).max(axis=0)
    expected = row_of[:, None] * columns + column_of
    if (at != np.where((row_of[:, None] < 0) | (column_of < 0), -1, expected)).any():
        return None
    if any((np.diff(places[places >= 0]) < 0).any() for places in (row_of, column_of)):
        return None
    return LineOrder(tuple(row_of.tolist()), tuple(column_of.tolist()), rows, columns)


def _buffered(pixels: IntArray, beats: int, channels: int) -> BufferOrder:
    beat = np.where(pixels < 0, -1, pixels // channels)
    need = np.maximum.accumulate(beat.max(axis=1))
    first = np.where(beat < 0, beats, beat).min(axis=1)
    oldest = np.minimum.accumulate(first[::-1])[::-1]  # a later pixel may still need an early one
    slots = int(max(1, (need - np.minimum(oldest, need) + 1).max()))
    place = np.where(pixels < 0, -1, beat % slots * channels + pixels % channels)
    whole = all(len(set(row[row >= 0].tolist())) <= 1 for row in beat)
    return BufferOrder(tuple(map(tuple, place.tolist())), tuple(need.tolist()), beats, channels, slots, whole)
