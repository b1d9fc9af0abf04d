"""Refusals that need hardly a model file around them, each as its whole sentence; and that every one has a test."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from oracle.keras_files import KerasLayer, dense, input_layer
from oracle.one_layer_models import MODELS, changed, message, zeros
from oracle.refusals import untested

import hwgen
from hwgen.errors import HwgenError
from hwgen.fixed import FixedType, parse_type
from hwgen.frontend.architecture import read_architecture
from hwgen.frontend.graph import Node
from hwgen.frontend.heads import read_head
from hwgen.frontend.layer_config import LAYERS, parse_layer
from hwgen.frontend.quantizer_config import parse_quantizer_config


def sentence(call: Callable[[], object]) -> str:
    with pytest.raises(HwgenError) as caught:
        call()
    return str(caught.value)


MANY = "quantized_bits(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12)"


@pytest.mark.parametrize(
    ("identifier", "says"),
    [
        (MANY, f"'{MANY}' has more arguments than quantized_bits takes."),
        ("quantized_bits(4, bits=6)", "'quantized_bits(4, bits=6)' gives bits twice."),
        (
            "quantized_bits(four)",
            "'quantized_bits(four)' is no quantizer that hwgen can read (four is neither a number nor text).",
        ),
        ("quantized_po2(4, max_value=0)", "quantized_po2: max_value=0 must be positive."),
        ("quantized_po2(4, log2_rounding='up')", "quantized_po2: log2_rounding='up' must be 'rnd' or 'floor'."),
        (
            "quantized_relu(6, relu_upper_bound=-1, is_quantized_clip=False)",
            "quantized_relu: relu_upper_bound=-1 must not be negative.",
        ),
        (
            {"class_name": "function", "config": "mine", "module": "lab", "registered_name": "function"},
            "'mine' is a Python function of the model's author, and its code is not in the file; use a quantizer such "
            "as quantized_relu(bits, integer).",
        ),
    ],
)
def test_a_quantizer_is_refused_in_one_sentence(identifier: Any, says: str) -> None:
    assert sentence(lambda: parse_quantizer_config(identifier, "here")) == f"here: {says}"


@pytest.mark.parametrize(
    ("class_name", "config", "says"),
    [
        ("LeakyReLU", {"negative_slope": -0.5}, "negative_slope=-0.5 must not be negative."),
        ("ELU", {"alpha": 0.0}, "alpha=0.0 must be positive."),
    ],
)
def test_an_option_is_refused_in_one_sentence(class_name: str, config: dict[str, Any], says: str) -> None:
    node = Node("it", class_name, config, ("data",), {})
    assert sentence(lambda: parse_layer(node)) == f"layer 'it' ({class_name}): {says}"


def test_an_unknown_class_is_refused_with_those_that_are_known() -> None:
    supported = ", ".join(sorted(LAYERS))
    assert sentence(lambda: parse_layer(Node("it", "Lambda", {}, ("data",), {}))) == (
        f"layer 'it': class 'Lambda' is not supported; supported: {supported}."
    )
    assert sentence(lambda: parse_layer(Node("it", "lab>QDense", {}, ("data",), {}))) == (
        "layer 'it': 'QDense' is a class of 'lab', neither of Keras nor of QKeras, and its code is not in the file; "
        "use layers of theirs."
    )


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[1, 2]", "a Keras architecture with 'class_name' and 'config' was expected."),
        (
            '{"class_name": "Sequential", "config": [7]}',
            "a layer with 'class_name' and 'config' was expected, got 7.",
        ),
        (
            '{"class_name": "Sequential", "config": [{"class_name": "Q", "config": {}}]}',
            "a layer of class 'Q' has no name.",
        ),
        (
            '{"class_name": "Sequential", "config": ' + "[" * 200 + "]" * 200 + "}",
            "the architecture is nested more than 50 levels deep; Keras's never is.",
        ),
        (
            '{"class_name": "Mine", "config": {}}',
            "the model is a 'Mine'; hwgen reads Sequential and Functional models: a subclassed model stores Python "
            "code, not an architecture.",
        ),
        (
            '{"class_name": "Functional", "config": {"layers": [{"class_name": "Q", "config": {"name": "a"}}]}}',
            "the architecture names no input_layers.",
        ),
        (
            '{"class_name": "Functional", "config": {"input_layers": ["b"], "layers": [{"class_name": "Q", "config": '
            '{"name": "a"}}]}}',
            "input_layers names 'b', which is no layer of the model.",
        ),
        (
            '{"class_name": "Sequential", "config": [{"class_name": "Q", "config": {"name": "a"}, '
            '"inbound_nodes": 3}]}',
            "layer 'a': a list of inbound_nodes was expected, got 3.",
        ),
    ],
)
def test_an_architecture_is_refused_in_one_sentence(text: str, says: str) -> None:
    assert sentence(lambda: read_architecture(Path("m.json"), text)) == f"m.json: {says}"


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("missing.h5", None, "no such file."),
        ("empty.h5", b"", "the file is empty."),
        (
            "text.h5",
            b"this is a text\n" * 9,
            "neither HDF5 (.h5), a Keras zip (.keras) nor JSON (.json): no Keras model that hwgen can read.",
        ),
        ("empty.zip", b"PK\x05\x06" + bytes(18), "a zip without 'config.json': no Keras model."),
    ],
)
def test_a_file_is_refused_in_one_sentence(name: str, content: bytes | None, says: str, tmp_path: Path) -> None:
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    assert sentence(lambda: hwgen.load(path)) == f"{path}: {says}"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("softmax", "head 'softmax': softmax takes a type, for example 'softmax=ufixed<8,0,RND,SAT>'."),
        ("argmax=fixed<8,3>", "head 'argmax=fixed<8,3>': argmax takes no type."),
    ],
)
def test_a_head_is_refused_in_one_sentence(text: str, says: str) -> None:
    assert sentence(lambda: read_head(text)) == says


def test_a_type_with_a_rounding_is_no_type_alone() -> None:
    assert sentence(lambda: parse_type("fixed<8,3,RND,SAT>")) == (
        "a type without rounding and overflow was expected, such as 'fixed<8,3>'; got 'fixed<8,3,RND,SAT>'."
    )
    assert sentence(lambda: FixedType(True, 8, 2000)) == ("a type's fraction is between -1000 and 1000 bits, got 2000.")


@pytest.mark.parametrize("left_out", ["kernel", "gamma", "bias"])
def test_a_fold_without_a_weight_is_refused_in_one_sentence(left_out: str, tmp_path: Path) -> None:
    whole = MODELS["QConv2DBatchnorm"][1]
    weights = {name: array for name, array in whole.weights.items() if name != left_out}
    shape = "(3, 3, 2, 4)" if left_out == "kernel" else "(4,)"
    named = "'gamma'" if left_out == "gamma" else left_out
    layers = [MODELS["QConv2DBatchnorm"][0], KerasLayer(whole.class_name, whole.config, weights)]
    assert message(tmp_path, layers) == (
        f"layer 'it' (QConv2DBatchnorm): needs a {named} of shape {shape}, the file holds none."
    )


def test_weights_that_overflow_float32_are_refused_in_one_sentence(tmp_path: Path) -> None:
    head = dense("it", zeros(4, 3) + 3e38, None, kernel_quantizer="ternary()")
    assert message(tmp_path, [input_layer("data", (4,)), head]) == (
        "layer 'it' (QDense), kernel: ternary(alpha=auto_po2): its largest value is 3e+38, so that float32 overflows "
        "where QKeras looks for a scale; train again."
    )


def test_weights_without_a_quantizer_name_the_flag(tmp_path: Path) -> None:
    assert message(tmp_path, changed("QDense", kernel_quantizer=None)) == (
        "layer 'it' (QDense): kernel_quantizer is None: its weights are not quantized; give their type, for example "
        "--quantize 'it=fixed<16,6,RND,SAT>' (quantize={'it': 'fixed<16,6,RND,SAT>'} in Python), or use QDense with "
        "kernel_quantizer."
    )
    assert message(tmp_path, changed("QDense", bias_quantizer=None)) == (
        "layer 'it' (QDense): bias_quantizer is None: its bias is not quantized; give its type, for example "
        "--quantize 'it=fixed<16,6,RND,SAT>' (quantize={'it': 'fixed<16,6,RND,SAT>'} in Python), or train with a "
        "bias_quantizer or use_bias=False."
    )


def test_every_refusal_is_stated_whole_in_some_test() -> None:
    """Of what reads, checks, builds and proves models: a new refusal needs a test with its whole sentence."""
    assert list(map(str, untested())) == []
