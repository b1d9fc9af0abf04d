"""Input types and pruning masks that are none, or another model's."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from oracle.keras_files import (
    KerasLayer,
    activation,
    functional,
    input_layer,
)
from oracle.one_layer_models import MODELS, changed, message

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
    assert told == (
        "input 'data': the model does not say what numbers it takes: what reads it first is 'a' (QActivation) and "
        "'b' (QActivation), and no QActivation with a plain quantized_bits or quantized_relu. Give the type of "
        "your data, for example --input-type 'fixed<8,3>' (input_type='fixed<8,3>' in Python)."
    )


@pytest.mark.parametrize(
    ("given", "says"),
    [
        (
            "",
            (
                "a type is written as in ap_fixed, for example 'fixed<8,3>', 'ufixed<8,0>' or "
                "'fixed<8,3,RND_CONV,SAT>'; got ''."
            ),
        ),
        (
            "int8",
            (
                "a type is written as in ap_fixed, for example 'fixed<8,3>', 'ufixed<8,0>' or "
                "'fixed<8,3,RND_CONV,SAT>'; got 'int8'."
            ),
        ),
        (
            "fixed<8>",
            (
                "a type is written as in ap_fixed, for example 'fixed<8,3>', 'ufixed<8,0>' or "
                "'fixed<8,3,RND_CONV,SAT>'; got 'fixed<8>'."
            ),
        ),
        (
            "fixed<8,3",
            (
                "a type is written as in ap_fixed, for example 'fixed<8,3>', 'ufixed<8,0>' or "
                "'fixed<8,3,RND_CONV,SAT>'; got 'fixed<8,3'."
            ),
        ),
        ("fixed<0,3>", "a signed type has a width of 1 to 64 bits, got 0."),
        ("fixed<65,3>", "a signed type has a width of 1 to 64 bits, got 65."),
        (
            "fixed<8,3,RND>",
            (
                "'fixed<8,3,RND>' names a rounding but no overflow, and neither has a default; write for example "
                "'fixed<8,3,RND,SAT>'."
            ),
        ),
        (
            "fixed<8,3,ROUND,SAT>",
            (
                "'fixed<8,3,ROUND,SAT>': unknown rounding 'ROUND'; one of TRN, TRN_ZERO, RND, RND_ZERO, RND_INF, "
                "RND_MIN_INF, RND_CONV."
            ),
        ),
        (
            "fixed<8,3,RND,CLIP>",
            "'fixed<8,3,RND,CLIP>': unknown overflow 'CLIP'; one of WRAP, SAT, SAT_ZERO, SAT_SYM.",
        ),
        ("pixels=fixed<8,3>", "input type for 'pixels': the model's inputs are data."),
        (
            "data=fixed<8,3>;data=fixed<8,3>",
            "input types are written 'name=TYPE;name=TYPE', each name once; got 'data=fixed<8,3>;data=fixed<8,3>'.",
        ),
        (
            "data=fixed<8,3>;",
            "input types are written 'name=TYPE;name=TYPE', each name once; got 'data=fixed<8,3>;'.",
        ),
        ("=fixed<8,3>", "input types are written 'name=TYPE;name=TYPE', each name once; got '=fixed<8,3>'."),
        ({"pixels": "fixed<8,3>"}, "input type for 'pixels': the model's inputs are data."),
        ({"data": 8}, "input type for 'data': text such as 'fixed<8,3>' or a FixedType is needed, got 8."),
        (8, "input type for 'data': text such as 'fixed<8,3>' or a FixedType is needed, got 8."),
    ],
)
def test_an_input_type_that_is_none_is_refused(given: Any, says: str, tmp_path: Path) -> None:
    assert message(tmp_path, MODELS["QDense"], input_type=given) == says


# ---- masks


def _save_masks(path: Path, **masks: Any) -> None:
    np.savez(path, **masks)


@pytest.mark.parametrize(
    ("masks", "says"),
    [
        (
            {"other": np.ones((4, 3), bool)},
            (
                "holds a mask for 'other', which is no layer with weights in this model (it); are the masks "
                "another model's?"
            ),
        ),
        (
            {"data": np.ones((4, 3), bool)},
            (
                "holds a mask for 'data', which is no layer with weights in this model (it); are the masks another "
                "model's?"
            ),
        ),
        (
            {"it": np.ones((3, 4), bool)},
            "layer 'it': its pruning mask has shape (3, 4), its kernel (4, 3); are the masks another model's?",
        ),
        ({"it": np.ones((4, 3))}, "the mask of 'it' is float64; true (kept) and false were expected."),
        ({}, "holds no masks at all; remove it, or train again."),
    ],
)
@pytest.mark.parametrize("beside", [True, False])
def test_masks_of_another_model_are_refused(masks: Any, says: str, beside: bool, tmp_path: Path) -> None:
    path = tmp_path / ("masks.npz" if beside else "given.npz")
    _save_masks(path, **masks)
    told = message(tmp_path, MODELS["QDense"], **({} if beside else {"masks": path}))
    assert told.removeprefix(f"{path}: ") == says


@pytest.mark.parametrize("content", [b"", b"text", b"PK\x03\x04damaged", b"\x93NUMPY\x01\x00damaged"])
def test_a_file_of_masks_that_is_none_is_refused(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "masks.npz").write_bytes(content)
    assert "masks.npz: the file of masks is damaged or cut short" in message(tmp_path, MODELS["QDense"])


def test_a_single_array_is_no_file_of_masks(tmp_path: Path) -> None:
    np.save(tmp_path / "masks.npy", np.ones((4, 3), dtype=bool))
    told = message(tmp_path, MODELS["QDense"], masks=tmp_path / "masks.npy")
    assert told.endswith(": masks are an .npz file with an array for each layer, this is a single array.")


def test_masks_that_are_missing_are_named(tmp_path: Path) -> None:
    assert message(tmp_path, MODELS["QDense"], masks=tmp_path / "none.npz").endswith(": no such file of masks.")


@pytest.mark.parametrize("count", [10, 60, 200, 250])
def test_a_file_of_masks_cut_short_is_refused(count: int, tmp_path: Path) -> None:
    _save_masks(tmp_path / "whole.npz", it=np.ones((4, 3), dtype=bool))
    (tmp_path / "masks.npz").write_bytes((tmp_path / "whole.npz").read_bytes()[:count])
    assert "the file of masks is damaged or cut short" in message(tmp_path, MODELS["QDense"])
