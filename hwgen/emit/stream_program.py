"""``Program``: in which step of a frame a process of a dataflow reads and writes a beat."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Program:
    """The steps of one frame; a step is one turn of the process's loop.

    Attributes:
        reads: for each step, one bit for each input: bit 0 of the first.
        writes: for each step, whether a beat is written, to every output.
    """

    reads: tuple[int, ...]
    writes: tuple[bool, ...]

    @property
    def steps(self) -> int:
        return len(self.reads)


def beat_by_beat(beats: int, inputs: int = 1) -> Program:
    """A beat of every input makes a beat."""
    return Program(((1 << inputs) - 1,) * beats, (True,) * beats)


def drained(beats: int) -> Program:
    """Every beat is read, and nothing comes of it."""
    return Program((1,) * beats, (False,) * beats)


def collected(beats: int) -> Program:
    """All beats are read, and the last makes one."""
    return Program((1,) * beats, (*(False,) * (beats - 1), True))


def in_turn(inputs: Sequence[int]) -> Program:
    """In each step a beat of one input, whose number is given, passes."""
    return Program(tuple(1 << number for number in inputs), (True,) * len(inputs))


def as_needed(beats: int, need: Sequence[int]) -> Program:
    """Each beat is written as soon as the beats that it needs have been read; what nothing needs is read at the end.

    A step reads if the next beat to be written needs it, and then writes if that needs nothing more.

    Args:
        beats: that come in.
        need: for each beat that goes out, the number of the last beat that must have come, -1 for none; ascending.
    """
    reads: list[int] = []
    writes: list[bool] = []
    received = sent = 0
    limits = [*need, beats - 1]
    while sent < len(need) or received < beats:
        read = received <= limits[sent]
        received += read
        write = sent < len(need) and received > limits[sent]
        sent += write
        reads.append(int(read))
        writes.append(write)
    return Program(tuple(reads), tuple(writes))
