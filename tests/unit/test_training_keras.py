"""Masks on real QKeras layers, and one small real training from configuration to files."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from oracle.absence import missing

from hwgen.errors import ConfigError, InputError
from hwgen.training import (
    Granularity,
    Method,
    PolynomialSchedule,
    PruningPlan,
    Scope,
    apply_masks,
    load_masks,
    load_pruned,
    parse_config,
    prunable_layers,
    quantized_kernels,
    remove_masks,
    save_pruned,
    train,
)
from hwgen.training.network import logits_model, quantized_model
from hwgen.training.tensorflow import load, quiet

# QKeras reads quantizers with names that pyparsing 3.3 deprecates; where hwgen calls it, ``quiet`` holds that back.
pytestmark = pytest.mark.filterwarnings("ignore:.* deprecated - use:DeprecationWarning")


@pytest.fixture(scope="module", autouse=True)
def stack():
    """TensorFlow, Keras 2 and QKeras; missing, they skip these tests on a developer's machine and fail them in CI."""
    if not all(find_spec(name) for name in ("tensorflow", "tf_keras", "qkeras", "sklearn")):
        missing("the extra 'train'")
    return load()


TRAINING = """
[data]
name = "digits"
input_type = "ufixed<5,1>"

[model]
name = "small"
weights = "quantized_bits(6,0,alpha=1)"
biases = "quantized_bits(6,0,alpha=1)"
activation = "quantized_relu(6,2)"

[[model.layers]]
kind = "dense"
units = 16

[[model.layers]]
kind = "dense"
name = "signs"
units = 16
weights = "binary(alpha=0.25)"

[training]
epochs = 6
batch = 64
learning_rate = 0.01
seed = 3

[pruning]
method = "magnitude"
granularity = "weight"
scope = "layer"
sparsity = 0.6
layers = { output = 0.25 }

[pruning.schedule]
begin = 1
end = 4

[output]
folder = "out"
"""
RUN = """
import sys
from pathlib import Path
from hwgen.training import load_config, train
events = []
result = train(load_config(Path("config.toml")), events.append)
print(result.accuracy_float, result.accuracy_qkeras, events[-1].stage, events[-1].done)
"""


@dataclass(frozen=True)
class Trained:
    """A process that trained, and what it left."""

    out: str
    err: str
    folder: Path

    def report(self):
        return json.loads((self.folder / "training.json").read_text())


def run_training(folder: Path) -> Trained:
    (folder / "config.toml").write_text(TRAINING)
    environment = {key: value for key, value in os.environ.items() if not key.startswith("TF_")}
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", RUN],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return Trained(done.stdout, done.stderr, folder / "out")


@pytest.fixture(scope="module")
def trained(tmp_path_factory, stack):
    """One training, in a process of its own whose warnings are errors."""
    return run_training(tmp_path_factory.mktemp("trained"))


def test_training_reports_figures_and_nothing_else_is_printed(trained):
    report = trained.report()
    assert trained.err == ""
    assert trained.out == f"{report['accuracy_float']} {report['accuracy_qkeras']} quantized network 6\n"
    assert report["accuracy_float"] > 0.8
    assert report["accuracy_qkeras"] > 0.6
    assert sorted(path.name for path in trained.folder.iterdir()) == [
        "config.toml",
        "masks.npz",
        "model.h5",
        "test_data.npz",
        "training.json",
    ]


def test_quantized_kernels_of_the_saved_model_are_zero_where_masks_say(trained):
    masks = load_masks(trained.folder / "masks.npz")
    kernels = quantized_kernels(load_pruned(trained.folder / "model.h5"))
    assert {name: int((~mask).sum()) for name, mask in masks.items()} == {
        "dense1": round(0.6 * 64 * 16),
        "signs": round(0.6 * 16 * 16),
        "output": round(0.25 * 16 * 10),
    }
    assert all((kernels[name][~mask] == 0).all() for name, mask in masks.items())
    assert np.array_equal(np.abs(kernels["signs"]), 0.25 * masks["signs"])
    assert [layer["zeros"] for layer in trained.report()["layers"]] == [int((k == 0).sum()) for k in kernels.values()]


def test_the_saved_model_is_plain_qkeras_with_zeros_stored(trained, stack):
    with quiet():
        plain = stack.qkeras.utils.load_qmodel(str(trained.folder / "model.h5"), compile=False)
    masks = load_masks(trained.folder / "masks.npz")
    for name, mask in masks.items():
        layer = plain.get_layer(name)
        assert (layer.kernel.numpy()[~mask] == 0).all()
        assert type(layer.kernel_quantizer_internal).__name__ == ("binary" if name == "signs" else "quantized_bits")
    kernels = quantized_kernels(plain)
    assert (kernels["dense1"][~masks["dense1"]] == 0).all()
    assert (kernels["signs"] != 0).all()  # binary has no zero: that is why masks.npz acts after the quantizer


def test_reported_accuracy_and_logits_are_those_of_the_files(trained):
    with np.load(trained.folder / "test_data.npz") as data:
        x, y, logits = data["x"], data["y"], data["logits"]
    assert np.array_equal(x * 16, np.rint(x * 16))
    again = logits_model(load_pruned(trained.folder / "model.h5")).predict(x, batch_size=1024, verbose=0)
    assert np.array_equal(again, logits)
    assert (again.argmax(axis=1) == y).mean() == trained.report()["accuracy_qkeras"]


def test_the_same_configuration_gives_the_same_bytes(trained, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = train(parse_config(TRAINING, "config.toml"))
    assert result.accuracy_qkeras == trained.report()["accuracy_qkeras"]
    for path in trained.folder.iterdir():
        assert (result.folder / path.name).read_bytes() == path.read_bytes(), path.name


def plan(granularity=Granularity.WEIGHT, sparsity=0.5, begin=0, end=0, **options):
    return PruningPlan(Method.MAGNITUDE, granularity, Scope.LAYER, sparsity, PolynomialSchedule(begin, end), **options)


def model_of(stack, *layers, shape):
    with quiet():
        model = stack.keras.Sequential([stack.keras.layers.InputLayer(shape), *layers])
    model.compile(stack.keras.optimizers.Adam(0.05), "mse")
    return model


def fit(model, samples=24, epochs=1, callbacks=()):
    random = np.random.default_rng(5)
    x = random.normal(size=(samples, *model.input_shape[1:])).astype(np.float32)
    y = random.normal(size=(samples, *model.output_shape[1:])).astype(np.float32)
    with quiet():
        model.fit(x, y, batch_size=4, epochs=epochs, verbose=0, callbacks=list(callbacks))


def layer_of(stack, kind, quantizer):
    qkeras = stack.qkeras
    options = {"kernel_quantizer": quantizer, "bias_quantizer": "quantized_bits(8,2,alpha=1)", "name": "pruned"}
    match kind:
        case "QDense":
            return qkeras.QDense(6, **options), (8,)
        case "QConv1D":
            return qkeras.QConv1D(4, 3, **options), (8, 2)
        case "QConv2D":
            return qkeras.QConv2D(4, 3, **options), (6, 6, 2)
        case _:
            return qkeras.QConv2DBatchnorm(4, 3, **options), (6, 6, 2)


@pytest.mark.parametrize("kind", ["QDense", "QConv1D", "QConv2D", "QConv2DBatchnorm"])
@pytest.mark.parametrize("quantizer", ["quantized_bits(1,0,alpha=1)", "quantized_bits(4,0,alpha='auto_po2')"])
def test_each_kind_of_layer_keeps_its_pruned_weights_at_zero(stack, tmp_path, kind, quantizer):
    from hwgen.training import PruningCallback

    layer, shape = layer_of(stack, kind, quantizer)
    model = model_of(stack, layer, shape=shape)
    pruning = PruningCallback(plan())
    fit(model, callbacks=[pruning])
    mask = pruning.masks["pruned"]
    assert (~mask).sum() == mask.size // 2
    assert (layer.kernel.numpy()[~mask] == 0).all()
    assert (layer.kernel.numpy()[mask] != 0).all()
    kernel = quantized_kernels(model)["pruned"]
    assert (kernel[~mask] == 0).all()
    save_pruned(model, pruning.masks, tmp_path)
    assert np.array_equal(quantized_kernels(load_pruned(tmp_path / "model.h5"))["pruned"], kernel)


def test_a_masked_weight_neither_moves_nor_acts_in_any_step(stack):
    from hwgen.training import PruningCallback

    seen = []

    class Watch(stack.keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            seen.append(model.layers[0].kernel.numpy())

    layer, shape = layer_of(stack, "QDense", "binary(alpha=1)")
    model = model_of(stack, layer, shape=shape)
    fit(model)  # Adam's momentum, and a training step traced without masks
    model.predict(np.eye(8, dtype=np.float32), verbose=0)
    pruning = PruningCallback(plan(begin=2, end=8))
    fit(model, samples=48, callbacks=[pruning, Watch()])
    assert pruning.finished
    zeros = [kernel == 0 for kernel in seen]
    assert [int(zero.sum()) for zero in zeros][:2] == [0, 0]
    assert [int(zero.sum()) for zero in zeros][7:] == [24] * 5
    assert all((before <= after).all() for before, after in pairwise(zeros))
    x = np.eye(8, dtype=np.float32)
    bias = model.predict(np.zeros((1, 8), np.float32), verbose=0)
    assert np.array_equal(model.predict(x, verbose=0) - bias, quantized_kernels(model)["pruned"])


def test_scales_come_from_the_zeros_that_a_file_stores(stack):
    layer, shape = layer_of(stack, "QDense", "quantized_bits(4,0,alpha='auto')")
    model = model_of(stack, layer, shape=shape)
    mask = np.ones((8, 6), np.bool_)
    mask[3] = False
    apply_masks(model, {"pruned": mask})
    stored = quantized_kernels(model)["pruned"]
    kernel = layer.kernel.numpy()
    kernel[3] = 100.0  # what an optimizer might leave until the callback has its turn
    layer.kernel.assign(kernel)
    assert np.array_equal(quantized_kernels(model)["pruned"], stored)


def test_pruned_neurons_lose_their_bias_and_others_keep_it(stack):
    from hwgen.training import PruningCallback

    layer, shape = layer_of(stack, "QDense", "quantized_bits(4,0,alpha=1)")
    model = model_of(stack, layer, shape=shape)
    pruning = PruningCallback(plan(Granularity.NEURON))
    fit(model, callbacks=[pruning])
    alive = pruning.masks["pruned"].any(axis=0)
    assert alive.sum() == 3
    assert np.array_equal(layer.bias.numpy() != 0, alive)
    output = model.predict(np.ones((1, 8), np.float32), verbose=0)
    assert (output[0, ~alive] == 0).all()


def test_skipped_layers_and_float_layers_keep_their_weights(stack):
    from hwgen.training import PruningCallback

    qkeras, keras = stack.qkeras, stack.keras
    quantizer = "quantized_bits(4,0,alpha=1)"
    inner = model_of(stack, qkeras.QDense(4, kernel_quantizer=quantizer, name="inner"), shape=(8,))
    model = model_of(
        stack, inner, qkeras.QDense(4, kernel_quantizer=quantizer, name="skipped"), keras.layers.Dense(2), shape=(8,)
    )
    assert list(prunable_layers(model)) == ["inner", "skipped"]
    pruning = PruningCallback(plan(skip=frozenset({"skipped"})))
    fit(model, callbacks=[pruning])
    assert list(pruning.masks) == ["inner"]
    assert (prunable_layers(model)["skipped"].kernel.numpy() != 0).all()


def test_a_masked_model_is_not_saved_by_accident(stack, tmp_path):
    layer, shape = layer_of(stack, "QDense", "binary(alpha=1)")
    model = model_of(stack, layer, shape=shape)
    mask = np.ones((8, 6), np.bool_)
    mask[0] = False
    apply_masks(model, {"pruned": mask})
    with pytest.raises(InputError, match=r"call remove_masks\(model\) first, or let save_pruned"), quiet():
        model.save(tmp_path / "model.h5", save_format="h5")
    remove_masks(model)
    assert (quantized_kernels(model)["pruned"] != 0).all()
    assert (layer.kernel.numpy()[0] == 0).all()


def test_masks_that_do_not_fit_are_refused(stack):
    layer, shape = layer_of(stack, "QDense", "binary(alpha=1)")
    model = model_of(stack, layer, shape=shape)
    with pytest.raises(InputError, match=r"layer 'pruned': a mask has its kernel's shape \(8, 6\), got \(6, 8\)"):
        apply_masks(model, {"pruned": np.ones((6, 8), np.bool_)})
    with pytest.raises(InputError, match=r"mask 'other' belongs to no layer; the model can prune pruned\."):
        apply_masks(model, {"other": np.ones((8, 6), np.bool_)})


def test_quantizer_arguments_that_qkeras_refuses_name_the_layer(stack):
    config = parse_config(TRAINING.replace("binary(alpha=0.25)", "binary(alfa=0.25)"), "config.toml")
    with pytest.raises(ConfigError, match=r"\[model\] layer 'signs': Keras refuses it: .*'alfa'"):
        quantized_model(config.model, (64,), 10)


def test_a_schedule_in_steps_past_the_end_is_refused(stack, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    text = TRAINING.replace("begin = 1\nend = 4", 'unit = "steps"\nbegin = 1\nend = 400')
    with pytest.raises(ConfigError, match=r"pruning ends after 400 steps and training after 138, 23 an epoch"):
        train(parse_config(text, "config.toml"))
    assert not list(tmp_path.iterdir())
