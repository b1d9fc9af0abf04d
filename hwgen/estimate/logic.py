"""``Logic``: bits of one module as a graph of LUT sites, registers and carry chains, counted where a port needs them.

A literal is a bit, perhaps inverted: twice the number of its node, plus one where it is inverted. Nodes of one key are
one node, as synthesis tools merge equal cells, and what no port depends on is not counted.
"""

from collections import Counter
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from enum import Enum

FALSE, TRUE = 0, 1
Literal = int
TRANSPARENT_CARRY_BITS = 4


class Site(Enum):
    """What a piece of logic is, for a cost of its own; the value says it to people."""

    ROW = "positions of three- and four-operand rows"
    SUM = "positions of two-operand sums"
    INVERTER = "inverters before registers and carry chains"
    PARITY = "exclusive ors"
    LIMIT = "comparisons with one limit or two"
    CHOICE = "selected bits"
    STEP = "comparators and selections of step functions"
    TABLE = "table entries, six bits of index a LUT"
    COMPARISON = "compared bits of two words"
    PRODUCT = "bits of products"
    MEMORY = "LUTs of memory"
    CONTROL = "bits of counters"
    FLIP_FLOP = "registers"
    CARRY = "carry cells"
    WIRE = "nothing"


@dataclass(frozen=True, slots=True)
class _Node:
    site: Site
    units: float
    reads: tuple[Literal, ...]


class Logic:
    """One module's logic as it grows."""

    def __init__(self, carry_bits: int) -> None:
        """``carry_bits``: of a carry cell."""
        self.carry_bits = carry_bits
        self._nodes: list[_Node] = [_Node(Site.WIRE, 0, ())]
        self._known: dict[Hashable, int] = {}
        self._forced: dict[Literal, tuple[Literal, Literal]] = {}

    def node(self, site: Site, units: float, reads: Sequence[Literal], key: Hashable = None) -> Literal:
        """A bit that something computes; the same one where the key was given before."""
        if key is not None and key in self._known:
            return self._known[key]
        literal = 2 * len(self._nodes)
        self._nodes.append(_Node(site, units, tuple(reads)))
        if key is not None:
            self._known[key] = literal
        return literal

    def wire(self, key: Hashable) -> Literal:
        """A bit that comes from outside."""
        return self.node(Site.WIRE, 0, (), ("wire", key))

    def lut(self, site: Site, reads: Sequence[Literal], key: Hashable, units: float = 1) -> Literal:
        """A function of bits in LUTs."""
        return self.node(site, units, reads, (site, key, tuple(reads)))

    def driven(self, literal: Literal) -> Literal:
        """The bit as a register or a carry chain takes it: an inverted one needs an inverter, unless a LUT makes it."""
        if literal < 2 or not literal & 1:
            return literal
        made = self._nodes[literal >> 1]
        free = made.site in (Site.LIMIT, Site.CHOICE, Site.STEP, Site.TABLE, Site.PARITY)
        return self.node(Site.INVERTER, 0 if free else 1, (literal,), ("inverted", literal))

    def register(self, literal: Literal) -> Literal:
        """The bit one stage later; a constant stays what it is.

        Where a condition makes it a constant, the register's reset does, and what enables the register enables that.
        """
        if literal < 2:
            return literal
        if literal in self._forced:
            bit, condition = self._forced[literal]
            reset = self.lut(Site.LIMIT, (condition,), "reset")
            return self.node(Site.FLIP_FLOP, 1, (self.driven(bit), reset), ("register", literal))
        return self.node(Site.FLIP_FLOP, 1, (self.driven(literal),), ("register", literal))

    def forced(self, bit: Literal, condition: Literal, value: int) -> Literal:
        """The bit, or a constant where a condition holds."""
        if bit == value:
            return bit
        literal = self.lut(Site.CHOICE, (bit, condition), ("forced", value))
        self._forced[literal] = bit, condition
        return literal

    def exclusive_or(self, site: Site, literals: Sequence[Literal]) -> Literal:
        """Of literals, one LUT where more than one is left."""
        flipped = 0
        odd: set[int] = set()
        for literal in literals:
            flipped ^= literal & 1
            odd ^= {literal & ~1} - {FALSE}
        if len(odd) < 2:
            return (odd.pop() if odd else FALSE) ^ flipped
        return self.lut(site, sorted(odd), ("xor", flipped))

    def chain(
        self, positions: Sequence[tuple[Literal, Literal]], start: Literal, carry_bits: int
    ) -> tuple[list[Literal], Literal]:
        """A carry chain; its sums, and the carry that leaves it.

        Args:
            positions: what propagates and what is generated, the lowest first.
            start: what enters.
            carry_bits: of a carry cell. Yosys sees through cells of four bits: where the carry that enters a position
                is known, its sum needs no chain.
        """
        known = start if start < 2 and carry_bits == TRANSPARENT_CARRY_BITS else None
        before, cell = self.driven(start), FALSE
        sums = []
        for number, (propagate, generate) in enumerate(positions):
            if number % carry_bits == 0:
                entering = tuple(positions[number : number + carry_bits])
                cell = self.node(Site.CARRY, 1, (before,), ("carry", before, entering))
            reads = (self.driven(propagate), self.driven(generate), before, cell)
            before = self.node(Site.WIRE, 0, reads, ("position", reads))
            sums.append(before if known is None else propagate ^ known)
            known = known if generate == known else None
        return sums, self.node(Site.WIRE, 0, (before,), ("carry out", before))

    def needed(self, ports: Sequence[Literal]) -> Counter[Site]:
        """Units of each kind that the ports depend on; a port that is an inverted bit needs an inverter."""
        seen = {self.driven(literal) >> 1 for literal in ports}
        left = list(seen)
        units: Counter[Site] = Counter()
        while left:
            node = self._nodes[left.pop()]
            units[node.site] += node.units  # type: ignore[assignment]  # Counter is typed for integers
            for literal in node.reads:
                if literal >> 1 not in seen:
                    seen.add(literal >> 1)
                    left.append(literal >> 1)
        return units
