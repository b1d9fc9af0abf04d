"""What rows of carry logic cost on AMD's FPGAs, in LUTs, position by position.

A position takes one LUT6_2, whose two outputs are its sum and its carry-save. Where only one bit comes that is not
inverted, the carry chain takes it as it is; that LUT is free for nothing else but a wire, and no tool counts it. An
inverted bit costs a LUT of its own where the carry chain needs it and the position's LUT has no output left to make it.
"""

from collections.abc import Sequence

from hwgen.circuit.rows import Parity, Row, Total, negated, presence, saves

LUT_INPUTS = 6


def row_luts(row: Row) -> int:
    """LUTs of a row."""
    entering = presence(row.lanes[0]) | presence(row.lanes[1]) | presence(row.lanes[2])
    inverted = negated(row.lanes[3])
    # The last position has no carry to make where the row is closed.
    needed = (1 << (row.width if row.open else row.width - 1)) - 1
    luts = int(row.carry.inverted and row.carry.node is not None)
    return luts + (entering | inverted).bit_count() + (inverted & saves(row) & needed).bit_count()


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
