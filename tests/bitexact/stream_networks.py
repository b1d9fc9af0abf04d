"""Hand-built Networks with branches that meet again, for the tests of C++ as streams."""

from collections.abc import Callable

import numpy as np
from emit_networks import random_weight, weight_type

from hwgen.fixed import FixedType, Overflow, Rounding
from hwgen.ir import (
    Concatenate,
    Conv,
    Dense,
    Input,
    Interval,
    Layer,
    MaxPool,
    Merge,
    MergeOperation,
    Network,
    Rearrange,
    Requantize,
    Reshape,
    SparseTensor,
    Value,
    check_network,
)
from hwgen.ir.layers import output_length
from hwgen.ir.ranges import input_interval, layer_interval


class Graph:
    """Layers by the names of the values that they read; each method adds one and returns its value's name."""

    def __init__(self, shape: tuple[int, ...], seed: int = 0) -> None:
        self.rng = np.random.default_rng(seed)
        value = Value("x", shape, FixedType(True, 4, 1))
        self.inputs = (Input(value, None),)
        self.layers: list[Layer] = []
        self.values: dict[str, tuple[Value, Interval]] = {"x": (value, input_interval(value))}

    def network(self, name: str, *outputs: str) -> Network:
        return check_network(Network(name, self.inputs, tuple(self.layers), outputs))

    def add(self, build: Callable[[str, Value], Layer], shape: tuple[int, ...], fraction: int, *reads: str) -> str:
        """Build a layer twice: with a type that is too wide, and with the one that holds what comes out."""
        name = f"v{len(self.layers)}"
        given = [self.values[read] for read in reads]
        sources, intervals = [value for value, _ in given], [interval for _, interval in given]
        wide = build(f"{name}_layer", Value(name, shape, FixedType(True, 64, fraction)))
        low, high = layer_interval(wide, sources, intervals).bounds
        layer = build(f"{name}_layer", Value(name, shape, FixedType.holding(low, high, fraction)))
        self.layers.append(layer)
        self.values[name] = (layer.output, layer_interval(layer, sources, intervals))
        return name

    def value(self, name: str) -> Value:
        return self.values[name][0]

    def conv(
        self,
        x: str,
        kernel: tuple[int, ...],
        outputs: int,
        strides: tuple[int, ...] | None = None,
        padding: tuple[tuple[int, int], ...] | None = None,
        dilation: tuple[int, ...] | None = None,
        groups: int = 1,
    ) -> str:
        """Random weights, some of them zero; by default everything as large as it was, and requantized to four bits."""
        source = self.value(x)
        steps, far = strides or (1,) * len(kernel), dilation or (1,) * len(kernel)
        border = padding or tuple(((k - 1) // 2, k // 2) for k in kernel)
        channels = source.shape[-1]
        weight = random_weight(self.rng, (*kernel, channels, outputs), 3, 0.3)
        inside = np.equal.outer(np.arange(channels) * groups // channels, np.arange(outputs) * groups // outputs)
        weight = np.where(inside, weight, 0)
        tensor = SparseTensor.from_dense(weight, weight_type(weight, 0))
        bias = self.rng.integers(-3, 4, outputs)
        sizes = zip(source.shape[:-1], kernel, steps, border, far, strict=True)
        shape = (*(output_length(*size) for size in sizes), outputs)

        def build(name: str, output: Value) -> Conv:
            return Conv(name, x, output, tensor, bias, steps, border, far, groups)

        return self.requantize(self.add(build, shape, source.type.fraction, x))

    def requantize(self, x: str) -> str:
        source = self.value(x)
        output = Value(f"v{len(self.layers)}", source.shape, FixedType(True, 4, 1))
        layer = Requantize(f"{output.name}_layer", x, output, Rounding.RND_CONV, Overflow.SAT)
        self.layers.append(layer)
        self.values[output.name] = (output, layer_interval(layer, [source], [self.values[x][1]]))
        return output.name

    def pool(self, x: str, window: tuple[int, ...], strides: tuple[int, ...]) -> str:
        source = self.value(x)
        padding = ((0, 0),) * len(window)
        sizes = zip(source.shape[:-1], window, strides, padding, strict=True)
        shape = (*(output_length(*size) for size in sizes), source.shape[-1])
        return self._moved(lambda name, output: MaxPool(name, x, output, window, strides, padding), shape, x)

    def rearrange(self, x: str, index: np.ndarray) -> str:
        return self._moved(lambda name, output: Rearrange(name, x, output, index), index.shape, x)

    def reshape(self, x: str, *shape: int) -> str:
        return self._moved(lambda name, output: Reshape(name, x, output), shape, x)

    def _moved(self, build: Callable[[str, Value], Layer], shape: tuple[int, ...], x: str) -> str:
        """A layer that keeps its input's type."""
        source, interval = self.values[x]
        name = f"v{len(self.layers)}"
        layer = build(f"{name}_layer", Value(name, shape, source.type))
        self.layers.append(layer)
        self.values[name] = (layer.output, layer_interval(layer, [source], [interval]))
        return name

    def merge(self, operation: MergeOperation, *reads: str) -> str:
        fractions = [self.value(read).type.fraction for read in reads]
        fraction = sum(fractions) if operation is MergeOperation.MULTIPLY else max(fractions)
        shape = self.value(reads[0]).shape
        return self.add(lambda name, output: Merge(name, reads, output, operation), shape, fraction, *reads)

    def concatenate(self, axis: int, *reads: str) -> str:
        shapes = [self.value(read).shape for read in reads]
        shape = list(shapes[0])
        shape[axis] = sum(each[axis] for each in shapes)
        fraction = max(self.value(read).type.fraction for read in reads)
        return self.add(lambda name, output: Concatenate(name, reads, output, axis), tuple(shape), fraction, *reads)

    def dense(self, x: str, outputs: int) -> str:
        source = self.value(x)
        weight = random_weight(self.rng, (source.size, outputs), 3, 0.5)
        tensor = SparseTensor.from_dense(weight, weight_type(weight, 0))
        bias = self.rng.integers(-3, 4, outputs)
        return self.add(lambda name, output: Dense(name, x, output, tensor, bias), (outputs,), source.type.fraction, x)

    def pixels(self, x: str) -> np.ndarray:
        """Numbers of the codes of a value, in its shape."""
        return np.arange(self.value(x).size).reshape(self.value(x).shape)


def residual() -> Network:
    """A sum of an image and two convolutions of it; then the image is collected."""
    graph = Graph((6, 5, 2))
    branch = graph.conv(graph.conv("x", (3, 3), 3), (3, 3), 2)
    total = graph.requantize(graph.merge(MergeOperation.ADD, "x", branch))
    return graph.network("residual", graph.dense(graph.reshape(total, 60), 3), total)


def strided() -> Network:
    """Convolution with strides beside pooling, their channels together; dilation and groups behind."""
    graph = Graph((7, 8, 2), 1)
    one = graph.conv("x", (5, 5), 2, strides=(2, 2), padding=((1, 2), (2, 2)))
    three = graph.concatenate(2, one, graph.pool("x", (2, 2), (2, 2)))
    return graph.network("strided", graph.conv(three, (2, 3), 4, dilation=(2, 1), groups=2))


def pyramid() -> Network:
    """Pooling and nearest upsampling, subtracted from the image; cropped and padded at the end."""
    graph = Graph((4, 6, 2), 2)
    small = graph.pool("x", (2, 2), (2, 2))
    large = graph.rearrange(small, graph.pixels(small).repeat(2, axis=0).repeat(2, axis=1))
    left = graph.merge(MergeOperation.SUBTRACT, "x", large)
    cropped = graph.rearrange(left, graph.pixels(left)[1:, 1:5])
    border = np.full((5, 6, 2), -1)
    border[1:4, 2:6] = graph.pixels(cropped)
    return graph.network("pyramid", graph.rearrange(cropped, border), left)


def turned() -> Network:
    """A transposed image beside the image, along every axis; the image read twice by a product; causal padding."""
    graph = Graph((5, 5, 1), 3)
    turned = graph.rearrange("x", graph.pixels("x").transpose(1, 0, 2))
    below = graph.concatenate(0, graph.conv("x", (2, 2), 1), turned)
    beside = graph.concatenate(1, turned, "x", turned)
    square = graph.merge(MergeOperation.MULTIPLY, "x", "x")
    line = graph.reshape(square, 25, 1)
    causal = graph.conv(line, (3,), 2, padding=((4, 0),), dilation=(2,))
    most = graph.merge(MergeOperation.MAXIMUM, graph.requantize(below), graph.requantize(below))
    return graph.network("turned", below, beside, causal, most)
