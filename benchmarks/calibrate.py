"""Fits what a piece of logic costs in LUTs to what Yosys makes of it, and measures the error on other networks.

All modules of several networks go through one run of Yosys, whose start alone takes ten seconds; cells count as those
of ``hwgen resources --mapped`` do. Netlists are not simulated here. The result is written into the package:
coefficients, tool versions, and the distribution of the error on networks that were not fitted.
"""

import argparse
import json
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
from hwgen.estimate.calibration import CALIBRATION_FILE
from hwgen.estimate.logic import Site
from hwgen.estimate.sites import TOP, circuit_sites
from hwgen.mapping import FAMILIES
from hwgen.tools import run_all
from hwgen.tools.yosys import find_yosys, write_script

CARRY_BITS = {"xcup": 8, "xc7": 4}
COUNTED = (Site.ROW, Site.SUM, Site.INVERTER, Site.PARITY)  # a LUT each, as written
FITTED = (
    Site.LIMIT,
    Site.CHOICE,
    Site.STEP,
    Site.TABLE,
    Site.COMPARISON,
    Site.PRODUCT,
    Site.MEMORY,
    Site.CONTROL,
)
PRIOR = 4.0  # how much a coefficient is held to 1, so that kinds that few modules have do not follow their noise
BATCH = 3  # networks a run


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


def fitted(modules: Sequence[Module]) -> dict[Site, float]:
    """LUTs a unit, by least squares over the modules, each weighted so that large ones do not drown small ones."""
    units = np.array([[module.units[site] for site in FITTED] for module in modules], dtype=np.float64)
    known = np.array([sum(module.units[site] for site in COUNTED) for module in modules], dtype=np.float64)
    luts = np.array([module.luts for module in modules], dtype=np.float64)
    weight = 1 / np.sqrt(np.maximum(luts, 10))
    left = (luts - known - units.sum(axis=1)) * weight  # what a LUT a unit leaves
    rows = units * weight[:, None]
    change = np.linalg.solve(rows.T @ rows + PRIOR * np.eye(len(FITTED)), rows.T @ left)
    costs = {site: max(0.0, round(1 + float(by), 3)) for site, by in zip(FITTED, change, strict=True)}
    return dict.fromkeys(COUNTED, 1.0) | costs


def errors(modules: Sequence[Module], costs: dict[Site, float]) -> dict[str, NDArray[np.float64]]:
    """Of each network, estimate over netlist less one; networks without any such cell are left out."""
    found: dict[str, list[float]] = {"luts": [], "flip_flops": [], "carries": []}
    for network in dict.fromkeys(module.network for module in modules):
        own = [module for module in modules if module.network == network]
        pairs = {
            "luts": (sum(costs[site] * module.units[site] for module in own for site in costs), "luts"),
            "flip_flops": (sum(module.units[Site.FLIP_FLOP] for module in own), "flip_flops"),
            "carries": (sum(module.units[Site.CARRY] for module in own), "carries"),
        }
        for name, (estimate, measure) in pairs.items():
            counted = sum(getattr(module, measure) for module in own)
            if counted:
                found[name].append(estimate / counted - 1)
    return {name: np.array(values) for name, values in found.items()}


def summary(modules: Sequence[Module], costs: dict[Site, float]) -> dict[str, object]:
    """The errors of networks, for the file and for people."""
    found = errors(modules, costs)
    size = np.abs(found["luts"])
    return {
        "networks": len(size),
        "median": round(float(np.median(size)), 4),
        "worst": round(float(size.max()), 4),
        "luts": sorted(round(float(error), 4) for error in found["luts"]),
        "flip_flops_median": round(float(np.median(np.abs(found["flip_flops"]))), 4),
        "flip_flops_worst": round(float(np.abs(found["flip_flops"]).max()), 4),
        "carries_median": round(float(np.median(np.abs(found["carries"]))), 4),
        "carries_worst": round(float(np.abs(found["carries"]).max()), 4),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--families", default=",".join(CARRY_BITS), help="families, separated by commas")
    parser.add_argument("--jobs", type=int, default=2, help="runs of Yosys at a time")
    parser.add_argument("--output", type=Path, default=CALIBRATION_FILE, help="where the coefficients go")
    arguments = parser.parse_args()
    fit, held = cases(SEEDS), cases(HELD_OUT_SEEDS)
    families = {}
    for family in arguments.families.split(","):
        modules = measured(fit, family, arguments.jobs)
        costs = fitted(modules)
        own, other = summary(modules, costs), summary(measured(held, family, arguments.jobs), costs)
        families[family] = described(family, costs, own, other)
        off = f"{other['median']:.1%} off in the median, {other['worst']:.1%} at worst"
        print(f"{family}: {other['networks']} networks that were not fitted: LUTs {off}")
    arguments.output.write_text(document(families), encoding="utf-8")


def described(
    family: str, costs: dict[Site, float], own: dict[str, object], other: dict[str, object]
) -> dict[str, object]:
    """A family's entry of the file."""
    return {
        "carry_bits": CARRY_BITS[family],
        "luts": {site.name: cost for site, cost in costs.items()},
        "networks": own["networks"],
        "fitted": own,
        "held_out": other,
    }


def document(families: dict[str, object]) -> str:
    """The file."""
    found = {
        "made_by": "make calibrate",
        "tool": find_yosys().version,
        "seeds": {"fitted": [SEEDS[0], SEEDS[-1]], "held_out": [HELD_OUT_SEEDS[0], HELD_OUT_SEEDS[-1]]},
        "families": families,
    }
    return json.dumps(found, indent=1) + "\n"


if __name__ == "__main__":
    main()
