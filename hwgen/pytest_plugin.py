"""Fixtures of pytest for those who keep hardware in their repository: ``pytest --hwgen``.

A test that uses one of them builds, compiles and runs hardware, which takes seconds; so it is skipped unless
``--hwgen`` is given. ``--hwgen-freeze`` writes golden folders anew instead of comparing with them.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from numpy.typing import ArrayLike

from hwgen import api
from hwgen.api import Model
from hwgen.estimate import Figures
from hwgen.regression import built_project

_FIXTURES = frozenset({"hwgen_network", "hwgen_project", "assert_bit_exact", "assert_within_budget"})


@dataclass(frozen=True, slots=True)
class BuiltDesign:
    """What ``hwgen_project`` returns.

    Attributes:
        directory: the project.
        figures: what it takes; stage ``estimate``.
        clock_ns: the clock period that it was built for.
    """

    directory: Path
    figures: Figures
    clock_ns: float


def pytest_addoption(parser: pytest.Parser) -> None:
    """``--hwgen`` and ``--hwgen-freeze``."""
    group = parser.getgroup("hwgen", "hardware from neural networks")
    group.addoption("--hwgen", action="store_true", help="run the tests that build, compile and run hardware")
    group.addoption(
        "--hwgen-freeze", action="store_true", help="write golden folders anew instead of comparing with them"
    )


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Skip what uses hwgen's fixtures, unless it is asked for."""
    if config.getoption("--hwgen") or config.getoption("--hwgen-freeze"):
        return
    left_out = pytest.mark.skip(reason="builds and runs hardware: pytest --hwgen")
    for item in items:
        if _FIXTURES & set(getattr(item, "fixturenames", ())):
            item.add_marker(left_out)


@pytest.fixture(scope="session")
def hwgen_network() -> Callable[..., Model]:
    """A function like ``hwgen.load``, with the same arguments; a model is loaded once a run."""
    loaded: dict[str, Model] = {}

    def load(path: str | Path, **options: Any) -> Model:
        key = f"{Path(path).resolve()} {sorted(options.items())!r}"
        if key not in loaded:
            loaded[key] = api.load(path, **options)
        return loaded[key]

    return load


@pytest.fixture(scope="session")
def hwgen_project(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., BuiltDesign]:
    """A function like ``hwgen.build``, without the folder: ``hwgen_project(model, target="rtl")``; built once a run."""
    built: dict[str, BuiltDesign] = {}
    kept: list[Model] = []  # so that no other gets the identity of one in a key

    def build(model: Model, **options: Any) -> BuiltDesign:
        key = f"{id(model)} {sorted(options.items())!r}"
        if key not in built:
            kept.append(model)
            directory = tmp_path_factory.mktemp("hwgen") / model.network.name
            api.build(model, directory, **options)
            project = built_project(directory)
            built[key] = BuiltDesign(directory, project.figures, project.clock_ns)
        return built[key]

    return build


@pytest.fixture(scope="session")
def assert_bit_exact(pytestconfig: pytest.Config) -> Callable[..., None]:
    """A function that fails unless every output code is right.

    ``assert_bit_exact(project)`` runs it beside its model; ``inputs`` adds real data. With ``golden``, a folder, every
    code must also be the one that was frozen there and no figure may have grown by more than ``tolerance_percent``;
    ``pytest --hwgen-freeze`` writes that folder.
    """

    def check(
        project: BuiltDesign,
        *,
        inputs: ArrayLike | None = None,
        golden: str | Path | None = None,
        tolerance_percent: float = 0,
    ) -> None:
        __tracebackhide__ = True
        if golden is None:
            report = api.verify(project.directory, inputs=inputs)
            if not report.equal:
                pytest.fail(report.summary(), pytrace=False)
        elif pytestconfig.getoption("--hwgen-freeze"):
            api.golden(project.directory, golden, inputs=inputs)
        else:
            held = api.check(project.directory, golden, tolerance_percent=tolerance_percent)
            if not held.passed:
                pytest.fail(f"{held.summary()}\nif that is what you want: pytest --hwgen-freeze", pytrace=False)

    return check


@pytest.fixture(scope="session")
def assert_within_budget() -> Callable[..., None]:
    """A function that fails where a design takes more than it may.

    ``assert_within_budget(project, adders=900, latency_cycles=20, latency_ns=100)``: any figure that the project has,
    by its name in ``hwgen.estimate.FIGURES``, and for Verilog the latency at its clock.
    """

    def check(project: BuiltDesign, **budget: float) -> None:
        __tracebackhide__ = True
        taken: dict[str, float] = dict(project.figures.totals)
        if "latency_cycles" in taken:
            taken["latency_ns"] = taken["latency_cycles"] * project.clock_ns
        if not budget:
            raise pytest.UsageError(f"assert_within_budget needs at least one figure: {', '.join(taken)}.")
        unknown = [name for name in budget if name not in taken]
        if unknown:
            raise pytest.UsageError(f"this project has no figure {unknown[0]!r}; it has {', '.join(taken)}.")
        over = list(_over(project, taken, budget))
        if over:
            pytest.fail("\n".join(over), pytrace=False)

    return check


def _over(project: BuiltDesign, taken: dict[str, float], budget: dict[str, float]) -> Iterator[str]:
    """A sentence for each figure that is over, with the layers that take most of it."""
    for name, most in budget.items():
        if taken[name] > most:
            shares = {row.layer: row.counts[name] for row in project.figures.layers if row.counts.get(name)}
            largest = sorted(shares, key=lambda layer: -shares[layer])[:3]
            where = ", most of it in " + ", ".join(f"{layer} ({shares[layer]})" for layer in largest) if largest else ""
            yield f"{project.directory.name}: {name} is {taken[name]:g}, over the budget of {most:g} (estimate){where}."
