"""quantized_po2 and quantized_relu_po2 on parameters: exact values, and where float32 may take others."""

from fractions import Fraction

import numpy as np

from hwgen.frontend.points import estimate
from hwgen.frontend.power_of_two_steps import EPSILON, exponent_steps, magnitude_steps
from hwgen.frontend.quantized_tensor import Float32
from hwgen.frontend.quantizer_types import PowerOfTwo
from hwgen.frontend.real_steps import ListedStep, level_at

_MARGIN = 1e-5  # relative; several times what float32's logarithm is off
_BEYOND_FLOAT32 = Fraction(2) ** 130


def power_of_two_values(weights: Float32, config: PowerOfTwo) -> tuple[list[Fraction], str | None]:
    """The powers of two in C order, and a remark where float32's logarithm is too close to call."""
    thresholds, values = exponent_steps(config)
    step = ListedStep(tuple(thresholds), tuple(range(len(values))))
    known = {w: values[level_at(step, Fraction(w))] for w in set(weights.ravel().tolist())}
    begins = [estimate(t.at) for t in magnitude_steps(config)[0] if t.at != EPSILON]
    centres = np.array([float(begin) for begin in begins if begin < _BEYOND_FLOAT32])
    slope = 1.0 if config.signed else config.negative_slope
    magnitudes = np.where(weights < 0, -slope * weights, weights).astype(np.float64).reshape(-1, 1)
    near = np.abs(magnitudes / centres - 1) < _MARGIN
    if not config.floor:
        near &= magnitudes != centres  # a tie that is a power of two is one to float32 as well
    unsure = int(near.any(axis=1).sum())
    remark = f"{unsure} powers of two lie where float32's logarithm may round otherwise" if unsure else None
    return [known[w] for w in weights.ravel().tolist()], remark
