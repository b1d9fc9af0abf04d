"""One network from every file format is one network."""

import json
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest
from oracle.keras_files import (
    KerasLayer,
    as_keras3,
    functional,
    pruned,
    sequential,
    write_h5,
    write_keras,
    write_numbered_weights,
    write_weights_h5,
)
from oracle.small_networks import SmallNetwork, small_network

import hwgen
from hwgen.ir import Conv, Dense, Network, network_to_json

Paths = tuple[Path, Path | None]  # the model, and separate weights


@pytest.fixture(scope="module")
def small() -> SmallNetwork:
    return small_network()


@pytest.fixture(scope="module")
def reference(small: SmallNetwork, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The network that every format must give, as text."""
    path = tmp_path_factory.mktemp("reference") / "model.h5"
    write_h5(path, sequential(small.layers), small.layers)
    return network_to_json(hwgen.load(path).network)


def _h5_sequential(folder: Path, layers: list[KerasLayer]) -> Paths:
    write_h5(folder / "model.h5", sequential(layers), layers)
    return folder / "model.h5", None


def _h5_functional(folder: Path, layers: list[KerasLayer]) -> Paths:
    write_h5(folder / "model.hdf5", functional(layers), layers)
    return folder / "model.hdf5", None


def _h5_without_input_layer(folder: Path, layers: list[KerasLayer]) -> Paths:
    """Keras calls the input after the first layer, which then states the shape."""
    shape = layers[0].config["batch_input_shape"]
    first = layers[1].changed(name="conv", batch_input_shape=shape)
    rest = [entry.changed(name="first_conv") if entry.name == "conv" else entry for entry in layers[2:]]
    write_h5(folder / "model.h5", sequential([first, *rest]), [first, *rest])
    return folder / "model.h5", None


def _h5_built_later(folder: Path, layers: list[KerasLayer]) -> Paths:
    """A Sequential model that was built by its first call notes the shape beside the layers."""
    shape = layers[0].config["batch_input_shape"]
    first = layers[1].changed(name="conv")
    rest = [first, *(entry.changed(name="first_conv") if entry.name == "conv" else entry for entry in layers[2:])]
    architecture = sequential(rest)
    architecture["config"]["build_input_shape"] = shape
    write_h5(folder / "model.h5", architecture, rest)
    return folder / "model.h5", None


def _h5_plain_list(folder: Path, layers: list[KerasLayer]) -> Paths:
    """Keras 2.2 and older: the configuration of a Sequential is the list of its layers."""
    architecture = sequential(layers)
    write_h5(folder / "model.h5", {**architecture, "config": architecture["config"]["layers"]}, layers)
    return folder / "model.h5", None


def _h5_nested_names(folder: Path, layers: list[KerasLayer]) -> Paths:
    write_h5(folder / "model.h5", sequential(layers), layers, scope="outer/scope_1/")
    return folder / "model.h5", None


def _h5_of_keras3(folder: Path, layers: list[KerasLayer]) -> Paths:
    write_h5(folder / "model.h5", as_keras3(functional(layers, keras3=True)), layers, suffix="")
    return folder / "model.h5", None


def _h5_names_in_pieces(folder: Path, layers: list[KerasLayer]) -> Paths:
    write_h5(folder / "model.h5", sequential(layers), layers, chunked=True)
    return folder / "model.h5", None


def _h5_pruning_wrappers(folder: Path, layers: list[KerasLayer]) -> Paths:
    wrapped = _wrapped(layers)
    write_h5(folder / "model.h5", sequential(wrapped), wrapped)
    return folder / "model.h5", None


def _h5_functional_pruning_wrappers(folder: Path, layers: list[KerasLayer]) -> Paths:
    wrapped = _wrapped(layers)
    write_h5(folder / "model.h5", functional(wrapped), wrapped)
    return folder / "model.h5", None


def _json_and_weights(folder: Path, layers: list[KerasLayer]) -> Paths:
    (folder / "model.json").write_text(json.dumps(functional(layers)))
    write_weights_h5(folder / "weights.h5", layers)
    return folder / "model.json", folder / "weights.h5"


def _json_and_whole_model(folder: Path, layers: list[KerasLayer]) -> Paths:
    (folder / "model.json").write_text(json.dumps(sequential(layers)))
    write_h5(folder / "whole.h5", sequential(layers), layers)
    return folder / "model.json", folder / "whole.h5"


def _json_and_keras3_weights(folder: Path, layers: list[KerasLayer]) -> Paths:
    (folder / "MODEL.JSON").write_text(json.dumps(as_keras3(functional(layers, keras3=True))))
    with h5py.File(folder / "model.weights.h5", "w") as file:
        write_numbered_weights(file, layers, named=True)
    return folder / "MODEL.JSON", folder / "model.weights.h5"


def _keras_of_tf_keras(folder: Path, layers: list[KerasLayer]) -> Paths:
    write_keras(folder / "model.keras", functional(layers), layers, named=False)
    return folder / "model.keras", None


def _keras_3(folder: Path, layers: list[KerasLayer]) -> Paths:
    write_keras(folder / "model.keras", as_keras3(functional(layers, keras3=True)), layers, named=True)
    return folder / "model.keras", None


def _keras_3_sequential(folder: Path, layers: list[KerasLayer]) -> Paths:
    write_keras(folder / "model.keras", as_keras3(sequential(layers)), layers, named=True)
    return folder / "model.keras", None


def _keras_pruning_wrappers(folder: Path, layers: list[KerasLayer]) -> Paths:
    wrapped = _wrapped(layers)
    write_keras(folder / "model.keras", sequential(wrapped), wrapped, named=False)
    return folder / "model.keras", None


def _wrapped(layers: list[KerasLayer]) -> list[KerasLayer]:
    """In pruning wrappers whose masks drop the zeros of the kernel, which therefore may hold anything there."""
    masks = {entry.name: entry.weights["kernel"] != 0 for entry in layers if "kernel" in entry.weights}
    full = [
        KerasLayer(e.class_name, e.config, {**e.weights, "kernel": np.where(masks[e.name], e.weights["kernel"], 0.5)})
        if e.name in masks
        else e
        for e in layers
    ]
    return pruned(full, masks)


FORMATS = [
    _h5_sequential,
    _h5_functional,
    _h5_plain_list,
    _h5_nested_names,
    _h5_of_keras3,
    _h5_names_in_pieces,
    _h5_pruning_wrappers,
    _h5_functional_pruning_wrappers,
    _json_and_weights,
    _json_and_whole_model,
    _json_and_keras3_weights,
    _keras_of_tf_keras,
    _keras_3,
    _keras_3_sequential,
    _keras_pruning_wrappers,
]


@pytest.mark.parametrize("write", FORMATS, ids=lambda write: write.__name__.strip("_"))
def test_every_format_gives_the_same_network(
    write: Callable[[Path, list[KerasLayer]], Paths], small: SmallNetwork, reference: str, tmp_path: Path
) -> None:
    path, weights = write(tmp_path, small.layers)
    assert network_to_json(hwgen.load(path, weights).network) == reference


@pytest.mark.parametrize("write", [_h5_without_input_layer, _h5_built_later], ids=["shape in layer", "shape beside"])
def test_a_sequential_model_without_an_input_layer_takes_its_first_layers_shape(
    write: Callable[[Path, list[KerasLayer]], Paths], small: SmallNetwork, tmp_path: Path
) -> None:
    path, _ = write(tmp_path, small.layers)
    (source,) = hwgen.load(path).network.inputs
    assert (source.value.name, source.value.shape) == ("conv_input", (6, 6, 2))


def test_keras_3_finds_layers_by_the_names_that_are_noted(small: SmallNetwork, reference: str, tmp_path: Path) -> None:
    """However the groups are numbered."""
    path = tmp_path / "model.keras"
    write_keras(path, as_keras3(functional(small.layers, keras3=True)), small.layers[::-1], named=True)
    assert network_to_json(hwgen.load(path).network) == reference


def test_kernels_are_the_codes_that_were_stored(small: SmallNetwork, tmp_path: Path) -> None:
    path, _ = _h5_sequential(tmp_path, small.layers)
    network = hwgen.load(path).network
    for name in ("conv", "hidden", "scores"):
        assert (_weights(network, name) == small.codes[name]).all()


def test_a_pruning_mask_acts_on_weights_that_the_wrapper_has_not_zeroed_yet(
    small: SmallNetwork, tmp_path: Path
) -> None:
    path, _ = _h5_pruning_wrappers(tmp_path, small.layers)
    network = hwgen.load(path).network
    assert (_weights(network, "hidden") == small.codes["hidden"]).all()
    assert (_weights(network, "hidden") == 0).any()


def _weights(network: Network, name: str) -> np.ndarray:
    (layer,) = (entry for entry in network.layers if entry.name == name)
    assert isinstance(layer, Dense | Conv)
    return layer.weight.dense()


def test_pruned_weights_that_the_quantizer_revives_are_reported(small: SmallNetwork, tmp_path: Path) -> None:
    layers = [
        entry.changed(kernel_quantizer="binary(alpha=1)") if entry.name == "scores" else entry for entry in small.layers
    ]
    path, _ = _h5_pruning_wrappers(tmp_path, layers)
    pruned_weights = int((small.codes["scores"] == 0).sum())
    assert any(f"layer 'scores': {pruned_weights} pruned weights" in note for note in hwgen.load(path).network.notes)
