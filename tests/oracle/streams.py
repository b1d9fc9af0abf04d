"""Random networks of convolutions and pools over images and signals, of which every one has a streaming form."""

from collections.abc import Iterator
from random import Random

import numpy as np

from hwgen.circuit import TARGETS, Circuit, ClockPlan, Interface, lower
from hwgen.fixed import FixedType, IntArray, Overflow, Rounding
from hwgen.ir import (
    Concatenate,
    Conv,
    Dense,
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
    check_network,
)
from hwgen.reference import simulate

PLANS = (ClockPlan(1), ClockPlan(2), ClockPlan(5), ClockPlan(None))
_TRIED = 40
FAMILIES = (TARGETS["amd"], TARGETS["generic"])


def stream_networks(seeds: range) -> Iterator[tuple[int, Network]]:
    """Networks of one to three sliding windows, half of them with a dense head."""
    for seed in seeds:
        yield seed, check_network(_Chain(Random(seed)).network())


def lively_networks(seeds: range, most: int) -> Iterator[tuple[int, Network]]:
    """The first of them whose outputs differ in most samples, so that a beat in a wrong place shows."""
    found = 0
    for seed, network in stream_networks(seeds):
        (codes,) = simulate(network, [real_inputs(seed, network, _TRIED)])
        if len(np.unique(codes.reshape(_TRIED, -1), axis=0)) > _TRIED // 2:
            found += 1
            yield seed, network
        if found == most:
            return


def stream_circuit(seed: int, network: Network) -> Circuit:
    """Plans and targets in turn."""
    return lower(network, FAMILIES[seed // 4 % 2], PLANS[seed % 4], Interface.STREAM)


def real_inputs(seed: int, network: Network, samples: int) -> IntArray:
    """Codes of the whole range of the only input."""
    value = network.inputs[0].value
    generator = np.random.default_rng(seed)
    return generator.integers(value.type.min_code, value.type.max_code + 1, (samples, *value.shape), dtype=np.int64)


class _Chain:
    """A network under construction: each layer reads the one before."""

    def __init__(self, random: Random) -> None:
        self.random = random
        axes = random.choice([1, 2, 2])
        shape = (*(random.randint(1, 7) for _ in range(axes)), random.randint(1, 3))
        self.input = Value("x", shape, FixedType(random.random() < 0.5, random.choice([3, 4, 8]), 3))
        self.value = self.input
        if random.random() < 0.2:  # an image that comes as a vector
            self.input = Value("x", (self.input.size,), self.input.type)
        self.layers: list[Layer] = []
        if self.input is not self.value:
            self.put(Reshape("image", "x", self.named("image_out", self.value.shape, self.value.type)))

    def named(self, name: str, shape: tuple[int, ...], kind: FixedType) -> Value:
        return Value(name, shape, kind)

    def put(self, layer: Layer) -> None:
        self.layers.append(layer)
        self.value = layer.output

    def network(self) -> Network:
        for number in range(self.random.randint(1, 3)):
            before = self.value
            self.window(number)
            self.function(number)
            if self.random.random() < 0.4:
                self.join(number, before)
            if self.random.random() < 0.15:
                self.rearrange(number)
        if self.random.random() < 0.5:
            size = self.value.size
            self.put(Reshape("flat", self.value.name, Value("flat_out", (size,), self.value.type)))
            if self.random.random() < 0.7:
                self.dense()
        return Network("stream", (Input(self.input, None),), tuple(self.layers), (self.value.name,))

    def rearrange(self, number: int) -> None:
        """Swap channels, or mix pixels: what follows then has the whole sample at once."""
        *positions, channels = self.value.shape
        size = int(np.prod(positions))
        within = self.random.random() < 0.5
        if within:
            taken = [self.random.randint(-1, channels - 1) for _ in range(self.random.randint(1, 3))]
            index = [[-1 if c < 0 else pixel * channels + c for c in taken] for pixel in range(size)]
            shape = (*positions, len(taken))
        else:
            shape = (*(self.random.randint(1, 4) for _ in positions), self.random.randint(1, 2))
            index = [[self.random.randint(-1, self.value.size - 1)] for _ in range(int(np.prod(shape)))]
        output = self.named(f"moved{number}_out", shape, self.value.type)
        moved = np.array(index, dtype=np.int64).reshape(shape)
        self.put(Rearrange(f"moved{number}", self.value.name, output, moved))

    def join(self, number: int, before: Value) -> None:
        """Let the value before the window, or another window over it, meet what the window made."""
        made, other = self.value, before
        if before.shape[:-1] != made.shape[:-1] or self.random.random() < 0.4:
            # The same positions by another way: a window of the same strides, of which only the reach differs.
            other = self.beside(number, before, made.shape[:-1])
        channels = {made.shape[-1], other.shape[-1]}
        operations = [op for op in MergeOperation if op is not MergeOperation.MULTIPLY or made.type.width < 9]
        operation = self.random.choice(operations)
        inputs = [made, other] if self.random.random() < 0.5 else [other, made]
        fraction = max(value.type.fraction for value in inputs)
        most = max(-value.type.min_code + value.type.max_code << fraction - value.type.fraction for value in inputs)
        names = tuple(value.name for value in inputs)
        if len(channels) > 1 or self.random.random() < 0.3:
            shape = (*made.shape[:-1], sum(value.shape[-1] for value in inputs))
            kind = FixedType.holding(-most, most, fraction)
            output = self.named(f"both{number}_out", shape, kind)
            self.put(Concatenate(f"both{number}", names, output, len(shape) - 1))
        else:
            if operation is MergeOperation.MULTIPLY:
                fraction = sum(value.type.fraction for value in inputs)
                most = most * most
            kind = FixedType.holding(-2 * most, 2 * most, fraction)
            self.put(Merge(f"met{number}", names, self.named(f"met{number}_out", made.shape, kind), operation))
        self.function(number + 10)

    def beside(self, number: int, given: Value, positions: tuple[int, ...]) -> Value:
        """Another window over a value, with as many positions."""
        axes = range(len(positions))
        strides = tuple(
            max(1, (given.shape[a] - 1) // max(positions[a] - 1, 1)) if positions[a] > 1 else 1 for a in axes
        )
        reach = [given.shape[a] - (positions[a] - 1) * strides[a] for a in axes]
        window = tuple(min(r, 3) for r in reach)
        padding = tuple((0, w - r) for w, r in zip(window, reach, strict=True))
        if any(sum(pad) < 0 for pad in padding):
            window = tuple(reach)
            padding = tuple((0, 0) for _ in axes)
        output = self.named(f"beside{number}_out", (*positions, given.shape[-1]), given.type)
        self.layers.append(MaxPool(f"beside{number}", given.name, output, window, strides, padding))
        return output

    def geometry(
        self, most: int, dilations: list[int]
    ) -> tuple[list[int], list[int], list[tuple[int, int]], list[int], list[int]]:
        """Window, strides, padding, dilation, positions: of each axis, as ``same``, ``valid`` or causal, or odder."""
        found = []
        for size in self.value.shape[:-1]:
            while True:
                window, stride = self.random.randint(1, most), self.random.choice([1, 1, 1, 2, 3])
                dilation = self.random.choice(dilations)
                reach = (window - 1) * dilation + 1
                out = -(-size // stride)
                total = max((out - 1) * stride + reach - size, 0)
                padding = self.random.choice(
                    [(0, 0), (total // 2, total - total // 2), (reach - 1, 0), (total - total // 2, total // 2)]
                )
                positions = (size + sum(padding) - reach) // stride + 1
                # Each window holds a pixel, and padding is smaller than it.
                if positions >= 1 and max(padding) < reach and (positions - 1) * stride - padding[0] <= size - 1:
                    found.append((window, stride, padding, dilation, positions))
                    break
        window, stride, padding, dilation, positions = zip(*found, strict=True)
        return list(window), list(stride), list(padding), list(dilation), list(positions)

    def window(self, number: int) -> None:
        if self.random.random() < 0.3:
            window, stride, padding, _, positions = self.geometry(3, [1])
            output = Value(f"pool{number}_out", (*positions, self.value.shape[-1]), self.value.type)
            self.put(MaxPool(f"pool{number}", self.value.name, output, tuple(window), tuple(stride), tuple(padding)))
            return
        window, stride, padding, dilation, positions = self.geometry(3, [1, 1, 2])
        channels, outputs = self.value.shape[-1], self.random.randint(1, 3)
        codes, bias = self.codes((*window, channels, outputs)), self.biases(outputs)
        kind = self.sum_type(codes.reshape(-1, outputs), bias)
        self.put(
            Conv(
                f"conv{number}",
                self.value.name,
                Value(f"conv{number}_out", (*positions, outputs), kind),
                SparseTensor.from_dense(codes, FixedType(True, 6, 2)),
                bias,
                tuple(stride),
                tuple(padding),
                tuple(dilation),
            )
        )

    def dense(self) -> None:
        outputs = self.random.randint(1, 4)
        codes, bias = self.codes((self.value.size, outputs)), self.biases(outputs)
        kind = self.sum_type(codes, bias)
        weight = SparseTensor.from_dense(codes, FixedType(True, 6, 2))
        self.put(Dense("dense", self.value.name, Value("dense_out", (outputs,), kind), weight, bias))

    def codes(self, shape: tuple[int, ...]) -> IntArray:
        zeros = self.random.choice([0.0, 0.2, 0.5, 0.8])
        codes = [
            0 if self.random.random() < zeros else self.random.randint(-31, 31) for _ in range(int(np.prod(shape)))
        ]
        return np.array(codes, dtype=np.int64).reshape(shape)

    def biases(self, outputs: int) -> IntArray:
        return np.array(
            [self.random.choice([0, self.random.randint(-200, 200)]) for _ in range(outputs)], dtype=np.int64
        )

    def sum_type(self, codes: IntArray, bias: IntArray) -> FixedType:
        """Room for every sum, padding's zeros included."""
        ends = (min(self.value.type.min_code, 0), max(self.value.type.max_code, 0))
        most = int((np.abs(codes).sum(axis=0) * max(abs(end) for end in ends) + np.abs(bias)).max())
        return FixedType.holding(-most, most, self.value.type.fraction + 2)

    def function(self, number: int) -> None:
        """Round, saturate, clip or step, so that the next layer's input is narrow."""
        given, width = self.value, self.random.choice([3, 4, 6, 8])
        # Few sums come near the ends of their type: some bits above what is kept are worth losing, not all.
        dropped = max(given.type.width - width - self.random.choice([2, 3, 4, 5]), 0)
        kind = FixedType(self.random.random() < 0.7, width, given.type.fraction - dropped)
        if self.random.random() < 0.2:
            channels = self.random.choice([1, given.shape[-1]])
            low, high = given.type.min_code, given.type.max_code
            low, high = low // 4, high // 4
            at = [sorted(self.random.randint(low, high) for _ in range(4)) for _ in range(channels)]
            levels = [sorted(self.random.randint(kind.min_code, kind.max_code) for _ in range(5)) for _ in at]
            output = Value(f"step{number}_out", given.shape, kind)
            self.put(StepFunction(f"step{number}", given.name, output, np.array(at), np.array(levels), "random"))
            return
        if self.random.random() < 0.4:
            positive = FixedType(False, max(given.type.width - int(given.type.signed), 1), given.type.fraction)
            self.put(Relu(f"relu{number}", given.name, Value(f"relu{number}_out", given.shape, positive)))
        modes = self.random.choice(list(Rounding)), self.random.choice(list(Overflow))
        output = Value(f"round{number}_out", given.shape, kind)
        self.put(Requantize(f"round{number}", self.value.name, output, *modes))
