"""``Golden``: input codes, what a project computed from them, and what it took; frozen in a folder of two files.

``golden.json`` is for people and for diffs: types, figures. ``vectors.npz`` holds codes. Of each layer there is a
digest a sample, not its codes, so that a golden folder of an image network is small enough to commit, and a check can
still say which layer changed.
"""

import hashlib
import io
import json
import os
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwgen.errors import ProjectError
from hwgen.estimate import FIGURES, Figures, LayerFigures
from hwgen.fixed import IntArray
from hwgen.ir import Value
from hwgen.reference import trace
from hwgen.regression.project import BuiltProject

GOLDEN_FILE = "golden.json"
VECTORS_FILE = "vectors.npz"
FORMAT = 1

_DIGEST_BYTES = 8
_NUMBERS = (np.int8, np.uint8, np.int16, np.uint16, np.int32, np.uint32, np.int64)
Digests = NDArray[np.uint64]


@dataclass(frozen=True, slots=True)
class FrozenPort:
    """An input or output: its codes mean nothing without these."""

    name: str
    shape: tuple[int, ...]
    type: str

    def __str__(self) -> str:
        return f"{self.name} of {'x'.join(map(str, self.shape))} {self.type}"


@dataclass(frozen=True, slots=True, eq=False)
class Golden:
    """What a project was when it was frozen.

    Attributes:
        network: its name.
        target: "hls" or "rtl".
        inputs, outputs: ports.
        input_codes, output_codes: (samples, *shape) int64, one array a port.
        layers: for each value of the network, in order, a digest of its codes a sample.
        figures: what the project took.
    """

    network: str
    target: str
    inputs: tuple[FrozenPort, ...]
    outputs: tuple[FrozenPort, ...]
    input_codes: tuple[IntArray, ...]
    output_codes: tuple[IntArray, ...]
    layers: Mapping[str, Digests]
    figures: Figures

    @property
    def samples(self) -> int:
        """How many were frozen."""
        return len(self.input_codes[0])


def ports(values: Sequence[Value]) -> tuple[FrozenPort, ...]:
    """Values as a golden folder names them."""
    return tuple(FrozenPort(value.name, value.shape, str(value.type)) for value in values)


def digests(codes: IntArray) -> Digests:
    """A digest a sample of (samples, …) codes: equal codes, equal digests."""
    rows = np.ascontiguousarray(codes.reshape(len(codes), -1), dtype="<i8")
    found = (hashlib.blake2b(row.tobytes(), digest_size=_DIGEST_BYTES).digest() for row in rows)
    return np.frombuffer(b"".join(found), dtype="<u8").astype(np.uint64)


def freeze(project: BuiltProject, inputs: Sequence[IntArray]) -> Golden:
    """What a project computes from input codes, (samples, *shape) int64 an input, and what it takes."""
    network = project.network
    traced = trace(network, inputs)
    values = network.values()
    return Golden(
        network=network.name,
        target=project.target,
        inputs=ports([source.value for source in network.inputs]),
        outputs=ports([values[name] for name in network.outputs]),
        input_codes=tuple(inputs),
        output_codes=tuple(traced[name] for name in network.outputs),
        layers={layer.output.name: digests(traced[layer.output.name]) for layer in network.layers},
        figures=project.figures,
    )


def write_golden(golden: Golden, directory: Path) -> None:
    """Write a golden folder; one that is there is replaced.

    The file of codes comes first and the one that names its hash last, so that an interrupted run leaves the old folder
    or one that is refused, never a mixture.

    Raises:
        ProjectError: the folder is a file, or the file system refuses.
    """
    vectors = _vectors(golden)
    text = json.dumps(_document(golden, hashlib.sha256(vectors).hexdigest()), indent=2) + "\n"
    try:
        directory.mkdir(parents=True, exist_ok=True)
        _replace(directory / VECTORS_FILE, vectors)
        _replace(directory / GOLDEN_FILE, text.encode())
    except OSError as error:
        raise ProjectError(f"golden folder {str(directory)!r} cannot be written: {error}.") from error


def read_golden(directory: Path) -> Golden:
    """Read a golden folder.

    Raises:
        ProjectError: a file is missing or damaged, or they are not of one freeze.
    """
    directory = Path(directory)
    try:
        text, vectors = (directory / GOLDEN_FILE).read_bytes(), (directory / VECTORS_FILE).read_bytes()
    except OSError as error:
        raise ProjectError(
            f"a golden folder with {GOLDEN_FILE} and {VECTORS_FILE} was expected at {str(directory)!r} "
            f"({error.strerror}: {Path(str(error.filename)).name}); freeze one with 'hwgen golden'."
        ) from error
    try:
        document = json.loads(text)
        if document["format"] != FORMAT:
            raise ValueError(f"format {FORMAT} was expected, got {document['format']!r}")
        if document["vectors_sha256"] != hashlib.sha256(vectors).hexdigest():
            raise ValueError(f"{VECTORS_FILE} is of another freeze")
        return _read(document, vectors)
    except (ValueError, KeyError, TypeError, AttributeError, OSError, EOFError) as error:
        raise ProjectError(
            f"golden folder {str(directory)!r} is damaged ({type(error).__name__}: {error}); freeze it again with "
            f"'hwgen golden'."
        ) from error


def _document(golden: Golden, vectors_sha256: str) -> dict[str, Any]:
    return {
        "hwgen": version("hwgen"),
        "format": FORMAT,
        "network": golden.network,
        "target": golden.target,
        "samples": golden.samples,
        "inputs": [_port(port) for port in golden.inputs],
        "outputs": [_port(port) for port in golden.outputs],
        "layers": list(golden.layers),
        "figures": {
            "stage": "estimate",
            "totals": dict(golden.figures.totals),
            "layers": {row.layer: dict(row.counts) for row in golden.figures.layers},
        },
        "vectors_sha256": vectors_sha256,
    }


def _port(port: FrozenPort) -> dict[str, Any]:
    return {"name": port.name, "shape": list(port.shape), "type": port.type}


def _vectors(golden: Golden) -> bytes:
    arrays: dict[str, NDArray[Any]] = {}
    for side, codes in (("input", golden.input_codes), ("output", golden.output_codes)):
        arrays |= {f"{side}{number}": _narrow(array) for number, array in enumerate(codes)}
    arrays["layers"] = np.stack(list(golden.layers.values())) if golden.layers else np.zeros((0, golden.samples))
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)  # type: ignore[arg-type]  # one of its options is a bool
    return buffer.getvalue()


def _narrow(codes: IntArray) -> NDArray[Any]:
    """The same codes in the narrowest type."""
    low, high = (int(codes.min()), int(codes.max())) if codes.size else (0, 0)
    fitting = (kind for kind in _NUMBERS if np.iinfo(kind).min <= low and high <= np.iinfo(kind).max)
    return codes.astype(next(fitting))


def _read(document: dict[str, Any], vectors: bytes) -> Golden:
    inputs, outputs = (
        tuple(
            FrozenPort(str(port["name"]), tuple(map(int, port["shape"])), str(port["type"])) for port in document[side]
        )
        for side in ("inputs", "outputs")
    )
    samples = int(document["samples"])
    with np.load(io.BytesIO(vectors), allow_pickle=False) as arrays:
        codes = [
            tuple(
                arrays[f"{side}{number}"].astype(np.int64).reshape(samples, *port.shape)
                for number, port in enumerate(sided)
            )
            for side, sided in (("input", inputs), ("output", outputs))
        ]
        rows = arrays["layers"].astype(np.uint64)
    figures = document["figures"]
    return Golden(
        network=str(document["network"]),
        target=str(document["target"]),
        inputs=inputs,
        outputs=outputs,
        input_codes=codes[0],
        output_codes=codes[1],
        layers=dict(zip(map(str, document["layers"]), rows, strict=True)),
        figures=Figures(
            tuple(LayerFigures(layer, _counts(counts)) for layer, counts in figures["layers"].items()),
            _counts(figures["totals"]),
        ),
    )


def _counts(given: Mapping[str, Any]) -> dict[str, int]:
    unknown = sorted(set(given) - set(FIGURES))
    if unknown:
        raise ValueError(f"figure {unknown[0]!r} is unknown")
    return {name: int(count) for name, count in given.items()}


def _replace(target: Path, content: bytes) -> None:
    handle, temporary = tempfile.mkstemp(prefix=".golden-", dir=target.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        Path(temporary).chmod(0o644)
        Path(temporary).replace(target)
    finally:
        Path(temporary).unlink(missing_ok=True)
