"""What each Keras layer asks for, once every one of its options is understood."""

from dataclasses import dataclass
from typing import Literal

from hwgen.fixed import Quantizer
from hwgen.frontend.curves import Curve
from hwgen.frontend.quantizer_types import QuantizerConfig
from hwgen.ir import MergeOperation

# Of a weight: what the file says, or the type that the user gives where the file leaves weights unquantized.
WeightQuantizer = QuantizerConfig | Quantizer
# A quantizer, another function of one number, "linear", "relu" or "softmax".
Activation = QuantizerConfig | Curve | str


@dataclass(frozen=True, slots=True)
class RoundedCurve:
    """An activation function inside a recurrent layer, its values rounded to the type that the user gives."""

    curve: Curve
    type: Quantizer


GateActivation = QuantizerConfig | RoundedCurve | Literal["linear", "relu"]


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
    kernel: WeightQuantizer
    bias: WeightQuantizer | None
    activation: Activation
    batch_norm: BatchNormSpec | None


@dataclass(frozen=True, slots=True)
class WindowSpec:
    """A sliding window with weights: one size, stride and dilation a spatial axis."""

    kernel_size: tuple[int, ...]
    strides: tuple[int, ...]
    dilation: tuple[int, ...]
    padding: str


@dataclass(frozen=True, slots=True)
class ConvSpec:
    filters: int
    window: WindowSpec
    groups: int
    use_bias: bool
    kernel: WeightQuantizer
    bias: WeightQuantizer | None
    activation: Activation
    batch_norm: BatchNormSpec | None


@dataclass(frozen=True, slots=True)
class DepthwiseSpec:
    """A convolution of each channel by itself, ``multiplier`` outputs each."""

    multiplier: int
    window: WindowSpec
    use_bias: bool
    kernel: WeightQuantizer
    bias: WeightQuantizer | None
    activation: Activation
    batch_norm: BatchNormSpec | None


@dataclass(frozen=True, slots=True)
class SeparableSpec:
    """A depthwise convolution without bias, and a convolution with a kernel of one over its exact sums."""

    filters: int
    multiplier: int
    window: WindowSpec
    use_bias: bool
    depthwise: WeightQuantizer
    pointwise: WeightQuantizer
    bias: WeightQuantizer | None
    activation: Activation


@dataclass(frozen=True, slots=True)
class TransposedSpec:
    """The transpose of a convolution; ``output_padding`` is None where the input's size alone says the output's."""

    filters: int
    window: WindowSpec
    output_padding: tuple[int, ...] | None
    use_bias: bool
    kernel: WeightQuantizer
    bias: WeightQuantizer | None
    activation: Activation


@dataclass(frozen=True, slots=True)
class RecurrentSpec:
    """A recurrent layer whose states start at zero with every sample.

    Attributes:
        kind: "QSimpleRNN", "QLSTM" or "QGRU".
        recurrent_activation: of gates; "linear" for QSimpleRNN, which has none.
        state: the quantizer of what a step takes from the one before, or None.
        reset_after: of QGRU: whether the reset gate acts on the recurrent sum, not on the state.
    """

    kind: str
    units: int
    kernel: WeightQuantizer
    recurrent: WeightQuantizer
    bias: WeightQuantizer | None
    activation: GateActivation
    recurrent_activation: GateActivation
    state: QuantizerConfig | None
    reset_after: bool
    return_sequences: bool
    go_backwards: bool

    @property
    def gates(self) -> int:
        """Sums of a unit."""
        return {"QSimpleRNN": 1, "QLSTM": 4, "QGRU": 3}[self.kind]


@dataclass(frozen=True, slots=True)
class ActivationSpec:
    activation: Activation


@dataclass(frozen=True, slots=True)
class PoolSpec:
    """Pooling over ``rank`` spatial axes; a window of None covers everything."""

    rank: int
    window: tuple[int, ...] | None
    strides: tuple[int, ...]
    padding: str
    keepdims: bool


@dataclass(frozen=True, slots=True)
class AverageSpec:
    """Average pooling over the window of ``pool``.

    Attributes:
        factor: the quantizer of 1 / area, where the sum is multiplied by that instead of divided.
    """

    pool: PoolSpec
    factor: QuantizerConfig | None
    activation: Activation


@dataclass(frozen=True, slots=True)
class ZeroPaddingSpec:
    """Zeros before and after each spatial axis."""

    zeros: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class CroppingSpec:
    """What is cut off before and after each spatial axis."""

    cut: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class UpSamplingSpec:
    """How often each position is repeated along each spatial axis."""

    repeats: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class PermuteSpec:
    """Which axis each axis of the output is, counted from 1."""

    axes: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class RepeatVectorSpec:
    times: int


@dataclass(frozen=True, slots=True)
class MergeSpec:
    """Several inputs, position by position."""

    operation: MergeOperation
    average: bool = False


@dataclass(frozen=True, slots=True)
class ConcatenateSpec:
    """``axis`` counts the batch axis as 0, or from the end."""

    axis: int


@dataclass(frozen=True, slots=True)
class ReshapeSpec:
    """The target shape, one size of which may be -1."""

    target: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class IdentitySpec:
    """A layer that does nothing at inference."""


WeightedSpec = DenseSpec | ConvSpec | DepthwiseSpec | SeparableSpec | TransposedSpec
MovingSpec = ReshapeSpec | ZeroPaddingSpec | CroppingSpec | UpSamplingSpec | PermuteSpec | RepeatVectorSpec
MergingSpec = MergeSpec | ConcatenateSpec
SingleInputSpec = (
    RecurrentSpec | WeightedSpec | BatchNormSpec | ActivationSpec | PoolSpec | AverageSpec | MovingSpec | IdentitySpec
)
Spec = InputSpec | SingleInputSpec | MergingSpec
