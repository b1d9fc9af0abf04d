"""The built wheel, installed alone in an empty environment: complete, free of TensorFlow, and able to do its work."""

import fcntl
import os
import subprocess
import sys
import venv
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from keras_file import write_dense_model

CHECKOUT = Path(__file__).resolve().parents[2]
TEMPLATES = [path.relative_to(CHECKOUT) for path in (CHECKOUT / "templates").rglob("*") if path.is_file()]

pytestmark = pytest.mark.slow


def run(*command: str | Path, folder: Path) -> str:
    """Run a command, without the user's cache and search path; return what it printed; a failure shows all of it."""
    environment = {name: text for name, text in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(
        [str(part) for part in command],
        cwd=folder,
        env={**environment, "HWGEN_CACHE_DIR": str(folder / "cache")},
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
    )
    assert done.returncode == 0, f"{' '.join(map(str, command))} ended with {done.returncode}:\n{done.stdout}"
    return done.stdout


def once(folder: Path, make: Callable[[], object]) -> None:
    """Make a folder's content in the first test process that asks for it; the others wait and find it."""
    folder.mkdir(exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "made").exists():
            make()
            (folder / "made").touch()


@pytest.fixture(scope="module")
def common(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that every test process of this run shares."""
    own = tmp_path_factory.getbasetemp()
    return own.parent if "PYTEST_XDIST_WORKER" in os.environ else own


@pytest.fixture(scope="module")
def wheel(common: Path) -> Path:
    """A wheel built from the source distribution, as a package index would receive both."""
    folder = common / "dist"
    once(folder, lambda: run(sys.executable, "-m", "build", "--outdir", folder, CHECKOUT, folder=folder))
    (found,) = folder.glob("hwgen-*.whl")
    return found


@pytest.fixture(scope="module")
def environment(wheel: Path, common: Path) -> Path:
    """The folder of commands of a fresh environment that holds the wheel and what it declares to need, nothing else."""
    folder = common / "environment"

    def make() -> None:
        venv.create(folder, with_pip=True, symlinks=True)
        run(folder / "bin" / "python", "-m", "pip", "install", "--disable-pip-version-check", wheel, folder=folder)

    once(folder, make)
    return folder / "bin"


def test_wheel_holds_the_data_and_the_type_marker(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    wanted = {f"hwgen/_data/{path.as_posix()}" for path in TEMPLATES if not path.name.startswith(".")}
    assert wanted
    assert any(name.startswith("hwgen/_data/templates/hls/") for name in wanted)
    assert wanted | {"hwgen/py.typed", "hwgen/_data/rtl_sim/README.md"} <= names


def test_wheel_holds_the_package_and_its_licence_only(wheel: Path) -> None:
    tops = {tuple(name.split("/")[:2]) for name in zipfile.ZipFile(wheel).namelist()}
    info = {top for top, *_ in tops if top.endswith(".dist-info")}
    assert len(info) == 1
    assert {top for top, *_ in tops} == {"hwgen", *info}
    assert not any("tests" in rest for _, *rest in tops)
    assert any(name.endswith("/licenses/LICENSE") for name in zipfile.ZipFile(wheel).namelist())


def test_wheel_and_source_distribution_come_from_the_same_files(wheel: Path) -> None:
    packaged = {
        name.removeprefix("hwgen/")
        for name in zipfile.ZipFile(wheel).namelist()
        if name.startswith("hwgen/") and not name.startswith("hwgen/_data/")
    }
    package = CHECKOUT / "hwgen"
    assert packaged == {
        path.relative_to(package).as_posix()
        for path in package.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts and "_data" not in path.parts
    }


def test_installing_the_wheel_brings_no_training_framework(environment: Path) -> None:
    listed = run(environment / "python", "-m", "pip", "list", "--format=freeze", folder=environment)
    installed = {line.split("==")[0].lower() for line in listed.splitlines()}
    assert {"hwgen", "hls4ml", "numpy"} <= installed
    assert not installed & {"tensorflow", "keras", "tf-keras", "tf_keras", "qkeras", "torch", "jax"}


def test_installed_hwgen_builds_and_proves_a_project(environment: Path, tmp_path: Path) -> None:
    write_dense_model(tmp_path / "model.h5")
    hwgen = environment / "hwgen"
    run(hwgen, "build", "model.h5", "--input-type", "fixed<8,3>", "-o", "out", folder=tmp_path)
    assert (tmp_path / "out" / "firmware").is_dir()
    assert (tmp_path / "out" / "build_prj.tcl").is_file()
    assert list((tmp_path / "out").glob("*_bridge.cpp"))
    run(hwgen, "verify", "out", folder=tmp_path)


def test_installed_hwgen_inspects_a_model(environment: Path, tmp_path: Path) -> None:
    write_dense_model(tmp_path / "model.h5")
    printed = run(environment / "hwgen", "inspect", "model.h5", "--input-type", "fixed<8,3>", folder=tmp_path)
    assert "hidden" in printed
    assert "scores" in printed


def test_installed_hwgen_says_how_to_get_training(environment: Path, tmp_path: Path) -> None:
    config = (Path(__file__).resolve().parents[2] / "examples" / "digits.toml").read_text(encoding="utf-8")
    (tmp_path / "config.toml").write_text(config.replace('name = "digits"', 'path = "data.npz"', 1), encoding="utf-8")
    x, y = np.zeros((40, 64), dtype=np.float32), np.arange(40) % 10
    np.savez(tmp_path / "data.npz", x_train=x, y_train=y, x_test=x, y_test=y)
    done = subprocess.run(
        [environment / "hwgen", "train", "config.toml"], cwd=tmp_path, text=True, capture_output=True, check=False
    )
    assert done.returncode == 3, done.stderr
    assert "Traceback" not in done.stderr
    assert "hwgen[train]" in done.stderr


def test_hls4ml_finds_the_backend_of_the_installed_wheel(environment: Path, tmp_path: Path) -> None:
    program = "import hls4ml; print(hls4ml.backends.get_backend('hwgen').get_default_flow())"
    assert run(environment / "python", "-c", program, folder=tmp_path) == "hwgen:ip\n"


def test_pytest_finds_the_fixtures_of_the_installed_wheel(environment: Path, tmp_path: Path) -> None:
    run(environment / "python", "-m", "pip", "install", "--disable-pip-version-check", "pytest", folder=tmp_path)
    assert "assert_bit_exact" in run(environment / "python", "-m", "pytest", "--fixtures", "-q", folder=tmp_path)
