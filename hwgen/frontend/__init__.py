"""Reads Keras and QKeras models into exact Networks, without TensorFlow."""

from hwgen.frontend.load import Inspection, LayerSummary, inspect_model, load_network

__all__ = ["Inspection", "LayerSummary", "inspect_model", "load_network"]
