"""The NumPy reference against plain Python integers, code by code, and the intervals against what really comes out."""

import os
from collections import Counter
from itertools import product
from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracle.example_network import example_network
from oracle.integers import trace_integers
from oracle.networks import every_input, networks, random_inputs, random_network, tiny_network

from hwgen.fixed import FixedType, IntArray, Overflow, Rounding
from hwgen.ir import (
    Concatenate,
    Conv,
    Dense,
    Input,
    Layer,
    Merge,
    MergeOperation,
    Network,
    Rearrange,
    Relu,
    Requantize,
    Reshape,
    SparseTensor,
    StepFunction,
    Value,
    check_network,
    value_ranges,
)
from hwgen.reference import simulate, trace
from hwgen.reference.kernels import prepare

FUZZ = int(os.environ.get("HWGEN_FUZZ", "300"))
randoms = st.randoms(use_true_random=False)


@settings(max_examples=250, deadline=None)
@given(networks(), randoms, st.integers(0, 4))
def test_every_value_is_that_of_plain_integers(network: Network, random: Random, samples: int) -> None:
    check_network(network)
    inputs = random_inputs(random, network, samples)
    expected = trace_integers(network, inputs)
    assert {name: codes.tolist() for name, codes in trace(network, inputs).items()} == expected
    assert [codes.tolist() for codes in simulate(network, inputs)] == [expected[name] for name in network.outputs]


def number_formats(network: Network, inputs: tuple[IntArray, ...]) -> Counter[str]:
    """In which number format each layer that computes gave its codes."""
    ranges, values = value_ranges(network), network.values()
    codes = {source.value.name: array for source, array in zip(network.inputs, inputs, strict=True)}
    formats: Counter[str] = Counter()
    for layer in network.layers:
        step = prepare(layer, [values[name] for name in layer.inputs], [ranges[name] for name in layer.inputs])
        codes[layer.output.name] = step.kernel(*(codes[name] for name in layer.inputs))
        formats[f"{type(layer).__name__} in {codes[layer.output.name].dtype}"] += 1
    return formats


def corners(network: Network, layer: Layer) -> list[str]:
    """What is awkward about a layer."""
    source = network.value(layer.inputs[0])
    shared = sum(layer.inputs[0] in other.inputs for other in network.layers) > 1
    found = [f"{type(layer).__name__} over {len(source.shape)} axes"]
    found += ["a value read twice"] if shared else []
    found += [f"{type(layer).__name__} of 1-bit codes"] if source.type.width == 1 else []
    match layer:
        case Conv():
            found += [f"padding {any(sum(pair) for pair in layer.padding)}", f"dilation {max(layer.dilation) > 1}"]
            found += [f"stride {max(layer.strides) > 1}"]
        case Requantize():
            found += [f"{layer.rounding.value} {layer.overflow.value}"]
            shift = source.type.fraction - layer.output.type.fraction
            found += ["left" if shift < 0 else "far right" if shift > 63 else "right"]
        case StepFunction():
            found += [f"one for each channel {len(layer.thresholds) > 1}"]
            found += ["ascending"] if (layer.levels[:, -1] > layer.levels[:, 0]).any() else []
            found += ["descending"] if (layer.levels[:, -1] < layer.levels[:, 0]).any() else []
            found += ["without steps"] if not layer.thresholds.size else []
        case Merge():
            fractions = {network.value(name).type.fraction for name in layer.inputs}
            found += [layer.operation.value, f"{len(layer.inputs)} merged"]
            found += ["a value merged with itself"] if len(set(layer.inputs)) < len(layer.inputs) else []
            found += ["merged with a shift"] if len(fractions) > 1 else []
        case Concatenate():
            found += [f"concatenated along {layer.axis}", f"{len(layer.inputs)} concatenated"]
        case Rearrange():
            found += ["zeros added"] if (layer.index < 0).any() else []
    if isinstance(layer, Conv | Dense):
        found += ["all-zero weights"] if not layer.weight.nonzeros else []
        found += ["dense weights"] if layer.weight.nonzeros == layer.weight.size else []
        found += ["sums of 60 bits"] if layer.output.type.width >= 60 else []
    return found


WANTED = [
    *(f"{kind} in {dtype}" for kind in ("Dense", "Conv", "Requantize") for dtype in ("float32", "float64", "int64")),
    *(f"{rounding.value} {overflow.value}" for rounding in Rounding for overflow in Overflow),
    *(f"{kind} over {axes} axes" for kind in ("Conv", "MaxPool") for axes in (2, 3)),
    *(f"{kind} over {axes} axes" for kind in ("Relu", "Requantize", "StepFunction", "Reshape") for axes in (1, 2, 3)),
    *(f"{what} {flag}" for what in ("padding", "dilation", "stride", "one for each channel") for flag in (True, False)),
    *("left", "right", "far right", "ascending", "descending", "without steps", "a value read twice"),
    *("all-zero weights", "dense weights", "sums of 60 bits", "Dense of 1-bit codes", "Conv of 1-bit codes"),
    *(operation.value for operation in MergeOperation),
    *(f"{kind} in {dtype}" for kind in ("Merge", "Concatenate") for dtype in ("float32", "float64", "int64")),
    *(f"{kind} over {axes} axes" for kind in ("Rearrange", "ArgMax") for axes in (1, 2, 3)),
    *("2 merged", "3 merged", "5 merged", "a value merged with itself", "merged with a shift", "zeros added"),
    *("concatenated along 0", "concatenated along 1", "concatenated along 2", "1 concatenated", "3 concatenated"),
    *("two inputs", "three outputs", "an input as output"),
]


def test_no_kind_mode_corner_or_number_format_is_left_out() -> None:
    seen: Counter[str] = Counter()
    for seed in range(800):
        random = Random(seed)
        network = check_network(random_network(random))
        inputs = random_inputs(random, network, 3)
        assert {n: codes.tolist() for n, codes in trace(network, inputs).items()} == trace_integers(network, inputs)
        seen += number_formats(network, inputs)
        seen.update(corner for layer in network.layers for corner in corners(network, layer))
        seen["two inputs"] += len(inputs) == 2
        seen["three outputs"] += len(network.outputs) == 3
        seen["an input as output"] += any(name.startswith("x") for name in network.outputs)
    assert [what for what in WANTED if not seen[what]] == []


@pytest.mark.fuzz
@pytest.mark.parametrize("seed", range(1000, 1000 + FUZZ))
def test_more_networks_are_those_of_plain_integers(seed: int) -> None:
    random = Random(seed)
    for _ in range(20):
        network = check_network(random_network(random, most_layers=12))
        inputs = random_inputs(random, network, 6)
        assert {n: codes.tolist() for n, codes in trace(network, inputs).items()} == trace_integers(network, inputs)


@settings(max_examples=60, deadline=None)
@given(networks(4), randoms, st.integers(0, 7), st.integers(0, 7))
def test_codes_do_not_depend_on_the_other_samples(network: Network, random: Random, first: int, second: int) -> None:
    inputs = random_inputs(random, network, first + second)
    whole = simulate(network, inputs)
    parts = simulate(network, [x[:first] for x in inputs]), simulate(network, [x[first:] for x in inputs])
    for together, *apart in zip(whole, *parts, strict=True):
        assert together.tolist() == np.concatenate(apart).tolist()


@pytest.mark.parametrize("samples", [0, 1, 4095, 4096, 4097, 8193])
def test_blocks_of_samples_join_without_a_seam(samples: int) -> None:
    x = Value("x", (1,), FixedType(True, 16, 0))
    weight = SparseTensor.from_dense(np.array([[3, -5]]), FixedType(True, 4, 0))
    dense = Dense("dense", "x", Value("y", (2,), FixedType(True, 20, 0)), weight, np.array([1, 0]))
    codes = np.random.default_rng(samples).integers(-(2**15), 2**15, (samples, 1))
    (found,) = simulate(Network("net", (Input(x, None),), (dense,), ("y",)), [codes])
    assert found.tolist() == [[3 * code + 1, -5 * code] for (code,) in codes.tolist()]


@pytest.mark.parametrize("samples", [0, 1, 150])
def test_small_blocks_of_a_large_convolution_join_without_a_seam(samples: int) -> None:
    x = Value("x", (160, 1), FixedType(False, 8, 0))
    kernel = np.arange(-60, 61)[:, None, None]
    weight = SparseTensor.from_dense(kernel, FixedType(True, 7, 0))
    output = Value("y", (40, 1), FixedType(True, 24, 0))
    conv = Conv("conv", "x", output, weight, np.array([7]), strides=(1,), padding=((0, 0),), dilation=(1,))
    codes = np.random.default_rng(samples).integers(0, 256, (samples, 160, 1))
    network = check_network(Network("net", (Input(x, None),), (conv,), ("y",)))
    (found,) = simulate(network, [codes])
    rows = codes.reshape(samples, 160).tolist()
    assert found.reshape(samples, 40).tolist() == [
        [7 + sum((tap - 60) * row[start + tap] for tap in range(121)) for start in range(40)] for row in rows
    ]


@pytest.mark.parametrize("bits", [24, 53])
@pytest.mark.parametrize("excess", [-1, 0, 1])
def test_a_sum_at_the_edge_of_a_number_format_is_exact(bits: int, excess: int) -> None:
    x = Value("x", (1, 2), FixedType(False, 1, 0))
    flat = Value("flat", (2,), x.type)
    codes = np.array([[[[2**bits - 2], [excess + 2]]]])
    kernel = SparseTensor.from_dense(codes.reshape(1, 2, 1), FixedType(True, 64, 0))
    matrix = SparseTensor.from_dense(codes.reshape(2, 1), FixedType(True, 64, 0))
    wide = FixedType(True, 64, 0)
    layers = (
        Conv("conv", "x", Value("of_conv", (1, 1), wide), kernel, np.zeros(1, np.int64), (1,), ((0, 0),), (1,)),
        Reshape("reshape", "x", flat),
        Dense("dense", "flat", Value("of_dense", (1,), wide), matrix, np.zeros(1, np.int64)),
    )
    network = check_network(Network("net", (Input(x, None),), layers, ("of_conv", "of_dense")))
    of_conv, of_dense = simulate(network, [np.array([[[1, 1]], [[1, 0]]])])
    assert of_conv.ravel().tolist() == of_dense.ravel().tolist() == [2**bits + excess, 2**bits - 2]


# ---- intervals


@settings(max_examples=150, deadline=None)
@given(networks(), randoms)
def test_no_code_leaves_the_interval_of_its_channel(network: Network, random: Random) -> None:
    ranges = value_ranges(network)
    for name, codes in trace(network, random_inputs(random, network, 20)).items():
        assert ranges[name].low.shape == ranges[name].high.shape == codes.shape[-1:]
        assert (codes >= ranges[name].low).all()
        assert (codes <= ranges[name].high).all()


def some_window_needs_no_padding(layer: Conv, length: tuple[int, ...]) -> bool:
    """Whether at some position every tap lies on the input."""
    return all(
        any(
            stride * at >= before and stride * at + (taps - 1) * dilation < before + size
            for at in range(layer.output.shape[axis])
        )
        for axis, (size, taps, stride, dilation, (before, _)) in enumerate(
            zip(length, layer.weight.shape[:-2], layer.strides, layer.dilation, layer.padding, strict=True)
        )
    )


def interval_is_tight(network: Network) -> bool:
    """Whether ``hwgen.ir`` promises that both ends are reached: for one layer, but for these exceptions."""
    (layer,) = network.layers
    match layer:
        case Conv():
            return some_window_needs_no_padding(layer, network.inputs[0].value.shape[:-1])
        case Requantize():
            return layer.overflow in (Overflow.SAT, Overflow.SAT_SYM)
        case Merge(operation=MergeOperation.SUBTRACT):
            return len(set(layer.inputs)) > 1  # a value less itself is zero, which intervals do not see
    return True


@settings(max_examples=300, deadline=None)
@given(randoms.map(tiny_network))
def test_the_interval_of_one_layer_is_exactly_what_comes_out(network: Network) -> None:
    inputs = every_input(network)
    codes = np.array(trace_integers(network, [inputs])["v0"], dtype=np.int64)
    interval = value_ranges(check_network(network))["v0"]
    axes = tuple(range(codes.ndim - 1))
    low, high = codes.min(axis=axes).tolist(), codes.max(axis=axes).tolist()
    if interval_is_tight(network):
        assert (interval.low.tolist(), interval.high.tolist()) == (low, high)
    else:
        assert (interval.low <= low).all()
        assert (interval.high >= high).all()


@pytest.mark.parametrize("overflow", Overflow)
@pytest.mark.parametrize("rounding", Rounding)
def test_the_interval_is_tight_where_nothing_overflows(rounding: Rounding, overflow: Overflow) -> None:
    tight = 0
    for signed, width, output_signed in product((True, False), (2, 3, 4, 5), (True, False)):
        x = Value("x", (1,), FixedType(signed, 5, 3))

        def network(kind: FixedType, x: Value = x) -> Network:
            layer = Requantize("narrow", "x", Value("v0", (1,), kind), rounding, overflow)
            return Network("net", (Input(x, None),), (layer,), ("v0",))

        wide = network(FixedType(True, 12, 1))
        codes = [code for (code,) in trace_integers(wide, [every_input(wide)])["v0"]]
        kind = FixedType(output_signed, width, 1)
        if kind.min_code < min(codes) and max(codes) <= kind.max_code:
            tight += max(codes) == kind.max_code
            assert value_ranges(network(kind))["v0"].bounds == (min(codes), max(codes))
    # The other modes round the highest code up, past the largest of any type.
    assert tight or rounding not in (Rounding.TRN, Rounding.TRN_ZERO)


def test_codes_that_are_above_zero_stay_above_it() -> None:
    x = Value("x", (2,), FixedType(True, 4, 0))
    levels = np.array([[2, 7], [-3, -1]])
    step = StepFunction("step", "x", Value("y", (2,), x.type), np.array([[0], [0]]), levels, "test")
    relu = Relu("relu", "y", Value("z", (2,), x.type))
    interval = value_ranges(Network("net", (Input(x, None),), (step, relu), ("z",)))["z"]
    assert (interval.low.tolist(), interval.high.tolist()) == ([2, 0], [7, 0])


def test_the_example_network_is_that_of_plain_integers() -> None:
    network = check_network(example_network())
    inputs = random_inputs(Random(0), network, 40)
    assert {n: codes.tolist() for n, codes in trace(network, inputs).items()} == trace_integers(network, inputs)
