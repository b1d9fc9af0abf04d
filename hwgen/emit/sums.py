"""The sums of a ``Dense`` or ``Conv`` as they are built: zeros gone, constant inputs folded, exact intervals."""

from dataclasses import dataclass

import numpy as np

from hwgen.emit.liveness import Live
from hwgen.fixed import IntArray
from hwgen.ir import Conv, Dense, Interval


@dataclass(frozen=True, slots=True)
class Term:
    """``weight * x[row]``, with the codes that ``x[row]`` can have."""

    row: int
    weight: int
    low: int
    high: int


@dataclass(frozen=True, slots=True)
class Sum:
    """One neuron: ``bias`` plus the terms.

    Attributes:
        index: output channel.
        live: whether anything reads the result.
    """

    index: int
    bias: int
    terms: tuple[Term, ...]
    live: bool

    @property
    def constant(self) -> bool:
        """Whether the result never changes."""
        return not self.terms


def layer_sums(layer: Dense | Conv, given: Interval, live: Live) -> tuple[Sum, ...]:
    """The sums of a layer, one an output channel.

    Args:
        given: interval of the value that the layer reads.
        live: (outputs,) whether anything reads the output.
    """
    outputs = layer.weight.shape[-1]
    low, high = _rows(layer, given)
    row, column = np.divmod(layer.weight.index, outputs)
    order = np.argsort(column, kind="stable")
    starts = np.searchsorted(column[order], np.arange(outputs + 1))
    sums = []
    for j in range(outputs):
        bias, terms = int(layer.bias[j]), []
        for position in order[starts[j] : starts[j + 1]].tolist():
            i, weight = int(row[position]), int(layer.weight.code[position])
            if low[i] == high[i]:
                bias += weight * int(low[i])
            else:
                terms.append(Term(i, weight, int(low[i]), int(high[i])))
        sums.append(Sum(j, bias, tuple(terms), bool(live[j])))
    return tuple(sums)


def _rows(layer: Dense | Conv, given: Interval) -> tuple[IntArray, IntArray]:
    """Lowest and highest code of each row of the weight matrix: padding of a convolution brings zeros in."""
    if isinstance(layer, Dense):
        return given.low, given.high
    low, high = given.low, given.high
    if any(before or after for before, after in layer.padding):
        low, high = np.minimum(low, 0), np.maximum(high, 0)
    taps = layer.weight.size // (layer.weight.shape[-1] * layer.weight.shape[-2])
    return np.tile(low, taps), np.tile(high, taps)
