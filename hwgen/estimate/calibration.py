"""``Calibration``: what a unit of each kind of logic takes in LUTs of a family, as fitted to netlists, and how well."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from hwgen.errors import InputError
from hwgen.estimate.logic import Site

CALIBRATION_FILE = Path(__file__).with_name("calibration.json")


@dataclass(frozen=True, slots=True)
class Calibration:
    """Of one family.

    Attributes:
        family: as ``hwgen.mapping`` names it.
        carry_bits: of a carry cell of hwgen's own rows.
        luts: of a unit of each kind.
        tool: that made the netlists, with its version.
        networks: that the coefficients were fitted to.
        held_out: other networks, by which the errors were found.
        median_error, worst_error: of the LUTs of a whole network that was not fitted, as a share of them.
    """

    family: str
    carry_bits: int
    luts: Mapping[Site, float]
    tool: str
    networks: int
    held_out: int
    median_error: float
    worst_error: float


def calibrated_families() -> tuple[str, ...]:
    """Those of which LUTs can be estimated."""
    return tuple(_document()["families"])


def calibration(family: str) -> Calibration:
    """The coefficients that ``make calibrate`` wrote.

    Raises:
        InputError: another family.
    """
    found = _document()["families"].get(family)
    if found is None:
        raise InputError(
            f"LUTs are estimated for {' and '.join(calibrated_families())}, to whose netlists the estimate was fitted, "
            f"not for {family!r}; map the Verilog instead (hwgen resources DIR --mapped FAMILY)."
        )
    held = found["held_out"]
    return Calibration(
        family,
        found["carry_bits"],
        {Site[name]: cost for name, cost in found["luts"].items()},
        _document()["tool"],
        found["networks"],
        held["networks"],
        held["median"],
        held["worst"],
    )


@lru_cache(maxsize=1)
def _document() -> dict[str, Any]:
    found = json.loads(CALIBRATION_FILE.read_text(encoding="utf-8"))
    assert isinstance(found, dict)
    return found
