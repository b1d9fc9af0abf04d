"""Whatever hwgen does not compute exactly is refused by name: the layer, the option, and what to do."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from oracle.keras_files import (
    KerasLayer,
    activation,
    as_keras3,
    batch_norm,
    conv,
    conv_batchnorm,
    dense,
    functional,
    input_layer,
    layer,
    quantized_bits,
    quantizer,
    sequential,
    write_h5,
    write_keras,
)

import hwgen
from hwgen.errors import HwgenError, InputError, UnsupportedError

TYPE = "fixed<8,3>"


def zeros(*shape: int) -> np.ndarray:
    return np.zeros(shape, dtype=np.float32)


def norm(channels: int) -> dict[str, np.ndarray]:
    names = ("gamma", "beta", "moving_mean", "moving_variance")
    return {name: np.ones(channels, dtype=np.float32) for name in names}


def message(tmp_path: Path, layers: Sequence[KerasLayer], architecture: Any = None, **load: Any) -> str:
    """The sentence with which a model is refused."""
    path = tmp_path / "model.h5"
    write_h5(path, architecture or sequential(layers), layers)
    with pytest.raises(HwgenError) as caught:
        hwgen.load(path, **{"input_type": TYPE} | load)
    assert "\n" not in str(caught.value)
    return str(caught.value)


# One good model for each class: the layer in question is called "it".
MODELS: dict[str, list[KerasLayer]] = {
    "InputLayer": [input_layer("it", (4,)), dense("head", zeros(4, 3), zeros(3))],
    "QDense": [input_layer("data", (4,)), dense("it", zeros(4, 3), zeros(3))],
    "QConv1D": [input_layer("data", (6, 2)), conv("it", zeros(3, 2, 4), zeros(4))],
    "QConv2D": [input_layer("data", (6, 6, 2)), conv("it", zeros(3, 3, 2, 4), zeros(4))],
    "QConv2DBatchnorm": [input_layer("data", (6, 6, 2)), conv_batchnorm("it", zeros(3, 3, 2, 4), zeros(4), norm(4))],
    "BatchNormalization": [
        input_layer("data", (4,)),
        batch_norm("it", norm(4)),
        activation("end", "quantized_relu(6)"),
    ],
    "QBatchNormalization": [
        input_layer("data", (4,)),
        KerasLayer(
            "QBatchNormalization",
            {
                **batch_norm("it", norm(4)).config,
                "gamma_quantizer": "quantized_relu_po2(6, 2048)",
                "beta_quantizer": "quantized_po2(5)",
                "mean_quantizer": "quantized_po2(5)",
                "variance_quantizer": "quantized_relu_po2(6, quadratic_approximation=True)",
            },
            norm(4),
        ),
        activation("end", "quantized_relu(6)"),
    ],
    "QActivation": [input_layer("data", (4,)), activation("it", "quantized_relu(6)")],
    "Activation": [input_layer("data", (4,)), layer("Activation", "it", activation="relu")],
    "ReLU": [
        input_layer("data", (4,)),
        layer("ReLU", "it", max_value=None, negative_slope=0.0, threshold=0.0),
    ],
    "Softmax": [input_layer("data", (4,)), layer("Softmax", "it", axis=-1)],
    "MaxPooling1D": [input_layer("data", (6, 2)), layer("MaxPooling1D", "it", pool_size=[2], strides=[2])],
    "MaxPooling2D": [input_layer("data", (6, 6, 2)), layer("MaxPooling2D", "it", pool_size=[2, 2], strides=None)],
    "GlobalMaxPooling1D": [input_layer("data", (6, 2)), layer("GlobalMaxPooling1D", "it", keepdims=False)],
    "GlobalMaxPooling2D": [input_layer("data", (6, 6, 2)), layer("GlobalMaxPooling2D", "it", keepdims=True)],
    "Flatten": [input_layer("data", (6, 2)), layer("Flatten", "it", data_format="channels_last")],
    "Reshape": [input_layer("data", (6, 2)), layer("Reshape", "it", target_shape=[3, -1])],
    "Dropout": [input_layer("data", (4,)), layer("Dropout", "it", rate=0.5, noise_shape=None, seed=3)],
    "GaussianNoise": [input_layer("data", (4,)), layer("GaussianNoise", "it", stddev=0.5)],
}


def changed(class_name: str, **options: Any) -> list[KerasLayer]:
    """The class's model with options of its layer "it" changed."""
    return [entry.changed(**options) if entry.name == "it" else entry for entry in MODELS[class_name]]


@pytest.mark.parametrize("class_name", MODELS)
def test_the_models_that_refusals_are_tested_on_load_unchanged(class_name: str, tmp_path: Path) -> None:
    layers = MODELS[class_name]
    write_h5(tmp_path / "model.h5", sequential(layers), layers)
    assert hwgen.load(tmp_path / "model.h5", input_type=TYPE).network.inputs


@pytest.mark.parametrize("class_name", MODELS)
def test_an_option_that_hwgen_does_not_know_is_refused_in_every_layer(class_name: str, tmp_path: Path) -> None:
    told = message(tmp_path, changed(class_name, rounding_of_tomorrow="sideways"))
    assert told.startswith(f"layer 'it' ({class_name}): ")
    assert "rounding_of_tomorrow='sideways'" in told


@pytest.mark.parametrize("class_name", MODELS)
@pytest.mark.parametrize(
    "dtype",
    ["float16", "bfloat16", "float64", "uint8", {"class_name": "DTypePolicy", "config": {"name": "mixed_float16"}}],
)
def test_another_precision_is_refused_in_every_layer(class_name: str, dtype: Any, tmp_path: Path) -> None:
    told = message(tmp_path, changed(class_name, dtype=dtype))
    assert told.startswith(f"layer 'it' ({class_name}): dtype ")
    assert (dtype if isinstance(dtype, str) else "mixed_float16") in told


@pytest.mark.parametrize(
    "class_name", ["QConv1D", "QConv2D", "QConv2DBatchnorm", "MaxPooling2D", "GlobalMaxPooling1D", "Flatten"]
)
def test_channels_first_is_refused(class_name: str, tmp_path: Path) -> None:
    told = message(tmp_path, changed(class_name, data_format="channels_first"))
    assert told.startswith(f"layer 'it' ({class_name}): data_format='channels_first'")


@pytest.mark.parametrize("class_name", ["QDense", "QConv1D", "QConv2D", "QConv2DBatchnorm"])
@pytest.mark.parametrize("option", ["kernel_quantizer", "bias_quantizer"])
def test_weights_without_a_quantizer_are_refused(class_name: str, option: str, tmp_path: Path) -> None:
    told = message(tmp_path, changed(class_name, **{option: None}))
    assert told.startswith(f"layer 'it' ({class_name}): {option} is None")
    assert "give it a quantizer" in told


LAYER_OPTIONS: list[tuple[str, str, Any, str]] = [
    ("InputLayer", "sparse", True, ""),
    ("InputLayer", "ragged", True, ""),
    ("InputLayer", "batch_input_shape", [None, None], "every size but the batch's must be fixed"),
    ("InputLayer", "batch_input_shape", [None, 0], "must be positive"),
    ("InputLayer", "batch_input_shape", [None, 1 << 40], "at most"),
    ("InputLayer", "batch_input_shape", [None, True], "must be fixed"),
    ("InputLayer", "batch_input_shape", [None], "must be fixed"),
    ("QDense", "units", 0, "outside the 1 to"),
    ("QDense", "units", 2.5, "whole number"),
    ("QDense", "units", True, "whole number"),
    ("QDense", "use_bias", "yes", "true or false"),
    ("QDense", "activation", "sigmoid", "quantized_relu"),
    ("QDense", "activation", "tanh", "quantized_relu"),
    ("QDense", "activation", "hard_sigmoid", "quantized_relu"),
    ("QDense", "kernel_quantizer", "linear", "no fixed-point form"),
    ("QDense", "kernel_quantizer", "quantized_relu(4)", "not supported for weights"),
    ("QDense", "bias_quantizer", "quantized_po2(4)", "not supported for weights"),
    ("QDense", "lora_rank", 4, "not known"),
    ("QDense", "quantization_config", {"mode": "int8"}, "not known"),
    ("QConv1D", "padding", "reflect", "supported: valid, same, causal"),
    ("QConv2D", "padding", "causal", "supported: valid, same"),
    ("QConv2D", "groups", 2, "only 1 is"),
    ("QConv2D", "mask", [[1, 0, 1]] * 3, "not supported"),
    ("QConv2D", "kernel_size", [3], "2 whole numbers"),
    ("QConv2D", "strides", [0, 1], "positive"),
    ("QConv2D", "strides", [True, 1], "whole numbers"),
    ("QConv2D", "dilation_rate", [1.5, 1], "whole numbers"),
    ("QConv2D", "kernel_size", [9, 9], "the layer needs shape"),
    ("QConv2DBatchnorm", "folding_mode", "fold_by_magic", "ema_stats_folding"),
    ("QConv2DBatchnorm", "axis", 1, "is not the last axis"),
    ("QConv2DBatchnorm", "renorm", True, "not supported"),
    ("BatchNormalization", "axis", [1, 2], "one axis, the last"),
    ("BatchNormalization", "axis", 0, "is not the last axis"),
    ("BatchNormalization", "epsilon", -1.0, "not negative"),
    ("BatchNormalization", "epsilon", float("nan"), "within float32"),
    ("BatchNormalization", "epsilon", None, "not negative"),
    ("BatchNormalization", "renorm", True, "not supported"),
    ("BatchNormalization", "virtual_batch_size", 8, "not supported"),
    ("BatchNormalization", "center", 2, "true or false"),
    ("QBatchNormalization", "gamma_quantizer", "quantized_relu(4)", "not supported for weights"),
    ("QBatchNormalization", "variance_quantizer", "quantized_relu_po2(12)", "zero in float32"),
    ("QBatchNormalization", "beta_quantizer", "linear", "no fixed-point form"),
    ("QBatchNormalization", "inverse_quantizer", "quantized_bits(8)", "not known"),
    ("QBatchNormalization", "activation", "relu", "activation inside"),
    ("QActivation", "activation", "sigmoid", "no exact fixed-point form"),
    ("QActivation", "activation", "quantized_tanh", "no exact fixed-point form"),
    ("QActivation", "activation", "quantized_po2(4)", "not supported for activations"),
    ("QActivation", "activation", 7, "name or configuration was expected"),
    ("QActivation", "activation", {"class_name": "quantized_relu"}, "class and configuration were expected"),
    ("Activation", "activation", "swish", "no exact fixed-point form"),
    ("Activation", "activation", {"class_name": "LeakyReLU", "config": {}}, "LeakyReLU has no fixed-point form"),
    ("ReLU", "max_value", 6.0, "only None is"),
    ("ReLU", "negative_slope", 0.25, "only 0 is"),
    ("ReLU", "threshold", 1.0, "only 0 is"),
    ("Softmax", "axis", 1, "only -1 is"),
    ("MaxPooling1D", "padding", "causal", "supported: valid, same"),
    ("MaxPooling2D", "pool_size", [2, 2, 2], "2 whole numbers"),
    ("MaxPooling2D", "pool_size", [7, 7], "larger than its input"),
    ("MaxPooling2D", "strides", [0, 0], "positive"),
    ("GlobalMaxPooling1D", "keepdims", "no", "true or false"),
    ("Reshape", "target_shape", [5, 2], "cannot reshape"),
    ("Reshape", "target_shape", [-1, -1], "cannot reshape"),
    ("Reshape", "target_shape", [0, 12], "cannot reshape"),
    ("Reshape", "target_shape", [1 << 62, 1 << 62], "cannot reshape"),
    ("Reshape", "target_shape", [], "cannot reshape"),
    ("Reshape", "target_shape", 12, "whole numbers"),
]


# Options whose values are fine, but not for this input; the message shows what does not fit.
TOLD_BY_CONSEQUENCE = ("batch_input_shape", "target_shape", "pool_size", "kernel_size")


@pytest.mark.parametrize(
    ("class_name", "option", "value", "says"),
    LAYER_OPTIONS,
    ids=[f"{c}-{o}={str(v)[:24]}" for c, o, v, _ in LAYER_OPTIONS],
)
def test_a_layers_option_that_is_not_honoured_is_named(
    class_name: str, option: str, value: Any, says: str, tmp_path: Path
) -> None:
    told = message(tmp_path, changed(class_name, **{option: value}))
    assert told.startswith(f"layer 'it' ({class_name})")
    assert option.removesuffix("_quantizer") in told or option in TOLD_BY_CONSEQUENCE
    assert says in told


@pytest.mark.parametrize("option", ["gamma_quantizer", "beta_quantizer", "mean_quantizer", "variance_quantizer"])
def test_a_batch_norm_that_does_not_state_its_quantizers_is_refused_not_given_defaults(
    option: str, tmp_path: Path
) -> None:
    layers = MODELS["QBatchNormalization"]
    config = {key: value for key, value in layers[1].config.items() if key != option}
    silent = [layers[0], KerasLayer("QBatchNormalization", config, layers[1].weights), layers[2]]
    assert f"layer 'it' (QBatchNormalization): the file does not state {option}" in message(tmp_path, silent)


# ---- quantizers: what a kernel's quantizer may not say, and what an activation's may not

KERNEL_QUANTIZERS: list[tuple[str, dict[str, Any], str]] = [
    ("quantized_bits", {"bits": 0}, "bits=0 is outside the 1 to 32"),
    ("quantized_bits", {"bits": 33}, "bits=33 is outside the 1 to 32"),
    ("quantized_bits", {"bits": "8"}, "bits must be one whole number"),
    ("quantized_bits", {"bits": [8]}, "bits must be one whole number"),
    ("quantized_bits", {"integer": 31}, "integer=31 is outside"),  # QKeras's int32 wraps
    ("quantized_bits", {"integer": -33}, "integer=-33 is outside"),
    ("quantized_bits", {"integer": 1.5}, "integer must be one whole number"),
    ("quantized_bits", {"symmetric": 2}, "symmetric must be true or false"),
    ("quantized_bits", {"keep_negative": "no"}, "keep_negative must be true or false"),
    ("quantized_bits", {"qnoise_factor": 0.5}, "qnoise_factor=0.5"),
    ("quantized_bits", {"qnoise_factor": None}, "qnoise_factor=None"),
    ("quantized_bits", {"scale_axis": 0}, "scale_axis=0"),
    ("quantized_bits", {"alpha": "auto_magic"}, "alpha must be a number"),
    ("quantized_bits", {"alpha": float("nan")}, "alpha must be a number within float32"),
    ("quantized_bits", {"alpha": 1e39}, "alpha must be a number within float32"),
    ("quantized_bits", {"alpha": [[1.0], [2.0], [1.0], [2.0]]}, "alpha must be a number"),  # along the inputs
    ("quantized_bits", {"alpha": [1.0, 2.0]}, "alpha must be one number, or one for each of the 3"),
    ("quantized_bits", {"alpha": []}, "alpha must be a number"),
    ("quantized_bits", {"alpha": "auto", "bits": 1}, "divides by zero"),
    ("quantized_bits", {"alpha": None, "bits": 1}, "divides by zero"),
    ("quantized_bits", {"elements_per_scale": 4}, "elements_per_scale=4"),
    ("quantized_bits", {"min_po2_exponent": -3}, "min_po2_exponent=-3"),
    ("quantized_bits", {"post_training_scale": [1.0]}, "post_training_scale"),
    ("ternary", {"alpha": "auto", "threshold": 0.5}, "threshold=0.5 contradicts"),
    ("ternary", {"threshold": 0.5}, "finds its own threshold"),  # a kernel's alpha=None is auto_po2
    ("ternary", {"alpha": 1.0, "threshold": "half"}, "threshold must be a number"),
    ("ternary", {"alpha": 1.0, "threshold": -0.5}, "threshold=-0.5 must not be negative"),
    ("ternary", {"alpha": -1.0}, "alpha=-1 must not be negative"),
    ("ternary", {"alpha": 1.0, "use_stochastic_rounding": True}, "use_stochastic_rounding needs alpha='auto'"),
    ("ternary", {"number_of_unrolls": 0}, "number_of_unrolls=0"),
    ("binary", {"use_01": 3}, "use_01 must be true or false"),
    ("binary", {"alpha": [1.0, 2.0]}, "alpha must be one number"),
    ("stochastic_ternary", {}, "use its deterministic form, ternary"),
    ("stochastic_binary", {"alpha": 1}, "use its deterministic form, binary"),
    ("bernoulli", {}, "random at inference"),
    ("quantized_linear", {"bits": 4}, "quantized_linear has no fixed-point form"),
    ("quantized_po2", {"bits": 4}, "not supported for weights"),
]
ACTIVATION_QUANTIZERS: list[tuple[str, dict[str, Any], str]] = [
    ("quantized_bits", {"bits": 6, "alpha": "auto"}, "takes its scale from the batch"),
    ("quantized_bits", {"bits": 6, "alpha": "auto_po2"}, "takes its scale from the batch"),
    ("quantized_bits", {"bits": 6, "alpha": [1.0, 2.0]}, "one alpha for all channels"),
    ("quantized_bits", {"bits": 6, "alpha": 0.0}, "alpha must be positive"),
    ("quantized_bits", {"bits": 6, "alpha": -0.5}, "alpha must be positive"),
    ("quantized_relu", {"bits": 31}, "bits=31 is outside the 1 to 30"),  # QKeras's int32 wraps
    ("quantized_relu", {"integer": 31}, "integer=31 is outside"),
    ("quantized_relu", {"use_sigmoid": 1}, "use_sigmoid=1"),
    ("quantized_relu", {"negative_slope": 0.3}, "negative_slope=0.3 must be a power of two"),
    ("quantized_relu", {"negative_slope": 2.0}, "negative_slope=2 must be a power of two of at most 1"),
    ("quantized_relu", {"negative_slope": -0.5}, "negative_slope=-0.5 must be a power of two"),
    ("quantized_relu", {"bits": 4, "negative_slope": 2.0**-4}, "smaller than one step of 4 bits"),
    ("quantized_relu", {"negative_slope": float("inf")}, "negative_slope must be a number within float32"),
    ("quantized_relu", {"bits": 6, "integer": 3, "relu_upper_bound": 6.0}, "relu_upper_bound=6"),
    (
        "quantized_relu",
        {"bits": 6, "integer": 3, "relu_upper_bound": float("nan")},
        "relu_upper_bound must be a number",
    ),
    ("quantized_relu", {"qnoise_factor": 0.0}, "qnoise_factor=0"),
    ("ternary", {"alpha": "auto"}, "takes its scale from the batch"),
    ("binary", {"alpha": "auto_po2"}, "takes its scale from the batch"),
    ("binary", {"alpha": 0}, "alpha must be positive"),
    ("bernoulli", {}, "random at inference"),
    ("stochastic_binary", {}, "use its deterministic form, binary"),
    ("quantized_tanh", {"bits": 4}, "quantized_tanh has no fixed-point form"),
    ("quantized_sigmoid", {"bits": 4}, "quantized_sigmoid has no fixed-point form"),
    ("quantized_ulaw", {"bits": 4}, "quantized_ulaw has no fixed-point form"),
    ("quantized_hswish", {"bits": 4}, "quantized_hswish has no fixed-point form"),
    ("quantized_relu_po2", {"bits": 4}, "not supported for activations"),
    ("quantized_of_tomorrow", {}, "quantized_of_tomorrow has no fixed-point form"),
]


def as_text(name: str, options: dict[str, Any]) -> str:
    """As a string configuration; quantizers without arguments keep their brackets."""
    return f"{name}({', '.join(f'{key}={value!r}' for key, value in options.items())})"


def _cases(table: list[tuple[str, dict[str, Any], str]]) -> list[Any]:
    return [
        pytest.param(name, options, says, id=f"{name}-{','.join(f'{k}={v}' for k, v in options.items())}")
        for name, options, says in table
    ]


@pytest.mark.parametrize(("name", "options", "says"), _cases(KERNEL_QUANTIZERS))
def test_a_kernel_quantizers_option_that_is_not_honoured_is_named(
    name: str, options: dict[str, Any], says: str, tmp_path: Path
) -> None:
    told = message(tmp_path, changed("QDense", kernel_quantizer=quantizer(name, **options)))
    assert told.startswith("layer 'it' (QDense), kernel")
    assert name in told
    assert says in told


@pytest.mark.parametrize(("name", "options", "says"), _cases(ACTIVATION_QUANTIZERS))
@pytest.mark.parametrize("class_name", ["QActivation", "QDense"])
def test_an_activation_quantizers_option_that_is_not_honoured_is_named(
    class_name: str, name: str, options: dict[str, Any], says: str, tmp_path: Path
) -> None:
    told = message(tmp_path, changed(class_name, activation=quantizer(name, **options)))
    assert told.startswith(f"layer 'it' ({class_name})")
    assert name in told
    assert says in told


PLAIN_TEXT = [
    (name, options, says)
    for name, options, says in ACTIVATION_QUANTIZERS
    if all(
        isinstance(value, str) or (isinstance(value, int | float) and np.isfinite(value)) for value in options.values()
    )
]


@pytest.mark.parametrize(("name", "options", "says"), _cases(PLAIN_TEXT))
def test_quantizers_are_refused_the_same_from_text(
    name: str, options: dict[str, Any], says: str, tmp_path: Path
) -> None:
    told = message(tmp_path, changed("QActivation", activation=as_text(name, options)))
    assert told.startswith("layer 'it' (QActivation)")
    assert name in told
    assert options == {} or says in told


@pytest.mark.parametrize(
    "text",
    [
        "quantized_bits(",
        "quantized_bits(4))",
        "quantized_bits(4; 0)",
        "quantized_bits(four)",
        "quantized_bits(alpha=auto)",
        "quantized_bits(4, (0))",
        "quantized_bits(*[4, 0])",
        "quantized_bits(**{})",
        "quantized_bits(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12)",
        "quantized_bits(4, bits=6)",
        "quantized_bits(4, bits=6, bits=7)",
        "qkeras.quantized_bits(4)",
        "lambda x: relu(x)",
        "__import__('os').system('true')",
        "quantized_bits(" + "-" * 5000 + "1)",
        "quantized_bits(4\0)",
        "(4)",
    ],
)
def test_text_that_is_no_quantizer_is_refused(text: str, tmp_path: Path) -> None:
    told = message(tmp_path, changed("QDense", kernel_quantizer=text))
    assert told.startswith("layer 'it' (QDense), kernel_quantizer: ")


def test_an_upper_bound_that_the_codes_keep_anyway_is_honoured(tmp_path: Path) -> None:
    """6 bits, 3 of them integer, end at 7.875: a bound of 7.875 or 8 changes nothing."""
    networks = []
    for bound in (None, 7.875, 8.0):
        relu = quantizer("quantized_relu", bits=6, integer=3, relu_upper_bound=bound)
        layers = changed("QActivation", activation=relu)
        write_h5(tmp_path / "model.h5", sequential(layers), layers)
        networks.append(str(hwgen.load(tmp_path / "model.h5", input_type=TYPE)))
    assert len(set(networks)) == 1


# ---- layers and models


@pytest.mark.parametrize(
    ("class_name", "quantized"), [("Dense", "QDense"), ("Conv1D", "QConv1D"), ("Conv2D", "QConv2D")]
)
def test_a_layer_that_is_not_quantized_names_the_one_that_is(class_name: str, quantized: str, tmp_path: Path) -> None:
    told = message(tmp_path, [input_layer("data", (4,)), layer(class_name, "it")])
    assert told.startswith(f"layer 'it' ({class_name}): its weights are not quantized")
    assert f"use {quantized} with kernel_quantizer and bias_quantizer" in told


@pytest.mark.parametrize(
    "class_name",
    [
        "QDenseBatchnorm",
        "LSTM",
        "Add",
        "Concatenate",
        "AveragePooling2D",
        "Lambda",
        "TFOpLambda",
        "LeakyReLU",
        "ZeroPadding2D",
    ],
)
def test_a_class_that_is_not_supported_is_named_with_those_that_are(class_name: str, tmp_path: Path) -> None:
    told = message(tmp_path, [input_layer("data", (4,)), layer(class_name, "it")])
    assert told.startswith(f"layer 'it': class {class_name!r} is not supported; supported: Activation")
    assert "QConv2DBatchnorm" in told


@pytest.mark.parametrize(
    "stated",
    [
        {"class_name": "Custom>QDense"},
        {"class_name": "lab.layers>QDense"},
        {"class_name": "QDense", "module": "__main__", "registered_name": "QDense"},
        {"class_name": "QDense", "module": None, "registered_name": "lab>QDense"},
    ],
)
def test_a_custom_layer_is_not_taken_for_the_one_whose_name_it_has(stated: dict[str, Any], tmp_path: Path) -> None:
    layers = MODELS["QDense"]
    architecture = sequential(layers)
    architecture["config"]["layers"][1].update(stated)
    told = message(tmp_path, layers, architecture)
    assert told.startswith("layer 'it': 'QDense' is a class of ")
    assert "its code is not in the file" in told


def test_a_custom_quantizer_is_not_taken_for_the_one_whose_name_it_has(tmp_path: Path) -> None:
    mine = {**quantized_bits(4), "registered_name": "lab>quantized_bits", "module": None}
    assert "lab>quantized_bits has no fixed-point form" in message(tmp_path, changed("QDense", kernel_quantizer=mine))


@pytest.mark.parametrize("name", ["relu", "linear", "softmax", "my_relu"])
def test_a_custom_function_is_not_taken_for_the_one_whose_name_it_has(name: str, tmp_path: Path) -> None:
    function = {"module": "builtins", "class_name": "function", "config": name, "registered_name": "function"}
    told = message(tmp_path, changed("Activation", activation=function))
    assert f"activation: {name!r} is a Python function of the model's author" in told


def test_a_model_inside_the_model_is_named(tmp_path: Path) -> None:
    inner = KerasLayer("Sequential", {"name": "it", "layers": []})
    told = message(tmp_path, [input_layer("data", (4,)), inner])
    assert told.startswith("layer 'it': is a model inside the model (Sequential)")


@pytest.mark.parametrize("class_name", ["MyModel", "lab>MyModel"])
def test_a_subclassed_model_is_named(class_name: str, tmp_path: Path) -> None:
    layers = MODELS["QDense"]
    told = message(tmp_path, layers, {**sequential(layers), "class_name": class_name})
    assert "the model is a 'MyModel'" in told
    assert "stores Python code, not an architecture" in told


def test_a_layer_with_two_inputs_is_named(tmp_path: Path) -> None:
    layers = [
        input_layer("data", (4,)),
        KerasLayer(
            "QDense", dense("a", zeros(4, 3), zeros(3)).config, dense("a", zeros(4, 3), zeros(3)).weights, ("data",)
        ),
        KerasLayer(
            "QDense", dense("b", zeros(4, 3), zeros(3)).config, dense("b", zeros(4, 3), zeros(3)).weights, ("data",)
        ),
        KerasLayer("QActivation", activation("it", "quantized_relu(4)").config, {}, ("a", "b")),
    ]
    told = message(tmp_path, layers, functional(layers))
    assert told == "layer 'it' (QActivation): one input is supported, got 2."


def test_a_shared_layer_is_named(tmp_path: Path) -> None:
    layers = MODELS["QDense"]
    architecture = functional(layers)
    architecture["config"]["layers"][1]["inbound_nodes"] *= 2
    assert "layer 'it': is used 2 times in the model" in message(tmp_path, layers, architecture)


@pytest.mark.parametrize("place", [[1, 0], [0, 1]], ids=["second call", "second output"])
def test_another_call_or_output_of_a_layer_is_named(place: list[int], tmp_path: Path) -> None:
    layers = MODELS["QDense"]
    architecture = functional(layers)
    architecture["config"]["layers"][1]["inbound_nodes"] = [[["data", *place, {}]]]
    assert f"reads call {place[0]}, output {place[1]} of 'data'" in message(tmp_path, layers, architecture)


@pytest.mark.parametrize("keras3", [False, True])
@pytest.mark.parametrize(("key", "value"), [("training", True), ("mask", [1]), ("scale", 0.0)])
def test_arguments_of_a_call_that_would_be_ignored_are_named(
    key: str, value: Any, keras3: bool, tmp_path: Path
) -> None:
    layers = MODELS["BatchNormalization"]
    architecture = functional(layers, keras3=keras3)
    call = architecture["config"]["layers"][1]["inbound_nodes"]
    (call[0]["kwargs"] if keras3 else call[0][0][3])[key] = value
    assert f"layer 'it': is called with {key}={value}" in message(tmp_path, layers, architecture)


@pytest.mark.parametrize("keras3", [False, True])
def test_a_call_that_says_inference_is_an_ordinary_call(keras3: bool, tmp_path: Path) -> None:
    layers = MODELS["BatchNormalization"]
    architecture = functional(layers, keras3=keras3)
    call = architecture["config"]["layers"][1]["inbound_nodes"]
    (call[0]["kwargs"] if keras3 else call[0][0][3]).update(training=False, mask=None)
    write_h5(tmp_path / "model.h5", architecture, layers)
    assert hwgen.load(tmp_path / "model.h5", input_type=TYPE)


@pytest.mark.parametrize("where", ["layer", "activation"])
def test_a_softmax_before_the_end_is_named(where: str, tmp_path: Path) -> None:
    softmax = (
        layer("Softmax", "it", axis=-1) if where == "layer" else dense("it", zeros(4, 4), None, activation="softmax")
    )
    layers = [input_layer("data", (4,)), softmax, dense("head", zeros(4, 3), zeros(3))]
    told = message(tmp_path, layers)
    assert told == "layer 'it': a softmax is supported only at the end of the model, but 'head' reads it."


@pytest.mark.parametrize(
    "last",
    [
        dense("head", zeros(4, 3), zeros(3)),
        layer("Activation", "softmax", activation="softmax"),
        layer("Activation", "relu", activation="relu"),
        None,
    ],
    ids=["dense", "softmax", "relu", "end"],
)
def test_a_batch_norm_without_a_quantizer_behind_it_is_named(last: KerasLayer | None, tmp_path: Path) -> None:
    layers = [input_layer("data", (4,)), batch_norm("norm", norm(4)), *([] if last is None else [last])]
    told = message(tmp_path, layers)
    assert f"layer '{layers[-1].name}'" in told
    assert "put a QActivation in between" in told


def test_a_batch_norm_behind_another_is_named(tmp_path: Path) -> None:
    layers = [input_layer("data", (4,)), batch_norm("one", norm(4)), batch_norm("two", norm(4))]
    assert message(tmp_path, layers).startswith("layer 'two' (BatchNormalization): follows another batch norm directly")


def test_a_batch_norm_whose_variance_is_not_positive_is_named(tmp_path: Path) -> None:
    bad = {**norm(4), "moving_variance": np.array([1, 1, -1, 1], dtype=np.float32)}
    layers = [input_layer("data", (4,)), batch_norm("it", bad), activation("end", "quantized_relu(4)")]
    assert "layer 'it' (BatchNormalization): variance + epsilon is -0.999 in channel 2" in message(tmp_path, layers)


def test_a_maximum_of_what_a_negative_gamma_turns_around_is_named(tmp_path: Path) -> None:
    bad = {**norm(2), "gamma": np.array([1, -1], dtype=np.float32)}
    layers = [
        input_layer("data", (6, 2)),
        batch_norm("norm", bad),
        layer("MaxPooling1D", "it", pool_size=[2], strides=[2]),
        activation("end", "quantized_relu(4)"),
    ]
    told = message(tmp_path, layers)
    assert told.startswith("layer 'it' (MaxPooling1D): takes a maximum after a batch norm with negative gamma")


def test_channels_that_are_moved_after_a_batch_norm_are_named(tmp_path: Path) -> None:
    layers = [
        input_layer("data", (6, 4)),
        batch_norm("norm", norm(4)),
        layer("Reshape", "it", target_shape=[12, 2]),
        activation("end", "quantized_relu(4)"),
    ]
    assert message(tmp_path, layers).startswith("layer 'it' (Reshape): moves channels after a batch norm")


def test_scales_too_far_apart_for_one_grid_are_named(tmp_path: Path) -> None:
    """Powers of two would shift the codes of one channel beyond the integers that hold them."""
    kernel = np.diag([1.0, 2.0**-20, 2.0**40]).astype(np.float32)
    head = dense("it", kernel, None, kernel_quantizer=quantized_bits(4, 0, alpha=None))
    told = message(tmp_path, [input_layer("data", (3,)), head])
    assert told.startswith("layer 'it': with its scales multiplied in, its weights need")
    assert "let a quantizer follow it directly" in told


def test_scales_that_are_no_powers_of_two_are_too_wide_for_weights_of_many_bits(tmp_path: Path) -> None:
    alpha = [1 / 3, 2.0**-30 / 3, 1.0]
    head = dense("it", zeros(4, 3) + 0.9, None, kernel_quantizer=quantized_bits(16, 0, alpha=alpha))
    assert "layer 'it': with its scales multiplied in" in message(tmp_path, [input_layer("data", (4,)), head])


def test_sums_that_exceed_the_integers_that_hold_them_are_named(tmp_path: Path) -> None:
    head = dense("it", zeros(4, 3) + 0.9, None, kernel_quantizer=quantized_bits(32))
    told = message(tmp_path, [input_layer("data", (4,)), head], input_type="fixed<40,8>")
    assert told.startswith("layer 'it': magnitudes of products and bias add up to about 2**7")


def test_a_step_function_with_too_many_steps_is_named(tmp_path: Path) -> None:
    layers = [
        input_layer("data", (4,)),
        batch_norm("norm", norm(4)),
        activation("it", quantized_bits(24, 3)),
    ]
    told = message(tmp_path, layers)
    assert told.startswith("layer 'it' (QActivation): scale, batch norm and quantizer together make ")
    assert "quantize to fewer bits" in told


@pytest.mark.parametrize("kernel", ["quantized_bits(4, 0)", "ternary()", "binary()"])
def test_weights_so_large_that_float32_overflows_are_named(kernel: str, tmp_path: Path) -> None:
    head = dense("it", zeros(4, 3) + 3e38, None, kernel_quantizer=kernel)
    told = message(tmp_path, [input_layer("data", (4,)), head])
    assert told.startswith("layer 'it' (QDense), kernel: ")
    assert "its largest value is 3e+38" in told


def test_a_fold_that_overflows_float32_is_named(tmp_path: Path) -> None:
    huge = {**norm(4), "gamma": np.full(4, 3e38, dtype=np.float32)}
    layers = [input_layer("data", (6, 6, 2)), conv_batchnorm("it", zeros(3, 3, 2, 4) + 9, zeros(4), huge)]
    assert "layer 'it' (QConv2DBatchnorm), kernel: with the batch norm folded in, it overflows" in message(
        tmp_path, layers
    )


@pytest.mark.parametrize("keep", ["kernel", "gamma", "moving_variance", "bias"])
def test_a_fold_without_one_of_its_weights_is_named(keep: str, tmp_path: Path) -> None:
    whole = MODELS["QConv2DBatchnorm"][1]
    weights = {name: array for name, array in whole.weights.items() if name != keep}
    layers = [MODELS["QConv2DBatchnorm"][0], KerasLayer(whole.class_name, whole.config, weights)]
    told = message(tmp_path, layers)
    assert told.startswith("layer 'it' (QConv2DBatchnorm): needs a ")
    assert keep in told


def test_an_input_of_the_wrong_rank_is_named(tmp_path: Path) -> None:
    for layers in (
        [input_layer("data", (6, 2)), *MODELS["QConv2D"][1:]],
        [input_layer("data", (6,)), *MODELS["MaxPooling1D"][1:]],
        [input_layer("data", (6,)), *MODELS["GlobalMaxPooling2D"][1:]],
        [input_layer("data", (2, 2, 2, 4)), *MODELS["QDense"][1:]],
    ):
        told = message(tmp_path, layers)
        assert told.startswith("layer 'it' (")
        assert "axes" in told


def test_one_tensor_as_two_outputs_is_named(tmp_path: Path) -> None:
    layers = [*MODELS["QActivation"], layer("Dropout", "dropout", rate=0.5)]
    told = message(tmp_path, layers, functional(layers, ["it", "dropout"]))
    assert told.startswith("layer 'dropout': the model outputs the same tensor twice")


# ---- input types


@pytest.mark.parametrize("first", ["QDense", "Activation", "Flatten", "BatchNormalization"])
def test_a_model_that_does_not_say_what_it_takes_asks_for_the_flag(first: str, tmp_path: Path) -> None:
    told = message(tmp_path, MODELS[first], input_type=None)
    assert told.startswith("input 'data': the model does not say what numbers it takes")
    assert "--input-type 'fixed<8,3>'" in told


@pytest.mark.parametrize(
    "first",
    ["ternary()", "binary()", "quantized_relu(4, 0, negative_slope=0.5)", "quantized_bits(4, 0, alpha=0.3)"],
)
def test_a_first_quantizer_that_is_no_plain_rounding_asks_for_the_flag(first: str, tmp_path: Path) -> None:
    told = message(tmp_path, changed("QActivation", activation=first), input_type=None)
    assert "what reads it first is 'it' (QActivation)" in told


def test_an_input_that_two_layers_read_asks_for_the_flag(tmp_path: Path) -> None:
    layers = [
        input_layer("data", (4,)),
        KerasLayer("QActivation", activation("a", "quantized_relu(4)").config, {}, ("data",)),
        KerasLayer("QActivation", activation("b", "quantized_relu(6)").config, {}, ("data",)),
    ]
    told = message(tmp_path, layers, functional(layers, ["a", "b"]), input_type=None)
    assert "what reads it first is 'a' (QActivation) and 'b' (QActivation)" in told


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ("", "a type is written as in ap_fixed"),
        ("int8", "a type is written as in ap_fixed"),
        ("fixed<8>", "a type is written as in ap_fixed"),
        ("fixed<8,3", "a type is written as in ap_fixed"),
        ("fixed<0,3>", "width of 1 to 64"),
        ("fixed<65,3>", "width of 1 to 64"),
        ("fixed<8,3,RND>", "names a rounding but no overflow"),
        ("fixed<8,3,ROUND,SAT>", "unknown rounding 'ROUND'"),
        ("fixed<8,3,RND,CLIP>", "unknown overflow 'CLIP'"),
        ("pixels=fixed<8,3>", "input type for 'pixels': the model's inputs are data"),
        ("data=fixed<8,3>;data=fixed<8,3>", "each name once"),
        ("data=fixed<8,3>;", "'name=TYPE;name=TYPE'"),
        ("=fixed<8,3>", "'name=TYPE;name=TYPE'"),
        ({"pixels": "fixed<8,3>"}, "input type for 'pixels': the model's inputs are data"),
        ({"data": 8}, "input type for 'data': text such as 'fixed<8,3>'"),
        (8, "input type for 'data': text such as 'fixed<8,3>'"),
    ],
)
def test_an_input_type_that_is_none_is_refused(given: Any, says: str, tmp_path: Path) -> None:
    assert says in message(tmp_path, MODELS["QDense"], input_type=given)


def test_inputs_keep_the_order_of_the_models_arguments(tmp_path: Path) -> None:
    """The file may list the layers in another order than ``Model(inputs=[second, first])``."""
    layers = [
        input_layer("first", (4,)),
        input_layer("second", (4,)),
        KerasLayer("QActivation", activation("a", "quantized_relu(4)").config, {}, ("first",)),
        KerasLayer("QActivation", activation("b", "quantized_relu(6)").config, {}, ("second",)),
    ]
    architecture = functional(layers, ["a", "b"])
    architecture["config"]["input_layers"].reverse()
    write_h5(tmp_path / "model.h5", architecture, layers)
    model = hwgen.load(tmp_path / "model.h5", input_type="first=fixed<8,3>;second=ufixed<5,2>")
    assert [(entry.value.name, str(entry.value.type)) for entry in model.network.inputs] == [
        ("second", "ufixed<5,2>"),
        ("first", "fixed<8,3>"),
    ]
    assert model.network.outputs == ("a", "b")


# ---- masks


def _save_masks(path: Path, **masks: Any) -> None:
    np.savez(path, **masks)


@pytest.mark.parametrize(
    ("masks", "says"),
    [
        (
            {"other": np.ones((4, 3), bool)},
            "holds a mask for 'other', which is no layer with weights in this model (it)",
        ),
        ({"data": np.ones((4, 3), bool)}, "holds a mask for 'data'"),
        ({"it": np.ones((3, 4), bool)}, "layer 'it': its pruning mask has shape (3, 4), its kernel (4, 3)"),
        ({"it": np.ones((4, 3))}, "the mask of 'it' is float64"),
    ],
)
@pytest.mark.parametrize("beside", [True, False])
def test_masks_of_another_model_are_refused(masks: Any, says: str, beside: bool, tmp_path: Path) -> None:
    path = tmp_path / ("masks.npz" if beside else "given.npz")
    _save_masks(path, **masks)
    assert says in message(tmp_path, MODELS["QDense"], **({} if beside else {"masks": path}))


@pytest.mark.parametrize("content", [b"", b"text", b"PK\x03\x04damaged", b"\x93NUMPY\x01\x00damaged"])
def test_a_file_of_masks_that_is_none_is_refused(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "masks.npz").write_bytes(content)
    assert "masks.npz: the file of masks is damaged or cut short" in message(tmp_path, MODELS["QDense"])


def test_a_single_array_is_no_file_of_masks(tmp_path: Path) -> None:
    np.save(tmp_path / "masks.npy", np.ones((4, 3), dtype=bool))
    told = message(tmp_path, MODELS["QDense"], masks=tmp_path / "masks.npy")
    assert "an .npz file with an array for each layer" in told


def test_masks_that_are_missing_are_named(tmp_path: Path) -> None:
    assert "no such file of masks" in message(tmp_path, MODELS["QDense"], masks=tmp_path / "none.npz")


@pytest.mark.parametrize("count", [10, 60, 200, 250])
def test_a_file_of_masks_cut_short_is_refused(count: int, tmp_path: Path) -> None:
    _save_masks(tmp_path / "whole.npz", it=np.ones((4, 3), dtype=bool))
    (tmp_path / "masks.npz").write_bytes((tmp_path / "whole.npz").read_bytes()[:count])
    assert "the file of masks is damaged or cut short" in message(tmp_path, MODELS["QDense"])


# ---- inspection collects


def test_inspection_collects_every_refusal(tmp_path: Path) -> None:
    layers = [
        input_layer("data", (4,)),
        dense("fine", zeros(4, 4), zeros(4)),
        dense("wrong_shape", zeros(5, 4), zeros(4)),
        activation("random", "bernoulli()"),
        dense("wide", zeros(4, 3), None, kernel_quantizer=quantized_bits(99)),
        layer("Activation", "end", activation="softmax"),
    ]
    write_h5(tmp_path / "model.h5", sequential(layers), layers)
    found = hwgen.inspect(tmp_path / "model.h5")
    assert found.network is None
    told = {entry.name: entry.refusal for entry in found.layers}
    assert [name for name, refusal in told.items() if refusal] == ["data", "wrong_shape", "random", "wide"]
    assert "--input-type" in str(told["data"])
    assert "(4, 4), the file holds (5, 4)" in str(told["wrong_shape"])
    assert "random at inference" in str(told["random"])
    assert "bits=99" in str(told["wide"])


def test_inspection_reports_masks_and_input_types_beside_layers(tmp_path: Path) -> None:
    layers = changed("QDense", activation="sigmoid")
    write_h5(tmp_path / "model.h5", sequential(layers), layers)
    found = hwgen.inspect(tmp_path / "model.h5", input_type="fixed<8>")
    assert found.network is None
    assert "a type is written as in ap_fixed" in str(found.problem)
    assert [entry.name for entry in found.layers if entry.refusal] == ["it"]


@pytest.mark.parametrize("class_name", MODELS)
def test_inspection_gives_the_network_that_loading_gives(class_name: str, tmp_path: Path) -> None:
    layers = MODELS[class_name]
    write_h5(tmp_path / "model.h5", sequential(layers), layers)
    found = hwgen.inspect(tmp_path / "model.h5", input_type=TYPE)
    assert found.problem is None
    assert str(hwgen.Model(found.network)) == str(hwgen.load(tmp_path / "model.h5", input_type=TYPE))  # type: ignore[arg-type]


@pytest.mark.parametrize("class_name", ["QDense", "QConv2DBatchnorm", "QBatchNormalization"])
def test_refusals_are_the_same_from_keras_3_files(class_name: str, tmp_path: Path) -> None:
    layers = changed(class_name, rounding_of_tomorrow=1)
    write_keras(tmp_path / "model.keras", as_keras3(functional(layers, keras3=True)), layers, named=True)
    with pytest.raises(UnsupportedError, match=f"layer 'it' \\({class_name}\\): option rounding_of_tomorrow=1"):
        hwgen.load(tmp_path / "model.keras", input_type=TYPE)


# ---- the command line: exit code 2 and one sentence


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Callable[..., tuple[int, str, str]]:
    """Run the command line: exit code, output, errors."""
    from hwgen.cli import main

    def call(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr("sys.argv", ["hwgen", *map(str, arguments)])
        try:
            main()
            code = 0
        except SystemExit as leave:
            code = int(leave.code or 0)
        told = capsys.readouterr()
        return code, told.out, told.err

    return call


def test_inspect_prints_every_refusal_and_returns_2(run: Callable[..., tuple[int, str, str]], tmp_path: Path) -> None:
    layers = changed("QDense", activation="sigmoid")
    write_h5(tmp_path / "model.h5", sequential(layers), layers)
    code, out, _ = run("inspect", tmp_path / "model.h5")
    assert code == 2
    assert "refused: layer 'it' (QDense): activation 'sigmoid'" in out
    assert "refused: input 'data': the model does not say what numbers it takes" in out


def test_inspect_prints_the_network_and_returns_0(run: Callable[..., tuple[int, str, str]], tmp_path: Path) -> None:
    layers = MODELS["QDense"]
    write_h5(tmp_path / "model.h5", sequential(layers), layers)
    code, out, _ = run("inspect", tmp_path / "model.h5", "--input-type", TYPE)
    assert code == 0
    assert "fixed<8,3>" in out
    assert "12" in out


@pytest.mark.parametrize("command", ["inspect", "build"])
def test_a_file_that_is_no_model_is_one_sentence_and_2(
    command: str, run: Callable[..., tuple[int, str, str]], tmp_path: Path
) -> None:
    (tmp_path / "model.h5").write_bytes(b"\x89HDF\r\n\x1a\n and nothing more")
    output = ["-o", tmp_path / "project"] if command == "build" else []
    code, out, err = run(command, tmp_path / "model.h5", *output)
    assert (code, out) == (2, "")
    assert err.startswith(f"hwgen: {tmp_path / 'model.h5'}: the HDF5 data is damaged or cut short")
    assert len(err.splitlines()) == 1
    assert [entry.name for entry in tmp_path.iterdir()] == ["model.h5"]


def test_a_refused_model_builds_nothing(run: Callable[..., tuple[int, str, str]], tmp_path: Path) -> None:
    layers = changed("QDense", kernel_quantizer=None)
    write_h5(tmp_path / "model.h5", sequential(layers), layers)
    code, _, err = run("build", tmp_path / "model.h5", "-o", tmp_path / "project", "--input-type", TYPE)
    assert code == 2
    assert err.startswith("hwgen: layer 'it' (QDense): kernel_quantizer is None")
    assert not (tmp_path / "project").exists()


def test_every_refusal_is_an_error_of_hwgen() -> None:
    assert issubclass(UnsupportedError, HwgenError)
    assert issubclass(InputError, HwgenError)
    assert HwgenError.exit_code == 2
