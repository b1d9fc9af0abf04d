"""``RtlReport`` and ``RtlMismatch``: the verdict on a Verilog project, with latency, signal and cycle."""

import json
from dataclasses import dataclass, fields
from typing import Any

from hwgen.verify.mismatch import Mismatch
from hwgen.verify.report import VerifyReport


@dataclass(frozen=True, slots=True)
class RtlMismatch(Mismatch):
    """A mismatch, and where it can be seen.

    Attributes:
        signal: hierarchical name of the signal that holds ``got``.
        cycle: of the clock, counted from the first after reset; -1 where the code never came.
    """

    signal: str
    cycle: int

    @classmethod
    def seen(cls, mismatch: Mismatch, signal: str, cycle: int) -> "RtlMismatch":
        """The same mismatch, seen on a signal."""
        return cls(**{each.name: getattr(mismatch, each.name) for each in fields(mismatch)}, signal=signal, cycle=cycle)

    def differing_bits(self) -> tuple[int, ...]:
        """Numbers of the bits that differ, the lowest is 0; none where no code came."""
        marks = self.bits()[2].ljust(len(self.bits()[0]))
        return tuple(sorted(len(marks) - 1 - place for place, mark in enumerate(marks) if mark == "^"))

    def sentence(self) -> str:
        """Where, in which cycle and bit, and what was expected and came."""
        said = Mismatch.sentence(self)
        if self.cycle < 0 or self.got is None:
            return said
        bits = self.differing_bits()
        which = f"bit{'s' if len(bits) > 1 else ''} {_ranges(bits)}"
        return f"{said} Signal {self.signal} in cycle {self.cycle}, {which}."

    def document(self) -> dict[str, Any]:
        """For JSON."""
        return {
            **Mismatch.document(self),
            "signal": self.signal,
            "cycle": self.cycle,
            "differing_bits": list(self.differing_bits()),
        }


def _ranges(numbers: tuple[int, ...]) -> str:
    """(0, 3, 4, 5) as "0, 3 to 5"."""
    runs: list[list[int]] = []
    for number in numbers:
        if runs and number == runs[-1][-1] + 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    return ", ".join(f"{run[0]} to {run[-1]}" if len(run) > 1 else str(run[0]) for run in runs)


@dataclass(frozen=True, slots=True)
class RtlReport(VerifyReport):
    """Whether a Verilog project computes exactly its network, in the number of cycles that it says.

    Attributes:
        latency_cycles: as the project says.
        simulated_latency: every latency that was seen, ascending; stalled cycles not counted.
        surplus: outputs that belong to no sample.
        gap_percent: of cycles without a sample.
        stall_percent: of cycles in which ``ce`` was low.
    """

    latency_cycles: int
    simulated_latency: tuple[int, ...]
    surplus: int
    gap_percent: int
    stall_percent: int

    def to_json(self) -> str:
        """As of an HLS project, and the latency."""
        document = json.loads(VerifyReport.to_json(self))
        document |= {
            "engine": "rtlsim",
            "latency_cycles": self.latency_cycles,
            "simulated_latency": list(self.simulated_latency),
            "surplus_outputs": self.surplus,
            "gap_percent": self.gap_percent,
            "stall_percent": self.stall_percent,
        }
        return json.dumps(document, indent=2) + "\n"

    def summary(self) -> str:
        """The verdict in a few lines."""
        lines = VerifyReport.summary(self).split("\n")
        lines.insert(1, self._timing_text())
        return "\n".join(lines)

    def _timing_text(self) -> str:
        traffic = f"{self.gap_percent} % gaps, {self.stall_percent} % stalls"
        surplus = f" {self.surplus} outputs belong to no sample." if self.surplus else ""
        if self.simulated_latency == (self.latency_cycles,):
            return f"Latency {self.latency_cycles} cycles, as reported; {traffic}.{surplus}"
        seen = ", ".join(map(str, self.simulated_latency)) or "none: no output came"
        return f"Latency {self.latency_cycles} cycles was reported, simulated: {seen}; {traffic}.{surplus}"
