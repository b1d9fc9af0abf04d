"""What each Keras layer asks for, option by option: honoured, without effect at inference, or refused by name."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from hwgen.errors import UnsupportedError
from hwgen.frontend.graph import Node
from hwgen.frontend.quantizer_config import QuantizerConfig, parse_quantizer_config

Activation = QuantizerConfig | str  # a quantizer, "linear", "relu" or "softmax"


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
    """Maximum pooling; a window of None covers everything."""

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

# Options that act in training only, or that say what the file's structure says already.
_WITHOUT_EFFECT = frozenset(
    [
        "name",
        "trainable",
        "kernel_initializer",
        "bias_initializer",
        "kernel_regularizer",
        "bias_regularizer",
        "activity_regularizer",
        "kernel_constraint",
        "bias_constraint",
        "kernel_range",
        "bias_range",
        "gamma_initializer",
        "beta_initializer",
        "gamma_regularizer",
        "beta_regularizer",
        "gamma_constraint",
        "beta_constraint",
        "gamma_range",
        "beta_range",
        "moving_mean_initializer",
        "moving_variance_initializer",
        "momentum",
        "renorm_momentum",
        "batch_input_shape",
        "batch_shape",
        "build_input_shape",
        "input_shape",
        "input_dtype",
        "optional",
        "registered_name",
        "module",
        "ema_freeze_delay",
        "lora_rank",
        "lora_alpha",
        "quantization_config",
    ]
)


class _Options:
    """A layer's options, taken out one by one; what is left at the end is refused."""

    def __init__(self, node: Node) -> None:
        self.node = node
        self._left = {key: value for key, value in node.config.items() if key not in _WITHOUT_EFFECT}
        dtype = self._left.pop("dtype", "float32")
        if isinstance(dtype, dict):
            dtype = dtype.get("config", {}).get("name", dtype)
        if dtype not in ("float32", None):
            raise self.refuse(f"dtype {dtype!r} is not supported: hwgen reproduces float32 models.")
        if self._left.pop("data_format", None) not in (None, "channels_last"):
            raise self.refuse("data_format='channels_first' is not supported; use channels_last.")

    def refuse(self, why: str) -> UnsupportedError:
        return UnsupportedError(f"layer {self.node.name!r} ({self.node.class_name}): {why}")

    def take(self, key: str, default: Any = None) -> Any:
        return self._left.pop(key, default)

    def flag(self, key: str, default: bool) -> bool:
        value = self.take(key, default)
        if value not in (0, 1):
            raise self.refuse(f"{key} must be true or false, got {value!r}.")
        return bool(value)

    def size(self, key: str) -> int:
        value = self.take(key)
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            raise self.refuse(f"{key} must be a positive whole number, got {value!r}.")
        return value

    def sizes(self, key: str, rank: int, default: Any = None) -> tuple[int, ...]:
        value = self.take(key, default)
        values = [value] * rank if isinstance(value, int) else value
        if not isinstance(values, (list, tuple)) or len(values) != rank or any(not isinstance(v, int) for v in values):
            raise self.refuse(f"{key} must be {rank} whole numbers, got {value!r}.")
        if any(v < 1 for v in values):
            raise self.refuse(f"{key} must be positive, got {value!r}.")
        return tuple(values)

    def padding(self, *allowed: str) -> str:
        value = str(self.take("padding", "valid")).lower()
        if value not in allowed:
            raise self.refuse(f"padding={value!r} is not supported; supported: {', '.join(allowed)}.")
        return value

    def quantizer(self, key: str) -> QuantizerConfig | None:
        config = parse_quantizer_config(self.take(key), f"layer {self.node.name!r} ({self.node.class_name}), {key}")
        if isinstance(config, str):
            raise self.refuse(f"{key}={config!r} has no fixed-point form in hwgen.")
        return config

    def activation(self) -> Activation:
        where = f"layer {self.node.name!r} ({self.node.class_name}), activation"
        config = parse_quantizer_config(self.take("activation"), where)
        if config is None:
            return "linear"
        if isinstance(config, str) and config not in ("linear", "relu", "softmax"):
            raise self.refuse(
                f"activation {config!r} is not quantized and has no exact fixed-point form; "
                f"use a quantizer such as quantized_relu(bits, integer), or linear, relu, or softmax at the end."
            )
        return config

    def only(self, key: str, *allowed: Any) -> None:
        value = self.take(key, allowed[0])
        if value not in allowed:
            raise self.refuse(f"option {key}={value!r} is not supported; only {allowed[0]!r} is.")

    def finish(self) -> None:
        for key, value in self._left.items():
            if value is not None:
                raise self.refuse(f"option {key}={value!r} is not known to hwgen, so it cannot be honoured.")


def parse_layer(node: Node) -> Spec:
    """Read a layer's options.

    Raises:
        UnsupportedError: the layer or one of its options is not computed exactly; named.
    """
    parser = _PARSERS.get(node.class_name)
    options = _Options(node) if parser is not None else None
    if parser is None or options is None:
        raise UnsupportedError(_unknown_layer(node))
    spec = parser(options)
    options.finish()
    return spec


_FLOAT_LAYERS = {
    "Dense": "QDense",
    "Conv1D": "QConv1D",
    "Conv2D": "QConv2D",
    "DepthwiseConv2D": "QDepthwiseConv2D",
    "SeparableConv2D": "QSeparableConv2D",
    "Conv2DTranspose": "QConv2DTranspose",
}


def _unknown_layer(node: Node) -> str:
    if node.class_name in _FLOAT_LAYERS:
        return (
            f"layer {node.name!r} ({node.class_name}): its weights are not quantized, so there is no exact hardware for "
            f"it; use {_FLOAT_LAYERS[node.class_name]} with kernel_quantizer and bias_quantizer."
        )
    return f"layer {node.name!r}: class {node.class_name!r} is not supported; supported: {', '.join(sorted(_PARSERS))}."


def _input(options: _Options) -> InputSpec:
    config = options.node.config
    shape = config.get("batch_input_shape") or config.get("batch_shape") or config.get("build_input_shape")
    options.only("sparse", False, None)
    options.only("ragged", False, None)
    if not isinstance(shape, list) or len(shape) < 2 or any(not isinstance(size, int) for size in shape[1:]):
        raise options.refuse(f"every size but the batch's must be fixed, got {shape!r}.")
    return InputSpec(tuple(shape[1:]))


def _quantized_weights(options: _Options, use_bias: bool) -> tuple[QuantizerConfig, QuantizerConfig | None]:
    kernel, bias = options.quantizer("kernel_quantizer"), options.quantizer("bias_quantizer")
    if kernel is None:
        raise options.refuse("kernel_quantizer is None: its weights are not quantized; give it a quantizer.")
    if use_bias and bias is None:
        raise options.refuse(
            "bias_quantizer is None: its bias is not quantized; give it a quantizer, or set use_bias=False."
        )
    return kernel, bias


def _dense(options: _Options) -> DenseSpec:
    use_bias = options.flag("use_bias", True)
    kernel, bias = _quantized_weights(options, use_bias)
    return DenseSpec(options.size("units"), use_bias, kernel, bias, options.activation())


def _conv(rank: int, batch_norm: bool = False) -> Callable[[_Options], ConvSpec]:
    def parse(options: _Options) -> ConvSpec:
        options.only("groups", 1)
        options.only("mask", None)
        use_bias = options.flag("use_bias", True)
        kernel, bias = _quantized_weights(options, use_bias or batch_norm)
        normalization = None
        if batch_norm:
            options.only("folding_mode", "ema_stats_folding", "batch_stats_folding")
            normalization = _batch_norm(options)
        paddings = ("valid", "same", "causal") if rank == 1 else ("valid", "same")
        return ConvSpec(
            options.size("filters"),
            options.sizes("kernel_size", rank),
            options.sizes("strides", rank, 1),
            options.sizes("dilation_rate", rank, 1),
            options.padding(*paddings),
            use_bias,
            kernel,
            bias,
            options.activation(),
            normalization,
        )

    return parse


def _batch_norm(options: _Options) -> BatchNormSpec:
    axis = options.take("axis", -1)
    epsilon = options.take("epsilon", 1e-3)
    if not isinstance(epsilon, (int, float)) or epsilon < 0:
        raise options.refuse(f"epsilon must be a number that is not negative, got {epsilon!r}.")
    for key in ("fused", "renorm", "renorm_clipping", "virtual_batch_size", "adjustment", "synchronized"):
        if options.take(key) and key not in ("fused", "synchronized"):
            raise options.refuse(f"option {key!r} is not supported.")
    axes = axis if isinstance(axis, list) else [axis]
    if len(axes) != 1:
        raise options.refuse(f"axis={axis!r}: one axis, the last, is supported.")
    return BatchNormSpec(axes[0], float(epsilon), options.flag("center", True), options.flag("scale", True))


def _q_batch_norm(options: _Options) -> BatchNormSpec:
    quantizers = {key: options.quantizer(f"{key}_quantizer") for key in ("gamma", "beta", "mean", "variance")}
    if options.activation() != "linear":
        raise options.refuse("an activation inside QBatchNormalization is not supported.")
    plain = _batch_norm(options)
    return replace(plain, **quantizers)


def _activation(options: _Options) -> ActivationSpec:
    return ActivationSpec(options.activation())


def _relu(options: _Options) -> ActivationSpec:
    options.only("max_value", None)
    options.only("negative_slope", 0, 0.0, None)
    options.only("threshold", 0, 0.0, None)
    return ActivationSpec("relu")


def _softmax(options: _Options) -> ActivationSpec:
    options.only("axis", -1)
    return ActivationSpec("softmax")


def _max_pool(rank: int) -> Callable[[_Options], PoolSpec]:
    def parse(options: _Options) -> PoolSpec:
        window = options.sizes("pool_size", rank, 2)
        strides = options.sizes("strides", rank, list(window)) if options.node.config.get("strides") else window
        options.take("strides")
        return PoolSpec(window, strides, options.padding("valid", "same"), keepdims=True)

    return parse


def _global_max_pool(options: _Options) -> PoolSpec:
    return PoolSpec(None, (), "valid", options.flag("keepdims", False))


def _reshape(options: _Options) -> ReshapeSpec:
    target = options.take("target_shape")
    if not isinstance(target, list) or any(not isinstance(size, int) for size in target):
        raise options.refuse(f"target_shape must be whole numbers, got {target!r}.")
    return ReshapeSpec(tuple(target))


def _dropout(options: _Options) -> IdentitySpec:
    for key in ("rate", "noise_shape", "seed", "stddev", "l1", "l2"):
        options.take(key)
    return IdentitySpec()


_PARSERS: Mapping[str, Callable[[_Options], Spec]] = {
    "InputLayer": _input,
    "QDense": _dense,
    "QConv1D": _conv(1),
    "QConv2D": _conv(2),
    "QConv2DBatchnorm": _conv(2, batch_norm=True),
    "BatchNormalization": _batch_norm,
    "QBatchNormalization": _q_batch_norm,
    "QActivation": _activation,
    "Activation": _activation,
    "ReLU": _relu,
    "Softmax": _softmax,
    "MaxPooling1D": _max_pool(1),
    "MaxPooling2D": _max_pool(2),
    "GlobalMaxPooling1D": _global_max_pool,
    "GlobalMaxPooling2D": _global_max_pool,
    "Flatten": lambda options: ReshapeSpec((-1,)),
    "Reshape": _reshape,
    "Dropout": _dropout,
    "SpatialDropout1D": _dropout,
    "SpatialDropout2D": _dropout,
    "GaussianDropout": _dropout,
    "GaussianNoise": _dropout,
    "ActivityRegularization": _dropout,
}


def supported_layers() -> tuple[str, ...]:
    """Class names that the front end reads."""
    return tuple(sorted(_PARSERS))
