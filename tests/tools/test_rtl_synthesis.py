"""What Yosys makes of the Verilog for AMD's FPGAs, LUTs, carry chains and registers, computes the reference's codes.

``make synthesis`` runs the whole campaign and every fault that it must find; two of its networks and two of the faults
run always.
"""

import json
import os
import re
import time
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest
from oracle.netlist_cases import Case, netlist_case
from oracle.netlists import (
    CARRIES,
    LUTS,
    REGISTERS,
    SHIFT_REGISTERS,
    Synthesized,
    four_state_verdict,
    hollow_parts,
    observe,
    settled_bits,
    simulate_netlist,
    synthesize,
    unknown_bits,
)

from hwgen.emit import Vectors, rtl_project
from hwgen.ir import MaxPool, Requantize, StepFunction, network_to_json
from hwgen.verify.rtl_engine import RtlEngine, Traffic
from hwgen.verify.rtl_project import open_rtl_project
from hwgen.verify.vectors import TestVectors, make_vectors

SLICE = (10, 15)  # a stream, CARRY4; no registers, sums left to Yosys
CAMPAIGN = int(os.environ.get("HWGEN_SYNTHESIS", "20"))
SAMPLES = 1000
FOUR_STATE_SAMPLES = 100  # Icarus takes seconds for them where Verilator takes one for a thousand


def write_project(case: Case, folder: Path) -> TestVectors:
    """Write a case's project, with a testbench for some of the samples that are returned."""
    made = make_vectors(case.network, SAMPLES, case.number)
    some = slice(None, None, SAMPLES // FOUR_STATE_SAMPLES)
    vectors = Vectors(tuple(codes[some] for codes in made.inputs), tuple(codes[some] for codes in made.outputs))
    rtl_project(case.network, case.circuit, part=case.device.part, clock_ns=5.0, vectors=vectors).write(folder)
    return made


def objections(case: Case, project: Path, synthesized: Synthesized, vectors: TestVectors) -> list[str]:
    """Everything that speaks against a netlist before it is simulated."""
    opened = open_rtl_project(project)
    behaviour = observe(case.network, vectors.inputs, opened.inputs[0].beats, opened.outputs[0].beats)
    return [
        *(f"as elaborated: {sentence}" for sentence in unknown_bits(synthesized.elaborated)),
        *(f"netlist: {sentence}" for sentence in unknown_bits(synthesized.netlist)),
        *hollow_parts(synthesized, opened.inputs, opened.outputs, case.circuit, behaviour),
    ]


def check(
    number: int, project: Path, amd_cells: Path, engine: RtlEngine, record_property: Callable[[str, object], None]
) -> None:
    """Synthesize one case, look whether all of it is there, and simulate it twice."""
    start = time.perf_counter()
    case = netlist_case(number)
    vectors = write_project(case, project)
    synthesized = synthesize(project, case.network.name, case.device.family, case.device.defines)
    assert objections(case, project, synthesized, vectors) == []
    report = simulate_netlist(project, synthesized, amd_cells, engine, SAMPLES, case.number)
    assert report.equal, report.summary()
    assert (report.samples, report.mismatches) == (SAMPLES, 0)
    verdict = four_state_verdict(project, synthesized, case.network.name, amd_cells)
    samples = len(range(0, SAMPLES, SAMPLES // FOUR_STATE_SAMPLES))
    assert verdict == f"PASS: {samples} samples, four runs, latency {case.circuit.latency_cycles} cycles"
    netlist = synthesized.netlist
    bits = [bit for port in open_rtl_project(project).outputs for bit in netlist.outputs[port.name]]
    settled = settled_bits(case.circuit)
    summary = {
        "number": number,
        "device": str(case.device),
        "latency": case.circuit.latency_cycles,
        "samples": report.samples,
        "codes": report.codes,
        "mismatches": report.mismatches,
        "luts": netlist.count(LUTS),
        "carries": netlist.count(CARRIES),
        "registers": netlist.count(REGISTERS),
        "shift_registers": netlist.count(SHIFT_REGISTERS),
        "output_bits": len(bits),
        "constant_by_interval": sum(isinstance(bit, str) and known for bit, known in zip(bits, settled, strict=True)),
        "constant_by_samples": sum(
            isinstance(bit, str) and not known for bit, known in zip(bits, settled, strict=True)
        ),
        "seconds": round(time.perf_counter() - start, 1),
    }
    record_property("netlist", json.dumps(summary))


@pytest.mark.slow
@pytest.mark.usefixtures("icarus")
@pytest.mark.parametrize("number", SLICE)
def test_netlists_have_the_codes_of_the_reference(
    number: int,
    tmp_path: Path,
    amd_cells: Path,
    engine: RtlEngine,
    record_property: Callable[[str, object], None],
) -> None:
    check(number, tmp_path, amd_cells, engine, record_property)


@pytest.mark.slow
@pytest.mark.synthesis
@pytest.mark.usefixtures("icarus")
@pytest.mark.parametrize("number", range(CAMPAIGN))
def test_every_netlist_of_the_campaign_has_the_codes_of_the_reference(
    number: int,
    tmp_path: Path,
    amd_cells: Path,
    engine: RtlEngine,
    record_property: Callable[[str, object], None],
) -> None:
    check(number, tmp_path, amd_cells, engine, record_property)


def test_the_campaign_reaches_every_plan_device_and_kind_of_layer() -> None:
    cases = [netlist_case(number) for number in range(20)]
    layers = [layer for case in cases for layer in case.network.layers]
    assert len({(case.number % 4, case.device) for case in cases}) == 16
    assert len({network_to_json(case.network) for case in cases}) == 20
    assert any(isinstance(layer, MaxPool) for layer in layers)
    assert any(isinstance(layer, StepFunction) for layer in layers)
    assert len({layer.rounding for layer in layers if isinstance(layer, Requantize)}) >= 6
    assert len({layer.overflow for layer in layers if isinstance(layer, Requantize)}) == 4


# ---- faults that must be found


FAULTY = 4  # the case that the faults are put into: two dense layers, a step function, five cycles


@cache
def faulty_case() -> Case:
    return netlist_case(FAULTY)


def synthesize_edited(folder: Path, edit: Callable[[Path], None]) -> tuple[Case, Synthesized, TestVectors]:
    """The case's project with something edited, synthesized."""
    case = faulty_case()
    vectors = write_project(case, folder)
    edit(folder)
    synthesized = synthesize(folder, case.network.name, case.device.family, case.device.defines)
    return case, synthesized, vectors


def substitute(path: Path, pattern: str, replacement: str) -> None:
    text, changes = re.subn(pattern, replacement, path.read_text(), count=1, flags=re.MULTILINE | re.DOTALL)
    assert changes == 1, f"{path.name} has no {pattern}"
    path.write_text(text)


def undriven_wire(folder: Path) -> None:
    substitute(folder / "rtl" / "net_scores_dense.v", r"^    wire ([^;=\n]+) = [^;]+;", r"    wire \1;")


def deleted_statements(folder: Path) -> None:
    substitute(folder / "rtl" / "net_scores_dense.v", r"^\);.*endmodule", ");\n    wire rest = ce;\nendmodule")


def deleted_body(folder: Path) -> None:
    substitute(folder / "rtl" / "net_scores_dense.v", r"^\);.*endmodule", ");\nendmodule")


def explicit_unknown(folder: Path) -> None:
    substitute(folder / "rtl" / "net.v", r"assign (out_\w+) = \{.*?^    \};", r"assign \1 = 'bx;")


def constant_outputs(folder: Path) -> None:
    substitute(folder / "rtl" / "net.v", r"assign (out_\w+) = \{.*?^    \};", r"assign \1 = 0;")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("edit", "said"),
    [
        (undriven_wire, r"as elaborated: .*undriven\."),
        pytest.param(deleted_statements, r"as elaborated: .*undriven\.", marks=pytest.mark.synthesis),
        # Yosys takes an empty module for one that someone else delivers.
        pytest.param(
            deleted_body, r"1 cells of net_scores_dense are none of the family's\.", marks=pytest.mark.synthesis
        ),
        pytest.param(explicit_unknown, r"as elaborated: output out_\w+: bit 0 is x\.", marks=pytest.mark.synthesis),
        (constant_outputs, r"output out_\w+: bit \d+ is constant 0, and the reference has the other value too\."),
    ],
)
def test_what_became_nothing_or_unknown_is_not_accepted(
    edit: Callable[[Path], None], said: str, tmp_path: Path, amd_cells: Path
) -> None:
    case, synthesized, vectors = synthesize_edited(tmp_path, edit)
    found = objections(case, tmp_path, synthesized, vectors)
    assert any(re.fullmatch(said, sentence) for sentence in found), found[:5]


@pytest.mark.slow
@pytest.mark.synthesis
@pytest.mark.usefixtures("icarus")
def test_simulation_finds_one_wrong_look_up_table_and_contents_at_power_up(
    tmp_path: Path, amd_cells: Path, engine: RtlEngine
) -> None:
    def initial_instead_of_reset(folder: Path) -> None:
        substitute(folder / "rtl" / "net.v", r"^    reg (\[\d+:0\]) kept_valid_in;", r"    reg \1 kept_valid_in = 0;")
        substitute(folder / "rtl" / "net.v", r"if \(rst\) kept_valid_in <= [^;]*;\s*else if", "if")

    case, synthesized, vectors = synthesize_edited(tmp_path / "initial", initial_instead_of_reset)
    # All of it is there, and in a simulation that believes INIT it would work.
    assert objections(case, tmp_path / "initial", synthesized, vectors) == []
    assert case.circuit.latency_cycles > 2  # the harness resets for two cycles
    # Two cycles of reset leave three bits of the chain as they were: zeros, one time in eight.
    runs = (replace(engine, traffic=Traffic(25, 25, seed)) for seed in range(4))
    assert not all(
        simulate_netlist(tmp_path / "initial", synthesized, amd_cells, run, SAMPLES, 0).equal for run in runs
    )
    assert four_state_verdict(tmp_path / "initial", synthesized, "net", amd_cells).startswith("FAIL")

    case, synthesized, _ = synthesize_edited(tmp_path / "wrong", lambda folder: None)
    # O6 inverted where I4 is 0 and I5 is 1, as hwgen ties them.
    text, changes = re.subn(
        rb"(LUT6_2 #\(\s*\.INIT\(64'h[0-9a-f]{4})([0-9a-f]{4})",
        lambda found: found[1] + b"%04x" % (int(found[2], 16) ^ 0xFFFF),
        synthesized.verilog,
        count=1,
    )
    assert changes == 1
    (tmp_path / "wrong" / "netlist.v").write_bytes(text)
    wrong = replace(synthesized, verilog=text)
    report = simulate_netlist(tmp_path / "wrong", wrong, amd_cells, engine, SAMPLES, 0)
    assert not report.equal
    assert report.mismatches > 0
    assert four_state_verdict(tmp_path / "wrong", wrong, "net", amd_cells).startswith("FAIL")
