"""Types for what a model leaves unquantized (``quantize``, ``--quantize``): what is rounded, and what is refused."""

from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from oracle.keras_files import KerasLayer, activation, dense, input_layer, sequential, write_h5
from oracle.one_layer_models import MODELS, message

import hwgen
from hwgen.cli.options import by_layer
from hwgen.errors import InputError
from hwgen.fixed import FixedType, Overflow, Quantizer, Rounding
from hwgen.frontend.affine import Affine, integer_steps
from hwgen.frontend.rounding_steps import rounding_step

TYPE = "fixed<5,2,RND,SAT>"
KERNEL = np.array([[0.3, -3.0], [0.0625, 1.9375]], dtype=np.float32)  # in eighths: 2.4, too low, a tie, a tie too high
BIAS = np.array([0.19, -0.06], dtype=np.float32)


def float_dense(**options: Any) -> list[KerasLayer]:
    plain = dense("out", KERNEL, BIAS)
    kept = {key: value for key, value in plain.config.items() if "quantizer" not in key and "range" not in key}
    return [input_layer("data", (2,)), KerasLayer("Dense", {**kept, **options}, plain.weights)]


def load(folder: Path, layers: list[KerasLayer], types: dict[str, str]) -> hwgen.Model:
    write_h5(folder / "model.h5", sequential(layers), layers)
    return hwgen.load(folder / "model.h5", input_type="fixed<4,4>", quantize=types)


def test_kernel_and_bias_are_rounded_and_nothing_else(tmp_path: Path) -> None:
    model = load(tmp_path, float_dense(), {"out": TYPE})
    rounded = np.array([[2, -16], [1, 15]]) / 8, np.array([2, 0]) / 8
    data = np.array([[1, 0], [0, 1], [-8, 7], [3, -5]])
    assert (model.predict(data) == data @ rounded[0] + rounded[1]).all()
    assert model.network.notes == (
        "layer 'out': what the model leaves unquantized of its weights and bias is rounded to fixed<5,2,RND,SAT>, as "
        "--quantize says; Keras uses the stored numbers.",
    )
    (entry,) = model.network.exactness
    assert not entry.float32_exact
    assert entry.reason == (
        "4 of 4 stored weights are rounded to fixed<5,2,RND,SAT> (kernel); "
        "2 of 2 stored weights are rounded to fixed<5,2,RND,SAT> (bias)"
    )


def test_a_result_is_rounded_where_a_second_type_says_so(tmp_path: Path) -> None:
    model = load(tmp_path, float_dense(activation="relu"), {"out": f"{TYPE}:fixed<6,5,TRN,SAT>"})
    data = np.array([[1, 0], [0, 1], [-8, 7], [3, -5]])
    exact = np.maximum(data @ (np.array([[2, -16], [1, 15]]) / 8) + np.array([2, 0]) / 8, 0)
    assert (model.predict(data) == np.minimum(np.floor(exact * 2) / 2, 15.5)).all()
    assert "and what it computes to fixed<6,5,TRN,SAT>" in model.network.notes[0]


def test_weights_that_lie_on_the_types_grid_leave_float32_exact(tmp_path: Path) -> None:
    model = load(tmp_path, float_dense(), {"out": "fixed<24,8,TRN,WRAP>"})
    assert not model.network.float32_exact
    layers = [
        input_layer("data", (2,)),
        KerasLayer("Dense", float_dense()[1].config, {"kernel": KERNEL * 0 + 0.5, "bias": BIAS * 0}),
    ]
    assert load(tmp_path, layers, {"out": TYPE}).network.float32_exact


def test_only_what_the_model_leaves_unquantized_is_rounded(tmp_path: Path) -> None:
    layers = [input_layer("data", (2,)), dense("out", KERNEL, BIAS, bias_quantizer=None)]
    with_type = load(tmp_path, layers, {"out": "fixed<12,4,RND_CONV,SAT>"})
    by_model = load(tmp_path, [layers[0], dense("out", KERNEL, BIAS * 0)], {})
    assert (with_type.predict(np.zeros((1, 2))) == np.rint(BIAS.astype(np.float64) * 256) / 256).all()
    data = np.array([[7, -8]])
    assert (with_type.predict(data) - with_type.predict(data * 0) == by_model.predict(data)).all()


@given(
    st.sampled_from(Rounding),
    st.sampled_from([Overflow.SAT, Overflow.SAT_SYM]),
    st.booleans(),
    st.integers(1, 6),
    st.fractions(min_value=Fraction(1, 9), max_value=4, max_denominator=9),
)
def test_every_rounding_is_the_step_function_that_ap_fixed_is(
    rounding: Rounding, overflow: Overflow, signed: bool, width: int, slope: Fraction
) -> None:
    quantizer = Quantizer(FixedType(signed, width, 0), rounding, overflow)
    step = rounding_step(quantizer, "here")
    thresholds, levels = integer_steps([Affine.linear(slope)], step, [-60], [60], "here")
    for code in range(-60, 61):
        found = levels[0][int((thresholds[0] <= code).sum())]
        assert found == _rounded(code * slope, quantizer), (code * slope, str(quantizer))


def _rounded(number: Fraction, quantizer: Quantizer) -> int:
    """By the words of the AMD manual: round, then saturate."""
    below = number.numerator // number.denominator
    rest = number - below
    toward_zero = below if number >= 0 else -(-number.numerator // number.denominator)
    near = below + (rest > Fraction(1, 2))
    tie = {
        Rounding.RND: below + 1,
        Rounding.RND_MIN_INF: below,
        Rounding.RND_ZERO: toward_zero,
        Rounding.RND_INF: below + 1 if number > 0 else below,
        Rounding.RND_CONV: below + below % 2,
    }
    if quantizer.rounding is Rounding.TRN:
        code = below
    elif quantizer.rounding is Rounding.TRN_ZERO:
        code = toward_zero
    else:
        code = tie[quantizer.rounding] if rest == Fraction(1, 2) else near
    return min(max(code, quantizer.low), quantizer.high)


_NEEDED = "layer 'it' (QDense): types are given for it with quantize, and it has no weights that the model leaves "


@pytest.mark.parametrize(
    ("layers", "types", "sentence"),
    [
        (MODELS["QDense"], {"it": TYPE}, f"{_NEEDED}unquantized; leave it out."),
        (
            float_dense(),
            {"fc": TYPE},
            "quantize 'fc': is no layer of the model; its layers are out.",
        ),
        (
            float_dense(),
            {"out": "fixed<8,3>"},
            "quantize 'out': 'fixed<8,3>' says neither rounding nor overflow, and neither has a default; write for "
            "example 'fixed<8,3,RND,SAT>'.",
        ),
        (
            float_dense(),
            {"out": f"{TYPE}:"},
            "a type is written as in ap_fixed, for example 'fixed<8,3>', 'ufixed<8,0>' or 'fixed<8,3,RND_CONV,SAT>'; "
            "got ''.",
        ),
        (
            float_dense(),
            {"out": f"{TYPE}:fixed<8,3,RND,WRAP>"},
            "layer 'out' (Dense): results can be rounded to types that saturate (SAT or SAT_SYM), got "
            "fixed<8,3,RND,WRAP>.",
        ),
        (
            float_dense(),
            {"out": 8},
            "quantize: layers' names and types as text are needed, such as {'output': 'fixed<16,6,RND,SAT>'}; got "
            "'out': 8.",
        ),
        (
            [input_layer("data", (4,)), activation("it", "quantized_relu(6)")],
            {"it": TYPE},
            "layer 'it' (QActivation): types are given for it with quantize, and it has no weights that the model "
            "leaves unquantized; leave it out.",
        ),
    ],
    ids=["quantized", "unknown", "no rounding", "no result", "wraps", "no text", "no weights"],
)
def test_types_that_cannot_be_used_are_named(
    layers: list[KerasLayer], types: dict[str, Any], sentence: str, tmp_path: Path
) -> None:
    assert message(tmp_path, layers, quantize=types) == sentence


def test_weights_that_are_no_numbers_are_named(tmp_path: Path) -> None:
    layers = float_dense()
    broken = KerasLayer("Dense", layers[1].config, {"kernel": KERNEL * np.nan, "bias": BIAS})
    assert "out" in message(tmp_path, [layers[0], broken], quantize={"out": TYPE})


@pytest.mark.parametrize(
    ("texts", "sentence"),
    [
        (["out"], "--quantize is written LAYER=TYPE, such as 'output=fixed<16,6,RND,SAT>'; got 'out'."),
        (["=fixed<8,3>"], "--quantize is written LAYER=TYPE, such as 'output=fixed<16,6,RND,SAT>'; got '=fixed<8,3>'."),
        (["a=x", "a=y"], "--quantize names layer 'a' twice."),
    ],
)
def test_options_of_the_command_that_cannot_be_read_are_named(texts: list[str], sentence: str) -> None:
    with pytest.raises(InputError) as caught:
        by_layer(texts)
    assert str(caught.value) == sentence


def test_options_of_the_command_are_read_by_layer() -> None:
    assert by_layer(["a = fixed<8,3,RND,SAT>", "b=x:y"]) == {"a": "fixed<8,3,RND,SAT>", "b": "x:y"}
    assert by_layer(None) is None
