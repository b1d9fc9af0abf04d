"""``AdderGraph``: a constant matrix-vector product as sums that share nodes, with its proof.

Nodes are numbered: inputs first, then the others in an order in which each reads only earlier ones. Most targets get
adders of two or three shifted terms; AMD's get rows of carry logic over single bits, and totals of what they leave. An
adder or a total never rounds and never overflows: its interval follows from its linear form over the inputs, which vary
independently.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from hwgen.circuit.luts import bit_luts
from hwgen.circuit.row_proof import check_row, holds, prove_total
from hwgen.circuit.rows import Parity, Row, Total, evaluate_bits, nodes_read
from hwgen.circuit.target import Target
from hwgen.errors import CircuitError
from hwgen.fixed import FixedType, IntArray

MAX_BITS = 62

Form = dict[int, int]  # input -> coefficient, no zeros


@dataclass(frozen=True, slots=True)
class Term:
    """``±(node << shift)``."""

    node: int
    shift: int
    negative: bool = False


@dataclass(frozen=True, slots=True)
class Adder:
    """The exact sum of its terms and a constant, which counts as an operand where it is not zero."""

    terms: tuple[Term, ...]
    constant: int = 0

    @property
    def operands(self) -> int:
        return len(self.terms) + (self.constant != 0)


Node = Adder | Row | Parity | Total


def _adder_luts(adder: Adder, width: int) -> int:
    """One LUT a bit, but for the lowest bits that only one operand has: they are wires."""
    starts = [(term.shift, term.negative) for term in adder.terms]
    if adder.constant:
        starts.append(((adder.constant & -adder.constant).bit_length() - 1, False))
    starts.sort()
    wires = starts[1][0] if len(starts) > 1 and not starts[0][1] else 0
    return max(0, width - wires) if len(starts) > 1 or starts[0][1] else 0


def reads(node: Node) -> tuple[int, ...]:
    """The nodes that a node reads, each once."""
    return tuple(dict.fromkeys(term.node for term in node.terms)) if isinstance(node, Adder) else nodes_read(node)


@dataclass(frozen=True, slots=True)
class AdderGraph:
    """Sums that share nodes.

    Attributes:
        target: what it is made for.
        low: lowest code of each input.
        high: highest code of each input.
        nodes: the k-th is node ``len(low) + k``.
        results: what each output is: a term (wires), or a bare constant where the node is None.
        weight: (inputs, outputs) int64, read-only: what the outputs have to be.
        bias: one integer an output.
    """

    target: Target
    low: tuple[int, ...]
    high: tuple[int, ...]
    nodes: tuple[Node, ...]
    results: tuple["Output", ...]
    weight: IntArray = field(compare=False, repr=False)
    bias: tuple[int, ...]

    @property
    def inputs(self) -> int:
        return len(self.low)

    @property
    def luts(self) -> int:
        """LUTs that the graph takes, an estimate before synthesis."""
        rows = [node for node in self.nodes if not isinstance(node, Adder)]
        forms = self.linear_forms()
        folded = self._folded()
        luts = bit_luts(rows) - len(folded)
        for number, node in enumerate(self.nodes, start=self.inputs):
            form = forms[number]
            if isinstance(node, Adder) and form is not None:
                low, high = self.interval(*form)
                luts += _adder_luts(node, FixedType.holding(low, high, 0).width)
        return luts

    def _folded(self) -> list[int]:
        """The exclusive ors that are part of the LUT of a row's last position."""
        readers: dict[int, list[int]] = {}
        for number, node in enumerate(self.nodes, start=self.inputs):
            for read in reads(node):
                readers.setdefault(read, []).append(number)
        found = []
        for number, node in enumerate(self.nodes, start=self.inputs):
            if isinstance(node, Parity) and len(readers.get(number, ())) == 1:
                reader = self.nodes[readers[number][0] - self.inputs]
                if isinstance(reader, Row) and not reader.open:
                    found.append(number)
        return found

    @property
    def depth(self) -> int:
        """Rows of logic on the longest path from an input to an output."""
        depth = self.depths()
        return max((depth[result.node] for result in self.results if result.node is not None), default=0)

    def outputs(self, codes: IntArray) -> IntArray:
        """Evaluate: (samples, inputs) int64 to (samples, outputs)."""
        count = len(codes)
        values = [codes[:, i] for i in range(self.inputs)]
        for node in self.nodes:
            if isinstance(node, Adder):
                total = np.full(count, node.constant, dtype=np.int64)
                for term in node.terms:
                    shifted = values[term.node] << term.shift
                    total = total - shifted if term.negative else total + shifted
                values.append(total)
            else:
                values.append(evaluate_bits(node, values, count))
        columns = []
        for result in self.results:
            if result.node is None:
                columns.append(np.full(count, result.constant, dtype=np.int64))
            else:
                columns.append(values[result.node] << result.shift)
        return np.stack(columns, axis=1) if columns else np.zeros((count, 0), dtype=np.int64)

    def depths(self) -> list[int]:
        """Rows of logic on the longest path to each node; 0 for inputs."""
        depth = [0] * self.inputs
        for node in self.nodes:
            below = max((depth[read] for read in reads(node)), default=0)
            depth.append(below + (not isinstance(node, Total)))
        return depth

    def linear_forms(self) -> list[tuple[Form, int] | None]:
        """Every node as coefficients over the inputs and a constant, exactly; None for rows, which are bits."""
        forms: list[tuple[Form, int] | None] = [({i: 1}, 0) for i in range(self.inputs)]
        for node in self.nodes:
            match node:
                case Adder():
                    factors = [(t.node, -(1 << t.shift) if t.negative else 1 << t.shift) for t in node.terms]
                    forms.append(_combined(forms, factors, node.constant))
                case Total():
                    forms.append(_combined(forms, node.terms, node.constant))
                case Row() | Parity():
                    forms.append(None)
        return forms

    def interval(self, form: Form, constant: int) -> tuple[int, int]:
        """Lowest and highest value of a linear form; tight, for inputs are independent."""
        low = high = constant
        for i, c in form.items():
            low += min(c * self.low[i], c * self.high[i])
            high += max(c * self.low[i], c * self.high[i])
        return low, high

    def prove(self) -> "AdderGraph":
        """Return the graph if every output is exactly its column of the weights and its bias, and nothing overflows.

        Raises:
            CircuitError: it is not so; the message names the output or the node.
        """
        self._check_order()
        forms = self.linear_forms()
        for number, node in enumerate(self.nodes, start=self.inputs):
            self._prove_node(number, node, forms[number])
        for j, result in enumerate(self.results):
            if result.node is None:
                form, constant = {}, result.constant
            else:
                found = forms[result.node]
                if found is None:
                    raise CircuitError(f"output {j} is node {result.node}, which is a row of bits and no sum.")
                form = {i: c << result.shift for i, c in found[0].items()}
                constant = found[1] << result.shift
            expected = {int(i): int(self.weight[i, j]) for i in np.flatnonzero(self.weight[:, j])}
            if form != expected or constant != self.bias[j]:
                wanted = _form_text(expected, self.bias[j])
                raise CircuitError(f"output {j} computes {_form_text(form, constant)}; {wanted} was asked for.")
        return self

    def _check_order(self) -> None:
        """Nodes are numbered in an order in which they can be computed, and shifts are to the left."""
        for number, node in enumerate(self.nodes, start=self.inputs):
            backwards = isinstance(node, Adder) and any(term.shift < 0 for term in node.terms)
            if backwards or any(not 0 <= read < number for read in reads(node)):
                raise CircuitError(f"node {number} should read earlier nodes, shifted left; it is {node}.")
        nodes = self.inputs + len(self.nodes)
        for j, result in enumerate(self.results):
            if result.node is not None and (not 0 <= result.node < nodes or result.shift < 0):
                raise CircuitError(f"output {j} should be one of {nodes} nodes, shifted left; it is {result}.")

    def _prove_node(self, number: int, node: Node, form: tuple[Form, int] | None) -> None:
        match node:
            case Adder():
                assert form is not None
                low, high = self.interval(*form)
                if max(abs(low), abs(high)).bit_length() > MAX_BITS:
                    raise CircuitError(f"node {number} reaches {low} to {high}, more than {MAX_BITS} bits.")
            case Row():
                check_row(node, f"node {number}")
            case Total():
                assert form is not None
                prove_total(node, lambda read: self._made(read), self._width, f"node {number}")
                low, high = self.interval(*form)
                if not holds(node, low, high):
                    raise CircuitError(
                        f"node {number} reaches {low} to {high}, and its {node.width} bits do not hold that."
                    )
            case Parity():
                pass

    def _made(self, node: int) -> Node | None:
        return None if node < self.inputs else self.nodes[node - self.inputs]

    def _width(self, node: int) -> list[tuple[int, bool]]:
        made = self._made(node)
        if isinstance(made, Total):
            return [(made.width, made.signed)]
        if made is not None:
            raise CircuitError(f"node {node} is no word of its own, and a total counts it as one.")
        kind = FixedType.holding(self.low[node], self.high[node], 0)
        return [(kind.width, kind.signed)]


def _combined(
    forms: Sequence[tuple[Form, int] | None], terms: Sequence[tuple[int, int]], constant: int
) -> tuple[Form, int]:
    form: Form = {}
    for node, factor in terms:
        found = forms[node]
        if found is None:
            raise CircuitError(f"node {node} is a row of bits, and a sum counts it as a word.")
        source, offset = found
        constant += factor * offset
        for i, coefficient in source.items():
            total = form.get(i, 0) + factor * coefficient
            if total:
                form[i] = total
            else:
                form.pop(i, None)
    return form, constant


@dataclass(frozen=True, slots=True)
class Output:
    """``node << shift``, or a constant where ``node`` is None."""

    node: int | None
    shift: int = 0
    constant: int = 0


def _form_text(form: Form, constant: int) -> str:
    shown = [f"{c:+d}*x{i}" for i, c in sorted(form.items())[:8]] + (["..."] if len(form) > 8 else [])
    return " ".join([*shown, f"{constant:+d}"])
