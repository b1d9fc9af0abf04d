"""Layers of a dataflow as views: those whose text differs from that over arrays by more than the loop around it."""

from dataclasses import dataclass

from hwgen.emit.cpp import literal
from hwgen.emit.kernel import Kernel, kernel
from hwgen.emit.layers import LayerView, Ports, Surroundings, aligned_operands, layer_view
from hwgen.emit.liveness import channel_live
from hwgen.emit.steps import Table, index_table
from hwgen.emit.stream_order import BufferOrder, LineOrder, PixelOrder, stream_order
from hwgen.emit.stream_plan import joins_pixels
from hwgen.emit.stream_window import StreamWindow, stream_window
from hwgen.emit.sums import layer_sums
from hwgen.ir import Concatenate, Conv, Layer, MaxPool, Rearrange, Reshape


@dataclass(frozen=True, slots=True)
class Slide:
    """How a window moves over the pixels of a stream.

    Attributes:
        rows, columns: of the frame that is walked through.
        line: steps from one row of the window to the next.
        start_row, start_column: of the anchor, before it enters the frame, in the first step.
        first_row, first_column: of the first output's anchor; ``end_column`` where no more follow in a row.
        before_rows, before_columns: from the anchor to the window's first tap.
        arrival: C++ condition of the steps in which a pixel comes.
        masked: whether some taps lie outside the frame.
    """

    rows: int
    columns: int
    steps: int
    window_rows: int
    window_columns: int
    reach: int
    line: int
    stride_rows: int
    stride_columns: int
    dilation_rows: int
    dilation_columns: int
    before_rows: int
    before_columns: int
    start_row: int
    start_column: int
    first_row: int
    first_column: int
    end_column: int
    arrival: str
    masked: bool


@dataclass(frozen=True, slots=True)
class StreamConvView:
    template = "stream_conv"
    name: str
    ports: Ports
    kernel: Kernel
    kernel_function: str
    slide: Slide
    outside: str


@dataclass(frozen=True, slots=True)
class StreamMaxPoolView:
    """``outside`` is the lowest code: nothing loses against it."""

    template = "stream_max_pool"
    name: str
    ports: Ports
    slide: Slide
    outside: str


@dataclass(frozen=True, slots=True)
class StreamJoined:
    """What comes from one input: ``beats`` pixels in a row of ``codes`` codes each."""

    source: str
    type: str
    codes: int
    offset: int
    beats: int
    operand: str


@dataclass(frozen=True, slots=True)
class StreamConcatenateView:
    template = "stream_concatenate"
    name: str
    ports: Ports
    joins: bool
    blocks: int
    parts: tuple[StreamJoined, ...]


@dataclass(frozen=True, slots=True)
class StreamPixelOrderView:
    template = "stream_pixel_order"
    name: str
    ports: Ports
    index: Table
    zeros: bool
    moves: bool


@dataclass(frozen=True, slots=True)
class StreamLineOrderView:
    template = "stream_line_order"
    name: str
    ports: Ports
    rows: Table
    columns: Table
    rows_count: int
    columns_count: int
    source_rows: int
    source_columns: int
    steps: int


@dataclass(frozen=True, slots=True)
class StreamBufferOrderView:
    template = "stream_buffer_order"
    name: str
    ports: Ports
    place: Table
    need: Table
    slots: int
    whole: bool
    sent: int
    steps: int


StreamLayerView = (
    LayerView
    | StreamConvView
    | StreamMaxPoolView
    | StreamConcatenateView
    | StreamPixelOrderView
    | StreamLineOrderView
    | StreamBufferOrderView
)


def stream_layer_view(layer: Layer, ports: Ports, around: Surroundings) -> StreamLayerView:
    """Everything that the template of a layer in a dataflow needs."""
    match layer:
        case Conv():
            live = channel_live(around.live, layer.output)
            written = kernel(layer.name, layer_sums(layer, around.given, live), around.strategy, around.names)
            name = around.names.take(f"{layer.name}_sums")
            slide = _slide(layer, stream_window(layer, around.source))
            return StreamConvView(layer.name, ports, written, name, slide, "0")
        case MaxPool():
            slide = _slide(layer, stream_window(layer, around.source))
            return StreamMaxPoolView(layer.name, ports, slide, literal(around.given.bounds[0]))
        case Concatenate():
            return _concatenate(layer, ports, around)
        case Reshape() | Rearrange():
            return _order(layer, ports, around)
        case _:
            return layer_view(layer, ports, around)


def _slide(layer: Conv | MaxPool, over: StreamWindow) -> Slide:
    window = over.window
    rows, columns = window.frame
    start_row, start_column = divmod(-over.lead, columns)
    ends = window.first[1] + window.positions[1] * window.strides[1]
    top, left = over.border
    arrival = f"step < {rows * columns}"
    if over.walks_padding:
        arrival = (
            f"row >= {top} && row < {top + over.source[0]} && column >= {left} && column < {left + over.source[1]}"
        )
    return Slide(
        rows=rows,
        columns=columns,
        steps=over.steps,
        window_rows=over.size[0],
        window_columns=over.size[1],
        reach=over.reach,
        line=over.dilation[0] * columns,
        stride_rows=window.strides[0],
        stride_columns=window.strides[1],
        dilation_rows=over.dilation[0],
        dilation_columns=over.dilation[1],
        before_rows=window.before[0],
        before_columns=window.before[1],
        start_row=start_row,
        start_column=start_column,
        first_row=window.first[0],
        first_column=window.first[1],
        end_column=ends,
        arrival=arrival,
        masked=over.masked,
    )


def _concatenate(layer: Concatenate, ports: Ports, around: Surroundings) -> StreamConcatenateView:
    joins = joins_pixels(layer)
    blocks = 1
    for size in layer.output.shape[: layer.axis]:
        blocks *= size
    operands = aligned_operands(layer, around, [f"{source.name}[i]" for source in ports.sources])
    parts, offset = [], 0
    for source, value, operand in zip(ports.sources, around.sources, operands, strict=True):
        run = value.size // source.size // blocks
        parts.append(StreamJoined(source.name, source.type, source.size, offset if joins else 0, run, operand))
        offset += source.size
    return StreamConcatenateView(layer.name, ports, joins, blocks, tuple(parts))


def _order(
    layer: Reshape | Rearrange, ports: Ports, around: Surroundings
) -> StreamPixelOrderView | StreamLineOrderView | StreamBufferOrderView:
    order = stream_order(layer, around.source)
    names = around.names
    match order:
        case PixelOrder():
            table = index_table(names.take(f"{layer.name}_index"), order.index)
            return StreamPixelOrderView(layer.name, ports, table, min(order.index) < 0, max(order.index) >= 0)
        case LineOrder():
            return StreamLineOrderView(
                layer.name,
                ports,
                rows=index_table(names.take(f"{layer.name}_rows"), order.rows),
                columns=index_table(names.take(f"{layer.name}_columns"), order.columns),
                rows_count=len(order.rows),
                columns_count=len(order.columns),
                source_rows=order.source_rows,
                source_columns=order.source_columns,
                steps=order.program().steps,
            )
        case BufferOrder():
            place = [code for row in order.place for code in row]
            return StreamBufferOrderView(
                layer.name,
                ports,
                place=index_table(names.take(f"{layer.name}_place"), place),
                need=index_table(names.take(f"{layer.name}_last"), [*order.need, order.beats - 1]),
                slots=order.slots,
                whole=order.whole,
                sent=len(order.place),
                steps=order.program().steps,
            )
