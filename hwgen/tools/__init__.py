"""Programs outside hwgen: finding compilers, running them, keeping and calling what they compile."""

from hwgen.tools.cache import Cache, cache_directory
from hwgen.tools.call import call_library
from hwgen.tools.compilers import Compiler, CompilerFamily, find_compiler
from hwgen.tools.run import Command, Finished, Progress, run, run_all, run_unchecked, usable_cores
from hwgen.tools.shared_library import Build, SourceTree, build_library

__all__ = [
    "Build",
    "Cache",
    "Command",
    "Compiler",
    "CompilerFamily",
    "Finished",
    "Progress",
    "SourceTree",
    "build_library",
    "cache_directory",
    "call_library",
    "find_compiler",
    "run",
    "run_all",
    "run_unchecked",
    "usable_cores",
]
