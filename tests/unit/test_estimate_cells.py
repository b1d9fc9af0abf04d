"""LUT sites and registers of small circuits, against counts by hand; what is refused; what the commands say."""

from pathlib import Path

import numpy as np
import pytest
from oracle.example_network import example_network

import hwgen
from hwgen import api
from hwgen.api import Model
from hwgen.circuit import AMD, TARGETS, Circuit, ClockPlan, Optimize, lower
from hwgen.cli import main
from hwgen.errors import InputError
from hwgen.estimate import CellEstimate, calibrated_families, calibration, estimate_cells
from hwgen.estimate.logic import FALSE, TRUE, Logic, Site
from hwgen.estimate.sites import TOP, circuit_sites
from hwgen.fixed import FixedType, Overflow, Rounding
from hwgen.ir import Dense, Input, Layer, Network, Requantize, SparseTensor, Value, check_network

LATENCY = Optimize.LATENCY


def sums(weights: list[list[int]], *behind: Layer, bits: int = 8, outputs: tuple[str, ...] = ("y",)) -> Network:
    """Inputs of so many bits with a sign, one column of weights a sum."""
    codes = np.array(weights)
    x, y = Value("x", (len(codes),), FixedType(True, bits, 0)), Value("y", (codes.shape[1],), FixedType(True, 20, 0))
    dense = Dense(
        "fc", "x", y, SparseTensor.from_dense(codes, FixedType(True, 6, 0)), np.zeros(len(codes[0]), np.int64)
    )
    return check_network(Network("net", (Input(x, None),), (dense, *behind), outputs))


def units(circuit: Circuit, layer: str) -> dict[Site, float]:
    """What a layer has, the wires left out."""
    found = circuit_sites(circuit, 8)[layer, None, None]
    return {site: number for site, number in found.items() if site is not Site.WIRE and number}


def built(network: Network, plan: ClockPlan | None = None, optimize: Optimize = LATENCY) -> Circuit:
    return lower(network, AMD, plan or ClockPlan(1), optimize=optimize)


def test_three_operands_are_a_lut_a_bit_of_their_sum() -> None:
    # 3 * 127 needs ten bits, and ten bits two carry cells.
    assert units(built(sums([[1], [1], [1]]), ClockPlan(None)), "fc") == {Site.ROW: 10, Site.CARRY: 2}


def test_two_operands_are_a_lut_where_both_have_bits() -> None:
    # x0 + 8 x1: three bits are wires, nine are added; the sign of x0 meets the last two bits of x1 and its sign.
    assert units(built(sums([[1], [8]]), ClockPlan(None)), "fc") == {Site.SUM: 9 - 1, Site.CARRY: 3}


def test_registers_are_those_of_the_bits_that_are_read() -> None:
    # Four inputs: a row of three, its ten bits and the eight of the fourth input wait a cycle for the second row.
    circuit = built(sums([[1], [1], [1], [1]]))
    assert circuit.latency_cycles == 1
    found = circuit_sites(circuit, 8)
    assert found["fc", None, None][Site.FLIP_FLOP] == 10
    assert found["x", 0, None][Site.FLIP_FLOP] == 8
    assert found[TOP][Site.FLIP_FLOP] == 1


def test_one_bit_has_one_register_and_what_no_port_reads_is_not_there() -> None:
    logic = Logic(8)
    a, b = logic.wire("a"), logic.wire("b")
    both = logic.exclusive_or(Site.SUM, (a, b))
    assert logic.exclusive_or(Site.SUM, (b, a)) == both
    assert logic.exclusive_or(Site.SUM, (a, a)) == FALSE
    logic.exclusive_or(Site.PARITY, (both, a))
    kept = [logic.register(both), logic.register(both), logic.register(TRUE)]
    found = logic.needed(kept)
    assert {site: number for site, number in found.items() if number} == {Site.FLIP_FLOP: 1, Site.SUM: 1}


def test_an_inverted_bit_needs_an_inverter_before_a_register_but_not_before_a_lut() -> None:
    logic = Logic(8)
    a, b = logic.wire("a"), logic.wire("b")
    assert logic.needed([logic.register(a ^ 1)])[Site.INVERTER] == 1
    assert logic.needed([logic.exclusive_or(Site.SUM, (a ^ 1, b))])[Site.INVERTER] == 0


def test_bits_that_rounding_drops_cost_nothing_beyond_their_carries() -> None:
    def rounded(bits: int) -> dict[Site, float]:
        y = Value("z", (1,), FixedType(True, 20 - bits, -bits))
        layer = Requantize("cut", "y", y, Rounding.TRN, Overflow.WRAP)
        return units(built(sums([[1], [1], [1]], layer, outputs=("z",)), ClockPlan(1)), "cut")

    assert rounded(4) == {}


def test_a_lower_limit_of_zero_before_a_register_is_its_reset() -> None:
    y = Value("z", (1,), FixedType(False, 9, 0))
    relu = Requantize("relu", "y", y, Rounding.TRN, Overflow.SAT)
    z = Value("w", (1,), FixedType(True, 16, 0))
    last = Dense("last", "z", z, SparseTensor.from_dense(np.array([[5]]), FixedType(True, 6, 0)), np.zeros(1, np.int64))
    network = sums([[1], [1], [1]], relu, last, outputs=("w",))
    clocked = units(built(network), "relu")
    assert clocked[Site.LIMIT] == 1
    assert Site.CHOICE not in clocked
    assert units(built(network, ClockPlan(None)), "relu") == {Site.CHOICE: 9}


@pytest.mark.parametrize("family", ["xcup", "xc7"])
def test_the_error_on_other_networks_is_within_what_was_asked_for(family: str) -> None:
    fit = calibration(family)
    assert fit.held_out >= 10
    assert fit.median_error <= 0.05
    assert fit.worst_error <= 0.15


def test_layers_add_up_and_time_follows_the_clock() -> None:
    circuit = built(example_network(), optimize=Optimize.LUTS)
    found = estimate_cells(circuit, "xcup", 2.5)
    assert found.luts == sum(layer.luts for layer in found.layers)
    assert found.layers[-1].layer == ""
    assert found.rows == 1
    assert found.latency_ns == 2.5 * circuit.latency_cycles
    assert found.error_text == (
        f"LUTs within {found.calibration.median_error:.1%} in the median and {found.calibration.worst_error:.1%} at "
        f"worst on {found.calibration.held_out} networks that were not fitted, against {found.calibration.tool}"
    )


def test_without_registers_all_rows_of_logic_are_in_one_stage() -> None:
    # Nine operands are two rows of three; the tree of three operands a row is two deep.
    assert estimate_cells(built(sums([[1]] * 9), ClockPlan(None)), "xcup", 1.0).rows == 2


def test_other_families_and_targets_are_refused() -> None:
    circuit = built(sums([[1], [1]]))
    with pytest.raises(InputError) as refused:
        estimate_cells(circuit, "ecp5", 1.0)
    assert str(refused.value) == (
        f"LUTs are estimated for {' and '.join(calibrated_families())}, to whose netlists the estimate was fitted, not "
        f"for 'ecp5'; map the Verilog instead (hwgen resources DIR --mapped FAMILY)."
    )
    with pytest.raises(InputError) as refused:
        estimate_cells(lower(sums([[1], [1]]), TARGETS["lattice"], ClockPlan(1)), "xcup", 1.0)
    assert str(refused.value) == (
        "the circuit of 'net' is made for 'lattice', and LUTs are estimated of circuits for 'amd'; build it with "
        "--fpga amd, or map it (hwgen resources DIR --mapped FAMILY)."
    )


@pytest.mark.parametrize(("options", "counted"), [({}, False), ({"target": "rtl"}, True),
                                                  ({"target": "rtl", "fpga": "generic"}, False)])  # fmt: skip
def test_projects_are_estimated_as_far_as_they_can_be(
    options: dict[str, str], counted: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    api.build(Model(example_network()), tmp_path / "project", **options)  # type: ignore[arg-type]
    found = hwgen.estimated(tmp_path / "project")
    assert isinstance(found.cells, CellEstimate) == counted
    assert found.figures.totals["weights"] == sum(layer.weights_left for layer in found.arithmetic.values())
    monkeypatch.setattr("sys.argv", ["hwgen", "resources", str(tmp_path / "project")])
    with pytest.raises(SystemExit) as ended:
        main()
    assert not ended.value.code
    printed = capsys.readouterr().out
    assert "EBOPs" in printed
    assert ("networks that were not fitted" in printed) == counted


def test_a_family_of_the_estimate_is_not_ignored_when_mapping(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["hwgen", "resources", "anywhere", "--mapped", "xc7", "--family", "xc7"])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    assert capsys.readouterr().err == (
        "hwgen: --family is of the estimate, and --mapped names its own; only one of them can be given.\n"
    )
