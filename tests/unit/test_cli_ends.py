"""How commands end: with a sentence and the right exit code, whatever they are given."""

from pathlib import Path

import numpy as np
import pytest
from oracle.example_network import example_network

import hwgen
from hwgen.api import Model
from hwgen.cli import main
from hwgen.errors import InputError, ToolFailedError


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    """The exit code of a command line."""
    monkeypatch.setattr("sys.argv", ["hwgen", *arguments])
    with pytest.raises(SystemExit) as ended:
        main()
    return int(ended.value.code or 0)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    hwgen.build(Model(example_network()), tmp_path / "project")
    return tmp_path / "project"


def test_data_without_samples_builds_nothing(tmp_path: Path) -> None:
    model = Model(example_network())
    empty = [np.zeros((0, *source.value.shape)) for source in model.network.inputs]
    with pytest.raises(InputError, match="at least one sample is needed"):
        hwgen.build(model, tmp_path / "project", inputs=empty[0] if len(empty) == 1 else empty)
    assert not (tmp_path / "project").exists()


def test_a_compiler_that_writes_nothing_is_found_out(project: Path) -> None:
    with pytest.raises(ToolFailedError):
        hwgen.verify(project, compiler="/bin/true", cache=False)


def test_a_negative_seed_is_misuse(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert run(monkeypatch, "verify", str(project), "--seed", "-1") == 2
    with pytest.raises(InputError, match="a seed is 0 or more"):
        hwgen.verify(project, seed=-1)


def test_a_defect_of_hwgen_is_told_apart_from_a_mismatch(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def defect(*arguments: object, **options: object) -> None:
        raise ZeroDivisionError("a defect")

    monkeypatch.setattr("hwgen.api.verify", defect)
    assert run(monkeypatch, "verify", str(project)) == 70
    said = capsys.readouterr().err
    assert "a defect in hwgen" in said
    assert "ZeroDivisionError" in said
