"""``build``: from a model to a project."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from numpy.typing import ArrayLike

from hwgen import reference
from hwgen.api.arguments import checked
from hwgen.api.choices import choice
from hwgen.api.models import Model
from hwgen.circuit import TARGETS, Circuit, ClockPlan, Interface, Optimize, Target, default_interface, lower
from hwgen.emit import FileSet, Strategy, Vectors, check_target, default_hls_interface, hls_project, rtl_project
from hwgen.errors import InputError
from hwgen.ir import LayerComplexity, network_complexity
from hwgen.verify import project_vectors

DEFAULT_PART = "xcvu13p-flga2577-2-e"
DEFAULT_CLOCK_NS = 5.0
DEFAULT_FPGA = "amd"
DEFAULT_ADDERS_PER_STAGE = 1


class BuildTarget(Enum):
    """What a project holds."""

    HLS = "hls"
    RTL = "rtl"


@dataclass(frozen=True, slots=True)
class BuildResult:
    """A project that was written.

    Attributes:
        directory: where it lies.
        strategy: how its constant products are written.
        part: the FPGA that its scripts name.
        clock_ns: the clock period that its scripts name.
        layers: arithmetic of each layer with weights.
        files: number of files.
        target: HLS C++ or Verilog.
        circuit: what became Verilog, with its adders and its latency; None for HLS C++.
        interface: whether a sample comes at once or a pixel at a time.
    """

    directory: Path
    strategy: Strategy
    part: str
    clock_ns: float
    layers: tuple[LayerComplexity, ...]
    files: int
    target: BuildTarget = BuildTarget.HLS
    circuit: Circuit | None = None
    interface: Interface = Interface.PARALLEL


@checked
def build(
    model: Model,
    directory: str | Path,
    *,
    target: str | BuildTarget = BuildTarget.HLS,
    strategy: str | Strategy | None = None,
    part: str | None = None,
    clock_ns: float = DEFAULT_CLOCK_NS,
    fpga: str | Target | None = None,
    plan: ClockPlan | None = None,
    optimize: str | Optimize | None = None,
    io: str | Interface | None = None,
    inputs: ArrayLike | Sequence[ArrayLike] | None = None,
    overwrite: bool = False,
) -> BuildResult:
    """Write an HLS C++ or a Verilog project; it appears whole or not at all.

    Args:
        directory: where; must not exist, or be empty, unless ``overwrite``.
        target: ``"hls"`` for C++ that an HLS compiler schedules, ``"rtl"`` for Verilog that is pipelined already.
        strategy: of C++: ``"multipliers"`` (one constant product a non-zero weight, the default) or ``"adders"``
            (shifts and additions). Verilog is always adders.
        part: as the vendor's tools name it; None for one of AMD's.
        clock_ns: clock period to synthesize for.
        fpga: of Verilog: the family whose adders it is made for: ``"amd"`` (the default), ``"intel"``, ``"lattice"`` or
            ``"generic"``.
        plan: of Verilog: how it is pipelined; None for registers behind every adder.
        optimize: of Verilog: ``"latency"`` (the default) for balanced trees of adders, ``"luts"`` for sums that share
            what they can, with fewer LUTs and more rows of logic, so more cycles from input to output.
        io: ``"parallel"``, a sample at once, or ``"stream"``, a pixel a cycle; None for a stream where there is a
            convolution, in C++ one over an image of more than 1,024 codes, else parallel.
        inputs: real data for the project's own testbench, (samples, *shape); chosen by hwgen where None.
        overwrite: whether to replace the files of an hwgen project that is already there; others stay.
    Raises:
        ProjectError: the folder holds something else, or a project and ``overwrite`` is off.
        InputError: an option that makes no sense, or not for this target, or data that does not fit.
        UnsupportedError: for Verilog, a network that cannot be streamed, or one too large to unroll.
    """
    kind = choice(BuildTarget, target, "target")
    check_target(Path(directory), overwrite)
    network = model.network
    circuit = None
    interface = None if io is None else choice(Interface, io, "io")
    if kind is BuildTarget.RTL:
        if strategy is not None:
            raise InputError("a strategy is an option of HLS C++; Verilog is always made of adders.")
        chosen = Strategy.ADDERS
        family = fpga_target(fpga)
        part = part or (DEFAULT_PART if family.name == DEFAULT_FPGA else family.name)
        interface = interface or default_interface(network)
        aim = Optimize.LATENCY if optimize is None else choice(Optimize, optimize, "optimize")
        circuit = lower(network, family, plan or ClockPlan(DEFAULT_ADDERS_PER_STAGE), interface, aim)
    else:
        if any(option is not None for option in (fpga, plan, optimize)):
            raise InputError(
                "the FPGA family, the pipelining and what to optimize for are options of Verilog: add --target rtl."
            )
        interface = interface or default_hls_interface(network)
        chosen = Strategy.MULTIPLIERS if strategy is None else choice(Strategy, strategy, "strategy")
        part = part or DEFAULT_PART
    codes = project_vectors(network, circuit=circuit) if inputs is None else reference.encode(network, inputs)
    if not len(codes[0]):
        raise InputError("at least one sample is needed for the project's testbench, got none.")
    vectors = Vectors(codes, reference.simulate(network, codes))
    files: FileSet
    sha = model.source_sha256
    if circuit is not None:
        files = rtl_project(network, circuit, part=part, clock_ns=clock_ns, vectors=vectors, source_sha256=sha)
    else:
        files = hls_project(
            network,
            strategy=chosen,
            part=part,
            clock_ns=clock_ns,
            interface=interface,
            vectors=vectors,
            source_sha256=sha,
        )
    files.write(Path(directory), overwrite=overwrite)
    layers = network_complexity(network)
    return BuildResult(Path(directory), chosen, part, clock_ns, layers, len(files), kind, circuit, interface)


def fpga_target(fpga: str | Target | None) -> Target:
    if isinstance(fpga, Target):
        return fpga
    name = DEFAULT_FPGA if fpga is None else fpga
    if name not in TARGETS:
        raise InputError(f"FPGA family {name!r} is unknown; it is {', '.join(map(repr, TARGETS))}.")
    return TARGETS[name]
