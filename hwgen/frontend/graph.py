"""The layer graph of a Keras model: nodes in topological order, wrappers removed, one way of saying each thing."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np

from hwgen.errors import ModelFileError, UnsupportedError
from hwgen.frontend.architecture import PRUNING_WRAPPER, Config
from hwgen.frontend.files import KerasFile
from hwgen.frontend.flattening import LayerCall, StatedShape, flatten
from hwgen.frontend.stored_weights import Weights


@dataclass(frozen=True, slots=True)
class Node:
    """One call of one layer.

    Attributes:
        name: the Keras layer's name; of a layer in a model in the model ``outer_inner``; of a second call ``name_1``.
        class_name: without a package prefix.
        config: the layer's options.
        inputs: names of the nodes that it reads, in order; a tensor that is read twice stands there twice.
        weights: short weight name to array; a pruning wrapper's mask already applied, as Keras does at inference.
        masked: how many kernel weights a pruning wrapper masks.
        layer: the name of the layer's first call, which all of its calls share.
        time_distributed: whether the layer is applied to each step of the first axis: class and config are those of
            the layer inside the TimeDistributed wrapper.
        stated: shapes that models around the layer state of what it reads.
        keras_major: the version of Keras that wrote the file; None where the file does not say.
    """

    name: str
    class_name: str
    config: Config
    inputs: tuple[str, ...]
    weights: Weights
    masked: int = 0
    layer: str = ""
    time_distributed: bool = False
    stated: tuple[StatedShape, ...] = ()
    keras_major: int | None = None


@dataclass(frozen=True)
class Graph:
    """A model: nodes in topological order, inputs in the order of the model's arguments, and which nodes it ends in.

    Attributes:
        consumers: node name to the names of the nodes that read it.
        notes: what is to be said about the hardware that follows from it.
    """

    name: str
    nodes: tuple[Node, ...]
    outputs: tuple[str, ...]
    consumers: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @cached_property
    def _by_name(self) -> Mapping[str, Node]:
        return {node.name: node for node in self.nodes}

    def node(self, name: str) -> Node:
        return self._by_name[name]


def read_graph(file: KerasFile) -> Graph:
    """Order a model's layers and connect them; models inside it are replaced by their layers.

    Raises:
        ModelFileError: the architecture contradicts itself.
        UnsupportedError: a layer is wrapped, or its tensors are read, in a way that hwgen does not follow.
    """
    flat = flatten(file.path, file.architecture)
    nodes = _topological(file, [replace(_node(file, call), keras_major=file.keras_major) for call in flat.calls])
    consumers: dict[str, list[str]] = {node.name: [] for node in nodes}
    for node in nodes:
        for source in dict.fromkeys(node.inputs):
            consumers[source].append(node.name)
    frozen = {name: tuple(users) for name, users in consumers.items()}
    return Graph(file.architecture.name, tuple(nodes), flat.outputs, frozen, flat.notes)


def _node(file: KerasFile, call: LayerCall) -> Node:
    entry, weights = call.entry, file.weights.get(call.path, {})
    node = Node(call.name, entry.class_name, entry.config, call.inputs, weights, 0, call.layer)
    node = replace(node, time_distributed=call.time_distributed, stated=call.stated)
    inner = entry.wrapped
    if inner is None:
        return node
    if entry.class_name == PRUNING_WRAPPER:
        if inner.wrapped is not None or inner.model is not None:
            raise UnsupportedError(
                f"layer {entry.name!r}: a {PRUNING_WRAPPER} around a {inner.class_name} is not supported; strip it."
            )
        name = entry.name if len(call.path) == 1 else call.name
        node = _pruned(file, name, node, _PRUNED.get(inner.class_name, "kernel"))
    return replace(node, class_name=inner.class_name, config=inner.config)


# What the wrapper prunes where it is not the kernel.
_PRUNED = {
    **dict.fromkeys(("QDepthwiseConv2D", "QDepthwiseConv2DBatchnorm"), "depthwise_kernel"),
    **dict.fromkeys(("SeparableConv1D", "SeparableConv2D"), "pointwise_kernel"),
}


def _pruned(file: KerasFile, name: str, node: Node, which: str) -> Node:
    """Apply the mask of a pruning wrapper to the stored kernel, which is where Keras applies it."""
    weights = node.weights
    kernel, mask = weights.get(which), weights.get("mask")
    kept = {key: array for key, array in weights.items() if key not in ("mask", "threshold", "pruned")}
    if kernel is None and mask is None:
        return replace(node, weights=kept)
    if kernel is None or mask is None or mask.shape != kernel.shape or not np.isin(mask, (0.0, 1.0)).all():
        found = "none" if mask is None else f"one of shape {mask.shape}, {mask.min():g} to {mask.max():g}"
        wanted = "no mask" if kernel is None else f"a mask of zeros and ones of its {which}'s shape {kernel.shape}"
        raise ModelFileError(
            f"{file.path}: layer {name!r} is wrapped for pruning, so {wanted} was expected, got {found}; strip the "
            f"wrapper (strip_pruning) and save again."
        )
    kept[which] = np.where(mask == 0, np.float32(0), kernel)
    return replace(node, weights=kept, masked=int((mask == 0).sum()))


def _topological(file: KerasFile, nodes: list[Node]) -> list[Node]:
    """Nodes after those that they read: inputs first, then all that read only these, and so on."""
    for node in nodes:
        if bool(node.inputs) == (node.class_name == "InputLayer"):
            reads = "reads another layer, but is an input" if node.inputs else "reads nothing, and is no input"
            raise ModelFileError(f"{file.path}: layer {node.name!r} {reads}.")
    order = {name: position for position, name in enumerate(file.architecture.inputs)}
    waiting = sorted(nodes, key=lambda node: order.get(node.name, len(order)))
    readers: dict[str, list[Node]] = {node.name: [] for node in waiting}
    missing = {node.name: len(node.inputs) for node in waiting}
    for node in waiting:
        for source in node.inputs:
            readers[source].append(node)
    level: dict[str, int] = {}  # the longest way from an input
    ready = [node.name for node in waiting if not node.inputs]
    depth = 0
    while ready:
        level.update(dict.fromkeys(ready, depth))
        following: list[str] = []
        for name in ready:
            for node in readers[name]:
                missing[node.name] -= 1
                if missing[node.name] == 0:
                    following.append(node.name)
        ready, depth = following, depth + 1
    looped = [node.name for node in waiting if node.name not in level]
    if looped:
        raise ModelFileError(f"{file.path}: the layers {', '.join(looped)} form a loop.")
    return sorted(waiting, key=lambda node: level[node.name])
