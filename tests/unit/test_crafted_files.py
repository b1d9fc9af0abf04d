"""Files that were made to lie: about sizes, about where values are, about what they unpack to."""

import json
import re
import zipfile
from collections.abc import Callable
from pathlib import Path
from struct import pack, pack_into, unpack_from
from typing import Any

import h5py
import numpy as np
import pytest
from oracle.keras_files import dense, functional, input_layer, layer, sequential, write_h5
from oracle.one_layer_models import MODELS, message

import hwgen
from hwgen.errors import HwgenError

LAYERS = [input_layer("data", (12,)), dense("fc", np.zeros((12, 4)), None)]
KERNEL = "model_weights/fc/fc/kernel:0"


def refusal(path: Path, weights: Path | None = None) -> str:
    with pytest.raises(HwgenError) as caught:
        hwgen.load(path, weights, input_type="fixed<8,3>")
    return str(caught.value)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    write_h5(tmp_path / "model.h5", sequential(LAYERS), LAYERS)
    return tmp_path / "model.h5"


# ---- how an array is stored


def _external(file: h5py.File) -> None:
    file.create_dataset(KERNEL, shape=(12, 4), dtype="f4", external=[("/dev/zero", 0, h5py.h5f.UNLIMITED)])


def _virtual(file: h5py.File) -> None:
    layout = h5py.VirtualLayout(shape=(12, 4), dtype="f4")
    layout[...] = h5py.VirtualSource("other.h5", "kernel", shape=(12, 4))
    file.create_virtual_dataset(KERNEL, layout)


def _large_pieces(file: h5py.File) -> None:
    file.create_dataset(KERNEL, shape=(12, 4), dtype="f4", chunks=(1 << 26, 4), maxshape=(None, 4))


def _many_pieces(file: h5py.File) -> None:
    file.create_dataset(KERNEL, shape=(1 << 17, 4), dtype="f4", chunks=(1, 4))


def _packed(file: h5py.File) -> None:
    file.create_dataset(KERNEL, data=np.zeros((12, 4), "f4"), compression="lzf")


@pytest.mark.parametrize(
    ("store", "why"),
    [
        (_external, "its values are in other files"),
        (_virtual, "its values are in other files"),
        (_large_pieces, "it is stored in pieces of (67108864, 4)"),
        (_many_pieces, "it is stored in 131072 pieces"),
        (_packed, "it is packed by filter 32000; save it without compression"),
    ],
)
def test_an_array_that_is_stored_as_keras_never_does_is_refused(
    store: Callable[[h5py.File], None], why: str, path: Path
) -> None:
    with h5py.File(path, "r+") as file:
        del file[KERNEL]
        store(file)
    assert refusal(path) == f"{path}: weight 'kernel' of layer 'fc' is damaged or cut short ({why})."


def test_arrays_packed_by_deflate_are_read(path: Path) -> None:
    kernel = np.arange(48, dtype="f4").reshape(12, 4) / 64
    with h5py.File(path, "r+") as file:
        del file[KERNEL]
        file.create_dataset(KERNEL, data=kernel, compression="gzip", shuffle=True, fletcher32=True)
    (made,) = hwgen.load(path, input_type="fixed<8,3>").network.layers
    assert made.weight.dense().any()  # type: ignore[union-attr]


def test_a_piece_that_unpacks_to_more_than_memory_is_refused(path: Path) -> None:
    """Deflate makes a thousandth of zeros; libhdf5 goes on unpacking whatever the piece should hold."""
    with h5py.File(path, "r+") as file:
        del file[KERNEL]
        made = file.create_dataset(KERNEL, shape=(1 << 20,), dtype="f4", chunks=(1 << 20,), compression="gzip")
        made.id.write_direct_chunk((0,), bytes(2 << 20))
    assert refusal(path) == (
        f"{path}: weight 'kernel' of layer 'fc' is damaged or cut short "
        f"(a piece of 2097152 bytes is packed; save it without compression)."
    )


def test_weights_that_unpack_to_more_than_memory_together_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hwgen.frontend.stored_weights._MOST_UNPACKED", 1 << 20)
    layers = [input_layer("data", (12,)), *(dense(f"fc{n}", np.zeros((12, 4)), None) for n in range(9))]
    path = tmp_path / "model.h5"
    write_h5(path, sequential(layers), layers)
    with h5py.File(path, "r+") as file:
        for number in range(9):  # 2**17 values each, of which nothing is stored, for they are all the same
            name = f"model_weights/fc{number}/fc{number}/kernel:0"
            del file[name]
            file.create_dataset(name, shape=(1 << 17,), dtype="f4", chunks=(1 << 17,), compression="gzip")
    size = path.stat().st_size
    assert refusal(path) == (
        f"{path}: weight 'kernel' of layer 'fc8' is one weight too many: this file of {size} bytes unpacks to more "
        f"than 1048576 values; save it without compression."
    )


# ---- links


@pytest.mark.parametrize("place", ["model_weights", "model_weights/fc", KERNEL])
def test_a_link_to_another_file_is_refused(place: str, path: Path) -> None:
    with h5py.File(path, "r+") as file:
        del file[place]
        file[place] = h5py.ExternalLink("/dev/zero", "/")
    name = place.rsplit("/", 1)[-1]
    assert refusal(path) == f"{path}: the HDF5 data is damaged or cut short ({name!r} is a link to another file)."


def test_a_group_that_holds_itself_is_read(path: Path) -> None:
    with h5py.File(path, "r+") as file:
        file["model_weights/round"] = file["/"]
    assert hwgen.load(path, input_type="fixed<8,3>")


# ---- sizes in headers


def _changed(path: Path, change: Callable[[bytearray], str]) -> str:
    content = bytearray(path.read_bytes())
    why = change(content)
    path.write_bytes(content)
    return f"{path}: the HDF5 data is damaged or cut short ({why})."


def test_an_object_larger_than_its_heap_is_refused(path: Path) -> None:
    """libhdf5 1.14 adds its size to a place, wraps around, and reads the same objects for ever."""

    def change(content: bytearray) -> str:
        place = content.index(b"GCOL") + 16
        pack_into("<Q", content, place + 8, 2**64 - 8)
        return f"an object at byte {place} claims {2**64 - 8} bytes, more than its heap has"

    expected = _changed(path, change)
    assert refusal(path) == expected


def test_a_heap_of_strings_larger_than_the_file_is_refused(path: Path) -> None:
    def change(content: bytearray) -> str:
        place = content.index(b"GCOL")
        pack_into("<Q", content, place + 8, 1 << 31)
        return f"the heap at byte {place} claims {1 << 31} bytes"

    expected = _changed(path, change)
    assert refusal(path) == expected


def test_a_heap_of_names_larger_than_the_file_is_refused(path: Path) -> None:
    """libhdf5 1.14 makes room for it before it looks where the file ends."""

    def change(content: bytearray) -> str:
        place = content.index(b"HEAP")
        pack_into("<Q", content, place + 8, 1 << 31)
        return f"the heap of names at byte {place} claims {1 << 31} bytes"

    expected = _changed(path, change)
    assert refusal(path) == expected


def test_a_header_that_goes_on_beyond_the_file_is_refused(path: Path) -> None:
    """As with names: 200 GiB were asked for."""

    def change(content: bytearray) -> str:
        place = content.index(b"\x10\x00\x10\x00\x00\x00\x00\x00") + 8
        pack_into("<Q", content, place + 8, 0x34_0000_0001)
        return f"the header that goes on at byte {unpack_from('<Q', content, place)[0]} claims 223338299393 bytes"

    expected = _changed(path, change)
    assert refusal(path) == expected


def test_a_header_larger_than_the_file_is_refused(path: Path) -> None:
    def change(content: bytearray) -> str:
        place = unpack_from("<Q", content, 64)[0]  # of the root's header
        pack_into("<I", content, place + 8, (1 << 31) + 8)
        return f"the header at byte {place} claims {(1 << 31) + 8} bytes"

    expected = _changed(path, change)
    assert refusal(path) == expected


def test_a_header_in_a_group_larger_than_the_file_is_refused(path: Path) -> None:
    def change(content: bytearray) -> str:
        place = unpack_from("<Q", content, content.index(b"SNOD") + 16)[0]
        pack_into("<I", content, place + 8, (1 << 31) + 8)
        return f"the header at byte {place} claims {(1 << 31) + 8} bytes"

    expected = _changed(path, change)
    assert refusal(path) == expected


# ---- architectures


def _architecture(tmp_path: Path, architecture: Any) -> Path:
    path = tmp_path / "model.json"
    path.write_text(json.dumps(architecture))
    write_h5(tmp_path / "weights.h5", "{}", [])
    return path


def test_an_architecture_that_is_too_long_is_refused(tmp_path: Path) -> None:
    path = _architecture(tmp_path, {"class_name": "x" * (1 << 24), "config": {}})
    size = path.stat().st_size
    assert refusal(path, tmp_path / "weights.h5") == (
        f"{path}: the architecture takes {size} bytes; hwgen reads up to 16777216, and Keras's take about a thousand "
        f"a layer."
    )


def test_an_architecture_of_too_many_layers_is_refused(tmp_path: Path) -> None:
    layers = [input_layer("data", (4,)), *(layer("ReLU", f"r{number}") for number in range(5000))]
    path = _architecture(tmp_path, functional(layers))
    assert refusal(path, tmp_path / "weights.h5") == (
        f"{path}: the architecture has more than 5000 layers; hwgen reads no more."
    )


@pytest.mark.parametrize("key", ["name", "class_name"])
def test_a_name_that_is_too_long_is_refused(key: str, tmp_path: Path) -> None:
    architecture = functional([input_layer("data", (4,)), layer("ReLU", "it")])
    architecture["config"]["layers"][1][key] = "x" * 1001
    name = "x" * 80 if key == "name" else "it"
    path = _architecture(tmp_path, architecture)
    assert refusal(path, tmp_path / "weights.h5") == (
        f"{path}: layer {name!r}: its name or class takes over 1000 characters."
    )


def test_what_an_option_holds_is_shortened_in_the_message(tmp_path: Path) -> None:
    layers = [entry.changed(units="x" * 100_000) if entry.name == "it" else entry for entry in MODELS["QDense"]]
    told = message(tmp_path, layers)
    assert re.fullmatch(r"layer 'it' \(QDense\): units must be one whole number, got 'x{250,}…x{250,}'\.", told)


# ---- zips


def _zip(path: Path, parts: dict[str, bytes]) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)


def test_a_zip_that_unpacks_to_more_than_memory_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hwgen.frontend.zips._MOST_UNPACKED", 1 << 20)
    path = tmp_path / "model.keras"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive, archive.open("config.json", "w") as member:
        member.write(bytes(2 << 20))
    most = path.stat().st_size + (1 << 20)
    assert refusal(path) == (
        f"{path}: the .keras zip is damaged or cut short ('config.json' unpacks to more than {most} bytes)."
    )


def _mask(shape: str, kind: str = "|b1", version: int = 1) -> bytes:
    header = f"{{'descr': '{kind}', 'fortran_order': False, 'shape': ({shape},), }}".encode()
    return b"\x93NUMPY" + bytes([version, 0]) + pack("<H", len(header)) + header + bytes(12)


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (_mask(str(1 << 40)), f"'it.npy' claims shape ({1 << 40},) of bool, which its 91 bytes do not hold"),
        (_mask("12", "|O"), "'it.npy' claims shape (12,) of object, which its 79 bytes do not hold"),
        (_mask("12", version=9), "'it.npy' is of version (9, 0) of NumPy's format"),
    ],
)
def test_a_mask_whose_header_lies_is_refused(content: bytes, why: str, tmp_path: Path) -> None:
    masks = tmp_path / "masks.npz"
    _zip(masks, {"it.npy": content})
    assert message(tmp_path, MODELS["QDense"]) == f"{masks}: the file of masks is damaged or cut short ({why})."


def test_a_mask_whose_header_is_no_python_is_refused(tmp_path: Path) -> None:
    masks = tmp_path / "masks.npz"
    _zip(masks, {"it.npy": b"\x93NUMPY\x01\x00" + pack("<H", 9000) + b"(" * 9000})
    assert message(tmp_path, MODELS["QDense"]).startswith(f"{masks}: the file of masks is damaged or cut short (")
