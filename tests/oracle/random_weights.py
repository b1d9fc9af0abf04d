"""Random weights that meet what quantizers do: saturation, ties, pruned zeros, batch norms as after training."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from oracle.keras_environment import unwrapped


def set_weights(model: Any, rng: np.random.Generator) -> None:
    """Weights around and beyond saturation, on ties and pruned; batch norms as after training, gamma of either sign."""
    for wrapped in model.layers:
        layer = unwrapped(wrapped)
        layer = layer.layer if type(layer).__name__ == "TimeDistributed" else layer
        norm = layer if hasattr(layer, "moving_mean") else getattr(layer, "batchnorm", None)
        for name in ("kernel", "depthwise_kernel", "pointwise_kernel"):
            kernel = getattr(layer, name, None)
            if kernel is not None:
                quantizer = getattr(layer, f"{name.removesuffix('_kernel')}_quantizer_internal", None)
                kernel.assign(_weights(kernel.shape, quantizer, rng))
        if hasattr(wrapped, "pruning_vars"):
            for weight, mask, _ in wrapped.pruning_vars:
                mask.assign(weight.numpy() != 0)
        if getattr(layer, "bias", None) is not None:
            layer.bias.assign(_weights(layer.bias.shape, getattr(layer, "bias_quantizer_internal", None), rng))
        if norm is not None:
            size = norm.moving_mean.shape
            # Multiples of a quarter put values exactly on ties.
            quarters = rng.random() < 0.5
            mean, beta = (np.round(4 * v) / 4 if quarters else v for v in rng.normal(size=(2, *size)))
            norm.moving_mean.assign(mean)
            norm.moving_variance.assign(np.exp(rng.normal(size=size)))
            if norm.gamma is not None:
                norm.gamma.assign(rng.normal(loc=0.5, size=size) * (rng.random(size) > 0.05))
            if norm.beta is not None:
                norm.beta.assign(beta)


def _weights(shape: Any, quantizer: Any, rng: np.random.Generator) -> NDArray[np.float32]:
    integer = int(getattr(quantizer, "integer", 0))
    weights = rng.normal(scale=0.6 * 2**integer, size=shape)
    step = 2.0 ** (integer - int(getattr(quantizer, "bits", 2)))
    on_ties = rng.random(shape) < 0.1
    weights = np.where(on_ties, np.round(weights / step) * step, weights)
    kept = rng.random(shape) >= rng.choice([0.0, 0.3, 0.8])
    return (weights * kept).astype(np.float32)
