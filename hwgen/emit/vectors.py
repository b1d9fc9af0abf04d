"""``Vectors``: test data that travels with a project, as the text files that hls4ml's testbenches read."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain

from hwgen.errors import InputError
from hwgen.fixed import FixedType, IntArray
from hwgen.ir import Network


@dataclass(frozen=True, slots=True, eq=False)
class Vectors:
    """Inputs and the outputs that must come out, as codes.

    Attributes:
        inputs: (samples, *shape) int64, one array a network input.
        outputs: (samples, *shape) int64, one array a network output.
    """

    inputs: tuple[IntArray, ...]
    outputs: tuple[IntArray, ...]


def vector_files(network: Network, vectors: Vectors) -> dict[str, str]:
    """``tb_data/`` files: one sample a line, values in exact decimals, several inputs or outputs one after another.

    Raises:
        InputError: arrays that do not match the network's inputs and outputs.
    """
    check_vectors(network, vectors)
    inputs = [source.value for source in network.inputs]
    outputs = [network.value(name) for name in network.outputs]
    return {
        "tb_data/tb_input_features.dat": _lines([value.type for value in inputs], vectors.inputs),
        "tb_data/tb_output_predictions.dat": _lines([value.type for value in outputs], vectors.outputs),
    }


def check_vectors(network: Network, vectors: Vectors) -> None:
    """Compare shapes and numbers of samples.

    Raises:
        InputError: arrays that do not match the network's inputs and outputs.
    """
    _check(network.name, "inputs", [source.value.shape for source in network.inputs], vectors.inputs)
    _check(network.name, "outputs", [network.value(name).shape for name in network.outputs], vectors.outputs)
    samples = [len(array) for array in (*vectors.inputs, *vectors.outputs)]
    if len(set(samples)) != 1:
        raise InputError(
            f"network {network.name!r}: every array of test vectors needs the same number of samples, got {samples}."
        )


def _check(network: str, what: str, shapes: Sequence[tuple[int, ...]], arrays: Sequence[IntArray]) -> None:
    got = [array.shape[1:] for array in arrays]
    if got != list(shapes):
        raise InputError(f"network {network!r}: test vectors for {what} of shapes {list(shapes)} expected, got {got}.")


def _lines(types: Sequence[FixedType], arrays: Sequence[IntArray]) -> str:
    columns = [
        [[decimal(code, fixed_type.fraction) for code in row] for row in array.reshape(len(array), -1).tolist()]
        for fixed_type, array in zip(types, arrays, strict=True)
    ]
    return "".join(" ".join(chain.from_iterable(rows)) + "\n" for rows in zip(*columns, strict=True))


def decimal(code: int, fraction: int) -> str:
    """``code * 2**-fraction`` as an exact decimal: a power of two always has one."""
    if fraction <= 0:
        return str(code << -fraction)
    sign = "-" if code < 0 else ""
    whole, rest = divmod(abs(code), 1 << fraction)
    digits = str(rest * 5**fraction).rjust(fraction, "0").rstrip("0") if rest else "0"
    return f"{sign}{whole}.{digits}"
