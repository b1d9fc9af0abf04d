"""Compiles a tree of C++ sources into a shared library: units in parallel, the result kept in the cache."""

import hashlib
import json
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from hwgen.errors import ToolFailedError
from hwgen.tools.cache import Cache
from hwgen.tools.compilers import Compiler, CompilerFamily
from hwgen.tools.prelude import ap_types_prelude
from hwgen.tools.run import Command, Progress, run, run_all

_KEY_FORMAT = 1
_UNITS_THAT_PAY = 3  # see hwgen.tools.prelude

# -O1: compiles about as fast as -O0 and runs 70 to 240 times faster; -O2 compiles 10-20 % longer, runs 4-20 % faster.
# -DNDEBUG: without it ap_types asserts on types such as ap_ufixed<1,-11> that Vitis accepts.
# -fwrapv: ap_types relies on signed integers wrapping around. -w: warnings would bury an error.
_FLAGS = ("-std=c++14", "-O1", "-DNDEBUG", "-fwrapv", "-fPIC", "-w")


@dataclass(frozen=True, slots=True)
class SourceTree:
    """C++ sources and headers, held in memory.

    Attributes:
        files: path with forward slashes to content: everything that a compilation may read beyond the system's headers.
        units: the paths that are compiled.
        include: folders that ``#include`` searches.
        ap_types: the folder of the ap_types headers, searched as the system's; empty where there is none.
        defines: macros: "HWGEN_TRACE".
        flags: of every unit, behind those of every compilation: "-O3".
    """

    files: Mapping[str, bytes]
    units: tuple[str, ...]
    include: tuple[str, ...] = (".",)
    ap_types: str = ""
    defines: tuple[str, ...] = ()
    flags: tuple[str, ...] = ()

    def ap_types_headers(self) -> dict[str, bytes]:
        """Path below the ap_types folder to content."""
        prefix = f"{self.ap_types}/"
        if not self.ap_types:
            return {}
        return {path.removeprefix(prefix): text for path, text in self.files.items() if path.startswith(prefix)}


@dataclass(frozen=True, slots=True)
class Build:
    """How a library came to be.

    Attributes:
        seconds: wall clock, of compiling and linking or of finding it in the cache.
        from_cache: whether it was found there.
    """

    seconds: float
    from_cache: bool


def compile_flags(compiler: Compiler) -> tuple[str, ...]:
    """Flags of every compilation."""
    if compiler.family is CompilerFamily.GNU:
        # Otherwise a static variable of an inline function is one for the whole process, whatever library it is in.
        return (*_FLAGS, "-fno-gnu-unique")
    return _FLAGS


def link_flags() -> tuple[str, ...]:
    """Flags of linking: a library's own functions win over those of the same name in the process that loads it."""
    if sys.platform == "darwin":
        return ("-shared", "-undefined", "dynamic_lookup")
    return ("-shared", "-Wl,-Bsymbolic")


def library_key(tree: SourceTree, compiler: Compiler) -> str:
    """Sha256 over all that decides what comes out: every source and header, flags, and the compiler itself."""
    described = {
        "format": _KEY_FORMAT,
        "compiler": compiler.identity,
        "flags": [*compile_flags(compiler), *tree.flags, *link_flags()],
        "units": tree.units,
        "include": [*tree.include, tree.ap_types],
        "defines": tree.defines,
        "files": {path: hashlib.sha256(content).hexdigest() for path, content in sorted(tree.files.items())},
    }
    return hashlib.sha256(json.dumps(described, sort_keys=True).encode()).hexdigest()


def build_library(
    tree: SourceTree,
    compiler: Compiler,
    output: Path,
    *,
    cache: Cache | None = None,
    headers: Path | None = None,
    jobs: int | None = None,
    progress: Progress | None = None,
) -> Build:
    """Compile the units and link them into the shared library ``output``.

    Args:
        cache: where to look first, and to keep the result; None compiles always.
        headers: where precompiled ap_types headers are kept; None compiles without.
        jobs: compilers that run at a time; None for one a usable core.
    Raises:
        ToolFailedError: the sources do not compile; the message quotes the first error and the end of the output.
    """
    start = time.perf_counter()
    key = library_key(tree, compiler) if cache is not None else ""
    if cache is not None and cache.fetch(key, output):
        return Build(time.perf_counter() - start, from_cache=True)
    with tempfile.TemporaryDirectory(prefix="hwgen-build-") as folder:
        place = Path(folder)
        for path, content in tree.files.items():
            target = place / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)
        objects = _compile(tree, compiler, place, headers, jobs, progress)
        link = (*compiler.command, *link_flags(), *objects, "-o", "library.so")
        run(Command(link, "linking the compiled project", place))
        if not (place / "library.so").is_file():
            raise ToolFailedError(
                f"{compiler.version}: linking ended without an error and without a library; is it a C++ compiler?"
            )
        output.write_bytes((place / "library.so").read_bytes())
    if cache is not None:
        cache.store(key, output)
    return Build(time.perf_counter() - start, from_cache=False)


def _compile(
    tree: SourceTree,
    compiler: Compiler,
    place: Path,
    headers: Path | None,
    jobs: int | None,
    progress: Progress | None,
) -> list[str]:
    """Compile each unit to an object file in ``place``; their names."""
    flags = compile_flags(compiler)
    prelude = ap_types_prelude(headers, tree.ap_types_headers(), compiler, flags) if headers is not None else None
    wanted = prelude is not None and (prelude.exists or len(tree.units) >= _UNITS_THAT_PAY)
    options = prelude.options() if prelude is not None and wanted else ()
    try:
        return _compile_units(tree, compiler, place, options, jobs, progress)
    except ToolFailedError:
        if prelude is None or not options:
            raise
        # A stale precompiled header must not fail a build: without it the sources speak for themselves.
        objects = _compile_units(tree, compiler, place, (), jobs, progress)
        prelude.drop()
        return objects


def _compile_units(
    tree: SourceTree,
    compiler: Compiler,
    place: Path,
    options: tuple[str, ...],
    jobs: int | None,
    progress: Progress | None,
) -> list[str]:
    include = [f"-I{folder}" for folder in tree.include]
    if tree.ap_types:
        include += ["-isystem", tree.ap_types]
    flags = (*compile_flags(compiler), *tree.flags)
    shared = (*compiler.command, *flags, *(f"-D{name}" for name in tree.defines), *include, *options)
    # The largest first: it decides when all are done.
    units = sorted(tree.units, key=lambda unit: -len(tree.files[unit]))
    objects = [f"unit{position}.o" for position in range(len(units))]
    commands = [
        Command((*shared, "-c", unit, "-o", name), f"compiling {unit}", place)
        for unit, name in zip(units, objects, strict=True)
    ]
    run_all(commands, jobs, progress)
    return objects
