"""The architecture in a Keras file: nested dictionaries from outside, checked here once and never again."""

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hwgen.errors import ModelFileError, UnsupportedError
from hwgen.frontend.calls import TensorReference, read_call, read_reference
from hwgen.frontend.damage import reading
from hwgen.frontend.operators import OPERATOR_CLASSES, read_operator

Config = dict[str, Any]

PRUNING_WRAPPER = "PruneLowMagnitude"  # tensorflow_model_optimization's, left on a model that was not stripped
TIME_WRAPPER = "TimeDistributed"  # Keras's: applies a layer to each step of the first axis

_WRAPPERS = (PRUNING_WRAPPER, TIME_WRAPPER)
_MODELS = ("Sequential", "Functional", "Model")
_DEEPEST = 50  # Keras's own files nest about a dozen levels, and three more for each model in a model
_MOST_LAYERS = 5000
_LONGEST_NAME = 1000
_LONGEST = 1 << 24  # characters; a network of a thousand layers takes one million, and JSON grows twentyfold in memory


@dataclass(frozen=True, slots=True)
class LayerEntry:
    """One layer as the file states it.

    Attributes:
        name: unique in its model, as the connections use it.
        class_name: without the prefix of Keras or QKeras; with the package of a class that is neither's.
        config: the layer's options.
        calls: what each of its calls reads; none in a Sequential model or for an input.
        wrapped: the layer inside a wrapper for pruning or for time steps, else None.
        model: where the layer is a model, its layers, else None.
    """

    name: str
    class_name: str
    config: Config
    calls: tuple[tuple[TensorReference, ...], ...] = ()
    wrapped: "LayerEntry | None" = None
    model: "Architecture | None" = None

    @property
    def inside(self) -> "Architecture | None":
        """The layers that stand for this one: of a model, or of a model that is applied to each time step."""
        return self.wrapped.model if self.class_name == TIME_WRAPPER and self.wrapped else self.model


@dataclass(frozen=True, slots=True)
class Architecture:
    """A model without its weights.

    Attributes:
        name: the model's.
        layers: in the file's order, names unique.
        sequential: whether the order is the connection.
        inputs: names of the input layers in the order of the model's arguments; empty if sequential.
        outputs: what the model returns; empty if sequential.
        input_shape: what a Sequential model says of its input, batch axis included, or None.
    """

    name: str
    layers: tuple[LayerEntry, ...]
    sequential: bool
    inputs: tuple[str, ...]
    outputs: tuple[TensorReference, ...]
    input_shape: Any


def read_architecture(path: Path, text: bytes | str) -> Architecture:
    """Read ``model.to_json()`` as every version of Keras writes it.

    Raises:
        ModelFileError: no JSON, or no model in it.
        UnsupportedError: a model that is neither Sequential nor Functional, or a call with arguments that would be
            ignored.
    """
    if len(text) > _LONGEST:
        raise ModelFileError(
            f"{path}: the architecture takes {len(text)} bytes; hwgen reads up to {_LONGEST}, and Keras's take about a "
            f"thousand a layer."
        )
    with reading(f"{path}: the architecture"):
        model = json.loads(text)
    if not isinstance(model, dict) or "class_name" not in model or "config" not in model:
        raise ModelFileError(f"{path}: a Keras architecture with 'class_name' and 'config' was expected.")
    if _depth(model) > _DEEPEST:
        raise ModelFileError(f"{path}: the architecture is nested more than {_DEEPEST} levels deep; Keras's never is.")
    class_name = str(model["class_name"]).rsplit(">", 1)[-1]
    if class_name not in _MODELS:
        raise UnsupportedError(
            f"{path}: the model is a {class_name!r}; hwgen reads Sequential and Functional models: "
            f"a subclassed model stores Python code, not an architecture."
        )
    found = _model(path, str(path), class_name, model)
    if _count(found) > _MOST_LAYERS:
        raise ModelFileError(f"{path}: the architecture has more than {_MOST_LAYERS} layers; hwgen reads no more.")
    return found


def _count(model: Architecture) -> int:
    return sum(1 if entry.inside is None else 1 + _count(entry.inside) for entry in model.layers)


def _model(path: Path, where: str, class_name: str, model: Mapping[str, Any]) -> Architecture:
    """One model, the outermost or one inside another."""
    # Keras 2.2 and older store a Sequential's layers as a plain list.
    inner = {"layers": model["config"]} if isinstance(model["config"], list) else model["config"]
    layers = inner.get("layers") if isinstance(inner, dict) else None
    if not isinstance(layers, list) or not layers:
        raise ModelFileError(f"{where}: a {class_name} model with a list of layers was expected, it has none.")
    entries = tuple(_entry(path, layer) for layer in layers)
    names = [entry.name for entry in entries]
    if len(set(names)) != len(names):
        twice = next(name for name, uses in Counter(names).items() if uses > 1)
        raise ModelFileError(f"{where}: two layers are called {twice!r}; Keras tells layers apart by name.")
    sequential = class_name == "Sequential"
    return Architecture(
        name=str(inner.get("name") or class_name.lower()),
        layers=entries,
        sequential=sequential,
        inputs=() if sequential else tuple(end.layer for end in _ends(where, inner, "input_layers", names)),
        outputs=() if sequential else _ends(where, inner, "output_layers", names),
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
    config: Any = layer.get("config") if isinstance(layer, dict) else None
    class_name = class_of(layer) if isinstance(layer, dict) else ""
    if class_name in _MODELS and isinstance(config, list):  # of Keras 2.2: nothing but the layers
        config = {"layers": config}
    if not isinstance(config, dict) or "class_name" not in layer:
        raise ModelFileError(f"{path}: a layer with 'class_name' and 'config' was expected, got {str(layer)[:80]}.")
    name = layer.get("name") or config.get("name")
    if not isinstance(name, str) or not name:
        raise ModelFileError(f"{path}: a layer of class {str(layer['class_name'])[:80]!r} has no name.")
    if len(name) > _LONGEST_NAME or len(class_name) > _LONGEST_NAME:
        raise ModelFileError(f"{path}: layer {name[:80]!r}: its name or class takes over {_LONGEST_NAME} characters.")
    calls = layer.get("inbound_nodes") or []
    if not isinstance(calls, list):
        raise ModelFileError(f"{path}: layer {name!r}: a list of inbound_nodes was expected, got {str(calls)[:80]}.")
    if class_name in OPERATOR_CLASSES:
        operator, read = read_operator(name, config, calls)
        return LayerEntry(name, operator, {key: config[key] for key in config if key != "function"}, read)
    return LayerEntry(
        name,
        class_name,
        config,
        tuple(read_call(name, call) for call in calls),
        _entry(path, config.get("layer")) if class_name in _WRAPPERS else None,
        _model(path, f"{path}: layer {name!r}", class_name, layer) if class_name in _MODELS else None,
    )


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


def _ends(where: str, inner: Config, key: str, names: list[str]) -> tuple[TensorReference, ...]:
    """The tensors in ``input_layers`` or ``output_layers``: one ``[name, 0, 0]``, a list or a dictionary of them."""
    stated = inner.get(key)
    if isinstance(stated, dict):
        stated = list(stated.values())
    if isinstance(stated, list) and len(stated) == 3 and isinstance(stated[0], str):
        stated = [stated]
    if not isinstance(stated, list) or not stated:
        raise ModelFileError(f"{where}: the architecture names no {key}.")
    known, found = set(names), []
    for end in stated:
        name = end[0] if isinstance(end, list) and end else end
        if not isinstance(name, str) or name not in known:
            raise ModelFileError(f"{where}: {key} names {str(name)[:80]!r}, which is no layer of the model.")
        reference = read_reference(end) if isinstance(end, list) and len(end) > 1 else TensorReference(name)
        if reference is None:
            raise ModelFileError(f"{where}: {key} names {str(end[1:])[:80]} of {name!r}; two numbers were expected.")
        found.append(reference)
    return tuple(found)


_SHAPE_KEYS = ("batch_input_shape", "batch_shape", "build_input_shape", "input_shape")


def _sequential_shape(first: LayerEntry, inner: Config, build: Any) -> Any:
    """Where a Sequential model without an InputLayer states its input's shape: several places, by Keras's version."""
    holders = [first.config, first.wrapped.config if first.wrapped else {}, inner, build]
    stated = [holder[key] for holder in holders if isinstance(holder, dict) for key in _SHAPE_KEYS if holder.get(key)]
    if stated or first.model is None:
        return stated[0] if stated else None
    layers = first.model.layers
    source = layers[0].name if first.model.sequential else first.model.inputs[0]
    found = next((shape_of(entry) for entry in layers if entry.name == source), None)
    return found or first.model.input_shape


def shape_of(source: LayerEntry) -> Any:
    """What an input layer, or a first layer, states of its input's shape, batch axis included, or None."""
    return next((source.config[key] for key in _SHAPE_KEYS if source.config.get(key)), None)
