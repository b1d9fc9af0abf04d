"""Random models of every layer, quantizer and topology: hwgen's codes are the exact ones, Keras's, circuits' and C++'s.

What fails is made smaller, and a program that shows it is printed and written beside the other files of the test.
"""

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import asdict
from itertools import product
from pathlib import Path

import pytest
from oracle.fuzz_check import Csim, FuzzFailureError, UnbuildableError, check, load_arguments, reproduction
from oracle.fuzz_code import building_lines
from oracle.fuzz_draw import CLASSES, MOST_LAYERS, draw_model
from oracle.fuzz_model import FuzzInput, FuzzLayer, FuzzModel, model_from_json
from oracle.fuzz_shrink import shrink
from oracle.keras_environment import keras

from hwgen.circuit import Interface
from hwgen.emit import Strategy
from hwgen.frontend import layer_config, quantizer_config
from hwgen.frontend.operators import OPERATORS, operator_class
from hwgen.reference import kernels

BATCH = 10
SLICE = 1  # batches
FUZZ = -(-int(os.environ.get("HWGEN_FUZZ", "300")) // BATCH)
# Of every batch one model is compiled; C++ of each kind in turn.
CSIM = [Csim(strategy, interface) for strategy, interface in product(Strategy, Interface)]
# No part of qkeras 0.9.0, so it cannot build them: QDenseBatchnorm is of forks, quantized_linear of qkeras-v3.
# Layers under another name: tests/unit/test_keras_operators.py holds them against those.
AS_OPERATORS = {operator_class(function) for function in OPERATORS}
NOT_DRAWN = {"InputLayer", "QDenseBatchnorm"}
# Without a kernel whose channels could have a scale each.
NOT_SCALED = {"QActivation", "QBatchNormalization", "QAveragePooling2D", "QGlobalAveragePooling2D"}
NOT_DRAWN_QUANTIZERS = {"quantized_linear"}

Record = Callable[[str, object], None]


def check_or_shrink(model: FuzzModel, folder: Path, csim: Csim | None = None, seconds: float = 120.0) -> str:
    """Check one model; what became of it, as JSON.

    Raises:
        AssertionError: a claim does not hold; the message is a program that shows it on a smaller model.
    """
    keras.backend.clear_session()
    try:
        return json.dumps(asdict(check(model, folder, csim)))
    except FuzzFailureError as error:
        failure = error

    def fails(smaller: FuzzModel) -> bool:
        nonlocal failure
        keras.backend.clear_session()
        try:
            check(smaller, folder, csim)
        except FuzzFailureError as error:
            if error.kind != failure.kind:
                return False
            failure = error  # the last one is that of the smallest model
            return True
        except (UnbuildableError, AssertionError):
            return False
        return False

    small = shrink(model, fails, seconds)
    text = reproduction(small, failure)
    (folder / "reproduce.py").write_text(text)
    (folder / "model.json").write_text(json.dumps(small.as_json(), indent=1))
    raise AssertionError(f"{failure}\n{len(small.layers)} layers show it, {folder}/reproduce.py:\n\n{text}")


def run(batch: int, folder: Path, record: Record, csim: Csim | None) -> None:
    for seed in range(batch * BATCH, (batch + 1) * BATCH):
        place = folder / str(seed)
        place.mkdir()
        compiled = csim if seed % BATCH == 0 else None
        record("fuzz", check_or_shrink(draw_model(seed), place, compiled))


@pytest.mark.parametrize("batch", range(SLICE))
def test_random_models_have_the_codes_of_their_exact_meaning(
    batch: int, tmp_path: Path, record_property: Record
) -> None:
    run(batch, tmp_path, record_property, None)


@pytest.mark.fuzz
@pytest.mark.parametrize("batch", range(FUZZ))
def test_more_random_models_have_the_codes_of_their_exact_meaning(
    batch: int, cxx: str, tmp_path: Path, record_property: Record
) -> None:
    run(batch, tmp_path, record_property, CSIM[batch % len(CSIM)])


def test_every_layer_quantizer_and_topology_is_drawn() -> None:
    models = [draw_model(seed) for seed in range(1000)]
    layers = [layer for model in models for layer in model.every_layer()]
    assert {layer.kind for layer in layers} - {"Model"} == set(CLASSES)
    assert set(CLASSES) == set(layer_config.LAYERS) - NOT_DRAWN - AS_OPERATORS
    values = [value for layer in layers for value in layer.options.values() if isinstance(value, str)]
    texts = [value for value in values if "(" in value or value.startswith("binary_")]
    quantizers = {re.split(r"\(", text)[0] for text in texts}
    assert quantizers == set(quantizer_config.QUANTIZERS) - NOT_DRAWN_QUANTIZERS
    assert {sum(1 for _ in model.every_layer()) for model in models} == set(range(1, MOST_LAYERS + 1))
    scaled = {
        layer.kind for layer in layers if any("alpha=np.array(" in str(value) for value in layer.options.values())
    }
    assert scaled == {kind for kind in CLASSES if kind.startswith("Q")} - NOT_SCALED
    assert {layer.wrap for layer in layers} == {None, "prune", "time"}
    assert {model.form for model in models} == {"h5", "keras", "json"}
    for shown in (
        any(layer.body is not None and len(layer.inputs) > 1 for layer in layers),
        any(inner.body is not None for layer in layers if layer.body is not None for inner in layer.body.layers),
        any(layer.shares is not None for layer in layers),
        any(layer.shares is not None and layer.kind == "Model" for layer in layers),
        any(len(model.inputs) > 1 and len(model.outputs) > 1 for model in models),
        any(model.sequential for model in models),
        any(source.type is None for model in models for source in model.inputs),
        any(model.head == "argmax" for model in models),
        any(model.head.startswith("softmax=") for model in models),
        any(model.head.startswith("sigmoid=") for model in models),
        any(layer.given_result is not None for layer in layers),
    ):
        assert shown


def test_a_model_is_the_same_after_json() -> None:
    for seed in range(50):
        model = model_from_json(json.loads(json.dumps(draw_model(seed).as_json())))
        assert load_arguments(model) == load_arguments(draw_model(seed))
        assert building_lines(model) == building_lines(draw_model(seed))


# Adds one to every sum of values that the reference computes.
FAULT = """
from hwgen.ir import MergeOperation
from hwgen.reference import kernels
right = kernels.merge
def wrong(layer, *rest):
    run = right(layer, *rest)
    return (lambda *codes: run(*codes) + 1) if layer.operation is MergeOperation.ADD else run
kernels.merge = wrong
"""


def ten_layers() -> FuzzModel:
    """A chain with two branches that meet in a sum, far from the end."""
    bits = "quantized_bits(4,1,alpha=1)"

    def dense(name: str, source: str, units: int) -> FuzzLayer:
        return FuzzLayer(name, "QDense", (source,), {"units": units, "kernel_quantizer": bits, "bias_quantizer": bits})

    def active(name: str, source: str, text: str) -> FuzzLayer:
        return FuzzLayer(name, "QActivation", (source,), {"activation": text})

    layers = (
        dense("one", "data", 4),
        active("one_relu", "one", "quantized_relu(5,2)"),
        dense("left", "one_relu", 3),
        dense("right", "one_relu", 3),
        FuzzLayer("sum", "Add", ("left", "right")),
        active("sum_bits", "sum", "quantized_bits(6,3,1,alpha=1)"),
        dense("two", "sum_bits", 5),
        active("two_tanh", "two", "quantized_tanh(4,symmetric=1)"),
        FuzzLayer("repeat", "RepeatVector", ("two_tanh",), {"n": 2}),
        FuzzLayer("flat", "Flatten", ("repeat",)),
    )
    return FuzzModel(3, (FuzzInput("data", (5,), "fixed<6,3>"),), layers, ("flat", "sum"), form="json")


@pytest.mark.fuzz  # two programs that import TensorFlow
def test_a_failing_model_shrinks_to_a_program_that_fails_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    check(ten_layers(), tmp_path)
    monkeypatch.setattr(kernels, "merge", kernels.merge)  # and so put back at the end
    exec(FAULT, {})
    with pytest.raises(AssertionError, match=r"^wrong codes in output: ") as caught:
        check_or_shrink(ten_layers(), tmp_path)
    small = model_from_json(json.loads((tmp_path / "model.json").read_text()))
    assert len(small.layers) <= 3
    assert "Add" in {layer.kind for layer in small.layers}
    program = (tmp_path / "reproduce.py").read_text()
    assert program in str(caught.value)
    assert "oracle" not in program
    environment = os.environ | {"PYTHONWARNINGS": "ignore"}
    for fault, code in ((FAULT, 1), ("", 0)):
        (tmp_path / "with_fault.py").write_text(fault + program)
        command = [sys.executable, str(tmp_path / "with_fault.py")]
        run = subprocess.run(command, capture_output=True, text=True, env=environment, check=False, timeout=300)
        assert run.returncode == code, run.stderr
        assert ("output 0 has wrong codes" in run.stderr) == bool(fault), run.stderr
