"""``hwgen inspect`` collects every refusal; the command line says it in a sentence and an exit code."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from oracle.keras_files import (
    activation,
    as_keras3,
    dense,
    functional,
    input_layer,
    layer,
    quantized_bits,
    sequential,
    write_h5,
    write_keras,
)
from oracle.one_layer_models import MODELS, TYPE, changed, zeros

import hwgen
from hwgen.errors import HwgenError, InputError, UnsupportedError

# ---- inspection collects


def test_inspection_collects_every_refusal(tmp_path: Path) -> None:
    layers = [
        input_layer("data", (4,)),
        dense("fine", zeros(4, 4), zeros(4)),
        dense("wrong_shape", zeros(5, 4), zeros(4)),
        activation("random", "bernoulli()"),
        dense("wide", zeros(4, 3), None, kernel_quantizer=quantized_bits(99)),
        layer("Activation", "end", activation="softmax"),
    ]
    write_h5(tmp_path / "model.h5", sequential(layers), layers)
    found = hwgen.inspect(tmp_path / "model.h5")
    assert found.network is None
    told = {entry.name: entry.refusal for entry in found.layers}
    assert [name for name, refusal in told.items() if refusal] == ["data", "wrong_shape", "random", "wide"]
    assert "--input-type" in str(told["data"])
    assert "(4, 4), the file holds (5, 4)" in str(told["wrong_shape"])
    assert "random at inference" in str(told["random"])
    assert "bits=99" in str(told["wide"])


def test_inspection_reports_masks_and_input_types_beside_layers(tmp_path: Path) -> None:
    layers = changed("QDense", activation="gelu")
    write_h5(tmp_path / "model.h5", sequential(layers), layers)
    found = hwgen.inspect(tmp_path / "model.h5", input_type="fixed<8>")
    assert found.network is None
    assert "a type is written as in ap_fixed" in str(found.problem)
    assert [entry.name for entry in found.layers if entry.refusal] == ["it"]


@pytest.mark.parametrize("class_name", MODELS)
def test_inspection_gives_the_network_that_loading_gives(class_name: str, tmp_path: Path) -> None:
    layers = MODELS[class_name]
    write_h5(tmp_path / "model.h5", sequential(layers), layers)
    found = hwgen.inspect(tmp_path / "model.h5", input_type=TYPE)
    assert found.problem is None
    assert str(hwgen.Model(found.network)) == str(hwgen.load(tmp_path / "model.h5", input_type=TYPE))  # type: ignore[arg-type]


@pytest.mark.parametrize("class_name", ["QDense", "QConv2DBatchnorm", "QBatchNormalization"])
def test_refusals_are_the_same_from_keras_3_files(class_name: str, tmp_path: Path) -> None:
    layers = changed(class_name, rounding_of_tomorrow=1)
    write_keras(tmp_path / "model.keras", as_keras3(functional(layers, keras3=True)), layers, named=True)
    with pytest.raises(UnsupportedError, match=f"layer 'it' \\({class_name}\\): option rounding_of_tomorrow=1"):
        hwgen.load(tmp_path / "model.keras", input_type=TYPE)


# ---- the command line: exit code 2 and one sentence


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Callable[..., tuple[int, str, str]]:
    """Run the command line: exit code, output, errors."""
    from hwgen.cli import main

    def call(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr("sys.argv", ["hwgen", *map(str, arguments)])
        try:
            main()
            code = 0
        except SystemExit as leave:
            code = int(leave.code or 0)
        told = capsys.readouterr()
        return code, told.out, told.err

    return call


def test_inspect_prints_every_refusal_and_returns_2(run: Callable[..., tuple[int, str, str]], tmp_path: Path) -> None:
    layers = changed("QDense", activation="gelu")
    write_h5(tmp_path / "model.h5", sequential(layers), layers)
    code, out, _ = run("inspect", tmp_path / "model.h5")
    assert code == 2
    assert "refused: layer 'it' (QDense): activation 'gelu'" in out
    assert "refused: input 'data': the model does not say what numbers it takes" in out


def test_inspect_takes_types_and_a_head_and_repeats_them(
    run: Callable[..., tuple[int, str, str]], tmp_path: Path
) -> None:
    layers = changed("QDense", activation="softmax", kernel_quantizer=None)
    write_h5(tmp_path / "model.h5", sequential(layers), layers)
    options = ["--input-type", TYPE, "--quantize", "it=fixed<8,3,RND,SAT>", "--head", "argmax"]
    code, out, _ = run("inspect", tmp_path / "model.h5", *options)
    assert code == 0
    assert "ArgMax" in out
    assert "--quantize 'it=fixed<8,3,RND,SAT>' --head argmax -o DIR" in " ".join(out.split())


def test_inspect_prints_the_network_and_returns_0(run: Callable[..., tuple[int, str, str]], tmp_path: Path) -> None:
    layers = MODELS["QDense"]
    write_h5(tmp_path / "model.h5", sequential(layers), layers)
    code, out, _ = run("inspect", tmp_path / "model.h5", "--input-type", TYPE)
    assert code == 0
    assert "fixed<8,3>" in out
    assert "12" in out


@pytest.mark.parametrize("command", ["inspect", "build"])
def test_a_file_that_is_no_model_is_one_sentence_and_2(
    command: str, run: Callable[..., tuple[int, str, str]], tmp_path: Path
) -> None:
    (tmp_path / "model.h5").write_bytes(b"\x89HDF\r\n\x1a\n and nothing more")
    output = ["-o", tmp_path / "project"] if command == "build" else []
    code, out, err = run(command, tmp_path / "model.h5", *output)
    assert (code, out) == (2, "")
    assert err.startswith(f"hwgen: {tmp_path / 'model.h5'}: the HDF5 data is damaged or cut short")
    assert len(err.splitlines()) == 1
    assert [entry.name for entry in tmp_path.iterdir()] == ["model.h5"]


def test_a_refused_model_builds_nothing(run: Callable[..., tuple[int, str, str]], tmp_path: Path) -> None:
    layers = changed("QDense", kernel_quantizer=None)
    write_h5(tmp_path / "model.h5", sequential(layers), layers)
    code, _, err = run("build", tmp_path / "model.h5", "-o", tmp_path / "project", "--input-type", TYPE)
    assert code == 2
    assert err.startswith("hwgen: layer 'it' (QDense): kernel_quantizer is None")
    assert not (tmp_path / "project").exists()


def test_every_refusal_is_an_error_of_hwgen() -> None:
    assert issubclass(UnsupportedError, HwgenError)
    assert issubclass(InputError, HwgenError)
    assert HwgenError.exit_code == 2


def test_pruned_weights_that_a_quantizer_without_zero_revives_are_noted(tmp_path: Path) -> None:
    kernel = np.array([[0.5, 0.0], [0.0, -0.5], [0.25, 0.5]], dtype=np.float32)
    binary = {"class_name": "binary", "config": {"use_01": False, "alpha": 1, "use_stochastic_rounding": False}}
    layers = [input_layer("data", (3,)), dense("fc", kernel, None, kernel_quantizer=binary)]
    write_h5(tmp_path / "model.h5", sequential(layers), layers)
    network = hwgen.load(tmp_path / "model.h5", input_type="fixed<8,3>").network
    assert any("layer 'fc': 2 weights are stored as exactly 0" in note for note in network.notes)
    np.savez(tmp_path / "masks.npz", fc=kernel != 0)
    network = hwgen.load(tmp_path / "model.h5", input_type="fixed<8,3>").network
    assert not any("stored as exactly 0" in note for note in network.notes)
    assert any("layer 'fc': its pruning mask removes 2 weights" in note for note in network.notes)
