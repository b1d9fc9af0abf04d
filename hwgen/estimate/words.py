"""Each operation of a circuit as bits of ``Logic``: what it takes as it is written in Verilog for AMD."""

from collections.abc import Callable, Sequence
from typing import assert_never

import numpy as np

from hwgen.circuit import Word
from hwgen.circuit.liveness import is_constant
from hwgen.circuit.operations import (
    AtLeast,
    Clip,
    Constant,
    Lookup,
    Maximum,
    Minimum,
    Product,
    Read,
    Select,
    Shift,
    Sign,
    Starting,
    Step,
    Sum,
    Wrap,
    ZeroOutside,
    evaluate,
)
from hwgen.circuit.rows import Lane, Parity, Row, Total, lane_bits, presence, saves
from hwgen.circuit.streams import Stream
from hwgen.estimate.logic import FALSE, TRUE, Literal, Logic, Site
from hwgen.fixed import IntArray

LUT_INPUTS = 6
WIDEST_TABLE = 12  # a step function of more bits is counted as comparators
Bits = list[Literal]
Given = Callable[[int], Bits]


def word_bits(logic: Logic, word: Word, words: Sequence[Word], given: Given, three: bool) -> Bits:
    """The bits of a word.

    Args:
        words: of the circuit.
        given: the bits of a word that it reads, as it stands in this word's stage.
        three: whether sums of three operands are one row.
    """
    if is_constant(word):
        return constant_bits(word.low, word.width)
    operation, width = word.operation, word.width

    def read(index: int, low: int = 0, count: int | None = None) -> Bits:
        return extended(given(index), words[index].signed, low, width if count is None else count)

    match operation:
        case Read():
            return [logic.wire((operation.port, operation.index * width + bit)) for bit in range(width)]
        case Sum():
            return _sum(logic, operation, width, words, given, three)
        case Shift(word=source, amount=amount):
            bits = read(source, amount)
            if operation.ties_to_even:
                low = given(source)[: min(amount, words[source].width)]
                bits[0] = logic.lut(Site.LIMIT, [bits[0], *low], "even", _tree(len(low) + 1))
            return bits
        case Sign(word=source):
            return [given(source)[-1]] if words[source].signed else [FALSE]
        case Wrap(word=source):
            return read(source)
        case Clip() | ZeroOutside():
            return _limited(logic, operation, word, words[operation.word], given)
        case Step():
            return _step(logic, operation, word, words[operation.word], given(operation.word))
        case Lookup(word=source):
            codes = np.array(operation.levels, dtype=np.int64)
            return _table(logic, read(source, 0, operation.bits), codes, width, Site.TABLE)
        case Maximum(first=first, second=second) | Minimum(first=first, second=second):
            won = _compared(logic, words, given, first, second)
            return [_choice(logic, won, one, two) for one, two in zip(read(first), read(second), strict=True)]
        case AtLeast(first=first, second=second):
            return [_compared(logic, words, given, first, second)]
        case Select(condition=condition, first=first, second=second):
            (chosen,) = given(condition)
            return [_choice(logic, chosen, one, two) for one, two in zip(read(first), read(second), strict=True)]
        case Product(first=first, second=second):
            one, two = given(first), given(second)
            made = logic.lut(Site.PRODUCT, [*one, *two], "product", len(one) * len(two))
            return [logic.node(Site.WIRE, 0, (made,), ("bit", made, bit)) for bit in range(width)]
        case Row():
            return _row(logic, operation, given)
        case Parity():
            return [logic.exclusive_or(Site.PARITY, lane_literals(operation.inputs, given))]
        case Total():
            return lane_literals(operation.lane, given)[:width]
        case _ if isinstance(operation, Starting):
            raise AssertionError("words that start a stream stand in its buffers")
        case Constant():
            raise AssertionError("a constant word has one value")
        case _:
            assert_never(operation)


def constant_bits(value: int, width: int) -> Bits:
    """Of a number, in two's complement."""
    return [value >> bit & 1 for bit in range(width)]


def extended(bits: Bits, signed: bool, low: int, count: int) -> Bits:
    """``count`` bits from bit ``low`` on; below the word they are zero, above it its sign."""
    above = bits[-1] if signed else FALSE
    return [
        FALSE if position < 0 else bits[position] if position < len(bits) else above
        for position in range(low, low + count)
    ]


def lane_literals(lane: Lane, given: Given) -> Bits:
    """Of the bits of a lane, the lowest first."""
    return [
        (FALSE if piece.node is None else given(piece.node)[piece.low]) ^ int(piece.inverted)
        for piece in lane_bits(lane)
    ]


# ---- sums


def _sum(logic: Logic, operation: Sum, width: int, words: Sequence[Word], given: Given, three: bool) -> Bits:
    operands = [
        (term.negative, term.shift, extended(given(term.node), words[term.node].signed, -term.shift, width))
        for term in operation.terms
        if term.shift < width
    ]
    size = abs(operation.constant) % (1 << width)
    if size:
        lowest = (size & -size).bit_length() - 1
        operands.append((operation.constant < 0, lowest, constant_bits(size, width)))
    operands.sort(key=lambda operand: operand[0])
    if three and len(operands) == 3 and not operands[0][0]:
        lowest_negative, _, bits = min(operands, key=lambda operand: operand[1])
        wires = 0 if lowest_negative else sorted(operand[1] for operand in operands)[1]
        lanes = [operand[2][wires:] for operand in operands]
        negative = [operand[0] for operand in operands]
        return bits[:wires] + _three(logic, lanes, negative)
    total = constant_bits(0, width)
    for number, (negative, _, bits) in enumerate(operands):
        total = bits if number == 0 and not negative else _two(logic, total, bits, negative)
    return total


def _three(logic: Logic, lanes: Sequence[Bits], negative: Sequence[bool]) -> Bits:
    """One LUT6_2 a position, whatever its bits are."""
    positions = []
    saved: Literal = TRUE if sum(negative) > 1 else FALSE
    for bits in zip(*lanes, strict=True):
        propagate = logic.node(Site.ROW, 1, (*bits, saved))
        positions.append((propagate, saved))
        saved = logic.node(Site.WIRE, 0, (propagate,))
    return logic.chain(positions, TRUE if any(negative) else FALSE)[:-1]


def _two(logic: Logic, one: Bits, two: Bits, negative: bool) -> Bits:
    """One carry chain over the positions in which both have something to add."""
    wires = 0
    while wires < len(one) and (two[wires] == FALSE or (one[wires] == FALSE and not negative)):
        wires += 1
    low = [second if first == FALSE else first for first, second in zip(one[:wires], two[:wires], strict=True)]
    one, two = one[wires:], [bit ^ int(negative) for bit in two[wires:]]
    if len(one) <= 2:  # too short for a chain
        reads = [*one, *two]
        return low + [logic.lut(Site.SUM, reads[: at + 1] + reads[len(one) :][: at + 1], at) for at in range(len(one))]
    positions = [(logic.exclusive_or(Site.SUM, pair), pair[0]) for pair in zip(one, two, strict=True)]
    return low + logic.chain(positions, TRUE if negative else FALSE)[:-1]


def _row(logic: Logic, row: Row, given: Given) -> Bits:
    lanes = [lane_literals(lane, given) for lane in row.lanes]
    (carry,) = lane_literals((row.carry,), given)
    saving, fourth_inverted = saves(row), presence(row.lanes[3])
    positions = []
    saved: Literal = FALSE
    for at, (a, b, c, d) in enumerate(zip(*lanes, strict=True)):
        fourth = saved if saved != FALSE else d
        last = at == row.width - 1 and not row.open
        if saving >> at & 1 and not last:
            propagate = logic.node(Site.ROW, 1, (a, b, c, logic.driven(fourth)))
            positions.append((propagate, fourth))
            saved = logic.node(Site.WIRE, 0, (propagate,))
            continue
        if fourth & 1 and fourth > TRUE and not last and fourth_inverted >> at & 1:  # its LUT inverts it too
            propagate = logic.node(Site.ROW, 1, (a, b, c, fourth))
            generate = logic.node(Site.WIRE, 0, (propagate,))
        else:
            propagate = logic.exclusive_or(Site.ROW, (a, b, c, fourth))
            generate = FALSE if last else fourth
        positions.append((propagate, generate))
        saved = FALSE
    sums = logic.chain(positions, carry)
    return [*sums, saved] if row.open else sums[:-1]


# ---- comparisons and tables


def _tree(inputs: int) -> int:
    """LUTs of a function of many bits that splits well, such as an or."""
    return max(1, -(-(inputs - 1) // (LUT_INPUTS - 1)))


def _limited(logic: Logic, operation: Clip | ZeroOutside, word: Word, read: Word, given: Given) -> Bits:
    bits = given(operation.word)
    zeroes = isinstance(operation, ZeroOutside)
    limits, looked = [], len(bits)
    if read.high > operation.high:  # ones at the limit's end make no difference, nor do zeros at the other's
        limits.append(operation.high)
        looked = min(looked, _trailing(~operation.high, len(bits)))
    if read.low < operation.low:
        limits.append(operation.low)
        looked = min(looked, _trailing(operation.low, len(bits) - 1))
    kept = extended(bits, read.signed, 0, word.width)
    if not limits:
        return kept
    compared = sorted(set(bits[looked:]) - {FALSE, TRUE})
    made: Bits = []
    outside: Literal | None = None
    for at, bit in enumerate(kept):
        ends = {0} if zeroes else {limit >> at & 1 for limit in limits}
        own = [*compared, *({bit} - set(compared) - {FALSE, TRUE})]
        if len(own) <= LUT_INPUTS:
            made.append(logic.lut(Site.CHOICE, own, ("limit", at, tuple(limits))))
            continue
        if outside is None:
            units = sum(_tree(len(bits) - _trailing(~limit if limit == operation.high else limit, len(bits) - 1))
                        for limit in limits)  # fmt: skip
            outside = logic.lut(Site.LIMIT, compared, ("limit", tuple(limits)), units)
        made.append(logic.lut(Site.CHOICE, [bit, outside], (at, tuple(ends))))
    return made


def _trailing(value: int, most: int) -> int:
    """Zeros at the end of a number, of so many bits."""
    return most if value == 0 else min(most, (value & -value).bit_length() - 1)


def _step(logic: Logic, operation: Step, word: Word, read: Word, bits: Bits) -> Bits:
    met = [(t, level) for t, level in zip(operation.thresholds, operation.levels[1:], strict=True)
           if read.low < t <= read.high]  # fmt: skip
    comparing = sum(_tree(len(bits) - _trailing(threshold, len(bits) - 1)) for threshold, _ in met)
    chosen = comparing + max(0, len(met) - 1) * word.width / 2
    if len(bits) <= WIDEST_TABLE:
        codes = np.arange(1 << len(bits), dtype=np.int64)
        if read.signed:
            codes = np.where(codes >> len(bits) - 1 & 1, codes - (1 << len(bits)), codes)
        table = evaluate(Step(0, operation.thresholds, operation.levels), [codes], (), 1, Stream("", len(codes)))
        # Codes that never come may be what suits, so a table is at most this large.
        table = table.copy()
        table[codes < read.low] = operation.levels[0]
        trial = Logic(logic.carry_bits)
        wires = [trial.wire(at) for at in range(len(bits))]
        units = trial.needed(_table(trial, wires, table, word.width, Site.STEP))[Site.STEP]
        if units <= chosen:
            return _table(logic, bits, table, word.width, Site.STEP)
    made = logic.lut(Site.STEP, bits, (operation.thresholds, operation.levels), chosen)
    return [logic.node(Site.WIRE, 0, (made,), ("bit", made, bit)) for bit in range(word.width)]


def _table(logic: Logic, bits: Bits, codes: IntArray, width: int, site: Site) -> Bits:
    """Each bit of the entries as LUTs of six bits of the index, equal ones once, and selections between them."""
    return [_function(logic, bits, codes >> bit & 1, site) for bit in range(width)]


def _function(logic: Logic, bits: Bits, values: IntArray, site: Site) -> Literal:
    if not values.any():
        return FALSE
    if values.all():
        return TRUE
    half = len(values) // 2
    if (values[:half] == values[half:]).all():
        return _function(logic, bits[:-1], values[:half], site)
    if len(bits) <= LUT_INPUTS:
        flipped = int(values[0])
        shape = (values ^ flipped).astype(np.uint8).tobytes()
        return logic.lut(site, bits, shape) ^ flipped
    low, high = (_function(logic, bits[:-1], part, site) for part in (values[:half], values[half:]))
    if low == high:
        return low
    # Four are selected from in a LUT of six inputs, so two take a third of one.
    return logic.lut(site, sorted((low, high)), ("choice", bits[-1]), 1 / 3)


def _compared(logic: Logic, words: Sequence[Word], given: Given, first: int, second: int) -> Literal:
    width = max(words[first].width, words[second].width)
    width += int(words[first].signed != words[second].signed)
    pairs = [extended(given(index), words[index].signed, 0, width) for index in (first, second)]
    units = sum(one != two for one, two in zip(*pairs, strict=True))
    return logic.lut(Site.COMPARISON, [*pairs[0], *pairs[1]], "compared", units)


def _choice(logic: Logic, condition: Literal, one: Literal, two: Literal) -> Literal:
    if one == two:
        return one
    if {one, two} == {FALSE, TRUE}:
        return condition ^ int(one == FALSE)
    return logic.lut(Site.CHOICE, (condition, one, two), "choice")
