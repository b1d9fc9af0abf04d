"""quantized_po2 and quantized_relu_po2 on parameters: exact values, and where float32 may take others."""

from fractions import Fraction

import numpy as np

from hwgen.errors import UnsupportedError
from hwgen.frontend.points import estimate
from hwgen.frontend.power_of_two_steps import EPSILON, exponent_steps, magnitude_steps
from hwgen.frontend.quantized_tensor import Float32
from hwgen.frontend.quantizer_types import PowerOfTwo
from hwgen.frontend.real_steps import ListedStep, level_at

_MARGIN = 1e-5  # relative; several times what float32's logarithm is off
_INFINITE = 1 << 128  # in float32
_BEYOND_FLOAT32 = Fraction(2) ** 130


def power_of_two_values(weights: Float32, config: PowerOfTwo, where: str) -> tuple[list[Fraction], str | None]:
    """The powers of two in C order, and a remark where float32's logarithm is too close to call.

    Raises:
        UnsupportedError: one of them is infinite in float32.
    """
    thresholds, values = exponent_steps(config)
    step = ListedStep(tuple(thresholds), tuple(range(len(values))))
    known = {w: values[level_at(step, Fraction(w))] for w in set(weights.ravel().tolist())}
    if any(abs(value) >= _INFINITE for value in known.values()):
        raise UnsupportedError(
            f"{where}: a weight's power of two is infinite in float32; give max_value, or train again."
        )
    begins = [estimate(t.at) for t in magnitude_steps(config)[0] if t.at != EPSILON]
    centres = np.array([float(begin) for begin in begins if begin < _BEYOND_FLOAT32])
    slope = 1.0 if config.signed else config.negative_slope
    magnitudes = np.where(weights < 0, -slope * weights, weights).astype(np.float64).reshape(-1, 1)
    if config.max_value is not None:
        magnitudes = np.minimum(magnitudes, float(np.float32(config.max_value)))
    near = np.abs(magnitudes / centres - 1) < _MARGIN
    unsure = int(near.any(axis=1).sum())
    remark = f"{unsure} powers of two lie where float32's logarithm may round otherwise" if unsure else None
    return [known[w] for w in weights.ravel().tolist()], remark
