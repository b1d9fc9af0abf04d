"""``masks.npz``: which weights a model keeps, by layer; found beside the model, and checked against it."""

import io
from pathlib import Path

import numpy as np

from hwgen.errors import InputError, ModelFileError
from hwgen.frontend.damage import reading
from hwgen.frontend.graph import Graph
from hwgen.frontend.weighted_layers import WEIGHTED_CLASSES, Masks


def find_masks(model: Path, given: str | Path | None) -> Path | None:
    """The masks that were asked for, or those beside the model, or None."""
    if given is not None:
        masks = Path(given)
        if not masks.is_file():
            raise InputError(f"{masks}: no such file of masks.")
        return masks
    beside = model.parent / "masks.npz"
    return beside if beside.is_file() else None


def read_masks(path: Path | None, graph: Graph) -> Masks:
    """Read masks by layer name.

    Returns:
        Boolean arrays, True where kept; none without a path.
    Raises:
        ModelFileError: no .npz file of arrays.
        InputError: a mask is for no layer of this model that has weights, or is not boolean.
    """
    if path is None:
        return {}
    with reading(f"{path}: the file of masks"):
        archive = np.load(io.BytesIO(path.read_bytes()), allow_pickle=False)
        masks = {name: archive[name] for name in archive.files} if isinstance(archive, np.lib.npyio.NpzFile) else None
    if masks is None:
        raise ModelFileError(f"{path}: masks are an .npz file with an array for each layer, this is a single array.")
    if not masks:
        raise InputError(f"{path}: holds no masks at all; remove it, or train again.")
    weighted = [node.name for node in graph.nodes if node.class_name in WEIGHTED_CLASSES]
    for name, mask in masks.items():
        if name not in weighted:
            raise InputError(
                f"{path}: holds a mask for {name!r}, which is no layer with weights in this model "
                f"({', '.join(weighted) or 'it has none'}); are the masks another model's?"
            )
        if mask.dtype != np.bool_:
            raise InputError(f"{path}: the mask of {name!r} is {mask.dtype}; true (kept) and false were expected.")
    return masks
