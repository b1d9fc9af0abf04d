"""The JSON form of a Circuit: every field, deterministic; read back, it is an equal circuit that passes its checks."""

import json
from collections.abc import Callable
from dataclasses import asdict, fields
from typing import Any

from hwgen.circuit.adder_graph import Term
from hwgen.circuit.circuit import Circuit, Port, Word
from hwgen.circuit.operations import (
    AtLeast,
    Clip,
    Constant,
    Gather,
    Lookup,
    Maximum,
    Minimum,
    Operation,
    Product,
    Queued,
    Read,
    Select,
    Shift,
    Sign,
    Step,
    Sum,
    Tap,
    Wrap,
    ZeroOutside,
)
from hwgen.circuit.rows import Lane, Parity, Piece, Row, Total
from hwgen.circuit.streams import Source, Stream
from hwgen.circuit.target import Target
from hwgen.circuit.window import Window
from hwgen.errors import CircuitError, InputError
from hwgen.fixed import FixedType

FORMAT = 4

# What reading meets where fields are missing, of another type, or out of range.
_DAMAGE = (ArithmeticError, AttributeError, InputError, LookupError, RecursionError, TypeError, ValueError)

_KINDS: dict[str, Callable[..., Operation]] = {
    kind.__name__: kind
    for kind in (
        Read,
        Constant,
        Sum,
        Shift,
        Sign,
        Clip,
        ZeroOutside,
        Wrap,
        Step,
        Lookup,
        Maximum,
        Minimum,
        Product,
        AtLeast,
        Select,
        Tap,
        Gather,
        Queued,
    )
}


def circuit_to_json(circuit: Circuit) -> str:
    """Serialize; the same circuit always gives the same bytes."""
    document = {
        "format": FORMAT,
        "name": circuit.name,
        "target": asdict(circuit.target),
        "latency_cycles": circuit.latency_cycles,
        "inputs": [_port(port) for port in circuit.inputs],
        "streams": [asdict(stream) for stream in circuit.streams],
        "outputs": [_port(port) for port in circuit.outputs],
        "results": circuit.results,
        "values": circuit.values,
        "words": [
            {
                "name": word.name,
                "layer": word.layer,
                "stream": word.stream,
                "stage": word.stage,
                "low": word.low,
                "high": word.high,
                "operation": _operation(word.operation),
            }
            for word in circuit.words
        ],
    }
    return json.dumps(document, separators=(",", ":"))


def circuit_from_json(text: str) -> Circuit:
    """Read what ``circuit_to_json`` wrote.

    Raises:
        CircuitError: it is no such text, or the circuit breaks an invariant.
    """
    try:
        document = json.loads(text)
        if document["format"] != FORMAT:
            raise CircuitError(f"a circuit of format {FORMAT} was expected, got format {document['format']!r}.")
        return Circuit(
            document["name"],
            Target(**document["target"]),
            tuple(_read_port(port) for port in document["inputs"]),
            tuple(_read_stream(**stream) for stream in document["streams"]),
            tuple(_read_word(**word) for word in document["words"]),
            tuple(_read_port(port) for port in document["outputs"]),
            tuple(tuple(result) for result in document["results"]),
            tuple((name, tuple(words)) for name, words in document["values"]),
            document["latency_cycles"],
        ).check()
    except _DAMAGE as error:
        raise CircuitError(f"the text is no JSON form of a circuit: {type(error).__name__}: {error}.") from error


def _port(port: Port) -> dict[str, Any]:
    kind = port.type
    return {
        "name": port.name,
        "shape": list(port.shape),
        "beats": port.beats,
        "type": {"signed": kind.signed, "width": kind.width, "fraction": kind.fraction},
    }


def _read_port(document: dict[str, Any]) -> Port:
    return Port(document["name"], tuple(document["shape"]), FixedType(**document["type"]), document["beats"])


def _read_stream(window: dict[str, list[int]] | None, sources: list[dict[str, int]], **document: Any) -> Stream:
    sizes = None if window is None else Window(**{name: (pair[0], pair[1]) for name, pair in window.items()})
    return Stream(**document, sources=tuple(Source(**source) for source in sources), window=sizes)


def _operation(operation: Operation) -> dict[str, Any]:
    document: dict[str, Any] = {"kind": type(operation).__name__}
    if isinstance(operation, Sum):
        terms = [[term.node, term.shift, term.negative] for term in operation.terms]
        return document | {"terms": terms, "constant": operation.constant}
    match operation:
        case Row():
            lanes = [_lane(lane) for lane in operation.lanes]
            (carry,) = _lane((operation.carry,))
            return document | {"lanes": lanes, "carry": carry, "width": operation.width, "open": operation.open}
        case Parity():
            return document | {"inputs": _lane(operation.inputs)}
        case Total():
            lane, terms = _lane(operation.lane), [list(term) for term in operation.terms]
            return document | {
                "lane": lane, "signed": operation.signed, "terms": terms, "constant": operation.constant
            }  # fmt: skip
    return document | {field.name: getattr(operation, field.name) for field in fields(operation)}


def _lane(lane: Lane) -> list[list[int | bool | None]]:
    return [[piece.node, piece.low, piece.count, piece.inverted] for piece in lane]


def _read_lane(lane: list[tuple[int | None, int, int, bool]]) -> Lane:
    return tuple(Piece(*piece) for piece in lane)


def _read_word(operation: dict[str, Any], **document: Any) -> Word:
    return Word(**document, operation=_read_operation(**operation))


def _read_operation(kind: str, **document: Any) -> Operation:
    if kind == Sum.__name__:
        return Sum(tuple(Term(*term) for term in document["terms"]), document["constant"])
    match kind:
        case "Row":
            a, b, c, d = (_read_lane(lane) for lane in document["lanes"])
            return Row((a, b, c, d), Piece(*document["carry"]), document["width"], document["open"])
        case "Parity":
            return Parity(_read_lane(document["inputs"]))
        case "Total":
            terms = tuple((node, coefficient) for node, coefficient in document["terms"])
            return Total(_read_lane(document["lane"]), document["signed"], terms, document["constant"])
    return _KINDS[kind](
        **{field: tuple(value) if isinstance(value, list) else value for field, value in document.items()}
    )
