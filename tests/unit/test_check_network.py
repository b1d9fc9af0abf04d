"""Each invariant of ``hwgen.ir.check``: a network that breaks it is refused, and the sentence says where."""

from dataclasses import replace

import numpy as np
import pytest
from oracle.example_network import alone, example_network, with_layer, with_output

from hwgen.errors import NetworkError, TypeRangeError
from hwgen.fixed import FixedType, Overflow, Quantizer, Rounding
from hwgen.ir import (
    Conv,
    Dense,
    Input,
    Interval,
    MaxPool,
    Network,
    Relu,
    Requantize,
    Reshape,
    SparseTensor,
    StepFunction,
    Value,
    check_network,
    value_ranges,
)
from hwgen.ir.names import RESERVED, valid_identifier
from hwgen.ir.ranges import layer_interval


def refused(network: Network, message: str) -> None:
    """Check that exactly this sentence refuses a network."""
    with pytest.raises(NetworkError) as caught:
        check_network(network)
    assert str(caught.value) == message


def test_the_example_keeps_every_invariant_and_is_returned() -> None:
    network = example_network()
    assert check_network(network) is network


# ---- 1. names


NAME_RULE = (
    "a name is a letter followed by letters, digits and single underscores, "
    "and no reserved word of C++, Verilog or Python."
)


@pytest.mark.parametrize(
    "name", ["", "1st", "_x", "a__b", "a-b", "a b", "größe", "x\n", "always", "lambda", "template"]
)
def test_a_name_that_some_language_cannot_write_is_refused(name: str) -> None:
    assert not valid_identifier(name)
    network = example_network()
    refused(replace(network, name=name), f"network {name!r}: {NAME_RULE}")
    refused(with_layer("relu", name=name), f"layer {name!r}: {NAME_RULE}")
    refused(with_output("rectify", name=name), f"value {name!r}: {NAME_RULE}")


def test_words_are_reserved_for_each_language() -> None:
    assert {
        "co_await",
        "xor_eq",
        "std",
        "linux",
        "unix",
        "main",
        "always_ff",
        "endmodule",
        "logic",
        "None",
        "yield",
    } <= RESERVED
    assert all(valid_identifier(name) for name in ("x", "dense_1", "q_dense", "conv2d_", "strength"))


def test_a_value_is_defined_once() -> None:
    refused(with_output("rectify", name="sums"), "layer 'rectify': value 'sums' is defined twice.")
    network = example_network()
    refused(replace(network, inputs=network.inputs[:1] * 2), "input: value 'image' is defined twice.")


def test_two_layers_have_two_names() -> None:
    refused(with_layer("rectify", name="relu"), "layer 'relu': the name is used twice.")


# ---- 2. topology


def test_there_is_an_input_and_an_output() -> None:
    network = example_network()
    refused(replace(network, outputs=()), "network 'example': at least one input and one output are needed.")
    refused(replace(network, inputs=()), "network 'example': at least one input and one output are needed.")


def test_a_layer_reads_what_an_earlier_one_defines() -> None:
    network = example_network()
    refused(with_layer("relu", input="nothing"), "layer 'relu': reads 'nothing', which no earlier layer defines.")
    refused(with_layer("relu", input="positive"), "layer 'relu': reads 'positive', which no earlier layer defines.")
    swapped = replace(network, layers=(network.layers[1], network.layers[0], *network.layers[2:]))
    refused(swapped, "layer 'narrow': reads 'sums', which no earlier layer defines.")


def test_an_output_is_a_value_listed_once() -> None:
    network = example_network()
    refused(replace(network, outputs=("dense",)), "network 'example': output 'dense' is no value of the network.")
    refused(replace(network, outputs=("flat", "flat")), "network 'example': an output is listed twice.")


# ---- 4. fractions


def test_fractions_of_input_and_weight_add_up() -> None:
    for name, kind in (("dense", FixedType(True, 10, 7)), ("conv", FixedType(True, 8, 6))):
        what, fraction = "output fraction (input's plus weight's)", kind.fraction
        refused(with_output(name, type=kind), f"layer {name!r}: {what} should be {fraction + 1}, got {fraction}.")


@pytest.mark.parametrize("name", ["relu", "pool"])
def test_the_fraction_of_codes_that_only_move_stays(name: str) -> None:
    refused(with_output(name, type=FixedType(False, 5, 4)), f"layer {name!r}: output fraction should be 5, got 4.")


def test_a_reshape_keeps_the_type() -> None:
    refused(
        with_output("flatten", type=FixedType(False, 6, 5)),
        "layer 'flatten': output type should be ufixed<5,0>, got ufixed<6,1>.",
    )


def test_the_quantizer_of_an_input_gives_its_type() -> None:
    network = example_network()
    other = Quantizer(FixedType(True, 6, 3), Rounding.TRN, Overflow.WRAP)
    inputs = (network.inputs[0], replace(network.inputs[1], quantizer=other))
    refused(
        replace(network, inputs=inputs),
        "input 'vector': its quantizer gives fixed<6,3>, its type is fixed<6,4>.",
    )


# ---- 5. ranges


def test_an_exact_layer_never_overflows() -> None:
    for name, kind, low, high in [
        ("conv", FixedType(True, 7, 7), -55, 65),
        ("relu", FixedType(False, 4, 5), 0, 16),
        ("pool", FixedType(False, 4, 5), 0, 16),
        ("dense", FixedType(True, 8, 8), -135, 112),
    ]:
        refused(
            with_output(name, type=kind),
            f"layer {name!r}: codes from {low} to {high} can come out, more than its output type {kind} holds.",
        )


def test_a_type_that_just_holds_the_interval_is_enough() -> None:
    assert value_ranges(example_network())["rectified"].bounds == (0, 31)
    check_network(with_output("rectify", type=FixedType(True, 6, 2)))


def wide_dense(weights: list[int], bias: int = 0) -> Network:
    kind = FixedType(False, 1, 0)
    weight = SparseTensor.from_dense(np.array(weights)[:, None], FixedType(True, 64, 0))
    dense = Dense("wide", "x", Value("y", (1,), FixedType(True, 64, 0)), weight, np.array([bias]))
    return alone(dense, (len(weights),), kind)


def test_magnitudes_that_add_up_to_62_bits_are_refused_even_where_the_sum_does_not() -> None:
    check_network(wide_dense([2**60, -(2**60)], 2**60))
    for network in (wide_dense([2**61, -(2**61)]), wide_dense([2**61], -(2**61))):
        for refuse in (check_network, value_ranges):
            with pytest.raises(TypeRangeError) as caught:
                refuse(network)
            assert str(caught.value) == (
                "layer 'wide': magnitudes of products and bias add up to about 2**62.0, and hwgen computes below "
                "2**62; use fewer bits in its inputs, weights or scales."
            )


def test_a_shift_to_the_left_out_of_64_bits_is_refused() -> None:
    output = Value("y", (1,), FixedType(True, 8, 60))
    for rounding in Rounding:
        layer = Requantize("up", "x", output, rounding, Overflow.SAT)
        check_network(alone(layer, (1,), FixedType(True, 4, 0)))
        with pytest.raises(TypeRangeError) as caught:
            check_network(alone(layer, (1,), FixedType(True, 5, 0)))
        assert str(caught.value) == (
            f"layer 'up': converting fixed<5,5> to fixed<8,-52,{rounding.value},SAT> shifts codes to the left by 60, "
            "out of 64 bits; use types whose fractions are closer."
        )


# ---- 6. step functions


def test_a_step_function_has_one_level_more_than_thresholds() -> None:
    with pytest.raises(NetworkError) as caught:
        with_layer("classify", thresholds=np.array([[1, 2]]))
    assert str(caught.value) == (
        "layer 'classify': a step function has one level more than thresholds in each channel; "
        "got shapes (1, 2) and (2, 4)."
    )


def test_a_step_function_is_one_for_all_channels_or_one_for_each() -> None:
    three = {"thresholds": np.zeros((3, 1), np.int64), "levels": np.zeros((3, 2), np.int64)}
    refused(
        with_layer("classify", **three),
        "layer 'classify': one step function a channel (2) or one for all is needed, got 3.",
    )
    check_network(with_layer("classify", thresholds=np.zeros((1, 0), np.int64), levels=np.zeros((1, 1), np.int64)))


def step(thresholds: list[int], levels: list[int], kind: FixedType) -> Network:
    layer = StepFunction("step", "x", Value("y", (1,), kind), np.array([thresholds]), np.array([levels]), "test")
    return alone(layer, (1,), FixedType(True, 64, 0))


def test_thresholds_ascend() -> None:
    refused(step([3, 2], [0, 1, 2], FixedType(True, 8, 0)), "layer 'step': thresholds must ascend.")
    check_network(step([2, 2, 3], [0, 1, 2, 3], FixedType(True, 8, 0)))


def test_thresholds_and_levels_may_be_further_apart_than_int64_holds() -> None:
    check_network(step([-(2**62), 2**62], [-(2**63), 0, 2**63 - 1], FixedType(True, 64, 0)))
    check_network(step([-(2**62), 2**62], [2**63 - 1, 0, -(2**63)], FixedType(True, 64, 0)))


def test_levels_may_rise_and_fall() -> None:
    check_network(step([2, 3], [0, 1, 0], FixedType(True, 8, 0)))
    check_network(step([2, 3], [5, 5, 4], FixedType(True, 8, 0)))


def test_the_range_of_a_step_function_is_that_of_the_levels_it_reaches() -> None:
    layer = StepFunction(
        "step",
        "x",
        Value("y", (2,), FixedType(True, 8, 0)),
        np.array([[-9, -2, 1, 9]]),
        np.array([[50, 0, -7, 3, 60]]),
        "test",
    )
    given = Interval(np.array([-4, 1]), np.array([4, 9]))
    found = layer_interval(layer, [Value("x", (2,), FixedType(True, 8, 0))], [given])
    assert (found.low.tolist(), found.high.tolist()) == ([-7, 3], [3, 60])


def test_a_level_that_is_never_reached_fits_the_output_type_too() -> None:
    network = step([2**62], [0, 8], FixedType(True, 4, 0))
    narrow = replace(network, inputs=(Input(Value("x", (1,), FixedType(True, 8, 0)), None),))
    refused(narrow, "layer 'step': codes from 0 to 8 can come out, more than its output type fixed<4,4> holds.")


def test_kinds_of_layers_are_all_in_the_example() -> None:
    kinds = {type(layer) for layer in example_network().layers}
    assert kinds == {Conv, Dense, MaxPool, Relu, Requantize, Reshape, StepFunction}
