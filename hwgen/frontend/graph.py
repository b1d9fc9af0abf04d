"""The layer graph of a Keras model: nodes in topological order, wrappers removed, one way of saying each thing."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Any

import numpy as np

from hwgen.errors import ModelFileError, UnsupportedError
from hwgen.frontend.architecture import PRUNING_WRAPPER, Architecture, Config, LayerEntry
from hwgen.frontend.files import KerasFile
from hwgen.frontend.stored_weights import Weights


@dataclass(frozen=True, slots=True)
class Node:
    """One layer as the file states it.

    Attributes:
        name: the Keras layer's name.
        class_name: without a package prefix.
        config: the layer's options.
        inputs: names of the nodes that it reads.
        weights: short weight name to array; a pruning wrapper's mask already applied, as Keras does at inference.
        masked: how many kernel weights a pruning wrapper masks.
        keras_major: the version of Keras that wrote the file; None where the file does not say.
    """

    name: str
    class_name: str
    config: Config
    inputs: tuple[str, ...]
    weights: Weights
    masked: int = 0
    keras_major: int | None = None


@dataclass(frozen=True, slots=True)
class Graph:
    """A model: nodes in topological order, inputs in the order of the model's arguments, and which nodes it ends in."""

    name: str
    nodes: tuple[Node, ...]
    outputs: tuple[str, ...]
    consumers: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def node(self, name: str) -> Node:
        return next(node for node in self.nodes if node.name == name)


def read_graph(file: KerasFile) -> Graph:
    """Order a model's layers and connect them.

    Raises:
        ModelFileError: the architecture contradicts itself.
        UnsupportedError: a layer is used in more than one place, or is called with arguments that would be ignored.
    """
    architecture = file.architecture
    nodes = [replace(_node(file, entry), keras_major=file.keras_major) for entry in architecture.layers]
    outputs = list(architecture.outputs)
    if architecture.sequential:
        nodes = _in_sequence(file, nodes)
        outputs = [nodes[-1].name]
    nodes = _topological(file, nodes, architecture)
    nodes, outputs = _stripped_names(nodes, outputs, architecture)
    consumers: dict[str, list[str]] = {node.name: [] for node in nodes}
    for node in nodes:
        for source in node.inputs:
            consumers[source].append(node.name)
    frozen = {name: tuple(users) for name, users in consumers.items()}
    return Graph(architecture.name, tuple(nodes), tuple(outputs), frozen)


def _node(file: KerasFile, entry: LayerEntry) -> Node:
    if len(entry.calls) > 1:
        raise UnsupportedError(
            f"layer {entry.name!r}: is used {len(entry.calls)} times in the model; "
            f"hwgen needs one layer for each use (shared layers are not supported)."
        )
    inputs = tuple(_sources(entry.name, entry.calls[0])) if entry.calls else ()
    weights = file.weights.get(entry.name, {})
    if entry.wrapped is None:
        return Node(entry.name, entry.class_name, entry.config, inputs, weights)
    inner = entry.wrapped
    if inner.class_name == PRUNING_WRAPPER:
        raise UnsupportedError(f"layer {entry.name!r}: a {PRUNING_WRAPPER} in another one is not supported; strip it.")
    return replace(_pruned(file, entry.name, weights), class_name=inner.class_name, config=inner.config, inputs=inputs)


def _pruned(file: KerasFile, name: str, weights: Weights) -> Node:
    """Apply the mask of a pruning wrapper to the stored kernel, which is where Keras applies it."""
    kernel, mask = weights.get("kernel"), weights.get("mask")
    kept = {key: array for key, array in weights.items() if key not in ("mask", "threshold", "pruned")}
    if kernel is None:
        return Node(name, "", {}, (), kept)
    if mask is None or mask.shape != kernel.shape or not np.isin(mask, (0.0, 1.0)).all():
        found = "none" if mask is None else f"one of shape {mask.shape}, {mask.min():g} to {mask.max():g}"
        raise ModelFileError(
            f"{file.path}: layer {name!r} is wrapped for pruning, so a mask of zeros and ones of its kernel's shape "
            f"{kernel.shape} was expected, got {found}; strip the wrapper (strip_pruning) and save again."
        )
    kept["kernel"] = np.where(mask == 0, np.float32(0), kernel)
    return Node(name, "", {}, (), kept, int((mask == 0).sum()))


def _in_sequence(file: KerasFile, nodes: list[Node]) -> list[Node]:
    """Each layer reads the one before; the input's layer is added where the file leaves it out."""
    if nodes[0].class_name != "InputLayer":
        shape = file.architecture.input_shape
        if shape is None:
            raise ModelFileError(
                f"{file.path}: the model states no input shape, so it was saved before it was built; "
                f"call the model once, or give its first layer an input_shape, and save again."
            )
        name, used = f"{nodes[0].name}_input", {node.name for node in nodes}  # as Keras calls it
        while name in used:
            name += "_"
        nodes = [Node(name, "InputLayer", {"name": name, "batch_input_shape": shape}, (), {}), *nodes]
    return [nodes[0], *(replace(node, inputs=(before.name,)) for before, node in pairwise(nodes))]


def _sources(layer: str, call: Any) -> list[str]:
    """Names of the layers that one call reads: Keras 2 lists tuples, Keras 3 holds tensors in args and kwargs."""
    if isinstance(call, dict):
        arguments, options = call.get("args"), call.get("kwargs")
        if isinstance(arguments, list) and isinstance(options, dict):
            tensors = arguments[0] if len(arguments) == 1 and isinstance(arguments[0], list) else arguments
            _refuse_call_options(layer, options)
            return [_history(layer, tensor) for tensor in tensors]
    elif isinstance(call, list):
        found = []
        for item in [call] if call and isinstance(call[0], str) else call:  # one tuple, or a list of them
            if not isinstance(item, list) or len(item) < 3 or not isinstance(item[0], str):
                break
            options = item[3] if len(item) > 3 else {}
            _refuse_call_options(layer, options if isinstance(options, dict) else {"arguments": options})
            found.append(_first_output(layer, item[0], item[1:3]))
        else:
            return found
    raise ModelFileError(f"layer {layer!r}: its connections are in no form that hwgen knows: {str(call)[:120]}.")


def _refuse_call_options(layer: str, options: Config) -> None:
    for key, value in options.items():
        if value is not None and not (key == "training" and value is False):
            raise UnsupportedError(
                f"layer {layer!r}: is called with {key}={str(value)[:80]}, which hwgen does not honour; "
                f"build the model without it."
            )


def _history(layer: str, tensor: Any) -> str:
    config = tensor.get("config") if isinstance(tensor, dict) else None
    history = config.get("keras_history") if isinstance(config, dict) else None
    if not isinstance(history, list) or len(history) != 3 or not isinstance(history[0], str):
        raise UnsupportedError(
            f"layer {layer!r}: is called with {str(tensor)[:80]}; only outputs of layers are supported as arguments."
        )
    return _first_output(layer, history[0], history[1:])


def _first_output(layer: str, source: str, place: list[Any]) -> str:
    if place != [0, 0]:
        raise UnsupportedError(
            f"layer {layer!r}: reads call {place[0]}, output {place[1]} of {source!r}; hwgen supports layers that are "
            f"used once and return one tensor."
        )
    return source


def _topological(file: KerasFile, nodes: list[Node], architecture: Architecture) -> list[Node]:
    known = {node.name: node for node in nodes}
    for node in nodes:
        missing = [name for name in node.inputs if name not in known]
        if missing:
            raise ModelFileError(
                f"{file.path}: layer {node.name!r} reads {missing[0]!r}, which is no layer of the model."
            )
        if bool(node.inputs) == (node.class_name == "InputLayer"):
            reads = "reads another layer, but is an input" if node.inputs else "reads nothing, and is no input"
            raise ModelFileError(f"{file.path}: layer {node.name!r} {reads}.")
    order = {name: position for position, name in enumerate(architecture.inputs)}
    waiting = sorted(nodes, key=lambda node: order.get(node.name, len(order)))
    ordered: list[Node] = []
    done: set[str] = set()
    while waiting:
        ready = [node for node in waiting if all(name in done for name in node.inputs)]
        if not ready:
            raise ModelFileError(f"{file.path}: the layers {', '.join(n.name for n in waiting)} form a loop.")
        ordered.extend(ready)
        done.update(node.name for node in ready)
        waiting = [node for node in waiting if node.name not in done]
    return ordered


def _stripped_names(nodes: list[Node], outputs: list[str], architecture: Architecture) -> tuple[list[Node], list[str]]:
    """Call a layer in a pruning wrapper by its own name, as ``strip_pruning`` would, where that name is free."""
    used = {node.name for node in nodes}
    names = {name: name for name in used}
    for entry in architecture.layers:
        if entry.wrapped is not None and entry.wrapped.name not in used:
            names[entry.name] = entry.wrapped.name
            used.add(entry.wrapped.name)
    renamed = [
        replace(node, name=names[node.name], inputs=tuple(names[source] for source in node.inputs)) for node in nodes
    ]
    return renamed, [names[name] for name in outputs]
