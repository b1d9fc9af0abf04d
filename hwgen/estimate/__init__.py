"""What a design takes, counted before any synthesis tool has seen it."""

from hwgen.estimate.arithmetic import Arithmetic, arithmetic
from hwgen.estimate.figures import FIGURES, Figures, LayerFigures, circuit_figures, network_figures

__all__ = ["FIGURES", "Arithmetic", "Figures", "LayerFigures", "arithmetic", "circuit_figures", "network_figures"]
