"""The steps of hwgen as plain functions, and the loaded model that they share."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hwgen import frontend, reference
from hwgen.fixed import IntArray
from hwgen.frontend.load import InputType
from hwgen.ir import Network, network_text

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Model:
    """A network that runs: what ``hwgen.load`` returns.

    Attributes:
        network: the exact integer layers, for everything that hwgen builds from them.
    """

    network: Network

    def codes(self, data: ArrayLike | Sequence[ArrayLike]) -> IntArray | tuple[IntArray, ...]:
        """Output codes for real data: exactly the integers that the hardware gives.

        Args:
            data: (samples, *shape); a sequence of such arrays for several inputs.
        Returns:
            (samples, *shape) int64, or a tuple of them for several outputs.
        Raises:
            InputError: wrong shape, or data off the input's grid.
        """
        return _one_or_all(reference.simulate(self.network, reference.encode(self.network, data)))

    def predict(self, data: ArrayLike | Sequence[ArrayLike]) -> NDArray[np.float64] | tuple[NDArray[np.float64], ...]:
        """Output values for real data: ``codes`` times the output's step, in float64; arguments as in ``codes``."""
        codes = reference.simulate(self.network, reference.encode(self.network, data))
        return _one_or_all(reference.decode(self.network, codes))

    def trace(self, data: ArrayLike | Sequence[ArrayLike]) -> Mapping[str, IntArray]:
        """Codes of every value of the network by name, inputs included; arguments as in ``codes``."""
        return reference.trace(self.network, reference.encode(self.network, data))

    def __str__(self) -> str:
        return network_text(self.network)


def _one_or_all(results: tuple[_T, ...]) -> _T | tuple[_T, ...]:
    return results[0] if len(results) == 1 else results


def load(
    path: str | Path,
    weights: str | Path | None = None,
    input_type: InputType = None,
    masks: str | Path | None = None,
) -> Model:
    """Load a trained QKeras model; see ``hwgen.frontend.load_network`` for arguments and errors."""
    return Model(frontend.load_network(path, weights, input_type, masks))
