"""Looks for inputs that bring every watched word to its ends, lowest and highest: as far as any input was found to.

A sum of inputs is linear, so where its ends lie follows from how it answers to any samples: by least squares, for all
words at once. Behind a quantizer that is a direction only, and an interval may promise more than any input gives. So
the best sample of each word and end is kept, and varied: some of its codes to their ends or anywhere, or mixed with
the best of another. Where a network has few enough inputs, all of them are tried.
"""

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from hwgen.fixed import IntArray
from hwgen.verify.space import Space
from hwgen.verify.words import Seen, Words

_COST = 3 << 23  # of all rounds, in codes handled; less than a second
_MOST_ROUNDS = 64
_LEAST_ROUNDS = 4  # fewer find nothing
_IDLE_ROUNDS = 10  # without any word going further
_FULL = 500  # samples for which all rounds are worth it
_TIMES = 2  # that each end is wanted, by samples that differ
_EVERY = 2  # times as many samples where they are all there are, for none of them has to be bred
_RIDGE = 1e-9
_PRODUCTS = 1 << 18  # of one call; for more, BLAS starts threads, which take longer than this where cores are busy
_SLIGHT = 1e-5  # of a word's largest slope: what rounding and the ridge leave of zero
_ENDS_A_SAMPLE = 2  # that are aimed at
_MERGED = 1 << 26  # codes compared in a round


def affordable(words: Words) -> bool:
    """Whether a search takes about a second."""
    return words.cost * _LEAST_ROUNDS <= _COST


def samples_affordable(words: Words) -> int:
    """How many samples run in that time."""
    return max(words.at_once, _COST // max(1, words.cost // words.at_once))


def far_samples(space: Space, words: Words, known: IntArray, at_most: int, generator: Generator) -> IntArray:
    """Find samples in which words are as low and as high as they get.

    Args:
        known: (samples, codes) that are run anyway.
        at_most: samples.
    Returns:
        (samples, codes) int64: those that bring the most words to an end first.
    """
    nothing = np.empty((0, space.size), dtype=np.int64)
    if at_most <= 0 or not len(words.low):
        return nothing
    best = _Best(space, words)
    every = space.every(_EVERY * samples_affordable(words) * min(at_most, _FULL) // _FULL)
    if every is not None:
        for start in range(0, len(every), words.at_once):
            best.add(every[start : start + words.at_once])
    else:
        rounds = min(_MOST_ROUNDS, _COST // words.cost) * min(at_most, _FULL) // _FULL
        _search(best, known, max(_LEAST_ROUNDS, rounds), generator)
    return best.chosen(known, at_most)


def _search(best: "_Best", known: IntArray, rounds: int, generator: Generator) -> None:
    space, words = best.space, best.words
    at_once = words.at_once
    for start in range(0, len(known), at_once):
        best.add(known[start : start + at_once])
    rows = np.concatenate([space.corners(at_once // 2, generator), space.varied(at_once - at_once // 2, generator)])
    idle = 0
    for _ in range(rounds):
        seen, further = best.add(rows)
        idle = 0 if further else idle + 1
        if not len(best.open) or idle >= _IDLE_ROUNDS:
            return
        fresh = space.varied(at_once // 8, generator)
        aimed = _aimed(best, rows, seen, at_once // 2, generator)
        bred = at_once - len(fresh) - len(aimed)
        parents = best.rows[np.unique(best.holders[:, best.open])]
        mixed = _mixed(parents, bred // 3, generator)
        rows = np.concatenate([fresh, aimed, mixed, space.pushed(parents, bred - len(mixed), generator)])


def _mixed(parents: IntArray, samples: int, generator: Generator) -> IntArray:
    """(samples, codes): each code that of one of two parents."""
    one, two = (parents[generator.integers(len(parents), size=samples)] for _ in range(2))
    mixed: IntArray = np.where(generator.random(one.shape) < 0.5, one, two)
    return mixed


def _aimed(best: "_Best", rows: IntArray, seen: Seen, at_most: int, generator: Generator) -> IntArray:
    """Samples where words that are linear, as samples make them look, are at their ends.

    Args:
        seen: what the samples made of the words.
    """
    space, count = best.space, len(best.words.low)
    room = (space.high - space.low).astype(np.float64)
    room[room == 0] = 1
    given = (rows - rows.mean(axis=0)) / room
    ends = generator.permutation(best.open)[: max(1, min(_ENDS_A_SAMPLE * at_most, _MERGED // (space.size * at_most)))]
    answer = seen.middle[ends % count].T.astype(np.float64)
    answer -= answer.mean(axis=0)
    if len(rows) > space.size:
        square = given.T @ given + _RIDGE * len(rows) * np.eye(space.size)
        slope = _product(answer.T, given @ np.linalg.inv(square))
    else:
        square = given @ given.T + _RIDGE * space.size * np.eye(len(rows))
        slope = (given.T @ np.linalg.solve(square, answer)).T
    slope[ends < count] *= -1  # these are to be low
    matters = np.abs(slope) > _SLIGHT * np.abs(slope).max(axis=1, keepdims=True)
    signs = _merged(np.where(matters, np.sign(slope), 0).astype(np.int8), at_most)
    anything = space.corners(len(signs), generator)
    aimed: IntArray = np.where(signs > 0, space.high, np.where(signs < 0, space.low, anything))
    return aimed


def _product(one: NDArray[np.float64], two: NDArray[np.float64]) -> NDArray[np.float64]:
    """The product of two matrices, some rows at a time."""
    some = max(1, _PRODUCTS // two.size)
    return np.concatenate([one[start : start + some] @ two for start in range(0, len(one), some)])


def _merged(signs: NDArray[np.int8], at_most: int) -> NDArray[np.int8]:
    """Rows of -1, 0 and 1 into fewer, in which every row that found room has its signs; zeros are anyone's."""
    order = np.argsort(-np.abs(signs).sum(axis=1), kind="stable")
    merged = np.zeros((at_most, signs.shape[1]), dtype=np.int8)
    up, down = (_packed(signs[order] == sign) for sign in (1, -1))
    merged_up, merged_down = (np.zeros((at_most, up.shape[1]), dtype=np.uint64) for _ in range(2))
    used = 0
    for row, positive, negative in zip(signs[order], up, down, strict=True):
        against = ((merged_up[:used] & negative) | (merged_down[:used] & positive)).any(axis=1)
        room = int(against.argmin()) if used and not against.all() else used
        if room < at_most:
            np.copyto(merged[room], row, where=row != 0)
            merged_up[room] |= positive
            merged_down[room] |= negative
            used = max(used, room + 1)
    return merged[:used]


def _packed(bits: NDArray[np.bool_]) -> NDArray[np.uint64]:
    """(rows, columns) to (rows, columns / 64)."""
    whole = np.pad(bits, ((0, 0), (0, -bits.shape[1] % 64)))
    packed: NDArray[np.uint64] = np.packbits(whole, axis=1).view(np.uint64)
    return packed


class _Best:
    """How far each word went down and up, and in which sample.

    Attributes:
        rows: (samples, codes) of those that matter.
        reach: (2 * words,) int64: negated how low, then how high.
        holders: (2, 2 * words) indices of two samples of each; the same twice where only one is known.
    """

    def __init__(self, space: Space, words: Words) -> None:
        self.space, self.words = space, words
        self.rows = np.empty((0, space.size), dtype=np.int64)
        count = len(words.low)
        self.goal = np.concatenate([~words.low, words.high])  # ~x orders as -x does, and never overflows
        self.reach = np.full(2 * count, np.iinfo(np.int64).min)
        self.holders = np.full((2, 2 * count), -1, dtype=np.int64)

    @property
    def open(self) -> IntArray:
        """Ends that the interval puts further out than any sample went."""
        return np.flatnonzero(self.reach < self.goal).astype(np.int64)

    def add(self, rows: IntArray) -> tuple[Seen, bool]:
        """Run samples, at most ``at_once``; what they make of the words, and whether any went further."""
        seen = self.words.seen(self.space, rows)
        furthest = np.concatenate([~seen.low.min(axis=1), seen.high.max(axis=1)])
        further = furthest > self.reach
        again = (furthest == self.reach) & (self.holders[0] == self.holders[1])
        changed = further | again
        if changed.any():
            self.reach[further] = furthest[further]
            down, up = np.split(changed, 2)
            at_end = np.concatenate(
                [
                    seen.low[down] == ~self.reach[: len(down)][down, None],
                    seen.high[up] == self.reach[len(down) :][up, None],
                ]
            )
            first, last = at_end.argmax(axis=1), len(rows) - 1 - at_end[:, ::-1].argmax(axis=1)
            self.holders[0, further] = len(self.rows) + first[further[changed]]
            self.holders[1, changed] = len(self.rows) + last
            used, holders = np.unique(self.holders, return_inverse=True)
            self.rows = np.concatenate([self.rows, rows])[used]
            self.holders = holders.reshape(self.holders.shape).astype(np.int64)
        return seen, bool(further.any())

    def chosen(self, known: IntArray, at_most: int) -> IntArray:
        """Few samples that bring as many ends as possible, each twice; greedy."""
        step = self.words.at_once
        pool = np.concatenate([self.rows, known])
        holds = np.concatenate([self._at_end(pool[k : k + step]) for k in range(0, len(pool), step)], axis=1)
        count = len(self.rows)
        wanted = np.maximum(0, np.minimum(_TIMES, holds[:, :count].sum(axis=1)) - holds[:, count:].sum(axis=1))
        holds = holds[:, :count]
        gain = (holds & (wanted > 0)[:, None]).sum(axis=0)
        found: list[int] = []
        while len(found) < at_most and (gain > 0).any():
            sample = int(gain.argmax())
            found.append(sample)
            met = holds[:, sample] & (wanted > 0)
            wanted[met] -= 1
            gain -= holds[met & (wanted == 0)].sum(axis=0)
            gain[sample] = -len(holds)
        return self.rows[found]

    def _at_end(self, rows: IntArray) -> np.ndarray:
        """(2 * words, samples): whether a word is as far as it got."""
        seen = self.words.seen(self.space, rows)
        down, up = np.split(self.reach[:, None], 2)
        return np.concatenate([seen.low == ~down, seen.high == up])
