"""The architecture in a Keras file: nested dictionaries from outside, checked here once and never again."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hwgen.errors import ModelFileError, UnsupportedError
from hwgen.frontend.damage import reading

Config = dict[str, Any]

PRUNING_WRAPPER = "PruneLowMagnitude"  # tensorflow_model_optimization's, left on a model that was not stripped

_DEEPEST = 50  # Keras's own files nest about a dozen levels


@dataclass(frozen=True, slots=True)
class LayerEntry:
    """One layer as the file states it.

    Attributes:
        name: unique in its model, as the connections use it.
        class_name: without the prefix of Keras or QKeras; with the package of a class that is neither's.
        config: the layer's options.
        calls: one a place where the layer is used; none in a Sequential model or for an input.
        wrapped: the layer inside a pruning wrapper, else None.
    """

    name: str
    class_name: str
    config: Config
    calls: tuple[Any, ...]
    wrapped: "LayerEntry | None"


@dataclass(frozen=True, slots=True)
class Architecture:
    """A model without its weights.

    Attributes:
        name: the model's.
        layers: in the file's order, names unique.
        sequential: whether the order is the connection.
        inputs: names of the input layers in the order of the model's arguments; empty if sequential.
        outputs: names of the layers whose output the model returns; empty if sequential.
        input_shape: what a Sequential model says of its input, batch axis included, or None.
    """

    name: str
    layers: tuple[LayerEntry, ...]
    sequential: bool
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    input_shape: Any


def read_architecture(path: Path, text: bytes | str) -> Architecture:
    """Read ``model.to_json()`` as every version of Keras writes it.

    Raises:
        ModelFileError: no JSON, or no model in it.
        UnsupportedError: a model that is neither Sequential nor Functional.
    """
    with reading(f"{path}: the architecture"):
        model = json.loads(text)
    if not isinstance(model, dict) or "class_name" not in model or "config" not in model:
        raise ModelFileError(f"{path}: a Keras architecture with 'class_name' and 'config' was expected.")
    if _depth(model) > _DEEPEST:
        raise ModelFileError(f"{path}: the architecture is nested more than {_DEEPEST} levels deep; Keras's never is.")
    class_name = str(model["class_name"]).rsplit(">", 1)[-1]
    if class_name not in ("Sequential", "Functional", "Model"):
        raise UnsupportedError(
            f"{path}: the model is a {class_name!r}; hwgen reads Sequential and Functional models: "
            f"a subclassed model stores Python code, not an architecture."
        )
    # Keras 2.2 and older store a Sequential's layers as a plain list.
    inner = {"layers": model["config"]} if isinstance(model["config"], list) else model["config"]
    layers = inner.get("layers") if isinstance(inner, dict) else None
    if not isinstance(layers, list) or not layers:
        raise ModelFileError(f"{path}: a {class_name} model with a list of layers was expected, it has none.")
    entries = tuple(_entry(path, layer) for layer in layers)
    names = [entry.name for entry in entries]
    if len(set(names)) != len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise ModelFileError(f"{path}: two layers are called {twice!r}; Keras tells layers apart by name.")
    sequential = class_name == "Sequential"
    return Architecture(
        name=str(inner.get("name") or class_name.lower()),
        layers=entries,
        sequential=sequential,
        inputs=() if sequential else _ends(path, inner, "input_layers", names),
        outputs=() if sequential else _ends(path, inner, "output_layers", names),
        input_shape=_sequential_shape(entries[0], inner, model.get("build_config")),
    )


def _depth(value: Any) -> int:
    """How deep lists and dictionaries are nested."""
    depth, level = 0, [value]
    while level := [v for v in level if isinstance(v, (dict, list))]:
        depth += 1
        level = [inner for v in level for inner in (v.values() if isinstance(v, dict) else v)]
    return depth


def _entry(path: Path, layer: Any) -> LayerEntry:
    config = layer.get("config") if isinstance(layer, dict) else None
    if not isinstance(config, dict) or "class_name" not in layer:
        raise ModelFileError(f"{path}: a layer with 'class_name' and 'config' was expected, got {str(layer)[:80]}.")
    name = layer.get("name") or config.get("name")
    if not isinstance(name, str) or not name:
        raise ModelFileError(f"{path}: a layer of class {layer['class_name']!r} has no name.")
    calls = layer.get("inbound_nodes") or []
    if not isinstance(calls, list):
        raise ModelFileError(f"{path}: layer {name!r}: a list of inbound_nodes was expected, got {str(calls)[:80]}.")
    class_name = class_of(layer)
    inside = _entry(path, config.get("layer")) if class_name == PRUNING_WRAPPER else None
    return LayerEntry(name, class_name, config, tuple(calls), inside)


_PACKAGES = ("keras", "qkeras", "tf_keras", "tensorflow", "tensorflow_model_optimization")


def class_of(entry: Mapping[str, Any]) -> str:
    """The class of a layer or a quantizer; somebody else's class of the same name keeps its package, and is unknown.

    Keras 2 writes ``package>Name`` as the class of a registered one; Keras 3 writes ``registered_name`` and ``module``.
    """
    name = str(entry.get("class_name", ""))
    registered = entry.get("registered_name")
    for text in (registered if isinstance(registered, str) else "", name):
        package, arrow, _ = text.rpartition(">")
        if arrow and package not in _PACKAGES:
            return text
    plain = name.rpartition(">")[2]
    module = entry.get("module")
    if isinstance(module, str) and module.partition(".")[0] not in _PACKAGES:
        return f"{module}>{plain}"
    return plain


def _ends(path: Path, inner: Config, key: str, names: list[str]) -> tuple[str, ...]:
    """Names in ``input_layers`` or ``output_layers``: one ``[name, 0, 0]``, a list of them, or a dictionary of them."""
    stated = inner.get(key)
    if isinstance(stated, dict):
        stated = list(stated.values())
    if isinstance(stated, list) and len(stated) == 3 and isinstance(stated[0], str):
        stated = [stated]
    if not isinstance(stated, list) or not stated:
        raise ModelFileError(f"{path}: the architecture names no {key}.")
    found = []
    for end in stated:
        name = end[0] if isinstance(end, list) and end else end
        if name not in names:
            raise ModelFileError(f"{path}: {key} names {str(name)[:80]!r}, which is no layer of the model.")
        if isinstance(end, list) and end[1:] not in ([], [0, 0]):
            raise UnsupportedError(
                f"layer {name!r}: {key} names call {end[1:]} of it; hwgen supports layers that are used once and "
                f"return one tensor."
            )
        found.append(str(name))
    return tuple(found)


def _sequential_shape(first: LayerEntry, inner: Config, build: Any) -> Any:
    """Where a Sequential model without an InputLayer states its input's shape: several places, by Keras's version."""
    holders = [first.config, first.wrapped.config if first.wrapped else {}, inner, build]
    keys = ("batch_input_shape", "batch_shape", "build_input_shape", "input_shape")
    stated = [holder[key] for holder in holders if isinstance(holder, dict) for key in keys if holder.get(key)]
    return stated[0] if stated else None
