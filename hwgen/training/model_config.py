"""The ``[model]`` section of a training configuration, and what every section is made of."""

from collections.abc import Callable
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from hwgen.errors import InputError
from hwgen.training.quantizers import ACTIVATION_QUANTIZERS, WEIGHT_QUANTIZERS, read_quantizer

OUTPUT_LAYER = "output"


def checked(read: Callable[[str], object]) -> AfterValidator:
    """A text that ``read`` accepts; what it refuses, pydantic collects."""

    def check(text: str) -> str:
        try:
            read(text)
        except InputError as error:
            raise ValueError(str(error)) from error
        return text

    return AfterValidator(check)


Name = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_]*$")]
WeightText = Annotated[str, checked(lambda text: read_quantizer(text, WEIGHT_QUANTIZERS))]
ActivationText = Annotated[str, checked(lambda text: read_quantizer(text, ACTIVATION_QUANTIZERS))]


class Section(BaseModel):
    """Frozen, exact about types, and without unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


class WeightedLayer(Section):
    """What dense and convolution layers share; quantizers override those of ``[model]``.

    Attributes:
        name: of the Keras layer; by default its kind and position, such as ``dense1``.
        weights, biases, activation: QKeras quantizers.
    """

    name: Name | None = None
    weights: WeightText | None = None
    biases: WeightText | None = None
    activation: ActivationText | None = None


class DenseLayer(WeightedLayer):
    """A QDense layer and its QActivation; what has more than one axis is flattened before it."""

    kind: Literal["dense"]
    units: Annotated[int, Field(ge=1)]


class ConvLayer(WeightedLayer):
    """A QConv1D, QConv2D or (``batchnorm``) QConv2DBatchnorm layer and its QActivation.

    Attributes:
        kernel: length of the window on every axis, in pixels.
        stride: on every axis, in pixels.
    """

    kind: Literal["conv1d", "conv2d"]
    filters: Annotated[int, Field(ge=1)]
    kernel: Annotated[int, Field(ge=1)]
    stride: Annotated[int, Field(ge=1)] = 1
    padding: Literal["valid", "same"] = "valid"
    batchnorm: bool = False

    @model_validator(mode="after")
    def _batchnorm_in_2d(self) -> Self:
        if self.batchnorm and self.kind == "conv1d":
            raise ValueError("QKeras folds batch normalization into conv2d layers only; drop 'batchnorm'")
        return self


class MaxPoolLayer(Section):
    """Maximum over windows of ``size`` pixels on every axis, side by side."""

    kind: Literal["maxpool"]
    name: Name | None = None
    size: Annotated[int, Field(ge=2)]


LayerConfig = Annotated[DenseLayer | ConvLayer | MaxPoolLayer, Field(discriminator="kind")]


class OutputLayer(Section):
    """``[model.output]``: the QDense layer named ``output``, one output a label; quantizers as in ``WeightedLayer``.

    Attributes:
        softmax: end the Keras model in a softmax. Hardware reports the logits before it either way.
    """

    weights: WeightText | None = None
    biases: WeightText | None = None
    softmax: bool = True


class ModelConfig(Section):
    """``[model]``: quantizers for every layer that names none, and the layers.

    Attributes:
        name: of the Keras model and of what is generated from it.
        weights, biases, activation: QKeras quantizers; no defaults.
        layers: hidden layers, first to last.
        output: the layer of logits that follows them.
    """

    name: Name
    weights: WeightText | None = None
    biases: WeightText | None = None
    activation: ActivationText | None = None
    layers: tuple[LayerConfig, ...] = ()
    output: OutputLayer = OutputLayer()

    @model_validator(mode="after")
    def _complete(self) -> Self:
        names = self.layer_names()
        twice = sorted({name for name in names if [*names, OUTPUT_LAYER].count(name) > 1})
        if twice:
            raise ValueError(f"layer names must differ from each other and from {OUTPUT_LAYER!r}; twice: {twice[0]!r}")
        dense = False
        for name, layer in zip(names, self.layers, strict=True):
            if dense and not isinstance(layer, DenseLayer):
                raise ValueError(f"only dense layers may follow a dense layer; {name!r} is of kind {layer.kind!r}")
            dense = isinstance(layer, DenseLayer)
            if not isinstance(layer, MaxPoolLayer):
                for key in ("weights", "biases", "activation"):
                    self.quantizer(layer, key, name)
        for key in ("weights", "biases"):
            self.quantizer(self.output, key, OUTPUT_LAYER)
        return self

    def layer_names(self) -> list[str]:
        """Names of the hidden layers: as given, else kind and count, such as ``dense1``, ``conv2d1``, ``dense2``."""
        names, seen = [], dict.fromkeys(("dense", "conv1d", "conv2d", "maxpool"), 0)
        for layer in self.layers:
            seen[layer.kind] += 1
            names.append(layer.name or f"{layer.kind}{seen[layer.kind]}")
        return names

    def quantizer(self, layer: WeightedLayer | OutputLayer, key: str, name: str) -> str:
        """The layer's own quantizer for ``key`` ("weights", "biases" or "activation"), else the model's."""
        text = getattr(layer, key) or getattr(self, key)
        if text is None:
            raise ValueError(f"there is no default precision: give {key!r} to layer {name!r} or to the whole model")
        return str(text)
