"""quantized_po2 and quantized_relu_po2 of an exact number: where each power of two begins.

The exponent is ``round(log2(x))``, half to even, or its floor; for ``quadratic`` twice that of the square root of x. So
powers begin at ``2**(n - 1/2)``, an irrational number, and at ``2**n`` and ``4**(n - 1/2)``, rational ones. With many
bits the smallest power, which what is near zero takes, is zero in float32.
Source: qkeras 0.9.0, ``_clip_power_of_two``.
"""

from fractions import Fraction

from hwgen.frontend.curves import float32
from hwgen.frontend.points import Point, compare, linear, root
from hwgen.frontend.quantizer_types import PowerOfTwo
from hwgen.frontend.thresholds import Threshold

EPSILON = float32(1e-7)  # keras.backend.epsilon(): what is smaller takes the smallest exponent
_SMALLEST = -126  # exponent of float32's smallest normal number; TensorFlow makes zero of what is smaller

# Exponents of what is at least EPSILON and at most float32's largest, and a few on either side.
_FIRST, _LAST = -32, 129

_ZERO = Fraction(0)


def exponent_steps(config: PowerOfTwo) -> tuple[list[Threshold], list[Fraction]]:
    """Thresholds of a real number, ascending, and the values between them, one more."""
    magnitudes, powers = magnitude_steps(config)
    if config.signed:
        negative = [_mirrored(t, Fraction(1)) for t in reversed(magnitudes)]
        values = [-p for p in reversed(powers)]
    elif config.negative_slope:
        slope = Fraction(config.negative_slope)
        negative = [_mirrored(t, slope) for t in reversed(magnitudes)]
        values = [-p for p in reversed(powers)]
    else:
        return magnitudes, powers
    return [*negative, Threshold(_ZERO, strict=False), *magnitudes], [*values, *powers]


def magnitude_steps(config: PowerOfTwo) -> tuple[list[Threshold], list[Fraction]]:
    """The same of a number that is not negative: what is below ``EPSILON`` takes the smallest power."""
    first, last = max(config.lowest, _FIRST), min(config.highest, _LAST)
    steps = [_begin(config, exponent) for exponent in range(first + 1, last + 1)]
    if config.max_value is not None:
        most = float32(config.max_value)
        steps = [step for step in steps if _reached(step, most)]
    passed = sum(_reached(step, EPSILON) for step in steps)
    factor = 2 if config.quadratic else 1
    powers = [Fraction(2) ** (factor * e) for e in range(first, first + len(steps) + 1)]
    smallest = Fraction(2) ** config.lowest if config.lowest >= _SMALLEST else _ZERO
    if passed == 0 and powers[0] == smallest:
        return steps, powers
    return [Threshold(EPSILON, strict=False), *steps[passed:]], [smallest, *powers[passed:]]


def _begin(config: PowerOfTwo, exponent: int) -> Threshold:
    """Where a rounded exponent is reached, before it is doubled; a tie goes to the even one."""
    two = Fraction(2)
    if config.floor:
        return Threshold(two ** (exponent * (2 if config.quadratic else 1)), strict=False)
    at: Point = two ** (2 * exponent - 1)
    if not config.quadratic:
        at = root(_ZERO, Fraction(1), two ** (2 * exponent - 1))
    return Threshold(at, strict=exponent % 2 == 1)


def _reached(threshold: Threshold, value: Fraction) -> bool:
    order = compare(value, _ZERO, Fraction(1), threshold.at)
    return order > 0 or (order == 0 and not threshold.strict)


def _mirrored(threshold: Threshold, slope: Fraction) -> Threshold:
    """Where ``slope * -x`` falls below a threshold."""
    return Threshold(linear(threshold.at, -1 / slope, _ZERO), not threshold.strict)
