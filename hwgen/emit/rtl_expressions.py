"""Each operation of a circuit as Verilog."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import assert_never

from hwgen.circuit import Word
from hwgen.circuit.liveness import is_constant
from hwgen.circuit.operations import (
    AtLeast,
    Clip,
    Constant,
    Gather,
    Lookup,
    Maximum,
    Minimum,
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
from hwgen.circuit.rows import Parity, Row, Total
from hwgen.emit.rtl_bits import Reader, Signal, constant
from hwgen.emit.rtl_rows import RowView, parity_text, row_view, total_text


@dataclass(frozen=True, slots=True)
class Add3:
    """A sum for the three-operand primitive.

    Attributes:
        operands: expressions of the sum's width, without the bits of ``low``.
        negate: which are subtracted, at most two.
        low: the lowest bits of the sum, where only one operand has any: wires; empty where there are none.
        low_width: how many.
    """

    operands: tuple[str, str, str]
    negate: tuple[bool, bool, bool]
    low: str
    low_width: int

    @property
    def mask(self) -> str:
        """The primitive's parameter: the first operand's bit last."""
        return "3'b" + "".join(str(int(negative)) for negative in reversed(self.negate))


@dataclass(frozen=True, slots=True)
class CaseTable:
    """A table, as a function with a case statement.

    Attributes:
        index: expression of the code's lowest bits, ``bits`` of them.
        cases: codes, separated by commas, and their value; the last are all other codes.
    """

    index: str
    bits: int
    cases: tuple[tuple[str, str], ...]


def expression(
    word: Word,
    words: Sequence[Word],
    source: Callable[[int], Signal],
    inputs: Sequence[Signal],
    three: bool,
    reader: Reader,
) -> str | Add3 | CaseTable | RowView:
    """What a word is, from signals of its own stage.

    Args:
        words: of the circuit.
        source: the signal of a word that this one reads.
        inputs: the signals of the circuit's ports.
        three: whether there is a primitive for sums of three operands.
    """
    width = word.width
    if is_constant(word):
        return constant(word.low, width, word.signed)
    operation = word.operation
    match operation:
        case Read(port=port, index=index):
            return reader.bits(inputs[port], index * width, width)
        case Constant():
            raise AssertionError("a constant word has one value")
        case Sum():
            return _sum(operation, width, three, source, reader)
        case Shift():
            return _shift(operation, width, source(operation.word), reader)
        case Sign():
            given = source(operation.word)
            return reader.bits(given, given.width - 1, 1)
        case Clip():
            return _clip(operation, word, words[operation.word], source(operation.word), reader)
        case ZeroOutside():
            return _zero_outside(operation, word, words[operation.word], source(operation.word), reader)
        case Wrap():
            return reader.bits(source(operation.word), 0, width)
        case Step():
            return _step(operation, word, words[operation.word], source(operation.word), reader)
        case Lookup():
            return _lookup(operation, word, source(operation.word), reader)
        case Maximum(first=first, second=second):
            return _extreme(word, source(first), ">", source(second), reader)
        case Minimum(first=first, second=second):
            return _extreme(word, source(first), "<", source(second), reader)
        case Product(first=first, second=second):
            # Modulo 2**width, which loses nothing: the interval says that the product fits.
            return f"{reader.bits(source(first), 0, width)} * {reader.bits(source(second), 0, width)}"
        case AtLeast(first=first, second=second):
            return _compared(source(first), ">=", source(second), reader)
        case Select():
            chosen = [reader.bits(source(index), 0, width) for index in (operation.first, operation.second)]
            return f"{reader.whole(source(operation.condition))} ? {chosen[0]} : {chosen[1]}"
        case Row():
            return row_view(operation, source, reader)
        case Parity():
            return parity_text(operation, source, reader)
        case Total():
            return total_text(operation, width, source, reader)
        case Tap() | Gather() | Queued():
            raise AssertionError("words that start a stream stand in its buffers")
        case _:
            assert_never(operation)


@dataclass(frozen=True, slots=True)
class _Operand:
    """Something to add, by the position of its lowest bit; a constant where ``signal`` is None."""

    negative: bool
    start: int
    signal: Signal | None
    value: int = 0

    def bits(self, start: int, count: int, reader: Reader) -> str:
        if self.signal is None:
            return constant(self.value >> start & ((1 << count) - 1), count, signed=False)
        return reader.bits(self.signal, start - self.start, count)


def _sum(operation: Sum, width: int, three: bool, source: Callable[[int], Signal], reader: Reader) -> str | Add3:
    """Modulo 2**width, which loses nothing: the interval says that the sum fits."""
    operands = [
        _Operand(term.negative, term.shift, source(term.node)) for term in operation.terms if term.shift < width
    ]
    # Added or subtracted, whichever has the shorter literal.
    size = abs(operation.constant) % (1 << width)
    if size:
        operands.append(_Operand(operation.constant < 0, (size & -size).bit_length() - 1, None, size))
    operands.sort(key=lambda operand: operand.negative)
    if three and len(operands) == 3 and not operands[0].negative:
        return _add3(operands, width, reader)
    text = ""
    for operand in operands:
        bits = operand.bits(0, width, reader)
        if text:
            text += f" - {bits}" if operand.negative else f" + {bits}"
        else:
            text = f"-{bits}" if operand.negative else bits
    return text or constant(0, width, signed=False)


def _add3(operands: Sequence[_Operand], width: int, reader: Reader) -> Add3:
    lowest, second, _ = sorted(operands, key=lambda operand: operand.start)
    wires = 0 if lowest.negative else second.start
    a, b, c = (operand.bits(wires, width - wires, reader) for operand in operands)
    low = lowest.bits(0, wires, reader) if wires else ""
    return Add3((a, b, c), (operands[0].negative, operands[1].negative, operands[2].negative), low, wires)


def _shift(operation: Shift, width: int, given: Signal, reader: Reader) -> str:
    if not operation.ties_to_even:
        return reader.bits(given, operation.amount, width)
    # An exact tie clears the lowest bit; bits above the signal count as its sign.
    low = f"{reader.bits(given, operation.amount, 1)} & (|{reader.bits(given, 0, min(operation.amount, given.width))})"
    return low if width == 1 else f"{{{reader.bits(given, operation.amount + 1, width - 1)}, {low}}}"


def _clip(operation: Clip, word: Word, read: Word, given: Signal, reader: Reader) -> str:
    text = reader.bits(given, 0, word.width)
    if read.high > operation.high:
        limit = constant(operation.high, given.width, given.signed)
        text = f"({reader.whole(given)} > {limit}) ? {_value(operation.high, word)} : {text}"
    if read.low < operation.low:
        limit = constant(operation.low, given.width, given.signed)
        text = f"({reader.whole(given)} < {limit}) ? {_value(operation.low, word)} : {text}"
    return text


def _zero_outside(operation: ZeroOutside, word: Word, read: Word, given: Signal, reader: Reader) -> str:
    outside = []
    if read.low < operation.low:
        outside.append(f"{reader.whole(given)} < {constant(operation.low, given.width, given.signed)}")
    if read.high > operation.high:
        outside.append(f"{reader.whole(given)} > {constant(operation.high, given.width, given.signed)}")
    kept = reader.bits(given, 0, word.width)
    return f"({' || '.join(outside)}) ? {_value(0, word)} : {kept}" if outside else kept


def _step(operation: Step, word: Word, read: Word, given: Signal, reader: Reader) -> str:
    """Comparators that a balanced tree of selections reads."""
    steps: list[tuple[int, int]] = []
    first = current = operation.levels[0]
    for threshold, level in zip(operation.thresholds, operation.levels[1:], strict=True):
        if threshold > read.high:
            break
        if threshold <= read.low:
            first = current = level
        elif steps and steps[-1][0] == threshold:
            steps[-1] = (threshold, level)
            current = level
        elif level != current:
            steps.append((threshold, level))
            current = level
    levels = [first, *(level for _, level in steps)]
    name = reader.whole(given)

    def choose(low: int, high: int, indent: str) -> str:
        if low == high:
            return _value(levels[low], word)
        middle = (low + high + 1) // 2
        at = constant(steps[middle - 1][0], given.width, given.signed)
        deeper = indent + "    "
        above, below = choose(middle, high, deeper), choose(low, middle - 1, deeper)
        above = f"({above})" if low + 1 < high and "?" in above else above
        return f"({name} >= {at})\n{indent}? {above}\n{indent}: {below}"

    return choose(0, len(steps), "    ")


def _lookup(operation: Lookup, word: Word, given: Signal, reader: Reader) -> CaseTable:
    """Entries by their level; the most frequent one is the default."""
    bits = operation.bits
    entries: dict[int, list[int]] = {}
    for index, level in enumerate(operation.levels):
        entries.setdefault(level, []).append(index)
    last = max(entries, key=lambda level: len(entries[level]))
    cases = [
        (", ".join(constant(index, bits, signed=False) for index in indices), _value(level, word))
        for level, indices in sorted(entries.items())
        if level != last
    ]
    return CaseTable(reader.bits(given, 0, bits), bits, (*cases, ("default", _value(last, word))))


def _extreme(word: Word, first: Signal, comparison: str, second: Signal, reader: Reader) -> str:
    condition = _compared(first, comparison, second, reader)
    return f"({condition}) ? {reader.bits(first, 0, word.width)} : {reader.bits(second, 0, word.width)}"


def _compared(first: Signal, comparison: str, second: Signal, reader: Reader) -> str:
    signed = first.signed or second.signed
    # An unsigned signal needs a zero above it to be compared as a signed one.
    both = max(signal.width + int(signed and not signal.signed) for signal in (first, second))
    one, two = (_comparable(signal, both, signed, reader) for signal in (first, second))
    return f"{one} {comparison} {two}"


def _comparable(signal: Signal, width: int, signed: bool, reader: Reader) -> str:
    text = reader.bits(signal, 0, width)
    return f"$signed({text})" if signed and (not signal.signed or signal.width < width) else text


def _value(value: int, word: Word) -> str:
    return constant(value, word.width, word.signed)
