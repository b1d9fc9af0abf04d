"""Random QKeras models with branches: every kind of layer that hwgen claims, several inputs and outputs."""

import random
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from oracle.keras_environment import building, keras, qkeras
from oracle.random_models import save_model, typed_samples
from oracle.random_quantizers import activation_quantizer, bias_quantizer, kernel_quantizer, scale_is_power_of_two
from oracle.random_weights import set_weights

_MOST_CODES = 600  # of one tensor: the exact evaluator is slow
# Words of sentences with which a model may be refused; only models in which the reason for it can stand have them.
_ROUGH = (
    "no fixed-point grid",
    "no binary fractions",
    "mixes channels",
    "divisors differ",
    "moves channels",
    "puts zeros beside",
    "follows another batch norm",
    "multiplied in, its weights need",
    "the scales before it need",
    "its bias needs more than",
    "of each input multiplied in",
)


@dataclass(slots=True)
class RandomGraph:
    """A built model and what is known about it.

    Attributes:
        input_type: of all inputs, for ``hwgen.load``.
        refusals: words of the sentences with which hwgen may refuse it; empty where it must not.
    """

    seed: int
    model: Any
    input_type: str
    refusals: list[str]
    layers: list[str]

    def __str__(self) -> str:
        return f"random graph {self.seed}, input {self.input_type}: " + "; ".join(self.layers)

    def save(self, folder: Path, form: str) -> tuple[Path, Path | None]:
        """Write the model; return what ``hwgen.load`` takes: path and weights."""
        return save_model(self.model, folder / f"graph_{self.seed}.{form}", form)

    def samples(self, count: int) -> list[NDArray[np.float32]]:
        """One array an input: the corners of its type, then values on its grid."""
        return [
            typed_samples(self.input_type, tuple(tensor.shape[1:]), count, self.seed + number)
            for number, tensor in enumerate(self.model.inputs)
        ]


def random_graph(seed: int) -> RandomGraph:
    """Build the model of a seed."""
    with building():
        return _Graph(random.Random(seed), seed).build()


@dataclass(slots=True)
class _Tensor:
    """A Keras tensor and whether its values lie on a grid: codes of a quantizer, or what keeps them there."""

    value: Any
    clean: bool

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(self.value.shape[1:])


@dataclass(slots=True)
class _Graph:
    rng: random.Random
    seed: int
    lines: list[str] = field(default_factory=list)
    refusals: list[str] = field(default_factory=list)

    def chance(self, probability: float) -> bool:
        return self.rng.random() < probability

    def activation(self) -> str:
        """A quantizer between layers: often a plain one, so that float32 is exact and Keras a second oracle."""
        bits, integer = self.rng.randint(2, 6), self.rng.randint(0, 3)
        if self.chance(0.7):
            return self.rng.choice([f"quantized_relu({bits},{integer})", f"quantized_bits({bits},{integer},alpha=1)"])
        return activation_quantizer(self.rng, 6)

    def kernel(self) -> str:
        bits, integer = self.rng.randint(2, 6), self.rng.randint(0, 2)
        return f"quantized_bits({bits},{integer},alpha=1)" if self.chance(0.6) else kernel_quantizer(self.rng, 6)

    def build(self) -> RandomGraph:
        rng = self.rng
        rank = rng.choice([0, 1, 2, 2, 2])
        shape = (*(rng.randint(3, 6) for _ in range(rank)), rng.randint(1, 4) if rank else rng.randint(2, 8))
        inputs = [keras.layers.Input(shape) for _ in range(rng.choice([1, 1, 2]))]
        tensors = [_Tensor(tensor, True) for tensor in inputs]
        self.lines.append(f"{len(inputs)} inputs {shape}")
        if len(inputs) == 2:
            tensors = [self.merge(tensors)]
        tensor = tensors[0]
        for _ in range(rng.randint(1, 4)):
            tensor = self.branches(tensor) if self.chance(0.4) else self.single(tensor)
        tensor = self.vector(tensor)
        if self.chance(0.6):
            tensor = self.weighted(tensor, qkeras.QDense, rng.randint(2, 4))
        outputs = [tensor]
        if self.chance(0.25):
            outputs.append(self.quantized(tensor, always=True))
        model = keras.Model(inputs, [t.value for t in outputs])
        set_weights(model, np.random.default_rng(self.seed))
        width = rng.randint(2, 6)
        kind = f"{rng.choice(['', 'u'])}fixed<{width},{rng.randint(0, width)}>"
        return RandomGraph(self.seed, model, kind, self.refusals, self.lines)

    def apply(self, layer: Any, tensor: Any, line: str, clean: bool) -> _Tensor:
        self.lines.append(line)
        if not clean and not self.refusals:
            self.refusals += _ROUGH
        values = [t.value for t in tensor] if isinstance(tensor, list) else tensor.value
        return _Tensor(layer(values), clean)

    def quantized(self, tensor: _Tensor, always: bool = False) -> _Tensor:
        """A quantizer, most of the time."""
        if not always and self.chance(0.15):
            return tensor
        text = self.activation()
        return self.apply(qkeras.QActivation(text), tensor, f"QActivation({text})", scale_is_power_of_two(text))

    def options(self, *kernels: str) -> tuple[dict[str, Any], str]:
        rng = self.rng
        found: dict[str, Any] = {f"{name}_quantizer": self.kernel() for name in kernels}
        found |= {"use_bias": self.chance(0.8), "bias_quantizer": bias_quantizer(rng, 6)}
        return found, ", ".join(str(found[f"{name}_quantizer"]) for name in kernels)

    def weighted(self, tensor: _Tensor, layer: Any, *arguments: Any, timed: bool = False, **options: Any) -> _Tensor:
        """A layer with weights, and its quantizer or not."""
        kernels = {"QDepthwise": ["depthwise"], "QSeparable": ["depthwise", "pointwise"]}
        names = next((found for start, found in kernels.items() if layer.__name__.startswith(start)), ["kernel"])
        quantizers, line = self.options(*names)
        text = f"{layer.__name__}({arguments}, {options}, {line}, bias {quantizers['bias_quantizer']})"
        clean = all(scale_is_power_of_two(str(quantizers[f"{name}_quantizer"])) for name in names)
        built = layer(*arguments, **options | quantizers)
        if timed:
            built, text = keras.layers.TimeDistributed(built), f"TimeDistributed {text}"
        made = self.apply(built, tensor, text, clean)
        return self.quantized(made)

    def window(self, tensor: _Tensor) -> dict[str, Any]:
        """Kernel size, strides, dilation and padding that fit."""
        rng, rank = self.rng, len(tensor.shape) - 1
        size = tuple(rng.randint(1, min(3, n)) for n in tensor.shape[:-1])
        options: dict[str, Any] = {"kernel_size": size, "padding": rng.choice(["same", "valid"])}
        if self.chance(0.3):
            options["strides"] = (2,) * rank
        elif self.chance(0.2) and options["padding"] == "same":
            options["dilation_rate"] = (2,) * rank
        return options

    def single(self, tensor: _Tensor) -> _Tensor:
        """One of the layers that read one tensor."""
        rank = len(tensor.shape) - 1
        makers = [self.moved, self.normalized]
        if rank:
            makers += [self.timed] + [self.convolution] * 3 + [self.averaged] * 2 + [self.maximum]
        else:
            makers += [lambda t: self.weighted(t, qkeras.QDense, self.rng.randint(1, 5))] * 2
        return self.rng.choice(makers)(tensor)

    def convolution(self, tensor: _Tensor) -> _Tensor:
        rng, (*_, channels), rank = self.rng, tensor.shape, len(tensor.shape) - 1
        kind = rng.choice(["plain", "groups", "depthwise", "folded", "separable", "transposed"])
        window = self.window(tensor)
        if kind == "groups":
            groups = rng.choice([g for g in (1, 2, 3, 4) if channels % g == 0])
            layer = (qkeras.QConv1D, qkeras.QConv2D)[rank - 1]
            return self.weighted(tensor, layer, groups * rng.randint(1, 2), groups=groups, **window)
        if kind == "separable":
            layer = (qkeras.QSeparableConv1D, qkeras.QSeparableConv2D)[rank - 1]
            return self.weighted(tensor, layer, rng.randint(1, 4), depth_multiplier=rng.randint(1, 2), **window)
        if kind in ("depthwise", "folded") and rank == 2:
            layer = qkeras.QDepthwiseConv2D if kind == "depthwise" else qkeras.QDepthwiseConv2DBatchnorm
            return self.weighted(tensor, layer, depth_multiplier=rng.randint(1, 2), **window)
        if kind == "transposed" and rank == 2 and max(tensor.shape[:-1]) <= 4:
            return self.weighted(tensor, qkeras.QConv2DTranspose, rng.randint(1, 3), **window)
        layer = (qkeras.QConv1D, qkeras.QConv2D)[rank - 1]
        return self.weighted(tensor, layer, rng.randint(1, 4), **window)

    def timed(self, tensor: _Tensor) -> _Tensor:
        """A layer on each step of the first axis."""
        rng, rank = self.rng, len(tensor.shape) - 1
        kinds = ["dense", "activation", "norm", *(["convolution", "pool", "flatten"] if rank == 2 else [])]
        kind = rng.choice(kinds)
        if kind == "dense":
            return self.weighted(tensor, qkeras.QDense, rng.randint(1, 3), timed=True)
        if kind == "convolution":
            return self.weighted(tensor, qkeras.QConv1D, rng.randint(1, 3), kernel_size=2, padding="same", timed=True)
        text = self.activation()
        layer, clean = {
            "activation": (qkeras.QActivation(text), scale_is_power_of_two(text)),
            "norm": (keras.layers.BatchNormalization(), False),
            "pool": (keras.layers.AveragePooling1D(2, padding="same"), False),
            "flatten": (keras.layers.Flatten(), tensor.clean),
        }[kind]
        made = self.apply(keras.layers.TimeDistributed(layer), tensor, f"TimeDistributed {kind} {text}", clean)
        return self.quantized(made)

    def averaged(self, tensor: _Tensor) -> _Tensor:
        rng, rank = self.rng, len(tensor.shape) - 1
        layers = keras.layers
        name, options = f"Pooling{rank}D", {}
        if rank == 2 and self.chance(0.4):
            options["average_quantizer"] = f"quantized_bits({rng.randint(4, 8)},0,alpha=1)"
        owner, mark = (qkeras, "Q") if options else (layers, "")
        if self.chance(0.3):
            options["keepdims"] = rng.choice([True, False])
            layer = getattr(owner, f"{mark}GlobalAverage{name}")(**options)
        else:
            size = [rng.randint(1, min(3, n)) for n in tensor.shape[:-1]]
            options |= {"pool_size": size if rank == 2 else size[0], "padding": rng.choice(["same", "valid"])}
            options["strides"] = rng.choice([None, 1, 2])
            layer = getattr(owner, f"{mark}Average{name}")(**options)
        made = self.apply(layer, tensor, f"{type(layer).__name__}({options})", False)
        return self.quantized(made)

    def maximum(self, tensor: _Tensor) -> _Tensor:
        rank = len(tensor.shape) - 1
        layer = (keras.layers.MaxPooling1D, keras.layers.MaxPooling2D)[rank - 1]
        return self.apply(layer(2, 1, "same"), tensor, layer.__name__, tensor.clean)

    def normalized(self, tensor: _Tensor) -> _Tensor:
        kind = self.rng.choice([keras.layers.BatchNormalization, qkeras.QBatchNormalization])
        made = self.apply(kind(), tensor, kind.__name__, False)
        return self.quantized(made)

    def moved(self, tensor: _Tensor) -> _Tensor:
        """Padding, cropping, repeating or permuting."""
        rng, rank, layers = self.rng, len(tensor.shape) - 1, keras.layers
        if rank == 0:
            layer = layers.RepeatVector(rng.randint(1, 3))
            return self.apply(layer, tensor, f"RepeatVector({layer.n})", tensor.clean)
        pair = lambda: (rng.randint(0, 1), rng.randint(0, 1))  # noqa: E731 - a draw
        small = bool(np.prod(tensor.shape) < 80)
        choices = [layers.Permute(tuple(rng.sample(range(1, rank + 2), rank + 1)))]
        if rank == 1:
            choices += [layers.ZeroPadding1D(pair()), layers.Cropping1D(pair())]
            choices += [layers.UpSampling1D(2)] * small
        else:
            choices += [layers.ZeroPadding2D((pair(), pair())), layers.Cropping2D((pair(), pair()))]
            choices += [layers.UpSampling2D((2, 1))] * small
        layer = rng.choice(choices)
        if "Cropping" in type(layer).__name__ and min(tensor.shape[:-1]) < 3:
            layer = choices[0]
        made = self.apply(layer, tensor, f"{type(layer).__name__}({_settings(layer)})", tensor.clean)
        if "Padding" in type(layer).__name__ and rank == 2 and self.chance(0.5):
            size = min(2, *made.shape[:-1])
            return self.weighted(made, qkeras.QConv2D, rng.randint(1, 3), kernel_size=size, padding="valid")
        return made

    def branches(self, tensor: _Tensor) -> _Tensor:
        """Two ways on from a tensor that meet again."""
        rank, channels = len(tensor.shape) - 1, tensor.shape[-1]
        if self.chance(0.3):
            tensor = self.quantized(tensor, always=True)

        def way() -> _Tensor:
            if self.chance(0.3):
                return tensor
            if rank == 0 or self.chance(0.2):
                return self.weighted(tensor, qkeras.QDense, channels)
            layer = (qkeras.QConv1D, qkeras.QConv2D)[rank - 1]
            return self.weighted(tensor, layer, channels, kernel_size=self.rng.randint(1, 3), padding="same")

        ways = [way() for _ in range(self.rng.choice([2, 2, 3]))]
        if rank == 2 and self.chance(0.2):  # a weight for each channel, as in squeeze-and-excitation
            gate = keras.layers.GlobalMaxPooling2D()(tensor.value)
            ways = [ways[0], _Tensor(gate, tensor.clean)]
            return self.quantized(self.apply(keras.layers.Multiply(), ways, "Multiply of channels", tensor.clean))
        return self.quantized(self.merge(ways))

    def merge(self, ways: list[_Tensor]) -> _Tensor:
        layers = keras.layers
        kinds = [layers.Add, layers.Add, layers.Multiply, layers.Average, layers.Maximum, layers.Minimum]
        if len(ways) == 2:
            kinds.append(layers.Subtract)
        if max(np.prod(t.shape) for t in ways) * len(ways) < _MOST_CODES:
            kinds += [layers.Concatenate] * 2
        kind = self.rng.choice(kinds)
        options = {"axis": self.rng.randint(1, len(ways[0].shape))} if kind is layers.Concatenate else {}
        clean = all(t.clean for t in ways) and not (kind is layers.Average and len(ways) == 3)
        return self.apply(kind(**options), ways, f"{kind.__name__}({len(ways)}, {options})", clean)

    def vector(self, tensor: _Tensor) -> _Tensor:
        if len(tensor.shape) == 1:
            return tensor
        return self.apply(keras.layers.Flatten(), tensor, "Flatten", tensor.clean)


def _settings(layer: Any) -> Any:
    return next((getattr(layer, n) for n in ("padding", "cropping", "size", "dims") if hasattr(layer, n)), None)
