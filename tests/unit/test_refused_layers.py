"""Layers that hwgen reads, in models where they have no exact form: the whole sentence that says so."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from oracle.keras_files import (
    KerasLayer,
    activation,
    batch_norm,
    dense,
    functional,
    input_layer,
    layer,
    transposed,
)
from oracle.one_layer_models import changed, message, norm, zeros

_FLAG = (
    "give {what} type, for example --quantize 'it=fixed<16,6,RND,SAT>' "
    "(quantize={{'it': 'fixed<16,6,RND,SAT>'}} in Python)"
)


@pytest.mark.parametrize(
    ("class_name", "option"),
    [
        ("QDense", "kernel"),
        ("QConv1D", "kernel"),
        ("QConv2D", "kernel"),
        ("QDepthwiseConv2D", "depthwise"),
        ("QSeparableConv1D", "pointwise"),
        ("QSeparableConv2D", "depthwise"),
        ("QConv2DTranspose", "kernel"),
    ],
)
def test_weights_without_a_quantizer_name_the_flag_that_gives_a_type(
    class_name: str, option: str, tmp_path: Path
) -> None:
    assert message(tmp_path, changed(class_name, **{f"{option}_quantizer": None})) == (
        f"layer 'it' ({class_name}): {option}_quantizer is None: its weights are not quantized; "
        f"{_FLAG.format(what='their')}, or use {class_name} with {option}_quantizer."
    )


@pytest.mark.parametrize("class_name", ["QDense", "QConv2D", "QDepthwiseConv2D", "QSeparableConv1D"])
def test_a_bias_without_a_quantizer_names_the_flag_that_gives_a_type(class_name: str, tmp_path: Path) -> None:
    assert message(tmp_path, changed(class_name, bias_quantizer=None)) == (
        f"layer 'it' ({class_name}): bias_quantizer is None: its bias is not quantized; "
        f"{_FLAG.format(what='its')}, or train with a bias_quantizer or use_bias=False."
    )


@pytest.mark.parametrize(
    ("class_name", "option", "also"),
    [
        ("Dense", "kernel", ", or use QDense with kernel_quantizer"),
        ("Conv2D", "kernel", ", or use QConv2D with kernel_quantizer"),
        ("DepthwiseConv2D", "depthwise", ", or use QDepthwiseConv2D with depthwise_quantizer"),
        ("DepthwiseConv1D", "depthwise", ""),
        ("SeparableConv1D", "depthwise", ", or use QSeparableConv1D with depthwise_quantizer"),
        ("Conv1DTranspose", "kernel", ""),
    ],
)
def test_a_layer_of_plain_keras_names_the_flag_that_gives_a_type(
    class_name: str, option: str, also: str, tmp_path: Path
) -> None:
    assert message(tmp_path, [input_layer("data", (4,)), layer(class_name, "it")]) == (
        f"layer 'it' ({class_name}): {option}_quantizer is None: its weights are not quantized; "
        f"{_FLAG.format(what='their')}{also}."
    )


@pytest.mark.parametrize(
    ("class_name", "option"),
    [
        ("QConv2DBatchnorm", "kernel"),
        ("QDenseBatchnorm", "bias"),
        ("QDepthwiseConv2DBatchnorm", "depthwise"),
    ],
)
def test_what_a_batch_norm_is_folded_into_needs_a_quantizer(class_name: str, option: str, tmp_path: Path) -> None:
    assert message(tmp_path, changed(class_name, **{f"{option}_quantizer": None})) == (
        f"layer 'it' ({class_name}): {option}_quantizer is None: what the batch norm is folded into is not quantized; "
        f"give it a quantizer."
    )


_OPTIONS: list[tuple[str, dict[str, Any], str]] = [
    ("QConv2D", {"groups": 4}, "4 groups do not divide 2 input channels and 4 filters."),
    ("QDepthwiseConv2D", {"groups": 2}, "option groups=2 is not supported; only 1 is."),
    (
        "QDepthwiseConv2D",
        {"depth_multiplier": 0},
        "depth_multiplier=0 is outside the 1 to 16777216 that hwgen computes exactly.",
    ),
    ("QDenseBatchnorm", {"axis": [2]}, "axis=2 is not the last axis."),
    (
        "QConv2DTranspose",
        {"output_padding": [1, 0]},
        "output_padding=(1, 0) must be smaller than strides=(1, 1).",
    ),
    (
        "QConv2DTranspose",
        {"output_padding": [-1, 0], "strides": [2, 2]},
        "output_padding must be from 0 to 16777216, got [-1, 0].",
    ),
    ("QConv2DTranspose", {"output_padding": "same"}, "output_padding must be 2 whole numbers, got 'same'."),
    ("QConv2DTranspose", {"padding": "causal"}, "padding='causal' is not supported; supported: valid, same."),
    (
        "QAveragePooling2D",
        {"average_quantizer": "quantized_bits(8,0,alpha='auto')"},
        "average_quantizer with alpha='auto' would take its scale from one number; use alpha=1.",
    ),
    ("AveragePooling2D", {"pool_size": [7, 7]}, "its window is larger than its input of shape (6, 6, 2)."),
    ("AveragePooling1D", {"padding": "causal"}, "padding='causal' is not supported; supported: valid, same."),
    (
        "ZeroPadding2D",
        {"padding": [[1, 0], [0]]},
        "padding must be a pair of whole numbers for each of 2 axes, got [[1, 0], [0]].",
    ),
    (
        "ZeroPadding1D",
        {"padding": [1, -1]},
        "padding must be a pair of whole numbers for each of 1 axes, got [1, -1].",
    ),
    (
        "Cropping1D",
        {"cropping": [3, 3]},
        "cuts ((3, 3),) off an input of shape (6, 2), so nothing is left.",
    ),
    (
        "UpSampling2D",
        {"interpolation": "bilinear"},
        "option interpolation='bilinear' is not supported; only 'nearest' is.",
    ),
    ("Permute", {"dims": [1, 1]}, "dims=(1, 1) do not permute an input of shape (6, 2)."),
    ("Permute", {"dims": 2}, "dims must be whole numbers, got 2."),
    ("RepeatVector", {"n": 0}, "n=0 is outside the 1 to 16777216 that hwgen computes exactly."),
]


@pytest.mark.parametrize(("class_name", "options", "sentence"), _OPTIONS, ids=str)
def test_an_option_that_a_layer_cannot_have_is_named(
    class_name: str, options: dict[str, Any], sentence: str, tmp_path: Path
) -> None:
    assert message(tmp_path, changed(class_name, **options)) == f"layer 'it' ({class_name}): {sentence}"


@pytest.mark.parametrize(
    ("class_name", "shape", "axes"),
    [
        ("ZeroPadding2D", (6, 2), 3),
        ("Cropping1D", (6, 6, 2), 2),
        ("UpSampling2D", (4,), 3),
        ("RepeatVector", (6, 2), 1),
        ("QDepthwiseConv2D", (6, 2), 3),
        ("QSeparableConv1D", (4,), 2),
        ("QConv2DTranspose", (6, 2), 3),
        ("GlobalAveragePooling1D", (6, 6, 2), 2),
    ],
)
def test_an_input_of_other_axes_is_named(class_name: str, shape: tuple[int, ...], axes: int, tmp_path: Path) -> None:
    layers = [input_layer("data", shape), *changed(class_name)[1:]]
    assert message(tmp_path, layers) == (
        f"layer 'it' ({class_name}): an input of {axes} axes is needed, got shape {shape}."
    )


def test_an_output_padding_that_no_convolution_has_is_named(tmp_path: Path) -> None:
    it = transposed("it", zeros(3, 3, 4, 2), zeros(4), output_padding=[0, 1], strides=[2, 2], padding="same")
    it = replace(
        it, config={**it.config, "kernel_size": [4, 3]}, weights={"kernel": zeros(4, 3, 4, 2), "bias": zeros(4)}
    )
    assert message(tmp_path, [input_layer("data", (6, 6, 2)), it]) == (
        "layer 'it' (QConv2DTranspose): an output of 10 along axis 1 is none whose convolution has 6 positions; "
        "TensorFlow refuses it too: use another output_padding."
    )


_NORMALIZED = [input_layer("data", (6, 2)), batch_norm("norm", norm(2))]
_GRID = (
    "reads values that are on no fixed-point grid (a batch norm, an average or a scale that is no power of two comes "
    "before it); put a QActivation in between."
)


@pytest.mark.parametrize(
    ("it", "sentence"),
    [
        (
            layer("ZeroPadding1D", "it", padding=1),
            "puts zeros beside values that are on no fixed-point grid (a batch norm or a scale that is no power of two "
            "comes before it); put a QActivation in between.",
        ),
        (
            layer("Permute", "it", dims=[2, 1]),
            "mixes channels after a batch norm or a scale of each channel; put a QActivation in between.",
        ),
        (layer("AveragePooling1D", "it", pool_size=2), _GRID),
    ],
    ids=lambda value: value.class_name if isinstance(value, KerasLayer) else "",
)
def test_what_cannot_follow_a_batch_norm_is_named(it: KerasLayer, sentence: str, tmp_path: Path) -> None:
    different = {**norm(2), "gamma": np.array([1, 2], dtype=np.float32)}
    layers = [_NORMALIZED[0], batch_norm("norm", different), it, activation("end", "quantized_relu(4)")]
    assert message(tmp_path, layers) == f"layer 'it' ({it.class_name}): {sentence}"


def test_values_of_a_bounded_relu_that_no_quantizer_follows_are_named(tmp_path: Path) -> None:
    layers = [
        input_layer("data", (6, 2)),
        layer("ReLU", "relu", max_value=3.0),
        layer("AveragePooling1D", "it", pool_size=2),
    ]
    assert message(tmp_path, layers) == (
        "layer 'it' (AveragePooling1D): reads the values of the activation 'ReLU', which hwgen builds only together "
        "with a quantizer; put a QActivation with one, such as quantized_bits(bits, integer), directly after it."
    )


def test_zeros_beside_the_values_of_an_activation_function_are_named(tmp_path: Path) -> None:
    layers = [
        input_layer("data", (6, 2)),
        layer("Activation", "sigmoid", activation="sigmoid"),
        layer("ZeroPadding1D", "it", padding=1),
        activation("end", "quantized_relu(4)"),
    ]
    assert message(tmp_path, layers) == (
        "layer 'it' (ZeroPadding1D): puts zeros beside the values of the activation 'sigmoid', which are on no "
        "fixed-point grid; put a QActivation in between."
    )


def test_averages_with_different_divisors_are_named_where_they_meet_a_maximum(tmp_path: Path) -> None:
    layers = [
        input_layer("data", (5, 2)),
        layer("AveragePooling1D", "average", pool_size=2, padding="same"),
        layer("MaxPooling1D", "it", pool_size=[2], strides=[1]),
        activation("end", "quantized_relu(4)"),
    ]
    assert message(tmp_path, layers) == (
        "layer 'it' (MaxPooling1D): reads averages whose divisors differ from place to place (padding='same'); "
        "put a QActivation in between."
    )


def _merging(class_name: str, *shapes: tuple[int, ...], **options: Any) -> list[KerasLayer]:
    inputs = [input_layer(f"data{number}", shape) for number, shape in enumerate(shapes)]
    return [*inputs, replace(layer(class_name, "it", **options), sources=tuple(entry.name for entry in inputs))]


@pytest.mark.parametrize(
    ("layers", "sentence"),
    [
        (_merging("Add", (4,)), "two inputs or more are needed, got 1."),
        (_merging("Subtract", (4,), (4,), (4,)), "two inputs are needed, got 3."),
        (_merging("Multiply", (4,), (3,)), "cannot merge shapes (4,) and (3,)."),
        (_merging("Maximum", (2, 4), (3, 4)), "cannot merge shapes (2, 4) and (3, 4)."),
        (
            _merging("Concatenate", (2, 4), (3, 4), axis=-1),
            "cannot concatenate shapes (2, 4) and (3, 4) along axis -1.",
        ),
        (_merging("Concatenate", (4,), (2, 4), axis=1), "cannot concatenate shapes (4,) and (2, 4) along axis 1."),
        (_merging("Concatenate", (4,), (4,), axis=3), "cannot concatenate shapes (4,) and (4,) along axis 3."),
        (
            _merging("Concatenate", (4,), (4,), axis=0),
            "axis must be a whole number other than 0, the batch's, got 0.",
        ),
        (_merging("Add", (4,), (4,), axis=1), "option axis=1 is not known to hwgen, so it cannot be honoured."),
    ],
    ids=str,
)
def test_inputs_that_cannot_be_merged_are_named(layers: list[KerasLayer], sentence: str, tmp_path: Path) -> None:
    class_name = layers[-1].class_name
    assert message(tmp_path, layers, functional(layers)) == f"layer 'it' ({class_name}): {sentence}"


@pytest.mark.parametrize("class_name", ["Add", "Multiply", "Average", "Minimum"])
def test_a_merge_of_what_is_on_no_grid_is_named(class_name: str, tmp_path: Path) -> None:
    layers = [*_NORMALIZED, replace(layer(class_name, "it"), sources=("data", "norm"))]
    assert message(tmp_path, layers, functional(layers)) == f"layer 'it' ({class_name}): {_GRID}"


def test_scales_too_far_apart_to_be_multiplied_out_are_named(tmp_path: Path) -> None:
    far = {
        **norm(2),
        "gamma": np.array([1, 2.0**-70], dtype=np.float32),
        **dict.fromkeys(("beta", "moving_mean"), zeros(2)),
    }
    layers = [input_layer("data", (6, 2)), batch_norm("it", far, epsilon=0.0)]
    assert message(tmp_path, layers) == (
        "layer 'it', an output of the model: the scales before it need 71 bits (at most 60); put a QActivation in "
        "between."
    )


def test_a_dense_output_that_is_averaged_by_three_has_no_grid(tmp_path: Path) -> None:
    layers = [
        *[input_layer(name, (4,)) for name in ("a", "b", "c")],
        replace(layer("Average", "it"), sources=("a", "b", "c")),
    ]
    told = message(tmp_path, layers, functional(layers))
    assert told == f"layer 'it', an output of the model: {_GRID}"


def test_a_kernel_for_another_shape_is_named(tmp_path: Path) -> None:
    it = dense("it", zeros(4, 3), zeros(3))
    layers = [input_layer("data", (5,)), it]
    assert message(tmp_path, layers) == (
        "layer 'it' (QDense), kernel: the layer needs shape (5, 3), the file holds (4, 3)."
    )
