"""Writes a Network as an HLS project: zero weights gone, exact widths, hls4ml's layout, the same bytes every time."""

from hwgen.emit.files import FileSet, is_project
from hwgen.emit.project import hls_project
from hwgen.emit.strategy import Strategy
from hwgen.emit.vectors import Vectors

__all__ = ["FileSet", "Strategy", "Vectors", "hls_project", "is_project"]
