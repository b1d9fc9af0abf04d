"""Opens a project folder: its network, its sources as they are now, and what changed since hwgen wrote them."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import Path, PurePosixPath
from typing import Any

from hwgen.emit.certificate import CERTIFICATE_FILE
from hwgen.errors import InputError, NetworkError, ProjectError
from hwgen.ir import Network, network_from_json
from hwgen.tools import SourceTree
from hwgen.verify.certificate import StepChecks, check_step_functions, network_ranges

PROJECT_FILE = "project.json"
NETWORK_FILE = "network.json"

_FORMAT = 1
_DOCUMENTS = frozenset({PROJECT_FILE, NETWORK_FILE, CERTIFICATE_FILE})
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
    """A project, read once.

    Attributes:
        network: what the project must compute.
        tree: C++ sources and headers as they are.
        changes: files that differ from what ``project.json`` says hwgen wrote, by path.
        sha256: of network and sources, as they are.
        steps: forms of step functions that were checked when it was opened.
    """

    network: Network
    tree: SourceTree
    changes: tuple[FileChange, ...]
    sha256: str
    steps: StepChecks


def open_project(directory: Path) -> Project:
    """Read a project folder.

    Raises:
        ProjectError: the folder, ``project.json``, ``network.json`` or a source is missing or not what it should be.
    """
    directory = Path(directory)
    if not directory.is_dir():
        raise ProjectError(f"a project folder was expected at {str(directory)!r}, where there is no folder.")
    try:
        paths = [path for path in directory.iterdir() if path.name in _DOCUMENTS or path.suffix in _SOURCE_SUFFIXES]
        paths += [*(directory / "firmware").rglob("*"), *listed_files(directory)]
        files = {path.relative_to(directory).as_posix(): path.read_bytes() for path in paths if path.is_file()}
    except OSError as error:
        raise ProjectError(f"project {str(directory)!r}: a file cannot be read: {error}.") from error
    return project_from_files(files, str(directory))


def listed_files(directory: Path) -> list[Path]:
    """Files that ``project.json`` lists: the folder may hold gigabytes of the vendor's tools beside them."""
    try:
        written = json.loads((directory / PROJECT_FILE).read_bytes())["files"]
        paths = [PurePosixPath(path) for path in written]
    except (OSError, ValueError, KeyError, TypeError):
        return []  # what is wrong with it is said when it is read
    return [directory / path for path in paths if not path.is_absolute() and ".." not in path.parts]


def project_from_files(files: Mapping[str, bytes], where: str) -> Project:
    """A project from its files, read or never written: path with forward slashes to content.

    Args:
        where: for error messages.
    Raises:
        ProjectError: as in ``open_project``.
    """
    document = project_document(files, where)
    network = read_network(files, where)
    sources = {path: content for path, content in sorted(files.items()) if _is_source(path)}
    units = tuple(document["sources"])
    for unit in units:
        if unit not in sources:
            raise ProjectError(
                f"project {where!r}: the source {unit!r}, listed in {PROJECT_FILE}, is missing; build it again."
            )
    ap_types = str(document.get("include", ""))
    has_ap_types = bool(ap_types) and any(path.startswith(f"{ap_types}/") for path in sources)
    tree = SourceTree(sources, units, (".", "firmware"), ap_types if has_ap_types else "")
    checks = check_step_functions(files, network, network_ranges(network), where)
    return Project(network, tree, _changes(document["files"], files), _digest(files, sources), checks)


def _is_source(path: str) -> bool:
    """All of ``firmware/``, and the C++ files beside it."""
    name = PurePosixPath(path)
    return path.startswith("firmware/") or (len(name.parts) == 1 and name.suffix in _SOURCE_SUFFIXES)


def project_document(files: Mapping[str, bytes], where: str) -> dict[str, Any]:
    """``project.json``: sources to compile, and the sha256 of every file that hwgen wrote."""
    what = f"project {where!r}: {PROJECT_FILE}"
    if PROJECT_FILE not in files:
        raise ProjectError(f"{what} is missing, so this is no hwgen project; write one with 'hwgen build'.")
    try:
        document = json.loads(files[PROJECT_FILE])
    except ValueError as error:
        raise ProjectError(f"{what} cannot be read as JSON ({error}); build the project again.") from error
    if not isinstance(document, dict) or document.get("format") != _FORMAT:
        raise ProjectError(f"{what} is not of format {_FORMAT}, which this hwgen reads; build the project again.")
    sources, written = document.get("sources"), document.get("files")
    if not isinstance(sources, list) or not sources or not all(isinstance(path, str) for path in sources):
        raise ProjectError(f"{what} should list the C++ files to compile under 'sources'; build the project again.")
    if not isinstance(written, dict) or not all(isinstance(digest, str) for digest in written.values()):
        raise ProjectError(f"{what} should map each file to its sha256 under 'files'; build the project again.")
    return document


def read_network(files: Mapping[str, bytes], where: str) -> Network:
    what = f"project {where!r}: {NETWORK_FILE}"
    if NETWORK_FILE not in files:
        raise ProjectError(f"{what} is missing; build the project again.")
    try:
        return network_from_json(files[NETWORK_FILE].decode())
    except UnicodeDecodeError as error:
        raise ProjectError(f"{what} is not text ({error}); build the project again.") from error
    except (NetworkError, InputError) as error:
        raise ProjectError(f"{what} is damaged: {error} Build the project again.") from error


def _changes(written: dict[str, str], files: Mapping[str, bytes]) -> tuple[FileChange, ...]:
    """Compare with what was written; of files that hwgen did not write, only sources count."""
    found = [FileChange(path, Change.ADDED) for path in files if path not in written and _is_source(path)]
    for path, digest in written.items():
        if path not in files:
            found.append(FileChange(path, Change.MISSING))
        elif hashlib.sha256(files[path]).hexdigest() != digest:
            found.append(FileChange(path, Change.EDITED))
    return tuple(sorted(found, key=lambda change: change.path))


def _digest(files: Mapping[str, bytes], sources: Mapping[str, bytes]) -> str:
    digest = hashlib.sha256()
    for path, content in sorted({**sources, NETWORK_FILE: files[NETWORK_FILE]}.items()):
        digest.update(path.encode() + b"\0" + hashlib.sha256(content).digest())
    return digest.hexdigest()
