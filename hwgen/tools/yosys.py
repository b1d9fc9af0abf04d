"""Finds Yosys, as the Python package pyosys or as a program, and runs scripts of it."""

import re
import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path

from hwgen.errors import ToolError, ToolMissingError
from hwgen.tools.run import Command, run

_INSTALL = "install it with 'pip install pyosys' (or hwgen with its extra: pip install 'hwgen[mapped]')"

# The package has no program of its own; its commands run one by one in a process of their own, which an error ends.
_PROGRAM = """
import sys
from pyosys import libyosys
design = libyosys.Design()
for line in open(sys.argv[1], encoding="utf-8"):
    if line.strip():
        libyosys.run_pass(line.strip(), design)
"""


@dataclass(frozen=True, slots=True)
class Yosys:
    """Yosys, ready to run.

    Attributes:
        command: before the path of a script, one command a line.
        version: name and number.
    """

    command: tuple[str, ...]
    version: str

    def script(self, path: Path, purpose: str, timeout_s: float) -> Command:
        """A run of the script at ``path``, in its folder."""
        return Command((*self.command, path.name), purpose, path.parent, timeout_s)


def find_yosys() -> Yosys:
    """The package pyosys, else a program ``yosys``.

    Raises:
        ToolMissingError: neither is there.
    """
    found = _package() or _program(shutil.which("yosys"))
    if found is None:
        raise ToolMissingError(f"Yosys was not found: neither the Python package nor a program on PATH; {_INSTALL}.")
    return found


def write_script(path: Path, commands: Sequence[str]) -> Path:
    """A script of Yosys, one command a line."""
    path.write_text("".join(f"{command}\n" for command in commands), encoding="utf-8")
    return path


def _package() -> Yosys | None:
    try:
        spec, number = find_spec("pyosys"), version("pyosys")
    except (PackageNotFoundError, ValueError):
        return None
    return None if spec is None else Yosys((sys.executable, "-c", _PROGRAM), f"Yosys {number} (pyosys)")


@lru_cache(maxsize=4)
def _program(path: str | None) -> Yosys | None:
    if path is None:
        return None
    try:
        answer = run(Command((path, "-V"), "asking Yosys for its version", timeout_s=60)).output
    except ToolError:
        return None
    number = re.search(r"Yosys (\S+)", answer)
    return Yosys((path, "-q", "-s"), f"Yosys {number[1]}") if number else None
