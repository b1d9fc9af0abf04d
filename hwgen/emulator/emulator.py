"""``Emulator``: a network on whole data sets, samples across the lanes of a processor's vectors."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwgen.emulator.kernel import Kernel, compiled, interpreter
from hwgen.emulator.lower import lower
from hwgen.emulator.tables import Tables, tables
from hwgen.errors import InputError
from hwgen.fixed import IntArray
from hwgen.ir import Network
from hwgen.tools import Progress

MOST_COMPILED_TERMS = 4000  # about two seconds of a compiler


class EmulatorEngine(Enum):
    """How an emulator computes."""

    INTERPRETER = "interpreter"  # tables of the network, and a kernel that is compiled once for all networks
    COMPILED = "compiled"  # C++ of this network


@dataclass(frozen=True, slots=True, eq=False)
class Emulator:
    """A network that runs on one core, samples across lanes; ``emulator`` makes one.

    Attributes:
        engine: which of the two was chosen.
    """

    network: Network
    engine: EmulatorEngine
    kernel: Kernel
    tables: Tables

    def codes(self, inputs: Sequence[NDArray[Any]]) -> tuple[IntArray, ...]:
        """Output codes: exactly those of ``hwgen.reference.simulate``.

        Args:
            inputs: (samples, *shape) codes, one array an input; int64, or narrower signed integers, which are read
                faster.
        Returns:
            One (samples, *shape) int64 array an output.
        Raises:
            InputError: wrong shapes, different numbers of samples, or codes outside an input's type.
        """
        samples = self._samples(inputs)
        given = [np.ascontiguousarray(array) for array in inputs]
        outputs = [
            np.empty((samples, *self.network.value(name).shape), dtype=np.int64) for name in self.network.outputs
        ]
        if samples:
            outside = self.kernel.run(self.tables, given, outputs)
            if outside:
                value, codes = self.network.inputs[outside - 1].value, inputs[outside - 1]
                raise InputError(
                    f"input {value.name!r}: an emulator was given codes from {codes.min()} to {codes.max()}, "
                    f"and {value.type} holds {value.type.min_code} to {value.type.max_code}."
                )
        return tuple(outputs)

    def _samples(self, inputs: Sequence[NDArray[Any]]) -> int:
        if len(inputs) != len(self.network.inputs):
            raise InputError(
                f"an emulator of network {self.network.name!r} takes {len(self.network.inputs)} arrays, one an input; "
                f"got {len(inputs)}."
            )
        for source, codes in zip(self.network.inputs, inputs, strict=True):
            if codes.dtype.kind != "i" or not codes.dtype.isnative or codes.shape[1:] != source.value.shape:
                raise InputError(
                    f"input {source.value.name!r}: an emulator takes signed integers of shape "
                    f"(samples, {', '.join(map(str, source.value.shape))}), got {codes.dtype} of shape {codes.shape}."
                )
        counts = [len(codes) for codes in inputs]
        if len(set(counts)) > 1:
            raise InputError(f"an emulator needs the same number of samples of every input, got {counts}.")
        return counts[0]


def emulator(
    network: Network,
    engine: EmulatorEngine | None = None,
    *,
    compiler: str | None = None,
    cache: bool = True,
    progress: Progress | None = None,
) -> Emulator:
    """Make a network ready to run.

    Args:
        engine: None compiles a network of at most ``MOST_COMPILED_TERMS`` terms, and interprets a larger one.
        compiler: ``"g++"``, ``"clang++"`` or a path; None chooses one.
        cache: keep compiled kernels in the user's cache.
        progress: told what is being compiled.
    Raises:
        TypeRangeError: a sum may reach 2**62, or a shift to the left may leave 64 bits.
        UnsupportedError: a block of samples would need 4 GiB.
        ToolMissingError: no C++ compiler.
    """
    program = lower(network)
    if engine is None:
        engine = EmulatorEngine.COMPILED if program.terms <= MOST_COMPILED_TERMS else EmulatorEngine.INTERPRETER
    if engine is EmulatorEngine.INTERPRETER:
        kernel = interpreter(compiler, cache=cache)
    else:
        kernel = compiled(program, compiler, cache=cache, progress=progress)
    return Emulator(network, engine, kernel, tables(program))
