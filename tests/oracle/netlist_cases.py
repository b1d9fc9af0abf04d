"""Networks to synthesize: every plan on every kind of carry logic, small enough for a few seconds of synthesis each."""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import count
from random import Random

import numpy as np

from hwgen.circuit import TARGETS, Circuit, ClockPlan, lower
from hwgen.errors import CircuitError
from hwgen.fixed import FixedType, Overflow, Rounding
from hwgen.ir import Conv, Dense, Input, Network, Requantize, SparseTensor, StepFunction, Value, check_network
from oracle.netlists import observe
from oracle.networks import random_inputs, random_network
from oracle.streams import lively_networks

LEAST_INPUT_BITS = 12  # with fewer, there are not 1,000 different samples
ADDERS = range(4, 41)
MOST_WORD_BITS = 1000
# Without these a netlist would be hollow by right: output bits that take both values, which at least half of them must,
# and output bits that answer to several input bits, which wires and registers alone do not.
LEAST_MOVING_BITS = 8
LEAST_MIXING_BITS = 8


@dataclass(frozen=True)
class Device:
    """What a netlist is made for.

    Attributes:
        family: as ``synth_xilinx`` names it.
        part: as hwgen names it.
        target: of the circuit.
        defines: for the Verilog; none leaves the sums to the synthesis tool.
    """

    family: str
    part: str
    target: str
    defines: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.family}-{self.target}"


CARRY4 = ("HWGEN_AMD_PRIMITIVES",)
CARRY8 = ("HWGEN_AMD_PRIMITIVES", "HWGEN_AMD_CARRY8")
DEVICES = (
    Device("xc7", "xc7a35t", "amd", CARRY4),
    Device("xcup", "xczu3eg", "amd", CARRY8),
    Device("xc7", "xc7a35t", "generic", ()),
    Device("xcu", "xcku040", "amd", CARRY8),
)
PLANS = (ClockPlan(1), ClockPlan(2), ClockPlan(3), ClockPlan(None))


@dataclass(frozen=True)
class Case:
    """One network to synthesize."""

    number: int
    network: Network
    circuit: Circuit
    device: Device


def any_parallel_network(random: Random) -> Network | None:
    """Every layer, every mode, in any order; convolutions have a beat a pixel and are no parallel circuit."""
    network = random_network(random)
    return None if any(isinstance(layer, Conv) for layer in network.layers) else network


def perceptron(random: Random) -> Network | None:
    """Two dense layers with a rounding between them and a step function behind, as a trained network has them."""
    source = Value("x", (random.randint(4, 8),), FixedType(random.choice([True, False]), random.randint(4, 7), 3))
    hidden = _dense(random, "hidden", source, random.randint(3, 5))
    fraction = hidden.output.type.fraction - random.randint(2, 4)
    codes = Value("codes", hidden.output.shape, FixedType(random.choice([True, False]), 5, fraction))
    modes = random.choice(list(Rounding)), random.choice(list(Overflow))
    scores = _dense(random, "scores", codes, random.randint(2, 3))
    kind, steps = scores.output.type, random.randint(2, 5)
    thresholds = [sorted(random.randint(kind.min_code, kind.max_code) for _ in range(steps)) for _ in scores.bias]
    levels = [sorted(random.randint(-32, 31) for _ in range(steps + 1)) for _ in scores.bias]
    step = StepFunction(
        "steps",
        "scores",
        Value("classes", scores.output.shape, FixedType(True, 6, 0)),
        np.array(thresholds, dtype=np.int64),
        np.array(levels, dtype=np.int64),
        "random",
    )
    layers = (hidden, Requantize("rounding", "hidden", codes, *modes), scores, step)
    return Network("net", (Input(source, None),), layers, ("scores", "classes"))


def _dense(random: Random, name: str, given: Value, outputs: int) -> Dense:
    kind = FixedType(True, random.randint(3, 5), 2)
    weight = np.array(
        [random.choice([0, random.randint(kind.min_code, kind.max_code)]) for _ in range(given.size * outputs)],
        dtype=np.int64,
    ).reshape(given.size, outputs)
    bias = np.array([random.randint(-99, 99) for _ in range(outputs)], dtype=np.int64)
    products = np.stack([weight * given.type.min_code, weight * given.type.max_code])
    low, high = (products.min(axis=0).sum(axis=0) + bias).min(), (products.max(axis=0).sum(axis=0) + bias).max()
    output = Value(name, (outputs,), FixedType.holding(int(low), int(high), given.type.fraction + kind.fraction))
    return Dense(f"{name}_dense", given.name, output, SparseTensor.from_dense(weight, kind), bias)


def any_stream(random: Random) -> Network | None:
    """Convolutions and pools over an image that comes a pixel a beat."""
    seed = random.randint(0, 1 << 30)
    return next((network for _, network in lively_networks(range(seed, seed + 1), 1)), None)


# A maker returns None where it made something else; what ``lower`` refuses and what is too large are passed over.
MAKERS: tuple[Callable[[Random], Network | None], ...] = (any_parallel_network, perceptron, any_stream)


def netlist_case(number: int) -> Case:
    """A plan and a device in turn, so that 16 cases have every pair, and the first network that suits them."""
    row = number // len(PLANS)
    plan, device, make = PLANS[number % len(PLANS)], DEVICES[(number + row) % len(DEVICES)], MAKERS[row % len(MAKERS)]
    for attempt in count():
        random = Random(f"netlist {number} {attempt}")
        network = make(random)
        if network is None or sum(source.value.size * source.value.type.width for source in network.inputs) < (
            LEAST_INPUT_BITS
        ):
            continue
        check_network(network)
        try:
            circuit = lower(network, TARGETS[device.target], plan)
        except CircuitError:
            continue
        if _suits(network, circuit, plan, random):
            return Case(number, network, circuit, device)
    raise AssertionError("unreachable: the search has no end")


def _suits(network: Network, circuit: Circuit, plan: ClockPlan, random: Random) -> bool:
    if circuit.adders not in ADDERS or sum(word.width for word in circuit.words) > MOST_WORD_BITS:
        return False
    streamed = len(circuit.streams) > 1
    if not streamed and (circuit.latency_cycles == 0) != (plan.adders_per_stage is None):
        return False
    beats = circuit.inputs[0].beats, circuit.outputs[0].beats
    behaviour = observe(network, random_inputs(random, network, 64), *beats)
    mixing = sum(answers.bit_count() > 1 for answers in behaviour.answers)
    return mixing >= LEAST_MIXING_BITS and behaviour.moving >= max(LEAST_MOVING_BITS, len(behaviour.ones) / 2)
