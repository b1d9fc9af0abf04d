"""The stage ``mapped``: what Yosys makes of a Verilog project in a family's cells, layer by layer, simulated again."""

from hwgen.mapping.families import FAMILIES, CellCounts, Family
from hwgen.mapping.mapped import MappedLayer, MappedProject, MappedVerilog, map_project, map_verilog

__all__ = [
    "FAMILIES",
    "CellCounts",
    "Family",
    "MappedLayer",
    "MappedProject",
    "MappedVerilog",
    "map_project",
    "map_verilog",
]
