"""Fits what a piece of logic costs in LUTs to what Yosys makes of it, and measures the error on other networks.

All modules of several networks go through one run of Yosys, which has a start of ten seconds; the cells are those that
``hwgen resources --mapped`` counts. The result is written into the package: coefficients, tool versions, and the
distribution of the error on networks that were not fitted.
"""

import argparse
import json
import re
import sys
import tempfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np
from calibration_networks import HELD_OUT_SEEDS, SEEDS, Case, cases
from numpy.typing import NDArray

from hwgen.emit import rtl_project
from hwgen.estimate.logic import Site
from hwgen.estimate.sites import TOP, circuit_sites
from hwgen.mapping import FAMILIES
from hwgen.tools import run_all
from hwgen.tools.yosys import find_yosys, write_script

CARRY_BITS = {"xcup": 8, "xc7": 4}
EXACT = (Site.ROW, Site.SUM)  # a LUT each, as written
BATCH = 3


@dataclass(frozen=True)
class Module:
    """A module: what was counted in it, and what Yosys made of it."""

    network: str
    kind: str
    name: str
    units: Counter
    luts: int
    flip_flops: int
    carries: int


def measured(found: Sequence[Case], family: str, jobs: int) -> list[Module]:
    """Every module of the networks, mapped."""
    yosys = find_yosys()
    chosen = FAMILIES[family]
    modules: list[Module] = []
    with tempfile.TemporaryDirectory(prefix="hwgen-calibrate-") as scratch:
        runs = []
        batches = [found[start : start + BATCH] for start in range(0, len(found), BATCH)]
        for number, batch in enumerate(batches):
            folder = Path(scratch) / str(number)
            folder.mkdir()
            sources: dict[str, bytes] = {}
            for case in batch:
                files = rtl_project(case.network, case.circuit, part="any", clock_ns=5.0)
                sources |= {
                    PurePosixPath(path).stem: text
                    for path, text in files.items()
                    if path.startswith("rtl/")
                    and path.endswith(".v")
                    and PurePosixPath(path).stem not in (case.network.name, f"{case.network.name}_axis")
                }
            for name, text in sources.items():
                (folder / f"{name}.v").write_bytes(text if isinstance(text, bytes) else text.encode())
            runs.append(
                yosys.script(write_script(folder / "map.ys", script(family, sorted(sources))), "mapping", 3600.0)
            )
        run_all(runs, jobs, lambda step, done, total: print(f"{family}: {done} of {total}", file=sys.stderr))
        for number, batch in enumerate(batches):
            netlists = json.loads((Path(scratch) / str(number) / "netlist.json").read_bytes())["modules"]
            for case in batch:
                units = circuit_sites(case.circuit, CARRY_BITS[family])
                for home, counted in units.items():
                    if home == TOP:
                        continue
                    name = module_name(case, home, netlists)
                    cells = netlists[name]["cells"].values()
                    kinds = Counter(cell["type"] for cell in cells if cell["type"] != "$scopeinfo")
                    counts, unknown = chosen.count(kinds)
                    assert not unknown, unknown
                    modules.append(
                        Module(
                            case.network.name, case.kind, name, counted, counts.luts, counts.flip_flops, counts.carries
                        )
                    )
    return modules


def module_name(case: Case, home: tuple[str, int | None, int | None], netlists: dict[str, object]) -> str:
    """As the Verilog has it."""
    layer, _, stream = home
    suffix = ""
    if stream is not None:
        started = case.circuit.streams[stream]
        suffix = "_join" if started.joins else "_gather" if started.gathers else "_window"
    name = f"{case.network.name}_{layer}{suffix}"
    assert name in netlists, (name, list(netlists))
    return name


def script(family: str, sources: Sequence[str]) -> list[str]:
    """As a project is mapped, but for all modules at once; those of the library are part of their readers."""
    chosen = FAMILIES[family]
    macros = "".join(f" -D{name}" for name in chosen.defines)
    library = " ".join(f"*{name}*" for name in sources if name.startswith("hwgen_"))
    return [
        "read_verilog -lib -specify +/xilinx/cells_sim.v",
        "read_verilog -lib +/xilinx/cells_xtra.v",
        f"read_verilog{macros} {' '.join(f'{name}.v' for name in sources)}",
        "hierarchy -check",
        "proc",
        "flatten",
        f"delete {library}",
        f"{chosen.synthesis} -run prepare:",
        "write_json netlist.json",
    ]
