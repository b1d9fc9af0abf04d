"""Constant matrix-vector products as adder graphs: signed digits, added in width-aware balanced trees."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from hwgen.circuit.adder_graph import Adder, AdderGraph, Output, Term
from hwgen.circuit.target import Target
from hwgen.fixed import IntArray
from hwgen.fixed.digits import signed_digits


@dataclass(frozen=True, slots=True)
class _Operand:
    """Something to add: a signed, shifted node, or a constant where ``node`` is None.

    Attributes:
        low, high: interval of the node, before shift and sign.
    """

    node: int | None
    shift: int
    negative: bool
    low: int
    high: int
    constant: int = 0

    @property
    def top(self) -> int:
        """Position of the highest bit that it reaches."""
        return self.shift + max(abs(self.low), abs(self.high)).bit_length()


def adder_graph(
    weight: IntArray, low: Sequence[int], high: Sequence[int], bias: Sequence[int], target: Target
) -> AdderGraph:
    """Build sums for every column of a constant matrix, and prove them.

    Each column is a balanced tree over its non-zero signed digits, operands of similar position first, so that adders
    stay narrow. Columns do not share adders, except that equal columns are built once.

    Args:
        weight: (inputs, outputs) int64.
        low: lowest code of each input.
        high: highest code of each input.
        bias: one integer an output, in units of the output's step.
    Raises:
        CircuitError: a sum needs more than 62 bits.
    """
    adders: list[Adder] = []
    outputs: list[Output] = []
    known: dict[tuple[bytes, int], Output] = {}
    for j in range(weight.shape[1]):
        key = (np.ascontiguousarray(weight[:, j]).tobytes(), int(bias[j]))
        if key not in known:
            known[key] = _column(weight[:, j], low, high, int(bias[j]), target, adders)
        outputs.append(known[key])
    graph = AdderGraph(tuple(low), tuple(high), tuple(adders), tuple(outputs))
    graph.prove(weight, list(bias))
    return graph


def _column(
    column: IntArray, low: Sequence[int], high: Sequence[int], bias: int, target: Target, adders: list[Adder]
) -> Output:
    operands = [
        _Operand(i, exponent, sign < 0, low[i], high[i])
        for i in np.flatnonzero(column).tolist()
        for sign, exponent in signed_digits(int(column[i]))
    ]
    if not operands:
        return Output(None, 0, bias)
    if bias:
        operands.append(_Operand(None, 0, False, bias, bias, bias))
    while len(operands) > 1:
        operands = _level(operands, len(low), target, adders)
    root = operands[0]
    assert root.node is not None
    if root.negative:
        adders.append(Adder((Term(root.node, 0, negative=True),)))
        return Output(len(low) + len(adders) - 1, root.shift)
    return Output(root.node, root.shift)


def _level(operands: list[_Operand], inputs: int, target: Target, adders: list[Adder]) -> list[_Operand]:
    """One level of the tree: neighbours by position are added, as many at a time as the target can."""
    ordered = sorted(operands, key=lambda operand: (operand.top, operand.shift))
    groups = [ordered[i : i + target.operands] for i in range(0, len(ordered), target.operands)]
    return [group[0] if len(group) == 1 else _add(group, inputs, adders) for group in groups]


def _add(group: list[_Operand], inputs: int, adders: list[Adder]) -> _Operand:
    """One adder; common trailing zeros stay outside, and a sum of negative terms only is negated as a whole."""
    constant = sum(operand.constant for operand in group if operand.node is None)
    terms = [operand for operand in group if operand.node is not None]
    shift = min(operand.shift for operand in terms)
    if constant:
        shift = min(shift, (constant & -constant).bit_length() - 1)
    negate = all(operand.negative for operand in terms) and constant <= 0
    built = Adder(
        tuple(Term(o.node, o.shift - shift, o.negative != negate) for o in terms if o.node is not None),
        (-constant if negate else constant) >> shift,
    )
    adders.append(built)
    low = high = built.constant
    for term, operand in zip(built.terms, terms, strict=True):
        ends = (operand.low << term.shift, operand.high << term.shift)
        low += min(-ends[1], -ends[0]) if term.negative else ends[0]
        high += max(-ends[0], -ends[1]) if term.negative else ends[1]
    return _Operand(inputs + len(adders) - 1, shift, negate, low, high)
