"""``rtl_project``: a Network and its Circuit as a Verilog project."""

import json
from hashlib import sha256
from importlib.metadata import version

from hwgen.circuit import Circuit, circuit_to_json
from hwgen.emit.certificate import CERTIFICATE_FILE, certificate, circuit_forms
from hwgen.emit.files import PROJECT_FILE, FileSet
from hwgen.emit.project import FORMAT, NETWORK_FILE, check_part_and_clock
from hwgen.emit.render import render_rtl, static_rtl
from hwgen.emit.rtl_top import Design, PortView, design
from hwgen.emit.vectors import Vectors, check_vectors
from hwgen.errors import InputError
from hwgen.fixed import IntArray
from hwgen.ir import Network, check_network, network_to_json

CIRCUIT_FILE = "circuit.json"
SIGNALS_FILE = "signals.json"
_LIBRARY = (
    "hwgen_add3",
    "hwgen_fifo",
    "hwgen_gather",
    "hwgen_line_buffer",
    "hwgen_register_slice",
    "hwgen_row",
    "hwgen_window",
)
_SERIES_7 = ("xc7", "xa7", "xq7")
_ULTRASCALE = ("xcku", "xcvu", "xczu", "xcau", "xcu", "xqku", "xqvu", "xqzu", "xazu", "xaau", "xck26", "xck24")


def rtl_project(
    network: Network,
    circuit: Circuit,
    *,
    part: str,
    clock_ns: float,
    vectors: Vectors | None = None,
    source_sha256: str | None = None,
) -> FileSet:
    """Write a circuit as Verilog-2005, with testbench, constraints and a synthesis script.

    Args:
        circuit: of this network.
        part: the FPGA, as the vendor's tools name it.
        clock_ns: clock period to synthesize for.
        vectors: test data; without them there is no testbench.
        source_sha256: of the file that the network came from, kept in ``project.json``.
    Returns:
        The files of a self-contained project; the same arguments give the same bytes.
    Raises:
        NetworkError: the network breaks an invariant.
        CircuitError: the circuit breaks one.
        InputError: a part or clock that no tool would take, vectors of another shape, or another network's circuit.
    """
    check_network(network)
    circuit.check()
    check_part_and_clock(part, clock_ns)
    _check_same(network, circuit)
    if network.name in _LIBRARY:
        raise InputError(f"network {network.name!r} has the name of one of hwgen's own Verilog modules; rename it.")
    made = design(network, circuit)
    files = _verilog(made)
    sources = list(files)
    samples = 0
    if vectors is not None:
        check_vectors(network, vectors)
        samples = len(vectors.inputs[0])
    view = {"top": made.top, "axis": made.axis, "modules": made.modules, "samples": samples}
    if samples and vectors is not None:
        files |= _testbench(made, circuit, vectors)
        core = [source for source in sources if source != f"rtl/{made.axis.name}.v"]
        files["run.sh"] = render_rtl("run.sh.jinja", top=made.top, sources=core)
    defines, adders = _defines(part)
    files |= {
        f"{network.name}.xdc": render_rtl("constraints.xdc.jinja", top=made.top, clock_ns=float(clock_ns)),
        "vivado.tcl": render_rtl(
            "vivado.tcl.jinja", top=made.top, part=part, sources=sources, defines=defines, adders=adders
        ),
        "README.md": render_rtl("README.md.jinja", **view, part=part, clock_ns=float(clock_ns)),
        NETWORK_FILE: network_to_json(network) + "\n",
        CIRCUIT_FILE: circuit_to_json(circuit) + "\n",
        **_certificate(network, circuit),
        SIGNALS_FILE: _signals(made),
    }
    document = {
        "hwgen": version("hwgen"),
        "format": FORMAT,
        "target": "rtl",
        "network": network.name,
        "family": circuit.target.name,
        "part": part,
        "clock_ns": float(clock_ns),
        "latency_cycles": circuit.latency_cycles,
        "initiation_interval": circuit.initiation_interval,
        "source_sha256": source_sha256,
        "float32_exact": network.float32_exact,
        "exactness": [{"layer": e.layer, "float32_exact": e.float32_exact, "bits": e.bits} for e in network.exactness],
        "top": network.name,
        "axis": made.axis.name,
        "inputs": [_port(port, made.top.in_beats) for port in made.top.inputs],
        "outputs": [_port(port, made.top.out_beats) for port in made.top.outputs],
        "sources": sources,
        "files": {path: sha256(files[path].encode()).hexdigest() for path in sorted(files)},
    }
    files[PROJECT_FILE] = json.dumps(document, indent=2) + "\n"
    return FileSet(files)


def _certificate(network: Network, circuit: Circuit) -> dict[str, str]:
    forms = circuit_forms(network, circuit)
    return {CERTIFICATE_FILE: certificate(network, forms)} if forms else {}


def _check_same(network: Network, circuit: Circuit) -> None:
    inputs = [(source.value.name, source.value.shape, source.value.type) for source in network.inputs]
    outputs = [(name, network.value(name).shape, network.value(name).type) for name in network.outputs]
    ports = [[(port.name, port.shape, port.type) for port in side] for side in (circuit.inputs, circuit.outputs)]
    if network.name != circuit.name or ports != [inputs, outputs]:
        raise InputError(
            f"the circuit {circuit.name!r} was not made from network {network.name!r}: their names, inputs or outputs "
            f"differ; lower this network."
        )


def _verilog(made: Design) -> dict[str, str]:
    """The sources, the top first."""
    files = {
        f"rtl/{made.top.name}.v": render_rtl("top.v.jinja", top=made.top),
        f"rtl/{made.axis.name}.v": render_rtl("axis.v.jinja", top=made.top, axis=made.axis),
    }
    files |= {module.path: render_rtl("layer.v.jinja", module=module) for module in made.modules}
    used = {"hwgen_register_slice"}.union(*(module.primitives for module in made.modules))
    files |= {f"rtl/lib/{name}.v": static_rtl(f"lib/{name}.v") for name in _LIBRARY if name in used}
    return files


def _testbench(made: Design, circuit: Circuit, vectors: Vectors) -> dict[str, str]:
    samples = len(vectors.inputs[0])
    files = {f"tb/{made.top.testbench}.v": render_rtl("tb.v.jinja", top=made.top, samples=samples)}
    given = zip(made.top.inputs, circuit.inputs, vectors.inputs, strict=True)
    expected = zip(made.top.outputs, circuit.outputs, vectors.outputs, strict=True)
    for view, port, codes in (*given, *expected):
        files[f"tb/{view.name}.hex"] = _hex_lines(codes.reshape(-1, port.codes), port.type.width)
    return files


def _hex_lines(codes: IntArray, width: int) -> str:
    """A beat a line, (beats, codes), its last code first."""
    mask = (1 << width) - 1
    digits = -(-codes.shape[1] * width // 4)
    lines = []
    for row in codes.tolist():
        packed = 0
        for code in reversed(row):
            packed = packed << width | code & mask
        lines.append(f"{packed:0{digits}x}\n")
    return "".join(lines)


def _defines(part: str) -> tuple[str, str]:
    """What the Vivado script defines for a part, and a clause on what that does."""
    if part.lower().startswith(_SERIES_7):
        return "HWGEN_AMD_PRIMITIVES", "LUT6_2 and CARRY4; none defined leaves them to Vivado"
    if part.lower().startswith(_ULTRASCALE):
        return "HWGEN_AMD_PRIMITIVES HWGEN_AMD_CARRY8", "LUT6_2 and CARRY8; none defined leaves them to Vivado"
    return "", "left to the synthesis tool, for this family has no primitives here"


def _signals(made: Design) -> str:
    """For each value, where its codes are."""
    document = {
        value: {
            "beats": trace.beats,
            "valid": trace.valid,
            "codes": [
                None
                if code is None
                else {"instance": code[0], "signal": code[1], "stage": code[2], "width": code[3], "signed": code[4]}
                for code in trace.codes
            ],
        }
        for value, trace in made.traces.items()
    }
    return json.dumps(document, separators=(",", ":")) + "\n"


def _port(port: PortView, beats: int) -> dict[str, str | int]:
    return {"port": port.name, "value": port.value, "bits": port.msb + 1, "beats": beats}
