"""Looks for inputs that bring the sums of later layers to their ends: a hill climb for all of them at once.

How far a first layer's sum goes is known (``targets.extreme_samples``). Behind a quantizer it is not, and an interval
may promise more than any input gives. So the best sample of each sum and end is kept and varied; what a sum reaches is
what a word that is too narrow loses.
"""

import numpy as np
from numpy.random import Generator

from hwgen.fixed import IntArray
from hwgen.ir import Conv, Dense, Network
from hwgen.reference import trace
from hwgen.verify.search import samples_at_once
from hwgen.verify.space import Space

_ROUNDS = 8
_MOST_SAMPLES = 512  # of a round


def climb(space: Space, at_most: int, generator: Generator) -> IntArray:
    """Find a sample for each end of each later sum.

    Args:
        at_most: samples.
    Returns:
        (samples, codes) int64, different ones.
    """
    names = _later_sums(space.network)
    if not names or at_most <= 0:
        return np.empty((0, space.size), dtype=np.int64)
    at_once = min(samples_at_once(space.network), _MOST_SAMPLES)
    rows = np.concatenate([space.varied(at_once - at_once // 2, generator), space.corners(at_once // 2, generator)])
    best = rows
    for _ in range(_ROUNDS):
        values = dict(trace(space.network, space.split(rows)))
        reached = _reaches(values, names)
        # Where there are too many, some of every layer.
        reached = reached[:, :: -(-reached.shape[1] // min(at_most, at_once))]
        best = rows[np.unique(reached.argmax(axis=0))]
        fresh = space.varied(at_once // 4, generator)  # for a hill that no step from the others leads to
        rows = np.concatenate([best, space.pushed(best, at_once - len(fresh), generator), fresh])
    return np.unique(best, axis=0)[:at_most]


def _later_sums(network: Network) -> list[str]:
    """Values of the ``Dense`` and ``Conv`` layers but the first."""
    return [layer.output.name for layer in network.layers if isinstance(layer, Dense | Conv)][1:]


def _reaches(values: dict[str, IntArray], names: list[str]) -> IntArray:
    """(samples, 2 * sums): how far up and how far down each channel goes, at whichever position."""
    columns = []
    for name in names:
        codes = values[name].reshape(len(values[name]), -1, values[name].shape[-1])
        columns += [codes.max(axis=1), -codes.min(axis=1)]
    return np.concatenate(columns, axis=1)
