"""Hand-built and random Networks for the tests of ``hwgen.emit``: chains of layers side by side in one network."""

from collections.abc import Sequence

import numpy as np

from hwgen.fixed import FixedType, Overflow, Rounding
from hwgen.ir import (
    Conv,
    Dense,
    Input,
    Interval,
    Layer,
    MaxPool,
    Network,
    Relu,
    Requantize,
    Reshape,
    SparseTensor,
    StepFunction,
    Value,
    check_network,
)
from hwgen.ir.layers import output_length
from hwgen.ir.ranges import input_interval, layer_interval


class Chain:
    """Layers one after another; every method appends one, with the narrowest output type that holds its codes."""

    def __init__(self, name: str, shape: tuple[int, ...], kind: FixedType) -> None:
        self.name = name
        self.value = Value(f"{name}_in", shape, kind)
        self.input = Input(self.value, None)
        self.interval = input_interval(self.value)
        self.layers: list[Layer] = []

    def _append(self, layer: Layer) -> "Chain":
        self.interval = layer_interval(layer, [self.value], [self.interval])
        self.layers.append(layer)
        self.value = layer.output
        return self

    def _name(self) -> str:
        return f"{self.name}_{len(self.layers)}"

    def _sum_type(self, build, shape: tuple[int, ...], fraction: int) -> Layer:  # type: ignore[no-untyped-def]
        wide = build(Value(self._name(), shape, FixedType(True, 64, fraction)))
        low, high = layer_interval(wide, [self.value], [self.interval]).bounds
        return build(Value(self._name(), shape, FixedType.holding(low, high, fraction)))

    def dense(self, weight: np.ndarray, bias: Sequence[int], fraction: int = 3) -> "Chain":
        """weight: (inputs, outputs) codes with ``fraction`` bits after the point."""
        tensor = SparseTensor.from_dense(weight, weight_type(weight, fraction))
        return self._append(
            self._sum_type(
                lambda output: Dense(self._name(), self.value.name, output, tensor, np.array(bias, dtype=np.int64)),
                (weight.shape[1],),
                self.value.type.fraction + fraction,
            )
        )

    def conv(
        self,
        weight: np.ndarray,
        bias: Sequence[int],
        strides: tuple[int, ...],
        padding: tuple[tuple[int, int], ...],
        dilation: tuple[int, ...],
        fraction: int = 2,
    ) -> "Chain":
        """weight: (kernel..., channels, outputs) codes with ``fraction`` bits after the point."""
        tensor = SparseTensor.from_dense(weight, weight_type(weight, fraction))
        spatial = range(weight.ndim - 2)
        shape = tuple(
            output_length(self.value.shape[a], weight.shape[a], strides[a], padding[a], dilation[a]) for a in spatial
        )
        biases = np.array(bias, dtype=np.int64)
        return self._append(
            self._sum_type(
                lambda output: Conv(self._name(), self.value.name, output, tensor, biases, strides, padding, dilation),
                (*shape, weight.shape[-1]),
                self.value.type.fraction + fraction,
            )
        )

    def max_pool(
        self, window: tuple[int, ...], strides: tuple[int, ...], padding: tuple[tuple[int, int], ...]
    ) -> "Chain":
        shape = tuple(output_length(self.value.shape[a], window[a], strides[a], padding[a]) for a in range(len(window)))
        output = Value(self._name(), (*shape, self.value.shape[-1]), self.value.type)
        return self._append(MaxPool(self._name(), self.value.name, output, window, strides, padding))

    def relu(self) -> "Chain":
        fraction = self.value.type.fraction
        output = Value(self._name(), self.value.shape, FixedType.holding(0, max(1, self.interval.bounds[1]), fraction))
        return self._append(Relu(self._name(), self.value.name, output))

    def reshape(self, *shape: int) -> "Chain":
        return self._append(Reshape(self._name(), self.value.name, Value(self._name(), shape, self.value.type)))

    def requantize(self, kind: FixedType, rounding: Rounding, overflow: Overflow) -> "Chain":
        output = Value(self._name(), self.value.shape, kind)
        return self._append(Requantize(self._name(), self.value.name, output, rounding, overflow))

    def steps(self, thresholds: Sequence[Sequence[int]], levels: Sequence[Sequence[int]], kind: FixedType) -> "Chain":
        output = Value(self._name(), self.value.shape, kind)
        return self._append(
            StepFunction(
                self._name(),
                self.value.name,
                output,
                np.array(thresholds, dtype=np.int64),
                np.array(levels, dtype=np.int64),
                "test",
            )
        )


def weight_type(weight: np.ndarray, fraction: int) -> FixedType:
    """The narrowest type of some weight codes."""
    return FixedType.holding(int(weight.min(initial=0)), int(weight.max(initial=0)), fraction)


def side_by_side(name: str, *chains: Chain) -> Network:
    """One network with an input and an output for every chain."""
    return check_network(
        Network(
            name=name,
            inputs=tuple(chain.input for chain in chains),
            layers=tuple(layer for chain in chains for layer in chain.layers),
            outputs=tuple(chain.value.name for chain in chains),
        )
    )


def random_weight(rng: np.random.Generator, shape: tuple[int, ...], bits: int, zeros: float) -> np.ndarray:
    """Codes of ``bits`` bits, a share of them zero."""
    codes = rng.integers(-(1 << (bits - 1)), 1 << (bits - 1), size=shape)
    return np.where(rng.random(shape) < zeros, 0, codes)


def random_type(rng: np.random.Generator, widest: int = 10) -> FixedType:
    width = int(rng.integers(1, widest + 1))
    return FixedType(bool(rng.integers(2)), width, int(rng.integers(-2, width + 3)))


def random_quantizer(
    rng: np.random.Generator, source: FixedType, interval: Interval
) -> tuple[FixedType, Rounding, Overflow]:
    """A type that cuts bits off a source at the bottom, and often at the top."""
    width = int(rng.integers(1, 11))
    reach = max(1, max(abs(bound) for bound in interval.bounds).bit_length())
    top = reach + int(rng.integers(-2, 2))  # bits of the source's code above which the type ends
    fraction = source.fraction - top + width
    rounding = list(Rounding)[rng.integers(7)]
    overflow = list(Overflow)[rng.integers(4)]
    return FixedType(bool(rng.integers(2)), width, fraction), rounding, overflow


def random_steps(
    rng: np.random.Generator, low: int, high: int, descending: bool, consecutive: bool, count: int
) -> tuple[list[int], list[int]]:
    """Ascending thresholds, some beyond the interval, and monotone levels."""
    span = max(4, high - low)
    thresholds = sorted(rng.integers(low - span // 4, high + span // 4 + 2, size=count).tolist())
    steps = np.ones(count, dtype=np.int64) if consecutive else rng.integers(0, 4, size=count)
    levels = (int(rng.integers(-5, 6)) + np.concatenate([[0], np.cumsum(steps)])).tolist()
    return thresholds, levels[::-1] if descending else levels


def line_steps(slope: int, offset: int, shift: int, low: int, high: int) -> tuple[list[int], list[int]]:
    """The steps of ``clip((n * slope + offset) >> shift, low, high)`` for a positive slope."""
    thresholds = [-(-((level << shift) - offset) // slope) for level in range(low + 1, high + 1)]
    return thresholds, list(range(low, high + 1))


def random_inputs(network: Network, samples: int, seed: int = 0) -> list[np.ndarray]:
    """Codes over each input's whole range, its ends in the first samples."""
    rng = np.random.default_rng(seed)
    inputs = []
    for source in network.inputs:
        low, high = source.value.type.min_code, source.value.type.max_code
        codes = rng.integers(low, high, endpoint=True, size=(samples, *source.value.shape))
        codes[0], codes[1] = low, high
        inputs.append(codes)
    return inputs
