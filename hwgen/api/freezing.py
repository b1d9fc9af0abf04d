"""``golden`` and ``check``: a project frozen, and a later build held against it."""

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

from numpy.typing import ArrayLike

from hwgen import reference
from hwgen.api.arguments import checked
from hwgen.api.building import BuildTarget
from hwgen.errors import InputError, ProjectError
from hwgen.fixed import IntArray
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
from hwgen.tools import Progress
from hwgen.verify import VerifyReport, make_vectors, verify_project
from hwgen.verify.report import FEW_SAMPLES
from hwgen.verify.rtl import verify_rtl

DEFAULT_GOLDEN_SAMPLES = 200
GOLDEN_SUFFIX = ".golden"  # of the folder beside a project


@checked
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


@checked
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
