"""Reads arrays that a command is given as files."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwgen.errors import InputError


def read_array(path: Path) -> NDArray[Any]:
    """Read a .npy file.

    Raises:
        InputError: missing, or no array.
    """
    try:
        array = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise InputError(f"{path}: a NumPy array (.npy) was expected ({error}).") from error
    if not isinstance(array, np.ndarray):
        raise InputError(f"{path}: a .npy file with one array was expected, this is an archive of several.")
    return array
