"""A weighted sum on its way into the Network: codes, scales and bias, held until it is known what follows.

What follows decides how the sum is built. Where the exact value itself is needed, scales are multiplied into the
weights and the bias joins the sum. Where a quantizer follows, the weights stay small integers, and scales and bias go
into the quantizer's thresholds.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from fractions import Fraction
from math import lcm, prod

import numpy as np

from hwgen.errors import UnsupportedError
from hwgen.fixed import FixedType, IntArray
from hwgen.frontend.affine import Affine
from hwgen.frontend.quantized_tensor import QuantizedTensor, is_power_of_two
from hwgen.ir import Exactness, Interval, Value
from hwgen.ir.ranges import sum_interval
from hwgen.ir.tensor import SparseTensor

# name, weight codes and their fraction, bias codes -> the value that the emitted layer defines
Emit = Callable[[IntArray, int, IntArray], Value]

_WIDEST = 60  # bits of a weight after its scale is multiplied in


@dataclass(frozen=True, slots=True, eq=False)
class WeightedSum:
    """``y[j] = scale[j] * sum_i weight[i, j] * x[i] + bias[j]`` in exact rationals.

    Attributes:
        layer: the source layer's name.
        kernel: codes, (..., inputs of one group, output channels).
        factor: what the input's codes are further multiplied by (an activation's scale), 1 as a rule.
        bias: one exact value a channel, or None.
        input_fraction: of the value that is read.
        emit: builds the layer.
        groups: in how many groups the channels stand.
    """

    layer: str
    kernel: QuantizedTensor
    factor: Fraction
    bias: tuple[Fraction, ...] | None
    input_fraction: int
    emit: Emit
    groups: int = 1

    @property
    def channels(self) -> int:
        return int(self.kernel.code.shape[-1])

    def scales(self) -> list[Fraction]:
        """One factor a channel."""
        scale = self.kernel.scale
        each = scale if len(scale) > 1 else scale * self.channels
        return [s * self.factor for s in each]

    def biases(self) -> list[Fraction]:
        return list(self.bias) if self.bias is not None else [Fraction(0)] * self.channels

    @property
    def plain(self) -> bool:
        """Whether no scale is left over: the sum's own grid holds its values."""
        return all(scale == 1 for scale in self.scales()) and all(is_dyadic(b) for b in self.biases())

    def common_scale(self) -> Fraction | None:
        """The scale of all channels, where a grid holds what it multiplies and it is no power of two; else None."""
        scales = self.scales()
        scale = scales[0]
        if is_power_of_two(scale) or any(s != scale for s in scales):
            return None
        return scale if all(is_dyadic(b / scale) for b in self.biases()) else None

    @property
    def uniform(self) -> bool:
        """Whether a grid holds the sum but for one positive factor."""
        scales = self.scales()
        alike = all(s == scales[0] for s in scales) and is_power_of_two(scales[0])
        return self.common_scale() is not None or (alike and all(is_dyadic(b) for b in self.biases()))

    def emit_unscaled(self) -> tuple[Value, Fraction]:
        """Build the sum so that its codes are the exact values but for one positive factor.

        Raises:
            UnsupportedError: as in ``emit_exact``.
        """
        scale = self.common_scale()
        if scale is None:
            return self.emit_exact(), Fraction(1)
        bias = None if self.bias is None else tuple(b / scale for b in self.bias)
        kernel = replace(self.kernel, scale=(Fraction(1),))
        return replace(self, kernel=kernel, bias=bias, factor=Fraction(1)).emit_exact(), scale

    def emit_exact(self) -> Value:
        """Build the sum so that its codes are the exact values.

        Raises:
            UnsupportedError: scales or bias are no binary fractions, or the weights would grow too wide.
        """
        scales, biases = self.scales(), self.biases()
        if not all(is_dyadic(v) for v in (*scales, *biases)):
            raise UnsupportedError(
                f"layer {self.layer!r}: its scales are no binary fractions, so no fixed-point type holds its sums "
                f"exactly; let a quantizer (QActivation) follow it directly."
            )
        extra = max(fraction_bits(s) for s in scales)
        fraction = self.kernel.fraction + extra
        bias_bits = max(fraction_bits(b) for b in biases)
        more = max(0, bias_bits - (fraction + self.input_fraction))
        fraction, extra = fraction + more, extra + more
        factors = [int(s * Fraction(2) ** extra) for s in scales]
        widest = int(np.abs(self.kernel.code).max(initial=0)).bit_length() + max(f.bit_length() for f in factors)
        if widest > _WIDEST:
            raise UnsupportedError(
                f"layer {self.layer!r}: with its scales multiplied in, its weights need {widest} bits "
                f"(at most {_WIDEST}); use alpha='auto_po2' or 1, or let a quantizer follow it directly."
            )
        codes = self.kernel.code * np.array(factors, dtype=np.int64)
        bias = [int(b * Fraction(2) ** (fraction + self.input_fraction)) for b in biases]
        if max(abs(b) for b in bias).bit_length() > _WIDEST:
            raise UnsupportedError(
                f"layer {self.layer!r}: its bias needs more than {_WIDEST} bits in steps of its sums; "
                f"give its input (--input-type) or its weights coarser steps."
            )
        return self.emit(codes, fraction, np.array(bias, dtype=np.int64))

    def emit_raw(self, functions: list[Affine]) -> tuple[Value, list[Affine]]:
        """Build the bare integer sum, and say what its codes mean.

        Args:
            functions: what is computed from the sum's exact value, one a channel.
        Returns:
            The value, and the same functions of its codes; every one of them ascends: channels with a negative slope
            have their weights negated.
        """
        lsb = Fraction(2) ** -(self.kernel.fraction + self.input_fraction)
        slopes = [lsb * s for s in self.scales()]
        of_code = [f.scaled_input(s, b) for f, s, b in zip(functions, slopes, self.biases(), strict=True)]
        signs = np.array([-1 if f.slope < 0 else 1 for f in of_code], dtype=np.int64)
        ascending = [f.scaled_input(Fraction(int(sign))) for f, sign in zip(of_code, signs, strict=True)]
        value = self.emit(self.kernel.code * signs, self.kernel.fraction, np.zeros(self.channels, dtype=np.int64))
        return value, ascending


def is_dyadic(value: Fraction) -> bool:
    """Whether some number of bits after the binary point holds a number."""
    return value.denominator & (value.denominator - 1) == 0


def fraction_bits(value: Fraction) -> int:
    """Bits after the binary point that a binary fraction needs; negative where it is a multiple of 2, 4, …"""
    if value == 0:
        return -1000
    if value.denominator > 1:
        return value.denominator.bit_length() - 1
    return -((value.numerator & -value.numerator).bit_length() - 1)


def float32_exactness(
    layer: str, total: WeightedSum, given: Interval, matrix: IntArray, remarks: list[str]
) -> Exactness:
    """Whether float32 can compute the sum in any order without rounding.

    Args:
        given: interval of each entry of a window, (positions * input channels).
        matrix: (positions * inputs of one group, channels) weight codes.
        remarks: what is known to differ already.
    """
    magnitude = _largest_sums(total, given, matrix)
    lsb = Fraction(2) ** -(total.kernel.fraction + total.input_fraction)
    bits = 0
    for channel, bias in enumerate(total.biases()):
        column = matrix[:, channel]
        common = int(np.bitwise_or.reduce(np.abs(column))) if column.size else 0
        step = lsb * ((common & -common) or 1)
        steps = int(magnitude[channel]) * lsb / step + (abs(bias) / step if bias else 0)
        if bias and (bias / step).denominator > 1:
            steps *= lcm(1, (bias / step).denominator)
        bits = max(bits, int(steps).bit_length())
    reasons = list(remarks)
    if not all(is_power_of_two(scale) for scale in total.scales()):
        reasons.append("its scale is no power of two, so float32 rounds the products")
    if bits > 24:
        reasons.append(f"sums need {bits} bits, float32 holds 24")
    return Exactness(layer, not reasons, bits, "; ".join(reasons) if reasons else f"sums need {bits} of 24 bits")


def _largest_sums(total: WeightedSum, given: Interval, matrix: IntArray) -> list[int]:
    """The sum of magnitudes of each channel, in steps of the sum."""
    ends = zip(given.low.tolist(), given.high.tolist(), strict=True)
    largest = np.array([max(abs(a), abs(b)) for a, b in ends], dtype=object)
    groups, (rows, channels) = total.groups, matrix.shape
    within = total.kernel.code.shape[-2]
    by_group = largest.reshape(rows // within, groups, within)
    magnitudes: list[int] = []
    for group in range(groups):
        columns = matrix[:, group * (channels // groups) : (group + 1) * (channels // groups)]
        magnitudes += (np.abs(columns).astype(object).T @ by_group[:, group].ravel()).tolist()
    return magnitudes


def remembered(emit: Emit) -> Emit:
    """The same layer for the same codes: several readers of a sum share it."""
    built: dict[tuple[int, bytes, bytes], Value] = {}

    def once(codes: IntArray, fraction: int, bias: IntArray) -> Value:
        key = fraction, codes.tobytes(), bias.tobytes()
        if key not in built:
            built[key] = emit(codes, fraction, bias)
        return built[key]

    return once


def matrix_interval(name: str, weight: SparseTensor, bias: IntArray, given: Interval) -> Interval:
    """Interval of a sum over the windows of a sparse (..., inputs, channels) weight."""
    channels = weight.shape[-1]
    matrix = SparseTensor((prod(weight.shape[:-1]), channels), weight.type, weight.index, weight.code)
    return sum_interval(name, matrix, bias, given)


def weight_tensor(codes: IntArray, fraction: int, groups: int = 1) -> SparseTensor:
    """Weights (..., inputs of one group, channels) as a full tensor (..., inputs, channels), in the narrowest type."""
    kind = FixedType.holding(int(codes.min(initial=0)), int(codes.max(initial=0)), fraction)
    if groups == 1:
        return SparseTensor.from_dense(codes, kind)
    *window, within, channels = codes.shape
    flat = codes.ravel()
    stored = np.flatnonzero(flat)
    position, rest = np.divmod(stored, within * channels)
    row, column = np.divmod(rest, channels)
    group = column // (channels // groups)
    index = (position * groups * within + group * within + row) * channels + column
    order = np.argsort(index)
    return SparseTensor((*window, groups * within, channels), kind, index[order], flat[stored][order])
