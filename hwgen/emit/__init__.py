"""Writes a Network as an HLS project in hls4ml's layout, or as Verilog: exact widths, the same bytes every time."""

from hwgen.emit.files import FileSet, check_target, is_project
from hwgen.emit.project import default_hls_interface, hls_project
from hwgen.emit.rtl_project import rtl_project
from hwgen.emit.strategy import Strategy
from hwgen.emit.vectors import Vectors

__all__ = [
    "FileSet",
    "Strategy",
    "Vectors",
    "check_target",
    "default_hls_interface",
    "hls_project",
    "is_project",
    "rtl_project",
]
