"""``BuiltProject``: a project of either kind, as far as a regression test needs it."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from hwgen.circuit import Circuit
from hwgen.emit.files import PROJECT_FILE
from hwgen.emit.strategy import Strategy
from hwgen.errors import ProjectError
from hwgen.estimate import Figures, circuit_figures, network_figures
from hwgen.ir import Network
from hwgen.verify import open_project
from hwgen.verify.rtl_project import open_rtl_project, project_target

_HLS, _RTL = "hls", "rtl"
_Kind = TypeVar("_Kind")


@dataclass(frozen=True, slots=True)
class BuiltProject:
    """What a project folder holds.

    Attributes:
        target: "hls" or "rtl".
        network: what it must compute.
        figures: what it takes, counted in it.
        clock_ns: the clock period that its scripts name.
        circuit: that became its Verilog; None for C++.
    """

    target: str
    network: Network
    figures: Figures
    clock_ns: float
    circuit: Circuit | None = None


def built_project(directory: Path) -> BuiltProject:
    """Read a project folder.

    Raises:
        ProjectError: it is no hwgen project, or a file of it is missing or damaged.
    """
    directory = Path(directory)
    if project_target(directory) == _RTL:
        opened = open_rtl_project(directory)
        figures = circuit_figures(opened.network, opened.circuit)
        clock_ns = _described(directory, "clock_ns", float)
        return BuiltProject(_RTL, opened.network, figures, clock_ns, opened.circuit)
    network = open_project(directory).network
    strategy = _described(directory, "strategy", Strategy)
    figures = network_figures(network, adders=strategy is Strategy.ADDERS)
    return BuiltProject(_HLS, network, figures, _described(directory, "clock_ns", float))


def _described(directory: Path, name: str, kind: Callable[[Any], _Kind]) -> _Kind:
    """An entry of ``project.json``, which was read before and is a JSON object."""
    try:
        return kind(json.loads((directory / PROJECT_FILE).read_bytes())[name])
    except (ValueError, KeyError, TypeError) as error:
        raise ProjectError(
            f"project {str(directory)!r}: {PROJECT_FILE} is damaged ({type(error).__name__}: {error}); build the "
            f"project again."
        ) from error
