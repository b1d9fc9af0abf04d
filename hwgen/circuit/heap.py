"""Bit heaps: the bits of a sum's terms, and the rows of carry logic that leave one bit a position.

Every word enters as bits that are not negative: a signed word as its offset binary, its highest bit inverted; a
negative term as its inverted bits. What that adds is one known constant, and it joins the constant of the sum.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random

from hwgen.circuit.row_plan import plan_cost, plan_rows, spread_constant
from hwgen.circuit.rows import ONE, ZERO, Parity, Piece, Row, joined
from hwgen.fixed.digits import minimal_forms

CARRY, SAVED = -1, -2  # bits of an open row, until its width is known

Digits = tuple[tuple[int, int], ...]  # (sign, exponent)


@dataclass(frozen=True, slots=True)
class Source:
    """A word whose bits enter a heap: ``width`` bits, signed or not; ``depth`` rows of logic below it."""

    node: int
    width: int
    signed: bool
    depth: int


@dataclass(frozen=True, slots=True, order=True)
class _Bit:
    depth: int
    order: int
    piece: Piece = field(compare=False)


@dataclass(slots=True)
class _Growing:
    """A row that is being built: its position, the bits of its lanes, whether the last position saves a carry."""

    number: int
    start: int
    carry: Piece
    depth: int = 1
    lanes: list[list[Piece]] = field(default_factory=lambda: [[], [], [], []])
    saved: bool = False
    open: bool = False

    def add(self, abc: Sequence[Piece], fourth: Piece) -> None:
        """One position."""
        before = [lane[-1] if lane else ZERO for lane in self.lanes[:3]]
        placed: list[Piece] = [ZERO] * 3
        left = list(abc)
        for lane, last in enumerate(before):
            for bit in left:
                if bit.node is not None and (bit.node, bit.low, bit.inverted) == (
                    last.node,
                    last.low + 1,
                    last.inverted,
                ):
                    placed[lane] = bit
                    left.remove(bit)
                    break
        for bit in left:
            placed[placed.index(ZERO)] = bit
        for lane, bit in enumerate((*placed, fourth)):
            self.lanes[lane].append(bit)
        self.saved = len(abc) >= 2

    def row(self) -> Row:
        a, b, c, d = (joined(lane) for lane in self.lanes)
        return Row((a, b, c, d), self.carry, len(self.lanes[0]), self.open)


def digit_bits(source: Source, digits: Digits, width: int) -> tuple[list[tuple[int, Piece]], int]:
    """The bits of a word times a number, with their positions below ``width``; and what they add beside it."""
    bits: list[tuple[int, Piece]] = []
    extra = 0
    offset = 1 << (source.width - 1) if source.signed else 0
    for sign, exponent in digits:
        extra += (offset if sign > 0 else (1 << source.width) - 1 - offset) << exponent
        for bit in range(source.width):
            if bit + exponent < width:
                inverted = (sign < 0) != (source.signed and bit == source.width - 1)
                bits.append((bit + exponent, Piece(source.node, bit, 1, inverted)))
    return bits, extra


def chosen_forms(
    terms: Sequence[tuple[Source, int]], constant: int | None, width: int, tries: int, random: Random
) -> list[Digits]:
    """Signed digits for each coefficient: canonical ones, changed at random where the heap gets no dearer.

    Args:
        constant: of the sum, modulo ``2**width``; None where it is free.
        tries: changes.
    """
    options = [minimal_forms(coefficient) for _, coefficient in terms]
    chosen = [0] * len(terms)
    loose = [t for t, forms in enumerate(options) if len(forms) > 1]
    if not loose or not tries:
        return [forms[0] for forms in options]
    tables: dict[tuple[int, int], tuple[list[int], int]] = {}

    def table(term: int, form: int) -> tuple[list[int], int]:
        if (term, form) not in tables:
            bits, extra = digit_bits(terms[term][0], options[term][form], width)
            height = [0] * width
            for position, _ in bits:
                height[position] += 1
            tables[term, form] = height, extra
        return tables[term, form]

    height = [sum(heights) for heights in zip(*(table(t, 0)[0] for t in range(len(terms))), strict=True)]
    extra = sum(table(t, 0)[1] for t in range(len(terms)))
    mask = (1 << width) - 1
    cost = plan_cost(height, 0 if constant is None else constant - extra & mask)
    for _ in range(tries):
        term = random.choice(loose)
        form = random.randrange(len(options[term]) - 1)
        form += form >= chosen[term]
        old, new = table(term, chosen[term]), table(term, form)
        changed = [h - a + b for h, a, b in zip(height, old[0], new[0], strict=True)]
        moved = extra - old[1] + new[1]
        found = plan_cost(changed, 0 if constant is None else constant - moved & mask)
        if found <= cost:
            height, extra, cost = changed, moved, found
            chosen[term] = form
    return [forms[form] for forms, form in zip(options, chosen, strict=True)]


class Heap:
    """Bits by position, and what compresses them."""

    def __init__(self, width: int) -> None:
        self.columns: list[list[_Bit]] = [[] for _ in range(width)]
        self.order = 0

    def add(self, position: int, piece: Piece, depth: int) -> None:
        self.columns[position].append(_Bit(depth, self.order, piece))
        self.order += 1

    def add_word(self, source: Source, digits: Digits) -> int:
        """Bits of a word times a number; what they add beside it."""
        bits, extra = digit_bits(source, digits, len(self.columns))
        for position, piece in bits:
            self.add(position, piece, source.depth)
        return extra

    def add_constant(self, constant: int) -> None:
        for position in range(len(self.columns)):
            if constant >> position & 1:
                self.add(position, ONE, 0)

    def spread(self, constant: int) -> None:
        """Add a constant, some of its ones as second bits of words where that lets rows fill their LUTs."""
        mask = (1 << len(self.columns)) - 1
        left, doubled = spread_constant([len(column) for column in self.columns], constant & mask)
        for position in doubled:  # from the top down: a bit that is added twice is not inverted for that again
            self._twice(position)
        self.add_constant(left)

    def _twice(self, position: int) -> None:
        """Invert one of the bits of a position, and add it to the position above as it was."""
        column = self.columns[position]
        index = max(range(len(column)), key=lambda at: (column[at].piece.inverted, -column[at].depth))
        bit = column[index]
        other = Piece(bit.piece.node, bit.piece.low, 1, not bit.piece.inverted)
        column[index] = _Bit(bit.depth, bit.order, other)
        self.add(position + 1, bit.piece, bit.depth)

    def compress(self, first: int) -> tuple[list[Row | Parity], list[int], list[Piece]]:
        """The rows, numbered from ``first`` on, the depth of each, and the bits that are left, the lowest first."""
        height = [len(column) for column in self.columns]
        if not any(height):
            return [], [], [ZERO] * len(height)
        return _Replay(self.columns, first).run(*plan_rows(height))


class _Replay:
    """Turns a plan into rows: oldest rows first, and each takes the bits that are there earliest."""

    def __init__(self, columns: list[list[_Bit]], first: int) -> None:
        self.columns = columns
        self.first = first
        self.rows: list[_Growing] = []
        self.active: list[_Growing] = []
        self.parities: dict[int, list[tuple[Piece, ...]]] = {}
        self.order = sum(map(len, columns))

    def run(self, ends: list[int], starts: list[int]) -> tuple[list[Row | Parity], list[int], list[Piece]]:
        left: list[Piece] = []
        last = len(self.columns) - 1
        for position, pool in enumerate(self.columns):
            for row in self.active[: ends[position]]:
                row.open = True
                self._put(pool, row, CARRY)
                if row.saved:
                    self._put(pool, row, SAVED)
            self.active = self.active[ends[position] :]
            if position == last:
                left.append(self._top(pool))
                break
            for _ in range(starts[position]):
                row = _Growing(len(self.rows), position, ZERO)
                self.rows.append(row)
                self.active.append(row)
            self._position(position, pool, starts[position])
            assert len(pool) <= 1
            left.append(pool[0].piece if pool else ZERO)
        return self._numbered(left)

    def _put(self, pool: list[_Bit], row: _Growing, bit: int) -> None:
        pool.append(_Bit(row.depth, self.order, Piece(~row.number, bit, 1)))
        self.order += 1

    def _position(self, position: int, pool: list[_Bit], started: int) -> None:
        cells = len(self.active)
        if not cells:
            return
        going = cells - started
        excess = len(pool) + sum(row.saved for row in self.active) - 1
        slack = 3 * going + 4 * started - excess
        spared = min(cells, slack // 2)
        # How many bits fewer than it could each cell takes.
        fewer = [0] * cells
        for index in range(spared):
            fewer[cells - 1 - index] = 2
        rest = slack - 2 * spared
        if spared < cells:
            fewer[cells - 1 - spared] += rest
        else:
            for index in range(rest):
                fewer[index] += 1
        for index, row in enumerate(self.active):
            new = index >= going
            capacity = 5 if new else 4
            available = len(pool) + row.saved
            pick = next((f for f in sorted(set(fewer)) if capacity - f <= available), max(fewer))
            fewer.remove(pick)
            self._cell(row, pool, min(capacity - pick, available), new, pick >= 2)
            self._put(pool, row, position - row.start)

    def _cell(self, row: _Growing, pool: list[_Bit], count: int, new: bool, spare: bool) -> None:
        """Let a row take so many bits, its own carry-save among them; a spared position must not have another."""
        taken = _earliest(pool, count - row.saved)
        row.depth = max([row.depth, *(bit.depth + 1 for bit in taken)])
        fourth = ZERO
        if taken and not row.saved:
            fourth = _plain(taken, pool)
        if new and (count == 5 or (spare and count == 3)):
            row.carry = _plain(taken, pool)
        row.add([bit.piece for bit in taken], fourth)

    def _top(self, pool: list[_Bit]) -> Piece:
        """The last position: exclusive ors, six bits a LUT."""
        for index, row in enumerate(self.active):
            excess = len(pool) + sum(r.saved for r in self.active[index:]) - 1
            while excess > 5 * (len(self.active) - index) and len(pool) > 6:
                self._parity(pool, row.number)
                excess -= 5
            taken = _earliest(pool, 6 - row.saved)
            row.depth = max([row.depth, *(bit.depth + 1 for bit in taken)])
            fourth = _plain(taken, pool) if taken and not row.saved else ZERO
            entering = [bit.piece for bit in taken]
            if len(entering) > 3:
                entering = [*entering[:2], self._keep(tuple(entering[2:]), row.number)]
            row.add(entering, fourth)
            self._put(pool, row, len(row.lanes[0]) - 1)
        while len(pool) > 1:
            self._parity(pool, len(self.rows))
        return pool[0].piece if pool else ZERO

    def _parity(self, pool: list[_Bit], before: int) -> None:
        taken = _earliest(pool, 6)
        piece = self._keep(tuple(bit.piece for bit in taken), before)
        pool.append(_Bit(1 + max(bit.depth for bit in taken), self.order, piece))
        self.order += 1

    def _keep(self, inputs: tuple[Piece, ...], before: int) -> Piece:
        """An exclusive or, computed before the row of that number is."""
        made = self.parities.setdefault(before, [])
        made.append(inputs)
        return Piece(~(len(self.rows) + before * 1000 + len(made) - 1 + 1_000_000), 0, 1)

    def _numbered(self, left: list[Piece]) -> tuple[list[Row | Parity], list[int], list[Piece]]:
        made: list[Row | Parity] = []
        depths: list[int] = []
        number: dict[int, int] = {}

        def final(piece: Piece) -> Piece:
            if piece.node is None or piece.node >= 0:
                return piece
            inner = ~piece.node
            low = piece.low
            if inner < len(self.rows) and low < 0:
                low = len(self.rows[inner].lanes[0]) + (low == SAVED)
            return Piece(number[inner], low, piece.count, piece.inverted)

        for index in range(len(self.rows) + 1):
            for k, inputs in enumerate(self.parities.get(index, [])):
                number[len(self.rows) + index * 1000 + k + 1_000_000] = self.first + len(made)
                made.append(Parity(tuple(final(piece) for piece in inputs)))
                depths.append(1)
            if index < len(self.rows):
                growing = self.rows[index]
                growing.lanes = [[final(piece) for piece in lane] for lane in growing.lanes]
                growing.carry = final(growing.carry)
                number[index] = self.first + len(made)
                made.append(growing.row())
                depths.append(growing.depth)
        return made, depths, [final(piece) for piece in left]


def _earliest(pool: list[_Bit], count: int) -> list[_Bit]:
    """Take so many of the bits that are there first."""
    pool.sort()
    taken, pool[:count] = pool[:count], []
    return taken


def _plain(taken: list[_Bit], pool: list[_Bit]) -> Piece:
    """One of the bits that is not inverted, for an input of the carry chain that no LUT stands before."""
    for at in reversed(range(len(taken))):
        if _is_plain(taken[at]):
            return taken.pop(at).piece
    for at, bit in enumerate(pool):
        if _is_plain(bit):
            pool[at] = taken.pop()
            return bit.piece
    return taken.pop().piece


def _is_plain(bit: _Bit) -> bool:
    return bit.piece.node is None or not bit.piece.inverted
