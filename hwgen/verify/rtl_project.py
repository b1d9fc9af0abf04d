"""Opens a folder with a Verilog project: its network, its sources as they are now, and where each code can be seen."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeGuard

from hwgen.circuit import Circuit, circuit_from_json
from hwgen.circuit.operations import Read
from hwgen.emit.certificate import CERTIFICATE_FILE
from hwgen.emit.files import PROJECT_FILE
from hwgen.emit.project import NETWORK_FILE
from hwgen.emit.rtl_project import CIRCUIT_FILE, SIGNALS_FILE
from hwgen.errors import CircuitError, ProjectError
from hwgen.ir import Network, StepFunction, Value
from hwgen.verify.certificate import Ranges, StepChecks, check_step_functions
from hwgen.verify.project_files import (
    FileChange,
    file_changes,
    listed_files,
    listed_sources,
    project_digest,
    project_document,
    read_files,
    read_json,
    read_network,
)

_DOCUMENTS = (PROJECT_FILE, NETWORK_FILE, CERTIFICATE_FILE)


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
        top: name of its top module; ``axis`` is that of the same behind AXI4-Stream.
        inputs, outputs: ports, in the network's order.
        latency_cycles: what it says of itself.
        circuit: that it was written from; it says where to look, and what is right is the network's to say.
        files: Verilog by path; ``sources`` are the paths, in order.
        signals: for each value of the network, where its codes are.
        changes: files that differ from what hwgen wrote.
        sha256: of network and sources, as they are.
        steps: forms of step functions that were checked when it was opened.
    """

    network: Network
    top: str
    axis: str
    inputs: tuple[SimulatedPort, ...]
    outputs: tuple[SimulatedPort, ...]
    latency_cycles: int
    circuit: Circuit
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
    files = read_files(directory, [directory / PROJECT_FILE])
    return str(project_document(files, str(directory)).get("target", "hls"))


def open_rtl_project(directory: Path) -> RtlProject:
    """Read a project folder that ``hwgen build --target rtl`` wrote.

    Raises:
        ProjectError: a file is missing or not what it should be.
    """
    directory = Path(directory)
    paths = {*(directory / name for name in _DOCUMENTS), *listed_files(directory)}
    return rtl_project_from_files(read_files(directory, paths), str(directory))


def rtl_project_from_files(files: Mapping[str, bytes], where: str) -> RtlProject:
    """A project from its files, read or never written; ``where`` is for error messages.

    Raises:
        ProjectError: as in ``open_rtl_project``.
    """
    document = project_document(files, where)
    if document.get("target") != "rtl":
        raise ProjectError(f"project {where!r} holds no Verilog; build it with 'hwgen build --target rtl'.")
    network = read_network(files, where)
    sources = listed_sources(document, files, where)
    top, axis = document.get("top", network.name), document.get("axis")
    latency = document.get("latency_cycles")
    if not isinstance(top, str) or not isinstance(axis, str) or not _is_count(latency):
        raise ProjectError(
            f"project {where!r}: {PROJECT_FILE} should name the top, axis and latency_cycles; build the project again."
        )
    circuit = _read_circuit(files, network, where)
    verilog = {path: content for path, content in sorted(files.items()) if path in sources or path.endswith(".vh")}
    return RtlProject(
        network=network,
        top=top,
        axis=axis,
        inputs=_ports(document, "inputs", "in", [source.value for source in network.inputs], where),
        outputs=_ports(document, "outputs", "out", [network.value(name) for name in network.outputs], where),
        latency_cycles=latency,
        circuit=circuit,
        files=verilog,
        sources=sources,
        signals=_signals(files, network, where),
        changes=file_changes(document["files"], files, verilog),
        sha256=project_digest(files, verilog),
        steps=check_step_functions(files, network, _word_ranges(circuit, network, where), where),
    )


def _is_count(found: object) -> TypeGuard[int]:
    """Whether it is an integer from 0 on; to Python, true is one."""
    return isinstance(found, int) and not isinstance(found, bool) and found >= 0


def _integer(found: object) -> int:
    if not isinstance(found, int) or isinstance(found, bool):
        raise TypeError(f"an integer was expected, got {found!r}")
    return found


def _read_circuit(files: Mapping[str, bytes], network: Network, where: str) -> Circuit:
    """What the Verilog was written from."""
    what = f"project {where!r}: {CIRCUIT_FILE}"
    if CIRCUIT_FILE not in files:
        raise ProjectError(f"{what} is missing; build the project again.")
    try:
        circuit = circuit_from_json(files[CIRCUIT_FILE].decode())
    except (UnicodeDecodeError, CircuitError) as error:
        raise ProjectError(f"{what} is damaged ({type(error).__name__}: {error}); build the project again.") from error
    described = [(port.name, port.shape, port.type) for port in circuit.inputs]
    if described != [(source.value.name, source.value.shape, source.value.type) for source in network.inputs]:
        raise ProjectError(f"{what} and {NETWORK_FILE} have different inputs; build the project again.")
    return circuit


def _word_ranges(circuit: Circuit, network: Network, where: str) -> Ranges:
    """What each code of each value of a beat can reach, as the circuit says."""
    read: dict[str, list[int]] = {port.name: [] for port in circuit.inputs}
    for number, word in enumerate(circuit.words):
        if isinstance(word.operation, Read):
            read[circuit.inputs[word.operation.port].name].append(number)
    words = {**read, **dict(circuit.values)}
    for layer in network.layers:
        if not isinstance(layer, StepFunction):
            continue
        codes = len(words.get(layer.input, ()))
        if not codes or layer.output.size % codes or codes % layer.output.shape[-1]:
            raise ProjectError(
                f"project {where!r}: {CIRCUIT_FILE} does not fit {NETWORK_FILE}: value {layer.input!r} has {codes} "
                f"words; build the project again."
            )
    return {
        name: [(circuit.words[number].low, circuit.words[number].high) for number in numbers]
        for name, numbers in words.items()
    }


def _ports(
    document: dict[str, Any], side: str, prefix: str, values: list[Value], where: str
) -> tuple[SimulatedPort, ...]:
    described = document.get(side, [{"port": f"{prefix}_{value.name}", "value": value.name} for value in values])
    damaged = ProjectError(
        f"project {where!r}: the {side} that {PROJECT_FILE} names are not those of {NETWORK_FILE}; build the "
        f"project again."
    )
    if not isinstance(described, list) or len(described) != len(values):
        raise damaged
    ports = []
    for entry, value in zip(described, values, strict=True):
        if not isinstance(entry, dict) or entry.get("value") != value.name or not isinstance(entry.get("port"), str):
            raise damaged
        beats = entry.get("beats", 1)
        if not _is_count(beats) or beats < 1 or value.size % beats:
            raise damaged
        bits = value.size // beats * value.type.width
        if entry.get("bits", bits) != bits:
            raise damaged
        ports.append(SimulatedPort(entry["port"], value, beats))
    return tuple(ports)


def _signals(files: Mapping[str, bytes], network: Network, where: str) -> dict[str, ValueSignals]:
    if SIGNALS_FILE not in files:
        return {}
    what = f"project {where!r}: {SIGNALS_FILE}"
    try:
        signals = {name: _value_signals(entry) for name, entry in read_json(files[SIGNALS_FILE]).items()}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ProjectError(f"{what} is damaged ({type(error).__name__}: {error}); build the project again.") from error
    values = network.values()
    for name, entry in signals.items():
        if name not in values or len(entry.codes) * entry.beats != values[name].size:
            raise ProjectError(f"{what} does not fit {NETWORK_FILE}: value {name!r}; build the project again.")
    return signals


def _value_signals(entry: dict[str, Any]) -> ValueSignals:
    codes = tuple(None if code is None else _signal(code) for code in entry["codes"])
    return ValueSignals(_integer(entry["beats"]), str(entry["valid"]), codes)


def _signal(entry: dict[str, Any]) -> CodeSignal:
    return CodeSignal(str(entry["instance"]), str(entry["signal"]), _integer(entry["stage"]), bool(entry["signed"]))
