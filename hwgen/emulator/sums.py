"""``Sums``: weighted rows added up, before it is known in which lanes; and the operations that they become."""

from dataclasses import dataclass

import numpy as np

from hwgen.emulator.finishing import Finishing
from hwgen.emulator.lanes import Lane
from hwgen.emulator.program import Kind, Operation
from hwgen.fixed import IntArray

_TERMS_THAT_PAY = 3  # in a part of 16 bits, to be added to a sum of 32


@dataclass(frozen=True, slots=True, eq=False)
class Sums:
    """Sums over rows of one lane, at one place or several.

    Attributes:
        given: lane of the rows.
        moves: (places, 2) int64, as in ``Operation``.
        bias: (sums,) int64.
        channel: (sums,) int64: which channel of the finishing each sum is.
        target: (sums,) int64: the row that it is written to at the first place.
        start: (sums + 1,) int64: where the terms of each begin.
        source: (terms,) int64 rows.
        weight: (terms,) int64.
        low, high: (terms,) int64: interval of each weighted term; None where sums are not to be added in parts.
    """

    kind: Kind
    given: Lane
    moves: IntArray
    bias: IntArray
    channel: IntArray
    target: IntArray
    start: IntArray
    source: IntArray
    weight: IntArray
    low: IntArray | None = None
    high: IntArray | None = None


def operations(sums: Sums, finishing: Finishing, result: Lane, first_step: int) -> list[Operation]:
    """Operations for the sums, those of the same lanes together.

    Args:
        result: lane of the rows that are written.
        first_step: number of the first step function of the finishing, in the program.
    """
    if not len(sums.bias):
        return []
    lanes = [_lane_of(sums, finishing, low, high) for low, high in _hulls(sums, finishing)]
    ends = [_part_ends(sums, position, lane) for position, lane in enumerate(lanes)]
    choices = [(Lane.INT16 if end else lane, lane) for end, lane in zip(ends, lanes, strict=True)]
    found = []
    for choice in sorted(set(choices), key=lambda pair: (pair[0].value, pair[1].value)):
        members = [position for position, chosen in enumerate(choices) if chosen == choice]
        # As many terms as the one before: the end of the loop is foreseen.
        members.sort(key=lambda position: int(sums.start[position + 1] - sums.start[position]))
        found.append(_operation(sums, finishing, result, first_step, choice, members, ends))
    return found


def _hulls(sums: Sums, finishing: Finishing) -> list[tuple[int, int]]:
    low, high = finishing.hull.low[sums.channel], finishing.hull.high[sums.channel]
    return list(zip(low.tolist(), high.tolist(), strict=True))


def _lane_of(sums: Sums, finishing: Finishing, low: int, high: int) -> Lane:
    lane = finishing.lane(low, high)
    # A code is never read into a lane that does not hold it.
    lane = max(lane, sums.given, key=lambda each: each.value)
    assert sums.kind is Kind.SUM or lane is sums.given  # only sums widen what they read
    return lane


def _part_ends(sums: Sums, position: int, lane: Lane) -> list[int]:
    """Behind which terms the parts of a sum of 32 bits end whose parts fit 16; nothing where they would be short."""
    begin, end = int(sums.start[position]), int(sums.start[position + 1])
    if sums.low is None or sums.high is None or begin == end:
        return []
    if lane is not Lane.INT32 or sums.given.value > Lane.INT16.value:
        return []
    ends, low, high = [], 0, 0
    terms = zip(sums.low[begin:end].tolist(), sums.high[begin:end].tolist(), strict=True)
    for term, (lowest, highest) in enumerate(terms, start=begin):
        if not Lane.INT16.holds(lowest, highest):
            return []
        if not Lane.INT16.holds(low + lowest, high + highest):
            ends.append(term)
            low = high = 0
        low, high = low + lowest, high + highest
    ends.append(end)
    return ends if end - begin >= _TERMS_THAT_PAY * len(ends) else []


def _operation(
    sums: Sums,
    finishing: Finishing,
    result: Lane,
    first_step: int,
    choice: tuple[Lane, Lane],
    members: list[int],
    ends: list[list[int]],
) -> Operation:
    part, total = choice
    terms: list[IntArray] = []
    parts, part_ends, count = [], [], 0
    for position in members:
        begin, end = int(sums.start[position]), int(sums.start[position + 1])
        terms.append(np.arange(begin, end))
        cuts = ends[position] or [end]
        parts.append(len(cuts))
        part_ends += [cut - begin + count for cut in cuts]
        count += end - begin
    taken = np.concatenate(terms)
    return Operation(
        sums.kind,
        sums.given,
        part,
        total,
        result,
        finishing.finish(total),
        sums.moves,
        sums.bias[members],
        sums.target[members],
        first_step + sums.channel[members],
        np.array(parts, dtype=np.int64),
        np.array(part_ends, dtype=np.int64),
        sums.source[taken],
        sums.weight[taken],
    )
