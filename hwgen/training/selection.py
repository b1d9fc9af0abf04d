"""Which weights to prune: from importances to masks, in NumPy alone.

A *group* is what is pruned as one: a single weight, or all weights of one neuron or filter (one index of the kernel's
last axis). A mask has the kernel's shape; True means kept. Every choice is deterministic: equal importances are told
apart by the layers' order, then by position.
"""

from collections.abc import Mapping
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from hwgen.errors import InputError

BoolArray = NDArray[np.bool_]
FloatArray = NDArray[np.float64]


class Method(StrEnum):
    """How important a group is."""

    MAGNITUDE = "magnitude"  # mean of the absolute weights
    RELATIVE = "relative"  # the same, divided by the layer's scale: the root mean square of its non-zero weights
    L1 = "l1"  # sum of the absolute weights
    L2 = "l2"  # root of the sum of squares


class Granularity(StrEnum):
    """What is pruned as one."""

    WEIGHT = "weight"  # unstructured: one weight a group, so that the methods differ only in the layer's scale
    NEURON = "neuron"  # one output of a dense layer, one filter of a convolution


class Scope(StrEnum):
    """Among which groups the least important ones are sought."""

    LAYER = "layer"  # each layer reaches its own sparsity
    GLOBAL = "global"  # all layers together reach one


def importance(weights: NDArray[np.floating], method: Method, granularity: Granularity) -> FloatArray:
    """Return how important each group of one layer's weights is.

    Args:
        weights: (..., outputs); a kernel as Keras stores it, output channel last.
    Returns:
        (weights,) in C order or (outputs,), not negative.
    Raises:
        InputError: a weight is NaN or infinite.
    """
    size = np.abs(np.asarray(weights, dtype=np.float64))
    if not np.isfinite(size).all():
        raise InputError("weights must be finite to be pruned, got NaN or infinity; the training diverged.")
    groups = size.reshape(-1, 1) if granularity is Granularity.WEIGHT else size.reshape(-1, size.shape[-1]).T
    match method:
        case Method.MAGNITUDE:
            return np.asarray(groups.mean(axis=1))
        case Method.RELATIVE:
            nonzero = size[size > 0]
            # Weights already pruned are zero: counting them would make the rest of a sparse layer look larger.
            scale = float(np.sqrt(np.mean(nonzero**2))) if nonzero.size else 1.0
            return np.asarray(groups.mean(axis=1) / (scale or 1.0))
        case Method.L1:
            return np.asarray(groups.sum(axis=1))
        case Method.L2:
            return np.asarray(np.sqrt((groups**2).sum(axis=1)))


def pruned_count(sparsity: float, groups: int) -> int:
    """Return how many of ``groups`` a sparsity prunes: nearest integer, half up."""
    return int(np.floor(sparsity * groups + 0.5))


def select_per_layer(
    weights: Mapping[str, NDArray[np.floating]],
    sparsity: Mapping[str, float],
    method: Method,
    granularity: Granularity,
    previous: Mapping[str, BoolArray] | None = None,
) -> dict[str, BoolArray]:
    """Prune each layer to its own sparsity.

    Args:
        weights: kernels (..., outputs) by layer name.
        sparsity: share of each layer's groups to prune, 0 to 1. A layer always keeps one group.
        previous: masks whose pruned groups stay pruned, by layer name.
    Returns:
        Masks by layer name, True where kept; as many groups pruned as ``pruned_count`` says, or as before if more.
    Raises:
        InputError: a sparsity is missing or outside 0 to 1; a mask does not fit; a weight is not finite.
    """
    masks: dict[str, BoolArray] = {}
    for name, kernel in weights.items():
        if name not in sparsity:
            raise InputError(f"every layer needs a sparsity; layer {name!r} has none.")
        before = None if previous is None or name not in previous else {name: previous[name]}
        masks |= select_globally({name: kernel}, sparsity[name], method, granularity, before)
    return masks


def select_globally(
    weights: Mapping[str, NDArray[np.floating]],
    sparsity: float,
    method: Method,
    granularity: Granularity,
    previous: Mapping[str, BoolArray] | None = None,
) -> dict[str, BoolArray]:
    """Prune all layers together: the least important groups go, wherever they are.

    Args:
        weights: kernels (..., outputs) by layer name.
        sparsity: share of all groups to prune, 0 to 1. Every layer keeps its most important group, so that none
            cuts the network in two.
        previous: masks whose pruned groups stay pruned, by layer name.
    Returns:
        Masks by layer name, True where kept; as many groups pruned as ``pruned_count`` says, or as before if more.
    Raises:
        InputError: the sparsity is outside 0 to 1; a mask does not fit; a weight is not finite.
    """
    if not 0.0 <= sparsity <= 1.0:
        raise InputError(f"a sparsity is a share between 0 and 1, got {sparsity}.")
    if not weights:
        return {}
    scores, gone = [], []
    for name, kernel in weights.items():
        if not kernel.size:
            raise InputError(f"a kernel to prune holds weights; the one of layer {name!r} has shape {kernel.shape}.")
        scores.append(importance(kernel, method, granularity))
        gone.append(_pruned_groups(name, kernel, granularity, previous or {}))
    rank = np.concatenate([np.where(out, -1.0, score) for score, out in zip(scores, gone, strict=True)])
    starts = np.cumsum([0, *(score.size for score in scores)])
    order = np.argsort(rank, kind="stable")
    order = order[~np.isin(order, _protected(scores, gone, starts))]
    count = max(pruned_count(sparsity, rank.size), sum(int(out.sum()) for out in gone))
    kept = np.ones(rank.size, dtype=np.bool_)
    kept[order[:count]] = False
    return {
        name: _spread(kept[starts[i] : starts[i + 1]], kernel.shape, granularity)
        for i, (name, kernel) in enumerate(weights.items())
    }


def _protected(scores: list[FloatArray], gone: list[BoolArray], starts: NDArray[np.int64]) -> list[int]:
    """The most important group of each layer that still has one, the last of equals: ties are pruned from the front."""
    found = []
    for i, (score, out) in enumerate(zip(scores, gone, strict=True)):
        alive = np.where(out, -1.0, score)
        last = alive.size - 1 - int(np.argmax(alive[::-1]))
        if not out[last]:
            found.append(int(starts[i]) + last)
    return found


def _pruned_groups(
    name: str, kernel: NDArray[np.floating], granularity: Granularity, previous: Mapping[str, BoolArray]
) -> BoolArray:
    """Which groups an earlier mask prunes: those without any kept weight."""
    mask = previous.get(name, np.ones(kernel.shape, dtype=np.bool_))
    if mask.shape != kernel.shape:
        raise InputError(f"layer {name!r}: a mask has its kernel's shape {kernel.shape}, got {mask.shape}.")
    if granularity is Granularity.WEIGHT:
        return np.asarray(~mask.ravel())
    return np.asarray(~mask.reshape(-1, mask.shape[-1]).any(axis=0))


def _spread(kept: BoolArray, shape: tuple[int, ...], granularity: Granularity) -> BoolArray:
    """Groups back to the kernel's shape."""
    if granularity is Granularity.WEIGHT:
        return kept.reshape(shape)
    return np.array(np.broadcast_to(kept, shape))
