"""Transposed convolutions: zeros between the inputs, then a convolution with the kernel turned around."""

from dataclasses import replace
from fractions import Fraction

import numpy as np

from hwgen.errors import UnsupportedError
from hwgen.fixed import IntArray
from hwgen.frontend.builder import Builder, Signal
from hwgen.frontend.convolution import Window, convolve, padding_zeros
from hwgen.frontend.graph import Node
from hwgen.frontend.quantized_tensor import QuantizedTensor
from hwgen.frontend.rearranging import rearranged
from hwgen.frontend.specs import TransposedSpec
from hwgen.frontend.sums import is_dyadic
from hwgen.frontend.weighted_layers import bias_values, check_rank, parameter

_WIDEST = 60  # bits of a code after its scale is multiplied in


def lower_transposed(builder: Builder, node: Node, spec: TransposedSpec, signal: Signal) -> Signal:
    """The gradient of a convolution with regard to its input, which is what Keras computes."""
    where = f"layer {node.name!r} ({node.class_name})"
    rank = len(spec.window.kernel_size)
    check_rank(where, signal, rank)
    shape = (*spec.window.kernel_size, spec.filters, signal.shape[-1])
    stored = _without_scales(parameter(node, "kernel", shape, spec.kernel), where)
    bias, remarks = bias_values(node, spec.bias if spec.use_bias else None, spec.filters)
    remarks = [r for r in (stored.remark, *remarks) if r]
    turned = np.flip(stored.code, axis=tuple(range(rank))).swapaxes(-1, -2)
    kernel = replace(stored, code=np.ascontiguousarray(turned))
    axes = [_axis(spec, signal.shape[a], a, where) for a in range(rank)]
    spread = _spread(signal.shape, [taken for taken, _ in axes])
    source = rearranged(builder, f"{node.name}_spread", where, spread, signal)
    window = Window((1,) * rank, tuple(zeros for _, zeros in axes), spec.window.dilation)
    return convolve(builder, node.name, where, source, kernel, bias, remarks, window)


def _axis(spec: TransposedSpec, size: int, axis: int, where: str) -> tuple[IntArray, tuple[int, int]]:
    """Which input each place of the spread axis holds (-1 for zero), and zeros before and after it."""
    window, stride, dilation = spec.window.kernel_size[axis], spec.window.strides[axis], spec.window.dilation[axis]
    reach = (window - 1) * dilation + 1
    same = spec.window.padding == "same"
    if spec.output_padding is not None:
        extra = spec.output_padding[axis]
        length = (size - 1) * stride + reach - 2 * (reach // 2 if same else 0) + extra
    else:
        length = size * stride if same else size * stride + max(reach - stride, 0)
    forward = -(-length // stride) if same else -(-(length - reach + 1) // stride)
    if forward != size:
        raise UnsupportedError(
            f"{where}: an output of {length} along axis {axis + 1} is none whose convolution has {size} positions; "
            f"TensorFlow refuses it too: use another output_padding."
        )
    before = reach - 1 - padding_zeros(spec.window.padding, length, window, stride, dilation)[0]
    after = length + reach - 1 - before - ((size - 1) * stride + 1)
    places = np.full((size - 1) * stride + 1, -1, dtype=np.int64)
    places[::stride] = np.arange(size)
    assert (
        min(before, after) >= 0
    )  # for the convolution that this turns around has as many positions as there are inputs
    return places, (before, after)


def _spread(shape: tuple[int, ...], places: list[IntArray]) -> IntArray:
    """The index map of an input whose axes are spread."""
    index = np.arange(np.prod(shape), dtype=np.int64).reshape(shape)
    for axis, taken in enumerate(places):
        index = np.take(index, np.maximum(taken, 0), axis=axis)
        index[(slice(None),) * axis + (taken < 0,)] = -1
    return index


def _without_scales(kernel: QuantizedTensor, where: str) -> QuantizedTensor:
    """Multiply scales into the codes: those of this kernel belong to inputs, and cannot follow the sum."""
    if len(kernel.scale) == 1:
        return kernel
    assert all(is_dyadic(scale) for scale in kernel.scale)  # they are float32 numbers
    extra = max(scale.denominator.bit_length() - 1 for scale in kernel.scale)
    factors = [int(scale * Fraction(2) ** extra) for scale in kernel.scale]
    widest = int(np.abs(kernel.code).max(initial=0)).bit_length() + max(f.bit_length() for f in factors)
    if widest > _WIDEST:
        raise UnsupportedError(
            f"{where}, kernel: with the scale of each input multiplied in, its weights need {widest} bits "
            f"(at most {_WIDEST}); use alpha='auto_po2' or 1."
        )
    code = kernel.code * np.array(factors, dtype=np.int64)
    remark = kernel.remark or "its scale is no power of two, so float32 rounds the products"
    return QuantizedTensor(code, kernel.fraction + extra, (Fraction(1),), remark)
