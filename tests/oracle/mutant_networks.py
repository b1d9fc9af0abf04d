"""Small random networks for mutants: every rounding and overflow mode, pools, step functions, few bits of input."""

from collections.abc import Callable
from dataclasses import dataclass
from random import Random

import numpy as np

from hwgen.fixed import FixedType, Overflow, Rounding
from hwgen.ir import (
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
    check_network,
    value_ranges,
)


@dataclass
class _Growth:
    """A network under construction; ``last`` is its newest value."""

    random: Random
    source: Input
    layers: list[Layer]
    last: Value

    def bounds(self) -> tuple[int, int]:
        """What the newest value can reach."""
        network = Network("net", (self.source,), tuple(self.layers), (self.last.name,))
        return value_ranges(network)[self.last.name].bounds

    def put(self, layer: Layer) -> None:
        self.layers.append(layer)
        self.last = layer.output

    def weight(self, shape: tuple[int, ...], bits: int) -> SparseTensor:
        """Small odd and even codes, a third of them zero, no column empty."""
        most = (1 << (bits - 1)) - 1
        codes = [self.random.choice([0, 1, 1]) * self.random.randint(-most, most) for _ in range(int(np.prod(shape)))]
        array = np.array(codes, dtype=np.int64).reshape(shape)
        flat = array.reshape(-1, shape[-1])
        flat[0] += flat[0] == 0
        return SparseTensor.from_dense(array, FixedType(True, bits, 2))

    def sums(self, outputs: int, bits: int = 4) -> None:
        """A ``Dense`` whose type holds its sums."""
        bias = np.array([self.random.randint(-9, 9) for _ in range(outputs)], dtype=np.int64)
        weight = self.weight((self.last.size, outputs), bits)
        source = self.last.name
        self._linear(lambda output: Dense(f"{output.name}_dense", source, output, weight, bias), (outputs,))

    def windows(self, outputs: int) -> None:
        """A one-dimensional ``Conv`` with a border of zeros."""
        length, channels = self.last.shape
        weight = self.weight((2, channels, outputs), 4)
        bias = np.array([self.random.randint(-9, 9) for _ in range(outputs)], dtype=np.int64)
        source = self.last.name

        def conv(output: Value) -> Conv:
            return Conv(f"{output.name}_conv", source, output, weight, bias, (1,), ((0, 1),), (1,))

        self._linear(conv, (length, outputs))

    def _linear(self, make: Callable[[Value], Layer], shape: tuple[int, ...]) -> None:
        """Put a layer of sums with the narrowest signed type that holds them."""
        name = f"v{len(self.layers)}"
        fraction = self.last.type.fraction + 2
        wide = Value(name, shape, FixedType(True, 40, fraction))
        self.put(make(wide))
        low, high = self.bounds()
        self.layers.pop()
        self.put(make(Value(name, shape, FixedType.holding(min(low, -1), high, fraction))))

    def relu(self) -> None:
        name = f"v{len(self.layers)}"
        _, high = self.bounds()
        kind = FixedType.holding(0, max(1, high), self.last.type.fraction)
        self.put(Relu(f"{name}_relu", self.last.name, Value(name, self.last.shape, kind)))

    def requantize(self, rounding: Rounding, overflow: Overflow, *, signed: bool, width: int) -> None:
        """One to three bits are rounded away, and what is left does not always fit."""
        name = f"v{len(self.layers)}"
        kind = FixedType(signed, width, self.last.type.fraction - self.random.randint(1, 3))
        output = Value(name, self.last.shape, kind)
        self.put(Requantize(f"{name}_round", self.last.name, output, rounding, overflow))

    def pool(self) -> None:
        """The larger of two neighbours."""
        name = f"v{len(self.layers)}"
        before = self.last
        image = Value(f"{name}i", (before.size, 1), before.type)
        pooled = Value(f"{name}p", (before.size - 1, 1), before.type)
        self.put(Reshape(f"{name}_image", before.name, image))
        self.put(MaxPool(f"{name}_pool", image.name, pooled, (2,), (1,), ((0, 0),)))
        self.put(Reshape(f"{name}_flat", pooled.name, Value(name, (pooled.size,), before.type)))

    def flatten(self) -> None:
        name = f"v{len(self.layers)}"
        self.put(Reshape(f"{name}_flat", self.last.name, Value(name, (self.last.size,), self.last.type)))

    def steps(self, count: int) -> None:
        """A row of thresholds for every channel, within reach."""
        name = f"v{len(self.layers)}"
        low, high = self.bounds()
        rows = self.last.shape[-1]
        thresholds = [sorted(self.random.sample(range(low + 1, high + 1), count)) for _ in range(rows)]
        levels = [sorted(self.random.sample(range(8), count + 1)) for _ in range(rows)]
        output = Value(name, self.last.shape, FixedType(False, 3, 0))
        self.put(StepFunction(f"{name}_step", self.last.name, output, np.array(thresholds), np.array(levels), "a test"))


def mutant_network(seed: int, *, convolution: bool = False, wide: bool = False) -> Network:
    """A network of two layers of sums.

    Args:
        seed: also the rounding and overflow modes, in turn.
        convolution: the first sums are those of a convolution.
        wide: 48 bits of input instead of 16.
    """
    random = Random(seed)
    bits, codes = (8, 6) if wide else random.choice([(4, 4), (5, 3), (8, 2)])
    if convolution:
        bits, codes = 4, 4
    shape = (codes // 2, 2) if convolution else (codes,)
    x = Value("x", shape, FixedType(random.choice([True, True, False]), bits, 2))
    growth = _Growth(random, Input(x, None), [], x)
    roundings, overflows = list(Rounding), list(Overflow)
    if convolution:
        growth.windows(2)
    else:
        growth.sums(3 if not wide else 4)
    if seed % 2:
        growth.relu()
    growth.requantize(
        roundings[seed % len(roundings)],
        overflows[seed % len(overflows)],
        signed=not seed % 2,
        width=random.choice([4, 5]),
    )
    if convolution:
        growth.flatten()
    if seed % 3 == 0:
        growth.pool()
    growth.sums(2)
    if seed % 3 == 1:
        growth.steps(random.choice([2, 3, 5]))
    else:
        growth.requantize(
            roundings[(seed + 3) % len(roundings)], overflows[(seed + 1) % len(overflows)], signed=True, width=4
        )
    return check_network(Network("net", (growth.source,), tuple(growth.layers), (growth.last.name,)))


def stream_network(seed: int, bits: int = 2) -> Network:
    """An image of 4 by 4 codes: sliding windows, where ``seed`` is odd two branches that meet again."""
    random = Random(seed)
    x = Value("x", (4, 4, 1), FixedType(random.choice([True, False]), bits, 1))
    growth = _Growth(random, Input(x, None), [], x)
    roundings = list(Rounding)

    def image(outputs: int, kernel: int, stride: int, source: Value) -> None:
        """Zeros below and on the right, as wide as the kernel asks."""
        size = -(-source.shape[0] // stride)
        weight = growth.weight((kernel, kernel, source.shape[-1], outputs), 4)
        bias = np.array([random.randint(-3, 3) for _ in range(outputs)], dtype=np.int64)
        pad = ((0, kernel - 1), (0, kernel - 1))

        def conv(output: Value) -> Conv:
            return Conv(f"{output.name}_conv", source.name, output, weight, bias, (stride,) * 2, pad, (1, 1))

        growth.last = source
        growth._linear(conv, (size, size, outputs))
        low, high = growth.bounds()
        dropped = max(0, (high - low).bit_length() - 4)  # 3 or 4 bits stay, so that what is wrong shows
        output = Value(
            f"v{len(growth.layers)}", growth.last.shape, FixedType(True, 4, growth.last.type.fraction - dropped)
        )
        rounding = roundings[(seed + len(growth.layers)) % 7]
        growth.put(Requantize(f"{output.name}_round", growth.last.name, output, rounding, Overflow.SAT))

    image(1, 3 if seed % 4 < 2 else 2, 1, x)
    if seed % 2:
        first = growth.last
        image(1, 2 if seed % 4 < 2 else 1, 1, x)
        second = growth.last
        fraction = max(first.type.fraction, second.type.fraction)
        kind = FixedType(True, 10, fraction)
        total = Value("total", first.shape, kind)
        growth.put(Merge("add", (first.name, second.name), total, MergeOperation.ADD))
    if seed % 3 == 0:
        before = growth.last
        pooled = Value("pooled", (2, 2, 1), before.type)
        growth.put(MaxPool("pool", before.name, pooled, (2, 2), (2, 2), ((0, 0), (0, 0))))
    elif seed % 3 == 1:
        growth.flatten()
        growth.sums(2, 3)
    return check_network(Network("net", (growth.source,), tuple(growth.layers), (growth.last.name,)))
