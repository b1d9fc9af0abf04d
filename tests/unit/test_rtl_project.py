"""What a Verilog project holds, in which names, and what is refused."""

import json
import re
from hashlib import sha256
from random import Random

import numpy as np
import pytest
from oracle.networks import random_inputs
from oracle.parallel import circuit_of, parallel_networks

from hwgen import reference
from hwgen.circuit import TARGETS, Circuit, ClockPlan, circuit_from_json, lower
from hwgen.emit import FileSet, Vectors, rtl_project
from hwgen.errors import InputError
from hwgen.fixed import FixedType
from hwgen.ir import Dense, Input, MaxPool, Network, Relu, Reshape, SparseTensor, Value, check_network

PART = "xcvu13p-flga2577-2-e"


def _network(name: str = "demo", layer: str = "fc") -> Network:
    x = Value("x", (3,), FixedType(True, 4, 0))
    weight = SparseTensor.from_dense(np.array([[3, 0], [-1, 2], [5, 0]]), FixedType(True, 4, 0))
    layers = (
        Dense(layer, "x", Value("y", (2,), FixedType(True, 10, 0)), weight, np.array([1, 0])),
        Relu("relu", "y", Value("z", (2,), FixedType(False, 9, 0))),
    )
    return check_network(Network(name, (Input(x, None),), layers, ("z",)))


def _circuit(network: Network, plan: ClockPlan | None = None) -> Circuit:
    return lower(network, TARGETS["amd"], plan or ClockPlan(1))


def _project(network: Network, plan: ClockPlan | None = None, part: str = PART) -> FileSet:
    inputs = random_inputs(Random(1), network, 5)
    vectors = Vectors(inputs, reference.simulate(network, inputs))
    return rtl_project(network, _circuit(network, plan), part=part, clock_ns=4.0, vectors=vectors, source_sha256="ab")


def test_a_project_has_a_top_a_file_a_layer_and_what_the_tools_need() -> None:
    assert list(_project(_network())) == [
        "README.md",
        "circuit.json",
        "demo.xdc",
        "network.json",
        "project.json",
        "rtl/demo.v",
        "rtl/demo_axis.v",
        "rtl/demo_fc.v",
        "rtl/demo_relu.v",
        "rtl/demo_x.v",
        "rtl/lib/hwgen_register_slice.v",
        "rtl/lib/hwgen_row.v",
        "run.sh",
        "signals.json",
        "tb/demo_tb.v",
        "tb/in_x.hex",
        "tb/out_z.hex",
        "vivado.tcl",
    ]


def test_the_same_arguments_give_the_same_bytes() -> None:
    for seed, network in parallel_networks(range(30)):
        circuit = circuit_of(seed, network)
        one, two = (rtl_project(network, circuit, part=PART, clock_ns=5.0) for _ in range(2))
        assert dict(one) == dict(two)


def test_without_vectors_there_is_no_testbench() -> None:
    network = _network()
    files = rtl_project(network, _circuit(network), part=PART, clock_ns=5.0)
    assert not [path for path in files if path.startswith("tb/") or path == "run.sh"]
    assert "run.sh" not in files.text("README.md")


def test_project_json_says_what_the_folder_is() -> None:
    network = _network()
    files = _project(network)
    document = json.loads(files.text("project.json"))
    circuit = _circuit(network)
    assert (document["target"], document["network"], document["part"]) == ("rtl", "demo", PART)
    assert (document["clock_ns"], document["initiation_interval"]) == (4.0, 1)
    assert document["latency_cycles"] == circuit.latency_cycles > 0
    assert document["source_sha256"] == "ab"
    assert set(document["sources"]) == {path for path in files if path.startswith("rtl/")}
    others = set(files) - {"project.json"}
    assert document["files"] == {path: sha256(files[path]).hexdigest() for path in sorted(others)}
    assert document["inputs"] == [{"port": "in_x", "value": "x", "bits": 12, "beats": 1}]
    assert document["outputs"] == [{"port": "out_z", "value": "z", "bits": 18, "beats": 1}]


def test_the_circuit_of_a_project_can_be_read_back() -> None:
    network = _network()
    assert circuit_from_json(_project(network).text("circuit.json")) == _circuit(network)


def test_signals_json_names_a_declared_signal_for_each_code() -> None:
    for seed, network in parallel_networks(range(40)):
        files = rtl_project(network, circuit_of(seed, network), part=PART, clock_ns=5.0)
        document = json.loads(files.text("signals.json"))
        assert list(document) == list(network.values())
        top = files.text(f"rtl/{network.name}.v")
        for layer in network.layers:
            codes = document[layer.output.name]["codes"]
            assert len(codes) * document[layer.output.name]["beats"] == layer.output.size
            for code in codes:
                if code is None:
                    continue
                module = re.search(rf"(\w+) {code['instance']} \(", top)
                assert module is not None
                sign = "signed " if code["signed"] else ""
                declared = rf"wire {sign}\[{code['width'] - 1}:0\] {code['signal']}\b"
                assert re.search(declared, files.text(f"rtl/{module[1]}.v"))


def test_a_code_that_no_output_depends_on_is_not_built() -> None:
    x = Value("x", (4,), FixedType(True, 4, 0))
    layers = (
        Relu("dead", "x", Value("a", (4,), FixedType(False, 3, 0))),
        Reshape("rows", "x", Value("b", (4, 1), FixedType(True, 4, 0))),
        MaxPool("pool", "b", Value("y", (1, 1), FixedType(True, 4, 0)), (2,), (4,), ((0, 0),)),
    )
    network = check_network(Network("part", (Input(x, None),), layers, ("y",)))
    files = rtl_project(network, _circuit(network), part=PART, clock_ns=5.0)
    assert [path for path in files if path.startswith("rtl/part")] == [
        "rtl/part.v",
        "rtl/part_axis.v",
        "rtl/part_pool.v",
        "rtl/part_x.v",
    ]
    assert json.loads(files.text("signals.json"))["a"]["codes"] == [None] * 4
    assert "in_x[15:8]" in files.text("rtl/part_x.v")  # named as unread


def test_headers_name_the_version_and_the_layer() -> None:
    files = _project(_network())
    for path in files:
        if path.startswith("rtl/demo_"):
            assert "Written by hwgen " in files.text(path)
    assert files.text("rtl/demo_fc.v").startswith("// demo: layer fc.\n")


def test_names_that_meet_are_told_apart() -> None:
    # The layer's module would be the testbench's, and the input's words those of a layer.
    files = _project(_network("net", "tb"))
    assert "rtl/net_tb_2.v" in files
    assert "tb/net_tb.v" in files
    x = Value("x", (1,), FixedType(True, 4, 0))
    y, z = Value("y", (1,), FixedType(False, 3, 0)), Value("z", (1,), FixedType(False, 3, 0))
    network = check_network(Network("net", (Input(x, None),), (Relu("x", "x", y), Relu("clk", "y", z)), ("z",)))
    files = _project(network)
    assert {"rtl/net_x.v", "rtl/net_x_2.v", "rtl/net_clk.v"} <= set(files)
    assert "x_0_2" in files.text("rtl/net_x_2.v")


def test_without_registers_nothing_is_clocked() -> None:
    files = _project(_network(), ClockPlan(None))
    assert json.loads(files.text("project.json"))["latency_cycles"] == 0
    for path in files:
        if path.startswith("rtl/demo") and path != "rtl/demo_axis.v":
            assert "posedge" not in files.text(path), path


@pytest.mark.parametrize("target", ["intel", "generic", "lattice"])
def test_only_amd_gets_the_primitive(target: str) -> None:
    network = _network()
    files = rtl_project(network, lower(network, TARGETS[target], ClockPlan(1)), part=PART, clock_ns=5.0)
    assert not {"rtl/lib/hwgen_add3.v", "rtl/lib/hwgen_row.v"} & set(files)
    assert "hwgen_add3" not in files.text("rtl/demo_fc.v")
    assert "hwgen_row" not in files.text("rtl/demo_fc.v")


@pytest.mark.parametrize(
    ("part", "defines"),
    [
        ("xc7a35tcpg236-1", "{HWGEN_AMD_PRIMITIVES}"),
        ("xcvu13p-flga2577-2-e", "{HWGEN_AMD_PRIMITIVES HWGEN_AMD_CARRY8}"),
        ("xcu250-figd2104-2L-e", "{HWGEN_AMD_PRIMITIVES HWGEN_AMD_CARRY8}"),
        ("xcvc1902-vsva2197-2MP-e-S", "{}"),
    ],
)
def test_the_vivado_script_chooses_the_carry_chain_of_the_family(part: str, defines: str) -> None:
    script = _project(_network(), part=part).text("vivado.tcl")
    assert f"set defines {defines}" in script
    assert ("-verilog_define" in script) == (defines != "{}")


def test_the_clock_constraint_is_the_clock_period() -> None:
    assert "-period 4.0 [get_ports clk]" in _project(_network()).text("demo.xdc")


def test_vectors_stand_as_packed_codes_the_last_one_first() -> None:
    network = _network()
    inputs = (np.array([[1, -2, 7]]),)
    files = rtl_project(
        network,
        _circuit(network),
        part=PART,
        clock_ns=5.0,
        vectors=Vectors(inputs, reference.simulate(network, inputs)),
    )
    assert files.text("tb/in_x.hex") == "7e1\n"
    y = [max(0, 3 * 1 + 2 + 35 + 1), 0]  # -4 becomes 0
    assert files.text("tb/out_z.hex") == f"{y[1] << 9 | y[0]:05x}\n"


def test_what_no_tool_would_take_is_refused() -> None:
    network = _network()
    circuit = _circuit(network)
    part = "a part is named as the vendor's tools do, such as 'xcu250-figd2104-2L-e'; got 'a b'."
    with pytest.raises(InputError, match=re.escape(part)):
        rtl_project(network, circuit, part="a b", clock_ns=5.0)
    with pytest.raises(InputError, match=r"a clock period is a positive number of nanoseconds, got 0\.0\."):
        rtl_project(network, circuit, part=PART, clock_ns=0.0)
    with pytest.raises(InputError, match=r"test vectors for inputs of shapes \[\(3,\)\] expected, got \[\(2,\)\]\."):
        rtl_project(network, circuit, part=PART, clock_ns=5.0, vectors=Vectors((np.zeros((1, 2)),), ()))


def test_a_network_named_like_a_primitive_is_refused() -> None:
    network = _network("hwgen_add3")
    with pytest.raises(InputError) as raised:
        rtl_project(network, _circuit(network), part=PART, clock_ns=5.0)
    assert str(raised.value) == ("network 'hwgen_add3' has the name of one of hwgen's own Verilog modules; rename it.")


def test_the_circuit_of_another_network_is_refused() -> None:
    with pytest.raises(InputError) as raised:
        rtl_project(_network(), _circuit(_network("other")), part=PART, clock_ns=5.0)
    assert str(raised.value) == (
        "the circuit 'other' was not made from network 'demo': their names, inputs or outputs differ; lower this "
        "network."
    )
