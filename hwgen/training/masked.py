"""Masks on QKeras layers: a pruned weight is zero after the quantizer, not only before it.

Binary, one-bit and power-of-two quantizers have no zero: they turn a pruned 0 back into a weight. So the mask
multiplies what the quantizer gives. It multiplies what the quantizer is given, too: scales that QKeras computes from
the weights (``alpha="auto"``) then see the zeros that the saved file holds, and pruned weights get no gradient.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwgen.errors import InputError
from hwgen.training.selection import BoolArray
from hwgen.training.tensorflow import load


class MaskedQuantizer:
    """``quantizer(kernel * mask) * mask``; trainable wherever the quantizer is."""

    def __init__(self, quantizer: Any, mask: Any) -> None:
        self.quantizer = quantizer
        self.mask = mask

    def __call__(self, kernel: Any) -> Any:
        return self.quantizer(kernel * self.mask) * self.mask

    def __str__(self) -> str:
        return str(self.quantizer)

    def get_config(self) -> dict[str, Any]:
        """Refused: a saved file must be plain QKeras."""
        raise InputError(
            "a model with masks on its quantizers cannot be saved as it is; call remove_masks(model) first, or let "
            "save_pruned(model, masks, folder) write the plain QKeras model and masks.npz."
        )


def prunable_layers(model: Any) -> dict[str, Any]:
    """Return the QDense, QConv1D, QConv2D and QConv2DBatchnorm layers by name, nested models' too.

    Raises:
        InputError: two layers share a name, or a layer has no kernel yet.
    """
    qkeras = load().qkeras
    kinds = (qkeras.QDense, qkeras.QConv1D, qkeras.QConv2D)  # QConv2DBatchnorm is a QConv2D
    found: dict[str, Any] = {}
    for layer in _leaves(model):
        if not isinstance(layer, kinds):
            continue
        if layer.name in found:
            raise InputError(f"masks are kept by layer name, and two layers are named {layer.name!r}; rename one.")
        if not layer.built:
            raise InputError(f"layer {layer.name!r} has no kernel to prune yet; build the model first.")
        found[layer.name] = layer
    return found


def _leaves(model: Any) -> Iterator[Any]:
    for layer in model.layers:
        if hasattr(layer, "layers"):
            yield from _leaves(layer)
        else:
            yield layer


def apply_masks(model: Any, masks: Mapping[str, BoolArray]) -> None:
    """Set pruned weights to zero and put masks on the quantizers; replaces masks already there.

    Args:
        masks: by layer name, of the kernels' shapes, True where kept. Layers without a mask stay as they are.
    Raises:
        InputError: a mask names no prunable layer of the model or has another shape than its kernel.
    """
    layers = prunable_layers(model)
    for name, mask in masks.items():
        if name not in layers:
            raise InputError(f"mask {name!r} belongs to no layer; the model can prune {', '.join(layers) or 'none'}.")
        shape = tuple(layers[name].kernel.shape)
        if mask.shape != shape:
            raise InputError(f"layer {name!r}: a mask has its kernel's shape {shape}, got {mask.shape}.")
    for name, mask in masks.items():
        layer = layers[name]
        kept = np.asarray(mask, dtype=np.float32)
        layer.kernel.assign(layer.kernel * kept)
        if layer.kernel_quantizer_internal is None:
            continue
        if isinstance(layer.kernel_quantizer_internal, MaskedQuantizer):
            layer.kernel_quantizer_internal.mask.assign(kept)
        else:
            variable = load().tf.Variable(kept, trainable=False, name=f"{name}_mask")
            layer.kernel_quantizer_internal = MaskedQuantizer(layer.kernel_quantizer_internal, variable)
            _forget_graphs(model)


def remove_masks(model: Any) -> None:
    """Give each layer its own quantizer back; pruned weights stay zero before it."""
    for layer in prunable_layers(model).values():
        if isinstance(layer.kernel_quantizer_internal, MaskedQuantizer):
            layer.kernel_quantizer_internal = layer.kernel_quantizer_internal.quantizer
            _forget_graphs(model)


def quantized_kernels(model: Any) -> dict[str, NDArray[np.float32]]:
    """Return the kernels that the network multiplies by: folded, quantized and, where masks are on, masked.

    Returns:
        By layer name, of the kernels' shapes.
    """
    batchnorm = load().qkeras.QConv2DBatchnorm
    kernels = {}
    for name, layer in prunable_layers(model).items():
        kernel = layer.get_folded_weights()[0] if isinstance(layer, batchnorm) else layer.kernel
        quantizer = layer.kernel_quantizer_internal
        kernels[name] = np.asarray(kernel if quantizer is None else quantizer(kernel), dtype=np.float32)
    return kernels


def _forget_graphs(model: Any) -> None:
    """Have Keras trace the model anew: its compiled functions hold the quantizers of their first call."""
    model.train_function = model.test_function = model.predict_function = None
