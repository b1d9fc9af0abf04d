"""``build_prj.tcl``, run by a plain Tcl shell in which the vendor's commands only write down how they are called."""

import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from oracle.absence import missing

from hwgen.emit import Strategy, hls_project
from hwgen.fixed import FixedType
from hwgen.ir import Dense, Input, Network, SparseTensor, Value, check_network

# Every command of Vitis HLS that the script may call; "exit" leaves a mark, so that a script that dies is told apart.
MOCK = """
foreach command {open_project set_top add_files open_solution config_array_partition config_compile set_part
                 config_schedule create_clock set_clock_uncertainty csim_design csynth_design cosim_design
                 export_design} {
    proc $command args "puts \\"CALL $command \\$args\\""
}
rename exec real_exec
proc exec args {puts "CALL exec $args"}
rename exit real_exit
proc exit {{code 0}} {puts "EXIT $code"; real_exit $code}
set argv [lrange $argv 1 end]
source [lindex $::scripts 0]
"""


@pytest.fixture
def tclsh() -> str:
    return shutil.which("tclsh") or missing("tclsh")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    x, y = Value("x", (2,), FixedType(True, 4, 0)), Value("y", (1,), FixedType(True, 8, 0))
    weight = SparseTensor.from_dense(np.array([[1], [2]]), FixedType(True, 3, 0))
    network = check_network(Network("net", (Input(x, None),), (Dense("d", "x", y, weight, np.array([0])),), ("y",)))
    files = hls_project(network, strategy=Strategy.MULTIPLIERS, part="xcvu13p-flga2577-2-e", clock_ns=2.5)
    files.write(tmp_path / "a folder")
    return tmp_path / "a folder"


def run(tclsh: str, project: Path, *arguments: str) -> tuple[int, list[str]]:
    script = f"set scripts [list {{{project / 'build_prj.tcl'}}}]\n{MOCK}"
    (project.parent / "mock.tcl").write_text(script)
    done = subprocess.run(
        [tclsh, str(project.parent / "mock.tcl"), "-f", *arguments],
        cwd=project.parent,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, (done.stdout + done.stderr).splitlines()


def calls(lines: list[str]) -> list[str]:
    return [line.removeprefix("CALL ").rstrip() for line in lines if line.startswith("CALL ")]


def test_the_project_is_set_up_with_its_sources_part_and_clock(tclsh: str, project: Path) -> None:
    code, lines = run(tclsh, project, "csim=0", "synth=0", "cosim=0")
    assert (code, lines[-1]) == (0, "EXIT 0")
    assert calls(lines) == [
        "open_project net_prj",
        "set_top net",
        "add_files firmware/net.cpp -cflags -std=c++14",
        "add_files -tb net_test.cpp -cflags -std=c++14",
        "add_files -tb tb_data",
        "open_solution solution1",
        "config_array_partition -maximum_size 4096",
        "config_compile -name_max_length 80",
        "set_part xcvu13p-flga2577-2-e",
        "config_schedule -enable_dsp_full_reg=false",
        "create_clock -period 2.5 -name default",
        "set_clock_uncertainty 27% default",
    ]


def test_stages_run_in_order_and_report_as_hls4mls_readers_expect(tclsh: str, project: Path) -> None:
    code, lines = run(tclsh, project, "reset=1 validation=0 export=1")
    assert (code, lines[-1]) == (0, "EXIT 0")
    assert "open_project -reset net_prj" in calls(lines)
    stages = ["csim_design", "csynth_design", "cosim_design", "export_design -format ip_catalog -version 1.0.0"]
    assert [call for call in calls(lines) if "design" in call] == stages
    assert "***** C/RTL SYNTHESIS COMPLETED IN 0h0m0s *****" in lines


@pytest.mark.parametrize(("same", "wanted"), [(True, 0), (False, 1)])
def test_validation_compares_the_logs_of_both_simulations(tclsh: str, project: Path, same: bool, wanted: int) -> None:
    (project / "tb_data").mkdir()
    (project / "tb_data" / "csim_results.log").write_text("1 2\n")
    (project / "tb_data" / "rtl_cosim_results.log").write_text("1 2\n" if same else "1 3\n")
    code, lines = run(tclsh, project)
    assert code == wanted
    assert ("INFO: Test PASSED" in lines) is same


def test_vivado_needs_the_verilog_of_synthesis_first(tclsh: str, project: Path) -> None:
    code, lines = run(tclsh, project, "csim=0", "cosim=0", "vsynth=1")
    assert code == 1
    assert any("run with synth=1 first" in line for line in lines)
    (project / "net_prj" / "solution1" / "syn" / "verilog").mkdir(parents=True)
    code, lines = run(tclsh, project, "csim=0", "cosim=0", "vsynth=1")
    assert code == 0
    assert "exec vivado -mode batch -source vivado_synth.tcl >@ stdout" in calls(lines)
