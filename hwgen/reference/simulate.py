"""Runs a Network: codes through the layers, block by block of samples."""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from hwgen.errors import InputError
from hwgen.fixed import IntArray
from hwgen.ir import Network, value_ranges
from hwgen.reference.formats import Codes
from hwgen.reference.kernels import Step, prepare

_BLOCK_BYTES = 1 << 19  # the largest array of a block stays within this, so that a block stays in the cache
_MOST_AT_ONCE = 4096


def simulate(network: Network, inputs: Sequence[IntArray]) -> tuple[IntArray, ...]:
    """Outputs of the network, as codes.

    Args:
        inputs: (samples, *shape) int64 codes, one array an input, each within its input's type.
    Returns:
        One (samples, *shape) int64 array an output.
    Raises:
        InputError: wrong shapes, different numbers of samples, or codes outside an input's type.
        TypeRangeError: a sum may reach 2**62, or a shift to the left may leave 64 bits.
    """
    found = _run(network, inputs, keep=frozenset(network.outputs))
    return tuple(found[name] for name in network.outputs)


def trace(network: Network, inputs: Sequence[IntArray]) -> Mapping[str, IntArray]:
    """Codes of every value of the network, by name; arguments as in ``simulate``."""
    return _run(network, inputs, keep=frozenset(network.values()))


def _run(network: Network, inputs: Sequence[IntArray], keep: frozenset[str]) -> dict[str, IntArray]:
    """Codes of the values to keep, of all samples."""
    samples = _check_inputs(network, inputs)
    found = {
        name: np.empty((samples, *value.shape), dtype=np.int64)
        for name, value in network.values().items()
        if name in keep
    }
    for start, block in _blocks(network, inputs, keep):
        for name, codes in found.items():
            codes[start : start + len(block[name])] = block[name]
    return found


def _blocks(
    network: Network, inputs: Sequence[IntArray], keep: frozenset[str]
) -> Iterator[tuple[int, dict[str, Codes]]]:
    """For each block of samples: where it starts, and its codes of the values to keep."""
    steps = _steps(network)
    largest = max((step.bytes_a_sample for step in steps), default=1)
    at_once = max(1, min(_MOST_AT_ONCE, _BLOCK_BYTES // largest))
    last_use = {name: position for position, step in enumerate(steps) for name in step.layer.inputs}
    for start in range(0, len(inputs[0]), at_once):
        block: dict[str, Codes] = {
            source.value.name: codes[start : start + at_once]
            for source, codes in zip(network.inputs, inputs, strict=True)
        }
        for position, step in enumerate(steps):
            block[step.layer.output.name] = step.kernel(*(block[name] for name in step.layer.inputs))
            for name in set(step.layer.inputs) - keep:
                if last_use[name] == position:
                    del block[name]
        yield start, block


def _check_inputs(network: Network, inputs: Sequence[IntArray]) -> int:
    """Number of samples."""
    if len(inputs) != len(network.inputs):
        raise InputError(f"network {network.name!r} has {len(network.inputs)} inputs, got {len(inputs)} arrays.")
    for source, codes in zip(network.inputs, inputs, strict=True):
        value = source.value
        if codes.dtype != np.int64 or codes.shape[1:] != value.shape:
            raise InputError(
                f"input {value.name!r}: int64 codes of shape (samples, {', '.join(map(str, value.shape))}) were "
                f"expected, got {codes.dtype} of shape {codes.shape}."
            )
        if codes.size and not value.type.holds(int(codes.min()), int(codes.max())):
            raise InputError(
                f"input {value.name!r}: codes from {codes.min()} to {codes.max()} do not fit {value.type} "
                f"({value.type.min_code} to {value.type.max_code})."
            )
    return same_samples(inputs)


def same_samples(arrays: Sequence[IntArray]) -> int:
    """The number of samples that every array holds.

    Raises:
        InputError: they differ.
    """
    samples = [len(array) for array in arrays]
    if len(set(samples)) > 1:
        raise InputError(f"every input needs the same number of samples, got {samples}.")
    return samples[0]


def _steps(network: Network) -> list[Step]:
    ranges = value_ranges(network)
    values = network.values()
    return [
        prepare(layer, [values[name] for name in layer.inputs], [ranges[name] for name in layer.inputs])
        for layer in network.layers
    ]
