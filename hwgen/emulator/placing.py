"""Where rows stand in the memory of a block: buffers that are never needed at the same time share it."""

import numpy as np

from hwgen.emulator.program import Program
from hwgen.fixed import IntArray

BLOCK = 128  # samples: eight vectors of 16 lanes of 16 bits, as many sums as a processor keeps in its registers
_ALIGNMENT = 64


def place(program: Program) -> tuple[IntArray, int]:
    """Where each row begins, in bytes, and how many bytes there are in all.

    Returns:
        (rows,) int64, and the size.
    """
    firsts = np.array([buffer.first for buffer in program.buffers], dtype=np.int64)
    used = _uses(program, firsts)
    begins = np.zeros(int(firsts[-1]) + program.buffers[-1].rows, dtype=np.int64)
    standing: list[tuple[int, int, int]] = []  # begin, end in memory; the last operation that needs it
    size = 0
    order = sorted(range(len(program.buffers)), key=lambda number: used[number][0])
    for number in order:
        buffer, (first_use, last_use) = program.buffers[number], used[number]
        standing = [entry for entry in standing if entry[2] >= first_use]
        bytes_a_row = BLOCK * buffer.lane.bytes
        needed = -(-buffer.rows * bytes_a_row // _ALIGNMENT) * _ALIGNMENT
        begin = 0
        for taken, end, _ in sorted(standing):
            if begin + needed <= taken:
                break
            begin = max(begin, end)
        standing.append((begin, begin + needed, last_use))
        size = max(size, begin + needed)
        begins[buffer.first : buffer.first + buffer.rows] = begin + np.arange(buffer.rows) * bytes_a_row
    return begins, size


def _uses(program: Program, firsts: IntArray) -> list[tuple[int, int]]:
    """The first and the last operation that touches each buffer; inputs are there before all, outputs behind all."""
    last = len(program.operations)
    uses = [(last, -1)] * len(firsts)

    def touch(rows: IntArray, moment: int) -> None:
        present = rows[rows >= 0]
        for number in np.unique(np.searchsorted(firsts, present, side="right") - 1).tolist():
            begin, end = uses[number]
            uses[number] = (min(begin, moment), max(end, moment))

    for port in program.inputs:
        touch(port.rows.index.ravel(), -1)
    for moment, operation in enumerate(program.operations):
        touch(operation.source, moment)
        touch(operation.target, moment)
    for port in program.outputs:
        touch(port.rows.index.ravel(), last)
    return uses
