"""Intervals of words: sums through their linear forms, everything else from the interval of what it reads.

The digits of one weight read the same word several times. Interval arithmetic from adder to adder would count that
word's range each time; the linear form over the words below all sums counts it once, with its coefficient.
"""

from hwgen.circuit.operations import Operation, Range, Sum, interval

Form = dict[int, int]


class Bounds:
    """Ranges of words, given one after the other."""

    def __init__(self, inputs: tuple[Range, ...]) -> None:
        """``inputs``: lowest and highest code of each port."""
        self.inputs = inputs
        self.ranges: list[Range] = []
        self._forms: list[tuple[Form, int]] = []

    def add(self, operation: Operation) -> Range:
        """The range of the next word; later ones may read it."""
        if isinstance(operation, Sum):
            form, constant = self._sum(operation)
            low = high = constant
            for word, c in form.items():
                ends = (c * self.ranges[word][0], c * self.ranges[word][1])
                low, high = low + min(ends), high + max(ends)
        else:
            form, constant = {len(self.ranges): 1}, 0
            low, high = interval(operation, self.ranges, self.inputs)
        self._forms.append((form, constant))
        self.ranges.append((low, high))
        return low, high

    def _sum(self, operation: Sum) -> tuple[Form, int]:
        form: Form = {}
        constant = operation.constant
        for term in operation.terms:
            factor = -(1 << term.shift) if term.negative else 1 << term.shift
            source, offset = self._forms[term.node]
            constant += factor * offset
            for word, coefficient in source.items():
                total = form.get(word, 0) + factor * coefficient
                if total:
                    form[word] = total
                else:
                    form.pop(word, None)
        return form, constant
