"""One model in every form of file that Keras 2 and Keras 3 save: to be read as one network."""

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import h5py

from oracle.keras_files import (
    Config,
    KerasLayer,
    Source,
    as_keras3,
    functional,
    sequential,
    write_h5,
    write_keras,
    write_numbered_weights,
    write_weights_h5,
)

Paths = tuple[Path, Path | None]  # the model, and separate weights
Write = Callable[[Path, Sequence[KerasLayer], Sequence[Source] | None], Paths]


def _keras2(layers: Sequence[KerasLayer], ends: Sequence[Source] | None) -> Config:
    """Sequential without ends."""
    return sequential(layers) if ends is None else functional(layers, ends)


def _keras3(layers: Sequence[KerasLayer], ends: Sequence[Source] | None) -> Config:
    return as_keras3(sequential(layers, True) if ends is None else functional(layers, ends, keras3=True))


def _h5(folder: Path, layers: Sequence[KerasLayer], ends: Sequence[Source] | None) -> Paths:
    write_h5(folder / "model.h5", _keras2(layers, ends), layers)
    return folder / "model.h5", None


def _h5_of_keras3(folder: Path, layers: Sequence[KerasLayer], ends: Sequence[Source] | None) -> Paths:
    write_h5(folder / "model.h5", _keras3(layers, ends), layers, suffix="")
    return folder / "model.h5", None


def _keras_of_tf_keras(folder: Path, layers: Sequence[KerasLayer], ends: Sequence[Source] | None) -> Paths:
    write_keras(folder / "model.keras", _keras2(layers, ends), layers, named=False)
    return folder / "model.keras", None


def _keras_of_keras3(folder: Path, layers: Sequence[KerasLayer], ends: Sequence[Source] | None) -> Paths:
    write_keras(folder / "model.keras", _keras3(layers, ends), layers, named=True)
    return folder / "model.keras", None


def _json_and_h5(folder: Path, layers: Sequence[KerasLayer], ends: Sequence[Source] | None) -> Paths:
    (folder / "model.json").write_text(json.dumps(_keras2(layers, ends)))
    write_weights_h5(folder / "weights.h5", layers)
    return folder / "model.json", folder / "weights.h5"


def _json_and_weights_h5(folder: Path, layers: Sequence[KerasLayer], ends: Sequence[Source] | None) -> Paths:
    (folder / "model.json").write_text(json.dumps(_keras3(layers, ends)))
    with h5py.File(folder / "model.weights.h5", "w") as file:
        write_numbered_weights(file, layers, named=True)
    return folder / "model.json", folder / "model.weights.h5"


FORMS: Mapping[str, Write] = {
    "h5": _h5,
    "h5 of Keras 3": _h5_of_keras3,
    "keras of tf-keras": _keras_of_tf_keras,
    "keras of Keras 3": _keras_of_keras3,
    "json and h5": _json_and_h5,
    "json and weights.h5": _json_and_weights_h5,
}
