"""What a design takes, counted before any synthesis tool has seen it."""

from hwgen.estimate.figures import FIGURES, Figures, LayerFigures, circuit_figures, network_figures

__all__ = ["FIGURES", "Figures", "LayerFigures", "circuit_figures", "network_figures"]
