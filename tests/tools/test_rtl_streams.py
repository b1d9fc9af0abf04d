"""Verilog of streams: clean, its testbench says PASS, Verilator's codes are the reference's; a fault is found."""

import os
import re
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from oracle.rtl_tools import compile_icarus, lint, simulate
from oracle.streams import lively_networks, real_inputs, stream_circuit, stream_networks

from hwgen import api, reference
from hwgen.circuit import TARGETS, Circuit, ClockPlan, Interface, lower
from hwgen.emit import FileSet, Vectors, rtl_project
from hwgen.fixed import IntArray
from hwgen.ir import Network
from hwgen.verify.rtl import verify_opened_rtl
from hwgen.verify.rtl_engine import RtlEngine, Traffic
from hwgen.verify.rtl_project import rtl_project_from_files
from hwgen.verify.rtl_report import RtlMismatch, RtlReport

PART = "xcvu13p-flga2577-2-e"
FUZZ = -(-int(os.environ.get("HWGEN_FUZZ", "300")) // 10)
BATCH = 5
SMALL = 60_000  # characters of Verilog; for each fault it is compiled twice
WRONG_SUM = ": conv0_out[0]"  # the comment of the sum that a test makes wrong


def written(directory: Path, network: Network, circuit: Circuit, inputs: IntArray) -> Path:
    vectors = Vectors((inputs,), reference.simulate(network, [inputs]))
    rtl_project(network, circuit, part=PART, clock_ns=5.0, vectors=vectors).write(directory)
    return directory


def verified(engine: RtlEngine, network: Network, circuit: Circuit, edit: Callable[[str], str] = str) -> RtlReport:
    files = {
        path: edit(text if isinstance(text, str) else text.decode()).encode()
        for path, text in rtl_project(network, circuit, part=PART, clock_ns=5.0).items()
    }
    return verify_opened_rtl(rtl_project_from_files(files, "a test"), engine, samples=150)


@pytest.mark.usefixtures("icarus")
@pytest.mark.parametrize("seeds", [range(0, 12), range(12, 24)], ids=lambda seeds: f"seeds {seeds.start} on")
def test_the_tools_have_nothing_to_say_and_the_testbench_passes(
    seeds: range, tmp_path: Path, verilator: tuple[list[str], dict[str, str]]
) -> None:
    for seed, network in stream_networks(seeds):
        circuit = stream_circuit(seed, network)
        project = written(tmp_path / str(seed), network, circuit, real_inputs(seed, network, 12))
        assert lint(project, "stream_axis", verilator) == "", seed
        assert compile_icarus(project, "stream_axis") == "", seed
        status, said = simulate(project)
        expected = f"PASS: 12 samples, four runs, latency {circuit.latency_cycles} cycles"
        assert (status, said.strip()) == (0, expected), seed


def check(engine: RtlEngine, seeds: range) -> None:
    for seed, network in lively_networks(seeds, BATCH):
        circuit = stream_circuit(seed, network)
        report = verified(engine, network, circuit)
        assert report.equal, f"seed {seed}: {report.summary()}"
        assert report.simulated_latency == (circuit.latency_cycles,), seed


@pytest.mark.parametrize("seeds", [range(500, 508), range(510, 518)], ids=lambda seeds: f"seeds {seeds.start} on")
def test_verilator_has_the_codes_and_the_latency_with_gaps_and_stalls(engine: RtlEngine, seeds: range) -> None:
    check(engine, seeds)


def test_stalls_in_nearly_every_cycle_change_nothing(engine: RtlEngine) -> None:
    seed, network = next(lively_networks(range(100), 1))
    circuit = stream_circuit(seed, network)
    files = dict(rtl_project(network, circuit, part=PART, clock_ns=5.0).items())
    for traffic in (Traffic(0, 95, 1), Traffic(0, 95, 2), Traffic(95, 95, 3)):
        opened = rtl_project_from_files(files, "a test")
        report = verify_opened_rtl(opened, replace(engine, traffic=traffic), samples=20)
        assert report.equal, report.summary()
        assert report.simulated_latency == (circuit.latency_cycles,)


@pytest.mark.fuzz
@pytest.mark.parametrize("batch", range(FUZZ))
def test_more_streams_have_the_codes_and_the_latency(engine: RtlEngine, batch: int) -> None:
    check(engine, range(1000 + batch * 4 * BATCH, 1000 + (batch + 1) * 4 * BATCH))


@cache
def with_a_window() -> tuple[Network, Circuit]:
    """A small network whose first convolution has a mask, a line buffer, and outputs after the last pixel."""
    for _, network in lively_networks(range(200, 600), 100):
        circuit = lower(network, TARGETS["generic"], ClockPlan(1), Interface.STREAM)
        files = rtl_project(network, circuit, part=PART, clock_ns=5.0)
        text = dict(files.items()).get("rtl/stream_conv0_window.v", b"").decode()
        every = verilog_of(files)
        later = re.search(r"\.LEAD\(([2-9]|\d\d)", text) is not None
        shown = "row_minus1" in text and "hwgen_line_buffer #" in text and WRONG_SUM in every
        if later and shown and len(every) < SMALL:
            return network, circuit
    raise AssertionError("no seed has such a network")


@cache
def with_a_fifo() -> tuple[Network, Circuit]:
    """A small network with a FIFO that holds a few beats."""
    for _, network in lively_networks(range(600), 100):
        circuit = lower(network, TARGETS["generic"], ClockPlan(1), Interface.STREAM)
        if any(source.depth > 3 for stream in circuit.streams for source in stream.sources):
            files = rtl_project(network, circuit, part=PART, clock_ns=5.0)
            if len(verilog_of(files)) < SMALL:
                return network, circuit
    raise AssertionError("no seed has such a network")


def verilog_of(files: FileSet) -> str:
    return "".join(
        text if isinstance(text, str) else text.decode() for path, text in files.items() if path.endswith(".v")
    )


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("row >= ", "row > "),
        ("assign step = in_valid || (", "assign step = (in_valid && 1'b0) || ("),
        ("live <= next_live[LEAD:0];", "live <= ~next_live[LEAD:0];"),
        ("localparam [31:0] LAST = LENGTH - 32'd2;", "localparam [31:0] LAST = LENGTH - 32'd3;"),
        ("if (ce && step)", "if (step)"),
    ],
)
def test_a_fault_in_a_window_is_found(engine: RtlEngine, before: str, after: str) -> None:
    network, circuit = with_a_window()
    seen = []

    def edit(text: str) -> str:
        seen.append(before in text)
        return text.replace(before, after)

    report = verified(engine, network, circuit, edit)
    assert any(seen)
    assert not report.equal


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("assign ready = count != {COUNT_BITS{1'b0}};", "assign ready = 1'b1;"),
        ("else if (ce && pop && !push)", "else if (ce && pop)"),
        ("if (push) next <=", "if (push || pop) next <="),
        ("if (ce && push) memory", "if (push) memory"),
    ],
)
def test_a_fault_in_a_fifo_is_found(engine: RtlEngine, before: str, after: str) -> None:
    network, circuit = with_a_fifo()
    seen = []

    def edit(text: str) -> str:
        seen.append(before in text)
        return text.replace(before, after)

    report = verified(engine, network, circuit, edit)
    assert any(seen)
    assert not report.equal


def test_a_wrong_sum_in_a_stream_is_located(engine: RtlEngine) -> None:
    network, circuit = with_a_window()

    def edit(text: str) -> str:
        lines = text.split("\n")
        return "\n".join(
            line.replace(" = ", " = ~(", 1).replace(";", ");", 1) if WRONG_SUM in line and "=" in line else line
            for line in lines
        )

    report = verified(engine, network, circuit, edit)
    assert isinstance(report.mismatch, RtlMismatch)
    assert report.mismatch.layer == "conv0", report.summary()
    assert "conv0" in report.mismatch.signal
    assert report.mismatch.cycle >= 0


def test_the_cifar_model_is_a_stream_with_the_codes_of_the_reference(shared: Path, tmp_path: Path) -> None:
    model = api.load(shared / "models/cifar10_rn06/rn06.h5", input_type="ufixed<8,0>")
    built = api.build(model, tmp_path / "rn06", target="rtl", plan=ClockPlan(3))
    assert built.circuit is not None
    assert built.circuit.initiation_interval == 1024
    data = np.load(shared / "models/cifar10_rn06/golden.npz")["x"][:4]
    codes = reference.encode(model.network, data)
    assert (built.circuit.codes(codes)[0] == reference.simulate(model.network, codes)[0]).all()
