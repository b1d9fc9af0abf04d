"""The compiled kernels of emulators: built once, kept in the cache, called in this process."""

import ctypes
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hwgen.emulator.generate import generate
from hwgen.emulator.placing import BLOCK
from hwgen.emulator.program import Program
from hwgen.emulator.tables import Tables
from hwgen.errors import ToolFailedError
from hwgen.fixed import IntArray
from hwgen.resources import data_folder
from hwgen.tools import Build, Cache, Compiler, CompilerFamily, Progress, SourceTree, build_library, find_compiler

HEADERS = (
    "common.hpp",
    "lanes.hpp",
    "interpreter.hpp",
    "compiled.hpp",
    "blocks.hpp",
    "target.hpp",
    "avx2_begin.hpp",
    "avx2_end.hpp",
)
INTERPRETER = "interpreter.cpp"
TARGET = "target.cpp"


@dataclass(frozen=True, slots=True, eq=False)
class Kernel:
    """A loaded library.

    Attributes:
        build: what it took to compile it, or to find it.
        compiler: which one it was.
        wide: whether this machine runs its wider target.
    """

    library: ctypes.CDLL
    build: Build
    compiler: str
    wide: bool

    def run(self, tables: Tables, inputs: Sequence[NDArray[np.signedinteger]], outputs: Sequence[IntArray]) -> int:
        """Fill the outputs.

        Args:
            inputs: (samples, ...) each, C order, of 8 to 64 bits.
            outputs: (samples, ...) each, C order.
        Returns:
            0, or the number, from 1, of the first input that has a code out of its range.
        Raises:
            ToolFailedError: no memory for a block of samples.
        """
        given = (ctypes.c_void_p * len(inputs))(*(array.ctypes.data for array in inputs))
        taken = (ctypes.c_void_p * len(outputs))(*(array.ctypes.data for array in outputs))
        sizes = (ctypes.c_int64 * len(inputs))(*(array.dtype.itemsize for array in inputs))
        call = self.library.hwgen_run
        call.restype = ctypes.c_int64
        answer = int(
            call(
                ctypes.byref(tables.pointers), given, sizes, taken, ctypes.c_int64(len(inputs[0])),
                ctypes.c_int64(self.wide),
            )
        )  # fmt: skip
        if answer < 0:
            raise ToolFailedError(
                f"an emulated block of samples needs {tables.arena_bytes} bytes of memory; free some."
            )
        return answer


def interpreter(compiler: str | None = None, *, cache: bool = True) -> Kernel:
    """The kernel that runs every program; compiled once for a machine, and once in a process without a cache."""
    return _interpreter(find_compiler(compiler), Cache.of_user() if cache else None)


@lru_cache(maxsize=8)
def _interpreter(compiler: Compiler, cache: Cache | None) -> Kernel:
    return load(tree({INTERPRETER: _text(INTERPRETER)}, (INTERPRETER,), compiler), compiler, cache)


def compiled(
    program: Program, compiler: str | None = None, *, cache: bool = True, progress: Progress | None = None
) -> Kernel:
    """The kernel that runs one program, found in the cache where it was compiled before."""
    chosen, kept = find_compiler(compiler), Cache.of_user() if cache else None
    sources = generate(program, _wide(chosen, kept))
    return load(tree(sources.files, sources.units, chosen), chosen, kept, progress)


@lru_cache(maxsize=8)
def _wide(compiler: Compiler, cache: Cache | None) -> bool:
    """Whether this machine runs the wider target."""
    return load(tree({TARGET: _text(TARGET)}, (TARGET,), compiler), compiler, cache).wide


def tree(files: dict[str, str], units: tuple[str, ...], compiler: Compiler) -> SourceTree:
    """Sources beside the emulator's headers."""
    content = {name: text.encode() for name, text in ({name: _text(name) for name in HEADERS} | files).items()}
    # g++ keeps short loops below -O3, and their vectors in memory; clang++ unrolls them, and compiles faster.
    flags = ("-O2",) if compiler.family is CompilerFamily.CLANG else ("-O3",)
    return SourceTree(content, units, defines=(f"HWGEN_BLOCK={BLOCK}",), flags=flags)


def load(sources: SourceTree, compiler: Compiler, cache: Cache | None, progress: Progress | None = None) -> Kernel:
    """Compile a library, or find it, and load it."""
    with tempfile.TemporaryDirectory(prefix="hwgen-emulator-") as folder:
        target = Path(folder) / "emulator.so"
        build = build_library(sources, compiler, target, cache=cache, progress=progress)
        # What is loaded stays in memory when its file is gone.
        library = ctypes.CDLL(str(target), mode=ctypes.RTLD_LOCAL)
    library.hwgen_wide.restype = ctypes.c_int64
    return Kernel(library, build, compiler.version, bool(library.hwgen_wide()))


def _text(name: str) -> str:
    return (data_folder("templates") / "emulator" / name).read_text()
