"""Seeded networks that the estimate in LUTs is calibrated on, and others that it is judged by."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from hwgen.circuit import AMD, Circuit, ClockPlan, Interface, Optimize, lower
from hwgen.fixed import FixedType, Overflow, Rounding
from hwgen.ir import (
    ArgMax,
    Conv,
    Dense,
    Input,
    Layer,
    MaxPool,
    Merge,
    MergeOperation,
    Network,
    Requantize,
    Reshape,
    SparseTensor,
    StepFunction,
    Value,
    check_network,
)
from hwgen.ir.ranges import value_ranges

SEEDS = range(18)
HELD_OUT_SEEDS = range(1002, 1020)
PLANS = (ClockPlan(1), ClockPlan(1), ClockPlan(2), ClockPlan(None))


@dataclass(frozen=True)
class Case:
    """A network, and how it is built."""

    network: Network
    circuit: Circuit
    kind: str


class _Growth:
    """A network that grows layer by layer at its last value."""

    def __init__(self, seed: int, shape: tuple[int, ...], kind: FixedType) -> None:
        self.random = np.random.default_rng(seed)
        self.name = f"net{seed}"
        self.input = Value("x", shape, kind)
        self.value = self.input
        self.layers: list[Layer] = []

    def network(self) -> Network:
        return check_network(Network(self.name, (Input(self.input, None),), tuple(self.layers), (self.value.name,)))

    def range(self) -> tuple[int, int]:
        """What the last value can reach."""
        found = value_ranges(Network(self.name, (Input(self.input, None),), tuple(self.layers), (self.value.name,)))
        last = found[self.value.name]
        return int(np.min(last.low)), int(np.max(last.high))

    def add(self, layer: Layer) -> None:
        self.layers.append(layer)
        self.value = layer.output

    def weights(self, shape: tuple[int, ...], bits: int, zeros: float) -> SparseTensor:
        """From a Gaussian, the smallest pruned; two bits are ternary."""
        weight = self.random.normal(0, 2.0 ** (bits - 3), shape)
        pruned = round(zeros * weight.size)
        weight.ravel()[np.argsort(np.abs(weight).ravel(), kind="stable")[:pruned]] = 0
        most = 2 ** (bits - 1) - 1
        codes = np.clip(np.sign(weight) * np.ceil(np.abs(weight)), -most, most).astype(np.int64)
        return SparseTensor.from_dense(codes, FixedType(True, bits, bits - 1))

    def dense(self, name: str, outputs: int, bits: int, zeros: float) -> None:
        weight = self.weights((self.value.size, outputs), bits, zeros)
        self.sums(name, (outputs,), weight, lambda output, bias: Dense(name, self.value.name, output, weight, bias))

    def conv(self, name: str, channels: int, bits: int, zeros: float, same: bool) -> None:
        rows, columns, given = self.value.shape
        weight = self.weights((3, 3, given, channels), bits, zeros)
        padding = ((1, 1), (1, 1)) if same else ((0, 0), (0, 0))
        shape = (rows, columns, channels) if same else (rows - 2, columns - 2, channels)
        self.sums(
            name,
            shape,
            weight,
            lambda output, bias: Conv(name, self.value.name, output, weight, bias, (1, 1), padding, (1, 1)),
        )

    def sums(self, name, shape, weight, make) -> None:  # type: ignore[no-untyped-def]
        """A layer with weights, with a bias, and an output that holds every sum."""
        bias = self.random.integers(-40, 41, shape[-1])
        dense = np.abs(weight.dense()).reshape(-1, shape[-1]).sum(axis=0)
        ends = max(-self.value.type.min_code, self.value.type.max_code)
        most = int((dense * ends + np.abs(bias)).max())
        fraction = self.value.type.fraction + weight.type.fraction
        self.add(make(Value(name, shape, FixedType.holding(-most - 1, most, fraction)), bias))

    def rounded(self, name: str, bits: int, signed: bool, rounding: Rounding, overflow: Overflow) -> None:
        """To so many bits, of which the largest sums overflow by a bit or two."""
        low, high = self.range()
        width = max(abs(low), abs(high)).bit_length() - int(self.random.integers(1, 3))
        shift = max(0, width - bits + int(signed))
        output = Value(name, self.value.shape, FixedType(signed, bits, self.value.type.fraction - shift))
        self.add(Requantize(name, self.value.name, output, rounding, overflow))

    def steps(self, name: str, levels: int, signed: bool, per_channel: bool) -> None:
        """Thresholds of a squashing function with a scale and an offset for each channel."""
        low, high = self.range()
        channels = self.value.shape[-1] if per_channel else 1
        least = -(levels // 2) if signed else 0
        codes = np.arange(least, least + levels)
        inner = np.arctanh(np.linspace(-0.95, 0.95, levels - 1)) / np.arctanh(0.95) if levels > 2 else np.zeros(1)
        thresholds = []
        for _ in range(channels):
            scale, offset = self.random.uniform(0.2, 0.7), self.random.uniform(-0.2, 0.2)
            middle, half = (low + high) / 2, (high - low) / 2
            thresholds.append(np.sort(np.round(middle + half * (scale * inner + offset))).astype(np.int64))
        kind = FixedType.holding(int(codes[0]), int(codes[-1]), 0)
        output = Value(name, self.value.shape, kind)
        table = np.array(thresholds)
        self.add(StepFunction(name, self.value.name, output, table, np.tile(codes, (channels, 1)), "steps"))

    def pool(self, name: str) -> None:
        rows, columns, channels = self.value.shape
        output = Value(name, (rows // 2, columns // 2, channels), self.value.type)
        self.add(MaxPool(name, self.value.name, output, (2, 2), (2, 2), ((0, 0), (0, 0))))

    def argmax(self, name: str) -> None:
        kind = FixedType.holding(0, self.value.shape[-1] - 1, 0)
        self.add(ArgMax(name, self.value.name, Value(name, (1,), kind)))


def _activation(net: _Growth, name: str, kind: int) -> None:
    """What stands between two layers: mostly a rounding to an unsigned type, as of a quantized ReLU."""
    bits = int(net.random.integers(3, 9))
    match kind % 6:
        case 0 | 1:
            net.rounded(name, bits, False, Rounding.RND_CONV, Overflow.SAT)
        case 2:
            net.rounded(name, bits, False, Rounding.TRN, Overflow.SAT)
        case 3:
            net.rounded(name, bits, True, Rounding.RND_CONV, Overflow.SAT_SYM)
        case 4:
            net.steps(name, int(net.random.choice([2, 3, 16])), True, per_channel=True)
        case _:
            net.rounded(name, bits, True, Rounding.RND, Overflow.WRAP)


def perceptron(seed: int) -> Network:
    """Two to four dense layers."""
    random = np.random.default_rng(seed)
    signed = bool(random.integers(2))
    net = _Growth(seed, (int(random.integers(6, 13)),), FixedType(signed, int(random.integers(5, 10)), 4))
    bits, zeros = int(random.choice([2, 4, 6, 6, 8])), float(random.choice([0, 0.5, 0.75, 0.9]))
    style = int(random.integers(6))
    for number in range(int(random.integers(1, 3))):
        net.dense(f"fc{number}", int(random.integers(5, 13)), bits, zeros)
        _activation(net, f"act{number}", style if random.random() < 0.7 else int(random.integers(6)))
    net.dense("logits", int(random.integers(3, 11)), bits, zeros)
    if random.random() < 0.4:
        net.argmax("winner")
    return net.network()


def image(seed: int) -> Network:
    """A convolution over a stream of pixels, a pooling, a dense layer."""
    random = np.random.default_rng(seed)
    side = int(random.integers(5, 10))
    net = _Growth(seed, (side, side, int(random.integers(1, 4))), FixedType(False, int(random.integers(4, 9)), 4))
    bits, zeros = int(random.choice([3, 4, 6])), float(random.choice([0, 0.5, 0.75]))
    net.conv("conv", int(random.integers(2, 5)), bits, zeros, same=bool(random.integers(2)))
    _activation(net, "act", int(random.integers(4)))
    net.pool("pool")
    if random.random() < 0.5:
        shape = net.value.shape
        net.add(Reshape("flat", net.value.name, Value("flat", (int(np.prod(shape)),), net.value.type)))
        net.dense("logits", int(random.integers(3, 6)), bits, 0.75)
    return net.network()


def residual(seed: int) -> Network:
    """Two branches that are added, multiplied or compared, and a dense layer."""
    random = np.random.default_rng(seed)
    net = _Growth(seed, (int(random.integers(6, 13)),), FixedType(True, int(random.integers(5, 8)), 4))
    bits, zeros, width = int(random.choice([4, 6])), 0.5, int(random.integers(5, 10))
    net.dense("fc", width, bits, zeros)
    _activation(net, "act", int(random.integers(4)))
    first = net.value
    net.dense("again", width, bits, zeros)
    _activation(net, "act_again", int(random.integers(4)))
    second = net.value
    fraction = max(first.type.fraction, second.type.fraction)
    ends = [end << fraction - value.type.fraction for value in (first, second)
            for end in (value.type.min_code, value.type.max_code)]  # fmt: skip
    operation = [MergeOperation.ADD, MergeOperation.MAXIMUM, MergeOperation.MULTIPLY][seed % 3]
    if operation is MergeOperation.MULTIPLY:
        low = [value.type.min_code for value in (first, second)]
        high = [value.type.max_code for value in (first, second)]
        products = [a * b for a in (low[0], high[0]) for b in (low[1], high[1])]
        kind = FixedType.holding(min(products), max(products), first.type.fraction + second.type.fraction)
    elif operation is MergeOperation.ADD:
        kind = FixedType.holding(2 * min(ends), 2 * max(ends), fraction)
    else:
        kind = FixedType.holding(min(ends), max(ends), fraction)
    net.add(Merge("both", (first.name, second.name), Value("both", first.shape, kind), operation))
    _activation(net, "act_both", 0)
    net.dense("logits", int(random.integers(3, 8)), bits, zeros)
    return net.network()


def cases(seeds: Sequence[int]) -> list[Case]:
    """The networks of seeds: four perceptrons, an image and a residual network of every six."""
    found = []
    for seed in seeds:
        make = {4: image, 5: residual}.get(seed % 6, perceptron)
        optimize = Optimize.LUTS if seed % 4 == 1 else Optimize.LATENCY
        plan = PLANS[seed // 2 % len(PLANS)]
        network = make(seed)
        interface = Interface.STREAM if make is image else Interface.PARALLEL
        plan = ClockPlan(1) if make is image and plan.adders_per_stage is None else plan
        circuit = lower(network, AMD, plan, interface, optimize)
        rows = "combinational" if plan.adders_per_stage is None else f"{plan.adders_per_stage} rows a stage"
        found.append(Case(network, circuit, f"{make.__name__}, {optimize.value}, {rows}"))
    return found
