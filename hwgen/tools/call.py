"""Calls a function of a compiled library on arrays of codes: in a process of its own, or in this one.

The C signature is ``int function(const int64_t *const *inputs, int64_t *const *outputs, size_t samples)``: arrays of
pointers, one an array, each (samples, size) in C order.

In a process of its own (the default) a crash or an endless loop of the generated code ends that process, and an error
says so, and its stack is large. The arrays travel through a file that both map; a call costs the start of a bare
Python, about 30 ms.
In this process a call costs microseconds, and a crash is the caller's end: for code that has been verified.
Libraries are opened with their names kept to themselves (RTLD_LOCAL), so that any number of them can be loaded.
"""

import ctypes
import mmap
import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from hwgen.errors import InputError, ProjectError, ToolFailedError
from hwgen.fixed import IntArray
from hwgen.tools import isolated_call
from hwgen.tools.run import Command, how_it_ended, run_unchecked

CALL_TIMEOUT_S = 600.0
_MOST_PRINTED = 32 << 20  # what reads an empty stream says so each time
UNWRITTEN = -(1 << 63) + 0x0BAD  # what an output holds before the call: no code of at most 62 bits is equal to it


def call_library(
    library: Path,
    function: str,
    inputs: Sequence[IntArray],
    output_sizes: Sequence[int],
    *,
    isolated: bool = True,
    timeout_s: float = CALL_TIMEOUT_S,
) -> tuple[IntArray, ...]:
    """Call ``function`` once on all samples.

    Args:
        inputs: int64, (samples, ...) each, as many samples in each.
        output_sizes: codes in one sample of each output.
        isolated: in a process of its own.
        timeout_s: for an isolated call only; another cannot be interrupted.
    Returns:
        (samples, size) int64 an output; ``UNWRITTEN`` where the function wrote nothing.
    Raises:
        InputError: an array is not int64, or their samples differ in number.
        ProjectError: the library has no such function, or cannot be loaded.
        ToolFailedError: the function crashed, took too long, printed without end, or returned something other than 0.
    """
    samples = _samples(inputs)
    if not samples:
        return tuple(np.empty((0, size), dtype=np.int64) for size in output_sizes)
    flat = [np.ascontiguousarray(array).reshape(samples, -1) for array in inputs]
    if isolated:
        return _call_apart(library, function, flat, output_sizes, timeout_s)
    return _call_here(library, function, flat, output_sizes)


def _samples(inputs: Sequence[IntArray]) -> int:
    for position, array in enumerate(inputs):
        if array.dtype != np.int64 or array.ndim < 1:
            raise InputError(f"input {position}: int64 codes were expected, got {array.dtype} of shape {array.shape}.")
    counts = {len(array) for array in inputs}
    if len(counts) != 1:
        raise InputError(f"every input needs the same number of samples, got {[len(array) for array in inputs]}.")
    return counts.pop()


def _call_here(
    library: Path, function: str, inputs: Sequence[IntArray], output_sizes: Sequence[int]
) -> tuple[IntArray, ...]:
    samples = len(inputs[0])
    outputs = tuple(np.full((samples, size), UNWRITTEN, dtype=np.int64) for size in output_sizes)
    try:
        call = getattr(ctypes.CDLL(str(library.absolute()), mode=ctypes.RTLD_LOCAL), function)
    except OSError as error:
        raise ProjectError(f"the compiled library cannot be loaded: {error}.") from error
    except AttributeError as error:
        raise _no_function(function) from error
    call.restype = ctypes.c_int
    given = (ctypes.c_void_p * len(inputs))(*(array.ctypes.data for array in inputs))
    taken = (ctypes.c_void_p * len(outputs))(*(array.ctypes.data for array in outputs))
    _check_answer(function, call(given, taken, ctypes.c_size_t(samples)))
    return outputs


def _call_apart(
    library: Path, function: str, inputs: Sequence[IntArray], output_sizes: Sequence[int], timeout_s: float
) -> tuple[IntArray, ...]:
    samples = len(inputs[0])
    input_sizes = [array.shape[1] for array in inputs]
    codes = samples * (sum(input_sizes) + sum(output_sizes)) + 1
    with tempfile.NamedTemporaryFile(prefix="hwgen-call-") as file:
        _reserve(file.fileno(), 8 * codes)
        with mmap.mmap(file.fileno(), 0) as mapped:
            shared = np.frombuffer(mapped, dtype=np.int64)
            try:
                written = samples * sum(input_sizes)
                np.concatenate([array.ravel() for array in inputs], out=shared[:written])
                shared[written:] = UNWRITTEN
                shared[-1] = isolated_call.UNFINISHED
                numbers = [str(n) for n in (samples, len(inputs))]
                sizes = [str(size) for size in (*input_sizes, *output_sizes)]
                program = (sys.executable, "-I", "-S", isolated_call.__file__)
                arguments = (*program, str(library.absolute()), function, *numbers, file.name, *sizes)
                purpose = f"running {function} of the compiled project on {samples} samples"
                finished = run_unchecked(Command(arguments, purpose, None, timeout_s, _MOST_PRINTED))
                _check_ended(function, samples, finished.status, int(shared[-1]), finished.output)
                ends = written + samples * np.cumsum([0, *output_sizes])
                return tuple(
                    shared[ends[k] : ends[k + 1]].reshape(samples, size).copy() for k, size in enumerate(output_sizes)
                )
            finally:
                del shared  # the map cannot close while an array looks into it


def _reserve(descriptor: int, size: int) -> None:
    """Give a file its size and its place on the disk: on a full one the first write would end this process."""
    os.ftruncate(descriptor, size)
    if hasattr(os, "posix_fallocate"):
        try:
            os.posix_fallocate(descriptor, 0, size)
        except OSError as error:
            raise ToolFailedError(
                f"running the compiled project needs {size} bytes in {tempfile.gettempdir()!r}: {error.strerror}; "
                f"make room, set TMPDIR, or verify fewer samples at a time."
            ) from error


def _check_ended(function: str, samples: int, status: int, answer: int, output: str) -> None:
    if answer == isolated_call.NO_LIBRARY:
        raise ProjectError(f"the compiled library cannot be loaded: {output.strip()}.")
    if answer == isolated_call.NO_FUNCTION:
        raise _no_function(function)
    if status != 0 or answer == isolated_call.UNFINISHED:
        ended = how_it_ended(status) if status else "ended early"
        said = f" It printed:\n{output.strip()[-2000:]}" if output.strip() else ""
        raise ToolFailedError(
            f"the compiled project crashed: {function} {ended} on {samples} samples. The generated C++ reads or writes "
            f"outside its arrays, or fails an assertion; if its files were edited, build the project again.{said}"
        )
    _check_answer(function, answer)


def _check_answer(function: str, answer: int) -> None:
    if answer != 0:
        raise ToolFailedError(f"the compiled project's {function} returned {answer}; 0 was expected.")


def _no_function(function: str) -> ProjectError:
    return ProjectError(
        f"the compiled project has no function {function!r}, which hwgen's bridge file has; build the project again."
    )
