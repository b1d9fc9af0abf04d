"""Designs beside each other: hwgen's and its peers', each figure with its stage; budgets, and what a part holds."""

from hwgen.compare.budget import Budget, Excess, exceeded
from hwgen.compare.designs import CellMapping, model_rows, project_rows
from hwgen.compare.parts import PARTS, Part, find_part
from hwgen.compare.render import Format, cells, footnotes, headings, rendered
from hwgen.compare.table import COLUMNS, Comparison, Row, Stage, comparison

__all__ = [
    "COLUMNS",
    "PARTS",
    "Budget",
    "CellMapping",
    "Comparison",
    "Excess",
    "Format",
    "Part",
    "Row",
    "Stage",
    "cells",
    "comparison",
    "exceeded",
    "find_part",
    "footnotes",
    "headings",
    "model_rows",
    "project_rows",
    "rendered",
]
