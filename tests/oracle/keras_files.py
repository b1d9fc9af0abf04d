"""Writes models in every file format that Keras has had, without Keras: h5py, json and zipfile only.

The formats were read off files that Keras 2 (tf-keras 2.21), Keras 3.15, qkeras 0.9.0, qkeras-v3 and
tensorflow-model-optimization 0.8 saved.
"""

import io
import json
import re
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

Config = dict[str, Any]
Arrays = Mapping[str, NDArray[Any]]


@dataclass(frozen=True)
class KerasLayer:
    """One layer: what Keras calls it, its options, and its weights by short name in the order of Keras.

    Attributes:
        sources: names of the layers that it reads; empty: the one before it.
    """

    class_name: str
    config: Config
    weights: Arrays = field(default_factory=dict)
    sources: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        return str(self.config["name"])

    def changed(self, **options: Any) -> "KerasLayer":
        """The same layer with some options changed or added."""
        return replace(self, config={**self.config, **options})


def layer(class_name: str, name: str, **options: Any) -> KerasLayer:
    """A layer without weights."""
    return KerasLayer(class_name, {"name": name, "trainable": True, "dtype": "float32", **options})


def input_layer(name: str, shape: tuple[int, ...]) -> KerasLayer:
    config = {"batch_input_shape": [None, *shape], "dtype": "float32", "sparse": False, "ragged": False, "name": name}
    return KerasLayer("InputLayer", config)


def quantized_bits(bits: int, integer: int = 0, **options: Any) -> Config:
    """A quantizer as QKeras serializes it in layers."""
    config = {
        **{"bits": bits, "integer": integer, "symmetric": 0, "alpha": 1, "keep_negative": True},
        **{"use_stochastic_rounding": False, "qnoise_factor": 1.0},
    }
    return quantizer("quantized_bits", **config | options)


def quantizer(class_name: str, **config: Any) -> Config:
    return {
        "module": "qkeras.quantizers",
        "class_name": class_name,
        "config": config,
        "registered_name": class_name,
    }


def activation(name: str, identifier: Any) -> KerasLayer:
    return layer("QActivation", name, activation=identifier)


def dense(name: str, kernel: NDArray[Any], bias: NDArray[Any] | None, **options: Any) -> KerasLayer:
    """QDense with 6-bit weights unless ``options`` say otherwise."""
    config = {
        **{"units": kernel.shape[-1], "activation": "linear", "use_bias": bias is not None},
        **{"kernel_quantizer": quantized_bits(6), "bias_quantizer": quantized_bits(6)},
        **_TRAINING_OPTIONS,
    }
    made = layer("QDense", name, **config | options)
    return replace(made, weights={"kernel": kernel} | ({} if bias is None else {"bias": bias}))


def conv(name: str, kernel: NDArray[Any], bias: NDArray[Any] | None, **options: Any) -> KerasLayer:
    """QConv1D or QConv2D, by the kernel's rank, with 6-bit weights unless ``options`` say otherwise."""
    rank = kernel.ndim - 2
    config = {
        **{"filters": kernel.shape[-1], "kernel_size": list(kernel.shape[:rank]), "strides": [1] * rank},
        **{"padding": "valid", "data_format": "channels_last", "dilation_rate": [1] * rank, "groups": 1},
        **{"activation": "linear", "use_bias": bias is not None},
        **{"kernel_quantizer": quantized_bits(6), "bias_quantizer": quantized_bits(6)},
        **_TRAINING_OPTIONS,
    }
    made = layer(f"QConv{rank}D", name, **config | options)
    return replace(made, weights={"kernel": kernel} | ({} if bias is None else {"bias": bias}))


def conv_batchnorm(
    name: str, kernel: NDArray[Any], bias: NDArray[Any] | None, norm: Arrays, **options: Any
) -> KerasLayer:
    """QConv2DBatchnorm; ``norm`` as in ``batch_norm``."""
    plain = conv(name, kernel, bias)
    config = {**plain.config, **_NORMALIZATION, "ema_freeze_delay": None, "folding_mode": "ema_stats_folding"}
    counter = {"iteration": np.array(7, dtype=np.int64)}
    order = [*plain.weights.items(), *list(norm.items())[:2], *counter.items(), *list(norm.items())[2:]]
    return KerasLayer("QConv2DBatchnorm", config | options, dict(order))


def batch_norm(name: str, norm: Arrays, **options: Any) -> KerasLayer:
    """BatchNormalization of the last axis.

    Args:
        norm: gamma, beta, moving_mean, moving_variance, in this order.
    """
    return replace(layer("BatchNormalization", name, **_NORMALIZATION | options), weights=norm)


_TRAINING_OPTIONS: Config = {
    "kernel_initializer": {"class_name": "HeNormal", "config": {"seed": None}},
    "bias_initializer": {"class_name": "Zeros", "config": {}},
    "kernel_regularizer": None,
    "bias_regularizer": None,
    "activity_regularizer": None,
    "kernel_constraint": {"class_name": "Clip", "config": {"min_value": -1, "max_value": 1}},
    "bias_constraint": {"class_name": "Clip", "config": {"min_value": -1, "max_value": 1}},
    "kernel_range": None,
    "bias_range": None,
}
_NORMALIZATION: Config = {
    "axis": -1,
    "momentum": 0.99,
    "epsilon": 0.001,
    "center": True,
    "scale": True,
    "beta_initializer": {"class_name": "Zeros", "config": {}},
    "gamma_initializer": {"class_name": "Ones", "config": {}},
    "moving_mean_initializer": {"class_name": "Zeros", "config": {}},
    "moving_variance_initializer": {"class_name": "Ones", "config": {}},
    "beta_regularizer": None,
    "gamma_regularizer": None,
    "beta_constraint": None,
    "gamma_constraint": None,
}


_MODEL_NAME = "sequential"  # what a model without a name is called


def sequential(layers: Sequence[KerasLayer]) -> Config:
    """The architecture of a Sequential model, as ``model.to_json()`` gives it."""
    return {
        "class_name": "Sequential",
        "config": {"name": _MODEL_NAME, "layers": [_serialized(entry) for entry in layers]},
        "keras_version": "2.21.0",
        "backend": "tensorflow",
    }


def functional(layers: Sequence[KerasLayer], outputs: Sequence[str] = (), keras3: bool = False) -> Config:
    """The architecture of a Functional model; each layer reads its sources, or the layer before it.

    Args:
        outputs: names; the last layer where empty.
        keras3: connections as Keras 3 writes them, tensors in args and kwargs.
    """
    entries = []
    for position, entry in enumerate(layers):
        sources = entry.sources or ((layers[position - 1].name,) if entry.class_name != "InputLayer" else ())
        tensors = [_tensor(source) for source in sources]
        if keras3:
            calls: Any = [{"args": tensors if len(tensors) == 1 else [tensors], "kwargs": {}}]
        else:
            calls = [[[source, 0, 0, {}] for source in sources]]
        inbound = calls if sources else []
        entries.append({**_serialized(entry), "name": entry.name, "inbound_nodes": inbound})
    inputs = [[entry.name, 0, 0] for entry in layers if entry.class_name == "InputLayer"]
    ends = [[name, 0, 0] for name in outputs or [layers[-1].name]]
    if keras3:  # a single one is not put in a list
        inputs, ends = (value[0] if len(value) == 1 else value for value in (inputs, ends))
    inner = {"name": _MODEL_NAME, "layers": entries, "input_layers": inputs, "output_layers": ends}
    return {"class_name": "Functional", "config": inner}


def _tensor(source: str) -> Config:
    config = {"shape": [None, 1], "dtype": "float32", "keras_history": [source, 0, 0]}
    return {"class_name": "__keras_tensor__", "config": config}


def _serialized(entry: KerasLayer) -> Config:
    return {"class_name": entry.class_name, "config": entry.config}


def as_keras3(architecture: Config) -> Config:
    """The same architecture with what Keras 3 adds: modules, registered names, and dtype policies."""
    text = json.dumps(architecture)
    model = json.loads(text)
    for entry in model["config"]["layers"]:
        name = entry["class_name"]
        ours = name.startswith("Q")
        entry["module"] = "qkeras.qlayers" if ours else "keras.layers"
        entry["registered_name"] = f"qkeras>{name}" if ours else None
        config = entry["config"]
        if "batch_input_shape" in config:
            config["batch_shape"] = config.pop("batch_input_shape")
        else:
            policy = {"module": "keras", "class_name": "DTypePolicy", "config": {"name": "float32"}}
            config["dtype"] = {**policy, "registered_name": None}
    return dict(model)


def pruned(layers: Sequence[KerasLayer], masks: Mapping[str, NDArray[Any]]) -> list[KerasLayer]:
    """Every layer but the input in a PruneLowMagnitude wrapper, which holds a mask where one is given."""
    wrapped = []
    for entry in layers:
        if entry.class_name == "InputLayer":
            wrapped.append(entry)
            continue
        config = {
            **{"name": f"prune_low_magnitude_{entry.name}", "trainable": True, "dtype": "float32"},
            "layer": {**_serialized(entry), "module": "keras.layers", "registered_name": None},
            "pruning_schedule": {"class_name": "ConstantSparsity", "config": {"target_sparsity": 0.5}},
            **{"block_size": [1, 1], "block_pooling_type": "AVG"},
        }
        own: dict[str, NDArray[Any]] = {}
        if entry.name in masks:
            own = {"mask": masks[entry.name].astype(np.float32), "threshold": np.array(0.25, dtype=np.float32)}
        own["pruning_step"] = np.array(12, dtype=np.int64)
        wrapped.append(KerasLayer("PruneLowMagnitude", config, {**entry.weights, **own}, entry.sources))
    return wrapped


def write_h5(path: Path, architecture: Config | str, layers: Sequence[KerasLayer], **naming: Any) -> None:
    """A whole model in HDF5, as ``model.save("model.h5")``; ``naming`` as in ``write_named_weights``."""
    text = architecture if isinstance(architecture, str) else json.dumps(architecture)
    with h5py.File(path, "w") as file:
        file.attrs["keras_version"] = "2.21.0"
        file.attrs["backend"] = "tensorflow"
        file.attrs["model_config"] = text
        write_named_weights(file.create_group("model_weights"), layers, **naming)


def write_weights_h5(path: Path, layers: Sequence[KerasLayer], **naming: Any) -> None:
    """Weights alone, as ``model.save_weights("weights.h5")`` of Keras 2."""
    with h5py.File(path, "w") as file:
        write_named_weights(file, layers, **naming)


def write_named_weights(
    group: h5py.Group, layers: Sequence[KerasLayer], suffix: str = ":0", scope: str = "", chunked: bool = False
) -> None:
    """Keras 2: one group a layer, with the names of its weights in an attribute.

    Args:
        suffix: what a weight's name ends in; Keras 3 writes none.
        scope: put before the layer's name in a weight's name, as scopes and submodels did.
        chunked: cut the list of names into several attributes, as Keras does where it is too long for one.
    """
    group.attrs["layer_names"] = np.array([entry.name.encode() for entry in layers])
    for entry in layers:
        stored = group.create_group(entry.name)
        names = [f"{scope}{_owner(entry, short)}/{short}{suffix}" for short in entry.weights]
        encoded = [name.encode() for name in names]
        if chunked:
            for number, name in enumerate(encoded):
                stored.attrs[f"weight_names{number}"] = np.array([name])
        else:
            stored.attrs["weight_names"] = np.array(encoded) if names else np.array([], dtype=np.float64)
        for name, array in zip(names, entry.weights.values(), strict=True):
            stored.create_dataset(name, data=_float32(array))


def _owner(entry: KerasLayer, short: str) -> str:
    if entry.class_name == "PruneLowMagnitude" and short not in ("mask", "threshold", "pruning_step"):
        return str(entry.config["layer"]["config"]["name"])
    if entry.class_name == "QConv2DBatchnorm" and short in ("gamma", "beta", "moving_mean", "moving_variance"):
        return f"{entry.name}/batch_normalization"
    return entry.name


def _float32(array: NDArray[Any]) -> NDArray[Any]:
    """Weights as Keras stores them; other precisions and integers are left as they are."""
    array = np.asarray(array)
    return array.astype(np.float32) if array.dtype == np.float64 else array


def write_keras(path: Path, architecture: Config | str, layers: Sequence[KerasLayer], named: bool) -> None:
    """A ``.keras`` zip.

    Args:
        named: whether each group notes its layer's name, as Keras 3 does and tf-keras does not.
    """
    text = architecture if isinstance(architecture, str) else json.dumps(architecture)
    weights = io.BytesIO()
    with h5py.File(weights, "w") as file:
        write_numbered_weights(file, layers, named)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("metadata.json", json.dumps({"keras_version": "3.15.1" if named else "2.21.0"}))
        archive.writestr("config.json", text)
        archive.writestr("model.weights.h5", weights.getvalue())


def write_numbered_weights(file: h5py.Group, layers: Sequence[KerasLayer], named: bool) -> None:
    """Keras 3: groups named after the class and numbered, variables numbered within."""
    root = file.create_group("layers")
    counts: dict[str, int] = {}
    groups: list[tuple[str, KerasLayer]] = []
    for entry in layers:
        snake = _snake_case(entry.class_name)
        number = counts[snake] = counts.get(snake, -1) + 1
        groups.append((snake if number == 0 else f"{snake}_{number}", entry))
    for name, entry in sorted(groups, key=lambda pair: pair[0]):
        _numbered_layer(root.create_group(name), entry, named)


def _numbered_layer(group: h5py.Group, entry: KerasLayer, named: bool) -> None:
    variables = group.create_group("vars")
    if named:
        variables.attrs["name"] = entry.name
    inside = [name for name in entry.weights if name in ("gamma", "beta", "moving_mean", "moving_variance")]
    own = list(entry.weights)
    if entry.class_name == "QConv2DBatchnorm":
        own = [name for name in own if name not in inside]
        _numbered(group.create_group("batchnorm/vars"), entry.weights, inside)
    if entry.class_name == "PruneLowMagnitude":
        own = [name for name in own if name in ("mask", "threshold", "pruning_step")]
        wrapped = entry.config["layer"]
        rest = {name: array for name, array in entry.weights.items() if name not in own}
        _numbered_layer(group.create_group("layer"), KerasLayer(wrapped["class_name"], wrapped["config"], rest), named)
        own = ["kernel", *own] if "mask" in own else own  # the wrapper tracks what it prunes
    _numbered(variables, entry.weights, own)


def _numbered(group: h5py.Group, weights: Arrays, names: Sequence[str]) -> None:
    for number, name in enumerate(names):
        group.create_dataset(str(number), data=_float32(weights[name]))


def _snake_case(name: str) -> str:
    name = re.sub("(.)([A-Z][a-z]+)", r"\1_\2", name)
    return re.sub("([a-z])([A-Z])", r"\1_\2", name).lower()
