"""Which weights a layer has: their short names, in the order in which Keras numbers them."""

from hwgen.frontend.architecture import PRUNING_WRAPPER, LayerEntry

_KERNELS = {
    **{key: ["kernel"] for key in ("Dense", "Conv1D", "Conv2D", "Conv1DTranspose", "Conv2DTranspose")},
    **{key: ["depthwise_kernel"] for key in ("DepthwiseConv1D", "DepthwiseConv2D")},
    **{key: ["depthwise_kernel", "pointwise_kernel"] for key in ("SeparableConv1D", "SeparableConv2D")},
    **{key: ["kernel", "recurrent_kernel"] for key in ("SimpleRNN", "LSTM", "GRU")},
}
# QKeras's layers that hold a batch norm: its variables are stored beside the layer's own.
_WITH_BATCH_NORM = ("QConv2DBatchnorm", "QDepthwiseConv2DBatchnorm", "QDenseBatchnorm")


def known_names(entry: LayerEntry) -> list[str]:
    """Every weight that a layer may have; none for layers that hwgen does not read."""
    if entry.wrapped is not None:
        inner = known_names(entry.wrapped)
        own = pruning_order(4) if entry.class_name == PRUNING_WRAPPER else []
        return [*inner, *own] if inner else []
    return list(dict.fromkeys([*variable_order(entry), *normalization_order(entry)]))


def pruning_order(count: int) -> list[str]:
    """A pruning wrapper's own variables: a layer without weights to prune has a counter only."""
    return ["pruned", "mask", "threshold", "pruning_step"] if count > 1 else ["pruning_step"]


def variable_order(entry: LayerEntry) -> list[str]:
    """Names of a layer's own variables in the order of their numbers; none for layers that hwgen does not read."""
    name = entry.class_name
    if name in ("BatchNormalization", "QBatchNormalization"):
        return _normalization(entry)
    plain = name.removeprefix("Q").removesuffix("Batchnorm")
    if plain not in _KERNELS:
        return []
    bias = ["bias"] if entry.config.get("use_bias", True) else []
    return [*_KERNELS[plain], *bias, *(["iteration"] if name in _WITH_BATCH_NORM else [])]


def normalization_order(entry: LayerEntry) -> list[str]:
    """Names of the variables of the batch norm that a layer holds; none where it holds none."""
    return _normalization(entry) if entry.class_name in _WITH_BATCH_NORM else []


def _normalization(entry: LayerEntry) -> list[str]:
    optional = [name for name, key in (("gamma", "scale"), ("beta", "center")) if entry.config.get(key, True)]
    return [*optional, "moving_mean", "moving_variance"]
