"""``map_project``: Verilog of a project through Yosys, one run a module, its netlists simulated before they count.

Each layer is a module and is synthesized by itself, which says what it takes and lets layers run beside each other; the
wires between them are not optimised away. A netlist is kept in the user's cache under the hash of its Verilog, the
script and the version of Yosys.
"""

import hashlib
import json
import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from hwgen.errors import InputError, ToolFailedError
from hwgen.mapping.families import FAMILIES, CellCounts, Family
from hwgen.tools import Cache, Command, Progress, run_all
from hwgen.tools.yosys import Yosys, find_yosys, write_script
from hwgen.verify.rtl import verify_opened_rtl
from hwgen.verify.rtl_engine import RtlEngine
from hwgen.verify.rtl_project import RtlProject
from hwgen.verify.rtl_report import RtlReport

_TIMEOUT_S = 3600.0
_KEY_FORMAT = 1
_LIBRARY_PREFIX = "hwgen_"
_KEEP_SUMS = "keep_sums.v"


@dataclass(frozen=True, slots=True)
class MappedLayer:
    """A module of a project, in a family's cells.

    Attributes:
        module: its name; the top's own logic is the valid bits.
        counts: what it takes.
    """

    module: str
    counts: CellCounts


@dataclass(frozen=True, slots=True)
class MappedProject:
    """A project in a family's cells.

    Attributes:
        family: its name.
        layers: modules in the order of the project's sources, the top first.
        yosys: name and version.
        simulated: of the netlists in place of the Verilog; None where that was not asked for.
    """

    family: str
    layers: tuple[MappedLayer, ...]
    yosys: str
    simulated: RtlReport | None

    @property
    def total(self) -> CellCounts:
        """Sum over the modules."""
        return sum((layer.counts for layer in self.layers), CellCounts())


@dataclass(frozen=True, slots=True)
class _Netlist:
    kinds: Mapping[str, int]
    verilog: str


def map_project(
    project: RtlProject,
    family: str,
    *,
    engine: RtlEngine | None,
    samples: int,
    seed: int = 0,
    cache: Cache | None = None,
    jobs: int | None = None,
    progress: Progress | None = None,
) -> MappedProject:
    """Synthesize a project for a family, and simulate what came out beside the reference.

    Args:
        family: one of ``FAMILIES``.
        engine: that simulates the netlists; None does not.
        samples: to simulate.
        seed: of the vectors.
        cache: where netlists are kept; None keeps none.
        jobs: of Yosys at a time; None for one a usable core.
        progress: told what is being done.
    Raises:
        InputError: an unknown family.
        ToolMissingError: no Yosys.
        ToolFailedError: it fails, makes cells of which hwgen does not know what they count as, or makes a netlist that
            does not compute what the project does.
    """
    if family not in FAMILIES:
        raise InputError(f"family {family!r} is unknown; hwgen maps to {', '.join(FAMILIES)}.")
    chosen, yosys = FAMILIES[family], find_yosys()
    netlists = _netlists(project, chosen, yosys, cache, jobs, progress)
    layers = [
        MappedLayer(module, _counted(chosen, netlist.kinds, module, yosys)) for module, netlist in netlists.items()
    ]
    simulated = None
    if engine is not None:
        files = {f"{module}.v": netlist.verilog.encode() for module, netlist in netlists.items()}
        simulated = verify_opened_rtl(
            replace(project, files=files, sources=tuple(files), signals={}), engine, samples=samples, seed=seed
        )
        if not simulated.equal:
            raise ToolFailedError(
                f"the netlist of {project.network.name!r} for {chosen.title} does not compute what its Verilog does, "
                f"so its cells are not counted; {yosys.version}. {simulated.summary()}"
            )
    return MappedProject(family, tuple(layers), yosys.version, simulated)


@dataclass(frozen=True, slots=True)
class MappedVerilog:
    """Any Verilog in a family's cells.

    Attributes:
        counts: what it takes.
        verilog: the netlist, every cell as what it computes, under the name of the top.
        yosys: name and version.
    """

    counts: CellCounts
    verilog: str
    yosys: str


def map_verilog(
    files: Mapping[str, bytes],
    top: str,
    family: str,
    *,
    keep_sums: bytes | None = None,
    cache: Cache | None = None,
    progress: Progress | None = None,
) -> MappedVerilog:
    """Synthesize Verilog that hwgen did not write, as one module, by the same commands as a project's modules.

    Args:
        files: by name, without folders.
        keep_sums: a map of Yosys' sums, applied before anything else; None leaves them to it.
        cache: where netlists are kept; None keeps none.
        progress: told what is being done.
    Raises:
        InputError: an unknown family.
        ToolMissingError: no Yosys.
        ToolFailedError: it fails, or makes cells of which hwgen does not know what they count as.
    """
    if family not in FAMILIES:
        raise InputError(f"family {family!r} is unknown; hwgen maps to {', '.join(FAMILIES)}.")
    chosen, yosys = FAMILIES[family], find_yosys()
    sources = {PurePosixPath(name).stem: text for name, text in files.items()}
    script = _script(top, chosen, sorted(sources), [], " -sv")  # others write SystemVerilog here and there
    given = dict(sources)
    if keep_sums is not None:
        at = script.index(f"{chosen.synthesis} -top {top}")
        before = [f"hierarchy -check -top {top}", "proc", "flatten", "opt", f"techmap -map {_KEEP_SUMS}", "opt_clean"]
        script[at:at] = before
        given[PurePosixPath(_KEEP_SUMS).stem] = keep_sums
    key = _key(yosys, script, given)
    with tempfile.TemporaryDirectory(prefix="hwgen-map-") as scratch:
        folder = Path(scratch)
        kept = folder / "kept"
        if cache is not None and cache.fetch(key, kept):
            document = json.loads(kept.read_bytes())
            netlist = _Netlist(document["kinds"], document["verilog"])
        else:
            for name, text in given.items():
                (folder / f"{name}.v").write_bytes(text)
            path = write_script(folder / "map.ys", script)
            run_all([yosys.script(path, f"mapping {top} to {chosen.title}", _TIMEOUT_S)], 1, progress)
            netlist = _Netlist(_kinds(folder / "netlist.json", top, []), (folder / "netlist.v").read_text())
            if cache is not None:
                kept.write_text(json.dumps({"kinds": dict(netlist.kinds), "verilog": netlist.verilog}))
                cache.store(key, kept)
    return MappedVerilog(_counted(chosen, netlist.kinds, top, yosys), netlist.verilog, yosys.version)


def _counted(family: Family, kinds: Mapping[str, int], module: str, yosys: Yosys) -> CellCounts:
    counts, unknown = family.count(kinds)
    if unknown:
        raise ToolFailedError(
            f"{yosys.version} made cells of {unknown[0]} in module {module!r}, and hwgen does not know what they "
            f"count as in {family.title}; this is a defect of hwgen, please report it."
        )
    return counts


def _netlists(
    project: RtlProject, family: Family, yosys: Yosys, cache: Cache | None, jobs: int | None, progress: Progress | None
) -> dict[str, _Netlist]:
    """The netlist of each module, the top first."""
    verilog = {PurePosixPath(path).stem: project.files[path] for path in project.sources}
    library = {name: text for name, text in verilog.items() if name.startswith(_LIBRARY_PREFIX)}
    modules = [name for name in verilog if name not in library and name != f"{project.top}_axis"]
    modules.sort(key=lambda name: name != project.top)
    layers = [name for name in modules if name != project.top]
    found: dict[str, _Netlist] = {}
    with tempfile.TemporaryDirectory(prefix="hwgen-map-") as scratch:
        runs: dict[str, tuple[str, Command]] = {}
        for module in modules:
            sources = {**library, module: verilog[module]}
            if module == project.top:  # what layers compute is no part of it, but their ports are
                sources |= {name: verilog[name] for name in layers}
            script = _script(module, family, sorted(sources), layers if module == project.top else [])
            key = _key(yosys, script, sources)
            kept = Path(scratch) / f"{module}.kept"
            if cache is not None and cache.fetch(key, kept):
                document = json.loads(kept.read_bytes())
                found[module] = _Netlist(document["kinds"], document["verilog"])
                continue
            folder = Path(scratch) / module
            folder.mkdir()
            for name, text in sources.items():
                (folder / f"{name}.v").write_bytes(text)
            path = write_script(folder / "map.ys", script)
            runs[module] = key, yosys.script(path, f"mapping {module} to {family.title}", _TIMEOUT_S)
        # The largest first, so that no core waits for it alone at the end.
        order = sorted(runs, key=lambda module: -len(verilog[module]))
        run_all([runs[module][1] for module in order], jobs, progress)
        for module in order:
            folder = Path(scratch) / module
            kinds = _kinds(folder / "netlist.json", module, layers)
            netlist = _Netlist(kinds, (folder / "netlist.v").read_text())
            found[module] = netlist
            if cache is not None:
                kept = folder / "kept"
                kept.write_text(json.dumps({"kinds": dict(netlist.kinds), "verilog": netlist.verilog}))
                cache.store(runs[module][0], kept)
    return {module: found[module] for module in modules}


def _script(module: str, family: Family, sources: Sequence[str], layers: Sequence[str], options: str = "") -> list[str]:
    """Commands that write the netlist as JSON, and as Verilog in which every cell is what it computes."""
    macros = "".join(f" -D{name}" for name in family.defines)
    models = [f"read_verilog -lib {path}" for path in family.models]
    # Deferred: only what the netlist has is elaborated. ECP5's models include the same file twice unless told not to.
    computing = [f"read_verilog -defer -DNO_INCLUDES {path}" for path in family.models]
    return [
        *models,
        f"read_verilog{options}{macros} {' '.join(f'{name}.v' for name in sources)}",
        *(f"blackbox {name}" for name in layers),
        f"{family.synthesis} -top {module}",
        f"select {module}",
        "write_json -selected netlist.json",
        "write_rtlil -selected netlist.il",
        "design -reset",
        *computing,
        "read_rtlil netlist.il",
        f"hierarchy -top {module}",
        "proc",
        "flatten",
        # Registers start with random contents in the simulation, so that nothing depends on what they hold.
        "setattr -unset init w:*",
        "opt_clean",
        f"select {module}",
        "write_verilog -noattr -selected netlist.v",
    ]


def _key(yosys: Yosys, script: Sequence[str], sources: Mapping[str, bytes]) -> str:
    digest = hashlib.sha256(f"mapped {_KEY_FORMAT} {yosys.version}\n".encode())
    digest.update("\n".join(script).encode())
    for name, text in sorted(sources.items()):
        digest.update(name.encode() + b"\0" + hashlib.sha256(text).digest())
    return digest.hexdigest()


def _kinds(path: Path, module: str, layers: Sequence[str]) -> Counter[str]:
    """How many cells of each kind; layers in the top are none, nor are notes on where cells came from."""
    cells = json.loads(path.read_bytes())["modules"][module]["cells"]
    none = {*layers, "$scopeinfo"}
    return Counter(cell["type"] for cell in cells.values() if cell["type"] not in none)
