"""Reads Keras files without TensorFlow: HDF5 (Keras 2), JSON + HDF5 weights, and the ``.keras`` zip (Keras 3).

The result is the same for all three: the architecture as nested dictionaries, and the weights of each layer by their
short names (``kernel``, ``bias``, ``gamma``, …).
"""

import io
import json
import re
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from hwgen.errors import ModelFileError

Config = dict[str, Any]
Weights = Mapping[str, NDArray[np.float32]]


@dataclass(frozen=True, slots=True)
class KerasFile:
    """A model as its file states it.

    Attributes:
        path: for messages.
        config: the architecture: ``class_name`` and ``config`` of the model.
        weights: layer name to (short weight name to float32 array).
    """

    path: Path
    config: Config
    weights: Mapping[str, Weights]


def read_keras_file(path: Path, weights: Path | None = None) -> KerasFile:
    """Read a model file.

    Args:
        path: ``.h5``/``.hdf5`` with architecture and weights, ``.keras``, or ``.json`` with the architecture alone.
        weights: the ``.h5`` with the weights, where ``path`` is a ``.json``.
    Raises:
        ModelFileError: missing, empty, truncated, or not a Keras model; the message says which and where.
    """
    if path.is_dir():
        raise ModelFileError(
            f"{path}: a model file (.h5, .keras, or .json with weights) was expected, this is a folder; "
            f"save a TensorFlow SavedModel as .h5 or .keras first."
        )
    if not path.is_file():
        raise ModelFileError(f"{path}: no such file.")
    if path.stat().st_size == 0:
        raise ModelFileError(f"{path}: the file is empty.")
    with path.open("rb") as stream:
        magic = stream.read(8)
    if magic.startswith(b"PK"):
        _no_separate_weights(path, weights)
        return _read_zip(path)
    if magic == b"\x89HDF\r\n\x1a\n":
        _no_separate_weights(path, weights)
        return _read_hdf5(path)
    if path.suffix == ".json":
        return _read_json(path, weights)
    raise ModelFileError(
        f"{path}: neither HDF5 (.h5), a Keras zip (.keras) nor JSON: no Keras model that hwgen can read."
    )


def _no_separate_weights(path: Path, weights: Path | None) -> None:
    if weights is not None:
        raise ModelFileError(f"{path}: holds its own weights; give separate weights only with a .json architecture.")


def _read_json(path: Path, weights: Path | None) -> KerasFile:
    if weights is None:
        raise ModelFileError(f"{path}: holds the architecture only; give the weights too: --weights FILE.h5.")
    if not weights.is_file():
        raise ModelFileError(f"{weights}: no such file.")
    config = _model_config(path, path.read_bytes())
    with _open_hdf5(weights, weights.read_bytes()) as file:
        return KerasFile(path, config, _legacy_weights(weights, file, config))


def _read_hdf5(path: Path) -> KerasFile:
    with _open_hdf5(path, path.read_bytes()) as file:
        text = file.attrs.get("model_config")
        if text is None:
            raise ModelFileError(
                f"{path}: an HDF5 file without a model: it holds no 'model_config'. If it holds weights alone, "
                f"give the architecture as .json and this file with --weights."
            )
        config = _model_config(path, text.encode() if isinstance(text, str) else bytes(text))
        if "model_weights" not in file:
            raise ModelFileError(f"{path}: holds an architecture but no 'model_weights'; save the whole model.")
        return KerasFile(path, config, _legacy_weights(path, file["model_weights"], config))


def _read_zip(path: Path) -> KerasFile:
    try:
        with zipfile.ZipFile(path) as archive:
            config = _model_config(path, archive.read("config.json"))
            stored = archive.read("model.weights.h5")
    except (zipfile.BadZipFile, EOFError, OSError, zlib.error) as error:
        raise ModelFileError(f"{path}: the .keras zip is damaged or cut short ({error}).") from error
    except KeyError as error:
        raise ModelFileError(f"{path}: a zip, but no Keras model: {error.args[0]}") from error
    with _open_hdf5(path, stored) as file:
        return KerasFile(path, config, _numbered_weights(path, file, config))


def _open_hdf5(path: Path, content: bytes) -> h5py.File:
    try:
        return h5py.File(io.BytesIO(content), "r")
    except (OSError, RuntimeError) as error:
        raise ModelFileError(f"{path}: the HDF5 data is damaged or cut short ({error}).") from error


def _model_config(path: Path, text: bytes) -> Config:
    try:
        config = json.loads(text)
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise ModelFileError(f"{path}: the architecture is no valid JSON ({error}).") from error
    if not isinstance(config, dict) or "class_name" not in config or "config" not in config:
        raise ModelFileError(f"{path}: a Keras architecture with 'class_name' and 'config' was expected.")
    return config


def layer_entries(config: Config) -> list[Config]:
    """The layers of a model's configuration; Keras 2.2 and older store a Sequential's as a plain list."""
    inner = config["config"]
    layers = inner if isinstance(inner, list) else inner.get("layers") if isinstance(inner, dict) else None
    if not isinstance(layers, list) or not all(isinstance(layer, dict) and "class_name" in layer for layer in layers):
        raise ModelFileError(f"a {config['class_name']} without a list of layers is no Keras model that hwgen reads.")
    return layers


def _array(path: Path, layer: str, name: str, dataset: Any) -> NDArray[np.float32]:
    try:
        array = np.asarray(dataset[()])
    except (OSError, RuntimeError) as error:
        raise ModelFileError(
            f"{path}: weight {name!r} of layer {layer!r} is damaged or cut short ({error})."
        ) from error
    if array.dtype.kind in "iub":
        return array.astype(np.float32)  # counters, which no layer computes with
    if array.dtype != np.float32:
        raise ModelFileError(
            f"{path}: weight {name!r} of layer {layer!r} is {array.dtype}; hwgen reads float32 models only."
        )
    bad = ~np.isfinite(array)
    if bad.any():
        where = [int(i) for i in np.argwhere(bad)[0]]
        raise ModelFileError(
            f"{path}: weight {name!r} of layer {layer!r} is {array[tuple(where)]} at {where} "
            f"({int(bad.sum())} of {array.size} entries are NaN or infinite); train again or repair the file."
        )
    return array


def _legacy_weights(path: Path, group: Any, config: Config) -> Mapping[str, Weights]:
    """Keras 2: one group a layer, with the names of its weights in an attribute."""
    found: dict[str, Weights] = {}
    for name in group:
        try:
            stored = group[name]
            names = [n.decode() if isinstance(n, bytes) else str(n) for n in stored.attrs.get("weight_names", [])]
            found[name] = {_short(n): _array(path, name, n, stored[n]) for n in names}
        except (KeyError, OSError, RuntimeError, AttributeError) as error:
            raise ModelFileError(
                f"{path}: the weights of layer {name!r} are damaged or cut short ({error})."
            ) from error
    return found


def _short(weight_name: str) -> str:
    return weight_name.rsplit("/", 1)[-1].split(":", 1)[0]


def _numbered_weights(path: Path, file: Any, config: Config) -> Mapping[str, Weights]:
    """Keras 3: groups named after the class, numbered in the order of the layers; variables numbered within."""
    root = file.get("layers")
    if root is None:
        root = file.get("_layer_checkpoint_dependencies")
    if root is None:
        raise ModelFileError(
            f"{path}: model.weights.h5 inside has no 'layers'; hwgen reads what Keras 3 and tf-keras save."
        )
    found: dict[str, Weights] = {}
    seen: dict[str, int] = {}
    by_name = {str(group["vars"].attrs["name"]): group for group in root.values() if "name" in _attributes(group)}
    for entry in layer_entries(config):
        snake = _snake_case(entry["class_name"])
        number = seen[snake] = seen.get(snake, -1) + 1
        name = entry["config"].get("name", entry.get("name"))
        group = by_name.get(name, root.get(snake if number == 0 else f"{snake}_{number}"))
        found[name] = {} if group is None else _numbered_layer(path, name, entry, group)
    return found


def _attributes(group: Any) -> Mapping[str, Any]:
    """Newer Keras notes the layer's name on its variables."""
    return dict(group["vars"].attrs) if "vars" in group else {}


def _numbered_layer(path: Path, name: str, entry: Config, group: Any) -> Weights:
    arrays: dict[str, NDArray[np.float32]] = {}
    wrapped = entry["config"].get("layer")
    if "layer" in group and isinstance(wrapped, dict):  # a wrapper keeps the layer that it wraps one level down
        arrays.update(_numbered_layer(path, name, wrapped, group["layer"]))
    if "batchnorm" in group:
        arrays.update(_numbered_variables(path, name, _normalization_order(entry["config"]), group["batchnorm"]))
    if entry["class_name"].endswith("BatchNormalization"):
        order = _normalization_order(entry["config"])
    elif wrapped is not None:
        order = ["mask", "threshold", "pruning_step"]
    else:
        order = ["kernel", "bias"] if entry["config"].get("use_bias", True) else ["kernel"]
    return arrays | _numbered_variables(path, name, order, group)


def _normalization_order(config: Config) -> list[str]:
    optional = [name for name, key in (("gamma", "scale"), ("beta", "center")) if config.get(key, True)]
    return [*optional, "moving_mean", "moving_variance"]


def _numbered_variables(path: Path, name: str, order: list[str], group: Any) -> dict[str, NDArray[np.float32]]:
    variables = group.get("vars", {})
    return {
        short: _array(path, name, short, variables[str(number)])
        for number, short in enumerate(order)
        if str(number) in variables
    }


def _snake_case(name: str) -> str:
    """The same rule as Keras's own, which names the groups of a weights file."""
    name = re.sub(r"\W+", "", name)
    name = re.sub("(.)([A-Z][a-z]+)", r"\1_\2", name)
    return re.sub("([a-z])([A-Z])", r"\1_\2", name).lower()
