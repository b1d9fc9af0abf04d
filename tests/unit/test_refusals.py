"""Options that hwgen does not honour are refused by name: the layer or the quantizer, the option, and what to do."""

import re
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

NO_FUNCTION = (
    " has no exact fixed-point form in hwgen; use a quantizer such as quantized_relu(bits, integer), or linear, relu, "
    "softmax at the end, or one of these before a quantizer: elu, exponential, hard_sigmoid, hard_silu, hard_swish, "
    "hard_tanh, leaky_relu, relu6, selu, sigmoid, smooth_sigmoid, smooth_tanh, softplus, softsign, tanh."
)
NO_QUANTIZER = (
    " has no fixed-point form in hwgen; supported: quantized_bits, quantized_linear, quantized_relu, quantized_tanh, "
    "quantized_sigmoid, quantized_ulaw, quantized_hswish, ternary, stochastic_ternary, binary, stochastic_binary, "
    "quantized_po2, quantized_relu_po2, binary_tanh, binary_sigmoid."
)


def assert_sentence(told: str, layer: str, says: str) -> None:
    """Check the whole sentence; between the layer and what is wrong, it may name the option."""
    assert re.fullmatch(rf"{re.escape(layer)}(, \w+)?: {re.escape(says)}", told), told


@pytest.mark.parametrize("class_name", MODELS)
def test_the_models_that_refusals_are_tested_on_load_unchanged(class_name: str, tmp_path: Path) -> None:
    layers = MODELS[class_name]
    write_h5(tmp_path / "model.h5", sequential(layers), layers)
    assert hwgen.load(tmp_path / "model.h5", input_type=TYPE).network.inputs


@pytest.mark.parametrize("class_name", MODELS)
def test_an_option_that_hwgen_does_not_know_is_refused_in_every_layer(class_name: str, tmp_path: Path) -> None:
    assert message(tmp_path, changed(class_name, rounding_of_tomorrow="sideways")) == (
        f"layer 'it' ({class_name}): option rounding_of_tomorrow='sideways' is not known to hwgen, so it cannot be "
        f"honoured."
    )


@pytest.mark.parametrize("class_name", MODELS)
@pytest.mark.parametrize(
    "dtype",
    ["float16", "bfloat16", "float64", "uint8", {"class_name": "DTypePolicy", "config": {"name": "mixed_float16"}}],
)
def test_another_precision_is_refused_in_every_layer(class_name: str, dtype: Any, tmp_path: Path) -> None:
    name = dtype if isinstance(dtype, str) else "mixed_float16"
    assert message(tmp_path, changed(class_name, dtype=dtype)) == (
        f"layer 'it' ({class_name}): dtype {name!r} is not supported: hwgen reproduces float32 models."
    )


@pytest.mark.parametrize(
    "class_name", ["QConv1D", "QConv2D", "QConv2DBatchnorm", "MaxPooling2D", "GlobalMaxPooling1D", "Flatten"]
)
def test_channels_first_is_refused(class_name: str, tmp_path: Path) -> None:
    assert message(tmp_path, changed(class_name, data_format="channels_first")) == (
        f"layer 'it' ({class_name}): data_format='channels_first' is not supported; use channels_last."
    )


LAYER_OPTIONS: list[tuple[str, str, Any, str]] = [
    ("InputLayer", "sparse", True, "option sparse=True is not supported; only False is."),
    ("InputLayer", "ragged", True, "option ragged=True is not supported; only False is."),
    (
        "InputLayer",
        "batch_input_shape",
        [None, None],
        "every size but the batch's must be fixed, got shape [None, None].",
    ),
    (
        "InputLayer",
        "batch_input_shape",
        [None, 0],
        "sizes must be positive, and at most 16777216 values in all, got shape (0,).",
    ),
    (
        "InputLayer",
        "batch_input_shape",
        [None, 1 << 40],
        "sizes must be positive, and at most 16777216 values in all, got shape (1099511627776,).",
    ),
    (
        "InputLayer",
        "batch_input_shape",
        [None, True],
        "every size but the batch's must be fixed, got shape [None, True].",
    ),
    ("InputLayer", "batch_input_shape", [None], "every size but the batch's must be fixed, got shape [None]."),
    ("QDense", "units", 0, "units=0 is outside the 1 to 16777216 that hwgen computes exactly."),
    ("QDense", "units", 2.5, "units must be one whole number, got 2.5."),
    ("QDense", "units", True, "units must be one whole number, got True."),
    ("QDense", "use_bias", "yes", "use_bias must be true or false, got 'yes'."),
    (
        "QDense",
        "activation",
        "gelu",
        f"activation 'gelu'{NO_FUNCTION}",
    ),
    ("QDense", "kernel_quantizer", "linear", "kernel_quantizer='linear' has no fixed-point form in hwgen."),
    ("QDense", "lora_rank", 4, "option lora_rank=4 is not known to hwgen, so it cannot be honoured."),
    (
        "QDense",
        "quantization_config",
        {"mode": "int8"},
        "option quantization_config={'mode': 'int8'} is not known to hwgen, so it cannot be honoured.",
    ),
    ("QConv1D", "padding", "reflect", "padding='reflect' is not supported; supported: valid, same, causal."),
    ("QConv2D", "padding", "causal", "padding='causal' is not supported; supported: valid, same."),
    ("QConv2D", "groups", 5, "groups=5 is outside the 1 to 4 that hwgen computes exactly."),
    (
        "QConv2D",
        "mask",
        [[1, 0, 1]] * 3,
        "option mask=[[1, 0, 1], [1, 0, 1], [1, 0, 1]] is not supported; only None is.",
    ),
    ("QConv2D", "kernel_size", [3], "kernel_size must be 2 whole numbers, got [3]."),
    ("QConv2D", "strides", [0, 1], "strides must be positive and at most 16777216, got [0, 1]."),
    ("QConv2D", "strides", [True, 1], "strides must be 2 whole numbers, got [True, 1]."),
    ("QConv2D", "dilation_rate", [1.5, 1], "dilation_rate must be 2 whole numbers, got [1.5, 1]."),
    ("QConv2D", "kernel_size", [9, 9], "the layer needs shape (9, 9, 2, 4), the file holds (3, 3, 2, 4)."),
    (
        "QConv2DBatchnorm",
        "folding_mode",
        "fold_by_magic",
        "option folding_mode='fold_by_magic' is not supported; only 'ema_stats_folding' is.",
    ),
    ("QConv2DBatchnorm", "axis", 1, "axis=1 is not the last axis."),
    ("QConv2DBatchnorm", "renorm", True, "option renorm=True is not supported; only False is."),
    ("BatchNormalization", "axis", [1, 2], "axis=[1, 2]: one axis, the last, is supported."),
    ("BatchNormalization", "axis", 0, "axis=0 is not the last axis."),
    ("BatchNormalization", "epsilon", -1.0, "epsilon must be a number that is not negative, got -1.0."),
    ("BatchNormalization", "epsilon", float("nan"), "epsilon must be a number within float32, got nan."),
    ("BatchNormalization", "epsilon", None, "epsilon must be a number that is not negative, got None."),
    ("BatchNormalization", "renorm", True, "option renorm=True is not supported; only False is."),
    ("BatchNormalization", "virtual_batch_size", 8, "option virtual_batch_size=8 is not supported; only None is."),
    ("BatchNormalization", "center", 2, "center must be true or false, got 2."),
    (
        "QBatchNormalization",
        "variance_quantizer",
        "quantized_relu_po2(33)",
        "quantized_relu_po2: bits=33 is outside the 2 to 32 that hwgen computes exactly.",
    ),
    ("QBatchNormalization", "beta_quantizer", "linear", "beta_quantizer='linear' has no fixed-point form in hwgen."),
    (
        "QBatchNormalization",
        "inverse_quantizer",
        "quantized_bits(8)",
        "option inverse_quantizer='quantized_bits(8)' is not known to hwgen, so it cannot be honoured.",
    ),
    ("QBatchNormalization", "activation", "relu", "an activation inside QBatchNormalization is not supported."),
    (
        "QActivation",
        "activation",
        "mish",
        f"activation 'mish'{NO_FUNCTION}",
    ),
    ("QActivation", "activation", 7, "a quantizer's name or configuration was expected, got 7."),
    (
        "QActivation",
        "activation",
        {"class_name": "quantized_relu"},
        "a quantizer's class and configuration were expected, got {'class_name': 'quantized_relu'}.",
    ),
    (
        "Activation",
        "activation",
        "swish",
        f"activation 'swish'{NO_FUNCTION}",
    ),
    (
        "Activation",
        "activation",
        {"class_name": "LeakyReLU", "config": {}},
        f"LeakyReLU{NO_QUANTIZER}",
    ),
    ("ReLU", "max_value", -6.0, "max_value=-6.0, negative_slope=0 and threshold=0 must not be negative."),
    ("ReLU", "negative_slope", "steep", "negative_slope must be a number within float32, got 'steep'."),
    ("ReLU", "threshold", -1.0, "max_value=None, negative_slope=0 and threshold=-1 must not be negative."),
    ("Softmax", "axis", 1, "option axis=1 is not supported; only -1 is."),
    ("MaxPooling1D", "padding", "causal", "padding='causal' is not supported; supported: valid, same."),
    ("MaxPooling2D", "pool_size", [2, 2, 2], "pool_size must be 2 whole numbers, got [2, 2, 2]."),
    ("MaxPooling2D", "pool_size", [7, 7], "its window is larger than its input of shape (6, 6, 2)."),
    ("MaxPooling2D", "strides", [0, 0], "strides must be positive and at most 16777216, got [0, 0]."),
    ("GlobalMaxPooling1D", "keepdims", "no", "keepdims must be true or false, got 'no'."),
    ("Reshape", "target_shape", [5, 2], "cannot reshape (6, 2) to (5, 2)."),
    ("Reshape", "target_shape", [-1, -1], "cannot reshape (6, 2) to (-1, -1)."),
    ("Reshape", "target_shape", [0, 12], "cannot reshape (6, 2) to (0, 12)."),
    (
        "Reshape",
        "target_shape",
        [1 << 62, 1 << 62],
        "cannot reshape (6, 2) to (4611686018427387904, 4611686018427387904).",
    ),
    ("Reshape", "target_shape", [], "cannot reshape (6, 2) to ()."),
    ("Reshape", "target_shape", 12, "target_shape must be whole numbers, got 12."),
]


@pytest.mark.parametrize(
    ("class_name", "option", "value", "says"),
    LAYER_OPTIONS,
    ids=[f"{c}-{o}={str(v)[:24]}" for c, o, v, _ in LAYER_OPTIONS],
)
def test_a_layers_option_that_is_not_honoured_is_named(
    class_name: str, option: str, value: Any, says: str, tmp_path: Path
) -> None:
    told = message(tmp_path, changed(class_name, **{option: value}))
    assert_sentence(told, f"layer 'it' ({class_name})", says)


@pytest.mark.parametrize("option", ["gamma_quantizer", "beta_quantizer", "mean_quantizer", "variance_quantizer"])
def test_a_batch_norm_that_does_not_state_its_quantizers_is_refused_not_given_defaults(
    option: str, tmp_path: Path
) -> None:
    layers = MODELS["QBatchNormalization"]
    config = {key: value for key, value in layers[1].config.items() if key != option}
    silent = [layers[0], KerasLayer("QBatchNormalization", config, layers[1].weights), layers[2]]
    assert message(tmp_path, silent) == f"layer 'it' (QBatchNormalization): the file does not state {option}."


# ---- quantizers: what a kernel's quantizer may not say, and what an activation's may not

KERNEL_QUANTIZERS: list[tuple[str, dict[str, Any], str]] = [
    ("quantized_bits", {"bits": 0}, "quantized_bits: bits=0 is outside the 1 to 32 that hwgen computes exactly."),
    ("quantized_bits", {"bits": 33}, "quantized_bits: bits=33 is outside the 1 to 32 that hwgen computes exactly."),
    ("quantized_bits", {"bits": "8"}, "quantized_bits: bits must be one whole number, got '8'."),
    ("quantized_bits", {"bits": [8]}, "quantized_bits: bits must be one whole number, got [8]."),
    (
        "quantized_bits",
        {"integer": 31},
        "quantized_bits: integer=31 is outside the -32 to 30 that hwgen computes exactly.",
    ),  # QKeras's int32 wraps
    (
        "quantized_bits",
        {"integer": -33},
        "quantized_bits: integer=-33 is outside the -32 to 30 that hwgen computes exactly.",
    ),
    ("quantized_bits", {"integer": 1.5}, "quantized_bits: integer must be one whole number, got 1.5."),
    ("quantized_bits", {"symmetric": 2}, "quantized_bits: symmetric must be true or false, got 2."),
    ("quantized_bits", {"keep_negative": "no"}, "quantized_bits: keep_negative must be true or false, got 'no'."),
    (
        "quantized_bits",
        {"qnoise_factor": 0.5},
        (
            "quantized_bits: qnoise_factor=0.5: the model was saved while quantization was only partly on; set it "
            "to 1 (update_qnoise_factor) and save again."
        ),
    ),
    (
        "quantized_bits",
        {"qnoise_factor": None},
        (
            "quantized_bits: qnoise_factor=None: the model was saved while quantization was only partly on; set it "
            "to 1 (update_qnoise_factor) and save again."
        ),
    ),
    (
        "quantized_bits",
        {"scale_axis": 0},
        "quantized_bits: scale_axis=0: only scales for each output channel (scale_axis=None) are supported.",
    ),
    (
        "quantized_bits",
        {"alpha": "auto_magic"},
        (
            "quantized_bits: alpha must be a number within float32, one number for each output channel, 'auto' or "
            "'auto_po2', got auto_magic."
        ),
    ),
    (
        "quantized_bits",
        {"alpha": float("nan")},
        (
            "quantized_bits: alpha must be a number within float32, one number for each output channel, 'auto' or "
            "'auto_po2', got nan."
        ),
    ),
    (
        "quantized_bits",
        {"alpha": 1e39},
        (
            "quantized_bits: alpha must be a number within float32, one number for each output channel, 'auto' or "
            "'auto_po2', got 1e+39."
        ),
    ),
    (
        "quantized_bits",
        {"alpha": [[1.0], [2.0], [1.0], [2.0]]},
        (
            "quantized_bits: alpha must be a number within float32, one number for each output channel, 'auto' or "
            "'auto_po2', got [[1.0], [2.0], [1.0], [2.0]]."
        ),
    ),  # along the inputs
    (
        "quantized_bits",
        {"alpha": [1.0, 2.0]},
        (
            "quantized_bits(8,0,alpha=[2 numbers]): alpha must be one number, or one for each of the 3 output "
            "channels; got 2 numbers."
        ),
    ),
    (
        "quantized_bits",
        {"alpha": []},
        (
            "quantized_bits: alpha must be a number within float32, one number for each output channel, 'auto' or "
            "'auto_po2', got []."
        ),
    ),
    (
        "quantized_bits",
        {"alpha": "auto", "bits": 1},
        "quantized_bits: alpha='auto' with 1 bit divides by zero in QKeras; use binary.",
    ),
    (
        "quantized_bits",
        {"alpha": None, "bits": 1},
        "quantized_bits(1,0,1,alpha=auto_po2): alpha='auto_po2' with 1 bit divides by zero in QKeras; use binary.",
    ),
    (
        "quantized_bits",
        {"elements_per_scale": 4},
        "quantized_bits: option elements_per_scale=4 is not known to hwgen, so it cannot be honoured.",
    ),
    (
        "quantized_bits",
        {"min_po2_exponent": -3},
        "quantized_bits: option min_po2_exponent=-3 is not known to hwgen, so it cannot be honoured.",
    ),
    ("quantized_bits", {"post_training_scale": [1.0]}, "quantized_bits: post_training_scale is not supported."),
    (
        "ternary",
        {"alpha": "auto", "threshold": 0.5},
        "ternary: alpha='auto' finds its own threshold; threshold=0.5 contradicts it.",
    ),
    (
        "ternary",
        {"threshold": 0.5},
        (
            "ternary(alpha=auto_po2,threshold=0.5): a kernel's ternary without alpha takes it as 'auto_po2', which "
            "finds its own threshold; give alpha=1 or leave threshold out."
        ),
    ),  # a kernel's alpha=None is auto_po2
    (
        "ternary",
        {"alpha": 1.0, "threshold": "half"},
        "ternary: threshold must be a number within float32, got 'half'.",
    ),
    ("ternary", {"alpha": 1.0, "threshold": -0.5}, "ternary: threshold=-0.5 must not be negative."),
    ("ternary", {"alpha": -1.0}, "ternary: alpha=-1 must not be negative."),
    (
        "ternary",
        {"alpha": 1.0, "use_stochastic_rounding": True},
        "ternary: use_stochastic_rounding needs alpha='auto' or 'auto_po2'.",
    ),
    (
        "ternary",
        {"number_of_unrolls": 0},
        "ternary: number_of_unrolls=0 is outside the 1 to 100 that hwgen computes exactly.",
    ),
    ("binary", {"use_01": 3}, "binary: use_01 must be true or false, got 3."),
    (
        "binary",
        {"alpha": [1.0, 2.0]},
        (
            "binary(alpha=[2 numbers]): alpha must be one number, or one for each of the 3 output channels; got 2 "
            "numbers."
        ),
    ),
    (
        "stochastic_ternary",
        {"threshold": 0.5},
        (
            "stochastic_ternary(alpha=auto_po2,threshold=0.5): a kernel's ternary without alpha takes it as "
            "'auto_po2', which finds its own threshold; give alpha=1 or leave threshold out."
        ),
    ),
    ("bernoulli", {}, "bernoulli is not supported; its output is random at inference, so no hardware can equal it."),
    (
        "quantized_linear",
        {"bits": 4, "alpha": 0.0},
        "quantized_linear: alpha must be positive: the input is divided by it.",
    ),
    (
        "quantized_hswish",
        {"relu_shift": 0},
        "quantized_hswish: relu_shift=0.0 and relu_upper_bound=6.0 must be positive.",
    ),
    ("quantized_tanh", {"bits": 1}, "quantized_tanh: bits=1 is outside the 2 to 16 that hwgen computes exactly."),
    ("quantized_ulaw", {"u": 0.0}, "quantized_ulaw: u=0.0 must be positive."),
    ("quantized_relu_po2", {"negative_slope": 0.3}, "quantized_relu_po2: negative_slope=0.3 must be a power of two."),
]
ACTIVATION_QUANTIZERS: list[tuple[str, dict[str, Any], str]] = [
    (
        "quantized_bits",
        {"bits": 6, "alpha": "auto"},
        (
            "quantized_bits(6,0,1,alpha=auto) takes its scale from the batch that it sees, so it is no fixed "
            "function of its input; use alpha=1 or a number for activations."
        ),
    ),
    (
        "quantized_bits",
        {"bits": 6, "alpha": "auto_po2"},
        (
            "quantized_bits(6,0,1,alpha=auto_po2) takes its scale from the batch that it sees, so it is no fixed "
            "function of its input; use alpha=1 or a number for activations."
        ),
    ),
    (
        "quantized_bits",
        {"bits": 6, "alpha": [1.0, 2.0]},
        "quantized_bits(6,0,alpha=[2 numbers]): one alpha for all channels is needed on activations.",
    ),
    (
        "quantized_bits",
        {"bits": 6, "alpha": 0.0},
        "quantized_bits(6,0,alpha=0): alpha must be positive on activations.",
    ),
    (
        "quantized_bits",
        {"bits": 6, "alpha": -0.5},
        "quantized_bits(6,0,alpha=-0.5): alpha must be positive on activations.",
    ),
    (
        "quantized_relu",
        {"bits": 31},
        "quantized_relu: bits=31 is outside the 1 to 30 that hwgen computes exactly.",
    ),  # QKeras's int32 wraps
    (
        "quantized_relu",
        {"integer": 31},
        "quantized_relu: integer=31 is outside the -32 to 30 that hwgen computes exactly.",
    ),
    (
        "quantized_relu",
        {"bits": 17, "use_sigmoid": 1},
        "quantized_relu: bits=17 with use_sigmoid=1 is outside the 1 to 16.",
    ),
    ("quantized_relu", {"is_quantized_clip": 2}, "quantized_relu: is_quantized_clip must be true or false, got 2."),
    (
        "quantized_relu",
        {"negative_slope": 0.3},
        "quantized_relu: negative_slope=0.3 must be a power of two of at most 1.",
    ),
    (
        "quantized_relu",
        {"negative_slope": 2.0},
        "quantized_relu: negative_slope=2 must be a power of two of at most 1.",
    ),
    (
        "quantized_relu",
        {"negative_slope": -0.5},
        "quantized_relu: negative_slope=-0.5 must be a power of two of at most 1.",
    ),
    (
        "quantized_relu",
        {"bits": 4, "negative_slope": 2.0**-4},
        "quantized_relu: negative_slope=0.0625 is smaller than one step of 4 bits.",
    ),
    (
        "quantized_relu",
        {"negative_slope": float("inf")},
        "quantized_relu: negative_slope must be a number within float32, got inf.",
    ),
    (
        "quantized_relu",
        {"bits": 6, "integer": 3, "relu_upper_bound": float("nan")},
        "quantized_relu: relu_upper_bound must be a number within float32, got nan.",
    ),
    (
        "quantized_relu",
        {"qnoise_factor": 0.0},
        (
            "quantized_relu: qnoise_factor=0.0: the model was saved while quantization was only partly on; set it "
            "to 1 (update_qnoise_factor) and save again."
        ),
    ),
    (
        "ternary",
        {"alpha": "auto"},
        (
            "ternary(alpha=auto) takes its scale from the batch that it sees, so it is no fixed function of its "
            "input; use alpha=1 or a number for activations."
        ),
    ),
    (
        "binary",
        {"alpha": "auto_po2"},
        (
            "binary(alpha=auto_po2) takes its scale from the batch that it sees, so it is no fixed function of its "
            "input; use alpha=1 or a number for activations."
        ),
    ),
    ("binary", {"alpha": 0}, "binary(alpha=0): alpha must be positive on activations."),
    ("bernoulli", {}, "bernoulli is not supported; its output is random at inference, so no hardware can equal it."),
    (
        "stochastic_binary",
        {"alpha": "auto"},
        (
            "stochastic_binary(alpha=auto) takes its scale from the batch that it sees, so it is no fixed function "
            "of its input; use alpha=1 or a number for activations."
        ),
    ),
    (
        "quantized_hswish",
        {"bits": 4, "alpha": "auto"},
        (
            "quantized_hswish(4,0,1,alpha=auto) takes its scale from the batch that it sees, so it is no fixed "
            "function of its input; use alpha=1 or a number for activations."
        ),
    ),
    (
        "quantized_linear",
        {"bits": 4, "alpha": "auto_po2"},
        (
            "quantized_linear(4,0,alpha=auto_po2) takes its scale from the batch that it sees, so it is no fixed "
            "function of its input; use alpha=1 or a number for activations."
        ),
    ),
    (
        "quantized_relu_po2",
        {"bits": 8},
        (
            "quantized_relu_po2(8) has levels from 0 to 1.70141e+38 in steps of 2**-23, which take "
            "codes of 151 bits, and hwgen computes with at most 60; use fewer bits."
        ),
    ),
    (
        "quantized_of_tomorrow",
        {},
        f"quantized_of_tomorrow{NO_QUANTIZER}",
    ),
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
    assert_sentence(told, "layer 'it' (QDense)", says)


@pytest.mark.parametrize(("name", "options", "says"), _cases(ACTIVATION_QUANTIZERS))
@pytest.mark.parametrize("class_name", ["QActivation", "QDense"])
def test_an_activation_quantizers_option_that_is_not_honoured_is_named(
    class_name: str, name: str, options: dict[str, Any], says: str, tmp_path: Path
) -> None:
    told = message(tmp_path, changed(class_name, activation=quantizer(name, **options)))
    assert_sentence(told, f"layer 'it' ({class_name})", says)


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
    if name == "quantized_of_tomorrow":  # without options, text may as well name a function
        says = f"activation {name!r}{NO_FUNCTION}"
    assert_sentence(told, "layer 'it' (QActivation)", says)


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
