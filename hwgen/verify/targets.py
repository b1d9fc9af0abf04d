"""Inputs that put a first layer's accumulators exactly where its quantizer changes its mind.

Behind a ``Dense`` or ``Conv`` that reads a network input, an accumulator is a known integer sum of input codes. For a
wanted sum, ``solve`` starts from random codes and lets the weights, largest first, take up what is missing; what then
remains is smaller than the smallest weight and is mended with pairs of weights.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator

from hwgen.fixed import IntArray
from hwgen.ir import Conv, Dense, Layer, Network, Relu, Reshape
from hwgen.verify.critical import Critical, first_tie

_STARTS = 6
_WEIGHTS_MOVED = 48  # of one sum; the others keep their random codes
_PAIR_REACH = 6
_PAIR_WEIGHTS = 16


@dataclass(frozen=True, slots=True, eq=False)
class FirstSum:
    """An accumulator as a sum over network input codes.

    Attributes:
        position: (terms,) int64: where the codes stand in a sample of all inputs, one after another.
        weight: (terms,) int64, none zero.
    """

    position: IntArray
    weight: IntArray
    bias: int


def targeted_samples(
    network: Network,
    point: Critical,
    missing: Sequence[int],
    low: IntArray,
    high: IntArray,
    generator: Generator,
) -> Iterator[IntArray]:
    """Construct a sample for each missing event of a layer right behind a first ``Dense`` or ``Conv``, where possible.

    Args:
        missing: event numbers, as in ``Critical.occurrences``.
        low: (codes,) lowest code of each position of a sample of all inputs; ``high`` likewise.
    Yields:
        (codes,) int64: samples that are meant to have the event, and nearly always do.
    """
    linear = _linear_behind(network, point.source)
    if linear is None:
        return
    layer, offset = linear
    events = point.possible.shape[1]
    sums: dict[int, FirstSum] = {}
    for event in missing:
        channel, column = divmod(event, events)
        if channel not in sums:
            sums[channel] = _first_sum(network, layer, offset, channel)
        first = sums[channel]
        if not first.weight.size:
            continue
        wanted = _wanted_code(point, channel, column, first, low, high, generator)
        if wanted is None:
            continue
        sample = solve(first, wanted, low, high, generator)
        if sample is not None:
            yield sample


def extreme_samples(network: Network, low: IntArray, high: IntArray, most: int) -> IntArray:
    """Samples in which first sums, and every partial sum on the way to them, reach their ends.

    Each input of a sum stands at the end that its weight's sign asks for; the others at zero, or as near as they come.

    Args:
        low: (codes,) lowest code of each position of a sample of all inputs; ``high`` likewise.
        most: how many samples at most.
    Returns:
        (samples, codes) int64: two for each output channel of each ``Dense`` or ``Conv`` that reads an input.
    """
    rest = np.clip(0, low, high)
    rows: list[IntArray] = []
    for layer in network.layers:
        linear = _linear_behind(network, layer.output.name) if isinstance(layer, Dense | Conv) else None
        if linear is None:
            continue
        for channel in range(linear[0].weight.shape[-1]):
            if len(rows) + 2 > most:
                return np.array(rows, dtype=np.int64).reshape(-1, len(low))
            first = _first_sum(network, *linear, channel)
            for positive, negative in ((high, low), (low, high)):
                row = rest.copy()
                place = first.position
                row[place] = np.where(first.weight > 0, positive[place], negative[place])
                rows.append(row)
    return np.array(rows, dtype=np.int64).reshape(-1, len(low))


def _linear_behind(network: Network, value: str) -> tuple[Dense | Conv, int] | None:
    """The layer whose sums a value holds, with at most a ``Relu`` between, and where its input's codes start."""
    made_by: dict[str, Layer] = {layer.output.name: layer for layer in network.layers}
    layer = made_by.get(value)
    while isinstance(layer, Relu):
        layer = made_by.get(layer.input)
    if not isinstance(layer, Dense | Conv):
        return None
    source = layer.input
    while source in made_by:
        before = made_by[source]
        if not isinstance(before, Reshape):
            return None
        source = before.input
    offset = 0
    for given in network.inputs:
        if given.value.name == source:
            return layer, offset
        offset += given.value.size
    return None


def _first_sum(network: Network, layer: Dense | Conv, offset: int, channel: int) -> FirstSum:
    """One output channel's sum; of a ``Conv``, at the middle position, where the window is least cut off."""
    outputs = layer.weight.shape[-1]
    column = layer.weight.index % outputs == channel
    row, weight = layer.weight.index[column] // outputs, layer.weight.code[column]
    bias = int(layer.bias[channel])
    if isinstance(layer, Dense):
        return FirstSum(row + offset, weight, bias)
    shape = network.value(layer.input).shape
    taps = np.stack(np.unravel_index(row, layer.weight.shape[:-1]))
    middle = np.array([size // 2 for size in layer.output.shape[:-1]])[:, None]
    strides, dilation = np.array(layer.strides)[:, None], np.array(layer.dilation)[:, None]
    before = np.array([pad for pad, _ in layer.padding])[:, None]
    place = np.concatenate([middle * strides + taps[:-1] * dilation - before, taps[-1:]])
    inside = ((place >= 0) & (place < np.array(shape)[:, None])).all(axis=0)
    flat = np.ravel_multi_index(tuple(place[:, inside]), shape)
    return FirstSum(flat.astype(np.int64) + offset, weight[inside], bias)


def _wanted_code(
    point: Critical,
    channel: int,
    column: int,
    first: FirstSum,
    low: IntArray,
    high: IntArray,
    generator: Generator,
) -> int | None:
    """A code at which the event happens; for ties, any of them that the sum can reach."""
    if column < point.edges.stop:
        return point.edge_code(channel, column)
    if not point.ties.start <= column < point.ties.stop:
        return None
    ends = np.sort(first.weight * np.stack([low[first.position], high[first.position]]), axis=0)
    least, most = (int(total) + first.bias for total in ends.sum(axis=1))
    # Sums near the middle are reached in more ways.
    for part in (4, 1):
        middle, reach = (least + most) // 2, (most - least) // (2 * part)
        negative, odd = divmod(column - point.ties.start, 2)
        found = first_tie(point.shift, middle - reach, middle + reach, bool(negative), bool(odd))
        if found is not None:
            return found[0] + int(generator.integers(found[1])) * (2 << point.shift)
    return None


def solve(first: FirstSum, wanted: int, low: IntArray, high: IntArray, generator: Generator) -> IntArray | None:
    """Find input codes for which the sum is exactly ``wanted``.

    Args:
        low: (codes,) lowest code of each position; ``high`` likewise.
    Returns:
        (codes,) int64, or None where none was found: the weights may have a common divisor.
    """
    codes = generator.integers(low, high, size=(_STARTS, len(low)), endpoint=True, dtype=np.int64)
    codes[::2] >>= 2  # small codes elsewhere leave more of the range to the sum
    np.clip(codes, low, high, out=codes)
    missing = wanted - first.bias - codes[:, first.position] @ first.weight
    largest_first = np.argsort(-np.abs(first.weight), kind="stable")
    if largest_first.size > _WEIGHTS_MOVED:
        largest_first = np.concatenate([largest_first[: _WEIGHTS_MOVED // 2], largest_first[-_WEIGHTS_MOVED // 2 :]])
    for term in largest_first.tolist():
        weight, place = int(first.weight[term]), int(first.position[term])
        step = np.sign(missing) * int(np.sign(weight)) * (np.abs(missing) // abs(weight))
        step = np.clip(step, low[place] - codes[:, place], high[place] - codes[:, place])
        codes[:, place] += step
        missing -= step * weight
    for start in range(_STARTS):
        if missing[start] == 0 or _mend(codes[start], int(missing[start]), first, largest_first, low, high):
            found: IntArray = codes[start]
            return found
    return None


def _mend(codes: IntArray, missing: int, first: FirstSum, terms: IntArray, low: IntArray, high: IntArray) -> bool:
    """Change two codes so that the sum grows by ``missing``; whether that was possible."""
    terms = terms[-_PAIR_WEIGHTS:]  # the smallest, which what is missing is smaller than
    weight, place = first.weight[terms], first.position[terms]
    if abs(missing) > 2 * _PAIR_REACH * int(np.abs(weight).max()):
        return False  # every code is at its end: the sum cannot be reached
    for step in range(-_PAIR_REACH, _PAIR_REACH + 1):
        rest = missing - step * weight[:, None]  # (first term, second term)
        other = rest // weight[None, :]
        one = codes[place] + step
        two = codes[place][None, :] + other
        fits = (rest % weight[None, :] == 0) & ((one >= low[place]) & (one <= high[place]))[:, None]
        fits &= (two >= low[place]) & (two <= high[place])
        np.fill_diagonal(fits, False)
        if fits.any():
            i, j = np.argwhere(fits)[0]
            codes[place[i]] += step
            codes[place[j]] += other[i, j]
            return True
    return False
