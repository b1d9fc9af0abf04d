"""The layer graph of a Keras model: nodes in topological order, wrappers removed, one way of saying each thing."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwgen.errors import ModelFileError, UnsupportedError
from hwgen.frontend.files import Config, KerasFile, Weights, layer_entries


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
    """

    name: str
    class_name: str
    config: Config
    inputs: tuple[str, ...]
    weights: Weights
    masked: int = 0


@dataclass(frozen=True, slots=True)
class Graph:
    """A model: nodes in topological order, and which of them it ends in."""

    name: str
    nodes: tuple[Node, ...]
    outputs: tuple[str, ...]
    consumers: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def node(self, name: str) -> Node:
        return next(node for node in self.nodes if node.name == name)


_FUNCTIONAL = ("Functional", "Model")


def read_graph(file: KerasFile) -> Graph:
    """Order a model's layers and connect them.

    Raises:
        ModelFileError: the architecture contradicts itself.
        UnsupportedError: the model is neither Sequential nor Functional, or uses a layer in more than one place.
    """
    config = file.config
    class_name = _class_name(config)
    if class_name not in ("Sequential", *_FUNCTIONAL):
        raise UnsupportedError(
            f"{file.path}: the model is a {class_name!r}; hwgen reads Sequential and Functional models: "
            f"a subclassed model stores Python code, not an architecture."
        )
    entries = layer_entries(config)
    if not entries:
        raise ModelFileError(f"{file.path}: the model has no layers.")
    inner = config["config"] if isinstance(config["config"], dict) else {}
    if class_name == "Sequential":
        nodes, outputs = _sequential(file, entries)
    else:
        nodes, outputs = _functional(file, entries, inner)
    ordered = _topological(file, nodes)
    consumers: dict[str, list[str]] = {node.name: [] for node in ordered}
    for node in ordered:
        for source in node.inputs:
            consumers[source].append(node.name)
    frozen = {name: tuple(users) for name, users in consumers.items()}
    return Graph(str(inner.get("name", class_name.lower())), tuple(ordered), outputs, frozen)


def _class_name(entry: Config) -> str:
    return str(entry["class_name"]).rsplit(">", 1)[-1]


def _layer_name(entry: Config) -> str:
    config = entry.get("config")
    name = entry.get("name") or (config.get("name") if isinstance(config, dict) else None)
    if not isinstance(config, dict) or not isinstance(name, str):
        raise ModelFileError(f"a layer of class {entry.get('class_name')!r} has no configuration or no name.")
    return name


def _node(file: KerasFile, entry: Config, inputs: tuple[str, ...]) -> Node:
    name, class_name, config = _layer_name(entry), _class_name(entry), entry["config"]
    weights = dict(file.weights.get(name, {}))
    if class_name != "PruneLowMagnitude":
        return Node(name, class_name, config, inputs, weights)
    wrapped = config.get("layer")
    if not isinstance(wrapped, dict):
        raise ModelFileError(f"layer {name!r}: a PruneLowMagnitude wrapper without the layer that it wraps.")
    masked = 0
    mask: NDArray[Any] | None = weights.pop("mask", None)
    kernel = weights.get("kernel")
    if mask is not None and kernel is not None:
        if mask.shape != kernel.shape:
            raise ModelFileError(f"layer {name!r}: its pruning mask has shape {mask.shape}, its kernel {kernel.shape}.")
        masked = int((mask == 0).sum())
        weights["kernel"] = np.where(mask == 0, np.float32(0), kernel).astype(np.float32)
    inner = _node(file, {**wrapped, "name": wrapped["config"].get("name", name)}, inputs)
    return Node(name, inner.class_name, inner.config, inputs, weights, masked)


def _sequential(file: KerasFile, entries: list[Config]) -> tuple[list[Node], tuple[str, ...]]:
    nodes: list[Node] = []
    previous: str | None = None
    if _class_name(entries[0]) != "InputLayer":
        shape = _first_shape(file, entries[0])
        nodes.append(Node("input", "InputLayer", {"name": "input", "batch_input_shape": shape}, (), {}))
        previous = "input"
    for entry in entries:
        node = _node(file, entry, () if previous is None else (previous,))
        nodes.append(node)
        previous = node.name
    return nodes, (nodes[-1].name,)


def _first_shape(file: KerasFile, entry: Config) -> list[int | None]:
    for holder in (entry["config"], entry["config"].get("layer", {}).get("config", {}), file.config["config"]):
        if isinstance(holder, dict):
            for key in ("batch_input_shape", "batch_shape", "build_input_shape"):
                if holder.get(key):
                    return list(holder[key])
    raise ModelFileError(
        f"{file.path}: the model states no input shape, so it was saved before it was built; "
        f"call the model once, or give its first layer an input_shape, and save again."
    )


def _functional(file: KerasFile, entries: list[Config], inner: Config) -> tuple[list[Node], tuple[str, ...]]:
    nodes = []
    for entry in entries:
        inbound = entry.get("inbound_nodes") or []
        if len(inbound) > 1:
            raise UnsupportedError(
                f"layer {_layer_name(entry)!r}: is used {len(inbound)} times in the model; "
                f"hwgen needs one layer for each use (shared layers are not supported)."
            )
        nodes.append(_node(file, entry, tuple(_sources(_layer_name(entry), inbound[0])) if inbound else ()))
    ends = inner.get("output_layers")
    if not ends:
        raise ModelFileError(f"{file.path}: the architecture names no output layers.")
    outputs = [ends] if isinstance(ends[0], str) else list(ends.values()) if isinstance(ends, dict) else ends
    return nodes, tuple(str(end[0]) for end in outputs)


def _sources(layer: str, inbound: Any) -> list[str]:
    """Names of the layers that one call reads: Keras 2 lists tuples, Keras 3 holds tensors in args and kwargs."""
    if isinstance(inbound, dict):
        found: list[str] = []
        _collect_history((inbound.get("args"), inbound.get("kwargs")), found)
        return found
    if isinstance(inbound, list):
        if inbound and isinstance(inbound[0], str):  # a single tuple, not wrapped in a list
            return [inbound[0]]
        extra = [item for item in inbound if len(item) > 3 and item[3]]
        if extra:
            raise UnsupportedError(
                f"layer {layer!r}: is called with extra arguments {extra[0][3]}, which hwgen ignores not."
            )
        return [str(item[0]) for item in inbound]
    raise ModelFileError(f"layer {layer!r}: its connections are in no form that hwgen knows.")


def _collect_history(item: Any, found: list[str]) -> None:
    if isinstance(item, dict):
        if item.get("class_name") == "__keras_tensor__":
            found.append(str(item["config"]["keras_history"][0]))
            return
        for value in item.values():
            _collect_history(value, found)
    elif isinstance(item, (list, tuple)):
        for value in item:
            _collect_history(value, found)


def _topological(file: KerasFile, nodes: list[Node]) -> list[Node]:
    known = {node.name for node in nodes}
    if len(known) != len(nodes):
        raise ModelFileError(f"{file.path}: two layers have the same name.")
    for node in nodes:
        missing = [name for name in node.inputs if name not in known]
        if missing:
            raise ModelFileError(f"layer {node.name!r}: reads {missing[0]!r}, which is no layer of the model.")
    ordered: list[Node] = []
    done: set[str] = set()
    waiting = list(nodes)
    while waiting:
        ready = [node for node in waiting if all(name in done for name in node.inputs)]
        if not ready:
            raise ModelFileError(f"{file.path}: the layers {', '.join(n.name for n in waiting)} form a loop.")
        ordered.extend(ready)
        done.update(node.name for node in ready)
        waiting = [node for node in waiting if node.name not in done]
    return ordered
