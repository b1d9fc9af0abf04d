"""``hls_project``: a Network as an HLS project in hls4ml's layout."""

import json
from hashlib import sha256
from importlib.metadata import version
from math import isfinite, prod

from hwgen.circuit import Interface
from hwgen.emit.ap_types import ap_types_files
from hwgen.emit.certificate import CERTIFICATE_FILE, ChannelForm, certificate
from hwgen.emit.files import PROJECT_FILE, FileSet
from hwgen.emit.layers import StepView
from hwgen.emit.network_view import NetworkView, network_view
from hwgen.emit.render import render, static_text
from hwgen.emit.steps import channel_steps
from hwgen.emit.strategy import Strategy
from hwgen.emit.stream_view import StreamView, stream_view
from hwgen.emit.vectors import Vectors, vector_files
from hwgen.errors import InputError
from hwgen.ir import Conv, Network, StepFunction, check_network, network_to_json, value_ranges

FORMAT = 1
NETWORK_FILE = "network.json"
MOST_PARALLEL_CODES = 1024  # of an image: each is a register, and every layer sees all of them at once


def hls_project(
    network: Network,
    *,
    strategy: Strategy,
    part: str,
    clock_ns: float,
    interface: Interface | None = None,
    vectors: Vectors | None = None,
    source_sha256: str | None = None,
) -> FileSet:
    """Write a network as C++ for Vitis HLS, with testbench, bridge and build scripts.

    Args:
        strategy: how constant products are written.
        interface: whether values are arrays or streams of pixels; None for what ``default_hls_interface`` says.
        part: the FPGA, as the vendor's tools name it.
        clock_ns: clock period to synthesize for.
        vectors: test data for ``tb_data/``; without them the testbench has nothing to check and says so.
        source_sha256: of the file that the network came from, kept in ``project.json``.
    Returns:
        The files of a self-contained project; the same arguments give the same bytes.
    Raises:
        NetworkError: the network breaks an invariant.
        InputError: a part or clock that no tool would take, vectors of another shape, or a name that C++ uses.
        ToolMissingError: hls4ml, whose ap_types headers are copied, is not installed.
    """
    check_network(network)
    check_part_and_clock(part, clock_ns)
    form = interface or default_hls_interface(network)
    streamed = form is Interface.STREAM
    view = stream_view(network, strategy) if streamed else network_view(network, strategy)
    sources = [f"firmware/{view.name}.cpp", *(file.path for file in view.parts)]
    files: dict[str, str | bytes] = {
        **_firmware(view),
        f"{view.name}_bridge.cpp": render("bridge.cpp.jinja", net=view),
        f"{view.name}_test.cpp": render(
            "test.cpp.jinja",
            net=view,
            features=sum(port.value.size for port in view.inputs),
            predictions=sum(port.value.size for port in view.outputs),
        ),
        "project.tcl": render("project.tcl.jinja", net=view, part=part, clock_ns=float(clock_ns), sources=sources),
        "build_opt.tcl": static_text("build_opt.tcl"),
        "build_prj.tcl": static_text("build_prj.tcl"),
        "vivado_synth.tcl": static_text("vivado_synth.tcl"),
        "build_lib.sh": render("build_lib.sh.jinja", net=view, sources=sources),
        "README.md": render("README.md.jinja", net=view, strategy=strategy.value),
        NETWORK_FILE: network_to_json(network) + "\n",
    }
    steps = _step_forms(network, view)
    if steps:
        files[CERTIFICATE_FILE] = certificate(network, steps)
    if vectors is not None:
        files |= vector_files(network, vectors)
    document = {
        "hwgen": version("hwgen"),
        "format": FORMAT,
        "network": network.name,
        "strategy": strategy.value,
        "io": form.value,
        "part": part,
        "clock_ns": float(clock_ns),
        "source_sha256": source_sha256,
        "float32_exact": network.float32_exact,
        "exactness": [{"layer": e.layer, "float32_exact": e.float32_exact, "bits": e.bits} for e in network.exactness],
        "sources": [*sources, f"{view.name}_bridge.cpp"],
        "include": "firmware/ap_types",
        "files": {path: sha256(_bytes(files[path])).hexdigest() for path in sorted(files)},
    }
    files[PROJECT_FILE] = json.dumps(document, indent=2) + "\n"
    return FileSet(files)


def _step_forms(network: Network, view: NetworkView | StreamView) -> list[tuple[StepFunction, list[ChannelForm]]]:
    """The forms that the sources hold."""
    ranges = value_ranges(network)
    written = {layer.name: layer.form for layer in view.layers if isinstance(layer, StepView)}
    found = []
    for layer in network.layers:
        if isinstance(layer, StepFunction):
            channels = channel_steps(layer, ranges[layer.input])
            forms = zip(channels, written[layer.name].forms, strict=True)
            found.append((layer, [ChannelForm(row, s.low, s.high, form) for row, (s, form) in enumerate(forms)]))
    return found


def check_part_and_clock(part: str, clock_ns: float) -> None:
    """Refuse a part or a clock that no tool would take.

    Raises:
        InputError: it is one.
    """
    if not part or any(c.isspace() or c in '"\\$[]' for c in part):
        raise InputError(f"a part is named as the vendor's tools do, such as 'xcu250-figd2104-2L-e'; got {part!r}.")
    if not isfinite(clock_ns) or clock_ns <= 0:
        raise InputError(f"a clock period is a positive number of nanoseconds, got {clock_ns!r}.")


def default_hls_interface(network: Network) -> Interface:
    """A stream where a convolution reads or makes an image of more than ``MOST_PARALLEL_CODES`` codes."""
    values = network.values()
    largest = max(
        (
            max(values[layer.input].size, layer.output.size)
            for layer in network.layers
            if isinstance(layer, Conv) and prod(values[layer.input].shape[:-1]) > 1
        ),
        default=0,
    )
    return Interface.STREAM if largest > MOST_PARALLEL_CODES else Interface.PARALLEL


def _firmware(view: NetworkView | StreamView) -> dict[str, str | bytes]:
    top = "firmware_stream.cpp.jinja" if view.streamed else "firmware.cpp.jinja"
    files: dict[str, str | bytes] = {
        f"firmware/{view.name}.cpp": render(top, net=view),
        f"firmware/{view.name}.h": render("firmware.h.jinja", net=view),
        "firmware/defines.h": render("defines.h.jinja", net=view),
        "firmware/parameters.h": render("parameters.h.jinja", net=view),
        "firmware/codes.h": static_text("codes.h"),
        "firmware/trace.h": static_text("trace.h"),
    }
    if view.streamed:
        files |= {
            "firmware/stream.h": static_text("stream.h"),
            f"firmware/{view.header}.h": render("arrays.h.jinja", net=view),
        }
    files |= {file.path: render("part.cpp.jinja", file=file) for file in view.parts}
    files |= {file.path: render("table.h.jinja", file=file) for file in view.tables}
    if view.unused:
        files[f"firmware/{view.name}_unused.h"] = render("unused.h.jinja", net=view)
    files |= {f"firmware/ap_types/{name}": content for name, content in ap_types_files()}
    return files


def _bytes(content: str | bytes) -> bytes:
    return content.encode() if isinstance(content, str) else content
