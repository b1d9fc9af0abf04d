"""Bit-exact regression tests: what a project computes and takes, frozen, and held against what it became."""

from hwgen.regression.check import CheckReport, LayerChange, ResourceChange, compare
from hwgen.regression.golden import GOLDEN_FILE, VECTORS_FILE, Golden, freeze, read_golden, write_golden
from hwgen.regression.project import BuiltProject, built_project

__all__ = [
    "GOLDEN_FILE",
    "VECTORS_FILE",
    "BuiltProject",
    "CheckReport",
    "Golden",
    "LayerChange",
    "ResourceChange",
    "built_project",
    "compare",
    "freeze",
    "read_golden",
    "write_golden",
]
