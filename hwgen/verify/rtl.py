"""``verify_rtl``: simulate a Verilog project beside the reference, compare every output code, explain the first."""

import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np

from hwgen.errors import InputError
from hwgen.fixed import IntArray
from hwgen.tools import Cache, Progress, find_compiler
from hwgen.tools.verilator import find_verilator
from hwgen.verify.axis import verify_opened_axis
from hwgen.verify.report import FEW_SAMPLES, Timing
from hwgen.verify.rtl_engine import RtlEngine, Traffic, check_waveform, write_waveform
from hwgen.verify.rtl_explain import explain
from hwgen.verify.rtl_project import RtlProject, open_rtl_project
from hwgen.verify.rtl_report import RtlReport
from hwgen.verify.run import DEFAULT_SAMPLES, timed_vectors
from hwgen.verify.vectors import check_request

_BEATS = 200_000  # of all samples, by default
_ALONE = 4  # samples whose latency is measured


def verify_rtl(
    directory: str | Path,
    *,
    samples: int | None = None,
    inputs: IntArray | Sequence[IntArray] | None = None,
    seed: int = 0,
    gap_percent: int = 25,
    stall_percent: int = 25,
    compiler: str | None = None,
    cache: bool = True,
    jobs: int | None = None,
    isolated: bool = True,
    waveform: Path | None = None,
    axis: bool = False,
    progress: Progress | None = None,
) -> RtlReport:
    """Simulate a Verilog project with Verilator, and compare every output code and the latency.

    Nothing is written into the folder; ``report.write_report(directory)`` does that.

    Args:
        samples: vectors to make (see ``hwgen.verify.vectors``), beside ``inputs``; None for as many as run in seconds.
        inputs: codes to run as well, (samples, *shape) int64; a sequence of such arrays for several inputs.
        seed: of the vectors, the gaps, the stalls and the registers' first contents.
        gap_percent: of cycles without a sample.
        stall_percent: of cycles in which ``ce`` is low.
        compiler: C++ compiler to use; None chooses one.
        cache: keep compiled simulations in the user's cache, and look there first.
        jobs: compilers at a time; None for one a usable core.
        isolated: simulate in a process of its own.
        waveform: where to write a VCD file of the run as well.
        axis: drive the module behind its AXI4-Stream wrapper; a stall is then a receiver that is not ready.
        progress: told what is being done.
    Returns:
        The report; ``report.equal`` is the verdict. Of the wrapper it is an ``AxisReport``.
    Raises:
        ProjectError: the folder holds no Verilog project, or a damaged one.
        InputError: no samples, inputs that do not fit the network, percentages out of range, or no place for the
            waveform.
        ToolMissingError: no Verilator or no C++ compiler.
        ToolFailedError: Verilator refuses the Verilog.
    """
    traffic = Traffic(gap_percent, stall_percent, seed)
    if waveform is not None and axis:
        raise InputError(
            "a waveform is of the module itself, not of its AXI4-Stream wrapper; leave out one of the two."
        )
    if waveform is not None:
        check_waveform(waveform)
    project = open_rtl_project(Path(directory))
    samples = default_samples(project) if samples is None else samples
    given = [inputs] if isinstance(inputs, np.ndarray) else inputs
    check_request(project.network, samples, given, seed)
    store = Cache.of_user() if cache else None
    engine = RtlEngine(find_verilator(), find_compiler(compiler), traffic, store, jobs, isolated, progress)
    if axis:
        return verify_opened_axis(project, engine, samples=samples, given=given, seed=seed)
    return verify_opened_rtl(project, engine, samples=samples, given=given, seed=seed, waveform=waveform)


def default_samples(project: RtlProject) -> int:
    """As many as run in seconds: fewer where a sample is many beats."""
    beats = max(port.beats for port in (*project.inputs, *project.outputs))
    return min(DEFAULT_SAMPLES, max(FEW_SAMPLES, _BEATS // beats))


def _latencies_alone(project: RtlProject, engine: RtlEngine, library: Path, inputs: Sequence[IntArray]) -> IntArray:
    """Latencies of samples without gaps that nothing follows: what a stream's reported latency is about."""
    traffic = replace(engine.traffic, gap_percent=0, alone=True)
    few = [array[:_ALONE] for array in inputs]
    return replace(engine, traffic=traffic).run(project, library, few).latency


def verify_opened_rtl(
    project: RtlProject,
    engine: RtlEngine,
    *,
    samples: int = DEFAULT_SAMPLES,
    given: Sequence[IntArray] | None = None,
    seed: int = 0,
    waveform: Path | None = None,
) -> RtlReport:
    """Verify an open project with an engine that may serve many; arguments and errors as in ``verify_rtl``."""
    network = project.network
    check_request(network, samples, given, seed)
    with tempfile.TemporaryDirectory(prefix="hwgen-verify-") as folder:
        library = Path(folder) / "project.so"
        with ThreadPoolExecutor(max_workers=1) as beside:  # Verilator and compilers run in processes of their own
            making = beside.submit(timed_vectors, network, samples, seed, given, project.circuit)
            build = engine.build(project, library)
            engine.tell("making test vectors", 0, samples)
            vectors, vectors_s = making.result()
        start = time.perf_counter()
        simulated = engine.run(project, library, vectors.inputs)
        run_s = time.perf_counter() - start
        expected = [array.reshape(vectors.samples, -1) for array in vectors.outputs]
        latency = simulated.latency if project.one_beat else _latencies_alone(project, engine, library, vectors.inputs)
        wrong = [wanted != came for wanted, came in zip(expected, simulated.outputs, strict=True)]
        wrong_samples = np.flatnonzero(np.any([rows.any(axis=1) for rows in wrong], axis=0))
        mismatch = None
        if wrong_samples.size:
            mismatch = explain(project, engine, vectors, simulated, wrong_samples, Path(folder))
        if waveform is not None:
            write_waveform(engine, project, vectors.inputs, waveform)
    latencies = tuple(int(cycles) for cycles in np.unique(latency[latency >= 0]))
    return RtlReport(
        network=network.name,
        equal=mismatch is None and latencies == (project.latency_cycles,) and not simulated.surplus,
        samples=vectors.samples,
        codes=sum(rows.size for rows in wrong),
        mismatches=sum(int(rows.sum()) for rows in wrong),
        mismatched_samples=int(wrong_samples.size),
        mismatch=mismatch,
        compiler=engine.version,
        pristine=False,
        seed=seed,
        groups=vectors.groups,
        coverage=vectors.coverage,
        changes=project.changes,
        project_sha256=project.sha256,
        timing=Timing(build.seconds, vectors_s, run_s, build.from_cache),
        steps=project.steps,
        words=vectors.words,
        latency_cycles=project.latency_cycles,
        simulated_latency=latencies,
        surplus=simulated.surplus,
        gap_percent=engine.traffic.gap_percent,
        stall_percent=engine.traffic.stall_percent,
    )
