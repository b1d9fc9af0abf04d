"""Weights in HDF5 as Keras 2 and Keras 3 lay them out, by layer and short name; every array checked.

Keras 2 has one group for each layer of the outermost model, named after it, with the names of its weights in an
attribute; the weights of a model inside the model all stand in its group, and their names say which layer they belong
to. Keras 3 (and ``.keras`` of tf-keras) has one group a layer, named after its class and numbered in the order of the
layers, its variables numbered; groups are nested as the models are.
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
from hwgen.frontend.architecture import PRUNING_WRAPPER, Architecture, LayerEntry
from hwgen.frontend.damage import reading
from hwgen.frontend.hdf5 import attribute, refuse_unusual_storage
from hwgen.frontend.nested_names import Leaf, Owners, leaves
from hwgen.frontend.weight_names import known_names, normalization_order, pruning_order, variable_order

Weights = Mapping[str, NDArray[np.float32]]
WeightsByPath = dict[tuple[str, ...], Weights]

# What layers compute with; integers under other names are counters and states of random generators.
_COMPUTED_WITH = (
    *("kernel", "bias", "depthwise_kernel", "pointwise_kernel", "recurrent_kernel"),
    *("gamma", "beta", "moving_mean", "moving_variance", "mask"),
)
_MOST_VALUES = 1 << 27
_MOST_COMPRESSION = 1032  # deflate's limit: a dataset that claims more than this times the file is not in it
_MOST_UNPACKED = 1 << 26  # values that a file may hold beyond those that its bytes could hold unpacked


def read_weights(path: Path, file: h5py.File, architecture: Architecture, size: int) -> WeightsByPath:
    """Read the weights of every layer.

    Args:
        path: for messages.
        file: a whole model, or weights alone.
        size: of the file in bytes.
    Returns:
        A layer's path (the models that it is in, and its own name) to (short weight name to float32 array); a layer
        that the file does not hold has no weights.
    Raises:
        ModelFileError: damaged; or a weight is not float32, not finite, or larger than the file.
    """
    reader = _Reader(path, size)
    with reading(f"{path}: the HDF5 data"):
        root = file.get("model_weights", file)
        names = ("layers", "_layer_checkpoint_dependencies")
        numbered = [root[name] for name in names if "layer_names" not in root.attrs and name in root]
    if numbered:
        return reader.numbered_layers(reader.group(numbered[0], "its layers"), architecture, ())
    reader.refuse_other_layers(root, architecture)
    found: WeightsByPath = {}
    for entry in architecture.layers:
        if entry.inside is None:
            found[(entry.name,)] = reader.named_layer(root, entry)
        else:
            found |= reader.named_model(root, entry, entry.inside)
    return found


class _Reader:
    """Reads arrays of one file."""

    def __init__(self, path: Path, size: int) -> None:
        self.path, self.size = path, size
        self.values = 0

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
            raise ModelFileError(f"{where} is no array of numbers: the file is damaged.")
        if kind.kind in "iub" and name not in _COMPUTED_WITH:
            return None
        if kind.kind != "f" or kind.itemsize != 4:
            raise ModelFileError(f"{where} is {kind}; hwgen reads float32 models only.")
        if values > _MOST_VALUES or values * kind.itemsize > _MOST_COMPRESSION * self.size:
            raise ModelFileError(f"{where} claims {values} values, more than this file can hold: it is damaged.")
        self.values += values
        if self.values > self.size // kind.itemsize + _MOST_UNPACKED:
            raise ModelFileError(
                f"{where} is one weight too many: this file of {self.size} bytes unpacks to more than {_MOST_UNPACKED} "
                f"values; save it without compression."
            )
        with reading(where):
            refuse_unusual_storage(dataset, self.size)
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

    def named_weights(self, root: Any, entry: LayerEntry) -> dict[str, Any]:
        """What the group of a layer holds, by the names that it lists."""
        with reading(f"{self.path}: the group of weights of layer {entry.name!r}"):
            if entry.name not in root:
                return {}
            stored = root[entry.name]
            names = [_text(name) for name in _list_attribute(stored, "weight_names", self.size)]
            return {name: stored[name] for name in names}

    def named_layer(self, root: Any, entry: LayerEntry) -> Weights:
        """Keras 2: short names, from names such as ``fc1/kernel:0`` or ``conv/batch_normalization/gamma:0``."""
        return self.short_named(entry, entry.name, self.named_weights(root, entry))

    def named_model(self, root: Any, entry: LayerEntry, model: Architecture) -> WeightsByPath:
        """Keras 2: the weights of a model inside the model, by the layers that their names name."""
        inside = leaves(model, (entry.name,))
        by_leaf: dict[tuple[str, ...], dict[str, Any]] = {leaf.path: {} for leaf in inside}
        owners = Owners(inside)
        for name, dataset in self.named_weights(root, entry).items():
            leaf = owners.of(name)
            if leaf is None:
                raise ModelFileError(
                    f"{self.path}: weight {name!r} of the model {entry.name!r} names none of its layers, or more than "
                    f"one; are they another model's?"
                )
            by_leaf[leaf.path][name] = dataset
        return {leaf.path: self.short_named(leaf.entry, _nested_name(leaf), by_leaf[leaf.path]) for leaf in inside}

    def short_named(self, entry: LayerEntry, layer: str, datasets: Mapping[str, Any]) -> Weights:
        """Arrays by short names."""
        short = {name: name.rsplit("/", 1)[-1].split(":", 1)[0] for name in datasets}
        uses = Counter(short.values())
        found = {}
        for name, dataset in datasets.items():
            # Where a layer of several parts has two weights of one short name, neither may pass for the other.
            key = short[name] if uses[short[name]] == 1 else name
            array = self.array(layer, key, dataset)
            if array is not None:
                found[key] = array
        known = known_names(entry)
        surplus = [name for name in found if known and name not in known]
        if surplus:
            raise ModelFileError(
                f"{self.path}: layer {layer!r} has weight {surplus[0]!r}, but {', '.join(known)} were expected; "
                f"are they another model's?"
            )
        return found

    def numbered_layers(self, root: h5py.Group, architecture: Architecture, path: tuple[str, ...]) -> WeightsByPath:
        """Keras 3: newer files note each layer's name on its variables; else the numbers follow the layers' order.

        Args:
            path: names of the models that this one is in, and its own; none for the outermost.
        """
        with reading(f"{self.path}: the HDF5 data"):
            groups = {name: item for name, item in root.items() if isinstance(item, h5py.Group)}
            noted = {name: _noted_name(group, self.size) for name, group in groups.items()}
        by_name = {note: name for name, note in noted.items() if note is not None}
        seen: Counter[str] = Counter()
        found: WeightsByPath = {}
        for entry in architecture.layers:
            snake = _snake_case("Functional" if entry.class_name == "Model" else entry.class_name)
            key = snake if seen[snake] == 0 else f"{snake}_{seen[snake]}"
            seen[snake] += 1
            chosen = by_name.get(entry.name, key if noted.get(key) is None else "")
            group = groups.pop(chosen, None)
            own = (*path, entry.name)
            if entry.inside is not None:
                found |= self.numbered_model(entry, entry.inside, own, group)
            else:
                found[own] = {} if group is None else self.numbered_layer(entry, "_".join(own), group)
        for name, group in groups.items():
            with reading(f"{self.path}: the group of weights {name!r}"):
                weighted = len(group.get("vars", ())) or any(key in group for key in ("layers", "layer", "cell"))
            if weighted:
                raise _another_models(self.path, noted[name] or name)
        return found

    def numbered_model(
        self, entry: LayerEntry, model: Architecture, path: tuple[str, ...], group: h5py.Group | None
    ) -> WeightsByPath:
        """Keras 3: the group of a model inside the model is laid out as the outermost one."""
        with reading(f"{self.path}: the group of weights of layer {'_'.join(path)!r}"):
            held = group if entry.wrapped is None or group is None else group.get("layer")
            inner = None if held is None else held.get("layers")
        if inner is None:
            return {leaf.path: {} for leaf in leaves(model, path)}
        return self.numbered_layers(self.group(inner, f"the layers of {'_'.join(path)!r}"), model, path)

    def numbered_layer(self, entry: LayerEntry, name: str, group: h5py.Group) -> Weights:
        with reading(f"{self.path}: the group of weights of layer {name!r}"):
            inside = {key: group.get(key) for key in ("vars", "layer", "batchnorm", "cell")}
        arrays: dict[str, NDArray[np.float32]] = {}
        if entry.wrapped is not None and inside["layer"] is not None:  # a wrapper keeps its layer one level down
            arrays.update(self.numbered_layer(entry.wrapped, name, self.group(inside["layer"], "a layer")))
        if normalization_order(entry) and inside["batchnorm"] is not None:
            normalization = self.group(inside["batchnorm"], "a batch norm")
            arrays.update(self.variables(name, normalization_order(entry), self.inner(normalization, name)))
        if inside["cell"] is not None:  # a recurrent layer's weights are those of its cell
            cell = self.group(inside["cell"], "a cell")
            return arrays | self.variables(name, variable_order(entry), self.inner(cell, name))
        match entry.wrapped, entry.class_name:
            case None, _:
                order: list[str] | Callable[[int], list[str]] = variable_order(entry)
            case _, str(wrapper) if wrapper == PRUNING_WRAPPER:
                order = pruning_order
            case _:
                return arrays
        return arrays | self.variables(name, order, inside["vars"])

    def inner(self, part: h5py.Group, layer: str) -> Any:
        """The variables of a part of a layer."""
        with reading(f"{self.path}: the group of weights of layer {layer!r}"):
            return part.get("vars")

    def variables(
        self, layer: str, order: list[str] | Callable[[int], list[str]], group: Any
    ) -> dict[str, NDArray[np.float32]]:
        with reading(f"{self.path}: the group of weights of layer {layer!r}"):
            stored = {} if group is None else {str(key): item for key, item in group.items()}
        numbers = sorted(int(key) for key in stored if key.isascii() and key.isdecimal() and len(key) < 10)
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


def _nested_name(leaf: Leaf) -> str:
    return "_".join(leaf.path)


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


def _snake_case(name: str) -> str:
    """The same rule as Keras's own, which names the groups of a weights file."""
    name = re.sub(r"\W+", "", name)
    name = re.sub("(.)([A-Z][a-z]+)", r"\1_\2", name)
    return re.sub("([a-z])([A-Z])", r"\1_\2", name).lower()
