"""Networks given to peers: the operations that they are given mean the network, whoever computes them.

``Exact`` stands where a peer's array of variables does: the same operations in float64, defined as the peers' own
documentation does, on numbers that float64 holds. So what is tested here needs no peer; the last test does.
"""

import re
from fractions import Fraction
from pathlib import Path
from random import Random
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from keras_file import write_dense_model
from oracle.networks import random_inputs, random_network
from oracle.pair_network import pair_network

import hwgen
from hwgen.api import Model
from hwgen.circuit import AMD, ClockPlan, Interface, lower
from hwgen.compare import peers
from hwgen.compare.designs import CellMapping, opened
from hwgen.compare.peers import Peer
from hwgen.compare.shim import PeerPort, shim
from hwgen.compare.table import Stage
from hwgen.compare.tracing import flat_numbers, traced_outputs
from hwgen.errors import InputError, ToolFailedError, ToolMissingError, UnsupportedError
from hwgen.fixed import FixedType, Overflow, Rounding
from hwgen.ir import Dense, Input, Layer, MaxPool, Network, Relu, Requantize, SparseTensor, Value
from hwgen.reference import simulate
from hwgen.verify import make_vectors


class Exact:
    """Samples first; everything else as the peers' arrays."""

    def __init__(self, numbers: np.ndarray) -> None:
        self.numbers = numbers

    def __getitem__(self, item: slice) -> "Exact":
        return Exact(self.numbers[:, item])

    def reshape(self, *shape: int) -> "Exact":
        return Exact(self.numbers.reshape(len(self.numbers), *shape))

    def __matmul__(self, weight: np.ndarray) -> "Exact":
        return Exact(self.numbers @ weight)

    def __add__(self, other: Any) -> "Exact":
        return Exact(self.numbers + (other.numbers if isinstance(other, Exact) else other))

    def __sub__(self, other: "Exact") -> "Exact":
        return Exact(self.numbers - other.numbers)

    def __mul__(self, factor: float) -> "Exact":
        return Exact(self.numbers * factor)

    def relu(self) -> "Exact":
        return Exact(np.maximum(self.numbers, 0))

    def quantize(self, k: int, i: int, f: int, overflow_mode: str = "WRAP", round_mode: str = "TRN") -> "Exact":
        low, high = -(k << (i + f)) if i + f >= 0 else 0, (1 << (i + f)) - 1
        low = low + 1 if overflow_mode == "SAT_SYM" and k else low
        made = []
        for number in self.numbers.ravel().tolist():
            steps = Fraction(number) * Fraction(2) ** f
            match round_mode:
                case "TRN":
                    code = steps.__floor__()
                case "RND":
                    code = (steps + Fraction(1, 2)).__floor__()
                case "RND_CONV":
                    code = round(steps)
            if overflow_mode == "WRAP":
                code = (code - low) % (1 << (k + i + f)) + low
            made.append(float(Fraction(min(max(code, low), high)) / Fraction(2) ** f))
        return Exact(np.array(made).reshape(self.numbers.shape))


ROUNDINGS = (Rounding.TRN, Rounding.RND, Rounding.RND_CONV)


def three_layers(random: Random, rounding: Rounding, overflow: Overflow) -> Network:
    """A matrix, a rounding and another matrix."""
    numbers = np.random.default_rng(random.getrandbits(32))
    x = Value("x", (4,), FixedType(random.random() < 0.5, 6, 2))
    kind = FixedType(True, 5, 3)
    one = SparseTensor.from_dense(numbers.integers(-15, 16, (4, 3)), kind)
    two = SparseTensor.from_dense(numbers.integers(-15, 16, (3, 2)), kind)
    drop = random.randint(0, 4)
    rounded = FixedType(random.random() < 0.5, random.randint(2, 6), 5 - drop)
    layers: list[Layer] = [
        Dense("one", "x", Value("a", (3,), FixedType(True, 16, 5)), one, numbers.integers(-9, 10, 3)),
        Requantize("round", "a", Value("b", (3,), rounded), rounding, overflow),
        Dense(
            "two", "b", Value("c", (2,), FixedType(True, 16, rounded.fraction + 3)), two, numbers.integers(-9, 10, 2)
        ),
    ]
    return Network("three", (Input(x, None),), tuple(layers), ("c",))


@pytest.mark.parametrize("ties_to_even", [False, True])
@pytest.mark.parametrize("overflow", [Overflow.WRAP, Overflow.SAT, Overflow.SAT_SYM])
@pytest.mark.parametrize("rounding", ROUNDINGS)
def test_what_peers_are_given_is_the_network(rounding: Rounding, overflow: Overflow, ties_to_even: bool) -> None:
    for seed in range(6):
        random = Random(seed)
        network = three_layers(random, rounding, overflow)
        inputs = random_inputs(random, network, 40)
        given = Exact(flat_numbers([source.value for source in network.inputs], inputs))
        found = traced_outputs(network, given, "peer", ties_to_even)
        expected = flat_numbers([network.value("c")], simulate(network, inputs))
        assert (found.numbers == expected).all()


def test_random_networks_are_given_exactly_or_refused_by_layer() -> None:
    computed = 0
    for seed in range(150):
        random = Random(seed)
        network = random_network(random, 3)
        if len(network.outputs) > 1:
            continue
        inputs = random_inputs(random, network, 10)
        values = [source.value for source in network.inputs]
        try:
            found = traced_outputs(network, Exact(flat_numbers(values, inputs)), "peer", False)
        except UnsupportedError:
            continue
        expected = flat_numbers([network.value(network.outputs[0])], simulate(network, inputs))
        if max((value.type.width for value in network.values().values()), default=0) <= 40:
            assert (found.numbers == expected).all()
            computed += 1
    assert computed >= 5


def network_of(layer: Layer, x: Value) -> Network:
    return Network("net", (Input(x, None),), (layer,), (layer.output.name,))


X = Value("x", (4, 2), FixedType(True, 8, 0))
Y = Value("y", (4, 2), FixedType(True, 4, -2))


@pytest.mark.parametrize(
    ("layer", "text"),
    [
        (
            MaxPool("pool", "x", Value("y", (2, 2), X.type), (2,), (2,), ((0, 0),)),
            "peer da4ml: layer 'pool' (MaxPool) is not given to peers; Dense, Relu, Requantize, Reshape and sums are.",
        ),
        (
            Requantize("r", "x", Y, Rounding.RND_INF, Overflow.SAT),
            "peer da4ml: layer 'r' rounds with RND_INF, which is not given to peers; TRN, RND and RND_CONV are.",
        ),
        (
            Requantize("r", "x", Y, Rounding.TRN, Overflow.SAT_ZERO),
            "peer da4ml: layer 'r' overflows to zero, which is not given to peers.",
        ),
        (
            Relu("r", "x", Value("y", (4, 2), FixedType(False, 60, 0))),
            "peer da4ml: value 'y' has 60 bits, and it computes in float64 of 53.",
        ),
    ],
)
def test_what_is_not_given_to_peers_is_refused(layer: Layer, text: str) -> None:
    with pytest.raises(UnsupportedError, match=f"^{re.escape(text)}$"):
        traced_outputs(network_of(layer, X), Exact(np.zeros((1, 8))), "da4ml", False)


# ---- the top around a peer's module


def test_the_top_around_a_peer_has_hwgens_ports() -> None:
    network = pair_network()
    project = opened(network, lower(network, AMD, ClockPlan(None), Interface.PARALLEL), 5.0)
    # Of the first input a bit less, the second is not read; the second output has a fraction less than the first.
    given = [PeerPort(3, True, -1), PeerPort(0, False, 0), PeerPort(4, True, 0)]
    made = [PeerPort(5, True, -1), PeerPort(3, False, -2)]
    assert shim(project, "peer", given, made) == (
        "module pair (\n"
        "    input wire clk, input wire rst, input wire ce, input wire in_valid,\n"
        "    input wire [11:0] in_x,\n"
        "    output wire [9:0] out_y,\n"
        "    output wire out_valid\n"
        ");\n"
        "    wire [7:0] results;\n"
        "    peer logic_of_peer (.model_inp({in_x[11:8], in_x[3:1]}), .model_out(results));\n"
        "    assign out_y = {{1'd0, results[7:5], 1'd0}, results[4:0]};\n"
        "    assign out_valid = in_valid;\n"
        "endmodule\n"
    )


@pytest.mark.parametrize(
    ("given", "made", "text"),
    [
        (
            PeerPort(5, True, 0),
            PeerPort(5, True, -1),
            "the peer reads 5 bits, 0 of them a fraction, of a code of fixed<4,4>.",
        ),
        (PeerPort(4, True, 0), PeerPort(5, True, 1), "the peer has 1 fractional bits where the network has -1."),
    ],
)
def test_a_peer_with_other_ports_is_refused(given: PeerPort, made: PeerPort, text: str) -> None:
    network = pair_network()
    project = opened(network, lower(network, AMD, ClockPlan(None), Interface.PARALLEL), 5.0)
    with pytest.raises(ToolFailedError, match=f"^{re.escape(text)}$"):
        shim(project, "peer", [given] * 3, [made] * 2)


# ---- peers that are there, or not


def test_a_peer_that_is_not_installed_ends_with_3(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(peers, "find_spec", lambda name: None)
    text = "peer 'da4ml' is not installed; install it: pip install 'hwgen[peers]', or da4ml."
    with pytest.raises(ToolMissingError, match=f"^{re.escape(text)}$") as missing:
        hwgen.compare_designs([Model(pair_network())], peers=["da4ml"])
    assert missing.value.exit_code == 3


def test_an_unknown_peer_is_refused() -> None:
    with pytest.raises(InputError, match=r"^peer 'finn' is unknown; it is 'da4ml' or 'alkaid' or 'hls4ml'\.$"):
        hwgen.compare_designs([Model(pair_network())], peers=["finn"])


def test_a_peer_that_computes_something_else_is_not_compared() -> None:
    class Wrong:
        def predict(self, numbers: np.ndarray) -> np.ndarray:
            return np.full((len(numbers), 2), 1e9)

    tried = make_vectors(pair_network(), peers._SAMPLES, 0).samples
    with pytest.raises(ToolFailedError) as caught:
        peers._check(pair_network(), Wrong(), "peer 1.0")
    assert str(caught.value) == (
        f"peer 1.0 computes something else than network 'pair' in {tried} of {tried} samples, so it is not compared."
    )


def test_a_netlist_that_computes_something_else_is_not_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    network = pair_network()
    netlist = SimpleNamespace(counts=SimpleNamespace(luts=1), verilog="", yosys="Yosys")
    different = SimpleNamespace(equal=False, summary=lambda: "2 of 3 codes differ.")
    monkeypatch.setattr(peers, "map_verilog", lambda *_, **__: netlist)
    monkeypatch.setattr(peers, "verify_opened_rtl", lambda *_, **__: different)
    monkeypatch.setattr(peers, "shim", lambda *_: "")
    monkeypatch.setattr(peers, "_ports", lambda _: ())
    made: Any = SimpleNamespace(files={}, logic=SimpleNamespace(inp_kifs=(), out_kifs=()))
    engine: Any = object()
    with pytest.raises(ToolFailedError) as caught:
        peers._mapped(network, "pair-peer", "peer 1.0", made, 5.0, CellMapping("xc7", engine, None))
    assert str(caught.value) == (
        "the netlist of what peer 1.0 makes of 'pair' computes something else, so it is not compared. "
        "2 of 3 codes differ."
    )


def test_hls4ml_is_left_out_where_there_is_no_file_to_read() -> None:
    found = hwgen.compare_designs([Model(pair_network())], peers=["hls4ml"])
    assert found.notes == ("hls4ml: it reads Keras files, and this is a project; give the model's file.",)
    assert not any(row.peer for row in found.rows)


@pytest.mark.fuzz
def test_hls4ml_allows_itself_a_multiplier_for_each_weight_that_is_left(tmp_path: Path) -> None:
    pytest.importorskip("qkeras", reason="an extra: pip install 'hwgen[train]'")
    write_dense_model(tmp_path / "net.h5")
    model = hwgen.load(tmp_path / "net.h5", input_type="fixed<8,3>")
    found = hwgen.compare_designs([model], peers=["hls4ml"], files=[tmp_path / "net.h5"])
    products = {row.design: row.figures.get("products") for row in found.rows}
    assert products["hls4ml"] == products["hls-multipliers"]


@pytest.mark.parametrize("peer", [Peer.DA4ML, Peer.ALKAID])
def test_installed_peers_compute_the_network(peer: Peer) -> None:
    pytest.importorskip(peer.value, reason="an extra: pip install 'hwgen[peers]'")
    found = hwgen.compare_designs([Model(pair_network())], peers=[peer.value])
    row = found.rows[-1]
    assert (row.design, row.peer) == (peer.value, True)
    assert row.figures["luts"] > 0


@pytest.mark.fuzz
@pytest.mark.parametrize("peer", [Peer.DA4ML, Peer.ALKAID])
def test_netlists_of_peers_are_run_before_they_count(peer: Peer) -> None:
    pytest.importorskip(peer.value, reason="an extra: pip install 'hwgen[peers]'")
    found = hwgen.compare_designs([Model(pair_network())], peers=[peer.value], mapped="xcup")
    last = found.rows[-1]
    assert (last.design, last.stage, last.family) == (peer.value, Stage.MAPPED, "xcup")
    assert last.figures["luts"] > 0
