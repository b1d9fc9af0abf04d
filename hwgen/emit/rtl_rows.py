"""Rows of carry logic, and the words that are put together from their bits, as Verilog."""

from collections.abc import Callable
from dataclasses import dataclass

from hwgen.circuit.rows import Lane, Parity, Piece, Row, Total, joined, lane_bits, negated, saves
from hwgen.emit.rtl_bits import Reader, Signal

ROW = "hwgen_row"


@dataclass(frozen=True, slots=True)
class RowView:
    """An instance of the row primitive.

    Attributes:
        parameters: in its order, those that are not their default.
        pins: names and expressions, but for the sum.
    """

    parameters: tuple[tuple[str, str], ...]
    pins: tuple[tuple[str, str], ...]


Source = Callable[[int], Signal]


def row_view(row: Row, source: Source, reader: Reader) -> RowView:
    """A row over signals of its own stage."""
    width = row.width
    saving = saves(row)
    masks: list[int] = []
    pins: list[tuple[str, str]] = []
    # Before the carry chain there is no LUT where the position's second output saves a carry.
    outside = saving & ((1 << (width if row.open else width - 1)) - 1)
    for name, lane in zip("abcd", row.lanes, strict=True):
        inside = negated(lane) & ~(outside if name == "d" else 0)
        masks.append(inside)
        pins.append((name, _lane(lane, inside, source, reader)))
    pins.append(("carry_in", _lane((row.carry,), 0, source, reader)))
    parameters = [("WIDTH", str(width))]
    if row.open:
        parameters.append(("OPEN", "1"))
    for name, mask in (("SAVES", saving), *zip(("INVERT_A", "INVERT_B", "INVERT_C", "INVERT_D"), masks, strict=True)):
        if mask:
            parameters.append((name, f"{width}'b{mask:0{width}b}"))
    return RowView(tuple(parameters), tuple(pins))


def total_text(total: Total, width: int, source: Source, reader: Reader) -> str:
    """A total's lowest bits; those above them only repeat its sign, or are zero."""
    lane: list[Piece] = []
    left = width
    for piece in total.lane:
        if left > 0:
            lane.append(Piece(piece.node, piece.low, min(piece.count, left), piece.inverted))
            left -= piece.count
    return _lane(tuple(lane), 0, source, reader)


def parity_text(parity: Parity, source: Source, reader: Reader) -> str:
    """An exclusive or."""
    return " ^ ".join(_piece(piece, source, reader) for piece in parity.inputs)


def _lane(lane: Lane, inside: int, source: Source, reader: Reader) -> str:
    """Bits, the highest first; those of a mask are inverted by what reads them.

    Neighbouring bits become one slice: Yosys 0.68 stops at a concatenation of all bits of a signed wire as an argument.
    """
    if inside:
        lane = joined(
            [
                Piece(bit.node, bit.low, 1) if inside >> position & 1 else bit
                for position, bit in enumerate(lane_bits(lane))
            ]
        )
    parts = [_piece(piece, source, reader) for piece in lane]
    return parts[0] if len(parts) == 1 else f"{{{', '.join(reversed(parts))}}}"


def _piece(piece: Piece, source: Source, reader: Reader) -> str:
    if piece.node is None:
        return f"{piece.count}'b{'1' * piece.count}" if piece.inverted else f"{piece.count}'d0"
    text = reader.bits(source(piece.node), piece.low, piece.count)
    return f"~{text}" if piece.inverted else text
