"""``lower``: a Network to a Circuit, layer by layer, every sum proven.

Only networks whose layers fit in parallel: every value of a sample has its own words.
"""

from collections.abc import Sequence
from typing import assert_never

import numpy as np

from hwgen.circuit.adder_graph import Term
from hwgen.circuit.bounds import Bounds
from hwgen.circuit.circuit import Circuit, Port, Word
from hwgen.circuit.names import adder_names
from hwgen.circuit.operations import (
    Clip,
    Constant,
    Maximum,
    Operation,
    Range,
    Read,
    Shift,
    Sign,
    Step,
    Sum,
    Wrap,
    ZeroOutside,
)
from hwgen.circuit.schedule import ClockPlan, stages
from hwgen.circuit.size import check_size
from hwgen.circuit.solve import adder_graph
from hwgen.circuit.target import Target
from hwgen.errors import CircuitError, UnsupportedError
from hwgen.fixed import FixedType, IntArray, Overflow, Quantizer, Rounding, requantize
from hwgen.fixed.step import multiply_add_shift
from hwgen.ir import Conv, Dense, MaxPool, Network, Relu, Requantize, Reshape, StepFunction, Value

MOST_SHIFT = 60  # bits that a constant for rounding may have


def lower(network: Network, target: Target, plan: ClockPlan) -> Circuit:
    """Build a fully parallel, pipelined circuit.

    Raises:
        UnsupportedError: a convolution, which would have to be unrolled; or a network too large to unroll.
        CircuitError: a sum needs more than 62 bits.
    """
    check_size(network)
    build = _Builder(network, target)
    for port, source in enumerate(network.inputs):
        value = source.value
        build.words_of[value.name] = [
            build.add(Read(port, i), value.name, f"{value.name}_{i}") for i in range(value.size)
        ]
    for layer in network.layers:
        build.words_of[layer.output.name] = build.layer(layer)
    results = tuple(tuple(build.words_of[name]) for name in network.outputs)
    stage = stages(build.operations, plan, [word for result in results for word in result])
    words = tuple(
        Word(name, layer, operation, at, low, high)
        for name, layer, operation, at, (low, high) in zip(
            build.names, build.layers, build.operations, stage, build.bounds.ranges, strict=True
        )
    )
    latency = max((words[w].stage for result in results for w in result), default=0)
    return Circuit(
        network.name,
        target,
        tuple(_port(source.value) for source in network.inputs),
        words,
        tuple(_port(network.value(name)) for name in network.outputs),
        results,
        tuple((layer.output.name, tuple(build.words_of[layer.output.name])) for layer in network.layers),
        latency,
    ).check()


def _port(value: Value) -> Port:
    return Port(value.name, value.shape, value.type)


class _Builder:
    """Words so far, and the words of each value of the network."""

    def __init__(self, network: Network, target: Target) -> None:
        self.network, self.target = network, target
        self.values = network.values()
        self.bounds = Bounds(
            tuple((source.value.type.min_code, source.value.type.max_code) for source in network.inputs)
        )
        self.operations: list[Operation] = []
        self.names: list[str] = []
        self.layers: list[str] = []
        self.words_of: dict[str, list[int]] = {}

    def add(self, operation: Operation, layer: str, name: str) -> int:
        self.bounds.add(operation)
        self.operations.append(operation)
        self.names.append(name)
        self.layers.append(layer)
        return len(self.operations) - 1

    @property
    def ranges(self) -> list[Range]:
        return self.bounds.ranges

    def layer(self, layer: Dense | Conv | MaxPool | Reshape | Relu | Requantize | StepFunction) -> list[int]:
        given = self.words_of[layer.input]
        match layer:
            case Dense():
                return self.sums(layer.name, layer.weight.dense(), layer.bias, given)
            case Conv():
                raise UnsupportedError(
                    f"layer {layer.name!r}: convolutions have no Verilog form yet; build HLS C++ (--target hls)."
                )
            case MaxPool():
                return self.max_pool(layer, given)
            case Reshape():
                return given
            case Relu():
                return [
                    self.add(Clip(w, 0, max(0, self.ranges[w][1])), layer.name, f"{layer.name}_{i}")
                    for i, w in enumerate(given)
                ]
            case Requantize():
                shift = self.values[layer.input].type.fraction - layer.output.type.fraction
                return [self.requantize(layer, shift, w, f"{layer.name}_{i}") for i, w in enumerate(given)]
            case StepFunction():
                channels = layer.output.shape[-1]
                return [self.step(layer, i % channels, w, f"{layer.name}_{i}") for i, w in enumerate(given)]
            case _:
                assert_never(layer)

    def sums(self, layer: str, weight: IntArray, bias: IntArray, given: Sequence[int]) -> list[int]:
        """A proven adder graph over words."""
        low, high = [self.ranges[w][0] for w in given], [self.ranges[w][1] for w in given]
        graph = adder_graph(weight, low, high, bias.tolist(), self.target)
        nodes = list(given)
        for name, adder in zip(adder_names(graph, layer), graph.adders, strict=True):
            terms = tuple(Term(nodes[t.node], t.shift, t.negative) for t in adder.terms)
            nodes.append(self.add(Sum(terms, adder.constant), layer, name))
        words = []
        for j, output in enumerate(graph.outputs):
            if output.node is None:
                words.append(self.add(Constant(output.constant), layer, f"{layer}_{j}"))
            elif output.shift:
                words.append(self.add(Sum((Term(nodes[output.node], output.shift),)), layer, f"{layer}_{j}"))
            else:
                words.append(nodes[output.node])
        return words

    def requantize(self, layer: Requantize, shift: int, word: int, name: str) -> int:
        """Round by adding and dropping bits, then resolve overflow."""
        if shift < 0:
            word = self.add(Sum((Term(word, -shift),)), layer.name, f"{name}_shift")
        elif shift > 0:
            word = self.round(layer, shift, word, name)
        low, high = self.ranges[word]
        quantizer = layer.quantizer
        if quantizer.low <= low and high <= quantizer.high:
            return word
        match layer.overflow:
            case Overflow.SAT | Overflow.SAT_SYM:
                return self.add(Clip(word, quantizer.low, quantizer.high), layer.name, name)
            case Overflow.SAT_ZERO:
                kind = quantizer.type
                return self.add(ZeroOutside(word, kind.min_code, kind.max_code), layer.name, name)
            case Overflow.WRAP:
                return self.add(Wrap(word, quantizer.type.signed, quantizer.type.width), layer.name, name)
            case _:
                assert_never(layer.overflow)

    def round(self, layer: Requantize, shift: int, word: int, name: str) -> int:
        if shift > MOST_SHIFT:
            return self.far_round(layer, shift, word, f"{name}_round")
        half = 1 << (shift - 1)
        terms, constant, even = [Term(word, 0)], 0, False
        match layer.rounding:
            case Rounding.TRN:
                pass
            case Rounding.RND:
                constant = half
            case Rounding.RND_MIN_INF:
                constant = half - 1
            case Rounding.RND_CONV:
                constant, even = half, True
            case Rounding.RND_INF:  # a negative tie goes down
                constant = half
                terms.append(Term(self.add(Sign(word), layer.name, f"{name}_negative"), 0, negative=True))
            case Rounding.RND_ZERO:  # a negative tie goes up
                constant = half - 1
                terms.append(Term(self.add(Sign(word), layer.name, f"{name}_negative"), 0))
            case Rounding.TRN_ZERO:  # a negative number goes up: add 2**shift - 1
                negative = self.add(Sign(word), layer.name, f"{name}_negative")
                terms += [Term(negative, shift), Term(negative, 0, negative=True)]
            case _:
                assert_never(layer.rounding)
        if len(terms) > 1 or constant:
            word = self.add(Sum(tuple(terms), constant), layer.name, f"{name}_round")
        return self.add(Shift(word, shift, even), layer.name, f"{name}_shift")

    def far_round(self, layer: Requantize, shift: int, word: int, name: str) -> int:
        """Shifts so far that hardly a bit is left: at most three levels, found by bisection."""
        grid = Quantizer(FixedType(True, 64, -shift), layer.rounding, Overflow.SAT)

        def rounded(code: int) -> int:
            return int(requantize(np.array([code]), FixedType(True, 64, 0), grid)[0])

        low, high = self.ranges[word]
        thresholds: list[int] = []
        levels = [rounded(low)]
        while levels[-1] < rounded(high):
            start, end = (thresholds[-1] if thresholds else low), high
            while start < end:
                middle = (start + end) // 2
                start, end = (start, middle) if rounded(middle) > levels[-1] else (middle + 1, end)
            thresholds.append(start)
            levels.append(rounded(start))
        return self.add(Step(word, tuple(thresholds), tuple(levels)), layer.name, name)

    def step(self, layer: StepFunction, channel: int, word: int, name: str) -> int:
        """Multiply, add, shift where that is exact; otherwise comparators."""
        row = min(channel, layer.thresholds.shape[0] - 1)
        low, high = self.ranges[word]
        at, levels = layer.thresholds[row].tolist(), layer.levels[row].tolist()
        first = sum(t <= low for t in at)
        reached = [t for t in at if low < t <= high]
        kept = levels[first : first + len(reached) + 1]
        form = multiply_add_shift(reached, kept, low, high)
        if form is None or len(reached) < 4:
            return self.add(Step(word, tuple(reached), tuple(kept)), layer.name, name)
        graph = adder_graph(np.array([[form.multiplier]]), [low], [high], [form.addend], self.target)
        nodes = [word]
        for number, adder in enumerate(graph.adders):
            terms = tuple(Term(nodes[t.node], t.shift, t.negative) for t in adder.terms)
            nodes.append(self.add(Sum(terms, adder.constant), layer.name, f"{name}_scale{number}"))
        output = graph.outputs[0]
        assert output.node is not None
        line = nodes[output.node]
        if output.shift:
            line = self.add(Sum((Term(line, output.shift),)), layer.name, f"{name}_line")
        line = self.add(Shift(line, form.shift), layer.name, f"{name}_shift")
        reach = self.ranges[line]
        if reach[0] < form.low or reach[1] > form.high:
            line = self.add(Clip(line, form.low, form.high), layer.name, name)
        return line

    def max_pool(self, layer: MaxPool, given: Sequence[int]) -> list[int]:
        """A tree of comparisons for each output."""
        source = self.values[layer.input].shape
        index = np.arange(int(np.prod(source))).reshape(source)
        padding = [*layer.padding, (0, 0)]
        padded = np.pad(index, padding, constant_values=-1)
        words: list[int] = []
        for position in np.ndindex(*layer.output.shape):
            window = padded
            for axis, (size, stride) in enumerate(zip(layer.window, layer.strides, strict=True)):
                start = position[axis] * stride
                window = window.take(range(start, start + size), axis=axis)
            taps = [given[i] for i in window[..., position[-1]].ravel().tolist() if i >= 0]
            if not taps:
                raise CircuitError(f"layer {layer.name!r}: a window holds no value.")
            words.append(self.largest(layer.name, taps, f"{layer.name}_{len(words)}"))
        return words

    def largest(self, layer: str, taps: list[int], name: str) -> int:
        number = 0
        while len(taps) > 1:
            pairs = [taps[i : i + 2] for i in range(0, len(taps), 2)]
            taps = []
            for pair in pairs:
                if len(pair) == 1:
                    taps.append(pair[0])
                    continue
                taps.append(self.add(Maximum(pair[0], pair[1]), layer, f"{name}_max{number}"))
                number += 1
        return taps[0]
