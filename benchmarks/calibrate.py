"""Holds the estimate of LUTs and registers against Yosys, and fits its few coefficients: ``make calibrate``.

One run of Yosys a family maps the layers of all networks of ``calibration_networks``, each module by itself as ``hwgen
resources --mapped`` does. Odd networks give the coefficients; even ones say how far the estimate is from them.
"""

import json
import re
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from calibration_networks import Design, designs

from hwgen.emit import rtl_project
from hwgen.mapping import FAMILIES, CellCounts
from hwgen.tools import run
from hwgen.tools.yosys import find_yosys, write_script

_TIMEOUT_S = 3600.0
_LIBRARY = "rtl/lib/"


def mapped_modules(made: Mapping[int, Design], family: str, folder: Path) -> dict[str, CellCounts]:
    """What each module of several designs takes, from one run of Yosys."""
    chosen = FAMILIES[family]
    sources: dict[str, bytes] = {}
    modules: list[str] = []
    tops: list[str] = []
    for design in made.values():
        files = rtl_project(design.network, design.circuit, part="xcvu13p-flga2577-2-e", clock_ns=5.0)
        for path, text in files.items():
            if not path.endswith(".v") or not path.startswith("rtl/") or path.endswith("_axis.v"):
                continue
            sources[Path(path).name] = text
            if not path.startswith(_LIBRARY):
                modules.append(Path(path).stem)
        tops.append(design.network.name)
    for name, text in sources.items():
        (folder / name).write_bytes(text)
    # Nothing above the designs reads them, so that nothing may be taken away: all modules are kept.
    (folder / "everything.v").write_text(_everything(tops, sources))
    macros = "".join(f" -D{name}" for name in chosen.defines)
    script = [
        *(f"read_verilog -lib {path}" for path in chosen.models),
        f"read_verilog{macros} everything.v {' '.join(sources)}",
        f"setattr -mod -set keep_hierarchy 1 {' '.join(modules)}",
        f"{chosen.synthesis} -top everything",
        "tee -o stat.json stat -json",
    ]
    run(find_yosys().script(write_script(folder / "map.ys", script), f"mapping to {chosen.title}", _TIMEOUT_S))
    found = json.loads((folder / "stat.json").read_text())["modules"]
    counts = {}
    for module in modules:
        kinds = found[f"\\{module}"]["num_cells_by_type"]
        kinds = {kind.removeprefix("$paramod"): number for kind, number in kinds.items() if kind not in modules}
        counts[module], unknown = chosen.count(kinds)
        assert not unknown, (module, unknown)
    return counts


def _everything(tops: list[str], sources: Mapping[str, bytes]) -> str:
    """A module over all designs, whose ports are theirs."""
    ports, instances = [], []
    for top in tops:
        pins = []
        for way, size, name in re.findall(r"^    (input|output) wire (\[\d+:0\] )?(\w+)", sources[f"{top}.v"].decode(), re.M):
            ports.append(f"    {way} wire {size}{top}_{name}")
            pins.append(f".{name}({top}_{name})")
        instances.append(f"    {top} u_{top} ({', '.join(pins)});\n")
    listed = ',\n'.join(ports)
    return f"module everything (\n{listed}\n);\n{''.join(instances)}endmodule\n"
