"""Functions of one number: batch norm, relu, softmax at the end, and the quantizers that end what is pending."""

from dataclasses import replace
from fractions import Fraction

from hwgen.errors import UnsupportedError
from hwgen.frontend.activations import ActivationQuantizer
from hwgen.frontend.affine import Affine, integer_steps
from hwgen.frontend.builder import Builder, Signal
from hwgen.frontend.curves import Curve
from hwgen.frontend.folding import batch_norm_parameters
from hwgen.frontend.graph import Node
from hwgen.frontend.real_steps import composed, is_rational
from hwgen.frontend.specs import BatchNormSpec
from hwgen.frontend.sums import WeightedSum, fraction_bits, is_dyadic
from hwgen.ir import Exactness, Requantize, Reshape, StepFunction, Value


def lower_batch_norm(builder: Builder, node: Node, spec: BatchNormSpec, signal: Signal) -> Signal:
    """A batch norm is pending until a quantizer comes."""
    where = f"layer {node.name!r} ({node.class_name})"
    if spec.axis not in (-1, len(signal.shape)):
        raise UnsupportedError(f"{where}: axis={spec.axis} is not the last axis.")
    parameters, remarks = batch_norm_parameters(node, spec, signal.shape[-1])
    parameters = parameters * (len(signal.pending or ()) // signal.shape[-1]) if signal.flat else parameters
    if signal.relu or signal.curve is not None:
        value, scale = builder.operand(signal, where)
        signal = Signal(value, signal.shape, scale=scale)
    before = signal.functions()
    if not all(f.rational for f in before):
        raise UnsupportedError(f"{where}: follows another batch norm directly; put a QActivation in between.")
    after = tuple(f.normalized(*p) for f, p in zip(before, parameters, strict=True))
    reason = "; ".join([*remarks, "float32 rounds the division by the square root and what follows it"])
    builder.exactness.append(Exactness(node.name, False, 0, reason))
    return Signal(signal.base, signal.shape, after, flat=signal.flat)


def quantize_signal(builder: Builder, name: str, where: str, signal: Signal, target: ActivationQuantizer) -> Signal:
    """Everything since the last value, and the quantizer, as one layer."""
    if signal.plain and signal.curve is None and target.rounding is not None:
        # Saturating at zero from below is the relu already.
        redundant = target.rounding.low == 0
        value = builder.settled(replace(signal, relu=signal.relu and not redundant), where)
        unique = builder.names.unique(name)
        output = Value(unique, value.shape, target.type)
        quantizer = target.rounding
        result = builder.add(Requantize(unique, value.name, output, quantizer.rounding, quantizer.overflow))
        if target.float32_rounds is not None:
            builder.exactness.append(Exactness(name, False, 0, target.float32_rounds))
        else:
            _note_rounding(builder, name, value, [Affine.linear(value.type.lsb)] * value.shape[-1], target)
        return Signal(result, signal.shape)
    if signal.plain:
        value = builder.settled(replace(signal, relu=False, curve=None), where)
        functions = [Affine.linear(value.type.lsb)] * signal.shape[-1]
    elif isinstance(signal.base, WeightedSum):
        value, functions = signal.base.emit_raw(list(signal.functions()))
    else:
        value, functions = signal.base, [f.scaled_input(signal.base.type.lsb) for f in signal.functions()]
    step = target.step
    if signal.curve is not None:
        if not signal.curve.straight and not is_rational(step):
            raise UnsupportedError(
                f"{where}: {target.name} steps at irrational numbers, and the activation {signal.curve.name!r} before "
                f"it cannot be turned around there; put a QActivation with quantized_bits or quantized_relu in between."
            )
        step = composed(step, signal.curve)
    step = step.after_relu() if signal.relu else step
    interval = builder.ranges[value.name]
    thresholds, levels = integer_steps(functions, step, interval.low.tolist(), interval.high.tolist(), where)
    unique = builder.names.unique(f"{name}_flat" if signal.flat else name)
    output = Value(unique, value.shape, target.type)
    result = builder.add(StepFunction(unique, value.name, output, thresholds, levels, _origin(signal, target)))
    if target.float32_rounds is not None:
        builder.exactness.append(Exactness(name, False, 0, target.float32_rounds))
    elif signal.curve is not None and signal.curve.float32_rounds:
        builder.exactness.append(Exactness(name, False, 0, f"float32 rounds {signal.curve.name}"))
    else:
        _note_rounding(builder, name, value, functions, target)
    if signal.flat:
        unique = builder.names.unique(name)
        result = builder.add(Reshape(unique, result.name, Value(unique, signal.shape, result.type)))
    return Signal(result, signal.shape, scale=target.scale)


def _origin(signal: Signal, target: ActivationQuantizer) -> str:
    """What a step function computes, for people."""
    return target.name if signal.curve is None else f"{signal.curve.name}, {target.name}"


def activate(signal: Signal, curve: Curve, where: str) -> Signal:
    """An activation function is pending until a quantizer comes.

    Raises:
        UnsupportedError: it follows another one.
    """
    if signal.curve is not None:
        raise UnsupportedError(
            f"{where}: the activation {curve.name!r} follows another one, {signal.curve.name!r}; put a QActivation in "
            f"between."
        )
    return replace(signal, curve=curve)


def _note_rounding(
    builder: Builder, name: str, value: Value, functions: list[Affine], target: ActivationQuantizer
) -> None:
    """A quantizer returns ``x + (xq - x)`` in float32: exact while both fit 24 bits of the finer grid.

    Args:
        functions: what is quantized, of the value's codes; where they are on no grid, float32's rounding is noted
            already.
    """
    interval = builder.ranges[value.name]
    # One function stands for many channels as a rule: only the widest interval of each counts.
    widest: dict[int, tuple[Affine, int, int]] = {}
    for f, low, high in zip(functions, interval.low.tolist(), interval.high.tolist(), strict=True):
        _, lowest, highest = widest.get(id(f), (f, low, high))
        widest[id(f)] = f, min(low, lowest), max(high, highest)
    factors = [(f.slope, f.shift + f.offset) for f, _, _ in widest.values() if f.rational]
    if len(factors) < len(widest) or not all(is_dyadic(number) for factor in factors for number in factor):
        return
    step = Fraction(2) ** -max(fraction_bits(number) for factor in factors for number in factor)
    ends = [(low, high) for _, low, high in widest.values()]
    largest = max(
        abs(slope * end + offset) for pair, (slope, offset) in zip(ends, factors, strict=True) for end in pair
    )
    finest = min(step, target.type.lsb)
    bits = int((largest + target.type.max_code * target.type.lsb) / finest).bit_length()
    if bits > 24:
        reason = f"values of {bits} bits against a step of {finest}, float32 holds 24"
        builder.exactness.append(Exactness(name, False, bits, reason))
    elif target.scale != 1:
        builder.exactness.append(Exactness(name, False, bits, "its scale is no power of two, so float32 rounds"))
