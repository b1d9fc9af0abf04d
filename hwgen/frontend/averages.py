"""Average pooling: a sum of each channel over a window, and a division that stays pending."""

from dataclasses import replace
from fractions import Fraction
from math import prod

import numpy as np

from hwgen.errors import UnsupportedError
from hwgen.fixed import IntArray
from hwgen.frontend.affine import Affine
from hwgen.frontend.builder import Builder, Signal
from hwgen.frontend.convolution import Window, convolve
from hwgen.frontend.graph import Node
from hwgen.frontend.moving_data import lower_reshape, pooling_window
from hwgen.frontend.parameters import parameter_values
from hwgen.frontend.quantized_tensor import QuantizedTensor, is_power_of_two
from hwgen.frontend.quantizer_types import QuantizerConfig
from hwgen.frontend.specs import AverageSpec, ReshapeSpec
from hwgen.frontend.sums import WeightedSum
from hwgen.ir import Reshape, Value


def lower_average(builder: Builder, node: Node, spec: AverageSpec, signal: Signal) -> Signal:
    """Padding takes no part: with padding 'same' the divisor is the number of inputs that a window really covers."""
    where = f"layer {node.name!r} ({node.class_name})"
    window, strides, padding, sizes = pooling_window(spec.pool, signal.shape, where)
    area, channels = prod(window), signal.shape[-1]
    counts = _counts(signal.shape[:-1], window, strides, padding, sizes)
    factor, remarks = (Fraction(1), []) if spec.factor is None else _factor(spec.factor, area, where)
    divisors = sorted(set(counts.ravel().tolist()))
    rounding = [str(n) for n in divisors if not is_power_of_two(Fraction(n))]
    if rounding:
        remarks.append(f"float32 rounds the division by {' and '.join(rounding)}")
    ones = np.ones((*window, 1, channels), dtype=np.int64)
    # What Keras divides by is the count; with a factor it multiplies by the whole area again.
    share = factor * area if spec.factor is not None else Fraction(1)
    scale = share / divisors[0] if len(divisors) == 1 else Fraction(1)
    if scale == 0:
        ones, scale = ones * 0, Fraction(1)
    kernel = QuantizedTensor(ones, 0, (scale,), None)
    geometry = Window(strides, padding, (1,) * len(window))
    total = convolve(builder, node.name, where, signal, kernel, None, remarks, geometry, channels)
    if len(divisors) > 1:
        total = _divided(builder, node.name, total, counts, share)
    if spec.pool.window is None and not spec.pool.keepdims:
        return lower_reshape(builder, node, ReshapeSpec((channels,)), total)
    return total


def _factor(config: QuantizerConfig, area: int, where: str) -> tuple[Fraction, list[str]]:
    """The quantized reciprocal of the area, as float32 hands it to the quantizer."""
    alpha = getattr(config, "alpha", None)
    if isinstance(alpha, str):
        raise UnsupportedError(
            f"{where}: average_quantizer with alpha={alpha!r} would take its scale from one number; use alpha=1."
        )
    (value,), remark = parameter_values(np.array([1 / area], dtype=np.float32), config, f"{where}, average_quantizer")
    return value, [f"average_quantizer: {remark}"] if remark else []


def _counts(
    shape: tuple[int, ...],
    window: tuple[int, ...],
    strides: tuple[int, ...],
    padding: tuple[tuple[int, int], ...],
    sizes: tuple[int, ...],
) -> IntArray:
    """How many inputs each window covers: (positions...)."""
    counts = np.ones(sizes, dtype=np.int64)
    for axis, size in enumerate(shape):
        starts = np.arange(sizes[axis]) * strides[axis] - padding[axis][0]
        covered = np.minimum(starts + window[axis], size) - np.maximum(starts, 0)
        counts *= covered.reshape([-1 if a == axis else 1 for a in range(len(shape))])
    return counts


def _divided(builder: Builder, name: str, total: Signal, counts: IntArray, share: Fraction) -> Signal:
    """Divide each position by its own count: the sums become one vector, with a function for each number."""
    assert isinstance(total.base, WeightedSum)
    value, factor = total.base.emit_unscaled()
    unique = builder.names.unique(f"{name}_flat")
    flat = builder.add(Reshape(unique, value.name, Value(unique, (value.size,), value.type)))
    of_each = np.repeat(counts.ravel(), total.shape[-1]).tolist()
    pending = tuple(Affine.linear(factor * share / count) for count in of_each)
    return replace(total, base=flat, pending=pending, flat=True)
