"""Weights in HDF5 as Keras 2 and Keras 3 lay them out, by layer and short name; every array checked.

Keras 2 has one group a layer, named after it, with the names of its weights in an attribute. Keras 3 (and ``.keras`` of
tf-keras) has one group a layer, named after its class and numbered in the order of the layers, its variables numbered.
"""

import re
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from hwgen.errors import ModelFileError
from hwgen.frontend.architecture import Architecture, LayerEntry
from hwgen.frontend.damage import reading
from hwgen.frontend.hdf5 import attribute

Weights = Mapping[str, NDArray[np.float32]]

# What layers compute with; integers under other names are counters and states of random generators.
_COMPUTED_WITH = ("kernel", "bias", "gamma", "beta", "moving_mean", "moving_variance", "mask")
_MOST_VALUES = 1 << 27
_MOST_COMPRESSION = 1032  # deflate's limit: a dataset that claims more than this times the file is not in it


def read_weights(path: Path, file: h5py.File, architecture: Architecture, size: int) -> Mapping[str, Weights]:
    """Read the weights of every layer.

    Args:
        path: for messages.
        file: a whole model, or weights alone.
        size: of the file in bytes.
    Returns:
        Layer name to (short weight name to float32 array); a layer that the file does not hold has no weights.
    Raises:
        ModelFileError: damaged; or a weight is not float32, not finite, or larger than the file.
    """
    reader = _Reader(path, size)
    with reading(f"{path}: the HDF5 data"):
        root = file.get("model_weights", file)
        names = ("layers", "_layer_checkpoint_dependencies")
        numbered = [root[name] for name in names if "layer_names" not in root.attrs and name in root]
    if numbered:
        return reader.numbered_layers(reader.group(numbered[0], "its layers"), architecture)
    reader.refuse_other_layers(root, architecture)
    return {entry.name: reader.named_layer(root, entry) for entry in architecture.layers}


class _Reader:
    """Reads arrays of one file."""

    def __init__(self, path: Path, size: int) -> None:
        self.path, self.size = path, size

    def group(self, item: Any, what: str) -> h5py.Group:
        if not isinstance(item, h5py.Group):
            raise ModelFileError(f"{self.path}: an HDF5 group with {what} was expected, got {type(item).__name__}.")
        return item

    def array(self, layer: str, name: str, dataset: Any) -> NDArray[np.float32] | None:
        """A checked float32 array; None for integers that no layer computes with."""
        where = f"{self.path}: weight {name!r} of layer {layer!r}"
        with reading(where):
            simple = isinstance(dataset, h5py.Dataset) and dataset.shape is not None
            kind, values = (dataset.dtype, int(dataset.size)) if simple else (None, 0)
        if kind is None:
            raise ModelFileError(f"{where} is no array.")
        if kind.kind in "iub" and name not in _COMPUTED_WITH:
            return None
        if kind.kind != "f" or kind.itemsize != 4:
            raise ModelFileError(f"{where} is {kind}; hwgen reads float32 models only.")
        if values > _MOST_VALUES or values * kind.itemsize > _MOST_COMPRESSION * self.size:
            raise ModelFileError(f"{where} claims {values} values, more than this file can hold: it is damaged.")
        with reading(where):
            array = np.asarray(dataset[()], dtype=np.float32)
        bad = ~np.isfinite(array)
        if bad.any():
            first = tuple(int(i) for i in np.argwhere(bad)[0])
            raise ModelFileError(
                f"{where} is {array[first]} at {list(first)} ({int(bad.sum())} of {array.size} entries are NaN or "
                f"infinite); train again or repair the file."
            )
        return array

    def refuse_other_layers(self, root: Any, architecture: Architecture) -> None:
        """Weights of layers that the architecture does not have are another model's."""
        known = {entry.name for entry in architecture.layers}
        with reading(f"{self.path}: the list of its layers"):
            names = [_text(name) for name in _list_attribute(root, "layer_names", self.size)]
            others = [n for n in names if n not in known and _list_attribute(root[n], "weight_names", self.size)]
        if others:
            raise _another_models(self.path, others[0])

    def named_layer(self, root: Any, entry: LayerEntry) -> Weights:
        """Keras 2: short names, from names such as ``fc1/kernel:0`` or ``conv/batch_normalization/gamma:0``."""
        with reading(f"{self.path}: the group of weights of layer {entry.name!r}"):
            if entry.name not in root:
                return {}
            stored = root[entry.name]
            names = [_text(name) for name in _list_attribute(stored, "weight_names", self.size)]
            datasets = {name: stored[name] for name in names}
        short = {name: name.rsplit("/", 1)[-1].split(":", 1)[0] for name in names}
        uses = Counter(short.values())
        found = {}
        for name, dataset in datasets.items():
            # Where a layer of several parts has two weights of one short name, neither may pass for the other.
            key = short[name] if uses[short[name]] == 1 else name
            array = self.array(entry.name, key, dataset)
            if array is not None:
                found[key] = array
        known = _known_names(entry)
        surplus = [name for name in found if known and name not in known]
        if surplus:
            raise ModelFileError(
                f"{self.path}: layer {entry.name!r} has weight {surplus[0]!r}, but {', '.join(known)} were expected; "
                f"are they another model's?"
            )
        return found

    def numbered_layers(self, root: h5py.Group, architecture: Architecture) -> Mapping[str, Weights]:
        """Keras 3: newer files note each layer's name on its variables; else the numbers follow the layers' order."""
        with reading(f"{self.path}: the HDF5 data"):
            groups = {name: item for name, item in root.items() if isinstance(item, h5py.Group)}
            noted = {name: _noted_name(group, self.size) for name, group in groups.items()}
        by_name = {note: name for name, note in noted.items() if note is not None}
        seen: Counter[str] = Counter()
        found: dict[str, Weights] = {}
        for entry in architecture.layers:
            snake = _snake_case(entry.class_name)
            key = snake if seen[snake] == 0 else f"{snake}_{seen[snake]}"
            seen[snake] += 1
            chosen = by_name.get(entry.name, key if noted.get(key) is None else "")
            group = groups.pop(chosen, None)
            found[entry.name] = {} if group is None else self.numbered_layer(entry, entry.name, group)
        for name, group in groups.items():
            with reading(f"{self.path}: the group of weights {name!r}"):
                weighted = len(group.get("vars", ()))
            if weighted:
                raise _another_models(self.path, noted[name] or name)
        return found

    def numbered_layer(self, entry: LayerEntry, name: str, group: h5py.Group) -> Weights:
        with reading(f"{self.path}: the group of weights of layer {name!r}"):
            inside = {key: group.get(key) for key in ("vars", "layer", "batchnorm")}
        arrays: dict[str, NDArray[np.float32]] = {}
        if entry.wrapped is not None and inside["layer"] is not None:  # a wrapper keeps its layer one level down
            arrays.update(self.numbered_layer(entry.wrapped, name, self.group(inside["layer"], "a layer")))
        if entry.class_name == "QConv2DBatchnorm" and inside["batchnorm"] is not None:
            normalization = self.group(inside["batchnorm"], "a batch norm")
            arrays.update(self.variables(name, _normalization_order(entry), normalization.get("vars")))
        order = _pruning_order if entry.wrapped is not None else _variable_order(entry)
        return arrays | self.variables(name, order, inside["vars"])

    def variables(
        self, layer: str, order: list[str] | Callable[[int], list[str]], group: Any
    ) -> dict[str, NDArray[np.float32]]:
        with reading(f"{self.path}: the group of weights of layer {layer!r}"):
            stored = {} if group is None else {str(key): item for key, item in group.items()}
        numbers = sorted(int(key) for key in stored if key.isascii() and key.isdecimal())
        order = order(len(numbers)) if callable(order) else order
        if order and (numbers != list(range(len(numbers))) or len(numbers) > len(order)):
            raise ModelFileError(
                f"{self.path}: layer {layer!r} has variables {numbers}, but {', '.join(order)} were expected."
            )
        found = {}
        for name, number in zip(order, numbers, strict=False):
            array = self.array(layer, name, stored[str(number)])
            if array is not None:
                found[name] = array
        return found


def _another_models(path: Path, layer: str) -> ModelFileError:
    return ModelFileError(
        f"{path}: holds weights of {layer!r}, which is no layer of the architecture; are they another model's?"
    )


def _text(name: Any) -> str:
    return name.decode() if isinstance(name, bytes) else str(name)


def _list_attribute(group: Any, key: str, size: int) -> list[Any]:
    """A list in an attribute, which Keras cuts into numbered pieces where it is too long for HDF5."""
    whole = attribute(group, key, size)
    if whole is not None:
        return list(whole)
    pieces: list[Any] = []
    while (piece := attribute(group, f"{key}{len(pieces)}", size)) is not None:
        pieces.append(list(piece))
    return [item for piece in pieces for item in piece]


def _noted_name(group: h5py.Group, size: int) -> str | None:
    variables = group.get("vars")
    name = None if variables is None else attribute(variables, "name", size)
    return name.decode() if isinstance(name, bytes) else name if isinstance(name, str) else None


def _known_names(entry: LayerEntry) -> list[str]:
    """Every weight that a layer may have; none for layers that hwgen does not read."""
    if entry.wrapped is not None:
        inner = _known_names(entry.wrapped)
        return [*inner, *_pruning_order(4)] if inner else []
    normalization = _normalization_order(entry) if entry.class_name == "QConv2DBatchnorm" else []
    return _variable_order(entry) + normalization


def _pruning_order(count: int) -> list[str]:
    """A pruning wrapper's own variables: a layer without weights to prune has a counter only."""
    return ["pruned", "mask", "threshold", "pruning_step"] if count > 1 else ["pruning_step"]


def _variable_order(entry: LayerEntry) -> list[str]:
    """Names of a layer's own variables in the order of their numbers; none for layers that hwgen does not read."""
    match entry.class_name:
        case "QDense" | "QConv1D" | "QConv2D" | "QConv2DBatchnorm":
            bias = ["bias"] if entry.config.get("use_bias", True) else []
            return ["kernel", *bias, *(["iteration"] if entry.class_name == "QConv2DBatchnorm" else [])]
        case "BatchNormalization" | "QBatchNormalization":
            return _normalization_order(entry)
        case _:
            return []


def _normalization_order(entry: LayerEntry) -> list[str]:
    optional = [name for name, key in (("gamma", "scale"), ("beta", "center")) if entry.config.get(key, True)]
    return [*optional, "moving_mean", "moving_variance"]


def _snake_case(name: str) -> str:
    """The same rule as Keras's own, which names the groups of a weights file."""
    name = re.sub(r"\W+", "", name)
    name = re.sub("(.)([A-Z][a-z]+)", r"\1_\2", name)
    return re.sub("([a-z])([A-Z])", r"\1_\2", name).lower()
