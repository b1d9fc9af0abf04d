"""Keras layers to the layers of a Network, one after the other, exactly."""

from collections.abc import Mapping
from dataclasses import replace
from typing import assert_never

from hwgen.errors import InputError, UnsupportedError
from hwgen.fixed import FixedType, Quantizer
from hwgen.frontend.activations import activation_quantizer
from hwgen.frontend.averages import lower_average
from hwgen.frontend.builder import Builder, Signal
from hwgen.frontend.curves import RELU, Curve
from hwgen.frontend.depthwise_layers import lower_depthwise, lower_separable
from hwgen.frontend.given_types import GivenTypes, given_quantizer
from hwgen.frontend.graph import Graph, Node
from hwgen.frontend.heads import Head, lower_head
from hwgen.frontend.merging_layers import lower_concatenate, lower_merge
from hwgen.frontend.moving_data import lower_max_pool, lower_reshape
from hwgen.frontend.rearranging import lower_rearranging
from hwgen.frontend.recurrent import lower_recurrent
from hwgen.frontend.scalar_functions import activate, lower_batch_norm, quantize_signal
from hwgen.frontend.specs import (
    Activation,
    ActivationSpec,
    AverageSpec,
    BatchNormSpec,
    ConcatenateSpec,
    ConvSpec,
    CroppingSpec,
    DenseSpec,
    DepthwiseSpec,
    IdentitySpec,
    InputSpec,
    MergeSpec,
    MergingSpec,
    PermuteSpec,
    PoolSpec,
    RecurrentSpec,
    RepeatVectorSpec,
    ReshapeSpec,
    SeparableSpec,
    SingleInputSpec,
    Spec,
    TransposedSpec,
    UpSamplingSpec,
    WeightedSpec,
    ZeroPaddingSpec,
)
from hwgen.frontend.sums import WeightedSum
from hwgen.frontend.time_steps import at_all_steps, behind_each_other, of_all_steps, steps
from hwgen.frontend.transposed_layers import lower_transposed
from hwgen.frontend.weighted_layers import Masks, Zeros, lower_conv, lower_dense
from hwgen.ir import Exactness, Network

InputTypes = Mapping[str, FixedType | Quantizer]


class Lowering:
    """Walks a Keras graph; ``signals`` holds what comes out of each node that was lowered."""

    def __init__(
        self,
        graph: Graph,
        specs: Mapping[str, Spec],
        input_types: InputTypes,
        masks: Masks,
        given_types: Mapping[str, GivenTypes],
        head: Head,
    ) -> None:
        self.graph, self.specs, self.input_types, self.masks = graph, specs, input_types, masks
        self.given_types, self.head = given_types, head
        self.builder = Builder(graph.name)
        self.signals: dict[str, Signal] = {}
        self._absorbed: set[str] = set()  # first quantizers that the network's input does already
        self._zeros: dict[str, Zeros] = {}  # of zero paddings that the convolution behind them makes
        self._heads: set[str] = set()  # nodes that end in a softmax

    def run(self) -> Network:
        """Lower every node and check the result."""
        for node in self.graph.nodes:
            self.lower(node)
        return self.finish()

    def finish(self) -> Network:
        """The network, once every node is lowered."""
        outputs: list[str] = []
        for name in self.graph.outputs:
            value = lower_head(self.builder, self.head, name, self.signals[name], name in self._heads)
            if value.name in outputs:
                raise UnsupportedError(f"layer {name!r}: the model outputs the same tensor twice.")
            outputs.append(value.name)
        return self.builder.network(outputs)

    def lower(self, node: Node) -> None:
        """Lower one node, whose sources are lowered.

        Raises:
            UnsupportedError: what it computes has no exact form here.
            InputError: it is an input whose type nobody states, or a mask does not fit it.
        """
        spec = self.specs[node.name]
        if isinstance(spec, InputSpec):
            kind, quantizer = self._input_type(node)
            self.take_input(node, spec, kind, quantizer)
            return
        self._refuse_unfollowed(node)
        for source in node.inputs:
            if source in self._heads:
                raise UnsupportedError(
                    f"layer {source!r}: a softmax is supported only at the end of the model, but {node.name!r} reads "
                    f"it."
                )
        signals = [self.signals[source] for source in node.inputs]
        if isinstance(spec, MergeSpec | ConcatenateSpec):
            signal = self._merged(node, of_all_steps(node, spec, signals) if node.time_distributed else spec, signals)
        elif len(node.inputs) != 1:
            raise UnsupportedError(
                f"layer {node.name!r} ({node.class_name}): one input is supported, got {len(node.inputs)}."
            )
        else:
            signal = (
                self._each_step(node, spec, signals[0])
                if node.time_distributed
                else self._lowered(node, spec, signals[0])
            )
        self.signals[node.name] = self._shared(node, signal)

    def _merged(self, node: Node, spec: MergingSpec, signals: list[Signal]) -> Signal:
        match spec:
            case MergeSpec():
                return lower_merge(self.builder, node, spec, signals)
            case ConcatenateSpec():
                return lower_concatenate(self.builder, node, spec, signals)
            case _:
                assert_never(spec)

    def _shared(self, node: Node, signal: Signal) -> Signal:
        """A sum that several layers read is built once, with its bias, so that they read the same value."""
        readers = len(self.graph.consumers[node.name]) + (node.name in self.graph.outputs)
        if readers > 1 and isinstance(signal.base, WeightedSum) and signal.base.plain:
            return replace(signal, base=signal.base.emit_exact())
        return signal

    def _refuse_unfollowed(self, node: Node) -> None:
        for stated in node.stated:
            shape = self.signals[node.inputs[stated.position]].shape
            fits = len(shape) == len(stated.shape) and all(
                size is None or size == found for size, found in zip(stated.shape, shape, strict=True)
            )
            if not fits:
                raise UnsupportedError(
                    f"layer {node.name!r} ({node.class_name}): the model that it is in states an input of shape "
                    f"{stated.shape}, and reads {node.inputs[stated.position]!r} of shape {shape}; give it that shape."
                )

    def _lowered(self, node: Node, spec: SingleInputSpec, signal: Signal) -> Signal:
        builder = self.builder
        match spec:
            case DenseSpec() | ConvSpec() | DepthwiseSpec() | SeparableSpec() | TransposedSpec():
                result = self._activated(node, self._weighted(node, spec, signal), spec.activation, "_activation")
                return self._rounded(node, result)
            case RecurrentSpec():
                return lower_recurrent(builder, node, spec, signal)
            case BatchNormSpec():
                return lower_batch_norm(builder, node, spec, signal)
            case ActivationSpec():
                return signal if node.name in self._absorbed else self._activated(node, signal, spec.activation, "")
            case PoolSpec():
                return lower_max_pool(builder, node, spec, signal)
            case AverageSpec():
                average = lower_average(builder, node, spec, signal)
                return self._activated(node, average, spec.activation, "_activation")
            case ReshapeSpec():
                return lower_reshape(builder, node, spec, signal)
            case ZeroPaddingSpec() if self._joins_next(node, spec, signal):
                self._zeros[node.name] = spec.zeros
                return signal
            case ZeroPaddingSpec() | CroppingSpec() | UpSamplingSpec() | PermuteSpec() | RepeatVectorSpec():
                return lower_rearranging(builder, node, spec, signal)
            case IdentitySpec():
                return signal
            case _:
                assert_never(spec)

    def _each_step(self, node: Node, spec: SingleInputSpec, signal: Signal) -> Signal:
        """A layer that is applied to each step of the first axis: once to all of them, or a copy for each."""
        at_once = at_all_steps(node, spec, signal)
        if at_once is not None:
            return self._lowered(node, at_once, signal)
        results = []
        for number, step in enumerate(steps(self.builder, node, signal)):
            copy = replace(node, name=f"{node.name}_step_{number}")
            results.append(self._lowered(copy, spec, step))
            if copy.name in self._heads:
                self._heads.add(node.name)
        return behind_each_other(self.builder, node, results)

    def _weighted(self, node: Node, spec: WeightedSpec, signal: Signal) -> Signal:
        builder, zeros = self.builder, self._zeros.get(node.inputs[0])
        match spec:
            case DenseSpec():
                return lower_dense(builder, node, spec, signal, self.masks)
            case ConvSpec():
                return lower_conv(builder, node, spec, signal, self.masks, zeros)
            case DepthwiseSpec():
                return lower_depthwise(builder, node, spec, signal, zeros)
            case SeparableSpec():
                return lower_separable(builder, node, spec, signal, zeros)
            case TransposedSpec():
                return lower_transposed(builder, node, spec, signal)
            case _:
                assert_never(spec)

    def _rounded(self, node: Node, signal: Signal) -> Signal:
        """What the user's types say of the layer, noted; its result rounded where they say so."""
        given = self.given_types.get(node.layer)
        if given is None:
            return signal
        result = "" if given.result is None else f", and what it computes to {given.result}"
        self.builder.notes.append(
            f"layer {node.name!r}: what the model leaves unquantized of its weights and bias is rounded to "
            f"{given.weights}{result}, as --quantize says; Keras uses the stored numbers."
        )
        if given.result is None:
            return signal
        reason = f"--quantize rounds its result to {given.result}, Keras does not"
        self.builder.exactness.append(Exactness(node.name, False, 0, reason))
        where = f"layer {node.name!r} ({node.class_name})"
        return quantize_signal(self.builder, f"{node.name}_result", where, signal, given_quantizer(given.result, where))

    def _joins_next(self, node: Node, padding: ZeroPaddingSpec, signal: Signal) -> bool:
        """Whether zeros become the own padding of the one convolution that reads them."""
        users = self.graph.consumers.get(node.name, ())  # none for one of the copies at each time step
        if len(users) != 1 or node.name in self.graph.outputs or self.graph.node(users[0]).time_distributed:
            return False
        spec = self.specs.get(users[0])
        if not isinstance(spec, ConvSpec | DepthwiseSpec | SeparableSpec) or spec.window.padding != "valid":
            return False
        window = spec.window
        if not len(padding.zeros) == len(window.kernel_size) == len(signal.shape) - 1:
            return False
        # No window lies in the zeros alone.
        reaches = [(size - 1) * d for size, d in zip(window.kernel_size, window.dilation, strict=True)]
        return all(max(zeros) <= reach for zeros, reach in zip(padding.zeros, reaches, strict=True))

    def _activated(self, node: Node, signal: Signal, activation: Activation, suffix: str) -> Signal:
        match activation:
            case "linear":
                return signal
            case Curve():
                return activate(signal, activation, f"layer {node.name!r} ({node.class_name})")
            case "relu" if signal.curve is not None:
                return activate(signal, RELU, f"layer {node.name!r} ({node.class_name})")
            case "relu":
                return replace(signal, relu=True)
            case "softmax":
                self._heads.add(node.name)
                return signal
            case str():
                raise AssertionError(f"an activation {activation!r} that no layer parser returns")
            case _:
                where = f"layer {node.name!r} ({node.class_name})"
                target = activation_quantizer(activation, where)
                return quantize_signal(self.builder, node.name + suffix, where, signal, target)

    def take_input(self, node: Node, spec: InputSpec, kind: FixedType, quantizer: Quantizer | None) -> None:
        """Let an input take numbers of a type."""
        self.signals[node.name] = Signal(self.builder.input(node.name, spec.shape, kind, quantizer), spec.shape)

    def _input_type(self, node: Node) -> tuple[FixedType, Quantizer | None]:
        given = self.input_types.get(node.name)
        if given is None:
            quantizer = self._first_quantizer(node)
            return quantizer.type, quantizer
        return (given.type, given) if isinstance(given, Quantizer) else (given, None)

    def _first_quantizer(self, node: Node) -> Quantizer:
        """The quantizer that a first QActivation is; else an error that says which flag to give."""
        current = node
        while len(users := self.graph.consumers[current.name]) == 1 and current.name not in self.graph.outputs:
            current = self.graph.node(users[0])
            spec = self.specs.get(current.name)
            if isinstance(spec, ActivationSpec) and not isinstance(spec.activation, str | Curve):
                found = activation_quantizer(spec.activation, f"layer {current.name!r} ({current.class_name})")
                if found.rounding is not None and found.scale == 1:
                    self._absorbed.add(current.name)
                    return found.rounding
            if not isinstance(spec, IdentitySpec | ReshapeSpec):
                users = (current.name,)
                break
        readers = " and ".join(f"{name!r} ({self.graph.node(name).class_name})" for name in users) or "no layer"
        raise InputError(
            f"input {node.name!r}: the model does not say what numbers it takes: what reads it first is {readers}, and "
            f"no QActivation with a plain quantized_bits or quantized_relu. Give the type of your data, for example "
            f"--input-type 'fixed<8,3>' (input_type='fixed<8,3>' in Python)."
        )
