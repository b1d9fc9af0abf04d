"""Draws models as data: every layer class, quantizer and way to connect them, up to 12 layers, from a seed."""

import random
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from math import prod
from typing import Any

from oracle.fuzz_model import (
    MERGES,
    PLAIN,
    RECURRENT,
    FuzzInput,
    FuzzLayer,
    FuzzModel,
    is_on_a_grid,
    quantizes,
    resolved,
)
from oracle.fuzz_shapes import ImpossibleError, Shape, output_shape
from oracle.random_quantizers import activation_quantizer, bias_quantizer, kernel_quantizer

MOST_LAYERS = 12
_MOST_BITS = 6
_TRIES = 30
_CURVES = ("relu", "tanh", "sigmoid", "softsign", "softplus", "exponential", "elu", "selu", "hard_sigmoid", "linear")
_PRUNED = ("QDense", "QConv1D", "QConv2D")
_TIMED = (
    *("QDense", "QActivation", "BatchNormalization", "Flatten", "ReLU", "QConv1D", "MaxPooling1D", "AveragePooling1D"),
    *("Dropout", "QSeparableConv1D", "ZeroPadding1D"),
)
_STATES = ("quantized_bits(4,0,alpha=1)", "quantized_bits(3,1,alpha=1)", "ternary(alpha=1)", "binary(alpha=1)")
_GATES = ("quantized_sigmoid(3)", "quantized_relu(3,0)", "quantized_bits(3,0,alpha=1)", "binary(alpha=1)")
_BOUNDED = ("quantized_tanh(4)", "quantized_bits(4,0,alpha=1)", "quantized_relu(3,1)", "quantized_tanh(3,0,1,1)")

_ROUNDINGS = ("TRN", "TRN_ZERO", "RND", "RND_ZERO", "RND_INF", "RND_MIN_INF", "RND_CONV")
_GATES_OF = {"QSimpleRNN": 1, "QLSTM": 4, "QGRU": 3}

Draw = Callable[[random.Random, Shape], dict[str, Any]]


def draw_model(seed: int) -> FuzzModel:
    """The model of a seed: 1 to 12 layers, those in models in the model counted too."""
    rng = random.Random(f"fuzz {seed}")
    wanted = rng.randint(1, MOST_LAYERS)
    while True:
        made = _Drawing(rng, wanted).model(seed)
        if sum(1 for _ in made.every_layer()) <= MOST_LAYERS:
            return made


# ---- options of each class


def _quantizers(rng: random.Random, *kernels: str) -> dict[str, Any]:
    found: dict[str, Any] = {f"{name}_quantizer": kernel_quantizer(rng, _MOST_BITS) for name in kernels}
    if rng.random() < 0.2:
        return found | {"use_bias": False}
    return found | {"bias_quantizer": bias_quantizer(rng, _MOST_BITS)}


def _own_activation(rng: random.Random) -> dict[str, Any]:
    if rng.random() < 0.7:
        return {}
    drawn = "relu" if rng.random() < 0.3 else activation_quantizer(rng, _MOST_BITS)
    # QKeras writes binary_tanh of a layer as a function of no module, which anyone's could be: it is refused.
    return {} if drawn.startswith("binary_") else {"activation": drawn}


def _window(rng: random.Random, shape: Shape, paddings: tuple[str, ...] = ("same", "valid")) -> dict[str, Any]:
    rank = len(shape) - 1
    options: dict[str, Any] = {
        "kernel_size": [rng.randint(1, min(3, n)) for n in shape[:-1]],
        "padding": rng.choice(paddings),
    }
    if rng.random() < 0.3:
        options["strides"] = [rng.randint(1, 3) for _ in range(rank)] if rng.random() < 0.5 else [2] * rank
    elif rng.random() < 0.2:
        options["dilation_rate"] = [2] * rank
    return options


def _dense(*kernels: str) -> Draw:
    return lambda rng, shape: {"units": rng.randint(1, 6)} | _quantizers(rng, *kernels) | _own_activation(rng)


def _conv(rank: int, quantized: bool = True) -> Draw:
    def draw(rng: random.Random, shape: Shape) -> dict[str, Any]:
        groups = rng.choice([g for g in (1, 2, 3) if shape[-1] % g == 0]) if rng.random() < 0.3 else 1
        options = {"filters": groups * rng.randint(1, 3)} | ({"groups": groups} if groups > 1 else {})
        options |= _window(rng, shape, ("same", "valid", "causal") if rank == 1 else ("same", "valid"))
        return options | (_quantizers(rng, "kernel") | _own_activation(rng) if quantized else _plain(rng))

    return draw


def _folded(name: str) -> Draw:
    def draw(rng: random.Random, shape: Shape) -> dict[str, Any]:
        options = _window(rng, shape)
        options.pop("dilation_rate", None)
        options |= {"filters": rng.randint(1, 3)} if name == "kernel" else {"depth_multiplier": rng.randint(1, 2)}
        options |= {
            f"{name}_quantizer": kernel_quantizer(rng, _MOST_BITS),
            "bias_quantizer": bias_quantizer(rng, _MOST_BITS),
            "use_bias": rng.random() < 0.8,
            "folding_mode": rng.choice(["ema_stats_folding", "batch_stats_folding"]),
            "epsilon": rng.choice([1e-3, 1e-5]),
        }
        return options | _own_activation(rng)

    return draw


def _depthwise(quantized: bool) -> Draw:
    def draw(rng: random.Random, shape: Shape) -> dict[str, Any]:
        options = _window(rng, shape) | {"depth_multiplier": rng.randint(1, 2)}
        return options | (_quantizers(rng, "depthwise") | _own_activation(rng) if quantized else _plain(rng))

    return draw


def _separable(rank: int, quantized: bool) -> Draw:
    def draw(rng: random.Random, shape: Shape) -> dict[str, Any]:
        causal = rank == 1 and not quantized  # QKeras's own cannot be called with it
        options = _window(rng, shape, ("same", "valid", *(["causal"] if causal else [])))
        options |= {"filters": rng.randint(1, 3), "depth_multiplier": rng.randint(1, 2)}
        own = _quantizers(rng, "depthwise", "pointwise") | _own_activation(rng)
        return options | (own if quantized else _plain(rng))

    return draw


def _transposed(quantized: bool) -> Draw:
    def draw(rng: random.Random, shape: Shape) -> dict[str, Any]:
        options = _window(rng, shape) | {"filters": rng.randint(1, 3)}
        strides = options.get("strides")
        if strides is not None and rng.random() < 0.3:
            options["output_padding"] = [rng.randint(0, s - 1) for s in strides]
        return options | (_quantizers(rng, "kernel") | _own_activation(rng) if quantized else _plain(rng))

    return draw


def _plain(rng: random.Random) -> dict[str, Any]:
    options: dict[str, Any] = {} if rng.random() < 0.8 else {"use_bias": False}
    return options | ({"activation": "relu"} if rng.random() < 0.3 else {})


def _norm(rng: random.Random, shape: Shape) -> dict[str, Any]:
    return {"epsilon": rng.choice([1e-3, 1e-5]), "scale": rng.random() < 0.85, "center": rng.random() < 0.85}


def _q_norm(rng: random.Random, shape: Shape) -> dict[str, Any]:
    """QKeras's own quantizers half of the time."""
    options = _norm(rng, shape)
    if rng.random() < 0.5:
        return options
    return options | {
        "gamma_quantizer": f"quantized_bits({rng.randint(4, 8)},1,alpha=1)",
        "beta_quantizer": rng.choice(["quantized_bits(6,1,alpha=1)", "quantized_po2(4)"]),
        "mean_quantizer": rng.choice(["quantized_bits(6,1,alpha=1)", "quantized_po2(5)"]),
        "variance_quantizer": f"quantized_relu_po2({rng.randint(4, 6)})",
    }


def _pool(average: bool, quantized: bool = False) -> Draw:
    def draw(rng: random.Random, shape: Shape) -> dict[str, Any]:
        sizes = [rng.randint(1, min(3, n)) for n in shape[:-1]]
        options: dict[str, Any] = {
            "pool_size": sizes if len(sizes) > 1 else sizes[0],
            "padding": rng.choice(["same", "valid"]),
        }
        if rng.random() < 0.5:
            options["strides"] = rng.randint(1, 3)
        return options | (_reciprocal(rng) if quantized else {})

    return draw


def _reciprocal(rng: random.Random) -> dict[str, Any]:
    own = _own_activation(rng)
    if own.get("activation") == "relu":  # which QKeras writes as a function of no module here
        own = {}
    return {"average_quantizer": f"quantized_bits({rng.randint(4, 8)},0,alpha=1)"} | own


def _global_pool(quantized: bool = False) -> Draw:
    return lambda rng, shape: {"keepdims": rng.random() < 0.5} | (_reciprocal(rng) if quantized else {})


def _recurrent(kind: str) -> Draw:
    def draw(rng: random.Random, shape: Shape) -> dict[str, Any]:
        state = rng.choice(_STATES) if kind != "QSimpleRNN" or rng.random() < 0.6 else None
        options: dict[str, Any] = {
            "units": rng.randint(1, 3),
            "kernel_quantizer": kernel_quantizer(rng, 4),
            "recurrent_quantizer": kernel_quantizer(rng, 4),
            "state_quantizer": state,
            "activation": rng.choice((*_BOUNDED, "relu", "linear") if kind == "QLSTM" or state else _BOUNDED),
            "return_sequences": rng.random() < 0.5,
            "go_backwards": rng.random() < 0.3,
        }
        options |= {"use_bias": False} if rng.random() < 0.3 else {"bias_quantizer": bias_quantizer(rng, 5)}
        if kind != "QSimpleRNN":
            options |= {"recurrent_activation": rng.choice(_GATES), "implementation": rng.choice([1, 2])}
        if kind == "QGRU":
            options["reset_after"] = rng.random() < 0.5
            options["activation"] = rng.choice(_BOUNDED)
        return options

    return draw


def _pairs(key: str, rank: int) -> Draw:
    def draw(rng: random.Random, shape: Shape) -> dict[str, Any]:
        pairs = [[rng.randint(0, 2), rng.randint(0, 2)] for _ in range(rank)]
        return {key: pairs if rank > 1 else pairs[0]}

    return draw


def _reshape(rng: random.Random, shape: Shape) -> dict[str, Any]:
    size = prod(shape)
    first = rng.choice([n for n in range(1, size + 1) if size % n == 0])
    second = rng.choice([n for n in range(1, size // first + 1) if (size // first) % n == 0])
    return {"target_shape": rng.choice([[first, size // first], [first, second, size // first // second], [size]])}


def _relu(rng: random.Random, shape: Shape) -> dict[str, Any]:
    if rng.random() < 0.4:
        return {}
    slope, threshold = rng.choice([0.0, 0.25, 0.1]), rng.choice([0.0, 0.5])
    return {"max_value": rng.choice([None, 6.0, 1.5]), "negative_slope": slope, "threshold": threshold}


def _nothing(rng: random.Random, shape: Shape) -> dict[str, Any]:
    return {}


def _activation(rng: random.Random, shape: Shape) -> dict[str, Any]:
    return {"activation": rng.choice(_CURVES)}


def _channels(kind: str, options: dict[str, Any], shape: Shape) -> dict[str, int]:
    """Numbers along the last axis of what each quantizer of a layer is given."""
    outputs = options.get("units", options.get("filters", 0))
    if kind in RECURRENT:
        return dict.fromkeys(("kernel_quantizer", "recurrent_quantizer"), _GATES_OF[kind] * outputs)
    if kind == "QConv2DTranspose":
        return {"kernel_quantizer": shape[-1], "bias_quantizer": outputs}
    multiplier = options.get("depth_multiplier", 1)
    if kind.startswith("QDepthwise"):
        return {"depthwise_quantizer": multiplier, "bias_quantizer": multiplier * shape[-1]}
    if kind.startswith("QSeparable"):
        return {"depthwise_quantizer": multiplier, "pointwise_quantizer": outputs, "bias_quantizer": outputs}
    return dict.fromkeys(("kernel_quantizer", "bias_quantizer"), outputs)


def _scaled(rng: random.Random, kind: str, options: dict[str, Any], shape: Shape) -> dict[str, Any]:
    """The options, with one scale for each channel instead of one for all now and then."""
    made = dict(options)
    for key, count in _channels(kind, options, shape).items():
        text = options.get(key)
        if not isinstance(text, str) or not count:
            continue
        # QKeras builds no layer with an array in binary or ternary.
        if text.startswith("quantized_bits(") and text.endswith("alpha=1)") and rng.random() < 0.5:
            numbers = (0.25, 0.5, 1.0, 2.0) if rng.random() < 0.6 else (0.3, 0.5, 0.75, 1.0)
            made[key] = f"{text[:-2]}np.array({[rng.choice(numbers) for _ in range(count)]}))"
    return made


def _head_type(rng: random.Random, largest_is_one: bool) -> str:
    """A type for probabilities."""
    width, rounding = rng.randint(2, 6), rng.choice(_ROUNDINGS)
    if largest_is_one and rng.random() < 0.3:
        return f"{rng.choice(['', 'u'])}fixed<{width + 2},2,{rounding},{rng.choice(['WRAP', 'SAT_ZERO'])}>"
    overflow = rng.choice(["SAT", "SAT_SYM"])
    return rng.choice([f"ufixed<{width},0,{rounding},{overflow}>", f"fixed<{width + 1},1,{rounding},{overflow}>"])


# How the options of each class are drawn for an input of a shape.
CLASSES: dict[str, Draw] = {
    "QDense": _dense("kernel"),
    "Dense": lambda rng, shape: {"units": rng.randint(1, 6)} | _plain(rng),
    "QConv1D": _conv(1),
    "QConv2D": _conv(2),
    "Conv1D": _conv(1, quantized=False),
    "Conv2D": _conv(2, quantized=False),
    "QConv2DBatchnorm": _folded("kernel"),
    "QDepthwiseConv2DBatchnorm": _folded("depthwise"),
    "QDepthwiseConv2D": _depthwise(quantized=True),
    "DepthwiseConv1D": _depthwise(quantized=False),
    "DepthwiseConv2D": _depthwise(quantized=False),
    "QSeparableConv1D": _separable(1, quantized=True),
    "QSeparableConv2D": _separable(2, quantized=True),
    "SeparableConv1D": _separable(1, quantized=False),
    "SeparableConv2D": _separable(2, quantized=False),
    "QConv2DTranspose": _transposed(quantized=True),
    "Conv1DTranspose": _transposed(quantized=False),
    "Conv2DTranspose": _transposed(quantized=False),
    **{kind: _recurrent(kind) for kind in RECURRENT},
    "BatchNormalization": _norm,
    "QBatchNormalization": _q_norm,
    "QActivation": lambda rng, shape: {"activation": activation_quantizer(rng, _MOST_BITS)},
    "Activation": _activation,
    "ReLU": _relu,
    "LeakyReLU": lambda rng, shape: {"alpha": rng.choice([0.3, 0.25, 0.1])},
    "ELU": lambda rng, shape: {"alpha": rng.choice([1.0, 0.5])},
    "Softmax": _nothing,
    **{f"MaxPooling{rank}D": _pool(average=False) for rank in (1, 2)},
    **{f"AveragePooling{rank}D": _pool(average=True) for rank in (1, 2)},
    "QAveragePooling2D": _pool(average=True, quantized=True),
    **{f"Global{what}Pooling{rank}D": _global_pool() for what in ("Max", "Average") for rank in (1, 2)},
    "QGlobalAveragePooling2D": _global_pool(quantized=True),
    **{f"ZeroPadding{rank}D": _pairs("padding", rank) for rank in (1, 2)},
    **{f"Cropping{rank}D": _pairs("cropping", rank) for rank in (1, 2)},
    "UpSampling1D": lambda rng, shape: {"size": rng.randint(1, 3)},
    "UpSampling2D": lambda rng, shape: {"size": [rng.randint(1, 2), rng.randint(1, 2)]},
    "Permute": lambda rng, shape: {"dims": rng.sample(range(1, len(shape) + 1), len(shape))},
    "RepeatVector": lambda rng, shape: {"n": rng.randint(1, 4)},
    **{kind: _nothing for kind in MERGES if kind != "Concatenate"},
    "Concatenate": lambda rng, shape: {"axis": rng.choice([-1, rng.randint(1, len(shape))])},
    "Flatten": _nothing,
    "Reshape": _reshape,
    "Dropout": lambda rng, shape: {"rate": 0.2},
    "SpatialDropout1D": lambda rng, shape: {"rate": 0.2},
    "SpatialDropout2D": lambda rng, shape: {"rate": 0.2},
    "GaussianDropout": lambda rng, shape: {"rate": 0.2},
    "GaussianNoise": lambda rng, shape: {"stddev": 0.5},
    "ActivityRegularization": lambda rng, shape: {"l2": 0.01},
}
# Drawn rarely: they change nothing at inference.
_RARE = (
    "Dropout",
    "SpatialDropout1D",
    "SpatialDropout2D",
    "GaussianDropout",
    "GaussianNoise",
    "ActivityRegularization",
)
_SINGLE = tuple(kind for kind in CLASSES if kind not in (*MERGES, "Softmax"))


# ---- how layers are connected


@dataclass(slots=True)
class _Tensor:
    name: str
    shape: Shape
    on_grid: bool


@dataclass(slots=True)
class _Drawing:
    """One model while it is drawn; a model in it has a drawing of its own and shares the counter of names."""

    rng: random.Random
    wanted: int
    depth: int = 0
    count: list[int] = field(default_factory=lambda: [0])
    layers: list[FuzzLayer] = field(default_factory=list)
    tensors: list[_Tensor] = field(default_factory=list)

    def chance(self, probability: float) -> bool:
        return self.rng.random() < probability

    def name(self, kind: str) -> str:
        self.count[0] += 1
        return f"{kind}{self.count[0]}"

    @property
    def size(self) -> int:
        return sum(1 + (len(layer.body.layers) if layer.body else 0) for layer in self.layers)

    def model(self, seed: int) -> FuzzModel:
        rng = self.rng
        rank = rng.choice([0, 1, 1, 2, 2])
        shape = (*(rng.randint(2, 6) for _ in range(rank)), rng.randint(1, 4) if rank else rng.randint(1, 8))
        inputs = [FuzzInput(self.name("in"), shape, self.type()) for _ in range(rng.choice([1, 1, 1, 2]))]
        for number, source in enumerate(inputs):
            tensor = _Tensor(source.name, shape, True)
            self.tensors.append(tensor)
            if self.chance(0.2):
                text = f"quantized_bits({rng.randint(2, 6)},{rng.randint(0, 2)},alpha=1)"
                self.add("QActivation", [tensor], {"activation": text})
                self.tensors.remove(tensor)
                if self.chance(0.7):
                    inputs[number] = replace(source, type=None)
        if len(inputs) == 2:
            self.merge(self.tensors[-1])
        self.grow()
        self.end()
        made = FuzzModel(seed, tuple(inputs), tuple(self.layers), self.outputs(), rng.choice(["h5", "keras", "json"]))
        made = without_dead_layers(made)
        made = replace(made, head=self.head(made))
        return replace(made, sequential=made.is_chain and self.chance(0.5))

    def head(self, made: FuzzModel) -> str:
        """Probabilities where every output ends in the function for it."""
        ends = made.heads()
        if ends in ({"softmax"}, {"sigmoid"}) and self.chance(0.6):
            (end,) = ends
            return f"{end}={_head_type(self.rng, end == 'softmax')}"
        return "argmax" if self.chance(0.15) else "logits"

    def body(self, shapes: list[Shape]) -> FuzzModel:
        inputs = tuple(FuzzInput(self.name("in"), shape) for shape in shapes)
        self.tensors = [_Tensor(source.name, source.shape, True) for source in inputs]
        if len(inputs) == 2:
            self.merge(self.tensors[-1])
        self.grow()
        self.settle(self.tensors[-1])
        made = without_dead_layers(FuzzModel(0, inputs, tuple(self.layers), (self.tensors[-1].name,)))
        return replace(made, sequential=made.is_chain and self.chance(0.5))

    def type(self) -> str:
        width = self.rng.randint(2, 6)
        return f"{self.rng.choice(['', 'u'])}fixed<{width},{self.rng.randint(0, width)}>"

    def grow(self) -> None:
        tries = 0
        while self.size < self.wanted and tries < 10 * _TRIES:
            tries += 1
            tensor = self.tensors[-1] if self.chance(0.7) else self.rng.choice(self.tensors)
            self.step(self.settle(tensor))

    def settle(self, tensor: _Tensor) -> _Tensor:
        """A quantizer behind values off the grid, nearly always; on others sometimes."""
        if self.chance(0.97 if not tensor.on_grid else 0.15):
            return self.add("QActivation", [tensor], CLASSES["QActivation"](self.rng, tensor.shape)) or tensor
        return tensor

    def step(self, tensor: _Tensor) -> None:
        way = self.rng.random()
        if way < 0.18:
            self.merge(tensor)
        elif way < 0.24:
            self.share()
        elif way < 0.32 and self.depth < 2:
            self.nest(tensor)
        else:
            self.single(tensor)

    def single(self, tensor: _Tensor) -> None:
        rng, rank = self.rng, len(tensor.shape) - 1
        for _ in range(_TRIES):
            kind = rng.choice(_SINGLE)
            if kind in _RARE and self.chance(0.7):
                continue
            timed = rank >= 1 and kind in _TIMED and self.chance(0.15)
            shape = tensor.shape[1:] if timed else tensor.shape
            if not _fits(kind, shape):
                continue
            wrap = "time" if timed else "prune" if kind in _PRUNED and self.chance(0.3) else None
            if self.add(kind, [tensor], CLASSES[kind](rng, shape), wrap):
                return

    def add(
        self, kind: str, sources: list[_Tensor], options: dict[str, Any], wrap: str | None = None, **more: Any
    ) -> _Tensor | None:
        """A layer, where Keras builds it and it is not too large."""
        given = None
        if kind in PLAIN:
            width = self.rng.randint(3, _MOST_BITS)
            modes = f"{self.rng.choice(['RND', 'RND_CONV', 'TRN'])},{self.rng.choice(['SAT', 'SAT_SYM'])}"
            given = f"fixed<{width},{self.rng.randint(0, 2)},{modes}>"
            if self.chance(0.3):
                width, modes = self.rng.randint(2, _MOST_BITS), f"{self.rng.choice(_ROUNDINGS)},SAT"
                given += f":{self.rng.choice(['', 'u'])}fixed<{width},{self.rng.randint(0, 3)},{modes}>"
                if self.chance(0.4):
                    options = options | {"activation": self.rng.choice(_CURVES)}
        options = _scaled(self.rng, kind, options, sources[0].shape)
        names = tuple(tensor.name for tensor in sources)
        name = self.name("layer")
        layer = FuzzLayer(name, kind, names, options, self.chance(0.5), wrap, given=given, **more)
        try:
            shape = output_shape(layer, [tensor.shape for tensor in sources])
        except ImpossibleError:
            return None
        self.layers.append(layer)
        self.tensors.append(_Tensor(name, shape, is_on_a_grid(layer, [tensor.on_grid for tensor in sources])))
        return self.tensors[-1]

    def merge(self, tensor: _Tensor) -> None:
        """With another tensor of its shape, which is made where there is none; or with one number a channel."""
        rng, rank = self.rng, len(tensor.shape) - 1
        if rank == 2 and self.chance(0.15):
            gate = self.add("GlobalMaxPooling2D", [tensor], {})
            if gate is not None:
                self.add("Multiply", [tensor, gate], {})
            return
        alike = [t for t in self.tensors if t.shape == tensor.shape and t is not tensor]
        if not alike or self.chance(0.3):
            options = {"units": tensor.shape[-1]} | _quantizers(rng, "kernel")
            kind = "QDense"
            if rank and self.chance(0.7):
                kind, options = f"QConv{rank}D", {"filters": options.pop("units"), "padding": "same"} | options
                options["kernel_size"] = [rng.randint(1, 3) for _ in range(rank)]
            made = self.add(kind, [tensor], options)
            if made is None:
                return
            alike = [made]
        others = rng.sample(alike, min(len(alike), rng.choice([1, 1, 1, 2])))
        sources = [self.settle(t) if not t.on_grid else t for t in (tensor, *others)]
        kind = rng.choice([k for k in MERGES if k != "Subtract" or len(sources) == 2])
        rng.shuffle(sources)
        self.add(kind, sources, CLASSES[kind](rng, tensor.shape))

    def share(self) -> None:
        """An earlier layer once more, on another tensor."""
        shapes = {tensor.name: tensor for tensor in self.tensors}
        calls = [c for c in self.layers if c.shares is None and len(c.inputs) == 1 and c.inputs[0] in shapes]
        calls = [c for c in calls if c.wrap is None]
        pairs = [
            (call, tensor)
            for call in calls
            for tensor in self.tensors
            if tensor.shape == shapes[call.inputs[0]].shape and tensor.name not in (call.name, call.inputs[0])
        ]
        if not pairs:
            return
        call, tensor = self.rng.choice(pairs)
        layers = {layer.name: layer for layer in self.layers}
        layer = resolved(call, layers)
        if not tensor.on_grid and not quantizes(layer):
            tensor = self.settle(tensor)
        name = self.name("layer")
        self.layers.append(FuzzLayer(name, layer.kind, (tensor.name,), shares=layer.name))
        shape = next(t.shape for t in self.tensors if t.name == call.name)
        self.tensors.append(_Tensor(name, shape, is_on_a_grid(layer, [tensor.on_grid])))

    def nest(self, tensor: _Tensor) -> None:
        left = self.wanted - self.size - 1
        if left < 1 or not tensor.on_grid:
            return
        sources = [tensor]
        others = [t for t in self.tensors if t is not tensor and t.on_grid]
        if others and self.chance(0.3):
            alike = [t for t in others if t.shape == tensor.shape]
            sources += [self.rng.choice(alike)] if alike else []
        inner = _Drawing(self.rng, self.rng.randint(1, min(left, 4)), self.depth + 1, self.count)
        body = inner.body([t.shape for t in sources])
        if body.layers:
            self.add("Model", sources, {}, body=body)

    def end(self) -> None:
        """Sometimes a head; a quantizer behind what is off the grid."""
        last = self.settle(self.tensors[-1])
        if prod(last.shape) > 40 and self.chance(0.5):
            last = self.add("Flatten", [last], {}) or last
        if not self.chance(0.3):
            return
        head = self.rng.choice(["Softmax", "softmax", "sigmoid", "inside", "none"])
        if head in ("inside", "none"):
            options = {"units": self.rng.randint(2, 5)} | _quantizers(self.rng, "kernel")
            self.add("QDense", [last], options | ({"activation": "softmax"} if head == "inside" else {}))
        elif head == "Softmax":
            self.add("Softmax", [last], {})
        else:
            self.add("Activation", [last], {"activation": head})

    def outputs(self) -> tuple[str, ...]:
        read = {name for layer in self.layers for name in layer.inputs}
        last = self.layers[-1].name
        # What nothing reads, as far as it is ready to leave; and sometimes a value that is read, too.
        sinks = [t.name for t in self.tensors if t.name not in read and t.on_grid and not t.name.startswith("in")]
        found = [last, *[name for name in sinks if name != last][-2:]]
        ready = [t.name for t in self.tensors if t.name in read and t.on_grid and not t.name.startswith("in")]
        if ready and self.chance(0.15):
            found.append(self.rng.choice(ready))
        return tuple(dict.fromkeys(found))


def _fits(kind: str, shape: Shape) -> bool:
    """Whether options can be drawn for a shape at all."""
    rank = len(shape) - 1
    if kind in RECURRENT:
        return rank == 1 and shape[0] <= 4
    if kind == "RepeatVector":
        return rank == 0
    if kind in ("Permute", "Reshape", "Flatten"):
        return True
    stem = kind.removesuffix("Batchnorm").removesuffix("Transpose")
    return not stem.endswith("D") or rank == int(stem[-2])


def without_dead_layers(model: FuzzModel) -> FuzzModel:
    """Without what no output needs. Where only later calls of a layer are needed, the first of them makes it."""
    needed = set(model.outputs)
    kept: list[FuzzLayer] = []
    for layer in reversed(model.layers):
        if layer.name in needed:
            needed.update(layer.inputs)
            kept.append(layer)
    kept.reverse()
    everything = {layer.name: layer for layer in model.layers}
    makes = {layer.name: layer.name for layer in kept if layer.shares is None}
    layers = []
    for call in kept:
        if call.shares is not None and call.shares in makes:
            layers.append(replace(call, shares=makes[call.shares]))
        elif call.shares is not None:
            makes[call.shares] = makes[call.name] = call.name
            layers.append(replace(everything[call.shares], name=call.name, inputs=call.inputs))
        else:
            layers.append(call)
    inputs = tuple(source for source in model.inputs if source.name in needed)
    return replace(model, layers=tuple(layers), inputs=inputs)
