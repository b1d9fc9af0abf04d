"""QSimpleRNN, QLSTM and QGRU over a fixed number of steps: unrolled, a copy of the cell for each step.

A gate is a sum over the step's input and the last output side by side, then its quantizer; products and sums of gates
and states are merges. States start at zero and pass their quantizer as later ones do.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np

from hwgen.errors import UnsupportedError
from hwgen.fixed import FixedType, IntArray, Quantizer
from hwgen.frontend.activations import activation_quantizer
from hwgen.frontend.builder import Builder, Signal
from hwgen.frontend.given_types import given_quantizer
from hwgen.frontend.graph import Node
from hwgen.frontend.merging_layers import concatenated, merged
from hwgen.frontend.quantized_tensor import QuantizedTensor
from hwgen.frontend.scalar_functions import quantize_signal
from hwgen.frontend.specs import GateActivation, RecurrentSpec, RoundedCurve, WeightQuantizer
from hwgen.frontend.sums import matrix_interval, weight_tensor
from hwgen.frontend.weighted_layers import parameter
from hwgen.ir import Dense, Exactness, MergeOperation, Rearrange, Reshape, Value

_WIDEST = 60  # bits of a weight on the common grid


def lower_recurrent(builder: Builder, node: Node, spec: RecurrentSpec, signal: Signal) -> Signal:
    """The outputs of all steps, or of the last one.

    Raises:
        UnsupportedError: scales too fine to multiply in, or an input that is no sequence of vectors.
    """
    where = f"layer {node.name!r} ({node.class_name})"
    if len(signal.shape) != 2:
        raise UnsupportedError(f"{where}: a sequence of vectors is needed, got shape {signal.shape}.")
    source = builder.settled(signal, where)
    cell = _Cell(builder, node, spec, source, where)
    steps = range(source.shape[0])
    outputs = [cell.step(at) for at in (reversed(steps) if spec.go_backwards else steps)]
    bits = cell.widest
    reason = f"its sums and products need {bits} bits, float32 holds 24"
    builder.exactness.append(Exactness(node.name, bits <= 24 and not cell.remarks, bits, _reason(cell.remarks, reason)))
    builder.notes.append(f"layer {node.name!r}: unrolled over {len(outputs)} steps, a copy of its cell for each.")
    builder.notes.extend(_rounded_notes(node, spec))
    if not spec.return_sequences:
        return Signal(outputs[-1], (spec.units,))
    rows = [cell.reshaped(value, (1, spec.units)) for value in outputs]
    return Signal(cell.side_by_side(rows, node.name), (len(rows), spec.units))


def _rounded_notes(node: Node, spec: RecurrentSpec) -> list[str]:
    """What is rounded to the user's types."""
    weights = {w for w in (spec.kernel, spec.recurrent, spec.bias) if isinstance(w, Quantizer)}
    curves = [a for a in (spec.activation, spec.recurrent_activation) if isinstance(a, RoundedCurve)]
    rounded = [f"what the model leaves unquantized of its weights and bias is rounded to {kind}" for kind in weights]
    rounded += [f"what its {a.curve.name} gives is rounded to {a.type}" for a in dict.fromkeys(curves)]
    return [f"layer {node.name!r}: {what}, as --quantize says; Keras rounds nothing there." for what in rounded]


def _reason(remarks: Sequence[str], bits: str) -> str:
    return "; ".join([*remarks, bits])


@dataclass(frozen=True, slots=True)
class _Matrix:
    """Exact weights: ``code * 2**-fraction``."""

    code: IntArray
    fraction: int


class _Cell:
    """The cell of one layer, and its state while steps are laid out."""

    def __init__(self, builder: Builder, node: Node, spec: RecurrentSpec, source: Value, where: str) -> None:
        self.builder, self.node, self.spec, self.source, self.where = builder, node, spec, source, where
        self.remarks: list[str] = []
        self.widest = 0
        inputs, units, gates = source.shape[1], spec.units, spec.gates
        self.kernel = self._weights("kernel", (inputs, gates * units), spec.kernel)
        self.recurrent = self._weights("recurrent_kernel", (units, gates * units), spec.recurrent)
        shape = (2, gates * units) if spec.reset_after else (gates * units,)
        if spec.bias is None:
            zeros = [Fraction(0)] * (gates * units)
            self.biases = [zeros, zeros]
        else:
            values = self._quantized("bias", shape, spec.bias).values()
            self.biases = [values[: gates * units], values[gates * units :] or [Fraction(0)] * (gates * units)]
        for activation in dict.fromkeys((spec.activation, spec.recurrent_activation)):
            if isinstance(activation, RoundedCurve):
                self.remarks.append(
                    f"--quantize rounds its {activation.curve.name} to {activation.type}, Keras does not"
                )
        zero = self._zeros()
        self.output = self.carry = zero  # before the first step
        self.number = 0

    def step(self, at: int) -> Value:
        """Lay out one step.

        Args:
            at: which vector of the sequence it reads.
        Returns:
            Its output.
        """
        self.number = at
        given = self._slice(self.source, np.arange(self.source.shape[1]) + at * self.source.shape[1], "x")
        state = self._state(self.output, "h")
        match self.spec.kind:
            case "QSimpleRNN":
                self.output = self._activated(self._gates(given, state, [0], "sum"), self.spec.activation, "h_next")
            case "QLSTM":
                self._lstm(given, state)
            case "QGRU":
                self._gru(given, state)
        return self.output

    def _lstm(self, given: Value, state: Value) -> None:
        units, spec = self.spec.units, self.spec
        carry = self._state(self.carry, "c")
        gates = self._activated(self._gates(given, state, [0, 1, 3], "ifo"), spec.recurrent_activation, "gates")
        candidate = self._activated(self._gates(given, state, [2], "candidate"), spec.activation, "tanh")
        enter, forget, leave = (
            self._slice(gates, np.arange(units) + k * units, name) for k, name in enumerate(("i", "f", "o"))
        )
        kept = self._merged(MergeOperation.MULTIPLY, forget, carry, "kept")
        entered = self._merged(MergeOperation.MULTIPLY, enter, candidate, "entered")
        self.carry = self._merged(MergeOperation.ADD, kept, entered, "carry")
        shown = self._activated(self.carry, spec.activation, "shown")
        self.output = self._merged(MergeOperation.MULTIPLY, leave, shown, "h_next")

    def _gru(self, given: Value, state: Value) -> None:
        units, spec = self.spec.units, self.spec
        gates = self._activated(self._gates(given, state, [0, 1], "zr"), spec.recurrent_activation, "gates")
        update, reset = (self._slice(gates, np.arange(units) + k * units, name) for k, name in enumerate("zr"))
        if spec.reset_after:
            recurrent = self._sum(state, self._columns(self.recurrent, [2]), self._bias(1, [2]), "recurrent")
            remembered = self._merged(MergeOperation.MULTIPLY, reset, recurrent, "remembered")
            entered = self._sum(given, self._columns(self.kernel, [2]), self._bias(0, [2]), "entered")
            total = self._merged(MergeOperation.ADD, entered, remembered, "total")
        else:
            remembered = self._merged(MergeOperation.MULTIPLY, reset, state, "remembered")
            total = self._gates(given, remembered, [2], "total")
        candidate = self._activated(total, spec.activation, "candidate")
        kept = self._merged(MergeOperation.MULTIPLY, update, state, "kept")
        # The rest is 1 - z: a sum with weights of -1.
        negated = _Matrix(-np.eye(units, dtype=np.int64), 0)
        rest = self._sum(update, negated, [Fraction(1)] * units, "rest")
        entered = self._merged(MergeOperation.MULTIPLY, rest, candidate, "mixed")
        self.output = self._merged(MergeOperation.ADD, kept, entered, "h_next")

    # ---- parameters

    def _quantized(
        self, name: str, shape: tuple[int, ...], config: WeightQuantizer, kernel: bool = False
    ) -> QuantizedTensor:
        tensor = parameter(self.node, name, shape, config, kernel)
        if tensor.remark:
            self.remarks.append(tensor.remark)
        return tensor

    def _weights(self, name: str, shape: tuple[int, ...], config: WeightQuantizer) -> _Matrix:
        """Weights with their scales, which are float32 numbers and so binary fractions, multiplied in."""
        tensor = self._quantized(name, shape, config, kernel=True)
        extra = max((_fraction_bits(scale) for scale in tensor.scale), default=0)
        factors = [int(scale * 2**extra) for scale in tensor.scale]
        widest = int(np.abs(tensor.code).max(initial=0)).bit_length() + max(f.bit_length() for f in factors)
        if widest > _WIDEST:
            raise UnsupportedError(
                f"{self.where}, {name}: with its scales multiplied in, its weights need {widest} bits (at most "
                f"{_WIDEST}); use alpha=1 or 'auto_po2'."
            )
        return _Matrix(tensor.code * np.array(factors, dtype=np.int64), tensor.fraction + extra)

    def _columns(self, matrix: _Matrix, gates: Sequence[int]) -> _Matrix:
        """Those of some gates, which stand side by side."""
        units = self.spec.units
        return _Matrix(
            np.concatenate([matrix.code[:, g * units : (g + 1) * units] for g in gates], axis=1), matrix.fraction
        )

    def _bias(self, which: int, gates: Sequence[int]) -> list[Fraction]:
        units = self.spec.units
        return [value for g in gates for value in self.biases[which][g * units : (g + 1) * units]]

    # ---- layers

    def _gates(self, given: Value, state: Value, gates: Sequence[int], name: str) -> Value:
        """Sums over the step's input and the state side by side."""
        kernel, recurrent = self._columns(self.kernel, gates), self._columns(self.recurrent, gates)
        fraction = max(kernel.fraction, recurrent.fraction)
        both = np.concatenate(
            [
                self._finer(kernel.code, fraction - kernel.fraction),
                self._finer(recurrent.code, fraction - recurrent.fraction),
            ]
        )
        biases = [a + b for a, b in zip(self._bias(0, gates), self._bias(1, gates), strict=True)]
        return self._sum(
            self.side_by_side([given, state], self._text(f"{name}_in")), _Matrix(both, fraction), biases, name
        )

    def _sum(self, given: Value, matrix: _Matrix, biases: Sequence[Fraction], name: str) -> Value:
        finest = max(_fraction_bits(value) for value in biases)
        more = max(0, finest - (matrix.fraction + given.type.fraction))
        codes, fraction = self._finer(matrix.code, more), matrix.fraction + more
        bias = [int(b * Fraction(2) ** (fraction + given.type.fraction)) for b in biases]
        self._check_width(max(abs(b).bit_length() for b in bias), "bias")
        bias_codes = np.array(bias, dtype=np.int64)
        weight = weight_tensor(codes, fraction)
        interval = matrix_interval(self.node.name, weight, bias_codes, self.builder.ranges[given.name])
        kind = FixedType.holding(*interval.bounds, fraction + given.type.fraction)
        unique = self._name(name)
        output = Value(unique, (codes.shape[1],), kind)
        self.widest = max(self.widest, kind.width)
        return self.builder.add(Dense(unique, given.name, output, weight, bias_codes))

    def _finer(self, codes: IntArray, bits: int) -> IntArray:
        """Weights in steps of ``2**-bits`` of theirs, the common ones of kernels and bias."""
        if not codes.any():
            return codes
        self._check_width(int(np.abs(codes).max()).bit_length() + bits, "weights")
        return codes << bits

    def _check_width(self, bits: int, what: str) -> None:
        if bits > _WIDEST:
            raise UnsupportedError(
                f"{self.where}: in the finest steps of its kernels and bias, its {what} would need {bits} bits "
                f"(at most {_WIDEST}); use quantizers whose steps are closer."
            )

    def _activated(self, value: Value, activation: GateActivation, name: str) -> Value:
        signal = Signal(value, value.shape)
        if activation == "relu":
            return self.builder.settled(Signal(value, value.shape, relu=True), self.where)
        if isinstance(activation, str):
            return value
        if isinstance(activation, RoundedCurve):
            signal = replace(signal, curve=activation.curve)
            target = given_quantizer(activation.type, self.where)
        else:
            target = activation_quantizer(activation, self.where)
        return self._plain(quantize_signal(self.builder, self._text(name), self.where, signal, target))

    def _state(self, value: Value, name: str) -> Value:
        if self.spec.state is None:
            return value
        target = activation_quantizer(self.spec.state, f"{self.where}, state_quantizer")
        signal = Signal(value, value.shape)
        return self._plain(quantize_signal(self.builder, self._text(name), self.where, signal, target))

    def _plain(self, signal: Signal) -> Value:
        return self.builder.settled(signal, self.where)

    def _merged(self, operation: MergeOperation, one: Value, two: Value, name: str) -> Value:
        value = merged(self.builder, self._text(name), operation, [one, two])
        self.widest = max(self.widest, value.type.width)
        return value

    def _slice(self, value: Value, index: IntArray, name: str) -> Value:
        unique = self._name(name)
        return self.builder.add(Rearrange(unique, value.name, Value(unique, index.shape, value.type), index))

    def _zeros(self) -> Value:
        unique = self.builder.names.unique(f"{self.node.name}_start")
        index = np.full(self.spec.units, -1, dtype=np.int64)
        return self.builder.add(
            Rearrange(unique, self.source.name, Value(unique, index.shape, self.source.type), index)
        )

    def side_by_side(self, values: list[Value], name: str) -> Value:
        """Values along their first axis."""
        return concatenated(self.builder, name, values, 0)

    def reshaped(self, value: Value, shape: tuple[int, ...]) -> Value:
        """The same codes in another shape."""
        unique = self.builder.names.unique(f"{value.name}_row")
        return self.builder.add(Reshape(unique, value.name, Value(unique, shape, value.type)))

    def _text(self, name: str) -> str:
        return f"{self.node.name}_t{self.number}_{name}"

    def _name(self, name: str) -> str:
        return self.builder.names.unique(self._text(name))


def _fraction_bits(value: Fraction) -> int:
    """Bits after the binary point that a binary fraction needs, at least 0."""
    return value.denominator.bit_length() - 1
