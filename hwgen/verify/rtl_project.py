"""Opens a folder with a Verilog project: its network, its sources as they are now, and where each code can be seen."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hwgen.circuit.operations import Read
from hwgen.emit.certificate import CERTIFICATE_FILE
from hwgen.emit.rtl_project import CIRCUIT_FILE
from hwgen.errors import ProjectError
from hwgen.ir import Network, Value
from hwgen.verify.certificate import Ranges, StepChecks, check_step_functions
from hwgen.verify.project import (
    NETWORK_FILE,
    PROJECT_FILE,
    Change,
    FileChange,
    listed_files,
    project_document,
    read_network,
)

SIGNALS_FILE = "signals.json"


@dataclass(frozen=True, slots=True)
class CodeSignal:
    """Where a code of a value stands, beat by beat.

    Attributes:
        instance: of the module, in the top.
        name: of the wire or register within it.
        stage: of its stream.
        signed: how its bits are read.
    """

    instance: str
    name: str
    stage: int
    signed: bool


@dataclass(frozen=True, slots=True)
class ValueSignals:
    """Where the codes of a value stand.

    Attributes:
        beats: of a sample.
        valid: the wires in the top whose bit k says that a beat is in stage k; empty where no output depends on it.
        codes: of a beat; None for one that no output depends on, or that is built into its readers.
    """

    beats: int
    valid: str
    codes: tuple[CodeSignal | None, ...]


@dataclass(frozen=True, slots=True)
class SimulatedPort:
    """A port of the top module that carries a beat of a value's codes, the first in the lowest bits.

    Attributes:
        beats: of a sample.
    """

    name: str
    value: Value
    beats: int


@dataclass(frozen=True, slots=True, eq=False)
class RtlProject:
    """A Verilog project, read once.

    Attributes:
        network: what it must compute.
        top: name of its top module.
        inputs, outputs: ports, in the network's order.
        latency_cycles: what it says of itself.
        files: Verilog by path; ``sources`` are the paths, in order.
        signals: for each value of the network, where its codes are.
        changes: files that differ from what hwgen wrote.
        sha256: of network and sources, as they are.
        steps: forms of step functions that were checked when it was opened.
    """

    network: Network
    top: str
    inputs: tuple[SimulatedPort, ...]
    outputs: tuple[SimulatedPort, ...]
    latency_cycles: int
    files: Mapping[str, bytes]
    sources: tuple[str, ...]
    signals: Mapping[str, ValueSignals]
    changes: tuple[FileChange, ...]
    sha256: str
    steps: StepChecks

    @property
    def one_beat(self) -> bool:
        """Whether a sample is one beat from input to output."""
        beats = [port.beats for port in (*self.inputs, *self.outputs)]
        return max([*beats, *(signals.beats for signals in self.signals.values())]) == 1


def project_target(directory: Path) -> str:
    """What a project folder holds, "hls" or "rtl", so far as it can be told without reading it all.

    Raises:
        ProjectError: it is no hwgen project.
    """
    directory = Path(directory)
    if not directory.is_dir():
        raise ProjectError(f"a project folder was expected at {str(directory)!r}, where there is no folder.")
    path = directory / PROJECT_FILE
    files = {PROJECT_FILE: path.read_bytes()} if path.is_file() else {}
    return str(project_document(files, str(directory)).get("target", "hls"))


def open_rtl_project(directory: Path) -> RtlProject:
    """Read a project folder that ``hwgen build --target rtl`` wrote.

    Raises:
        ProjectError: a file is missing or not what it should be.
    """
    directory = Path(directory)
    if not directory.is_dir():
        raise ProjectError(f"a project folder was expected at {str(directory)!r}, where there is no folder.")
    paths = {*(directory / name for name in (PROJECT_FILE, NETWORK_FILE, CERTIFICATE_FILE)), *listed_files(directory)}
    try:
        files = {path.relative_to(directory).as_posix(): path.read_bytes() for path in paths if path.is_file()}
    except OSError as error:
        raise ProjectError(f"project {str(directory)!r}: a file cannot be read: {error}.") from error
    return rtl_project_from_files(files, str(directory))


def rtl_project_from_files(files: Mapping[str, bytes], where: str) -> RtlProject:
    """A project from its files, read or never written; ``where`` is for error messages.

    Raises:
        ProjectError: as in ``open_rtl_project``.
    """
    document = project_document(files, where)
    if document.get("target") != "rtl":
        raise ProjectError(f"project {where!r} holds no Verilog; build it with 'hwgen build --target rtl'.")
    network = read_network(files, where)
    sources = tuple(document["sources"])
    for source in sources:
        if source not in files:
            raise ProjectError(
                f"project {where!r}: the source {source!r}, listed in {PROJECT_FILE}, is missing; build it again."
            )
    top, latency = document.get("top", network.name), document.get("latency_cycles")
    if not isinstance(top, str) or not isinstance(latency, int) or latency < 0:
        raise ProjectError(f"project {where!r}: {PROJECT_FILE} should name the top and latency_cycles; build it again.")
    verilog = {path: content for path, content in sorted(files.items()) if path in sources or path.endswith(".vh")}
    return RtlProject(
        network=network,
        top=top,
        inputs=_ports(document, "inputs", "in", [source.value for source in network.inputs], where),
        outputs=_ports(document, "outputs", "out", [network.value(name) for name in network.outputs], where),
        latency_cycles=latency,
        files=verilog,
        sources=sources,
        signals=_signals(files, network, where),
        changes=_changes(document["files"], files),
        sha256=_digest(files, verilog),
        steps=check_step_functions(files, network, _word_ranges(files, where), where),
    )


def _word_ranges(files: Mapping[str, bytes], where: str) -> Ranges:
    """What each code of each value of a beat can reach, as the circuit says."""
    try:
        circuit = json.loads(files[CIRCUIT_FILE])
        words = circuit["words"]
        read: dict[str, list[int]] = {port["name"]: [] for port in circuit["inputs"]}
        for number, word in enumerate(words):
            if word["operation"]["kind"] == Read.__name__:
                read[circuit["inputs"][word["operation"]["port"]]["name"]].append(number)
        values = [*read.items(), *((name, numbers) for name, numbers in circuit["values"])]
        return {name: [(words[n]["low"], words[n]["high"]) for n in numbers] for name, numbers in values}
    except (KeyError, ValueError, TypeError, IndexError) as error:
        raise ProjectError(
            f"project {where!r}: {CIRCUIT_FILE} is missing or damaged ({type(error).__name__}: {error}); build the "
            f"project again."
        ) from error


def _ports(
    document: dict[str, Any], side: str, prefix: str, values: list[Value], where: str
) -> tuple[SimulatedPort, ...]:
    described = document.get(side, [{"port": f"{prefix}_{value.name}", "value": value.name} for value in values])
    damaged = ProjectError(
        f"project {where!r}: the {side} that {PROJECT_FILE} names are not those of {NETWORK_FILE}; build it again."
    )
    if not isinstance(described, list) or len(described) != len(values):
        raise damaged
    ports = []
    for entry, value in zip(described, values, strict=True):
        if not isinstance(entry, dict) or entry.get("value") != value.name:
            raise damaged
        beats = entry.get("beats", 1)
        if not isinstance(beats, int) or beats < 1 or value.size % beats:
            raise damaged
        bits = value.size // beats * value.type.width
        if entry.get("bits", bits) != bits:
            raise damaged
        ports.append(SimulatedPort(str(entry.get("port")), value, beats))
    return tuple(ports)


def _signals(files: Mapping[str, bytes], network: Network, where: str) -> dict[str, ValueSignals]:
    if SIGNALS_FILE not in files:
        return {}
    try:
        document = json.loads(files[SIGNALS_FILE])
        signals = {
            name: ValueSignals(
                int(entry["beats"]), str(entry["valid"]), tuple(_signal(code) for code in entry["codes"])
            )
            for name, entry in document.items()
        }
        values = network.values()
        sizes = {name: values[name].size for name in signals}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ProjectError(f"project {where!r}: {SIGNALS_FILE} is damaged ({error}); build it again.") from error
    if any(len(entry.codes) * entry.beats != sizes[name] for name, entry in signals.items()):
        raise ProjectError(f"project {where!r}: {SIGNALS_FILE} does not fit {NETWORK_FILE}; build it again.")
    return signals


def _signal(entry: dict[str, Any] | None) -> CodeSignal | None:
    if entry is None:
        return None
    return CodeSignal(str(entry["instance"]), str(entry["signal"]), int(entry["stage"]), bool(entry["signed"]))


def _changes(written: dict[str, str], files: Mapping[str, bytes]) -> tuple[FileChange, ...]:
    found = []
    for path, digest in sorted(written.items()):
        if path not in files:
            found.append(FileChange(path, Change.MISSING))
        elif hashlib.sha256(files[path]).hexdigest() != digest:
            found.append(FileChange(path, Change.EDITED))
    return tuple(found)


def _digest(files: Mapping[str, bytes], verilog: Mapping[str, bytes]) -> str:
    digest = hashlib.sha256()
    for path, content in sorted({**verilog, NETWORK_FILE: files[NETWORK_FILE]}.items()):
        digest.update(path.encode() + b"\0" + hashlib.sha256(content).digest())
    return digest.hexdigest()
