"""Reads a layer's options: each one honoured, without effect at inference, or refused by name."""

from collections.abc import Callable, Mapping
from dataclasses import replace

from hwgen.errors import UnsupportedError
from hwgen.frontend.curves import bounded_relu, elu, float32, leaky_relu
from hwgen.frontend.graph import Node
from hwgen.frontend.layer_options import LayerOptions, is_whole
from hwgen.frontend.options import is_number
from hwgen.frontend.quantizer_types import QuantizerConfig
from hwgen.frontend.specs import (
    ActivationSpec,
    BatchNormSpec,
    ConvSpec,
    DenseSpec,
    IdentitySpec,
    InputSpec,
    PoolSpec,
    ReshapeSpec,
    Spec,
)


def parse_layer(node: Node) -> Spec:
    """Read a layer's options.

    Raises:
        UnsupportedError: the layer or one of its options is not computed exactly; named.
    """
    parse = _PARSERS.get(node.class_name)
    if parse is None:
        raise UnsupportedError(_unknown_layer(node))
    options = LayerOptions(node)
    spec = parse(options)
    options.finish()
    return spec


def _unknown_layer(node: Node) -> str:
    quantized = f"Q{node.class_name}"
    if quantized in _PARSERS:
        return (
            f"layer {node.name!r} ({node.class_name}): its weights are not quantized, so there is no exact hardware "
            f"for it; use {quantized} with kernel_quantizer and bias_quantizer."
        )
    package, arrow, name = node.class_name.rpartition(">")
    if arrow:
        return (
            f"layer {node.name!r}: {name!r} is a class of {package!r}, neither of Keras nor of QKeras, and its code is "
            f"not in the file; use layers of theirs."
        )
    supported = ", ".join(sorted(_PARSERS))
    return f"layer {node.name!r}: class {node.class_name!r} is not supported; supported: {supported}."


def _input(options: LayerOptions) -> InputSpec:
    options.only("sparse", False, None)
    options.only("ragged", False, None)
    return InputSpec(options.shape())


def _quantized_weights(options: LayerOptions, use_bias: bool) -> tuple[QuantizerConfig, QuantizerConfig | None]:
    kernel, bias = options.quantizer("kernel_quantizer"), options.quantizer("bias_quantizer")
    if kernel is None:
        raise options.refuse("kernel_quantizer is None: its weights are not quantized; give it a quantizer.")
    if use_bias and bias is None:
        raise options.refuse(
            "bias_quantizer is None: its bias is not quantized; give it a quantizer, or set use_bias=False."
        )
    return kernel, bias


def _dense(options: LayerOptions) -> DenseSpec:
    use_bias = options.flag("use_bias", True)
    kernel, bias = _quantized_weights(options, use_bias)
    return DenseSpec(options.size("units"), use_bias, kernel, bias, options.activation())


def _conv(rank: int, batch_norm: bool = False) -> Callable[[LayerOptions], ConvSpec]:
    def parse(options: LayerOptions) -> ConvSpec:
        options.only("groups", 1)
        options.only("mask", None)
        use_bias = options.flag("use_bias", True)
        kernel, bias = _quantized_weights(options, use_bias or batch_norm)
        normalization = None
        if batch_norm:
            options.only("folding_mode", "ema_stats_folding", "batch_stats_folding")  # the same at inference
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


def _batch_norm(options: LayerOptions) -> BatchNormSpec:
    axis = options.take("axis", -1)
    epsilon = options.number("epsilon", 1e-3)
    if epsilon is None or epsilon < 0:
        raise options.refuse(f"epsilon must be a number that is not negative, got {epsilon!r}.")
    options.take("fused")  # other kernels for the same function
    options.take("synchronized")  # of batch statistics in training
    for key in ("renorm", "renorm_clipping", "virtual_batch_size", "adjustment"):
        if options.take(key):
            raise options.refuse(f"option {key!r} is not supported.")
    axes = axis if isinstance(axis, list) else [axis]
    if len(axes) != 1 or not is_whole(axes[0]):
        raise options.refuse(f"axis={axis!r}: one axis, the last, is supported.")
    return BatchNormSpec(axes[0], epsilon, options.flag("center", True), options.flag("scale", True))


def _q_batch_norm(options: LayerOptions) -> BatchNormSpec:
    for name in ("gamma", "beta", "mean", "variance"):
        options.required(f"{name}_quantizer")
    if options.activation() != "linear":
        raise options.refuse("an activation inside QBatchNormalization is not supported.")
    return replace(
        _batch_norm(options),
        gamma=options.quantizer("gamma_quantizer"),
        beta=options.quantizer("beta_quantizer"),
        mean=options.quantizer("mean_quantizer"),
        variance=options.quantizer("variance_quantizer"),
    )


def _activation(options: LayerOptions) -> ActivationSpec:
    options.required("activation")
    return ActivationSpec(options.activation())


def _relu(options: LayerOptions) -> ActivationSpec:
    highest = _number(options, "max_value", None)
    slope, threshold = _number(options, "negative_slope", 0.0) or 0.0, _number(options, "threshold", 0.0) or 0.0
    if min(slope, threshold, highest or 0.0) < 0:
        raise options.refuse(
            f"max_value={highest}, negative_slope={slope:g} and threshold={threshold:g} must not be negative."
        )
    if highest is None and not slope and not threshold:
        return ActivationSpec("relu")
    bound = None if highest is None else float32(highest)
    return ActivationSpec(bounded_relu("ReLU", float32(slope), float32(threshold), bound))


def _number(options: LayerOptions, key: str, default: float | None) -> float | None:
    """A number, which Keras 2 sometimes writes as an array."""
    value = options.take(key, default)
    if isinstance(value, dict):
        value = value.get("value", value)
    if value is None:
        return None
    if isinstance(value, bool) or not is_number(value):
        raise options.refuse(f"{key} must be a number within float32, got {value!r}.")
    return float(value)


def _leaky_relu(options: LayerOptions) -> ActivationSpec:
    slope = _number(options, "alpha", None)  # Keras 2's name
    slope = _number(options, "negative_slope", 0.3) if slope is None else slope
    if slope is None or slope < 0:
        raise options.refuse(f"negative_slope={slope} must not be negative.")
    return ActivationSpec(leaky_relu("LeakyReLU", float32(slope)))


def _elu(options: LayerOptions) -> ActivationSpec:
    alpha = _number(options, "alpha", 1.0)
    if alpha is None or alpha <= 0:
        raise options.refuse(f"alpha={alpha} must be positive.")
    return ActivationSpec(elu("ELU", float32(alpha)))


def _softmax(options: LayerOptions) -> ActivationSpec:
    options.only("axis", -1, [-1])
    return ActivationSpec("softmax")


def _max_pool(rank: int) -> Callable[[LayerOptions], PoolSpec]:
    def parse(options: LayerOptions) -> PoolSpec:
        window = options.sizes("pool_size", rank, 2)
        if options.node.config.get("strides") is None:
            options.take("strides")
        return PoolSpec(rank, window, options.sizes("strides", rank, window), options.padding("valid", "same"), True)

    return parse


def _global_max_pool(rank: int) -> Callable[[LayerOptions], PoolSpec]:
    return lambda options: PoolSpec(rank, None, (), "valid", options.flag("keepdims", False))


def _reshape(options: LayerOptions) -> ReshapeSpec:
    target = options.take("target_shape")
    if not isinstance(target, list) or not all(is_whole(size) for size in target):
        raise options.refuse(f"target_shape must be whole numbers, got {target!r}.")
    return ReshapeSpec(tuple(target))


def _dropout(options: LayerOptions) -> IdentitySpec:
    for key in ("rate", "noise_shape", "seed", "stddev", "l1", "l2"):
        options.take(key)
    return IdentitySpec()


_PARSERS: Mapping[str, Callable[[LayerOptions], Spec]] = {
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
    "LeakyReLU": _leaky_relu,
    "ELU": _elu,
    "Softmax": _softmax,
    "MaxPooling1D": _max_pool(1),
    "MaxPooling2D": _max_pool(2),
    "GlobalMaxPooling1D": _global_max_pool(1),
    "GlobalMaxPooling2D": _global_max_pool(2),
    "Flatten": lambda options: ReshapeSpec((-1,)),
    "Reshape": _reshape,
    "Dropout": _dropout,
    "SpatialDropout1D": _dropout,
    "SpatialDropout2D": _dropout,
    "GaussianDropout": _dropout,
    "GaussianNoise": _dropout,
    "ActivityRegularization": _dropout,
}
