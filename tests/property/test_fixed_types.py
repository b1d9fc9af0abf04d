"""``FixedType`` and ``Quantizer``: constructors agree, ``holding`` is minimal, text forms read back."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from oracle.fixed_strategies import fixed_types, quantizers
from oracle.rational import code_limits, overflow_rational, two_to

from hwgen.errors import InputError
from hwgen.fixed import FixedType, Overflow, Quantizer, parse_quantizer, parse_type


@given(fixed_types())
def test_the_three_constructors_agree(kind: FixedType) -> None:
    sign = int(kind.signed)
    integer_with_sign = kind.width - kind.fraction
    assert FixedType.from_ap(kind.width, integer_with_sign, kind.signed) == kind
    assert FixedType.from_qkeras(kind.width, integer_with_sign - sign, kind.signed) == kind
    assert FixedType.from_kif(kind.signed, integer_with_sign - sign, kind.fraction) == kind
    assert kind.integer == integer_with_sign


@given(fixed_types())
def test_limits_are_those_of_twos_complement(kind: FixedType) -> None:
    low, high = code_limits(kind.signed, kind.width)
    assert (kind.min_code, kind.max_code) == (low, high)
    assert (kind.min_value, kind.max_value) == (low * two_to(-kind.fraction), high * two_to(-kind.fraction))
    assert kind.holds(low, high)
    assert not kind.holds(low - 1, high)
    assert not kind.holds(low, high + 1)


@given(quantizers)
def test_low_and_high_are_what_overflow_leaves_of_far_codes(quantizer: Quantizer) -> None:
    kind = quantizer.type
    if quantizer.overflow in (Overflow.SAT, Overflow.SAT_SYM):
        ends = [overflow_rational(far, kind.signed, kind.width, quantizer.overflow.value) for far in (-(2**70), 2**70)]
        assert [quantizer.low, quantizer.high] == ends
    else:
        assert (quantizer.low, quantizer.high) == (kind.min_code, kind.max_code)


@given(st.integers(-(2**63), 2**63 - 1), st.integers(-(2**63), 2**63 - 1), st.integers(-70, 70))
def test_holding_is_the_narrowest_type(first: int, second: int, fraction: int) -> None:
    low, high = min(first, second), max(first, second)
    kind = FixedType.holding(low, high, fraction)
    assert kind.fraction == fraction
    assert kind.holds(low, high)
    assert kind.signed == (low < 0)
    if kind.width > 1:
        assert not FixedType(kind.signed, kind.width - 1, fraction).holds(low, high)


@given(fixed_types())
def test_a_type_reads_back_from_its_text(kind: FixedType) -> None:
    assert parse_type(str(kind)) == kind
    assert parse_type(f"ap_{kind}".replace(",", " , ")) == kind
    assert parse_quantizer(str(kind)) == kind


@given(quantizers)
def test_a_quantizer_reads_back_from_its_text(quantizer: Quantizer) -> None:
    assert parse_quantizer(str(quantizer)) == quantizer
    with pytest.raises(InputError, match="without rounding"):
        parse_type(str(quantizer))


@given(st.text(alphabet="apufixed_<>,0123456789-TRNSAWP ", max_size=24))
def test_other_text_is_refused_with_a_sentence(text: str) -> None:
    try:
        parsed = parse_quantizer(text)
    except InputError:
        return
    assert parse_quantizer(str(parsed)) == parsed


@pytest.mark.parametrize(
    ("signed", "width", "fraction"), [(True, 0, 0), (True, 65, 0), (False, 64, 0), (False, 0, 0), (True, 8, 1001)]
)
def test_a_type_that_int64_cannot_hold_is_refused(signed: bool, width: int, fraction: int) -> None:
    with pytest.raises(InputError):
        FixedType(signed, width, fraction)
