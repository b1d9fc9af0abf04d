"""``a + b`` in a Functional model is read as the Keras layer that computes it; other functions are refused."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from oracle.keras_files import KerasLayer, dense, functional, input_layer, layer, write_h5
from oracle.one_layer_models import message

import hwgen

KERNEL = np.array([[1, -3], [5, 0]]) / 8
PAIRS = [
    ("__operators__.add", "Add"),
    ("math.add", "Add"),
    ("math.subtract", "Subtract"),
    ("math.multiply", "Multiply"),
    ("math.maximum", "Maximum"),
    ("math.minimum", "Minimum"),
]


def operator(function: str) -> KerasLayer:
    return layer("TFOpLambda", "it", function=function)


def model(last: KerasLayer, call: Any = None, shapes: tuple[tuple[int, ...], ...] = ((2,), (2,))) -> Any:
    """The architecture and layers of two inputs, one through a QDense, that meet in the last layer."""
    layers = [input_layer("a", shapes[0]), input_layer("b", shapes[1]), dense("d", KERNEL, None), last]
    architecture = functional(layers)
    entries = architecture["config"]["layers"]
    entries[2]["inbound_nodes"] = [[["b", 0, 0, {}]]]
    entries[3]["inbound_nodes"] = [call or ["a", 0, 0, {"y": ["d", 0, 0], "name": None}]]
    return architecture, layers


def loaded(path: Path, last: KerasLayer, call: Any = None) -> hwgen.Model:
    architecture, layers = model(last, call)
    write_h5(path, architecture, layers)
    return hwgen.load(path, input_type="fixed<6,3>")


@pytest.mark.parametrize(("function", "same"), PAIRS)
def test_an_operator_computes_what_the_layer_does(function: str, same: str, tmp_path: Path) -> None:
    found = loaded(tmp_path / "operator.h5", operator(function))
    expected = loaded(tmp_path / "layer.h5", layer(same, "it"), [["a", 0, 0, {}], ["d", 0, 0, {}]])
    data = list(np.random.default_rng(1).integers(-32, 32, (2, 200, 2)) / 8)
    assert (found.predict(data) == expected.predict(data)).all()
    assert found.network.outputs == ("it",)


@pytest.mark.parametrize("function", ["__operators__.getitem", "math.tanh", "nn.relu", None])
def test_another_function_is_refused(function: Any, tmp_path: Path) -> None:
    architecture, layers = model(operator(function))
    assert message(tmp_path, layers, architecture) == (
        f"layer 'it': is TensorFlow's function {str(function)!r} on a tensor; of these hwgen reads "
        "tf.__operators__.add, tf.math.add, tf.math.subtract, tf.math.multiply, tf.math.maximum, tf.math.minimum; "
        "use a Keras layer instead."
    )


@pytest.mark.parametrize(
    "call",
    [
        ["a", 0, 0, {"y": 2.0, "name": None}],
        ["_CONSTANT_VALUE", -1, 1.0, {"y": ["d", 0, 0]}],
        ["a", 0, 0, {"y": ["d", 0, 0], "axis": 1}],
        ["a", 0, 0, {}],
        ["a", 0, 0],
    ],
)
def test_an_operand_that_is_no_layers_output_is_refused(call: Any, tmp_path: Path) -> None:
    architecture, layers = model(operator("math.multiply"), call)
    assert message(tmp_path, layers, architecture) == (
        f"layer 'it': is tf.math.multiply of {[call]}; two outputs of layers were expected; use a Keras layer instead, "
        "such as Multiply."
    )


def test_operands_of_different_ranks_are_refused(tmp_path: Path) -> None:
    architecture, layers = model(operator("math.add"), shapes=((3, 2), (2,)))
    assert message(tmp_path, layers, architecture) == (
        "layer 'it' (tf.math.add): is an operator on shapes (3, 2) and (2,) beside the batch's axis, which it would "
        "take for another; use a Keras layer instead, or give both as many axes with a Reshape."
    )
