"""Layers of plain Keras whose weights hwgen rounds to a given type: Keras with the rounded weights gives the same."""

from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from oracle.keras_environment import building, keras
from oracle.keras_rational import evaluate, keras_outputs
from oracle.quantizer_rational import each
from oracle.random_models import save_model, typed_samples

import hwgen

layers = keras.layers
# Of the weights: eighths, ties to even.
TYPE = "fixed<6,3,RND_CONV,SAT>"
INPUT = "fixed<5,3>"
LAYERS: list[tuple[Any, tuple[int, ...]]] = [
    (lambda: layers.Dense(3, activation="relu"), (4,)),
    (lambda: layers.Dense(3, use_bias=False), (3, 4)),
    (lambda: layers.Conv1D(3, 2, padding="causal", dilation_rate=2), (6, 2)),
    (lambda: layers.Conv2D(4, (2, 3), strides=(2, 1), groups=2, padding="same"), (5, 4, 4)),
    (lambda: layers.DepthwiseConv1D(3, padding="same", depth_multiplier=2), (6, 2)),
    (lambda: layers.DepthwiseConv2D((3, 2), strides=2, depth_multiplier=2, padding="same"), (5, 6, 2)),
    (lambda: layers.SeparableConv1D(3, 3, padding="causal", depth_multiplier=2), (6, 2)),
    (lambda: layers.SeparableConv2D(3, 2, strides=2, depth_multiplier=2), (5, 5, 2)),
    (lambda: layers.Conv1DTranspose(3, 3, strides=2), (5, 2)),
    (lambda: layers.Conv1DTranspose(2, 4, strides=3, padding="same", output_padding=1), (4, 2)),
    (lambda: layers.Conv2DTranspose(2, (3, 2), strides=(2, 3), output_padding=(1, 2)), (3, 2, 2)),
    (lambda: layers.Conv2DTranspose(2, 3, strides=2, padding="same"), (3, 4, 2)),
    (lambda: layers.Conv2DTranspose(2, 2, strides=(1, 1), dilation_rate=2, padding="same"), (4, 4, 2)),
    (lambda: layers.Conv2DTranspose(2, (1, 2), strides=3, padding="valid"), (2, 3, 2)),
]


@pytest.mark.parametrize("number", range(len(LAYERS)))
@pytest.mark.parametrize("form", ["h5", "keras"])
def test_a_layer_of_keras_has_the_codes_of_its_rounded_weights(number: int, form: str, tmp_path: Path) -> None:
    make, shape = LAYERS[number]
    rng = np.random.default_rng(number)
    with building():
        model = keras.Sequential([layers.Input(shape), make()])
    model.set_weights([rng.normal(size=array.shape) * 2 for array in model.get_weights()])
    path, _ = save_model(model, tmp_path / f"model.{form}", form)
    loaded = hwgen.load(path, input_type=INPUT, quantize={model.layers[-1].name: TYPE})
    model.set_weights([np.clip(np.rint(array * 8), -32, 31) / 8 for array in model.get_weights()])
    samples = typed_samples(INPUT, shape, 8, number)
    expected = evaluate(model, each(Fraction, samples.astype(object)))
    values = loaded.predict(samples)
    assert isinstance(values, np.ndarray)
    assert (each(Fraction, values.astype(object)) == expected).all()
    assert (keras_outputs(model, samples) == values).all()
