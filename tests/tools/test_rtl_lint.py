"""The Verilog of random networks: clean in Verilator and Icarus; its own testbench says PASS, or FAIL where it must."""

import re
from pathlib import Path
from random import Random
from typing import get_args

import numpy as np
import pytest
from oracle.networks import random_inputs
from oracle.parallel import FAMILIES, PLANS, circuit_of, parallel_networks
from oracle.rtl_tools import compile_icarus, lint, simulate

from hwgen import reference
from hwgen.circuit import Circuit, ClockPlan, Parity, Target, lower
from hwgen.circuit.operations import Gather, Operation, Queued, Tap
from hwgen.emit import Vectors, rtl_project
from hwgen.fixed import FixedType
from hwgen.ir import Dense, Input, Network, Relu, SparseTensor, Value, check_network

SEEDS = [range(start, start + 14) for start in range(6, 90, 14)] + [range(90, 92), range(117, 121)]
KINDS = {*get_args(Operation)} - {Tap, Gather, Queued}  # those are of streams


pytestmark = pytest.mark.usefixtures("icarus")

Tool = tuple[list[str], dict[str, str]]


def written(directory: Path, seed: int, network: Network, circuit: Circuit, samples: int = 40) -> Path:
    """A project with vectors from the reference, in a folder."""
    inputs = random_inputs(Random(seed), network, samples)
    vectors = Vectors(inputs, reference.simulate(network, inputs))
    files = rtl_project(network, circuit, part="xcvu13p-flga2577-2-e", clock_ns=5.0, vectors=vectors)
    files.write(directory)
    return directory


def test_the_networks_of_these_tests_have_every_kind_of_operation() -> None:
    kinds = {
        type(word.operation)
        for seeds in SEEDS
        for seed, network in parallel_networks(seeds)
        for word in circuit_of(seed, network).words
    }
    # Where rows reach the last position, an exclusive or of its own is rare.
    assert kinds | {Parity} == KINDS


@pytest.mark.parametrize("seeds", SEEDS, ids=lambda seeds: f"seeds {seeds.start} on")
def test_verilator_and_icarus_have_nothing_to_say(seeds: range, tmp_path: Path, verilator: Tool) -> None:
    for seed, network in parallel_networks(seeds):
        project = written(tmp_path / str(seed), seed, network, circuit_of(seed, network), 1)
        assert lint(project, "net_axis", verilator) == "", seed
        assert compile_icarus(project, "net_axis") == "", seed


@pytest.mark.parametrize("seeds", SEEDS, ids=lambda seeds: f"seeds {seeds.start} on")
def test_the_testbench_passes(seeds: range, tmp_path: Path) -> None:
    for seed, network in parallel_networks(seeds):
        circuit = circuit_of(seed, network)
        status, said = simulate(written(tmp_path / str(seed), seed, network, circuit))
        assert (status, said.strip()) == (
            0,
            f"PASS: 40 samples, four runs, latency {circuit.latency_cycles} cycles",
        ), seed


@pytest.mark.parametrize("plan", [*PLANS, ClockPlan(latency_cycles=2)], ids=str)
@pytest.mark.parametrize("target", FAMILIES, ids=lambda target: target.name)
def test_the_testbench_passes_for_every_plan_and_target(plan: ClockPlan, target: Target, tmp_path: Path) -> None:
    for seed, network in list(parallel_networks(range(100, 120)))[:5]:
        status, said = simulate(written(tmp_path / str(seed), seed, network, lower(network, target, plan)))
        assert status == 0, (seed, said)


def _one_bit_off(path: Path, line: int) -> None:
    lines = path.read_text().splitlines()
    digit = int(lines[line][-1], 16) ^ 1
    lines[line] = f"{lines[line][:-1]}{digit:x}"
    path.write_text("\n".join(lines) + "\n")


@pytest.mark.parametrize("line", [0, 17, 39])
def test_one_bit_of_one_expected_code_changed_makes_the_testbench_fail(line: int, tmp_path: Path) -> None:
    for seed, network in list(parallel_networks(range(30, 60)))[:4]:
        project = written(tmp_path / str(seed), seed, network, circuit_of(seed, network))
        _one_bit_off(max((project / "tb").glob("out_*.hex")), line)
        status, said = simulate(project)
        assert status == 1, seed
        runs = 4 if line == 0 else 3  # one a run; the first one has the first sample only
        assert f"FAIL: {runs} errors" in said
        assert f"run {4 - runs}, beat {line}: out_" in said


def test_a_register_too_many_makes_the_testbench_fail(tmp_path: Path) -> None:
    for seed, network in list(parallel_networks(range(30, 90)))[:12]:
        circuit = lower(network, FAMILIES[0], ClockPlan(1))
        if circuit.latency_cycles < 2:
            continue
        project = written(tmp_path / str(seed), seed, network, circuit)
        top = project / "rtl" / "net.v"
        last = circuit.latency_cycles
        text = top.read_text()
        assert f"assign out_valid = valid_in[{last}];" in text
        top.write_text(
            text.replace(f"assign out_valid = valid_in[{last}];", f"assign out_valid = valid_in[{last - 1}];")
        )
        status, said = simulate(project)
        assert status == 1, seed
        assert re.search(rf"the sample was complete in cycle {last - 1}, not {last}", said)


def test_names_that_the_templates_use_themselves_do_no_harm(tmp_path: Path, verilator: Tool) -> None:
    kind, positive = FixedType(True, 4, 0), FixedType(False, 3, 0)
    weight = SparseTensor.from_dense(np.array([[3, 1], [-1, 5]]), kind)
    layers = (
        Dense("clk", "valid", Value("ready", (2,), FixedType(True, 8, 0)), weight, np.array([1, 0])),
        Relu("axis", "ready", Value("unused", (2,), FixedType(False, 7, 0))),
        Relu("tb", "x_0", Value("out", (1,), positive)),
        Relu("valid", "out", Value("ce", (1,), positive)),
        Relu("tb_s1", "ce", Value("sent", (1,), positive)),
    )
    inputs = (Input(Value("valid", (2,), kind), None), Input(Value("x_0", (1,), kind), None))
    network = check_network(Network("dut", inputs, layers, ("valid", "ready", "unused", "sent")))
    project = written(tmp_path / "dut", 0, network, lower(network, FAMILIES[0], ClockPlan(1)))
    assert lint(project, "dut_axis", verilator) == ""
    assert compile_icarus(project, "dut_axis") == ""
    status, said = simulate(project)
    assert status == 0, said
