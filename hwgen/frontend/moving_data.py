"""Layers that move numbers and compute none: pooling to the maximum, and reshaping."""

from dataclasses import replace
from math import prod

from hwgen.errors import UnsupportedError
from hwgen.frontend.builder import Builder, Signal
from hwgen.frontend.convolution import padding_zeros
from hwgen.frontend.graph import Node
from hwgen.frontend.specs import PoolSpec, ReshapeSpec
from hwgen.frontend.weighted_layers import Zeros
from hwgen.ir import MaxPool, Reshape, Value
from hwgen.ir.layers import output_length


def pooling_window(
    spec: PoolSpec, shape: tuple[int, ...], where: str
) -> tuple[tuple[int, ...], tuple[int, ...], Zeros, tuple[int, ...]]:
    """Window, strides, padding and number of positions along each spatial axis."""
    if len(shape) != spec.rank + 1:
        raise UnsupportedError(f"{where}: an input of {spec.rank + 1} axes is needed, got shape {shape}.")
    window = spec.window or shape[:-1]
    strides = spec.strides or window
    axes = range(spec.rank)
    padding = tuple(padding_zeros(spec.padding, shape[a], window[a], strides[a]) for a in axes)
    sizes = tuple(output_length(shape[a], window[a], strides[a], padding[a]) for a in axes)
    if min(sizes) < 1:
        raise UnsupportedError(f"{where}: its window is larger than its input of shape {shape}.")
    return window, strides, padding, sizes


def lower_max_pool(builder: Builder, node: Node, spec: PoolSpec, signal: Signal) -> Signal:
    """Functions that are pending keep order, so the maximum may be taken before them."""
    where = f"layer {node.name!r} ({node.class_name})"
    window, strides, padding, sizes = pooling_window(spec, signal.shape, where)
    source, ready = builder.ascending(signal, where)
    name = builder.names.unique(node.name)
    shape = (*sizes, signal.shape[-1])
    value = builder.add(MaxPool(name, source.name, Value(name, shape, source.type), window, strides, padding))
    pooled = replace(ready, base=value, shape=shape)
    if spec.window is None and not spec.keepdims:
        return lower_reshape(builder, node, ReshapeSpec((signal.shape[-1],)), pooled)
    return pooled


def lower_reshape(builder: Builder, node: Node, spec: ReshapeSpec, signal: Signal) -> Signal:
    """Functions that are pending belong to channels, and follow them."""
    where = f"layer {node.name!r} ({node.class_name})"
    size, channels = prod(signal.shape), signal.shape[-1]
    known = prod(s for s in spec.target if s != -1)
    shape = tuple(size // known if s == -1 and known > 0 else s for s in spec.target)
    if spec.target.count(-1) > 1 or min(shape, default=0) < 1 or prod(shape) != size:
        raise UnsupportedError(f"{where}: cannot reshape {signal.shape} to {spec.target}.")
    if shape == signal.shape:
        return signal
    if signal.flat:  # one vector in any case
        return replace(signal, shape=shape)
    ready = builder.built(signal, where)
    assert isinstance(ready.base, Value)
    pending = ready.pending
    if pending is not None:
        if shape[-1] % channels:
            raise UnsupportedError(f"{where}: moves channels after a batch norm or a scale; quantize before it.")
        pending = pending * (shape[-1] // channels)
    name = builder.names.unique(node.name)
    value = builder.add(Reshape(name, ready.base.name, Value(name, shape, ready.base.type)))
    return replace(ready, base=value, shape=shape, pending=pending)
