"""The three-operand adder's structure is its expression; the stream wrapper loses and invents nothing."""

import subprocess
from pathlib import Path
from random import Random

import pytest
from oracle.netlists import cell_models
from oracle.networks import random_inputs
from oracle.parallel import circuit_of, parallel_networks
from oracle.rtl_tools import run_yosys

from hwgen import reference
from hwgen.emit import Vectors, rtl_project
from hwgen.resources import data_folder

ADD3 = data_folder("templates") / "rtl" / "lib" / "hwgen_add3.v"
CARRY4 = "-DHWGEN_AMD_PRIMITIVES"
CARRY8 = "-DHWGEN_AMD_PRIMITIVES -DHWGEN_AMD_CARRY8"


@pytest.fixture(scope="module")
def amd_cells(amd_cells: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Models of the cells that the structures are made of; every proof reads them anew, and all cells are 99."""
    models = tmp_path_factory.mktemp("cells") / "cells.v"
    models.write_text(cell_models(amd_cells, ["CARRY4", "CARRY8", "LUT6_2"]))
    return models


MITER = """
design -copy-from {first} -as gold gold
design -copy-from {second} -as gate gate
miter -equiv -flatten -make_outputs gold gate miter
sat -verify -prove trigger 0 -set-def-inputs -show-inputs miter
"""


def _prepared(defines: str, width: int, negate: int, name: str, source: Path, cells: Path) -> str:
    models = f"read_verilog {cells}\n" if defines else ""
    return (
        f"design -reset\n{models}read_verilog {defines} {source}\n"
        f"chparam -set WIDTH {width} -set NEGATE {negate} hwgen_add3\n"
        f"hierarchy -top hwgen_add3\nproc\nflatten\nopt_clean\nrename -top {name}\ndesign -save {name}\n"
    )


def _equal(cells: Path, defines: str, widths: list[int], structure: Path = ADD3) -> tuple[int, str]:
    script = ""
    for width in widths:
        for negate in range(7):  # not all three
            script += _prepared("", width, negate, "gold", ADD3, cells)
            script += _prepared(defines, width, negate, "gate", structure, cells)
            script += "design -reset\n" + MITER.format(first="gold", second="gate")
    return run_yosys(script)


@pytest.mark.parametrize("defines", [CARRY4, CARRY8], ids=["CARRY4", "CARRY8"])
@pytest.mark.parametrize("widths", [[1, 2, 3, 4], [5, 7, 8, 9], [13, 17], [32]], ids=str)
def test_the_structure_of_the_adder_equals_its_expression(defines: str, widths: list[int], amd_cells: Path) -> None:
    status, said = _equal(amd_cells, defines, widths)
    assert status == 0, said[-2000:]
    assert said.count("SAT proof finished - no model found: SUCCESS!") == 7 * len(widths)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("operand[2] ^ address[3];", "operand[2];"),
        ("(operand[0] & operand[1]) | ", ""),
        (".I3(saved[i])", ".I3(saved[i+1])"),
        ("assign saved[0] = SECOND_INCREMENT;", "assign saved[0] = 1'b0;"),
        (".CYINIT(FIRST_INCREMENT)", ".CYINIT(1'b0)"),
    ],
)
def test_a_wrong_structure_is_not_proven_equal(old: str, new: str, tmp_path: Path, amd_cells: Path) -> None:
    text = ADD3.read_text()
    assert old in text
    wrong = tmp_path / "wrong.v"
    wrong.write_text(text.replace(old, new))
    status, said = _equal(amd_cells, CARRY4, [4], wrong)
    assert status != 0
    assert "model found: FAIL!" in said


CELLS = """
/* verilator lint_off DECLFILENAME */
/* verilator lint_off UNUSED */
/* verilator lint_off UNDRIVEN */
module LUT6_2 #(parameter [63:0] INIT = 64'd0) (input I0, I1, I2, I3, I4, I5, output O5, O6);
endmodule
module CARRY4 (input CI, CYINIT, input [3:0] DI, S, output [3:0] CO, O);
endmodule
module CARRY8 #(parameter CARRY_TYPE = "") (input CI, CI_TOP, input [7:0] DI, S, output [7:0] CO, O);
endmodule
"""


@pytest.mark.parametrize("defines", [CARRY4, CARRY8], ids=["CARRY4", "CARRY8"])
def test_the_structure_is_clean_in_verilator(
    defines: str, tmp_path: Path, verilator: tuple[list[str], dict[str, str]]
) -> None:
    (tmp_path / "cells.v").write_text(CELLS)
    command, environment = verilator
    for width in (1, 4, 5, 8, 17):
        arguments = [*command, "--lint-only", "-Wall", *defines.split(), f"-GWIDTH={width}"]
        arguments += ["--top-module", "hwgen_add3", str(ADD3), str(tmp_path / "cells.v")]
        done = subprocess.run(arguments, env=environment, capture_output=True, text=True, check=False)
        assert (done.returncode, done.stderr) == (0, ""), width


STREAM_TEST = """
module stream_tb;
    reg clk, resetn, s_valid, m_ready;
    reg [IN-1:0] s_data;
    reg [IN-1:0] given [0:SAMPLES-1];
    wire [OUT-1:0] m_data;
    wire s_ready, m_valid;
    reg [OUT-1:0] held;
    reg waiting;
    integer sent, received, seed, cycle;

    net_axis dut (
        .aclk(clk), .aresetn(resetn), .s_axis_tdata(s_data), .s_axis_tvalid(s_valid), .s_axis_tready(s_ready),
        .m_axis_tdata(m_data), .m_axis_tvalid(m_valid), .m_axis_tready(m_ready)
    );

    always #5 clk = !clk;

    initial begin
        $readmemh("given.hex", given);
        clk = 0; resetn = 0; s_valid = 0; m_ready = 0; seed = SEED; sent = 0; received = 0; waiting = 0;
        s_data = {IN{1'bx}};
        repeat (3) @(negedge clk);
        resetn = 1;
        for (cycle = 0; cycle < 40 * SAMPLES + 500; cycle = cycle + 1) begin
            // A sender keeps its beat until it is taken.
            if (!s_valid || s_taken) s_valid = sent < SAMPLES && (FULL || $random(seed) % 3 != 0);
            s_data = s_valid ? given[sent] : {IN{1'bx}};
            m_ready = FULL || $random(seed) % 3 == 0;
            #4;
            if (waiting && (!m_valid || m_data !== held)) $display("changed while waiting");
            held = m_data;
            waiting = m_valid && !m_ready;
            if (m_valid && m_ready) begin
                $display("%h", m_data);
                received = received + 1;
                if (FULL && received == SAMPLES) $display("cycles %0d", cycle + 1);
            end
            s_taken = s_valid && s_ready;
            if (s_taken) sent = sent + 1;
            @(negedge clk);
        end
        $finish;
    end
    reg s_taken = 0;
endmodule
"""


def _packed(codes: list[int], width: int) -> int:
    return sum((code & ((1 << width) - 1)) << (width * at) for at, code in enumerate(codes))


def _beats(arrays: list, ports: list) -> list[int]:  # type: ignore[type-arg]
    beats = []
    for sample in range(len(arrays[0])):
        beat = low = 0
        for codes, port in zip(arrays, ports, strict=True):
            beat |= _packed(codes[sample].ravel().tolist(), port.type.width) << low
            low += port.size * port.type.width
        beats.append(beat)
    return beats


@pytest.mark.usefixtures("icarus")
@pytest.mark.parametrize("full", [0, 1], ids=["with gaps and back-pressure", "at full speed"])
def test_the_stream_wrapper_gives_every_sample_once_and_in_order(full: int, tmp_path: Path) -> None:
    samples = 30
    for seed, network in list(parallel_networks(range(20)))[:9]:
        circuit = circuit_of(seed, network)
        inputs = random_inputs(Random(seed), network, samples)
        outputs = reference.simulate(network, inputs)
        folder = tmp_path / str(seed)
        rtl_project(network, circuit, part="xc7a35t", clock_ns=5.0, vectors=Vectors(inputs, outputs)).write(folder)
        given, expected = _beats(list(inputs), list(circuit.inputs)), _beats(list(outputs), list(circuit.outputs))
        (folder / "given.hex").write_text("".join(f"{beat:x}\n" for beat in given))
        sides = (circuit.inputs, circuit.outputs)
        bits = [-(-sum(port.size * port.type.width for port in side) // 8) * 8 for side in sides]
        parameters = {"IN": bits[0], "OUT": bits[1], "SAMPLES": samples, "SEED": seed + 1, "FULL": full}
        text = STREAM_TEST.replace(
            "module stream_tb;",
            "module stream_tb;\n" + "".join(f"localparam {k} = {v};\n" for k, v in parameters.items()),
        )
        (folder / "stream_tb.v").write_text(text)
        sources = [str(path) for path in sorted((folder / "rtl").rglob("*.v"))]
        compiled = subprocess.run(
            ["iverilog", "-g2005", "-s", "stream_tb", "-o", "stream.vvp", *sources, "stream_tb.v"],
            cwd=folder,
            capture_output=True,
            text=True,
            check=False,
        )
        assert compiled.returncode == 0, compiled.stderr
        run = subprocess.run(["vvp", "-n", "stream.vvp"], cwd=folder, capture_output=True, text=True, check=False)
        lines = run.stdout.splitlines()
        beats = [line for line in lines if not line.startswith("cycles")]
        assert [int(line, 16) for line in beats] == expected, seed
        if full:  # one sample a cycle, and one register behind the core
            assert lines[-1] == f"cycles {samples + circuit.latency_cycles + 1}", seed


ROW = data_folder("templates") / "rtl" / "lib" / "hwgen_row.v"


def _rows_equal(cells: Path, defines: str, seeds: range, structure: Path) -> tuple[int, str]:
    """Rows with random carry-saves and inverters; bits that have to be zero are tied to zero in both."""
    script = ""
    for seed in seeds:
        random = Random(seed)
        width, is_open = random.randint(1, 11), random.randint(0, 1)
        saves, *inverted = (random.getrandbits(width) for _ in range(5))
        last = 0 if is_open else 1 << (width - 1)
        # What the fourth lane may not have: a bit above a carry-save, an inverter beside one.
        room = ~(saves << 1) & ((1 << width) - 1)
        inverted[3] &= room & (~saves | last)
        # Two or three bits where there is a carry-save, else one at most.
        entering = [random.getrandbits(width) | saves, saves, random.getrandbits(width) & saves]
        for n in range(3):
            inverted[n] &= entering[n]
        lanes = ", ".join(
            f".{name}({name} & {width}'d{mask})" for name, mask in zip("abcd", [*entering, room], strict=True)
        )
        masks = ", ".join(f".INVERT_{name}({width}'d{mask})" for name, mask in zip("ABCD", inverted, strict=True))
        text = (
            f"module wrapped(input [{width - 1}:0] a, b, c, d, input carry,\n"
            f"output [{width + 2 * is_open - 1}:0] sum);\n"
            f"hwgen_row #(.WIDTH({width}), .OPEN({is_open}), .SAVES({width}'d{saves}), {masks}) "
            f"row ({lanes}, .carry_in(carry), .sum(sum));\nendmodule\n"
        )
        for name, macros, source in (("gold", "", ROW), ("gate", defines, structure)):
            models = f"read_verilog {cells}\n" if macros else ""
            path = structure.parent / f"wrapped{seed}.v"
            path.write_text(text)
            script += (
                f"design -reset\n{models}read_verilog {macros} {source} {path}\nhierarchy -top wrapped\nproc\nflatten\n"
                f"opt_clean\nrename -top {name}\ndesign -save {name}\n"
            )
        script += "design -reset\n" + MITER.format(first="gold", second="gate")
    return run_yosys(script)


@pytest.mark.parametrize("defines", [CARRY4, CARRY8], ids=["CARRY4", "CARRY8"])
def test_the_structure_of_a_row_equals_its_expression(defines: str, tmp_path: Path, amd_cells: Path) -> None:
    structure = tmp_path / "hwgen_row.v"
    structure.write_text(ROW.read_text())
    status, said = _rows_equal(amd_cells, defines, range(25), structure)
    assert status == 0, said[-2000:]
    assert said.count("SAT proof finished - no model found: SUCCESS!") == 25


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("bits[0] ^ bits[1] ^ bits[2] ^ bits[3];", "bits[0] ^ bits[1] ^ bits[2];"),
        ("(bits[0] & bits[1]) | ", ""),
        ("assign direct[i] = fourth;", "assign direct[i] = a[i];"),
        (".CYINIT(carry_in)", ".CYINIT(1'b0)"),
        ("{saved[WIDTH], carry[WIDTH-1], ", "{carry[WIDTH-1], saved[WIDTH], "),
    ],
)
def test_a_wrong_structure_of_a_row_is_not_proven_equal(old: str, new: str, tmp_path: Path, amd_cells: Path) -> None:
    text = ROW.read_text()
    assert old in text
    wrong = tmp_path / "hwgen_row.v"
    wrong.write_text(text.replace(old, new))
    status, said = _rows_equal(amd_cells, CARRY4, range(10), wrong)
    assert status != 0
    assert "model found: FAIL!" in said
