"""``AdderGraph``: a constant matrix-vector product as exact sums of two or three shifted terms, with its proof.

Nodes are numbered: inputs first, then adders in an order in which each reads only earlier nodes. An adder never rounds
and never overflows: its interval follows from its linear form over the inputs, which vary independently.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from hwgen.errors import CircuitError
from hwgen.fixed import IntArray

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


@dataclass(frozen=True, slots=True)
class AdderGraph:
    """Sums that share nodes.

    Attributes:
        low: lowest code of each input.
        high: highest code of each input.
        adders: adder k is node ``len(low) + k``.
        outputs: what each output is: a term (wires), or a bare constant where the node is None.
    """

    low: tuple[int, ...]
    high: tuple[int, ...]
    adders: tuple[Adder, ...]
    outputs: tuple["Output", ...]

    @property
    def inputs(self) -> int:
        return len(self.low)

    def outputs_of(self, codes: IntArray) -> IntArray:
        """Evaluate: (samples, inputs) int64 to (samples, outputs)."""
        values = [codes[:, i] for i in range(self.inputs)]
        for adder in self.adders:
            total = np.full(len(codes), adder.constant, dtype=np.int64)
            for term in adder.terms:
                shifted = values[term.node] << term.shift
                total = total - shifted if term.negative else total + shifted
            values.append(total)
        columns = []
        for output in self.outputs:
            if output.node is None:
                columns.append(np.full(len(codes), output.constant, dtype=np.int64))
            else:
                columns.append(values[output.node] << output.shift)
        return np.stack(columns, axis=1) if columns else np.zeros((len(codes), 0), dtype=np.int64)

    def depths(self) -> list[int]:
        """Adders on the longest path to each node; 0 for inputs."""
        depth = [0] * self.inputs
        for adder in self.adders:
            depth.append(1 + max((depth[term.node] for term in adder.terms), default=0))
        return depth

    def linear_forms(self) -> list[tuple[Form, int]]:
        """Every node as coefficients over the inputs and a constant, exactly."""
        forms: list[tuple[Form, int]] = [({i: 1}, 0) for i in range(self.inputs)]
        for adder in self.adders:
            form: Form = {}
            constant = adder.constant
            for term in adder.terms:
                factor = -(1 << term.shift) if term.negative else 1 << term.shift
                source, offset = forms[term.node]
                constant += factor * offset
                for i, coefficient in source.items():
                    total = form.get(i, 0) + factor * coefficient
                    if total:
                        form[i] = total
                    else:
                        form.pop(i, None)
            forms.append((form, constant))
        return forms

    def intervals(self) -> list[tuple[int, int]]:
        """Lowest and highest value of every node; tight, for inputs are independent."""
        return [self._interval(form, constant) for form, constant in self.linear_forms()]

    def _interval(self, form: Form, constant: int) -> tuple[int, int]:
        low = high = constant
        for i, c in form.items():
            low += min(c * self.low[i], c * self.high[i])
            high += max(c * self.low[i], c * self.high[i])
        return low, high

    def prove(self, weight: IntArray, bias: Sequence[int]) -> None:
        """Show that every output is exactly its column of the weights and its bias, and that no node overflows.

        Args:
            weight: (inputs, outputs) int64.
            bias: one integer an output.
        Raises:
            CircuitError: it is not so; the message names the output or the node.
        """
        self._check_order()
        forms = self.linear_forms()
        for node, (form, constant) in enumerate(forms[self.inputs :], start=self.inputs):
            low, high = self._interval(form, constant)
            if max(abs(low), abs(high)).bit_length() > MAX_BITS:
                raise CircuitError(f"adder node {node} reaches {low} to {high}, more than {MAX_BITS} bits.")
        for j, output in enumerate(self.outputs):
            form, constant = ({}, output.constant) if output.node is None else forms[output.node]
            if output.node is not None:
                form = {i: c << output.shift for i, c in form.items()}
                constant <<= output.shift
            expected = {int(i): int(weight[i, j]) for i in np.flatnonzero(weight[:, j])}
            if form != expected or constant != bias[j]:
                raise CircuitError(
                    f"output {j} computes {_form_text(form, constant)}; {_form_text(expected, bias[j])} was asked for."
                )

    def _check_order(self) -> None:
        """Nodes are numbered in an order in which they can be computed, and shifts are to the left."""
        for node, adder in enumerate(self.adders, start=self.inputs):
            if any(not 0 <= term.node < node or term.shift < 0 for term in adder.terms):
                raise CircuitError(f"adder node {node} should read earlier nodes, shifted left; it is {adder}.")
        nodes = self.inputs + len(self.adders)
        for j, output in enumerate(self.outputs):
            if output.node is not None and (not 0 <= output.node < nodes or output.shift < 0):
                raise CircuitError(f"output {j} should be one of {nodes} nodes, shifted left; it is {output}.")


@dataclass(frozen=True, slots=True)
class Output:
    """``node << shift``, or a constant where ``node`` is None."""

    node: int | None
    shift: int = 0
    constant: int = 0


def _form_text(form: Form, constant: int) -> str:
    shown = [f"{c:+d}*x{i}" for i, c in sorted(form.items())[:8]] + (["..."] if len(form) > 8 else [])
    return " ".join([*shown, f"{constant:+d}"])
