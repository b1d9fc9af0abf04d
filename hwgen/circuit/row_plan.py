"""Which rows of carry logic a bit heap takes, position by position, and where its constant is best put.

A LUT of a row takes up to four bits of its position and a carry, and leaves one bit there and two a position further:
a carry and a carry-save. So of ``n`` bits that meet in a position, carries among them, one stays and ``n // 2`` go on,
and half as many LUTs make them: in each position the cheapest plan is known at once.
"""

from collections.abc import Sequence

LUT = 1000  # the unit of costs is a thousandth, so that they are exact
ROUTED = 600  # what a position costs whose LUT only passes a bit on to the carry chain
DOUBLED = 1  # to add a bit twice instead of a one costs no LUT, but a wire

Plan = tuple[list[int], list[int]]


def plan_cost(height: Sequence[int], constant: int) -> int:
    """What the rows of a heap cost that leave one bit a position, in thousandths of a LUT.

    Args:
        height: bits in each position.
        constant: its ones are bits too, modulo two to the power of the heap's width.
    """
    cost = coming = 0
    last = len(height) - 1
    for position in range(last):
        bits = height[position] + coming + (constant >> position & 1)
        if bits == 2 and coming:
            cost += ROUTED
            coming = 1
        else:
            coming = bits >> 1
            cost += LUT * (coming + 1 >> 1)
    return cost + _top(height[last] + coming + (constant >> last & 1), coming)


def plan_rows(height: Sequence[int]) -> Plan:
    """How many rows end and start in each position."""
    ends, starts = [], []
    coming = carries = 0
    for bits in height[:-1]:
        coming = bits + coming >> 1
        needed = coming + 1 >> 1
        ends.append(max(0, carries - needed))
        starts.append(max(0, needed - carries))
        carries = needed
    ends.append(carries - _rows_at_top(height[-1] + coming, carries))
    starts.append(0)
    return ends, starts


def _rows_at_top(bits: int, carries: int) -> int:
    """How many rows reach the last position, whose LUTs are exclusive ors: of six bits and a carry for a row's."""
    return min(carries, -(-max(0, bits - 1) // 6))


def _top(bits: int, coming: int) -> int:
    """The cost of the last position."""
    if bits == 2 and coming:
        return ROUTED
    rows = _rows_at_top(bits, coming + 1 >> 1)
    return LUT * (rows - (-max(0, bits - 1 - 6 * rows) // 5))


def spread_constant(height: Sequence[int], constant: int) -> tuple[int, list[int]]:
    """Which ones of a constant are better added as second bits of a word.

    A bit ``x`` and a one of the same weight are ``~x`` and, one position up, ``x``. Where that is chosen for a position
    that has no one, the constant is that much less. In a position that an even number of bits meets, half a LUT is
    wasted, so a bit more in one and less in the other is worth something. Dynamic programming over positions finds the
    cheapest choice; what matters from below is how many bits come, whether a bit is doubled, and what is borrowed.

    Returns:
        The ones that are left, and the positions in which a bit is doubled.
    """
    last = len(height) - 1
    best: dict[tuple[int, int, int], int] = {(0, 0, 0): 0}  # bits that come, doubled below, borrowed
    steps: list[dict[tuple[int, int, int], tuple[tuple[int, int, int], int, int]]] = []
    for position in range(last):
        after: dict[tuple[int, int, int], int] = {}
        back: dict[tuple[int, int, int], tuple[tuple[int, int, int], int, int]] = {}
        for state, before in best.items():
            coming, pushed, borrowed = state
            for doubled in (0, 1) if height[position] else (0,):
                left = (constant >> position & 1) - borrowed - doubled
                one = left & 1
                bits = height[position] + pushed + coming + one
                going = bits >> 1
                cost = before + DOUBLED * doubled
                cost += ROUTED if bits == 2 and coming else LUT * (going + 1 >> 1)
                reached = going, doubled, int(left < 0)
                if cost < after.get(reached, cost + 1):
                    after[reached] = cost
                    back[reached] = state, doubled, one
        best = after
        steps.append(back)
    found, state, ones = -1, (0, 0, 0), 0
    for reached, before in best.items():
        coming, pushed, borrowed = reached
        one = (constant >> last & 1) - borrowed & 1
        cost = before + _top(height[last] + pushed + coming + one, coming)
        if found < 0 or cost < found:
            found, state, ones = cost, reached, one << last
    places = []
    for position in range(last - 1, -1, -1):
        state, doubled, one = steps[position][state]
        ones |= one << position
        if doubled:
            places.append(position)
    return ones, places
