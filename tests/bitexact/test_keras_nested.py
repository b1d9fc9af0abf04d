"""Models in models and shared layers, built and saved by Keras: hwgen's codes are Keras's predictions."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from oracle.keras_environment import building, keras, qkeras

import hwgen

BITS = "quantized_bits(4,0,alpha=1)"
SAMPLES = 64


def dense(units: int, name: str) -> Any:
    return qkeras.QDense(units, kernel_quantizer=BITS, bias_quantizer=BITS, name=name)


def bits(name: str) -> Any:
    return qkeras.QActivation("quantized_bits(5,2,alpha=1)", name=name)


def relu(name: str) -> Any:
    return qkeras.QActivation("quantized_relu(4,2)", name=name)


def nested_and_shared() -> Any:
    """Sequential in Sequential in Functional in Functional, several inputs and outputs, a layer and a model twice."""
    layers = keras.layers
    first, second = layers.Input((4,), name="first"), layers.Input((4,), name="second")
    body = keras.Sequential([layers.InputLayer((4,)), dense(3, "fc"), relu("r")], name="body")
    left, right = layers.Input((3,), name="left"), layers.Input((3,), name="right")
    core = keras.Sequential([dense(2, "core_fc"), relu("core_r")], name="core")
    deep = keras.Sequential([core, dense(3, "deep_fc")], name="deep")
    pair = keras.Model([left, right], [deep(left), dense(2, "other")(right)], name="pair")
    one, two = pair([body(second), body(first)])
    shared = dense(4, "shared")
    once = shared(first)
    twice = shared(bits("between")(once))
    return keras.Model([first, second], [two, twice, one, once], name="outer")


def sequential_with_norm() -> Any:
    """A batch norm in a model, whose weights Keras 2 stores behind all others."""
    layers = keras.layers
    inner = keras.Sequential(
        [dense(4, "fc"), layers.BatchNormalization(epsilon=0.0, name="norm"), bits("b"), dense(3, "out")], name="inner"
    )
    return keras.Sequential([layers.InputLayer((4,)), inner, bits("end"), dense(2, "last")], name="outer")


def randomize(model: Any, random: np.random.Generator) -> None:
    """Sixteenths, which the quantizers round; powers of two where a square root or a quotient is taken."""
    for variable in model.weights:
        shape = tuple(variable.shape)
        if "variance" in variable.name:
            value = random.choice([0.25, 1.0, 4.0], shape)
        elif "gamma" in variable.name:
            value = random.choice([0.5, 1.0, 2.0], shape)
        else:
            value = random.integers(-16, 17, shape) / 16
        variable.assign(value)


@pytest.mark.parametrize("build", [nested_and_shared, sequential_with_norm])
def test_models_in_models_predict_the_same_codes_from_every_file(build: Any, tmp_path: Path) -> None:
    random = np.random.default_rng(7)
    with building():
        keras.backend.clear_session()
        model = build()
        randomize(model, random)
        model.save(tmp_path / "model.h5")
        model.save(tmp_path / "model.keras")
        model.save_weights(tmp_path / "named.h5")
        model.save_weights(tmp_path / "numbered.weights.h5")
        (tmp_path / "model.json").write_text(model.to_json())
        data = [random.integers(-32, 32, (SAMPLES, 4)) / 8 for _ in model.inputs]
        found = model.predict([entry.astype(np.float32) for entry in data], verbose=0)
    expected = found if isinstance(found, list) else [found]
    for path, weights in (
        ("model.h5", None),
        ("model.keras", None),
        ("model.json", "named.h5"),
        ("model.json", "numbered.weights.h5"),
    ):
        loaded = hwgen.load(tmp_path / path, weights and tmp_path / weights, input_type="fixed<6,3>")
        codes = loaded.codes(data if len(data) > 1 else data[0])
        for code, value, name in zip(
            codes if isinstance(codes, tuple) else (codes,), expected, loaded.network.outputs, strict=True
        ):
            assert (code == value.astype(np.float64) * 2.0 ** loaded.network.value(name).type.fraction).all(), path


def test_a_layer_for_each_time_step_that_keras_saved_is_the_same(tmp_path: Path) -> None:
    with building():
        keras.backend.clear_session()
        source = keras.layers.Input((5, 4), name="data")
        steps = keras.layers.TimeDistributed(dense(3, "fc"), name="steps")
        model = keras.Model(source, steps(source))
        for name in ("model.h5", "model.keras"):
            model.save(tmp_path / name)
    data = np.random.default_rng(0).integers(-32, 32, (50, 5, 4)) / 8
    expected = np.asarray(model(np.float32(data)), dtype=np.float64)
    for name in ("model.h5", "model.keras"):
        loaded = hwgen.load(tmp_path / name, input_type="fixed<6,3>")
        assert loaded.network.float32_exact
        assert loaded.predict(data).tolist() == expected.tolist()
