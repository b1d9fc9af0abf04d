"""What ``simulate`` and ``trace`` take, refuse, and leave alone."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from oracle.example_network import example_network

from hwgen.errors import InputError, TypeRangeError
from hwgen.fixed import FixedType, IntArray, Overflow, Rounding
from hwgen.ir import Dense, Input, MaxPool, Network, Relu, Requantize, Reshape, SparseTensor, Value, check_network
from hwgen.reference import simulate, trace

RUNS = [simulate, trace]


def codes(samples: int = 3) -> list[IntArray]:
    return [np.ones((samples, 6, 5, 1), dtype=np.int64), np.ones((samples, 3), dtype=np.int64)]


@pytest.mark.parametrize("run", RUNS)
def test_wrong_arguments_are_refused(run: Callable[..., Any]) -> None:
    image, vector = codes()
    sentence = "input 'vector': int64 codes of shape (samples, 3) were expected, got"
    for inputs, message in [
        ([image], "network 'example' has 2 inputs, got 1 arrays."),
        ([], "network 'example' has 2 inputs, got 0 arrays."),
        ([image, vector.astype(np.int32)], f"{sentence} int32 of shape (3, 3)."),
        ([image, vector.astype(np.float64)], f"{sentence} float64 of shape (3, 3)."),
        ([image, vector[:, :2]], f"{sentence} int64 of shape (3, 2)."),
        ([image, np.array(1)], f"{sentence} int64 of shape ()."),
        ([image, vector[:2]], "every input needs the same number of samples, got [3, 2]."),
        ([image[:0], vector], "every input needs the same number of samples, got [0, 3]."),
        ([image, -33 * vector], "input 'vector': codes from -33 to -33 do not fit fixed<6,4> (-32 to 31)."),
        ([16 * image, vector], "input 'image': codes from 16 to 16 do not fit ufixed<4,0> (0 to 15)."),
    ]:
        with pytest.raises(InputError) as caught:
            run(example_network(), inputs)
        assert str(caught.value) == message


@pytest.mark.parametrize("run", RUNS)
def test_a_sum_of_more_than_62_bits_is_refused_before_anything_is_computed(run: Callable[..., Any]) -> None:
    kind = FixedType(True, 40, 0)
    weight = SparseTensor.from_dense(np.array([[2**30]]), FixedType(True, 40, 0))
    dense = Dense("dense", "x", Value("y", (1,), FixedType(True, 64, 0)), weight, np.array([0]))
    network = Network("net", (Input(Value("x", (1,), kind), None),), (dense,), ("y",))
    with pytest.raises(TypeRangeError, match="layer 'dense': magnitudes of products and bias add up to about 2"):
        run(network, [np.zeros((0, 1), dtype=np.int64)])


def test_results_are_int64_arrays_of_the_callers_own() -> None:
    x = Value("x", (2, 1), FixedType(True, 8, 0))
    flat, best, positive = Value("flat", (2,), x.type), Value("best", (2, 1), x.type), Value("positive", (2, 1), x.type)
    layers = (
        Reshape("reshape", "x", flat),
        MaxPool("pool", "x", best, (1,), (1,), ((0, 0),)),
        Relu("relu", "x", positive),
    )
    network = check_network(Network("net", (Input(x, None),), layers, ("x", "flat", "best", "positive")))
    given = np.array([[[3], [-4]]])
    for results in (simulate(network, [given]), trace(network, [given]).values()):
        for result in results:
            assert result.dtype == np.int64
            result[...] = 99
        assert given.tolist() == [[[3], [-4]]]


def test_read_only_and_strided_codes_are_taken() -> None:
    image, vector = codes(4)
    image[:, 2, 3, 0] = [3, 7, 11, 15]
    expected = [result.tolist() for result in simulate(example_network(), [image[::2], vector[::2]])]
    wide = np.asfortranarray(image)[::2]
    wide.flags.writeable = False
    assert [result.tolist() for result in simulate(example_network(), [wide, vector[::2]])] == expected


@pytest.mark.parametrize("shift", [52, 53, 99, 100, 149, 150, 1100, 1999])
@pytest.mark.parametrize("rounding", Rounding)
def test_a_long_shift_to_the_right_keeps_the_sign(rounding: Rounding, shift: int) -> None:
    fraction = shift // 2
    x = Value("x", (1,), FixedType(True, 8, shift - fraction))
    output = Value("y", (1,), FixedType(True, 8, -fraction))
    network = Network("net", (Input(x, None),), (Requantize("far", "x", output, rounding, Overflow.SAT),), ("y",))
    (found,) = simulate(check_network(network), [np.array([[-128], [-1], [0], [127]])])
    below = -1 if rounding is Rounding.TRN else 0
    assert found.tolist() == [[below], [below], [0], [0]]


def test_zeros_may_be_shifted_to_the_left_as_far_as_types_go() -> None:
    x = Value("x", (1,), FixedType(True, 8, -500))
    zeros = SparseTensor.from_dense(np.zeros((1, 1), np.int64), FixedType(True, 1, -500))
    dense = Dense("dense", "x", Value("zero", (1,), FixedType(False, 1, -1000)), zeros, np.array([0]))
    up = Requantize("up", "zero", Value("y", (1,), FixedType(True, 8, 1000)), Rounding.TRN, Overflow.SAT)
    network = check_network(Network("net", (Input(x, None),), (dense, up), ("y",)))
    assert simulate(network, [np.array([[127], [-128]])])[0].tolist() == [[0], [0]]
