"""Layers that put numbers in other places: zero padding, cropping, repeating, permuting.

All of them are one index map each, and what is pending follows the channels.
"""

from dataclasses import replace
from math import prod
from typing import assert_never

import numpy as np

from hwgen.errors import UnsupportedError
from hwgen.fixed import IntArray
from hwgen.frontend.affine import Affine
from hwgen.frontend.builder import Builder, Signal
from hwgen.frontend.graph import Node
from hwgen.frontend.specs import CroppingSpec, PermuteSpec, RepeatVectorSpec, UpSamplingSpec, ZeroPaddingSpec
from hwgen.ir import Rearrange, Value

RearrangingSpec = ZeroPaddingSpec | CroppingSpec | UpSamplingSpec | PermuteSpec | RepeatVectorSpec


def lower_rearranging(builder: Builder, node: Node, spec: RearrangingSpec, signal: Signal) -> Signal:
    """Build the layer's index map and apply it."""
    where = f"layer {node.name!r} ({node.class_name})"
    return rearranged(builder, node.name, where, _index(spec, signal.shape, where), signal)


def positions(shape: tuple[int, ...]) -> IntArray:
    """Each code's own position in C order."""
    return np.arange(prod(shape), dtype=np.int64).reshape(shape)


def rearranged(builder: Builder, name: str, where: str, index: IntArray, signal: Signal) -> Signal:
    """Apply an index map (output shape, into the signal's codes in C order, -1 for zero) to a signal."""
    if index.shape == signal.shape and (index == positions(signal.shape)).all():
        return signal
    if signal.curve is not None and (index < 0).any():
        raise UnsupportedError(
            f"{where}: puts zeros beside the values of the activation {signal.curve.name!r}, which are on no "
            f"fixed-point grid; put a QActivation in between."
        )
    ready = builder.built(signal, where)
    assert isinstance(ready.base, Value)
    pending = None
    if ready.pending is not None:
        pending = _moved(ready.pending, index, where)
    unique = builder.names.unique(name)
    output = Value(unique, index.shape, ready.base.type)
    value = builder.add(Rearrange(unique, ready.base.name, output, index))
    return replace(ready, base=value, shape=index.shape, pending=pending)


def _moved(pending: tuple[Affine, ...], index: IntArray, where: str) -> tuple[Affine, ...]:
    """What is pending after an index map, one function a channel of the output."""
    if (index < 0).any():
        raise UnsupportedError(
            f"{where}: puts zeros beside values that are on no fixed-point grid (a batch norm or a scale that is no "
            f"power of two comes before it); put a QActivation in between."
        )
    origin = (index % len(pending)).reshape(-1, index.shape[-1])
    moved = []
    for column in origin.T:
        functions = {pending[channel] for channel in np.unique(column).tolist()}
        if len(functions) > 1:
            raise UnsupportedError(
                f"{where}: mixes channels after a batch norm or a scale of each channel; put a QActivation in between."
            )
        moved.append(functions.pop())
    return tuple(moved)


def _index(spec: RearrangingSpec, shape: tuple[int, ...], where: str) -> IntArray:
    index = positions(shape)
    match spec:
        case ZeroPaddingSpec():
            _check_axes(len(spec.zeros), shape, where)
            return np.pad(index, [*spec.zeros, (0, 0)], constant_values=-1)
        case CroppingSpec():
            _check_axes(len(spec.cut), shape, where)
            if any(sum(cut) >= size for cut, size in zip(spec.cut, shape, strict=False)):
                raise UnsupportedError(f"{where}: cuts {spec.cut} off an input of shape {shape}, so nothing is left.")
            kept = tuple(slice(before, size - after) for (before, after), size in zip(spec.cut, shape, strict=False))
            return index[kept]
        case UpSamplingSpec():
            _check_axes(len(spec.repeats), shape, where)
            for axis, times in enumerate(spec.repeats):
                index = np.repeat(index, times, axis=axis)
            return index
        case PermuteSpec():
            if sorted(spec.axes) != list(range(1, len(shape) + 1)):
                raise UnsupportedError(f"{where}: dims={spec.axes} do not permute an input of shape {shape}.")
            return np.ascontiguousarray(index.transpose([axis - 1 for axis in spec.axes]))
        case RepeatVectorSpec():
            _check_axes(0, shape, where)
            return np.tile(index, (spec.times, 1))
        case _:
            assert_never(spec)


def _check_axes(spatial: int, shape: tuple[int, ...], where: str) -> None:
    if len(shape) != spatial + 1:
        raise UnsupportedError(f"{where}: an input of {spatial + 1} axes is needed, got shape {shape}.")
