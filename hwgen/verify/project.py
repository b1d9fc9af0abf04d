"""Opens a folder with a C++ project: its network, its sources as they are now, and what changed in them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from hwgen.emit.certificate import CERTIFICATE_FILE
from hwgen.emit.files import PROJECT_FILE
from hwgen.emit.project import NETWORK_FILE
from hwgen.errors import ProjectError
from hwgen.ir import Network
from hwgen.tools import SourceTree
from hwgen.verify.certificate import StepChecks, check_step_functions, network_ranges
from hwgen.verify.project_files import (
    FileChange,
    file_changes,
    listed_files,
    listed_sources,
    project_digest,
    project_document,
    read_files,
    read_network,
)

_DOCUMENTS = frozenset({PROJECT_FILE, NETWORK_FILE, CERTIFICATE_FILE})
_SOURCE_SUFFIXES = frozenset({".cpp", ".cc", ".h", ".hpp"})


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
    return project_from_files(read_files(directory, _paths(directory)), str(directory))


def _paths(directory: Path) -> Iterator[Path]:
    """Every file that counts, and everything below ``firmware/``."""
    for path in directory.iterdir():
        if path.name in _DOCUMENTS or path.suffix in _SOURCE_SUFFIXES:
            yield path
    yield from (directory / "firmware").rglob("*")
    yield from listed_files(directory)


def project_from_files(files: Mapping[str, bytes], where: str) -> Project:
    """A project from its files, read or never written: path with forward slashes to content.

    Args:
        where: for error messages.
    Raises:
        ProjectError: as in ``open_project``.
    """
    document = project_document(files, where)
    if document.get("target", "hls") != "hls":
        raise ProjectError(f"project {where!r} holds no C++; build it with 'hwgen build --target hls'.")
    network = read_network(files, where)
    sources = {path: content for path, content in sorted(files.items()) if _is_source(path)}
    units = listed_sources(document, sources, where)
    ap_types = str(document.get("include", ""))
    has_ap_types = bool(ap_types) and any(path.startswith(f"{ap_types}/") for path in sources)
    tree = SourceTree(sources, units, (".", "firmware"), ap_types if has_ap_types else "")
    return Project(
        network=network,
        tree=tree,
        changes=file_changes(document["files"], files, sources),
        sha256=project_digest(files, sources),
        steps=check_step_functions(files, network, network_ranges(network), where),
    )


def _is_source(path: str) -> bool:
    """All of ``firmware/``, and the C++ files beside it."""
    name = PurePosixPath(path)
    return path.startswith("firmware/") or (len(name.parts) == 1 and name.suffix in _SOURCE_SUFFIXES)
