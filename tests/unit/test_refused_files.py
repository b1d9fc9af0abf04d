"""Files that are no Keras model, or hold another's weights, each with the whole sentence that refuses it."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from oracle.keras_files import (
    Config,
    activation,
    batch_norm,
    functional,
    input_layer,
    pruned,
    sequential,
    write_h5,
)
from oracle.one_layer_models import MODELS, message, norm, zeros

import hwgen
from hwgen.errors import HwgenError

KEY = "it/kernel:0"  # of the kernel in the group of its layer


def sentence(path: Path, **load: Any) -> str:
    with pytest.raises(HwgenError) as caught:
        hwgen.load(path, **load)
    return str(caught.value)


# ---- whole files


def test_weights_that_cannot_be_read_are_refused(tmp_path: Path) -> None:
    (tmp_path / "model.json").write_text(json.dumps(sequential(MODELS["QDense"])))
    assert sentence(tmp_path / "model.json", weights=tmp_path) == f"{tmp_path}: cannot be read (Is a directory)."


def test_an_architecture_that_is_a_number_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "model.h5"
    with h5py.File(path, "w") as file:
        file.attrs["model_config"] = 7
    assert sentence(path) == f"{path}: its 'model_config' is no text, so it is no Keras architecture."


# ---- weights


def _replaced(group: h5py.Group, name: str, data: Any) -> None:
    del group[name]
    group[name] = data


def _becomes_group(group: h5py.Group) -> None:
    del group[KEY]
    group.create_group(KEY)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (_becomes_group, "weight 'kernel' of layer 'it' is no array of numbers: the file is damaged."),
        (
            lambda group: _replaced(group, KEY, np.zeros((4, 3), dtype=np.float64)),
            "weight 'kernel' of layer 'it' is float64; hwgen reads float32 models only.",
        ),
        (
            lambda group: _replaced(group, KEY, np.float32([[0, 1, 2], [0, np.nan, 2], [0, 1, np.inf], [0, 1, 2]])),
            "weight 'kernel' of layer 'it' is nan at [1, 1] (2 of 12 entries are NaN or infinite); train again or "
            "repair the file.",
        ),
    ],
    ids=["group", "float64", "nan"],
)
def test_a_weight_that_is_none_is_refused(change: Callable[[h5py.Group], None], says: str, tmp_path: Path) -> None:
    path = tmp_path / "model.h5"
    write_h5(path, sequential(MODELS["QDense"]), MODELS["QDense"])
    with h5py.File(path, "r+") as file:
        change(file["model_weights/it"])
    assert sentence(path) == f"{path}: {says}"


def test_layers_that_are_an_array_are_refused(tmp_path: Path) -> None:
    """Keras 3 keeps the weights in a group called layers."""
    path = tmp_path / "model.h5"
    with h5py.File(path, "w") as file:
        file.attrs["model_config"] = json.dumps(sequential(MODELS["QDense"]))
        file.create_group("model_weights")["layers"] = zeros(3)
    assert sentence(path) == f"{path}: an HDF5 group with its layers was expected, got Dataset."


def test_a_batch_norm_of_other_channels_is_refused(tmp_path: Path) -> None:
    for found, shown in ((norm(3), "shape (3,)"), ({}, "none")):
        layers = [input_layer("data", (4,)), batch_norm("it", found), activation("end", "quantized_relu(4)")]
        assert message(tmp_path, layers) == (
            f"layer 'it' (BatchNormalization): needs a 'gamma' of shape (4,), the file holds {shown}."
        )


# ---- pruning wrappers


@pytest.mark.parametrize(
    ("mask", "found"),
    [(np.full((4, 3), 0.5), "one of shape (4, 3), 0.5 to 0.5"), (None, "none")],
)
def test_a_mask_of_a_wrapper_that_is_none_is_refused(mask: np.ndarray | None, found: str, tmp_path: Path) -> None:
    layers = pruned(MODELS["QDense"], {} if mask is None else {"it": mask})
    path = tmp_path / "model.h5"
    assert message(tmp_path, layers) == (
        f"{path}: layer 'prune_low_magnitude_it' is wrapped for pruning, so a mask of zeros and ones of its kernel's "
        f"shape (4, 3) was expected, got {found}; strip the wrapper (strip_pruning) and save again."
    )


# ---- connections


def _calls(*inbound: Any, of: str = "it") -> Config:
    """The architecture around QDense with other connections."""
    made = functional(MODELS["QDense"])
    for entry in made["config"]["layers"]:
        if entry["name"] == of:
            entry["inbound_nodes"] = list(inbound)
    return made


_TENSOR = {"class_name": "__keras_tensor__", "config": {"keras_history": ["data", 0, 0]}}


@pytest.mark.parametrize(
    ("architecture", "says"),
    [
        (_calls(7), "layer 'it': its connections are in no form that hwgen knows: 7."),
        (_calls([["data", 0]]), "layer 'it': its connections are in no form that hwgen knows: [['data', 0]]."),
        (
            _calls({"args": [3.5], "kwargs": {}}),
            "layer 'it': is called with 3.5; only outputs of layers are supported as arguments.",
        ),
        (
            _calls({"args": [_TENSOR], "kwargs": {"mask": True}}),
            "layer 'it': is called with mask=True, which hwgen does not honour; build the model without it.",
        ),
        (
            _calls([["data", 0, 0, {"training": True}]]),
            "layer 'it': is called with training=True, which hwgen does not honour; build the model without it.",
        ),
        (_calls([["away", 0, 0, {}]]), "{path}: layer 'it' reads 'away', which is no layer of the model."),
        (_calls(), "{path}: layer 'it' reads nothing, and is no input."),
        (_calls([["it", 0, 0, {}]], of="data"), "{path}: layer 'data' reads another layer, but is an input."),
    ],
)
def test_connections_are_refused_in_one_sentence(architecture: Config, says: str, tmp_path: Path) -> None:
    path = tmp_path / "model.h5"
    assert message(tmp_path, MODELS["QDense"], architecture) == says.replace("{path}", str(path))
