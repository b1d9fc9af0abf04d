"""``estimate_cells``: LUTs, registers and carry cells of a circuit in an AMD family, at once and with an error bar."""

from collections import Counter
from dataclasses import dataclass

from hwgen.circuit import Circuit
from hwgen.circuit.operations import Starting, sources
from hwgen.circuit.schedule import rows
from hwgen.errors import InputError
from hwgen.estimate.calibration import Calibration, calibration
from hwgen.estimate.logic import Site
from hwgen.estimate.sites import TOP, circuit_sites


@dataclass(frozen=True, slots=True)
class LayerCells:
    """What a layer takes; the line buffers, FIFOs and registers that start its stream are its own.

    Attributes:
        layer: its name, or that of an input; the last of a circuit, the valid bits, has none.
        rows: of logic one behind the other between two registers, at most.
    """

    layer: str
    luts: int
    flip_flops: int
    carries: int
    rows: int


@dataclass(frozen=True, slots=True)
class CellEstimate:
    """What a circuit takes. Stage: estimate.

    Attributes:
        calibration: of the family; its errors are those of ``luts``.
        layers: in the circuit's order.
        rows: of logic one behind the other between two registers, at most.
        latency_cycles: from a sample's first beat to its last output.
        latency_ns: at the clock that was asked for, whether or not the logic is that fast.
    """

    calibration: Calibration
    layers: tuple[LayerCells, ...]
    luts: int
    flip_flops: int
    carries: int
    rows: int
    latency_cycles: int
    latency_ns: float

    @property
    def error_text(self) -> str:
        """The error bar, for people."""
        fit = self.calibration
        return (
            f"LUTs within {fit.median_error:.1%} in the median and {fit.worst_error:.1%} at worst on {fit.held_out} "
            f"networks that were not fitted, against {fit.tool}"
        )


def estimate_cells(circuit: Circuit, family: str, clock_ns: float) -> CellEstimate:
    """Count the cells that synthesis will make of a circuit's Verilog.

    Args:
        family: one of ``calibrated_families()``.
    Raises:
        InputError: another family, or a circuit whose sums are not made for AMD.
    """
    fit = calibration(family)
    if circuit.target.name != "amd":
        raise InputError(
            f"the circuit of {circuit.name!r} is made for {circuit.target.name!r}, and LUTs are estimated of circuits "
            f"for 'amd'; build it with --fpga amd, or map it (hwgen resources DIR --mapped FAMILY)."
        )
    layers: dict[str, Counter[Site]] = {}
    for home, units in circuit_sites(circuit, fit.carry_bits).items():
        layer = "" if home == TOP else home[0]
        layers[layer] = layers.get(layer, Counter()) + units
    layers[""] = layers.pop("")  # the valid bits come last
    deepest = _rows(circuit)
    found = tuple(_cells(layer, units, fit, deepest.get(layer, 0)) for layer, units in layers.items())
    return CellEstimate(
        fit,
        found,
        sum(layer.luts for layer in found),
        sum(layer.flip_flops for layer in found),
        sum(layer.carries for layer in found),
        max(deepest.values(), default=0),
        circuit.latency_cycles,
        circuit.latency_cycles * clock_ns,
    )


def _cells(layer: str, units: Counter[Site], fit: Calibration, deepest: int) -> LayerCells:
    luts = sum(cost * units[site] for site, cost in fit.luts.items())
    return LayerCells(layer, round(luts), round(units[Site.FLIP_FLOP]), round(units[Site.CARRY]), deepest)


def _rows(circuit: Circuit) -> dict[str, int]:
    """By layer, the most rows of logic between a register and the end of a word of it."""
    filled: list[int] = []
    found: dict[str, int] = {}
    for word in circuit.words:
        read = () if isinstance(word.operation, Starting) else sources(word.operation)
        before = max((filled[source] for source in read if circuit.words[source].stage == word.stage), default=0)
        filled.append(before + rows(word.operation))
        found[word.layer] = max(found.get(word.layer, 0), filled[-1])
    return found
