"""``Words``: what vectors shall bring to its ends, and what samples make of it: the words of a circuit, or sums.

A word of a circuit is watched as a whole: a partial sum that is too narrow, or reads the wrong bit, shows only where
that bit matters. Where there is no circuit, the values of the network are watched, channel by channel.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from hwgen.circuit import AMD, Circuit, ClockPlan, Optimize, Waves, circuit_terms, default_interface, lower
from hwgen.errors import CircuitError, UnsupportedError
from hwgen.fixed import IntArray
from hwgen.ir import Network, value_ranges
from hwgen.reference import trace
from hwgen.verify.search import samples_at_once
from hwgen.verify.space import Space

_MOST_SAMPLES = 512  # of a call
_MOST_WATCHED = 4096  # words
_MOST_TERMS = 5000
_CODES_AT_ONCE = 1 << 22  # of every beat of every watched word; 32 MB
_CODES_A_STEP = 1024  # what a few calls of NumPy cost, in codes that it handles meanwhile


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """What samples make of watched words: (words, samples) int64 each.

    Attributes:
        low, high: the lowest and the highest of its beats, or positions.
        middle: in the middle one, which is linear in the input where the word is.
    """

    low: IntArray
    high: IntArray
    middle: IntArray


@dataclass(frozen=True, slots=True, eq=False)
class Tally:
    """What samples together brought watched words to: (words,) int64 each.

    Attributes:
        low, high: the lowest and the highest value.
        ones, zeros: bits that were 1, and 0, as masks; those above a word's own copy its sign.
    """

    low: IntArray
    high: IntArray
    ones: IntArray
    zeros: IntArray


class Words(ABC):
    """Watched words.

    Attributes:
        called: what they are, for people.
        low, high: (words,) int64, what intervals allow.
        at_once: samples of which everything fits the memory of a call.
        cost: of a call for so many samples, in codes handled.
    """

    called: ClassVar[str]
    low: IntArray
    high: IntArray
    at_once: int
    cost: int

    @abstractmethod
    def blocks(self, space: Space, rows: IntArray) -> Iterator[IntArray]:
        """The watched words in order, some at a time: (words, samples, beats) int64."""

    def seen(self, space: Space, rows: IntArray) -> Seen:
        """What samples, at most ``at_once``, make of the words."""
        blocks = list(self.blocks(space, rows))
        middles = [block[:, :, block.shape[2] // 2] for block in blocks]
        middle = middles[0] if len(middles) == 1 else np.concatenate(middles)
        if all(block.shape[2] == 1 for block in blocks):
            return Seen(middle, middle, middle)
        low, high = (np.concatenate([end(block, axis=2) for block in blocks]) for end in (np.min, np.max))
        return Seen(low, high, middle)

    def tally(self, space: Space, rows: IntArray) -> Tally:
        """What any number of samples brought the words to."""
        count = len(self.low)
        low, high = np.full(count, np.iinfo(np.int64).max), np.full(count, np.iinfo(np.int64).min)
        ones, zeros = (np.zeros(count, dtype=np.int64) for _ in range(2))
        for start in range(0, len(rows), self.at_once):
            blocks = [block.reshape(len(block), -1) for block in self.blocks(space, rows[start : start + self.at_once])]
            low = np.minimum(low, np.concatenate([block.min(axis=1) for block in blocks]))
            high = np.maximum(high, np.concatenate([block.max(axis=1) for block in blocks]))
            ones |= np.concatenate([np.bitwise_or.reduce(block, axis=1) for block in blocks])
            zeros |= ~np.concatenate([np.bitwise_and.reduce(block, axis=1) for block in blocks])
        return Tally(low, high, ones, zeros)

    def changing_bits(self) -> list[int]:
        """For each word, how many of its lowest bits the interval allows to be 0 and 1."""
        ends = zip(self.low.tolist(), self.high.tolist(), strict=True)
        return [
            max(high, ~low).bit_length() + 1 if low < 0 <= high else (low ^ high).bit_length() for low, high in ends
        ]


class CircuitWords(Words):
    """Words of a circuit that can change, spread evenly where there are very many.

    Attributes:
        watched: their numbers in the circuit, those of a stream side by side.
        codes: of every word, in every beat of a sample.
    """

    called = "words of the circuit"

    def __init__(self, circuit: Circuit) -> None:
        changing = [number for number, word in enumerate(circuit.words) if word.low < word.high]
        self.circuit, self.waves = circuit, Waves(circuit)
        stream, place = self.waves.stream.tolist(), self.waves.place.tolist()
        changing = changing[:: max(1, -(-len(changing) // _MOST_WATCHED))]
        self.watched = sorted(changing, key=lambda number: (stream[number], place[number]))
        self._places = [
            np.array([place[number] for number in self.watched if stream[number] == each], dtype=np.int64)
            for each in range(len(circuit.streams))
        ]
        self.low = np.array([circuit.words[number].low for number in self.watched], dtype=np.int64)
        self.high = np.array([circuit.words[number].high for number in self.watched], dtype=np.int64)
        beats = [circuit.streams[word.stream].beats for word in circuit.words]
        self.codes = sum(beats)
        self.at_once = int(np.clip(_CODES_AT_ONCE // self.codes, 1, _MOST_SAMPLES))
        self.cost = self.waves.steps * _CODES_A_STEP + self.at_once * self.codes

    def blocks(self, space: Space, rows: IntArray) -> Iterator[IntArray]:
        for values, places in zip(self.waves.values(space.split(rows)), self._places, strict=True):
            if len(places):
                yield values[places]


def small_circuit(network: Network) -> Circuit | None:
    """A circuit to guide the search where a project has none, if one is made in about a second: its partial sums are
    not those of the project, but much like them."""
    interface = default_interface(network)
    try:
        if circuit_terms(network, interface) > _MOST_TERMS:
            return None
        return lower(network, AMD, ClockPlan(None), interface, Optimize.LATENCY)
    except (UnsupportedError, CircuitError):
        return None


class NetworkWords(Words):
    """Channels of the values of a network's layers."""

    called = "channels of layers"

    def __init__(self, network: Network) -> None:
        ranges = value_ranges(network)
        self._names = [
            layer.output.name for layer in network.layers if (r := ranges[layer.output.name]).bounds[0] < r.bounds[1]
        ]
        self._network = network
        self.low = np.concatenate([ranges[name].low for name in self._names] or [np.empty(0, dtype=np.int64)])
        self.high = np.concatenate([ranges[name].high for name in self._names] or [np.empty(0, dtype=np.int64)])
        self.at_once = samples_at_once(network)
        self.cost = len(network.layers) * _CODES_A_STEP + self.at_once * sum(
            value.size for value in network.values().values()
        )

    def blocks(self, space: Space, rows: IntArray) -> Iterator[IntArray]:
        values = dict(trace(self._network, space.split(rows)))
        for name in self._names:
            codes = values[name]
            yield np.moveaxis(codes.reshape(len(codes), -1, codes.shape[-1]), 2, 0)
