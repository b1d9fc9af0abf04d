"""What each Keras layer asks for, once every one of its options is understood."""

from dataclasses import dataclass

from hwgen.frontend.curves import Curve
from hwgen.frontend.quantizer_types import QuantizerConfig

# A quantizer, another function of one number, "linear", "relu" or "softmax".
Activation = QuantizerConfig | Curve | str


@dataclass(frozen=True, slots=True)
class InputSpec:
    shape: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class BatchNormSpec:
    """Normalization of the last axis; a quantizer for each parameter, or None where it is used as stored."""

    axis: int
    epsilon: float
    center: bool
    scale: bool
    gamma: QuantizerConfig | None = None
    beta: QuantizerConfig | None = None
    mean: QuantizerConfig | None = None
    variance: QuantizerConfig | None = None


@dataclass(frozen=True, slots=True)
class DenseSpec:
    units: int
    use_bias: bool
    kernel: QuantizerConfig
    bias: QuantizerConfig | None
    activation: Activation


@dataclass(frozen=True, slots=True)
class ConvSpec:
    filters: int
    kernel_size: tuple[int, ...]
    strides: tuple[int, ...]
    dilation: tuple[int, ...]
    padding: str
    use_bias: bool
    kernel: QuantizerConfig
    bias: QuantizerConfig | None
    activation: Activation
    batch_norm: BatchNormSpec | None


@dataclass(frozen=True, slots=True)
class ActivationSpec:
    activation: Activation


@dataclass(frozen=True, slots=True)
class PoolSpec:
    """Maximum pooling over ``rank`` spatial axes; a window of None covers everything."""

    rank: int
    window: tuple[int, ...] | None
    strides: tuple[int, ...]
    padding: str
    keepdims: bool


@dataclass(frozen=True, slots=True)
class ReshapeSpec:
    """The target shape, one size of which may be -1."""

    target: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class IdentitySpec:
    """A layer that does nothing at inference."""


Spec = InputSpec | BatchNormSpec | DenseSpec | ConvSpec | ActivationSpec | PoolSpec | ReshapeSpec | IdentitySpec
