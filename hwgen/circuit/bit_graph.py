"""Adder graphs of bit heaps, for targets whose rows of carry logic take three operands and a carry-save a LUT."""

from collections.abc import Sequence
from random import Random

import numpy as np

from hwgen.circuit.adder_graph import Node, Output
from hwgen.circuit.heap import Heap, Source, chosen_forms
from hwgen.circuit.rows import ONE, ZERO, Piece, Total, joined
from hwgen.circuit.sharing import Sharing
from hwgen.fixed import FixedType, IntArray

Terms = list[tuple[int, int]]  # source and coefficient


class BitGraph:
    """The nodes of a graph as they grow; sources are inputs and then the shared sums."""

    def __init__(self, low: Sequence[int], high: Sequence[int], changes: int) -> None:
        """``changes``: of digit forms that are tried for each sum."""
        self.low, self.high = np.array(low, dtype=np.int64), np.array(high, dtype=np.int64)
        self.changes = changes
        self.random = Random(0)
        self.nodes: list[Node] = []
        self.sources: list[Source] = []
        self.forms: list[IntArray] = []  # of each source over the inputs
        self.constants: list[int] = []  # and what it adds
        for i, ends in enumerate(zip(low, high, strict=True)):
            kind = FixedType.holding(*ends, 0)
            self.sources.append(Source(i, kind.width, kind.signed, 0))
            self.forms.append(np.eye(1, len(low), i, dtype=np.int64)[0])
            self.constants.append(0)

    def solve(self, sharing: Sharing, bias: Sequence[int], shifts: Sequence[int]) -> list[Output]:
        """Build nodes and outputs; output j is its column, times ``2**shifts[j]``, and its bias."""
        inputs = len(self.low)
        columns = [_terms(column) for column in sharing.columns]
        # A node that is an output as it stands is built as that output, exactly.
        alone: dict[int, int] = {}
        for j, terms in enumerate(columns):
            if len(terms) == 1 and terms[0][0] >= inputs and terms[0][1] == 1:
                alone.setdefault(terms[0][0], j)
        outputs: dict[int, Output] = {}
        for number, row in enumerate(sharing.nodes, start=inputs):
            j = alone.get(number, -1)
            if j < 0:
                self._keep(self._loose(_terms(row)), _terms(row))
            else:
                node, constant = self._exact(_terms(row), bias[j] >> shifts[j], 0)
                self._keep((node, constant), _terms(row))
                if not shifts[j]:
                    outputs[j] = Output(node.node)
                elif not bias[j] & ((1 << shifts[j]) - 1):
                    outputs[j] = Output(node.node, shifts[j])
        built: dict[tuple[tuple[tuple[int, int], ...], int, int], Output] = {}
        for j, terms in enumerate(columns):
            key = (tuple(terms), bias[j], shifts[j])
            if j in outputs:
                continue
            if key not in built:
                built[key] = self._output(terms, bias[j], shifts[j])
            outputs[j] = built[key]
        return [outputs[j] for j in range(len(columns))]

    def _output(self, terms: Terms, bias: int, shift: int) -> Output:
        if not terms:
            return Output(None, 0, bias)
        if not bias and len(terms) == 1 and terms[0][1] == 1 and terms[0][0] < len(self.low):
            return Output(terms[0][0], shift)
        source, _ = self._exact(terms, bias >> shift, shift, bias & ((1 << shift) - 1))
        return Output(source.node)

    def _keep(self, made: tuple[Source, int], terms: Terms) -> None:
        source, constant = made
        self.sources.append(source)
        self.forms.append(np.sum([c * self.forms[x] for x, c in terms], axis=0))
        self.constants.append(constant)

    def _reach(self, terms: Terms) -> tuple[int, int]:
        """Lowest and highest value of the terms without what their sources add."""
        form = np.sum([c * self.forms[x] for x, c in terms], axis=0)
        low = np.where(form > 0, form * self.low, form * self.high).sum()
        high = np.where(form > 0, form * self.high, form * self.low).sum()
        return int(low), int(high)

    def _exact(self, terms: Terms, constant: int, shift: int, beside: int = 0) -> tuple[Source, int]:
        """The sum in two's complement, with exactly this constant, ``shift`` positions up over the bits ``beside``."""
        low, high = self._reach(terms)
        kind = FixedType.holding(low + constant, high + constant, 0)
        own = constant - sum(c * self.constants[x] for x, c in terms)
        given = [(self.sources[x], c) for x, c in terms]
        forms = chosen_forms(given, own, kind.width, self.changes, self.random)
        heap = Heap(kind.width)
        extra = sum(heap.add_word(source, form) for (source, _), form in zip(given, forms, strict=True))
        heap.spread(own - extra)
        low_bits = [ONE if beside >> bit & 1 else ZERO for bit in range(shift)]
        total_constant = (own << shift) + beside
        claimed = tuple((self.sources[x].node, c << shift) for x, c in terms)
        return self._compressed(heap, low_bits, kind.signed, claimed, total_constant), constant

    def _loose(self, terms: Terms) -> tuple[Source, int]:
        """The sum and whatever constant makes it an unsigned word of fewest bits, cheaply."""
        given = [(self.sources[x], c) for x, c in terms]
        low, high = self._reach(terms)
        inner = sum(c * self.constants[x] for x, c in terms)
        width = max(1, (high - low).bit_length())
        forms = chosen_forms(given, None, width, self.changes, self.random)
        heap = Heap(width)
        extra = sum(heap.add_word(source, form) for (source, _), form in zip(given, forms, strict=True))
        start = low + inner + extra
        more = _lift(start % (1 << width), high - low, width)
        heap.spread(more)
        constant = extra + more - ((start + more) >> width << width)
        claimed = tuple((self.sources[x].node, c) for x, c in terms)
        return self._compressed(heap, [], False, claimed, constant), inner + constant

    def _compressed(
        self, heap: Heap, low_bits: list[Piece], signed: bool, terms: tuple[tuple[int, int], ...], constant: int
    ) -> Source:
        first = len(self.low) + len(self.nodes)
        depth = max((bit.depth for column in heap.columns for bit in column), default=0)
        made, depths, left = heap.compress(first)
        self.nodes += made
        total = Total(joined([*low_bits, *left]), signed, terms, constant)
        self.nodes.append(total)
        return Source(first + len(made), total.width, signed, max([depth, *depths]))


def _terms(row: IntArray) -> Terms:
    return [(x, int(row[x])) for x in np.flatnonzero(row).tolist()]


def _lift(start: int, span: int, width: int) -> int:
    """The constant with most trailing zeros that moves ``start`` to ``start + span`` between multiples of
    ``2**width``."""
    room = (1 << width) - 1 - span
    if start <= room:
        return 0
    least, most = (1 << width) - start, (1 << width) - start + room
    for zeros in range(width, -1, -1):
        found = -(-least >> zeros) << zeros
        if found <= most:
            return found
    raise AssertionError("every integer is a multiple of one")
