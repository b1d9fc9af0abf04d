"""What stands between the layers: several inputs and outputs, branches, names, and what a signal carries along."""

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from oracle.keras_files import (
    KerasLayer,
    activation,
    batch_norm,
    conv,
    dense,
    functional,
    input_layer,
    layer,
    pruned,
    quantized_bits,
    sequential,
    write_h5,
)

import hwgen
from hwgen.ir import Conv, Dense, MaxPool, Relu, StepFunction

TYPE = "fixed<8,3>"
SAMPLES = 40


def load(tmp_path: Path, layers: Sequence[KerasLayer], architecture: Any = None, input_type: Any = TYPE) -> hwgen.Model:
    write_h5(tmp_path / "model.h5", architecture or sequential(layers), layers)
    return hwgen.load(tmp_path / "model.h5", input_type=input_type)


def reading(source: str, made: KerasLayer) -> KerasLayer:
    """The same layer, reading a layer of that name."""
    return replace(made, sources=(source,))


def data(shape: tuple[int, ...]) -> np.ndarray:
    """Numbers on the grid of fixed<8,3>, both ends among them."""
    codes = np.random.default_rng(5).integers(-128, 128, (SAMPLES, *shape))
    codes[0], codes[1] = -128, 127
    return codes / 32


def kernel(*shape: int, seed: int = 3) -> np.ndarray:
    return np.random.default_rng(seed).integers(-31, 32, shape) / 32


def norm(channels: int, gamma: Sequence[float] | None = None) -> dict[str, np.ndarray]:
    random = np.random.default_rng(channels)
    scale = random.uniform(-2, 2, channels) if gamma is None else np.array(gamma)
    rest = [random.normal(size=channels), random.normal(size=channels), random.uniform(0.5, 2, channels)]
    names = ("gamma", "beta", "moving_mean", "moving_variance")
    return {name: array.astype(np.float32) for name, array in zip(names, [scale, *rest], strict=True)}


# ---- inputs and outputs


def test_inputs_keep_the_order_of_the_models_arguments(tmp_path: Path) -> None:
    """The file may list the layers in another order than ``Model(inputs=[second, first])``."""
    layers = [
        input_layer("first", (4,)),
        input_layer("second", (4,)),
        reading("first", activation("a", "quantized_relu(4)")),
        reading("second", activation("b", "quantized_relu(6)")),
    ]
    architecture = functional(layers, ["a", "b"])
    architecture["config"]["input_layers"].reverse()
    network = load(tmp_path, layers, architecture, "first=fixed<8,3>;second=ufixed<5,2>").network
    assert [(entry.value.name, str(entry.value.type)) for entry in network.inputs] == [
        ("second", "ufixed<5,2>"),
        ("first", "fixed<8,3>"),
    ]


def test_outputs_keep_the_order_of_the_model_and_equal_the_branches_alone(tmp_path: Path) -> None:
    branches = {
        "scores": [dense("scores", kernel(4, 3, seed=1), kernel(3)), layer("Activation", "soft", activation="softmax")],
        "energy": [dense("energy", kernel(4, 2, seed=2), None), activation("bits", "quantized_relu(6,2)")],
    }
    trunk = [
        input_layer("data", (5,)),
        dense("trunk", kernel(5, 4), kernel(4)),
        activation("relu", "quantized_relu(6,1)"),
    ]
    layers = [*trunk]
    for branch in branches.values():
        layers += [reading("relu", branch[0]), reading(branch[0].name, branch[1])]
    both = load(tmp_path, layers, functional(layers, ["bits", "soft"])).codes(data((5,)))
    alone = [load(tmp_path, [*trunk, *branches[name]]).codes(data((5,))) for name in ("energy", "scores")]
    assert isinstance(both, tuple)
    for found, expected in zip(both, alone, strict=True):
        assert (found == expected).all()


def test_a_sum_may_be_an_output_and_feed_a_quantizer(tmp_path: Path) -> None:
    layers = [
        input_layer("data", (5,)),
        dense("sums", kernel(5, 4), kernel(4), kernel_quantizer=quantized_bits(4, 0, alpha="auto_po2")),
        batch_norm("norm", norm(4)),
        activation("bits", quantized_bits(6, 2)),
    ]
    sums, bits = load(tmp_path, layers, functional(layers, ["sums", "bits"])).codes(data((5,)))
    assert (sums == load(tmp_path, layers[:2]).codes(data((5,)))).all()
    assert (bits == load(tmp_path, layers).codes(data((5,)))).all()


def test_a_raw_output_beside_the_first_quantizer_keeps_the_input_raw(tmp_path: Path) -> None:
    """The first QActivation may not move into the input where the model returns the input too."""
    layers = [input_layer("data", (4,)), activation("bits", quantized_bits(4, 2))]
    raw, bits = load(tmp_path, layers, functional(layers, ["data", "bits"])).codes(data((4,)))
    assert (raw == data((4,)) * 32).all()
    assert (bits == np.clip(np.rint(data((4,)) * 2), -8, 7)).all()


def test_pruned_layers_go_by_the_names_that_stripping_gives_them(tmp_path: Path) -> None:
    layers = [input_layer("data", (5,)), dense("hidden", kernel(5, 4), None), activation("relu", "quantized_relu(6)")]
    network = load(tmp_path, pruned(layers, {"hidden": np.ones((5, 4))})).network
    assert [entry.name for entry in network.layers] == ["hidden", "relu"]


# ---- what a signal carries


@pytest.mark.parametrize("gamma", [(1.0, 0.5, 2.0), (-1.0, 0.0, 2.0)])
@pytest.mark.parametrize("relu", [False, True])
def test_pooling_before_a_pending_batch_norm_gives_what_pooling_after_its_quantizer_gives(
    gamma: tuple[float, ...], relu: bool, tmp_path: Path
) -> None:
    """A maximum and an ascending function change places; channels that descend have their sums negated."""
    pool = layer("MaxPooling1D", "pool", pool_size=[2], strides=[2], padding="valid")
    bits = activation("bits", quantized_bits(6, 2))
    rectified = [layer("ReLU", "relu")] if relu else []
    trunk = [
        input_layer("data", (6, 2)),
        conv("conv", kernel(2, 2, 3), kernel(3), kernel_quantizer=quantized_bits(4, 0, alpha="auto")),
        batch_norm("norm", norm(3, gamma)),
        *rectified,
    ]
    before, after = load(tmp_path, [*trunk, pool, bits]), load(tmp_path, [*trunk, bits, pool])
    kinds = [type(entry) for entry in before.network.layers]
    assert kinds.index(MaxPool) < kinds.index(StepFunction)
    assert (before.codes(data((6, 2))) == after.codes(data((6, 2)))).all()


@pytest.mark.parametrize(
    "moved",
    [
        layer("Flatten", "flat"),
        layer("Reshape", "flat", target_shape=[3, 6]),
        layer("Reshape", "flat", target_shape=[9, 2]),
    ],
    ids=["flatten", "reshape 3x6", "reshape 9x2"],
)
def test_channels_of_a_pending_batch_norm_follow_a_reshape(moved: KerasLayer, tmp_path: Path) -> None:
    bits = activation("bits", quantized_bits(6, 2))
    trunk = [input_layer("data", (3, 3, 2)), batch_norm("norm", norm(2))]
    before, after = load(tmp_path, [*trunk, moved, bits]), load(tmp_path, [*trunk, bits, moved])
    assert (before.codes(data((3, 3, 2))) == after.codes(data((3, 3, 2)))).all()


def test_a_dense_layer_over_positions_is_the_same_product_at_each(tmp_path: Path) -> None:
    head = dense("head", kernel(4, 3), kernel(3))
    whole = load(tmp_path, [input_layer("data", (2, 3, 4)), head]).codes(data((2, 3, 4)))
    each = load(tmp_path, [input_layer("data", (4,)), head]).codes(data((2, 3, 4)).reshape(-1, 4))
    assert (whole.reshape(-1, 3) == each).all()  # type: ignore[union-attr]


def test_a_relu_that_the_quantizer_does_anyway_builds_nothing(tmp_path: Path) -> None:
    trunk = [input_layer("data", (4,)), dense("head", kernel(4, 3), kernel(3), activation="relu")]
    unsigned = load(tmp_path, [*trunk, activation("bits", "quantized_relu(6,1)")]).network
    signed = load(tmp_path, [*trunk, activation("bits", quantized_bits(6, 1))]).network
    assert not any(isinstance(entry, Relu) for entry in unsigned.layers)
    assert any(isinstance(entry, Relu) for entry in signed.layers)


def test_a_relu_of_scaled_activations_keeps_their_scale(tmp_path: Path) -> None:
    layers = [
        input_layer("data", (4,)),
        activation("bits", quantized_bits(5, 2, alpha=0.3)),
        layer("ReLU", "relu"),
        dense("head", kernel(4, 3), None),
    ]
    model = load(tmp_path, layers)
    alpha = Fraction(float(np.float32(0.3)))
    codes = np.clip(np.rint(data((4,)) * 4), 0, 15)
    exact = (codes.astype(int).astype(object) @ np.rint(kernel(4, 3) * 32).astype(int).astype(object)) * alpha / 128
    (name,) = model.network.outputs
    step = Fraction(2) ** -model.network.value(name).type.fraction
    assert (np.asarray(model.codes(data((4,)))).astype(object) * step == exact).all()


def test_scales_too_far_apart_to_shift_into_one_grid_stay_exact_behind_a_quantizer(tmp_path: Path) -> None:
    """2**70 shifted into int64 would leave nothing of the channel; its sign decides the quantizer all the same."""
    layers = [
        input_layer("data", (2,)),
        dense("far", np.eye(2) / 2, None, kernel_quantizer=quantized_bits(4, 0, alpha=[2.0**70, 1.0])),
        activation("bits", quantized_bits(4, 3)),
    ]
    found = load(tmp_path, layers).codes(data((2,)))
    x = data((2,))
    assert (found[:, 0] == np.where(x[:, 0] > 0, 7, np.where(x[:, 0] < 0, -8, 0))).all()  # type: ignore[call-overload]
    assert (found[:, 1] == np.clip(np.rint(x[:, 1] / 2), -8, 7)).all()  # type: ignore[call-overload]


@pytest.mark.parametrize(
    ("padding", "size", "width", "before", "after"),
    [("same", 7, 2, 0, 1), ("same", 7, 4, 1, 2), ("same", 7, 3, 1, 1), ("causal", 7, 3, 2, 0), ("valid", 7, 4, 0, 0)],
)
def test_padding_is_tensorflows(padding: str, size: int, width: int, before: int, after: int, tmp_path: Path) -> None:
    """An even kernel has its extra zero at the end."""
    network = load(
        tmp_path, [input_layer("data", (size, 1)), conv("conv", kernel(width, 1, 1), None, padding=padding)]
    ).network
    (made,) = network.layers
    assert isinstance(made, Conv)
    assert made.padding == ((before, after),)


def test_alpha_along_the_last_axis_belongs_to_the_outputs(tmp_path: Path) -> None:
    options = {"kernel_quantizer": quantized_bits(6, 0, alpha=[[1.0, 4.0]])}
    head = dense("head", kernel(3, 2), None, **options)
    (made,) = load(tmp_path, [input_layer("data", (3,)), head]).network.layers
    assert isinstance(made, Dense)
    step = Fraction(2) ** -made.weight.type.fraction
    assert (made.weight.dense().astype(object) * step == (kernel(3, 2) * [1, 4]).astype(object)).all()
