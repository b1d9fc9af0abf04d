"""Layers that read several others: sums, differences, products, averages, extremes and concatenations."""

from dataclasses import replace
from fractions import Fraction

import numpy as np

from hwgen.errors import UnsupportedError
from hwgen.fixed import FixedType
from hwgen.frontend.builder import Builder, Signal
from hwgen.frontend.graph import Node
from hwgen.frontend.quantized_tensor import is_power_of_two
from hwgen.frontend.rearranging import positions, rearranged
from hwgen.frontend.specs import ConcatenateSpec, MergeSpec
from hwgen.ir import Concatenate, Exactness, Merge, MergeOperation, Value

_Operand = tuple[Value, Fraction]  # and the positive factor that its values are still to be multiplied by


def lower_merge(builder: Builder, node: Node, spec: MergeSpec, signals: list[Signal]) -> Signal:
    """Position by position, after shapes are made equal as Keras makes them."""
    where = f"layer {node.name!r} ({node.class_name})"
    if len(signals) < 2:
        raise UnsupportedError(f"{where}: two inputs or more are needed, got {len(signals)}.")
    if spec.operation is MergeOperation.SUBTRACT and len(signals) != 2:
        raise UnsupportedError(f"{where}: two inputs are needed, got {len(signals)}.")
    shapes = [signal.shape for signal in signals]
    if spec.operator and len({len(shape) for shape in shapes}) > 1:
        raise UnsupportedError(
            f"{where}: is an operator on shapes {_listed(shapes)} beside the batch's axis, which it would take for "
            f"another; use a Keras layer instead, or give both as many axes with a Reshape."
        )
    shape = _common_shape(shapes, where)
    wide = [_broadcast(builder, node.name, where, signal, shape) for signal in signals]
    operands = [builder.operand(signal, where) for signal in wide]
    operation = spec.operation
    if operation is MergeOperation.MULTIPLY:
        value, factor = operands[0]
        for number, (other, another) in enumerate(operands[1:], start=2):
            name = node.name if number == len(operands) else f"{node.name}_of_{number}"
            value, factor = merged(builder, name, operation, [value, other]), factor * another
    else:
        if any(factor != operands[0][1] for _, factor in operands):
            operands = [(builder.settled(signal, where), Fraction(1)) for signal in wide]
        factor = operands[0][1]
        value = merged(builder, node.name, operation, [operand for operand, _ in operands])
    if spec.average:
        factor /= len(signals)
    if operation in (MergeOperation.ADD, MergeOperation.SUBTRACT, MergeOperation.MULTIPLY):
        builder.exactness.append(_exactness(builder, node.name, spec, operands, value, factor))
    return Signal(value, shape, scale=factor)


def lower_concatenate(builder: Builder, node: Node, spec: ConcatenateSpec, signals: list[Signal]) -> Signal:
    """One behind the other; what is pending for channels follows them along the last axis."""
    where = f"layer {node.name!r} ({node.class_name})"
    shapes = [s.shape for s in signals]
    rank = len(shapes[0])
    axis = spec.axis - 1 if spec.axis >= 0 else rank + spec.axis
    if not 0 <= axis < rank or any(len(shape) != rank for shape in shapes):
        raise UnsupportedError(f"{where}: cannot concatenate shapes {_listed(shapes)} along axis {spec.axis}.")
    beside = {(*shape[:axis], *shape[axis + 1 :]) for shape in shapes}
    if len(beside) > 1:
        raise UnsupportedError(f"{where}: cannot concatenate shapes {_listed(shapes)} along axis {spec.axis}.")
    if len(signals) == 1:
        return signals[0]
    ready = [builder.built(signal, where) for signal in signals]
    last = axis == rank - 1
    if len({(s.relu, s.curve) for s in ready}) > 1 or (not last and len({(s.pending, s.scale) for s in ready}) > 1):
        ready = [Signal(builder.settled(signal, where), signal.shape) for signal in signals]
    value = concatenated(builder, node.name, [s.base for s in ready if isinstance(s.base, Value)], axis)
    shape = value.shape
    first = ready[0]
    if all(s.pending is None and s.scale == first.scale for s in ready):
        return replace(first, base=value, shape=shape)
    pending = first.pending
    if last:
        pending = tuple(function for signal in ready for function in signal.functions())
    return replace(first, base=value, shape=shape, pending=pending, scale=Fraction(1))


def _listed(shapes: list[tuple[int, ...]]) -> str:
    return " and ".join(str(shape) for shape in shapes)


def _common_shape(shapes: list[tuple[int, ...]], where: str) -> tuple[int, ...]:
    """The shape that Keras broadcasts all inputs to: missing axes come first."""
    try:
        return np.broadcast_shapes(*shapes)
    except ValueError:
        raise UnsupportedError(f"{where}: cannot merge shapes {_listed(shapes)}.") from None


def _broadcast(builder: Builder, name: str, where: str, signal: Signal, shape: tuple[int, ...]) -> Signal:
    if signal.shape == shape:
        return signal
    index = np.ascontiguousarray(np.broadcast_to(positions(signal.shape), shape))
    return rearranged(builder, f"{name}_broadcast", where, index, signal)


def concatenated(builder: Builder, name: str, values: list[Value], axis: int) -> Value:
    """Values one behind the other along an axis, in the narrowest type that holds them."""
    first = values[0].shape
    shape = (*first[:axis], sum(value.shape[axis] for value in values), *first[axis + 1 :])
    unique = builder.names.unique(name)
    output = Value(unique, shape, FixedType(True, 64, max(value.type.fraction for value in values)))
    return builder.add_narrowed(Concatenate(unique, tuple(value.name for value in values), output, axis))


def merged(builder: Builder, name: str, operation: MergeOperation, values: list[Value]) -> Value:
    """A merge of values of one shape, in the narrowest type that holds it."""
    fractions = [value.type.fraction for value in values]
    fraction = sum(fractions) if operation is MergeOperation.MULTIPLY else max(fractions)
    unique = builder.names.unique(name)
    output = Value(unique, values[0].shape, FixedType(True, 64, fraction))
    return builder.add_narrowed(Merge(unique, tuple(value.name for value in values), output, operation))


def _exactness(
    builder: Builder, name: str, spec: MergeSpec, operands: list[_Operand], value: Value, factor: Fraction
) -> Exactness:
    """Float32 holds every partial result if it holds the largest that magnitudes allow."""
    product = spec.operation is MergeOperation.MULTIPLY
    largest = Fraction(int(product))
    for operand, _ in operands:
        low, high = builder.ranges[operand.name].bounds
        magnitude = max(abs(low), abs(high)) * operand.type.lsb
        largest = largest * magnitude if product else largest + magnitude
    bits = int(largest / value.type.lsb).bit_length()
    reasons = []
    if spec.average and not is_power_of_two(Fraction(len(operands))):
        reasons.append(f"float32 rounds the division by {len(operands)}")
    elif not is_power_of_two(factor):
        reasons.append("its inputs' scale is no power of two, so float32 rounds")
    if bits > 24:
        reasons.append(f"results need {bits} bits, float32 holds 24")
    return Exactness(name, not reasons, bits, "; ".join(reasons) if reasons else f"results need {bits} of 24 bits")
