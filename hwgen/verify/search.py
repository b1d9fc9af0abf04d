"""Looks for inputs that reach critical codes anywhere in a network: keeps what is new, and varies what it kept."""

from collections.abc import Sequence

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from hwgen.fixed import IntArray
from hwgen.ir import Conv, Dense, Network
from hwgen.reference import trace
from hwgen.verify.critical import NEVER, Critical, PoolOrder
from hwgen.verify.space import Space
from hwgen.verify.targets import targeted_samples

_ROUNDS = 12
_DRAWN = 4  # times as many as are wanted
_TARGETED_ROUNDS = frozenset({1, 2, 4, 8})
_OPERATIONS_A_ROUND = 1 << 27  # multiply-adds; about a tenth of a second
_CODES_A_ROUND = 1 << 22  # of every value of every sample; 32 MB
_MOST_A_ROUND = 1024
_MARKS = 1 << 27  # events of samples, a byte each; more are left for another round


class Coverage:
    """Which events were seen so far."""

    def __init__(self, points: Sequence[Critical | PoolOrder]) -> None:
        self.points = tuple(points)
        self.seen: tuple[NDArray[np.bool_], ...] = tuple(np.zeros_like(point.possible) for point in points)

    def missing(self, position: int) -> IntArray:
        """Numbers of a layer's possible events that were not seen."""
        return np.flatnonzero(self.points[position].possible & ~self.seen[position]).astype(np.int64)

    @property
    def complete(self) -> bool:
        return all(not self.missing(position).size for position in range(len(self.points)))

    def add(self, values: dict[str, IntArray]) -> None:
        """Mark every event of these codes as seen."""
        for point, seen in zip(self.points, self.seen, strict=True):
            _, events = point.occurrences(values[point.source])
            seen.ravel()[events] = True

    def choose(self, values: dict[str, IntArray], at_most: int) -> IntArray:
        """Mark new events as seen, and return the samples that have them, those with the most first."""
        sample_parts, event_parts = [], []
        offset = 0
        for point, seen in zip(self.points, self.seen, strict=True):
            samples, events = point.occurrences(values[point.source])
            new = ~seen.ravel()[events] & point.possible.ravel()[events]
            sample_parts.append(samples[new])
            event_parts.append(events[new] + offset)
            offset += seen.size
        if not sample_parts:
            return np.empty(0, dtype=np.int64)
        samples, events = np.concatenate(sample_parts), np.concatenate(event_parts)
        chosen = _covering(samples, events, offset, at_most)
        if len(chosen):
            self.add({name: codes[chosen] for name, codes in values.items()})
        return chosen


def _covering(samples: IntArray, events: IntArray, count: int, at_most: int) -> IntArray:
    """Samples that have, together, all events, or as many as so few can: greedy, those with the most first.

    Args:
        samples, events: of each occurrence; events are below ``count``.
    """
    if not len(samples):
        return samples
    occurs = np.zeros(count, dtype=np.bool_)
    occurs[events] = True
    row = np.cumsum(occurs) - 1
    rows, columns = int(row[-1]) + 1, int(samples.max()) + 1
    has = np.zeros((min(rows, max(1, _MARKS // columns)), columns), dtype=np.bool_)
    kept = row[events] < len(has)
    has[row[events[kept]], samples[kept]] = True
    gain = has.sum(axis=0)
    chosen: list[int] = []
    while len(chosen) < at_most and gain[best := int(gain.argmax())]:
        chosen.append(best)
        reached = np.flatnonzero(has[:, best])
        gain -= has[reached].sum(axis=0)
        has[reached] = False
    return np.array(chosen, dtype=np.int64)


def samples_at_once(network: Network) -> int:
    """Samples of which every value fits the memory and time of a round."""
    values = network.values()
    codes = sum(value.size for value in values.values())
    operations = codes
    for layer in network.layers:
        if isinstance(layer, Dense | Conv):
            operations += layer.weight.size * (layer.output.size // layer.output.shape[-1])
    return int(np.clip(min(_OPERATIONS_A_ROUND // operations, _CODES_A_ROUND // codes), 1, _MOST_A_ROUND))


def unsaturated(space: Space, points: Sequence[Critical], at_most: int, generator: Generator) -> IntArray:
    """(samples, codes): of many with codes of every magnitude those in which the fewest codes are out of range.

    Out of range is what a quantizer saturates, and what lies beyond a step function's thresholds: it hides what is
    wrong before it, and uniform codes are out of range most of the time where sums have much room.
    """
    drawn = min(_DRAWN * at_most, _DRAWN * samples_at_once(space.network))
    rows = space.magnitudes(drawn, generator)
    if not drawn:
        return rows
    values = trace(space.network, space.split(rows))
    outside = np.zeros(drawn, dtype=np.int64)
    last_layers = {layer.name for layer in space.network.layers if layer.output.name in space.network.outputs}
    for point in points:
        if point.steps and point.layer not in last_layers:  # nothing is hidden by what comes out
            codes = values[point.source].reshape(drawn, -1, point.channels)
            last = np.where(point.thresholds < NEVER, point.thresholds, point.thresholds[:, :1]).max(axis=1)
            last = np.where(last > point.thresholds[:, 0], last, NEVER)
            outside += ((codes < point.thresholds[:, 0]) | (codes >= last)).sum(axis=(1, 2))
    return rows[np.argsort(outside, kind="stable")[:at_most]]


def search(space: Space, coverage: Coverage, at_most: int, generator: Generator, rounds: int = _ROUNDS) -> IntArray:
    """Find samples that reach events not yet seen.

    Args:
        coverage: what other samples reach already; what is found is added to it.
        at_most: samples.
        rounds: of looking, each of as many samples as are quickly run.
    Returns:
        (samples, codes) int64, in the order in which they were found.
    """
    kept = np.empty((0, space.size), dtype=np.int64)
    if not coverage.points or at_most <= 0:
        return kept
    at_once = samples_at_once(space.network)
    for turn in range(rounds):
        if coverage.complete or len(kept) >= at_most:
            break
        if turn in _TARGETED_ROUNDS:
            rows = _targeted(space, coverage, min(at_once, at_most - len(kept)), generator)
        else:
            bred = at_once // 2 if len(kept) else 0
            rows = space.varied(at_once - bred, generator)
            if bred:
                rows = np.concatenate([rows, space.mutated(kept, bred, generator)])
        if len(rows):
            values = dict(trace(space.network, space.split(rows)))
            # The first round must not use up what the targeted ones need.
            room = at_most - len(kept) if turn else at_most // 3
            kept = np.concatenate([kept, rows[coverage.choose(values, room)]])
    return kept


def _targeted(space: Space, coverage: Coverage, at_most: int, generator: Generator) -> IntArray:
    """Samples constructed for events right behind first layers, a few of every layer in turn."""
    found: list[IntArray] = []
    share = max(1, at_most // len(coverage.points))
    for position, point in enumerate(coverage.points):
        if isinstance(point, PoolOrder):
            continue
        missing = coverage.missing(position)
        wanted = generator.permutation(missing)[:share].tolist()
        found.extend(targeted_samples(space.network, point, wanted, space.low, space.high, generator))
    return np.stack(found) if found else np.empty((0, space.size), dtype=np.int64)
