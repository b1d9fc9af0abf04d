"""Random valid Networks: every layer kind, every mode, narrow and 60-bit codes, branches, awkward corners.

One generator serves both: ``networks()`` for Hypothesis, which shrinks what fails, and ``random_network(Random(seed))``
for runs that must reach everything. Bounds are kept in Python integers, so that a network is valid by construction.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import product
from math import prod
from random import Random

import numpy as np
from hypothesis import strategies as st

from hwgen.fixed import FixedType, IntArray, Overflow, Quantizer, Rounding
from hwgen.ir import (
    ArgMax,
    Concatenate,
    Conv,
    Dense,
    Exactness,
    Input,
    Layer,
    MaxPool,
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
)

SUM_BITS = 61  # every sum stays below 2**61 in magnitude: hwgen's limit is 2**62
NEVER = 2**62


@dataclass(frozen=True)
class Known:
    """A value and bounds on its codes."""

    value: Value
    low: int
    high: int

    @property
    def bits(self) -> int:
        return max(abs(self.low), abs(self.high)).bit_length()


def networks(most_layers: int = 7) -> st.SearchStrategy[Network]:
    """Random valid networks that Hypothesis can shrink."""
    return st.randoms(use_true_random=False).map(lambda random: random_network(random, most_layers))


def random_network(random: Random, most_layers: int = 7) -> Network:
    """A valid network of one to ``most_layers`` layers and one or two inputs."""
    growth = _Growth(random)
    for number in range(random.choice([1, 1, 2])):
        shape = tuple(random.randint(1, 4) for _ in range(random.choice([1, 1, 2, 3])))
        growth.add_input(number, shape, random.choice([1, 2, 3, 5, 8, 8, 12, 20, 30, 50, 62]))
    for number in range(random.randint(1, most_layers)):
        growth.add_layer(number)
    names = list(growth.values)
    others = random.sample(names[:-1], random.choice([0, 0, 1, min(2, len(names) - 1)]))
    return Network(
        "net",
        tuple(growth.inputs),
        tuple(growth.layers),
        (*others, names[-1]),
        (Exactness("layer", random.choice([True, False]), random.randint(0, 70), "a reason"),),
        tuple(random.sample(['a "note"', "noté"], random.randint(0, 2))),
    )


def tiny_network(random: Random, most_codes: int = 256) -> Network:
    """One layer behind one input that has so few different samples that all can be tried."""
    growth = _Growth(random)
    bits = most_codes.bit_length() - 1
    shape = tuple(random.randint(1, 4) for _ in range(random.choice([1, 2, 2, 3])))
    while prod(shape) > bits:
        shape = tuple(max(1, size - 1) for size in shape)
    growth.add_input(0, shape, random.randint(1, bits // prod(shape)))
    growth.add_layer(0)
    return Network("tiny", tuple(growth.inputs), tuple(growth.layers), ("v0",))


def every_input(network: Network) -> IntArray:
    """All samples that the only input of a tiny network can be."""
    value = network.inputs[0].value
    codes = range(value.type.min_code, value.type.max_code + 1)
    return np.array(list(product(codes, repeat=value.size)), dtype=np.int64).reshape(-1, *value.shape)


def random_inputs(random: Random, network: Network, samples: int) -> tuple[IntArray, ...]:
    """Codes of each input's type: any, and the ends of the range."""
    return tuple(_random_codes(random, source.value, samples) for source in network.inputs)


def _random_codes(random: Random, value: Value, samples: int) -> IntArray:
    kind = value.type
    ends = [kind.min_code, kind.max_code, 0]
    codes = [
        random.choice(ends) if random.randint(0, 3) == 0 else random.randint(kind.min_code, kind.max_code)
        for _ in range(samples * value.size)
    ]
    return np.array(codes, dtype=np.int64).reshape(samples, *value.shape)


@dataclass
class _Growth:
    """A network under construction."""

    random: Random
    inputs: list[Input] = field(default_factory=list)
    layers: list[Layer] = field(default_factory=list)
    values: dict[str, Known] = field(default_factory=dict)

    def add_input(self, number: int, shape: tuple[int, ...], width: int) -> None:
        kind = self.type(width)
        value = Value(f"x{number}", shape, kind)
        quantizer = Quantizer(kind, self.random.choice(list(Rounding)), self.random.choice(list(Overflow)))
        self.inputs.append(Input(value, self.random.choice([None, quantizer])))
        self.values[value.name] = Known(value, kind.min_code, kind.max_code)

    def add_layer(self, number: int) -> None:
        """Put a layer that fits behind some value, most often the newest: a value may be read twice."""
        known = list(self.values.values())
        given = self.random.choice([known[-1], known[-1], known[-1], self.random.choice(known)])
        choices: list[Callable[[str, Known], Known | None]] = [
            self.conv if len(given.value.shape) in (2, 3) else self.dense,
            self.max_pool,
            self.reshape,
            self.relu,
            self.step,
            self.rearrange,
            self.merge,
            self.merge,
            self.concatenate,
            self.argmax,
        ]
        make = self.random.choice([choices[0], choices[0], *choices, self.requantize, self.requantize])
        made = make(f"v{number}", given) or self.requantize(f"v{number}", given)
        self.values[made.value.name] = made

    def type(self, width: int) -> FixedType:
        fraction = self.random.choice([0, 0, self.random.randint(-6, 12), self.random.choice([-200, 200])])
        return FixedType(self.random.choice([True, False]), width, fraction)

    def holding(self, low: int, high: int, fraction: int) -> FixedType:
        """A type for codes from low to high: the narrowest, or with room to spare."""
        kind = FixedType.holding(low, high, fraction)
        return FixedType(True, kind.width + 1, fraction) if self.random.choice([True, False, False]) else kind

    def chance(self, one_in: int) -> bool:
        return self.random.randint(1, one_in) == 1

    # ---- sums

    def weight(self, given: Known, shape: tuple[int, ...]) -> SparseTensor | None:
        """Weights whose products with the input, summed over all axes but the last, stay below ``2**SUM_BITS``."""
        budget = SUM_BITS - 1 - given.bits - (prod(shape[:-1])).bit_length()
        if budget < 1:
            return None
        bits = min(budget, self.random.choice([1, 2, 4, 6, 8, 16, 30, 59]))
        signed = bits == 1 or self.random.choice([True, True, False])
        kind = FixedType(signed, bits, self.random.randint(-2, 8))
        zeros = self.random.choice([0, 0, 1, 3, 9])  # of ten
        codes = [
            0
            if self.random.randint(0, 9) < zeros
            else self.random.choice([kind.min_code, kind.max_code, self.random.randint(kind.min_code, kind.max_code)])
            for _ in range(prod(shape))
        ]
        if self.chance(12):
            codes = [0] * len(codes)
        return SparseTensor.from_dense(np.array(codes, dtype=np.int64).reshape(shape), kind)

    def bias(self, outputs: int) -> list[int]:
        bits = self.random.choice([0, 1, 8, 20, 40, SUM_BITS - 2])
        return [self.random.randint(-(1 << bits), 1 << bits) if bits else 0 for _ in range(outputs)]

    def sum_type(self, given: Known, weight: SparseTensor, bias: Sequence[int]) -> tuple[FixedType, int, int]:
        lows, highs = list(bias), list(bias)
        # Padding is a zero among the inputs.
        ends = (min(given.low, 0), max(given.high, 0))
        for index, code in zip(weight.index.tolist(), weight.code.tolist(), strict=True):
            products = [code * end for end in ends]
            lows[index % len(bias)] += min(products)
            highs[index % len(bias)] += max(products)
        low, high = min(lows), max(highs)
        return self.holding(low, high, given.value.type.fraction + weight.type.fraction), low, high

    def dense(self, name: str, given: Known) -> Known | None:
        if len(given.value.shape) != 1:
            return None
        outputs = self.random.randint(1, 4)
        weight = self.weight(given, (given.value.shape[0], outputs))
        if weight is None:
            return None
        bias = self.bias(outputs)
        kind, low, high = self.sum_type(given, weight, bias)
        output = Value(name, (outputs,), kind)
        self.layers.append(Dense(f"{name}_dense", given.value.name, output, weight, np.array(bias, dtype=np.int64)))
        return Known(output, low, high)

    def conv(self, name: str, given: Known) -> Known | None:
        spatial = given.value.shape[:-1]
        kernel = tuple(self.random.randint(1, 3) for _ in spatial)
        dilation = tuple(self.random.choice([1, 1, 2]) for _ in spatial)
        strides = tuple(self.random.choice([1, 1, 2, 3]) for _ in spatial)
        padding = tuple((self.random.choice([0, 0, 1, 2]), self.random.choice([0, 0, 1, 2])) for _ in spatial)
        sizes = _sizes(spatial, [(k - 1) * d + 1 for k, d in zip(kernel, dilation, strict=True)], strides, padding)
        if min(sizes) < 1:
            return None
        channels, outputs = given.value.shape[-1], self.random.randint(1, 3)
        groups = self.random.choice([1, 1, channels])
        outputs *= groups
        weight = self.weight(given, (*kernel, channels, outputs))
        if weight is None:
            return None
        if groups > 1:
            inside = np.equal.outer(np.arange(channels), np.arange(outputs) // (outputs // groups))
            weight = SparseTensor.from_dense(weight.dense() * inside, weight.type)
        bias = self.bias(outputs)
        kind, low, high = self.sum_type(given, weight, bias)
        output = Value(name, (*sizes, outputs), kind)
        codes = np.array(bias, dtype=np.int64)
        self.layers.append(
            Conv(f"{name}_conv", given.value.name, output, weight, codes, strides, padding, dilation, groups),
        )
        return Known(output, low, high)

    # ---- codes that move

    def max_pool(self, name: str, given: Known) -> Known | None:
        spatial = given.value.shape[:-1]
        if not spatial:
            return None
        window = tuple(self.random.randint(1, 3) for _ in spatial)
        strides = tuple(self.random.randint(1, 3) for _ in spatial)
        padding = tuple((self.random.randint(0, w - 1), self.random.randint(0, w - 1)) for w in window)
        sizes = _sizes(spatial, window, strides, padding)
        if min(sizes) < 1:
            return None
        output = Value(name, (*sizes, given.value.shape[-1]), given.value.type)
        self.layers.append(MaxPool(f"{name}_pool", given.value.name, output, window, strides, padding))
        return Known(output, given.low, given.high)

    def reshape(self, name: str, given: Known) -> Known:
        size = given.value.size
        shapes = [(size,), (1, size), (size, 1)]
        shapes += [(a, size // a) for a in (2, 3, 4) if size % a == 0]
        shapes += [(a, b, size // (a * b)) for a in (1, 2, 3) for b in (2, 3) if size % (a * b) == 0]
        output = Value(name, self.random.choice(shapes), given.value.type)
        self.layers.append(Reshape(f"{name}_reshape", given.value.name, output))
        return Known(output, given.low, given.high)

    def rearrange(self, name: str, given: Known) -> Known:
        shape = tuple(self.random.randint(1, 4) for _ in range(self.random.choice([1, 2, 3])))
        zeros = self.random.choice([0, 1])
        index = [self.random.randint(-zeros, given.value.size - 1) for _ in range(prod(shape))]
        output = Value(name, shape, given.value.type)
        at = np.array(index, dtype=np.int64).reshape(shape)
        self.layers.append(Rearrange(f"{name}_rearrange", given.value.name, output, at))
        return Known(output, min(given.low, 0), max(given.high, 0))

    # ---- several values

    def merge(self, name: str, given: Known) -> Known | None:
        operation = self.random.choice(list(MergeOperation))
        pair = operation in (MergeOperation.SUBTRACT, MergeOperation.MULTIPLY)
        partners = [known for known in self.values.values() if known.value.shape == given.value.shape]
        members = [
            given,
            *(self.random.choice(partners) for _ in range(1 if pair else self.random.choice([1, 1, 2, 4]))),
        ]
        fractions = [known.value.type.fraction for known in members]
        if operation is MergeOperation.MULTIPLY:
            ends = [a * b for a in (members[0].low, members[0].high) for b in (members[1].low, members[1].high)]
            low, high, fraction = min(ends), max(ends), sum(fractions)
        else:
            fraction = max(fractions)
            lows = [known.low << fraction - known.value.type.fraction for known in members]
            highs = [known.high << fraction - known.value.type.fraction for known in members]
            match operation:
                case MergeOperation.ADD:
                    low, high = sum(lows), sum(highs)
                case MergeOperation.SUBTRACT:
                    low, high = lows[0] - highs[1], highs[0] - lows[1]
                case MergeOperation.MAXIMUM:
                    low, high = max(lows), max(highs)
                case MergeOperation.MINIMUM:
                    low, high = min(lows), min(highs)
            if sum(max(abs(a), abs(b)) for a, b in zip(lows, highs, strict=True)) >= 2**SUM_BITS:
                return None
        if max(abs(low), abs(high)) >= 2**SUM_BITS or abs(fraction) > 900:
            return None
        output = Value(name, given.value.shape, self.holding(low, high, fraction))
        self.layers.append(Merge(f"{name}_merge", tuple(known.value.name for known in members), output, operation))
        return Known(output, low, high)

    def concatenate(self, name: str, given: Known) -> Known | None:
        shape = given.value.shape
        axis = self.random.randrange(len(shape))
        partners = [
            known
            for known in self.values.values()
            if len(known.value.shape) == len(shape)
            and all(a == b for at, (a, b) in enumerate(zip(known.value.shape, shape, strict=True)) if at != axis)
        ]
        members = [given, *(self.random.choice(partners) for _ in range(self.random.choice([0, 1, 1, 2])))]
        fraction = max(known.value.type.fraction for known in members)
        low = min(known.low << fraction - known.value.type.fraction for known in members)
        high = max(known.high << fraction - known.value.type.fraction for known in members)
        if max(abs(low), abs(high)) >= 2**SUM_BITS:
            return None
        total = sum(known.value.shape[axis] for known in members)
        output = Value(name, (*shape[:axis], total, *shape[axis + 1 :]), self.holding(low, high, fraction))
        self.layers.append(Concatenate(f"{name}_concat", tuple(known.value.name for known in members), output, axis))
        return Known(output, low, high)

    def argmax(self, name: str, given: Known) -> Known:
        output = Value(name, (*given.value.shape[:-1], 1), self.holding(0, given.value.shape[-1] - 1, 0))
        self.layers.append(ArgMax(f"{name}_argmax", given.value.name, output))
        return Known(output, 0, given.value.shape[-1] - 1)

    # ---- functions of one code

    def relu(self, name: str, given: Known) -> Known:
        low, high = max(given.low, 0), max(given.high, 0)
        output = Value(name, given.value.shape, self.holding(low, high, given.value.type.fraction))
        self.layers.append(Relu(f"{name}_relu", given.value.name, output))
        return Known(output, low, high)

    def requantize(self, name: str, given: Known) -> Known:
        most_left = 62 - given.bits
        shift = self.random.choice([0, self.random.randint(1, 9), self.random.randint(1, 70), 200, -1, -3, -40])
        fraction = given.value.type.fraction - max(shift, -most_left)
        fraction = fraction if abs(fraction) <= 900 else given.value.type.fraction
        width = self.random.choice([1, 2, 4, 6, 8, 8, 8, 12, 24, 40, 55, 63])
        kind = FixedType(self.random.choice([True, False]), width, fraction)
        output = Value(name, given.value.shape, kind)
        modes = self.random.choice(list(Rounding)), self.random.choice(list(Overflow))
        self.layers.append(Requantize(f"{name}_requantize", given.value.name, output, *modes))
        return Known(output, kind.min_code, kind.max_code)

    def step(self, name: str, given: Known) -> Known:
        kind = self.type(self.random.choice([1, 3, 6, 6, 12, 40]))
        rows = self.random.choice([1, given.value.shape[-1]])
        steps = self.random.randint(0, 5)
        never = min(max(NEVER, given.high + 1), 2**63 - 1)
        thresholds, levels = [], []
        for _ in range(rows):
            reached = sorted(self.random.randint(given.low - 1, min(given.high + 1, never)) for _ in range(steps))
            unreached = self.random.randint(0, steps)
            thresholds.append(reached[:unreached] + [never] * (steps - unreached))
            row = [self.random.randint(kind.min_code, kind.max_code) for _ in range(steps + 1)]
            levels.append(sorted(row, reverse=self.random.choice([True, False])))
        output = Value(name, given.value.shape, kind)
        at = np.array(thresholds, dtype=np.int64).reshape(rows, steps)
        self.layers.append(
            StepFunction(f"{name}_step", given.value.name, output, at, np.array(levels, dtype=np.int64), "random")
        )
        return Known(output, kind.min_code, kind.max_code)


def _sizes(
    spatial: Sequence[int], reach: Sequence[int], strides: Sequence[int], padding: Sequence[tuple[int, int]]
) -> tuple[int, ...]:
    """Output positions along each axis."""
    return tuple(
        (size + before + after - r) // stride + 1
        for size, r, stride, (before, after) in zip(spatial, reach, strides, padding, strict=True)
    )
