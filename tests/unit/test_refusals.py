"""Options that hwgen does not honour are refused by name: the layer or the quantizer, the option, and what to do."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from oracle.keras_files import (
    KerasLayer,
    layer,
    quantizer,
    sequential,
    write_h5,
)
from oracle.one_layer_models import MODELS, TYPE, changed, message

import hwgen
from hwgen.errors import UnsupportedError
from hwgen.frontend.graph import Node
from hwgen.frontend.layer_config import parse_layer


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
    ("QDense", "activation", "gelu", "quantized_relu"),
    ("QDense", "kernel_quantizer", "linear", "no fixed-point form"),
    ("QDense", "lora_rank", 4, "not known"),
    ("QDense", "quantization_config", {"mode": "int8"}, "not known"),
    ("QConv1D", "padding", "reflect", "supported: valid, same, causal"),
    ("QConv2D", "padding", "causal", "supported: valid, same"),
    ("QConv2D", "groups", 5, "outside the 1 to 4"),
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
    ("QBatchNormalization", "variance_quantizer", "quantized_relu_po2(12)", "zero in float32"),
    ("QBatchNormalization", "beta_quantizer", "linear", "no fixed-point form"),
    ("QBatchNormalization", "inverse_quantizer", "quantized_bits(8)", "not known"),
    ("QBatchNormalization", "activation", "relu", "activation inside"),
    ("QActivation", "activation", "mish", "no exact fixed-point form"),
    ("QActivation", "activation", 7, "name or configuration was expected"),
    ("QActivation", "activation", {"class_name": "quantized_relu"}, "class and configuration were expected"),
    ("Activation", "activation", "swish", "no exact fixed-point form"),
    ("Activation", "activation", {"class_name": "LeakyReLU", "config": {}}, "LeakyReLU has no fixed-point form"),
    ("ReLU", "max_value", -6.0, "must not be negative"),
    ("ReLU", "negative_slope", "steep", "must be a number within float32"),
    ("ReLU", "threshold", -1.0, "must not be negative"),
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
    ("stochastic_ternary", {"threshold": 0.5}, "finds its own threshold"),
    ("bernoulli", {}, "random at inference"),
    ("quantized_linear", {"bits": 4, "alpha": 0.0}, "alpha must be positive"),
    ("quantized_hswish", {"relu_shift": 0}, "must be positive"),
    ("quantized_tanh", {"bits": 1}, "bits=1 is outside the 2 to 16"),
    ("quantized_ulaw", {"u": 0.0}, "u=0.0 must be positive"),
    ("quantized_relu_po2", {"negative_slope": 0.3}, "negative_slope=0.3 must be a power of two"),
]
ACTIVATION_QUANTIZERS: list[tuple[str, dict[str, Any], str]] = [
    ("quantized_bits", {"bits": 6, "alpha": "auto"}, "takes its scale from the batch"),
    ("quantized_bits", {"bits": 6, "alpha": "auto_po2"}, "takes its scale from the batch"),
    ("quantized_bits", {"bits": 6, "alpha": [1.0, 2.0]}, "one alpha for all channels"),
    ("quantized_bits", {"bits": 6, "alpha": 0.0}, "alpha must be positive"),
    ("quantized_bits", {"bits": 6, "alpha": -0.5}, "alpha must be positive"),
    ("quantized_relu", {"bits": 31}, "bits=31 is outside the 1 to 30"),  # QKeras's int32 wraps
    ("quantized_relu", {"integer": 31}, "integer=31 is outside"),
    ("quantized_relu", {"bits": 17, "use_sigmoid": 1}, "bits=17 with use_sigmoid=1 is outside"),
    ("quantized_relu", {"is_quantized_clip": 2}, "is_quantized_clip must be true or false"),
    ("quantized_relu", {"negative_slope": 0.3}, "negative_slope=0.3 must be a power of two"),
    ("quantized_relu", {"negative_slope": 2.0}, "negative_slope=2 must be a power of two of at most 1"),
    ("quantized_relu", {"negative_slope": -0.5}, "negative_slope=-0.5 must be a power of two"),
    ("quantized_relu", {"bits": 4, "negative_slope": 2.0**-4}, "smaller than one step of 4 bits"),
    ("quantized_relu", {"negative_slope": float("inf")}, "negative_slope must be a number within float32"),
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
    ("stochastic_binary", {"alpha": "auto"}, "takes its scale from the batch"),
    ("quantized_hswish", {"bits": 4, "alpha": "auto"}, "takes its scale from the batch"),
    ("quantized_linear", {"bits": 4, "alpha": "auto_po2"}, "takes its scale from the batch"),
    ("quantized_relu_po2", {"bits": 8}, "take codes of"),
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


def test_an_upper_bound_that_may_act_or_not_is_refused(tmp_path: Path) -> None:
    relu = quantizer("quantized_relu", bits=6, integer=3, relu_upper_bound=6.0)
    assert message(tmp_path, changed("QActivation", activation=relu)) == (
        "layer 'it' (QActivation), activation: quantized_relu: relu_upper_bound=6 is below the largest code's value "
        "7.875, and the file does not say whether it acts: QKeras leaves is_quantized_clip out when it saves; choose "
        "bits and integer so that the largest code is the bound, or write the activation as text."
    )


def test_powers_of_two_that_are_too_wide_for_codes_are_refused_in_one_sentence(tmp_path: Path) -> None:
    assert message(tmp_path, changed("QActivation", activation="quantized_po2(8)")) == (
        "layer 'it' (QActivation): quantized_po2(8) has levels from -9.22337e+18 to 9.22337e+18 in steps of 2**-64, "
        "which take codes of 129 bits, and hwgen computes with at most 60; use fewer bits."
    )


def test_a_hard_sigmoid_of_a_file_that_does_not_name_its_keras_is_refused_in_one_sentence() -> None:
    with pytest.raises(UnsupportedError) as caught:
        parse_layer(Node("it", "Activation", {"activation": "hard_sigmoid"}, ("data",), {}))
    assert str(caught.value) == (
        "layer 'it' (Activation): activation 'hard_sigmoid' is one function in Keras 2 and another in Keras 3, and the "
        "file does not say which of them wrote it; save it as .h5 or .keras."
    )


def test_an_activation_that_no_quantizer_follows_is_refused_in_one_sentence(tmp_path: Path) -> None:
    assert message(tmp_path, changed("QDense", activation="tanh")) == (
        "layer 'it', an output of the model: reads the values of the activation 'tanh', which are on no fixed-point "
        "grid; put a QActivation with a quantizer, such as quantized_bits(bits, integer), directly after it."
    )


def test_two_activations_in_a_row_are_refused_in_one_sentence(tmp_path: Path) -> None:
    layers = [*changed("QDense", activation="tanh"), layer("Activation", "second", activation="sigmoid")]
    assert message(tmp_path, layers) == (
        "layer 'second' (Activation): the activation 'sigmoid' follows another one, 'tanh'; put a QActivation in "
        "between."
    )


def test_rounded_powers_of_two_of_a_sigmoid_are_refused_in_one_sentence(tmp_path: Path) -> None:
    layers = [*changed("QDense", activation="sigmoid"), layer("QActivation", "q", activation="quantized_po2(4)")]
    assert message(tmp_path, layers) == (
        "layer 'q' (QActivation): quantized_po2(4) steps at irrational numbers, and the activation 'sigmoid' before it "
        "cannot be turned around there; put a QActivation with quantized_bits or quantized_relu in between."
    )


def test_a_maximum_of_a_function_that_does_not_keep_order_is_refused_in_one_sentence(tmp_path: Path) -> None:
    layers = [*changed("QConv1D", activation="hard_silu"), layer("GlobalMaxPooling1D", "top", keepdims=False)]
    assert message(tmp_path, layers) == (
        "layer 'top' (GlobalMaxPooling1D): takes a maximum after the activation 'hard_silu', which does not keep "
        "order; put a QActivation in between."
    )


def test_an_upper_bound_that_the_codes_keep_anyway_is_honoured(tmp_path: Path) -> None:
    """6 bits, 3 of them integer, end at 7.875: a bound of 7.875 or 8 changes nothing."""
    networks = []
    for bound in (None, 7.875, 8.0):
        relu = quantizer("quantized_relu", bits=6, integer=3, relu_upper_bound=bound)
        layers = changed("QActivation", activation=relu)
        write_h5(tmp_path / "model.h5", sequential(layers), layers)
        networks.append(str(hwgen.load(tmp_path / "model.h5", input_type=TYPE)))
    assert len(set(networks)) == 1
