"""When each process of a dataflow reads and writes, how pixels are put in another order, and what is a stream."""

import re
from collections.abc import Sequence
from itertools import product

import numpy as np
import pytest

import hwgen
from hwgen.circuit import Interface
from hwgen.emit import Strategy, default_hls_interface, hls_project
from hwgen.emit.stream_order import BufferOrder, LineOrder, PixelOrder, stream_order
from hwgen.emit.stream_program import as_needed
from hwgen.emit.stream_window import stream_window
from hwgen.errors import InputError
from hwgen.fixed import FixedType
from hwgen.ir import Conv, Input, MaxPool, Network, Rearrange, SparseTensor, Value, check_network
from hwgen.ir.layers import output_length

EIGHT = FixedType(True, 8, 0)


def pool(rows: int, columns: int, window: int, stride: int, before: int, after: int) -> tuple[MaxPool, Value]:
    source = Value("x", (rows, columns, 1), EIGHT)
    sizes = [output_length(size, window, stride, (before, after)) for size in (rows, columns)]
    output = Value("y", (*sizes, 1), EIGHT)
    return MaxPool("pool", "x", output, (window, window), (stride, stride), ((before, after),) * 2), source


@pytest.mark.parametrize("window", [1, 2, 3])
@pytest.mark.parametrize("stride", [1, 2])
def test_an_output_is_sent_when_the_last_pixel_of_its_window_has_come_and_never_waits_for_a_whole_row_more(
    window: int, stride: int
) -> None:
    for rows, columns, before, after in product((1, 3, 5), (1, 4), range(window), range(window)):
        layer, source = pool(max(rows, window), max(columns, window), window, stride, before, after)
        over = stream_window(layer, source)
        program = over.program()
        assert sum(program.reads) == source.size
        assert sum(program.writes) == layer.output.size
        come = np.cumsum(program.reads)
        sent = come[np.flatnonzero(program.writes)]
        for number, (row, column) in enumerate(np.ndindex(layer.output.shape[:2])):
            last = [
                min(size - 1, at * stride - before + window - 1)
                for size, at in zip(source.shape[:2], (row, column), strict=True)
            ]
            needed = last[0] * source.shape[1] + last[1] + 1
            assert needed <= sent[number] <= needed + source.shape[1] * stride


def test_a_border_that_gives_more_outputs_than_pixels_is_walked_through() -> None:
    source, output = Value("x", (2, 1), EIGHT), Value("y", (6, 1), FixedType(True, 12, 0))
    weight = SparseTensor.from_dense(np.ones((3, 1, 1), dtype=np.int64), FixedType(True, 2, 0))
    layer = Conv("c", "x", output, weight, np.array([0]), (1,), ((3, 3),), (1,))
    over = stream_window(layer, source)
    assert over.walks_padding
    assert over.program().reads == (0, 0, 0, 1, 1, 0, 0, 0)
    assert over.program().writes == (False, False, True, True, True, True, True, True)


def order_of(index: Sequence[object], *shape: int) -> PixelOrder | LineOrder | BufferOrder:
    array = np.array(index)
    source = Value("x", shape, EIGHT)
    return stream_order(Rearrange("r", "x", Value("y", array.shape, EIGHT), array), source)


def test_codes_within_each_pixel_need_no_buffer() -> None:
    order = order_of([[1, 0, -1], [3, 2, -1], [5, 4, -1]], 3, 2)
    assert order == PixelOrder((1, 0, -1), 3)


def test_padding_cropping_and_repeating_keep_one_row() -> None:
    pixels = np.arange(24).reshape(3, 4, 2)
    padded = np.pad(pixels, [(1, 2), (0, 1), (0, 0)], constant_values=-1)
    assert order_of(padded.tolist(), 3, 4, 2) == LineOrder((-1, 0, 1, 2, -1, -1), (0, 1, 2, 3, -1), 3, 4)
    assert order_of(pixels[1:, 1:3].tolist(), 3, 4, 2) == LineOrder((1, 2), (1, 2), 3, 4)
    repeated = order_of(pixels.repeat(2, axis=0).repeat(3, axis=1).tolist(), 3, 4, 2)
    assert repeated == LineOrder((0, 0, 1, 1, 2, 2), (0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 3), 3, 4)


def test_other_orders_keep_what_is_still_needed() -> None:
    turned = order_of(np.arange(12).reshape(3, 4, 1).transpose(1, 0, 2).tolist(), 3, 4, 1)
    assert isinstance(turned, BufferOrder)
    assert turned.slots == 8  # pixels 0, 4 and 8 go first: 1 still waits when 8 comes
    pairs = order_of(np.arange(12).reshape(3, 4).tolist(), 6, 2)
    assert isinstance(pairs, BufferOrder)
    assert pairs.slots == 2
    assert pairs.need == (1, 3, 5)


def test_a_beat_is_read_as_late_and_written_as_early_as_can_be() -> None:
    program = as_needed(4, [0, 0, 2])
    assert program.reads == (1, 0, 1, 1, 1)
    assert program.writes == (True, True, False, True, False)


def one_conv(*shape: int) -> Network:
    source, output = Value("x", shape, EIGHT), Value("y", (*shape[:-1], 1), FixedType(True, 20, 0))
    axes = len(shape) - 1
    weight = SparseTensor.from_dense(np.ones((*(1,) * axes, shape[-1], 1), dtype=np.int64), FixedType(True, 2, 0))
    layer = Conv("c", "x", output, weight, np.array([0]), (1,) * axes, ((0, 0),) * axes, (1,) * axes)
    return check_network(Network("image", (Input(source, None),), (layer,), ("y",)))


def test_a_convolution_over_more_than_1024_codes_is_a_stream_unless_said_otherwise() -> None:
    assert default_hls_interface(one_conv(16, 16, 4)) is Interface.PARALLEL
    assert default_hls_interface(one_conv(16, 17, 4)) is Interface.STREAM
    assert default_hls_interface(one_conv(1025, 1)) is Interface.STREAM


@pytest.mark.parametrize("interface", Interface)
def test_a_project_says_how_its_samples_come(interface: Interface) -> None:
    files = hls_project(
        one_conv(4, 4, 2), strategy=Strategy.MULTIPLIERS, part="xcvu13p", clock_ns=5.0, interface=interface
    )
    assert f'"io": "{interface.value}"' in files.text("project.json")
    top = re.sub(r"\s+", " ", files.text("firmware/image.h"))
    streams = "hls::stream<pixel<input_t, 2>> &x, hls::stream<pixel<result_t, 1>> &y"
    assert (f"void image( {streams} );" in top) is (interface is Interface.STREAM)


def test_a_build_takes_the_interface_it_is_given(tmp_path: object) -> None:
    model = hwgen.Model(one_conv(4, 4, 2))
    for io in ("stream", "parallel"):
        assert hwgen.build(model, f"{tmp_path}/{io}", io=io).interface is Interface(io)
    with pytest.raises(InputError, match=r"^io 'serial' is unknown; it is 'parallel' or 'stream'\.$"):
        hwgen.build(model, f"{tmp_path}/serial", io="serial")
    sentence = "the FPGA family, the pipelining and what to optimize for are options of Verilog: add --target rtl."
    with pytest.raises(InputError, match=f"^{re.escape(sentence)}$"):
        hwgen.build(model, f"{tmp_path}/family", fpga="intel")


def test_a_network_named_like_the_header_of_streams_is_refused() -> None:
    network = one_conv(4, 4, 2)
    named = Network("stream", network.inputs, network.layers, network.outputs)
    with pytest.raises(InputError, match=r"^network 'stream': the top function cannot have this name, which C\+\+, "):
        hls_project(named, strategy=Strategy.MULTIPLIERS, part="xcvu13p", clock_ns=5.0)
