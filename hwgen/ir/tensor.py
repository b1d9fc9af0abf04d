"""What flows along an edge (``Value``) and what a layer multiplies by (``SparseTensor``)."""

from dataclasses import dataclass
from math import prod
from typing import Self

import numpy as np
from numpy.typing import ArrayLike

from hwgen.errors import NetworkError
from hwgen.fixed import FixedType, IntArray


@dataclass(frozen=True, slots=True)
class Value:
    """An edge of the network: integer codes of one type.

    Attributes:
        name: unique in its network; also the C++ and Verilog identifier.
        shape: without the batch axis, channels last.
        type: what a code means.
    """

    name: str
    shape: tuple[int, ...]
    type: FixedType

    @property
    def size(self) -> int:
        """Number of codes in one sample."""
        return prod(self.shape)


@dataclass(frozen=True, slots=True, eq=False)
class SparseTensor:
    """Constant codes without the zeros.

    Attributes:
        shape: of the dense tensor.
        type: what a code means.
        index: (non-zeros,) int64, ascending: C-order positions in the dense tensor. Read-only.
        code: (non-zeros,) int64, none of them zero. Read-only.
    """

    shape: tuple[int, ...]
    type: FixedType
    index: IntArray
    code: IntArray

    def __post_init__(self) -> None:
        index, code = read_only(self.index), read_only(self.code)
        if index.ndim != 1 or index.shape != code.shape:
            raise NetworkError(f"a sparse tensor needs one index a code; got shapes {index.shape} and {code.shape}.")
        if any(size < 0 for size in self.shape):
            raise NetworkError(f"a sparse tensor's sizes are not negative, got {self.shape}.")
        if index.size and (index[0] < 0 or index[-1] >= prod(self.shape) or (np.diff(index) <= 0).any()):
            raise NetworkError(f"a sparse tensor's indices must ascend within its shape {self.shape}.")
        if (code == 0).any():
            raise NetworkError("a sparse tensor holds no zero codes; build it with SparseTensor.from_dense.")
        if code.size and not self.type.holds(int(code.min()), int(code.max())):
            raise NetworkError(f"a sparse tensor's codes must fit its type {self.type}.")
        object.__setattr__(self, "index", index)
        object.__setattr__(self, "code", code)

    @classmethod
    def from_dense(cls, codes: IntArray, code_type: FixedType) -> Self:
        """Drop the zeros of a dense array of codes."""
        dense = read_only(codes)
        flat = dense.ravel()
        index = np.flatnonzero(flat)
        return cls(dense.shape, code_type, index, flat[index])

    def dense(self) -> IntArray:
        """The dense array of codes, zeros included."""
        flat = np.zeros(prod(self.shape), dtype=np.int64)
        flat[self.index] = self.code
        return flat.reshape(self.shape)

    @property
    def nonzeros(self) -> int:
        return int(self.code.size)

    @property
    def size(self) -> int:
        """Number of entries of the dense tensor."""
        return prod(self.shape)

    @property
    def sparsity(self) -> float:
        """Share of entries that are zero, 0 to 1."""
        return 1.0 - self.nonzeros / self.size if self.size else 0.0

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, SparseTensor):
            return NotImplemented
        return (
            self.shape == other.shape
            and self.type == other.type
            and np.array_equal(self.index, other.index)
            and np.array_equal(self.code, other.code)
        )

    __hash__ = None  # type: ignore[assignment]  # arrays have no hash


def read_only(array: ArrayLike) -> IntArray:
    """A read-only int64 copy, so that a frozen layer cannot be changed from outside.

    Raises:
        NetworkError: not integers, or more than int64 holds.
    """
    given = np.asarray(array)
    if given.size and given.dtype.kind not in "iu":
        raise NetworkError(f"codes are integers, got an array of {given.dtype}.")
    copy = np.array(given, dtype=np.int64)
    if given.dtype.kind == "u" and (copy < 0).any():
        raise NetworkError(f"codes fit int64, got {given.max()}.")
    copy.flags.writeable = False
    return copy
