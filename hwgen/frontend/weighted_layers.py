"""Dense and convolutional layers: weights to codes, and the sum that is held until it is known what follows."""

from collections.abc import Mapping
from dataclasses import replace
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from hwgen.errors import InputError, UnsupportedError
from hwgen.fixed import FixedType, IntArray, Quantizer
from hwgen.frontend.builder import Builder, Signal
from hwgen.frontend.convolution import Window, convolve, sliding_window
from hwgen.frontend.folding import Folded, check_last_axis, fold_batch_norm
from hwgen.frontend.given_types import given_tensor
from hwgen.frontend.graph import Node
from hwgen.frontend.parameters import quantize_parameter, trainable
from hwgen.frontend.quantized_tensor import QuantizedTensor
from hwgen.frontend.specs import ConvSpec, DenseSpec, WeightQuantizer
from hwgen.frontend.sums import WeightedSum, float32_exactness, matrix_interval, remembered, weight_tensor
from hwgen.ir import Dense, Value

# Whose kernel a mask of masks.npz may prune.
WEIGHTED_CLASSES = ("QDense", "QDenseBatchnorm", "QConv1D", "QConv2D", "QConv2DBatchnorm", "Dense", "Conv1D", "Conv2D")
Masks = Mapping[str, NDArray[np.bool_]]  # layer to (kernel's shape), True where kept
Zeros = tuple[tuple[int, int], ...]  # (before, after), one pair a spatial axis


def lower_dense(builder: Builder, node: Node, spec: DenseSpec, signal: Signal, masks: Masks) -> Signal:
    """A matrix product over the last axis; over the positions of more axes it is a convolution with a kernel of one."""
    where = f"layer {node.name!r} ({node.class_name})"
    inputs, positions = signal.shape[-1], len(signal.shape) - 1
    if positions > 2:
        raise UnsupportedError(f"{where}: inputs of more than 3 axes are not supported, got shape {signal.shape}.")
    shape = (inputs, spec.units)
    bias: tuple[Fraction, ...] | None
    if spec.batch_norm is not None:
        check_last_axis(where, spec.batch_norm, positions + 1)
        kernel, bias, remarks = fold_batch_norm(node, spec.batch_norm, Folded.of(spec, shape, spec.units))
    else:
        kernel = parameter(node, "kernel", shape, spec.kernel)
        bias, remarks = bias_values(node, spec.bias if spec.use_bias else None, spec.units)
        remarks = [r for r in (kernel.remark, *remarks) if r]
    kernel = _masked(builder, node, kernel, masks)
    if positions:
        ones = (1,) * positions
        kernel = replace(kernel, code=kernel.code.reshape(*ones, *shape))
        return convolve(
            builder, node.name, where, signal, kernel, bias, remarks, Window(ones, ((0, 0),) * positions, ones)
        )
    value, factor = builder.operand(signal, where)
    given = builder.ranges[value.name]

    def emit(codes: IntArray, fraction: int, bias_codes: IntArray) -> Value:
        weight = weight_tensor(codes, fraction)
        interval = matrix_interval(node.name, weight, bias_codes, given)
        kind = FixedType.holding(*interval.bounds, fraction + value.type.fraction)
        name = builder.names.unique(node.name)
        return builder.add(Dense(name, value.name, Value(name, (spec.units,), kind), weight, bias_codes))

    total = WeightedSum(node.name, kernel, factor, bias, value.type.fraction, remembered(emit))
    builder.exactness.append(float32_exactness(node.name, total, given, kernel.code, remarks))
    return Signal(total, (spec.units,))


def lower_conv(
    builder: Builder, node: Node, spec: ConvSpec, signal: Signal, masks: Masks, zeros: Zeros | None
) -> Signal:
    """A convolution over one or two axes, a batch norm folded into it where the layer holds one."""
    where = f"layer {node.name!r} ({node.class_name})"
    check_rank(where, signal, len(spec.window.kernel_size))
    channels = signal.shape[-1]
    if channels % spec.groups or spec.filters % spec.groups:
        raise UnsupportedError(
            f"{where}: {spec.groups} groups do not divide {channels} input channels and {spec.filters} filters."
        )
    shape = (*spec.window.kernel_size, channels // spec.groups, spec.filters)
    bias: tuple[Fraction, ...] | None
    if spec.batch_norm is not None:
        check_last_axis(where, spec.batch_norm, len(shape) - 1)
        kernel, bias, remarks = fold_batch_norm(node, spec.batch_norm, Folded.of(spec, shape, spec.filters))
    else:
        kernel = parameter(node, "kernel", shape, spec.kernel)
        bias, remarks = bias_values(node, spec.bias if spec.use_bias else None, spec.filters)
        remarks = [r for r in (kernel.remark, *remarks) if r]
    kernel = _masked(builder, node, kernel, masks)
    window = sliding_window(spec.window, signal.shape, zeros)
    return convolve(builder, node.name, where, signal, kernel, bias, remarks, window, spec.groups)


def check_rank(where: str, signal: Signal, rank: int) -> None:
    """Refuse an input of other than ``rank`` spatial axes."""
    if len(signal.shape) != rank + 1:
        raise UnsupportedError(f"{where}: an input of {rank + 1} axes is needed, got shape {signal.shape}.")


def parameter(
    node: Node, name: str, shape: tuple[int, ...], config: WeightQuantizer, kernel: bool = True
) -> QuantizedTensor:
    """A stored weight, quantized.

    Args:
        kernel: whether QKeras chooses ``alpha`` for it where the file does not; it does not for a bias.
    """
    where = f"layer {node.name!r} ({node.class_name}), {name}"
    weights = node.weights.get(name)
    if weights is None:
        raise UnsupportedError(f"{where}: the file holds no such weight; save the whole model again.")
    if weights.shape != shape:
        raise UnsupportedError(f"{where}: the layer needs shape {shape}, the file holds {weights.shape}.")
    if isinstance(config, Quantizer):
        return given_tensor(weights, config, name)
    return quantize_parameter(weights, trainable(config) if kernel else config, where)


def bias_values(
    node: Node, config: WeightQuantizer | None, channels: int
) -> tuple[tuple[Fraction, ...] | None, list[str]]:
    """The exact bias of each channel, and a remark on it."""
    if config is None:
        return None, []
    tensor = parameter(node, "bias", (channels,), config, kernel=False)
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
