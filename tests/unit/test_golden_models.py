"""Published models, whose outputs QKeras itself computed on TensorFlow: equal code by code.

The models lie beside the checkout (../shared/models) and are nobody's to commit; without them these tests skip.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import hwgen


@pytest.fixture(scope="module")
def models(shared: Path) -> Path:
    return shared / "models"


def _golden(folder: Path) -> tuple[str, Any]:
    """The input type, and the recorded inputs and outputs."""
    return json.loads((folder / "golden.json").read_text())["input_type"], np.load(folder / "golden.npz")


def _codes(values: np.ndarray, model: hwgen.Model) -> np.ndarray:
    """Recorded float32 values in units of the output's step, which they must all be multiples of."""
    (name,) = model.network.outputs
    scaled = np.ldexp(values.astype(np.float64), model.network.value(name).type.fraction)
    assert (scaled == np.rint(scaled)).all()
    return scaled.astype(np.int64)


@pytest.mark.parametrize(
    ("folder", "file", "output"),
    [
        ("jet_qkeras_3layer_fullh5", "QKERAS_3layer.h5", "logits"),
        ("cifar10_rn06", "rn06.h5", "logits"),
        ("toycar_ad08_folded", "ad08_folded.h5", "y"),
    ],
)
def test_a_published_model_gives_the_codes_that_qkeras_gave(models: Path, folder: str, file: str, output: str) -> None:
    input_type, golden = _golden(models / folder)
    model = hwgen.load(models / folder / file, input_type=input_type)
    assert (model.codes(golden["x"]) == _codes(golden[output], model)).all()


@pytest.mark.parametrize(
    ("folder", "file"), [("jet_qkeras_3layer_fullh5", "QKERAS_3layer.h5"), ("cifar10_rn06", "rn06.h5")]
)
def test_the_largest_logit_is_the_class_that_the_softmax_gave(models: Path, folder: str, file: str) -> None:
    input_type, golden = _golden(models / folder)
    model = hwgen.load(models / folder / file, input_type=input_type)
    assert (np.argmax(model.codes(golden["x"]), axis=1) == np.argmax(golden["y"], axis=1)).all()
    assert any("softmax is left out" in note for note in model.network.notes)


def test_a_batch_norm_inside_a_dense_layer_folds_to_what_qkeras_gave(models: Path) -> None:
    """QDenseBatchnorm exists in forks of QKeras only; the same model, folded by its authors, has recorded outputs."""
    input_type, golden = _golden(models / "toycar_ad08_folded")
    model = hwgen.load(models / "toycar_ad08_raw" / "ad08.h5", input_type=input_type)
    assert model.network.float32_exact
    assert (model.codes(golden["x"]) == _codes(golden["y"], model)).all()


@pytest.mark.parametrize(
    "file", ["tflite_mlperf_tiny/ad01_int8.tflite", "qonnx_tfc/TFC_1W1A.onnx", "jet_qkeras_3layer_fullh5/golden.npz"]
)
def test_models_of_other_tools_are_no_keras_files(models: Path, file: str) -> None:
    with pytest.raises(hwgen.errors.ModelFileError, match="Keras"):
        hwgen.load(models / file)
