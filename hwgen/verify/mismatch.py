"""``Mismatch``: one code that is not what the reference computes, explained bit by bit."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from hwgen.fixed import FixedType, IntArray
from hwgen.ir import Layer, Network, Value
from hwgen.tools.call import UNWRITTEN
from hwgen.verify.vectors import VectorKind


@dataclass(frozen=True, slots=True)
class LayerDifference:
    """How many of a layer's traced codes differ."""

    layer: str
    kind: str
    differing: int
    compared: int


@dataclass(frozen=True, slots=True)
class Mismatch:
    """The first layer, in network order, that computes another code than the reference from the same inputs.

    Attributes:
        layer: its name; that of the input, where an output of the network is one of its inputs.
        kind: "Dense", "Requantize", …
        value: the value that it defines.
        type: of that value.
        index: of the code, within the value's shape.
        sample: of the verified vectors.
        vector_kind: why that sample was there.
        expected: code of the reference.
        got: code of the project; None where it wrote none.
        layers: differences of every layer, in network order, over the traced samples; empty where not traced.
        note: why the layer is not certain; empty where it is.
    """

    layer: str
    kind: str
    value: str
    type: FixedType
    index: tuple[int, ...]
    sample: int
    vector_kind: VectorKind
    expected: int
    got: int | None
    layers: tuple[LayerDifference, ...]
    note: str

    def bits(self) -> tuple[str, str, str]:
        """Expected and got in two's complement, as wide as both need, and "^" under each bit that differs."""
        got = self.expected if self.got is None else self.got
        width = max(self.type.width, _width(self.expected), _width(got))
        mask = (1 << width) - 1
        expected_bits, got_bits = (format(code & mask, f"0{width}b") for code in (self.expected, got))
        marks = "".join("^" if a != b else " " for a, b in zip(expected_bits, got_bits, strict=True))
        return expected_bits, got_bits, marks.rstrip()

    def sentence(self) -> str:
        """Where, and what was expected and came."""
        index = ", ".join(map(str, self.index))
        step = self.type.lsb
        came = "nothing was written" if self.got is None else f"{self.got} ({float(self.got * step)!r}) came"
        if self.layers and not self.note:
            what = f"layer {self.layer!r} ({self.kind}) is the first that differs"
        else:
            what = f"output {self.value!r}, of layer {self.layer!r} ({self.kind}), differs"
        return (
            f"{what}: sample {self.sample} ({self.vector_kind.value}), {self.value}[{index}], a {self.type}: "
            f"code {self.expected} ({float(self.expected * step)!r}) was expected, {came}."
        )

    def table(self) -> str:
        """Both codes in binary, with the differing bits marked, and the layers' differences."""
        lines: list[str] = []
        if self.got is not None:
            expected, got, marks = self.bits()
            count = marks.count("^")
            lines += [
                f"expected  {expected}",
                f"got       {got}",
                f"          {marks}  {count} of {len(expected)} bits differ{'s' if count == 1 else ''}"
                if count != 1
                else f"          {marks}  1 of {len(expected)} bits differs",
            ]
        if self.layers:
            width = max(len(entry.layer) for entry in self.layers)
            kinds = max(len(entry.kind) for entry in self.layers)
            lines += [
                f"{entry.layer.ljust(width)}  {entry.kind.ljust(kinds)}  "
                + (f"{entry.differing} of {entry.compared} codes differ" if entry.differing else "equal")
                for entry in self.layers
            ]
        return "\n".join(lines)

    def __str__(self) -> str:
        return "\n".join(part for part in (self.sentence(), self.table(), self.note) if part)

    def document(self) -> dict[str, Any]:
        """For JSON."""
        expected, got, _ = self.bits()
        return {
            "layer": self.layer,
            "kind": self.kind,
            "value": self.value,
            "type": str(self.type),
            "index": list(self.index),
            "sample": self.sample,
            "vectors": self.vector_kind.value,
            "expected": self.expected,
            "got": self.got,
            "expected_bits": expected,
            "got_bits": None if self.got is None else got,
            "layers": [
                {"layer": d.layer, "kind": d.kind, "differing": d.differing, "compared": d.compared}
                for d in self.layers
            ],
            "note": self.note,
        }


def _width(code: int) -> int:
    """Bits of the narrowest two's complement form, without a sign bit for what is not negative."""
    return max(1, (-code - 1).bit_length() + 1 if code < 0 else code.bit_length())


def first_in_trace(
    network: Network,
    expected: Mapping[str, IntArray],
    got: Sequence[IntArray],
    samples: IntArray,
    kinds: Sequence[VectorKind],
) -> Mismatch | None:
    """Find the first layer, in network order, with a code that differs.

    Args:
        expected: codes of every value by name, (samples, *shape).
        got: (samples, size) a layer, in network order.
        samples: number of each traced sample among the verified vectors.
        kinds: why each traced sample is there.
    Returns:
        None where every layer agrees.
    """
    flat = [expected[layer.output.name].reshape(len(samples), -1) for layer in network.layers]
    differs = [wanted != came for wanted, came in zip(flat, got, strict=True)]
    table = tuple(
        LayerDifference(layer.name, type(layer).__name__, int(wrong.sum()), wrong.size)
        for layer, wrong in zip(network.layers, differs, strict=True)
    )
    for layer, wanted, came, wrong in zip(network.layers, flat, got, differs, strict=True):
        if wrong.any():
            row, place = (int(i) for i in np.argwhere(wrong)[0])
            return _mismatch(
                layer,
                layer.output,
                place,
                int(samples[row]),
                kinds[row],
                wanted[row, place],
                came[row, place],
                table,
                "",
            )
    return None


def first_in_outputs(
    network: Network,
    expected: Sequence[IntArray],
    got: Sequence[IntArray],
    kind_of: Mapping[int, VectorKind],
    note: str,
) -> Mismatch:
    """Explain the first differing output code, where no layer can be named for certain.

    Args:
        expected: (samples, size) an output of the network; ``got`` likewise. At least one code differs.
        kind_of: why each sample that differs is there.
        note: why the layers could not be told apart.
    """
    first: tuple[int, int] | None = None
    for position, (wanted, came) in enumerate(zip(expected, got, strict=True)):
        rows = np.flatnonzero((wanted != came).any(axis=1))
        if rows.size and (first is None or rows[0] < first[0]):
            first = (int(rows[0]), position)
    assert first is not None, "no output differs"
    sample, position = first
    name = network.outputs[position]
    makers = {layer.output.name: layer for layer in network.layers}
    wanted, came = expected[position][sample], got[position][sample]
    place = int(np.flatnonzero(wanted != came)[0])
    value = network.value(name)
    return _mismatch(makers.get(name), value, place, sample, kind_of[sample], wanted[place], came[place], (), note)


def _mismatch(
    layer: Layer | None,
    value: Value,
    place: int,
    sample: int,
    kind: VectorKind,
    expected: np.int64,
    got: np.int64,
    layers: tuple[LayerDifference, ...],
    note: str,
) -> Mismatch:
    return Mismatch(
        layer=layer.name if layer is not None else value.name,
        kind=type(layer).__name__ if layer is not None else "input",
        value=value.name,
        type=value.type,
        index=tuple(int(i) for i in np.unravel_index(place, value.shape)),
        sample=sample,
        vector_kind=kind,
        expected=int(expected),
        got=None if got == UNWRITTEN else int(got),
        layers=layers,
        note=note,
    )
