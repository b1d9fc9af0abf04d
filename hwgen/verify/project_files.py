"""What every project folder holds, C++ or Verilog: ``project.json``, the network, sources; and what changed in them."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import Path, PurePosixPath
from typing import Any

from hwgen.emit.files import PROJECT_FILE
from hwgen.emit.project import FORMAT, NETWORK_FILE
from hwgen.errors import InputError, NetworkError, ProjectError
from hwgen.ir import Network, network_from_json


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


def read_files(directory: Path, paths: Iterable[Path]) -> dict[str, bytes]:
    """Those of the paths that are files: path below the folder, with forward slashes, to content.

    Args:
        paths: below the folder; looked for while they are read.
    Raises:
        ProjectError: there is no such folder, or a file in it cannot be read.
    """
    try:
        if not directory.is_dir():
            raise ProjectError(f"a project folder was expected at {str(directory)!r}, where there is no folder.")
        return {path.relative_to(directory).as_posix(): path.read_bytes() for path in paths if path.is_file()}
    except OSError as error:
        raise ProjectError(f"project {str(directory)!r}: a file cannot be read: {error}.") from error


def listed_files(directory: Path) -> list[Path]:
    """Files that ``project.json`` lists: the folder may hold gigabytes of the vendor's tools beside them."""
    try:
        written = read_json((directory / PROJECT_FILE).read_bytes())["files"]
        paths = [PurePosixPath(path) for path in written]
    except (OSError, ValueError, KeyError, TypeError):
        return []  # what is wrong with it is said when it is read
    return [directory / path for path in paths if not path.is_absolute() and ".." not in path.parts]


def read_json(content: bytes) -> Any:
    """A JSON document.

    Raises:
        ValueError: it is none.
    """
    try:
        return json.loads(content)
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error


def project_document(files: Mapping[str, bytes], where: str) -> dict[str, Any]:
    """``project.json``: what kind of project it is, its sources, and the sha256 of every file that hwgen wrote.

    Args:
        where: the project, for messages.
    Raises:
        ProjectError: there is none, or it is another's or damaged.
    """
    what = f"project {where!r}: {PROJECT_FILE}"
    if PROJECT_FILE not in files:
        raise ProjectError(f"{what} is missing, so this is no hwgen project; write one with 'hwgen build'.")
    try:
        document = read_json(files[PROJECT_FILE])
    except ValueError as error:
        raise ProjectError(f"{what} cannot be read as JSON ({error}); build the project again.") from error
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise ProjectError(f"{what} is not of format {FORMAT}, which this hwgen reads; build the project again.")
    sources, written = document.get("sources"), document.get("files")
    if not isinstance(sources, list) or not sources or not all(isinstance(path, str) for path in sources):
        raise ProjectError(f"{what} should list the source files under 'sources'; build the project again.")
    if not isinstance(written, dict) or not all(isinstance(digest, str) for digest in written.values()):
        raise ProjectError(f"{what} should map each file to its sha256 under 'files'; build the project again.")
    return document


def listed_sources(document: Mapping[str, Any], found: Mapping[str, bytes], where: str) -> tuple[str, ...]:
    """The sources that ``project.json`` lists, all of them among the files found.

    Raises:
        ProjectError: one is not.
    """
    for source in document["sources"]:
        if source not in found:
            raise ProjectError(
                f"project {where!r}: the source {source!r}, listed in {PROJECT_FILE}, is missing; build the "
                f"project again."
            )
    return tuple(document["sources"])


def read_network(files: Mapping[str, bytes], where: str) -> Network:
    """What the project must compute.

    Raises:
        ProjectError: ``network.json`` is missing or damaged.
    """
    what = f"project {where!r}: {NETWORK_FILE}"
    if NETWORK_FILE not in files:
        raise ProjectError(f"{what} is missing; build the project again.")
    try:
        return network_from_json(files[NETWORK_FILE].decode())
    except UnicodeDecodeError as error:
        raise ProjectError(f"{what} is not text ({error}); build the project again.") from error
    except (NetworkError, InputError) as error:
        raise ProjectError(f"{what} is damaged ({str(error).removesuffix('.')}); build the project again.") from error


def file_changes(
    written: Mapping[str, str], files: Mapping[str, bytes], sources: Iterable[str]
) -> tuple[FileChange, ...]:
    """Compare with what was written, by path; of files that hwgen did not write, only sources count.

    Args:
        written: sha256 by path.
    """
    found = [FileChange(path, Change.ADDED) for path in sources if path not in written]
    for path, digest in written.items():
        if path not in files:
            found.append(FileChange(path, Change.MISSING))
        elif hashlib.sha256(files[path]).hexdigest() != digest:
            found.append(FileChange(path, Change.EDITED))
    return tuple(sorted(found, key=lambda change: change.path))


def project_digest(files: Mapping[str, bytes], sources: Mapping[str, bytes]) -> str:
    """sha256 of the network and the sources."""
    digest = hashlib.sha256()
    for path, content in sorted({**sources, NETWORK_FILE: files[NETWORK_FILE]}.items()):
        digest.update(path.encode() + b"\0" + hashlib.sha256(content).digest())
    return digest.hexdigest()
