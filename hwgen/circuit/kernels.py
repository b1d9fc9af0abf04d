"""The solver's inner loops, on integer arrays: plans of bit heaps, and the search for sums that are worth sharing.

Everything here is plain Python that Numba can compile; ``hwgen.circuit.compiled`` decides which of the two is run.
"""

from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np

Function = TypeVar("Function", bound=Callable[..., Any])


def _interpreted(function: Function) -> Function:
    return function


jit: Callable[[Any], Any] = globals().get("jit", _interpreted)

ROUTED = 0.6  # what a position costs whose LUT only passes a bit on to the carry chain
NEVER = 1e18
MOST_ROWS = 120  # at a time


@jit
def plan_rows(height: Any, most: int) -> Any:
    """How many rows end and start in each position of a bit heap, so that one bit a position is left, in fewest LUTs.

    Dynamic programming over positions. In each, ``carries`` rows come with a carry, and ``saved`` bits with them. Some
    of the rows end, and their carries become bits of the heap; others start. A row takes up to four bits of a position,
    or five where it starts and takes one as its carry, and leaves one. It passes on a carry-save if three or four of
    the bits enter LUTs; a position that leaves two inputs free does without.

    Args:
        height: bits in each position, int64.
        most: rows at a time.
    Returns:
        The cost, then the numbers of rows that end and that start in each position.
    """
    width = len(height)
    cost = np.full((width, most + 1, most + 1), NEVER)
    back = np.zeros((width, most + 1, most + 1, 4), np.int16)
    cost[0, 0, 0] = 0.0
    for i in range(width - 1):
        for carries in range(most + 1):
            for saved in range(carries + 1):
                before = cost[i, carries, saved]
                if before >= NEVER:
                    continue
                for ended in range(carries + 1):
                    going = carries - ended
                    excess = height[i] + saved + ended - 1
                    if excess <= 0 and going == 0:
                        if before < cost[i + 1, 0, 0]:
                            cost[i + 1, 0, 0] = before
                            back[i + 1, 0, 0, 0] = carries
                            back[i + 1, 0, 0, 1] = saved
                            back[i + 1, 0, 0, 2] = ended
                            back[i + 1, 0, 0, 3] = 0
                        continue
                    if excess < 0:
                        continue
                    least = max(0, (excess - 3 * going + 3) // 4)
                    for started in range(least, least + 3):
                        cells = going + started
                        slack = 3 * going + 4 * started - excess
                        if cells > most or slack > 3 * cells:
                            break
                        routed = min(going, max(0, slack - 2 * cells))
                        saving = cells - min(cells, slack // 2)
                        after = before + cells - (1.0 - ROUTED) * routed
                        if after < cost[i + 1, cells, saving] - 1e-9:
                            cost[i + 1, cells, saving] = after
                            back[i + 1, cells, saving, 0] = carries
                            back[i + 1, cells, saving, 1] = saved
                            back[i + 1, cells, saving, 2] = ended
                            back[i + 1, cells, saving, 3] = started
    ends, starts = np.zeros(width, np.int64), np.zeros(width, np.int64)
    best, best_carries, best_saved = NEVER, 0, 0
    for carries in range(most + 1):
        for saved in range(carries + 1):
            before = cost[width - 1, carries, saved]
            if before >= NEVER:
                continue
            for going in range(carries + 1):
                # Nothing is carried on from the last position, so an exclusive or of six bits does for each LUT.
                excess = height[width - 1] + saved + carries - going - 1
                after = before + going
                if going == 1 and excess == 0:
                    after = before + ROUTED
                elif excess < 0:
                    if going > 0:
                        continue
                elif excess > 5 * going:
                    after += (excess - 5 * going + 4) // 5
                if after < best - 1e-9:
                    best, best_carries, best_saved = after, carries, saved
                    ends[width - 1] = carries - going
    carries, saved = best_carries, best_saved
    for i in range(width - 1, 0, -1):
        ends[i - 1], starts[i - 1] = back[i, carries, saved, 2], back[i, carries, saved, 3]
        carries, saved = back[i, carries, saved, 0], back[i, carries, saved, 1]
    return best, ends, starts


@jit
def planned_cost(height: Any, constant: int) -> Any:
    """The cost of a heap with the ones of a constant, modulo two to the power of its width."""
    full = height.copy()
    for position in range(len(full)):
        full[position] += constant >> position & 1
    return plan_rows(full, min(MOST_ROWS, int(full.max()) // 2 + 3))[0]


@jit
def spread_constant(height: Any, constant: int, pairs: bool) -> Any:
    """Which ones of a constant are better added as second bits of a word: single positions, then pairs of them.

    A one in a position, and a bit there that is inverted and added to the next position too, are the same. Where that
    is chosen for a position that has no one, the constant is that much less.

    Returns:
        The constant that is left, and the positions.
    """
    width = len(height)
    height = height.copy()
    chosen = np.zeros(width, np.bool_)
    usable = height > 0
    cost = planned_cost(height, constant)
    mask = (1 << width) - 1
    again = True
    rounds = 0
    while again and rounds < 4:
        again = False
        rounds += 1
        for one in range(width - 1):
            for two in range(one, width - 1 if pairs else one + 1):
                if not (usable[one] and usable[two]):
                    continue
                changed = constant
                for at in range(one, two + 1):
                    if at in (one, two):
                        step = -1 if chosen[at] else 1
                        height[at + 1] += step
                        changed -= step << at
                changed &= mask
                found = planned_cost(height, changed)
                if found < cost - 1e-9:
                    cost, constant, again = found, changed, True
                    chosen[one] = not chosen[one]
                    if two != one:
                        chosen[two] = not chosen[two]
                else:
                    for at in range(one, two + 1):
                        if at in (one, two):
                            height[at + 1] -= -1 if chosen[at] else 1
    return constant, chosen


# ---- sharing: a matrix of sums by sources, and the search for a source that all of them gain by


@jit
def ones(number: Any) -> Any:
    """Ones of a number that is not negative."""
    number = number - ((number >> 1) & 0x5555555555555555)
    number = (number & 0x3333333333333333) + ((number >> 2) & 0x3333333333333333)
    number = (number + (number >> 4)) & 0x0F0F0F0F0F0F0F0F
    number = number + (number >> 8)
    number = number + (number >> 16)
    return (number + (number >> 32)) & 0x7F


@jit
def digits_of(number: Any) -> Any:
    """Non-zero digits of a number's shortest signed binary forms."""
    size = abs(number)
    return ones(size ^ (3 * size))


@jit
def length_of(number: Any) -> int:
    """Bits of a number that is not negative."""
    found = 0
    while number > 0:
        found += 1
        number >>= 1
    return found


@jit
def price(bits: int, digits: int, width: int, output: bool, slope: float, constant: float) -> float:
    """About what it takes to add so many bits, of so many terms, to a sum of ``width``.

    Args:
        slope: LUTs for each bit that goes: a half where a row takes three operands.
        constant: what an output's constant costs.
    """
    if digits <= 1:
        return 0.0
    extra = constant if output else 0.0
    if digits == 2:
        return max(1.0, bits - width + 1.0) + extra
    return max(1.0, (bits - width) * slope + 2.0) + extra


@jit
def tally(matrix: Any, row: int, sources: int, bits: Any) -> Any:
    """Bits and digits of a sum."""
    total, digits = 0, 0
    for x in range(sources):
        if matrix[row, x] != 0:
            count = digits_of(matrix[row, x])
            digits += count
            total += count * bits[x]
    return total, digits


@jit
def multipliers(
    matrix: Any,
    sums: int,
    outputs: int,
    candidate: Any,
    support: Any,
    bits: Any,
    own_bits: int,
    bits_of: Any,
    digits_in: Any,
    widths: Any,
    slope: float,
    constant: float,
    below: Any,
    shifts: int,
    found: Any,
) -> float:
    """How many times each sum best uses a candidate, up to four signed powers of two; what they save together.

    Args:
        candidate: its coefficient for each source; ``support`` where they are not zero.
        own_bits: width of the candidate.
        bits_of, digits_in, widths: of each sum.
        below: nodes that the candidate depends on, which cannot use it.
        found: filled with the multiplier of each sum.
    """
    saving = 0.0
    size = len(support)
    left = np.empty(size, np.int64)
    for row in range(sums):
        found[row] = 0
        if row >= outputs and below[row - outputs]:
            continue
        used = 0
        for a in range(size):
            left[a] = matrix[row, support[a]]
            if left[a] != 0:
                used += 1
        if used == 0:
            continue
        total, digits, times = bits_of[row], digits_in[row], 0
        first = price(total, digits, widths[row], row < outputs, slope, constant)
        now = first
        for _ in range(4):
            best, best_step, best_total, best_digits = 1e-9, 0, 0, 0
            for index in range(2 * shifts):
                step = (1 << (index >> 1)) * (1 - 2 * (index & 1))
                if times + step == 0:
                    continue
                more = digits_of(times + step) - digits_of(times)
                more_bits = more * own_bits
                for a in range(size):
                    change = digits_of(left[a] - candidate[support[a]] * step) - digits_of(left[a])
                    more += change
                    more_bits += change * bits[support[a]]
                gain = now - price(total + more_bits, digits + more, widths[row], row < outputs, slope, constant)
                if gain > best + 1e-9:
                    best, best_step, best_total, best_digits = gain, step, total + more_bits, digits + more
            if best_step == 0:
                break
            for a in range(size):
                left[a] -= candidate[support[a]] * best_step
            times += best_step
            total, digits = best_total, best_digits
            now = price(total, digits, widths[row], row < outputs, slope, constant)
        if times != 0:
            found[row] = times
            saving += first - now
    return saving


@jit
def fitted(
    matrix: Any,
    sources: int,
    inputs: int,
    outputs: int,
    candidate: Any,
    users: Any,
    times: Any,
    depends: Any,
    shifts: int,
) -> Any:
    """The candidate that leaves its users the fewest digits, each of which uses it a given number of times.

    Each source is for itself: its coefficient changes digit by digit as long as that leaves fewer.
    """
    made = np.zeros(len(candidate), np.int64)
    for x in range(sources):
        reading, allowed = 0, True
        for row in users:
            if matrix[row, x] != 0:
                reading += 1
            if row >= outputs and x >= inputs and (x - inputs == row - outputs or depends[x - inputs, row - outputs]):
                allowed = False
        if not allowed or (reading < 2 and candidate[x] == 0):
            continue
        value = candidate[x]
        now, without = digits_of(value), 0
        for row in users:
            now += digits_of(matrix[row, x] - times[row] * value)
            without += digits_of(matrix[row, x])
        if without <= now:
            value, now = 0, without
        for _ in range(4):
            best, best_value = now, value
            for index in range(2 * shifts):
                other = value + (1 << (index >> 1)) * (1 - 2 * (index & 1))
                count = digits_of(other)
                for row in users:
                    count += digits_of(matrix[row, x] - times[row] * other)
                    if count >= best:
                        break
                if count < best:
                    best, best_value = count, other
            if best == now:
                break
            value, now = best_value, best
        made[x] = value
    return made


@jit
def normalize(candidate: Any, support: Any) -> None:
    """Divide by the largest common power of two; the first coefficient becomes positive."""
    together = 0
    for x in support:
        together |= abs(candidate[x])
    shift = 0
    while together >> shift & 1 == 0:
        shift += 1
    sign = 1 if candidate[support[0]] > 0 else -1
    for x in support:
        candidate[x] = sign * (candidate[x] >> shift)


@jit
def width_over(candidate: Any, support: Any, forms: Any, spans: Any) -> Any:
    """Bits of the range of a sum of sources."""
    form = np.zeros(len(spans), np.int64)
    for x in support:
        form += candidate[x] * forms[x]
    return length_of(np.sum(np.abs(form) * spans))


@jit
def refine(
    matrix: Any,
    sums: int,
    sources: int,
    outputs: int,
    inputs: int,
    candidate: Any,
    bits: Any,
    bits_of: Any,
    digits_in: Any,
    widths: Any,
    slope: float,
    constant: float,
    depends: Any,
    forms: Any,
    spans: Any,
    shifts: int,
    steps: int,
) -> Any:
    """Better the candidate and its users in turn, as long as that gains.

    Returns:
        The gain in LUTs, the candidate, and how many times each sum uses it.
    """
    best = -NEVER
    best_candidate, best_times = candidate.copy(), np.zeros(len(bits_of), np.int64)
    times = np.zeros(len(bits_of), np.int64)
    for _ in range(steps):
        support = np.nonzero(candidate[:sources])[0]
        if len(support) == 0:
            break
        normalize(candidate, support)
        below = np.zeros(max(1, sums - outputs), np.bool_)
        total, digits = 0, 0
        for x in support:
            count = digits_of(candidate[x])
            digits += count
            total += count * bits[x]
            if x >= inputs:
                below[x - inputs] = True
                for node in range(sums - outputs):
                    if depends[x - inputs, node]:
                        below[node] = True
        if digits < 2:
            break
        own_bits = width_over(candidate, support, forms, spans)
        if own_bits > 48:
            break
        gain = multipliers(
            matrix, sums, outputs, candidate, support, bits, own_bits, bits_of, digits_in, widths, slope, constant,
            below, shifts, times,
        ) - price(total, digits, own_bits, False, slope, constant)  # fmt: skip
        if gain <= best + 1e-9:
            break
        best = gain
        best_candidate[:] = candidate
        best_times[:] = times
        users = np.nonzero(times[:sums])[0]
        if len(users) < 2:
            break
        made = fitted(matrix, sources, inputs, outputs, candidate, users, times, depends, shifts)
        if np.all(made == candidate):
            break
        candidate[:] = made
    return best, best_candidate, best_times


@jit
def signed_masks(number: int) -> Any:
    """The positive and the negative digits of a number's canonical form."""
    size = abs(number)
    more, less = (3 * size & ~size) >> 1, (size & ~(3 * size)) >> 1
    if number < 0:
        return less, more
    return more, less


@jit
def likeness(plus: Any, minus: Any, one: int, two: int, sources: int, bits: Any, shifts: int) -> Any:
    """Bits that two sums have in common, at the best shift and sign of the second; and which that is."""
    kinds = 2 * shifts - 1
    score = np.zeros(2 * kinds, np.int64)
    for x in range(sources):
        p, q = plus[one, x], minus[one, x]
        r, s = plus[two, x], minus[two, x]
        if p | q == 0 or r | s == 0:
            continue
        for kind in range(kinds):
            shift = kind - shifts + 1
            if shift >= 0:
                t, u = r << shift, s << shift
            else:
                t, u = r >> -shift, s >> -shift
            score[2 * kind] += bits[x] * (ones(p & t) + ones(q & u))
            score[2 * kind + 1] += bits[x] * (ones(p & u) + ones(q & t))
    best = 0
    for kind in range(2 * kinds):
        if score[kind] > score[best]:
            best = kind
    return score[best], best


@jit
def in_common(plus: Any, minus: Any, one: int, two: int, kind: int, shifts: int, made: Any) -> None:
    """The digits that two sums have in common."""
    shift = (kind >> 1) - shifts + 1
    for x in range(len(made)):
        if shift >= 0:
            t, u = plus[two, x] << shift, minus[two, x] << shift
        else:
            t, u = plus[two, x] >> -shift, minus[two, x] >> -shift
        if kind & 1:
            t, u = u, t
        made[x] = (plus[one, x] & t) - (minus[one, x] & u)


@jit
def best_pairs(score: Any, sums: int, wanted: int) -> Any:
    """The pairs of sums that have most in common: the two, and how much."""
    first, second, most = np.zeros(wanted, np.int64), np.zeros(wanted, np.int64), np.zeros(wanted, np.int64)
    for one in range(sums):
        for two in range(one):
            value = score[one, two]
            if value > most[wanted - 1]:
                place = wanted - 1
                while place > 0 and most[place - 1] < value:
                    most[place] = most[place - 1]
                    first[place], second[place] = first[place - 1], second[place - 1]
                    place -= 1
                most[place], first[place], second[place] = value, one, two
    return first, second, most


@jit
def share(
    matrix: Any,
    outputs: int,
    inputs: int,
    sums: int,
    bits: Any,
    widths: Any,
    depends: Any,
    forms: Any,
    spans: Any,
    slope: float,
    constant: float,
    shifts: int,
    tries: int,
) -> int:
    """Take out of sums what several of them have in common, as long as that saves LUTs.

    Args:
        matrix: (sums, sources) int64 with room for more of both: outputs and then nodes by inputs and then nodes.
        sums: outputs and the nodes that there are.
        bits, widths: of sources and of sums.
        depends: which node depends on which.
        forms: (sources, inputs): each as a sum of inputs.
        spans: highest less lowest code of each input.
        shifts: positions that a digit may have.
        tries: pairs that are looked at for each node.
    Returns:
        The number of sums, nodes included.
    """
    most = matrix.shape[0]
    sources = inputs + sums - outputs
    bits_of, digits_in = np.zeros(most, np.int64), np.zeros(most, np.int64)
    plus, minus = np.zeros(matrix.shape, np.int64), np.zeros(matrix.shape, np.int64)
    score, kinds = np.zeros((most, most), np.int64), np.zeros((most, most), np.int64)
    changed = np.zeros(most, np.bool_)
    changed[:sums] = True
    candidate = np.zeros(matrix.shape[1], np.int64)
    best_candidate, best_times = candidate.copy(), np.zeros(most, np.int64)
    fruitless = 0
    while True:
        for row in range(sums):
            if changed[row]:
                bits_of[row], digits_in[row] = tally(matrix, row, sources, bits)
                for x in range(sources):
                    plus[row, x], minus[row, x] = signed_masks(matrix[row, x])
        for one in range(sums):
            for two in range(one):
                if changed[one] or changed[two]:
                    score[one, two], kinds[one, two] = likeness(plus, minus, one, two, sources, bits, shifts)
        changed[:] = False
        if sums == most:
            break
        first, second, common = best_pairs(score, sums, tries)
        best = 1e-6
        for k in range(tries):
            if common[k] == 0:
                break
            in_common(plus, minus, first[k], second[k], kinds[first[k], second[k]], shifts, candidate)
            gain, made, times = refine(
                matrix, sums, sources, outputs, inputs, candidate, bits, bits_of, digits_in, widths, slope, constant,
                depends, forms, spans, shifts, 8,
            )  # fmt: skip
            if gain <= 0:
                score[first[k], second[k]] = 0
            if gain > best:
                best = gain
                best_candidate[:] = made
                best_times[:] = times
        if best <= 1e-6:
            fruitless += 1
            if common[0] == 0 or fruitless > 40:
                break
            continue
        fruitless = 0
        node = sums - outputs
        matrix[sums, :] = best_candidate
        forms[sources, :] = 0
        for x in range(sources):
            if best_candidate[x] != 0:
                forms[sources] += best_candidate[x] * forms[x]
                if x >= inputs:
                    depends[node, x - inputs] = True
                    depends[node] |= depends[x - inputs]
        bits[sources] = length_of(np.sum(np.abs(forms[sources]) * spans))
        widths[sums] = bits[sources]
        for row in range(sums):
            if best_times[row] == 0:
                continue
            changed[row] = True
            matrix[row] -= best_times[row] * best_candidate
            matrix[row, sources] = best_times[row]
            if row >= outputs:
                for other in range(node):
                    if other == row - outputs or depends[other, row - outputs]:
                        depends[other] |= depends[node]
                        depends[other, node] = True
        changed[sums] = True
        sums += 1
        sources += 1
    return sums


@jit
def inline_nodes(
    matrix: Any, outputs: int, inputs: int, sums: int, bits: Any, widths: Any, slope: float, constant: float
) -> int:
    """Undo nodes whose users are cheaper without them; how many there were. They are left without users."""
    undone = 0
    again = True
    sources = inputs + sums - outputs
    while again:
        again = False
        for node in range(sums - outputs):
            x, own = inputs + node, outputs + node
            gain, used = 0.0, False
            for row in range(sums):
                times = matrix[row, x]
                if times == 0:
                    continue
                used = True
                total, digits = tally(matrix, row, sources, bits)
                gain += price(total, digits, widths[row], row < outputs, slope, constant)
                matrix[row, x] = 0
                matrix[row] += times * matrix[own]
                total, digits = tally(matrix, row, sources, bits)
                gain -= price(total, digits, widths[row], row < outputs, slope, constant)
                matrix[row] -= times * matrix[own]
                matrix[row, x] = times
            if not used:
                continue
            total, digits = tally(matrix, own, sources, bits)
            gain += price(total, digits, widths[own], False, slope, constant)
            if gain > 1e-6:
                again = True
                undone += 1
                for row in range(sums):
                    times = matrix[row, x]
                    if times != 0:
                        matrix[row, x] = 0
                        matrix[row] += times * matrix[own]
    return undone
