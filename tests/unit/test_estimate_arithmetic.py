"""What layers with weights hold and compute, against counts by hand and by strings of binary digits."""

from random import Random

import numpy as np
import pytest
from oracle.networks import random_network

from hwgen.estimate import Arithmetic, arithmetic
from hwgen.estimate.arithmetic import effective_bits
from hwgen.fixed import FixedType
from hwgen.ir import Conv, Dense, Input, Network, SparseTensor, Value, check_network


def dense_network() -> Network:
    """Three inputs of 5 bits; weights of 6 bits: 0, 4, 6, -24, 11, 1."""
    codes = np.array([[0, 4], [6, -24], [11, 1]])
    source = Value("x", (3,), FixedType(True, 5, 0))
    layer = Dense(
        "fc", "x", Value("y", (2,), FixedType(True, 16, 0)), SparseTensor.from_dense(codes, FixedType(True, 6, 0)),
        np.zeros(2, dtype=np.int64),
    )  # fmt: skip
    return check_network(Network("net", (Input(source, None),), (layer,), ("y",)))


def test_a_dense_layer_counts_as_by_hand() -> None:
    assert arithmetic(dense_network()) == {
        "fc": Arithmetic(
            weights=6,
            weights_left=5,
            dense_bits=36,
            sparse_bits=5 * (6 + 3),
            products=5,
            shifts=2,  # 4 and 1
            one_adder=2,  # 6 = 8 - 2 and -24 = 8 - 32
            multipliers=1,  # 11 = 8 + 4 - 1
            bit_operations=5 * 6 * 5,
            ebops=(1 + 2 + 2 + 4 + 1) * 5,  # 100, 110, 11000, 1011, 1
        )
    }


def test_effective_bits_are_what_a_binary_string_without_its_outer_zeros_has() -> None:
    codes = np.arange(-300, 301)
    assert effective_bits(codes).tolist() == [len(f"{abs(code):b}".strip("0")) for code in codes.tolist()]


@pytest.mark.parametrize("seed", range(40))
def test_kinds_of_products_add_up_and_effective_bits_are_no_more_than_bits(seed: int) -> None:
    network = random_network(Random(seed))
    found = arithmetic(network)
    layers = [layer for layer in network.layers if isinstance(layer, Dense | Conv)]
    assert list(found) == [layer.name for layer in layers]
    for layer in layers:
        counts = found[layer.name]
        assert counts.shifts + counts.one_adder + counts.multipliers == counts.products
        assert counts.ebops <= counts.bit_operations
        assert counts.products == counts.weights_left * (layer.output.size // layer.weight.shape[-1])
