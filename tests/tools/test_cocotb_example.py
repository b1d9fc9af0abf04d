"""The cocotb example: it drives a project that hwgen wrote, in a real simulator, and sees one wrong bit."""

import os
import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from random import Random

import numpy as np
import pytest
from oracle.absence import missing
from oracle.networks import random_inputs
from oracle.parallel import circuit_of, parallel_networks
from oracle.streams import lively_networks, stream_circuit

from hwgen.emit import rtl_project
from hwgen.ir import Network

RUN = Path(__file__).resolve().parents[2] / "examples" / "cocotb" / "run.py"
TESTS = 4  # kinds of traffic

pytestmark = pytest.mark.usefixtures("icarus")


@pytest.fixture(scope="module")
def network() -> tuple[int, Network]:
    """The first with two inputs and two outputs or more: what the stream puts side by side."""
    if find_spec("cocotb") is None:
        missing("cocotb (pip install 'cocotb>=2,<3')")
    return next(
        (seed, network)
        for seed, network in parallel_networks(range(100))
        if min(len(network.inputs), len(network.outputs)) > 1
    )


@pytest.fixture
def project(network: tuple[int, Network], tmp_path: Path) -> Path:
    seed, net = network
    rtl_project(net, circuit_of(seed, net), part="xcvu13p", clock_ns=5.0).write(tmp_path / "project")
    return tmp_path / "project"


def simulated(project: Path, *arguments: str, **environment: str) -> tuple[int, str]:
    """Exit status of the example's runner, and what it says."""
    command = [sys.executable, str(RUN), str(project), "--samples", "60", *arguments]
    done = subprocess.run(
        command, cwd=project.parent, env=os.environ | environment, capture_output=True, text=True, check=False
    )
    return done.returncode, done.stdout + done.stderr


def test_every_code_of_a_project_equals_the_reference(project: Path) -> None:
    status, said = simulated(project)
    assert status == 0, said
    assert said.endswith(f"net_axis: {TESTS} of {TESTS} tests passed\n")


def test_a_stream_of_pixels_equals_the_reference(project: Path, tmp_path: Path) -> None:
    circuits = [(network, stream_circuit(seed, network)) for seed, network in lively_networks(range(100), 30)]
    network, circuit = next(
        (network, circuit)
        for network, circuit in circuits
        if min(port.beats for port in (*circuit.inputs, *circuit.outputs)) > 1
    )
    rtl_project(network, circuit, part="xcvu13p", clock_ns=5.0).write(tmp_path / "stream")
    status, said = simulated(tmp_path / "stream")
    assert status == 0, said
    assert said.endswith(f"stream_axis: {TESTS} of {TESTS} tests passed\n")


def test_data_of_ones_own_are_driven(project: Path, network: tuple[int, Network]) -> None:
    seed, net = network
    paths = []
    for source, codes in zip(net.inputs, random_inputs(Random(seed), net, 20), strict=True):
        paths.append(str(project.parent / f"{source.value.name}.npy"))
        np.save(paths[-1], np.ldexp(codes.astype(np.float64), -source.value.type.fraction))
    status, said = simulated(project, "--data", *paths)
    assert status == 0, said


def test_one_wrong_bit_in_the_verilog_is_seen(project: Path) -> None:
    path = project / "rtl" / "net_axis.v"
    text, found = re.subn(r"\.in_data\((\{.*\})\)", r".in_data(\1 ^ 1)", path.read_text())
    assert found == 1
    path.write_text(text)
    status, said = simulated(project)
    assert status == 1, said
    assert f"net_axis: 0 of {TESTS} tests passed" in said
    assert "the reference says" in said


def test_a_folder_without_verilog_is_refused(network: tuple[int, Network], tmp_path: Path) -> None:
    (tmp_path / "project.json").write_text('{"target": "hls"}')
    status, said = simulated(tmp_path)
    assert status == 2
    assert "holds no Verilog" in said


def test_a_simulation_that_breaks_off_is_no_success(project: Path, tmp_path: Path) -> None:
    (tmp_path / "broken" / "hwgen").mkdir(parents=True)
    (tmp_path / "broken" / "hwgen" / "__init__.py").write_text("raise RuntimeError('broken')")
    status, said = simulated(project, PYTHONPATH=str(tmp_path / "broken"))
    assert status == 1
    assert "Simulation terminated abnormally" in said
