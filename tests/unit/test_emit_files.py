"""``FileSet``: paths, order, and writing that is whole or not at all."""

import errno
import json
import re
from pathlib import Path

import pytest

from hwgen.emit import FileSet
from hwgen.emit.files import PROJECT_FILE, is_project
from hwgen.errors import ProjectError

PROJECT = {"project.json": '{"hwgen": "0", "format": 1}', "b/c.txt": "c", "a.sh": "#!/bin/bash\n", "raw": b"\x00\xff"}


def tree(directory: Path) -> dict[str, bytes]:
    return {p.relative_to(directory).as_posix(): p.read_bytes() for p in directory.rglob("*") if p.is_file()}


def test_files_are_ordered_by_path_and_cannot_be_changed() -> None:
    files = FileSet(PROJECT)
    assert list(files) == ["a.sh", "b/c.txt", "project.json", "raw"]
    assert files["raw"] == b"\x00\xff"
    assert files.text("b/c.txt") == "c"
    with pytest.raises(TypeError):
        files["a.sh"] = b""  # type: ignore[index]


@pytest.mark.parametrize("path", ["/etc/passwd", "../up", "a/../../b", "", "a\\b"])
def test_paths_stay_inside_the_project(path: str) -> None:
    with pytest.raises(ProjectError) as caught:
        FileSet({path: ""})
    assert str(caught.value) == f"a file of a project has a relative path inside it, got {path!r}."


def test_write_creates_the_folder_and_its_parents_with_exactly_these_files(tmp_path: Path) -> None:
    FileSet(PROJECT).write(tmp_path / "deep" / "project")
    assert tree(tmp_path / "deep" / "project") == dict(FileSet(PROJECT))
    assert (tmp_path / "deep" / "project" / "a.sh").stat().st_mode & 0o111
    assert [entry.name for entry in (tmp_path / "deep").iterdir()] == ["project"]


def test_write_fills_an_empty_folder(tmp_path: Path) -> None:
    FileSet(PROJECT).write(tmp_path)
    assert is_project(tmp_path)


@pytest.mark.parametrize("overwrite", [False, True])
def test_a_folder_that_is_no_project_is_left_alone(tmp_path: Path, overwrite: bool) -> None:
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(ProjectError) as caught:
        FileSet(PROJECT).write(tmp_path, overwrite=overwrite)
    assert str(caught.value) == (
        f"{tmp_path} exists and is no hwgen project (it has no project.json of hwgen's), so hwgen leaves it alone; "
        f"choose another folder or remove it yourself."
    )
    assert tree(tmp_path) == {"thesis.tex": b"years of work"}


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"name": "someone else\'s"}', "not json"])
def test_another_programs_project_file_is_not_taken_for_hwgens(tmp_path: Path, content: str) -> None:
    (tmp_path / "project.json").write_text(content)
    with pytest.raises(ProjectError, match="no hwgen project"):
        FileSet(PROJECT).write(tmp_path, overwrite=True)


def test_a_file_in_the_way_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "project").write_text("a file")
    with pytest.raises(ProjectError) as caught:
        FileSet(PROJECT).write(tmp_path / "project", overwrite=True)
    assert str(caught.value) == (
        f"a folder for the project was expected, but {tmp_path / 'project'} is a file; choose another name."
    )


def test_a_project_is_replaced_only_when_asked_and_what_hwgen_wrote_is_gone(tmp_path: Path) -> None:
    target = tmp_path / "project"
    listed = json.dumps({"hwgen": "0", "format": 1, "files": {"old.txt": "its hash"}})
    FileSet({PROJECT_FILE: listed, "old.txt": "old", "verify.json": "a verdict on the old files"}).write(target)
    with pytest.raises(ProjectError) as caught:
        FileSet(PROJECT).write(target)
    assert str(caught.value) == (
        f"{target} already holds an hwgen project; choose another folder or allow overwriting."
    )
    assert "old.txt" in tree(target)
    FileSet(PROJECT).write(target, overwrite=True)
    assert tree(target) == dict(FileSet(PROJECT))
    assert [entry.name for entry in tmp_path.iterdir()] == ["project"]


def test_files_that_hwgen_did_not_write_stay_when_a_project_is_replaced(tmp_path: Path) -> None:
    target = tmp_path / "project"
    FileSet(PROJECT).write(target)
    (target / "solution").mkdir()
    (target / "solution" / "csynth.rpt").write_text("hours of synthesis")
    (target / "notes.txt").write_text("mine")
    link = tmp_path / "link"
    link.symlink_to(target)
    FileSet({**PROJECT, "new": "new"}).write(link, overwrite=True)
    expected = {
        **FileSet({**PROJECT, "new": "new"}),
        "notes.txt": b"mine",
        "solution/csynth.rpt": b"hours of synthesis",
    }
    assert tree(target) == expected
    assert link.is_symlink()


def test_a_failed_write_leaves_the_old_project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = tmp_path / "project"
    FileSet(PROJECT).write(target)

    def full(self: Path, content: bytes) -> int:
        raise OSError("no space left")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(ProjectError) as caught:
        FileSet({**PROJECT, "new": "new"}).write(target, overwrite=True)
    assert str(caught.value) == f"the project could not be written to {target}: no space left."
    monkeypatch.undo()
    assert tree(target) == dict(FileSet(PROJECT))
    assert [entry.name for entry in tmp_path.iterdir()] == ["project"]


def test_a_failed_swap_brings_the_old_project_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = tmp_path / "project"
    FileSet(PROJECT).write(target)
    rename = Path.rename

    def refuse_new(self: Path, where: Path) -> Path:
        if self.name == "new":
            raise OSError("refused")
        return rename(self, where)

    monkeypatch.setattr(Path, "rename", refuse_new)
    with pytest.raises(ProjectError, match=re.escape(f"the project could not be written to {target}: refused.")):
        FileSet({**PROJECT, "new": "new"}).write(target, overwrite=True)
    monkeypatch.undo()
    assert tree(target) == dict(FileSet(PROJECT))


def test_a_name_that_the_file_system_does_not_take_is_refused(tmp_path: Path) -> None:
    long = tmp_path / ("x" * 300)
    with pytest.raises(ProjectError) as caught:
        FileSet(PROJECT).write(long)
    assert str(caught.value) == (
        f"the project could not be written to {long}: [Errno {errno.ENAMETOOLONG}] File name too long: '{long}'."
    )


def test_links_in_a_circle_are_no_place_for_a_project(tmp_path: Path) -> None:
    (tmp_path / "one").symlink_to(tmp_path / "two")
    (tmp_path / "two").symlink_to(tmp_path / "one")
    with pytest.raises(ProjectError, match=re.escape(f"the project could not be written to {tmp_path / 'one'}: ")):
        FileSet(PROJECT).write(tmp_path / "one")
    assert (tmp_path / "one").is_symlink()


def test_a_project_that_lists_no_files_is_replaced_and_what_it_holds_stays(tmp_path: Path) -> None:
    target = tmp_path / "project"
    FileSet({PROJECT_FILE: '{"hwgen": "0", "format": 1, "files": null}', "old.txt": "old"}).write(target)
    FileSet(PROJECT).write(target, overwrite=True)
    assert tree(target) == {**FileSet(PROJECT), "old.txt": b"old"}
