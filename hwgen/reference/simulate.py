"""Runs a Network on arrays: real data to codes, codes through the layers, codes back to values."""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hwgen.errors import InputError
from hwgen.fixed import IntArray, Overflow, Quantizer, Rounding, quantize, value_of
from hwgen.ir import Input, Network, value_ranges
from hwgen.reference.kernels import Codes, Step, prepare

_MOST_AT_ONCE = 4096


def encode(network: Network, data: ArrayLike | Sequence[ArrayLike]) -> tuple[IntArray, ...]:
    """Convert real data to the codes that enter the hardware.

    Args:
        data: (samples, *shape), or a sequence of such arrays where the network has several inputs.
    Raises:
        InputError: wrong shape, or data off the grid of an input that has no quantizer.
    """
    arrays: Sequence[ArrayLike] = [data] if len(network.inputs) == 1 else list(data)  # type: ignore[arg-type]
    if len(arrays) != len(network.inputs):
        raise InputError(f"network {network.name!r} has {len(network.inputs)} inputs, got {len(arrays)} arrays.")
    codes = tuple(_encode_one(source, array) for source, array in zip(network.inputs, arrays, strict=True))
    if len({len(code) for code in codes}) > 1:
        raise InputError(f"every input needs the same number of samples, got {[len(code) for code in codes]}.")
    return codes


def _encode_one(source: Input, data: ArrayLike) -> IntArray:
    array = np.asarray(data)
    value = source.value
    if array.shape[1:] != value.shape or array.ndim != len(value.shape) + 1:
        wanted = ", ".join(str(size) for size in value.shape)
        raise InputError(
            f"input {value.name!r}: an array of shape (samples, {wanted}) was expected, got {array.shape}."
        )
    if array.dtype.kind not in "fiub":
        raise InputError(f"input {value.name!r}: numbers were expected, got dtype {array.dtype}.")
    if source.quantizer is not None:
        return quantize(array, source.quantizer)
    code = quantize(array, Quantizer(value.type, Rounding.TRN, Overflow.SAT))
    off_grid = value_of(code, value.type) != array.astype(np.float64)
    if off_grid.any():
        where = tuple(int(i) for i in np.argwhere(off_grid)[0])
        raise InputError(
            f"input {value.name!r}: {array[where]!r} at {list(where)} is no value of {value.type} "
            f"(step {value.type.lsb}, {value.type.min_value} to {value.type.max_value}); round and clip the data first, "
            f"or say how: --input-type '{str(value.type)[:-1]},RND_CONV,SAT>'."
        )
    return code


def decode(network: Network, codes: Sequence[IntArray]) -> tuple[NDArray[np.float64], ...]:
    """Values that the outputs' codes stand for, in float64."""
    return tuple(value_of(code, network.value(name).type) for name, code in zip(network.outputs, codes, strict=True))


def simulate(network: Network, inputs: Sequence[IntArray]) -> tuple[IntArray, ...]:
    """Outputs of the network, as codes.

    Args:
        inputs: (samples, *shape) int64 codes, one array an input, each within its input's type.
    Returns:
        One (samples, *shape) int64 array an output.
    Raises:
        InputError: wrong shapes, or codes outside an input's type.
        TypeRangeError: a sum may need more than 62 bits.
    """
    values = network.values()
    samples = len(inputs[0]) if inputs else 0
    results = tuple(np.empty((samples, *values[name].shape), dtype=np.int64) for name in network.outputs)
    for start, found in _blocks(network, inputs, keep=frozenset(network.outputs)):
        for result, name in zip(results, network.outputs, strict=True):
            result[start : start + len(found[name])] = found[name]
    return results


def trace(network: Network, inputs: Sequence[IntArray]) -> Mapping[str, IntArray]:
    """Codes of every value of the network, by name; arguments as in ``simulate``."""
    values = network.values()
    samples = len(inputs[0]) if inputs else 0
    everything = {name: np.empty((samples, *value.shape), dtype=np.int64) for name, value in values.items()}
    for start, found in _blocks(network, inputs, keep=frozenset(values)):
        for name, codes in found.items():
            everything[name][start : start + len(codes)] = codes
    return everything


def _blocks(
    network: Network, inputs: Sequence[IntArray], keep: frozenset[str]
) -> Iterator[tuple[int, dict[str, Codes]]]:
    """Run block by block of samples, so that a block's codes stay in the cache; yield where it starts and its codes."""
    _check_inputs(network, inputs)
    steps = _steps(network)
    at_once = min([_MOST_AT_ONCE, *(step.samples_at_once for step in steps)])
    last_use = {step.layer.input: position for position, step in enumerate(steps)}
    for start in range(0, len(inputs[0]), at_once):
        found: dict[str, Codes] = {
            source.value.name: codes[start : start + at_once]
            for source, codes in zip(network.inputs, inputs, strict=True)
        }
        for position, step in enumerate(steps):
            found[step.layer.output.name] = step.kernel(found[step.layer.input])
            if step.layer.input not in keep and last_use[step.layer.input] == position:
                del found[step.layer.input]
        yield start, found


def _check_inputs(network: Network, inputs: Sequence[IntArray]) -> None:
    if len(inputs) != len(network.inputs):
        raise InputError(f"network {network.name!r} has {len(network.inputs)} inputs, got {len(inputs)} arrays.")
    for source, codes in zip(network.inputs, inputs, strict=True):
        value = source.value
        if codes.dtype != np.int64 or codes.shape[1:] != value.shape:
            raise InputError(
                f"input {value.name!r}: int64 codes of shape (samples, {', '.join(map(str, value.shape))}) were expected, "
                f"got {codes.dtype} of shape {codes.shape}."
            )
        if codes.size and not value.type.holds(int(codes.min()), int(codes.max())):
            raise InputError(
                f"input {value.name!r}: codes from {codes.min()} to {codes.max()} do not fit {value.type} "
                f"({value.type.min_code} to {value.type.max_code})."
            )


def _steps(network: Network) -> list[Step]:
    ranges = value_ranges(network)
    values = network.values()
    return [prepare(layer, values[layer.input], ranges[layer.input]) for layer in network.layers]
