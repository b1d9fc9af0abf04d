"""Keras layers to the layers of a Network, one after the other, exactly.

Between two layers stands a ``Signal``: a value of the network, or a sum that is not built yet, with what has still to be
computed from it (scales, batch norms, a relu). A quantizer turns all of that into one integer step function.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import assert_never

import numpy as np

from hwgen.errors import InputError, UnsupportedError
from hwgen.fixed import FixedType, IntArray, Quantizer
from hwgen.frontend.activations import ActivationQuantizer, activation_quantizer
from hwgen.frontend.affine import Affine, integer_steps
from hwgen.frontend.folding import batch_norm_parameters, fold_batch_norm
from hwgen.frontend.graph import Graph, Node
from hwgen.frontend.names import Names
from hwgen.frontend.parameters import QuantizedTensor, quantize_parameter, trainable
from hwgen.frontend.quantizer_config import QuantizerConfig
from hwgen.frontend.specs import (
    Activation,
    ActivationSpec,
    BatchNormSpec,
    ConvSpec,
    DenseSpec,
    IdentitySpec,
    InputSpec,
    PoolSpec,
    ReshapeSpec,
    Spec,
)
from hwgen.frontend.sums import WeightedSum, dense_interval, float32_exactness
from hwgen.ir import (
    Conv,
    Dense,
    Exactness,
    Input,
    Interval,
    Layer,
    MaxPool,
    Network,
    Relu,
    Requantize,
    Reshape,
    SparseTensor,
    StepFunction,
    Value,
    check_network,
)
from hwgen.ir.layers import output_length
from hwgen.ir.ranges import input_interval, layer_interval

InputTypes = Mapping[str, FixedType | Quantizer]


@dataclass(frozen=True, slots=True, eq=False)
class Signal:
    """What flows between two Keras layers.

    Attributes:
        base: a value of the network, or a sum that is not built yet.
        shape: of the Keras tensor, without the batch axis.
        pending: what is computed from the base's exact real value, one function a channel; None: nothing.
        relu: whether a plain relu comes after that.
        scale: what the base's real value is multiplied by first; 1 unless an activation's scale is no power of two.
    """

    base: Value | WeightedSum
    shape: tuple[int, ...]
    pending: tuple[Affine, ...] | None = None
    relu: bool = False
    scale: Fraction = Fraction(1)


class Lowering:
    """Collects layers while the Keras graph is walked."""

    def __init__(self, graph: Graph, specs: Mapping[str, Spec], masks: Mapping[str, np.ndarray]) -> None:
        self.graph, self.specs, self.masks = graph, specs, masks
        self.names = Names()
        self.network_name = self.names.unique(graph.name)
        self.inputs: list[Input] = []
        self.layers: list[Layer] = []
        self.values: dict[str, Value] = {}
        self.ranges: dict[str, Interval] = {}
        self.exactness: list[Exactness] = []
        self.notes: list[str] = []
        self.signals: dict[str, Signal] = {}
        self.absorbed: set[str] = set()  # first quantizers that the network's input does already
        self.heads: set[str] = set()  # nodes whose softmax was left out

    # ---- the walk

    def run(self, input_types: InputTypes) -> Network:
        """Lower every node and check the result."""
        for node in self.graph.nodes:
            self.signals[node.name] = self.lower(node, input_types)
        outputs = []
        for name in self.graph.outputs:
            value = self.settled(self.signals[name], f"layer {name!r}, an output of the model")
            if value.name in outputs:
                raise UnsupportedError(f"layer {name!r}: the model outputs the same tensor twice.")
            outputs.append(value.name)
        network = Network(
            self.network_name,
            tuple(self.inputs),
            tuple(self.layers),
            tuple(outputs),
            tuple(self.exactness),
            tuple(self.notes),
        )
        return check_network(network)

    def lower(self, node: Node, input_types: InputTypes) -> Signal:
        spec = self.specs[node.name]
        if isinstance(spec, InputSpec):
            return self.input(node, spec, input_types)
        if len(node.inputs) != 1:
            raise UnsupportedError(
                f"layer {node.name!r} ({node.class_name}): one input is supported, got {len(node.inputs)}."
            )
        if node.inputs[0] in self.heads:
            raise UnsupportedError(
                f"layer {node.inputs[0]!r}: a softmax is supported only at the end of the model, but {node.name!r} reads it."
            )
        signal = self.signals[node.inputs[0]]
        match spec:
            case DenseSpec():
                return self.activate(node, self.dense(node, spec, signal), spec.activation, suffix="_activation")
            case ConvSpec():
                return self.activate(node, self.conv(node, spec, signal), spec.activation, suffix="_activation")
            case BatchNormSpec():
                return self.batch_norm(node, spec, signal)
            case ActivationSpec():
                if node.name in self.absorbed:
                    return signal
                return self.activate(node, signal, spec.activation, suffix="")
            case PoolSpec():
                return self.pool(node, spec, signal)
            case ReshapeSpec():
                return self.reshape(node, spec, signal)
            case IdentitySpec():
                return signal
            case _:
                assert_never(spec)

    # ---- inputs

    def input(self, node: Node, spec: InputSpec, input_types: InputTypes) -> Signal:
        given = input_types.get(node.name)
        quantizer: Quantizer | None
        if given is None:
            quantizer = self.first_quantizer(node)
            kind = quantizer.type
        else:
            quantizer = given if isinstance(given, Quantizer) else None
            kind = given.type if isinstance(given, Quantizer) else given
        value = Value(self.names.unique(node.name), spec.shape, kind)
        self.inputs.append(Input(value, quantizer))
        self.values[value.name] = value
        self.ranges[value.name] = input_interval(value)
        bits = kind.width - int(kind.signed)
        if bits > 24:
            self.exactness.append(Exactness(node.name, False, bits, f"inputs of {bits} bits, float32 holds 24"))
        return Signal(value, spec.shape)

    def first_quantizer(self, node: Node) -> Quantizer:
        """The quantizer that a first QActivation is; else an error that says which flag to give."""
        current = node
        while len(users := self.graph.consumers[current.name]) == 1:
            current = self.graph.node(users[0])
            spec = self.specs[current.name]
            if isinstance(spec, ActivationSpec):
                if not isinstance(spec.activation, str):
                    found = activation_quantizer(spec.activation, f"layer {current.name!r}")
                    if found.rounding is not None and found.scale == 1:
                        self.absorbed.add(current.name)
                        return found.rounding
                break
            if not isinstance(spec, IdentitySpec | ReshapeSpec):
                break
        raise InputError(
            f"input {node.name!r}: the model does not say what numbers it takes: its first layer, {current.name!r}, is no "
            f"QActivation with quantized_bits or quantized_relu. Give the type of your data, for example "
            f"--input-type 'fixed<8,3>' (input_type='fixed<8,3>' in Python)."
        )

    # ---- building layers

    def add(self, layer: Layer) -> Value:
        self.layers.append(layer)
        self.values[layer.output.name] = layer.output
        self.ranges[layer.output.name] = layer_interval(layer, self.values[layer.input], self.ranges[layer.input])
        return layer.output

    def settled(self, signal: Signal, where: str) -> Value:
        """A value of the network whose codes are the signal's exact values."""
        if signal.pending is not None or signal.scale != 1:
            raise UnsupportedError(
                f"{where}: reads values that are on no fixed-point grid (a batch norm or a scale that is no power of two "
                f"comes before it); put a QActivation in between."
            )
        base = signal.base
        value = base.emit_exact() if isinstance(base, WeightedSum) else base
        if not signal.relu:
            return value
        low, high = self.ranges[value.name].bounds
        kind = FixedType.holding(0, max(high, 0), value.type.fraction)
        name = self.names.unique(f"{value.name}_relu")
        return self.add(Relu(name, value.name, Value(name, value.shape, kind)))

    def operand(self, signal: Signal, where: str) -> tuple[Value, Fraction]:
        """A value to multiply by weights, and a factor that its values are still to be multiplied by."""
        if signal.scale != 1 and signal.pending is None and isinstance(signal.base, Value) and not signal.relu:
            return signal.base, signal.scale
        return self.settled(signal, where), Fraction(1)

    # ---- sums

    def parameter(self, node: Node, name: str, shape: tuple[int, ...], config: QuantizerConfig) -> QuantizedTensor:
        where = f"layer {node.name!r} ({node.class_name}), {name}"
        weights = node.weights.get(name)
        if weights is None:
            raise UnsupportedError(f"{where}: the file holds no such weight; save the whole model again.")
        if weights.shape != shape:
            raise UnsupportedError(f"{where}: the layer needs shape {shape}, the file holds {weights.shape}.")
        return quantize_parameter(weights, config, where)

    def masked(self, node: Node, kernel: QuantizedTensor) -> QuantizedTensor:
        """Apply the model's masks.npz, and say where a mask of the file itself did not make zeros."""
        if node.masked:
            alive = int((kernel.code[node.weights["kernel"] == 0] != 0).sum())
            if alive:
                self.notes.append(
                    f"layer {node.name!r}: {alive} pruned weights are not zero after their quantizer "
                    f"(a quantizer without a zero); they stay in the hardware, as in the model."
                )
        keep = self.masks.get(node.name)
        if keep is None:
            return kernel
        if keep.shape != kernel.code.shape:
            raise InputError(
                f"masks.npz: the mask of layer {node.name!r} has shape {keep.shape}, its kernel {kernel.code.shape}."
            )
        revived = int((kernel.code[~keep] != 0).sum())
        if revived:
            self.notes.append(
                f"layer {node.name!r}: masks.npz removes {revived} weights that the quantizer alone would not make zero."
            )
        return kernel.masked(keep)

    def dense(self, node: Node, spec: DenseSpec, signal: Signal) -> Signal:
        if len(signal.shape) != 1:
            positions = len(signal.shape) - 1
            if positions > 2:
                raise UnsupportedError(f"layer {node.name!r} (QDense): inputs of more than 3 axes are not supported.")
            pointwise = ConvSpec(
                spec.units,
                (1,) * positions,
                (1,) * positions,
                (1,) * positions,
                "valid",
                spec.use_bias,
                spec.kernel,
                spec.bias,
                spec.activation,
                None,
            )
            return self.conv(node, pointwise, signal, stored=(signal.shape[-1], spec.units))
        value, factor = self.operand(signal, f"layer {node.name!r}")
        kernel = self.masked(
            node, self.parameter(node, "kernel", (signal.shape[0], spec.units), trainable(spec.kernel))
        )
        bias = self.bias(node, spec, spec.units)
        given = self.ranges[value.name]

        def emit(codes: IntArray, fraction: int, bias_codes: IntArray) -> Value:
            interval = dense_interval(node.name, codes, bias_codes, given)
            kind = FixedType.holding(*interval.bounds, fraction + value.type.fraction)
            name = self.names.unique(node.name)
            weight = SparseTensor.from_dense(codes, _weight_type(codes, fraction))
            return self.add(Dense(name, value.name, Value(name, (spec.units,), kind), weight, bias_codes))

        total = WeightedSum(node.name, kernel, factor, bias.values if bias else None, value.type.fraction, emit)
        remarks = [r for r in (kernel.remark, bias.remark if bias else None) if r]
        self.exactness.append(float32_exactness(node.name, total, given, kernel.code, remarks))
        return Signal(total, (spec.units,))

    def bias(self, node: Node, spec: DenseSpec | ConvSpec, channels: int) -> "_Bias | None":
        if not spec.use_bias or spec.bias is None:
            return None
        tensor = self.parameter(node, "bias", (channels,), spec.bias)
        return _Bias(tuple(tensor.values()), tensor.remark)

    def conv(self, node: Node, spec: ConvSpec, signal: Signal, stored: tuple[int, ...] | None = None) -> Signal:
        rank = len(spec.kernel_size)
        if len(signal.shape) != rank + 1:
            raise UnsupportedError(
                f"layer {node.name!r}: an input of {rank + 1} axes is needed, got shape {signal.shape}."
            )
        value, factor = self.operand(signal, f"layer {node.name!r}")
        full = (*spec.kernel_size, signal.shape[-1], spec.filters)
        remarks: list[str] = []
        if spec.batch_norm is not None:
            kernel, biases, remarks = fold_batch_norm(node, spec, full)
        else:
            kernel = self.parameter(node, "kernel", stored or full, trainable(spec.kernel))
            bias = self.bias(node, spec, spec.filters)
            biases = bias.values if bias else None
            remarks = [r for r in (kernel.remark, bias.remark if bias else None) if r]
        kernel = self.masked(node, kernel)
        kernel = replace(kernel, code=kernel.code.reshape(full))
        padding = tuple(
            _padding(spec.padding, signal.shape[a], spec.kernel_size[a], spec.strides[a], spec.dilation[a])
            for a in range(rank)
        )
        sizes = tuple(
            output_length(signal.shape[a], spec.kernel_size[a], spec.strides[a], padding[a], spec.dilation[a])
            for a in range(rank)
        )
        if min(sizes) < 1:
            raise UnsupportedError(f"layer {node.name!r}: its kernel is larger than its input of shape {signal.shape}.")
        shape = (*sizes, spec.filters)
        window = _window_interval(self.ranges[value.name], padding, int(np.prod(spec.kernel_size)))

        def emit(codes: IntArray, fraction: int, bias_codes: IntArray) -> Value:
            interval = dense_interval(node.name, codes.reshape(-1, spec.filters), bias_codes, window)
            kind = FixedType.holding(*interval.bounds, fraction + value.type.fraction)
            name = self.names.unique(node.name)
            weight = SparseTensor.from_dense(codes, _weight_type(codes, fraction))
            output = Value(name, shape, kind)
            return self.add(Conv(name, value.name, output, weight, bias_codes, spec.strides, padding, spec.dilation))

        total = WeightedSum(node.name, kernel, factor, biases, value.type.fraction, emit)
        matrix = kernel.code.reshape(-1, spec.filters)
        self.exactness.append(float32_exactness(node.name, total, window, matrix, remarks))
        return Signal(total, shape)

    # ---- functions of one number

    def batch_norm(self, node: Node, spec: BatchNormSpec, signal: Signal) -> Signal:
        if spec.axis not in (-1, len(signal.shape)):
            raise UnsupportedError(f"layer {node.name!r} ({node.class_name}): axis={spec.axis} is not the last axis.")
        channels = signal.shape[-1]
        parameters, remarks = batch_norm_parameters(node, spec, channels)
        if signal.relu:
            signal = Signal(self.settled(signal, f"layer {node.name!r}"), signal.shape)
        before = signal.pending or tuple(Affine.linear(signal.scale) for _ in range(channels))
        if not all(f.rational for f in before):
            raise UnsupportedError(
                f"layer {node.name!r}: follows another batch norm directly; put a QActivation in between."
            )
        after = tuple(f.normalized(*p) for f, p in zip(before, parameters, strict=True))
        reason = "; ".join([*remarks, "float32 rounds the division by the square root and what follows it"])
        self.exactness.append(Exactness(node.name, False, 0, reason))
        return Signal(signal.base, signal.shape, after)

    def activate(self, node: Node, signal: Signal, activation: Activation, suffix: str) -> Signal:
        if activation == "linear":
            return signal
        if activation == "relu":
            return replace(signal, relu=True)
        if activation == "softmax":
            if self.graph.consumers[node.name]:
                self.heads.add(node.name)
            self.notes.append(
                f"layer {node.name!r}: its softmax is left out: the outputs are logits, whose largest is the same class."
            )
            return signal
        assert not isinstance(activation, str)
        where = f"layer {node.name!r} ({node.class_name})"
        return self.quantize(node.name + suffix, signal, activation_quantizer(activation, where))

    def quantize(self, name: str, signal: Signal, target: ActivationQuantizer) -> Signal:
        """Everything since the last value, and the quantizer, as one layer."""
        base = signal.base
        plain = signal.pending is None and signal.scale == 1 and (isinstance(base, Value) or base.plain)
        if plain and target.rounding is not None:
            # Saturating at zero from below is the relu already.
            redundant = target.rounding.low == 0
            value = self.settled(replace(signal, relu=signal.relu and not redundant), name)
            unique = self.names.unique(name)
            output = Value(unique, value.shape, target.type)
            quantizer = target.rounding
            result = self.add(Requantize(unique, value.name, output, quantizer.rounding, quantizer.overflow))
            self.note_rounding(name, value, target)
            return Signal(result, signal.shape, None, False, target.scale)
        channels = signal.shape[-1]
        if plain:
            value = self.settled(replace(signal, relu=False), name)
            functions = [Affine.linear(value.type.lsb)] * channels
        else:
            functions = list(signal.pending or [Affine.linear(signal.scale)] * channels)
            if isinstance(base, WeightedSum):
                value, functions = base.emit_raw(functions)
            else:
                value, functions = base, [f.scaled_input(base.type.lsb) for f in functions]
        step = target.step.after_relu() if signal.relu else target.step
        interval = self.ranges[value.name]
        low, high = interval.low.tolist(), interval.high.tolist()
        thresholds, levels = integer_steps(functions, step, low, high)
        unique = self.names.unique(name)
        output = Value(unique, value.shape, target.type)
        result = self.add(StepFunction(unique, value.name, output, thresholds, levels, target.name))
        if plain:
            self.note_rounding(name, value, target)
        return Signal(result, signal.shape, None, False, target.scale)

    def note_rounding(self, name: str, value: Value, target: ActivationQuantizer) -> None:
        """A quantizer returns ``x + (xq - x)`` in float32: exact while both fit 24 bits of the finer grid."""
        finest = min(value.type.lsb, target.type.lsb)
        low, high = self.ranges[value.name].bounds
        largest = max(abs(low), abs(high)) * value.type.lsb + target.type.max_code * target.type.lsb
        bits = int(largest / finest).bit_length()
        if bits > 24:
            reason = f"values of {bits} bits against a step of {finest}, float32 holds 24"
            self.exactness.append(Exactness(name, False, bits, reason))
        elif target.scale != 1:
            self.exactness.append(Exactness(name, False, bits, "its scale is no power of two, so float32 rounds"))

    # ---- moving data

    def pool(self, node: Node, spec: PoolSpec, signal: Signal) -> Signal:
        rank = len(signal.shape) - 1
        window = spec.window or signal.shape[:-1]
        if len(window) != rank:
            raise UnsupportedError(
                f"layer {node.name!r}: an input of {len(window) + 1} axes is needed, got {signal.shape}."
            )
        strides = spec.strides or window
        padding = tuple(_padding(spec.padding, signal.shape[a], window[a], strides[a], 1) for a in range(rank))
        sizes = tuple(output_length(signal.shape[a], window[a], strides[a], padding[a]) for a in range(rank))
        if min(sizes) < 1:
            raise UnsupportedError(f"layer {node.name!r}: its window is larger than its input of shape {signal.shape}.")
        ready = self.ascending(signal, f"layer {node.name!r}")
        assert isinstance(ready.base, Value)
        name = self.names.unique(node.name)
        shape = (*sizes, signal.shape[-1])
        value = self.add(MaxPool(name, ready.base.name, Value(name, shape, ready.base.type), window, strides, padding))
        pooled = replace(ready, base=value, shape=shape)
        if spec.window is None and not spec.keepdims:
            return self.reshape(node, ReshapeSpec((signal.shape[-1],)), pooled)
        return pooled

    def ascending(self, signal: Signal, where: str) -> Signal:
        """The signal over a built value, with functions that keep order, so that a maximum may be taken before them."""
        base = signal.base
        if isinstance(base, Value):
            if signal.pending is not None and any(f.slope < 0 for f in signal.pending):
                raise UnsupportedError(
                    f"{where}: takes a maximum after a batch norm with negative gamma; quantize first."
                )
            return signal
        if signal.pending is None and base.plain:
            return replace(signal, base=base.emit_exact())
        functions = list(signal.pending or [Affine.linear(Fraction(1))] * base.channels)
        value, functions = base.emit_raw(functions)
        # Functions of a signal take the value's real number, not its code.
        return replace(signal, base=value, pending=tuple(f.scaled_input(1 / value.type.lsb) for f in functions))

    def reshape(self, node: Node, spec: ReshapeSpec, signal: Signal) -> Signal:
        size = int(np.prod(signal.shape))
        target = list(spec.target)
        if -1 in target:
            rest = -int(np.prod(target))
            target[target.index(-1)] = size // rest if rest else 0
        shape = tuple(target)
        if int(np.prod(shape)) != size or min(shape, default=0) < 1:
            raise UnsupportedError(f"layer {node.name!r}: cannot reshape {signal.shape} to {spec.target}.")
        if shape == signal.shape:
            return signal
        ready = self.ascending(signal, f"layer {node.name!r}") if isinstance(signal.base, WeightedSum) else signal
        assert isinstance(ready.base, Value)
        pending = ready.pending
        if pending is not None:
            if size // shape[-1] > 1 and shape[-1] != signal.shape[-1]:
                raise UnsupportedError(f"layer {node.name!r}: moves channels after a batch norm; quantize before it.")
            pending = pending * (shape[-1] // len(pending))
        name = self.names.unique(node.name)
        value = self.add(Reshape(name, ready.base.name, Value(name, shape, ready.base.type)))
        return replace(ready, base=value, shape=shape, pending=pending)


@dataclass(frozen=True, slots=True)
class _Bias:
    values: tuple[Fraction, ...]
    remark: str | None


def _weight_type(codes: IntArray, fraction: int) -> FixedType:
    return FixedType.holding(int(codes.min(initial=0)), int(codes.max(initial=0)), fraction)


def _padding(padding: str, size: int, window: int, stride: int, dilation: int) -> tuple[int, int]:
    """Zeros before and after, as TensorFlow lays them out."""
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
