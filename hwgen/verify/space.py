"""``Space``: every input that a network can have, one row of codes a sample, and the ways to pick some of them."""

from dataclasses import dataclass
from math import prod

import numpy as np
from numpy.random import Generator

from hwgen.fixed import IntArray
from hwgen.ir import Network


@dataclass(frozen=True, slots=True, eq=False)
class Space:
    """All inputs of a network as one row of codes a sample.

    Attributes:
        low: (codes,) int64; ``high`` likewise.
    """

    network: Network
    low: IntArray
    high: IntArray

    @classmethod
    def of(cls, network: Network) -> "Space":
        return cls(
            network,
            np.concatenate([np.full(source.value.size, source.low, dtype=np.int64) for source in network.inputs]),
            np.concatenate([np.full(source.value.size, source.high, dtype=np.int64) for source in network.inputs]),
        )

    @property
    def size(self) -> int:
        return len(self.low)

    def split(self, rows: IntArray) -> tuple[IntArray, ...]:
        """(samples, codes) to one (samples, *shape) array an input."""
        ends = np.cumsum([source.value.size for source in self.network.inputs])[:-1]
        parts = np.split(rows, ends, axis=1)
        return tuple(
            np.ascontiguousarray(part).reshape(len(rows), *source.value.shape)
            for part, source in zip(parts, self.network.inputs, strict=True)
        )

    def random(self, samples: int, generator: Generator) -> IntArray:
        """(samples, codes), uniform over the whole range."""
        return generator.integers(self.low, self.high, size=(samples, self.size), endpoint=True, dtype=np.int64)

    def corners(self, samples: int, generator: Generator) -> IntArray:
        """(samples, codes): each code at its minimum or its maximum, so that any few of them meet in every way."""
        rows: IntArray = np.where(generator.random((samples, self.size)) < 0.5, self.low, self.high)
        return rows

    def magnitudes(self, samples: int, generator: Generator) -> IntArray:
        """(samples, codes), small codes as often as large ones, each by itself: sums behind which nothing saturates."""
        bits = max(int(self.high.max()), -int(self.low.min())).bit_length()
        rows = self.random(samples, generator) >> generator.integers(bits + 1, size=(samples, self.size))
        inside: IntArray = np.clip(rows, self.low, self.high)
        return inside

    def spiked(self, samples: int, generator: Generator) -> IntArray:
        """(samples, codes), small ones, all of a sample alike, but for one: about a power of two, either way."""
        bits = max(int(self.high.max()), -int(self.low.min())).bit_length()
        rows = self.random(samples, generator) >> generator.integers(bits + 1, size=(samples, 1))
        places = generator.integers(self.size, size=samples)
        power = np.int64(1) << generator.integers(bits + 1, size=samples)
        negative = (generator.random(samples) < 0.5) & (self.low[places] < 0)
        rows[np.arange(samples), places] = np.where(negative, -power, power) + generator.integers(-4, 5, size=samples)
        inside: IntArray = np.clip(rows, self.low, self.high)
        return inside

    def varied(self, samples: int, generator: Generator) -> IntArray:
        """(samples, codes) of five kinds: uniform, sparse, small, extremes only, and of every magnitude."""
        rows = self.random(samples, generator)
        kind = generator.integers(5, size=(samples, 1))
        strength = generator.integers(1, 7, size=(samples, 1))
        sparse = np.where(generator.random(rows.shape) < 0.5**strength, rows, 0)
        small = rows >> strength
        extremes = np.where(rows >= (self.low + self.high) // 2, self.high, self.low)
        magnitudes = self.magnitudes(samples, generator)
        return np.select([kind == 1, kind == 2, kind == 3, kind == 4], [sparse, small, extremes, magnitudes], rows)

    def mutated(self, parents: IntArray, samples: int, generator: Generator) -> IntArray:
        """(samples, codes): parents with one to four codes nudged or replaced."""
        rows = parents[generator.integers(len(parents), size=samples)]
        fresh = self.random(samples, generator)
        nudged = np.clip(rows + generator.integers(-3, 4, size=rows.shape), self.low, self.high)
        changes = generator.integers(1, 5, size=(samples, 1))
        chosen = generator.random(rows.shape) < changes / self.size
        return np.where(chosen, np.where(generator.random((samples, 1)) < 0.6, nudged, fresh), rows)

    def pushed(self, parents: IntArray, samples: int, generator: Generator) -> IntArray:
        """(samples, codes): parents with one to four codes at an end, or of any magnitude."""
        rows = parents[generator.integers(len(parents), size=samples)]
        ends, anywhere = self.corners(samples, generator), self.magnitudes(samples, generator)
        changes = generator.integers(1, 5, size=(samples, 1))
        chosen = generator.random(rows.shape) < changes / self.size
        return np.where(chosen, np.where(generator.random(rows.shape) < 0.5, ends, anywhere), rows)

    def every(self, at_most: int) -> IntArray | None:
        """(samples, codes): each possible input once; None where there are more than ``at_most``."""
        sizes = [high - low + 1 for low, high in zip(self.low.tolist(), self.high.tolist(), strict=True)]
        if sum(size > 1 for size in sizes) > at_most.bit_length() or prod(sizes) > at_most:
            return None
        places = np.stack(np.unravel_index(np.arange(prod(sizes)), sizes), axis=1)
        return places.astype(np.int64) + self.low

    def alternating(self) -> IntArray:
        """(2, codes): minimum and maximum in turn, and the other way round."""
        turn = np.arange(self.size) % 2 == 0
        return np.stack([np.where(turn, self.low, self.high), np.where(turn, self.high, self.low)])

    def one_hot(self, at_most: int, generator: Generator) -> IntArray:
        """(samples, codes): one code at its maximum, or its minimum, the others zero; a random choice where many."""
        extremes = [(place, extreme) for place in range(self.size) for extreme in (self.low, self.high)]
        wanted = [(place, int(extreme[place])) for place, extreme in extremes if extreme[place] != 0]
        if len(wanted) > at_most:
            wanted = [wanted[k] for k in sorted(generator.choice(len(wanted), size=at_most, replace=False).tolist())]
        rows = np.zeros((len(wanted), self.size), dtype=np.int64)
        for row, (place, code) in enumerate(wanted):
            rows[row, place] = code
        return rows
