"""``verify``: a project beside the reference."""

from collections.abc import Sequence
from enum import Enum
from pathlib import Path

from numpy.typing import ArrayLike

from hwgen import reference
from hwgen.api.arguments import checked
from hwgen.api.building import BuildTarget
from hwgen.api.choices import choice
from hwgen.errors import InputError
from hwgen.tools import Progress
from hwgen.verify import VerifyReport, open_project, verify_project
from hwgen.verify.rtl import verify_rtl
from hwgen.verify.rtl_project import open_rtl_project, project_target
from hwgen.verify.run import DEFAULT_SAMPLES

DEFAULT_TRAFFIC_PERCENT = 25


class SimulationEngine(Enum):
    """What runs a project."""

    CSIM = "csim"  # its C++, compiled
    RTLSIM = "rtlsim"  # its Verilog, with Verilator


@checked
def verify(
    directory: str | Path,
    *,
    engine: str | SimulationEngine | None = None,
    samples: int | None = None,
    inputs: ArrayLike | Sequence[ArrayLike] | None = None,
    seed: int = 0,
    compiler: str | None = None,
    pristine: bool = False,
    gap_percent: int = DEFAULT_TRAFFIC_PERCENT,
    stall_percent: int = DEFAULT_TRAFFIC_PERCENT,
    waveform: str | Path | None = None,
    axis: bool = False,
    cache: bool = True,
    progress: Progress | None = None,
) -> VerifyReport:
    """Compile a project, run it beside the reference, compare every output code, and write ``verify.json`` into it.

    Args:
        engine: ``"csim"`` for C++, ``"rtlsim"`` for Verilog; None for what the project holds.
        samples: vectors that hwgen makes: extremes, one-hot, rounding ties, saturation edges, random; None for 2,000,
            fewer where a sample of Verilog is many beats.
        inputs: real data to run as well, (samples, *shape).
        seed: of the vectors, and of gaps and stalls.
        compiler: ``"g++"``, ``"clang++"`` or a path; None chooses one.
        pristine: of C++: headers as they are, without the patch that makes them fast, and sums in ap_int types.
        gap_percent: of Verilog: cycles without a sample.
        stall_percent: of Verilog: cycles in which ``ce`` is low.
        waveform: of Verilog: where to write a VCD file of the run as well.
        axis: of Verilog: drive it through its AXI4-Stream wrapper, with back-pressure, and write ``verify_axis.json``.
        cache: keep compiled libraries in the user's cache.
        progress: told what is being done.
    Returns:
        The report: ``report.equal`` is the verdict, ``report.mismatch`` explains the first difference. Of Verilog it is
        an ``RtlReport``, which has the latency as well.
    Raises:
        ProjectError: the folder is no hwgen project, or damaged.
        InputError: an option of the other engine, or an engine that does not run what the project holds.
        ToolMissingError: no C++ compiler, or no Verilator.
        ToolFailedError: the sources do not compile, or crash.
    """
    project = Path(directory)
    held = project_target(project)
    fits = SimulationEngine.RTLSIM if held == BuildTarget.RTL.value else SimulationEngine.CSIM
    chosen = fits if engine is None else choice(SimulationEngine, engine, "engine")
    if chosen is not fits:
        raise InputError(f"{str(project)!r} is an {held} project, which {fits.value} runs and {chosen.value} does not.")
    report: VerifyReport
    if chosen is SimulationEngine.RTLSIM:
        if pristine:
            raise InputError("a Verilog project has no ap_types headers that could be left pristine.")
        report = verify_rtl(
            project,
            samples=samples,
            inputs=None if inputs is None else reference.encode(open_rtl_project(project).network, inputs),
            seed=seed,
            gap_percent=gap_percent,
            stall_percent=stall_percent,
            compiler=compiler,
            cache=cache,
            waveform=None if waveform is None else Path(waveform),
            axis=axis,
            progress=progress,
        )
    else:
        if waveform is not None or axis or (gap_percent, stall_percent) != (DEFAULT_TRAFFIC_PERCENT,) * 2:
            raise InputError("gaps, stalls, waveforms and AXI4-Stream are of Verilog projects; this one is C++.")
        report = verify_project(
            project,
            samples=DEFAULT_SAMPLES if samples is None else samples,
            inputs=None if inputs is None else reference.encode(open_project(project).network, inputs),
            seed=seed,
            compiler=compiler,
            pristine=pristine,
            cache=cache,
            progress=progress,
        )
    report.write_report(project)
    return report
