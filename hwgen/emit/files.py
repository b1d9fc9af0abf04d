"""``FileSet``: the files of a project, held in memory until they are written whole or not at all."""

import json
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath

from hwgen.errors import ProjectError

PROJECT_FILE = "project.json"


class FileSet(Mapping[str, bytes]):
    """An immutable mapping from relative path, with forward slashes, to content; ordered by path.

    Same network, same hwgen: same bytes. There are no dates and no absolute paths in it.
    """

    __slots__ = ("_files",)

    def __init__(self, files: Mapping[str, str | bytes]) -> None:
        for path in files:
            parts = PurePosixPath(path).parts
            if not parts or path.startswith("/") or ".." in parts or "\\" in path:
                raise ProjectError(f"a file of a project has a relative path inside it, got {path!r}.")
        self._files = {
            path: content.encode() if isinstance(content, str) else content for path, content in sorted(files.items())
        }

    def __getitem__(self, path: str) -> bytes:
        return self._files[path]

    def __iter__(self) -> Iterator[str]:
        return iter(self._files)

    def __len__(self) -> int:
        return len(self._files)

    def __repr__(self) -> str:
        return f"FileSet({len(self)} files, {sum(map(len, self.values()))} bytes)"

    def text(self, path: str) -> str:
        """One file's content as text."""
        return self[path].decode()

    def write(self, directory: Path, overwrite: bool = False) -> None:
        """Write every file below ``directory``; a failure leaves what was there before.

        Args:
            directory: created, with its parents. May exist if it is empty.
            overwrite: whether the files of an hwgen project that is already there may be replaced. Files in it that
                hwgen did not write, a vendor tool's results for example, stay.
        Raises:
            ProjectError: the folder holds something that is not an hwgen project, or one and ``overwrite`` is off; or
                the file system refuses.
        """
        check_target(directory, overwrite)
        try:
            self._write(Path(directory).resolve())  # a link to a project stays a link
        except OSError as error:
            raise _unwritten(directory, error) from error

    def _write(self, directory: Path) -> None:
        directory.parent.mkdir(parents=True, exist_ok=True)
        # A sibling is on the same file system, where a rename is atomic.
        staging = Path(tempfile.mkdtemp(prefix=f".{directory.name}.", dir=directory.parent))
        try:
            fresh = staging / "new"
            for path, content in self._files.items():
                target = fresh / path
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(content)
                target.chmod(0o755 if path.endswith(".sh") else 0o644)
            if is_project(directory):
                _keep_others(directory, fresh)
            _swap(fresh, directory, staging / "old")
        finally:
            shutil.rmtree(staging, ignore_errors=True)


def _keep_others(directory: Path, fresh: Path) -> None:
    """Bring over what hwgen did not write: as links to the same content, which cost nothing."""
    written = json.loads((directory / PROJECT_FILE).read_text()).get("files")
    listed = written if isinstance(written, dict) else {}
    for path in directory.rglob("*"):
        name = path.relative_to(directory)
        target = fresh / name
        ours = name.as_posix() in listed or name.as_posix() in (PROJECT_FILE, "verify.json")
        if ours or target.exists() or (path.is_dir() and not path.is_symlink()):
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            os.link(path, target, follow_symlinks=False)
        except OSError:  # no hard links here
            shutil.copy2(path, target, follow_symlinks=False)


def _swap(fresh: Path, directory: Path, old: Path) -> None:
    """Put ``fresh`` in the place of ``directory``; what was there comes back if that fails."""
    existed = directory.exists()
    if existed:
        directory.rename(old)
    try:
        fresh.rename(directory)
    except OSError:
        if existed:
            old.rename(directory)
        raise


def check_target(directory: Path, overwrite: bool) -> None:
    """Refuse a folder that ``FileSet.write`` would refuse, before anything is made for it.

    Raises:
        ProjectError: as there.
    """
    try:
        _check_target(Path(directory).resolve(), overwrite)
    except (OSError, RuntimeError) as error:  # RuntimeError: links that go round in a circle, before Python 3.13
        raise _unwritten(directory, error) from error


def _unwritten(directory: Path, error: Exception) -> ProjectError:
    return ProjectError(f"the project could not be written to {directory}: {error}.")


def _check_target(directory: Path, overwrite: bool) -> None:
    if not directory.exists():
        return
    if not directory.is_dir():
        raise ProjectError(f"a folder for the project was expected, but {directory} is a file; choose another name.")
    if not any(directory.iterdir()):
        return
    if not is_project(directory):
        raise ProjectError(
            f"{directory} exists and is no hwgen project (it has no {PROJECT_FILE} of hwgen's), so hwgen leaves it "
            f"alone; choose another folder or remove it yourself."
        )
    if not overwrite:
        raise ProjectError(f"{directory} already holds an hwgen project; choose another folder or allow overwriting.")


def is_project(directory: Path) -> bool:
    """Whether a folder holds a ``project.json`` that hwgen wrote."""
    try:
        document = json.loads((directory / PROJECT_FILE).read_text())
    except (OSError, RecursionError, ValueError):
        return False
    return isinstance(document, dict) and "hwgen" in document and "format" in document
