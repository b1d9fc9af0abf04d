"""Random small QKeras models over the layers, options and quantizers that hwgen claims, reproducible from a seed."""

import math
import random
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from oracle.keras_environment import building, keras, qkeras, quantizers, sparsity
from oracle.random_quantizers import activation_quantizer, bias_quantizer, kernel_quantizer, scale_is_power_of_two
from oracle.random_weights import set_weights


@dataclass(slots=True)
class RandomModel:
    """A built model and what is known about it.

    Attributes:
        model: a chain of layers, with weights.
        input_type: for ``hwgen.load``; None where the model starts with an input quantizer.
        refusals: words of the sentence with which hwgen may refuse it; empty where it must not.
        layers: one line a layer, for messages.
    """

    seed: int
    model: Any
    input_type: str | None
    refusals: list[str]
    layers: list[str]

    def __str__(self) -> str:
        return f"random model {self.seed}, input {self.input_type}: " + "; ".join(self.layers)

    def save(self, folder: Path, form: str) -> tuple[Path, Path | None]:
        """Write the model as "h5", "keras" or "json"; return what ``hwgen.load`` takes: path and weights."""
        return save_model(self.model, folder / f"model_{self.seed}.{form}", form)

    def samples(self, count: int) -> NDArray[np.float32]:
        """(count, *shape): the corners of the input type, then values on its grid; any float where it has no type.

        Args:
            count: at least 6, for the corners.
        """
        rng = np.random.default_rng(self.seed + 1)
        shape = tuple(self.model.input_shape[1:])
        if self.input_type is None:
            values = rng.normal(scale=2.0, size=(count, *shape))
            values[count // 2 :] = np.round(values[count // 2 :] * 32) / 32  # ties
            values[0], values[1], values[2] = 100.0, -100.0, 0.0
            return values.astype(np.float32)
        return typed_samples(self.input_type, shape, count, self.seed + 1)


def save_model(model: Any, path: Path, form: str) -> tuple[Path, Path | None]:
    """Write a model as "h5", "keras" or "json"; return what ``hwgen.load`` takes: path and weights."""
    weights = path.with_suffix(".h5")
    with building():
        if form != "json":
            model.save(path)
            return path, None
        path.write_text(model.to_json())
        model.save_weights(weights)
    return path, weights


def typed_samples(input_type: str, shape: tuple[int, ...], count: int, seed: int) -> NDArray[np.float32]:
    """(count, *shape): the corners of a type, then values on its grid; at least 6."""
    rng = np.random.default_rng(seed)
    signed, width, fraction = _parts(input_type)
    low, high = (-(2 ** (width - 1)), 2 ** (width - 1) - 1) if signed else (0, 2**width - 1)
    codes = rng.integers(low, high + 1, size=(count, *shape))
    codes[0], codes[1], codes[2:6] = low, high, 0
    for one_hot in (3, 4):
        codes[one_hot].flat[rng.integers(codes[one_hot].size)] = high if one_hot == 3 else low
    codes[5].flat[0] = 1
    return np.ldexp(codes.astype(np.float32), -fraction)


def _parts(input_type: str) -> tuple[bool, int, int]:
    """Sign, width and fraction of "fixed<8,3>"."""
    width, integer = (int(part) for part in input_type.split("<")[1].rstrip(">").split(","))
    return not input_type.startswith("u"), width, width - integer


def random_model(seed: int) -> RandomModel:
    """Build the model of a seed."""
    with building():
        return _Builder(random.Random(seed), seed).build()


@dataclass(slots=True)
class _Builder:
    rng: random.Random
    seed: int
    model: Any = field(default_factory=keras.Sequential)
    lines: list[str] = field(default_factory=list)
    refusals: list[str] = field(default_factory=list)
    # Whether the values before the next layer are codes of a quantizer (or the input), and not sums.
    quantized: bool = True
    # What this model has nearly everywhere, so that a few dozen models meet each thing often.
    focus: str = ""

    def chance(self, probability: float, what: str = "none") -> bool:
        return self.rng.random() < (0.9 if what == self.focus else probability)

    def add(self, layer: Any, line: str) -> None:
        self.model.add(layer)
        self.lines.append(line)

    def add_weighted(self, layer: Any, line: str) -> None:
        """Sometimes inside the wrapper that pruning by tfmot leaves on."""
        if self.chance(0.1):
            layer, line = sparsity.prune_low_magnitude(layer), f"pruned {line}"
        self.add(layer, line)

    @property
    def shape(self) -> tuple[int, ...]:
        """Of the values that the next layer reads, without the samples."""
        return tuple(self.model.output_shape[1:])

    def build(self) -> RandomModel:
        rng = self.rng
        self.focus = rng.choice(["", "", "norm", "folded", "relu", "wide"])
        kind = "conv2d" if self.focus == "folded" else rng.choice(["dense", "dense", "conv1d", "conv2d", "conv2d"])
        input_type: str | None = None
        shape: tuple[int, ...] = (rng.randint(1, 12),)
        if kind == "conv1d":
            shape = (rng.randint(5, 14), rng.randint(1, 3))
        elif kind == "conv2d":
            shape = (rng.randint(4, 8), rng.randint(4, 8), rng.randint(1, 3))
        flat_input = kind != "dense" and self.chance(0.15)
        self.add(keras.layers.Input((math.prod(shape),) if flat_input else shape), f"input {shape}")
        if self.chance(0.25):
            self.quantizer_layer(f"quantized_bits({rng.randint(2, 8)},{rng.randint(0, 2)})")
        if len(self.lines) == 1 or self.chance(0.5):
            width = rng.randint(2, self.most_bits + 1)
            input_type = f"{rng.choice(['', 'u'])}fixed<{width},{rng.randint(-1, width + 1)}>"
        if flat_input:
            self.add(keras.layers.Reshape(shape), f"Reshape{shape}")
        self.norm_and_quantizer()
        for _ in range(rng.randint(1, 2) if kind != "dense" else 0):
            self.convolution(self.shape)
            if self.chance(0.1):
                self.dense(self.rng.randint(1, 4))  # at every position
        self.to_vector()
        for _ in range(rng.randint(0 if kind != "dense" else 1, 3)):
            self.dense(rng.randint(1, 10))
        self.head()
        model = self.model
        if self.chance(0.3):
            model = keras.Model(model.inputs, model.outputs)
            self.lines.insert(0, "functional")
        set_weights(model, np.random.default_rng(self.seed))
        return RandomModel(self.seed, model, input_type, self.refusals, self.lines)

    @property
    def most_bits(self) -> int:
        """Of a type: few enough for float32 to be exact, as a rule, or too many for that."""
        return 14 if self.focus == "wide" else 8

    def quantizer_layer(self, text: str) -> None:
        self.note_scale(text)
        given = text if self.chance(0.5) else quantizers.get_quantizer(text)
        self.add(qkeras.QActivation(given), f"QActivation({text})")
        self.quantized = True

    def note_scale(self, quantizer: str) -> None:
        """A scale that is no power of two has to meet weights before the model ends or a relu follows."""
        if not scale_is_power_of_two(quantizer):
            self.refusals.append("scale")
        if "is_quantized_clip" in quantizer:  # which QKeras leaves out where it writes a dictionary
            self.refusals.append("the file does not say whether it acts")

    def weights_options(self) -> tuple[dict[str, Any], str]:
        """Quantizers and bias of a layer with weights."""
        kernel, bias = kernel_quantizer(self.rng, self.most_bits), bias_quantizer(self.rng, self.most_bits)
        options: dict[str, Any] = {"kernel_quantizer": kernel, "bias_quantizer": bias, "use_bias": True}
        if self.chance(0.2):
            options |= {"use_bias": False, "bias_quantizer": None}
        if self.chance(0.5):
            options = {key: quantizers.get_quantizer(v) if isinstance(v, str) else v for key, v in options.items()}
        line = f"{kernel}, bias {bias if options['use_bias'] else None}"
        return options, line

    def activation(self, options: dict[str, Any]) -> str:
        """Sometimes an ``activation=`` in the layer itself."""
        if not self.chance(0.3):
            return ""
        text = "relu" if self.chance(0.2, "relu") else activation_quantizer(self.rng, self.most_bits)
        self.note_scale(text)
        options["activation"] = text
        self.quantized = text != "relu"
        return f", activation={text}"

    def norm(self) -> None:
        layer = qkeras.QBatchNormalization if self.chance(0.2) else keras.layers.BatchNormalization
        options = {"epsilon": self.rng.choice([1e-3, 1e-5]), "scale": self.chance(0.85), "center": self.chance(0.85)}
        self.add(layer(**options), f"{layer.__name__}({options})")

    def norm_and_quantizer(self) -> None:
        """Sometimes a batch norm without weights before it."""
        if self.chance(0.03, "norm"):
            self.norm()
            self.quantizer_layer(activation_quantizer(self.rng, self.most_bits))

    def after_weights(self, kernel: str) -> None:
        """What follows a layer with weights: batch norm, relu, quantizer, in orders that real models have."""
        rng, rank = self.rng, len(self.shape) - 1
        normalized = False
        if not self.quantized and self.chance(0.1, "norm"):
            self.norm()
            normalized = True
        if normalized and rank and self.chance(0.15):
            self.pool(rank)
            self.refusals.append("takes a maximum after a batch norm with negative gamma")
        if not self.quantized and self.chance(0.15, "relu"):
            self.add(*rng.choice([(keras.layers.ReLU(), "ReLU"), (keras.layers.Activation("relu"), "relu")]))
        if not self.quantized and self.chance(0.9):
            self.quantizer_layer(activation_quantizer(rng, self.most_bits))
        if not self.quantized and normalized:
            self.refusals.append("batch norm")
        if not self.quantized:
            self.note_scale(kernel)

    def convolution(self, shape: tuple[int, ...]) -> None:
        rng, rank = self.rng, len(shape) - 1
        options, line = self.weights_options()
        kernel = str(options["kernel_quantizer"])
        options["padding"] = rng.choice(["same", "valid", "causal"] if rank == 1 else ["same", "valid"])
        size = tuple(rng.randint(1, 3) for _ in range(rank))
        if options["padding"] == "valid":
            size = tuple(min(a, b) for a, b in zip(size, shape, strict=False))
        if self.chance(0.3):
            options["strides"] = (rng.randint(1, 2),) * rank if rank == 1 or self.chance(0.7) else (1, 2)
        elif self.chance(0.25) and (options["padding"] != "valid" or min(shape[:-1]) > 2 * (max(size) - 1)):
            options["dilation_rate"] = (2,) * rank
        filters = rng.randint(1, 4)
        folded = rank == 2 and "dilation_rate" not in options and self.chance(0.1, "folded")
        layer = qkeras.QConv2DBatchnorm if folded else (qkeras.QConv1D, qkeras.QConv2D)[rank - 1]
        if folded:
            options["bias_quantizer"] = bias_quantizer(rng, self.most_bits)
            options["epsilon"] = rng.choice([1e-3, 1e-5])
            options["scale"] = self.chance(0.85)
            options["folding_mode"] = rng.choice(["ema_stats_folding", "batch_stats_folding"])
        self.quantized = False
        line += self.activation(options)
        geometry = {key: options[key] for key in ("strides", "padding", "dilation_rate") if key in options}
        self.add_weighted(layer(filters, size, **options), f"{layer.__name__}({filters},{size},{geometry},{line})")
        self.after_weights(kernel)
        if self.chance(0.5) and min(self.shape[:-1]) >= 2:
            self.pool(rank)
        if self.quantized:
            self.norm_and_quantizer()
        if self.chance(0.15):
            self.add(keras.layers.Dropout(0.2), "Dropout")

    def pool(self, rank: int) -> None:
        options: dict[str, Any] = {
            "padding": self.rng.choice(["same", "valid"]) if min(self.shape[:-1]) > 1 else "same"
        }
        if self.chance(0.4):
            options["strides"] = self.rng.randint(1, 3)
        layer = (keras.layers.MaxPooling1D, keras.layers.MaxPooling2D)[rank - 1]
        self.add(layer(2, **options), f"{layer.__name__}({options})")

    def to_vector(self) -> None:
        """From (…, channels) to a vector."""
        rank = len(self.shape) - 1
        if rank and self.chance(0.3):
            layer = (keras.layers.GlobalMaxPooling1D, keras.layers.GlobalMaxPooling2D)[rank - 1]
            self.add(layer(), layer.__name__)
        elif rank:
            self.add(keras.layers.Flatten(), "Flatten")

    def dense(self, units: int) -> None:
        options, line = self.weights_options()
        self.quantized = False
        line += self.activation(options)
        self.add_weighted(qkeras.QDense(units, **options), f"QDense({units},{line})")
        self.after_weights(str(options["kernel_quantizer"]))
        if self.chance(0.1):
            self.add(keras.layers.Dropout(0.2), "Dropout")

    def head(self) -> None:
        """Sometimes a last layer without quantizer, with or without softmax."""
        if not self.chance(0.6):
            return
        options, line = self.weights_options()
        kernel = str(options["kernel_quantizer"])
        softmax = self.rng.choice(["none", "layer", "activation"])
        if softmax == "activation":
            options["activation"] = "softmax"
        units = self.rng.randint(2, 5)
        self.add_weighted(qkeras.QDense(units, **options), f"QDense({units},{line},{softmax} softmax)")
        if softmax == "layer":
            self.add(keras.layers.Activation("softmax"), "softmax")
        self.note_scale(kernel)
