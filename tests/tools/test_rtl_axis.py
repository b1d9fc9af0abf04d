"""The AXI4-Stream wrapper under gaps, stalls and resets: every beat once, in order, and by the rules of the protocol.

``axis_tb.v`` drives it and counts faults by kind. The mutations at the end show that each kind is seen.
"""

import json
import re
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from random import Random

import numpy as np
import pytest
from oracle.networks import random_inputs
from oracle.parallel import FAMILIES, PLANS, parallel_networks

from hwgen import reference
from hwgen.circuit import ClockPlan, lower
from hwgen.emit import rtl_project
from hwgen.ir import Network, Value

TESTBENCH = Path(__file__).resolve().with_name("axis_tb.v")
SAMPLES = 200
NETWORKS = 3
TRAFFIC = [(0, 0), (50, 0), (0, 50), (40, 70), (90, 10)]
CLEAN = dict.fromkeys(
    (
        "wrong",
        "surplus",
        "lost",
        "withdrawn",
        "changed",
        "unknown",
        "unmarked",
        "refused",
        "late",
        "bubbles",
        "valid_in_reset",
    ),
    0,
)

pytestmark = pytest.mark.usefixtures("icarus")


@cache
def lively_networks() -> list[tuple[int, Network]]:
    """Some whose outputs differ from sample to sample, so that a beat in a wrong place shows."""
    found = []
    for seed, network in parallel_networks(range(300, 600)):
        outputs = [network.value(name) for name in network.outputs]
        words = _beats(outputs, reference.simulate(network, random_inputs(Random(seed), network, SAMPLES)))
        if len(set(words)) > SAMPLES * 9 // 10 and lower(network, FAMILIES[0], PLANS[0]).latency_cycles > 3:
            found.append((seed, network))
        if len(found) == NETWORKS:
            break
    return found


def _beats(values: Sequence[Value], arrays: Sequence[np.ndarray]) -> list[int]:
    """Codes as a stream carries them: the first value's first code lowest."""
    words = []
    for sample in range(len(arrays[0])):
        word = low = 0
        for value, array in zip(values, arrays, strict=True):
            for code in array[sample].ravel().tolist():
                word += (code % (1 << value.type.width)) << low
                low += value.type.width
        words.append(word)
    return words


@dataclass(frozen=True)
class Bench:
    """A compiled testbench."""

    folder: Path
    latency_cycles: int

    def run(
        self, gap: int, stall: int, *, reset_after: int = 0, reset_cycles: int = 1, seed: int = 1
    ) -> tuple[dict[str, int], int]:
        """Faults by kind, and how many samples were in when a reset came."""
        given = {"gap": gap, "stall": stall, "seed": seed, "latency": self.latency_cycles}
        given |= {"reset_after": reset_after, "reset_cycles": reset_cycles}
        command = ["vvp", "-n", "bench.vvp", *(f"+{name}={number}" for name, number in given.items())]
        said = subprocess.run(command, cwd=self.folder, capture_output=True, text=True, check=True).stdout
        counts = {name: int(number) for name, number in re.findall(r"(\w+)=(\d+)", said)}
        dropped = counts.pop("dropped")
        assert counts.keys() == CLEAN.keys(), said
        return counts, dropped


def bench(folder: Path, seed: int, network: Network, plan: ClockPlan) -> Bench:
    """Write a project, its beats and the testbench, and compile."""
    circuit = lower(network, FAMILIES[seed % 2], plan)
    rtl_project(network, circuit, part="xcvu13p", clock_ns=5.0).write(folder)
    inputs = random_inputs(Random(seed), network, SAMPLES)
    beats = {
        "given": _beats([source.value for source in network.inputs], inputs),
        "expected": _beats([network.value(name) for name in network.outputs], reference.simulate(network, inputs)),
    }
    for name, words in beats.items():
        (folder / f"{name}.hex").write_text("".join(f"{word:x}\n" for word in words))
    return compiled(folder, circuit.latency_cycles)


def compiled(folder: Path, latency_cycles: int) -> Bench:
    document = json.loads((folder / "project.json").read_text())
    bits = {
        f"{side.upper()}_BITS": -(-sum(port["bits"] for port in document[f"{side}puts"]) // 8) * 8
        for side in ("in", "out")
    }
    macros = {"DUT": document["axis"], "SAMPLES": SAMPLES, **bits}
    command = ["iverilog", "-g2005", "-Wall", "-Wno-timescale", "-s", "axis_tb", "-o", "bench.vvp"]
    command += [*(f"-D{name}={text}" for name, text in macros.items()), *document["sources"], str(TESTBENCH)]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout + done.stderr) == (0, "")
    return Bench(folder, latency_cycles)


@pytest.mark.parametrize("plan", PLANS, ids=str)
@pytest.mark.parametrize("number", range(NETWORKS))
def test_every_beat_comes_once_in_order_by_the_rules(number: int, plan: ClockPlan, tmp_path: Path) -> None:
    made = bench(tmp_path, *lively_networks()[number], plan)
    for gap, stall in TRAFFIC:
        assert made.run(gap, stall) == (CLEAN, 0), (gap, stall)


@pytest.mark.parametrize("plan", PLANS, ids=str)
@pytest.mark.parametrize("number", range(NETWORKS))
def test_after_a_reset_only_new_samples_come_out(number: int, plan: ClockPlan, tmp_path: Path) -> None:
    made = bench(tmp_path, *lively_networks()[number], plan)
    for reset_after, reset_cycles in ((1, 1), (made.latency_cycles + 2, 1), (77, 1), (78, 4)):
        for gap, stall in ((0, 0), (30, 30), (0, 80)):
            found = made.run(gap, stall, reset_after=reset_after, reset_cycles=reset_cycles, seed=reset_after)
            assert found == (CLEAN, reset_after), (reset_after, reset_cycles, gap, stall)


# Each: file (by the end of its name), text, what stands there instead, a kind of fault that it must bring.
MUTATIONS = {
    "the pipeline never stops": ("_axis.v", "ce = out_ready || !out_valid", "ce = 1'b1", "lost"),
    "a sample is taken though the pipeline stands": ("_axis.v", "s_axis_tready = ce", "s_axis_tready = 1'b1", "lost"),
    "the pipeline waits for the receiver itself": ("_axis.v", "ce = out_ready ||", "ce = m_axis_tready ||", "surplus"),
    "the core is not reset": ("_axis.v", ".rst(rst),\n        .ce(ce)", ".rst(1'b0),\n        .ce(ce)", "surplus"),
    "the slice is not reset": ("_axis.v", ".rst(rst),\n        .in_data", ".rst(1'b0),\n        .in_data", "surplus"),
    "reset comes inverted": ("_axis.v", "rst = !aresetn", "rst = aresetn", "lost"),
    "the last beat is not marked": ("_axis.v", "m_axis_tlast = 1'b1", "m_axis_tlast = 1'b0", "unmarked"),
    "the spare register is not filled": ("_slice.v", "if (!spare_valid) spare_data", "if (0) spare_data", "wrong"),
    "the spare register is overwritten": ("_slice.v", "if (!spare_valid) spare_data", "spare_data", "wrong"),
    "the spare register is not read": ("_slice.v", "spare_valid ? spare_data : in_data", "in_data", "wrong"),
    "the spare register stays full": ("_slice.v", "_valid;\n            spare_valid <= 1'b0;", "_valid;", "surplus"),
    "the spare register is forgotten": ("_slice.v", "in_valid || spare_valid", "in_valid", "lost"),
    "data change while they wait": ("_slice.v", "if (out_ready || !out_valid) out_data", "out_data", "changed"),
    "valid falls while it waits": (
        "_slice.v",
        "end else if (in_valid) begin",
        "end else begin out_valid <= 0;",
        "withdrawn",
    ),
    "always ready": ("_slice.v", "in_ready = !spare_valid", "in_ready = 1'b1", "lost"),
    "ready every other cycle": ("_slice.v", "in_ready = !spare_valid", "in_ready = !out_valid", "refused"),
    "valid without a reset": ("_slice.v", "out_valid <= 1'b0;\n            spare", "spare", "valid_in_reset"),
    "a spare without a reset": (
        "_slice.v",
        "out_valid <= 1'b0;\n            spare_valid <= 1'b0;",
        "out_valid <= 1'b0;",
        "surplus",
    ),
}


@pytest.mark.parametrize("mutation", MUTATIONS)
def test_one_wrong_thing_is_seen(mutation: str, tmp_path: Path) -> None:
    ending, old, new, kind = MUTATIONS[mutation]
    made = bench(tmp_path, *lively_networks()[0], PLANS[0])
    (path,) = (path for path in (tmp_path / "rtl").rglob("*.v") if path.name.endswith(ending))
    text = path.read_text()
    assert text.count(old) == 1
    path.write_text(text.replace(old, new))
    made = compiled(tmp_path, made.latency_cycles)
    runs = [made.run(gap, stall, reset_after=reset_after) for gap, stall in TRAFFIC for reset_after in (0, 77)]
    found = {name for faults, _ in runs for name, count in faults.items() if count}
    assert kind in found
