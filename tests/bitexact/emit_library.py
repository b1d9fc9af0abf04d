"""Compiles a project's bridge with a C++ compiler and calls it through ctypes, independently of ``hwgen.verify``."""

import ctypes
import json
import subprocess
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from hwgen.emit import FileSet
from hwgen.ir import Network
from hwgen.tools import Cache, find_compiler
from hwgen.tools.prelude import ap_types_prelude

WARNINGS = ("-Wall", "-Wextra", "-Werror", "-Wno-unknown-pragmas")


class Library:
    """``hwgen_run`` and ``hwgen_trace`` of one network."""

    def __init__(self, network: Network, path: Path) -> None:
        self.network = network
        self.compiled = ctypes.CDLL(str(path))

    def run(self, inputs: Sequence[np.ndarray]) -> list[np.ndarray]:
        shapes = [self.network.value(name).shape for name in self.network.outputs]
        return self._call(self.compiled.hwgen_run, inputs, shapes)

    def trace(self, inputs: Sequence[np.ndarray]) -> dict[str, np.ndarray]:
        values = [layer.output for layer in self.network.layers]
        found = self._call(self.compiled.hwgen_trace, inputs, [value.shape for value in values])
        return {value.name: codes for value, codes in zip(values, found, strict=True)}

    def _call(self, function, inputs, shapes):  # type: ignore[no-untyped-def]
        samples = len(inputs[0])
        given = [np.ascontiguousarray(codes, dtype=np.int64) for codes in inputs]
        results = [np.full((samples, *shape), -(2**62), dtype=np.int64) for shape in shapes]
        assert function(_pointers(given), _pointers(results), ctypes.c_size_t(samples)) == 0
        return results


def _pointers(arrays: Sequence[np.ndarray]) -> ctypes.Array:  # type: ignore[type-arg]
    return (ctypes.c_void_p * len(arrays))(*[array.ctypes.data for array in arrays])


def compile_library(network: Network, files: FileSet, directory: Path, cxx: str, flags: Sequence[str]) -> Library:
    """Write the project below ``directory`` and compile its sources, every warning an error."""
    files.write(directory)
    sources = json.loads(files.text("project.json"))["sources"]
    compiled = ("-std=c++14", "-fPIC", *WARNINGS, *flags)
    prelude: tuple[str, ...] = ()
    if "-O0" in flags:  # g++ -O1 warns about headers of the system that it precompiled
        # The run precompiles the headers once: they are a third of what a unit takes.
        folder = "firmware/ap_types/"
        headers = {path.removeprefix(folder): files[path] for path in files if path.startswith(folder)}
        prelude = ap_types_prelude(Cache.of_user().headers, headers, find_compiler(cxx), compiled).options()
    command = [cxx, "-shared", *compiled, *prelude, "-isystem", "firmware/ap_types"]
    done = subprocess.run(
        [*command, *sources, "-o", "library.so"], cwd=directory, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-4000:]
    return Library(network, directory / "library.so")
