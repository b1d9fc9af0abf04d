"""Networks, their JSON form, their codes and the arguments of the API that are refused: each whole sentence."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from oracle.example_network import example_network, with_layer

import hwgen
from hwgen.api import Model
from hwgen.errors import HwgenError, InputError
from hwgen.fixed import FixedType
from hwgen.ir import (
    Concatenate,
    Conv,
    Input,
    Merge,
    MergeOperation,
    Network,
    Rearrange,
    Relu,
    SparseTensor,
    Value,
    check_network,
    network_from_json,
    network_to_json,
)
from hwgen.reference import encode, simulate

NIBBLE = FixedType(True, 4, 2)
PAIR = Value("x", (2, 3), NIBBLE)


def sentence(call: Callable[[], object]) -> str:
    with pytest.raises(HwgenError) as caught:
        call()
    return str(caught.value)


def around(layer: Any, *inputs: Value) -> Network:
    """A network of one layer."""
    return Network("net", tuple(Input(value, None) for value in inputs or (PAIR,)), (layer,), (layer.output.name,))


# ---- layers of a network


@pytest.mark.parametrize(
    ("index", "says"),
    [
        ([0, -2], "layer 'it': an index is -1 or below 6, got -2 to 0."),
        ([6, -1], "layer 'it': an index is -1 or below 6, got -1 to 6."),
    ],
)
def test_an_index_of_a_code_that_is_not_there_is_refused(index: list[int], says: str) -> None:
    layer = Rearrange("it", "x", Value("y", (2,), NIBBLE), np.array(index))
    assert sentence(lambda: check_network(around(layer))) == says


@pytest.mark.parametrize(
    ("operation", "count", "says"),
    [
        (MergeOperation.ADD, 1, "two or more inputs are needed, got 1."),
        (MergeOperation.SUBTRACT, 3, "two inputs are needed, got 3."),
    ],
)
def test_a_merge_of_too_few_or_too_many_is_refused(operation: MergeOperation, count: int, says: str) -> None:
    layer = Merge("it", ("x",) * count, Value("y", (2, 3), FixedType(True, 8, 2)), operation)
    assert sentence(lambda: check_network(around(layer))) == f"layer 'it': {says}"


def test_a_concatenation_of_nothing_is_refused() -> None:
    layer = Concatenate("it", (), Value("y", (2, 3), NIBBLE), 0)
    assert sentence(lambda: check_network(around(layer))) == "layer 'it': one or more inputs are needed, got none."


@pytest.mark.parametrize("axis", [-1, 2])
def test_a_concatenation_along_no_axis_is_refused(axis: int) -> None:
    layer = Concatenate("it", ("x", "x"), Value("y", (4, 3), NIBBLE), axis)
    assert sentence(lambda: check_network(around(layer))) == (
        f"layer 'it': axis {axis} is none of an input of shape (2, 3)."
    )


@pytest.mark.parametrize("groups", [0, 2])
def test_groups_that_do_not_divide_the_channels_are_refused(groups: int) -> None:
    """The convolution of the example has one input channel and two output channels."""
    assert sentence(lambda: check_network(with_layer("conv", groups=groups))) == (
        f"layer 'conv': {groups} groups do not divide 1 input and 2 output channels."
    )


def test_a_weight_between_groups_is_refused() -> None:
    source, output = Value("x", (3, 2), NIBBLE), Value("y", (3, 2), FixedType(True, 8, 2))
    full = SparseTensor.from_dense(np.ones((1, 2, 2), dtype=np.int64), FixedType(True, 2, 0))
    layer = Conv("it", "x", output, full, np.array([0, 0]), (1,), ((0, 0),), (1,), groups=2)
    assert sentence(lambda: check_network(around(layer, source))) == (
        "layer 'it': a weight stands between channels of different groups."
    )


def test_a_sum_of_codes_that_are_too_far_apart_is_refused() -> None:
    coarse, fine = Value("a", (2,), FixedType(True, 8, -40)), Value("b", (2,), FixedType(True, 8, 20))
    layer = Merge("it", ("a", "b"), Value("y", (2,), FixedType(True, 64, 20)), MergeOperation.ADD)
    assert sentence(lambda: check_network(around(layer, coarse, fine))) == (
        "layer 'it': its codes may reach 2**67, and hwgen computes below 2**62; use fewer bits in its inputs, or types "
        "whose fractions are closer."
    )


def test_a_value_that_a_network_does_not_have_is_refused_with_those_it_has() -> None:
    layer = Relu("it", "x", Value("y", (2, 3), FixedType(False, 3, 2)))
    assert sentence(lambda: around(layer).value("z")) == "network 'net' has no value 'z'; it has x, y."


# ---- its JSON form

DENSE = 5  # the place of the dense layer among the example's


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda d: d["layers"][DENSE].pop("bias"), "layers[5] 'dense': field 'bias' is missing."),
        (
            lambda d: d["layers"][DENSE].update(inputs=["flat", "flat"]),
            "layers[5] 'dense': one input was expected, got 2.",
        ),
        (
            lambda d: d["layers"][DENSE].update(bias=True),
            "layers[5] 'dense': 'bias' should be a list, got True.",
        ),
        (
            lambda d: d["layers"].append(
                {"kind": "Rearrange", "name": "it", "inputs": ["x"], "index": [0], "output": d["inputs"][1]["value"]}
            ),
            "layers[8] 'it': 'index' should hold 3 integers, got 1.",
        ),
    ],
)
def test_a_json_form_is_refused_in_one_sentence(change: Callable[[Any], object], says: str) -> None:
    document = json.loads(network_to_json(example_network()))
    change(document)
    assert sentence(lambda: network_from_json(json.dumps(document))) == f"the JSON form of a network: {says}"


# ---- data


def test_rows_of_different_lengths_are_refused_in_numpys_words() -> None:
    network = around(Relu("it", "x", Value("y", (2, 3), FixedType(False, 3, 2))))
    ragged = [[1.0], [1.0, 2.0]]
    with pytest.raises(ValueError, match="inhomogeneous") as numpys:
        np.array(ragged)
    assert sentence(lambda: encode(network, ragged)) == (
        f"input 'x': an array was expected; {str(numpys.value).removesuffix('.')}."
    )


def test_codes_of_another_kind_are_refused() -> None:
    codes = [np.ones((2, 6, 5, 1), dtype=np.int64), np.ones((2, 3), dtype=np.int32)]
    assert sentence(lambda: simulate(example_network(), codes)) == (
        "input 'vector': int64 codes of shape (samples, 3) were expected, got int32 of shape (2, 3)."
    )


# ---- the API


@pytest.fixture(scope="module")
def model() -> Model:
    layer = Relu("it", "x", Value("y", (2, 3), FixedType(False, 3, 2)))
    return Model(around(layer))


@pytest.fixture(scope="module")
def folder(model: Model, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """With a project of each kind."""
    made = tmp_path_factory.mktemp("projects")
    for target in ("hls", "rtl"):
        hwgen.build(model, made / target, target=target)
    return made


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (
            {"inputs": np.zeros((0, 2, 3))},
            "at least one sample is needed for the project's testbench, got none.",
        ),
        (
            {"target": "rtl", "fpga": "xilinx"},
            "FPGA family 'xilinx' is unknown; it is 'amd', 'intel', 'lattice', 'generic'.",
        ),
        (
            {"target": "rtl", "strategy": "adders"},
            "a strategy is an option of HLS C++; Verilog is always made of adders.",
        ),
        (
            {"fpga": "amd"},
            "the FPGA family, the pipelining and what to optimize for are options of Verilog: add --target rtl.",
        ),
    ],
)
def test_a_build_is_refused_in_one_sentence(options: dict[str, Any], says: str, model: Model, tmp_path: Path) -> None:
    assert sentence(lambda: hwgen.build(model, tmp_path / "project", **options)) == says
    assert not (tmp_path / "project").exists()


NOT_OF_CPP = "gaps, stalls, waveforms and AXI4-Stream are of Verilog projects; this one is C++."


@pytest.mark.parametrize(
    ("held", "options", "says"),
    [
        ("hls", {"engine": "rtlsim"}, "'{folder}/hls' is an hls project, which csim runs and rtlsim does not."),
        ("rtl", {"engine": "csim"}, "'{folder}/rtl' is an rtl project, which rtlsim runs and csim does not."),
        ("rtl", {"pristine": True}, "a Verilog project has no ap_types headers that could be left pristine."),
        ("hls", {"gap_percent": 3}, NOT_OF_CPP),
        ("hls", {"waveform": "a.vcd"}, NOT_OF_CPP),
        ("hls", {"axis": True}, NOT_OF_CPP),
        (
            "rtl",
            {"axis": True, "waveform": "a.vcd"},
            "a waveform is of the module itself, not of its AXI4-Stream wrapper; leave out one of the two.",
        ),
    ],
)
def test_an_option_of_the_other_target_is_refused(held: str, options: dict[str, Any], says: str, folder: Path) -> None:
    with pytest.raises(InputError, match=f"^{re.escape(says.replace('{folder}', str(folder)))}$"):
        hwgen.verify(folder / held, **options)
