"""Which of hls4ml's layers are zero-elided, and whether what they were asked for can be honoured."""

from typing import Any

from hwgen.errors import UnsupportedError

# By hls4ml's class names: depthwise and separable convolutions derive from these classes and are no matrix product.
_MATRIX_LAYERS = frozenset({"Dense", "Conv1D", "Conv2D", "Conv2DBatchnorm", "PointwiseConv1D", "PointwiseConv2D"})

# hls4ml's product classes that give zero for a zero weight. The others have no zero weight: weights are plus or minus
# one, or powers of two.
_PRODUCTS_WITH_ZERO = frozenset({"mult", "weight_ternary", "data_binary"})


def is_convolution(node: Any) -> bool:
    return bool(node.class_name != "Dense")


def is_matrix_layer(node: Any) -> bool:
    """Whether a layer multiplies by a matrix of constants, as Dense and Conv do."""
    return node.class_name in _MATRIX_LAYERS


def has_zeros_to_elide(node: Any) -> bool:
    """Whether the weights' type of a matrix layer has a zero at all."""
    product = node.model.config.backend.product_type(
        node.get_input_variable().type.precision, node.get_weights("weight").type.precision
    )
    return product in _PRODUCTS_WITH_ZERO


def refuse_what_cannot_be_honoured(node: Any) -> None:
    """Check one layer's options, after hls4ml initialized it.

    Raises:
        UnsupportedError: an option that a zero-elided layer, or this backend, cannot honour.
    """
    strategy = node.get_attr("strategy")
    if is_matrix_layer(node):
        _refuse_sharing(node)
    elif strategy in ("resource_unrolled", "distributed_arithmetic"):
        raise UnsupportedError(
            f"layer '{node.name}': Strategy {strategy!r} is hls4ml's for its own backends only; "
            f"set 'Latency' or 'Resource' for this layer, or convert with backend='Vitis'."
        )
    if node.class_name in ("FixedPointQuantizer", "UnaryLUT", "DACombinational"):
        raise UnsupportedError(
            f"layer '{node.name}': hls4ml generates {node.class_name} (of an HGQ model or its fallback) for its own "
            f"backends only; convert with backend='Vitis'."
        )


def _refuse_sharing(node: Any) -> None:
    config = node.model.config
    strategy = str(config.get_strategy(node))
    if strategy.lower() != "latency":
        raise UnsupportedError(
            f"layer '{node.name}': Strategy {strategy!r} shares multipliers or builds other arithmetic, and a "
            f"zero-elided layer has one product for each weight that is not zero; set Strategy 'Latency', or convert "
            f"with backend='Vitis'."
        )
    reuse = node.get_attr("reuse_factor")
    if reuse != 1:
        raise UnsupportedError(
            f"layer '{node.name}': ReuseFactor {reuse} shares a multiplier among {reuse} products, and a zero-elided "
            f"layer has one product for each weight that is not zero; set ReuseFactor 1, or convert with "
            f"backend='Vitis'."
        )
    if node.get_attr("target_cycles") is not None:
        raise UnsupportedError(
            f"layer '{node.name}': TargetCycles chooses a reuse factor, and a zero-elided layer shares no "
            f"multipliers; leave TargetCycles out, or convert with backend='Vitis'."
        )
    if config.get_compression(node):
        raise UnsupportedError(
            f"layer '{node.name}': Compression stores the weights that are not zero in a memory, and a zero-elided "
            f"layer has them in its code; set Compression False, or convert with backend='Vitis'."
        )
