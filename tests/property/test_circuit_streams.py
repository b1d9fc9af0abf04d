"""Circuits of streams compute their network: every code, unrolled or a pixel a beat; and say when each beat comes."""

import re

import numpy as np
import pytest
from oracle.streams import FAMILIES, PLANS, real_inputs, stream_circuit, stream_networks

from hwgen import reference
from hwgen.circuit import TARGETS, ClockPlan, Interface, circuit_from_json, circuit_to_json, lower
from hwgen.errors import InputError, UnsupportedError
from hwgen.fixed import FixedType
from hwgen.ir import Concatenate, Conv, Input, MaxPool, Network, Rearrange, Reshape, SparseTensor, Value, check_network

SEEDS = [range(start, start + 75) for start in range(0, 300, 75)]
SIGNED = FixedType(True, 4, 0)


@pytest.mark.parametrize("seeds", SEEDS, ids=lambda seeds: f"seeds {seeds.start} on")
def test_streams_and_unrolled_circuits_have_the_codes_of_the_reference_in_every_layer(seeds: range) -> None:
    for seed, network in stream_networks(seeds):
        inputs = [real_inputs(seed, network, 6)]
        (expected,) = reference.simulate(network, inputs)
        layers = reference.trace(network, inputs)
        unrolled = lower(network, FAMILIES[seed % 2], PLANS[seed % 4], Interface.PARALLEL)
        assert unrolled.initiation_interval == 1
        for circuit in (stream_circuit(seed, network), unrolled):
            assert (circuit.codes(inputs)[0] == expected).all(), seed
            for name, codes in circuit.trace(inputs).items():
                assert (codes == layers[name].reshape(codes.shape)).all(), (seed, name)


def test_a_stream_read_back_from_its_json_form_is_equal() -> None:
    for seed, network in stream_networks(range(60)):
        circuit = stream_circuit(seed, network)
        assert circuit_from_json(circuit_to_json(circuit)) == circuit, seed


def test_a_stream_takes_as_many_beats_as_its_image_has_pixels() -> None:
    for seed, network in stream_networks(range(60)):
        circuit = stream_circuit(seed, network)
        image = (
            network.inputs[0].value.shape if len(network.inputs[0].value.shape) > 1 else network.layers[0].output.shape
        )
        assert circuit.initiation_interval == int(np.prod(image[:-1])), seed
        assert circuit.inputs[0].codes == image[-1]


def _conv(shape: tuple[int, ...], padding: tuple[tuple[int, int], ...], kernel: int = 3) -> Network:
    x = Value("x", shape, SIGNED)
    size = shape[0] + sum(padding[0]) - kernel + 1
    codes = np.arange(1, kernel * shape[1] + 1, dtype=np.int64).reshape(kernel, shape[1], 1) % 7
    weight = SparseTensor.from_dense(codes, SIGNED)
    y = Value("y", (size, 1), FixedType(True, 20, 0))
    conv = Conv("conv", "x", y, weight, np.zeros(1, dtype=np.int64), (1,), padding, (1,))
    return check_network(Network("net", (Input(x, None),), (conv,), ("y",)))


def test_a_causal_window_waits_for_nothing_and_a_centred_one_for_its_last_pixels() -> None:
    # Eight pixels, a register behind the taps each; the sums are two rows deep at most with three operands.
    causal = lower(_conv((8, 1), ((2, 0),)), TARGETS["amd"], ClockPlan(None))
    centred = lower(_conv((8, 1), ((1, 1),)), TARGETS["amd"], ClockPlan(None))
    assert causal.latency_cycles == 7 + 1
    assert centred.latency_cycles == 7 + 1 + 1


def test_a_latency_shorter_than_the_pixels_of_a_sample_is_refused() -> None:
    with pytest.raises(InputError, match=re.escape("the pixels of a sample and the line buffers alone take 8")):
        lower(_conv((8, 1), ((2, 0),)), TARGETS["amd"], ClockPlan(latency_cycles=7))
    assert lower(_conv((8, 1), ((2, 0),)), TARGETS["amd"], ClockPlan(latency_cycles=9)).latency_cycles <= 9


def test_a_large_image_is_no_large_stream_but_gathering_it_is() -> None:
    circuit = lower(_conv((500_000, 1), ((2, 0),)), TARGETS["amd"], ClockPlan(None))
    assert (circuit.initiation_interval, circuit.latency_cycles) == (500_000, 500_000)
    x, flat = Value("x", (500_000, 1), SIGNED), Value("y", (500_000,), SIGNED)
    network = check_network(Network("net", (Input(x, None),), (Reshape("flat", "x", flat),), ("y",)))
    with pytest.raises(UnsupportedError, match="500,000 of them in layer 'flat'"):
        lower(network, TARGETS["amd"], ClockPlan(1), Interface.STREAM)


def test_what_no_stream_can_do_is_refused_with_the_way_out() -> None:
    amd, plan = TARGETS["amd"], ClockPlan(1)
    with pytest.raises(
        UnsupportedError, match=r"'conv': along axis 0 its padding gives outputs that no pixel of their"
    ):
        lower(_conv((4, 1), ((3, 0),)), amd, plan)
    assert lower(_conv((4, 1), ((3, 0),)), amd, plan, Interface.PARALLEL).initiation_interval == 1
    x, v = Value("x", (4, 1), SIGNED), Value("v", (4,), SIGNED)
    pool = MaxPool("pool", "x", Value("p", (2, 1), SIGNED), (2,), (2,), ((0, 0),))
    network = check_network(Network("net", (Input(x, None),), (pool,), ("x", "p")))
    with pytest.raises(
        UnsupportedError, match="network 'net': its outputs 'x', 'p' leave in 4 and 2 beats of a stream"
    ):
        lower(network, amd, plan, Interface.STREAM)
    network = check_network(Network("net", (Input(x, None), Input(v, None)), (pool,), ("p",)))
    sentence = (
        "network 'net': its 2 inputs would come in 4, 1 beats of a stream, and they have to come together; build it in "
        "parallel (--io parallel) or as HLS C++ (--target hls)."
    )
    with pytest.raises(UnsupportedError, match=re.escape(sentence)):
        lower(network, amd, plan, Interface.STREAM)


def test_what_is_gathered_may_become_an_image_again() -> None:
    x, v = Value("x", (4, 1), SIGNED), Value("v", (4,), SIGNED)
    layers = (
        Reshape("flat", "x", v),
        Reshape("again", "v", Value("image", (2, 2), SIGNED)),
        MaxPool("pool", "image", Value("y", (1, 2), SIGNED), (2,), (1,), ((0, 0),)),
    )
    network = check_network(Network("net", (Input(x, None),), layers, ("y",)))
    circuit = lower(network, TARGETS["amd"], ClockPlan(1), Interface.STREAM)
    assert [port.beats for port in (*circuit.inputs, *circuit.outputs)] == [4, 1]
    codes = np.random.default_rng(0).integers(-8, 8, (20, 4, 1))
    assert (circuit.codes([codes])[0] == reference.simulate(network, [codes])[0]).all()


def test_inputs_of_as_many_pixels_come_together() -> None:
    x, z = Value("x", (4, 1), SIGNED), Value("z", (4, 2), SIGNED)
    wide = Value("y", (4, 3), SIGNED)
    network = check_network(
        Network("net", (Input(x, None), Input(z, None)), (Concatenate("c", ("x", "z"), wide, 1),), ("y",))
    )
    circuit = lower(network, TARGETS["amd"], ClockPlan(1), Interface.STREAM)
    assert [port.beats for port in (*circuit.inputs, *circuit.outputs)] == [4, 4, 4]
    codes = [np.random.default_rng(0).integers(-8, 8, (20, 4, n)) for n in (1, 2)]
    assert (circuit.codes(codes)[0] == reference.simulate(network, codes)[0]).all()


@pytest.mark.parametrize("times", [(2,), (1, 2), (2, 1), (2, 2)], ids=str)
def test_pixels_that_are_repeated_beside_themselves_are_not_taken_for_one(times: tuple[int, ...]) -> None:
    rank = len(times)
    source = Value("x", (*(3,) * rank, 2), SIGNED)
    index = np.arange(source.size).reshape(source.shape)
    for axis, count in enumerate(times):
        index = index.repeat(count, axis=axis)
    larger = Value("larger", index.shape, SIGNED)
    weight = SparseTensor.from_dense(np.array([[1, -2], [3, 1]]).reshape(*(1,) * rank, 2, 2), FixedType(True, 3, 0))
    once, none = (1,) * rank, ((0, 0),) * rank
    output = Value("y", index.shape, FixedType(True, 8, 0))
    layers = (
        Rearrange("larger", "x", larger, index),
        Conv("conv", "larger", output, weight, np.array([1, -1]), once, none, once, 1),
    )
    network = check_network(Network("repeated", (Input(source, None),), layers, ("y",)))
    inputs = [np.random.default_rng(0).integers(-8, 8, (20, *source.shape))]
    circuit = lower(network, TARGETS["amd"], ClockPlan(1), Interface.STREAM)
    assert circuit.codes(inputs)[0].tolist() == reference.simulate(network, inputs)[0].tolist()
