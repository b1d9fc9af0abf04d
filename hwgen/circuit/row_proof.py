"""The proof of a ``Total``: each row keeps the weighted sum of the bits, so the bits left are the sum that it says."""

from collections.abc import Callable, Sequence
from heapq import heappop, heappush

from hwgen.circuit.rows import Lane, Parity, Row, Total, presence, saves
from hwgen.errors import CircuitError


def check_row(row: Row, name: str) -> None:
    """Show that the carry logic has a place for every bit.

    Raises:
        CircuitError: lanes of other lengths, or two bits for one input.
    """
    if any(sum(piece.count for piece in lane) != row.width for lane in row.lanes) or row.carry.count != 1:
        raise CircuitError(f"{name}: the lanes of a row of {row.width} bits have another width.")
    if saves(row) << 1 & presence(row.lanes[3]):
        raise CircuitError(f"{name}: a carry-save and a bit of the fourth lane meet in one position.")


def prove_total(
    total: Total, operation: Callable[[int], object], widths: Callable[[int], Sequence[tuple[int, bool]]], name: str
) -> None:
    """Show that the bits of a total are its sum, modulo two to the power of its width.

    Args:
        operation: that of a node.
        widths: bits of a node's word, and whether it is signed; several where more bits are known to repeat the sign.
    Raises:
        CircuitError: they are not.
    """
    modulus = 1 << total.width
    weights: dict[int, dict[int, int]] = {}
    constant = 0
    waiting: list[int] = []

    def add(lane: Lane, scale: int) -> None:
        nonlocal constant
        weight = scale
        for piece in lane:
            above = weight << piece.count
            if piece.inverted:
                constant += above - weight
                weight = -weight
            if piece.node is not None:
                if piece.node not in weights:
                    weights[piece.node] = {}
                    if isinstance(operation(piece.node), Row | Parity):
                        heappush(waiting, -piece.node)
                found = weights[piece.node]
                for bit in range(piece.low, piece.low + piece.count):
                    found[bit] = found.get(bit, 0) + weight
                    weight <<= 1
            weight = above

    add(total.lane, 1)
    while waiting:
        node = -heappop(waiting)
        found = weights.pop(node)
        made = operation(node)
        assert isinstance(made, Row | Parity)
        scale = found.get(0, 0) % modulus
        # A row whose low bits alone matter is used with them alone; the others weigh nothing modulo the total's width.
        expected = _row_weights(made, scale)
        if any((found.get(bit, 0) - weight) % modulus for bit, weight in expected.items()) or not (
            found.keys() <= expected.keys()
        ):
            raise CircuitError(f"{name}: the bits of node {node} do not count as the sum that they are.")
        match made:
            case Row():
                if not made.open and (scale << made.width) % modulus:
                    raise CircuitError(f"{name}: node {node} drops carries that count.")
                for lane in (*made.lanes, (made.carry,)):
                    add(lane, scale)
            case Parity():
                if 2 * scale % modulus:
                    raise CircuitError(f"{name}: node {node} is an exclusive or where carries count.")
                for piece in made.inputs:
                    add((piece,), scale)
    claimed: dict[int, int] = {}
    for node, coefficient in total.terms:
        claimed[node] = claimed.get(node, 0) + coefficient
    for node in sorted(weights.keys() | claimed.keys()):
        coefficient = claimed.get(node, 0)
        found = weights.get(node, {})
        if not any(_counts(found, coefficient, width, signed, modulus) for width, signed in widths(node)):
            raise CircuitError(f"{name}: its bits do not add node {node} {coefficient:+d} times.")
    if (constant - total.constant) % modulus:
        raise CircuitError(f"{name}: its bits add the constant {constant % modulus}, not {total.constant % modulus}.")


def _counts(found: dict[int, int], coefficient: int, width: int, signed: bool, modulus: int) -> bool:
    """Whether weights are those of the bits of a word, so many times."""
    for bit in range(max([width, *(low + 1 for low in found)])):
        weight = coefficient << bit if bit < width else 0
        if signed and bit == width - 1:
            weight = -weight
        if (found.get(bit, 0) - weight) % modulus:
            return False
    return True


def _row_weights(made: Row | Parity, scale: int) -> dict[int, int]:
    match made:
        case Row():
            expected = {bit: scale << bit for bit in range(made.width)}
            if made.open:
                expected[made.width] = scale << made.width
                if saves(made) >> made.width - 1 & 1:  # else that bit is always zero
                    expected[made.width + 1] = scale << made.width
            return expected
        case Parity():
            return {0: scale}


def holds(total: Total, low: int, high: int) -> bool:
    """Whether the total's width and sign hold an interval."""
    least = -(1 << (total.width - 1)) if total.signed else 0
    return least <= low and high < least + (1 << total.width)
