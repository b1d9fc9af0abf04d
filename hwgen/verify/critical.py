"""Where a quantizing layer can go wrong: thresholds, saturation edges and rounding ties, channel by channel.

A wrong width, rounding mode or threshold shows only for some input codes of a ``Requantize`` or ``StepFunction``. For
each channel these are watched, as numbered events:

- *edges*: a code equal to a threshold, and one just below it. A ``Requantize`` has two thresholds, where it begins to
  leave its output type's range downwards and upwards: its saturation edges;
- *ties*: a code half-way between two output codes; positive or negative, the lower of the two even or odd, because
  that is how the seven rounding modes differ;
- *ends*: a code below all thresholds, and one not below any: saturated low and high.

Others are watched and not reported, for a comparison that is a little off shows only there (``turning_points``): where
the output of a ``Relu`` or ``Requantize`` leaves zero, and which code of a pooling window is its only maximum.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwgen.fixed import FixedType, IntArray, Overflow, Quantizer, requantize
from hwgen.ir import Interval, MaxPool, Network, Relu, Requantize, StepFunction, Value, value_ranges

NEVER = 1 << 62  # a threshold that no code reaches: codes stay below 2**62

_LEAST = -(1 << 63)
_MOST_WINDOWS = 256
_TIES = 4
_ENDS = 2


@dataclass(frozen=True, slots=True, eq=False)
class Critical:
    """The events of one layer.

    Attributes:
        source: the value whose codes are watched.
        thresholds: (channels or 1, steps) int64, ascending.
        shift: bits that are rounded away; 0 where nothing ties.
        possible: (channels, events) whether the value's interval allows the event. Events of a channel: steps times "at
            the threshold", steps times "just below it", four ties (positive even, positive odd, negative even, negative
            odd), two ends (low, high).
    """

    layer: str
    kind: str
    source: str
    thresholds: IntArray
    shift: int
    possible: NDArray[np.bool_]

    @property
    def channels(self) -> int:
        return len(self.possible)

    @property
    def steps(self) -> int:
        return int(self.thresholds.shape[1])

    @property
    def edges(self) -> slice:
        """Columns of ``possible``."""
        return slice(0, 2 * self.steps)

    @property
    def ties(self) -> slice:
        """Columns of ``possible``."""
        return slice(2 * self.steps, 2 * self.steps + _TIES)

    @property
    def ends(self) -> slice:
        """Columns of ``possible``."""
        return slice(2 * self.steps + _TIES, 2 * self.steps + _TIES + _ENDS)

    def channel_thresholds(self, channel: int) -> IntArray:
        """(steps,): those of one channel."""
        row: IntArray = self.thresholds[channel if len(self.thresholds) > 1 else 0]
        return row

    def edge_code(self, channel: int, column: int) -> int:
        """The code at which an edge happens, given its column."""
        threshold = int(self.channel_thresholds(channel)[column % self.steps])
        return threshold - (1 if column >= self.steps else 0)

    def occurrences(self, codes: IntArray) -> tuple[IntArray, IntArray]:
        """Find the events among codes of the source value.

        Args:
            codes: (samples, *shape) int64.
        Returns:
            Sample and event of each occurrence; an event's number is ``channel * events + column``.
        """
        flat = codes.reshape(len(codes), -1, self.channels)
        first = np.arange(self.channels, dtype=np.int64) * self.possible.shape[1]
        if len(self.thresholds) == 1:
            found = self._among(flat, self.thresholds[0], np.broadcast_to(first, flat.shape))
        else:
            found = []
            for channel in range(self.channels):
                column = flat[:, :, channel]
                offset = np.broadcast_to(first[channel], column.shape)
                found += self._among(column, self.thresholds[channel], offset)
        samples, events = (np.concatenate(parts) for parts in zip(*found, strict=True))
        return samples, events

    def _among(self, codes: IntArray, thresholds: IntArray, first: IntArray) -> list[tuple[IntArray, IntArray]]:
        """Samples and events of codes that share their thresholds; ``first`` is the first event of each code."""
        steps = self.steps
        passed = np.searchsorted(thresholds, codes, side="right").astype(np.int64)
        reached = int(np.searchsorted(thresholds, NEVER))  # thresholds that any code could reach
        found = [
            _where(passed == 0, first, self.ends.start),
            _where(passed == reached, first, self.ends.start + 1),
        ]
        if steps:
            at = (passed > 0) & (thresholds[np.maximum(passed, 1) - 1] == codes)
            below = (passed < steps) & (thresholds[np.minimum(passed, steps - 1)] == codes + 1)
            found += [_where(at, first, passed - 1), _where(below, first, steps + passed)]
        if self.shift:
            half = 1 << (self.shift - 1)
            tie = (codes & ((1 << self.shift) - 1)) == half
            found.append(_where(tie, first, self.ties.start + 2 * (codes < 0) + ((codes >> self.shift) & 1)))
        return found


def _where(mask: NDArray[np.bool_], first: IntArray, event: NDArray[Any] | int) -> tuple[IntArray, IntArray]:
    events = first[mask] + (event if isinstance(event, int) else event[mask])
    return np.nonzero(mask)[0].astype(np.int64), events.astype(np.int64)


def critical_points(network: Network) -> tuple[Critical, ...]:
    """The events of every quantizing layer, in network order."""
    ranges = value_ranges(network)
    values = network.values()
    found: list[Critical] = []
    for layer in network.layers:
        if not isinstance(layer, Requantize | StepFunction):
            continue
        source, given = values[layer.input], ranges[layer.input]
        if isinstance(layer, Requantize):
            thresholds = _range_edges(layer.quantizer, source, given)
            shift = max(0, source.type.fraction - layer.output.type.fraction)
            shift = shift if shift < 62 else 0  # half of 2**62 is beyond every code
        else:
            thresholds, shift = layer.thresholds, 0
        possible = np.stack(
            [
                _possible(thresholds[c if len(thresholds) > 1 else 0], shift, low, high)
                for c, (low, high) in enumerate(zip(given.low.tolist(), given.high.tolist(), strict=True))
            ]
        )
        if isinstance(layer, Requantize) and thresholds[0, 1] == NEVER:
            possible[:, -1] = False  # no upper saturation edge: being above the lower one is nothing special
        found.append(Critical(layer.name, type(layer).__name__, layer.input, thresholds, shift, possible))
    return tuple(found)


def turning_points(network: Network) -> "tuple[Critical | PoolOrder, ...]":
    """What is watched beside ``critical_points``: around zero, and within pooling windows."""
    ranges = value_ranges(network)
    values = network.values()
    found: list[Critical | PoolOrder] = []
    for layer in network.layers:
        if not isinstance(layer, MaxPool | Relu | Requantize):
            continue
        source, given = values[layer.input], ranges[layer.input]
        if isinstance(layer, MaxPool):
            found.append(PoolOrder.of(layer, source))
            continue
        if isinstance(layer, Relu):
            thresholds = np.array([[0, 1]], dtype=np.int64)
        else:
            shift = source.type.fraction - layer.output.type.fraction
            low, high = given.bounds
            at = [_first_reaching(code, shift, layer.quantizer, source.type, low, high) for code in (0, 1)]
            thresholds = np.array([at], dtype=np.int64)
        possible = np.stack(
            [_possible(thresholds[0], 0, *ends) for ends in zip(given.low.tolist(), given.high.tolist(), strict=True)]
        )
        found.append(Critical(layer.name, type(layer).__name__, layer.input, thresholds, 0, possible))
    return tuple(found)


@dataclass(frozen=True, slots=True, eq=False)
class PoolOrder:
    """Which code of each window of a ``MaxPool`` is larger than all others of it.

    Attributes:
        source: the value that is pooled.
        taps: (windows, codes) int64: where each window's codes stand in the value; -1 for padding.
        possible: (windows, codes): the events; padding has none, and neither has a window of one code.
    """

    layer: str
    source: str
    taps: IntArray
    possible: NDArray[np.bool_]

    @classmethod
    def of(cls, layer: MaxPool, source: Value) -> "PoolOrder":
        """Those of a layer: of at most so many windows, spread evenly, as can be watched quickly."""
        places = np.arange(source.size, dtype=np.int64).reshape(source.shape)
        padded = np.pad(places, (*layer.padding, (0, 0)), constant_values=-1)
        axes = tuple(range(len(layer.window)))
        windows = np.lib.stride_tricks.sliding_window_view(padded, layer.window, axes)
        windows = windows[tuple(slice(None, None, stride) for stride in layer.strides)]
        taps = windows.reshape(-1, int(np.prod(layer.window)))
        taps = taps[:: -(-len(taps) // _MOST_WINDOWS)]
        real = taps >= 0
        return cls(layer.name, layer.input, taps, real & (real.sum(axis=1, keepdims=True) > 1))

    def occurrences(self, codes: IntArray) -> tuple[IntArray, IntArray]:
        """As in ``Critical``; an event's number is ``window * codes + place``."""
        taken = np.where(self.taps >= 0, codes.reshape(len(codes), -1)[:, self.taps], _LEAST)
        largest = taken == taken.max(axis=2, keepdims=True)
        alone = largest & (largest.sum(axis=2, keepdims=True) == 1)
        samples, events = np.nonzero(alone.reshape(len(codes), -1))
        return samples.astype(np.int64), events.astype(np.int64)


def _range_edges(quantizer: Quantizer, source: Value, given: Interval) -> IntArray:
    """(1, 2): the first code that does not leave the output's range downwards, the first that leaves it upwards."""
    shift = source.type.fraction - quantizer.type.fraction
    low, high = given.bounds
    targets = (quantizer.low, quantizer.high + 1)
    edges = [_first_reaching(target, shift, quantizer, source.type, low, high) for target in targets]
    return np.array([edges], dtype=np.int64)


def _first_reaching(target: int, shift: int, quantizer: Quantizer, source: FixedType, low: int, high: int) -> int:
    """The smallest code that rounds to at least ``target``: NEVER, or below ``low``, where that is outside."""
    if shift <= 0:
        first = -((-target) >> -shift)
        return first if first <= high else NEVER
    exact = Quantizer(FixedType(True, 64, quantizer.type.fraction), quantizer.rounding, Overflow.WRAP)

    def reaches(code: int) -> bool:
        return int(requantize(np.array(code, dtype=np.int64), source, exact)) >= target

    if reaches(low):
        return low - 1
    if not reaches(high):
        return NEVER
    below, above = low, high
    while above - below > 1:
        middle = (above + below) // 2
        below, above = (below, middle) if reaches(middle) else (middle, above)
    return above


def _possible(thresholds: IntArray, shift: int, low: int, high: int) -> NDArray[np.bool_]:
    """Which events of a channel its interval allows. Of equal thresholds, only the outermost ones can be told apart."""
    real = thresholds < NEVER
    last_of_equals = np.append(np.diff(thresholds) > 0, True)[: len(thresholds)]
    first_of_equals = np.append(True, np.diff(thresholds) > 0)[: len(thresholds)]
    at = real & last_of_equals & (thresholds >= low) & (thresholds <= high)
    below = real & first_of_equals & (thresholds > low) & (thresholds - 1 <= high)
    ties = [_has_tie(shift, low, high, negative, odd) for negative in (False, True) for odd in (False, True)]
    low_end = bool(real.any()) and low < int(thresholds[0])
    high_end = bool(real.any()) and high >= int(thresholds[real][-1])
    return np.concatenate([at, below, ties, [low_end, high_end]]).astype(bool)


def first_tie(shift: int, low: int, high: int, negative: bool, odd: bool) -> tuple[int, int] | None:
    """The smallest tie of a kind in a range, and how many there are; None where there is none."""
    low, high = (low, min(high, -1)) if negative else (max(low, 0), high)
    period = 1 << (shift + 1)
    wanted = (1 << (shift - 1)) + (int(odd) << shift)
    first = low + (wanted - low) % period
    return (first, (high - first) // period + 1) if first <= high else None


def _has_tie(shift: int, low: int, high: int, negative: bool, odd: bool) -> bool:
    return bool(shift) and first_tie(shift, low, high, negative, odd) is not None
