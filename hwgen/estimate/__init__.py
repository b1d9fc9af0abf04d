"""What a design takes, counted before any synthesis tool has seen it."""

from hwgen.estimate.arithmetic import Arithmetic, arithmetic
from hwgen.estimate.calibration import Calibration, calibrated_families, calibration
from hwgen.estimate.cells import CellEstimate, LayerCells, estimate_cells
from hwgen.estimate.figures import FIGURES, Figures, LayerFigures, circuit_figures, network_figures

__all__ = [
    "FIGURES",
    "Arithmetic",
    "Calibration",
    "CellEstimate",
    "Figures",
    "LayerCells",
    "LayerFigures",
    "arithmetic",
    "calibrated_families",
    "calibration",
    "circuit_figures",
    "estimate_cells",
    "network_figures",
]
