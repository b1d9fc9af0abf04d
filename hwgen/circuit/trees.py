"""Adder graphs of two- or three-operand adders: signed digits, added in width-aware balanced trees."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from hwgen.circuit.adder_graph import Adder, Output, Term
from hwgen.circuit.sharing import Sharing
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


def trees(
    low: Sequence[int],
    high: Sequence[int],
    bias: Sequence[int],
    target: Target,
    sharing: Sharing,
    shifts: Sequence[int],
) -> tuple[list[Adder], list[Output]]:
    """Adders for the shared sums and for every column, times ``2**shifts[j]`` and with its bias.

    Each sum is a balanced tree over its non-zero signed digits, operands of similar position first, so that adders stay
    narrow.
    """
    inputs = len(low)
    adders: list[Adder] = []
    sources = [_Operand(i, 0, False, a, b) for i, (a, b) in enumerate(zip(low, high, strict=True))]
    for row in sharing.nodes:
        sources.append(_tree(row, sources, 0, inputs, target, adders))
    outputs: list[Output] = []
    known: dict[tuple[bytes, int, int], Output] = {}
    for j, column in enumerate(sharing.columns):
        key = (np.ascontiguousarray(column).tobytes(), int(bias[j]), shifts[j])
        if key not in known:
            shift = shifts[j] if not bias[j] & ((1 << shifts[j]) - 1) else 0
            scale = 1 << (shifts[j] - shift)
            known[key] = _output(column * scale, sources, int(bias[j]) >> shift, shift, inputs, target, adders)
        outputs.append(known[key])
    return adders, outputs


def _output(
    column: IntArray,
    sources: Sequence[_Operand],
    bias: int,
    shift: int,
    inputs: int,
    target: Target,
    adders: list[Adder],
) -> Output:
    if not column.any():
        return Output(None, 0, bias << shift)
    root = _tree(column, sources, bias, inputs, target, adders)
    assert root.node is not None
    if root.negative:
        adders.append(Adder((Term(root.node, 0, negative=True),)))
        return Output(inputs + len(adders) - 1, root.shift + shift)
    return Output(root.node, root.shift + shift)


def _tree(
    row: IntArray, sources: Sequence[_Operand], constant: int, inputs: int, target: Target, adders: list[Adder]
) -> _Operand:
    operands = []
    for x in np.flatnonzero(row).tolist():
        for sign, exponent in signed_digits(int(row[x])):
            source = sources[x]
            operands.append(
                _Operand(source.node, source.shift + exponent, source.negative != (sign < 0), source.low, source.high)
            )
    if constant:
        operands.append(_Operand(None, 0, False, constant, constant, constant))
    while len(operands) > 1:
        operands = _level(operands, inputs, target, adders)
    return operands[0]


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
