"""Depthwise and separable convolutions: grouped convolutions in which every group is one channel."""

from dataclasses import replace
from fractions import Fraction

from hwgen.frontend.builder import Builder, Signal
from hwgen.frontend.convolution import Window, convolve, sliding_window
from hwgen.frontend.folding import Folded, check_last_axis, fold_batch_norm
from hwgen.frontend.graph import Node
from hwgen.frontend.quantized_tensor import QuantizedTensor
from hwgen.frontend.specs import DepthwiseSpec, SeparableSpec
from hwgen.frontend.weighted_layers import Zeros, bias_values, check_rank, parameter


def lower_depthwise(builder: Builder, node: Node, spec: DepthwiseSpec, signal: Signal, zeros: Zeros | None) -> Signal:
    """Each channel by itself, a batch norm folded into it where the layer holds one."""
    where = f"layer {node.name!r} ({node.class_name})"
    check_rank(where, signal, len(spec.window.kernel_size))
    channels = signal.shape[-1]
    shape = (*spec.window.kernel_size, channels, spec.multiplier)
    outputs = channels * spec.multiplier
    bias: tuple[Fraction, ...] | None
    if spec.batch_norm is not None:
        check_last_axis(where, spec.batch_norm, len(signal.shape))
        folded = Folded.of(spec, shape, outputs, "depthwise_kernel")
        kernel, bias, remarks = fold_batch_norm(node, spec.batch_norm, folded)
    else:
        kernel = parameter(node, "depthwise_kernel", shape, spec.kernel)
        bias, remarks = bias_values(node, spec.bias if spec.use_bias else None, outputs)
        remarks = [r for r in (kernel.remark, *remarks) if r]
    window = sliding_window(spec.window, signal.shape, zeros)
    return convolve(builder, node.name, where, signal, by_channel(kernel), bias, remarks, window, channels)


def lower_separable(builder: Builder, node: Node, spec: SeparableSpec, signal: Signal, zeros: Zeros | None) -> Signal:
    """Depthwise, then pointwise: QKeras quantizes nothing in between, so the sums of the first are exact."""
    where = f"layer {node.name!r} ({node.class_name})"
    rank = len(spec.window.kernel_size)
    check_rank(where, signal, rank)
    channels = signal.shape[-1]
    depthwise = parameter(
        node, "depthwise_kernel", (*spec.window.kernel_size, channels, spec.multiplier), spec.depthwise
    )
    ones = (1,) * rank
    pointwise = parameter(node, "pointwise_kernel", (*ones, channels * spec.multiplier, spec.filters), spec.pointwise)
    bias, remarks = bias_values(node, spec.bias if spec.use_bias else None, spec.filters)
    window = sliding_window(spec.window, signal.shape, zeros)
    remark = [depthwise.remark] if depthwise.remark else []
    first = convolve(
        builder, f"{node.name}_depthwise", where, signal, by_channel(depthwise), None, remark, window, channels
    )
    remarks = [r for r in (pointwise.remark, *remarks) if r]
    once = Window(ones, ((0, 0),) * rank, ones)
    return convolve(builder, node.name, where, first, pointwise, bias, remarks, once)


def by_channel(kernel: QuantizedTensor) -> QuantizedTensor:
    """A kernel (positions..., channels, multiplier) as that of a grouped convolution: (positions..., 1, outputs)."""
    *window, channels, multiplier = kernel.code.shape
    # One scale a multiple, the same for each channel.
    scale = kernel.scale * channels if len(kernel.scale) > 1 else kernel.scale
    return replace(kernel, code=kernel.code.reshape(*window, 1, channels * multiplier), scale=scale)
