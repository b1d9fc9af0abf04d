"""Reads Keras files without TensorFlow: HDF5 (Keras 2), JSON with HDF5 weights, and the ``.keras`` zip (Keras 3).

The result is the same for all three: the architecture, and the weights of each layer by their short names (``kernel``,
``bias``, ``gamma``, …).
"""

import io
import json
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hwgen.errors import ModelFileError
from hwgen.frontend.architecture import Architecture, read_architecture
from hwgen.frontend.damage import reading
from hwgen.frontend.hdf5 import HDF5_MAGIC, attribute, open_hdf5
from hwgen.frontend.stored_weights import WeightsByPath, read_weights
from hwgen.frontend.zips import unpacked

_PARTS = ("config.json", "model.weights.h5", "metadata.json")  # of a zip; the last only says which Keras wrote it


@dataclass(frozen=True, slots=True)
class KerasFile:
    """A model as its file states it.

    Attributes:
        path: for messages.
        architecture: layers and connections.
        weights: a layer's path (the models that it is in, and its own name) to (short weight name to float32 array).
        keras_major: the version of Keras that wrote it; None where the file does not say.
    """

    path: Path
    architecture: Architecture
    weights: WeightsByPath
    keras_major: int | None = None


def read_keras_file(path: Path, weights: Path | None = None) -> KerasFile:
    """Read a model file.

    Args:
        path: ``.h5``/``.hdf5`` with architecture and weights, ``.keras``, or ``.json`` with the architecture alone.
        weights: the ``.h5`` with the weights, where ``path`` is a ``.json``.
    Raises:
        ModelFileError: missing, empty, truncated, or not a Keras model; the message says which and where.
        UnsupportedError: a model that is neither Sequential nor Functional.
    """
    if path.is_dir():
        raise ModelFileError(
            f"{path}: a model file (.h5, .keras, or .json with weights) was expected, this is a folder; "
            f"save a TensorFlow SavedModel as .h5 or .keras first."
        )
    content = _content(path)
    if content.startswith(b"PK"):
        _no_separate_weights(path, weights)
        return _read_zip(path, content)
    if content.startswith(HDF5_MAGIC):
        _no_separate_weights(path, weights)
        return _read_hdf5(path, content)
    if path.suffix.lower() == ".json":
        return _read_json(path, content, weights)
    raise ModelFileError(
        f"{path}: neither HDF5 (.h5), a Keras zip (.keras) nor JSON (.json): no Keras model that hwgen can read."
    )


def _content(path: Path) -> bytes:
    if not path.exists():
        raise ModelFileError(f"{path}: no such file.")
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ModelFileError(f"{path}: cannot be read ({error.strerror}).") from error
    if not content:
        raise ModelFileError(f"{path}: the file is empty.")
    return content


def _no_separate_weights(path: Path, weights: Path | None) -> None:
    if weights is not None:
        raise ModelFileError(f"{path}: holds its own weights; give separate weights only with a .json architecture.")


def _read_json(path: Path, content: bytes, weights: Path | None) -> KerasFile:
    if weights is None:
        raise ModelFileError(f"{path}: holds the architecture only; give the weights too: --weights FILE.h5.")
    architecture = read_architecture(path, content)
    stored = _content(weights)
    if not stored.startswith(HDF5_MAGIC):
        raise ModelFileError(f"{weights}: weights in HDF5 (.h5) were expected, this is another kind of file.")
    with open_hdf5(weights, stored) as file:
        read = read_weights(weights, file, architecture, len(stored))
    return KerasFile(path, architecture, read, _stated_version(path, content))


def _read_hdf5(path: Path, content: bytes) -> KerasFile:
    with open_hdf5(path, content) as file:
        with reading(f"{path}: the HDF5 data"):
            text = attribute(file, "model_config", len(content))
            version = attribute(file, "keras_version", len(content))
            weighted = "model_weights" in file
        if text is None:
            raise ModelFileError(
                f"{path}: an HDF5 file without a model: it holds no 'model_config'. If it holds weights alone, "
                f"give the architecture as .json and this file with --weights."
            )
        if not isinstance(text, (str, bytes)):
            raise ModelFileError(f"{path}: its 'model_config' is no text, so it is no Keras architecture.")
        architecture = read_architecture(path, text)
        if not weighted:
            raise ModelFileError(f"{path}: holds an architecture but no 'model_weights'; save the whole model.")
        read = read_weights(path, file, architecture, len(content))
        return KerasFile(path, architecture, read, _major(version))


def _stated_version(path: Path, text: bytes) -> int | None:
    """The major version of Keras in a JSON file, if it names one."""
    with reading(f"{path}: the architecture"):
        document = json.loads(text)
    return _major(document.get("keras_version")) if isinstance(document, dict) else None


def _major(version: Any) -> int | None:
    """3 of "3.4.1"; None where there is no such number."""
    text = version.decode(errors="replace") if isinstance(version, bytes) else version
    first = text.partition(".")[0] if isinstance(text, str) else ""
    return int(first) if first.isascii() and first.isdigit() and len(first) < 3 else None


def _read_zip(path: Path, content: bytes) -> KerasFile:
    with reading(f"{path}: the .keras zip"), zipfile.ZipFile(io.BytesIO(content)) as archive:
        held = set(archive.namelist())
        parts = {name: unpacked(archive, name, len(content)) for name in _PARTS if name in held}
    for name in _PARTS[:2]:
        if name not in parts:
            raise ModelFileError(f"{path}: a zip without {name!r}: no Keras model.")
    architecture, stored = read_architecture(path, parts["config.json"]), parts["model.weights.h5"]
    with open_hdf5(path, stored) as file:
        read = read_weights(path, file, architecture, len(stored))
    version = _stated_version(path, parts[_PARTS[2]]) if _PARTS[2] in parts else None
    return KerasFile(path, architecture, read, version)
