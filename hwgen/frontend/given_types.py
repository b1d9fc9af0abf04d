"""Types that the user gives to layers whose weights the model leaves unquantized: ``--quantize``."""

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from hwgen.errors import InputError
from hwgen.fixed import FixedType, Quantizer, parse_quantizer, quantize
from hwgen.frontend.activations import ActivationQuantizer
from hwgen.frontend.quantized_tensor import Float32, QuantizedTensor
from hwgen.frontend.rounding_steps import rounding_step


@dataclass(frozen=True, slots=True)
class GivenTypes:
    """What one layer is rounded to.

    Attributes:
        weights: of its kernels and its bias, as far as the model does not quantize them.
        result: of what it computes, activation included; None leaves it exact.
    """

    weights: Quantizer
    result: Quantizer | None

    def __str__(self) -> str:
        return str(self.weights) if self.result is None else f"{self.weights}:{self.result}"


QuantizeLayers = Mapping[str, str] | None


def read_given_types(given: QuantizeLayers) -> Mapping[str, GivenTypes]:
    """Read ``{"layer": "fixed<16,6,RND,SAT>"}``, or ``"WEIGHTS:RESULT"``.

    Raises:
        InputError: no such types, or without rounding and overflow, which have no default.
    """
    types: dict[str, GivenTypes] = {}
    for layer, text in ({} if given is None else given).items():
        if not isinstance(layer, str) or not isinstance(text, str):
            raise InputError(
                f"quantize: layers' names and types as text are needed, such as "
                f"{{'output': 'fixed<16,6,RND,SAT>'}}; got {layer!r}: {text!r}."
            )
        weights, colon, result = text.partition(":")
        types[layer] = GivenTypes(_rounded(layer, weights), _rounded(layer, result) if colon else None)
    return types


def _rounded(layer: str, text: str) -> Quantizer:
    quantizer = parse_quantizer(text)
    if isinstance(quantizer, FixedType):
        raise InputError(
            f"quantize {layer!r}: {text.strip()!r} says neither rounding nor overflow, and neither has a default; "
            f"write for example '{str(quantizer)[:-1]},RND,SAT>'."
        )
    return quantizer


def given_quantizer(quantizer: Quantizer, where: str) -> ActivationQuantizer:
    """The exact step function of a type with rounding and overflow.

    Raises:
        UnsupportedError: it wraps, so it is no monotone function, or has too many steps.
    """
    return ActivationQuantizer(rounding_step(quantizer, where), quantizer.type, Fraction(1), quantizer, str(quantizer))


def given_tensor(weights: Float32, quantizer: Quantizer, name: str) -> QuantizedTensor:
    """Round stored weights to a type; a remark counts those that this changes."""
    codes = quantize(weights, quantizer)
    exact = np.ldexp(codes.astype(np.float64), -quantizer.type.fraction)
    changed = int((exact != weights).sum())
    remark = f"{changed} of {codes.size} stored weights are rounded to {quantizer} ({name})" if changed else None
    return QuantizedTensor(codes, quantizer.type.fraction, (Fraction(1),), remark)
