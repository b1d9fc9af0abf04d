"""How often a network is right: the reference's codes against labels."""

import numpy as np
from numpy.typing import NDArray

from hwgen.errors import InputError
from hwgen.fixed import IntArray
from hwgen.ir import ArgMax, Network
from hwgen.reference import simulate

_BATCH = 4096


def accuracy(network: Network, inputs: tuple[IntArray, ...], labels: IntArray) -> float:
    """Share of samples whose class is the label: the largest code, the first of equal ones; of a single code, whether
    it is above zero, unless it is an index already.

    Args:
        inputs: (samples, *shape) int64, one array an input.
        labels: (samples,) classes.
    Raises:
        InputError: several outputs, of which it is not said which one is meant.
    """
    if len(network.outputs) != 1:
        raise InputError(
            f"network {network.name!r} has {len(network.outputs)} outputs, and an accuracy is of one; give no labels."
        )
    right = 0
    for start in range(0, len(labels), _BATCH):
        (codes,) = simulate(network, tuple(array[start : start + _BATCH] for array in inputs))
        right += int((_classes(network, codes.reshape(len(codes), -1)) == labels[start : start + _BATCH]).sum())
    return right / len(labels)


def _classes(network: Network, codes: IntArray) -> IntArray:
    if codes.shape[1] > 1:
        return np.asarray(codes.argmax(axis=1))
    last = next(layer for layer in network.layers if layer.output.name == network.outputs[0])
    return codes[:, 0] if isinstance(last, ArgMax) else np.asarray(codes[:, 0] > 0, dtype=np.int64)


def classes(labels: NDArray[np.generic], samples: int) -> IntArray:
    """Labels as classes: (samples,) integers, or (samples, classes) of which the largest counts.

    Raises:
        InputError: another shape, or numbers that are no classes.
    """
    array = np.asarray(labels)
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    if array.ndim not in (1, 2) or len(array) != samples or not samples:
        raise InputError(
            f"labels are ({samples},) classes or ({samples}, classes), a row for each sample; got {array.shape}."
        )
    if array.ndim == 2:
        return np.asarray(array.argmax(axis=1), dtype=np.int64)
    whole = np.asarray(array, dtype=np.int64)
    if array.dtype.kind not in "iufb" or (whole != array).any():
        raise InputError("labels are whole numbers, the classes; these are not.")
    return whole
