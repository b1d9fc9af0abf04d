"""Reads a layer's options: each one honoured, without effect at inference, or refused by name."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from hwgen.errors import UnsupportedError
from hwgen.frontend.curves import bounded_relu, elu, float32, leaky_relu
from hwgen.frontend.given_types import GivenTypes
from hwgen.frontend.graph import Node
from hwgen.frontend.layer_options import MOST_SIZE, LayerOptions, is_whole
from hwgen.frontend.options import is_number
from hwgen.frontend.quantizer_types import QuantizerConfig
from hwgen.frontend.specs import (
    Activation,
    ActivationSpec,
    AverageSpec,
    BatchNormSpec,
    ConcatenateSpec,
    ConvSpec,
    CroppingSpec,
    DenseSpec,
    DepthwiseSpec,
    IdentitySpec,
    InputSpec,
    MergeSpec,
    PermuteSpec,
    PoolSpec,
    RecurrentSpec,
    RepeatVectorSpec,
    ReshapeSpec,
    SeparableSpec,
    Spec,
    TransposedSpec,
    UpSamplingSpec,
    WeightQuantizer,
    WindowSpec,
    ZeroPaddingSpec,
)
from hwgen.ir import MergeOperation


@dataclass(frozen=True, slots=True)
class LayerClass:
    """How the options of a class are read, and what people are told that it computes."""

    parse: Callable[[LayerOptions], Spec]
    computes: str


def parse_layer(node: Node, given: GivenTypes | None = None) -> Spec:
    """Read a layer's options.

    Args:
        given: types for the weights that the layer leaves unquantized.
    Raises:
        UnsupportedError: the layer or one of its options is not computed exactly; named.
        InputError: types are given for weights, and the layer leaves none unquantized.
    """
    known = LAYERS.get(node.class_name)
    if known is None:
        raise UnsupportedError(_unknown_layer(node))
    options = LayerOptions(node, given)
    spec = known.parse(options)
    options.finish()
    return spec


def _unknown_layer(node: Node) -> str:
    package, arrow, name = node.class_name.rpartition(">")
    if arrow:
        return (
            f"layer {node.name!r}: {name!r} is a class of {package!r}, neither of Keras nor of QKeras, and its code is "
            f"not in the file; use layers of theirs."
        )
    supported = ", ".join(sorted(LAYERS))
    return f"layer {node.name!r}: class {node.class_name!r} is not supported; supported: {supported}."


def _input(options: LayerOptions) -> InputSpec:
    options.only("sparse", False, None)
    options.only("ragged", False, None)
    return InputSpec(options.shape())


def _weight(options: LayerOptions, name: str) -> WeightQuantizer:
    """What a kernel is rounded to: by the file, or else by the user."""
    stated = options.quantizer(f"{name}_quantizer")
    if stated is not None:
        return stated
    if options.given is None:
        quantized = (
            options.node.class_name if options.node.class_name.startswith("Q") else f"Q{options.node.class_name}"
        )
        known = f", or use {quantized} with {name}_quantizer" if quantized in LAYERS else ""
        raise options.refuse(
            f"{name}_quantizer is None: its weights are not quantized; give their type, for example "
            f"--quantize '{options.node.name}=fixed<16,6,RND,SAT>' "
            f"(quantize={{'{options.node.name}': 'fixed<16,6,RND,SAT>'}} in Python){known}."
        )
    return options.taken()


def _bias(options: LayerOptions, use_bias: bool) -> WeightQuantizer | None:
    stated = options.quantizer("bias_quantizer")
    if stated is not None or not use_bias:
        return stated
    if options.given is None:
        raise options.refuse(
            f"bias_quantizer is None: its bias is not quantized; give its type, for example "
            f"--quantize '{options.node.name}=fixed<16,6,RND,SAT>' "
            f"(quantize={{'{options.node.name}': 'fixed<16,6,RND,SAT>'}} in Python), or train with a bias_quantizer or "
            f"use_bias=False."
        )
    return options.taken()


def _folded_weights(options: LayerOptions, name: str) -> tuple[QuantizerConfig, QuantizerConfig]:
    """Quantizers of what a batch norm is folded into: the file must state both."""
    found = []
    for key in (f"{name}_quantizer", "bias_quantizer"):
        quantizer = options.quantizer(key)
        if quantizer is None:
            raise options.refuse(
                f"{key} is None: what the batch norm is folded into is not quantized; give it a quantizer."
            )
        found.append(quantizer)
    return found[0], found[1]


def _dense(batch_norm: bool = False) -> Callable[[LayerOptions], DenseSpec]:
    def parse(options: LayerOptions) -> DenseSpec:
        use_bias = options.flag("use_bias", True)
        kernel, bias, normalization = _weights(options, "kernel", use_bias, batch_norm)
        return DenseSpec(options.size("units"), use_bias, kernel, bias, options.activation(), normalization)

    return parse


def _weights(
    options: LayerOptions, name: str, use_bias: bool, batch_norm: bool
) -> tuple[WeightQuantizer, WeightQuantizer | None, BatchNormSpec | None]:
    """Quantizers of kernel and bias, and the batch norm that is folded into them."""
    if not batch_norm:
        return _weight(options, name), _bias(options, use_bias), None
    kernel, bias = _folded_weights(options, name)
    options.only("folding_mode", "ema_stats_folding", "batch_stats_folding")  # the same at inference
    return kernel, bias, _batch_norm(options)


def _window(options: LayerOptions, rank: int, causal: bool = True) -> WindowSpec:
    paddings = ("valid", "same", "causal") if rank == 1 and causal else ("valid", "same")
    return WindowSpec(
        options.sizes("kernel_size", rank),
        options.sizes("strides", rank, 1),
        options.sizes("dilation_rate", rank, 1),
        options.padding(*paddings),
    )


def _conv(rank: int, batch_norm: bool = False) -> Callable[[LayerOptions], ConvSpec]:
    def parse(options: LayerOptions) -> ConvSpec:
        options.only("mask", None)
        use_bias = options.flag("use_bias", True)
        kernel, bias, normalization = _weights(options, "kernel", use_bias, batch_norm)
        filters, window = options.size("filters"), _window(options, rank)
        groups = options.whole("groups", 1, filters, 1)
        return ConvSpec(filters, window, groups, use_bias, kernel, bias, options.activation(), normalization)

    return parse


def _depthwise(rank: int, batch_norm: bool = False) -> Callable[[LayerOptions], DepthwiseSpec]:
    def parse(options: LayerOptions) -> DepthwiseSpec:
        _without_groups(options)
        use_bias = options.flag("use_bias", True)
        kernel, bias, normalization = _weights(options, "depthwise", use_bias, batch_norm)
        multiplier = options.whole("depth_multiplier", 1, MOST_SIZE, 1)
        return DepthwiseSpec(
            multiplier, _window(options, rank), use_bias, kernel, bias, options.activation(), normalization
        )

    return parse


def _separable(rank: int) -> Callable[[LayerOptions], SeparableSpec]:
    def parse(options: LayerOptions) -> SeparableSpec:
        _without_groups(options)
        use_bias = options.flag("use_bias", True)
        depthwise, pointwise = _weight(options, "depthwise"), _weight(options, "pointwise")
        bias = _bias(options, use_bias)
        filters, multiplier = options.size("filters"), options.whole("depth_multiplier", 1, MOST_SIZE, 1)
        window = _window(options, rank)
        return SeparableSpec(filters, multiplier, window, use_bias, depthwise, pointwise, bias, options.activation())

    return parse


def _transposed(rank: int) -> Callable[[LayerOptions], TransposedSpec]:
    def parse(options: LayerOptions) -> TransposedSpec:
        _without_groups(options)
        use_bias = options.flag("use_bias", True)
        kernel, bias = _weight(options, "kernel"), _bias(options, use_bias)
        window = _window(options, rank, causal=False)
        padding = options.counts("output_padding", rank) if options.stated("output_padding") else None
        if padding is not None and any(p >= s for p, s in zip(padding, window.strides, strict=True)):
            raise options.refuse(f"output_padding={padding} must be smaller than strides={window.strides}.")
        return TransposedSpec(options.size("filters"), window, padding, use_bias, kernel, bias, options.activation())

    return parse


def _without_groups(options: LayerOptions) -> None:
    """Keras writes the option for layers that ignore it, too."""
    options.only("groups", 1)


def _recurrent(kind: str) -> Callable[[LayerOptions], RecurrentSpec]:
    def parse(options: LayerOptions) -> RecurrentSpec:
        # Of training, or of how Keras computes the same.
        options.ignore("dropout", "recurrent_dropout", "unroll", "implementation", "unit_forget_bias")
        for key in ("return_state", "stateful", "time_major", "zero_output_for_mask"):
            options.only(key, False, None)
        kernel, recurrent = _weight(options, "kernel"), _weight(options, "recurrent")
        use_bias = options.flag("use_bias", True)
        bias = _bias(options, use_bias)
        spec = RecurrentSpec(
            kind,
            options.size("units"),
            kernel,
            recurrent,
            bias if use_bias else None,
            options.gate_activation("activation"),
            "linear" if kind == "QSimpleRNN" else options.gate_activation("recurrent_activation"),
            options.quantizer("state_quantizer"),
            options.flag("reset_after", False) if kind == "QGRU" else False,
            options.flag("return_sequences", False),
            options.flag("go_backwards", False),
        )
        options.check_both_types_used()
        return spec

    return parse


def _batch_norm(options: LayerOptions) -> BatchNormSpec:
    axis = options.take("axis", -1)
    epsilon = options.number("epsilon", 1e-3)
    if epsilon is None or epsilon < 0:
        raise options.refuse(f"epsilon must be a number that is not negative, got {epsilon!r}.")
    options.ignore("fused", "synchronized")  # other kernels for the same function; batch statistics in training
    options.only("renorm", False, None)
    for key in ("renorm_clipping", "virtual_batch_size", "adjustment"):
        options.only(key, None, False, {})
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


def _pool(options: LayerOptions, rank: int) -> PoolSpec:
    window = options.sizes("pool_size", rank, 2)
    if options.node.config.get("strides") is None:
        options.take("strides")
    return PoolSpec(rank, window, options.sizes("strides", rank, window), options.padding("valid", "same"), True)


def _global_pool(options: LayerOptions, rank: int) -> PoolSpec:
    return PoolSpec(rank, None, (), "valid", options.flag("keepdims", False))


def _average(rank: int) -> Callable[[LayerOptions], AverageSpec]:
    return lambda options: AverageSpec(_pool(options, rank), *_averaging(options))


def _global_average(rank: int) -> Callable[[LayerOptions], AverageSpec]:
    return lambda options: AverageSpec(_global_pool(options, rank), *_averaging(options))


def _averaging(options: LayerOptions) -> tuple[QuantizerConfig | None, Activation]:
    """Only the layers of QKeras have these options."""
    return options.quantizer("average_quantizer"), options.activation()


def _up_sampling(options: LayerOptions) -> UpSamplingSpec:
    options.only("interpolation", "nearest")
    return UpSamplingSpec(options.sizes("size", 2))


def _permute(options: LayerOptions) -> PermuteSpec:
    axes = options.take("dims")
    if not isinstance(axes, (list, tuple)) or not all(is_whole(axis) for axis in axes):
        raise options.refuse(f"dims must be whole numbers, got {axes!r}.")
    return PermuteSpec(tuple(axes))


def _concatenate(options: LayerOptions) -> ConcatenateSpec:
    axis = options.take("axis", -1)
    if not is_whole(axis) or axis == 0:
        raise options.refuse(f"axis must be a whole number other than 0, the batch's, got {axis!r}.")
    return ConcatenateSpec(axis)


def _max_pool(rank: int) -> Callable[[LayerOptions], PoolSpec]:
    return lambda options: _pool(options, rank)


def _global_max_pool(rank: int) -> Callable[[LayerOptions], PoolSpec]:
    return lambda options: _global_pool(options, rank)


def _reshape(options: LayerOptions) -> ReshapeSpec:
    target = options.take("target_shape")
    if not isinstance(target, list) or not all(is_whole(size) for size in target):
        raise options.refuse(f"target_shape must be whole numbers, got {target!r}.")
    return ReshapeSpec(tuple(target))


def _dropout(options: LayerOptions) -> IdentitySpec:
    options.ignore("rate", "noise_shape", "seed", "stddev", "l1", "l2")
    return IdentitySpec()


LAYERS: Mapping[str, LayerClass] = {
    "QSimpleRNN": LayerClass(_recurrent("QSimpleRNN"), "a recurrent layer, unrolled over its steps"),
    "QLSTM": LayerClass(_recurrent("QLSTM"), "a recurrent layer with a memory, unrolled over its steps"),
    "QGRU": LayerClass(_recurrent("QGRU"), "a gated recurrent layer, unrolled over its steps"),
    "InputLayer": LayerClass(_input, "an input of the model"),
    "QDense": LayerClass(_dense(), "matrix product and bias"),
    "QDenseBatchnorm": LayerClass(_dense(batch_norm=True), "matrix product with a batch norm folded into its weights"),
    "Dense": LayerClass(_dense(), "matrix product and bias; its weights need given types"),
    "QConv1D": LayerClass(_conv(1), "convolution over one axis"),
    "QConv2D": LayerClass(_conv(2), "convolution over two axes"),
    "QConv2DBatchnorm": LayerClass(_conv(2, batch_norm=True), "convolution with a batch norm folded into its weights"),
    "Conv1D": LayerClass(_conv(1), "convolution over one axis; its weights need given types"),
    "Conv2D": LayerClass(_conv(2), "convolution over two axes; its weights need given types"),
    "QDepthwiseConv2D": LayerClass(_depthwise(2), "convolution of each channel by itself"),
    "QDepthwiseConv2DBatchnorm": LayerClass(
        _depthwise(2, batch_norm=True), "depthwise convolution with a batch norm folded into its weights"
    ),
    "DepthwiseConv1D": LayerClass(_depthwise(1), "convolution of each channel by itself; its weights need given types"),
    "DepthwiseConv2D": LayerClass(_depthwise(2), "convolution of each channel by itself; its weights need given types"),
    "QSeparableConv1D": LayerClass(
        _separable(1), "depthwise convolution, then one of its exact sums with a kernel of one"
    ),
    "QSeparableConv2D": LayerClass(
        _separable(2), "depthwise convolution, then one of its exact sums with a kernel of one"
    ),
    "SeparableConv1D": LayerClass(
        _separable(1), "depthwise convolution, then one with a kernel of one; its weights need given types"
    ),
    "SeparableConv2D": LayerClass(
        _separable(2), "depthwise convolution, then one with a kernel of one; its weights need given types"
    ),
    "QConv2DTranspose": LayerClass(_transposed(2), "convolution of an image with zeros put between its pixels"),
    "Conv1DTranspose": LayerClass(
        _transposed(1), "convolution of a sequence with zeros put in; its weights need given types"
    ),
    "Conv2DTranspose": LayerClass(
        _transposed(2), "convolution of an image with zeros put in; its weights need given types"
    ),
    "BatchNormalization": LayerClass(_batch_norm, "a factor and a summand for each channel; a quantizer has to follow"),
    "QBatchNormalization": LayerClass(_q_batch_norm, "the same from quantized parameters; a quantizer has to follow"),
    "QActivation": LayerClass(_activation, "a quantizer or an activation function"),
    "Activation": LayerClass(_activation, "a quantizer or an activation function"),
    "ReLU": LayerClass(_relu, "maximum with zero, bounded or with a slope"),
    "LeakyReLU": LayerClass(_leaky_relu, "x, times a slope where it is negative"),
    "ELU": LayerClass(_elu, "x, and alpha * (exp(x) - 1) where it is negative"),
    "Softmax": LayerClass(_softmax, "at the end of a model: left out, or a head"),
    "MaxPooling1D": LayerClass(_max_pool(1), "maximum over a window"),
    "MaxPooling2D": LayerClass(_max_pool(2), "maximum over a window"),
    "GlobalMaxPooling1D": LayerClass(_global_max_pool(1), "maximum over all positions"),
    "GlobalMaxPooling2D": LayerClass(_global_max_pool(2), "maximum over all positions"),
    "AveragePooling1D": LayerClass(
        _average(1), "mean over a window; a quantizer has to follow unless the area is a power of two"
    ),
    "AveragePooling2D": LayerClass(
        _average(2), "mean over a window; a quantizer has to follow unless the area is a power of two"
    ),
    "GlobalAveragePooling1D": LayerClass(
        _global_average(1), "mean over all positions; a quantizer has to follow unless their number is a power of two"
    ),
    "GlobalAveragePooling2D": LayerClass(
        _global_average(2), "mean over all positions; a quantizer has to follow unless their number is a power of two"
    ),
    "QAveragePooling2D": LayerClass(_average(2), "sum over a window times the quantized reciprocal of its area"),
    "QGlobalAveragePooling2D": LayerClass(
        _global_average(2), "sum over all positions times the quantized reciprocal of their number"
    ),
    "ZeroPadding1D": LayerClass(lambda options: ZeroPaddingSpec(options.pairs("padding", 1)), "zeros around"),
    "ZeroPadding2D": LayerClass(lambda options: ZeroPaddingSpec(options.pairs("padding", 2)), "zeros around"),
    "Cropping1D": LayerClass(lambda options: CroppingSpec(options.pairs("cropping", 1)), "a border left out"),
    "Cropping2D": LayerClass(lambda options: CroppingSpec(options.pairs("cropping", 2)), "a border left out"),
    "UpSampling1D": LayerClass(lambda options: UpSamplingSpec(options.sizes("size", 1)), "each position repeated"),
    "UpSampling2D": LayerClass(_up_sampling, "each pixel repeated"),
    "Permute": LayerClass(_permute, "axes in another order"),
    "RepeatVector": LayerClass(lambda options: RepeatVectorSpec(options.size("n")), "a vector several times"),
    "Add": LayerClass(lambda options: MergeSpec(MergeOperation.ADD), "sum"),
    "Subtract": LayerClass(lambda options: MergeSpec(MergeOperation.SUBTRACT), "difference of two"),
    "Multiply": LayerClass(lambda options: MergeSpec(MergeOperation.MULTIPLY), "product"),
    "Average": LayerClass(lambda options: MergeSpec(MergeOperation.ADD, average=True), "mean"),
    "Maximum": LayerClass(lambda options: MergeSpec(MergeOperation.MAXIMUM), "maximum"),
    "Minimum": LayerClass(lambda options: MergeSpec(MergeOperation.MINIMUM), "minimum"),
    "Concatenate": LayerClass(_concatenate, "one behind the other, along any axis but the batch's"),
    "Flatten": LayerClass(lambda options: ReshapeSpec((-1,)), "the same codes as a vector"),
    "Reshape": LayerClass(_reshape, "the same codes in another shape"),
    "Dropout": LayerClass(_dropout, "nothing at inference"),
    "SpatialDropout1D": LayerClass(_dropout, "nothing at inference"),
    "SpatialDropout2D": LayerClass(_dropout, "nothing at inference"),
    "GaussianDropout": LayerClass(_dropout, "nothing at inference"),
    "GaussianNoise": LayerClass(_dropout, "nothing at inference"),
    "ActivityRegularization": LayerClass(_dropout, "nothing at inference"),
}
