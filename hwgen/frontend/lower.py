"""Keras layers to the layers of a Network, one after the other, exactly."""

from collections.abc import Mapping
from typing import assert_never

from hwgen.errors import InputError, UnsupportedError
from hwgen.fixed import FixedType, Quantizer
from hwgen.frontend.activations import activation_quantizer
from hwgen.frontend.builder import Builder, Signal
from hwgen.frontend.curves import RELU, Curve
from hwgen.frontend.graph import Graph, Node
from hwgen.frontend.moving_data import lower_max_pool, lower_reshape
from hwgen.frontend.scalar_functions import activate, lower_batch_norm, quantize_signal
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
from hwgen.frontend.weighted_layers import Masks, lower_conv, lower_dense
from hwgen.ir import Network

InputTypes = Mapping[str, FixedType | Quantizer]


class Lowering:
    """Walks a Keras graph; ``signals`` holds what comes out of each node that was lowered."""

    def __init__(self, graph: Graph, specs: Mapping[str, Spec], input_types: InputTypes, masks: Masks) -> None:
        self.graph, self.specs, self.input_types, self.masks = graph, specs, input_types, masks
        self.builder = Builder(graph.name)
        self.signals: dict[str, Signal] = {}
        self._absorbed: set[str] = set()  # first quantizers that the network's input does already
        self._heads: set[str] = set()  # nodes whose softmax is left out

    def run(self) -> Network:
        """Lower every node and check the result."""
        for node in self.graph.nodes:
            self.lower(node)
        return self.finish()

    def finish(self) -> Network:
        """The network, once every node is lowered."""
        outputs: list[str] = []
        for name in self.graph.outputs:
            value = self.builder.settled(self.signals[name], f"layer {name!r}, an output of the model")
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
        if len(node.inputs) != 1:
            raise UnsupportedError(
                f"layer {node.name!r} ({node.class_name}): one input is supported, got {len(node.inputs)}."
            )
        source = node.inputs[0]
        if source in self._heads:
            raise UnsupportedError(
                f"layer {source!r}: a softmax is supported only at the end of the model, but {node.name!r} reads it."
            )
        self.signals[node.name] = self._lowered(node, spec, self.signals[source])

    def _refuse_unfollowed(self, node: Node) -> None:
        if node.time_distributed:
            raise UnsupportedError(
                f"layer {node.name!r} ({node.class_name} in TimeDistributed): layers that are applied to each time "
                f"step are not supported."
            )
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

    def _lowered(self, node: Node, spec: Spec, signal: Signal) -> Signal:
        builder = self.builder
        match spec:
            case InputSpec():
                raise AssertionError("inputs have no source")
            case DenseSpec():
                total = lower_dense(builder, node, spec, signal, self.masks)
                return self._activated(node, total, spec.activation, "_activation")
            case ConvSpec():
                total = lower_conv(builder, node, spec, signal, self.masks)
                return self._activated(node, total, spec.activation, "_activation")
            case BatchNormSpec():
                return lower_batch_norm(builder, node, spec, signal)
            case ActivationSpec():
                return signal if node.name in self._absorbed else self._activated(node, signal, spec.activation, "")
            case PoolSpec():
                return lower_max_pool(builder, node, spec, signal)
            case ReshapeSpec():
                return lower_reshape(builder, node, spec, signal)
            case IdentitySpec():
                return signal
            case _:
                assert_never(spec)

    def _activated(self, node: Node, signal: Signal, activation: Activation, suffix: str) -> Signal:
        match activation:
            case "linear":
                return signal
            case Curve():
                return activate(signal, activation, f"layer {node.name!r} ({node.class_name})")
            case "relu" if signal.curve is not None:
                return activate(signal, RELU, f"layer {node.name!r} ({node.class_name})")
            case "relu":
                return Signal(signal.base, signal.shape, signal.pending, True, signal.scale)
            case "softmax":
                self._heads.add(node.name)
                self.builder.notes.append(
                    f"layer {node.name!r}: its softmax is left out: the outputs are logits, whose largest is the same "
                    f"class."
                )
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
