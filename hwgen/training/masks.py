"""``masks.npz``: which weights a pruned model keeps, beside the model and without TensorFlow."""

from collections.abc import Mapping
from pathlib import Path
from zipfile import ZIP_DEFLATED, BadZipFile, ZipFile, ZipInfo

import numpy as np

from hwgen.errors import InputError
from hwgen.training.selection import BoolArray


def save_masks(path: Path, masks: Mapping[str, BoolArray]) -> None:
    """Write masks by layer name; the same masks give the same bytes.

    Args:
        masks: boolean arrays of the kernels' shapes, True where kept.
    """
    # Not np.savez: it takes names as keywords, so that a layer may not be named "file".
    with ZipFile(path, "w") as archive:
        for name in sorted(masks):
            info = ZipInfo(f"{name}.npy")  # its date is 1980, always
            info.compress_type = ZIP_DEFLATED
            with archive.open(info, "w") as entry:
                np.lib.format.write_array(entry, np.array(masks[name], dtype=np.bool_, order="C"), allow_pickle=False)


def load_masks(path: Path) -> dict[str, BoolArray]:
    """Read masks by layer name.

    Returns:
        Boolean arrays of the kernels' shapes, True where kept. Read-only.
    Raises:
        InputError: the file is missing, is no ``.npz`` file or holds anything but boolean arrays.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            masks = {name: np.asarray(file[name]) for name in file.files}
    except (OSError, ValueError, BadZipFile, AttributeError) as error:
        raise InputError(f"{path}: masks are read from an .npz file of boolean arrays; {error}.") from error
    for name, mask in masks.items():
        if mask.dtype != np.bool_:
            raise InputError(f"{path}: a mask is a boolean array, True where kept; {name!r} holds {mask.dtype}.")
        mask.flags.writeable = False
    return masks
