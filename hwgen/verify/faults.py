"""Looks for inputs at which a fault in a circuit comes out: one word too narrow, or one bit of it wrong.

That a word is at its end does not say that anything depends on it there: what is saturated behind it, or far from a
threshold, hides what is wrong. So words are made wrong, each in samples of its own, and the circuit is evaluated beside
the right one. Samples in which a fault reaches a later layer are kept and varied until it reaches an output.
"""

from dataclasses import dataclass

import numpy as np
from numpy.random import Generator

from hwgen.circuit import Circuit
from hwgen.fixed import IntArray
from hwgen.verify.extremes import samples_affordable
from hwgen.verify.space import Space
from hwgen.verify.words import CircuitWords

_MOST_ROUNDS = 96
_IDLE_ROUNDS = 32  # without any fault going further
_FULL = 250  # samples for which all rounds are worth it
_KNOWN, _FRESH = 0.2, 0.5  # shares of samples that are there anyway, and, above it, of those without a parent
_ALONE = 6  # one round of so many has only samples that are there anyway, and comes first
_MOST_SAMPLES = 4096
_CODES = 1 << 17  # of all words and samples of a round
_NARROW = -1


@dataclass(frozen=True, slots=True, eq=False)
class Faults:
    """Faults of single words.

    Attributes:
        word: (faults,) number in the circuit.
        bit: (faults,) that is flipped; -1 where the word is a bit narrower than it should be.
    """

    word: IntArray
    bit: IntArray

    @classmethod
    def of(cls, circuit: Circuit, numbers: list[int], at_most: int, generator: Generator) -> "Faults":
        """Narrow words first, then bits of words; where there are too many, some of them."""
        number = np.array(numbers, dtype=np.int64)
        width = np.array([circuit.words[each].width for each in numbers], dtype=np.int64)
        wide = number[width > 1]
        word = np.repeat(number, width)
        bit = np.arange(len(word)) - np.repeat(np.cumsum(width) - width, width)
        narrow = generator.permutation(np.stack([wide, np.full_like(wide, _NARROW)], axis=1))
        both = np.concatenate([narrow, generator.permutation(np.stack([word, bit], axis=1))])[:at_most]
        return cls(both[:, 0], both[:, 1])

    def __len__(self) -> int:
        return len(self.word)


def exposing_samples(
    space: Space, words: CircuitWords, known: IntArray, at_most: int, generator: Generator
) -> IntArray:
    """Find samples in which faults come out.

    Args:
        known: (samples, codes) that are run anyway.
        at_most: samples.
    Returns:
        (samples, codes) int64.
    """
    run = _Run(space, words)
    # What one call costs besides, a small circuit spends better on more samples.
    batch = max(words.at_once, min(_MOST_SAMPLES, _CODES // words.codes))
    rounds = min(_MOST_ROUNDS, samples_affordable(words) // (2 * words.at_once))
    rounds = rounds * min(at_most, _FULL) // _FULL
    if not rounds:
        return np.empty((0, space.size), dtype=np.int64)
    faults = Faults.of(words.circuit, words.watched, words.at_once * max(1, rounds // 2), generator)
    depth = np.full(len(faults), -1, dtype=np.int64)
    parent = np.zeros((len(faults), space.size), dtype=np.int64)
    found: list[IntArray] = []
    idle = 0
    for turn in range(rounds):
        hidden = np.flatnonzero(depth < run.out)
        if not len(hidden) or idle >= _IDLE_ROUNDS:
            break
        # Narrow words two times of three: most bits that do not come out are below what is rounded away.
        narrow = hidden[faults.bit[hidden] == _NARROW]
        if turn % 3 and len(narrow):
            hidden = narrow
        chosen = np.resize(generator.permutation(hidden), batch)
        # Samples that are there anyway may do; others cost room.
        alone = turn < rounds // _ALONE or len(found) >= at_most
        kind = np.zeros(len(chosen)) if alone else generator.random(len(chosen))
        new = kind >= _KNOWN
        rows = known[generator.integers(len(known), size=len(chosen))]
        bred = (kind >= _FRESH) & (depth[chosen] >= 0)
        rows[bred] = _varied(space, parent[chosen[bred]], rows[bred], generator)
        fresh = new & ~bred
        spiked = fresh & (generator.random(len(chosen)) < 0.5)
        rows[fresh] = space.varied(int(fresh.sum()), generator)
        rows[spiked] = space.spiked(int(spiked.sum()), generator)
        reached = run.depths(rows, faults.word[chosen], faults.bit[chosen])
        order = np.argsort(reached, kind="stable")  # of several tries of a fault, the last one counts
        better = order[reached[order] >= np.maximum(depth[chosen[order]], 0)]
        further = bool((reached[better] > depth[chosen[better]]).any())
        idle = 0 if further else idle + 1
        depth[chosen[better]] = reached[better]
        parent[chosen[better]] = rows[better]
        came_out = np.unique(chosen[(reached == run.out) & new])
        last = {int(fault): row for fault, row in zip(chosen[better], better, strict=True)}
        for fault in came_out.tolist():
            if new[last[fault]] and len(found) < at_most:
                found.append(rows[last[fault]])
    return np.array(found, dtype=np.int64).reshape(-1, space.size)


def _varied(space: Space, parents: IntArray, others: IntArray, generator: Generator) -> IntArray:
    """Each parent with some codes a little different, at an end, anywhere, or those of another sample."""
    shape = parents.shape
    ends, anywhere = space.corners(len(parents), generator), space.magnitudes(len(parents), generator)
    step = 1 << generator.integers(0, 7, size=shape)
    nudged = parents + np.where(generator.random(shape) < 0.5, step, -step)
    kind = generator.random(shape)
    fresh = np.where(kind < 0.5, nudged, np.where(kind < 0.75, ends, anywhere))
    few = generator.random(shape) < generator.integers(1, 5, size=(shape[0], 1)) / space.size
    half = generator.random(shape) < generator.random((shape[0], 1))
    mixed = generator.random((shape[0], 1)) < 0.4
    rows: IntArray = np.where(mixed, np.where(half, others, parents), np.where(few, fresh, parents))
    return np.clip(rows, space.low, space.high)


class _Run:
    """Evaluates a circuit with faults beside the right one.

    Attributes:
        out: the depth of a fault that changes an output.
    """

    def __init__(self, space: Space, words: CircuitWords) -> None:
        circuit, waves = words.circuit, words.waves
        self._space, self._waves = space, waves
        self._width = np.array([word.width for word in circuit.words], dtype=np.int64)
        self._signed = np.array([word.signed for word in circuit.words])
        self.out = len(circuit.values) + 1
        layers = [numbers for _, numbers in circuit.values]
        levels = [*enumerate(layers, start=1), *((self.out, numbers) for numbers in circuit.results)]
        # A layer's words are of one stream.
        self._levels = [(level, int(waves.stream[each[0]]), waves.place[list(each)]) for level, each in levels if each]

    def depths(self, rows: IntArray, word: IntArray, bit: IntArray) -> IntArray:
        """How far each fault comes in a sample of its own: 0 for nowhere, or the number of the last layer it changes.

        A fault that is not one in the sample, for nothing changes in the word itself, has depth -1.

        Args:
            rows: (samples, codes).
            word, bit: (samples,) the fault of each.
        """
        inputs = self._space.split(rows)
        depth = np.full(len(rows), -1, dtype=np.int64)
        place = np.full(len(self._width), -1, dtype=np.int64)

        def altered(numbers: IntArray, values: IntArray) -> None:
            place[numbers] = np.arange(len(numbers))
            at = place[word]
            here = np.flatnonzero(at >= 0)
            place[numbers] = -1
            right = values[at[here], here]
            flip = bit[here][:, None]
            narrow = self._narrowed(word[here], right)
            wrong = np.where(flip == _NARROW, narrow, right ^ (np.int64(1) << np.maximum(flip, 0)))
            depth[here[(wrong != right).any(axis=1)]] = 0
            values[at[here], here] = wrong

        right, faulty = self._waves.values(inputs), self._waves.values(inputs, altered)
        for level, stream, places in self._levels:
            differs = (right[stream][places] != faulty[stream][places]).any(axis=(0, 2))
            depth[differs] = np.maximum(depth[differs], level)
        return depth

    def _narrowed(self, numbers: IntArray, codes: IntArray) -> IntArray:
        """What is left of words, (words, beats), in a bit less each."""
        less, signed = (each[numbers][:, None] for each in (self._width - 1, self._signed))
        above = np.where(signed, 64 - less, 0)
        narrow: IntArray = np.where(signed, (codes << above) >> above, codes & ((np.int64(1) << less) - 1))
        return narrow
