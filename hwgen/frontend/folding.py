"""Batch normalization: its parameters as exact rationals, and its folding into a kernel before quantization."""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Self

import numpy as np

from hwgen.errors import UnsupportedError
from hwgen.fixed import IntArray, Quantizer
from hwgen.frontend.activations import bits_quantizer
from hwgen.frontend.affine import Affine
from hwgen.frontend.graph import Node
from hwgen.frontend.parameters import (
    parameter_values,
    quantize_parameter,
    scaled_parameter,
    trainable,
)
from hwgen.frontend.points import rational_root, root_estimate
from hwgen.frontend.quantized_tensor import Float32, QuantizedTensor
from hwgen.frontend.quantizer_types import QuantizedBits, QuantizerConfig
from hwgen.frontend.specs import BatchNormSpec, ConvSpec, DenseSpec, DepthwiseSpec
from hwgen.frontend.thresholds import Threshold

# gamma, beta, mean, variance + epsilon
Parameters = tuple[Fraction, Fraction, Fraction, Fraction]

# float32 folds with a reciprocal square root and two products: a few units in the last place.
_FLOAT32_FOLD_ERROR = 2.0**-21
_FLOAT64_ERROR = 2.0**-40  # many times what a product and a sum round: closer values are decided exactly


def batch_norm_parameters(node: Node, spec: BatchNormSpec, channels: int) -> tuple[list[Parameters], list[str]]:
    """Parameters of every channel as the exact rationals that the file and its quantizers give.

    Returns:
        (gamma, beta, mean, variance + epsilon) a channel, and remarks on where float32 may differ.
    Raises:
        UnsupportedError: a parameter is missing or of the wrong size, or variance + epsilon is not positive.
    """
    where = f"layer {node.name!r} ({node.class_name})"
    remarks: list[str] = []

    def read(name: str, config: QuantizerConfig | None, promote: bool) -> list[Fraction]:
        stored = node.weights.get(name)
        if stored is None or stored.shape != (channels,):
            found = "none" if stored is None else f"shape {stored.shape}"
            raise UnsupportedError(f"{where}: needs a {name!r} of shape ({channels},), the file holds {found}.")
        quantizer = trainable(config) if promote and config is not None else config
        values, remark = parameter_values(stored, quantizer, f"{where}, {name}")
        if remark:
            remarks.append(f"{name}: {remark}")
        return values

    gamma = read("gamma", spec.gamma, True) if spec.scale else [Fraction(1)] * channels
    beta = read("beta", spec.beta, False) if spec.center else [Fraction(0)] * channels
    mean = read("moving_mean", spec.mean, False)
    variance = read("moving_variance", spec.variance, True)
    epsilon = Fraction(float(np.float32(spec.epsilon)))
    shifted = [v + epsilon for v in variance]
    if min(shifted) <= 0:
        channel = shifted.index(min(shifted))
        raise UnsupportedError(
            f"{where}: variance + epsilon is {float(min(shifted)):g} in channel {channel}; must be positive."
        )
    return list(zip(gamma, beta, mean, shifted, strict=True)), remarks


@dataclass(frozen=True, slots=True)
class Folded:
    """The weights that a batch norm is folded into.

    Attributes:
        kernel: its quantizer.
        bias: its quantizer.
        use_bias: whether a bias is stored.
        shape: the stored kernel's.
        channels: of the output: the product of the last one or two of those sizes.
        kernel_name: in the file.
    """

    kernel: QuantizerConfig
    bias: QuantizerConfig
    use_bias: bool
    shape: tuple[int, ...]
    channels: int
    kernel_name: str = "kernel"

    @classmethod
    def of(
        cls, spec: DenseSpec | ConvSpec | DepthwiseSpec, shape: tuple[int, ...], channels: int, name: str = "kernel"
    ) -> Self:
        """What a layer that holds a batch norm folds it into."""
        # The parser asks the file for both quantizers.
        assert not isinstance(spec.kernel, Quantizer)
        assert spec.bias is not None
        assert not isinstance(spec.bias, Quantizer)
        return cls(spec.kernel, spec.bias, spec.use_bias, shape, channels, name)


def check_last_axis(where: str, norm: BatchNormSpec, last: int) -> None:
    """Refuse the normalization of another axis than the last, which is also called -1."""
    if norm.axis not in (-1, last):
        raise UnsupportedError(f"{where}: axis={norm.axis} is not the last axis.")


def fold_batch_norm(
    node: Node, norm: BatchNormSpec, into: Folded
) -> tuple[QuantizedTensor, tuple[Fraction, ...], list[str]]:
    """Kernel and bias with batch norm folded in, then quantized: q(W·g), q((b - mean)·g + beta).

    ``g = gamma / sqrt(variance + epsilon)`` is exact here; weights that float32's own folding may round otherwise are
    counted in the remarks.

    Returns:
        The kernel, of its stored shape; the bias of each channel; and remarks.
    """
    where = f"layer {node.name!r} ({node.class_name})"
    channels = into.channels
    parameters, remarks = batch_norm_parameters(node, norm, channels)
    roots = [p[3] for p in parameters]
    weights = _stored(node, into.kernel_name, into.shape, where)
    bias = _stored(node, "bias", (channels,), where) if into.use_bias else np.zeros(channels, dtype=np.float32)
    kernel, remark = _quantize_folded(
        weights.reshape(-1, channels),
        [p[0] for p in parameters],
        [Fraction(0)] * channels,
        roots,
        trainable(into.kernel),
        f"{where}, kernel",
        into.shape,
    )
    remarks += [f"kernel: {remark}"] if remark else []
    slopes = [gamma * (Fraction(b) - mean) for (gamma, _, mean, _), b in zip(parameters, bias.tolist(), strict=True)]
    ones = np.ones(channels, dtype=np.float32)
    folded, remark = _quantize_folded(
        ones, slopes, [p[1] for p in parameters], roots, into.bias, f"{where}, bias", (channels,)
    )
    remarks += [f"bias: {remark}"] if remark else []
    return kernel, tuple(folded.values()), remarks


def _stored(node: Node, name: str, shape: tuple[int, ...], where: str) -> Float32:
    weights = node.weights.get(name)
    if weights is None or weights.shape != shape:
        found = "none" if weights is None else f"shape {weights.shape}"
        raise UnsupportedError(f"{where}: needs a {name} of shape {shape}, the file holds {found}.")
    return weights


def _quantize_folded(
    weights: Float32,
    slope: Sequence[Fraction],
    offset: Sequence[Fraction],
    root: Sequence[Fraction],
    config: QuantizerConfig,
    where: str,
    shape: tuple[int, ...],
) -> tuple[QuantizedTensor, str | None]:
    """Quantize ``weights * slope / sqrt(root) + offset``, channels last, as a tensor of a shape."""
    inverse = np.array([float(s / root_estimate(r)) for s, r in zip(slope, root, strict=True)])
    shift = np.array([float(o) for o in offset])
    product = weights.astype(np.float64) * inverse
    folded = product + shift
    if np.abs(folded).max(initial=0) > np.finfo(np.float32).max:
        raise UnsupportedError(f"{where}: with the batch norm folded in, it overflows float32; train again.")
    with np.errstate(under="ignore"):
        folded32 = folded.astype(np.float32)
    quantizer = None
    if isinstance(config, QuantizedBits) and not isinstance(config.alpha, str):
        quantizer = bits_quantizer(config)
    if quantizer is None or not isinstance(config, QuantizedBits):
        tensor = quantize_parameter(folded32.reshape(shape), config, where)
        return tensor, tensor.remark or "folded and scaled in float32, whose last bit depends on the machine"
    fraction = quantizer.type.fraction
    scaled = np.ldexp(folded, fraction)
    terms = np.ldexp(np.abs(product) + np.abs(shift), fraction)  # what float64 and float32 round relative to
    distance = np.abs(np.abs(scaled - np.floor(scaled)) - 0.5)
    code = np.rint(scaled)
    inside = np.abs(scaled) <= 2.0 ** (quantizer.type.width + 1)
    for index in np.argwhere(inside & (distance < 1e-9 + _FLOAT64_ERROR * terms)):
        position = tuple(int(i) for i in index)
        channel = position[-1]
        code[position] = _round_exactly(
            Fraction(float(weights[position])) * slope[channel] * Fraction(2) ** fraction,
            root[channel],
            offset[channel] * Fraction(2) ** fraction,
        )
    clipped: IntArray = np.clip(code, quantizer.low, quantizer.high).astype(np.int64)
    unsure = int((inside & (distance < _FLOAT32_FOLD_ERROR * np.maximum(1.0, terms))).sum())
    tensor = scaled_parameter(folded32.reshape(shape), clipped.reshape(shape), fraction, config.alpha, where)
    if unsure:
        return tensor, f"{unsure} of {code.size} lie so near a tie that float32 may round them otherwise"
    return tensor, tensor.remark


def _round_exactly(slope: Fraction, root: Fraction, offset: Fraction) -> int:
    """Round half to even of ``slope / sqrt(root) + offset``, decided by exact comparison."""
    rational = rational_root(root)
    function = (
        Affine.linear(Fraction(0), slope / rational + offset) if rational else Affine(Fraction(0), slope, root, offset)
    )
    estimate = slope / root_estimate(root) + offset
    floor = estimate.numerator // estimate.denominator
    for candidate in (floor + 2, floor + 1, floor):
        # reaching candidate - 1/2 rounds to it, unless a tie goes to the even code below
        if function.reaches(0, Threshold(candidate - Fraction(1, 2), strict=candidate % 2 == 1)):
            return candidate
    return floor - 1
