"""The files of a training that need no TensorFlow: masks, the folder that appears whole, the door to TensorFlow."""

import io
import subprocess
import sys

import numpy as np
import pytest
from rich.console import Console

from hwgen.errors import InputError, ToolFailedError, ToolMissingError
from hwgen.training import TrainProgress, load_masks, progress_bars, save_masks, tensorflow
from hwgen.training.files import appearing_folder

MASKS = {"file": np.eye(3, dtype=np.bool_), "conv/a": np.zeros((2, 1, 3), np.bool_), "b": np.ones(4, np.bool_)}


def test_masks_read_back_as_written_even_for_a_layer_named_file(tmp_path):
    save_masks(tmp_path / "masks.npz", MASKS)
    found = load_masks(tmp_path / "masks.npz")
    assert found.keys() == MASKS.keys()
    assert all(np.array_equal(found[name], MASKS[name]) for name in MASKS)
    assert not found["b"].flags.writeable


def test_the_same_masks_give_the_same_bytes_in_any_order(tmp_path):
    save_masks(tmp_path / "one.npz", MASKS)
    save_masks(tmp_path / "two.npz", dict(reversed(MASKS.items())))
    assert (tmp_path / "one.npz").read_bytes() == (tmp_path / "two.npz").read_bytes()


def test_what_is_no_file_of_masks_is_refused_by_name(tmp_path):
    np.savez(tmp_path / "numbers.npz", a=np.ones(3))
    with pytest.raises(
        InputError, match=r"numbers\.npz: a mask is a boolean array, True where kept; 'a' holds float64"
    ):
        load_masks(tmp_path / "numbers.npz")
    (tmp_path / "text.npz").write_text("no archive")
    with pytest.raises(InputError, match=r"text\.npz: masks are read from an \.npz file"):
        load_masks(tmp_path / "text.npz")
    with pytest.raises(InputError, match=r"none\.npz: .*No such file"):
        load_masks(tmp_path / "none.npz")


def test_a_folder_appears_whole_and_replaces_an_earlier_training(tmp_path):
    target = tmp_path / "new" / "out"
    for content in ("first", "second"):
        with appearing_folder(target) as partial:
            (partial / "training.json").write_text(content)
            (partial / content).touch()
            assert not (target / content).exists()
        assert sorted(path.name for path in target.iterdir()) == sorted([content, "training.json"])
    assert [path.name for path in target.parent.iterdir()] == ["out"]


def test_a_failure_leaves_the_earlier_training(tmp_path):
    def write(text: str, then: BaseException | None) -> None:
        with appearing_folder(tmp_path / "out") as partial:
            (partial / "training.json").write_text(text)
            if then is not None:
                raise then

    write("first", then=None)
    with pytest.raises(KeyboardInterrupt):
        write("second", then=KeyboardInterrupt())
    assert (tmp_path / "out" / "training.json").read_text() == "first"
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_a_folder_of_other_files_is_not_replaced(tmp_path):
    (tmp_path / "precious.txt").touch()
    with (
        pytest.raises(InputError, match=r"training replaces an earlier training's folder, which holds training\.json"),
        appearing_folder(tmp_path),
    ):
        pass
    assert (tmp_path / "precious.txt").exists()


def test_importing_training_does_not_import_tensorflow():
    code = "import sys, hwgen.training; sys.exit('tensorflow' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize("package", ["tensorflow", "qkeras"])
def test_a_missing_extra_is_named_with_its_installation(monkeypatch, package):
    def find(name):
        if name.partition(".")[0] == package:
            raise ModuleNotFoundError(f"No module named {package!r}", name=package)
        return FakeTensorFlow()

    monkeypatch.setattr(tensorflow, "_keras_is_2", lambda: True)
    monkeypatch.setattr(tensorflow.importlib, "import_module", find)
    with pytest.raises(ToolMissingError) as caught:
        tensorflow.load.__wrapped__()
    assert str(caught.value) == (
        f"training needs TensorFlow, tf-keras and QKeras, and {package!r} is not installed; install them: "
        "pip install 'hwgen[train]'"
    )


def test_tensorflow_imported_with_keras_3_is_told_apart_from_a_wrong_variable(monkeypatch):
    monkeypatch.setattr(tensorflow, "_keras_is_2", lambda: False)
    monkeypatch.setattr(tensorflow.importlib, "import_module", lambda name: FakeTensorFlow())
    monkeypatch.setitem(sys.modules, "tensorflow", FakeTensorFlow())
    with pytest.raises(
        ToolFailedError, match="TensorFlow was already imported with Keras 3; set TF_USE_LEGACY_KERAS=1"
    ):
        tensorflow.load.__wrapped__()
    monkeypatch.delitem(sys.modules, "tensorflow")
    monkeypatch.setenv("TF_USE_LEGACY_KERAS", "0")
    with pytest.raises(ToolFailedError, match="the environment has TF_USE_LEGACY_KERAS=0; set it to 1 or unset it"):
        tensorflow.load.__wrapped__()


def test_bars_name_each_stage_with_its_figures():
    screen = io.StringIO()
    with progress_bars(Console(file=screen, width=100)) as report:
        for done in range(3):
            report(TrainProgress("float network", done, 2, f"accuracy 0.{done}"))
        report(TrainProgress("quantized network", 0, 9, "nothing pruned"))
    float_line, quantized_line = screen.getvalue().splitlines()
    assert all(text in float_line for text in ("float network", "2/2", "accuracy 0.2"))
    assert all(text in quantized_line for text in ("quantized network", "0/9", "nothing pruned"))


class FakeTensorFlow:
    """As much of the module as ``load`` touches."""

    def get_logger(self):
        return self

    def setLevel(self, level):  # noqa: N802  # logging's name
        pass

    def set_verbosity(self, level):
        pass
