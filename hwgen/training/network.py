"""The Keras models that a configuration describes: quantized, and float of the same shape."""

from collections.abc import Callable
from typing import Any

from hwgen.errors import ConfigError
from hwgen.training.model_config import OUTPUT_LAYER, ConvLayer, DenseLayer, MaxPoolLayer, ModelConfig
from hwgen.training.tensorflow import load, quiet


def quantized_model(config: ModelConfig, sample_shape: tuple[int, ...], classes: int) -> Any:
    """Build the QKeras model: QDense, QConv1D, QConv2D or QConv2DBatchnorm, each with a QActivation.

    Args:
        sample_shape: without the batch axis, channels last.
    Returns:
        A Keras 2 functional model, not compiled.
    Raises:
        ConfigError: QKeras refuses a quantizer's arguments, or a window is larger than what it slides over.
    """
    qkeras = load().qkeras

    def weighted(layer: DenseLayer | ConvLayer, name: str, value: Any) -> Any:
        quantizers = _quantizers(config, layer, name)
        if isinstance(layer, DenseLayer):
            value = qkeras.QDense(layer.units, name=name, **quantizers)(value)
        else:
            kind = qkeras.QConv1D if layer.kind == "conv1d" else qkeras.QConv2D
            kind = qkeras.QConv2DBatchnorm if layer.batchnorm else kind
            value = kind(layer.filters, layer.kernel, layer.stride, layer.padding, name=name, **quantizers)(value)
        return qkeras.QActivation(config.quantizer(layer, "activation", name), name=f"{name}_activation")(value)

    def output(value: Any) -> Any:
        return qkeras.QDense(classes, name=OUTPUT_LAYER, **_quantizers(config, config.output, OUTPUT_LAYER))(value)

    return _chain(config, sample_shape, weighted, output)


def float_model(config: ModelConfig, sample_shape: tuple[int, ...], classes: int) -> Any:
    """Build the same network without quantizers, with ReLU activations; arguments and result as ``quantized_model``."""
    layers = load().keras.layers

    def weighted(layer: DenseLayer | ConvLayer, name: str, value: Any) -> Any:
        if isinstance(layer, DenseLayer):
            value = layers.Dense(layer.units, name=name)(value)
        else:
            kind = layers.Conv1D if layer.kind == "conv1d" else layers.Conv2D
            value = kind(layer.filters, layer.kernel, layer.stride, layer.padding, name=name)(value)
            if layer.batchnorm:
                value = layers.BatchNormalization(name=f"{name}_batchnorm")(value)
        return layers.ReLU(name=f"{name}_activation")(value)

    return _chain(config, sample_shape, weighted, lambda value: layers.Dense(classes, name=OUTPUT_LAYER)(value))


def logits_model(model: Any) -> Any:
    """The model without the softmax at its end, sharing its layers."""
    keras = load().keras
    return keras.Model(model.input, model.get_layer(OUTPUT_LAYER).output)


def _quantizers(config: ModelConfig, layer: Any, name: str) -> dict[str, str]:
    return {
        "kernel_quantizer": config.quantizer(layer, "weights", name),
        "bias_quantizer": config.quantizer(layer, "biases", name),
    }


def _chain(
    config: ModelConfig,
    sample_shape: tuple[int, ...],
    weighted: Callable[[DenseLayer | ConvLayer, str, Any], Any],
    output: Callable[[Any], Any],
) -> Any:
    """Input, hidden layers, a Flatten before the first dense one, logits, softmax."""
    keras = load().keras
    value = start = keras.Input(sample_shape, name="input")
    name = OUTPUT_LAYER
    try:
        with quiet():
            for name, layer in zip(config.layer_names(), config.layers, strict=True):
                if isinstance(layer, MaxPoolLayer):
                    pool = keras.layers.MaxPooling1D if len(value.shape) == 3 else keras.layers.MaxPooling2D
                    value = pool(layer.size, name=name)(value)
                    continue
                if isinstance(layer, DenseLayer):
                    value = _flat(value)
                value = weighted(layer, name, value)
            name = OUTPUT_LAYER
            value = output(_flat(value))
            if config.output.softmax:
                value = keras.layers.Activation("softmax", name="softmax")(value)
            return keras.Model(start, value, name=config.name)
    except (TypeError, ValueError, AssertionError, AttributeError) as error:
        raise ConfigError(f"[model] layer {name!r}: Keras refuses it: {str(error) or type(error).__name__}.") from error


def _flat(value: Any) -> Any:
    return load().keras.layers.Flatten(name="flatten")(value) if len(value.shape) > 2 else value
