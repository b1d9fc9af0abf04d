"""``encode`` and ``decode``: real data becomes codes exactly or not at all, and codes become values."""

import math
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from oracle.rational import quantize_rational, two_to

from hwgen.errors import InputError, TypeRangeError
from hwgen.fixed import FixedType, Overflow, Quantizer, Rounding
from hwgen.ir import Input, Network, Value
from hwgen.reference import decode, encode


def network(
    kind: FixedType, quantizer: Quantizer | None = None, shape: tuple[int, ...] = (2,), inputs: int = 1
) -> Network:
    """Inputs that are the outputs, too: x, then x1 and so on."""
    values = [Value(f"x{number or ''}", shape, kind) for number in range(inputs)]
    return Network("net", tuple(Input(value, quantizer) for value in values), (), tuple(value.name for value in values))


def refused(net: Network, data: Any, message: str) -> None:
    with pytest.raises(InputError) as caught:
        encode(net, data)
    assert str(caught.value) == message


NIBBLE = FixedType(True, 4, 2)


# ---- data on the grid


@given(st.data(), st.booleans(), st.integers(1, 63), st.integers(-80, 80))
def test_every_value_on_the_grid_is_taken_and_no_other(
    data: st.DataObject, signed: bool, width: int, fraction: int
) -> None:
    kind = FixedType(signed, width, fraction)
    code = data.draw(st.integers(2 * kind.min_code - 3, 2 * kind.max_code + 3))
    value = math.ldexp(float(code), -fraction) + data.draw(st.sampled_from([0.0, 0.0, math.ldexp(0.25, -fraction)]))
    exact = Fraction(value) * two_to(fraction)
    net = network(kind, shape=(1,))
    if exact.denominator == 1 and kind.min_code <= exact <= kind.max_code:
        assert encode(net, [[value]])[0].tolist() == [[int(exact)]]
        assert decode(net, encode(net, [[value]]))[0].tolist() == [[value]]
    else:
        with pytest.raises(InputError, match="is no value of"):
            encode(net, [[value]])


@pytest.mark.parametrize("width", [53, 54, 62, 63])
def test_the_ends_of_a_wide_type_are_told_from_their_neighbours(width: int) -> None:
    net = network(FixedType(True, width, 0), shape=(1,))
    low, beyond = float(-(2 ** (width - 1))), float(2 ** (width - 1))
    assert encode(net, [[low]])[0].tolist() == [[int(low)]]
    below = float(math.floor(math.nextafter(beyond, 0)))
    assert encode(net, [[below]])[0].tolist() == [[int(below)]]
    for value in (beyond, math.nextafter(low, -math.inf)):
        with pytest.raises(InputError, match="is no value of"):
            encode(net, [[value]])


@pytest.mark.parametrize("value", [5e-324, -5e-324, 1e308, -1e308])
@pytest.mark.parametrize("fraction", [-1000, 0, 1000])
def test_numbers_that_scaling_loses_are_off_the_grid(value: float, fraction: int) -> None:
    net = network(FixedType(True, 8, fraction), shape=(1,))
    with pytest.raises(InputError, match="is no value of"):
        encode(net, [[value]])


def test_off_grid_data_is_refused_with_its_place_and_what_to_do() -> None:
    refused(
        network(NIBBLE),
        np.array([[0.25, 1.75], [0.3, 0.1]]),
        "input 'x': 0.3 at [1, 0] is no value of fixed<4,2> (step 1/4, -2 to 7/4); round and clip the data first, "
        "or say how: --input-type 'fixed<4,2,RND_CONV,SAT>'.",
    )
    refused(
        network(FixedType(False, 4, 0), shape=(1, 2)),
        np.array([[[0, -1]]], dtype=np.int8),
        "input 'x': -1.0 at [0, 0, 1] is no value of ufixed<4,4> (step 1, 0 to 15); round and clip the data first, "
        "or say how: --input-type 'ufixed<4,4,RND_CONV,SAT>'.",
    )


@pytest.mark.parametrize("dtype", [np.int8, np.int64, np.uint16, np.float16, np.float32, np.float64, np.bool_])
def test_numbers_of_any_kind_are_taken_by_their_value(dtype: type[np.generic]) -> None:
    (codes,) = encode(network(NIBBLE), np.array([[0, 1], [1, 1]], dtype=dtype))
    assert codes.dtype == np.int64
    assert codes.tolist() == [[0, 4], [4, 4]]


def test_integers_are_values_not_codes() -> None:
    assert encode(network(FixedType(False, 8, -2)), np.array([[4, 1020]]))[0].tolist() == [[1, 255]]


# ---- data that a quantizer takes


@given(
    st.floats(-40, 40) | st.floats(allow_nan=False, allow_infinity=False, width=32),
    st.sampled_from(Rounding),
    st.sampled_from(Overflow),
)
@example(-1.875, Rounding.RND_CONV, Overflow.SAT)
def test_a_quantizer_takes_any_number_and_rounds_it(value: float, rounding: Rounding, overflow: Overflow) -> None:
    net = network(NIBBLE, Quantizer(NIBBLE, rounding, overflow), shape=(1,))
    expected = quantize_rational(Fraction(value), True, 4, 2, rounding.value, overflow.value)
    assert encode(net, [[value]])[0].tolist() == [[expected]]


# ---- what is no data


@pytest.mark.parametrize("quantizer", [None, Quantizer(NIBBLE, Rounding.RND, Overflow.SAT)])
@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_numbers_that_are_not_finite_are_refused(quantizer: Quantizer | None, value: float) -> None:
    refused(
        network(NIBBLE, quantizer),
        [[0.0, 0.5], [0.25, value]],
        f"input 'x': finite numbers, integers below 2**53, were expected, got {value} at [1, 1].",
    )


def test_integers_that_a_float64_cannot_hold_are_refused() -> None:
    sentence = "input 'x': finite numbers, integers below 2**53, were expected, got {} at [0, 1]."
    for number in (2**53 + 1, -(2**53) - 1, 2**63 - 1, -(2**63)):
        refused(network(FixedType(True, 64, 0)), np.array([[0, number]]), sentence.format(number))
    refused(network(FixedType(True, 64, 0)), np.array([[0, 2**64 - 1]], np.uint64), sentence.format(2**64 - 1))
    assert encode(network(FixedType(True, 64, 0)), [[0, 2**53 - 1]])[0].tolist() == [[0, 2**53 - 1]]


@pytest.mark.parametrize("shape", [(), (2,), (4, 3), (1, 2, 1), (0,)])
def test_an_array_of_another_shape_is_refused(shape: tuple[int, ...]) -> None:
    refused(
        network(NIBBLE),
        np.zeros(shape),
        f"input 'x': an array of shape (samples, 2) was expected, got {shape}.",
    )


def test_what_is_no_array_of_numbers_is_refused() -> None:
    kinds = "input 'x': numbers of up to 64 bits were expected, got an array of"
    refused(network(NIBBLE), [["0", "1"]], f"{kinds} <U1.")
    refused(network(NIBBLE), [[None, 1]], f"{kinds} object.")
    refused(network(NIBBLE), [[1j, 1]], f"{kinds} complex128.")
    with pytest.raises(InputError, match="input 'x': an array was expected; "):
        encode(network(NIBBLE), [[1.0], [1.0, 2.0]])


@pytest.mark.skipif(np.dtype(np.longdouble).itemsize == 8, reason="long double is no wider than double here")
def test_numbers_wider_than_float64_are_refused_before_they_lose_digits() -> None:
    data = np.array([[0, 1]], dtype=np.longdouble)
    refused(network(NIBBLE), data, f"input 'x': numbers of up to 64 bits were expected, got an array of {data.dtype}.")


def test_several_inputs_take_one_array_each() -> None:
    net = network(NIBBLE, inputs=2)
    first, second = [[0.25, 0.5]], [[1.0, -2.0]]
    for data in ([first, second], (np.array(first), np.array(second)), np.array([first, second])):
        assert [codes.tolist() for codes in encode(net, data)] == [[[1, 2]], [[4, -8]]]
    refused(net, [first], "network 'net' has 2 inputs, got 1 arrays.")
    refused(net, 0.25, "network 'net' has 2 inputs, got 1 arrays.")
    refused(net, [first, second * 2], "every input needs the same number of samples, got [1, 2].")
    refused(
        net,
        [first, [[0.0, 9.0]]],
        (
            "input 'x1': 9.0 at [0, 1] is no value of fixed<4,2> (step 1/4, -2 to 7/4); round and clip the data first, "
            "or say how: --input-type 'fixed<4,2,RND_CONV,SAT>'."
        ),
    )


def test_no_samples_are_no_codes() -> None:
    (codes,) = encode(network(NIBBLE), np.zeros((0, 2)))
    assert codes.shape == (0, 2)
    assert codes.dtype == np.int64


def test_the_data_is_not_changed() -> None:
    data = np.array([[0.25, 1.75]])
    encode(network(NIBBLE), data)
    encode(network(NIBBLE, Quantizer(NIBBLE, Rounding.RND, Overflow.WRAP)), data)
    assert data.tolist() == [[0.25, 1.75]]


# ---- codes to values


@given(st.lists(st.integers(-(2**53), 2**53), min_size=2, max_size=2), st.integers(-100, 100))
def test_decode_gives_the_exact_value(codes: list[int], fraction: int) -> None:
    (values,) = decode(network(FixedType(True, 60, fraction)), [np.array([codes], dtype=np.int64)])
    assert [Fraction(value) for value in values[0].tolist()] == [code * two_to(-fraction) for code in codes]


def test_decode_refuses_a_value_that_float64_cannot_hold() -> None:
    with pytest.raises(TypeRangeError) as caught:
        decode(network(FixedType(True, 60, 0)), [np.array([[2**53 + 1, 0]])])
    assert str(caught.value) == (
        "code 9007199254740993 of fixed<60,60> needs more than 53 bits, so float64 cannot hold its value exactly."
    )
