"""Projects mapped by Yosys: counts agree with its own netlist, netlists are run before they count, and are kept."""

from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from oracle.netlists import read_netlist
from oracle.pair_network import pair_network
from oracle.rtl_tools import run_yosys

import hwgen
from hwgen.api import Model
from hwgen.cli import main
from hwgen.errors import InputError, ToolFailedError, ToolMissingError
from hwgen.mapping import FAMILIES, CellCounts, map_project, map_verilog, mapped
from hwgen.tools import Cache, find_compiler, yosys
from hwgen.tools.verilator import find_verilator
from hwgen.verify.rtl_engine import RtlEngine, Traffic
from hwgen.verify.rtl_project import open_rtl_project


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("mapping") / "pair"
    hwgen.build(Model(pair_network()), folder, target="rtl")
    return folder


def engine() -> RtlEngine:
    return RtlEngine(find_verilator(), find_compiler(None), Traffic(25, 25, 0), Cache.of_user())


QUICK = ("xcup", "ecp5", "generic")


@pytest.fixture
def run_cache() -> Cache:
    """Yosys takes 20 s for xcup, which two tests count."""
    return Cache.of_user()


@pytest.mark.parametrize(
    "family", [pytest.param(name, marks=() if name in QUICK else pytest.mark.fuzz) for name in FAMILIES]
)
def test_netlists_of_every_family_compute_what_the_reference_does(project: Path, family: str, run_cache: Cache) -> None:
    found = map_project(open_rtl_project(project), family, engine=engine(), samples=300, cache=run_cache)
    assert found.simulated is not None
    assert found.simulated.equal
    assert found.layers[0].module == "pair"
    assert {"pair_dense", "pair_rounded"} <= {layer.module for layer in found.layers}
    assert found.total.luts > 10
    assert found.total.flip_flops > 10


def test_an_estimate_has_the_registers_of_the_netlist_and_nearly_its_luts(project: Path, run_cache: Cache) -> None:
    cells = hwgen.estimated(project).cells
    assert cells is not None
    netlist = map_project(open_rtl_project(project), "xcup", engine=None, samples=1, cache=run_cache)
    made = {layer.module: layer.counts for layer in netlist.layers}
    for layer in cells.layers:
        counts = made[f"pair_{layer.layer}" if layer.layer else "pair"]
        assert layer.flip_flops == counts.flip_flops
        assert layer.carries == counts.carries
        assert abs(layer.luts - counts.luts) <= 2
    assert cells.luts > 10


def test_counts_are_those_of_a_run_of_yosys_by_hand(project: Path, tmp_path: Path, run_cache: Cache) -> None:
    status, said = run_yosys(
        f"read_verilog -DHWGEN_AMD_PRIMITIVES -DHWGEN_AMD_CARRY8 {project}/rtl/pair_dense.v {project}/rtl/lib/*.v\n"
        f"synth_xilinx -family xcup -flatten -nodsp -nobram -nosrl -noiopad -noclkbuf -top pair_dense\n"
        f"write_json {tmp_path}/netlist.json"
    )
    assert status == 0, said
    kinds = read_netlist(tmp_path / "netlist.json", "pair_dense").counts
    found = map_project(open_rtl_project(project), "xcup", engine=None, samples=1, cache=run_cache)
    dense = next(layer.counts for layer in found.layers if layer.module == "pair_dense")
    assert dense.luts == sum(number for kind, number in kinds.items() if kind.startswith("LUT") or kind == "INV")
    assert dense.flip_flops == kinds["FDRE"]
    assert dense.carries == kinds["CARRY4"] + kinds["CARRY8"] > 0
    assert found.simulated is None


def test_a_netlist_that_computes_something_else_does_not_count(project: Path) -> None:
    opened = open_rtl_project(project)
    path = "rtl/pair_rounded.v"
    assert b"<= " in opened.files[path]
    text = opened.files[path].decode()
    moved = next(line for line in text.splitlines() if " <= " in line)
    target, _, source = moved.partition(" <= ")
    wrong = text.replace(moved, f"{target} <= ~({source.strip().rstrip(';')});")
    broken = replace(opened, files={**opened.files, path: wrong.encode()})
    with pytest.raises(ToolFailedError) as refused:
        map_project(broken, "generic", engine=engine(), samples=100)
    version = yosys.find_yosys().version
    assert str(refused.value).startswith(
        f"the netlist of 'pair' for 6-input LUTs does not compute what its Verilog does, so its cells are not "
        f"counted; {version}. pair: NOT equal."
    )


def test_netlists_are_kept(project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cache = Cache(tmp_path)
    opened = open_rtl_project(project)
    first = map_project(opened, "generic", engine=None, samples=1, cache=cache)
    runs: list[int] = []
    run_all = mapped.run_all

    def counted(commands, *options):  # type: ignore[no-untyped-def]
        runs.append(len(commands))
        return run_all(commands, *options)

    monkeypatch.setattr(mapped, "run_all", counted)
    assert map_project(opened, "generic", engine=None, samples=1, cache=cache) == first
    path = "rtl/pair_rounded.v"
    commented = replace(opened, files={**opened.files, path: opened.files[path] + b"// another\n"})
    assert map_project(commented, "generic", engine=None, samples=1, cache=cache) == first
    assert runs == [0, 2]  # the layer, and the top, which reads its ports


def test_the_command_prints_a_row_a_module(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["hwgen", "resources", str(project), "--mapped", "generic", "--no-simulate"])
    with pytest.raises(SystemExit) as ended:
        main()
    assert not ended.value.code
    printed = capsys.readouterr().out
    assert "mapped: 6-input LUTs, Yosys" in printed
    assert "pair_dense" in printed
    assert "The netlists were not simulated." in printed


# ---- refusals


def test_an_unknown_family_is_refused(project: Path) -> None:
    with pytest.raises(InputError) as refused:
        hwgen.mapped(project, "spartan2")
    assert str(refused.value) == ("family 'spartan2' is unknown; hwgen maps to xcup, xc7, ecp5, ice40, gowin, generic.")


def test_without_yosys_the_sentence_says_how_to_get_it(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(yosys, "find_spec", lambda name: None)
    monkeypatch.setattr(yosys.shutil, "which", lambda name: None)
    with pytest.raises(ToolMissingError) as refused:
        hwgen.mapped(project, "generic", simulate=False)
    assert str(refused.value) == (
        "Yosys was not found: neither the Python package nor a program on PATH; install it with 'pip install pyosys' "
        "(or hwgen with its extra: pip install 'hwgen[mapped]')."
    )
    assert refused.value.exit_code == 3


def test_cells_that_nobody_knows_are_not_left_out_of_the_count(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ignorant = replace(FAMILIES["generic"], cells=((r"\$lut", CellCounts(luts=1)),))
    monkeypatch.setattr(mapped, "FAMILIES", {"generic": ignorant})
    version = yosys.find_yosys().version
    with pytest.raises(ToolFailedError) as refused:
        map_project(open_rtl_project(project), "generic", engine=None, samples=1)
    kind = str(refused.value).split("cells of ")[1].split(" ")[0]
    assert str(refused.value) == (
        f"{version} made cells of {kind} in module 'pair', and hwgen does not know what they count as in 6-input "
        f"LUTs; this is a defect of hwgen, please report it."
    )


def test_counts_add_up() -> None:
    family = FAMILIES["ecp5"]
    counts, unknown = family.count(Counter({"LUT4": 3, "CCU2C": 2, "TRELLIS_FF": 5, "PFUMX": 7, "EHXPLLL": 1}))
    assert counts == CellCounts(luts=7, flip_flops=5, carries=2)
    assert unknown == ("EHXPLLL",)


def test_any_verilog_is_mapped_as_one_module() -> None:
    inner = b"module inner (input a, input b, output y); assign y = a & b; endmodule\n"
    outer = (
        b"module outer (input [2:0] x, output logic y);\n"
        b"    wire t; inner one (x[0], x[1], t); assign y = t ^ x[2];\nendmodule\n"
    )
    found = map_verilog({"inner.v": inner, "outer.v": outer}, "outer", "generic")
    assert found.counts == CellCounts(luts=1)
    assert "module outer" in found.verilog


def test_any_verilog_of_an_unknown_family_is_refused() -> None:
    with pytest.raises(InputError) as refused:
        map_verilog({}, "top", "spartan2")
    assert str(refused.value) == "family 'spartan2' is unknown; hwgen maps to xcup, xc7, ecp5, ice40, gowin, generic."
