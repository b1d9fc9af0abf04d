"""LUTs of sparse constant matrices: hwgen, its adder trees without sharing, da4ml and alkaid, all mapped by Yosys.

Every method computes the same sums; every netlist is simulated on 1,000 vectors before it counts. Two flows are run,
for Yosys rewrites plain adder trees, and each method is charged its better one: ``synth_xilinx`` as it is, and the same
with sums kept as one carry chain each. alkaid's three-operand adders are mapped to the same LUT6_2 and carry chain as
hwgen's. LUTs are LUT cells and inverters; ``sites`` counts a carry input fed by a bare wire too.
"""

import argparse
import json
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from math import exp, log
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hwgen.circuit import AMD, AdderGraph, ClockPlan, Target, adder_graph, lower, solve
from hwgen.emit import rtl_project
from hwgen.fixed import FixedType
from hwgen.ir import Dense, Input, Network, SparseTensor, Value
from hwgen.resources import data_folder

Codes = NDArray[np.int64]

SHAPES = ((16, 64), (64, 32), (32, 32), (32, 5), (64, 64))
SPARSITIES = (0.0, 0.5, 0.75, 0.9)
VECTORS = 1000
OFFICIAL = "synth_xilinx -family xcup -flatten -nodsp -nobram -nolutram -nosrl -noiopad -noclkbuf"
KEPT = (data_folder("templates") / "peers" / "keep_sums.v").read_text()
FLOWS = {"official": "", "kept": "techmap -map {folder}/keep.v\nopt_clean\n"}


@dataclass(frozen=True)
class Case:
    """A matrix and the type of its inputs."""

    name: str
    weight: Codes
    type: FixedType


def matrix_case(inputs: int, outputs: int, zeros: float, seed: int) -> Case:
    """Six-bit weights from a Gaussian of sigma 8, the smallest pruned."""
    random = np.random.default_rng(seed)
    weight = random.normal(0, 8, (inputs, outputs))
    pruned = round(zeros * weight.size)
    weight.ravel()[np.argsort(np.abs(weight).ravel(), kind="stable")[:pruned]] = 0
    codes = np.clip(np.round(weight), -32, 31).astype(np.int64)
    kind = FixedType(True, 8, 0) if (inputs, outputs) == (16, 64) else FixedType(False, 6, 0)
    return Case(f"{inputs}x{outputs} {zeros:.0%} seed {seed}", codes, kind)


# ---- the methods: each writes Verilog and says how to read its ports


@dataclass(frozen=True)
class Design:
    """Verilog of one method.

    Attributes:
        sources: files; ``defines`` macros for them.
        port_in, port_out: names; codes are packed, the first in the lowest bits.
        given: bits of each input code, none where it is not read.
        widths, signed: of each output code.
        scale: what an output code has to be multiplied by.
        seconds: that the method took.
    """

    top: str
    sources: tuple[Path, ...]
    defines: str
    port_in: str
    port_out: str
    given: tuple[int, ...]
    widths: tuple[int, ...]
    signed: tuple[bool, ...]
    scale: tuple[int, ...]
    seconds: float
    depth: float


def hwgen_design(case: Case, folder: Path, effort: str) -> Design:
    start = time.perf_counter()
    graph = solve(case.weight, case.type, effort=effort)
    return graph_design(case, graph, AMD, folder, time.perf_counter() - start, effort)


def trees_design(case: Case, folder: Path) -> Design:
    """One tree of adders a column, nothing shared: as hwgen built them before."""
    target = replace(AMD, carry_save=False)
    low, high = [case.type.min_code] * len(case.weight), [case.type.max_code] * len(case.weight)
    start = time.perf_counter()
    graph = adder_graph(case.weight, low, high, [0] * case.weight.shape[1], target, max_depth=None, effort="none")
    return graph_design(case, graph, target, folder, time.perf_counter() - start, "none")


def graph_design(case: Case, graph: AdderGraph, target: Target, folder: Path, seconds: float, effort: str) -> Design:
    inputs, outputs = case.weight.shape
    x = Value("x", (inputs,), case.type)
    y = Value("y", (outputs,), FixedType(True, 24, 0))
    tensor = SparseTensor.from_dense(case.weight, FixedType(True, 6, 0))
    layer = Dense("fc", "x", y, tensor, np.zeros(outputs, dtype=np.int64))
    network = Network("net", (Input(x, None),), (layer,), ("y",))
    circuit = lower(network, target, ClockPlan(None), effort=effort)
    rtl_project(network, circuit, part="xcvu13p-flga2577-2-e", clock_ns=5.0).write(folder)
    sources = tuple(path for path in sorted((folder / "rtl").rglob("*.v")) if path.stem != "net_axis")
    defines = "-DHWGEN_AMD_PRIMITIVES -DHWGEN_AMD_CARRY8"
    ones = (1,) * outputs
    return Design(
        "net",
        sources,
        defines,
        "in_x",
        "out_y",
        (case.type.width,) * inputs,
        (24,) * outputs,
        (True,) * outputs,
        ones,
        seconds,
        graph.depth,
    )


def peer_design(case: Case, folder: Path, name: str, hard_dc: int, ternary: bool) -> Design:
    """What alkaid or da4ml makes of the matrix."""
    inputs = case.weight.shape[0]
    kif = [np.full(inputs, v) for v in (int(case.type.signed), case.type.width - int(case.type.signed), 0)]
    start = time.perf_counter()
    if name == "alkaid":
        from alkaid.codegen import RTLModel
        from alkaid.trace import FVArray, HWConfig, trace

        x = FVArray.from_kif(*kif, hwconf=HWConfig(1, -1, -1), solver_options={"hard_dc": hard_dc})
        made = trace(x, x @ case.weight.astype(np.float64))
        model = RTLModel(made, folder, "net", ternary_fuse=ternary)
    else:
        from da4ml.codegen import VerilogModel
        from da4ml.trace import FixedVariableArray, HWConfig, comb_trace

        x = FixedVariableArray.from_kif(*kif, hwconf=HWConfig(1, -1, -1), solver_options={"hard_dc": hard_dc})
        made = comb_trace(x, x @ case.weight.astype(np.float64))
        model = VerilogModel(made, "net", folder)
    seconds = time.perf_counter() - start
    model.write()
    found = {path.name: path for path in sorted(folder.rglob("*.v"))}
    top = next(stem for stem in ("net_comb", "net", "net_stage0", "net_s0") if _defines(found.values(), stem))
    # Of what comes with every project, only what this one uses.
    text = "".join(path.read_text() for path in found.values() if path.parent.name != "static")
    found = {name: path for name, path in found.items() if path.parent.name != "static" or path.stem in text}
    own = data_folder("templates") / "rtl" / "lib" / "hwgen_add3.v"
    sources = [path for path in found.values() if path.name != "ternary_adder.v" and "wrapper" not in path.name]
    if "ternary_adder.v" in found:
        sources += [data_folder("templates") / "peers" / "ternary_adder.v", own]
    k, i, f = (np.array(part, dtype=np.int64) for part in np.array(made.out_kifs).reshape(3, -1))
    text = "\n".join(path.read_text() for path in sources)
    ports = re.search(rf"module {top} \((.*?)\);", text, re.DOTALL)
    assert ports is not None
    names = re.findall(r"(?:input|output)\s*(?:wire|reg|logic)?\s*(?:\[[^\]]*\])?\s*(\w+)", ports[1])
    return Design(
        top,
        tuple(sources),
        "-sv -DHWGEN_AMD_PRIMITIVES -DHWGEN_AMD_CARRY8",
        names[0],
        names[-1],
        tuple(np.array(made.inp_kifs, dtype=np.int64).reshape(3, -1).sum(axis=0).tolist()),
        tuple((k + i + f).tolist()),
        tuple(bool(v) for v in k),
        tuple(1 << max(0, -int(v)) for v in f),
        seconds,
        float(max(made.out_latency)) if hasattr(made, "out_latency") else float("nan"),
    )


def _defines(paths: object, module: str) -> bool:
    assert hasattr(paths, "__iter__")
    return any(re.search(rf"^module {module}\b", path.read_text(), re.MULTILINE) for path in paths)


# ---- Yosys


@dataclass(frozen=True)
class Mapped:
    """What a netlist takes."""

    luts: int
    inverters: int
    sites: int
    carries: int


def mapped(design: Design, flow: str, folder: Path, case: Case) -> Mapped:
    """Synthesize, simulate, count."""
    (folder / "keep.v").write_text(KEPT)
    sources = " ".join(str(path) for path in design.sources)
    script = (
        f"read_verilog -lib +/xilinx/cells_sim.v\nread_verilog {design.defines} {sources}\n"
        f"hierarchy -check -top {design.top}\nproc\nflatten\nopt\n{FLOWS[flow].format(folder=folder)}"
        f"{OFFICIAL} -top {design.top}\nwrite_json {folder}/netlist.json"
    )
    program = (
        "import sys\nfrom pyosys import libyosys\ndesign = libyosys.Design()\n"
        "for command in sys.argv[1:]:\n    libyosys.run_pass(command, design)\n"
    )
    run = subprocess.run(
        [sys.executable, "-c", program, *script.split("\n")], capture_output=True, text=True, check=False
    )
    if run.returncode:
        raise RuntimeError(run.stdout[-2000:] + run.stderr[-2000:])
    module = json.loads((folder / "netlist.json").read_text())["modules"][design.top]
    module["cells"] = {name: cell for name, cell in module["cells"].items() if cell["type"] != "$scopeinfo"}
    simulated(module, design, case)
    return counted(module)


def counted(module: dict[str, dict[str, dict[str, object]]]) -> Mapped:
    """LUTs, inverters, and positions of carry chains whose input no LUT drives."""
    kinds: dict[str, int] = {}
    driven: set[object] = set()
    cells = list(module["cells"].values())
    for cell in cells:
        kind = str(cell["type"])
        kinds[kind] = kinds.get(kind, 0) + 1
        pins = cell["connections"]
        assert isinstance(pins, dict)
        if kind.startswith("LUT"):
            driven.update(bit for pin in ("O", "O6") if pin in pins for bit in pins[pin])
    routed = 0
    for cell in cells:
        pins = cell["connections"]
        assert isinstance(pins, dict)
        if str(cell["type"]).startswith("CARRY"):
            routed += sum(isinstance(bit, int) and bit not in driven for bit in pins["S"])
    luts = sum(count for kind, count in kinds.items() if kind.startswith("LUT"))
    carries = sum(count for kind, count in kinds.items() if kind.startswith("CARRY"))
    return Mapped(luts, kinds.get("INV", 0), luts + kinds.get("INV", 0) + routed, carries)


def simulated(module: dict[str, dict[str, dict[str, object]]], design: Design, case: Case) -> None:
    """Run a netlist on random vectors and the ends of the range; all samples of a wire are the bits of one integer.

    Raises:
        RuntimeError: an output is not its sum.
    """
    random = np.random.default_rng(1)
    x = random.integers(case.type.min_code, case.type.max_code + 1, (VECTORS, len(case.weight)))
    x[0], x[1] = case.type.min_code, case.type.max_code
    every = (1 << VECTORS) - 1
    wires: dict[object, int] = {"0": 0, "1": every, "x": 0}

    def packed(bits: NDArray[np.int64]) -> int:
        return int.from_bytes(np.packbits(bits.astype(np.uint8), bitorder="little").tobytes(), "little")

    ports = module["ports"]
    for name, port in ports.items():
        if port["direction"] == "input":
            wires.update(dict.fromkeys(_bits(port["bits"]), 0))
        if name == design.port_in:
            places = [(code, position) for code, width in enumerate(design.given) for position in range(width)]
            for (code, position), bit in zip(places, _bits(port["bits"]), strict=True):
                wires[bit] = packed(x[:, code] >> position & 1)
    for cell in _in_order(module, set(wires)):
        _evaluate(cell, wires, every)
    out = _bits(ports[design.port_out]["bits"])
    values = {bit: np.unpackbits(np.frombuffer(wires[bit].to_bytes(VECTORS // 8 + 1, "little"), np.uint8),
                                 bitorder="little")[:VECTORS].astype(np.int64) for bit in set(out)}  # fmt: skip
    expected = x @ case.weight
    start = 0
    for j, (width, signed, scale) in enumerate(zip(design.widths, design.signed, design.scale, strict=True)):
        code = np.zeros(VECTORS, dtype=np.int64)
        for bit in range(width):
            weight = -(1 << bit) if signed and bit == width - 1 else 1 << bit
            code += weight * values[out[start + bit]]
        start += width
        if (code * scale != expected[:, j]).any():
            raise RuntimeError(f"{case.name}: output {j} of {design.top} is not its sum.")


def _bits(bits: object) -> list[object]:
    assert isinstance(bits, list)
    return bits


def _in_order(module: dict[str, dict[str, dict[str, object]]], known: set[object]) -> Iterator[dict[str, object]]:
    """Cells, each after those that it reads."""
    readers: dict[object, list[int]] = {}
    missing: list[int] = []
    cells = list(module["cells"].values())
    for number, cell in enumerate(cells):
        pins, ways = cell["connections"], cell["port_directions"]
        assert isinstance(pins, dict)
        assert isinstance(ways, dict)
        unknown = {bit for pin, bits in pins.items() if ways[pin] == "input" for bit in bits if bit not in known}
        missing.append(len(unknown))
        for bit in unknown:
            readers.setdefault(bit, []).append(number)
    ready = [number for number, count in enumerate(missing) if not count]
    done = 0
    while ready:
        cell = cells[ready.pop()]
        done += 1
        yield cell
        pins, ways = cell["connections"], cell["port_directions"]
        assert isinstance(pins, dict)
        assert isinstance(ways, dict)
        for pin, bits in pins.items():
            if ways[pin] == "output":
                for bit in bits:
                    for reader in readers.pop(bit, ()):
                        missing[reader] -= 1
                        if not missing[reader]:
                            ready.append(reader)
    if done < len(cells):
        raise RuntimeError(f"{len(cells) - done} cells of the netlist wait for each other.")


def _evaluate(cell: dict[str, object], wires: dict[object, int], every: int) -> None:
    kind, pins = str(cell["type"]), cell["connections"]
    parameters = cell["parameters"]
    assert isinstance(pins, dict)
    assert isinstance(parameters, dict)

    def at(pin: str, index: int = 0) -> int:
        return wires[pins[pin][index]]

    match kind:
        case "INV":
            wires[pins["O"][0]] = at("I") ^ every
        case "LUT6_2":
            init = int(parameters["INIT"], 2)
            wires[pins["O5"][0]] = _table(init & 0xFFFFFFFF, [at(f"I{i}") for i in range(5)], every)
            wires[pins["O6"][0]] = _table(init, [at(f"I{i}") for i in range(6)], every)
        case _ if kind.startswith("LUT"):
            inputs = [at(f"I{i}") for i in range(int(kind[3:]))]
            wires[pins["O"][0]] = _table(int(parameters["INIT"], 2), inputs, every)
        case "MUXF7" | "MUXF8" | "MUXF9":
            chosen = at("S")
            wires[pins["O"][0]] = at("I1") & chosen | at("I0") & (chosen ^ every)
        case "CARRY4" | "CARRY8":
            carry = at("CI") | (at("CYINIT") if kind == "CARRY4" else 0)
            for i in range(int(kind[5:])):
                through = at("S", i)
                wires[pins["O"][i]] = through ^ carry
                carry = carry & through | at("DI", i) & (through ^ every)
                wires[pins["CO"][i]] = carry
        case _:
            raise RuntimeError(f"a cell {kind} in a netlist without registers.")


def _table(init: int, inputs: list[int], every: int) -> int:
    if not inputs:
        return every if init & 1 else 0
    half = 1 << (len(inputs) - 1)
    low, high = init & ((1 << half) - 1), init >> half
    if low == high:
        return _table(low, inputs[:-1], every)
    top = inputs[-1]
    return _table(high, inputs[:-1], every) & top | _table(low, inputs[:-1], every) & (top ^ every)


# ---- the table


def methods(peers: bool, efforts: list[str]) -> dict[str, list[Callable[[Case, Path], Design]]]:
    """By name; where there are several ways, each method is charged its best."""
    found: dict[str, list[Callable[[Case, Path], Design]]] = {"trees": [trees_design]}
    for effort in efforts:
        found["hwgen" if effort == "normal" else f"hwgen {effort}"] = [
            lambda case, folder, effort=effort: hwgen_design(case, folder, effort)
        ]
    if peers:
        for label, name, ternary in (
            ("da4ml", "da4ml", False),
            ("alkaid", "alkaid", False),
            ("alkaid3", "alkaid", True),
        ):
            found[label] = [
                lambda case, folder, n=name, dc=dc, t=ternary: peer_design(case, folder, n, dc, t) for dc in (-1, 0, 2)
            ]
    return found


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    arguments.add_argument("--quick", action="store_true", help="two cases")
    arguments.add_argument("--seeds", type=int, nargs="*", default=[1])
    arguments.add_argument("--shape", help="only this, as in 32x32")
    arguments.add_argument("--zeros", type=float, help="only this share of zeros")
    arguments.add_argument("--methods", help="only these, separated by commas")
    arguments.add_argument("--efforts", default="normal")
    arguments.add_argument("--flows", default="official,kept")
    arguments.add_argument("--no-peers", action="store_true")
    arguments.add_argument("--json", type=Path, help="where the figures go")
    options = arguments.parse_args()
    cases = [matrix_case(*shape, zeros, seed) for seed in options.seeds for shape in SHAPES for zeros in SPARSITIES]
    if options.quick:
        cases = [matrix_case(32, 5, 0.75, 1), matrix_case(32, 32, 0.9, 1)]
    if options.shape:
        cases = [case for case in cases if case.name.startswith(options.shape + " ")]
    if options.zeros is not None:
        cases = [case for case in cases if f" {options.zeros:.0%} " in case.name]
    table = methods(not options.no_peers, options.efforts.split(","))
    wanted = options.methods.split(",") if options.methods else list(table)
    rows = []
    for case in cases:
        row: dict[str, object] = {"case": case.name}
        for label in wanted:
            best: dict[str, object] | None = None
            for method in table[label]:
                with tempfile.TemporaryDirectory() as temporary:
                    folder = Path(temporary)
                    design = method(case, folder / "made")
                    for flow in options.flows.split(","):
                        count = mapped(design, flow, folder, case)
                        total = count.luts + count.inverters
                        if best is None or total < best["luts"]:  # type: ignore[operator]
                            best = {"luts": total, "inverters": count.inverters, "sites": count.sites, "flow": flow,
                                    "depth": design.depth, "seconds": round(design.seconds, 2)}  # fmt: skip
            assert best is not None
            row[label] = best
        rows.append(row)
        shown = {label: row[label]["luts"] for label in wanted}  # type: ignore[index]
        print(case.name, json.dumps(shown), flush=True)
    for label in wanted:
        if label != "hwgen" and "hwgen" in wanted:
            ratios = [row["hwgen"]["luts"] / row[label]["luts"] for row in rows]  # type: ignore[index]
            print(f"hwgen / {label}: {exp(sum(map(log, ratios)) / len(ratios)):.3f}, at most {max(ratios):.3f}")
    if options.json:
        options.json.write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    main()
