"""``masks.npz``: which weights a model keeps, by layer; found beside the model, and checked against it."""

from pathlib import Path

import numpy as np

from hwgen.errors import InputError, ModelFileError
from hwgen.frontend.damage import reading
from hwgen.frontend.graph import Graph
from hwgen.frontend.weighted_layers import WEIGHTED_CLASSES, Masks
from hwgen.frontend.zips import ZIP_MAGIC, array_in, read_arrays


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
        Boolean arrays, True where kept, by node; a layer's mask is that of each of its calls. None without a path.
    Raises:
        ModelFileError: no .npz file of arrays.
        InputError: a mask is for no layer of this model that has weights, or is not boolean.
    """
    if path is None:
        return {}
    with reading(f"{path}: the file of masks"):
        content = path.read_bytes()
        masks = read_arrays(content) if content.startswith(ZIP_MAGIC) else None
        if masks is None:
            array_in("it", content)
    if masks is None:
        raise ModelFileError(f"{path}: masks are an .npz file with an array for each layer, this is a single array.")
    if not masks:
        raise InputError(f"{path}: holds no masks at all; remove it, or train again.")
    weighted = [node for node in graph.nodes if node.class_name in WEIGHTED_CLASSES]
    names = list(dict.fromkeys(node.layer for node in weighted))
    for name, mask in masks.items():
        if name not in names:
            raise InputError(
                f"{path}: holds a mask for {name!r}, which is no layer with weights in this model "
                f"({', '.join(names) or 'it has none'}); are the masks another model's?"
            )
        if mask.dtype != np.bool_:
            raise InputError(f"{path}: the mask of {name!r} is {mask.dtype}; true (kept) and false were expected.")
    return {node.name: masks[node.layer] for node in weighted if node.layer in masks}
