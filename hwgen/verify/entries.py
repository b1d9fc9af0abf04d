"""Looks for inputs that meet every entry of a table, and both sides of every threshold.

What a step function gives for a code is written down by itself where it is a table: one wrong entry, or one label that
names another code, shows only at that code. So all codes of its range are wanted there, and elsewhere those around
thresholds and saturation edges. Where a network has few enough inputs, all of them are run, and what is not met then
is met by none. Elsewhere, for each wanted code, the sample that comes nearest to it is kept and varied.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.random import Generator

from hwgen.fixed import IntArray
from hwgen.fixed.step_form import MOST_TABLE_BITS, Table, cheapest_form
from hwgen.ir import Network, StepFunction, value_ranges
from hwgen.reference import trace
from hwgen.verify.critical import Critical
from hwgen.verify.search import samples_at_once
from hwgen.verify.space import Space

_MOST_ROUNDS = 128
_LEAST_ROUNDS = 4
_IDLE_ROUNDS = 32  # without any wanted code coming nearer
_CODES = 1 << 22  # of every value and sample of all rounds; some tenths of a second
_FRESH = 8  # one sample of so many has no parent
_MIXED = 0.3  # share of those that have one
_PARENTS = 1 << 21  # codes of all samples that are kept to be varied; 16 MB
_POSITIONS = 16  # of a value, in which it is watched
_FARTHEST = np.iinfo(np.int64).max


@dataclass(frozen=True, slots=True, eq=False)
class Wanted:
    """Codes that one channel of a value shall have.

    Attributes:
        source: the value.
        channel: of ``channels``.
        codes: (wanted,) int64, ascending.
    """

    source: str
    channel: int
    channels: int
    codes: IntArray

    def column(self, values: Mapping[str, IntArray]) -> IntArray:
        """(samples, positions): the channel's codes, in some positions where there are many."""
        codes = values[self.source]
        flat = codes.reshape(len(codes), -1, self.channels)[:, :, self.channel]
        some: IntArray = flat[:, :: -(-flat.shape[1] // _POSITIONS)]
        return some


class Entries:
    """Which wanted codes were met so far.

    Attributes:
        wanted: one a channel, of all quantizing layers.
        met: (wanted,) bool each.
    """

    def __init__(self, wanted: Sequence[Wanted]) -> None:
        self.wanted = tuple(wanted)
        self.met = tuple(np.zeros(len(each.codes), dtype=np.bool_) for each in self.wanted)

    @classmethod
    def of(cls, network: Network, points: Sequence[Critical]) -> "Entries":
        """Those of a network whose quantizing layers have these critical points."""
        layers = {layer.name: layer for layer in network.layers}
        ranges = value_ranges(network)
        found: list[Wanted] = []
        for point in points:
            layer, given = layers[point.layer], ranges[point.source]
            ends = list(zip(given.low.tolist(), given.high.tolist(), strict=True))
            tables = isinstance(layer, StepFunction) and _has_table(layer, ends)
            for channel, (low, high) in enumerate(ends):
                if tables and high - low < 1 << MOST_TABLE_BITS:
                    codes = np.arange(low, high + 1, dtype=np.int64)
                else:
                    columns = np.flatnonzero(point.possible[channel, point.edges])
                    codes = np.unique([point.edge_code(channel, column) for column in columns.tolist()])
                if len(codes):
                    found.append(Wanted(point.source, channel, point.channels, codes.astype(np.int64)))
        return cls(found)

    def add(self, values: Mapping[str, IntArray]) -> None:
        """Mark what these values meet."""
        for wanted, met in zip(self.wanted, self.met, strict=True):
            if not met.all():
                place, _ = _matches(wanted.codes, wanted.column(values))
                met[place] = True

    def choose(self, values: Mapping[str, IntArray], at_most: int) -> IntArray:
        """Mark what these values meet for the first time, and return the samples that do, those with the most first."""
        sample_parts, code_parts = [], []
        offset = 0
        for wanted, met in zip(self.wanted, self.met, strict=True):
            if not met.all():
                place, sample = _matches(wanted.codes, wanted.column(values))
                fresh = ~met[place]
                sample_parts.append(sample[fresh])
                code_parts.append(place[fresh] + offset)
            offset += len(met)
        if not sample_parts:
            return np.empty(0, dtype=np.int64)
        samples, codes = np.concatenate(sample_parts), np.concatenate(code_parts)
        chosen: list[int] = []
        while samples.size and len(chosen) < at_most:
            best = int(np.bincount(samples).argmax())
            chosen.append(best)
            reached = np.zeros(offset, dtype=np.bool_)
            reached[codes[samples == best]] = True
            left = ~reached[codes]
            samples, codes = samples[left], codes[left]
        rows = np.array(chosen, dtype=np.int64)
        if chosen:
            self.add({name: array[rows] for name, array in values.items()})
        return rows

    @property
    def missing(self) -> int:
        """How many were not met."""
        return sum(int((~met).sum()) for met in self.met)


def entry_samples(space: Space, entries: Entries, at_most: int, generator: Generator) -> IntArray:
    """Find samples that meet codes which were not met.

    Args:
        entries: what other samples meet; what is found is added to it.
        at_most: samples.
    Returns:
        (samples, codes) int64, in the order in which they were found.
    """
    kept = np.empty((0, space.size), dtype=np.int64)
    if at_most <= 0 or not entries.missing:
        return kept
    network, at_once = space.network, samples_at_once(space.network)
    affordable = _CODES // sum(value.size for value in network.values().values())
    every = space.every(affordable)
    if every is not None:
        for start in range(0, len(every), at_once):
            block = every[start : start + at_once]
            values = trace(network, space.split(block))
            kept = np.concatenate([kept, block[entries.choose(values, at_most - len(kept))]])
        return kept
    nearest = _Nearest(space, entries, generator)
    rows = space.varied(at_once, generator)
    idle = 0
    for _ in range(min(_MOST_ROUNDS, max(_LEAST_ROUNDS, affordable // at_once))):
        values = trace(network, space.split(rows))
        kept = np.concatenate([kept, rows[entries.choose(values, at_most - len(kept))]])
        idle = 0 if nearest.add(rows, values) else idle + 1
        parents = nearest.parents(at_once, generator)
        if len(kept) >= at_most or idle >= _IDLE_ROUNDS or not len(parents):
            break
        fresh = space.varied(at_once // _FRESH, generator)
        rows = np.concatenate([fresh, _nudged(space, parents[len(fresh) :], generator)])
    return kept


def _has_table(layer: StepFunction, ends: Sequence[tuple[int, int]]) -> bool:
    """Whether any channel is cheapest as a table; the others may be made like it."""
    shared = len(layer.thresholds) == 1
    rows = [(0, *end) for end in dict.fromkeys(ends)] if shared else [(c, *end) for c, end in enumerate(ends)]
    return any(
        isinstance(cheapest_form(layer.thresholds[row].tolist(), layer.levels[row].tolist(), low, high), Table)
        for row, low, high in rows
        if high - low < 1 << MOST_TABLE_BITS
    )


def _matches(codes: IntArray, column: IntArray) -> tuple[IntArray, IntArray]:
    """Which of the ascending codes occur, and in which samples."""
    place = np.searchsorted(codes, column)
    same = codes[np.minimum(place, len(codes) - 1)] == column
    return place[same].astype(np.int64), np.nonzero(same)[0].astype(np.int64)


class _Nearest:
    """Of each wanted code that was not met, or of some, the sample that came nearest to it."""

    def __init__(self, space: Space, entries: Entries, generator: Generator) -> None:
        self._entries = entries
        missing = [np.flatnonzero(~met) for met in entries.met]
        most = max(1, _PARENTS // space.size // max(1, sum(len(each) > 0 for each in missing)))
        self._places = [np.sort(generator.permutation(each)[:most]) for each in missing]
        self._starts = np.cumsum([0, *map(len, self._places)]).tolist()
        self._distance = np.full(self._starts[-1], _FARTHEST)
        self._parent = np.zeros((self._starts[-1], space.size), dtype=np.int64)

    def add(self, rows: IntArray, values: Mapping[str, IntArray]) -> bool:
        """Keep those of the samples that come nearer than others; whether any does."""
        nearer = False
        for number, (start, end) in enumerate(pairwise(self._starts)):
            if start == end or not (still := ~self._entries.met[number][self._places[number]]).any():
                continue
            wanted = self._entries.wanted[number]
            column = wanted.column(values)
            place = np.flatnonzero(still) + start
            codes = wanted.codes[self._places[number][still]]
            order = np.argsort(column, axis=None)
            ascending = column.ravel()[order]
            above = np.minimum(np.searchsorted(ascending, codes), len(order) - 1)
            below = np.maximum(above - 1, 0)
            upwards = np.abs(ascending[above] - codes) < np.abs(ascending[below] - codes)
            best = np.where(upwards, above, below)
            distance = np.abs(ascending[best] - codes)
            better = distance <= self._distance[place]
            nearer |= bool((distance < self._distance[place]).any())
            self._distance[place[better]] = distance[better]
            self._parent[place[better]] = rows[order[best[better]] // column.shape[1]]
        return nearer

    def parents(self, count: int, generator: Generator) -> IntArray:
        """(count, codes): the nearest samples of codes that are not met yet, each as often; none where all are."""
        left = [~met[places] for met, places in zip(self._entries.met, self._places, strict=True)]
        still = np.flatnonzero(np.concatenate(left)) if left else np.empty(0, dtype=np.int64)
        if not len(still):
            return self._parent[:0]
        chosen: IntArray = self._parent[np.resize(generator.permutation(still), count)]
        return chosen


def _nudged(space: Space, parents: IntArray, generator: Generator) -> IntArray:
    """Each parent with a few codes moved, mostly by little, or of any magnitude; or mixed with another one."""
    shape = parents.shape
    step = np.where(
        generator.random(shape) < 0.5, generator.integers(1, 4, size=shape), 1 << generator.integers(6, size=shape)
    )
    moved = parents + np.where(generator.random(shape) < 0.5, step, -step)
    fresh = np.where(generator.random(shape) < 0.8, moved, space.magnitudes(len(parents), generator))
    changed = generator.random(shape) < generator.integers(1, 4, size=(shape[0], 1)) / space.size
    changed[np.arange(shape[0]), generator.integers(space.size, size=shape[0])] = True
    half = generator.random(shape) < generator.random((shape[0], 1))
    mixed = generator.random((shape[0], 1)) < _MIXED
    others = parents[generator.permutation(len(parents))]
    rows: IntArray = np.where(mixed, np.where(half, others, parents), np.where(changed, fresh, parents))
    return np.clip(rows, space.low, space.high)
