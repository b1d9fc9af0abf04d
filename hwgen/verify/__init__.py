"""Proves that a project computes its network: compile, run beside the reference, compare codes, explain differences."""

from hwgen.verify.batch import BatchOptions, verify_many, verify_networks
from hwgen.verify.coverage import Hits, LayerCoverage, WordCoverage
from hwgen.verify.mismatch import LayerDifference, Mismatch
from hwgen.verify.project import Project, open_project, project_from_files
from hwgen.verify.project_files import Change, FileChange
from hwgen.verify.report import Timing, VerifyReport
from hwgen.verify.run import Engine, verify_opened, verify_project
from hwgen.verify.vectors import TestVectors, VectorGroup, VectorKind, make_vectors, project_vectors

__all__ = [
    "BatchOptions",
    "Change",
    "Engine",
    "FileChange",
    "Hits",
    "LayerCoverage",
    "LayerDifference",
    "Mismatch",
    "Project",
    "TestVectors",
    "Timing",
    "VectorGroup",
    "VectorKind",
    "VerifyReport",
    "WordCoverage",
    "make_vectors",
    "open_project",
    "project_from_files",
    "project_vectors",
    "verify_many",
    "verify_networks",
    "verify_opened",
    "verify_project",
]
