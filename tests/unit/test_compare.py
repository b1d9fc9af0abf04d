"""``hwgen compare``: rows, ratios, budgets and shares of a part, without any tool; mapping has tests of its own."""

import csv
import io
import json
import re
from pathlib import Path

import pytest
from keras_file import write_dense_model
from oracle.pair_network import pair_network
from typer.testing import CliRunner

import hwgen
from hwgen.api import Model
from hwgen.circuit import AMD, TARGETS, ClockPlan, Optimize, lower
from hwgen.cli import app
from hwgen.compare import PARTS, Budget, Comparison, Format, Row, Stage, comparison, exceeded, find_part, rendered
from hwgen.errors import InputError, ProjectError
from hwgen.estimate import estimate_cells
from hwgen.ir import network_complexity


def rows() -> list[Row]:
    return [
        Row("one", Stage.ESTIMATE, "hand", {"luts": 90, "adders": 10}),
        Row("one", Stage.MAPPED, "hand", {"luts": 100, "latency_ns": 12.5}, "xc7"),
        Row("two", Stage.ESTIMATE, "hand", {"luts": 30, "adders": 5}),
        Row("two", Stage.MAPPED, "hand", {"luts": 50}, "xc7"),
        Row("other", Stage.MAPPED, "hand", {"luts": 5000}, "xc7", peer=True),
    ]


def refusal(text: str) -> str:
    return f"^{re.escape(text)}$"


# ---- the table


def test_ratios_stay_within_a_stage() -> None:
    found = comparison(rows(), baseline="one")
    assert [found.ratio(row, "luts") for row in found.rows] == [1, 1, 30 / 90, 0.5, 50]
    assert [found.ratio(row, "adders") for row in found.rows] == [1, None, 0.5, None, None]


def test_without_a_baseline_there_are_no_ratios() -> None:
    found = comparison(rows())
    assert {found.ratio(row, "luts") for row in found.rows} == {None}


def test_a_share_is_of_what_the_part_has() -> None:
    found = comparison(rows(), part=PARTS["xc7z010"])
    assert found.used(found.rows[1], "luts") == 100 / 17_600
    assert found.used(found.rows[1], "latency_ns") is None


def test_a_baseline_that_is_no_design_is_refused() -> None:
    with pytest.raises(
        InputError, match=refusal("no design is called 'three'; the baseline is one of one, two, other.")
    ):
        comparison(rows(), baseline="three")


def test_two_designs_of_one_name_are_refused() -> None:
    text = "2 designs are called 'one' at stage estimate, and a table names each once; give different folders or files."
    with pytest.raises(InputError, match=refusal(text)):
        comparison([*rows(), rows()[0]])


def test_cells_of_another_family_are_not_held_against_a_part() -> None:
    text = "part 'xck26' is made of xcup cells, and design 'one' was counted in those of xc7; map to xcup."
    with pytest.raises(InputError, match=refusal(text)):
        comparison(rows(), part=PARTS["xck26"])


# ---- parts


def test_a_part_is_found_by_the_vendors_whole_name() -> None:
    assert find_part("XC7Z020clg400-1").name == "xc7z020"
    assert find_part("xcvu13p-flga2577-2-e").luts == 1_728_000


def test_parts_of_amd_have_two_registers_a_lut() -> None:
    amd = [part for part in PARTS.values() if part.family in ("xcup", "xc7")]
    assert len(amd) > 10
    assert all(part.flip_flops == 2 * part.luts for part in amd)


def test_a_part_that_is_not_in_the_table_is_refused() -> None:
    text = f"part 'xcfoo' is not in hwgen's table; it starts with one of {', '.join(PARTS)}."
    with pytest.raises(InputError, match=refusal(text)):
        find_part("xcfoo")


# ---- budgets


def test_each_design_is_judged_by_its_latest_stage_and_peers_are_not() -> None:
    over = exceeded(comparison(rows()), Budget(max_luts=60, max_latency_ns=12.0))
    assert [str(each) for each in over] == [
        "one takes 100 LUTs (mapped), more than 60.",
        "one takes 12.5 ns (mapped), more than 12.",
    ]


def test_a_budget_that_is_met_exactly_is_met() -> None:
    assert exceeded(comparison(rows()), Budget(max_luts=100, max_latency_ns=12.5)) == ()


def test_a_part_is_a_budget() -> None:
    large = [Row("large", Stage.MAPPED, "hand", {"luts": 20_000, "dsps": 1}, "xc7")]
    over = exceeded(comparison(large, part=PARTS["xc7z010"]), Budget())
    assert [str(each) for each in over] == ["large takes 20,000 LUTs of xc7z010 (mapped), more than 17,600."]


def test_a_budget_that_nothing_can_be_held_against_is_refused() -> None:
    text = "--max-luts was given, and no design here has that figure; build Verilog, and map it (--mapped)."
    with pytest.raises(InputError, match=refusal(text)):
        exceeded(comparison([Row("one", Stage.ESTIMATE, "hand", {"adders": 3})]), Budget(max_luts=5))


# ---- formats


def example() -> Comparison:
    return comparison(rows(), ["a note."], "one", PARTS["xc7z010"])


def test_markdown_has_a_row_a_design_and_stage() -> None:
    assert rendered(example(), Format.MARKDOWN).splitlines()[:4] == [
        "| design | stage | by | LUTs | adders | latency, ns |",
        "|---|---|---|---:|---:|---:|",
        "| one | estimate | hand | 90 (x1.00) | 10 (x1.00) |  |",
        "| one | mapped | hand | 100 (x1.00) 0.6% |  | 12.5 (x1.00) |",
    ]


def test_an_estimate_shows_its_error() -> None:
    found = comparison([Row("one", Stage.ESTIMATE, "hand", {"luts": 200}, "xcup", error=0.07)])
    assert rendered(found, Format.MARKDOWN).splitlines()[2:] == [
        "| one | estimate | hand | 200 ±7% |",
        "",
        "- ±: the worst error of estimated LUTs on networks that they were not fitted to (make calibrate)",
    ]


def test_csv_has_plain_numbers() -> None:
    read = list(csv.DictReader(io.StringIO(rendered(example(), Format.CSV))))
    assert [row["luts"] for row in read] == ["90", "100", "30", "50", "5000"]
    assert [row["luts_ratio"] for row in read] == ["1.0000", "1.0000", "0.3333", "0.5000", "50.0000"]
    assert [row["peer"] for row in read] == ["0", "0", "0", "0", "1"]


def test_json_says_everything() -> None:
    read = json.loads(rendered(example(), Format.JSON))
    assert read["baseline"] == "one"
    assert read["part"]["luts"] == 17_600
    assert read["notes"] == ["a note."]
    assert read["rows"][3] == {
        "design": "two",
        "stage": "mapped",
        "by": "hand",
        "family": "xc7",
        "peer": False,
        "error": None,
        "figures": {"luts": 50},
        "ratios": {"luts": 0.5},
        "used": {"luts": 50 / 17_600},
    }


# ---- designs


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("compare")
    model = Model(pair_network())
    hwgen.build(model, folder / "cpp")
    hwgen.build(model, folder / "verilog", target="rtl", clock_ns=2.0)
    return folder


def test_a_model_is_every_design_that_can_be_built() -> None:
    network = pair_network()
    found = hwgen.compare_designs([Model(network)], clock_ns=4.0)
    assert [row.design for row in found.rows] == ["hls-multipliers", "hls-adders", "rtl-latency", "rtl-luts"]
    (layer,) = network_complexity(network)
    assert [found.rows[0].figures["products"], found.rows[1].figures["products"]] == [layer.nonzeros, 0]
    latency = found.rows[2].figures
    assert latency["latency_ns"] == 4.0 * latency["latency_cycles"]


def test_verilog_for_amd_has_luts_before_it_is_mapped() -> None:
    network = pair_network()
    found = hwgen.compare_designs([Model(network)])
    cells = estimate_cells(lower(network, AMD, ClockPlan(1), optimize=Optimize.LATENCY), "xcup", 5.0)
    row = found.rows[2]
    assert (row.family, row.error) == ("xcup", cells.calibration.worst_error)
    assert [row.figures[name] for name in ("luts", "flip_flops")] == [cells.luts, cells.flip_flops]
    assert "luts" not in found.rows[0].figures


def test_a_part_says_which_adders_a_model_is_built_of() -> None:
    found = hwgen.compare_designs([Model(pair_network())], part="lfe5u-25f")
    lattice = lower(pair_network(), TARGETS["lattice"], ClockPlan(1), optimize=Optimize.LATENCY)
    assert found.rows[2].figures["adders"] == lattice.adders
    assert not found.rows[2].family


def test_projects_keep_their_own_clock(folders: Path) -> None:
    found = hwgen.compare_designs([folders / "cpp", folders / "verilog"])
    assert [row.design for row in found.rows] == ["cpp", "verilog"]
    figures = found.rows[1].figures
    assert figures["latency_ns"] == 2.0 * figures["latency_cycles"]


def test_nothing_to_compare_is_refused() -> None:
    with pytest.raises(
        InputError, match=refusal("at least one project folder or model is needed to compare; got none.")
    ):
        hwgen.compare_designs([])


def test_a_part_of_another_family_is_refused_before_anything_is_mapped() -> None:
    text = "part 'xc7z020' is made of xc7 cells, and the designs are to be mapped to xcup; map them to xc7."
    with pytest.raises(InputError, match=refusal(text)):
        hwgen.compare_designs([Model(pair_network())], mapped="xcup", part="xc7z020")


def test_an_unknown_family_is_refused() -> None:
    text = "family 'spartan2' is unknown; hwgen maps to xcup, xc7, ecp5, ice40, gowin, generic."
    with pytest.raises(InputError, match=refusal(text)):
        hwgen.compare_designs([Model(pair_network())], mapped="spartan2")


def test_a_folder_that_is_no_project_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ProjectError):
        hwgen.compare_designs([tmp_path])


# ---- the command


def test_the_command_ends_with_1_where_a_design_is_over_budget(folders: Path) -> None:
    paths = [str(folders / "cpp"), str(folders / "verilog")]
    within = CliRunner().invoke(app, ["compare", *paths, "--max-latency-ns", "1000"])
    assert (within.exit_code, within.stderr) == (0, "")
    over = CliRunner().invoke(app, ["compare", *paths, "--max-latency-ns", "1"])
    assert over.exit_code == 1
    assert "over budget: verilog takes" in over.stderr


def test_the_command_compares_models_by_their_files(tmp_path: Path) -> None:
    write_dense_model(tmp_path / "net.h5")
    ran = CliRunner().invoke(
        app,
        [
            "compare",
            str(tmp_path / "net.h5"),
            "--input-type",
            "fixed<8,3>",
            "--format",
            "csv",
            "--baseline",
            "hls-adders",
        ],
    )
    assert ran.exit_code == 0
    read = list(csv.DictReader(io.StringIO(ran.stdout)))
    assert {row["weights"] for row in read} == {read[0]["weights"]}
    assert [row["design"] for row in read] == ["hls-multipliers", "hls-adders", "rtl-latency", "rtl-luts"]


def test_an_unknown_format_is_refused(folders: Path) -> None:
    ran = CliRunner().invoke(app, ["compare", str(folders / "cpp"), "--format", "html"])
    assert isinstance(ran.exception, InputError)
    assert str(ran.exception) == "format 'html' is unknown; it is one of table, markdown, csv, json."


def test_the_documentation_lists_the_parts() -> None:
    page = (Path(__file__).parents[2] / "docs" / "compare.md").read_text()
    listed = re.search(r"Parts: ([^.]*)\.", page.replace("\n", " "))
    assert listed is not None
    assert re.findall(r"`([\w-]+)`", listed[1]) == list(PARTS)
