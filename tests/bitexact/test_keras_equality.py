"""hwgen's codes equal the exact meaning of QKeras models, and Keras's own predictions wherever float32 is exact."""

import json
import os
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
from oracle.keras_environment import building, keras, qkeras
from oracle.keras_equality import check_equality
from oracle.keras_rational import keras_outputs
from oracle.random_graphs import random_graph
from oracle.random_models import random_model

import hwgen

SLICE = 20  # the fuzzer's models come beside them
GRAPHS = 12
FUZZ = int(os.environ.get("HWGEN_FUZZ", "300"))

Record = Callable[[str, object], None]


@pytest.mark.parametrize("seed", range(SLICE))
def test_random_model_has_the_codes_of_its_exact_meaning(seed: int, tmp_path: Path, record_property: Record) -> None:
    record_property("keras_equality", json.dumps(asdict(check_equality(random_model(seed), tmp_path))))


@pytest.mark.fuzz
@pytest.mark.parametrize("seed", range(SLICE, SLICE + FUZZ))
def test_more_random_models_have_the_codes_of_their_exact_meaning(
    seed: int, tmp_path: Path, record_property: Record
) -> None:
    record_property("keras_equality", json.dumps(asdict(check_equality(random_model(seed), tmp_path))))


@pytest.mark.parametrize("seed", range(GRAPHS))
def test_random_graph_has_the_codes_of_its_exact_meaning(seed: int, tmp_path: Path, record_property: Record) -> None:
    record_property("keras_equality", json.dumps(asdict(check_equality(random_graph(seed), tmp_path))))


@pytest.mark.fuzz
@pytest.mark.parametrize("seed", range(GRAPHS, GRAPHS + FUZZ))
def test_more_random_graphs_have_the_codes_of_their_exact_meaning(
    seed: int, tmp_path: Path, record_property: Record
) -> None:
    record_property("keras_equality", json.dumps(asdict(check_equality(random_graph(seed), tmp_path))))


@pytest.mark.parametrize(("weight", "exact"), [(1024, True), (1025, False)])
def test_float32_is_called_exact_up_to_24_bits_and_there_keras_is(weight: int, exact: bool, tmp_path: Path) -> None:
    with building():
        layer = qkeras.QDense(1, kernel_quantizer="quantized_bits(12,11,alpha=1)", use_bias=False)
        model = keras.Sequential([keras.layers.Input((1,)), layer])
        layer.kernel.assign([[float(weight)]])
        model.save(tmp_path / "model.h5")
    loaded = hwgen.load(tmp_path / "model.h5", input_type="ufixed<14,14>")
    largest = np.array([[16383.0]])
    assert loaded.network.float32_exact == exact
    assert loaded.codes(largest).tolist() == [[16383 * weight]]
    assert (keras_outputs(model, largest).tolist() == [[16383 * weight]]) == exact


@pytest.mark.parametrize(("beta", "code"), [(0.25, 0), (0.75, 2), (1.25, 2)])
def test_a_batch_norm_exactly_on_a_tie_rounds_to_the_even_code(beta: float, code: int, tmp_path: Path) -> None:
    with building():
        norm = keras.layers.BatchNormalization()
        model = keras.Sequential([keras.layers.Input((1,)), norm, qkeras.QActivation("quantized_relu(3,2)")])
        for variable, value in ((norm.gamma, 0.7), (norm.beta, beta), (norm.moving_mean, 1.5)):
            variable.assign([value])
        model.save(tmp_path / "model.keras")
    loaded = hwgen.load(tmp_path / "model.keras", input_type="fixed<6,3>")
    at_the_mean = np.array([[1.5]])
    assert loaded.codes(at_the_mean).tolist() == [[code]]


@pytest.mark.parametrize(("slope", "exact"), [(0.1, False), (0.75, False), (0.125, True), (0.0, True)])
def test_a_slope_that_is_no_power_of_two_is_not_exact_in_float32(slope: float, exact: bool, tmp_path: Path) -> None:
    with building():
        bits = qkeras.QActivation("quantized_bits(4,1,alpha=1)")
        model = keras.Sequential([keras.layers.Input((1,)), keras.layers.LeakyReLU(slope), bits])
        model.save(tmp_path / "model.h5")
    loaded = hwgen.load(tmp_path / "model.h5", input_type="fixed<8,5>")
    data = np.arange(-128, 128)[:, None] / 8
    codes = loaded.codes(data)
    assert loaded.network.float32_exact == exact
    # 0.1 in float32 is a little more, so -11.25 becomes a little less than -1.125, which float32 makes of it: a tie.
    if slope == 0.1:
        assert codes[38] == -5
        assert keras_outputs(model, data)[38] == -4 / 4
    elif exact:
        assert (keras_outputs(model, data) * 4 == codes).all()


@pytest.mark.parametrize(
    ("options", "exact"),
    [
        ({"max_value": 6.0}, True),
        ({"threshold": 0.5}, True),
        ({"negative_slope": 0.25, "max_value": 1.0}, True),
        ({"negative_slope": 0.25, "threshold": 0.5}, False),
        ({"negative_slope": 0.1}, False),
    ],
)
def test_a_relu_with_options_is_exact_in_float32_where_it_rounds_nothing(
    options: dict[str, float], exact: bool, tmp_path: Path
) -> None:
    with building():
        bits = qkeras.QActivation("quantized_bits(5,3,alpha=1)")
        model = keras.Sequential([keras.layers.Input((1,)), keras.layers.ReLU(**options), bits])
        model.save(tmp_path / "model.h5")
    loaded = hwgen.load(tmp_path / "model.h5", input_type="fixed<8,5>")
    data = np.arange(-128, 128)[:, None] / 8
    assert loaded.network.float32_exact == exact
    assert not exact or (keras_outputs(model, data) * 2 == loaded.codes(data)).all()
