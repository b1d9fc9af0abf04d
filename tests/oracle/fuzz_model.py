"""A model as data: layers, options, inputs and a seed for weights; what the fuzzer draws, shrinks and writes down."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from oracle.random_quantizers import scale_is_power_of_two

Options = Mapping[str, Any]

MERGES = ("Add", "Subtract", "Multiply", "Average", "Maximum", "Minimum", "Concatenate")
RECURRENT = ("QSimpleRNN", "QLSTM", "QGRU")
# Without quantizers of their own: hwgen.load is given a type for their weights.
PLAIN = (
    *("Dense", "Conv1D", "Conv2D", "DepthwiseConv1D", "DepthwiseConv2D", "SeparableConv1D", "SeparableConv2D"),
    *("Conv1DTranspose", "Conv2DTranspose"),
)
# Their values are sums of products: on a grid where the scales of their weights are powers of two.
WEIGHTED = (
    *("QDense", "QConv1D", "QConv2D", "QConv2DBatchnorm", "QDepthwiseConv2D", "QDepthwiseConv2DBatchnorm"),
    *("QSeparableConv1D", "QSeparableConv2D", "QConv2DTranspose", *PLAIN),
)
_OFF_THE_GRID = ("BatchNormalization", "QBatchNormalization", "LeakyReLU", "ELU")


@dataclass(frozen=True, slots=True)
class FuzzInput:
    """An input layer.

    Attributes:
        type: for ``hwgen.load``; None where quantizers read it.
    """

    name: str
    shape: tuple[int, ...]
    type: str | None = None


@dataclass(frozen=True, slots=True)
class FuzzLayer:
    """One call of a layer.

    Attributes:
        kind: the class in Keras or QKeras; "Model" for a model in the model.
        inputs: names of the layers or inputs that it reads.
        options: of the class; quantizers as text.
        objects: whether the quantizers are given as objects, not as text.
        wrap: "prune" and "time" for the wrappers PruneLowMagnitude and TimeDistributed.
        shares: the layer that is called once more, with its weights; kind, options and the rest are that one's.
        given: for ``hwgen.load``: the type that its weights are rounded to, or that and, behind a colon, the one that
            its result is rounded to.
        body: the model in the model.
    """

    name: str
    kind: str
    inputs: tuple[str, ...]
    options: Options = field(default_factory=dict)
    objects: bool = False
    wrap: str | None = None
    shares: str | None = None
    given: str | None = None
    body: "FuzzModel | None" = None

    @property
    def given_result(self) -> str | None:
        """The type that its result is rounded to."""
        return self.given.partition(":")[2] or None if self.given is not None else None


@dataclass(frozen=True, slots=True)
class FuzzModel:
    """A model.

    Attributes:
        seed: of weights and samples.
        outputs: names of the layers whose values it returns.
        form: "h5", "keras" or "json", of the file.
        sequential: whether it is built as such, where it is a chain.
        head: for ``hwgen.load``.
    """

    seed: int
    inputs: tuple[FuzzInput, ...]
    layers: tuple[FuzzLayer, ...]
    outputs: tuple[str, ...]
    form: str = "h5"
    sequential: bool = False
    head: str = "logits"

    def as_json(self) -> dict[str, Any]:
        """Everything, in types of JSON."""
        return asdict(self)

    def heads(self) -> set[str | None]:
        """The functions that outputs end in, softmax or sigmoid; None for an output without one."""
        layers = {layer.name: layer for layer in self.layers}
        read = {name for layer in self.layers for name in layer.inputs}
        return {None if name in read else head_of(resolved(layers[name], layers)) for name in self.outputs}

    @property
    def is_chain(self) -> bool:
        """Whether each layer reads the one before it, and the last is the output."""
        names = [self.inputs[0].name, *(layer.name for layer in self.layers)]
        follows = all(
            layer.inputs == (before,) and layer.shares is None
            for layer, before in zip(self.layers, names, strict=False)
        )
        return len(self.inputs) == 1 and follows and self.outputs == (names[-1],) and bool(self.layers)

    def every_layer(self) -> Iterator[FuzzLayer]:
        """Those in models in the model too, after the model."""
        for layer in self.layers:
            yield layer
            if layer.body is not None:
                yield from layer.body.every_layer()


def model_from_json(entry: Any) -> FuzzModel:
    """The inverse of ``FuzzModel.as_json``."""

    def layer(stated: dict[str, Any]) -> FuzzLayer:
        body = stated["body"]
        read = stated | {"inputs": tuple(stated["inputs"]), "body": body and model_from_json(body)}
        return FuzzLayer(**read)

    inputs = tuple(FuzzInput(i["name"], tuple(i["shape"]), i["type"]) for i in entry["inputs"])
    layers = tuple(layer(stated) for stated in entry["layers"])
    return FuzzModel(**entry | {"inputs": inputs, "layers": layers, "outputs": tuple(entry["outputs"])})


def resolved(layer: FuzzLayer, layers: Mapping[str, FuzzLayer]) -> FuzzLayer:
    """The layer that a call is of: itself, or the one that it shares."""
    return layers[layer.shares] if layer.shares is not None else layer


def head_of(layer: FuzzLayer) -> str | None:
    """The function that a layer ends in, where it is one of a model's last layer."""
    if layer.kind == "Softmax":
        return "softmax"
    activation = layer.options.get("activation")
    known = ("softmax", "sigmoid") if layer.kind == "Activation" else ("softmax",)
    return activation if activation in known and layer.given_result is None else None


def is_on_a_grid(layer: FuzzLayer, sources: list[bool]) -> bool:
    """Whether its values are certainly codes times one power of two.

    Args:
        sources: whether those of its inputs are.
    """
    options = layer.options
    activation = options.get("activation")
    if layer.kind in RECURRENT or layer.given_result is not None:
        return True
    if isinstance(activation, str) and "(" in activation:
        return scale_is_power_of_two(activation)
    if activation in ("binary_tanh", "binary_sigmoid"):
        return True
    if activation not in (None, "linear", "relu", "softmax"):
        return False
    if layer.kind in WEIGHTED:
        return all(scale_is_power_of_two(str(text)) for key, text in options.items() if key.endswith("_quantizer"))
    if layer.kind in _OFF_THE_GRID or layer.kind.endswith(("AveragePooling1D", "AveragePooling2D")):
        return False
    if "AveragePooling" in layer.kind or (layer.kind == "ReLU" and options):
        return False
    if layer.kind == "Average" and len(sources) not in (2, 4):
        return False
    if layer.body is not None:
        return not roughness(layer.body)[0] and all(roughness(layer.body)[1].values())
    return all(sources)


def quantizes(layer: FuzzLayer) -> bool:
    """Whether it takes any real number to a code."""
    return layer.kind == "QActivation"


def roughness(model: FuzzModel) -> tuple[list[str], dict[str, bool]]:
    """Layers that read values off every grid and do not quantize them; and for each output, whether it is on one."""
    known = {source.name: True for source in model.inputs}
    layers = {layer.name: layer for layer in model.layers}
    found = []
    for call in model.layers:
        layer, sources = resolved(call, layers), [known[name] for name in call.inputs]
        inner = layer.body is not None and bool(roughness(layer.body)[0])
        if (not all(sources) and not quantizes(layer)) or inner:
            found.append(call.name)
        known[call.name] = is_on_a_grid(layer, sources)
    return found, {name: known[name] for name in model.outputs}
