"""The example repository: its tests pass as committed, and fail, naming the layer, once a weight is another."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest

import hwgen
from hwgen.errors import ProjectError

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "regression"


def run_tests(repository: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """Pytest in a repository, with hwgen's plugin and no other."""
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "hwgen.pytest_plugin", "-p", "no:cacheprovider", *options],
        cwd=repository,
        env=os.environ | {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTEST_ADDOPTS": ""},
        capture_output=True,
        text=True,
    )


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    return Path(shutil.copytree(EXAMPLE, tmp_path / "repository", ignore=shutil.ignore_patterns("__pycache__")))


def retrain(repository: Path) -> None:
    """Another weight in the second layer."""
    with h5py.File(repository / "models" / "digits.h5", "r+") as file:
        found: list[h5py.Dataset] = []
        file["model_weights"]["output"].visititems(
            lambda name, item: found.append(item) if name.endswith("kernel:0") else None
        )
        kernel = found[0][()]
        left = np.argwhere(np.abs(kernel) > 0.1)[0]
        kernel[tuple(left)] *= -1
        found[0][...] = kernel


def test_the_example_passes_and_is_left_out_unless_asked_for(repository: Path) -> None:
    asked = run_tests(repository, "--hwgen", "-q")
    assert asked.returncode == 0, asked.stdout
    assert "6 passed" in asked.stdout
    unasked = run_tests(repository, "-q")
    assert "6 skipped" in unasked.stdout


def test_a_retrained_model_fails_until_it_is_frozen_again(repository: Path) -> None:
    retrain(repository)
    kept = "hls and (frozen or budget)"
    failed = run_tests(repository, "--hwgen", "-q", "-k", kept)
    assert failed.returncode == 1
    assert "1 failed, 1 passed" in failed.stdout
    assert "digits: CHANGED." in failed.stdout
    assert "The first layer that changed is 'output_layer'" in failed.stdout
    assert run_tests(repository, "--hwgen-freeze", "-q", "-k", kept).returncode == 0
    assert run_tests(repository, "--hwgen", "-q", "-k", kept).returncode == 0


def test_budgets_name_what_is_over_and_what_is_unknown(repository: Path) -> None:
    tests = repository / "tests" / "test_hardware.py"
    text = tests.read_text().replace('"adders": 500, "weights": 300', '"adders": 7')
    tests.write_text(text)
    over = run_tests(repository, "--hwgen", "-q", "-k", "hls and budget").stdout
    assert "adders is " in over
    assert ", over the budget of 7 (estimate), most of it in dense1 (" in over
    tests.write_text(text.replace('"adders": 7', '"bananas": 7'))
    unknown = run_tests(repository, "--hwgen", "-q", "-k", "hls and budget").stdout
    assert "this project has no figure 'bananas'; it has weights, products, adders." in unknown


def test_a_project_that_is_not_its_network_is_not_frozen(repository: Path, tmp_path: Path) -> None:
    model = hwgen.load(repository / "models" / "digits.h5", input_type="ufixed<5,1>")
    hwgen.build(model, tmp_path / "hls")
    source = tmp_path / "hls" / "firmware" / "digits.cpp"
    text = source.read_text()
    assert "y[0] = output_layer_n0(x);" in text
    source.write_text(text.replace("y[0] = output_layer_n0(x);", "y[0] = output_layer_n1(x);"))
    with pytest.raises(ProjectError) as refused:
        hwgen.golden(tmp_path / "hls", samples=20)
    assert str(refused.value).startswith(
        f"project {str(tmp_path / 'hls')!r} does not compute its own network, so nothing of it is frozen; see "
        f"'hwgen verify {tmp_path / 'hls'}'. digits: NOT equal."
    )
    assert not (tmp_path / "hls.golden").exists()
