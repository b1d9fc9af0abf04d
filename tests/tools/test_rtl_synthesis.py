"""What Yosys makes of the Verilog for AMD's 7 series, LUTs, carry chains and registers, passes the same testbench."""

import subprocess
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from random import Random

import pytest
from oracle.networks import random_inputs
from oracle.parallel import FAMILIES, parallel_networks
from oracle.rtl_tools import run_yosys

from hwgen import reference
from hwgen.circuit import Circuit, ClockPlan, lower
from hwgen.emit import Vectors, rtl_project
from hwgen.ir import Network

MOST_ADDERS = 20  # keeps a synthesis short


def _small(plan: ClockPlan) -> Iterator[tuple[int, Network, Circuit]]:
    """Circuits with few adders, of which the Verilog of at least one is the primitive."""
    for seed, network in parallel_networks(range(300)):
        circuit = lower(network, FAMILIES[0], plan)
        if circuit.adders <= MOST_ADDERS:
            files = rtl_project(network, circuit, part="xc7a35t", clock_ns=5.0)
            if "rtl/lib/hwgen_add3.v" in files:
                yield seed, network, circuit


@pytest.mark.slow
@pytest.mark.usefixtures("icarus")
@pytest.mark.parametrize("plan", [ClockPlan(1), ClockPlan(2)], ids=str)
def test_netlists_pass_the_testbench(plan: ClockPlan, tmp_path: Path, amd_cells: Path) -> None:
    for seed, network, circuit in islice(_small(plan), 1):
        inputs = random_inputs(Random(seed), network, 100)
        project = tmp_path / str(seed)
        vectors = Vectors(inputs, reference.simulate(network, inputs))
        rtl_project(network, circuit, part="xc7a35t", clock_ns=5.0, vectors=vectors).write(project)
        sources = " ".join(str(path) for path in sorted((project / "rtl").rglob("*.v")) if path.stem != "net_axis")
        status, said = run_yosys(
            f"read_verilog -DHWGEN_AMD_PRIMITIVES {sources}\n"
            f"synth_xilinx -top net -family xc7 -noiopad\nwrite_verilog -noattr {project}/netlist.v"
        )
        assert status == 0, said[-2000:]
        assert "LUT6_2" in (project / "netlist.v").read_text()
        compiled = subprocess.run(
            ["iverilog", "-g2012", "-s", "net_tb", "-o", "sim.vvp", "netlist.v", str(amd_cells), "tb/net_tb.v"],
            cwd=project,
            capture_output=True,
            text=True,
            check=False,
        )
        assert compiled.returncode == 0, compiled.stderr
        run = subprocess.run(["vvp", "-n", "sim.vvp"], cwd=project, capture_output=True, text=True, check=False)
        assert run.stdout.strip().endswith(f"PASS: 100 samples, four runs, latency {circuit.latency_cycles} cycles"), (
            seed
        )
