"""Files that hold parts of layers: neurons of large ones, neurons that nothing reads, constant tables."""

from collections.abc import Sequence

from hwgen.emit.layers import ComparatorsView, ConvView, DenseView, LookupView, RearrangeView, ScaledStepsView
from hwgen.emit.steps import Table
from hwgen.emit.stream_layers import (
    StreamBufferOrderView,
    StreamConvView,
    StreamLayerView,
    StreamLineOrderView,
    StreamPixelOrderView,
)
from hwgen.emit.values import PartFile, TableFile, Unused

_SUMS = DenseView | ConvView | StreamConvView


def part_files(network: str, layers: Sequence[StreamLayerView]) -> tuple[PartFile, ...]:
    """Neurons that are in files of their own."""
    return tuple(
        PartFile(f"firmware/{network}_{part.name}.cpp", view.ports, part)
        for view in layers
        if isinstance(view, _SUMS) and view.kernel.split
        for part in view.kernel.parts
    )


def unused(layers: Sequence[StreamLayerView]) -> tuple[Unused, ...]:
    """Neurons that are compiled only for tracing."""
    return tuple(
        Unused(view.ports, view.kernel.unused) for view in layers if isinstance(view, _SUMS) and view.kernel.unused
    )


def table_files(layers: Sequence[StreamLayerView]) -> tuple[TableFile, ...]:
    """Constant tables, a file a layer."""
    return tuple(
        TableFile(f"firmware/weights/{view.name}.h", f"WEIGHTS_{view.name}_H_", view.ports.title, tables)
        for view in layers
        if (tables := _tables(view))
    )


def _tables(view: StreamLayerView) -> tuple[Table, ...]:
    match view:
        case ScaledStepsView() | ComparatorsView() | LookupView():
            return view.form.tables
        case RearrangeView() | StreamPixelOrderView():
            return (view.index,) if view.moves else ()
        case StreamLineOrderView():
            return (view.rows, view.columns)
        case StreamBufferOrderView():
            return (view.place, view.need)
        case _:
            return ()
