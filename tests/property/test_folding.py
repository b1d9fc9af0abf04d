"""Batch norms folded into a convolution: kernel and bias against their formula in exact arithmetic.

``kernel = q(W * gamma / sqrt(v))`` and ``bias = q((b - mean) * gamma / sqrt(v) + beta)`` with v = variance + epsilon;
the exact number, square root and all, is what is rounded (``oracle.surd``).
"""

from fractions import Fraction

import numpy as np
from hypothesis import example, given
from hypothesis import strategies as st
from oracle.surd import compare, linear, round_half_even, surd

from hwgen.frontend.folding import Folded, fold_batch_norm
from hwgen.frontend.graph import Node
from hwgen.frontend.quantizer_types import QuantizedBits
from hwgen.frontend.specs import BatchNormSpec

EPSILON = 2.0**-10

single = st.floats(width=32, allow_nan=False, allow_infinity=False)
weights = st.one_of(single.filter(lambda x: abs(x) < 1e12), st.integers(-64, 64).map(lambda n: n / 16))
gammas = st.one_of(st.sampled_from([1.0, -2.0, 0.5, 3.0, 0.0]), single.filter(lambda x: abs(x) < 1e6))
variances = st.one_of(
    st.sampled_from([0.0, 1 - EPSILON, 4 - EPSILON, 2.25 - EPSILON, 2 - EPSILON]),
    single.filter(lambda x: 0 <= x < 1e6),
)


def expected_code(a: Fraction, b: Fraction, v: Fraction, bits: QuantizedBits) -> int:
    """Round half to even and clip ``a + b / sqrt(v)``, in steps of the quantizer."""
    m = 2 ** (bits.bits - int(bits.keep_negative))
    low = -m + int(bits.symmetric) if bits.keep_negative else 0
    number = linear(surd(a, b, v), m / Fraction(2) ** bits.integer)
    if compare(number, Fraction(2 * m)) > 0 or compare(number, Fraction(-2 * m)) < 0:
        return m - 1 if compare(number, Fraction(0)) > 0 else low
    return min(max(round_half_even(number), low), m - 1)


def folded(
    kernel: float, bias: float, norm: tuple[float, float, float, float], bits: QuantizedBits
) -> tuple[int, Fraction]:
    """What hwgen makes of a convolution with one weight: its code, and the value of its bias."""
    into = Folded(bits, bits, True, (1, 1, 1, 1), 1)
    names = ("gamma", "beta", "moving_mean", "moving_variance")
    arrays = {name: np.array([value], dtype=np.float32) for name, value in zip(names, norm, strict=True)}
    arrays |= {"kernel": np.full((1, 1, 1, 1), kernel, np.float32), "bias": np.array([bias], np.float32)}
    node = Node("conv", "QConv2DBatchnorm", {}, (), arrays)
    tensor, biases, _ = fold_batch_norm(node, BatchNormSpec(-1, EPSILON, True, True), into)
    (weight,) = tensor.values()
    step = Fraction(2) ** (bits.integer - bits.bits + int(bits.keep_negative))
    return int(weight / step), biases[0]


@given(
    weights,
    weights,
    st.tuples(gammas, weights, weights, variances),
    st.builds(QuantizedBits, st.integers(2, 30), st.integers(0, 20), st.booleans(), st.booleans(), st.just(1.0)),
)
# Codes of more bits than float32 has.
@example(0.1, 0.0, (0.7, 0.0, 0.0, 1 - EPSILON), QuantizedBits(30, 0, False, True, 1.0))
# Two large numbers cancel: their difference is known to fewer digits than either.
@example(1.0, 1099511660544.0, (1.0, -777472118784.0, 0.0, 2 - EPSILON), QuantizedBits(24, 20, False, True, 1.0))
def test_folded_weights_are_the_exact_ones_rounded_once(
    kernel: float, bias: float, norm: tuple[float, float, float, float], bits: QuantizedBits
) -> None:
    _assert_exact(kernel, bias, norm, bits)


@given(
    st.builds(lambda mantissa, exponent: mantissa * 2.0**exponent, st.integers(2**23, 2**24 - 1), st.integers(10, 24)),
    st.sampled_from([3.0, 5.0, 7.0, 0.1, 1.75]),
    st.builds(QuantizedBits, st.integers(28, 30), st.integers(18, 20), st.booleans(), st.just(True), st.just(1.0)),
)
def test_folded_biases_are_exact_where_large_numbers_cancel(bias: float, variance: float, bits: QuantizedBits) -> None:
    """beta takes away all of the other term but what float32 cannot say: then float64 does not know the code either."""
    root = np.sqrt(np.float64(np.float32(variance)) + EPSILON)
    _assert_exact(1.0, bias, (1.0, -float(np.float32(bias / root)), 0.0, variance), bits)


def _assert_exact(kernel: float, bias: float, norm: tuple[float, float, float, float], bits: QuantizedBits) -> None:
    w, b, gamma, beta, mean, variance = (Fraction(float(np.float32(x))) for x in (kernel, bias, *norm))
    v = variance + Fraction(EPSILON)
    code, value = folded(kernel, bias, norm, bits)
    assert code == expected_code(Fraction(0), w * gamma, v, bits)
    step = Fraction(2) ** (bits.integer - bits.bits + int(bits.keep_negative))
    assert value == expected_code(beta, (b - mean) * gamma, v, bits) * step
