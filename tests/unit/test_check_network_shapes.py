"""The third invariant of ``hwgen.ir.check``: each output shape follows from the input's and the layer's attributes."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from oracle.example_network import alone, example_network, with_layer, with_output

from hwgen.errors import NetworkError
from hwgen.fixed import FixedType
from hwgen.ir import (
    Conv,
    Input,
    Network,
    SparseTensor,
    Value,
    check_network,
)


def refused(network: Network, message: str) -> None:
    """Check that exactly this sentence refuses a network."""
    with pytest.raises(NetworkError) as caught:
        check_network(network)
    assert str(caught.value) == message


@pytest.mark.parametrize("shape", [(), (0,), (3, -1)])
def test_every_size_of_a_value_is_positive(shape: tuple[int, ...]) -> None:
    for layer in example_network().layers:
        refused(
            with_output(layer.name, shape=shape),
            f"layer {layer.name!r}: value {layer.output.name!r} has shape {shape}; every size is at least 1.",
        )
    entry = Input(Value("x", shape, FixedType(True, 4, 0)), None)
    refused(
        replace(example_network(), inputs=(entry,)),
        f"input: value 'x' has shape {shape}; every size is at least 1.",
    )


@pytest.mark.parametrize("shape", [(2**24 + 1,), (4097, 4096), (2**62, 4)])
def test_a_value_no_larger_than_what_an_fpga_streams_is_asked_for(shape: tuple[int, ...]) -> None:
    entry = Input(Value("x", shape, FixedType(True, 4, 0)), None)
    refused(
        replace(example_network(), inputs=(entry,)),
        f"input: value 'x' has shape {shape}; a sample has at most 16777216 codes.",
    )


def test_a_dense_layer_maps_one_axis_to_one_by_its_weights() -> None:
    refused(with_layer("dense", input="pooled"), "layer 'dense': rank of the input should be 1, got 3.")
    refused(with_output("dense", shape=(2, 1)), "layer 'dense': output rank should be 1, got 2.")
    refused(with_output("dense", shape=(3,)), "layer 'dense': weight shape should be (12, 3), got (12, 2).")
    refused(with_layer("dense", bias=np.zeros(3, np.int64)), "layer 'dense': bias shape should be (2,), got (3,).")
    refused(
        with_layer("dense", bias=np.zeros((2, 1), np.int64)), "layer 'dense': bias shape should be (2,), got (2, 1)."
    )


def test_a_convolution_slides_over_one_or_two_axes() -> None:
    refused(
        with_layer("conv", input="vector"),
        "layer 'conv': a window slides over one or two axes besides the channels, its input has 0.",
    )
    kind = FixedType(False, 4, 0)
    weight = SparseTensor((1, 1, 1, 1, 1), kind, np.array([0]), np.array([1]))
    cube = Conv("cube", "x", Value("y", (2, 2, 2, 1), kind), weight, np.array([0]), (1,) * 3, ((0, 0),) * 3, (1,) * 3)
    refused(
        alone(cube, (2, 2, 2, 1), kind),
        "layer 'cube': a window slides over one or two axes besides the channels, its input has 3.",
    )


def test_a_convolution_has_one_stride_padding_and_dilation_an_axis() -> None:
    refused(with_layer("conv", strides=(1,)), "layer 'conv': number of strides should be 2, got 1.")
    refused(with_layer("conv", padding=((1, 1),)), "layer 'conv': number of padding should be 2, got 1.")
    refused(with_layer("conv", dilation=(1, 1, 1)), "layer 'conv': number of dilation should be 2, got 3.")
    refused(with_layer("conv", strides=(1, 0)), "layer 'conv': strides are at least 1, got (1, 0).")
    refused(with_layer("conv", dilation=(0, 1)), "layer 'conv': dilation is at least 1, got (0, 1).")
    refused(
        with_layer("conv", padding=((1, 1), (-1, 1))), "layer 'conv': padding is not negative, got ((1, 1), (-1, 1))."
    )


def test_the_weights_of_a_convolution_fit_its_channels() -> None:
    kind = FixedType(True, 3, 3)
    for shape, sentence in [
        ((3, 1, 2), "weight rank should be 4, got 3."),
        ((3, 2, 2, 2), "input channels of the weight should be 1, got 2."),
        ((3, 2, 1, 3), "output shape should be (6, 4, 3), got (6, 4, 2)."),
        ((0, 2, 1, 2), "every size of a window is at least 1, got (0, 2)."),
    ]:
        weight = SparseTensor.from_dense(np.ones(shape, dtype=np.int64), kind)
        refused(with_layer("conv", weight=weight), f"layer 'conv': {sentence}")
    refused(with_layer("conv", bias=np.zeros(1, np.int64)), "layer 'conv': bias shape should be (2,), got (1,).")


def test_the_shape_of_a_convolution_follows_from_its_window() -> None:
    cases: list[tuple[dict[str, Any], tuple[int, ...]]] = [
        ({"strides": (2, 3)}, (3, 2, 2)),
        ({"dilation": (2, 4)}, (4, 1, 2)),
        ({"padding": ((0, 0), (0, 3))}, (4, 7, 2)),
        ({"dilation": (1, 9)}, (6, -4, 2)),
    ]
    for changes, shape in cases:
        refused(with_layer("conv", **changes), f"layer 'conv': output shape should be {shape}, got (6, 4, 2).")


def test_a_pooling_has_a_window_a_stride_and_padding_an_axis() -> None:
    refused(
        with_layer("pool", input="vector"),
        "layer 'pool': a window slides over one or two axes besides the channels, its input has 0.",
    )
    refused(with_layer("pool", window=(2,)), "layer 'pool': number of window sizes should be 2, got 1.")
    refused(with_layer("pool", strides=(2,)), "layer 'pool': number of strides should be 2, got 1.")
    refused(with_layer("pool", padding=()), "layer 'pool': number of padding should be 2, got 0.")
    refused(with_layer("pool", window=(2, 0)), "layer 'pool': every size of a window is at least 1, got (2, 0).")
    refused(with_layer("pool", strides=(0, 2)), "layer 'pool': strides are at least 1, got (0, 2).")
    refused(
        with_layer("pool", padding=((0, 0), (-1, 0))), "layer 'pool': padding is not negative, got ((0, 0), (-1, 0))."
    )
    refused(with_layer("pool", strides=(1, 2)), "layer 'pool': output shape should be (5, 2, 2), got (3, 2, 2).")


@pytest.mark.parametrize("padding", [((2, 0), (0, 0)), ((0, 0), (0, 3))])
def test_no_pooling_window_lies_in_the_padding_alone(padding: tuple[tuple[int, int], ...]) -> None:
    refused(
        with_layer("pool", padding=padding),
        "layer 'pool': padding is smaller than the window, or a window would be empty.",
    )


def test_a_reshape_keeps_the_number_of_codes() -> None:
    refused(with_output("flatten", shape=(13,)), "layer 'flatten': number of output codes should be 12, got 13.")


@pytest.mark.parametrize("name", ["relu", "narrow", "classify"])
def test_a_function_of_one_code_keeps_the_shape(name: str) -> None:
    (layer,) = (layer for layer in example_network().layers if layer.name == name)
    shape = layer.output.shape
    refused(with_output(name, shape=(*shape, 1)), f"layer {name!r}: output shape should be {shape}, got {(*shape, 1)}.")
