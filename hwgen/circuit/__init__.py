"""Circuits: a Network as words, exact sums and comparisons, pipelined; interpreted in NumPy and proven."""

from hwgen.circuit.adder_graph import Adder, AdderGraph, Output, Term
from hwgen.circuit.circuit import Circuit, Port, Word
from hwgen.circuit.interface import Interface, default_interface
from hwgen.circuit.json_form import circuit_from_json, circuit_to_json
from hwgen.circuit.lower import lower
from hwgen.circuit.rows import Parity, Piece, Row, Total
from hwgen.circuit.schedule import ClockPlan
from hwgen.circuit.size import circuit_terms
from hwgen.circuit.solver import adder_graph, solve
from hwgen.circuit.streams import Stream
from hwgen.circuit.target import AMD, TARGETS, Optimize, Target
from hwgen.circuit.waves import Waves
from hwgen.circuit.window import Window

__all__ = [
    "AMD",
    "TARGETS",
    "Adder",
    "AdderGraph",
    "Circuit",
    "ClockPlan",
    "Interface",
    "Optimize",
    "Output",
    "Parity",
    "Piece",
    "Port",
    "Row",
    "Stream",
    "Target",
    "Term",
    "Total",
    "Waves",
    "Window",
    "Word",
    "adder_graph",
    "circuit_from_json",
    "circuit_terms",
    "circuit_to_json",
    "default_interface",
    "lower",
    "solve",
]
