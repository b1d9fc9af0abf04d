"""The project around the C++: names, layout, records, test vectors, refusals."""

import json
import re
import sys
import tempfile
from fractions import Fraction
from hashlib import sha256
from importlib.machinery import ModuleSpec
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from hwgen.emit import FileSet, Strategy, Vectors, ap_types, hls_project
from hwgen.emit.vectors import decimal
from hwgen.errors import InputError, NetworkError, ToolMissingError
from hwgen.fixed import FixedType, Overflow, Quantizer, Rounding
from hwgen.fixed.digits import signed_digits
from hwgen.ir import (
    Dense,
    Input,
    Network,
    Requantize,
    Reshape,
    SparseTensor,
    StepFunction,
    Value,
    check_network,
    network_from_json,
)

PART = "xcvu13p-flga2577-2-e"
EIGHT = FixedType(True, 8, 4)


def small_network(name: str = "little", layer: str = "dense", value: str = "dense_out") -> Network:
    x = Value("x", (2,), EIGHT)
    y = Value(value, (2,), FixedType(True, 12, 5))
    weight = SparseTensor.from_dense(np.array([[1, 2], [0, -3]]), FixedType(True, 4, 1))
    return check_network(Network(name, (Input(x, None),), (Dense(layer, "x", y, weight, np.array([0, 1])),), (value,)))


def project(network: Network, **options: object) -> FileSet:
    given = {"strategy": Strategy.MULTIPLIERS, "part": PART, "clock_ns": 5.0} | options
    return hls_project(network, **given)  # type: ignore[arg-type]


def test_the_same_network_gives_the_same_bytes() -> None:
    assert dict(project(small_network())) == dict(project(small_network()))


def test_the_layout_is_hls4mls() -> None:
    files = project(small_network())
    for path in (
        "firmware/little.cpp",
        "firmware/little.h",
        "firmware/defines.h",
        "firmware/parameters.h",
        "firmware/ap_types/ap_fixed.h",
        "firmware/ap_types/etc/ap_private.h",
        "little_bridge.cpp",
        "little_test.cpp",
        "build_prj.tcl",
        "build_opt.tcl",
        "project.tcl",
        "vivado_synth.tcl",
        "build_lib.sh",
    ):
        assert path in files


def test_no_text_names_a_folder_of_this_machine_or_a_date() -> None:
    places = {str(Path.home()), str(Path.cwd()), sys.prefix, tempfile.gettempdir()} - {"/"}
    for path, content in project(small_network()).items():
        if not path.startswith("firmware/ap_types/"):
            text = content.decode()
            assert not any(place in text for place in places), path
            assert not re.search(r"site-packages|20[0-9][0-9]-[0-9]", text), path


def test_project_json_records_what_the_folder_is() -> None:
    network = small_network()
    files = project(network, strategy=Strategy.ADDERS, source_sha256="ab" * 32)
    document = json.loads(files["project.json"])
    assert document["network"] == "little"
    assert document["strategy"] == "adders"
    assert document["part"] == PART
    assert document["clock_ns"] == 5.0
    assert document["source_sha256"] == "ab" * 32
    assert document["float32_exact"] is True
    assert document["sources"] == ["firmware/little.cpp", "little_bridge.cpp"]
    assert document["files"] == {path: sha256(files[path]).hexdigest() for path in files if path != "project.json"}


def test_network_json_gives_the_network_back() -> None:
    network = small_network()
    again = network_from_json(project(network).text("network.json"))
    assert again.name == network.name
    assert dict(project(again)) == dict(project(network))


def test_a_lone_input_and_output_have_hls4mls_type_names() -> None:
    quantizer = Quantizer(EIGHT, Rounding.RND_CONV, Overflow.SAT_SYM)
    x, y = Value("x", (2,), EIGHT), Value("y", (2,), FixedType(False, 3, 1))
    layer = Requantize("q", "x", y, Rounding.RND, Overflow.SAT)
    files = project(check_network(Network("rounding", (Input(x, quantizer),), (layer,), ("y",))))
    defines = files.text("firmware/defines.h")
    assert "typedef ap_fixed<8, 4, AP_RND_CONV, AP_SAT_SYM> input_t;" in defines
    assert "typedef ap_ufixed<3, 2, AP_RND, AP_SAT> result_t;" in defines
    top = re.sub(r"\s+", " ", files.text("firmware/rounding.h"))
    assert "void rounding( input_t x[2], result_t y[2] );" in top


def test_names_that_would_meet_get_a_number() -> None:
    """A value called like the network, and one that would give another's type its name."""
    x = Value("twice", (2,), EIGHT)
    reshaped = Value("twice_code", (2, 1), EIGHT)
    layers = (Reshape("twice", "twice", reshaped), Reshape("compute_twice", "twice_code", Value("y", (2,), EIGHT)))
    files = project(check_network(Network("twice", (Input(x, None),), layers, ("twice_code", "y"))))
    top = re.sub(r"\s+", " ", files.text("firmware/twice.h"))
    assert "void twice( input_t twice_2[2], twice_code_t_2 twice_code[2], y_t y[2] );" in top


@pytest.mark.parametrize("name", ["defines", "codes", "ap_int"])
def test_a_network_named_like_something_in_cpp_is_refused(name: str) -> None:
    with pytest.raises(InputError) as caught:
        project(small_network(name))
    assert str(caught.value) == (
        f"network '{name}': the top function cannot have this name, which C++, the ap_types headers or another file of "
        f"the project has; name the network otherwise."
    )


@pytest.mark.parametrize("part", ["", "xc vu13p", 'xc"', "[exit]", "$part"])
def test_a_part_that_is_no_name_is_refused(part: str) -> None:
    with pytest.raises(InputError) as caught:
        project(small_network(), part=part)
    assert str(caught.value) == (
        f"a part is named as the vendor's tools do, such as 'xcu250-figd2104-2L-e'; got {part!r}."
    )


@pytest.mark.parametrize("clock_ns", [0.0, -1.0, float("nan"), float("inf")])
def test_a_clock_period_that_is_not_positive_is_refused(clock_ns: float) -> None:
    with pytest.raises(InputError) as caught:
        project(small_network(), clock_ns=clock_ns)
    assert str(caught.value) == f"a clock period is a positive number of nanoseconds, got {clock_ns!r}."


@pytest.mark.parametrize(
    ("installed", "says"),
    [
        (False, "the ap_fixed headers come with hls4ml, which is not installed; pip install 'hls4ml>=1.3'."),
        (
            True,
            "the installed hls4ml has no templates/vivado/ap_types/ap_fixed.h; hwgen needs hls4ml 1.3, pip install "
            "'hls4ml>=1.3,<1.4'.",
        ),
    ],
)
def test_headers_that_are_not_there_are_refused(
    installed: bool, says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = ModuleSpec("hls4ml", None, origin=str(tmp_path / "hls4ml" / "__init__.py")) if installed else None
    monkeypatch.setattr(ap_types, "find_spec", lambda name: spec)
    with pytest.raises(ToolMissingError) as caught:
        ap_types.ap_types_files.__wrapped__()
    assert str(caught.value) == says


def test_a_network_that_breaks_an_invariant_is_refused() -> None:
    network = small_network()
    with pytest.raises(NetworkError):
        project(Network("broken", network.inputs, network.layers, ("nothing",)))


def test_part_and_clock_reach_the_vendors_script() -> None:
    script = project(small_network(), clock_ns=3.125).text("project.tcl")
    assert f'set part "{PART}"' in script
    assert "set clock_period 3.125\n" in script


def test_test_vectors_are_exact_decimals_one_sample_a_line() -> None:
    inputs, outputs = np.array([[1, -128], [127, 0]]), np.array([[2047, -1], [0, 5]])
    files = project(small_network(), vectors=Vectors((inputs,), (outputs,)))
    assert files.text("tb_data/tb_input_features.dat") == "0.0625 -8.0\n7.9375 0.0\n"
    assert files.text("tb_data/tb_output_predictions.dat") == "63.96875 -0.03125\n0.0 0.15625\n"


@pytest.mark.parametrize(
    ("inputs", "outputs", "says"),
    [
        ([(3, 3)], [(3, 2)], "test vectors for inputs of shapes [(2,)] expected, got [(3,)]."),
        ([(3, 2)], [], "test vectors for outputs of shapes [(2,)] expected, got []."),
        ([(3, 2)], [(4, 2)], "every array of test vectors needs the same number of samples, got [3, 4]."),
    ],
)
def test_test_vectors_that_do_not_fit_are_refused(
    inputs: list[tuple[int, int]], outputs: list[tuple[int, int]], says: str
) -> None:
    arrays = [tuple(np.zeros(shape, dtype=np.int64) for shape in side) for side in (inputs, outputs)]
    with pytest.raises(InputError) as caught:
        project(small_network(), vectors=Vectors(*arrays))
    assert str(caught.value) == f"network 'little': {says}"


@pytest.mark.parametrize("code", [0, 1, -1, 5, -12345, 2**62, -(2**62) + 1])
@pytest.mark.parametrize("fraction", [-3, 0, 1, 9, 70])
def test_decimals_are_exact(code: int, fraction: int) -> None:
    assert Fraction(decimal(code, fraction)) == code * Fraction(2) ** -fraction


def test_signed_digits_are_canonical() -> None:
    for number in range(-3000, 3001):
        digits = signed_digits(number)
        assert sum(sign << exponent for sign, exponent in digits) == number
        exponents = [exponent for _, exponent in digits]
        assert all(b - a >= 2 for a, b in pairwise(exponents))


def step_network(thresholds: list[int], levels: list[int], width: int = 16) -> Network:
    """Of codes that are too wide for a table, unless they shall not be."""
    x, y = Value("x", (3,), FixedType(True, width, 4)), Value("y", (3,), FixedType(True, 8, 0))
    layer = StepFunction("f", "x", y, np.array([thresholds]), np.array([levels]), "test")
    return check_network(Network("steps", (Input(x, None),), (layer,), ("y",)))


def test_a_staircase_on_a_line_is_multiplied_and_a_crooked_one_compared() -> None:
    straight = project(step_network([-20, -12, -4, 4, 12, 20, 28, 36], [-2, -1, 0, 1, 2, 3, 4, 5, 6])).text(
        "firmware/steps.cpp"
    )
    assert "f_multiplier[0] * x[i]" in straight
    crooked = project(step_network([-20, 0, 1, 90], [-2, -1, 0, 1, 2])).text("firmware/steps.cpp")
    assert "x[i] >= f_threshold[0][k]" in crooked


def test_few_codes_are_looked_up() -> None:
    text = project(step_network([-20, 0, 1, 9], [-2, 1, 0, 1, 2], width=6)).text("firmware/steps.cpp")
    assert "y[i] = f_level[0][ap_uint<6>(x[i])];" in text


def test_thresholds_beyond_the_inputs_range_are_not_built() -> None:
    files = project(step_network([-(2**40), -20, 0, 1, 90, 2**15, 2**62], [0, 1, 2, 4, 8, 16, 32, 64]))
    table = files.text("firmware/weights/f.h")
    assert "{-20, 0, 1, 90}," in table
    assert "{1, 2, 4, 8, 16}," in table


def test_clipping_is_built_only_where_codes_go_beyond_the_levels() -> None:
    inside = project(step_network([-(2**14), 0, 2**14], [-2, -1, 0, 1])).text("firmware/steps.cpp")
    assert "f_low" not in inside
    assert "f_high" not in inside
    beyond = project(step_network([-20, -12, -4, 4, 12, 20, 28, 36], [-2, -1, 0, 1, 2, 3, 4, 5, 6])).text(
        "firmware/steps.cpp"
    )
    assert "level < f_low[0]" in beyond
    assert "level > f_high[0]" in beyond


def test_a_line_whose_numbers_no_literal_holds_is_compared() -> None:
    x, y = Value("x", (3,), FixedType(True, 61, 4)), Value("y", (3,), FixedType(True, 8, 0))
    layer = StepFunction("f", "x", y, np.array([[-5, 0, 4, 9]]), np.array([[-1, 0, 1, 2, 3]]), "test")
    text = project(check_network(Network("steps", (Input(x, None),), (layer,), ("y",)))).text("firmware/steps.cpp")
    assert "x[i] >= f_threshold[0][k]" in text
