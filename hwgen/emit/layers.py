"""Layers as views: dataclasses of finished strings, one for each template in ``templates/hls/layers/``."""

from dataclasses import dataclass, replace
from typing import assert_never

from hwgen.emit.cpp import code_type, literal
from hwgen.emit.kernel import Kernel, kernel
from hwgen.emit.liveness import Live, channel_live
from hwgen.emit.names import Names
from hwgen.emit.steps import Comparators, Lookup, ScaledSteps, step_form
from hwgen.emit.strategy import Strategy
from hwgen.emit.sums import layer_sums
from hwgen.fixed import FixedType
from hwgen.ir import Conv, Dense, Interval, MaxPool, Relu, Requantize, StepFunction, Value


@dataclass(frozen=True, slots=True)
class Ports:
    """A layer's function and the arrays that it reads and writes.

    Attributes:
        title: what the layer is, for the comment above it.
        function: its C++ name.
        schedule: HLS pragma of a function without loops over positions.
        x_type: element type of the array that it reads; ``x_size`` elements.
        y_type: element type of the array that it writes; ``y_size`` elements.
        inputs: codes that a layer's sums read at one position; ``outputs`` how many sums there are.
    """

    title: str
    function: str
    schedule: str
    x_type: str
    x_size: int
    y_type: str
    y_size: int
    inputs: int
    outputs: int


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


ComputingLayer = Dense | Conv | MaxPool | Relu | Requantize | StepFunction  # a Reshape is wires
StepView = ScaledStepsView | ComparatorsView | LookupView
LayerView = (
    DenseView | ConvView | MaxPoolView | ReluView | RequantizeView | ScaledStepsView | ComparatorsView | LookupView
)


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a layer's text depends on besides the layer.

    Attributes:
        source: the value it reads.
        given: that value's interval.
        live: (output size,) which of its codes anything reads.
        value_type: C++ name of the output's fixed-point type.
    """

    source: Value
    given: Interval
    live: Live
    value_type: str
    strategy: Strategy
    names: Names


def layer_view(layer: ComputingLayer, ports: Ports, around: Surroundings) -> LayerView:
    """Everything that a layer's template needs."""
    channels = around.source.shape[-1]
    positions = around.source.size // channels
    match layer:
        case Dense():
            sums = layer_sums(layer, around.given, around.live)
            written = kernel(layer.name, sums, around.strategy, around.names)
            return DenseView(layer.name, ports, written)
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
            form = step_form(layer, around.given, "channel" if positions > 1 else "i", around.names)
            if isinstance(form, ScaledSteps):
                return ScaledStepsView(layer.name, ports, channels, positions, form)
            if isinstance(form, Lookup):
                return LookupView(layer.name, ports, channels, positions, form)
            return ComparatorsView(layer.name, ports, channels, positions, form)
        case _:
            assert_never(layer)


def _quantizer_source(layer: Requantize, around: Surroundings) -> str:
    """The number that is quantized.

    Where more bits are cut off than the code has, the simulation model of ap_fixed would read a bit that is not there,
    and stop. Sign bits in front, or fewer bits cut where all of them lie far below the target's, change no result.
    """
    low, high = around.given.bounds
    code = FixedType.holding(low, high, 0)
    fraction = layer.output.type.fraction
    shift = min(around.source.type.fraction - fraction, code.width + 2)
    operand = "x[i]" if shift <= code.width else f"{code_type(replace(code, width=shift))}(x[i])"
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
