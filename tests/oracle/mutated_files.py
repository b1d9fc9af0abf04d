"""Model files with something wrong in them, one for each seed: bytes, JSON trees, HDF5 structures, zip members.

What is changed: single bytes and whole regions, sizes and addresses in headers, places in the architecture, attributes,
shapes, types and storage of weights, links, members of zips, and masks. Nothing here knows what a reader does with it.
"""

import copy
import io
import json
import zipfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from struct import pack, pack_into
from tempfile import TemporaryDirectory
from typing import Any

import h5py
import numpy as np

from oracle.file_forms import FORMS
from oracle.keras_files import (
    KerasLayer,
    Source,
    activation,
    batch_norm,
    conv_batchnorm,
    dense,
    each_step,
    input_layer,
    layer,
    model,
    pruned,
    quantized_bits,
)

Random = np.random.Generator


@dataclass(frozen=True)
class MutatedFiles:
    """The files of one model.

    Attributes:
        files: name to content; the model is ``model.*``, its separate weights ``weights.h5``.
        what: what was done to it.
    """

    files: Mapping[str, bytes]
    what: str

    def write(self, folder: Path) -> tuple[Path, Path | None]:
        """Write the files into an empty folder.

        Returns:
            The model, and its separate weights.
        """
        for name, content in self.files.items():
            (folder / name).write_bytes(content)
        (path,) = (folder / name for name in self.files if name.startswith("model."))
        return path, folder / "weights.h5" if "weights.h5" in self.files else None


def mutated(seed: int) -> MutatedFiles:
    """The files of a seed: always the same."""
    random = np.random.default_rng([seed, 20])
    sources = _sources()
    name = sorted(sources)[seed % len(sources)]
    files = dict(sources[name])
    done = [name]
    for _ in range(int(random.choice([1, 1, 1, 2, 3]))):
        target = sorted(files)[int(random.integers(len(files)))]
        mutations = _mutations(target)
        mutation = mutations[int(random.integers(len(mutations)))]
        try:
            files[target] = mutation(files[target], random)
        except Exception:  # the file is damaged already, so that h5py, json or zipfile cannot change it further
            files[target] = _bytes(files[target], random)
        done.append(f"{target}: {getattr(mutation, '__name__', 'in the zip').strip('_')}")
    return MutatedFiles(files, "; ".join(done))


# ---- what is mutated


@cache
def _sources() -> Mapping[str, Mapping[str, bytes]]:
    """Models by name: file name to content."""
    found: dict[str, dict[str, bytes]] = {}
    with TemporaryDirectory() as folder:
        for kind, (layers, ends) in _models().items():
            for form, write in FORMS.items():
                if kind == "pruned" and "Keras 3" in form:
                    continue
                path, weights = write(Path(folder), layers, ends)
                files = {path.name: path.read_bytes()}
                if weights is not None:
                    files["weights.h5"] = weights.read_bytes()
                if kind == "flat":
                    files["masks.npz"] = _masks()
                found[f"{kind}, {form}"] = files
    return found


def _models() -> Mapping[str, tuple[list[KerasLayer], list[Source] | None]]:
    """One of each way in which layers stand together: layers, and ends where they are not in sequence."""
    random = np.random.default_rng(1)

    def kernel(*shape: int) -> np.ndarray:
        return random.integers(-31, 32, shape) / 32

    def norm(channels: int) -> dict[str, np.ndarray]:
        names = ("gamma", "beta", "moving_mean", "moving_variance")
        return {name: random.uniform(0.5, 2, channels) for name in names}

    flat = [
        input_layer("data", (4, 4, 2)),
        activation("pixels", quantized_bits(8, 2)),
        conv_batchnorm("conv", kernel(2, 2, 2, 3), kernel(3), norm(3)),
        activation("relu", "quantized_relu(6,2)"),
        layer("MaxPooling2D", "pool", pool_size=[2, 2], strides=[1, 1], padding="valid"),
        layer("Flatten", "flatten"),
        dense("hidden", kernel(12, 4), kernel(4)),
        batch_norm("norm", norm(4)),
        activation("bits", quantized_bits(6, 2)),
        dense("scores", kernel(4, 3), None, bias_quantizer=None),
        layer("Activation", "softmax", activation="softmax"),
    ]
    body = [
        input_layer("in", (4,)),
        input_layer("in2", (4,)),
        replace(dense("fc", kernel(4, 4), kernel(4)), calls=(("in",), ("in2",))),
        replace(activation("bits", "quantized_relu(4,1)"), sources=(("fc", 1, 0),)),
    ]
    twice: Any = (("data", "more"), (("pair", 0, 1), "more"))
    nested = [
        input_layer("data", (4,)),
        input_layer("more", (4,)),
        model("pair", body, [("fc", 0, 0), "bits"], calls=twice),
        replace(dense("head", kernel(4, 3), None), sources=(("pair", 1, 1),)),
    ]
    steps = [
        input_layer("data", (5, 4)),
        each_step("steps", model("body", [input_layer("in", (4,)), dense("fc", kernel(4, 3), None)], sequential=True)),
    ]
    wrapped = pruned(flat[:1] + flat[5:9], {})
    wrapped[0] = input_layer("data", (2, 2, 3))
    return {
        "flat": (flat, None),
        "nested": (nested, [("pair", 0, 0), "head"]),
        "steps": (steps, None),
        "pruned": (wrapped, None),
    }


def _masks() -> bytes:
    stream = io.BytesIO()
    np.savez(stream, hidden=np.ones((12, 4), dtype=bool), conv=np.ones((2, 2, 2, 3), dtype=bool))
    return stream.getvalue()


def _mutations(name: str) -> list[Callable[[bytes, Random], bytes]]:
    plain = [_bytes, _bytes, _numbers, _region, _cut]
    match Path(name).suffix:
        case ".json":
            return [*plain, *[_tree] * 10]
        case ".npz":
            return [*plain, _numbers, _member, _other_masks, _other_masks]
        case ".keras":
            inner = [_in_member("model.weights.h5", change) for change in (*_HDF5, _bytes, _numbers, _shapes)]
            return [*plain, *[_in_member("config.json", _tree)] * 8, _in_member("config.json", _bytes), _member, *inner]
        case _:
            return [*plain, *[_shapes] * 3, *[_stored_tree] * 6, *_HDF5]


# ---- bytes

_ODD_NUMBERS = (0, 1, 7, 2**15, 2**16 - 1, 2**20, 2**31 - 1, 2**31, 2**32 - 1, 2**40, 2**48, 2**62, 2**63, 2**64 - 1)


def _bytes(content: bytes, random: Random) -> bytes:
    changed = bytearray(content)
    for _ in range(int(random.choice([1, 1, 2, 8, 64]))):
        if changed:
            changed[int(random.integers(len(changed)))] = int(random.integers(256))
    return bytes(changed)


def _numbers(content: bytes, random: Random) -> bytes:
    """Sizes, addresses and counts, which formats align."""
    changed = bytearray(content)
    form, size = [("<Q", 8), ("<I", 4), ("<H", 2)][int(random.integers(3))]
    for _ in range(int(random.choice([1, 1, 2, 4]))):
        if len(changed) >= 8:
            place = int(random.integers(len(changed) // size)) * size
            pack_into(form, changed, place, _ODD_NUMBERS[int(random.integers(len(_ODD_NUMBERS)))] % 2 ** (8 * size))
    return bytes(changed)


def _region(content: bytes, random: Random) -> bytes:
    first, second = sorted(int(place) for place in random.integers(0, len(content) + 1, 2))
    second = min(second, first + int(random.choice([4, 64, 4096])))
    piece = content[first:second]
    choices = [bytes(len(piece)), b"\xff" * len(piece), b"", piece * 2, piece[::-1], random.bytes(len(piece))]
    return content[:first] + choices[int(random.integers(len(choices)))] + content[second:]


def _cut(content: bytes, random: Random) -> bytes:
    return content[: int(random.integers(len(content) + 1))]


def _shapes(content: bytes, random: Random) -> bytes:
    """The shapes in the headers of datasets, where they stand as two numbers of eight bytes."""
    changed = bytearray(content)
    for rows, columns in ((4, 4), (4, 3), (12, 4), (2, 2)):
        place = changed.find(pack("<QQ", rows, columns))
        while place >= 0 and random.random() < 0.8:
            number = _ODD_NUMBERS[int(random.integers(len(_ODD_NUMBERS)))]
            pack_into("<Q", changed, place + 8 * int(random.integers(2)), number)
            place = changed.find(pack("<QQ", rows, columns), place + 1)
    return bytes(changed)


# ---- the architecture

_JUNK: tuple[Any, ...] = (
    *(None, True, False, -1, 0, 1, 2, 3, 1 << 24, 1 << 40, 2**70, 10**400, 1e300, -0.0, float("nan"), float("inf")),
    *("", "x", "relu", "linear", "softmax", "Functional", "Sequential", "TimeDistributed", "InputLayer", "QLSTM"),
    *("data", "fc", "pair", "quantized_bits(4,0)", "quantized_bits(" * 50, "f(" + "[" * 5000, "f(" + "-" * 5000 + "1)"),
    *("quantized_bits(4," + "9" * 5000 + ")", "\0", "\ud800", "a/b", "../..", "x" * 100_000),
    *([], {}, [[]], [None], [1, 2], {"a": 1}, ["data", 0, 0], ["data", 1, 0], ["pair", 1, 1], [[["data", 0, 0, {}]]]),
    *({"class_name": "quantized_bits", "config": {}}, {"class_name": 3, "config": 4}),
)


def _tree(content: bytes, random: Random) -> bytes:
    tree = json.loads(content)
    for _ in range(int(random.choice([1, 1, 2, 4]))):
        tree = _changed_tree(tree, random)
    return json.dumps(tree).encode()


def _places(value: Any, place: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield place
    for key in value if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ():
        yield from _places(value[key], (*place, key))


def _at(value: Any, place: tuple[Any, ...]) -> Any:
    for key in place:
        value = value[key]
    return value


def _changed_tree(tree: Any, random: Random) -> Any:
    places = list(_places(tree))[1:]
    if not places:
        return _JUNK[int(random.integers(len(_JUNK)))]
    tree = copy.deepcopy(tree)
    *above, key = places[int(random.integers(len(places)))]
    holder = _at(tree, tuple(above))
    other = _at(tree, places[int(random.integers(len(places)))])
    match int(random.integers(8)):
        case 0 | 1 | 2:
            holder[key] = _JUNK[int(random.integers(len(_JUNK)))]
        case 3:
            del holder[key]
        case 4:  # a tree of its own, not a tree that holds itself
            holder[key] = copy.deepcopy(other)
        case 5 if isinstance(holder, list):
            holder.extend(copy.deepcopy(holder[key]) for _ in range(int(random.choice([1, 2, 300]))))
        case 6 if isinstance(holder, list):
            random.shuffle(holder)
        case 6 if isinstance(holder, dict):
            holder[str(random.choice(["alpha", "units", "axis", "dtype", "groups", "odd"]))] = 3
        case 7:
            for _ in range(int(random.choice([3, 30, 400]))):
                holder[key] = [holder[key]] if random.random() < 0.5 else {"layers": holder[key]}
        case _:
            holder[key] = int(random.integers(-(2**31), 2**31))
    return tree


# ---- HDF5


def _changed_file(content: bytes, change: Callable[[h5py.File], None]) -> bytes:
    stream = io.BytesIO(content)
    with h5py.File(stream, "r+") as file:
        change(file)
    return stream.getvalue()


def _stored_tree(content: bytes, random: Random) -> bytes:
    """The architecture of a whole model; weights alone are changed elsewhere."""

    def change(file: h5py.File) -> None:
        if "model_config" in file.attrs:
            text = file.attrs["model_config"]
            made = _tree(text.encode() if isinstance(text, str) else text, random)
            if len(made) > 60_000 and random.random() < 0.9:  # too long for an attribute, which h5py refuses
                made = made[:60_000]
            file.attrs["model_config"] = made.decode()
        else:
            file.attrs["model_config"] = "{}"

    return _changed_file(content, change)


def _items(file: h5py.File, kind: type) -> list[Any]:
    found: list[Any] = []
    file.visititems(lambda name, item: found.append(item) if isinstance(item, kind) else None)
    return found


def _attribute(content: bytes, random: Random) -> bytes:
    odd: list[Any] = [
        *(3, -1, 2.5, "text", b"\xff\xfe", np.array([], dtype="f4"), h5py.Empty("f4"), np.zeros(500), np.zeros((3, 3))),
        *(np.array([b"hidden", b"hidden"]), np.array([b"nobody"]), np.array([b"\xff\xff"]), ["data", "fc", "pair"]),
        *(
            np.array([b"a/kernel:0", b"../../kernel:0"]),
            np.array([b"/", b".", b""]),
            np.array([b"pair/fc/kernel:0"] * 9),
        ),
        np.zeros(3, dtype=[("a", "f4"), ("b", "i8")]),
    ]

    def change(file: h5py.File) -> None:
        places = [(item, key) for item in (file, *_items(file, h5py.Group)) for key in item.attrs]
        item, key = places[int(random.integers(len(places)))]
        if random.random() < 0.2:
            del item.attrs[key]
        else:
            item.attrs[key] = odd[int(random.integers(len(odd)))]
        if random.random() < 0.1:
            for number in range(20):
                item.attrs[f"{key}{number}"] = odd[int(random.integers(len(odd)))]

    return _changed_file(content, change)


def _dataset(content: bytes, random: Random) -> bytes:
    """Another array in the place of one: another shape, type or way of storage."""

    def change(file: h5py.File) -> None:
        items = _items(file, h5py.Dataset)
        item = items[int(random.integers(len(items)))]
        holder, name = item.parent, item.name.rsplit("/", 1)[-1]
        shape, data = item.shape, item[()]
        del holder[name]
        large = int(random.choice([1 << 20, 1 << 27, 1 << 33, 1 << 50]))
        match int(random.integers(14)):
            case 0:
                holder.create_dataset(name, shape=(large,), dtype="f4")
            case 1:
                holder.create_dataset(name, shape=(large, *shape), dtype="f4", chunks=(1, *shape))
            case 2:  # a bomb, if a small one: deflate makes a thousandth of zeros
                holder.create_dataset(name, data=np.zeros((1 << 20,), "f4"), compression="gzip", chunks=(1 << 20,))
            case 3:
                holder.create_dataset(name, data=data, compression=str(random.choice(["gzip", "lzf"])), shuffle=True)
            case 4:
                holder.create_dataset(name, shape=(1 << 30,), chunks=(1 << 29,), dtype="f4", compression="gzip")
            case 5:
                target = str(random.choice(["/dev/zero", "/dev/stdin", "/etc/hostname", "nothing", "/"]))
                holder.create_dataset(name, shape=shape, dtype="f4", external=[(target, 0, h5py.h5f.UNLIMITED)])
            case 6:
                layout = h5py.VirtualLayout(shape=shape, dtype="f4")
                if shape:
                    source = str(random.choice([".", "/dev/zero", "nothing.h5"]))
                    layout[...] = h5py.VirtualSource(source, item.name, shape=shape)
                holder.create_virtual_dataset(name, layout)
            case 7:
                holder[name] = h5py.Empty("f4")
            case 8:
                kinds = ["f2", "f8", "i4", "u8", "c8", "S4", "V8", ">f4", "?"]
                holder.create_dataset(name, shape=shape, dtype=str(random.choice(kinds)))
            case 9:
                holder.create_dataset(name, data=["text"] * 3, dtype=h5py.string_dtype())
            case 10:
                holder.create_dataset(name, shape=shape, dtype=np.dtype([("a", "f4"), ("b", "f4", (1 << 20,))]))
            case 11:
                holder.create_dataset(name, shape=(*shape[::-1], 1), dtype="f4", maxshape=(None,) * (len(shape) + 1))
            case 12:
                holder.create_group(name)
            case _:
                odd = np.array([np.nan, np.inf, -np.inf, 3e38, 1e-45, -0.0, 1.5], dtype="f4")
                holder.create_dataset(name, data=odd[random.integers(0, 7, shape)])

    return _changed_file(content, change)


def _link(content: bytes, random: Random) -> bytes:
    """A link in the place of a group or an array."""

    def change(file: h5py.File) -> None:
        items = _items(file, h5py.Group) + _items(file, h5py.Dataset)
        item = items[int(random.integers(len(items)))]
        other = items[int(random.integers(len(items)))]
        holder, name = item.parent, item.name.rsplit("/", 1)[-1]
        targets = ["/", item.name, other.name, "nowhere", ".", "/model_weights", "/layers"]
        links = [
            h5py.SoftLink(targets[int(random.integers(len(targets)))]),
            h5py.ExternalLink(str(random.choice(["/dev/zero", "/dev/stdin", "nothing.h5", "model.h5"])), "/"),
            file["/"],
            other,
        ]
        del holder[name]
        holder[name] = links[int(random.integers(len(links)))]

    return _changed_file(content, change)


def _removed(content: bytes, random: Random) -> bytes:
    def change(file: h5py.File) -> None:
        items = _items(file, h5py.Group) + _items(file, h5py.Dataset)
        item = items[int(random.integers(len(items)))]
        holder, name = item.parent, item.name.rsplit("/", 1)[-1]
        if random.random() < 0.5:
            file.copy(item, holder, f"{name}_{int(random.integers(3))}")
        del holder[name]

    return _changed_file(content, change)


_HDF5: tuple[Callable[[bytes, Random], bytes], ...] = (*[_dataset] * 4, *[_link] * 2, *[_attribute] * 3, _removed)


# ---- zips


def _in_member(name: str, change: Callable[[bytes, Random], bytes]) -> Callable[[bytes, Random], bytes]:
    """One member of a zip changed, and its checksum with it."""

    def changed(content: bytes, random: Random) -> bytes:
        with zipfile.ZipFile(io.BytesIO(content)) as source:
            parts = {part: source.read(part) for part in source.namelist()}
        parts[name] = change(parts[name], random)
        return _zipped(parts, zipfile.ZIP_STORED)

    changed.__name__ = f"{name}{change.__name__}"
    return changed


def _zipped(parts: Mapping[str, bytes], method: int) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", method) as target:
        for name, content in parts.items():
            target.writestr(name, content)
    return stream.getvalue()


def _member(content: bytes, random: Random) -> bytes:
    """Members that are missing, packed, renamed, or unpack to far more than the zip."""
    with zipfile.ZipFile(io.BytesIO(content)) as source:
        parts = {part: source.read(part) for part in source.namelist()}
    names = sorted(parts)
    name = names[int(random.integers(len(names)))]
    method = int(random.choice([zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA]))
    match int(random.integers(6)):
        case 0:
            del parts[name]
        case 1:
            parts[name] = b""
        case 2:
            parts[name] += bytes(1 << int(random.choice([20, 24, 26])))
            method = zipfile.ZIP_DEFLATED
        case 3:
            parts[names[-1]], parts[names[0]] = parts[names[0]], parts[names[-1]]
        case 4:
            parts["../" + name] = parts.pop(name)
        case _:
            packed = bytearray(_zipped(parts, method))
            for signature, place in ((b"PK\x01\x02", 24), (b"PK\x03\x04", 22)):  # the size when unpacked
                start = packed.find(signature)
                pack_into("<I", packed, start + place, int(random.choice([0, 1, 2**31, 2**32 - 2])))
            return bytes(packed)
    return _zipped(parts, method)


def _other_masks(content: bytes, random: Random) -> bytes:
    """Arrays whose headers claim what their data does not hold, or that are no masks."""
    shape = [str(2**40), "-1", "1," * 40 + "1", "12,4", f"{2**31},{2**31}", "10**9", ""][int(random.integers(7))]
    kind = str(random.choice(["|b1", "<f8", "|O", "<U1000000", "|V99999999", "x"]))
    header = f"{{'descr': '{kind}', 'fortran_order': False, 'shape': ({shape},), }}"
    if random.random() < 0.2:
        header = "(" * 5000
    text = header.encode()
    version = int(random.choice([1, 1, 1, 2, 3, 9]))
    length = pack("<H" if version == 1 else "<I", min(len(text), 2**16 - 1))
    array = b"\x93NUMPY" + bytes([version, 0]) + length + text + bytes(48)
    return _zipped({str(random.choice(["hidden.npy", "conv.npy", "x"])): array}, zipfile.ZIP_DEFLATED)
