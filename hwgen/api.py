"""The steps of hwgen as plain functions, and the loaded model that they share."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from fractions import Fraction
from functools import lru_cache, wraps
from hashlib import sha256
from inspect import signature
from numbers import Integral, Real
from os import PathLike
from pathlib import Path
from types import NoneType
from typing import TYPE_CHECKING, ParamSpec, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hwgen import frontend, reference
from hwgen.circuit import TARGETS, Circuit, ClockPlan, Interface, Optimize, Target, default_interface, lower
from hwgen.compare import (
    CellMapping,
    Comparison,
    Peer,
    Row,
    ValueProfile,
    classes,
    comparison,
    find_part,
    model_rows,
    peer_rows,
    project_rows,
    require,
    sweep_rows,
)
from hwgen.compare import profile as profiled
from hwgen.emit import FileSet, Strategy, Vectors, check_target, default_hls_interface, hls_project, rtl_project
from hwgen.emulator import Emulator, EmulatorEngine, emulator
from hwgen.errors import InputError, ProjectError
from hwgen.estimate import Arithmetic, CellEstimate, Figures, arithmetic, calibration, estimate_cells
from hwgen.fixed import IntArray
from hwgen.frontend import Inspection
from hwgen.frontend.load import InputType
from hwgen.ir import LayerComplexity, Network, network_complexity, network_text
from hwgen.mapping import FAMILIES, MappedProject, map_project
from hwgen.regression import (
    BuiltProject,
    CheckReport,
    Golden,
    built_project,
    compare,
    freeze,
    read_golden,
    write_golden,
)
from hwgen.regression.check import fits
from hwgen.tools import Cache, Progress, find_compiler
from hwgen.tools.verilator import find_verilator
from hwgen.verify import VerifyReport, make_vectors, open_project, project_vectors, verify_project
from hwgen.verify.report import FEW_SAMPLES
from hwgen.verify.rtl import default_samples, verify_rtl
from hwgen.verify.rtl_engine import RtlEngine, Traffic
from hwgen.verify.rtl_project import open_rtl_project, project_target
from hwgen.verify.run import DEFAULT_SAMPLES

if TYPE_CHECKING:
    from hwgen.training import TrainProgress, TrainResult

DEFAULT_PART = "xcvu13p-flga2577-2-e"
DEFAULT_CLOCK_NS = 5.0
DEFAULT_FPGA = "amd"
DEFAULT_ADDERS_PER_STAGE = 1
DEFAULT_TRAFFIC_PERCENT = 25
DEFAULT_GOLDEN_SAMPLES = 200
DEFAULT_FAMILY = "xcup"
GOLDEN_SUFFIX = ".golden"  # of the folder beside a project

_T = TypeVar("_T")


class PredictionEngine(Enum):
    """What computes the codes of a model."""

    REFERENCE = "reference"  # NumPy
    EMULATOR = "emulator"  # a kernel compiled once for all models


@dataclass(frozen=True, slots=True)
class Model:
    """A network that runs: what ``hwgen.load`` returns.

    Attributes:
        network: the exact integer layers, for everything that hwgen builds from them.
        source_sha256: of the file that it came from, None where it came from none.
    """

    network: Network
    source_sha256: str | None = None

    def codes(
        self, data: ArrayLike | Sequence[ArrayLike], engine: str | PredictionEngine = PredictionEngine.REFERENCE
    ) -> IntArray | tuple[IntArray, ...]:
        """Output codes for real data: exactly the integers that the hardware gives.

        Args:
            data: (samples, *shape); a sequence of such arrays for several inputs.
            engine: ``"reference"``, or ``"emulator"`` for large data: the same codes from a compiled kernel.
        Returns:
            (samples, *shape) int64, or a tuple of them for several outputs.
        Raises:
            InputError: wrong shape, or data off the input's grid.
            ToolMissingError: of the emulator: no C++ compiler.
        """
        return _one_or_all(self._run(data, engine))

    def predict(
        self, data: ArrayLike | Sequence[ArrayLike], engine: str | PredictionEngine = PredictionEngine.REFERENCE
    ) -> NDArray[np.float64] | tuple[NDArray[np.float64], ...]:
        """Output values for real data: ``codes`` times the output's step, in float64; arguments as in ``codes``."""
        return _one_or_all(reference.decode(self.network, self._run(data, engine)))

    def _run(self, data: ArrayLike | Sequence[ArrayLike], engine: str | PredictionEngine) -> tuple[IntArray, ...]:
        chosen = _choice(PredictionEngine, engine, "engine")
        codes = reference.encode(self.network, data)
        if chosen is PredictionEngine.EMULATOR:
            return _interpreting(self.network).codes(codes)
        return reference.simulate(self.network, codes)

    def trace(self, data: ArrayLike | Sequence[ArrayLike]) -> Mapping[str, IntArray]:
        """Codes of every value of the network by name, inputs included; arguments as in ``codes``."""
        return reference.trace(self.network, reference.encode(self.network, data))

    def __str__(self) -> str:
        return network_text(self.network)


@lru_cache(maxsize=4)
def _interpreting(network: Network) -> Emulator:
    return emulator(network, EmulatorEngine.INTERPRETER)


def _one_or_all(results: tuple[_T, ...]) -> _T | tuple[_T, ...]:
    return results[0] if len(results) == 1 else results


_Parameters = ParamSpec("_Parameters")

# Arguments of the functions below by name: the types they may have, and what to call those. What is not here says by
# itself what it should be: names out of a list, types of numbers, arrays.
_PATH = ((str, PathLike), "a path")
_PATH_OR_NONE = ((str, PathLike, NoneType), "a path or None")
_TEXT_OR_NONE = ((str, NoneType), "text or None")
_INTEGER = ((Integral,), "an integer")
_TRUTH = ((bool, np.bool_), "True or False")
_ARGUMENTS: Mapping[str, tuple[tuple[type, ...], str]] = {
    "path": _PATH,
    "config": _PATH,
    "directory": _PATH,
    "frozen": _PATH_OR_NONE,
    "tolerance_percent": ((Real,), "a number"),
    "run": _TRUTH,
    "simulate": _TRUTH,
    "weights": _PATH_OR_NONE,
    "masks": _PATH_OR_NONE,
    "quantize": ((Mapping, NoneType), "a mapping from layers to types, or None"),
    "head": ((str,), "text"),
    "waveform": _PATH_OR_NONE,
    "model": ((Model,), "what hwgen.load returns"),
    "network": ((Model, Network), "what hwgen.load returns, or its network"),
    "part": _TEXT_OR_NONE,
    "compiler": _TEXT_OR_NONE,
    "family": ((str,), "a family's name"),
    "fpga": ((str, Target, NoneType), "a family's name, a Target or None"),
    "plan": ((ClockPlan, NoneType), "a ClockPlan or None"),
    "io": ((str, Interface, NoneType), "'parallel', 'stream', an Interface or None"),
    "clock_ns": ((Real,), "a number"),
    "samples": ((Integral, NoneType), "an integer or None"),
    "seed": _INTEGER,
    "gap_percent": _INTEGER,
    "stall_percent": _INTEGER,
    "overwrite": _TRUTH,
    "pristine": _TRUTH,
    "cache": _TRUTH,
}


def _checked(function: Callable[_Parameters, _T]) -> Callable[_Parameters, _T]:
    """Refuse arguments of another type with an InputError, before anything is read or written."""

    @wraps(function)
    def call(*positional: _Parameters.args, **named: _Parameters.kwargs) -> _T:
        for name, given in signature(function).bind(*positional, **named).arguments.items():
            if name not in _ARGUMENTS:
                continue
            types, words = _ARGUMENTS[name]
            # Python counts True as an integer.
            if not isinstance(given, types) or (isinstance(given, bool) and bool not in types):
                raise InputError(f"{function.__name__}: {name} should be {words}, got {given!r}.")
        return function(*positional, **named)

    return call


@_checked
def load(
    path: str | Path,
    weights: str | Path | None = None,
    input_type: InputType = None,
    masks: str | Path | None = None,
    quantize: Mapping[str, str] | None = None,
    head: str = "logits",
) -> Model:
    """Load a trained QKeras model, exactly.

    Args:
        path: ``.h5``, ``.keras``, or a ``.json`` architecture with ``weights``.
        weights: the ``.h5`` weights of a ``.json`` architecture.
        input_type: what numbers the model takes, such as ``"fixed<8,3>"``; needed unless it starts with a QActivation.
        masks: pruning masks that act after the quantizers; ``masks.npz`` beside the model is found by itself.
        quantize: by layer, the type that its weights and bias are rounded to where the model leaves them unquantized,
            such as ``{"output": "fixed<16,6,RND,SAT>"}``; ``"WEIGHTS:RESULT"`` rounds what it computes as well.
        head: what the outputs are. ``logits`` leaves a final softmax or sigmoid out; ``argmax`` gives the index of the
            largest value; ``softmax=ufixed<8,0,RND,SAT>`` and ``sigmoid=ufixed<8,0,RND,SAT>`` give probabilities.
    Raises:
        ModelFileError: the file is no readable Keras model.
        UnsupportedError: a layer, quantizer or option that hwgen does not compute exactly; named.
        InputError: no input type, or one that cannot be read.
    """
    network = frontend.load_network(path, weights, input_type, masks, quantize, head)
    return Model(network, sha256(Path(path).read_bytes()).hexdigest())


@dataclass(frozen=True, slots=True, eq=False)
class EmulatedModel:
    """A network on one core's vectors: what ``hwgen.emulate`` returns.

    Attributes:
        emulator: takes and gives codes, without the conversion of real data, which takes longer than the network.
    """

    emulator: Emulator

    @property
    def engine(self) -> EmulatorEngine:
        """How it computes: from tables, or as C++ of its own."""
        return self.emulator.engine

    def codes(self, data: ArrayLike | Sequence[ArrayLike]) -> IntArray | tuple[IntArray, ...]:
        """Output codes for real data, as ``Model.codes``."""
        network = self.emulator.network
        return _one_or_all(self.emulator.codes(reference.encode(network, data)))

    def predict(self, data: ArrayLike | Sequence[ArrayLike]) -> NDArray[np.float64] | tuple[NDArray[np.float64], ...]:
        """Output values for real data, as ``Model.predict``."""
        network = self.emulator.network
        return _one_or_all(reference.decode(network, self.emulator.codes(reference.encode(network, data))))


@_checked
def emulate(
    network: Model | Network,
    engine: str | EmulatorEngine | None = None,
    *,
    compiler: str | None = None,
    cache: bool = True,
    progress: Progress | None = None,
) -> EmulatedModel:
    """Compile a network for whole data sets, with the reference's codes.

    Args:
        network: a model, or a network.
        engine: ``"compiled"`` writes C++ of this network; ``"interpreter"`` runs its tables in a kernel that is
            compiled once for all networks. None compiles a small network; the result's ``engine`` says which it was.
        compiler: ``"g++"``, ``"clang++"`` or a path; None chooses one.
        cache: keep compiled kernels in the user's cache.
        progress: told what is being compiled.
    Raises:
        InputError: an engine that is none of the two.
        TypeRangeError: a sum may reach 2**62, or a shift to the left may leave 64 bits.
        ToolMissingError: no C++ compiler.
        ToolFailedError: the compiler fails.
    """
    chosen = None if engine is None else _choice(EmulatorEngine, engine, "engine")
    given = network.network if isinstance(network, Model) else network
    return EmulatedModel(emulator(given, chosen, compiler=compiler, cache=cache, progress=progress))


@_checked
def inspect(
    path: str | Path,
    weights: str | Path | None = None,
    input_type: InputType = None,
    masks: str | Path | None = None,
    quantize: Mapping[str, str] | None = None,
    head: str = "logits",
) -> Inspection:
    """Read a model as far as possible; every refusal is collected. Arguments as in ``load``."""
    return frontend.inspect_model(path, weights, input_type, masks, quantize, head)


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


@_checked
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
    kind = _choice(BuildTarget, target, "target")
    check_target(Path(directory), overwrite)
    network = model.network
    circuit = None
    interface = None if io is None else _choice(Interface, io, "io")
    if kind is BuildTarget.RTL:
        if strategy is not None:
            raise InputError("a strategy is an option of HLS C++; Verilog is always made of adders.")
        chosen = Strategy.ADDERS
        family = _family(fpga)
        part = part or (DEFAULT_PART if family.name == DEFAULT_FPGA else family.name)
        interface = interface or default_interface(network)
        aim = Optimize.LATENCY if optimize is None else _choice(Optimize, optimize, "optimize")
        circuit = lower(network, family, plan or ClockPlan(DEFAULT_ADDERS_PER_STAGE), interface, aim)
    else:
        if any(option is not None for option in (fpga, plan, optimize)):
            raise InputError(
                "the FPGA family, the pipelining and what to optimize for are options of Verilog: add --target rtl."
            )
        interface = interface or default_hls_interface(network)
        chosen = Strategy.MULTIPLIERS if strategy is None else _choice(Strategy, strategy, "strategy")
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


_Choice = TypeVar("_Choice", bound=Enum)


def _choice(kind: type[_Choice], chosen: str | _Choice, what: str) -> _Choice:
    if isinstance(chosen, kind):
        return chosen
    try:
        return kind(chosen)
    except ValueError:
        known = " or ".join(repr(each.value) for each in kind)
        raise InputError(f"{what} {chosen!r} is unknown; it is {known}.") from None


def _family(fpga: str | Target | None) -> Target:
    if isinstance(fpga, Target):
        return fpga
    name = DEFAULT_FPGA if fpga is None else fpga
    if name not in TARGETS:
        raise InputError(f"FPGA family {name!r} is unknown; it is {', '.join(map(repr, TARGETS))}.")
    return TARGETS[name]


class SimulationEngine(Enum):
    """What runs a project."""

    CSIM = "csim"  # its C++, compiled
    RTLSIM = "rtlsim"  # its Verilog, with Verilator


@_checked
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
    chosen = fits if engine is None else _choice(SimulationEngine, engine, "engine")
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


@_checked
def golden(
    directory: str | Path,
    frozen: str | Path | None = None,
    *,
    samples: int | None = None,
    inputs: ArrayLike | Sequence[ArrayLike] | None = None,
    seed: int = 0,
    cache: bool = True,
    progress: Progress | None = None,
) -> tuple[Golden, Path]:
    """Verify a project, then freeze what it computes and takes, for ``check`` to hold later builds against.

    Args:
        frozen: golden folder; None for the project's name with ``.golden`` behind it. One that is there is replaced.
        samples: vectors that hwgen makes, as in ``verify``; None for 200.
        inputs: real data to freeze as well, (samples, *shape).
        seed: of the vectors.
        cache: keep compiled libraries in the user's cache.
        progress: told what is being done.
    Returns:
        What was frozen, and where.
    Raises:
        ProjectError: the folder is no hwgen project, or damaged, or does not compute its own network.
        InputError: data that does not fit.
        ToolMissingError: no C++ compiler, or no Verilator.
    """
    project = built_project(Path(directory))
    given = None if inputs is None else reference.encode(project.network, inputs)
    number = DEFAULT_GOLDEN_SAMPLES if samples is None else samples
    vectors = make_vectors(project.network, number, seed, given)
    report = _verify_codes(project, Path(directory), vectors.inputs, seed, cache, progress)
    if not report.equal:
        raise ProjectError(
            f"project {str(directory)!r} does not compute its own network, so nothing of it is frozen; see "
            f"'hwgen verify {directory}'. {report.summary()}"
        )
    target = _frozen(directory, frozen)
    made = freeze(project, vectors.inputs)
    write_golden(made, target)
    return made, target


@_checked
def check(
    directory: str | Path,
    frozen: str | Path | None = None,
    *,
    tolerance_percent: float | Fraction = 0,
    run: bool = True,
    seed: int = 0,
    cache: bool = True,
    progress: Progress | None = None,
) -> CheckReport:
    """Hold a rebuilt project against what ``golden`` froze: every code of every frozen sample, and every figure.

    Args:
        frozen: golden folder; None for the project's name with ``.golden`` behind it.
        tolerance_percent: by which a figure may grow; one that shrinks is reported and passes.
        run: compile the project and run it on the frozen samples; without, only its network is held against them.
        seed: of the vectors that are run beside the frozen samples.
        cache: keep compiled libraries in the user's cache.
        progress: told what is being done.
    Returns:
        The report: ``report.passed`` is the verdict, ``report.summary()`` names layers.
    Raises:
        ProjectError: the project or the golden folder is missing or damaged.
        InputError: a negative tolerance.
        ToolMissingError: no C++ compiler, or no Verilator.
    """
    if tolerance_percent < 0:
        raise InputError(f"a tolerance is 0 percent or more, got {tolerance_percent}.")
    kept = read_golden(_frozen(directory, frozen))
    project = built_project(Path(directory))
    report = None
    if run and fits(kept, project):
        report = _verify_codes(project, Path(directory), kept.input_codes, seed, cache, progress)
    return compare(kept, project, report, Fraction(tolerance_percent))


def _frozen(directory: str | Path, frozen: str | Path | None) -> Path:
    if frozen is not None:
        return Path(frozen)
    project = Path(directory).absolute()
    return project.with_name(project.name + GOLDEN_SUFFIX)


def _verify_codes(
    project: BuiltProject,
    directory: Path,
    codes: Sequence[IntArray],
    seed: int,
    cache: bool,
    progress: Progress | None,
) -> VerifyReport:
    """Run a project on codes, and on a few vectors beside them."""
    engine = verify_rtl if project.target == BuildTarget.RTL.value else verify_project
    return engine(directory, samples=FEW_SAMPLES, inputs=codes, seed=seed, cache=cache, progress=progress)


@_checked
def mapped(
    directory: str | Path,
    family: str = DEFAULT_FAMILY,
    *,
    simulate: bool = True,
    seed: int = 0,
    cache: bool = True,
    progress: Progress | None = None,
) -> MappedProject:
    """Let Yosys map a Verilog project to a family's cells, simulate the netlist beside the reference, count the cells.

    Args:
        family: one of ``hwgen.mapping.FAMILIES``: ``"xcup"`` (AMD UltraScale+), ``"xc7"``, ``"ecp5"``, ``"ice40"``,
            ``"gowin"``, or ``"generic"`` 6-input LUTs.
        simulate: without, the cells of a netlist are counted that nobody ran.
        seed: of the vectors.
        cache: keep netlists and compiled simulations in the user's cache.
        progress: told what is being done.
    Returns:
        Counts by module and in all; stage ``mapped``.
    Raises:
        ProjectError: the folder holds no Verilog project, or a damaged one.
        InputError: an unknown family.
        ToolMissingError: no Yosys, or no Verilator and C++ compiler to simulate with.
        ToolFailedError: Yosys fails, or its netlist computes something else.
    """
    project = open_rtl_project(Path(directory))
    store = Cache.of_user() if cache else None
    engine = None
    if simulate:
        traffic = Traffic(DEFAULT_TRAFFIC_PERCENT, DEFAULT_TRAFFIC_PERCENT, seed)
        engine = RtlEngine(find_verilator(), find_compiler(None), traffic, store, progress=progress)
    samples = default_samples(project)
    return map_project(project, family, engine=engine, samples=samples, seed=seed, cache=store, progress=progress)


@dataclass(frozen=True, slots=True)
class Estimate:
    """What a project takes, found without any tool; stage ``estimate``.

    Attributes:
        figures: counted in it, layer by layer.
        arithmetic: of its network, by layer with weights.
        cells: of Verilog for AMD, with an error bar; None for C++, and for Verilog for others.
    """

    figures: Figures
    arithmetic: Mapping[str, Arithmetic]
    cells: CellEstimate | None


@_checked
def estimated(directory: str | Path, family: str = DEFAULT_FAMILY) -> Estimate:
    """Estimate at once what a project takes.

    Args:
        family: of the cells: ``"xcup"`` (AMD UltraScale+) or ``"xc7"``.
    Raises:
        ProjectError: the folder is no hwgen project, or damaged.
        InputError: a family that the estimate is not calibrated for.
    """
    calibration(family)
    project = built_project(Path(directory))
    circuit = project.circuit
    made_for_amd = circuit is not None and circuit.target.name == DEFAULT_FPGA
    cells = estimate_cells(circuit, family, project.clock_ns) if circuit is not None and made_for_amd else None
    return Estimate(project.figures, arithmetic(project.network), cells)


@_checked
def compare_designs(
    sources: Sequence[Model | str | Path],
    *,
    peers: Sequence[str | Peer] = (),
    mapped: str | None = None,
    baseline: str | None = None,
    part: str | None = None,
    plan: ClockPlan | None = None,
    io: str | Interface | None = None,
    clock_ns: float = DEFAULT_CLOCK_NS,
    names: Sequence[str] | None = None,
    files: Sequence[Path | None] | None = None,
    simulate: bool = True,
    cache: bool = True,
    progress: Progress | None = None,
) -> Comparison:
    """Put designs beside each other: projects as they are, and of a model everything that hwgen can build.

    Args:
        sources: project folders, and models that ``load`` returned. Of a model: C++ of multipliers and of adders,
            Verilog for latency and for LUTs.
        peers: ``"da4ml"``, ``"alkaid"``: what they make of the same networks, counted by their own cost models and
            mapped in the same flow; ``"hls4ml"``: how many multipliers it allows itself for the same file.
        mapped: a family of ``hwgen.mapping.FAMILIES``, to map the Verilog as ``mapped`` does; None only counts.
        baseline: design whose figures the others are divided by, stage by stage.
        part: a part of the table ``hwgen.compare.PARTS``, to say how much of it a design takes.
        plan, io: of a model's Verilog, as in ``build``.
        clock_ns: that a latency of a model's designs is multiplied by; a project has its own.
        names: of the sources; None for the folders' names, and the networks'.
        files: Keras files that the models came from, for hls4ml; None where there is none.
        simulate: without, the cells of a netlist are counted that nobody ran.
        cache: keep netlists and compiled simulations in the user's cache.
        progress: told what is being done.
    Raises:
        InputError: nothing to compare, an unknown family, part or baseline, or two designs of one name.
        ProjectError: a folder is no hwgen project.
        ToolMissingError: no Yosys, nothing to simulate with, or a peer that is not installed.
        ToolFailedError: one of them fails, or a peer computes something else than the network.
    """
    others = [_choice(Peer, peer, "peer") for peer in peers]
    for peer in others:
        require(peer)
    if not sources:
        raise InputError("at least one project folder or model is needed to compare; got none.")
    if mapped is not None and mapped not in FAMILIES:
        raise InputError(f"family {mapped!r} is unknown; hwgen maps to {', '.join(FAMILIES)}.")
    place = None if part is None else find_part(part)
    if place is not None and mapped is not None and place.family != mapped:
        raise InputError(
            f"part {place.name!r} is made of {place.family} cells, and the designs are to be mapped to {mapped}; map "
            f"them to {place.family}."
        )
    family = mapped or (DEFAULT_FAMILY if place is None else place.family)
    cells = None if mapped is None else _cell_mapping(mapped, simulate, cache, progress)
    interface = None if io is None else _choice(Interface, io, "io")
    given = _source_names(sources) if names is None else list(names)
    rows: list[Row] = []
    notes: list[str] = []
    for source, name, file in zip(sources, given, files or [None] * len(sources), strict=True):
        if isinstance(source, Model):
            found, said = model_rows(
                source.network,
                f"{name}/" if len(sources) > 1 else "",
                plan=plan or ClockPlan(DEFAULT_ADDERS_PER_STAGE),
                interface=interface,
                clock_ns=clock_ns,
                mapping=cells,
                family=family,
            )
        else:
            found, said = project_rows(Path(source), name, cells, family)
        rows += found
        notes += said
        network = source.network if isinstance(source, Model) else built_project(Path(source)).network
        for peer in others:
            found, said = peer_rows(network, peer, f"{name}/" if len(sources) > 1 else "", clock_ns, cells, file)
            rows += found
            notes += said
    return comparison(rows, notes, baseline, place)


@_checked
def profile(model: Model, inputs: ArrayLike | Sequence[ArrayLike]) -> tuple[ValueProfile, ...]:
    """What data make of a model's types: for each value the codes seen, the bits never used, the share that overflowed.

    Args:
        inputs: real data, as in ``Model.codes``.
    Raises:
        InputError: data that does not fit, or none.
    """
    return profiled(model.network, reference.encode(model.network, inputs))


@_checked
def sweep(
    model: Model,
    *,
    sparsities: Sequence[float] = (0.0,),
    bits: Sequence[int] | None = None,
    inputs: ArrayLike | Sequence[ArrayLike] | None = None,
    labels: ArrayLike | None = None,
    optimize: str | Optimize = Optimize.LATENCY,
    plan: ClockPlan | None = None,
    io: str | Interface | None = None,
    clock_ns: float = DEFAULT_CLOCK_NS,
    progress: Progress | None = None,
) -> Comparison:
    """Prune a model and make its weights coarser after training, point by point of a grid, and count what is left.

    Args:
        sparsities: shares of each layer's weights that become zero, the smallest first.
        bits: widths that weights are rounded to, ties to even, within their layer's range; None leaves them.
        inputs, labels: data and (samples,) classes or (samples, classes), for the accuracy; both or none.
        optimize, plan, io: of the Verilog that is counted, as in ``build``.
        clock_ns: that a latency is multiplied by.
        progress: told what is being done.
    Returns:
        A row a point; ratios are against the first one.
    Raises:
        InputError: a sparsity, a width or data that makes no sense.
    """
    if (inputs is None) != (labels is None):
        raise InputError("inputs and labels belong together: an accuracy needs both.")
    data = None
    if inputs is not None and labels is not None:
        codes = reference.encode(model.network, inputs)
        data = (codes, classes(np.asarray(labels), len(codes[0])))
    rows, notes = sweep_rows(
        model.network,
        sparsities,
        (None,) if bits is None else bits,
        optimize=_choice(Optimize, optimize, "optimize"),
        plan=plan or ClockPlan(DEFAULT_ADDERS_PER_STAGE),
        interface=None if io is None else _choice(Interface, io, "io"),
        clock_ns=clock_ns,
        data=data,
        family=DEFAULT_FAMILY,
        progress=progress,
    )
    return comparison(rows, notes, rows[0].design if rows else None)


def _source_names(sources: Sequence[Model | str | Path]) -> list[str]:
    return [source.network.name if isinstance(source, Model) else Path(source).absolute().name for source in sources]


def _cell_mapping(family: str, simulate: bool, cache: bool, progress: Progress | None) -> CellMapping:
    store = Cache.of_user() if cache else None
    engine = None
    if simulate:
        traffic = Traffic(DEFAULT_TRAFFIC_PERCENT, DEFAULT_TRAFFIC_PERCENT, 0)
        engine = RtlEngine(find_verilator(), find_compiler(None), traffic, store, progress=progress)
    return CellMapping(family, engine, store, progress)


@_checked
def train(config: str | Path, progress: "Callable[[TrainProgress], None] | None" = None) -> "TrainResult":
    """Train, quantize and prune as a TOML file says; needs the ``train`` extra.

    Raises:
        ConfigError: an unknown key or a value out of range, named.
        ToolMissingError: TensorFlow and QKeras are not installed.
    """
    from hwgen import training  # a fifth of a second that only training is worth

    return training.train(training.load_config(Path(config)), progress)


__all__ = [
    "DEFAULT_CLOCK_NS",
    "DEFAULT_FAMILY",
    "DEFAULT_FPGA",
    "DEFAULT_GOLDEN_SAMPLES",
    "DEFAULT_PART",
    "DEFAULT_TRAFFIC_PERCENT",
    "BuildResult",
    "BuildTarget",
    "CheckReport",
    "ClockPlan",
    "Comparison",
    "EmulatedModel",
    "EmulatorEngine",
    "Estimate",
    "Golden",
    "Inspection",
    "Interface",
    "MappedProject",
    "Model",
    "Optimize",
    "PredictionEngine",
    "SimulationEngine",
    "Strategy",
    "TrainResult",
    "ValueProfile",
    "VerifyReport",
    "build",
    "check",
    "compare_designs",
    "emulate",
    "estimated",
    "golden",
    "inspect",
    "load",
    "mapped",
    "profile",
    "sweep",
    "train",
    "verify",
]
