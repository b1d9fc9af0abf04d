"""A multiplication and an addition for each channel, out of the layers that a Network has."""

from fractions import Fraction
from math import prod

import numpy as np

from hwgen.errors import UnsupportedError
from hwgen.fixed import FixedType, IntArray
from hwgen.frontend.names import Names
from hwgen.frontend.sums import fraction_bits, matrix_interval, weight_tensor
from hwgen.ir import Conv, Dense, Interval, Layer, Reshape, Value

Factor = tuple[Fraction, Fraction]  # what a channel is multiplied by, and what is added then; binary fractions
NEUTRAL: Factor = Fraction(1), Fraction(0)

_WIDEST = 60  # bits of a weight or a bias


def multiply_channels(value: Value, factors: list[Factor], given: Interval, names: Names, where: str) -> list[Layer]:
    """Layers, the last of which defines ``value * slope + offset``, channel by channel.

    Raises:
        UnsupportedError: the factors need too many bits.
    """
    channels = value.shape[-1]
    fraction = max(fraction_bits(slope) for slope, _ in factors)
    fraction = max(fraction, *(fraction_bits(offset) - value.type.fraction for _, offset in factors))
    codes = [int(slope * Fraction(2) ** fraction) for slope, _ in factors]
    bias_codes = [int(offset * Fraction(2) ** (fraction + value.type.fraction)) for _, offset in factors]
    widest = max(abs(code) for code in (*codes, *bias_codes)).bit_length()
    if widest > _WIDEST:
        raise UnsupportedError(
            f"{where}: the scales before it need {widest} bits (at most {_WIDEST}); put a QActivation in between."
        )
    bias = np.array(bias_codes, dtype=np.int64)
    if len(value.shape) == 1:
        weight = weight_tensor(np.diag(np.array(codes, dtype=np.int64)), fraction)
        interval = matrix_interval(where, weight, bias, given)
        name = names.unique(f"{value.name}_scaled")
        output = Value(name, value.shape, FixedType.holding(*interval.bounds, fraction + value.type.fraction))
        return [Dense(name, value.name, output, weight, bias)]
    return _by_convolution(value, np.array(codes, dtype=np.int64), bias, fraction, given, names, channels)


def _by_convolution(
    value: Value, codes: IntArray, bias: IntArray, fraction: int, given: Interval, names: Names, channels: int
) -> list[Layer]:
    """A convolution with a kernel of one, each channel a group; over one axis where the value has more than two."""
    layers: list[Layer] = []
    source, spatial = value, len(value.shape) - 1
    if spatial > 2:
        name = names.unique(f"{value.name}_in_a_row")
        source, spatial = Value(name, (prod(value.shape[:-1]), channels), value.type), 1
        layers.append(Reshape(name, value.name, source))
    ones = (1,) * spatial
    weight = weight_tensor(codes.reshape(*ones, 1, channels), fraction, channels)
    interval = matrix_interval(value.name, weight, bias, given)
    name = names.unique(f"{value.name}_scaled")
    output = Value(name, source.shape, FixedType.holding(*interval.bounds, fraction + value.type.fraction))
    layers.append(Conv(name, source.name, output, weight, bias, ones, ((0, 0),) * spatial, ones, channels))
    if source is not value:
        name = names.unique(f"{value.name}_scaled_in_shape")
        layers.append(Reshape(name, output.name, Value(name, value.shape, output.type)))
    return layers
