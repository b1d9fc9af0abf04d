"""What a model's outputs are: logits, the index of the largest, or probabilities of a stated type."""

from decimal import Context, Decimal, localcontext
from fractions import Fraction
from math import ceil
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from oracle.keras_files import KerasLayer, batch_norm, dense, input_layer, layer, quantized_bits, sequential, write_h5
from oracle.one_layer_models import message, norm

import hwgen
from hwgen.fixed import parse_quantizer
from hwgen.frontend.softmax import result_error, worst_error

INPUT = "fixed<6,3>"
PRECISE = Context(prec=40)


def classifier(classes: int, activation: str, seed: int = 0) -> list[KerasLayer]:
    rng = np.random.default_rng(seed)
    kernel, bias = rng.normal(size=(4, classes)), rng.normal(size=classes)
    options = {
        "activation": activation,
        "kernel_quantizer": quantized_bits(6, 1),
        "bias_quantizer": quantized_bits(5, 1),
    }
    return [input_layer("data", (4,)), dense("out", kernel.astype(np.float32), bias.astype(np.float32), **options)]


def data(samples: int = 200) -> NDArray[np.float64]:
    return np.random.default_rng(1).integers(-32, 32, size=(samples, 4)) / 8


def load(folder: Path, layers: list[KerasLayer], head: str = "logits") -> hwgen.Model:
    write_h5(folder / "model.h5", sequential(layers), layers)
    return hwgen.load(folder / "model.h5", input_type=INPUT, head=head)


def probabilities(logits: NDArray[np.float64]) -> list[list[Decimal]]:
    """The real softmax of each row, to 38 digits."""
    rows = []
    with localcontext(PRECISE):
        for row in logits.tolist():
            powers = [Decimal(number).exp() for number in row]
            rows.append([power / sum(powers) for power in powers])
    return rows


@pytest.mark.parametrize(
    ("classes", "kind"),
    [
        (1, "ufixed<4,1,RND,SAT>"),
        (2, "ufixed<8,0,RND,SAT>"),
        (3, "fixed<6,2,TRN,SAT>"),
        (5, "fixed<9,1,RND_CONV,SAT>"),
        (10, "ufixed<10,1,RND_ZERO,WRAP>"),
        (16, "ufixed<5,0,RND_INF,SAT_SYM>"),
    ],
)
def test_a_softmax_is_as_near_to_the_real_one_as_its_note_says(classes: int, kind: str, tmp_path: Path) -> None:
    layers = classifier(classes, "softmax")
    model, logits = load(tmp_path, layers, f"softmax={kind}"), load(tmp_path, layers).predict(data())
    assert isinstance(logits, np.ndarray)
    (note,) = model.network.notes
    bits, reciprocal_bits = (
        int(note.split(words)[1].split()[0].strip(";,")) for words in ("exponentials with", "reciprocals with")
    )
    quantizer = parse_quantizer(kind)
    assert isinstance(quantizer, hwgen.fixed.Quantizer)
    bound = result_error(classes, bits, reciprocal_bits, quantizer) / quantizer.type.lsb
    assert f"at most {float(bound):.2f} steps of" in note
    truncates = "TRN" in kind
    assert bound <= (Fraction(3, 2) if truncates else 1)
    (output,) = model.network.outputs
    assert model.network.value(output).type == quantizer.type
    scale = Decimal(2) ** quantizer.type.fraction
    codes = model.codes(data())
    assert isinstance(codes, np.ndarray)
    limit = Decimal(bound.numerator) / bound.denominator
    for row, real in zip(codes.tolist(), probabilities(logits), strict=True):
        assert all(abs(code - number * scale) <= limit for code, number in zip(row, real, strict=True))


def test_the_tables_of_a_softmax_are_rounded_once(tmp_path: Path) -> None:
    model = load(tmp_path, classifier(5, "softmax"), "softmax=ufixed<6,0,RND,SAT>")
    inside = model.trace(data())
    values = model.network.values()
    below, powers = inside["out_below_largest"], inside["out_exp"]
    lsb, scale = Decimal(2) ** -values["out_below_largest"].type.fraction, Decimal(2) ** values["out_exp"].type.fraction
    assert below.max() == 0
    for difference, power in zip(below.ravel().tolist(), powers.ravel().tolist(), strict=True):
        assert power == round(PRECISE.multiply(PRECISE.exp(difference * lsb), scale))
    total, reciprocal = inside["out_sum"].ravel().tolist(), inside["out_reciprocal"].ravel().tolist()
    one, steps = 2 ** values["out_exp"].type.fraction, 2 ** values["out_reciprocal"].type.fraction
    for number, found in zip(total, reciprocal, strict=True):
        assert abs(found - Fraction(one * steps, number)) <= Fraction(1, 2)


def test_the_bound_on_the_error_holds_where_it_is_nearly_reached() -> None:
    """One exponential of 1 and others just below a half step, which are lost: their share is what is missing."""
    classes, bits = 9, 6
    lost = Fraction(1, 2 ** (bits + 1)) - Fraction(1, 10**9)
    error = 1 - 1 / (1 + (classes - 1) * lost)
    assert error <= worst_error(classes, bits, 60)
    assert error >= worst_error(classes, bits, 60) * Fraction(9, 10)


def test_a_softmax_over_the_last_of_two_axes_is_one_of_each_row(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    layers = [
        input_layer("data", (3, 4)),
        dense("out", rng.normal(size=(4, 3)).astype(np.float32), None, kernel_quantizer=quantized_bits(6, 1)),
        layer("Softmax", "end", axis=-1),
    ]
    given = rng.integers(-32, 32, size=(50, 3, 4)) / 8
    model, logits = load(tmp_path, layers, "softmax=ufixed<8,0,RND,SAT>"), load(tmp_path, layers).predict(given)
    codes = model.codes(given)
    assert isinstance(codes, np.ndarray)
    assert isinstance(logits, np.ndarray)
    assert codes.shape == (50, 3, 3)
    for row, real in zip(codes.reshape(-1, 3).tolist(), probabilities(logits.reshape(-1, 3)), strict=True):
        assert all(abs(code - number * 256) <= 1 for code, number in zip(row, real, strict=True))


@pytest.mark.parametrize("kind", ["ufixed<8,0,RND,SAT>", "fixed<5,1,TRN,SAT>", "ufixed<7,1,RND_CONV,SAT>"])
def test_a_sigmoid_is_the_real_one_rounded_once(kind: str, tmp_path: Path) -> None:
    layers = classifier(2, "sigmoid")
    model, logits = load(tmp_path, layers, f"sigmoid={kind}"), load(tmp_path, layers).predict(data())
    assert isinstance(logits, np.ndarray)
    fraction, most = model.network.value(model.network.outputs[0]).type.fraction, int(kind.split("<")[1].split(",")[0])
    most = 2 ** (most - int(kind.startswith("f"))) - 1
    codes = model.codes(data())
    assert isinstance(codes, np.ndarray)
    for code, number in zip(codes.ravel().tolist(), logits.ravel().tolist(), strict=True):
        real = PRECISE.divide(Decimal(2) ** fraction, 1 + PRECISE.exp(-Decimal(number)))
        nearest = (
            int(real)
            if "TRN" in kind
            else (ceil(real - Decimal("0.5")) if "CONV" in kind else int(real + Decimal("0.5")))
        )
        assert code == min(nearest, most)


@pytest.mark.parametrize("activation", ["softmax", "sigmoid", "linear"])
def test_argmax_is_the_index_of_the_largest_logit(activation: str, tmp_path: Path) -> None:
    layers = classifier(7, activation)
    logits = load(tmp_path, layers).predict(data())
    codes = load(tmp_path, layers, "argmax").codes(data())
    assert isinstance(codes, np.ndarray)
    assert codes.tolist() == np.argmax(logits, axis=1)[:, None].tolist()


def test_logits_without_softmax_or_sigmoid_are_said_to_be_that(tmp_path: Path) -> None:
    assert load(tmp_path, classifier(3, "softmax")).network.notes == (
        "layer 'out': its softmax is left out: the outputs are logits, whose largest is the same class.",
    )
    assert load(tmp_path, classifier(1, "sigmoid")).network.notes == (
        "layer 'out': its sigmoid is left out: the outputs are logits, positive where the sigmoid is above 1/2.",
    )


_EXAMPLE = "for example '{}=ufixed<8,0,RND,SAT>'"


@pytest.mark.parametrize(
    ("head", "sentence"),
    [
        (
            "softmin",
            "head 'softmin': logits, argmax, softmax=TYPE or sigmoid=TYPE is expected, for example "
            "'softmax=ufixed<8,0,RND,SAT>'.",
        ),
        ("softmax", f"head 'softmax': softmax takes a type, {_EXAMPLE.format('softmax')}."),
        ("sigmoid", f"head 'sigmoid': sigmoid takes a type, {_EXAMPLE.format('sigmoid')}."),
        ("argmax=fixed<8,3>", "head 'argmax=fixed<8,3>': argmax takes no type."),
        (
            "softmax=fixed<8,1>",
            "head 'softmax=fixed<8,1>': 'fixed<8,1>' says neither rounding nor overflow, and neither has a default; "
            "write for example 'softmax=fixed<8,1,RND,SAT>'.",
        ),
        (
            "sigmoid=ufixed<8,0,RND,SAT>",
            "layer 'out', an output of the model: --head sigmoid needs a sigmoid at the end, and there is none.",
        ),
        (
            "softmax=fixed<8,0,RND,SAT>",
            "layer 'out', an output of the model: a softmax is at most 1, and fixed<8,0,RND,SAT> neither holds it nor "
            "saturates just below it; use for example 'ufixed<8,0,RND,SAT>' or 'fixed<9,1,RND,SAT>'.",
        ),
        (
            "softmax=ufixed<8,0,RND,WRAP>",
            "layer 'out', an output of the model: a softmax is at most 1, and ufixed<8,0,RND,WRAP> neither holds it "
            "nor saturates just below it; use for example 'ufixed<8,0,RND,SAT>' or 'fixed<9,1,RND,SAT>'.",
        ),
        (
            "softmax=ufixed<16,0,RND,SAT>",
            "layer 'out', an output of the model: a softmax of 5 classes in steps of 2**-16 needs tables of 2**19 "
            "steps; hwgen builds at most 2**16: give the result 3 bits less after the point.",
        ),
    ],
)
def test_heads_that_cannot_be_are_named(head: str, sentence: str, tmp_path: Path) -> None:
    assert message(tmp_path, classifier(5, "softmax"), head=head) == sentence


def test_a_softmax_head_needs_a_softmax(tmp_path: Path) -> None:
    assert message(tmp_path, classifier(5, "linear"), head="softmax=ufixed<8,0,RND,SAT>") == (
        "layer 'out', an output of the model: --head softmax needs a softmax at the end, and there is none."
    )


def test_no_argmax_of_what_is_on_no_grid(tmp_path: Path) -> None:
    layers = [input_layer("data", (4,)), batch_norm("it", norm(4))]
    assert message(tmp_path, layers, head="argmax") == (
        "layer 'it', an output of the model: reads values that are on no fixed-point grid (a batch norm, an average or "
        "a scale that is no power of two comes before it); put a QActivation in between."
    )
