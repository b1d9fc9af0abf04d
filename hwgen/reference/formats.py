"""The number formats that carry codes: the cheapest in which arithmetic on them is exact."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Codes = NDArray[Any]  # integers, held as float32, float64 or int64


def number_format(magnitude: float) -> np.dtype[Any]:
    """The cheapest format in which sums up to this magnitude are exact in any order."""
    if magnitude < 2.0**24:
        return np.dtype(np.float32)
    return np.dtype(np.float64 if magnitude < 2.0**53 else np.int64)
