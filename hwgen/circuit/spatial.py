"""Convolutions and pools: as sliding windows over a stream of pixels, or unrolled, a copy an output position."""

from collections.abc import Iterator, Sequence
from math import prod

import numpy as np

from hwgen.circuit.builder import Builder
from hwgen.circuit.operations import Maximum, Tap
from hwgen.circuit.streams import Source, Stream
from hwgen.circuit.window import sliding_window
from hwgen.fixed import IntArray
from hwgen.ir import Conv, MaxPool

Position = tuple[int, ...]


def stream_conv(build: Builder, layer: Conv, given: Sequence[int], frame: Sequence[int]) -> list[int]:
    """A window of taps and the sums over it.

    Args:
        given: the words of a pixel.
        frame: sizes of the spatial axes.
    """
    weight = layer.weight.dense()
    kernel = weight.shape[:-2]
    if prod(kernel) == prod(layer.strides) == 1 and not np.any(layer.padding):
        return build.sums(layer.name, weight.reshape(weight.shape[-2:]), layer.bias.tolist(), given, layer.name)
    taps, rows = [], []
    positions = layer.output.shape[:-1]
    for tap, place, otherwise in _window(build, layer, frame, kernel, positions, layer.dilation):
        for channel, word in enumerate(given):
            if weight[place][channel].any():
                taps.append(build.add(Tap(word, *tap, 0 if otherwise else None), *_tap_names(layer, place, channel)))
                rows.append(weight[place][channel])
    matrix = np.array(rows, dtype=np.int64).reshape(len(rows), weight.shape[-1])
    return build.sums(layer.name, matrix, layer.bias.tolist(), taps, layer.name)


def stream_pool(build: Builder, layer: MaxPool, given: Sequence[int], frame: Sequence[int]) -> list[int]:
    """A window of taps and a tree of comparisons for each channel; arguments as in ``stream_conv``."""
    positions = layer.output.shape[:-1]
    taps: list[list[int]] = [[] for _ in given]
    for tap, place, outside in _window(build, layer, frame, layer.window, positions, (1,) * len(layer.window)):
        for channel, word in enumerate(given):
            # What stands outside never wins: nothing is lower.
            otherwise = build.ranges[word][0] if outside else None
            taps[channel].append(build.add(Tap(word, *tap, otherwise), *_tap_names(layer, place, channel)))
    return [_largest(build, layer.name, words, f"{layer.name}_{channel}") for channel, words in enumerate(taps)]


def _tap_names(layer: Conv | MaxPool, place: Position, channel: int) -> tuple[str, str]:
    return layer.name, f"{layer.name}_tap{'_'.join(map(str, place))}_{channel}"


def _window(
    build: Builder,
    layer: Conv | MaxPool,
    frame: Sequence[int],
    size: Position,
    positions: Position,
    dilation: Position,
) -> Iterator[tuple[tuple[int, int], Position, bool]]:
    """Start the stream of a window's positions.

    Yields:
        For each place in the window that some output finds in the frame: rows and columns from the anchor, the place,
        and whether some output does not.
    """
    reach = [(length - 1) * step + 1 for length, step in zip(size, dilation, strict=True)]
    window = sliding_window(layer.name, frame, reach, positions, layer.strides, layer.padding)
    build.start(Stream(layer.name, prod(positions), (Source(build.stream),), window))
    for place in np.ndindex(*size):
        offsets = [p * step for p, step in zip(place, dilation, strict=True)]
        row, column = [0, *offsets][-2:]
        row, column = row - window.before[0], column - window.before[1]
        (some_row, all_rows), (some_column, all_columns) = window.inside(0, row), window.inside(1, column)
        if some_row and some_column:
            yield (row, column), place, not (all_rows and all_columns)


def parallel_conv(build: Builder, layer: Conv, given: Sequence[int], shape: Sequence[int]) -> list[int]:
    """The sums of each output position.

    Args:
        given: the words of a sample.
        shape: of the input.
    """
    weight = layer.weight.dense()
    kernel, channels = weight.shape[:-2], weight.shape[-1]
    words: list[int] = []
    for number, places in enumerate(_places(shape, layer, kernel, layer.dilation)):
        matrix = weight.reshape(-1, channels)
        used = (places.ravel() >= 0) & matrix.any(axis=1)
        taps = [given[place] for place in places.ravel()[used].tolist()]
        words += build.sums(layer.name, matrix[used], layer.bias.tolist(), taps, f"{layer.name}_at{number}")
    return words


def parallel_pool(build: Builder, layer: MaxPool, given: Sequence[int], shape: Sequence[int]) -> list[int]:
    """A tree of comparisons for each output; arguments as in ``parallel_conv``."""
    words: list[int] = []
    for places in _places(shape, layer, layer.window, (1,) * len(layer.window)):
        for channel in range(shape[-1]):
            taps = [given[place] for place in places[..., channel].ravel().tolist() if place >= 0]
            words.append(_largest(build, layer.name, taps, f"{layer.name}_{len(words)}"))
    return words


def _places(shape: Sequence[int], layer: Conv | MaxPool, size: Position, dilation: Position) -> Iterator[IntArray]:
    """For each output position, the input code at every place of its window, (size..., channels); -1 for padding."""
    index = np.arange(prod(shape)).reshape(tuple(shape))
    padded = np.pad(index, [*layer.padding, (0, 0)], constant_values=-1)
    for position in np.ndindex(*layer.output.shape[:-1]):
        window = padded
        for axis, (at, length, stride, step) in enumerate(zip(position, size, layer.strides, dilation, strict=True)):
            window = window.take(range(at * stride, at * stride + (length - 1) * step + 1, step), axis=axis)
        yield window


def _largest(build: Builder, layer: str, taps: list[int], name: str) -> int:
    assert taps, f"layer {layer!r}: a window lies in the padding, which check_network refuses"
    number = 0
    while len(taps) > 1:
        pairs = [taps[i : i + 2] for i in range(0, len(taps), 2)]
        taps = []
        for pair in pairs:
            if len(pair) == 1:
                taps.append(pair[0])
                continue
            taps.append(build.add(Maximum(pair[0], pair[1]), layer, f"{name}_max{number}"))
            number += 1
    return taps[0]
