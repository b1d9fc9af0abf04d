"""TimeDistributed: the same layer on each step of the first axis."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from oracle.keras_files import (
    KerasLayer,
    activation,
    batch_norm,
    conv,
    dense,
    each_step,
    functional,
    input_layer,
    layer,
    model,
    sequential,
    write_h5,
)
from oracle.one_layer_models import message, norm

import hwgen

RNG = np.random.default_rng(5)
RELU = "quantized_relu(5,2)"


def weights(*shape: int) -> NDArray[np.float32]:
    return np.asarray(RNG.normal(size=shape), dtype=np.float32)


def codes(folder: Path, layers: list[KerasLayer], data: NDArray[np.float64], **load: Any) -> NDArray[np.int64]:
    write_h5(folder / "model.h5", sequential(layers), layers)
    found = hwgen.load(folder / "model.h5", input_type="fixed<6,3>", **load).codes(data)
    assert isinstance(found, np.ndarray)
    return found


@pytest.mark.parametrize(
    ("inner", "shape"),
    [
        ([dense("fc", weights(3, 2), weights(2), activation=RELU)], (3,)),
        ([dense("fc", weights(3, 2), weights(2), activation=RELU)], (2, 2, 3)),
        ([conv("conv", weights(2, 3, 2), weights(2), activation=RELU)], (5, 3)),
        ([batch_norm("norm", norm(3)), activation("bits", RELU)], (3,)),
        ([layer("GlobalAveragePooling1D", "mean"), activation("bits", RELU)], (5, 3)),
        (
            [
                layer("ZeroPadding1D", "zeros", padding=1),
                conv("conv", weights(3, 3, 2), None),
                activation("bits", RELU),
            ],
            (5, 3),
        ),
        ([layer("Flatten", "flat"), dense("fc", weights(6, 2), None), activation("bits", RELU)], (2, 3)),
    ],
    ids=lambda value: "-".join(entry.name for entry in value) if isinstance(value, list) else "",
)
def test_each_step_is_what_the_layers_alone_make_of_it(
    inner: list[KerasLayer], shape: tuple[int, ...], tmp_path: Path
) -> None:
    data = RNG.integers(-32, 32, size=(20, 4, *shape)) / 8
    body = model("body", [input_layer("in", shape), *inner], sequential=True)
    found = codes(tmp_path, [input_layer("data", (4, *shape)), each_step("steps", body)], data)
    alone = codes(tmp_path, [input_layer("data", shape), *inner], data.reshape(80, *shape))
    assert (found == alone.reshape(20, 4, *alone.shape[1:])).all()


def test_a_softmax_of_each_step_is_a_head_of_each_step(tmp_path: Path) -> None:
    data = RNG.integers(-32, 32, size=(20, 2, 5, 3)) / 8
    plain = conv("conv", weights(2, 3, 4), None)
    ends = replace(plain, config={**plain.config, "activation": "softmax"})
    timed = [input_layer("data", (2, 5, 3)), each_step("steps", ends)]
    logits = codes(tmp_path, [timed[0], each_step("steps", plain)], data)
    assert (codes(tmp_path, timed, data) == logits).all()
    assert (codes(tmp_path, timed, data, head="argmax")[..., 0] == logits.argmax(axis=-1)).all()


def test_an_input_without_an_axis_of_steps_is_named(tmp_path: Path) -> None:
    layers = [input_layer("data", (4,)), each_step("steps", activation("bits", RELU))]
    assert message(tmp_path, layers) == (
        "layer 'steps' (QActivation in TimeDistributed): an input with an axis of steps is needed, got shape (4,)."
    )


def test_inputs_of_other_axes_at_each_step_are_named(tmp_path: Path) -> None:
    body = model(
        "body",
        [
            input_layer("in", (2, 3)),
            replace(layer("GlobalMaxPooling1D", "largest"), sources=("in",)),
            replace(layer("Add", "sum"), sources=("in", "largest")),
        ],
    )
    layers = [input_layer("data", (4, 2, 3)), each_step("steps", body)]
    assert message(tmp_path, layers, functional(layers)) == (
        "layer 'steps_sum' (Add in TimeDistributed): inputs with equally many axes are needed, got shapes (4, 2, 3) "
        "and (4, 3)."
    )
