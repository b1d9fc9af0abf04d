"""``verify_opened_axis``: simulate a Verilog project behind its AXI4-Stream wrapper, beside the reference.

Samples go through twice: with gaps and back-pressure, and as fast as the stream takes them. The layers are not looked
into: what the wrapped module computes, ``hwgen.verify.rtl`` shows and explains.
"""

import json
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from hwgen.fixed import IntArray
from hwgen.tools import Build, call_library
from hwgen.tools.verilator import VerilatedTree, build_verilated
from hwgen.verify.mismatch import first_in_outputs
from hwgen.verify.report import Timing
from hwgen.verify.rtl_engine import RtlEngine, Traffic, block_size, harness_files
from hwgen.verify.rtl_project import RtlProject
from hwgen.verify.rtl_report import RtlMismatch, RtlReport
from hwgen.verify.run import DEFAULT_SAMPLES, timed_vectors
from hwgen.verify.vectors import TestVectors, check_request

SLICE_CYCLES = 1  # of latency, in the wrapper's register slice

_HARNESS = "axis_harness.cpp"
_FUNCTION = "hwgen_axis_run"
_TIMINGS = 2  # columns; the order is that of axis_harness.cpp, and so is that of the faults
_FAULTS = (
    "beats that belong to no sample",
    "beats withdrawn before the receiver was ready",
    "beats changed before the receiver was ready",
    "beats with a wrong m_axis_tlast",
    "beats with a bit above the last code that is not zero",
    "cycles not ready though the receiver always was",
    "cycles of reset with m_axis_tvalid high",
)
_ALONE = 4  # samples whose latency is measured where a sample is many beats
_NOTE = "hwgen verify without --axis drives the module itself, and names the layer where it differs."


@dataclass(frozen=True, slots=True)
class AxisReport(RtlReport):
    """Whether a project behind AXI4-Stream gives exactly the codes of its network, by the rules of the protocol.

    ``latency_cycles`` and ``simulated_latency`` count the register slice.

    Attributes:
        module: that was driven.
        faults: what a stream must not do, each with how often it was seen.
    """

    module: str
    faults: tuple[tuple[str, int], ...]

    @property
    def file_name(self) -> str:
        """Beside the report on the module itself."""
        return "verify_axis.json"

    def to_json(self) -> str:
        """As of the module itself, and the faults."""
        document = json.loads(RtlReport.to_json(self))
        document |= {"module": self.module, "faults": dict(self.faults)}
        return json.dumps(document, indent=2) + "\n"

    def summary(self) -> str:
        """The verdict in a few lines."""
        lines = RtlReport.summary(self).split("\n")
        seen = [f"{count:,} {what}" for what, count in self.faults if count]
        kept = f"{'; '.join(seen)}: the protocol is broken." if seen else "the protocol was kept."
        lines.insert(2, f"Driven through {self.module}, AXI4-Stream with back-pressure: {kept}")
        return "\n".join(lines)


@dataclass(frozen=True, slots=True)
class _Streamed:
    """What came out of one run; as ``Simulated``, and how often each fault was seen."""

    outputs: tuple[IntArray, ...]
    cycle_in: IntArray
    cycle_out: IntArray
    faults: IntArray


def verify_opened_axis(
    project: RtlProject,
    engine: RtlEngine,
    *,
    samples: int = DEFAULT_SAMPLES,
    given: Sequence[IntArray] | None = None,
    seed: int = 0,
) -> AxisReport:
    """Verify the wrapper of an open project; arguments and errors as of ``verify_opened_rtl``."""
    network = project.network
    check_request(network, samples, given, seed)
    with tempfile.TemporaryDirectory(prefix="hwgen-verify-") as folder:
        library = Path(folder) / "axis.so"
        with ThreadPoolExecutor(max_workers=1) as beside:  # Verilator and compilers run in processes of their own
            making = beside.submit(timed_vectors, network, samples, seed, given, project.circuit)
            build = _build(project, engine, library)
            engine.tell("making test vectors", 0, samples)
            vectors, vectors_s = making.result()
        start = time.perf_counter()
        dense = replace(engine.traffic, gap_percent=0, stall_percent=0)
        runs = [_run(project, engine, library, vectors.inputs, traffic) for traffic in (engine.traffic, dense)]
        latency = runs[1].cycle_out - runs[1].cycle_in
        if not project.one_beat:
            few = [array[:_ALONE] for array in vectors.inputs]
            alone = _run(project, engine, library, few, replace(dense, alone=True))
            latency = np.where(alone.cycle_out < 0, -1, alone.cycle_out - alone.cycle_in)
        run_s = time.perf_counter() - start
    faults = np.sum([run.faults for run in runs], axis=0)
    latencies = tuple(int(cycles) for cycles in np.unique(latency[latency >= 0]))
    return _report(
        project, engine, vectors, runs, faults, latencies, Timing(build.seconds, vectors_s, run_s, build.from_cache)
    )


def _report(
    project: RtlProject,
    engine: RtlEngine,
    vectors: TestVectors,
    runs: Sequence[_Streamed],
    faults: IntArray,
    latencies: tuple[int, ...],
    timing: Timing,
) -> AxisReport:
    expected = [array.reshape(vectors.samples, -1) for array in vectors.outputs]
    wrong = [[wanted != came for wanted, came in zip(expected, run.outputs, strict=True)] for run in runs]
    wrong_samples = [np.flatnonzero(np.any([rows.any(axis=1) for rows in each], axis=0)) for each in wrong]
    mismatch = next(
        (
            _explain(project, vectors, expected, run, found)
            for run, found in zip(runs, wrong_samples, strict=True)
            if found.size
        ),
        None,
    )
    latency_cycles = project.latency_cycles + SLICE_CYCLES
    return AxisReport(
        network=project.network.name,
        equal=mismatch is None and latencies == (latency_cycles,) and not faults.any(),
        samples=vectors.samples,
        codes=sum(rows.size for rows in wrong[0]),
        mismatches=max(sum(int(rows.sum()) for rows in each) for each in wrong),
        mismatched_samples=max(int(found.size) for found in wrong_samples),
        mismatch=mismatch,
        compiler=engine.version,
        pristine=False,
        seed=engine.traffic.seed,
        groups=vectors.groups,
        coverage=vectors.coverage,
        changes=project.changes,
        project_sha256=project.sha256,
        timing=timing,
        steps=project.steps,
        words=vectors.words,
        latency_cycles=latency_cycles,
        simulated_latency=latencies,
        surplus=int(faults[0]),
        gap_percent=engine.traffic.gap_percent,
        stall_percent=engine.traffic.stall_percent,
        module=project.axis,
        faults=tuple(zip(_FAULTS, map(int, faults), strict=True)),
    )


def _explain(
    project: RtlProject, vectors: TestVectors, expected: Sequence[IntArray], run: _Streamed, wrong_samples: IntArray
) -> RtlMismatch:
    """The first code that differs."""
    first = int(wrong_samples[0])
    until = slice(0, first + 1)
    found = first_in_outputs(
        project.network,
        [array[until] for array in expected],
        [array[until] for array in run.outputs],
        {first: vectors.kind(first)},
        _NOTE,
    )
    return RtlMismatch.seen(found, f"{project.axis}.m_axis_tdata", int(run.cycle_out[first]))


def _build(project: RtlProject, engine: RtlEngine, library: Path) -> Build:
    harness = harness_files(_HARNESS, project.inputs, project.outputs)
    tree = VerilatedTree(project.files, project.sources, project.axis, harness, traced=False)
    return build_verilated(
        tree,
        engine.verilator,
        engine.compiler,
        library,
        cache=engine.cache,
        jobs=engine.jobs,
        progress=engine.progress,
    )


def _run(
    project: RtlProject, engine: RtlEngine, library: Path, inputs: Sequence[IntArray], traffic: Traffic
) -> _Streamed:
    """Stream samples through, in blocks that each start with resets."""
    samples, size = len(inputs[0]), block_size(project)
    sizes = [*(port.value.size for port in project.outputs), _TIMINGS, len(_FAULTS)]
    blocks: list[tuple[IntArray, ...]] = []
    for number, start in enumerate(range(0, samples, size)):
        engine.tell("simulating samples", start, samples)
        block = [array[start : start + size] for array in inputs]
        row = traffic.row(number, project.latency_cycles)
        settings = np.zeros((len(block[0]), len(row)), dtype=np.int64)
        settings[0] = row
        blocks.append(call_library(library, _FUNCTION, [*block, settings], sizes, isolated=engine.isolated))
    *outputs, timing, faults = (np.concatenate(parts) for parts in zip(*blocks, strict=True))
    return _Streamed(tuple(outputs), timing[:, 0], timing[:, 1], faults.sum(axis=0))
