"""Real data to the codes that enter a Network, and codes that leave it back to values."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hwgen.errors import InputError
from hwgen.fixed import IntArray, quantize, value_of
from hwgen.ir import Input, Network, Value
from hwgen.reference.simulate import same_samples

_WIDEST_INTEGER = 2**53  # whatever a float64 can hold exactly


def encode(network: Network, data: ArrayLike | Sequence[ArrayLike]) -> tuple[IntArray, ...]:
    """Convert real data to the codes that enter the hardware.

    Args:
        data: (samples, *shape), or a sequence of such arrays where the network has several inputs.
    Raises:
        InputError: wrong shape, not finite, or data off the grid of an input that has no quantizer.
    """
    arrays = _arrays(network, data)
    codes = tuple(_encode_one(source, array) for source, array in zip(network.inputs, arrays, strict=True))
    same_samples(codes)
    return codes


def _arrays(network: Network, data: object) -> Sequence[object]:
    if len(network.inputs) == 1:
        return [data]
    arrays = list(data) if isinstance(data, list | tuple | np.ndarray) else [data]
    if len(arrays) != len(network.inputs):
        raise InputError(f"network {network.name!r} has {len(network.inputs)} inputs, got {len(arrays)} arrays.")
    return arrays


def _encode_one(source: Input, data: object) -> IntArray:
    value = source.value
    array = _numbers(value, data)
    if source.quantizer is not None:
        return quantize(array, source.quantizer)
    kind = value.type
    # Exact but for overflow and underflow, which show: a number too large is beyond the ends, one too small is not 0.
    with np.errstate(over="ignore", under="ignore"):
        code = np.ldexp(array, kind.fraction)
    between = (code >= float(kind.min_code)) & (code < float(kind.max_code + 1))
    off_grid = ~between | (code != np.floor(code)) | ((code == 0) != (array == 0))
    if off_grid.any():
        where = tuple(np.argwhere(off_grid)[0].tolist())
        raise InputError(
            f"input {value.name!r}: {array[where]} at {list(where)} is no value of {kind} "
            f"(step {kind.lsb}, {kind.min_value} to {kind.max_value}); round and clip the data first, "
            f"or say how: --input-type '{str(kind)[:-1]},RND_CONV,SAT>'."
        )
    return code.astype(np.int64)


def _numbers(value: Value, data: object) -> NDArray[np.float64]:
    """The data as float64, without any change of value."""
    try:
        array = np.asarray(data)
    except ValueError as error:  # rows of different lengths
        reason = str(error).removesuffix(".")
        raise InputError(f"input {value.name!r}: an array was expected; {reason}.") from error
    if array.shape[1:] != value.shape:
        wanted = ", ".join(str(size) for size in value.shape)
        raise InputError(
            f"input {value.name!r}: an array of shape (samples, {wanted}) was expected, got {array.shape}."
        )
    if array.dtype.kind not in "fiub" or array.dtype.itemsize > 8:
        raise InputError(
            f"input {value.name!r}: numbers of up to 64 bits were expected, got an array of {array.dtype}."
        )
    numbers = array.astype(np.float64)
    unfit = ~np.isfinite(numbers)
    if array.dtype.kind in "iu":
        unfit |= np.abs(numbers) >= _WIDEST_INTEGER
    if unfit.any():
        where = tuple(np.argwhere(unfit)[0].tolist())
        raise InputError(
            f"input {value.name!r}: finite numbers, integers below 2**53, were expected, got {array[where]} "
            f"at {list(where)}."
        )
    return numbers


def decode(network: Network, codes: Sequence[IntArray]) -> tuple[NDArray[np.float64], ...]:
    """Values that the outputs' codes stand for, in float64.

    Raises:
        TypeRangeError: a value needs more than a float64 holds.
    """
    return tuple(value_of(code, network.value(name).type) for name, code in zip(network.outputs, codes, strict=True))
