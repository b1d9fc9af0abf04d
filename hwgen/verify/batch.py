"""``verify_many`` and ``verify_networks``: many projects at once, for fuzzing and for whole benchmark suites.

One library a project, compiled by one compiler each, as many at a time as there are cores. Compiling several networks
as one translation unit was considered and not done: their files define the same names (``input_t``, ``compute_dense1``,
include guards), namespaces cannot enclose files that include standard headers, and one network that does not compile
would take the others with it. What it would save, parsing the same headers again, is saved by precompiling them once
for the batch: a small project (8-8-4 perceptron, two units) costs 1.8 CPU seconds without and 0.9 s with that, of
which 0.6 s are its own functions.
"""

import tempfile
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path

from hwgen.circuit import Interface
from hwgen.emit import Strategy, hls_project
from hwgen.errors import HwgenError
from hwgen.ir import Network
from hwgen.tools import Cache, Progress, find_compiler, usable_cores
from hwgen.tools.prelude import ap_types_prelude
from hwgen.tools.shared_library import compile_flags
from hwgen.verify.project import Project, open_project, project_from_files
from hwgen.verify.report import VerifyReport
from hwgen.verify.run import Engine, simulation_tree, verify_opened

DEFAULT_SAMPLES = 200

# Nothing that is simulated depends on them.
_ANY_PART = "xcvu13p-flga2577-2-e"
_ANY_CLOCK_NS = 5.0


@dataclass(frozen=True, slots=True)
class BatchOptions:
    """How a batch is verified; as in ``verify_project`` where not said otherwise.

    Attributes:
        samples: of each project.
        interface: of what ``verify_networks`` generates; None for what ``default_hls_interface`` says.
        jobs: projects at a time; None for one a usable core.
        cache: off by default: random networks do not come back.
        progress: called with the name of each project that is done.
    """

    samples: int = DEFAULT_SAMPLES
    seed: int = 0
    compiler: str | None = None
    pristine: bool = False
    cache: bool = False
    jobs: int | None = None
    isolated: bool = True
    progress: Progress | None = None
    interface: Interface | None = None


def verify_many(
    directories: Iterable[str | Path], options: BatchOptions | None = None
) -> tuple[VerifyReport | HwgenError, ...]:
    """Verify project folders; one result each, in their order.

    Returns:
        The report, or the error that ``verify_project`` would have raised for this project alone.
    Raises:
        ToolMissingError: no C++ compiler.
    """
    paths = [Path(directory) for directory in directories]
    return _verify_all([lambda path=path: open_project(path) for path in paths], options)  # type: ignore[misc]


def verify_networks(
    networks: Sequence[Network], strategy: Strategy, options: BatchOptions | None = None
) -> tuple[VerifyReport | HwgenError, ...]:
    """Generate a project for each network and verify it, without writing it anywhere; results as in ``verify_many``."""

    interface = None if options is None else options.interface

    def opened(network: Network) -> Project:
        files = hls_project(network, strategy=strategy, part=_ANY_PART, clock_ns=_ANY_CLOCK_NS, interface=interface)
        return project_from_files(files, network.name)

    return _verify_all([lambda network=network: opened(network) for network in networks], options)  # type: ignore[misc]


def _verify_all(
    openers: Sequence[Callable[[], Project]], options: BatchOptions | None
) -> tuple[VerifyReport | HwgenError, ...]:
    chosen = options or BatchOptions()
    compiler = find_compiler(chosen.compiler)
    store = Cache.of_user() if chosen.cache else None
    with tempfile.TemporaryDirectory(prefix="hwgen-batch-") as folder:
        headers = store.headers if store is not None else Path(folder)
        engine = Engine(compiler, chosen.pristine, store, headers, 1, chosen.isolated)

        def one(opener: Callable[[], Project]) -> VerifyReport | HwgenError:
            try:
                return verify_opened(opener(), engine, samples=chosen.samples, seed=chosen.seed)
            except HwgenError as error:
                return error

        if len(openers) > 1:
            _precompile(openers[0], engine, headers)
        with ThreadPoolExecutor(max_workers=chosen.jobs or usable_cores()) as pool:
            futures = {pool.submit(one, opener): position for position, opener in enumerate(openers)}
            results: dict[int, VerifyReport | HwgenError] = {}
            try:
                for future in as_completed(futures):
                    result = results[futures[future]] = future.result()
                    if chosen.progress is not None:
                        name = result.network if isinstance(result, VerifyReport) else "a project that failed"
                        chosen.progress(f"verified {name}", len(results), len(openers))
            except BaseException:  # an interrupt, or hwgen's own bug: what has not started need not start
                pool.shutdown(cancel_futures=True)
                raise
    return tuple(results[position] for position in range(len(openers)))


def _precompile(opener: Callable[[], Project], engine: Engine, headers: Path) -> None:
    """Make the precompiled headers before the batch starts: every project has the same ones."""
    try:
        tree = simulation_tree(opener().tree, pristine=engine.pristine, traced=False)
    except HwgenError:
        return  # its turn will come, and its error be reported
    ap_types_prelude(headers, tree.ap_types_headers(), engine.compiler, compile_flags(engine.compiler)).options()
