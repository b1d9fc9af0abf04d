"""cocotb tests of a Verilog project's AXI4-Stream wrapper: every output code equals hwgen's reference.

``run.py`` beside this file compiles a project and starts these tests. What differs between networks, such as ports,
their widths and the number of codes, is read from the project's ``project.json`` and ``network.json``.
"""

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import cocotb
import numpy as np
from cocotb.clock import Clock
from cocotb.triggers import RisingEdge, with_timeout
from cocotb.types import LogicArray

from hwgen.ir import Network, Value, network_from_json
from hwgen.reference import encode, simulate
from hwgen.verify import make_vectors

PERIOD_NS = 10


@dataclass(frozen=True)
class Stream:
    """How the codes of some values lie in the data of a stream: the first value's first code lowest.

    Attributes:
        beats: in which a sample comes, each with as many of its codes.
    """

    values: tuple[Value, ...]
    beats: int

    def codes(self, arrays: Sequence[np.ndarray], beat: int) -> list[list[int]]:
        """The codes of each value in a beat, counted over all samples."""
        return [
            array.reshape(-1, value.size // self.beats)[beat].tolist()
            for value, array in zip(self.values, arrays, strict=True)
        ]

    def pack(self, arrays: Sequence[np.ndarray], beat: int) -> int:
        """The data of a beat, counted over all samples."""
        word = low = 0
        for value, codes in zip(self.values, self.codes(arrays, beat), strict=True):
            width = value.type.width
            for code in codes:
                word |= (code & (1 << width) - 1) << low
                low += width
        return word

    def unpack(self, word: int) -> list[list[int]]:
        """The codes of each value in the data of a beat."""
        found = []
        for value in self.values:
            width, codes = value.type.width, []
            for _ in range(value.size // self.beats):
                bits = word & (1 << width) - 1
                negative = value.type.signed and bits >> (width - 1)
                codes.append(bits - (1 << width) if negative else bits)
                word >>= width
            found.append(codes)
        return found


@dataclass(frozen=True)
class Vectors:
    """What goes in, and what hwgen's reference computes from it: (samples, *shape) codes a value."""

    inputs: Stream
    outputs: Stream
    given: tuple[np.ndarray, ...]
    expected: tuple[np.ndarray, ...]
    latency_cycles: int

    @property
    def samples(self) -> int:
        return len(self.given[0])


def read_vectors(seed: int) -> Vectors:
    """The project's network with your data, or with vectors that ``hwgen verify`` would use too."""
    folder = Path(os.environ["HWGEN_PROJECT"])
    document = json.loads((folder / "project.json").read_text(encoding="utf-8"))
    network: Network = network_from_json((folder / "network.json").read_text(encoding="utf-8"))
    paths = os.environ.get("HWGEN_DATA", "")
    if paths:
        data = [np.load(path) for path in paths.split(os.pathsep)]
        given = encode(network, data if len(data) > 1 else data[0])
    else:
        given = make_vectors(network, int(os.environ.get("HWGEN_SAMPLES", "200")), seed).inputs
    # Ports stand in the data in the order of project.json.
    ins, outs = ([port["value"] for port in document[side]] for side in ("inputs", "outputs"))
    codes = dict(zip((source.value.name for source in network.inputs), given, strict=True))
    results = dict(zip(network.outputs, simulate(network, given), strict=True))
    return Vectors(
        Stream(tuple(network.value(name) for name in ins), document["inputs"][0]["beats"]),
        Stream(tuple(network.value(name) for name in outs), document["outputs"][0]["beats"]),
        tuple(codes[name] for name in ins),
        tuple(results[name] for name in outs),
        int(document["latency_cycles"]),
    )


async def reset(dut: Any) -> None:
    """Start the clock, and hold reset for two cycles; no stream may begin before the first cycle after it."""
    dut.aresetn.value = 0
    dut.s_axis_tvalid.value = 0
    dut.m_axis_tready.value = 0
    Clock(dut.aclk, PERIOD_NS, "ns").start()
    for _ in range(2):
        await RisingEdge(dut.aclk)
    dut.aresetn.value = 1
    await RisingEdge(dut.aclk)


async def send(dut: Any, words: Sequence[int], gap_percent: int, random: Random) -> None:
    """Offer one word after the other; each stays until it is taken. Without valid the data are unknown."""
    for word in words:
        while random.randrange(100) < gap_percent:
            dut.s_axis_tvalid.value = 0
            dut.s_axis_tdata.value = LogicArray("X" * len(dut.s_axis_tdata))
            await RisingEdge(dut.aclk)
        dut.s_axis_tvalid.value = 1
        dut.s_axis_tdata.value = word
        await RisingEdge(dut.aclk)
        while not dut.s_axis_tready.value:
            await RisingEdge(dut.aclk)
    dut.s_axis_tvalid.value = 0


async def receive(dut: Any, beats: int, of_sample: int, stall_percent: int, random: Random) -> list[int]:
    """Take so many beats; see that one which must wait neither leaves nor changes, that a sample's last is marked."""
    words: list[int] = []
    waiting: int | None = None
    while len(words) < beats:
        ready = random.randrange(100) >= stall_percent
        dut.m_axis_tready.value = int(ready)
        await RisingEdge(dut.aclk)
        valid = bool(dut.m_axis_tvalid.value)
        assert valid or waiting is None, f"beat {len(words)} was withdrawn before it was taken"
        if valid:
            word = dut.m_axis_tdata.value.to_unsigned()
            assert waiting in (None, word), f"beat {len(words)} changed while it waited"
            last = (len(words) + 1) % of_sample == 0
            assert dut.m_axis_tlast.value == last, f"beat {len(words)}: last is wrong, a sample has {of_sample} beats"
            waiting = None if ready else word
            if ready:
                words.append(word)
    return words


@cocotb.test()
@cocotb.parametrize((("gap_percent", "stall_percent"), [(0, 0), (30, 0), (0, 30), (40, 60)]))
async def every_code_equals_the_reference(dut: Any, gap_percent: int, stall_percent: int) -> None:
    """In order, none lost, none twice, however many cycles have no sample to offer or a receiver that waits."""
    vectors = read_vectors(cocotb.RANDOM_SEED)
    random = Random(cocotb.RANDOM_SEED)
    words = [vectors.inputs.pack(vectors.given, beat) for beat in range(vectors.samples * vectors.inputs.beats)]
    beats = vectors.samples * vectors.outputs.beats
    await reset(dut)
    cocotb.start_soon(send(dut, words, gap_percent, random))
    most_cycles = 20 * (len(words) + vectors.latency_cycles) + 1000
    taking = receive(dut, beats, vectors.outputs.beats, stall_percent, random)
    came = await with_timeout(taking, most_cycles * PERIOD_NS, "ns")
    for beat, word in enumerate(came):
        wanted = vectors.outputs.codes(vectors.expected, beat)
        for value, codes, got in zip(vectors.outputs.values, wanted, vectors.outputs.unpack(word), strict=True):
            sample = beat // vectors.outputs.beats
            assert got == codes, f"sample {sample}, beat {beat}: {value.name} is {got}, the reference says {codes}"
    dut.m_axis_tready.value = 1
    await RisingEdge(dut.aclk)
    for _ in range(2 * vectors.latency_cycles + 8):
        await RisingEdge(dut.aclk)
        assert not dut.m_axis_tvalid.value, "more samples come out than went in"
