"""A few of hls4ml's QKeras acceptance cases through hwgen: load, HLS C++, compile, run, compare with QKeras.

All of them, read from hls4ml's file, stand in docs/hls4ml-cases.md; ``benchmarks/hls4ml_cases.py`` runs those.
"""

import re
from pathlib import Path

import pytest
from oracle.acceptance_cases import Case, Result, run_case

PAGE = Path(__file__).resolve().parents[2] / "docs" / "hls4ml-cases.md"

DENSE = Case(
    "test_single_dense_activation_exact",
    "QActivation(quantized_bits(4,0,alpha=1), in 16) -> QDense(16, kernel quantized_bits(4,0,alpha=1), bias "
    "quantized_bits(4,0,alpha=1), lecun_uniform) -> QActivation(quantized_relu(4,0))",
    "array_equal",
)
SCALAR = Case("test_quantizer", "QActivation(quantized_relu(8,4)) on 1 input", "array_equal")
NORMALIZED = Case(
    "test_btnn[4]",
    "QDense(10, in 10, kernel ternary(alpha='auto'), bias quantized_bits(5,2)) -> BatchNormalization -> "
    "QActivation(ternary)",
    "fraction of unequal outputs < 0.005",
)
OF_THE_LAYER = Case(
    "test_qactivation_kwarg",
    "QDense(10, in 10, kernel and bias quantized_bits(4,0,alpha=1), activation=quantized_relu(4,0))",
    "allclose atol=2^-(bits-1) rtol=1",
)


def test_a_layer_with_an_activation_is_exact(cxx: str, tmp_path: Path) -> None:
    assert run_case(OF_THE_LAYER, tmp_path, cxx).verdict == "exact"


@pytest.mark.fuzz
@pytest.mark.parametrize("case", [SCALAR, DENSE, NORMALIZED], ids=lambda case: case.test)
def test_a_case_is_exact(case: Case, cxx: str, tmp_path: Path) -> None:
    assert run_case(case, tmp_path, cxx).verdict == "exact"


def test_what_a_case_leaves_unquantized_has_hls4mls_type_and_the_row_says_so(cxx: str, tmp_path: Path) -> None:
    case = Case("test_quantizer_parsing", "QDense(8, in 10, kernel_quantizer=None, ones)", "array_equal")
    note = "800 outputs of 100 samples equal; given `--quantize 'q_dense=fixed<24,8,RND,SAT>'`"
    assert run_case(case, tmp_path, cxx) == Result("exact", note)


def test_a_trained_model_that_is_not_there_is_not_run(cxx: str, tmp_path: Path) -> None:
    case = Case("test_accuracy", "example-models keras/qkeras_3layer", "qkeras accuracy > 0.70")
    result = run_case(case, tmp_path, cxx, shared=tmp_path)
    told = "hls4ml downloads the trained model, and QKERAS_3layer.h5 is not beside this checkout"
    assert result == Result("not run", told)


@pytest.mark.parametrize(
    ("constant", "criterion", "note"),
    [
        ("0", "width 1, signed False", "ufixed<1,1> holds it exactly"),
        ("1024", "width 1, signed False", "ufixed<1,11> holds it exactly"),
        ("-1024", "width 1, signed True", "fixed<1,11> holds it exactly"),
        ("0.03125", "width 1, signed False", "ufixed<1,-4> holds it exactly"),
        ("-1.25", "width 4, signed True", "fixed<4,2> holds it exactly"),
        (
            "1.1",
            "width 8, signed False",
            "ufixed<52,1> holds the double exactly; hls4ml's type of 8 bits rounds it",
        ),
    ],
)
def test_a_constant_has_the_narrowest_exact_type(
    constant: str, criterion: str, note: str, cxx: str, tmp_path: Path
) -> None:
    case = Case("test_precision_from_constant_unit", f"precision of the constant {constant}, max_width 8", criterion)
    result = run_case(case, tmp_path, cxx)
    assert (result.verdict, result.note) == ("exact", note)


def test_the_page_counts_its_rows() -> None:
    text = PAGE.read_text(encoding="utf-8")
    rows = re.findall(r"^\| (\d+) \| .* \| \*\*(.+?)\*\*: .* \|$", text, re.MULTILINE)
    assert [int(number) for number, _ in rows] == list(range(1, len(rows) + 1))
    counted = re.search(r"^(\d+) cases: (.+)\.$", text, re.MULTILINE)
    assert counted is not None
    assert int(counted[1]) == len(rows) == 52
    for part in counted[2].split(", "):
        count, verdict = part.split(" ", 1)
        assert [found for _, found in rows].count(verdict) == int(count)
    assert not any(verdict == "outside tolerance" for _, verdict in rows)
