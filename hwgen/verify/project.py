"""Opens a project folder: its network, its sources as they are now, and what changed since hwgen wrote them."""

import hashlib
import json
from dataclasses import dataclass
from enum import Enum
from pathlib import Path, PurePosixPath
from typing import Any

from hwgen.errors import NetworkError, ProjectError
from hwgen.ir import Network, network_from_json
from hwgen.tools import SourceTree

PROJECT_FILE = "project.json"
NETWORK_FILE = "network.json"

_FORMAT = 1
_SOURCE_SUFFIXES = frozenset({".cpp", ".cc", ".h", ".hpp"})


class Change(Enum):
    """What happened to a file since hwgen wrote it."""

    EDITED = "edited"
    MISSING = "missing"
    ADDED = "added"


@dataclass(frozen=True, slots=True)
class FileChange:
    """A file that is not as hwgen wrote it."""

    path: str
    change: Change


@dataclass(frozen=True, slots=True)
class Project:
    """A project folder, read once.

    Attributes:
        network: what the project must compute.
        tree: C++ sources and headers as they are in the folder.
        changes: files that differ from what ``project.json`` says hwgen wrote, by path.
        sha256: of network and sources, as they are.
    """

    directory: Path
    network: Network
    tree: SourceTree
    changes: tuple[FileChange, ...]
    sha256: str


def open_project(directory: Path) -> Project:
    """Read a project folder.

    Raises:
        ProjectError: the folder, ``project.json``, ``network.json`` or a source is missing or not what it should be.
    """
    directory = Path(directory)
    if not directory.is_dir():
        raise ProjectError(f"a project folder was expected at {str(directory)!r}, where there is no folder.")
    document = _project_document(directory)
    network = _network(directory)
    ap_types = str(document.get("include", ""))
    files = _source_files(directory)
    units = tuple(document["sources"])
    for unit in units:
        if unit not in files:
            raise ProjectError(
                f"project {directory.name!r}: the source {unit!r}, listed in {PROJECT_FILE}, is missing; "
                f"build the project again."
            )
    tree = SourceTree(files, units, (".", "firmware"), ap_types if _has_folder(files, ap_types) else "")
    return Project(directory, network, tree, _changes(directory, document["files"], files), _content(directory, files))


def _project_document(directory: Path) -> dict[str, Any]:
    """``project.json``: sources to compile, and the sha256 of every file that hwgen wrote."""
    where = f"project {directory.name!r}: {PROJECT_FILE}"
    try:
        document = json.loads((directory / PROJECT_FILE).read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise ProjectError(
            f"{where} is missing, so {str(directory)!r} is no hwgen project; write one with 'hwgen build'."
        ) from error
    except (OSError, ValueError) as error:
        raise ProjectError(f"{where} cannot be read as JSON ({error}); build the project again.") from error
    if not isinstance(document, dict) or document.get("format") != _FORMAT:
        raise ProjectError(f"{where} is not of format {_FORMAT}, which this hwgen reads; build the project again.")
    sources, files = document.get("sources"), document.get("files")
    if not isinstance(sources, list) or not sources or not all(isinstance(path, str) for path in sources):
        raise ProjectError(f"{where} should list the C++ files to compile under 'sources'; build the project again.")
    if not isinstance(files, dict) or not all(isinstance(digest, str) for digest in files.values()):
        raise ProjectError(f"{where} should map each file to its sha256 under 'files'; build the project again.")
    return document


def _network(directory: Path) -> Network:
    where = f"project {directory.name!r}: {NETWORK_FILE}"
    try:
        return network_from_json((directory / NETWORK_FILE).read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise ProjectError(f"{where} is missing; build the project again.") from error
    except (OSError, UnicodeDecodeError) as error:
        raise ProjectError(f"{where} cannot be read ({error}); build the project again.") from error
    except NetworkError as error:
        raise ProjectError(f"{where} is damaged: {error} Build the project again.") from error


def _source_files(directory: Path) -> dict[str, bytes]:
    """All of ``firmware/``, and the C++ files beside it."""
    found: dict[str, bytes] = {}
    beside = [path for path in directory.iterdir() if path.suffix in _SOURCE_SUFFIXES]
    for path in (*(directory / "firmware").rglob("*"), *beside):
        if path.is_file():
            found[path.relative_to(directory).as_posix()] = path.read_bytes()
    return dict(sorted(found.items()))


def _has_folder(files: dict[str, bytes], folder: str) -> bool:
    return bool(folder) and any(path.startswith(f"{folder}/") for path in files)


def _changes(directory: Path, written: dict[str, str], files: dict[str, bytes]) -> tuple[FileChange, ...]:
    found = [FileChange(path, Change.ADDED) for path in files if path not in written]
    for path, digest in written.items():
        content = files.get(path)
        if content is None:
            # A path that leaves the folder was not written by hwgen: not followed, reported as missing.
            inside = not PurePosixPath(path).is_absolute() and ".." not in PurePosixPath(path).parts
            target = directory / path
            content = target.read_bytes() if inside and target.is_file() else None
        if content is None:
            found.append(FileChange(path, Change.MISSING))
        elif hashlib.sha256(content).hexdigest() != digest:
            found.append(FileChange(path, Change.EDITED))
    return tuple(sorted(found, key=lambda change: change.path))


def _content(directory: Path, files: dict[str, bytes]) -> str:
    everything = {**files, NETWORK_FILE: (directory / NETWORK_FILE).read_bytes()}
    digest = hashlib.sha256()
    for path, content in sorted(everything.items()):
        digest.update(path.encode() + b"\0" + hashlib.sha256(content).digest())
    return digest.hexdigest()
