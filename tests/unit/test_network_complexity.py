"""Counts of arithmetic against brute force: digits, additions, bits."""

from collections.abc import Iterable
from itertools import combinations, product
from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from oracle.example_network import example_network
from oracle.integers import weight_codes
from oracle.networks import random_network

from hwgen.ir import Conv, Dense, network_complexity
from hwgen.ir.complexity import signed_digits


def sums_of_powers(terms: int, bits: int) -> Iterable[int]:
    """Every number that this many signed powers of two add up to."""
    for exponents in combinations(range(bits), terms):
        for signs in product((1, -1), repeat=terms):
            yield sum(sign << exponent for sign, exponent in zip(signs, exponents, strict=True))


def test_signed_digits_are_the_fewest_powers_of_two_that_add_up() -> None:
    fewest: dict[int, int] = {}
    for terms in range(6):
        for number in sums_of_powers(terms, 10):
            fewest.setdefault(number, terms)
    numbers = range(-300, 301)
    assert signed_digits(np.array(numbers)).tolist() == [fewest[number] for number in numbers]


def digits_by_recursion(number: int) -> int:
    """Non-adjacent form: an odd number takes the digit that leaves a multiple of four."""
    if number == 0:
        return 0
    if number % 2 == 0:
        return digits_by_recursion(number // 2)
    return 1 + digits_by_recursion((number - (2 - number % 4)) // 2)


@given(st.lists(st.integers(-(2**63), 2**63 - 1), max_size=8))
def test_signed_digits_hold_for_every_int64(numbers: list[int]) -> None:
    expected = [digits_by_recursion(number) for number in numbers]
    assert signed_digits(np.array(numbers, dtype=np.int64)).tolist() == expected


@pytest.mark.parametrize("number", [2**62, -(2**62), 2**63 - 1, -(2**63), 3 * 2**61, 0xAAAAAAAAAAAAAAA])
def test_signed_digits_of_wide_codes(number: int) -> None:
    assert signed_digits(np.array([number])).tolist() == [digits_by_recursion(number)]


def test_the_counts_of_a_layer_are_those_of_its_outputs_one_by_one() -> None:
    for seed in range(120):
        network = random_network(Random(seed))
        layers = [layer for layer in network.layers if isinstance(layer, Dense | Conv)]
        rows = network_complexity(network)
        assert [row.layer for row in rows] == [layer.name for layer in layers]
        for row, layer in zip(rows, layers, strict=True):
            columns: list[list[int]] = [[] for _ in range(layer.weight.shape[-1])]
            for position, code in weight_codes(layer.weight).items():
                columns[position[-1]] += [code] if code else []
            biased = [int(bias != 0) for bias in layer.bias.tolist()]
            digits = [sum(map(digits_by_recursion, column)) for column in columns]
            assert row.kind == type(layer).__name__
            groups = layer.groups if isinstance(layer, Conv) else 1
            assert row.weights == len(weight_codes(layer.weight)) // groups
            assert row.nonzeros == sum(map(len, columns))
            assert row.digits == sum(digits)
            assert row.sums == sum(max(len(c) + b - 1, 0) for c, b in zip(columns, biased, strict=True))
            assert row.adders == sum(max(d + b - 1, 0) for d, b in zip(digits, biased, strict=True))
            assert row.weight_bits == layer.weight.type.width
            assert row.input_bits == network.value(layer.input).type.width


def test_the_example_is_counted_like_this() -> None:
    conv, dense = network_complexity(example_network())
    assert (conv.layer, conv.weights, conv.nonzeros, conv.digits, conv.positions) == ("conv", 12, 6, 8, 24)
    assert (conv.sums, conv.adders) == (2 + 3, 3 + 4)
    assert (dense.layer, dense.weights, dense.nonzeros, dense.digits, dense.positions) == ("dense", 24, 4, 6, 1)
    assert (dense.sums, dense.adders) == (2 + 1, 3 + 2)
    assert (dense.weight_bits, dense.input_bits) == (4, 5)
