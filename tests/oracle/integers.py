"""A Network computed one code at a time in Python integers: slow, of any precision, written to be obviously right.

A sample of a value is a dictionary from position, a tuple of indices, to code. Only the fields of the layers are read;
nothing of hwgen is called. Rounding and overflow are those of ``oracle.rational``.
"""

from collections.abc import Mapping, Sequence
from fractions import Fraction
from itertools import product
from typing import Any, assert_never

from hwgen.ir import (
    ArgMax,
    Concatenate,
    Conv,
    Dense,
    Layer,
    MaxPool,
    Merge,
    Network,
    Rearrange,
    Relu,
    Requantize,
    Reshape,
    SparseTensor,
    StepFunction,
    Value,
)
from oracle.rational import quantize_rational, two_to

Position = tuple[int, ...]
Codes = Mapping[Position, int]


def positions(shape: Sequence[int]) -> list[Position]:
    """Every position of a shape, the last axis fastest."""
    return list(product(*(range(size) for size in shape)))


def trace_integers(network: Network, inputs: Sequence[Any]) -> dict[str, list[Any]]:
    """Codes of every value by name, as nested lists: samples first, then the value's shape.

    Args:
        inputs: one array an input, (samples, *shape).
    """
    values = {source.value.name: source.value for source in network.inputs}
    values |= {layer.output.name: layer.output for layer in network.layers}
    found: dict[str, list[Any]] = {name: [] for name in values}
    for sample in zip(*(array.tolist() for array in inputs), strict=True):
        entering = {
            source.value.name: {p: _at(codes, p) for p in positions(source.value.shape)}
            for source, codes in zip(network.inputs, sample, strict=True)
        }
        for name, codes in trace_sample(network, entering).items():
            found[name].append(_nested(codes, values[name].shape))
    return found


def trace_sample(network: Network, inputs: Mapping[str, Codes]) -> dict[str, Codes]:
    """Codes of every value of one sample by name, from the codes of the inputs."""
    values = {source.value.name: source.value for source in network.inputs}
    codes = dict(inputs)
    for layer in network.layers:
        sources = [values[name] for name in layer.inputs]
        codes[layer.output.name] = layer_codes(layer, sources, [codes[name] for name in layer.inputs])
        values[layer.output.name] = layer.output
    return codes


def layer_codes(layer: Layer, sources: Sequence[Value], inputs: Sequence[Codes]) -> Codes:
    """One layer on one sample."""
    source, given = sources[0], inputs[0]
    match layer:
        case Dense():
            return _dense(layer, source, given)
        case Conv():
            return _conv(layer, source, given)
        case MaxPool():
            return _max_pool(layer, source, given)
        case Reshape():
            moves = zip(positions(source.shape), positions(layer.output.shape), strict=True)
            return {to: given[origin] for origin, to in moves}
        case Rearrange():
            flat = [given[p] for p in positions(source.shape)]
            origins = zip(positions(layer.output.shape), layer.index.ravel().tolist(), strict=True)
            return {to: 0 if origin < 0 else flat[origin] for to, origin in origins}
        case Merge():
            return {p: _merged(layer, sources, [codes[p] for codes in inputs]) for p in given}
        case Concatenate():
            return _concatenated(layer, sources, inputs)
        case ArgMax():
            return {(*p, 0): _first_largest(given, p, source.shape[-1]) for p in positions(source.shape[:-1])}
        case Relu():
            return {p: max(0, code) for p, code in given.items()}
        case Requantize():
            return {p: _requantized(layer, source, code) for p, code in given.items()}
        case StepFunction():
            return {p: _step(layer, code, p[-1]) for p, code in given.items()}
        case _:
            assert_never(layer)


def _dense(layer: Dense, source: Value, given: Codes) -> Codes:
    weight, bias = weight_codes(layer.weight), layer.bias.tolist()
    result: dict[Position, int] = {}
    for j in range(layer.output.shape[0]):
        total = bias[j]
        for i in range(source.shape[0]):
            total += given[i,] * weight[i, j]
        result[j,] = total
    return result


def _conv(layer: Conv, source: Value, given: Codes) -> Codes:
    weight, bias = weight_codes(layer.weight), layer.bias.tolist()
    *kernel, channels, outputs = layer.weight.shape
    result = {}
    for position in positions(layer.output.shape[:-1]):
        for output in range(outputs):
            total = bias[output]
            for tap in positions(kernel):
                place = tuple(
                    at * stride + step * dilation - before
                    for at, stride, step, dilation, (before, _) in zip(
                        position, layer.strides, tap, layer.dilation, layer.padding, strict=True
                    )
                )
                if _inside(place, source.shape):
                    for channel in range(channels):
                        total += given[*place, channel] * weight[*tap, channel, output]
            result[*position, output] = total
    return result


def _max_pool(layer: MaxPool, source: Value, given: Codes) -> Codes:
    result = {}
    for position in positions(layer.output.shape[:-1]):
        for channel in range(source.shape[-1]):
            seen = []
            for tap in positions(layer.window):
                place = tuple(
                    at * stride + step - before
                    for at, stride, step, (before, _) in zip(position, layer.strides, tap, layer.padding, strict=True)
                )
                if _inside(place, source.shape):
                    seen.append(given[*place, channel])
            result[*position, channel] = max(seen)
    return result


def _merged(layer: Merge, sources: Sequence[Value], codes: Sequence[int]) -> int:
    """In rationals: what the values are, merged, in steps of the output."""
    values = [code * two_to(-source.type.fraction) for code, source in zip(codes, sources, strict=True)]
    match layer.operation.value:
        case "add":
            value = sum(values, Fraction(0))
        case "subtract":
            value = values[0] - values[1]
        case "multiply":
            value = values[0] * values[1]
        case "maximum":
            value = max(values)
        case "minimum":
            value = min(values)
    return _whole(value * two_to(layer.output.type.fraction))


def _concatenated(layer: Concatenate, sources: Sequence[Value], inputs: Sequence[Codes]) -> Codes:
    result, start = {}, 0
    for source, codes in zip(sources, inputs, strict=True):
        factor = two_to(layer.output.type.fraction - source.type.fraction)
        for position, code in codes.items():
            moved = list(position)
            moved[layer.axis] += start
            result[tuple(moved)] = _whole(code * factor)
        start += source.shape[layer.axis]
    return {p: result[p] for p in positions(layer.output.shape)}


def _whole(value: Fraction) -> int:
    assert Fraction(value).denominator == 1
    return int(value)


def _first_largest(given: Codes, position: Position, channels: int) -> int:
    codes = [given[*position, channel] for channel in range(channels)]
    return codes.index(max(codes))


def _inside(place: Position, shape: Sequence[int]) -> bool:
    return all(0 <= at < size for at, size in zip(place, shape, strict=False))


def _requantized(layer: Requantize, source: Value, code: int) -> int:
    target = layer.output.type
    value = code * two_to(-source.type.fraction)
    return quantize_rational(
        Fraction(value), target.signed, target.width, target.fraction, layer.rounding.value, layer.overflow.value
    )


def _step(layer: StepFunction, code: int, channel: int) -> int:
    row = channel if len(layer.thresholds) > 1 else 0
    passed = sum(1 for threshold in layer.thresholds[row].tolist() if threshold <= code)
    return int(layer.levels[row].tolist()[passed])


def weight_codes(tensor: SparseTensor) -> Codes:
    """Every code of the dense tensor, zeros included."""
    stored = dict(zip(tensor.index.tolist(), tensor.code.tolist(), strict=True))
    return {p: stored.get(flat, 0) for flat, p in enumerate(positions(tensor.shape))}


def _at(nested: Any, position: Position) -> int:
    for index in position:
        nested = nested[index]
    return int(nested)


def _nested(codes: Codes, shape: Sequence[int], prefix: Position = ()) -> Any:
    if not shape:
        return codes[prefix]
    return [_nested(codes, shape[1:], (*prefix, index)) for index in range(shape[0])]
