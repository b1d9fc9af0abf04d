"""The networks that the estimate of LUTs is calibrated on, and others to try it on: seeded, of the kinds that people build.

Dense networks of several sizes, widths and shares of zeros, with rounding, saturation and tables between them;
convolutions in a stream, with pooling; residual sums; an argmax at the end. Odd numbers calibrate, even ones are held
out: no number of theirs enters a coefficient.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from random import Random

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
    Relu,
    Requantize,
    Reshape,
    SparseTensor,
    StepFunction,
    Value,
)

NETWORKS = 48


@dataclass(frozen=True)
class Design:
    """A network and how it is built."""

    network: Network
    circuit: Circuit
    kind: str


def designs(numbers: range = range(NETWORKS)) -> Iterator[tuple[int, Design]]:
    """The published set, by number."""
    for number in numbers:
        yield number, design(number)


def design(number: int) -> Design:
    """One of them; every fourth pair is a convolution."""
    random = Random(number)
    growth = _Growth(random, f"c{number}")
    kind = ("dense", "dense", "residual", "convolution")[number // 2 % 4]
    if kind == "convolution":
        growth.images()
    else:
        growth.vectors(residual=kind == "residual")
    network = growth.network()
    optimize = random.choice([Optimize.LATENCY, Optimize.LUTS])
    plan = random.choice([ClockPlan(1), ClockPlan(1), ClockPlan(2), ClockPlan(4)])
    interface = Interface.STREAM if kind == "convolution" else Interface.PARALLEL
    return Design(network, lower(network, AMD, plan, interface, optimize), kind)


class _Growth:
    """A network under construction, with bounds on what the last value can be."""

    def __init__(self, random: Random, name: str) -> None:
        self.random, self.name = random, name
        self.numbers = np.random.default_rng(random.getrandbits(32))
        self.layers: list[Layer] = []
        self.input: Input | None = None
        self.last = Value("none", (1,), FixedType(True, 1, 0))
        self.low = self.high = 0
        self.bits = random.choice([3, 4, 5, 6, 6, 8])
        self.zeros = random.choice([0.0, 0.3, 0.5, 0.75, 0.9])
        self.activation = random.choice(["saturate", "saturate", "round", "truncate", "table"])

    def network(self) -> Network:
        assert self.input is not None
        return Network(self.name, (self.input,), tuple(self.layers), (self.last.name,))

    def start(self, shape: tuple[int, ...]) -> None:
        kind = FixedType(self.random.choice([True, False]), self.random.choice([4, 6, 8, 8, 12]), 0)
        self.last = Value("x", shape, kind)
        self.input = Input(self.last, None)
        self.low, self.high = kind.min_code, kind.max_code

    def vectors(self, residual: bool) -> None:
        sizes = [self.random.choice([8, 12, 16, 24]) for _ in range(self.random.randint(2, 3))]
        self.start((self.random.choice([8, 10, 16]),))
        if residual:
            sizes = [sizes[0]] * len(sizes)
        for number, size in enumerate(sizes):
            before = self.last
            self.dense(f"fc{number}", size)
            self.activate(f"act{number}")
            if residual and number and before.type == self.last.type:
                self.add(f"add{number}", before)
        self.dense("logits", self.random.choice([3, 5, 10]))
        if self.random.random() < 0.4:
            self.argmax("best")

    def images(self) -> None:
        two = self.random.random() < 0.5
        self.start((6, 6, self.random.choice([1, 2])) if two else (16, self.random.choice([2, 3, 4])))
        for number in range(2):
            self.conv(f"conv{number}", self.random.choice([3, 4, 6]))
            self.activate(f"act{number}")
            if number == 0 and self.random.random() < 0.7:
                self.pool("pool")
        self.flatten("flat")
        self.dense("logits", self.random.choice([3, 5]))

    # ---- layers

    def weight(self, shape: tuple[int, ...]) -> SparseTensor:
        limit = 1 << (self.bits - 1)
        codes = np.clip(np.rint(self.numbers.normal(0, limit / 4, shape)), -limit, limit - 1)
        codes[self.numbers.random(shape) < self.zeros] = 0
        return SparseTensor.from_dense(codes.astype(np.int64), FixedType(True, self.bits, self.bits - 1))

    def summed(self, weight: SparseTensor, shape: tuple[int, ...]) -> tuple[Value, np.ndarray]:
        outputs = weight.shape[-1]
        scale = 1 << (self.bits - 1)
        bias = self.numbers.integers(-scale, scale + 1, outputs) * self.random.choice([0, 1, 1])
        dense = weight.dense().reshape(-1, outputs)
        up, down = np.maximum(dense, 0), np.minimum(dense, 0)
        ends = min(self.low, 0), max(self.high, 0)  # padding is a zero
        low = int((up * ends[0] + down * ends[1]).sum(axis=0).min() + min(bias.min(), 0))
        high = int((up * ends[1] + down * ends[0]).sum(axis=0).max() + max(bias.max(), 0))
        kind = FixedType.holding(low, high, self.last.type.fraction + weight.type.fraction)
        self.low, self.high = low, high
        return Value("", shape, kind), bias

    def put(self, layer: Layer) -> None:
        self.layers.append(layer)
        self.last = layer.output

    def dense(self, name: str, outputs: int) -> None:
        weight = self.weight((self.last.shape[0], outputs))
        made, bias = self.summed(weight, (outputs,))
        self.put(Dense(name, self.last.name, Value(f"{name}_y", made.shape, made.type), weight, bias))

    def conv(self, name: str, outputs: int) -> None:
        spatial = self.last.shape[:-1]
        same = self.random.random() < 0.5
        kernel = (3,) * len(spatial) if min(spatial) >= 3 else (2,) * len(spatial)
        padding = tuple((1, 1) if same and size == 3 else (0, 0) for size in kernel)
        sizes = tuple(n + sum(p) - k + 1 for n, p, k in zip(spatial, padding, kernel, strict=True))
        weight = self.weight((*kernel, self.last.shape[-1], outputs))
        made, bias = self.summed(weight, (*sizes, outputs))
        ones = (1,) * len(spatial)
        value = Value(f"{name}_y", made.shape, made.type)
        self.put(Conv(name, self.last.name, value, weight, bias, ones, padding, ones, 1))

    def pool(self, name: str) -> None:
        spatial = self.last.shape[:-1]
        two = (2,) * len(spatial)
        shape = (*(size // 2 for size in spatial), self.last.shape[-1])
        self.put(MaxPool(name, self.last.name, Value(f"{name}_y", shape, self.last.type), two, two, ((0, 0),) * len(two)))

    def flatten(self, name: str) -> None:
        self.put(Reshape(name, self.last.name, Value(f"{name}_y", (self.last.size,), self.last.type)))

    def activate(self, name: str) -> None:
        given, width = self.last, self.random.choice([4, 6, 6, 8])
        if self.activation == "table":
            self.table(name, width)
            return
        signed = self.random.random() < 0.2
        drop = max(0, max(abs(self.low), self.high).bit_length() - width - self.random.choice([0, 1, 2]))
        kind = FixedType(signed, width, given.type.fraction - drop)
        rounding = {"saturate": Rounding.RND_CONV, "round": Rounding.RND, "truncate": Rounding.TRN}[self.activation]
        if not signed and self.random.random() < 0.3:
            high = max(self.high, 0)
            self.put(
                Relu(f"{name}_relu", given.name, Value(f"{name}_r", given.shape, FixedType.holding(0, high, given.type.fraction)))
            )
        value = Value(f"{name}_y", given.shape, kind)
        self.put(Requantize(name, self.last.name, value, rounding, Overflow.SAT))
        self.low, self.high = kind.min_code, kind.max_code

    def table(self, name: str, width: int) -> None:
        """A saturating curve: thresholds that come closer towards zero."""
        given, kind = self.last, FixedType(True, min(width, 5), min(width, 5) - 1)
        codes = np.arange(kind.min_code + 1, kind.max_code + 1)
        reach = max(abs(self.low), self.high, 2)
        edges = np.unique(np.rint(np.arctanh((codes - 0.5) / (1 << (kind.width - 1)) * 0.98) / 2.6 * reach).astype(np.int64))
        levels = kind.min_code + np.arange(len(edges) + 1)
        value = Value(f"{name}_y", given.shape, kind)
        self.put(StepFunction(name, given.name, value, edges[None, :], levels[None, :], "tanh"))
        self.low, self.high = kind.min_code, kind.max_code

    def add(self, name: str, other: Value) -> None:
        low, high = 2 * self.low, 2 * self.high
        value = Value(f"{name}_y", self.last.shape, FixedType.holding(low, high, self.last.type.fraction))
        self.put(Merge(name, (self.last.name, other.name), value, MergeOperation.ADD))
        self.low, self.high = low, high

    def argmax(self, name: str) -> None:
        count = self.last.shape[-1]
        self.put(ArgMax(name, self.last.name, Value(f"{name}_y", (1,), FixedType.holding(0, count - 1, 0))))
