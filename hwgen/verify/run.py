"""``verify_project``: compile a project, run it beside the reference, compare every output code, explain the first."""

import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from hwgen.circuit import Circuit
from hwgen.errors import HwgenError, ProjectError, ToolError
from hwgen.fixed import IntArray
from hwgen.ir import Network
from hwgen.reference import trace
from hwgen.tools import Build, Cache, Compiler, Progress, SourceTree, build_library, call_library, find_compiler
from hwgen.tools.ap_types import PRIVATE_HEADER, without_volatile
from hwgen.verify.mismatch import Mismatch, first_in_outputs, first_in_trace
from hwgen.verify.project import Project, open_project
from hwgen.verify.report import Timing, VerifyReport
from hwgen.verify.search import samples_at_once
from hwgen.verify.vectors import TestVectors, check_request, make_vectors

DEFAULT_SAMPLES = 2000
TRACE_MACRO = "HWGEN_TRACE"
PRISTINE_MACRO = "HWGEN_PRISTINE"

_TRACED_MOST = 512  # samples that differ and are traced
_CODES_A_CALL = 1 << 23  # inputs and outputs of one call; 64 MB


@dataclass(frozen=True, slots=True)
class Engine:
    """How projects are compiled and run.

    Attributes:
        compiler: see ``hwgen.tools.find_compiler``.
        pristine: use the ap_types headers as they are. The default is a copy whose ``clearUnusedBits`` compilers can
            see through (``hwgen.tools.ap_types``): measured on a 16-64-32-32-5 network at 75 % zeros, it runs 3.8 times
            faster with g++ 12 and 5.7 times with clang++ 14, compiles 10 to 20 % sooner, and is equal in every rounding
            and overflow mode, which the tests show.
        cache: of compiled libraries; None compiles always.
        headers: folder for precompiled ap_types headers; None does without.
        jobs: compilers at a time; None for one a usable core.
        isolated: run in a process of its own, so that a crash of edited sources is an error and not the caller's end.
        progress: told what is being done.
    """

    compiler: Compiler
    pristine: bool = False
    cache: Cache | None = None
    headers: Path | None = None
    jobs: int | None = None
    isolated: bool = True
    progress: Progress | None = None

    def build(self, project: Project, output: Path, *, traced: bool = False) -> Build:
        """Compile a project's sources into the shared library ``output``.

        Raises:
            ToolFailedError: they do not compile.
            ProjectError: the ap_types headers are not of the release that can be made faster.
        """
        tree = simulation_tree(project.tree, pristine=self.pristine, traced=traced)
        return build_library(
            tree,
            self.compiler,
            output,
            cache=self.cache,
            headers=self.headers,
            jobs=self.jobs,
            progress=self.progress,
        )

    def tell(self, what: str, done: int, steps: int) -> None:
        """Pass on how far things are, to whoever wants to know."""
        if self.progress is not None:
            self.progress(what, done, steps)

    def run(self, network: Network, library: Path, inputs: Sequence[IntArray]) -> tuple[IntArray, ...]:
        """(samples, size) codes an output of the network."""
        sizes = [network.value(name).size for name in network.outputs]
        return self._call(network, library, "hwgen_run", inputs, sizes)

    def trace(self, network: Network, library: Path, inputs: Sequence[IntArray]) -> tuple[IntArray, ...]:
        """(samples, size) codes a layer, in network order; the library was built with ``traced``."""
        return self._call(network, library, "hwgen_trace", inputs, [layer.output.size for layer in network.layers])

    def _call(
        self, network: Network, library: Path, function: str, inputs: Sequence[IntArray], sizes: Sequence[int]
    ) -> tuple[IntArray, ...]:
        codes = sum(source.value.size for source in network.inputs) + sum(sizes)
        at_once, samples = max(1, _CODES_A_CALL // codes), len(inputs[0])
        blocks = []
        for start in range(0, samples, at_once):
            self.tell("running samples", start, samples)
            block = [array[start : start + at_once] for array in inputs]
            blocks.append(call_library(library, function, block, sizes, isolated=self.isolated))
        return tuple(np.concatenate(parts) for parts in zip(*blocks, strict=True))


def simulation_tree(tree: SourceTree, *, pristine: bool, traced: bool) -> SourceTree:
    """A project's sources as they are compiled: with faster headers unless ``pristine``, with tracing if ``traced``.

    Pristine sources also compute their sums in ap_int types, as they are synthesized, and not in ``long long``.
    """
    files = dict(tree.files)
    header = f"{tree.ap_types}/{PRIVATE_HEADER}"
    if not pristine and tree.ap_types and header in files:
        files[header] = without_volatile(files[header])
    macros = ((TRACE_MACRO, traced), (PRISTINE_MACRO, pristine))
    return replace(tree, files=files, defines=tuple(name for name, wanted in macros if wanted))


def verify_project(
    directory: str | Path,
    *,
    samples: int = DEFAULT_SAMPLES,
    inputs: IntArray | Sequence[IntArray] | None = None,
    seed: int = 0,
    compiler: str | None = None,
    pristine: bool = False,
    cache: bool = True,
    jobs: int | None = None,
    isolated: bool = True,
    progress: Progress | None = None,
) -> VerifyReport:
    """Compile a project folder, run it beside the reference, and compare every output code.

    Nothing is written into the folder; ``report.write_report(directory)`` does that.

    Args:
        samples: vectors to make (see ``hwgen.verify.vectors``), beside ``inputs``.
        inputs: codes to run as well, (samples, *shape) int64; a sequence of such arrays for several inputs.
            ``hwgen.reference.encode`` makes codes of real data.
        seed: of the vectors.
        compiler: program to use; None chooses one.
        pristine: use the ap_types headers as they are: slower.
        cache: keep compiled libraries in the user's cache, and look there first.
        jobs: compilers at a time; None for one a usable core.
        isolated: run the compiled project in a process of its own; without, a crash of it is a crash of the caller.
        progress: told what is being done.
    Returns:
        The report; ``report.equal`` is the verdict.
    Raises:
        ProjectError: the folder is no hwgen project, or damaged.
        InputError: no samples, or inputs that do not fit the network.
        ToolMissingError: no C++ compiler.
        ToolFailedError: the sources do not compile, or crash when run.
    """
    store = Cache.of_user() if cache else None
    project = open_project(Path(directory))
    engine = Engine(
        find_compiler(compiler), pristine, store, store.headers if store else None, jobs, isolated, progress
    )
    given = [inputs] if isinstance(inputs, np.ndarray) else inputs
    return verify_opened(project, engine, samples=samples, given=given, seed=seed)


def verify_opened(
    project: Project,
    engine: Engine,
    *,
    samples: int = DEFAULT_SAMPLES,
    given: Sequence[IntArray] | None = None,
    seed: int = 0,
) -> VerifyReport:
    """Verify an open project with an engine that may serve many; arguments and errors as in ``verify_project``."""
    network = project.network
    check_request(network, samples, given, seed)
    with tempfile.TemporaryDirectory(prefix="hwgen-verify-") as folder:
        library = Path(folder) / "project.so"
        with ThreadPoolExecutor(max_workers=1) as beside:  # compilers run in processes of their own meanwhile
            making = beside.submit(timed_vectors, network, samples, seed, given)
            build = engine.build(project, library)
            engine.tell("making test vectors", 0, samples)
            vectors, vectors_s = making.result()
        start = time.perf_counter()
        got = engine.run(network, library, vectors.inputs)
        run_s = time.perf_counter() - start
        expected = [array.reshape(vectors.samples, -1) for array in vectors.outputs]
        wrong = [wanted != came for wanted, came in zip(expected, got, strict=True)]
        wrong_samples = np.flatnonzero(np.any([rows.any(axis=1) for rows in wrong], axis=0))
        mismatch = None
        if wrong_samples.size:
            mismatch = _explain(project, engine, vectors, expected, got, wrong_samples, Path(folder))
    return VerifyReport(
        network=network.name,
        equal=mismatch is None,
        samples=vectors.samples,
        codes=sum(rows.size for rows in wrong),
        mismatches=sum(int(rows.sum()) for rows in wrong),
        mismatched_samples=int(wrong_samples.size),
        mismatch=mismatch,
        compiler=engine.compiler.version,
        pristine=engine.pristine,
        seed=seed,
        groups=vectors.groups,
        coverage=vectors.coverage,
        changes=project.changes,
        project_sha256=project.sha256,
        timing=Timing(build.seconds, vectors_s, run_s, build.from_cache),
        steps=project.steps,
        words=vectors.words,
    )


def timed_vectors(
    network: Network, samples: int, seed: int, given: Sequence[IntArray] | None, circuit: Circuit | None = None
) -> tuple[TestVectors, float]:
    start = time.perf_counter()
    vectors = make_vectors(network, samples, seed, given, circuit)
    return vectors, time.perf_counter() - start


def _explain(
    project: Project,
    engine: Engine,
    vectors: TestVectors,
    expected: Sequence[IntArray],
    got: Sequence[IntArray],
    wrong_samples: IntArray,
    folder: Path,
) -> Mismatch:
    """Compile again with tracing, and find the first layer whose codes differ in the samples that came out wrong."""
    network = project.network
    traced = wrong_samples[: min(_TRACED_MOST, samples_at_once(network))]
    inputs = [array[traced] for array in vectors.inputs]
    kinds = [vectors.kind(int(sample)) for sample in traced]
    engine.tell("explaining the difference", 0, len(network.layers))
    try:
        engine.build(project, folder / "traced.so", traced=True)
        codes = engine.trace(network, folder / "traced.so", inputs)
    except (ToolError, ProjectError) as error:
        note = f"The layers could not be compared: {_first_line(error)}"
    else:
        found = first_in_trace(network, trace(network, inputs), codes, traced, kinds)
        if found is not None:
            return found
        note = (
            f"Compiled with -D{TRACE_MACRO}, every layer agrees in these samples: the difference arises behind the "
            f"last layer, in the bridge, or only without tracing."
        )
    return first_in_outputs(network, expected, got, dict(zip(traced.tolist(), kinds, strict=True)), note)


def _first_line(error: HwgenError) -> str:
    return str(error).splitlines()[0]
