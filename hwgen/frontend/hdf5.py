"""Opens HDF5 from bytes, and reads what may be damaged in it without taking its word for sizes."""

import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from math import prod
from pathlib import Path
from struct import pack, unpack_from
from typing import Any

import h5py

from hwgen.frontend.damage import reading

HDF5_MAGIC = b"\x89HDF\r\n\x1a\n"


@contextmanager
def open_hdf5(path: Path, content: bytes) -> Iterator[h5py.File]:
    """Open a file's content for reading.

    Args:
        path: for messages.
    """
    with reading(f"{path}: the HDF5 data"):
        _refuse_damaged_structures(content)
        _refuse_damaged_heaps(content)
        file = h5py.File(io.BytesIO(content), "r")
        _refuse_links_to_files(file)
    try:
        yield file
    finally:
        with reading(f"{path}: the HDF5 data"):
            file.close()


_HEAP = b"GCOL\x01\x00\x00\x00"  # signature, version, reserved
_LOCAL_HEAP = b"HEAP\x00\x00\x00\x00"
_CONTINUATION = re.compile(rb"\x10\x00\x10\x00.\x00\x00\x00", re.DOTALL)  # type, size, flags, reserved
_LONGEST_STRING = 1 << 30


def _refuse_damaged_structures(content: bytes) -> None:
    """Find sizes that libhdf5 1.14 takes at their word, and makes room for before it looks whether the file is so long.

    Source: HDF5 file format specification, "Local Heap" and "Object Header Continuation Message".

    Raises:
        ValueError: there is one.
    """
    start = content.find(_LOCAL_HEAP)
    while start >= 0:
        if start + 32 <= len(content):
            size, _, address = unpack_from("<QQQ", content, start + 8)
            if address + size > len(content):
                raise ValueError(f"the heap of names at byte {start} claims {size} bytes")
        start = content.find(_LOCAL_HEAP, start + 1)
    for place in _header_addresses(content):
        if place + 16 <= len(content) and content[place] == 1:
            (size,) = unpack_from("<I", content, place + 8)
            if place + 16 + size > len(content):
                raise ValueError(f"the header at byte {place} claims {size} bytes")
            _refuse_damaged_messages(content, place + 16, place + 16 + size)
    for found in _CONTINUATION.finditer(content):
        if found.end() + 16 <= len(content):
            address, size = unpack_from("<QQ", content, found.end())
            if address < len(content) < address + size:
                raise ValueError(f"the header that goes on at byte {address} claims {size} bytes")


def _refuse_damaged_messages(content: bytes, place: int, end: int) -> None:
    """The messages of a header one after the other: where one says that the header goes on, whether it does."""
    while place + 24 <= end:
        kind, size = unpack_from("<HH", content, place)
        if kind == 0x10:
            address, length = unpack_from("<QQ", content, place + 8)
            if address + length > len(content):
                raise ValueError(f"the header that goes on at byte {address} claims {length} bytes")
        place += 8 + size


def _header_addresses(content: bytes) -> Iterator[int]:
    """Where the headers of groups and arrays are: the root's, and those that nodes of symbols list."""
    if len(content) >= 72 and content[8] == 0:  # superblocks of other versions are not what Keras writes
        yield unpack_from("<Q", content, 64)[0]
    start = content.find(b"SNOD\x01\x00")
    while start >= 0:
        (count,) = unpack_from("<H", content, start + 6) if start + 8 <= len(content) else (0,)
        for entry in range(start + 8, min(start + 8 + 40 * count, len(content) - 15), 40):
            yield unpack_from("<Q", content, entry + 8)[0]
        start = content.find(b"SNOD\x01\x00", start + 1)


def _refuse_damaged_heaps(content: bytes) -> None:
    """Find what libhdf5 1.14 takes at its word in heaps of strings: one without end, or a string longer than memory.

    Source: HDF5 file format specification, "Global Heap" and "Variable-length"; the library's H5HGcache.c.

    Raises:
        ValueError: there is one.
    """
    start = content.find(_HEAP)
    while start >= 0:
        (size,) = unpack_from("<Q", content, start + 8) if start + 16 <= len(content) else (0,)
        end = start + size
        if end > len(content):
            raise ValueError(f"the heap at byte {start} claims {size} bytes")
        place = start + 16
        numbers = set()
        while place + 16 <= end:
            index, _, _, length = unpack_from("<HHIQ", content, place)
            numbers.add(index)
            step = 16 + -(-length // 8) * 8 if index else length
            if step == 0:
                raise ValueError(f"the heap at byte {start} has no end")
            if step > end - place:  # the library's sum wraps around, and it reads the same objects for ever
                raise ValueError(f"an object at byte {place} claims {length} bytes, more than its heap has")
            place += step
        # A string is a length, the heap's address, and a number in that heap: hardly ever anything else looks so.
        address = pack("<Q", start)
        reference = content.find(address, 4, -4)
        while reference >= 0:
            length, _, index = unpack_from("<IQI", content, reference - 4)
            if length > _LONGEST_STRING and index in numbers - {0}:
                raise ValueError(f"a string at byte {reference - 4} claims {length} bytes")
            reference = content.find(address, reference + 1, -4)
        start = content.find(_HEAP, start + 1)


_MOST_LINKS = 100_000


def _refuse_links_to_files(file: h5py.File) -> None:
    """A link to another file would have libhdf5 open whatever path stands there.

    Raises:
        ValueError: there is one.
    """
    waiting, seen, count = [file.id], {h5py.h5o.get_info(file.id).addr}, 0
    while waiting:  # not libhdf5's own visit, which calls itself for each level
        group = waiting.pop()
        for name in group:
            count += 1
            kind = group.links.get_info(name).type
            if kind == h5py.h5l.TYPE_EXTERNAL or count > _MOST_LINKS:
                what = "is a link to another file" if count <= _MOST_LINKS else f"is one of over {_MOST_LINKS} links"
                raise ValueError(f"{name.decode(errors='replace')[:80]!r} {what}")
            if kind != h5py.h5l.TYPE_HARD:
                continue
            info = h5py.h5o.get_info(group, name)
            if info.type == h5py.h5o.TYPE_GROUP and info.addr not in seen:
                seen.add(info.addr)
                waiting.append(h5py.h5g.open(group, name))


_MOST_CHUNKS = 1 << 16
_FILTERS = {h5py.h5z.FILTER_DEFLATE: 1032, h5py.h5z.FILTER_SHUFFLE: 1, h5py.h5z.FILTER_FLETCHER32: 1}  # growth at most
_LARGEST_CHUNK = 1 << 28


def refuse_unusual_storage(dataset: h5py.Dataset, size: int) -> None:
    """Look how an array is stored before libhdf5 makes room for it, or looks for it in other files.

    Args:
        size: of the file in bytes.
    Raises:
        ValueError: it is in other files, or packed in a way that Keras has no part in, or a part of it would unpack to
            more than memory.
    """
    properties = dataset.id.get_create_plist()
    if dataset.external or dataset.is_virtual:
        raise ValueError("its values are in other files")
    if dataset.chunks is None:
        return
    if prod(dataset.chunks) * dataset.dtype.itemsize > _LARGEST_CHUNK:
        raise ValueError(f"it is stored in pieces of {dataset.chunks}")
    chunks = prod(-(-length // piece) for length, piece in zip(dataset.shape, dataset.chunks, strict=True))
    if chunks > _MOST_CHUNKS:
        raise ValueError(f"it is stored in {chunks} pieces")
    growth = 1
    for number in range(properties.get_nfilters()):
        code = properties.get_filter(number)[0]
        if code not in _FILTERS:
            raise ValueError(f"it is packed by filter {code}; save it without compression")
        growth *= _FILTERS[code]

    def visit(chunk: Any) -> str | None:
        return f"a piece of {chunk.size} bytes is packed" if chunk.size * growth > 4 * _LARGEST_CHUNK else None

    large = dataset.id.chunk_iter(visit) if growth > 1 and size * growth > 4 * _LARGEST_CHUNK else None
    if large is not None:
        raise ValueError(f"{large}; save it without compression")


def attribute(item: Any, key: str, size: int) -> Any:
    """An attribute, or None where there is none; h5py's own errors pass through.

    Args:
        size: of the file in bytes, which no attribute exceeds.
    Raises:
        ValueError: it claims to be larger than the file.
    """
    if key not in item.attrs:
        return None
    stored = item.attrs.get_id(key)
    claimed = prod(stored.shape or ()) * stored.dtype.itemsize
    if claimed > 8 * size + 1024:  # a string's place in memory, 16 bytes, is larger than a short string in the file
        raise ValueError(f"attribute {key!r} claims {claimed} bytes")
    return item.attrs[key]
