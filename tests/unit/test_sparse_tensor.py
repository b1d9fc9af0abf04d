"""``SparseTensor`` and the arrays of layers: sorted, without zeros, copies that nobody can change."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from oracle.integers import weight_codes

from hwgen.errors import NetworkError
from hwgen.fixed import FixedType, IntArray
from hwgen.ir import Dense, SparseTensor, StepFunction, Value

BYTE = FixedType(True, 8, 3)
dense_codes = arrays(np.int64, array_shapes(min_dims=1, max_dims=4, max_side=4), elements=st.integers(-2, 2))


@given(dense_codes)
def test_a_dense_array_comes_back_without_having_kept_its_zeros(codes: IntArray) -> None:
    tensor = SparseTensor.from_dense(codes, BYTE)
    assert tensor.dense().tolist() == codes.tolist()
    assert weight_codes(tensor) == dict(np.ndenumerate(codes))
    assert (np.diff(tensor.index) > 0).all()
    assert tensor.code.all()
    assert tensor.nonzeros == np.count_nonzero(codes)
    assert tensor.size == codes.size
    assert tensor.sparsity == pytest.approx(1 - tensor.nonzeros / codes.size)


def test_a_transposed_array_is_read_by_position_not_by_memory() -> None:
    codes = np.arange(6).reshape(2, 3).T
    assert SparseTensor.from_dense(codes, BYTE).dense().tolist() == [[0, 3], [1, 4], [2, 5]]


def test_an_empty_tensor_has_no_share_of_zeros() -> None:
    assert SparseTensor((0, 3), BYTE, np.array([]), np.array([])).sparsity == 0.0


def test_equal_contents_are_equal_tensors() -> None:
    codes = np.array([[0, 1], [2, 0]])
    tensor = SparseTensor.from_dense(codes, BYTE)
    assert tensor == SparseTensor((2, 2), BYTE, np.array([1, 2]), np.array([1, 2]))
    assert tensor != SparseTensor.from_dense(codes, FixedType(True, 8, 2))
    assert tensor != SparseTensor.from_dense(codes.reshape(4), BYTE)
    assert tensor != SparseTensor.from_dense(2 * codes, BYTE)
    assert tensor != "tensor"


def test_the_callers_arrays_can_change_without_changing_the_tensor() -> None:
    index, code = np.array([0, 2]), np.array([5, -5])
    tensor = SparseTensor((3,), BYTE, index, code)
    index[0], code[0] = 1, 7
    assert tensor.dense().tolist() == [5, 0, -5]
    dense = np.array([1, 2, 3])
    tensor = SparseTensor.from_dense(dense, BYTE)
    dense[:] = 9
    tensor.dense()[:] = 9
    assert tensor.dense().tolist() == [1, 2, 3]


def test_the_tensors_own_arrays_are_read_only() -> None:
    tensor = SparseTensor.from_dense(np.array([1, 2, 3]), BYTE)
    for array in (tensor.index, tensor.code):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 1


def test_the_arrays_of_a_layer_are_read_only_copies() -> None:
    bias, thresholds, levels = np.array([1, 2]), np.array([[1]]), np.array([[0, 1]])
    dense = Dense("dense", "x", Value("y", (2,), BYTE), SparseTensor.from_dense(np.ones((1, 2), int), BYTE), bias)
    step = StepFunction("step", "x", Value("y", (2,), BYTE), thresholds, levels, "test")
    for given_array, kept in ((bias, dense.bias), (thresholds, step.thresholds), (levels, step.levels)):
        before = kept.tolist()
        given_array[...] = 77
        assert kept.tolist() == before
        with pytest.raises(ValueError, match="read-only"):
            kept[...] = 77


@pytest.mark.parametrize(
    ("shape", "index", "code", "message"),
    [
        ((3,), [0, 1], [1], "a sparse tensor needs one index a code; got shapes (2,) and (1,)."),
        ((3,), [[0]], [[1]], "a sparse tensor needs one index a code; got shapes (1, 1) and (1, 1)."),
        ((3,), [1, 0], [1, 1], "a sparse tensor's indices must ascend within its shape (3,)."),
        ((3,), [1, 1], [1, 1], "a sparse tensor's indices must ascend within its shape (3,)."),
        ((3,), [-1], [1], "a sparse tensor's indices must ascend within its shape (3,)."),
        ((3,), [3], [1], "a sparse tensor's indices must ascend within its shape (3,)."),
        ((), [1], [1], "a sparse tensor's indices must ascend within its shape ()."),
        ((-2, -2), [0], [1], "a sparse tensor's sizes are not negative, got (-2, -2)."),
        ((3,), [0], [0], "a sparse tensor holds no zero codes; build it with SparseTensor.from_dense."),
        ((3,), [0], [128], "a sparse tensor's codes must fit its type fixed<8,5>."),
        ((3,), [0.0], [1], "codes are integers, got an array of float64."),
        ((3,), [0], [1.5], "codes are integers, got an array of float64."),
        ((3,), [0], [True], "codes are integers, got an array of bool."),
        ((3,), [0], [2**63], "codes fit int64, got 9223372036854775808."),
        ((3,), [0], [2**70], "codes are integers, got an array of object."),
    ],
)
def test_what_is_no_sparse_tensor_is_refused(shape: tuple[int, ...], index: Any, code: Any, message: str) -> None:
    with pytest.raises(NetworkError) as caught:
        SparseTensor(shape, BYTE, index, code)
    assert str(caught.value) == message


def test_codes_of_any_integer_type_are_taken() -> None:
    for dtype in (np.int8, np.uint16, np.int32, np.uint64):
        tensor = SparseTensor.from_dense(np.array([0, 3], dtype=dtype), BYTE)
        assert tensor.code.dtype == np.int64
        assert tensor.dense().tolist() == [0, 3]
