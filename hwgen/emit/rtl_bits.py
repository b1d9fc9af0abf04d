"""Verilog expressions on the bits of signals, every one sized exactly; and which bits they read.

Verilog sizes an operand by what stands around it, and one unsigned operand makes all of them unsigned. So nothing here
is left to the context: operands are sliced, or extended by copies of their sign, to the width that they are used in.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Signal:
    """A wire, register or port: ``width`` bits, signed or not."""

    name: str
    width: int
    signed: bool

    @property
    def declaration(self) -> str:
        """What stands between ``wire`` or ``reg`` and the end of the declaration."""
        return f"{'signed ' if self.signed else ''}[{self.width - 1}:0] {self.name}"


class Reader:
    """Reads signals within one module, and remembers which of their bits."""

    def __init__(self) -> None:
        self._signals: dict[str, Signal] = {}
        self._read: dict[str, int] = {}

    def declare(self, signal: Signal) -> Signal:
        """Let the module see a signal, unread so far."""
        self._signals[signal.name] = signal
        self._read.setdefault(signal.name, 0)
        return signal

    def whole(self, signal: Signal) -> str:
        """The signal itself, with its sign."""
        self._mark(signal, 0, signal.width)
        return signal.name

    def bits(self, signal: Signal, start: int, count: int) -> str:
        """``count`` bits from bit ``start`` on, unsigned unless it is the whole signal.

        Bits above the signal are its sign, or zero; bits below it (``start`` is negative) are zero.
        """
        width = signal.width
        low, high = max(start, 0), min(start + count, width)
        parts: list[str] = []
        above = min(start + count - width, count)
        if above > 0:
            if signal.signed:
                self._mark(signal, width - 1, width)
                sign = f"{signal.name}[{width - 1}]"
                parts.append(sign if above == 1 else f"{{{above}{{{sign}}}}}")
            else:
                parts.append(f"{above}'d0")
        if low < high:
            self._mark(signal, low, high)
            parts.append(signal.name if high - low == width else f"{signal.name}{_range(low, high)}")
        below = min(-start, count)
        if below > 0:
            parts.append(f"{below}'d0")
        return parts[0] if len(parts) == 1 else f"{{{', '.join(parts)}}}"

    def unread(self) -> tuple[str, ...]:
        """The bits that nothing read, a range at a time, in the order of declaration."""
        found: list[str] = []
        for name, signal in self._signals.items():
            bit = 0
            while bit < signal.width:
                end = bit
                while end < signal.width and not self._read[name] >> end & 1:
                    end += 1
                if end > bit:
                    found.append(name if end - bit == signal.width else f"{name}{_range(bit, end)}")
                bit = end + 1
        return tuple(found)

    def _mark(self, signal: Signal, low: int, high: int) -> None:
        self._read[signal.name] |= (1 << high) - (1 << low)


def _range(low: int, high: int) -> str:
    return f"[{low}]" if high - low == 1 else f"[{high - 1}:{low}]"


def constant(value: int, width: int, signed: bool) -> str:
    """A sized literal; a negative one is a negated signed one."""
    if value < 0:
        return f"-{width}'sd{-value}"
    return f"{width}'{'s' if signed else ''}d{value}"
