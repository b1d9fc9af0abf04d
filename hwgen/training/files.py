"""The folder that training leaves: it appears whole or not at all, and the same run gives the same bytes."""

import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from hwgen.errors import InputError
from hwgen.training.masked import apply_masks, remove_masks
from hwgen.training.masks import load_masks, save_masks
from hwgen.training.selection import BoolArray
from hwgen.training.tensorflow import load, quiet

MODEL_FILE = "model.h5"
MASKS_FILE = "masks.npz"
DATA_FILE = "test_data.npz"
CONFIG_FILE = "config.toml"
REPORT_FILE = "training.json"


def save_pruned(model: Any, masks: Mapping[str, BoolArray], folder: Path) -> None:
    """Write ``model.h5`` and ``masks.npz`` to an existing folder.

    The model is plain QKeras: its own quantizers, pruned weights stored as 0, no optimizer. A reader that applies
    the masks after the quantizers computes what the masked model does; so does plain QKeras wherever the kernel
    quantizers turn 0 into 0. The model comes back with the masks on it.

    Raises:
        InputError: a mask does not fit the model.
    """
    apply_masks(model, masks)
    remove_masks(model)
    with quiet():
        model.save(str(folder / MODEL_FILE), save_format="h5", include_optimizer=False)
    save_masks(folder / MASKS_FILE, masks)
    apply_masks(model, masks)


def load_pruned(model_path: Path) -> Any:
    """Load a saved model with the masks of the ``masks.npz`` beside it, if there is one, on its quantizers.

    Raises:
        InputError: the file is missing, or the masks do not fit it.
    """
    if not model_path.is_file():
        raise InputError(f"{model_path}: no such model; `hwgen train` writes one named {MODEL_FILE}.")
    with quiet():
        model = load().qkeras.utils.load_qmodel(str(model_path), compile=False)
    masks_path = model_path.with_name(MASKS_FILE)
    if masks_path.is_file():
        apply_masks(model, load_masks(masks_path))
    return model


def check_replaceable(folder: Path) -> None:
    """Refuse to write over anything but an earlier training.

    Raises:
        InputError: the folder holds other files, or is a file.
    """
    if folder.is_dir() and (not any(folder.iterdir()) or (folder / REPORT_FILE).is_file()):
        return
    if folder.exists():
        raise InputError(
            f"{folder}: training replaces an earlier training's folder, which holds {REPORT_FILE}, and nothing else; "
            f"name another folder or move this one away."
        )


@contextmanager
def appearing_folder(folder: Path) -> Iterator[Path]:
    """Give a new folder beside ``folder`` to fill; it takes the name ``folder`` at the end, and goes if that fails.

    Raises:
        InputError: as ``check_replaceable``, or the folder cannot be made.
    """
    check_replaceable(folder)
    partial = folder.with_name(f".{folder.name}.{os.getpid()}.partial")
    old = folder.with_name(f".{folder.name}.{os.getpid()}.old")
    try:
        partial.mkdir(parents=True)
    except OSError as error:
        raise InputError(f"{folder}: the output folder cannot be made; {error}.") from error
    try:
        yield partial
        if folder.exists():
            folder.rename(old)
        try:
            partial.rename(folder)
        except OSError:
            if old.exists():
                old.rename(folder)
            raise
        shutil.rmtree(old, ignore_errors=True)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Write a report: keys as given, two spaces, a final newline."""
    path.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
