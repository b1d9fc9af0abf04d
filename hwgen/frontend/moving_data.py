"""Layers that move numbers and compute none: pooling to the maximum, and reshaping."""

from dataclasses import replace
from math import prod

from hwgen.errors import UnsupportedError
from hwgen.frontend.builder import Builder, Signal
from hwgen.frontend.graph import Node
from hwgen.frontend.specs import PoolSpec, ReshapeSpec
from hwgen.frontend.sums import WeightedSum
from hwgen.frontend.weighted_layers import padding_zeros
from hwgen.ir import MaxPool, Reshape, Value
from hwgen.ir.layers import output_length


def lower_max_pool(builder: Builder, node: Node, spec: PoolSpec, signal: Signal) -> Signal:
    """Functions that are pending keep order, so the maximum may be taken before them."""
    where = f"layer {node.name!r} ({node.class_name})"
    if len(signal.shape) != spec.rank + 1:
        raise UnsupportedError(f"{where}: an input of {spec.rank + 1} axes is needed, got shape {signal.shape}.")
    window = spec.window or signal.shape[:-1]
    strides = spec.strides or window
    axes = range(spec.rank)
    padding = tuple(padding_zeros(spec.padding, signal.shape[a], window[a], strides[a]) for a in axes)
    sizes = tuple(output_length(signal.shape[a], window[a], strides[a], padding[a]) for a in axes)
    if min(sizes) < 1:
        raise UnsupportedError(f"{where}: its window is larger than its input of shape {signal.shape}.")
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
    if isinstance(signal.base, WeightedSum):
        source, signal = builder.ascending(signal, where)
    else:
        source = signal.base
    pending = signal.pending
    if pending is not None:
        if shape[-1] % channels:
            raise UnsupportedError(f"{where}: moves channels after a batch norm or a scale; quantize before it.")
        pending = pending * (shape[-1] // channels)
    name = builder.names.unique(node.name)
    value = builder.add(Reshape(name, source.name, Value(name, shape, source.type)))
    return replace(signal, base=value, shape=shape, pending=pending)
