"""QSimpleRNN, QLSTM and QGRU, unrolled, compute what QKeras computes wherever float32 is exact."""

import os
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from oracle.keras_environment import building, keras, qkeras

import hwgen
from hwgen import reference
from hwgen.circuit import TARGETS, ClockPlan, lower
from hwgen.errors import InputError, UnsupportedError

KINDS = ("QSimpleRNN", "QLSTM", "QGRU")
FUZZ = int(os.environ.get("HWGEN_FUZZ", "300"))
TANH = ("quantized_tanh(4)", "quantized_bits(4,0,alpha=1)", "quantized_relu(3,1)", "relu", "linear")
GATES = ("quantized_sigmoid(3)", "quantized_relu(3,0)", "quantized_bits(3,0,alpha=1)", "binary(alpha=1)")
STATES = ("quantized_bits(4,0,alpha=1)", "quantized_bits(3,1,alpha=1)", "ternary(alpha=1)", "binary(alpha=1)")


def recurrent_model(kind: str, rng: random.Random) -> Any:
    """A sequence, a recurrent layer, and sometimes a dense one behind it."""
    steps, features, units = rng.randint(1, 4), rng.randint(1, 3), rng.randint(1, 3)
    options: dict[str, Any] = {
        "kernel_quantizer": rng.choice(["quantized_bits(4,0,alpha=1)", "ternary(alpha=1)", "quantized_bits(3,1)"]),
        "recurrent_quantizer": rng.choice(["quantized_bits(3,0,alpha=1)", "binary(alpha=1)", "quantized_bits(4,0)"]),
        "bias_quantizer": "quantized_bits(4,1,alpha=1)",
        "use_bias": rng.random() < 0.7,
        "state_quantizer": rng.choice(STATES) if kind == "QLSTM" or rng.random() < 0.6 else None,
        "activation": rng.choice(TANH[:3] if kind == "QGRU" else TANH),
        "return_sequences": rng.random() < 0.5,
        "go_backwards": rng.random() < 0.3,
    }
    if options["state_quantizer"] is None:
        options["activation"] = rng.choice(TANH[:3])
    if kind != "QSimpleRNN":
        options["recurrent_activation"] = rng.choice(GATES)
        options["implementation"] = rng.choice([1, 2])
    if kind == "QGRU":
        options["reset_after"] = rng.random() < 0.5
        options["state_quantizer"] = rng.choice(STATES)
    with building():
        layers = [keras.layers.Input((steps, features)), getattr(qkeras, kind)(units, **options)]
        if rng.random() < 0.4:
            layers.append(qkeras.QActivation("quantized_bits(5,1,alpha=1)"))
        model = keras.Sequential(layers)
        for variable in model.weights:
            codes = np.array([rng.randint(-12, 12) for _ in range(int(np.prod(variable.shape)))])
            variable.assign((codes / 8).reshape(variable.shape))
    return model


def check(kind: str, seed: int, directory: Path) -> bool:
    """Whether float32 was exact, so that Keras was compared too."""
    rng = random.Random(f"{kind} {seed}")
    model = recurrent_model(kind, rng)
    path = directory / f"model.{rng.choice(['h5', 'keras'])}"
    with building():
        model.save(path)
    loaded = hwgen.load(path, input_type="fixed<4,1>")
    data = np.random.default_rng(seed).integers(-8, 8, (40, *model.input_shape[1:])) / 8
    codes = reference.encode(loaded.network, data)
    (by_circuit,) = lower(loaded.network, TARGETS["amd"], ClockPlan(2)).codes(codes)
    assert by_circuit.tolist() == loaded.codes(data).tolist()
    if not loaded.network.float32_exact:
        return False
    with building():
        expected = np.asarray(model(np.float32(data)), dtype=np.float64)
    (found,) = reference.decode(loaded.network, [loaded.codes(data)])
    assert found.tolist() == expected.tolist(), model.layers[-1].get_config()
    return True


@pytest.mark.parametrize("kind", KINDS)
def test_an_unrolled_layer_is_the_one_of_qkeras(kind: str, tmp_path: Path) -> None:
    assert sum(check(kind, seed, tmp_path) for seed in range(4)) > 0


@pytest.mark.fuzz
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("seed", range(4, 4 + FUZZ // 10))
def test_more_unrolled_layers_are_those_of_qkeras(kind: str, seed: int, tmp_path: Path) -> None:
    check(kind, seed, tmp_path)


def given_cell(kind: str, tmp_path: Path, **options: Any) -> tuple[Any, Path]:
    """A layer with tanh and sigmoid as they are, and its file."""
    quantizer = "quantized_bits(4,0,alpha=1)"
    names = ("kernel_quantizer", "recurrent_quantizer", "bias_quantizer", "state_quantizer")
    stated = dict.fromkeys(names, quantizer) | {"activation": "tanh", "state_quantizer": "quantized_bits(12,1,alpha=1)"}
    stated |= options
    if kind != "QSimpleRNN":
        stated.setdefault("recurrent_activation", "sigmoid")
    with building():
        keras.utils.set_random_seed(3)
        model = keras.Sequential([keras.layers.Input((3, 2)), getattr(qkeras, kind)(2, name="cell", **stated)])
        model.save(tmp_path / "model.h5")
    return model, tmp_path / "model.h5"


DATA = (np.arange(60).reshape(10, 3, 2) * 7 % 16 - 8) / 8  # on the grid of fixed<4,1>


@pytest.mark.parametrize("kind", KINDS)
def test_gates_of_a_given_type_are_near_those_of_qkeras(kind: str, tmp_path: Path) -> None:
    model, path = given_cell(kind, tmp_path)
    loaded = hwgen.load(path, input_type="fixed<4,1>", quantize={"cell": "fixed<12,2,RND,SAT>"})
    (found,) = reference.decode(loaded.network, [loaded.codes(DATA)])
    with building():
        expected = np.asarray(model(np.float32(DATA)), dtype=np.float64)
    # Half a step of 2**-10 from each of a few gates and states.
    assert np.abs(found - expected).max() < 2.0**-7
    assert not loaded.network.float32_exact
    rounded = "gives is rounded to fixed<12,2,RND,SAT>, as --quantize says; Keras rounds nothing there."
    assert f"layer 'cell': what its tanh {rounded}" in loaded.network.notes
    assert (f"layer 'cell': what its sigmoid {rounded}" in loaded.network.notes) == (kind != "QSimpleRNN")


def test_weights_and_gates_may_have_types_of_their_own(tmp_path: Path) -> None:
    _, path = given_cell("QSimpleRNN", tmp_path, kernel_quantizer=None)
    network = hwgen.load(
        path, input_type="fixed<4,1>", quantize={"cell": "fixed<5,1,RND,SAT>:fixed<6,1,RND,SAT>"}
    ).network
    assert (
        "layer 'cell': what the model leaves unquantized of its weights and bias is rounded to fixed<5,1,RND,SAT>, as "
        "--quantize says; Keras rounds nothing there."
    ) in network.notes
    assert "fixed<6,1>" in {str(layer.output.type) for layer in network.layers if layer.name.endswith("h_next")}


def test_a_type_for_what_the_model_quantizes_is_refused(tmp_path: Path) -> None:
    _, path = given_cell("QSimpleRNN", tmp_path)
    with pytest.raises(InputError) as caught:
        hwgen.load(path, input_type="fixed<4,1>", quantize={"cell": "fixed<5,1,RND,SAT>:fixed<6,1,RND,SAT>"})
    assert str(caught.value) == (
        "layer 'cell' (QSimpleRNN): quantize gives two types, for weights and for what its activations give, and the "
        "model leaves no weights unquantized; give the one for activations: 'cell=fixed<6,1,RND,SAT>'."
    )


def refusal(tmp_path: Path, kind: str, shape: tuple[int, ...] = (2, 2), **options: Any) -> str:
    """The sentence that refuses a layer with such options."""
    quantizer = "quantized_bits(4,0,alpha=1)"
    names = ("kernel_quantizer", "recurrent_quantizer", "bias_quantizer", "state_quantizer")
    stated = dict.fromkeys(names, quantizer) | {"activation": quantizer} | options
    if kind != "QSimpleRNN":
        stated.setdefault("recurrent_activation", quantizer)
    with building():
        layer = getattr(qkeras, kind)(2, name="cell", **stated)
        keras.Sequential([keras.layers.Input(batch_shape=(None, *shape)[-3:]), layer]).save(tmp_path / "model.h5")
    with pytest.raises(UnsupportedError) as caught:
        hwgen.load(tmp_path / "model.h5", input_type="fixed<4,1>")
    return str(caught.value)


def test_what_cannot_be_unrolled_is_refused(tmp_path: Path) -> None:
    assert refusal(tmp_path, "QLSTM", recurrent_activation="sigmoid") == (
        "layer 'cell' (QLSTM): recurrent_activation 'sigmoid' is not quantized, and what it gives is multiplied and "
        "fed back; give its type, for example --quantize 'cell=fixed<16,6,RND,SAT>' "
        "(quantize={'cell': 'fixed<16,6,RND,SAT>'} in Python), or use a quantizer such as quantized_tanh or "
        "quantized_sigmoid."
    )
    assert refusal(tmp_path, "QSimpleRNN", kernel_quantizer=None) == (
        "layer 'cell' (QSimpleRNN): kernel_quantizer is None: its weights are not quantized; give their type, for "
        "example --quantize 'cell=fixed<16,6,RND,SAT>' (quantize={'cell': 'fixed<16,6,RND,SAT>'} in Python), or use "
        "QSimpleRNN with kernel_quantizer."
    )
    assert refusal(tmp_path, "QGRU", bias_quantizer=None) == (
        "layer 'cell' (QGRU): bias_quantizer is None: its bias is not quantized; give its type, for example "
        "--quantize 'cell=fixed<16,6,RND,SAT>' (quantize={'cell': 'fixed<16,6,RND,SAT>'} in Python), or train with a "
        "bias_quantizer or use_bias=False."
    )
    assert refusal(tmp_path, "QSimpleRNN", (1, 2, 2), stateful=True) == (
        "layer 'cell' (QSimpleRNN): option stateful=True is not supported; only False is."
    )
    wide = qkeras.quantized_bits(30, 0, alpha=[1.0, 2.0**-40])
    assert refusal(tmp_path, "QSimpleRNN", kernel_quantizer=wide).startswith(
        "layer 'cell' (QSimpleRNN), kernel: with its scales multiplied in, its weights need "
    )


def test_steps_too_far_apart_for_one_grid_are_refused(tmp_path: Path) -> None:
    # quantized_po2(8) takes a bias of 0 for 2**-64. In steps of that, and of 2**-3 of the input, 0.5 is 2**60.
    kernels = {"kernel_initializer": keras.initializers.Constant(0.5), "recurrent_initializer": "zeros"}
    told = refusal(tmp_path, "QSimpleRNN", bias_quantizer="quantized_po2(8)", **kernels)
    assert told == (
        "layer 'cell' (QSimpleRNN): in the finest steps of its kernels and bias, its weights would need 61 bits "
        "(at most 60); use quantizers whose steps are closer."
    )


@pytest.mark.parametrize("kind", KINDS)
def test_kernels_too_far_apart_for_one_grid_are_refused(kind: str, tmp_path: Path) -> None:
    tiny = {"recurrent_quantizer": "quantized_po2(8)", "recurrent_initializer": "zeros"}
    assert refusal(tmp_path, kind, **tiny).startswith(
        f"layer 'cell' ({kind}): in the finest steps of its kernels and bias, its weights would need "
    )


def test_a_bias_too_large_for_the_steps_of_the_kernels_is_refused(tmp_path: Path) -> None:
    tiny = {"kernel_quantizer": "quantized_po2(8)", "kernel_initializer": "zeros"}
    tiny |= {"recurrent_quantizer": "quantized_po2(8)", "recurrent_initializer": "zeros"}
    assert refusal(tmp_path, "QSimpleRNN", bias_initializer="ones", **tiny) == (
        "layer 'cell' (QSimpleRNN): in the finest steps of its kernels and bias, its bias would need 67 bits "
        "(at most 60); use quantizers whose steps are closer."
    )
