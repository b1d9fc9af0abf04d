"""The options of a Keras layer: which of them act in training only, and how those that many layers share are read."""

from math import prod
from typing import Any

from hwgen.errors import InputError
from hwgen.fixed import Quantizer
from hwgen.frontend.curves import KERAS_2_HARD_SIGMOID, KERAS_3_HARD_SIGMOID, KERAS_CURVES, QKERAS_CURVES, Curve
from hwgen.frontend.given_types import GivenTypes
from hwgen.frontend.graph import Node
from hwgen.frontend.options import Options
from hwgen.frontend.quantizer_config import parse_quantizer_config
from hwgen.frontend.quantizer_types import QuantizerConfig
from hwgen.frontend.specs import Activation, GateActivation, RoundedCurve

_KERNELS = ("kernel", "depthwise", "pointwise")
# Options that act in training only, or that say what the file's structure says already.
WITHOUT_EFFECT = frozenset(
    [
        "name",
        "trainable",
        *(f"{what}_initializer" for what in (*_KERNELS, "bias", "gamma", "beta", "moving_mean", "moving_variance")),
        *(f"{what}_regularizer" for what in (*_KERNELS, "bias", "gamma", "beta", "activity")),
        *(f"{what}_constraint" for what in (*_KERNELS, "bias", "gamma", "beta")),
        *(f"{what}_range" for what in (*_KERNELS, "bias", "gamma", "beta")),
        "momentum",
        "renorm_momentum",
        *(f"recurrent_{what}" for what in ("initializer", "regularizer", "constraint")),
        "batch_input_shape",
        "batch_shape",
        "build_input_shape",
        "optional",
        "ema_freeze_delay",
    ]
)
MOST_SIZE = 1 << 24  # values in one sample; an FPGA that streams a larger one is not what hwgen builds


class LayerOptions(Options):
    """A layer's options. The data type and the order of axes, which every layer has, are checked first.

    Attributes:
        given: what the user wants rounded that the model leaves unquantized.
    """

    def __init__(self, node: Node, given: GivenTypes | None = None) -> None:
        where = f"layer {node.name!r} ({node.class_name})"
        super().__init__(where, {key: value for key, value in node.config.items() if key not in WITHOUT_EFFECT})
        self.node, self.given = node, given
        self._weights_taken = self._gates_taken = False
        dtype = self.take("dtype", "float32")
        if isinstance(dtype, dict) and isinstance(dtype.get("config"), dict):  # Keras 3's policies
            dtype = dtype["config"].get("name", dtype)
        if dtype not in ("float32", None):
            raise self.refuse(f"dtype {dtype!r} is not supported: hwgen reproduces float32 models.")
        order = self.take("data_format")
        if order not in (None, "channels_last"):
            raise self.refuse(f"data_format={order!r} is not supported; use channels_last.")

    def taken(self) -> Quantizer:
        """The given type of weights, now used."""
        assert self.given is not None
        self._weights_taken = True
        return self.given.weights

    def finish(self) -> None:
        """Refuse what is left, and a given type that nothing needs."""
        super().finish()
        if self.given is not None and not self._weights_taken and not self._gates_taken:
            raise InputError(
                f"{self.where}: types are given for it with quantize, and it has no weights that the model leaves "
                f"unquantized; leave it out."
            )

    def size(self, key: str) -> int:
        return self.whole(key, 1, MOST_SIZE)

    def sizes(self, key: str, rank: int, default: Any = None) -> tuple[int, ...]:
        value = self.take(key, default)
        values = [value] * rank if is_whole(value) else value
        if not isinstance(values, (list, tuple)) or len(values) != rank or not all(is_whole(v) for v in values):
            raise self.refuse(f"{key} must be {rank} whole numbers, got {value!r}.")
        if not all(1 <= v <= MOST_SIZE for v in values):
            raise self.refuse(f"{key} must be positive and at most {MOST_SIZE}, got {value!r}.")
        return tuple(values)

    def stated(self, key: str) -> bool:
        """Whether an option has a value."""
        return self.node.config.get(key) is not None

    def counts(self, key: str, rank: int) -> tuple[int, ...]:
        """Whole numbers that are not negative, one a spatial axis, or one for all."""
        value = self.take(key)
        values = [value] * rank if is_whole(value) else value
        if not isinstance(values, (list, tuple)) or len(values) != rank or not all(is_whole(v) for v in values):
            raise self.refuse(f"{key} must be {rank} whole numbers, got {value!r}.")
        if not all(0 <= v <= MOST_SIZE for v in values):
            raise self.refuse(f"{key} must be from 0 to {MOST_SIZE}, got {value!r}.")
        return tuple(values)

    def pairs(self, key: str, rank: int) -> tuple[tuple[int, int], ...]:
        """A number before and one after each spatial axis; one number stands for both, and for all axes."""
        value = self.take(key, 1)
        axes = [value] * rank if is_whole(value) or (rank == 1 and _are_whole(value, 2)) else value
        if not isinstance(axes, (list, tuple)) or len(axes) != rank:
            raise self.refuse(f"{key} must be a pair of whole numbers for each of {rank} axes, got {value!r}.")
        found = []
        for axis in axes:
            pair = [axis, axis] if is_whole(axis) else axis
            if not _are_whole(pair, 2) or not all(0 <= v <= MOST_SIZE for v in pair):
                raise self.refuse(f"{key} must be a pair of whole numbers for each of {rank} axes, got {value!r}.")
            found.append((pair[0], pair[1]))
        return tuple(found)

    def shape(self) -> tuple[int, ...]:
        """An input's shape without the batch axis."""
        config = self.node.config
        stated = config.get("batch_input_shape") or config.get("batch_shape") or config.get("build_input_shape")
        if not isinstance(stated, (list, tuple)) or len(stated) < 2 or not all(is_whole(v) for v in stated[1:]):
            raise self.refuse(f"every size but the batch's must be fixed, got shape {stated!r}.")
        shape = tuple(stated[1:])
        if min(shape) < 1 or prod(shape) > MOST_SIZE:
            raise self.refuse(f"sizes must be positive, and at most {MOST_SIZE} values in all, got shape {shape}.")
        return shape

    def padding(self, *allowed: str) -> str:
        value = str(self.take("padding", "valid")).lower()
        if value not in allowed:
            raise self.refuse(f"padding={value!r} is not supported; supported: {', '.join(allowed)}.")
        return value

    def quantizer(self, key: str) -> QuantizerConfig | None:
        config = parse_quantizer_config(self.take(key), f"{self.where}, {key}")
        if isinstance(config, str):
            raise self.refuse(f"{key}={config!r} has no fixed-point form in hwgen.")
        return config

    def activation(self) -> Activation:
        config = parse_quantizer_config(self.take("activation"), f"{self.where}, activation")
        if config is None:
            return "linear"
        if isinstance(config, str) and config not in ("linear", "relu", "softmax"):
            return self._curve(config)
        return config

    def check_both_types_used(self) -> None:
        """Refuse a second type where only one thing is left unquantized of a recurrent layer: weights, or gates."""
        if self.given is None or self.given.result is None or self._weights_taken == self._gates_taken:
            return
        found, missing = ("weights", "activations") if self._weights_taken else ("activations", "weights")
        used = self.given.weights if self._weights_taken else self.given.result
        raise InputError(
            f"{self.where}: quantize gives two types, for weights and for what its activations give, and the model "
            f"leaves no {missing} unquantized; give the one for {found}: '{self.node.name}={used}'."
        )

    def gate_activation(self, key: str) -> GateActivation:
        """What a recurrent layer applies before it multiplies or feeds back: nothing, relu, or something rounded."""
        config = parse_quantizer_config(self.take(key), f"{self.where}, {key}")
        if config is None or config == "linear":
            return "linear"
        if config == "relu":
            return "relu"
        if not isinstance(config, str):
            return config
        if self.given is None:
            raise self.refuse(
                f"{key} {config!r} is not quantized, and what it gives is multiplied and fed back; give its type, for "
                f"example --quantize '{self.node.name}=fixed<16,6,RND,SAT>' "
                f"(quantize={{'{self.node.name}': 'fixed<16,6,RND,SAT>'}} in Python), or use a quantizer such as "
                f"quantized_tanh or quantized_sigmoid."
            )
        self._gates_taken = True
        return RoundedCurve(self._curve(config), self.given.result or self.given.weights)

    def _curve(self, name: str) -> Curve:
        """An activation function by its name: a layer of QKeras looks among QKeras's own first."""
        if self.node.class_name.startswith("Q") and name in QKERAS_CURVES:
            return QKERAS_CURVES[name]
        if name == "hard_sigmoid":
            if self.node.keras_major is None:
                raise self.refuse(
                    "activation 'hard_sigmoid' is one function in Keras 2 and another in Keras 3, and the file does "
                    "not say which of them wrote it; save it as .h5 or .keras."
                )
            return KERAS_2_HARD_SIGMOID if self.node.keras_major < 3 else KERAS_3_HARD_SIGMOID
        if name in KERAS_CURVES:
            return KERAS_CURVES[name]
        known = ", ".join(sorted({*KERAS_CURVES, *QKERAS_CURVES}))
        raise self.refuse(
            f"activation {name!r} has no exact fixed-point form in hwgen; "
            f"use a quantizer such as quantized_relu(bits, integer), or linear, relu, softmax at the end, or one of "
            f"these before a quantizer: {known}."
        )


def is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _are_whole(values: Any, count: int) -> bool:
    return isinstance(values, (list, tuple)) and len(values) == count and all(is_whole(v) for v in values)
