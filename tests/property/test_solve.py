"""``solve``: the sums are the matrix product, proven, whatever the matrix; LUTs, depth, effort and refusals."""

import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from hwgen.circuit import TARGETS, AdderGraph, Row, Total, solve
from hwgen.circuit.row_plan import LUT, ROUTED, plan_cost, plan_rows, spread_constant
from hwgen.circuit.shared_search import SharedSearch, digits_of
from hwgen.circuit.sharing import BLOCK, shared_sums
from hwgen.errors import CircuitError, InputError
from hwgen.fixed import FixedType, IntArray
from hwgen.fixed.digits import minimal_forms, signed_digits

AMD = TARGETS["amd"]


def product(graph: AdderGraph, weight: IntArray, types: list[FixedType], bias: list[int]) -> bool:
    """Whether the graph gives the matrix product, on the ends of the ranges and on random codes."""
    random = np.random.default_rng(0)
    x = np.array([random.integers(t.min_code, t.max_code + 1, 20) for t in types], dtype=np.int64).reshape(-1, 20).T
    ends = np.array([[t.min_code for t in types], [t.max_code for t in types]], dtype=np.int64)
    x = np.concatenate([ends, x])
    return bool((graph.outputs(x) == x @ weight + np.array(bias, dtype=np.int64)).all())


@st.composite
def problems(draw: st.DrawFn) -> tuple[IntArray, list[FixedType], list[int]]:
    """Weights of one to 32 bits with columns that are zero, equal, negated or shifted, over types of all kinds."""
    inputs, outputs = draw(st.integers(0, 7)), draw(st.integers(0, 6))
    size = draw(st.sampled_from([1, 3, 31, 255, 2**31]))
    elements = st.one_of(st.just(0), st.integers(-size, size))
    weight = draw(arrays(np.int64, (inputs, outputs), elements=elements))
    for column in range(1, outputs):
        earlier = draw(st.integers(0, column - 1))
        change = draw(st.sampled_from(["none", "none", "equal", "negated", "shifted", "zero"]))
        factor = {"none": None, "equal": 1, "negated": -1, "shifted": 4, "zero": 0}[change]
        if factor is not None and abs(weight[:, earlier]).max(initial=0) <= 2**31:
            weight[:, column] = factor * weight[:, earlier]
    types = [FixedType(draw(st.booleans()), draw(st.integers(1, 8)), 0) for _ in range(inputs)]
    bias = [draw(st.one_of(st.just(0), st.integers(-1000, 1000))) for _ in range(outputs)]
    return weight, types, bias


@settings(max_examples=120, deadline=None)
@given(problems(), st.sampled_from(["amd", "intel", "lattice", "generic"]))
def test_a_graph_is_proven_and_is_the_matrix_product(
    problem: tuple[IntArray, list[FixedType], list[int]], target: str
) -> None:
    weight, types, bias = problem
    graph = solve(weight, types, bias, TARGETS[target])
    assert graph.prove() is graph
    assert product(graph, weight, types, bias)


def test_the_same_matrix_gives_the_same_graph() -> None:
    weight = np.random.default_rng(5).integers(-31, 32, (9, 12))
    kind = FixedType(True, 5, 0)
    assert solve(weight, kind).nodes == solve(weight, kind).nodes


def test_columns_with_much_in_common_cost_little_more_than_one() -> None:
    random = np.random.default_rng(2)
    one = random.integers(-31, 32, (12, 1))
    kind = FixedType(False, 6, 0)
    alone = solve(one, kind).luts
    assert solve(np.concatenate([one, one, 4 * one], axis=1), kind).luts < 1.05 * alone
    other = one.copy()
    other[3] += 8
    assert solve(np.concatenate([one, other], axis=1), kind).luts < 1.3 * alone


def test_sharing_and_effort_do_not_cost_luts() -> None:
    weight = np.random.default_rng(3).integers(-31, 32, (9, 8))
    kind = FixedType(False, 6, 0)
    none, normal, high = (solve(weight, kind, effort=effort).luts for effort in ("none", "normal", "high"))
    assert high <= normal < none


def test_a_depth_that_is_asked_for_is_kept() -> None:
    weight = np.random.default_rng(4).integers(-31, 32, (9, 8))
    kind = FixedType(False, 6, 0)
    free = solve(weight, kind)
    bound = solve(weight, kind, effort="none").depth
    assert bound < free.depth
    for depth in range(bound, free.depth + 1):
        assert solve(weight, kind, max_depth=depth).depth <= depth
    with pytest.raises(
        CircuitError,
        match=re.escape(
            f"a depth of 1 rows was asked for, and without sharing anything the sums take {bound}; allow more, or give "
            "fewer inputs."
        ),
    ):
        solve(weight, kind, max_depth=1)


def test_only_amd_sums_bit_by_bit() -> None:
    weight = np.array([[3, 5], [-7, 9], [11, 0]])
    kinds = {
        name: {type(n) for n in solve(weight, FixedType(True, 4, 0), target=t).nodes} for name, t in TARGETS.items()
    }
    assert {Row, Total} <= kinds.pop("amd")
    assert not any({Row, Total} & kind for kind in kinds.values())


def cheapest(height: list[int], most: int) -> float:
    """The cheapest plan of rows, of all: every number of rows that go on, and every number of their carry-saves.

    A LUT of a row takes up to four bits, its own carry-save among them, and a carry; a row starts with one more as its
    carry. It leaves one bit, and saves a carry unless two of its inputs are free. The last LUTs are exclusive ors.
    """
    states = {(0, 0): 0.0}  # carries of rows, and carry-saves
    for bits in height[:-1]:
        after: dict[tuple[int, int], float] = {}
        for (carries, saved), cost in states.items():
            for going in range(carries + 1):
                excess = bits + saved + carries - going - 1  # all but one go
                if going == 0 and excess <= 0:
                    after[0, 0] = min(cost, after.get((0, 0), cost))
                for started in range(most - going + 1):
                    cells = going + started
                    slack = 3 * going + 4 * started - excess
                    if cells and excess >= 0 and 0 <= slack <= 3 * cells:
                        routed = min(going, max(0, slack - 2 * cells))
                        state = cells, cells - min(cells, slack // 2)
                        total = LUT * (cells - routed) + ROUTED * routed + cost
                        after[state] = min(total, after.get(state, total))
        states = after
    totals = []
    for (carries, saved), cost in states.items():
        for going in range(carries + 1):
            excess = height[-1] + saved + carries - going - 1
            if going == 1 and excess == 0:
                totals.append(cost + ROUTED)
            elif going == 0 or excess >= 0:
                totals.append(cost + LUT * (going + max(0, -(-(excess - 5 * going) // 5))))
    return min(totals)


def test_a_plan_is_the_cheapest_that_dynamic_programming_finds() -> None:
    random = np.random.default_rng(6)
    for _ in range(60):
        height = random.integers(0, 8, random.integers(1, 8)).tolist()
        assert plan_cost(height, 0) == cheapest(height, 8), height


def test_rows_of_a_plan_start_before_they_end_and_none_is_left() -> None:
    random = np.random.default_rng(7)
    for _ in range(50):
        height = random.integers(0, 12, 10).tolist()
        ends, starts = plan_rows(height)
        running = 0
        for ended, started in zip(ends, starts, strict=True):
            assert 0 <= ended <= running
            running += started - ended
            assert started == 0 or ended == 0


def test_a_plan_costs_at_least_half_a_lut_for_each_bit_that_goes() -> None:
    random = np.random.default_rng(7)
    for _ in range(50):
        height = random.integers(1, 12, 10)
        assert plan_cost([*height.tolist(), 0, 0, 0, 0], 0) >= 300 * (height.sum() - 14)
    assert plan_cost([3] * 8 + [0, 0], 0) < 9 * LUT  # three operands of eight bits


def test_a_constant_is_spread_as_cheaply_as_any_choice_of_places() -> None:
    random = np.random.default_rng(9)
    for _ in range(60):
        height = random.integers(0, 6, random.integers(1, 7)).tolist()
        width = len(height)
        constant = int(random.integers(0, 1 << width))

        def total(places: list[int], height: list[int] = height, constant: int = constant) -> tuple[int, int]:
            """Cost and constant that is left, where a bit is doubled in some places."""
            full = list(height)
            for place in places:
                full[place + 1] += 1
            left = (constant - sum(1 << place for place in places)) % (1 << len(full))
            return plan_cost(full, left), left

        ones, doubled = spread_constant(height, constant)
        cost, left = total(doubled)
        assert left == ones
        usable = [place for place in range(width - 1) if height[place]]
        every = [[p for at, p in enumerate(usable) if choice >> at & 1] for choice in range(1 << len(usable))]
        assert cost == min(total(places)[0] for places in every)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.integers(-(2**45), 2**45), min_size=1, max_size=5))
def test_digits_are_counted_as_they_are_in_canonical_form(numbers: list[int]) -> None:
    for bound in (max(map(abs, numbers)), 2**60):
        assert digits_of(np.array(numbers), bound).tolist() == [len(signed_digits(number)) for number in numbers]
    small = [number % 2**15 - 2**14 for number in numbers]
    assert digits_of(np.array(small), 2**14).tolist() == [len(signed_digits(number)) for number in small]


def test_what_two_sums_have_in_common_is_the_most_at_any_shift_and_sign() -> None:
    random = np.random.default_rng(10)
    weight = random.integers(-31, 32, (7, 6)) * random.integers(0, 2, (7, 6))
    search = SharedSearch(weight.T.copy(), np.full(7, 63), 0.5)
    search._mark(np.arange(6))

    def digits(column: int, shift: int, sign: int) -> set[tuple[int, int, int]]:
        return {(x, e + shift, s * sign) for x in range(7) for s, e in signed_digits(int(weight[x, column]))}

    for one in range(6):
        for two in range(one):
            common = [len(digits(one, 0, 1) & digits(two, shift, sign)) for shift in range(-5, 6) for sign in (1, -1)]
            assert search.score[one, two] == 6 * max(common)
            assert int(digits_of(search._in_common(one, two), 100).sum()) == max(common)


def test_shared_sums_multiply_out_to_the_matrix() -> None:
    random = np.random.default_rng(8)
    for inputs, outputs in ((6, 8), (8, 8), (3, BLOCK + 5)):
        weight = random.integers(-7, 8, (inputs, outputs))
        sharing = shared_sums(weight, np.full(len(weight), 63), AMD)
        forms = list(np.eye(len(weight), dtype=np.int64))
        for number, row in enumerate(sharing.nodes, start=len(weight)):
            assert not row[number:].any()
            forms.append(row[:number] @ np.array(forms))
        assert (sharing.columns @ np.array(forms) == weight.T).all()


@settings(max_examples=100, deadline=None)
@given(st.integers(-5000, 5000))
def test_minimal_forms_are_all_of_the_number_and_equally_short(number: int) -> None:
    forms = minimal_forms(number)
    assert forms[0] == signed_digits(number)
    assert len(set(forms)) == len(forms)
    assert all(sum(sign << exponent for sign, exponent in form) == number for form in forms)
    assert {len(form) for form in forms} == {len(signed_digits(number))}


def test_arguments_that_do_not_fit_are_refused() -> None:
    kind = FixedType(True, 4, 0)
    weight = np.ones((2, 3), dtype=np.int64)
    with pytest.raises(
        InputError,
        match=re.escape("weights are integers in two dimensions (inputs, outputs), got float64 of shape (2, 3)."),
    ):
        solve(weight / 2, kind)
    with pytest.raises(
        InputError, match=re.escape("weights of shape (2, 3) go with 2 input types and 3 biases, got 3 and 3.")
    ):
        solve(weight, [kind] * 3)
    with pytest.raises(InputError, match=re.escape("go with 2 input types and 3 biases, got 2 and 1.")):
        solve(weight, kind, [1])
    with pytest.raises(InputError, match=re.escape("the effort is one of none, normal, high, got 'most'.")):
        solve(weight, kind, effort="most")
