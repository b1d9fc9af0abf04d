"""A softmax out of the network's own layers, with a proven bound on how far it is from the real one.

For the N values of a row: subtract the largest, take the exponential from a table, add up, take the reciprocal from a
table, multiply, round. With p bits after the point of the exponentials and r of the reciprocal:

- An exponential is off by at most e = 2**-(p + 1), the largest one, which is 1, not at all. Their sum is at least 1,
  and off by at most (N - 1) * e. So the quotient is off by at most max(N - 1, (N + 1) / 2) * e: for the largest, by the
  sum's share alone; for another, which is at most 1/2 of the whole, by its own e and half of the sum's share.
- The reciprocal is off by at most 2**-(r + 1), and what is multiplied by it is at most 1.

p and r are chosen so that both together are at most half a step of the result.
"""

from bisect import bisect_right
from decimal import ROUND_CEILING, Context, Decimal
from fractions import Fraction
from math import prod

import numpy as np

from hwgen.errors import UnsupportedError
from hwgen.fixed import FixedType, IntArray, Overflow, Quantizer, Rounding
from hwgen.frontend.builder import Builder, Signal
from hwgen.frontend.sums import matrix_interval, weight_tensor
from hwgen.ir import (
    Conv,
    Exactness,
    MaxPool,
    Merge,
    MergeOperation,
    Rearrange,
    Requantize,
    Reshape,
    StepFunction,
    Value,
)

_MOST_BITS = 16  # of a table's results: 65,536 steps


def softmax(builder: Builder, name: str, where: str, signal: Signal, quantizer: Quantizer) -> Value:
    """The softmax of a signal over its last axis, as codes of a type.

    Raises:
        UnsupportedError: the type does not hold probabilities, or is finer than the tables can be.
    """
    logits, factor = builder.operand(signal, where)
    classes = logits.shape[-1]
    bits, reciprocal_bits = _table_bits(classes, quantizer, where)
    rows = _reshaped(builder, f"{name}_rows", logits, (prod(logits.shape[:-1]), classes))
    below = _below_largest(builder, name, rows)
    exponential = _exponential(builder, f"{name}_exp", below, below.type.lsb * factor, bits)
    total = _sum(builder, f"{name}_sum", exponential)
    reciprocal = _reciprocal(builder, f"{name}_reciprocal", total, classes, bits, reciprocal_bits)
    share = _product(builder, f"{name}_product", exponential, _repeated(builder, f"{name}_of_sum", reciprocal, classes))
    unique = builder.names.unique(f"{name}_probabilities")
    output = Value(unique, share.shape, quantizer.type)
    rounded = builder.add(Requantize(unique, share.name, output, quantizer.rounding, quantizer.overflow))
    steps = result_error(classes, bits, reciprocal_bits, quantizer) / quantizer.type.lsb
    builder.notes.append(
        f"layer {name!r}: its softmax is a table of exponentials with {bits} bits after the point, a sum, and a table "
        f"of reciprocals with {reciprocal_bits}; the outputs are at most {float(steps):.2f} steps of {quantizer.type} "
        f"from the real softmax of the logits."
    )
    builder.exactness.append(Exactness(name, False, 0, "its softmax is rounded to the type that was asked for"))
    return _reshaped(builder, f"{name}_softmax", rounded, logits.shape)


def worst_error(classes: int, bits: int, reciprocal_bits: int) -> Fraction:
    """How far a product is from the real softmax, before it is rounded."""
    of_exponentials = max(Fraction(classes - 1), Fraction(classes + 1, 2)) * Fraction(1, 2 ** (bits + 1))
    return of_exponentials + Fraction(1, 2 ** (reciprocal_bits + 1))


def result_error(classes: int, bits: int, reciprocal_bits: int, quantizer: Quantizer) -> Fraction:
    """How far a result is from the real softmax."""
    lsb = quantizer.type.lsb
    truncates = quantizer.rounding in (Rounding.TRN, Rounding.TRN_ZERO)
    error = worst_error(classes, bits, reciprocal_bits) + (lsb if truncates else lsb / 2)
    # A type that ends just below 1 is a step off there.
    return error if quantizer.type.max_value >= 1 else max(error, lsb)


def _table_bits(classes: int, quantizer: Quantizer, where: str) -> tuple[int, int]:
    """Bits after the point of the exponentials and of the reciprocal."""
    kind = quantizer.type
    saturates = quantizer.overflow in (Overflow.SAT, Overflow.SAT_SYM)
    if kind.max_value + (kind.lsb if saturates else 0) < 1:
        raise UnsupportedError(
            f"{where}: a softmax is at most 1, and {quantizer} neither holds it nor saturates just below it; use for "
            f"example 'ufixed<8,0,RND,SAT>' or 'fixed<9,1,RND,SAT>'."
        )
    half = kind.lsb / 2
    reciprocal_bits = 1
    while Fraction(1, 2 ** (reciprocal_bits + 1)) > half / 2:
        reciprocal_bits += 1
    bits = 1
    while worst_error(classes, bits, reciprocal_bits) > half:
        bits += 1
    if max(bits, reciprocal_bits) > _MOST_BITS:
        raise UnsupportedError(
            f"{where}: a softmax of {classes} classes in steps of 2**-{kind.fraction} needs tables of 2**{bits} steps; "
            f"hwgen builds at most 2**{_MOST_BITS}: give the result {bits - _MOST_BITS} bits less after the point."
        )
    return bits, reciprocal_bits


def _reshaped(builder: Builder, name: str, value: Value, shape: tuple[int, ...]) -> Value:
    if value.shape == shape:
        return value
    unique = builder.names.unique(name)
    return builder.add(Reshape(unique, value.name, Value(unique, shape, value.type)))


def _below_largest(builder: Builder, name: str, rows: Value) -> Value:
    """Each value minus the largest of its row: (rows, classes), none of them positive."""
    count, classes = rows.shape
    image = _reshaped(builder, f"{name}_line", rows, (count, classes, 1))
    unique = builder.names.unique(f"{name}_largest")
    pooled = Value(unique, (count, 1, 1), rows.type)
    largest = builder.add(MaxPool(unique, image.name, pooled, (1, classes), (1, classes), ((0, 0), (0, 0))))
    repeated = _repeated(builder, f"{name}_largest_of_row", largest, classes)
    unique = builder.names.unique(f"{name}_below_largest")
    output = Value(unique, rows.shape, FixedType(True, 64, rows.type.fraction))
    return builder.add_narrowed(Merge(unique, (rows.name, repeated.name), output, MergeOperation.SUBTRACT))


def _repeated(builder: Builder, name: str, value: Value, times: int) -> Value:
    """One number a row, for each place of the row."""
    rows = value.size
    index = np.repeat(np.arange(rows, dtype=np.int64)[:, None], times, axis=1)
    unique = builder.names.unique(name)
    return builder.add(Rearrange(unique, value.name, Value(unique, index.shape, value.type), index))


def _exponential(builder: Builder, name: str, value: Value, lsb: Fraction, bits: int) -> Value:
    """exp of each number, rounded once; positive ones, which do not occur, are taken as zero."""
    kind = FixedType(False, bits + 1, bits)
    low = builder.ranges[value.name].bounds[0]
    begins = [_reaching(level, bits, lsb) for level in range(1, (1 << bits) + 1)]
    unreached = bisect_right(begins, low)  # levels that even the lowest code has passed
    thresholds = np.array([begins[unreached:]], dtype=np.int64)
    levels = np.array([range(unreached, (1 << bits) + 1)], dtype=np.int64)
    thresholds, levels = _without_repetition(thresholds, levels)
    unique = builder.names.unique(name)
    output = Value(unique, value.shape, kind)
    return builder.add(StepFunction(unique, value.name, output, thresholds, levels, "exponential"))


def _reaching(level: int, bits: int, lsb: Fraction) -> int:
    """The smallest code whose exponential is at least ``(level - 1/2) / 2**bits``.

    It is the ceiling of a logarithm in steps of the code. That is irrational, so some number of digits decides.
    """
    digits = 40
    while True:
        context = Context(prec=digits)
        edge = context.divide(Decimal(2 * level - 1), Decimal(1 << (bits + 1)))
        steps = context.divide(context.multiply(context.ln(edge), Decimal(lsb.denominator)), Decimal(lsb.numerator))
        unsure = Decimal(10) ** (steps.adjusted() + 3 - digits)  # many times what four operations round
        ends = context.subtract(steps, unsure), context.add(steps, unsure)
        low, high = (int(end.to_integral_value(ROUND_CEILING, context)) for end in ends)
        if low == high:
            return low
        digits *= 2


def _without_repetition(thresholds: IntArray, levels: IntArray) -> tuple[IntArray, IntArray]:
    """Steps of more than one level as one step."""
    if not thresholds.size:
        return thresholds, levels
    last = np.append(thresholds[0, 1:] != thresholds[0, :-1], True)
    return thresholds[:, last], np.concatenate([levels[:, :1], levels[:, 1:][:, last]], axis=1)


def _sum(builder: Builder, name: str, value: Value) -> Value:
    rows, classes = value.shape
    weight = weight_tensor(np.ones((1, classes, 1), dtype=np.int64), 0)
    bias = np.zeros(1, dtype=np.int64)
    interval = matrix_interval(name, weight, bias, builder.ranges[value.name])
    unique = builder.names.unique(name)
    output = Value(unique, (rows, 1), FixedType.holding(*interval.bounds, value.type.fraction))
    return builder.add(Conv(unique, value.name, output, weight, bias, (1,), ((0, 0),), (1,)))


def _reciprocal(builder: Builder, name: str, total: Value, classes: int, bits: int, reciprocal_bits: int) -> Value:
    """1 / sum for sums from 1 to the number of classes, rounded once; smaller ones, which do not occur, are taken as 1.

    The level k is reached where 2**(p + r) / sum >= k - 1/2, so by sums up to 2**(p + r + 1) / (2 * k - 1).
    """
    highest = 1 << reciprocal_bits
    lowest = round(Fraction(highest, classes))
    ends = [(1 << (bits + reciprocal_bits + 1)) // (2 * k - 1) for k in range(highest, lowest, -1)]
    thresholds = np.array([[end + 1 for end in ends]], dtype=np.int64)
    levels = np.array([list(range(highest, lowest - 1, -1))], dtype=np.int64)
    thresholds, levels = _without_repetition(thresholds, levels)
    unique = builder.names.unique(name)
    output = Value(unique, total.shape, FixedType(False, reciprocal_bits + 1, reciprocal_bits))
    return builder.add(StepFunction(unique, total.name, output, thresholds, levels, "reciprocal"))


def _product(builder: Builder, name: str, one: Value, other: Value) -> Value:
    unique = builder.names.unique(name)
    output = Value(unique, one.shape, FixedType(True, 64, one.type.fraction + other.type.fraction))
    return builder.add_narrowed(Merge(unique, (one.name, other.name), output, MergeOperation.MULTIPLY))
