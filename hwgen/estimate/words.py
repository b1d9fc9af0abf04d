"""Each operation of a circuit as bits of ``Logic``: what it takes as it is written in Verilog for AMD."""

from collections.abc import Callable, Hashable, Sequence
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
SUM_CARRY_BITS = 4  # of the carry cells that Yosys puts under sums and comparisons in every family
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
            won = _compared(logic, words, given, first, second, "more")
            return [_choice(logic, won, one, two) for one, two in zip(read(first), read(second), strict=True)]
        case AtLeast(first=first, second=second):
            return [_compared(logic, words, given, first, second, "at least")]
        case Select(condition=condition, first=first, second=second):
            (chosen,) = given(condition)
            return [_choice(logic, chosen, one, two) for one, two in zip(read(first), read(second), strict=True)]
        case Product(first=first, second=second):
            one, two = given(first), given(second)
            made = logic.lut(Site.PRODUCT, [*one, *two], "product", len(one) * len(two))
            made = logic.lut(Site.CARRY, (made,), "product", -(-width // SUM_CARRY_BITS))
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
        return bits[:wires] + _three(logic, lanes, [operand[0] for operand in operands])
    total = constant_bits(0, width)
    for number, (negative, _, bits) in enumerate(operands):
        total = bits if number == 0 and not negative else _two(logic, total, bits, negative)
    return total


def _three(logic: Logic, lanes: Sequence[Bits], negative: Sequence[bool]) -> Bits:
    """One LUT6_2 a position, whatever its bits are; it cannot take an inverted one."""
    positions = []
    saved: Literal = TRUE if sum(negative) > 1 else FALSE
    for bits in zip(*lanes, strict=True):
        propagate = logic.node(Site.ROW, 1, (*map(logic.driven, bits), saved))
        positions.append((propagate, saved))
        saved = logic.node(Site.WIRE, 0, (propagate,))
    return logic.chain(positions, TRUE if any(negative) else FALSE, logic.carry_bits)[0]


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
    return low + logic.chain(positions, TRUE if negative else FALSE, SUM_CARRY_BITS)[0]


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
    sums, carry = logic.chain(positions, carry, logic.carry_bits)
    return [*sums, carry, saved] if row.open else sums


# ---- comparisons and tables


def _tree(inputs: int) -> int:
    """LUTs of a function of many bits that splits well, such as an or."""
    return max(1, -(-(inputs - 1) // (LUT_INPUTS - 1)))


def _at_least(logic: Logic, bits: Bits, signed: bool, threshold: int) -> Literal:
    """Whether a word is at least a constant."""
    if signed and threshold == 0:
        return bits[-1] ^ 1
    width = len(bits)
    wires = _trailing(threshold, width - 1)
    upper = bits[wires:]
    single = threshold & (threshold - 1) == 0 or -threshold & (-threshold - 1) == 0
    key = ("at least", threshold >> wires)
    if single:  # an or of the bits above
        return logic.lut(Site.LIMIT, upper, key, _tree(len(upper)))
    return _comparison(logic, Site.LIMIT, upper, key, len(upper), LUT_INPUTS)


def _comparison(
    logic: Logic, site: Site, reads: Sequence[Literal], key: Hashable, width: int, group: int, how: str = ""
) -> Literal:
    """As Yosys compares: LUTs say of groups of bits whether they are more or equal, and a carry chain takes the groups.

    Two groups need no chain. ``how`` tells chains apart that take the same groups.
    """
    groups = -(-width // group)
    if groups <= 2:
        return logic.lut(site, reads, key, 1 if groups < 2 else 2 + int(2 * group == width))
    made = logic.lut(site, reads, key, 2 * groups)
    before = FALSE
    for _ in range(-(-groups // SUM_CARRY_BITS)):
        before = logic.lut(Site.CARRY, (made, before), ("groups", how))
    return before


def _limited(logic: Logic, operation: Clip | ZeroOutside, word: Word, read: Word, given: Given) -> Bits:
    bits = given(operation.word)
    zeroes = isinstance(operation, ZeroOutside)
    made = extended(bits, read.signed, 0, word.width)
    outside: list[tuple[Literal, int]] = []
    if read.high > operation.high:
        above = _at_least(logic, bits, read.signed, operation.high + 1)
        outside.append((above, 0 if zeroes else operation.high))
    if read.low < operation.low:
        outside.append((_at_least(logic, bits, read.signed, operation.low) ^ 1, 0 if zeroes else operation.low))
    if len(outside) == 1 or zeroes:
        condition = outside[0][0] if len(outside) == 1 else logic.lut(Site.LIMIT, [o for o, _ in outside], "outside")
        value = outside[0][1] if outside else 0
        return [logic.forced(bit, condition, value >> at & 1) for at, bit in enumerate(made)] if outside else made
    if not outside:
        return made
    # Two limits: a LUT a bit, of the upper bits where they are few.
    looked = min(_trailing(operation.high + 1, len(bits)), _trailing(operation.low, len(bits) - 1))
    upper = sorted(set(bits[looked:]) - {FALSE, TRUE})
    for at, bit in enumerate(made):
        few = len({bit, *upper}) <= LUT_INPUTS
        reads = sorted({bit, *upper}) if few else [bit, *(condition for condition, _ in outside)]
        ends = tuple(value >> at & 1 for _, value in outside)
        made[at] = logic.lut(Site.CHOICE, reads, ("limits", ends, bit))
    return made


def _trailing(value: int, most: int) -> int:
    """Zeros at the end of a number, of so many bits."""
    return most if value == 0 else min(most, (value & -value).bit_length() - 1)


def _step(logic: Logic, operation: Step, word: Word, read: Word, bits: Bits) -> Bits:
    """A table of a few bits, or comparators, and for each bit a function of those at which it changes."""
    if len(bits) <= LUT_INPUTS:
        codes = np.arange(1 << len(bits), dtype=np.int64)
        if read.signed:
            codes = np.where(codes >> len(bits) - 1 & 1, codes - (1 << len(bits)), codes)
        step = Step(0, operation.thresholds, operation.levels)
        return _table(logic, bits, evaluate(step, [codes], (), 1, Stream("", len(codes))), word.width, Site.TABLE)
    levels = [(read.low, evaluated) for evaluated in operation.levels[:1]]
    for threshold, level in zip(operation.thresholds, operation.levels[1:], strict=True):
        if threshold <= read.low:
            levels = [(read.low, level)]
        elif threshold <= read.high:
            levels.append((threshold, level))
    passed = [_at_least(logic, bits, read.signed, threshold) for threshold, _ in levels[1:]]
    made: Bits = []
    for at in range(word.width):
        values = [level >> at & 1 for _, level in levels]
        changes = [k for k in range(1, len(values)) if values[k] != values[k - 1]]
        if not changes:
            made.append(values[0])
        elif len(changes) == 1:
            made.append(passed[changes[0] - 1] ^ values[0])
        else:
            reads = [passed[k - 1] for k in changes]
            made.append(logic.lut(Site.STEP, reads, ("step", values[0]), _tree(len(reads))))
    return made


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


def _compared(logic: Logic, words: Sequence[Word], given: Given, first: int, second: int, how: str) -> Literal:
    width = max(words[first].width, words[second].width)
    width += int(words[first].signed != words[second].signed)
    pairs = [extended(given(index), words[index].signed, 0, width) for index in (first, second)]
    differing = sum(one != two for one, two in zip(*pairs, strict=True))
    return _comparison(logic, Site.COMPARISON, [*pairs[0], *pairs[1]], "compared", differing, LUT_INPUTS // 2, how)


def _choice(logic: Logic, condition: Literal, one: Literal, two: Literal) -> Literal:
    if one == two:
        return one
    if {one, two} == {FALSE, TRUE}:
        return condition ^ int(one == FALSE)
    return logic.lut(Site.CHOICE, (condition, one, two), "choice")
