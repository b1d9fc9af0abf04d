"""Unpacks members of zip files without taking their word for sizes."""

import io
import zipfile
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

ZIP_MAGIC = b"PK"
_MOST_UNPACKED = 1 << 28  # bytes beyond those of the zip itself: Keras and NumPy store without packing


def unpacked(archive: zipfile.ZipFile, name: str, size: int) -> bytes:
    """One member's content.

    Args:
        size: of the zip in bytes.
    Raises:
        ValueError: it unpacks to much more than the zip.
    """
    most = size + _MOST_UNPACKED
    claimed = archive.getinfo(name).file_size
    content = b""
    if claimed <= most:
        with archive.open(name) as member:
            content = member.read(most + 1)
    if max(claimed, len(content)) > most:
        raise ValueError(f"{name[:80]!r} unpacks to more than {most} bytes")
    return content


def read_arrays(content: bytes) -> dict[str, NDArray[Any]]:
    """The arrays of an ``.npz`` file by name.

    Raises:
        ValueError: an array's header claims other sizes than its data has, or they unpack to much more than the zip;
            other errors are those of zipfile and NumPy.
    """
    arrays: dict[str, NDArray[Any]] = {}
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        left = len(content) + _MOST_UNPACKED
        for name in archive.namelist():
            data = unpacked(archive, name, len(content))
            left -= len(data)
            if left < 0:
                raise ValueError(f"its arrays unpack to more than {len(content) + _MOST_UNPACKED} bytes")
            arrays[name.removesuffix(".npy")] = array_in(name, data)
    return arrays


def array_in(name: str, data: bytes) -> NDArray[Any]:
    """The array of an ``.npy`` file.

    Raises:
        ValueError: as ``read_arrays``.
    """
    stream = io.BytesIO(data)
    version = np.lib.format.read_magic(stream)
    headers = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
    if version not in headers:
        raise ValueError(f"{name[:80]!r} is of version {version} of NumPy's format")
    shape, _, kind = headers[version](stream)
    if kind.hasobject or prod(shape) * kind.itemsize != len(data) - stream.tell():
        raise ValueError(f"{name[:80]!r} claims shape {shape} of {kind}, which its {len(data)} bytes do not hold")
    stream.seek(0)
    loaded: NDArray[Any] = np.load(stream, allow_pickle=False)
    return loaded
