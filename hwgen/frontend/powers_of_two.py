"""quantized_po2 and quantized_relu_po2 on the parameters of a batch norm."""

from fractions import Fraction

import numpy as np

from hwgen.frontend.quantized_tensor import Float32
from hwgen.frontend.quantizer_types import PowerOfTwo

_EPSILON = float(np.float32(1e-7))  # keras.backend.epsilon(): what is smaller takes the smallest exponent


def power_of_two_values(weights: Float32, config: PowerOfTwo) -> tuple[list[Fraction], str | None]:
    """Exact values, and a remark where float32's logarithm is too close to call.

    The exponent is rounded half to even (or down); for ``quadratic`` that of the square root is, and then doubled.
    Source: qkeras 0.9.0, ``_clip_power_of_two``.
    """
    step = 2 if config.quadratic else 1
    values: list[Fraction] = []
    unsure = 0
    for w in weights.ravel().tolist():
        magnitude = abs(w) if config.signed else max(w, 0.0)
        if magnitude < _EPSILON:
            exponent = config.lowest
        else:
            bounded = magnitude if config.max_value is None else min(magnitude, config.max_value)
            logarithm = float(np.log2(np.float64(bounded))) / step
            nearest = int(np.floor(logarithm)) if config.floor else int(np.rint(logarithm))
            edge = abs(logarithm - np.rint(logarithm)) if config.floor else abs(abs(logarithm - nearest) - 0.5)
            exact_power = bounded == 2.0 ** int(np.rint(np.log2(bounded)))
            unsure += int(edge < 1e-5 and not (exact_power and not config.floor))
            exponent = step * min(max(nearest, config.lowest), config.highest)
        sign = -1 if config.signed and w < 0 else 1
        values.append(sign * Fraction(2) ** exponent)
    remark = f"{unsure} powers of two lie where float32's logarithm may round otherwise" if unsure else None
    return values, remark
