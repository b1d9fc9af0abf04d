"""A pruning wrapper around a layer whose kernel has another name: its mask acts, and a stray one is refused."""

from pathlib import Path

import numpy as np
import pytest
from oracle.keras_files import KerasLayer, depthwise, input_layer, layer, pruned, sequential, write_h5
from oracle.one_layer_models import TYPE, zeros

import hwgen
from hwgen.errors import ModelFileError


def write(path: Path, layers: list[KerasLayer], mask: np.ndarray) -> Path:
    wrapped = pruned(layers, {"it": mask})
    write_h5(path, sequential(wrapped), wrapped)
    return path


def test_the_mask_of_a_depthwise_kernel_acts(tmp_path: Path) -> None:
    mask = np.random.default_rng(0).random((3, 3, 2, 1)) < 0.5
    layers = [input_layer("data", (6, 6, 2)), depthwise("it", zeros(3, 3, 2, 1) + 0.5, zeros(2))]
    (conv,) = hwgen.load(write(tmp_path / "model.h5", layers, mask), input_type=TYPE).network.layers
    assert conv.weight.nonzeros == mask.sum()


def test_a_mask_of_another_shape_is_named(tmp_path: Path) -> None:
    layers = [input_layer("data", (6, 6, 2)), depthwise("it", zeros(3, 3, 2, 1), zeros(2))]
    path = write(tmp_path / "model.h5", layers, np.ones((3, 3, 2)))
    with pytest.raises(ModelFileError) as caught:
        hwgen.load(path, input_type=TYPE)
    assert str(caught.value) == (
        f"{path}: layer 'prune_low_magnitude_it' is wrapped for pruning, so a mask of zeros and ones of its "
        f"depthwise_kernel's shape (3, 3, 2, 1) was expected, got one of shape (3, 3, 2), 1 to 1; strip the wrapper "
        f"(strip_pruning) and save again."
    )


def test_a_mask_where_there_is_no_kernel_is_named(tmp_path: Path) -> None:
    layers = [input_layer("data", (4,)), layer("Dropout", "it", rate=0.5)]
    path = write(tmp_path / "model.h5", layers, np.ones(4))
    with pytest.raises(ModelFileError) as caught:
        hwgen.load(path, input_type=TYPE)
    assert str(caught.value) == (
        f"{path}: layer 'prune_low_magnitude_it' is wrapped for pruning, so no mask was expected, got one of shape "
        f"(4,), 1 to 1; strip the wrapper (strip_pruning) and save again."
    )
