"""The rows of peers: da4ml and alkaid trace the same network, and Yosys maps their Verilog in the same flow as hwgen's;
hls4ml converts the same file.

A peer's Verilog is one module without registers, mapped as a whole. Its netlist stands in place of hwgen's Verilog in a
simulation beside the reference before a cell is counted. Yosys puts plain sums together as it likes, not always for the
better: a peer is mapped that way and with each sum kept as it was written, and the smaller netlist counts. Where a peer
has adders of three operands, they get the same structure as hwgen's on AMD, which Yosys does not find by itself.
"""

import importlib
import io
import json
import sys
import tempfile
from collections.abc import Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass, replace
from enum import Enum
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from hwgen.circuit import AMD, ClockPlan, Interface, lower
from hwgen.compare.designs import CellMapping, cell_figures, opened
from hwgen.compare.shim import PeerPort, shim
from hwgen.compare.table import Row, Stage
from hwgen.compare.tracing import flat_numbers, traced_outputs
from hwgen.errors import ToolFailedError, ToolMissingError, UnsupportedError
from hwgen.fixed import Rounding
from hwgen.ir import Network, Requantize
from hwgen.mapping import map_verilog
from hwgen.reference import simulate
from hwgen.resources import data_folder
from hwgen.tools import Command, run
from hwgen.verify import make_vectors
from hwgen.verify.rtl import default_samples, verify_opened_rtl

_SAMPLES = 200  # that its own interpreter is held against the reference on
_TOP = "peer"


class Peer(Enum):
    """What hwgen is compared with."""

    DA4ML = "da4ml"
    ALKAID = "alkaid"
    HLS4ML = "hls4ml"


PEERS = tuple(peer.value for peer in Peer)


@dataclass(frozen=True, slots=True)
class _Traced:
    """What a peer made of a network.

    Attributes:
        logic: its program, which can run itself.
        files: its Verilog by name, of what it uses.
    """

    logic: Any
    files: dict[str, bytes]


def require(peer: Peer) -> None:
    """Refuse a peer that is not there.

    Raises:
        ToolMissingError: it is not installed.
    """
    if find_spec(peer.value) is None:
        raise ToolMissingError(
            f"peer {peer.value!r} is not installed; install it: pip install 'hwgen[peers]', or {peer.value}."
        )


def peer_rows(
    network: Network, peer: Peer, prefix: str, clock_ns: float, mapping: CellMapping | None, file: Path | None = None
) -> tuple[list[Row], list[str]]:
    """What a peer makes of a network, and notes.

    Args:
        file: Keras file that the network came from: hls4ml reads nothing else.
    Raises:
        ToolMissingError: it is not installed.
        ToolFailedError: it computes something else than the network, or so does its netlist.
    """
    require(peer)
    name, by = f"{prefix}{peer.value}", f"{peer.value} {version(peer.value)}"
    if peer is Peer.HLS4ML:
        return _products(name, by, file)
    with tempfile.TemporaryDirectory(prefix="hwgen-peer-") as folder:
        try:
            made = _trace(network, peer, Path(folder))
        except UnsupportedError as error:
            return [], [f"{name}: {error}"]
    _check(network, made.logic, by)
    rows = [Row(name, Stage.ESTIMATE, f"{by}, its cost model", {"luts": float(made.logic.cost)}, peer=True)]
    notes = [f"{name}: its default options, no registers, mapped as one module, the better of two flows."]
    if peer is Peer.DA4ML and _rounds_to_even(network):
        notes.append(f"{name}: it has no rounding of ties to even, and is charged two additions for each.")
    if mapping is not None:
        rows.append(_mapped(network, name, by, made, clock_ns, mapping))
    return rows, notes


def _products(name: str, by: str, file: Path | None) -> tuple[list[Row], list[str]]:
    """Without Vitis, what hls4ml's C++ allows itself in multipliers stands for what it takes."""
    if file is None:
        return [], [f"{name}: it reads Keras files, and this is a project; give the model's file."]
    program = (sys.executable, "-m", "hwgen.compare.hls4ml_products", str(file.absolute()))
    ended = run(Command(program, f"converting {file} with hls4ml"))
    limits = json.loads(ended.output.strip().splitlines()[-1])
    figures: dict[str, float] = {"products": sum(limits.values())}
    row = Row(name, Stage.ESTIMATE, f"{by}, its multiplier_limit", figures, peer=True)
    return [row], [f"{name}: the multipliers that its C++ allows itself, weights less zeros; nothing was synthesized."]


def _rounds_to_even(network: Network) -> bool:
    values = network.values()
    return any(
        isinstance(layer, Requantize)
        and layer.rounding is Rounding.RND_CONV
        and values[layer.input].type.fraction > layer.output.type.fraction
        for layer in network.layers
    )


def _trace(network: Network, peer: Peer, folder: Path) -> _Traced:
    values = [source.value for source in network.inputs]
    kinds = [(int(v.type.signed), v.type.integer - int(v.type.signed), v.type.fraction) for v in values]
    k, i, f = (np.repeat([kind[at] for kind in kinds], [value.size for value in values]) for at in range(3))
    trace = importlib.import_module(f"{peer.value}.trace")
    codegen = importlib.import_module(f"{peer.value}.codegen")
    array = trace.FixedVariableArray if peer is Peer.DA4ML else trace.FVArray
    given = array.from_kif(k, i, f, hwconf=trace.HWConfig(1, -1, -1))
    with redirect_stdout(io.StringIO()):
        made = traced_outputs(network, given, peer.value, ties_to_even=peer is Peer.ALKAID)
        if peer is Peer.DA4ML:
            logic = trace.comb_trace(given, made)
            codegen.VerilogModel(logic, _TOP, folder).write()
        else:
            logic = trace.trace(given, made)
            codegen.RTLModel(logic, folder, _TOP).write()
    return _Traced(logic, _used(folder))


def _used(folder: Path) -> dict[str, bytes]:
    """Its Verilog without wrappers, of its library only what is used, with hwgen's structure of three operands."""
    paths = {path.name: path for path in sorted(folder.rglob("*.v")) if "wrapper" not in path.stem}
    own = {name: path.read_bytes() for name, path in paths.items() if path.parent.name != "static"}
    text = b"".join(own.values())
    files = own | {
        name: path.read_bytes()
        for name, path in paths.items()
        if path.parent.name == "static" and path.stem.encode() in text
    }
    if "ternary_adder.v" in files:
        templates = data_folder("templates")
        files["ternary_adder.v"] = (templates / "peers" / "ternary_adder.v").read_bytes()
        files["hwgen_add3.v"] = (templates / "rtl" / "lib" / "hwgen_add3.v").read_bytes()
    return files


def _check(network: Network, logic: Any, by: str) -> None:
    """Hold a peer's own interpreter against the reference.

    Raises:
        ToolFailedError: they differ.
    """
    vectors = make_vectors(network, _SAMPLES, 0)
    expected = flat_numbers([network.value(name) for name in network.outputs], simulate(network, vectors.inputs))
    given = flat_numbers([source.value for source in network.inputs], vectors.inputs)
    found = np.asarray(logic.predict(given), dtype=np.float64).reshape(expected.shape)
    wrong = int((found != expected).any(axis=1).sum())
    if wrong:
        raise ToolFailedError(
            f"{by} computes something else than network {network.name!r} in {wrong} of {len(expected)} samples, so it "
            f"is not compared."
        )


def _mapped(network: Network, name: str, by: str, made: _Traced, clock_ns: float, mapping: CellMapping) -> Row:
    netlist = min(
        (
            map_verilog(
                made.files, _TOP, mapping.family, keep_sums=keep, cache=mapping.cache, progress=mapping.progress
            )
            for keep in (None, (data_folder("templates") / "peers" / "keep_sums.v").read_bytes())
        ),
        key=lambda found: found.counts.luts,
    )
    if mapping.engine is not None:
        circuit = lower(network, AMD, ClockPlan(None), Interface.PARALLEL)
        project = opened(network, circuit, clock_ns)
        files = {
            f"{project.top}.v": shim(project, _TOP, _ports(made.logic.inp_kifs), _ports(made.logic.out_kifs)).encode(),
            f"{_TOP}.v": netlist.verilog.encode(),
        }
        standing_in = replace(project, files=files, sources=tuple(files), signals={})
        found = verify_opened_rtl(standing_in, mapping.engine, samples=default_samples(project))
        if not found.equal:
            raise ToolFailedError(
                f"the netlist of what {by} makes of {network.name!r} computes something else, so it is not compared. "
                f"{found.summary()}"
            )
    return Row(name, Stage.MAPPED, netlist.yosys, cell_figures(netlist.counts), mapping.family, peer=True)


def _ports(kifs: Any) -> Sequence[PeerPort]:
    signed, integer, fraction = np.array(kifs, dtype=np.int64).reshape(3, -1)
    return [
        PeerPort(max(0, int(k + i + f)), bool(k), int(f)) for k, i, f in zip(signed, integer, fraction, strict=True)
    ]
