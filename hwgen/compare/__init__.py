"""Designs beside each other: hwgen's and its peers', each figure with its stage; budgets, sweeps, profiles."""

from hwgen.compare.accuracy import accuracy, classes
from hwgen.compare.budget import Budget, Excess, exceeded
from hwgen.compare.designs import CellMapping, model_rows, project_rows
from hwgen.compare.parts import PARTS, Part, find_part
from hwgen.compare.peers import PEERS, Peer, peer_rows, require
from hwgen.compare.profile import ValueProfile, profile
from hwgen.compare.render import Format, cells, footnotes, headings, rendered
from hwgen.compare.sweep import sweep_rows
from hwgen.compare.table import COLUMNS, Comparison, Row, Stage, comparison
from hwgen.compare.variants import variant

__all__ = [
    "COLUMNS",
    "PARTS",
    "PEERS",
    "Budget",
    "CellMapping",
    "Comparison",
    "Excess",
    "Format",
    "Part",
    "Peer",
    "Row",
    "Stage",
    "ValueProfile",
    "accuracy",
    "cells",
    "classes",
    "comparison",
    "exceeded",
    "find_part",
    "footnotes",
    "headings",
    "model_rows",
    "peer_rows",
    "profile",
    "project_rows",
    "rendered",
    "require",
    "sweep_rows",
    "variant",
]
