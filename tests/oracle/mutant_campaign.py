"""Mutants put before ``hwgen verify``: which it catches, and which of the others change nothing.

The verdict is ``verify_opened``'s and ``verify_opened_rtl``'s own, with as many samples as a user gets who asks for
nothing. What survives is compared with the original by other means: Yosys for Verilog, every possible input for C++.
"""

import re
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from enum import Enum
from functools import lru_cache
from pathlib import Path
from random import Random
from typing import assert_never
from unittest.mock import patch

from hwgen.circuit import TARGETS, Circuit, ClockPlan, Interface, Optimize, circuit_from_json, circuit_to_json, lower
from hwgen.emit import FileSet, Strategy, hls_project, rtl_project
from hwgen.errors import HwgenError
from hwgen.fixed import IntArray
from hwgen.ir import Network, network_from_json, network_to_json
from hwgen.tools import Cache, find_compiler
from hwgen.tools.verilator import find_verilator
from hwgen.verify import Engine, TestVectors, make_vectors, project_from_files, verify_opened
from hwgen.verify.axis import verify_opened_axis
from hwgen.verify.rtl import default_samples, verify_opened_rtl
from hwgen.verify.rtl_engine import RtlEngine, Traffic
from hwgen.verify.rtl_project import rtl_project_from_files
from oracle.mutant_networks import mutant_network, stream_network
from oracle.mutants import Kind, Mutant, applied, chosen
from oracle.mutants_cpp import cpp_mutants
from oracle.mutants_verilog import axis_mutants, stream_mutants, verilog_mutants
from oracle.networks import every_input
from oracle.rtl_equivalence import equivalent, equivalent_by_induction

PLANS = (ClockPlan(1), ClockPlan(3), ClockPlan(None))
LIBRARY = ("hwgen_window", "hwgen_line_buffer", "hwgen_fifo", "hwgen_gather")
_WHERE = "a mutant"


class Language(Enum):
    """Of a project."""

    VERILOG = "Verilog"
    STREAM = "stream"  # Verilog that takes a pixel a cycle; the mutants are of what moves pixels
    AXIS = "AXI4-Stream"  # Verilog; the mutants are of the wrapper
    CPP = "C++"


class Outcome(Enum):
    """What became of a mutant."""

    CAUGHT = "caught"  # a code, or the latency, differs
    REFUSED = "refused"  # it does not compile; counts as caught
    EQUIVALENT = "equivalent"  # it survives, and is proven to change nothing
    MISSED = "missed"  # it survives, and changes something, or is not proven to change nothing


@dataclass(frozen=True, eq=False)
class Case:
    """A project, as ``hwgen build`` writes it.

    Attributes:
        name: seed, plan, target: for people.
        latency_cycles: of Verilog.
    """

    name: str
    language: Language
    network: Network
    files: dict[str, bytes]
    latency_cycles: int = 0

    def mutants(self) -> list[Mutant]:
        match self.language:
            case Language.VERILOG:
                return verilog_mutants(self.files)
            case Language.STREAM:
                return stream_mutants(self.files, LIBRARY)
            case Language.AXIS:
                return axis_mutants(self.files)
            case Language.CPP:
                return cpp_mutants(self.files)
            case _:
                assert_never(self.language)


@dataclass(frozen=True)
class Result:
    """One mutant and its outcome; ``note`` says how that is known."""

    case: str
    language: Language
    mutant: Mutant
    outcome: Outcome
    note: str


def verilog_case(seed: int, *, wide: bool = False) -> Case:
    """Plans and targets in turn."""
    network = mutant_network(seed, wide=wide)
    plan, family = PLANS[seed % len(PLANS)], "amd" if seed // 2 % 2 else "generic"
    optimize = Optimize.LUTS if seed % 7 == 6 else Optimize.LATENCY
    circuit = lower(network, TARGETS[family], plan, optimize=optimize)
    files = rtl_project(network, circuit, part="xcvu13p", clock_ns=5.0)
    name = f"{seed}{' wide' if wide else ''} {family} {circuit.latency_cycles} cycles"
    return Case(name, Language.VERILOG, network, _as_bytes(files), circuit.latency_cycles)


def stream_case(seed: int) -> Case:
    """Windows, line buffers, gathered vectors; of every other one two branches that FIFOs join."""
    network = stream_network(seed)
    circuit = lower(network, TARGETS["generic"], PLANS[seed % len(PLANS)])
    files = rtl_project(network, circuit, part="xcvu13p", clock_ns=5.0)
    name = f"{seed} {circuit.latency_cycles} cycles"
    return Case(name, Language.STREAM, network, _as_bytes(files), circuit.latency_cycles)


def axis_case(seed: int) -> Case:
    """A stream or, where ``seed`` is even, a sample a beat, behind the wrapper."""
    return replace(stream_case(seed) if seed % 2 else verilog_case(seed), language=Language.AXIS)


def cpp_case(seed: int) -> Case:
    """Strategies in turn; every other one with a convolution, every third one of streams."""
    strategy = list(Strategy)[seed // 2 % 2]
    streamed = seed % 3 == 2
    # Few enough bits that every input can be tried.
    network = stream_network(seed, bits=1) if streamed else mutant_network(seed, convolution=bool(seed % 2))
    interface = Interface.STREAM if streamed else Interface.PARALLEL
    files = hls_project(network, strategy=strategy, part="xcvu13p", clock_ns=5.0, interface=interface)
    return Case(f"{seed} {strategy.value} {interface.value}", Language.CPP, network, _as_bytes(files))


def _as_bytes(files: FileSet) -> dict[str, bytes]:
    return {path: content.encode() if isinstance(content, str) else content for path, content in files.items()}


def cases(language: Language) -> list[Case]:
    """Those of a whole campaign: every rounding and overflow mode, plan, target and strategy is among them."""
    if language is Language.VERILOG:
        return [verilog_case(seed) for seed in range(14)] + [verilog_case(seed, wide=True) for seed in range(14, 20)]
    if language is Language.STREAM:
        return [stream_case(seed) for seed in range(6)]
    if language is Language.AXIS:
        return [axis_case(seed) for seed in range(4)]
    return [cpp_case(seed) for seed in range(14)]


def drawn(projects: Sequence[Case], count: int, seed: int) -> list[tuple[Case, Mutant]]:
    """``count`` mutants: from every project as many, and of every kind."""
    random = Random(seed)
    found: list[tuple[Case, Mutant]] = []
    for number, case in enumerate(projects):
        share = count // len(projects) + (number < count % len(projects))
        found += [(case, mutant) for mutant in chosen(case.mutants(), share, random, first=number)]
    return found


class Campaign:
    """Verifies mutants; what compilers leave is kept in ``cache``, else in ``folder``, away from the user's cache."""

    def __init__(self, folder: Path, samples: int, cache: Cache | None = None) -> None:
        cache = cache or Cache(folder / "cache")
        compiler = find_compiler(None)
        self.folder, self.samples = folder, samples
        self.cpp = Engine(compiler, cache=cache, headers=cache.headers, jobs=1)
        self.verilog: RtlEngine | None = None
        self._cache, self._compiler = cache, compiler

    def run(self, case: Case, mutant: Mutant) -> Result:
        """Verify one mutant; prove it equivalent where it survives."""
        files = applied(case.files, mutant)
        try:
            equal = self.equal(case, files)
        except HwgenError as error:
            said = str(error).splitlines()
            crashed = "crashed" in said[0]
            return Result(case.name, case.language, mutant, Outcome.CAUGHT if crashed else Outcome.REFUSED, said[0])
        if not equal:
            return Result(case.name, case.language, mutant, Outcome.CAUGHT, "")
        proven, note = self.same(case, mutant, files)
        return Result(case.name, case.language, mutant, Outcome.EQUIVALENT if proven else Outcome.MISSED, note)

    def equal(self, case: Case, files: dict[str, bytes]) -> bool:
        """The verdict of ``hwgen verify``.

        Raises:
            HwgenError: the project is refused, or crashes.
        """
        with _only_verdicts():
            if case.language is Language.CPP:
                return verify_opened(project_from_files(files, _WHERE), self.cpp, samples=self.samples).equal
            if self.verilog is None:
                self.verilog = RtlEngine(find_verilator(), self._compiler, Traffic(), self._cache, jobs=1)
            project = rtl_project_from_files(files, _WHERE)
            samples = min(self.samples, default_samples(project))
            if case.language is Language.AXIS:
                return verify_opened_axis(project, self.verilog, samples=samples).equal
            return verify_opened_rtl(project, self.verilog, samples=samples).equal

    def same(self, case: Case, mutant: Mutant, files: dict[str, bytes]) -> tuple[bool, str]:
        """Whether original and mutant are proven to be equal for every input, and by what."""
        with tempfile.TemporaryDirectory(dir=self.folder) as scratch:
            if case.language is not Language.CPP:
                wrapped = case.language is Language.AXIS
                top = f"{case.network.name}_axis" if wrapped else case.network.name
                proven = equivalent_by_induction(case.files, files, top, Path(scratch))[0]
                enables = any(re.search(r"\bce\b", line) for line in (mutant.before, mutant.after))
                if not proven and not enables and case.language is Language.VERILOG:
                    name, cycles = case.network.name, case.latency_cycles
                    proven = equivalent(case.files, files, name, cycles, Path(scratch))[0]
                if proven or enables or case.language is not Language.VERILOG or _input_bits(case.network) > 16:
                    return proven, "Yosys"
                every, project = every_input(case.network), rtl_project_from_files(files, _WHERE)
                assert self.verilog is not None
                with _only_verdicts():  # nothing but the latest input matters to a pipeline
                    report = verify_opened_rtl(project, self.verilog, samples=0, given=[every])
                return report.equal, f"all {len(every)} inputs"
            inputs = [every_input(case.network)]
            codes = []
            for number, version in enumerate((case.files, files)):
                library = Path(scratch) / f"{number}.so"
                self.cpp.build(project_from_files(version, _WHERE), library)
                codes.append(self.cpp.run(case.network, library, inputs))
            return bool((codes[0][0] == codes[1][0]).all()), f"all {len(inputs[0])} inputs"


def _input_bits(network: Network) -> int:
    return sum(source.value.size * source.value.type.width for source in network.inputs)


@lru_cache(maxsize=4)
def _vectors(network: str, samples: int, seed: int, circuit: str | None) -> TestVectors:
    of = None if circuit is None else circuit_from_json(circuit)
    return make_vectors(network_from_json(network), samples, seed, circuit=of)


@contextmanager
def _only_verdicts() -> Iterator[None]:
    """Spare what no verdict needs: vectors, the same for each mutant, are made once; a difference is not explained."""

    def timed_vectors(
        network: Network, samples: int, seed: int, given: Sequence[IntArray] | None, circuit: Circuit | None = None
    ) -> tuple[TestVectors, float]:
        if given is not None:
            return make_vectors(network, samples, seed, given, circuit), 0.0
        text = None if circuit is None else circuit_to_json(circuit)
        return _vectors(network_to_json(network), samples, seed, text), 0.0

    def explain(*_: object) -> object:
        return "a mismatch"

    with ExitStack() as stack:
        for target, replacement in (
            ("hwgen.verify.run.timed_vectors", timed_vectors),
            ("hwgen.verify.rtl.timed_vectors", timed_vectors),
            ("hwgen.verify.axis.timed_vectors", timed_vectors),
            ("hwgen.verify.run._explain", explain),
            ("hwgen.verify.rtl.explain", explain),
        ):
            stack.enter_context(patch(target, replacement))
        yield


def table(results: Sequence[Result]) -> str:
    """How many of each language and kind had each outcome, and every mutant that was missed."""
    columns = [outcome.value for outcome in Outcome]
    lines = [f"{'':24}{'mutants':>10}" + "".join(f"{name:>12}" for name in columns)]

    def row(name: str, wanted: Callable[[Result], bool]) -> None:
        found = [result for result in results if wanted(result)]
        counts = [sum(result.outcome is outcome for result in found) for outcome in Outcome]
        if found:
            lines.append(f"{name:24}{len(found):>10}" + "".join(f"{count:>12}" for count in counts))

    for language in Language:
        for kind in Kind:
            row(
                f"{language.value} {kind.value}",
                lambda r, lang=language, k=kind: (r.language, r.mutant.kind) == (lang, k),
            )
        row(language.value, lambda r, lang=language: r.language is lang)
    row("all", lambda _: True)
    lines += [f"missed: {r.case}: {r.mutant} ({r.note})" for r in results if r.outcome is Outcome.MISSED]
    return "\n".join(lines)
