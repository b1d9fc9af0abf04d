"""Models that hwgen does not compute exactly, though every option is fine: the layer in the way is named."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from oracle.keras_files import (
    KerasLayer,
    activation,
    batch_norm,
    conv_batchnorm,
    dense,
    functional,
    input_layer,
    layer,
    quantized_bits,
    sequential,
    write_h5,
)
from oracle.one_layer_models import MODELS, TYPE, changed, message, norm, zeros

import hwgen


@pytest.mark.parametrize(
    "class_name",
    [
        "LSTM",
        "Dot",
        "Lambda",
        "PReLU",
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


def test_a_model_inside_the_model_without_layers_is_named(tmp_path: Path) -> None:
    inner = KerasLayer("Sequential", {"name": "it", "layers": []})
    assert message(tmp_path, [input_layer("data", (4,)), inner]) == (
        f"{tmp_path / 'model.h5'}: layer 'it': a Sequential model with a list of layers was expected, it has none."
    )


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


def test_a_call_that_a_layer_does_not_have_is_named(tmp_path: Path) -> None:
    layers = MODELS["QDense"]
    architecture = functional(layers)
    architecture["config"]["layers"][1]["inbound_nodes"] = [[["data", 1, 0, {}]]]
    assert message(tmp_path, layers, architecture) == (
        f"{tmp_path / 'model.h5'}: layer 'it' reads call 1 of 'data', which has 1 call, counted from 0."
    )


def test_an_output_that_a_layer_does_not_have_is_named(tmp_path: Path) -> None:
    layers = MODELS["QDense"]
    architecture = functional(layers)
    architecture["config"]["layers"][1]["inbound_nodes"] = [[["data", 0, 1, {}]]]
    assert message(tmp_path, layers, architecture) == (
        "layer 'it': reads output 1 of 'data'; hwgen knows 1 output of it, counted from 0."
    )


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
    assert message(tmp_path, layers) == (
        "layer 'two' (BatchNormalization): follows another batch norm directly; put a QActivation in between."
    )


def test_a_batch_norm_whose_variance_is_not_positive_is_named(tmp_path: Path) -> None:
    bad = {**norm(4), "moving_variance": np.array([1, 1, -1, 1], dtype=np.float32)}
    layers = [input_layer("data", (4,)), batch_norm("it", bad), activation("end", "quantized_relu(4)")]
    assert (
        message(tmp_path, layers)
        == "layer 'it' (BatchNormalization): variance + epsilon is -0.999 in channel 2; must be positive."
    )


def test_channels_that_are_moved_after_a_batch_norm_are_named(tmp_path: Path) -> None:
    layers = [
        input_layer("data", (6, 4)),
        batch_norm("norm", norm(4)),
        layer("Reshape", "it", target_shape=[12, 2]),
        activation("end", "quantized_relu(4)"),
    ]
    assert (
        message(tmp_path, layers)
        == "layer 'it' (Reshape): moves channels after a batch norm or a scale; quantize before it."
    )


def test_scales_too_far_apart_for_one_grid_are_named(tmp_path: Path) -> None:
    """Powers of two would shift the codes of one channel beyond the integers that hold them."""
    kernel = np.diag([1.0, 2.0**-20, 2.0**40]).astype(np.float32)
    head = dense("it", kernel, None, kernel_quantizer=quantized_bits(4, 0, alpha=None))
    told = message(tmp_path, [input_layer("data", (3,)), head])
    assert told == (
        "layer 'it': with its scales multiplied in, its weights need 62 bits (at most 60); use alpha='auto_po2' or "
        "1, or let a quantizer follow it directly."
    )
    assert "let a quantizer follow it directly" in told


def test_scales_that_are_no_powers_of_two_are_too_wide_for_weights_of_many_bits(tmp_path: Path) -> None:
    alpha = [1 / 3, 2.0**-30 / 3, 1.0]
    head = dense("it", zeros(4, 3) + 0.9, None, kernel_quantizer=quantized_bits(16, 0, alpha=alpha))
    assert message(tmp_path, [input_layer("data", (4,)), head]) == (
        "layer 'it': with its scales multiplied in, its weights need 71 bits (at most 60); use alpha='auto_po2' or "
        "1, or let a quantizer follow it directly."
    )


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
    assert told == (
        "layer 'it' (QActivation): scale, batch norm and quantizer together make 8351666 steps in one channel, "
        "33406664 in all; hwgen builds at most 65536 in a channel and 1048576 in a layer: quantize to fewer bits, "
        "or make the scale a power of two (alpha=1 or 'auto_po2')."
    )
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
    assert message(tmp_path, layers) == (
        "layer 'it' (QConv2DBatchnorm), kernel: with the batch norm folded in, it overflows float32; train again."
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
    for layers, says in (
        (
            [input_layer("data", (6, 2)), *MODELS["QConv2D"][1:]],
            "(QConv2D): an input of 3 axes is needed, got shape (6, 2).",
        ),
        (
            [input_layer("data", (6,)), *MODELS["MaxPooling1D"][1:]],
            "(MaxPooling1D): an input of 2 axes is needed, got shape (6,).",
        ),
        (
            [input_layer("data", (6,)), *MODELS["GlobalMaxPooling2D"][1:]],
            "(GlobalMaxPooling2D): an input of 3 axes is needed, got shape (6,).",
        ),
        (
            [input_layer("data", (2, 2, 2, 4)), *MODELS["QDense"][1:]],
            "(QDense): inputs of more than 3 axes are not supported, got shape (2, 2, 2, 4).",
        ),
    ):
        assert message(tmp_path, layers) == f"layer 'it' {says}"


def test_one_tensor_as_two_outputs_is_named(tmp_path: Path) -> None:
    layers = [*MODELS["QActivation"], layer("Dropout", "dropout", rate=0.5)]
    told = message(tmp_path, layers, functional(layers, ["it", "dropout"]))
    assert told == "layer 'dropout': the model outputs the same tensor twice."
