"""The text form of a Network: what `hwgen inspect` shows."""

from random import Random

import numpy as np
from oracle.example_network import example_network
from oracle.networks import random_network

from hwgen.fixed import FixedType
from hwgen.ir import Conv, Input, Network, SparseTensor, Value, network_text

EXAMPLE = """\
network example: classes, rectified, image
value      layer         reads     shape  type         details
image      input                   6x5x1  ufixed<4,0>  data on this grid
vector     input                   3      fixed<6,4>   quantized by fixed<6,4,RND_CONV,SAT>
sums       Conv          image     6x4x2  fixed<8,1>   6 of 12 weights left (50.0% zero), weight fixed<3,0>, \
kernel 3x2x1x2, strides 1x1, padding 1+1 0+0
narrowed   Requantize    sums      6x4x2  fixed<6,1>   RND, SAT
positive   Relu          narrowed  6x4x2  ufixed<5,0>
pooled     MaxPool       positive  3x2x2  ufixed<5,0>  window 2x3, strides 2x2, padding 0+0 0+1
flat       Reshape       pooled    12     ufixed<5,0>
scores     Dense         flat      2      fixed<10,2>  4 of 24 weights left (83.3% zero), weight fixed<4,1>
classes    StepFunction  scores    2      fixed<3,3>   scale, quantized_bits(3,2): 2 channels, up to 3 thresholds
rectified  Relu          vector    3      ufixed<5,3>
note: softmax dropped: the largest output stays the largest."""


def test_the_example_reads_like_this() -> None:
    assert network_text(example_network()) == EXAMPLE


def test_dilation_is_shown_where_there_is_one() -> None:
    kind = FixedType(False, 2, 0)
    weight = SparseTensor.from_dense(np.ones((2, 1, 1), np.int64), kind)
    conv = Conv("conv", "x", Value("y", (3, 1), kind), weight, np.zeros(1, np.int64), (1,), ((0, 0),), (2,))
    text = network_text(Network("net", (Input(Value("x", (5, 1), kind), None),), (conv,), ("y",)))
    assert text.endswith("kernel 2x1x1, strides 1, dilation 2")


def test_every_value_has_its_line() -> None:
    for seed in range(50):
        network = random_network(Random(seed))
        lines = network_text(network).splitlines()
        names = [line.split()[0] for line in lines[2 : 2 + len(network.values())]]
        assert names == list(network.values())
        assert all(line == line.rstrip() for line in lines)
