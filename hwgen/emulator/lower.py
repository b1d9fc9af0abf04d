"""From a ``Network`` to a ``Program``: layers become sums of rows, and what only moves codes becomes lists of rows."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import assert_never

import numpy as np

from hwgen.emulator.finishing import Finishing
from hwgen.emulator.lanes import Lane
from hwgen.emulator.program import NO_ROW, Buffer, Kind, Operation, Port, Program, Rows, Steps
from hwgen.emulator.sums import Sums, operations
from hwgen.emulator.windows import Pattern, window_patterns
from hwgen.fixed import IntArray
from hwgen.ir import (
    ArgMax,
    Concatenate,
    Conv,
    Dense,
    Interval,
    Layer,
    MaxPool,
    Merge,
    MergeOperation,
    Network,
    Rearrange,
    Relu,
    Requantize,
    Reshape,
    StepFunction,
    Value,
    value_ranges,
)

LEAST_LANE = Lane.INT16  # of rows: processors have no products of 8 bits, and widening costs more than it saves
_AT_ONE_PLACE = np.zeros((1, 2), dtype=np.int64)
_FARTHEST_SHIFT = 62  # only zeros are shifted further


def lower(network: Network) -> Program:
    """The program of a network.

    Raises:
        TypeRangeError: a sum may reach 2**62, or a shift to the left may leave 64 bits.
    """
    lowering = _Lowering(network.values(), value_ranges(network), _readers(network))
    inputs = [lowering.input(source.value) for source in network.inputs]
    for layer in network.layers:
        lowering.layer(layer)
    outputs = [lowering.port(network.value(name)) for name in network.outputs]
    return Program(
        tuple(lowering.buffers), tuple(lowering.operations), tuple(lowering.steps), tuple(inputs), tuple(outputs)
    )


def _readers(network: Network) -> dict[str, Layer | None]:
    """The only reader of each value that nothing else needs; None for the others."""
    counts = Counter(name for layer in network.layers for name in layer.inputs)
    counts.update(network.outputs)
    readers: dict[str, Layer | None] = dict.fromkeys(counts)
    for layer in network.layers:
        for name in layer.inputs:
            if counts[name] == 1:
                readers[name] = layer
    return readers


@dataclass
class _Lowering:
    values: Mapping[str, Value]
    ranges: Mapping[str, Interval]
    readers: Mapping[str, Layer | None]
    buffers: list[Buffer] = field(default_factory=list)
    operations: list[Operation] = field(default_factory=list)
    steps: list[Steps] = field(default_factory=list)
    rows: dict[str, Rows] = field(default_factory=dict)
    finished: set[str] = field(default_factory=set)  # layers that went into the finishing of another

    def input(self, value: Value) -> Port:
        self.rows[value.name] = self._new(value, Lane.holding(*self.ranges[value.name].bounds, LEAST_LANE))
        return self.port(value)

    def port(self, value: Value) -> Port:
        return Port(self.rows[value.name], value.type.min_code, value.type.width)

    def layer(self, layer: Layer) -> None:
        """Put a layer behind what is there."""
        if layer.name in self.finished:
            return
        match layer:
            case Dense():
                self._dense(layer)
            case Conv():
                self._conv(layer)
            case MaxPool():
                self._max_pool(layer)
            case Reshape():
                given = self.rows[layer.input]
                self.rows[layer.output.name] = Rows(given.lane, given.index.reshape(layer.output.shape))
            case Rearrange():
                given = self.rows[layer.input]
                flat = np.append(given.index.ravel(), NO_ROW)  # -1 is the last one
                self.rows[layer.output.name] = Rows(given.lane, flat[layer.index])
            case Merge():
                self._merge(layer)
            case Concatenate():
                self._concatenate(layer)
            case ArgMax():
                self._argmax(layer)
            case Relu() | Requantize() | StepFunction():
                self._each(layer)
            case _:
                assert_never(layer)

    # ---- sums

    def _dense(self, layer: Dense) -> None:
        given = self.rows[layer.input]
        row, column = np.divmod(layer.weight.index, layer.weight.shape[1])
        interval = self.ranges[layer.input]
        output, finishing, target = self._behind(layer)
        self._add(
            _sums_over(
                given,
                given.index[row],
                column,
                layer.weight.code,
                layer.bias,
                interval.low[row],
                interval.high[row],
                target.index.ravel(),
                _AT_ONE_PLACE,
            ),
            finishing,
            target.lane,
        )
        self.rows[output] = target

    def _conv(self, layer: Conv) -> None:
        given = self.rows[layer.input]
        *_, channels, outputs = layer.weight.shape
        row, column = np.divmod(layer.weight.index, outputs)
        tap, channel = np.divmod(row, channels)
        interval = self.ranges[layer.input]
        output, finishing, target = self._behind(layer)
        for pattern in window_patterns(layer, given.index):
            targets, moves = _targets(pattern, target)
            self._add(
                _sums_over(
                    given,
                    pattern.rows[tap, channel],
                    column,
                    layer.weight.code,
                    layer.bias,
                    interval.low[channel],
                    interval.high[channel],
                    targets,
                    moves,
                ),
                finishing,
                target.lane,
            )
        self.rows[output] = target

    def _max_pool(self, layer: MaxPool) -> None:
        output, finishing, target = self._behind(layer)
        lane = max(self.rows[layer.input].lane, finishing.lane(*finishing.hull.bounds), key=lambda each: each.value)
        given = self._taken(layer.input, lane, zeros=True)
        for pattern in window_patterns(layer, given.index):
            targets, moves = _targets(pattern, target)
            channel, tap = np.nonzero(pattern.rows.T >= 0)
            self._add(
                _terms(
                    Kind.MAXIMUM,
                    given.lane,
                    pattern.rows[tap, channel],
                    channel,
                    len(targets),
                    targets=targets,
                    moves=moves,
                ),
                finishing,
                target.lane,
            )
        self.rows[output] = target

    # ---- code by code

    def _each(self, layer: Relu | Requantize | StepFunction) -> None:
        given = self.rows[layer.input]
        output, finishing, target = self._behind(layer)
        flat = given.index.ravel()
        present = flat >= 0
        channels = self.values[layer.input].shape[-1]
        sums = _terms(Kind.SUM, given.lane, flat[present], np.flatnonzero(present), len(flat), target.index.ravel())
        self._add(_of_channels(sums, channels), finishing, target.lane)
        self.rows[output] = target

    def _merge(self, layer: Merge) -> None:
        output, finishing, target = self._behind(layer)
        shifts = [layer.output.type.fraction - self.values[name].type.fraction for name in layer.inputs]
        weights = [1 << min(max(shift, 0), _FARTHEST_SHIFT) for shift in shifts]  # negative only where codes multiply
        match layer.operation:
            case MergeOperation.ADD:
                kind = Kind.SUM
            case MergeOperation.SUBTRACT:
                kind = Kind.SUM
                weights[1] = -weights[1]
            case MergeOperation.MULTIPLY:
                kind, weights = Kind.PRODUCT, [1, 1]
            case MergeOperation.MAXIMUM:
                kind = Kind.MAXIMUM
            case MergeOperation.MINIMUM:
                kind = Kind.MINIMUM
            case _:
                assert_never(layer.operation)
        least = max((self.rows[name].lane for name in layer.inputs), key=lambda lane: lane.value)
        if kind is not Kind.SUM:
            least = max(least, self._lane_of_all(layer, finishing), key=lambda lane: lane.value)
        given = [self._taken(name, least, zeros=kind is not Kind.SUM) for name in layer.inputs]
        flat = np.stack([rows.index.ravel() for rows in given], axis=1)  # (codes, inputs)
        position, place = np.nonzero(flat >= 0)
        sums = _terms(
            kind,
            least,
            flat[position, place],
            position,
            len(flat),
            target.index.ravel(),
            weight=np.array(weights, dtype=np.int64)[place],
        )
        self._add(_of_channels(sums, layer.output.shape[-1]), finishing, target.lane)
        self.rows[output] = target

    def _lane_of_all(self, layer: Merge, finishing: Finishing) -> Lane:
        """One lane for everything that a maximum, minimum or product of different fractions meets."""
        ends = [finishing.hull.bounds]
        for name in layer.inputs:
            shift = layer.output.type.fraction - self.values[name].type.fraction
            factor = 1 if layer.operation is MergeOperation.MULTIPLY else 1 << min(shift, _FARTHEST_SHIFT)
            low, high = self.ranges[name].bounds
            ends.append((low * factor, high * factor))
        return finishing.lane(min(low for low, _ in ends), max(high for _, high in ends))

    def _concatenate(self, layer: Concatenate) -> None:
        target = self._new(layer.output, self._stored_lane(layer.output.name))
        start = 0
        for name in layer.inputs:
            value, given = self.values[name], self.rows[name]
            place = [slice(None)] * len(value.shape)
            place[layer.axis] = slice(start, start + value.shape[layer.axis])
            start += value.shape[layer.axis]
            shift = min(layer.output.type.fraction - value.type.fraction, _FARTHEST_SHIFT)
            self._copy(given, target.index[tuple(place)], target.lane, self.ranges[name], shift)
        self.rows[layer.output.name] = target

    def _argmax(self, layer: ArgMax) -> None:
        output, finishing, target = self._behind(layer)
        classes = self.values[layer.input].shape[-1]
        least = Lane.holding(*self.ranges[layer.input].bounds, finishing.lane(*finishing.hull.bounds))
        given = self._taken(layer.input, least, zeros=True)
        flat = given.index.reshape(-1, classes)
        sums = _terms(
            Kind.ARGMAX,
            least,
            flat.ravel(),
            np.repeat(np.arange(len(flat)), classes),
            len(flat),
            target.index.ravel(),
            weight=np.tile(np.arange(classes), len(flat)),
        )
        self._add(_of_channels(sums, 1), finishing, target.lane)
        self.rows[output] = target

    # ---- rows

    def _new(self, value: Value, lane: Lane) -> Rows:
        """Rows of their own for a value."""
        first = self.buffers[-1].first + self.buffers[-1].rows if self.buffers else 0
        self.buffers.append(Buffer(first, value.size, lane))
        return Rows(lane, np.arange(first, first + value.size).reshape(value.shape))

    def _stored_lane(self, name: str) -> Lane:
        return Lane.holding(*self.ranges[name].bounds, LEAST_LANE)

    def _behind(self, layer: Layer) -> tuple[str, Finishing, Rows]:
        """What else happens to a layer's codes before they are stored: the value's name, all of it, its rows."""
        value, name = layer.output, layer.output.name
        if isinstance(layer, Relu | Requantize | StepFunction):
            source = self.values[layer.input]
            finishing = Finishing.of(self.ranges[layer.input], source.type.fraction).then(layer)
            assert finishing is not None
        else:
            finishing = Finishing.of(self.ranges[name], value.type.fraction)
        while (reader := self.readers.get(name)) is not None:
            further = finishing.then(reader)
            if further is None:
                break
            finishing, value, name = further, reader.output, reader.output.name
            self.finished.add(reader.name)
        return name, finishing, self._new(value, self._stored_lane(name))

    def _taken(self, name: str, lane: Lane, *, zeros: bool) -> Rows:
        """A value's rows in a lane; where ``zeros``, also those that are always zero as rows."""
        given = self.rows[name]
        if given.lane is lane and not (zeros and (given.index < 0).any()):
            return given
        copy = self._new(self.values[name], lane)
        self._copy(given, copy.index, copy.lane, self.ranges[name], 0)
        return copy

    def _copy(self, given: Rows, target: IntArray, lane: Lane, interval: Interval, shift: int) -> None:
        flat = given.index.ravel()
        present = flat >= 0
        scaled = Interval(interval.low << shift, interval.high << shift)
        weight = np.full(int(present.sum()), 1 << shift, dtype=np.int64)
        sums = _terms(
            Kind.SUM, given.lane, flat[present], np.flatnonzero(present), len(flat), target.ravel(), weight=weight
        )
        self._add(_of_channels(sums, given.index.shape[-1]), Finishing.of(scaled, 0), lane)

    def _add(self, sums: Sums, finishing: Finishing, lane: Lane) -> None:
        self.operations += operations(sums, finishing, lane, len(self.steps))
        self.steps += finishing.steps


def _targets(pattern: Pattern, target: Rows) -> tuple[IntArray, IntArray]:
    """Rows written at the first place of a pattern, and the moves to the others."""
    rows = target.index.reshape(-1, target.index.shape[-1])[pattern.positions]
    return rows[0], np.stack([pattern.moves, rows[:, 0] - rows[0, 0]], axis=1)


def _sums_over(
    given: Rows,
    source: IntArray,
    column: IntArray,
    weight: IntArray,
    bias: IntArray,
    low: IntArray,
    high: IntArray,
    targets: IntArray,
    moves: IntArray,
) -> Sums:
    """Sums of a matrix, one a column: rows that are zero left out, those with one code put into the bias.

    Args:
        low, high: (weights,) interval of the code that each weight is multiplied by.
    """
    constant = (low == high) & (source >= 0)
    bias = bias.copy()
    np.add.at(bias, column[constant], weight[constant] * low[constant])
    kept = (source >= 0) & ~constant
    source, column, weight = source[kept], column[kept], weight[kept]
    ends = np.stack([weight * low[kept], weight * high[kept]])
    return _terms(
        Kind.SUM,
        given.lane,
        source,
        column,
        len(targets),
        targets,
        weight=weight,
        bias=bias,
        moves=moves,
        low=ends.min(axis=0),
        high=ends.max(axis=0),
    )


def _terms(
    kind: Kind,
    given: Lane,
    source: IntArray,
    owner: IntArray,
    count: int,
    targets: IntArray,
    *,
    weight: IntArray | None = None,
    bias: IntArray | None = None,
    moves: IntArray = _AT_ONE_PLACE,
    low: IntArray | None = None,
    high: IntArray | None = None,
) -> Sums:
    """Sums from a list of terms.

    Args:
        owner: (terms,) which sum each term belongs to; terms keep their order.
        count: how many sums.
    """
    order = np.argsort(owner, kind="stable")
    return Sums(
        kind,
        given,
        moves,
        np.zeros(count, dtype=np.int64) if bias is None else bias,
        np.arange(count),
        np.asarray(targets),
        np.searchsorted(owner[order], np.arange(count + 1)),
        source[order],
        (np.ones(len(source), dtype=np.int64) if weight is None else weight)[order],
        None if low is None else low[order],
        None if high is None else high[order],
    )


def _of_channels(sums: Sums, channels: int) -> Sums:
    """Sums of a whole value, code by code: channels are its last axis."""
    return Sums(
        sums.kind,
        sums.given,
        sums.moves,
        sums.bias,
        np.arange(len(sums.bias)) % channels,
        sums.target,
        sums.start,
        sums.source,
        sums.weight,
        sums.low,
        sums.high,
    )
