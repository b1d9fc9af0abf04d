"""One quick pass over what a user does, on the Python at hand: train, save, load, build, prove."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from keras_file import write_dense_model

pytestmark = pytest.mark.smoke

TRAIN = """
import numpy as np
import tf_keras as keras
from qkeras import QActivation, QDense, quantized_bits, quantized_relu
from qkeras.utils import load_qmodel

random = np.random.default_rng(0)
data = np.round(random.uniform(-4, 3.9, (512, 8)) * 32) / 32
label = (data.sum(axis=1) > 0).astype(int)
keras.utils.set_random_seed(1)
weights = dict(kernel_quantizer=quantized_bits(6, 0, alpha=1), bias_quantizer=quantized_bits(6, 0, alpha=1))
model = keras.Sequential(
    [
        keras.layers.Input((8,)),
        QDense(8, name="hidden", **weights),
        QActivation(quantized_relu(6, 2), name="rectified"),
        QDense(2, name="scores", **weights),
    ]
)
model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
first = model.evaluate(data, label, verbose=0)
model.fit(data, label, epochs=5, verbose=0)
assert model.evaluate(data, label, verbose=0) < first, "training did not lower the loss"
model.save("trained.h5")
loaded = load_qmodel("trained.h5", compile=False)
assert (loaded.predict(data, verbose=0) == model.predict(data, verbose=0)).all()
assert load_qmodel("written.h5", compile=False).count_params() == 16 * 8 + 8 + 8 * 3 + 3
"""

CONFIG = """
[data]
name = "digits"
input_type = "ufixed<5,1>"

[model]
name = "digits"
weights = "quantized_bits(6,0,alpha=1)"
biases = "quantized_bits(6,0,alpha=1)"
activation = "quantized_relu(6,2)"

[[model.layers]]
kind = "dense"
units = 16

[training]
epochs = 3
batch = 64
learning_rate = 0.01
seed = 1

[pruning]
method = "magnitude"
granularity = "weight"
scope = "layer"
sparsity = 0.75

[pruning.schedule]
begin = 0
end = 2
every = 1

[output]
folder = "digits"
"""


def run(*command: str | Path, folder: Path) -> str:
    """Run a command and return what it printed; a failure shows all of it."""
    quiet = {"TF_USE_LEGACY_KERAS": "1", "TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": "-1"}
    done = subprocess.run(
        [str(part) for part in command],
        cwd=folder,
        env={**os.environ, **quiet},
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
    )
    assert done.returncode == 0, f"{' '.join(map(str, command))} ended with {done.returncode}:\n{done.stdout}"
    return done.stdout


def hwgen(*arguments: str, folder: Path) -> str:
    return run(Path(sys.executable).parent / "hwgen", *arguments, folder=folder)


def test_training_stack_trains_saves_and_loads_what_hwgen_then_proves(tmp_path: Path) -> None:
    write_dense_model(tmp_path / "written.h5")  # QKeras takes the file that stands in for a trained one elsewhere
    run(sys.executable, "-c", TRAIN, folder=tmp_path)
    hwgen("build", "trained.h5", "--input-type", "fixed<8,3>", "-o", "out", folder=tmp_path)
    hwgen("verify", "out", folder=tmp_path)


def test_hwgen_trains_a_pruned_model_that_it_then_proves(tmp_path: Path) -> None:
    (tmp_path / "digits.toml").write_text(CONFIG, encoding="utf-8")
    hwgen("train", "digits.toml", folder=tmp_path)
    hwgen("build", "digits/model.h5", "--input-type", "ufixed<5,1>", "-o", "out", folder=tmp_path)
    hwgen("verify", "out", folder=tmp_path)


@pytest.mark.parametrize("strategy", ["multipliers", "adders"])
def test_model_file_becomes_a_proven_project(tmp_path: Path, strategy: str) -> None:
    write_dense_model(tmp_path / "model.h5")
    hwgen("inspect", "model.h5", "--input-type", "fixed<8,3>", folder=tmp_path)
    build = ("build", "model.h5", "--input-type", "fixed<8,3>", "--strategy", strategy, "-o", "out")
    hwgen(*build, folder=tmp_path)
    hwgen("verify", "out", folder=tmp_path)


def test_reading_a_model_imports_no_training_framework(tmp_path: Path) -> None:
    probe = "import sys, hwgen; print(sorted({'keras', 'qkeras', 'tensorflow', 'tf_keras'} & set(sys.modules)))"
    assert run(sys.executable, "-P", "-c", probe, folder=tmp_path).strip() == "[]"
