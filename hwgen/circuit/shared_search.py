"""The search for sums that several sums gain by sharing, on a matrix of sums by sources.

It starts from what two sums have in common, and betters in turn which sums use a candidate how many times, and which
candidate suits them. All figures are whole numbers or halves, so that the result is the same on every machine.
"""

from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from hwgen.fixed import IntArray

Count = NDArray[np.int8]
Price = NDArray[np.float64]
Flags = NDArray[np.bool_]
Numbers = TypeVar("Numbers", bound=NDArray[Any])

CONSTANT = 2.0  # LUTs that an output's constant takes, about
MOST_BITS = 52  # of a coefficient times a multiplier, far from where int64 ends
WIDEST_NODE = 48
MOST_TIMES = 4  # signed powers of two by which a sum uses a node
MOST_STEPS = 8  # of bettering a candidate
MOST_FRUITLESS = 4  # rounds of candidates without gain
LEAST_GAIN = 0.25


def _ones(numbers: IntArray) -> IntArray:
    """Ones of numbers that are not negative."""
    pairs = numbers - ((numbers >> 1) & 0x5555555555555555)
    fours = (pairs & 0x3333333333333333) + ((pairs >> 2) & 0x3333333333333333)
    bytes_ = (fours + (fours >> 4)) & 0x0F0F0F0F0F0F0F0F
    halves = bytes_ + (bytes_ >> 8)
    halves = halves + (halves >> 16)
    found: IntArray = (halves + (halves >> 32)) & 0x7F
    return found


def _digits(numbers: IntArray) -> Count:
    size = np.abs(numbers)
    return _ones(size ^ (3 * size)).astype(np.int8)


_TABLED = 1 << 15
_NEAR = np.arange(_TABLED, dtype=np.int64)
_TABLE = _digits(np.concatenate([_NEAR, _NEAR - _TABLED]))  # a negative number is an index from the end


def digits_of(numbers: IntArray, bound: int) -> Count:
    """Non-zero digits of the shortest signed binary forms of numbers whose size is at most ``bound``."""
    return _TABLE[numbers] if bound < _TABLED else _digits(numbers)


def _largest(numbers: IntArray) -> int:
    return int(np.abs(numbers).max(initial=0))


def _signed_masks(numbers: IntArray) -> tuple[IntArray, IntArray]:
    """The positive and the negative digits of canonical forms."""
    size = np.abs(numbers)
    more, less = (3 * size & ~size) >> 1, (size & ~(3 * size)) >> 1
    negative = numbers < 0
    return np.where(negative, less, more), np.where(negative, more, less)


@dataclass(slots=True)
class _Found:
    """A candidate, what it saves, how many times each sum uses it; and the sums that this depends on."""

    gain: float
    candidate: IntArray
    times: IntArray
    rows: tuple[int, ...]


class SharedSearch:
    """Sums by sources: outputs and then nodes, by inputs and then nodes. All arrays have room for more nodes."""

    def __init__(self, columns: IntArray, spans: IntArray, slope: float) -> None:
        """
        Args:
            columns: (outputs, inputs) int64.
            spans: highest less lowest code of each input.
            slope: LUTs for each bit that goes: a half where a row takes three operands.
        """
        self.outputs, self.inputs = len(columns), len(spans)
        self.slope = slope
        self.spans = spans
        self.nodes = 0
        size = _largest(columns).bit_length()
        self.shifts = max(2, min(size + 1, MOST_BITS - size))
        self.steps = np.array([sign << shift for shift in range(self.shifts) for sign in (1, -1)], dtype=np.int64)
        self.matrix = columns.astype(np.int64)
        self.forms = np.eye(self.inputs, dtype=np.int64)
        self.bits = np.array([int(span).bit_length() for span in spans], dtype=np.int64)
        self.widths = np.array([int(reach).bit_length() for reach in np.abs(columns) @ spans], dtype=np.int64)
        self.depends = np.zeros((0, 0), dtype=np.bool_)
        # Canonical digits by source, sum and bit position, with as many positions before and behind.
        self.positions = size + 1
        self.marks = np.zeros((self.inputs, self.outputs, 3 * self.positions - 2), dtype=np.int8)
        self.score = np.zeros((self.outputs, self.outputs), dtype=np.int64)
        self.kinds = np.zeros((self.outputs, self.outputs), dtype=np.int64)
        self.totals = np.zeros(self.outputs, dtype=np.int64)
        self.counts = np.zeros(self.outputs, dtype=np.int64)
        self.reaches = spans.astype(np.float64)
        self._make_room(16)

    @property
    def sums(self) -> int:
        """How many there are now."""
        return self.outputs + self.nodes

    @property
    def sources(self) -> int:
        """How many there are now."""
        return self.inputs + self.nodes

    def _make_room(self, more: int) -> None:
        def padded(array: Numbers, *axes: int) -> Numbers:
            room = np.zeros([n + more * (axis in axes) for axis, n in enumerate(array.shape)], array.dtype)
            room[tuple(map(slice, array.shape))] = array
            return room  # type: ignore[return-value]  # zeros() forgets which dtype

        self.matrix = padded(self.matrix, 0, 1)
        self.forms = padded(self.forms, 0)
        self.bits = padded(self.bits, 0)
        self.widths = padded(self.widths, 0)
        self.depends = padded(self.depends, 0, 1)
        self.marks = padded(self.marks, 0, 1)
        self.score = padded(self.score, 0, 1)
        self.kinds = padded(self.kinds, 0, 1)
        self.totals = padded(self.totals, 0)
        self.counts = padded(self.counts, 0)
        self.reaches = padded(self.reaches, 0)

    # ---- what a sum costs

    def _price(self, totals: IntArray, counts: IntArray, widths: IntArray, output: Flags) -> Price:
        """About what it takes to add so many bits, of so many terms, to a sum of a width."""
        over = totals - widths
        many = np.where(counts == 2, over + 1.0, over * self.slope + 2.0)
        found: Price = np.where(counts <= 1, 0.0, np.maximum(1.0, many) + CONSTANT * output)
        return found

    def _tally(self, rows: IntArray) -> tuple[IntArray, IntArray]:
        """Bits and digits of sums."""
        found = digits_of(rows, _largest(rows)).astype(np.int64)
        return found @ self.bits[: rows.shape[-1]], found.sum(axis=-1)

    def _is_output(self, rows: IntArray) -> Flags:
        found: Flags = rows < self.outputs
        return found

    # ---- which sums use a candidate, and how many times

    def _multipliers(
        self, candidate: IntArray, support: IntArray, own_bits: int, below: Flags
    ) -> tuple[float, IntArray]:
        """What the users of a candidate save together, and how many times each sum best uses it.

        Args:
            below: nodes that the candidate depends on, which cannot use it.
        """
        times = np.zeros(self.sums, dtype=np.int64)
        part = self.matrix[: self.sums, support]
        usable = np.count_nonzero(part, axis=1) >= min(2, len(support))
        usable[self.outputs :] &= ~below
        rows = np.flatnonzero(usable)
        left = part[rows]
        taken = candidate[support] * self.steps[:, None]
        own = np.stack([self.bits[support], np.ones(len(support), dtype=np.int64)], axis=1).astype(np.float32)
        totals, counts, widths = self.totals[rows], self.counts[rows], self.widths[rows]
        output = self._is_output(rows)
        now = first = self._price(totals, counts, widths, output)
        used = np.zeros(len(rows), dtype=np.int64)
        saving = 0.0
        for _ in range(MOST_TIMES):
            if not len(rows):
                break
            bound = _largest(left) + _largest(taken)
            change = digits_of(left[:, None, :] - taken, bound) - digits_of(left, bound)[:, None, :]
            more = (change.astype(np.float32) @ own).astype(np.int64)
            reached = used[:, None] + self.steps
            uses = _digits(reached).astype(np.int64) - _digits(used)[:, None]
            after_totals = totals[:, None] + more[:, :, 0] + uses * own_bits
            after_counts = counts[:, None] + more[:, :, 1] + uses
            gain = now[:, None] - self._price(after_totals, after_counts, widths[:, None], output[:, None])
            gain[reached == 0] = 0.0
            best = gain.argmax(axis=1)
            every = np.arange(len(rows))
            kept = np.flatnonzero(gain[every, best] >= LEAST_GAIN)
            step = best[kept]
            now = now[kept] - gain[kept, step]
            totals, counts, used = after_totals[kept, step], after_counts[kept, step], reached[kept, step]
            rows, left = rows[kept], left[kept] - taken[step]
            first, widths, output = first[kept], widths[kept], output[kept]
            saving += float(gain[kept, step].sum())
            times[rows] = used
        return saving, times

    def _fitted(self, candidate: IntArray, users: IntArray, times: IntArray) -> IntArray:
        """The candidate that leaves its users the fewest digits, each of which uses it a given number of times.

        Each source is for itself: its coefficient changes digit by digit as long as that leaves fewer.
        """
        part = self.matrix[users][:, : self.sources]
        open_ = (np.count_nonzero(part, axis=0) >= 2) | (candidate != 0)
        for row in users[users >= self.outputs].tolist():
            node = row - self.outputs
            open_[self.inputs + node] = False
            open_[self.inputs :] &= ~self.depends[: self.nodes, node]
        places = np.flatnonzero(open_)
        part, value = part[:, places], candidate[places]
        factor = times[:, None]
        bound = _largest(part) + _largest(times) * (_largest(value) + MOST_TIMES * int(self.steps[-2]))

        def left(values: IntArray, at: IntArray) -> IntArray:
            """Digits of coefficients in some places, the last axis, and of what they leave there."""
            rest = part[:, None, at] - factor[:, :, None] * values
            found: IntArray = digits_of(rest, bound).sum(axis=0, dtype=np.int64) + digits_of(values, bound)
            return found

        moving = np.arange(len(places))
        now = left(value[None, :], moving)[0]
        without = digits_of(part, bound).sum(axis=0, dtype=np.int64)
        value = np.where(without <= now, 0, value)
        now = np.minimum(without, now)
        for _ in range(MOST_TIMES):
            if not len(moving):
                break
            others = value[moving] + self.steps[:, None]
            count = left(others, moving)
            best = count.argmin(axis=0)
            at = np.arange(len(moving))
            better = count[best, at] < now[moving]
            value[moving[better]] = others[best[better], at[better]]
            now[moving[better]] = count[best[better], at[better]]
            moving = moving[better]
        made = np.zeros(self.sources, dtype=np.int64)
        made[places] = value
        return made

    def _refined(self, candidate: IntArray, steps: int) -> _Found:
        """Better a candidate and its users in turn, as long as that gains."""
        best = _Found(0.0, candidate, np.zeros(self.sums, dtype=np.int64), ())
        for _ in range(steps):
            support = np.flatnonzero(candidate)
            if not len(support):
                break
            candidate = _normal(candidate, support)
            reach = self._reach(candidate, support)
            counts = digits_of(candidate[support], _largest(candidate)).astype(np.int64)
            digits = int(counts.sum())
            if digits < 2 or reach.bit_length() > WIDEST_NODE:
                break
            own_bits = reach.bit_length()
            below = self._below(support)
            saving, times = self._multipliers(candidate, support, own_bits, below)
            total = int(counts @ self.bits[support])
            price = max(1.0, total - own_bits + 1.0 if digits == 2 else (total - own_bits) * self.slope + 2.0)
            if saving - price < best.gain + LEAST_GAIN:
                break
            users = np.flatnonzero(times)
            best = _Found(saving - price, candidate, times, tuple(users.tolist()))
            if len(users) < 2:
                break
            made = self._fitted(candidate, users, times[users])
            if (made == candidate).all():
                break
            candidate = made
        return best

    def _below(self, support: IntArray) -> Flags:
        """The nodes that a candidate reads, and those that they depend on."""
        read = support[support >= self.inputs] - self.inputs
        below: Flags = np.logical_or.reduce(self.depends[read][:, : self.nodes], axis=0)
        below[read] = True
        return below

    def _reach(self, candidate: IntArray, support: IntArray) -> int:
        """Highest less lowest value of a candidate; more than any node may reach where int64 might not hold it."""
        most = float(np.abs(candidate[support]).astype(np.float64) @ self.reaches[support])
        if most >= 1 << 60:
            return 1 << 60
        return int(np.abs(candidate[support] @ self.forms[support]) @ self.spans)

    # ---- pairs of sums, by the bits that they have in common

    def _mark(self, rows: IntArray) -> None:
        """Digits, bits and counts of sums that changed, and what they have in common with all others."""
        values = self.matrix[rows][:, : self.sources]
        self.totals[rows], self.counts[rows] = self._tally(values)
        plus, minus = _signed_masks(values)
        before = self.positions - 1
        for position in range(self.positions):
            digit = (plus >> position & 1) - (minus >> position & 1)
            self.marks[: self.sources, rows, before + position] = digit.T
        for row in rows.tolist():
            score, kind = self._likeness(row)
            self.score[row, :row], self.kinds[row, :row] = score[:row], kind[:row]
            later = slice(row + 1, self.sums)
            self.score[later, row] = score[later]
            # Seen from the other of the two, the shift is the other way.
            self.kinds[later, row] = (kind[later] & 1) - (kind[later] & ~1)

    def _likeness(self, row: int) -> tuple[IntArray, IntArray]:
        """The bits that a sum has in common with each, at the best shift and sign of the other; and twice that shift,
        and one more for the sign."""
        before = self.positions - 1
        place, position = np.nonzero(self.marks[: self.sources, row, before : before + self.positions])
        windows = sliding_window_view(self.marks[:, : self.sums], 2 * self.positions - 1, axis=2)
        others = windows[place, :, position]
        weights = self.bits[place].astype(np.int32)
        signed = weights * self.marks[place, row, before + position]
        difference = np.einsum("d,dsk->sk", signed, others, dtype=np.int32, casting="unsafe")
        union = np.einsum("d,dsk->sk", weights, np.abs(others), dtype=np.int32, casting="unsafe")
        # The last axis of both has the largest shift first.
        twice = np.stack([union + difference, union - difference], axis=2).reshape(self.sums, -1)
        best = twice.argmax(axis=1)
        kind: IntArray = 2 * (before - (best >> 1)) + (best & 1)
        return twice[np.arange(self.sums), best].astype(np.int64) >> 1, kind

    def _best_pairs(self, wanted: int) -> list[tuple[int, int]]:
        """The pairs of sums that have most in common; of equal ones, the first."""
        score = self.score[: self.sums, : self.sums].ravel()
        places = np.flatnonzero(score)
        if len(places) > 4 * wanted:
            # No more than are wanted can be above the lowest of the best of so many parts.
            key = score[places]
            least = np.partition(key, len(key) - wanted)[len(key) - wanted]
            places = places[key >= least]
        order = places[np.argsort(-score[places], kind="stable")][:wanted]
        return [divmod(int(place), self.sums) for place in order]

    def _in_common(self, one: int, two: int) -> IntArray:
        """The digits that two sums have in common, at the shift and sign of the second at which they are most."""
        shift, sign = int(self.kinds[one, two]) >> 1, int(self.kinds[one, two]) & 1
        plus, minus = _signed_masks(self.matrix[[one, two]][:, : self.sources])
        p, q = (masks[1] << shift if shift >= 0 else masks[1] >> -shift for masks in (plus, minus))
        if sign:
            p, q = q, p
        found: IntArray = (plus[0] & p) - (minus[0] & q)
        return found

    # ---- the search

    def run(self, tries: int) -> None:
        """Take out of sums what several of them have in common, as long as that saves LUTs.

        Args:
            tries: pairs that are looked at for each node.
        """
        self._mark(np.arange(self.sums))
        known: dict[tuple[int, int], _Found] = {}
        fruitless = 0
        while fruitless < MOST_FRUITLESS:
            pairs = self._best_pairs(tries)
            if not pairs:
                break
            for pair in pairs:
                if pair not in known:
                    known[pair] = self._refined(self._in_common(*pair), MOST_STEPS)
                if known[pair].gain <= 0:
                    self.score[pair] = 0
            best = self._best_now([known[pair] for pair in pairs])
            if best is None:
                fruitless += 1
                continue
            fruitless = 0
            changed = self._add(best)
            known = {
                pair: found
                for pair, found in known.items()
                if not changed.intersection(pair) and not changed.intersection(found.rows)
            }
        self._undo_nodes()

    def _best_now(self, found: list[_Found]) -> _Found | None:
        """The candidate that saves most, seen again beside the nodes that were made since it was found."""
        order = sorted(range(len(found)), key=lambda at: (-found[at].gain, at))
        best: _Found | None = None
        for at in order:
            if found[at].gain <= (best.gain if best else 0.0):
                break
            candidate = np.zeros(self.sources, dtype=np.int64)
            candidate[: len(found[at].candidate)] = found[at].candidate
            again = self._refined(candidate, 1)
            if again.gain > (best.gain if best else 0.0):
                best = again
        return best

    def _add(self, found: _Found) -> set[int]:
        """Make a node of a candidate; which sums changed."""
        if self.nodes == len(self.depends):
            self._make_room(max(16, self.nodes // 2))
        node, source, own = self.nodes, self.sources, self.sums
        self.nodes += 1
        self.matrix[own, :source] = found.candidate
        support = np.flatnonzero(found.candidate)
        self.forms[source] = found.candidate[support] @ self.forms[support]
        reach = int(np.abs(self.forms[source]) @ self.spans)
        self.reaches[source] = reach
        self.bits[source] = self.widths[own] = reach.bit_length()
        below = self._below(support)
        self.depends[node, : len(below)] = below
        self.depends[node, node] = False
        users = np.flatnonzero(found.times)
        self.matrix[users, :source] -= found.times[users, None] * found.candidate
        self.matrix[users, source] = found.times[users]
        for user in (users[users >= self.outputs] - self.outputs).tolist():
            above = self.depends[: self.nodes, user].copy()
            above[user] = True
            self.depends[: self.nodes][above, : self.nodes] |= self.depends[node, : self.nodes]
            self.depends[: self.nodes][above, node] = True
        changed = np.append(users, own)
        self._mark(changed)
        return set(changed.tolist())

    def _undo_nodes(self) -> None:
        """Undo nodes whose users are cheaper without them. They are left without users."""
        again = True
        while again:
            again = False
            for node in range(self.nodes):
                source, own = self.inputs + node, self.outputs + node
                users = np.flatnonzero(self.matrix[: self.sums, source])
                if not len(users):
                    continue
                before = self.matrix[users][:, : self.sources]
                after = before + before[:, source, None] * self.matrix[own, : self.sources]
                after[:, source] = 0
                widths, output = self.widths[users], self._is_output(users)
                gain = self._price(*self._tally(before), widths, output).sum()
                gain -= self._price(*self._tally(after), widths, output).sum()
                mine = np.array([own])
                gain += self._price(*self._tally(self.matrix[mine][:, : self.sources]), self.widths[mine], mine < 0)[0]
                if gain > 0:
                    again = True
                    self.matrix[users, : self.sources] = after


def _normal(candidate: IntArray, support: IntArray) -> IntArray:
    """Divided by the largest common power of two, the first coefficient positive."""
    together = int(np.bitwise_or.reduce(candidate[support]))
    shift = (together & -together).bit_length() - 1
    found: IntArray = candidate >> shift
    return found if found[support[0]] > 0 else -found
