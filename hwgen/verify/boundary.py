"""Looks for inputs at which an output is about to change: there, hardly anything on the way can be wrong unseen.

An output that is saturated, or far from its thresholds, hides what is wrong behind it. Between two inputs that differ
in an output there is a place where it changes, and bisection finds it: two inputs that differ by one, in one code.
"""

import numpy as np
from numpy.random import Generator

from hwgen.fixed import IntArray
from hwgen.reference import simulate
from hwgen.verify.search import samples_at_once
from hwgen.verify.space import Space

_MOST_CODES = 64  # of the outputs
_VARIANTS = 16


def boundary_samples(space: Space, pool: IntArray, ends: IntArray, at_most: int, generator: Generator) -> IntArray:
    """Find pairs of neighbours with different outputs.

    Half of them lie between samples of the pool, as many for each code of an output. The others lie between samples
    that have most codes of one of ``ends``: what is at an end there is mostly still at an end where the output changes.

    Args:
        pool: (samples, codes) to start from.
        ends: (samples, codes) at which something is as low or high as it can be.
        at_most: samples.
    Returns:
        (samples, codes) int64: first the one side of each pair, then the other.
    """
    # A quarter of a round's samples, for there are as many steps as a difference has bits, and some more.
    at_once = samples_at_once(space.network)
    pairs = min(at_most // 2, -(-at_once // 4))
    families = ends[: min(pairs // 2, at_once // _VARIANTS)]
    if len(ends) > len(families) > 0:
        families = ends[generator.choice(len(ends), size=len(families), replace=False)]
    variants = [space.pushed(families[k : k + 1], _VARIANTS, generator) for k in range(len(families))]
    shares = [pairs - pairs // 2] + [pairs // 2 // max(1, len(families))] * len(families)
    starts = np.cumsum([0, len(pool), *[_VARIANTS] * len(families)]).tolist()
    pool = np.concatenate([pool, *variants])
    outputs = _outputs(space, pool)
    chosen = [
        _pairs(outputs[start:end], share, generator) + np.array([start, start, 0])
        for start, end, share in zip(starts[:-1], starts[1:], shares, strict=True)
    ]
    first, second, code = np.concatenate(chosen).T
    one, two = pool[first], pool[second]
    if not len(code):
        return pool[:0]
    wanted = _outputs(space, one)[np.arange(len(code)), code]

    def narrow(between: IntArray, one: IntArray, two: IntArray) -> tuple[IntArray, IntArray]:
        """Of each pair the half in which the output changes."""
        same = (_outputs(space, between)[np.arange(len(code)), code] == wanted)[:, None]
        return np.where(same, between, one), np.where(same, two, between)

    while (apart := (one != two) & (one != two + 1) & (one + 1 != two)).any():
        # The mean, rounded down, of numbers whose sum may need 64 bits.
        middle = (one >> 1) + (two >> 1) + (one & two & 1)
        one, two = narrow(np.where(apart.any(axis=1, keepdims=True), middle, one), one, two)
    while ((different := one != two).sum(axis=1) > 1).any():
        half = different.cumsum(axis=1) <= different.sum(axis=1, keepdims=True) // 2
        one, two = narrow(np.where(half, two, one), one, two)
    return np.concatenate([one, two])


def _outputs(space: Space, rows: IntArray) -> IntArray:
    """(samples, codes) of all outputs, one after another; of very many, some."""
    outputs = simulate(space.network, space.split(rows))
    flat = np.concatenate([output.reshape(len(rows), -1) for output in outputs], axis=1)
    some: IntArray = flat[:, :: -(-flat.shape[1] // _MOST_CODES)]
    return some


def _pairs(outputs: IntArray, count: int, generator: Generator) -> IntArray:
    """(pairs, 3): two rows, and a column in which they differ; of each column as many, its codes equally likely."""
    columns = [column for column in range(outputs.shape[1]) if (outputs[:, column] != outputs[0, column]).any()]
    chosen: list[IntArray] = []
    generator.shuffle(columns)
    for position, column in enumerate(columns):
        order = np.argsort(outputs[:, column], kind="stable")
        _, starts, sizes = np.unique(outputs[order, column], return_index=True, return_counts=True)
        pairs = count // len(columns) + (position < count % len(columns))
        one = generator.integers(len(starts), size=pairs)
        both = np.stack([one, (one + generator.integers(1, len(starts), size=pairs)) % len(starts)])
        rows = order[starts[both] + generator.integers(sizes[both])]
        chosen.append(np.stack([*rows, np.full(pairs, column)], axis=1))
    return np.concatenate(chosen) if chosen else np.empty((0, 3), dtype=np.int64)
