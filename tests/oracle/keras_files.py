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
Source = str | tuple[str, int, int]  # a layer's name; of its second call or its second output (name, call, output)


@dataclass(frozen=True)
class KerasLayer:
    """One layer: what Keras calls it, its options, and its weights by short name in the order of Keras.

    Attributes:
        sources: names of the layers that it reads; empty: the one before it.
        calls: what each of its calls reads, where it is called several times.
        inside: the layers of a layer that is a model.
        ends: what such a model returns; empty: the output of its last layer.
    """

    class_name: str
    config: Config
    weights: Arrays = field(default_factory=dict)
    sources: tuple[Source, ...] = ()
    calls: tuple[tuple[Source, ...], ...] = ()
    inside: tuple["KerasLayer", ...] = ()
    ends: tuple[Source, ...] = ()

    @property
    def name(self) -> str:
        return str(self.config["name"])

    def changed(self, **options: Any) -> "KerasLayer":
        """The same layer with some options changed or added."""
        return replace(self, config={**self.config, **options})


def layer(class_name: str, name: str, **options: Any) -> KerasLayer:
    """A layer without weights."""
    return KerasLayer(class_name, {"name": name, "trainable": True, "dtype": "float32", **options})


def model(
    name: str, layers: Sequence[KerasLayer], ends: Sequence[Source] = (), sequential: bool = False, **reads: Any
) -> KerasLayer:
    """A model as a layer of another; ``reads`` are its ``sources`` or ``calls``."""
    kind = "Sequential" if sequential else "Functional"
    return KerasLayer(kind, {"name": name, "trainable": True}, inside=tuple(layers), ends=tuple(ends), **reads)


def each_step(name: str, inner: KerasLayer, **reads: Any) -> KerasLayer:
    """A layer, or a model, in a TimeDistributed wrapper."""
    config = {"name": name, "trainable": True, "dtype": "float32", "layer": inner}
    return KerasLayer("TimeDistributed", config, **reads)


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


def depthwise(name: str, kernel: NDArray[Any], bias: NDArray[Any] | None, **options: Any) -> KerasLayer:
    """QDepthwiseConv2D of a kernel (rows, columns, channels, multiplier), with 6-bit weights."""
    config = _window(kernel) | {"depth_multiplier": kernel.shape[-1], "use_bias": bias is not None}
    config |= {"depthwise_quantizer": quantized_bits(6), "bias_quantizer": quantized_bits(6)}
    made = layer("QDepthwiseConv2D", name, **config | _TRAINING_OPTIONS | options)
    return replace(made, weights={"depthwise_kernel": kernel} | ({} if bias is None else {"bias": bias}))


def separable(
    name: str, kernel: NDArray[Any], pointwise: NDArray[Any], bias: NDArray[Any], **options: Any
) -> KerasLayer:
    """QSeparableConv1D or QSeparableConv2D, by the kernel's rank, with 6-bit weights."""
    config = _window(kernel) | {"depth_multiplier": kernel.shape[-1], "filters": pointwise.shape[-1]}
    quantizers = {f"{what}_quantizer": quantized_bits(6) for what in ("depthwise", "pointwise", "bias")}
    made = layer(f"QSeparableConv{kernel.ndim - 2}D", name, **config | quantizers | _TRAINING_OPTIONS | options)
    return replace(made, weights={"depthwise_kernel": kernel, "pointwise_kernel": pointwise, "bias": bias})


def transposed(name: str, kernel: NDArray[Any], bias: NDArray[Any], **options: Any) -> KerasLayer:
    """QConv2DTranspose of a kernel (rows, columns, filters, channels), with 6-bit weights."""
    config = _window(kernel) | {"filters": kernel.shape[-2], "output_padding": None}
    quantizers = {f"{what}_quantizer": quantized_bits(6) for what in ("kernel", "bias")}
    made = layer("QConv2DTranspose", name, **config | quantizers | _TRAINING_OPTIONS | options)
    return replace(made, weights={"kernel": kernel, "bias": bias})


def with_norm(plain: KerasLayer, norm: Arrays) -> KerasLayer:
    """The layer of QKeras that folds a batch norm into this one: its name ends in Batchnorm."""
    config = {**plain.config, **_NORMALIZATION, "ema_freeze_delay": None, "folding_mode": "ema_stats_folding"}
    return replace(plain, class_name=f"{plain.class_name}Batchnorm", config=config, weights={**plain.weights, **norm})


def _window(kernel: NDArray[Any]) -> Config:
    rank = kernel.ndim - 2
    return {
        **{"kernel_size": list(kernel.shape[:rank]), "strides": [1] * rank, "padding": "valid"},
        **{"data_format": "channels_last", "dilation_rate": [1] * rank, "groups": 1},
        **{"activation": "linear", "use_bias": True},
    }


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


def sequential(layers: Sequence[KerasLayer], keras3: bool = False) -> Config:
    """The architecture of a Sequential model, as ``model.to_json()`` gives it."""
    return {
        "class_name": "Sequential",
        "config": {"name": _MODEL_NAME, "layers": [_serialized(entry, keras3) for entry in layers]},
        "keras_version": "2.21.0",
        "backend": "tensorflow",
    }


def functional(layers: Sequence[KerasLayer], outputs: Sequence[Source] = (), keras3: bool = False) -> Config:
    """The architecture of a Functional model; each layer reads its sources, or the layer before it.

    Args:
        outputs: the last layer's where empty.
        keras3: connections as Keras 3 writes them, tensors in args and kwargs.
    """
    known = {entry.name: entry for entry in layers}

    def reference(source: Source) -> list[Any]:
        name, call, output = (source, 0, 0) if isinstance(source, str) else source
        # Keras 2 counts a model's own connection of its input to its output as its first call.
        own = not keras3 and bool(known[name].inside) and known[name].inside[0].class_name == "InputLayer"
        return [name, call + int(own), output]

    entries = []
    for position, entry in enumerate(layers):
        before = (layers[position - 1].name,) if entry.class_name != "InputLayer" else ()
        calls = entry.calls or (entry.sources or before,)
        inbound: list[Any] = []
        for sources in filter(None, calls):
            if keras3:
                tensors = [_tensor(reference(source)) for source in sources]
                mask = {"mask": [None] * len(tensors)} if entry.inside else {}
                inbound.append({"args": tensors if len(tensors) == 1 else [tensors], "kwargs": mask})
            else:
                inbound.append([[*reference(source), {}] for source in sources])
        entries.append({**_serialized(entry, keras3), "name": entry.name, "inbound_nodes": inbound})
    inputs = [[entry.name, 0, 0] for entry in layers if entry.class_name == "InputLayer"]
    ends = [reference(source) for source in outputs or [layers[-1].name]]
    if keras3:  # a single one is not put in a list
        inputs, ends = (value[0] if len(value) == 1 else value for value in (inputs, ends))
    inner = {"name": _MODEL_NAME, "layers": entries, "input_layers": inputs, "output_layers": ends}
    return {"class_name": "Functional", "config": inner}


def _tensor(reference: list[Any]) -> Config:
    config = {"shape": [None, 1], "dtype": "float32", "keras_history": reference}
    return {"class_name": "__keras_tensor__", "config": config}


def _serialized(entry: KerasLayer, keras3: bool = False) -> Config:
    config = entry.config
    if entry.inside:
        made = (
            sequential(entry.inside, keras3)
            if entry.class_name == "Sequential"
            else functional(entry.inside, entry.ends, keras3)
        )
        config = {**made["config"], **config}
    if isinstance(config.get("layer"), KerasLayer):
        config = {**config, "layer": _serialized(config["layer"], keras3)}
    return {"class_name": entry.class_name, "config": config}


def as_keras3(architecture: Config) -> Config:
    """The same architecture with what Keras 3 and qkeras-v3 add: modules, registered names, policies, more options."""
    made = json.loads(json.dumps(architecture))
    for entry in made["config"]["layers"]:
        _add_modules(entry)
    return dict(made)


def _add_modules(entry: Config) -> None:
    name, config = entry["class_name"], entry["config"]
    ours = name.startswith("Q")
    models = {"Sequential": "keras", "Functional": "keras.src.models.functional"}
    entry["module"] = "qkeras.qlayers" if ours else models.get(name, "keras.layers")
    entry["registered_name"] = f"qkeras>{name}" if ours else "Functional" if name == "Functional" else None
    entry["build_config"] = {"input_shape": None}
    if "batch_input_shape" in config:
        config["batch_shape"] = config.pop("batch_input_shape")
    elif name != "Functional":
        policy = {"module": "keras", "class_name": "DTypePolicy", "config": {"name": "float32"}}
        config["dtype"] = {**policy, "registered_name": None, "shared_object_id": 139883104174672}
    if name == "QDense":
        config["quantization_config"] = None
    if name in ("QConv2DBatchnorm", "QBatchNormalization", "BatchNormalization"):
        config.update(synchronized=False, renorm=False, renorm_clipping=None, renorm_momentum=0.99)
    for value in config.values():
        if isinstance(value, dict) and value.get("module") == "qkeras.quantizers":
            value["registered_name"] = f"qkeras>{value['class_name']}"
            value["shared_object_id"] = 139882659365072
            if value["class_name"] == "quantized_bits":
                value["config"]["post_training_scale"] = None
    for inner in [*config.get("layers", []), *([config["layer"]] if "layer" in config else [])]:
        _add_modules(inner)


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
        held = _named(entry, suffix, scope)
        names = list(held)
        encoded = [name.encode() for name in names]
        if chunked:
            for number, name in enumerate(encoded):
                stored.attrs[f"weight_names{number}"] = np.array([name])
        else:
            stored.attrs["weight_names"] = np.array(encoded) if names else np.array([], dtype=np.float64)
        for name, array in held.items():
            stored.create_dataset(name, data=_float32(array))


_NOT_TRAINED = ("moving_mean", "moving_variance", "iteration")
_CELLS = {"QSimpleRNN": "q_simple_rnn_cell", "QLSTM": "qlstm_cell", "QGRU": "qgru_cell"}


def _named(entry: KerasLayer, suffix: str, scope: str) -> dict[str, NDArray[Any]]:
    """Weights by the names that they have in the group of a layer of the outermost model.

    What is trained stands first. Keras 3, which has no suffix, puts the models that a layer is in before its name.
    """
    inner = entry.config.get("layer")
    parts = [(entry, scope)]
    if isinstance(inner, KerasLayer):  # Keras 2 names the weights after the wrapper, Keras 3 after both
        parts = [
            (inner, f"{scope}{entry.name}/") if not suffix or inner.inside else (inner.changed(name=entry.name), scope)
        ]
    elif entry.inside:
        parts = [(part, scope if suffix else f"{scope}{entry.name}/") for part in entry.inside]
    if parts != [(entry, scope)]:
        found = [pair for part, within in parts for pair in _named(part, suffix, within).items()]
    else:
        found = [(f"{scope}{_owner(entry, short)}/{short}{suffix}", array) for short, array in entry.weights.items()]
    return dict(sorted(found, key=lambda pair: pair[0].removesuffix(suffix).rsplit("/", 1)[-1] in _NOT_TRAINED))


def _owner(entry: KerasLayer, short: str) -> str:
    if entry.class_name == "PruneLowMagnitude" and short not in ("mask", "threshold", "pruning_step"):
        return str(entry.config["layer"]["config"]["name"])
    if entry.class_name in _WITH_NORM and short in ("gamma", "beta", "moving_mean", "moving_variance"):
        return f"{entry.name}/batch_normalization"
    return f"{entry.name}/{_CELLS[entry.class_name]}" if entry.class_name in _CELLS else entry.name


_WITH_NORM = ("QConv2DBatchnorm", "QDepthwiseConv2DBatchnorm")


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
    if entry.inside:
        write_numbered_weights(group, entry.inside, named)
    inner = entry.config.get("layer")
    if isinstance(inner, KerasLayer):
        _numbered_layer(group.create_group("layer"), inner, named)
    inside = [name for name in entry.weights if name in ("gamma", "beta", "moving_mean", "moving_variance")]
    own = list(entry.weights)
    if entry.class_name in _WITH_NORM:
        own = [name for name in own if name not in inside]
        _numbered(group.create_group("batchnorm/vars"), entry.weights, inside)
    if entry.class_name in _CELLS:
        _numbered(group.create_group("cell/vars"), entry.weights, own)
        return
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
