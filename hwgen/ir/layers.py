"""The layers of a Network: one frozen dataclass each, arithmetic on integer codes, exact.

Every layer reads values by name (``inputs``; most read one, ``input``) and defines one (``output``). Nothing rounds or
saturates except ``Requantize`` and ``StepFunction``; everything else is exact and its output type holds every reachable
code.
"""

from dataclasses import dataclass, fields
from enum import Enum
from typing import Any

import numpy as np

from hwgen.errors import NetworkError
from hwgen.fixed import IntArray, Overflow, Quantizer, Rounding
from hwgen.ir.tensor import SparseTensor, Value, read_only


class _OneInput:
    """A layer that reads one value."""

    __slots__ = ()

    @property
    def inputs(self: Any) -> tuple[str, ...]:
        """Names of the values that the layer reads."""
        return (self.input,)


class _Contents:
    """Equality of layers that hold arrays; the one of a dataclass asks an array whether it is true."""

    __slots__ = ()

    def __eq__(self: Any, other: object) -> bool:
        names = [field.name for field in fields(self)]
        if type(other) is not type(self):
            return NotImplemented
        return all(_same(getattr(self, name), getattr(other, name)) for name in names)

    def __hash__(self: Any) -> int:
        return hash((type(self), self.name, self.inputs, self.output))


def _same(one: Any, other: Any) -> bool:
    return np.array_equal(one, other) if isinstance(one, np.ndarray) else bool(one == other)


@dataclass(frozen=True, slots=True, eq=False)
class Dense(_OneInput, _Contents):
    """``output[j] = sum_i input[i] * weight[i, j] + bias[j]``, exact.

    Attributes:
        weight: (inputs, outputs); ``weight.type.fraction + input.type.fraction == output.type.fraction``.
        bias: (outputs,) int64 in units of the output's LSB.
    """

    name: str
    input: str
    output: Value
    weight: SparseTensor
    bias: IntArray

    def __post_init__(self) -> None:
        object.__setattr__(self, "bias", read_only(self.bias))

    @property
    def entries(self) -> int:
        """Weights that the layer has before pruning."""
        return self.weight.size


@dataclass(frozen=True, slots=True, eq=False)
class Conv(_OneInput, _Contents):
    """A convolution over one or two spatial axes (cross-correlation, as in Keras), exact.

    Attributes:
        weight: (kernel..., input channels, output channels); fractions add up as in ``Dense``.
        bias: (output channels,) int64 in units of the output's LSB.
        strides: one a spatial axis.
        padding: zeros (before, after), one pair a spatial axis.
        dilation: one a spatial axis.
        groups: in how many groups channels stand; an output channel has weights only for the inputs of its group.
    """

    name: str
    input: str
    output: Value
    weight: SparseTensor
    bias: IntArray
    strides: tuple[int, ...]
    padding: tuple[tuple[int, int], ...]
    dilation: tuple[int, ...]
    groups: int = 1

    def __post_init__(self) -> None:
        object.__setattr__(self, "bias", read_only(self.bias))

    @property
    def entries(self) -> int:
        """Weights that the layer has before pruning: those between channels of one group."""
        return self.weight.size // self.groups


@dataclass(frozen=True, slots=True)
class MaxPool(_OneInput):
    """The maximum over a window of each channel; padded positions never win.

    Attributes:
        window: one a spatial axis.
        strides: one a spatial axis.
        padding: positions (before, after) that take no part, one pair a spatial axis.
    """

    name: str
    input: str
    output: Value
    window: tuple[int, ...]
    strides: tuple[int, ...]
    padding: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class Reshape(_OneInput):
    """The same codes in the same C order under another shape; wires only."""

    name: str
    input: str
    output: Value


@dataclass(frozen=True, slots=True, eq=False)
class Rearrange(_OneInput, _Contents):
    """Codes in another order, some of them several times or not at all, and zeros; wires only.

    Attributes:
        index: (output shape) int64: which code of the input, in C order, each code of the output is; -1 for zero.
    """

    name: str
    input: str
    output: Value
    index: IntArray

    def __post_init__(self) -> None:
        object.__setattr__(self, "index", read_only(self.index))


class MergeOperation(Enum):
    """What a ``Merge`` does with the codes at one position."""

    ADD = "add"
    SUBTRACT = "subtract"  # the second from the first
    MULTIPLY = "multiply"
    MAXIMUM = "maximum"
    MINIMUM = "minimum"


@dataclass(frozen=True, slots=True)
class Merge:
    """Values of one shape, position by position, exact.

    Codes whose fraction is smaller than the output's are shifted to it first; products have the sum of the fractions.

    Attributes:
        inputs: two or more, the same one twice if need be; exactly two to subtract or multiply.
    """

    name: str
    inputs: tuple[str, ...]
    output: Value
    operation: MergeOperation


@dataclass(frozen=True, slots=True)
class Concatenate:
    """Values one behind the other along an axis; codes are shifted to the output's fraction as in ``Merge``.

    Attributes:
        axis: from 0, without the batch axis.
    """

    name: str
    inputs: tuple[str, ...]
    output: Value
    axis: int


@dataclass(frozen=True, slots=True)
class ArgMax(_OneInput):
    """The index of the largest code along the last axis, the first of equal ones; the output's last axis is 1."""

    name: str
    input: str
    output: Value


@dataclass(frozen=True, slots=True)
class Relu(_OneInput):
    """``max(input, 0)``; same fraction, exact."""

    name: str
    input: str
    output: Value


@dataclass(frozen=True, slots=True)
class Requantize(_OneInput):
    """Shift, round and resolve overflow: the step function of an ``ap_fixed`` assignment."""

    name: str
    input: str
    output: Value
    rounding: Rounding
    overflow: Overflow

    @property
    def quantizer(self) -> Quantizer:
        return Quantizer(self.output.type, self.rounding, self.overflow)


@dataclass(frozen=True, slots=True, eq=False)
class StepFunction(_OneInput, _Contents):
    """A step function of the input code, one for each channel (last axis) or one for all.

    ``output = levels[c, k]`` where k of the thresholds ``thresholds[c]`` are at most the input.

    Attributes:
        thresholds: (channels or 1, steps) int64, ascending along the steps; a threshold that the input's range never
            reaches is ``2**62``.
        levels: (channels or 1, steps + 1) int64 output codes; they rise and fall as they like.
        origin: what the function computes, for people: for example "scale, batch norm, quantized_relu(6,0)".
    """

    name: str
    input: str
    output: Value
    thresholds: IntArray
    levels: IntArray
    origin: str

    def __post_init__(self) -> None:
        object.__setattr__(self, "thresholds", read_only(self.thresholds))
        object.__setattr__(self, "levels", read_only(self.levels))
        if self.thresholds.ndim != 2 or self.levels.shape != (self.thresholds.shape[0], self.thresholds.shape[1] + 1):
            raise NetworkError(
                f"layer {self.name!r}: a step function has one level more than thresholds in each channel; "
                f"got shapes {self.thresholds.shape} and {self.levels.shape}."
            )


SingleInput = Dense | Conv | MaxPool | Reshape | Rearrange | ArgMax | Relu | Requantize | StepFunction
Layer = SingleInput | Merge | Concatenate


def output_length(size: int, window: int, stride: int, padding: tuple[int, int], dilation: int = 1) -> int:
    """Positions of a sliding window along one axis."""
    reach = (window - 1) * dilation + 1
    return (size + padding[0] + padding[1] - reach) // stride + 1


def step_codes(layer: StepFunction, code: IntArray) -> IntArray:
    """Evaluate a step function by its definition.

    Args:
        code: (..., channels) int64.
    """
    channels = layer.thresholds.shape[0]
    result = np.empty(code.shape, dtype=np.int64)
    if channels == 1:
        result[...] = layer.levels[0][np.searchsorted(layer.thresholds[0], code, side="right")]
        return result
    for c in range(channels):
        column = code[..., c]
        result[..., c] = layer.levels[c][np.searchsorted(layer.thresholds[c], column, side="right")]
    return result
