"""Generated projects compile without a warning on both compilers, and their testbenches notice every wrong code."""

import ctypes
import json
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from emit_library import WARNINGS
from emit_networks import Chain, line_steps, random_inputs, random_weight, side_by_side
from oracle.absence import missing

from hwgen.circuit import Interface
from hwgen.emit import FileSet, Strategy, Vectors, hls_project
from hwgen.fixed import FixedType, Overflow, Rounding
from hwgen.ir import Network
from hwgen.reference import decode, simulate

PART = "xcvu13p-flga2577-2-e"


def every_kind_of_layer() -> Network:
    rng = np.random.default_rng(2)
    plane = Chain("plane", (5, 4, 2), FixedType(True, 5, 2))
    plane.conv(random_weight(rng, (2, 3, 2, 3), 4, 0.5), [1, 2, 3], (1, 2), ((1, 0), (1, 1)), (1, 1))
    plane.requantize(FixedType(True, 6, 2), Rounding.RND_CONV, Overflow.SAT_SYM).max_pool(
        (2, 2), (2, 1), ((1, 0), (0, 1))
    )
    plane.reshape(plane.value.size).relu().dense(random_weight(rng, (plane.value.size, 3), 4, 0.7), [1, 0, -70])
    line = line_steps(11, 20, 6, -8, 7)
    plane.steps([line[0]], [line[1]], FixedType(True, 4, 0))
    table = Chain("lookup", (3,), FixedType(False, 6, 2)).steps([[3, 9, 40]], [[7, 5, 2, -1]], FixedType(True, 4, 0))
    flat = Chain("flat", (7,), FixedType(False, 4, 4)).dense(random_weight(rng, (7, 4), 5, 0.4), [1, 2, 3, 4])
    flat.requantize(FixedType(False, 5, 3), Rounding.RND, Overflow.WRAP)
    flat.dense(np.array([[3, 0], [0, 0], [0, 5], [1, 1]]), [0, 0])
    return side_by_side("kinds", plane, table, flat)


def compiler(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        missing(name)
    return found


def with_vectors(network: Network, interface: Interface, samples: int = 20) -> FileSet:
    inputs = random_inputs(network, samples)
    vectors = Vectors(tuple(inputs), simulate(network, inputs))
    return hls_project(network, strategy=Strategy.ADDERS, part=PART, clock_ns=5.0, interface=interface, vectors=vectors)


@pytest.mark.parametrize("name", ["g++", "clang++"])
def test_every_file_compiles_without_a_warning(name: str, tmp_path: Path) -> None:
    command = [compiler(name), "-std=c++14", *WARNINGS, "-isystem", "firmware/ap_types"]
    for strategy in Strategy:
        interface = Interface.STREAM if strategy is Strategy.MULTIPLIERS else Interface.PARALLEL
        files = hls_project(every_kind_of_layer(), strategy=strategy, part=PART, clock_ns=5.0, interface=interface)
        files.write(tmp_path / strategy.value)
        assert json.loads(files["project.json"])["sources"] == ["firmware/kinds.cpp", "kinds_bridge.cpp"]
        # The bridge and the testbench are nearly the same for both.
        rest = ["kinds_bridge.cpp", "kinds_test.cpp"] if strategy is Strategy.ADDERS else []
        for source in ["firmware/kinds.cpp", *rest]:
            compile_quietly([*command, "-O1", "-DNDEBUG", "-c", source, "-o", "/dev/null"], tmp_path / strategy.value)
            compile_quietly([*command, "-fsyntax-only", "-DHWGEN_TRACE", source], tmp_path / strategy.value)


def compile_quietly(command: list[str], directory: Path) -> None:
    done = subprocess.run(command, cwd=directory, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def build_testbench(directory: Path, cxx: str, sources: list[str]) -> None:
    command = [cxx, "-std=c++14", "-O0", "-w", "-isystem", "firmware/ap_types", *sources, "-o", "testbench"]
    subprocess.run(command, cwd=directory, check=True)


def run_testbench(directory: Path) -> tuple[int, str]:
    done = subprocess.run(["./testbench"], cwd=directory, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout


@pytest.mark.parametrize("interface", Interface, ids=lambda interface: interface.value)
def test_the_testbench_passes_on_right_codes_and_fails_on_any_wrong_one(
    interface: Interface, tmp_path: Path, cxx: str
) -> None:
    network = every_kind_of_layer()
    directory = tmp_path / "project"
    with_vectors(network, interface).write(directory)
    build_testbench(directory, cxx, ["firmware/kinds.cpp", "kinds_test.cpp"])
    assert run_testbench(directory)[0] == 0
    logged = np.loadtxt(directory / "tb_data" / "csim_results.log")
    inputs = random_inputs(network, 20)
    expected = np.concatenate([v.reshape(20, -1) for v in decode(network, simulate(network, inputs))], axis=1)
    np.testing.assert_array_equal(logged, expected)

    predictions = directory / "tb_data" / "tb_output_predictions.dat"
    right = predictions.read_text()
    lines = right.splitlines()
    first, *rest = lines[7].split(" ")
    lines[7] = " ".join([str(float(first) + 1), *rest])
    predictions.write_text("\n".join(lines) + "\n")
    code, output = run_testbench(directory)
    assert code == 1
    assert "sample 7, plane_6[0]" in output
    assert "1 wrong codes" in output

    predictions.write_text(right.replace(" ", " 0.0 ", 1))
    code, output = run_testbench(directory)
    assert code == 2
    assert "ERROR: line 1" in output

    predictions.unlink()
    code, output = run_testbench(directory)
    assert code == 2
    assert "nothing was checked" in output


def test_build_lib_makes_a_library_with_hls4mls_functions(tmp_path: Path, cxx: str) -> None:
    network = every_kind_of_layer()
    directory = tmp_path / "project"
    hls_project(network, strategy=Strategy.MULTIPLIERS, part=PART, clock_ns=5.0).write(directory)
    subprocess.run(["bash", "build_lib.sh"], cwd=directory, check=True, env={"PATH": "/usr/bin:/bin", "CXX": cxx})
    library = ctypes.CDLL(str(directory / "firmware" / "kinds.so"))
    inputs = random_inputs(network, 3)
    wanted = decode(network, simulate(network, inputs))
    for number, function in ((np.float64, library.kinds_double), (np.float32, library.kinds_float)):
        for sample in range(3):
            given = [
                np.ldexp(codes[sample], -source.value.type.fraction).astype(number)
                for codes, source in zip(inputs, network.inputs, strict=True)
            ]
            got = [np.empty(network.value(name).shape, dtype=number) for name in network.outputs]
            function(*[ctypes.c_void_p(array.ctypes.data) for array in (*given, *got)])
            for values, exact in zip(got, wanted, strict=True):
                np.testing.assert_array_equal(values, exact[sample])
