"""Intervals of words: sums through their linear forms, everything else from the interval of what it reads.

The digits of one weight read the same word several times. Interval arithmetic from adder to adder would count that
word's range each time; the linear form over the words below all sums counts it once, with its coefficient. What is
summed bit by bit is proven here to be the linear form that it says.
"""

from hwgen.circuit.operations import Operation, Range, Sum, interval
from hwgen.circuit.row_proof import check_row, holds, prove_total
from hwgen.circuit.rows import Parity, Row, Total
from hwgen.errors import CircuitError
from hwgen.fixed import FixedType

Form = dict[int, int]


class Bounds:
    """Ranges of words, given one after the other."""

    def __init__(self, inputs: tuple[Range, ...]) -> None:
        """``inputs``: lowest and highest code of each port."""
        self.inputs = inputs
        self.ranges: list[Range] = []
        self._forms: list[tuple[Form, int]] = []
        self._operations: list[Operation] = []

    def add(self, operation: Operation) -> Range:
        """The range of the next word; later ones may read it.

        Raises:
            CircuitError: bits that are not the sum that they are said to be.
        """
        name = f"word {len(self.ranges)}"
        if isinstance(operation, Row):
            check_row(operation, name)
        if isinstance(operation, Sum | Total):
            form, constant = self._sum(operation)
            low = high = constant
            for word, c in form.items():
                ends = (c * self.ranges[word][0], c * self.ranges[word][1])
                low, high = low + min(ends), high + max(ends)
            if isinstance(operation, Total):
                prove_total(operation, lambda word: self._operations[word], self._width, name)
                if not holds(operation, low, high):
                    raise CircuitError(f"{name} reaches {low} to {high}, which its {operation.width} bits do not hold.")
        else:
            form, constant = {len(self.ranges): 1}, 0
            low, high = interval(operation, self.ranges, self.inputs)
        self._forms.append((form, constant))
        self._operations.append(operation)
        self.ranges.append((low, high))
        return low, high

    def _width(self, word: int) -> list[tuple[int, bool]]:
        operation = self._operations[word]
        if isinstance(operation, Row | Parity):
            raise CircuitError(f"word {word} is a row of bits, and a sum counts it as a number.")
        kind = FixedType.holding(*self.ranges[word], 0)
        narrowest = (kind.width, kind.signed)
        return [(operation.width, operation.signed), narrowest] if isinstance(operation, Total) else [narrowest]

    def _sum(self, operation: Sum | Total) -> tuple[Form, int]:
        form: Form = {}
        constant = operation.constant
        if isinstance(operation, Sum):
            terms = [(term.node, -(1 << term.shift) if term.negative else 1 << term.shift) for term in operation.terms]
        else:
            terms = list(operation.terms)
        for node, factor in terms:
            source, offset = self._forms[node]
            constant += factor * offset
            for word, coefficient in source.items():
                total = form.get(word, 0) + factor * coefficient
                if total:
                    form[word] = total
                else:
                    form.pop(word, None)
        return form, constant
