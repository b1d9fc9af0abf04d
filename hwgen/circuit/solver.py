"""Constant matrix-vector products as adder graphs: what columns share, then the sums of each."""

from collections.abc import Sequence

import numpy as np

from hwgen.circuit.adder_graph import AdderGraph, Node
from hwgen.circuit.bit_graph import BitGraph
from hwgen.circuit.rows import WIDEST_ROW
from hwgen.circuit.sharing import Sharing, shared_sums
from hwgen.circuit.target import AMD, Target
from hwgen.circuit.trees import trees
from hwgen.errors import CircuitError, InputError
from hwgen.fixed import FixedType, IntArray


def solve(
    weight: IntArray,
    inputs: FixedType | Sequence[FixedType],
    bias: Sequence[int] | None = None,
    target: Target = AMD,
    max_depth: int | None = None,
    effort: str = "normal",
) -> AdderGraph:
    """Build sums for every column of a constant matrix in few LUTs, and prove them.

    Args:
        weight: (inputs, outputs) int64.
        inputs: the type of every input, or of each; only the codes count.
        bias: one integer an output, in units of the output's step.
        max_depth: rows of logic, at most, on a path.
        effort: ``normal``; ``high`` for about ten times as long; ``none`` shares nothing between columns.
    Raises:
        CircuitError: a sum needs more than 62 bits, or more rows of logic than allowed.
        InputError: arguments that do not fit together.
    """
    weight = np.asarray(weight)
    if weight.ndim != 2 or not np.issubdtype(weight.dtype, np.integer):
        raise InputError(
            f"weights are integers in two dimensions (inputs, outputs), got {weight.dtype} of shape {weight.shape}."
        )
    types = [inputs] * weight.shape[0] if isinstance(inputs, FixedType) else list(inputs)
    bias = [0] * weight.shape[1] if bias is None else [int(b) for b in bias]
    if len(types) != weight.shape[0] or len(bias) != weight.shape[1]:
        raise InputError(
            f"weights of shape {weight.shape} go with {weight.shape[0]} input types and {weight.shape[1]} biases, got "
            f"{len(types)} and {len(bias)}."
        )
    if effort not in EFFORTS:
        raise InputError(f"the effort is one of {', '.join(EFFORTS)}, got {effort!r}.")
    low, high = [t.min_code for t in types], [t.max_code for t in types]
    return adder_graph(weight.astype(np.int64), low, high, bias, target, max_depth, effort)


def adder_graph(
    weight: IntArray,
    low: Sequence[int],
    high: Sequence[int],
    bias: Sequence[int],
    target: Target,
    max_depth: int | None = None,
    effort: str = "normal",
) -> AdderGraph:
    """The same from the lowest and highest code of each input."""
    primitive, shifts = _primitive(weight)
    spans = np.array([b - a for a, b in zip(low, high, strict=True)], dtype=np.int64)
    best: AdderGraph | None = None
    for tries in EFFORTS[effort]:
        sharing = shared_sums(primitive, spans, target, tries)
        found = _built(weight, low, high, bias, target, sharing, shifts)
        if max_depth is not None and found.depth > max_depth:
            found = _shallow(weight, low, high, bias, target, sharing, shifts, max_depth)
        if best is None or found.luts < best.luts:
            best = found
    assert best is not None
    return best.prove()


# Pairs of sums that are looked at for each shared one, run after run.
EFFORTS = {"none": (0,), "normal": (16,), "high": (16, 60, 150)}


def _primitive(weight: IntArray) -> tuple[IntArray, list[int]]:
    """The columns without the power of two that all of their weights have in common, and its exponent."""
    together = np.bitwise_or.reduce(weight, axis=0) if len(weight) else np.zeros(weight.shape[1], dtype=np.int64)
    shifts = [(int(bits) & -int(bits)).bit_length() - 1 if bits else 0 for bits in together]
    return weight >> np.array(shifts, dtype=np.int64), shifts


def _built(
    weight: IntArray,
    low: Sequence[int],
    high: Sequence[int],
    bias: Sequence[int],
    target: Target,
    sharing: Sharing,
    shifts: Sequence[int],
) -> AdderGraph:
    nodes: Sequence[Node]
    if target.carry_save and _widest(weight, low, high, bias) <= WIDEST_ROW:
        build = BitGraph(low, high, CHANGES)
        results = build.solve(sharing, bias, shifts)
        nodes = build.nodes
    else:
        nodes, results = trees(low, high, bias, target, sharing, shifts)
    given = weight.copy()
    given.flags.writeable = False
    return AdderGraph(target, tuple(low), tuple(high), tuple(nodes), tuple(results), given, tuple(bias))


def _widest(weight: IntArray, low: Sequence[int], high: Sequence[int], bias: Sequence[int]) -> int:
    """Bits that hold every sum, however its terms are signed."""
    reach = [max(abs(a), abs(b)) for a, b in zip(low, high, strict=True)]
    sums = [sum(abs(w) * r for w, r in zip(column, reach, strict=True)) for column in weight.T.tolist()]
    return max((s + abs(b) for s, b in zip(sums, bias, strict=True)), default=0).bit_length() + 2


CHANGES = 24  # of digit forms, tried for each sum


def _shallow(
    weight: IntArray,
    low: Sequence[int],
    high: Sequence[int],
    bias: Sequence[int],
    target: Target,
    sharing: Sharing,
    shifts: Sequence[int],
    max_depth: int,
) -> AdderGraph:
    """With fewer and fewer layers of shared sums."""
    for levels in reversed(range(sharing.levels)):
        found = _built(weight, low, high, bias, target, sharing.flattened(levels), shifts)
        if found.depth <= max_depth:
            return found
    raise CircuitError(
        f"a depth of {max_depth} rows was asked for, and without sharing anything the sums take {found.depth}; allow "
        "more, or give fewer inputs."
    )
