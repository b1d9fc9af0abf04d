"""``BuiltProject``: a project of either kind, as far as a regression test needs it."""

import json
from dataclasses import dataclass
from pathlib import Path

from hwgen.circuit import circuit_from_json
from hwgen.emit.files import PROJECT_FILE
from hwgen.emit.rtl_project import CIRCUIT_FILE
from hwgen.emit.strategy import Strategy
from hwgen.errors import CircuitError, ProjectError
from hwgen.estimate import Figures, circuit_figures, network_figures
from hwgen.ir import Network
from hwgen.verify import open_project
from hwgen.verify.rtl_project import open_rtl_project, project_target

_RTL = "rtl"


@dataclass(frozen=True, slots=True)
class BuiltProject:
    """What a project folder holds.

    Attributes:
        target: "hls" or "rtl".
        network: what it must compute.
        figures: what it takes, counted in it.
        clock_ns: the clock period that its scripts name.
    """

    target: str
    network: Network
    figures: Figures
    clock_ns: float


def built_project(directory: Path) -> BuiltProject:
    """Read a project folder.

    Raises:
        ProjectError: it is no hwgen project, or a file of it is missing or damaged.
    """
    directory = Path(directory)
    target = project_target(directory)
    network = open_rtl_project(directory).network if target == _RTL else open_project(directory).network
    document = json.loads((directory / PROJECT_FILE).read_bytes())
    try:
        clock_ns = float(document["clock_ns"])
        if target == _RTL:
            figures = circuit_figures(network, circuit_from_json((directory / CIRCUIT_FILE).read_text()))
        else:
            figures = network_figures(network, adders=Strategy(document["strategy"]) is Strategy.ADDERS)
    except (OSError, ValueError, KeyError, TypeError, CircuitError) as error:
        raise ProjectError(
            f"project {str(directory)!r}: {PROJECT_FILE} or {CIRCUIT_FILE} is damaged ({type(error).__name__}: "
            f"{error}); build it again."
        ) from error
    return BuiltProject(target, network, figures, clock_ns)
