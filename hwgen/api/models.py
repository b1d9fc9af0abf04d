"""What is loaded, and what runs of it: ``Model`` and ``EmulatedModel``."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache
from typing import TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hwgen import reference
from hwgen.api.choices import choice
from hwgen.emulator import Emulator, EmulatorEngine, emulator
from hwgen.fixed import IntArray
from hwgen.ir import Network, network_text

_T = TypeVar("_T")


class PredictionEngine(Enum):
    """What computes the codes of a model."""

    REFERENCE = "reference"  # NumPy
    EMULATOR = "emulator"  # a kernel compiled once for all models


@dataclass(frozen=True, slots=True)
class Model:
    """A network that runs: what ``hwgen.load`` returns.

    Attributes:
        network: the exact integer layers, for everything that hwgen builds from them.
        source_sha256: of the file that it came from, None where it came from none.
    """

    network: Network
    source_sha256: str | None = None

    def codes(
        self, data: ArrayLike | Sequence[ArrayLike], engine: str | PredictionEngine = PredictionEngine.REFERENCE
    ) -> IntArray | tuple[IntArray, ...]:
        """Output codes for real data: exactly the integers that the hardware gives.

        Args:
            data: (samples, *shape); a sequence of such arrays for several inputs.
            engine: ``"reference"``, or ``"emulator"`` for large data: the same codes from a compiled kernel.
        Returns:
            (samples, *shape) int64, or a tuple of them for several outputs.
        Raises:
            InputError: wrong shape, or data off the input's grid.
            ToolMissingError: of the emulator: no C++ compiler.
        """
        return one_or_all(self._run(data, engine))

    def predict(
        self, data: ArrayLike | Sequence[ArrayLike], engine: str | PredictionEngine = PredictionEngine.REFERENCE
    ) -> NDArray[np.float64] | tuple[NDArray[np.float64], ...]:
        """Output values for real data: ``codes`` times the output's step, in float64; arguments as in ``codes``."""
        return one_or_all(reference.decode(self.network, self._run(data, engine)))

    def _run(self, data: ArrayLike | Sequence[ArrayLike], engine: str | PredictionEngine) -> tuple[IntArray, ...]:
        chosen = choice(PredictionEngine, engine, "engine")
        codes = reference.encode(self.network, data)
        if chosen is PredictionEngine.EMULATOR:
            return _interpreting(self.network).codes(codes)
        return reference.simulate(self.network, codes)

    def trace(self, data: ArrayLike | Sequence[ArrayLike]) -> Mapping[str, IntArray]:
        """Codes of every value of the network by name, inputs included; arguments as in ``codes``."""
        return reference.trace(self.network, reference.encode(self.network, data))

    def __str__(self) -> str:
        return network_text(self.network)


@lru_cache(maxsize=4)
def _interpreting(network: Network) -> Emulator:
    return emulator(network, EmulatorEngine.INTERPRETER)


def one_or_all(results: tuple[_T, ...]) -> _T | tuple[_T, ...]:
    return results[0] if len(results) == 1 else results


@dataclass(frozen=True, slots=True, eq=False)
class EmulatedModel:
    """A network on one core's vectors: what ``hwgen.emulate`` returns.

    Attributes:
        emulator: takes and gives codes, without the conversion of real data, which takes longer than the network.
    """

    emulator: Emulator

    @property
    def engine(self) -> EmulatorEngine:
        """How it computes: from tables, or as C++ of its own."""
        return self.emulator.engine

    def codes(self, data: ArrayLike | Sequence[ArrayLike]) -> IntArray | tuple[IntArray, ...]:
        """Output codes for real data, as ``Model.codes``."""
        network = self.emulator.network
        return one_or_all(self.emulator.codes(reference.encode(network, data)))

    def predict(self, data: ArrayLike | Sequence[ArrayLike]) -> NDArray[np.float64] | tuple[NDArray[np.float64], ...]:
        """Output values for real data, as ``Model.predict``."""
        network = self.emulator.network
        return one_or_all(reference.decode(network, self.emulator.codes(reference.encode(network, data))))
