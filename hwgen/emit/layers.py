"""Layers as views: dataclasses of finished strings, one for each template in ``templates/hls/layers/``."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from typing import assert_never

from hwgen.emit.cpp import integer_type, literal
from hwgen.emit.kernel import Kernel, kernel
from hwgen.emit.liveness import Live, channel_live
from hwgen.emit.names import Names
from hwgen.emit.steps import Comparators, Lookup, ScaledSteps, Table, index_table, step_form
from hwgen.emit.strategy import Strategy
from hwgen.emit.sums import layer_sums
from hwgen.fixed import FixedType
from hwgen.ir import (
    ArgMax,
    Concatenate,
    Conv,
    Dense,
    Interval,
    MaxPool,
    Merge,
    MergeOperation,
    Rearrange,
    Relu,
    Requantize,
    StepFunction,
    Value,
)
from hwgen.ir.interval import CODE_BITS
from hwgen.ir.merge_ranges import aligned


@dataclass(frozen=True, slots=True)
class SourceArray:
    """An array that a layer reads: "x" where it is the only one, else "x0", "x1", …; in a stream, one pixel."""

    name: str
    type: str
    size: int


@dataclass(frozen=True, slots=True)
class Ports:
    """A layer's function and the arrays that it reads and writes.

    Attributes:
        title: what the layer is, for the comment above it.
        function: its C++ name.
        schedule: HLS pragma of a function without loops over positions.
        sources: the arrays that it reads.
        y_type: element type of the array that it writes; ``y_size`` elements.
        inputs: codes that a layer's sums read at one position; ``outputs`` how many sums there are.
        beats: pixels that go through it; 0 where values are arrays. In a stream all sizes are those of a pixel.
    """

    title: str
    function: str
    schedule: str
    sources: tuple[SourceArray, ...]
    y_type: str
    y_size: int
    inputs: int
    outputs: int
    beats: int = 0

    @property
    def x_size(self) -> int:
        """Elements of the first array that it reads."""
        return self.sources[0].size

    @property
    def x_type(self) -> str:
        """Element type of the first array that it reads."""
        return self.sources[0].type

    @property
    def parameters(self) -> str:
        """What stands between the parentheses of its function."""
        if self.beats:
            ends = [*((s.name, s.type, s.size) for s in self.sources), ("y", self.y_type, self.y_size)]
            return ", ".join(f"hls::stream<pixel<{kind}, {size}>> &{name}_stream" for name, kind, size in ends)
        given = [f"const {source.type} {source.name}[{source.size}]" for source in self.sources]
        return ", ".join([*given, f"{self.y_type} y[{self.y_size}]"])


@dataclass(frozen=True, slots=True)
class Window:
    """Geometry of a window that slides over rows and columns; one spatial axis is one row."""

    rows: int
    columns: int
    channels: int
    out_rows: int
    out_columns: int
    out_channels: int
    window_rows: int
    window_columns: int
    stride_rows: int
    stride_columns: int
    dilation_rows: int
    dilation_columns: int
    padding_top: int
    padding_left: int


@dataclass(frozen=True, slots=True)
class DenseView:
    template = "dense"
    name: str
    ports: Ports
    kernel: Kernel
    kernel_function: str


@dataclass(frozen=True, slots=True)
class ConvView:
    template = "conv"
    name: str
    ports: Ports
    kernel: Kernel
    kernel_function: str
    window: Window


@dataclass(frozen=True, slots=True)
class MaxPoolView:
    template = "max_pool"
    name: str
    ports: Ports
    window: Window
    lowest: str


@dataclass(frozen=True, slots=True)
class _Elementwise:
    """A function of each code by itself."""

    name: str
    ports: Ports
    channels: int
    positions: int

    @property
    def repeated(self) -> bool:
        """Whether there is more than one position to go through."""
        return self.positions > 1


@dataclass(frozen=True, slots=True)
class ReluView(_Elementwise):
    template = "relu"


@dataclass(frozen=True, slots=True)
class RequantizeView(_Elementwise):
    """The assignment of an ap_fixed to one with rounding and overflow modes.

    Attributes:
        source: C++ expression of the number to quantize.
        type: the ap_fixed that it is assigned to.
    """

    template = "requantize"
    source: str
    type: str


@dataclass(frozen=True, slots=True)
class ScaledStepsView(_Elementwise):
    template = "scaled_steps"
    form: ScaledSteps


@dataclass(frozen=True, slots=True)
class ComparatorsView(_Elementwise):
    template = "comparators"
    form: Comparators


@dataclass(frozen=True, slots=True)
class LookupView(_Elementwise):
    template = "lookup"
    form: Lookup


@dataclass(frozen=True, slots=True)
class MergeView(_Elementwise):
    """Several values, position by position.

    Attributes:
        expression: of a sum, a difference or a product; "" for a maximum or minimum.
        operands: expressions of the codes in steps of the output; ``operand_type`` holds all of them.
        comparison: ">" for a maximum, "<" for a minimum.
    """

    template = "merge"
    operation: str
    expression: str
    operands: tuple[str, ...]
    operand_type: str
    comparison: str


@dataclass(frozen=True, slots=True)
class Joined:
    """What a ``Concatenate`` takes from one of its inputs.

    Attributes:
        source: the array.
        codes: codes in a row that come from it, ``offset`` where they go in a block of the output.
        operand: expression of a code in steps of the output.
    """

    source: str
    codes: int
    offset: int
    operand: str


@dataclass(frozen=True, slots=True)
class ConcatenateView:
    """Blocks of ``block`` codes, ``blocks`` of them, each with codes of every input one behind the other."""

    template = "concatenate"
    name: str
    ports: Ports
    blocks: int
    block: int
    parts: tuple[Joined, ...]


@dataclass(frozen=True, slots=True)
class RearrangeView:
    """Attributes:
    index: where each code comes from.
    zeros: whether some of them are zero; ``moves`` whether some are not.
    """

    template = "rearrange"
    name: str
    ports: Ports
    index: Table
    zeros: bool
    moves: bool


@dataclass(frozen=True, slots=True)
class ArgMaxView:
    template = "argmax"
    name: str
    ports: Ports
    channels: int
    positions: int


ComputingLayer = (  # a Reshape is wires
    Dense | Conv | MaxPool | Relu | Requantize | StepFunction | Merge | Concatenate | Rearrange | ArgMax
)
StepView = ScaledStepsView | ComparatorsView | LookupView
LayerView = (
    DenseView
    | ConvView
    | MaxPoolView
    | ReluView
    | RequantizeView
    | StepView
    | MergeView
    | ConcatenateView
    | RearrangeView
    | ArgMaxView
)


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a layer's text depends on besides the layer.

    Attributes:
        sources: the values it reads.
        intervals: theirs.
        live: (output size,) which of its codes anything reads.
        value_type: C++ name of the output's fixed-point type.
    """

    sources: tuple[Value, ...]
    intervals: tuple[Interval, ...]
    live: Live
    value_type: str
    strategy: Strategy
    names: Names

    @property
    def source(self) -> Value:
        """The first value it reads."""
        return self.sources[0]

    @property
    def given(self) -> Interval:
        """The interval of the first value it reads."""
        return self.intervals[0]


def layer_view(layer: ComputingLayer, ports: Ports, around: Surroundings) -> LayerView:
    """Everything that a layer's template needs."""
    channels = around.source.shape[-1]
    positions = around.source.size // channels
    match layer:
        case Dense():
            sums = layer_sums(layer, around.given, around.live)
            written = kernel(layer.name, sums, around.strategy, around.names)
            return DenseView(layer.name, ports, written, around.names.take(f"{layer.name}_sums"))
        case Conv():
            live = channel_live(around.live, layer.output)
            written = kernel(layer.name, layer_sums(layer, around.given, live), around.strategy, around.names)
            name = around.names.take(f"{layer.name}_sums")
            return ConvView(layer.name, ports, written, name, _conv_window(layer, around.source))
        case MaxPool():
            return MaxPoolView(layer.name, ports, _pool_window(layer, around.source), literal(around.given.bounds[0]))
        case Relu():
            return ReluView(layer.name, ports, channels, positions)
        case Requantize():
            return RequantizeView(
                layer.name, ports, channels, positions, _quantizer_source(layer, around), around.value_type
            )
        case StepFunction():
            form = step_form(layer, around.given, "channel" if positions > 1 and not ports.beats else "i", around.names)
            if isinstance(form, ScaledSteps):
                return ScaledStepsView(layer.name, ports, channels, positions, form)
            if isinstance(form, Lookup):
                return LookupView(layer.name, ports, channels, positions, form)
            return ComparatorsView(layer.name, ports, channels, positions, form)
        case Merge():
            return _merge_view(layer, ports, around, channels, positions)
        case Concatenate():
            return _concatenate_view(layer, ports, around)
        case Rearrange():
            index = layer.index.ravel().tolist()
            table = index_table(around.names.take(f"{layer.name}_index"), index)
            return RearrangeView(layer.name, ports, table, min(index) < 0, max(index) >= 0)
        case ArgMax():
            return ArgMaxView(layer.name, ports, channels, positions)
        case _:
            assert_never(layer)


def _merge_view(layer: Merge, ports: Ports, around: Surroundings, channels: int, positions: int) -> MergeView:
    codes = [f"{source.name}[i]" for source in ports.sources]
    product = layer.operation is MergeOperation.MULTIPLY
    operands = codes if product else aligned_operands(layer, around, codes)
    bounds = [i.bounds for i in (around.intervals if product else aligned(layer, around.sources, around.intervals))]
    signs = {MergeOperation.ADD: " + ", MergeOperation.SUBTRACT: " - ", MergeOperation.MULTIPLY: " * "}
    sign = signs.get(layer.operation, "")
    return MergeView(
        layer.name,
        ports,
        channels,
        positions,
        operation=layer.operation.value,
        expression=sign.join(operands) if sign else "",
        operands=tuple(operands),
        operand_type=integer_type(min(low for low, _ in bounds), max(high for _, high in bounds)),
        comparison=">" if layer.operation is MergeOperation.MAXIMUM else "<",
    )


def aligned_operands(layer: Merge | Concatenate, around: Surroundings, codes: Sequence[str]) -> list[str]:
    """Expressions of codes in steps of the output."""
    found = []
    for code, source in zip(codes, around.sources, strict=True):
        shift = min(layer.output.type.fraction - source.type.fraction, CODE_BITS)  # only zeros are shifted further
        found.append(f"shifted<{shift}>({code})" if shift else code)
    return found


def _concatenate_view(layer: Concatenate, ports: Ports, around: Surroundings) -> ConcatenateView:
    inner = prod(layer.output.shape[layer.axis + 1 :])
    codes = [source.shape[layer.axis] * inner for source in around.sources]
    places = [f"{source.name}[block * {size} + i]" for source, size in zip(ports.sources, codes, strict=True)]
    offsets = [sum(codes[:number]) for number in range(len(codes))]
    parts = zip(ports.sources, codes, offsets, aligned_operands(layer, around, places), strict=True)
    return ConcatenateView(
        layer.name,
        ports,
        blocks=prod(layer.output.shape[: layer.axis]),
        block=sum(codes),
        parts=tuple(Joined(source.name, size, offset, operand) for source, size, offset, operand in parts),
    )


def _quantizer_source(layer: Requantize, around: Surroundings) -> str:
    """The number that is quantized.

    Where more bits are cut off than the code has, the simulation model of ap_fixed would read a bit that is not there,
    and stop. Sign bits in front, or fewer bits cut where all of them lie far below the target's, change no result.
    """
    low, high = around.given.bounds
    code = FixedType.holding(low, high, 0)
    fraction = layer.output.type.fraction
    shift = min(around.source.type.fraction - fraction, code.width + 2)
    wider = f"ap_{'' if code.signed else 'u'}int<{shift}>"  # up to 65 bits, more than a FixedType may have
    operand = "x[i]" if shift <= code.width else f"{wider}(x[i])"
    return f"fixed_of<{fraction + shift}>({operand})"


def _rows_and_columns(sizes: tuple[int, ...], missing: int) -> tuple[int, int]:
    """Two sizes, the last ones given, with ``missing`` for axes that are not there."""
    filled = (missing, missing, *sizes)
    return filled[-2], filled[-1]


def _conv_window(layer: Conv, source: Value) -> Window:
    window = layer.weight.shape[:-2]
    return _window(source, layer.output, window, layer.strides, layer.dilation, layer.padding)


def _pool_window(layer: MaxPool, source: Value) -> Window:
    return _window(source, layer.output, layer.window, layer.strides, (), layer.padding)


def _window(
    source: Value,
    output: Value,
    window: tuple[int, ...],
    strides: tuple[int, ...],
    dilation: tuple[int, ...],
    padding: tuple[tuple[int, int], ...],
) -> Window:
    rows, columns = _rows_and_columns(source.shape[:-1], 1)
    out_rows, out_columns = _rows_and_columns(output.shape[:-1], 1)
    window_rows, window_columns = _rows_and_columns(window, 1)
    stride_rows, stride_columns = _rows_and_columns(strides, 1)
    dilation_rows, dilation_columns = _rows_and_columns(dilation, 1)
    top, left = _rows_and_columns(tuple(before for before, _ in padding), 0)
    return Window(
        rows=rows,
        columns=columns,
        channels=source.shape[-1],
        out_rows=out_rows,
        out_columns=out_columns,
        out_channels=output.shape[-1],
        window_rows=window_rows,
        window_columns=window_columns,
        stride_rows=stride_rows,
        stride_columns=stride_columns,
        dilation_rows=dilation_rows,
        dilation_columns=dilation_columns,
        padding_top=top,
        padding_left=left,
    )
