"""``quantize``, ``requantize`` and ``value_of`` against exact rationals, over every mode, width and fraction."""

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from oracle.fixed_strategies import fixed_types, quantizers
from oracle.rational import quantize_rational, two_to

from hwgen.errors import InputError, TypeRangeError
from hwgen.fixed import FixedType, Overflow, Quantizer, Rounding, quantize, requantize, value_of

INT64 = range(-(2**63), 2**63)


def exact_code(value: Fraction, quantizer: Quantizer) -> int:
    kind = quantizer.type
    return quantize_rational(
        value, kind.signed, kind.width, kind.fraction, quantizer.rounding.value, quantizer.overflow.value
    )


def neighbours(value: float) -> list[float]:
    return [value, math.nextafter(value, math.inf), math.nextafter(value, -math.inf), -value]


@st.composite
def values_near_decisions(draw: st.DrawFn, quantizer: Quantizer) -> list[float]:
    """Any finite float, and floats on, just above and just below ties, codes and the ends of the range."""
    kind = quantizer.type
    near = st.one_of(
        st.integers(-9, 9),
        st.sampled_from([kind.min_code, kind.max_code, 2 * kind.min_code, 2 * kind.max_code + 1]),
        st.integers(min(kind.min_code, -1) * 3, kind.max_code * 3),
    )
    found = draw(st.lists(st.floats(allow_nan=False, allow_infinity=False), max_size=6))
    for half_codes in draw(st.lists(st.builds(lambda n, d: 2 * n + d, near, st.integers(-2, 2)), max_size=6)):
        found.extend(neighbours(math.ldexp(float(half_codes), -kind.fraction - 1)))
    return found


@settings(max_examples=600, deadline=None)
@given(st.data(), quantizers)
def test_quantize_matches_exact_rationals(data: st.DataObject, quantizer: Quantizer) -> None:
    values = data.draw(values_near_decisions(quantizer))
    scaled_fits = all(abs(Fraction(value) * two_to(quantizer.type.fraction)) < two_to(1024) for value in values)
    if quantizer.overflow is Overflow.WRAP and not scaled_fits:
        with pytest.raises(TypeRangeError, match="too large to be wrapped"):
            quantize(values, quantizer)
    else:
        assert quantize(values, quantizer).tolist() == [exact_code(Fraction(value), quantizer) for value in values]


@pytest.mark.parametrize("rounding", Rounding)
@pytest.mark.parametrize("overflow", Overflow)
def test_quantize_sees_a_value_just_beside_a_tie(rounding: Rounding, overflow: Overflow) -> None:
    values = [beside for tie in (0.5, 1.5, 2.5, 2.0**51 + 0.5, 5e-324) for x in (tie, -tie) for beside in neighbours(x)]
    for kind in (FixedType(True, 56, 0), FixedType(False, 63, 0), FixedType(True, 64, 0), FixedType(True, 64, -1)):
        quantizer = Quantizer(kind, rounding, overflow)
        assert quantize(values, quantizer).tolist() == [exact_code(Fraction(v), quantizer) for v in values]


@pytest.mark.parametrize("overflow", Overflow)
def test_quantize_is_exact_around_the_limits_of_the_widest_types(overflow: Overflow) -> None:
    powers = [2.0**exponent for exponent in range(58, 68)]
    values = [beside for power in powers for signed in (power, -power) for beside in neighbours(signed)]
    kinds = [FixedType(signed, width, 0) for signed in (True, False) for width in range(60, 64 + signed)]
    for kind in kinds:
        quantizer = Quantizer(kind, Rounding.RND_CONV, overflow)
        assert quantize(values, quantizer).tolist() == [exact_code(Fraction(v), quantizer) for v in values]


@settings(max_examples=300, deadline=None)
@given(st.data(), quantizers, st.sampled_from([np.int64, np.int32, np.uint8, np.float32, np.float16]))
def test_quantize_takes_any_number_that_is_exact_in_float64(
    data: st.DataObject, quantizer: Quantizer, dtype: type[np.number]
) -> None:
    if np.issubdtype(dtype, np.integer):
        limits = np.iinfo(dtype)
        numbers: st.SearchStrategy[float] = st.integers(max(limits.min, 1 - 2**53), min(limits.max, 2**53 - 1))
    else:
        numbers = st.floats(allow_nan=False, allow_infinity=False, width=np.dtype(dtype).itemsize * 8)
    values = np.array(data.draw(st.lists(numbers, max_size=5)), dtype=dtype)
    assert quantize(values, quantizer).tolist() == [exact_code(Fraction(v), quantizer) for v in values.tolist()]


@given(st.sampled_from([2**53, -(2**53), 2**53 + 1, 2**62, -(2**63)]), quantizers)
def test_quantize_refuses_integers_that_float64_may_not_hold(value: int, quantizer: Quantizer) -> None:
    with pytest.raises(TypeRangeError) as caught:
        quantize(np.array([0, value]), quantizer)
    assert str(caught.value) == f"integer values to quantize must be below 2**53 in magnitude, got {value}."


@given(st.sampled_from([math.nan, math.inf, -math.inf]), quantizers)
def test_quantize_refuses_what_is_not_finite(value: float, quantizer: Quantizer) -> None:
    with pytest.raises(InputError) as caught:
        quantize([0.0, value], quantizer)
    assert str(caught.value) == f"values to quantize must be finite, got {value}."


@st.composite
def codes_near_decisions(draw: st.DrawFn, source: FixedType, target: FixedType) -> list[int]:
    """Any codes of the source, and codes around the target's ties and limits where the source reaches them."""
    found = draw(st.lists(st.integers(source.min_code, source.max_code), max_size=6))
    found.extend([source.min_code, source.max_code, 0])
    half_step = two_to(source.fraction - target.fraction - 1)
    near = st.one_of(st.integers(-9, 9), st.sampled_from([2 * target.min_code, 2 * target.max_code + 1]))
    for half_codes in draw(st.lists(near, max_size=6)):
        middle = math.floor(half_codes * half_step)
        found.extend(code for code in (middle - 1, middle, middle + 1) if source.holds(code, code))
    return found


@settings(max_examples=1000, deadline=None)
@given(st.data(), fixed_types(), quantizers)
def test_requantize_matches_exact_rationals_or_says_that_int64_overflows(
    data: st.DataObject, source: FixedType, quantizer: Quantizer
) -> None:
    codes = data.draw(codes_near_decisions(source, quantizer.type))
    up = max(0, quantizer.type.fraction - source.fraction)
    array = np.array(codes, dtype=np.int64)
    if all(code * 2**up in INT64 for code in codes):
        expected = [exact_code(code * two_to(-source.fraction), quantizer) for code in codes]
        assert requantize(array, source, quantizer).tolist() == expected
    else:
        with pytest.raises(TypeRangeError, match="does not fit int64"):
            requantize(array, source, quantizer)


@settings(max_examples=300, deadline=None)
@given(st.data(), fixed_types(), quantizers)
def test_requantize_of_one_code_at_the_edge_of_int64_errs_exactly_when_it_must(
    data: st.DataObject, source: FixedType, quantizer: Quantizer
) -> None:
    up = max(0, quantizer.type.fraction - source.fraction)
    limit = 2**63 >> up
    code = data.draw(st.sampled_from([limit, limit - 1, -limit, -limit - 1, 1, -1]))
    if code not in INT64:
        return
    if code * 2**up in INT64:
        expected = exact_code(code * two_to(-source.fraction), quantizer)
        assert requantize(np.array(code), source, quantizer).tolist() == expected
    else:
        with pytest.raises(TypeRangeError):
            requantize(np.array(code), source, quantizer)


@given(st.sampled_from([(), (1,), (2, 3), (0,), (3, 0)]), fixed_types(), quantizers)
def test_shapes_pass_through(shape: tuple[int, ...], source: FixedType, quantizer: Quantizer) -> None:
    zeros = np.zeros(shape, dtype=np.int64)
    for result in (requantize(zeros, source, quantizer), quantize(zeros, quantizer)):
        assert (result.shape, result.dtype) == (shape, np.dtype(np.int64))
    assert value_of(zeros, source).shape == shape


@settings(max_examples=300, deadline=None)
@given(
    st.integers(-(2**63), 2**63 - 1),
    st.one_of(fixed_types(), st.builds(FixedType, st.just(True), st.just(64), st.integers(-1000, 1000))),
)
@example(-(2**63), FixedType(True, 64, 0))
@example(2**63 - 1, FixedType(True, 64, 0))
@example(2**62, FixedType(True, 64, -1000))
@example(2**53 + 1, FixedType(True, 64, 0))
@example(2**60 + 2**8, FixedType(True, 64, 60))
def test_value_of_is_exact_or_an_error(code: int, source: FixedType) -> None:
    value = code * two_to(-source.fraction)
    try:
        representable = Fraction(float(value)) == value
    except OverflowError:
        representable = False
    if representable:
        assert Fraction(value_of(np.array([code]), source).item()) == value
    else:
        with pytest.raises(TypeRangeError):
            value_of(np.array([code]), source)


@settings(max_examples=300, deadline=None)
@given(st.data(), fixed_types())
def test_quantizing_the_value_of_a_code_gives_the_code(data: st.DataObject, kind: FixedType) -> None:
    bits = min(53, kind.width - int(kind.signed))
    code = data.draw(st.integers(-(2**bits) if kind.signed else 0, 2**bits - 1))
    for rounding in Rounding:
        assert quantize(value_of(np.array([code]), kind), Quantizer(kind, rounding, Overflow.SAT)).item() == code


# ---- what is refused


@pytest.mark.parametrize("code", [2**53 + 1, 2**63 - 1, -(2**63) + 1])
def test_a_code_of_more_than_53_bits_has_no_float64(code: int) -> None:
    with pytest.raises(TypeRangeError) as caught:
        value_of(np.array([1, code]), FixedType(True, 64, 3))
    assert str(caught.value) == (
        f"code {code} of fixed<64,61> needs more than 53 bits, so float64 cannot hold its value exactly."
    )


def test_a_value_beyond_float64_is_refused() -> None:
    with pytest.raises(TypeRangeError) as caught:
        value_of(np.array(-(2**40)), FixedType(True, 64, -1000))
    assert str(caught.value) == f"code {-(2**40)} of fixed<64,1064> stands for a value too large for float64."


def test_a_value_too_large_to_wrap_is_refused() -> None:
    quantizer = Quantizer(FixedType(True, 8, 100), Rounding.TRN, Overflow.WRAP)
    with pytest.raises(TypeRangeError) as caught:
        quantize([1.0, 1e300], quantizer)
    assert str(caught.value) == "1e+300 is too large to be wrapped to fixed<8,-92>: float64 holds no such code."


def test_a_shift_that_leaves_int64_is_refused() -> None:
    quantizer = Quantizer(FixedType(True, 8, 60), Rounding.TRN, Overflow.SAT)
    with pytest.raises(TypeRangeError) as caught:
        requantize(np.array([15, -16]), FixedType(True, 8, 0), quantizer)
    assert str(caught.value) == (
        "converting fixed<8,8> to fixed<8,-52,TRN,SAT> shifts a code of 5 bits left by 60, which does not fit int64; "
        "use types whose fractions are closer."
    )
