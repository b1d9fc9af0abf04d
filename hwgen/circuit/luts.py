"""What rows of carry logic cost on AMD's FPGAs, in LUTs, position by position.

A position takes one LUT6_2, whose two outputs are its sum and its carry-save. Where only one bit comes that is not
inverted, the carry chain takes it as it is; that LUT is free for nothing else but a wire, and no tool counts it. An
inverted bit costs a LUT of its own where the carry chain needs it and the position's LUT has no output left to make it.
"""

from collections.abc import Sequence

from hwgen.circuit.rows import Parity, Row, Total, lane_bits, saves

LUT_INPUTS = 6


def row_luts(row: Row) -> int:
    """LUTs of a row."""
    saving = saves(row)
    luts = int(row.carry.inverted and row.carry.node is not None)
    for position, (a, b, c, fourth) in enumerate(zip(*map(lane_bits, row.lanes), strict=True)):
        entering = sum(not bit.absent for bit in (a, b, c))
        inverted = fourth.inverted and fourth.node is not None
        luts += bool(entering or inverted)
        # The last position has no carry to make where the row is closed.
        needed = row.open or position < row.width - 1
        luts += int(inverted and saving[position] and needed)
    return luts


def bit_luts(nodes: Sequence[object]) -> int:
    """LUTs of all rows and parities; a parity that only one closed row's last position reads is part of its LUT."""
    luts = 0
    for node in nodes:
        match node:
            case Row():
                luts += row_luts(node)
            case Parity():
                luts += 1
            case Total():
                pass
    return luts
