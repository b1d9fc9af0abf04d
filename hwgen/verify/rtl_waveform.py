"""Reads chosen signals of a waveform (VCD) that the harness wrote, at chosen cycles."""

from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

Name = tuple[str, str]  # the innermost scope (module instance), and the signal in it


@dataclass(slots=True)
class Wave:
    """A signal's bits as they change.

    Attributes:
        width: in bits, as declared in the Verilog.
        times: of the changes, ascending.
        bits: the signal as a non-negative integer, from each of those times on.
    """

    width: int
    times: list[int] = field(default_factory=list)
    bits: list[int] = field(default_factory=list)

    def code(self, cycle: int, signed: bool) -> int | None:
        """The integer in a cycle, before its clock edge; None where the waveform starts later."""
        place = bisect_right(self.times, 2 * cycle) - 1
        if place < 0:
            return None
        bits = self.bits[place]
        return bits - (1 << self.width) if signed and bits >> (self.width - 1) else bits


@dataclass(frozen=True, slots=True)
class Waveform:
    """The signals that were asked for and are there; ``cycles`` are those that were recorded."""

    waves: dict[Name, Wave]
    cycles: tuple[int, ...]

    def enabled_cycles(self, top: str) -> Sequence[int]:
        """Cycles in which the clock enable of the top module was high."""
        enable = self.waves.get((top, "ce"))
        return [cycle for cycle in self.cycles if enable is None or enable.code(cycle, signed=False) == 1]


def read_waveform(path: Path, wanted: Callable[[Name], bool]) -> Waveform:
    """Read a VCD file of the harness: two units of time a cycle, the first before the clock edge.

    Args:
        wanted: whether a signal is to be kept.
    """
    waves: dict[Name, Wave] = {}
    by_identifier: dict[str, Wave] = {}
    scopes: list[str] = []
    cycles: list[int] = []
    time = 0
    with path.open(encoding="utf-8") as lines:
        for line in lines:
            words = line.split()
            if not words:
                continue
            match words[0]:
                case "$scope":
                    scopes.append(words[2])
                case "$upscope":
                    scopes.pop()
                case "$var":
                    name = (scopes[-1], words[4])
                    if wanted(name):
                        # Verilator gives one identifier to signals that are always the same.
                        waves[name] = by_identifier.setdefault(words[3], Wave(int(words[2])))
                case "$enddefinitions":
                    break
        for line in lines:
            first = line[:1]
            if first == "#":
                time = int(line[1:])
                if time % 2 == 0:
                    cycles.append(time // 2)
                continue
            if first == "b":
                bits, identifier = line[1:].split()
            elif first in ("0", "1"):
                bits, identifier = first, line[1:].strip()
            else:
                continue
            wave = by_identifier.get(identifier)
            if wave is not None:
                wave.times.append(time)
                wave.bits.append(int(bits, 2))
    return Waveform(waves, tuple(cycles))
