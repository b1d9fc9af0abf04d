"""QDense and QConv: weights to codes, and the sum that is held until it is known what follows."""

from collections.abc import Mapping
from dataclasses import replace
from fractions import Fraction
from math import prod

import numpy as np
from numpy.typing import NDArray

from hwgen.errors import InputError, UnsupportedError
from hwgen.fixed import FixedType, IntArray
from hwgen.frontend.builder import Builder, Signal
from hwgen.frontend.folding import fold_batch_norm
from hwgen.frontend.graph import Node
from hwgen.frontend.parameters import quantize_parameter, trainable
from hwgen.frontend.quantized_tensor import QuantizedTensor
from hwgen.frontend.quantizer_types import QuantizerConfig
from hwgen.frontend.specs import ConvSpec, DenseSpec
from hwgen.frontend.sums import WeightedSum, dense_interval, float32_exactness
from hwgen.ir import Conv, Dense, Interval, SparseTensor, Value
from hwgen.ir.layers import output_length

WEIGHTED_CLASSES = ("QDense", "QConv1D", "QConv2D", "QConv2DBatchnorm")
Masks = Mapping[str, NDArray[np.bool_]]  # layer to (kernel's shape), True where kept


def lower_dense(builder: Builder, node: Node, spec: DenseSpec, signal: Signal, masks: Masks) -> Signal:
    """A matrix product over the last axis; over the positions of more axes it is a convolution with a kernel of one."""
    where = f"layer {node.name!r} ({node.class_name})"
    inputs, positions = signal.shape[-1], len(signal.shape) - 1
    if positions > 2:
        raise UnsupportedError(f"{where}: inputs of more than 3 axes are not supported, got shape {signal.shape}.")
    kernel = _parameter(node, "kernel", (inputs, spec.units), trainable(spec.kernel))
    kernel = _masked(builder, node, kernel, masks)
    bias, remarks = _bias(node, spec.bias if spec.use_bias else None, spec.units)
    remarks = [r for r in (kernel.remark, *remarks) if r]
    if positions:
        ones = (1,) * positions
        kernel = replace(kernel, code=kernel.code.reshape(*ones, inputs, spec.units))
        return _convolution(builder, node, signal, kernel, bias, remarks, ones, "valid", ones)
    value, factor = builder.operand(signal, where)
    given = builder.ranges[value.name]

    def emit(codes: IntArray, fraction: int, bias_codes: IntArray) -> Value:
        interval = dense_interval(node.name, codes, bias_codes, given)
        kind = FixedType.holding(*interval.bounds, fraction + value.type.fraction)
        name = builder.names.unique(node.name)
        weight = SparseTensor.from_dense(codes, _weight_type(codes, fraction))
        return builder.add(Dense(name, value.name, Value(name, (spec.units,), kind), weight, bias_codes))

    total = WeightedSum(node.name, kernel, factor, bias, value.type.fraction, emit)
    builder.exactness.append(float32_exactness(node.name, total, given, kernel.code, remarks))
    return Signal(total, (spec.units,))


def lower_conv(builder: Builder, node: Node, spec: ConvSpec, signal: Signal, masks: Masks) -> Signal:
    """A convolution over one or two axes, a batch norm folded into it where the layer holds one."""
    where = f"layer {node.name!r} ({node.class_name})"
    rank = len(spec.kernel_size)
    if len(signal.shape) != rank + 1:
        raise UnsupportedError(f"{where}: an input of {rank + 1} axes is needed, got shape {signal.shape}.")
    shape = (*spec.kernel_size, signal.shape[-1], spec.filters)
    bias: tuple[Fraction, ...] | None
    if spec.batch_norm is not None:
        kernel, bias, remarks = fold_batch_norm(node, spec, spec.batch_norm, shape)
    else:
        kernel = _parameter(node, "kernel", shape, trainable(spec.kernel))
        bias, remarks = _bias(node, spec.bias if spec.use_bias else None, spec.filters)
        remarks = [r for r in (kernel.remark, *remarks) if r]
    kernel = _masked(builder, node, kernel, masks)
    return _convolution(builder, node, signal, kernel, bias, remarks, spec.strides, spec.padding, spec.dilation)


def _convolution(
    builder: Builder,
    node: Node,
    signal: Signal,
    kernel: QuantizedTensor,
    bias: tuple[Fraction, ...] | None,
    remarks: list[str],
    strides: tuple[int, ...],
    padding: str,
    dilation: tuple[int, ...],
) -> Signal:
    """The sum of a convolution whose kernel (positions..., inputs, filters) is quantized."""
    where = f"layer {node.name!r} ({node.class_name})"
    value, factor = builder.operand(signal, where)
    *window, _, filters = kernel.code.shape
    axes = range(len(window))
    zeros = tuple(padding_zeros(padding, signal.shape[a], window[a], strides[a], dilation[a]) for a in axes)
    sizes = tuple(output_length(signal.shape[a], window[a], strides[a], zeros[a], dilation[a]) for a in axes)
    if min(sizes) < 1:
        raise UnsupportedError(f"{where}: its kernel is larger than its input of shape {signal.shape}.")
    shape = (*sizes, filters)
    given = _window_interval(builder.ranges[value.name], zeros, prod(window))

    def emit(codes: IntArray, fraction: int, bias_codes: IntArray) -> Value:
        interval = dense_interval(node.name, codes.reshape(-1, filters), bias_codes, given)
        kind = FixedType.holding(*interval.bounds, fraction + value.type.fraction)
        name = builder.names.unique(node.name)
        weight = SparseTensor.from_dense(codes, _weight_type(codes, fraction))
        output = Value(name, shape, kind)
        return builder.add(Conv(name, value.name, output, weight, bias_codes, strides, zeros, dilation))

    total = WeightedSum(node.name, kernel, factor, bias, value.type.fraction, emit)
    matrix = kernel.code.reshape(-1, filters)
    builder.exactness.append(float32_exactness(node.name, total, given, matrix, remarks))
    return Signal(total, shape)


def _parameter(node: Node, name: str, shape: tuple[int, ...], config: QuantizerConfig) -> QuantizedTensor:
    where = f"layer {node.name!r} ({node.class_name}), {name}"
    weights = node.weights.get(name)
    if weights is None:
        raise UnsupportedError(f"{where}: the file holds no such weight; save the whole model again.")
    if weights.shape != shape:
        raise UnsupportedError(f"{where}: the layer needs shape {shape}, the file holds {weights.shape}.")
    return quantize_parameter(weights, config, where)


def _bias(node: Node, config: QuantizerConfig | None, channels: int) -> tuple[tuple[Fraction, ...] | None, list[str]]:
    """The exact bias of each channel, and a remark on it."""
    if config is None:
        return None, []
    tensor = _parameter(node, "bias", (channels,), config)
    return tuple(tensor.values()), [tensor.remark] if tensor.remark else []


def _masked(builder: Builder, node: Node, kernel: QuantizedTensor, masks: Masks) -> QuantizedTensor:
    """Apply the mask of masks.npz, and say where a pruning wrapper's own mask did not make zeros."""
    if node.masked:
        alive = int((kernel.code[node.weights["kernel"] == 0] != 0).sum())
        if alive:
            builder.notes.append(
                f"layer {node.name!r}: {alive} pruned weights are not zero after their quantizer "
                f"(a quantizer without a zero); they stay in the hardware, as in the model."
            )
    keep = masks.get(node.name)
    if keep is None:
        stored = node.weights["kernel"]
        revived = int((kernel.code[stored == 0] != 0).sum()) if not node.masked else 0
        if revived:
            builder.notes.append(
                f"layer {node.name!r}: {revived} weights are stored as exactly 0, and their quantizer, which has no "
                f"zero, makes something else of them; if they were pruned, put masks.npz beside the model, or give "
                f"--masks."
            )
        return kernel
    if keep.shape != kernel.code.shape:
        raise InputError(
            f"layer {node.name!r}: its pruning mask has shape {keep.shape}, its kernel {kernel.code.shape}; "
            f"are the masks another model's?"
        )
    removed = int((kernel.code[~keep] != 0).sum())
    if removed:
        builder.notes.append(
            f"layer {node.name!r}: its pruning mask removes {removed} weights that the quantizer alone would not make "
            f"zero."
        )
    return kernel.masked(keep)


def _weight_type(codes: IntArray, fraction: int) -> FixedType:
    return FixedType.holding(int(codes.min(initial=0)), int(codes.max(initial=0)), fraction)


def padding_zeros(padding: str, size: int, window: int, stride: int, dilation: int = 1) -> tuple[int, int]:
    """Zeros before and after one axis, as TensorFlow lays them out.

    Args:
        padding: "valid", "same" or "causal".
    """
    reach = (window - 1) * dilation + 1
    if padding == "valid":
        return 0, 0
    if padding == "causal":
        return reach - 1, 0
    total = max(0, (-(-size // stride) - 1) * stride + reach - size)
    return total // 2, total - total // 2


def _window_interval(given: Interval, padding: tuple[tuple[int, int], ...], taps: int) -> Interval:
    """Interval of each entry of a flattened window, padding included."""
    padded = any(before or after for before, after in padding)
    low = np.minimum(given.low, 0) if padded else given.low
    high = np.maximum(given.high, 0) if padded else given.high
    return Interval(np.tile(low, taps), np.tile(high, taps))
