"""Mask selection against its definition: how many groups go, which ones, and that masks nest."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from hwgen.errors import InputError
from hwgen.training.plan import PruningPlan
from hwgen.training.schedule import PolynomialSchedule
from hwgen.training.selection import (
    Granularity,
    Method,
    Scope,
    importance,
    select_globally,
    select_per_layer,
)

METHODS = st.sampled_from(Method)
GRANULARITIES = st.sampled_from(Granularity)
SHARES = st.floats(0.0, 1.0)
SHAPES = st.lists(st.integers(1, 5), min_size=1, max_size=4).map(tuple)
# Few different values, so that ties are common.
# Nothing so small that a factor of 2**-6 or a square would underflow: that is float32's doing, not the selection's.
WEIGHTS = st.one_of(
    st.integers(-3, 3).map(lambda n: n / 4),
    st.floats(-2.0, 2.0, width=32).map(lambda w: w if abs(w) > 1e-15 else 0.0),
)


@st.composite
def networks(draw: st.DrawFn) -> dict[str, np.ndarray]:
    """Kernels of one to three layers by name."""
    count = draw(st.integers(1, 3))
    return {f"layer{i}": draw(arrays(np.float32, draw(SHAPES), elements=WEIGHTS)) for i in range(count)}


def group_masks(mask: np.ndarray, granularity: Granularity) -> np.ndarray:
    """Whether each group is kept, after checking that a group is kept or pruned as a whole."""
    if granularity is Granularity.WEIGHT:
        return mask.ravel()
    rows = mask.reshape(-1, mask.shape[-1])
    assert (rows == rows[0]).all()
    return rows[0]


def half_up(share: float, groups: int) -> int:
    return math.floor(share * groups + 0.5)


@given(networks(), SHARES, METHODS, GRANULARITIES)
def test_each_layer_loses_the_nearest_number_of_whole_groups_and_keeps_one(network, share, method, granularity):
    masks = select_per_layer(network, dict.fromkeys(network, share), method, granularity)
    for name, kernel in network.items():
        kept = group_masks(masks[name], granularity)
        assert masks[name].shape == kernel.shape
        assert (~kept).sum() == min(half_up(share, kept.size), kept.size - 1)


@given(networks(), SHARES, METHODS, GRANULARITIES)
def test_all_layers_together_lose_the_nearest_number_of_groups_and_keep_one_each(network, share, method, granularity):
    masks = select_globally(network, share, method, granularity)
    kept = [group_masks(masks[name], granularity) for name in network]
    total = sum(groups.size for groups in kept)
    assert sum(int((~groups).sum()) for groups in kept) == min(half_up(share, total), total - len(network))
    assert all(groups.any() for groups in kept)


@given(networks(), SHARES, METHODS, GRANULARITIES)
def test_no_pruned_group_is_more_important_than_a_kept_one(network, share, method, granularity):
    masks = select_globally(network, share, method, granularity)
    pruned, kept = [], []
    for name, kernel in network.items():
        scores, groups = importance(kernel, method, granularity), group_masks(masks[name], granularity)
        pruned.extend(scores[~groups])
        kept.extend(scores[groups] if groups.sum() > 1 else [])  # a layer's last group stays, whatever it is worth
    assert not pruned or not kept or max(pruned) <= min(kept)


@given(networks(), SHARES, SHARES, METHODS, GRANULARITIES, st.sampled_from(Scope))
def test_a_higher_sparsity_prunes_all_that_a_lower_one_does(network, one, other, method, granularity, scope):
    low, high = sorted((one, other))

    def select(share: float) -> dict[str, np.ndarray]:
        if scope is Scope.GLOBAL:
            return select_globally(network, share, method, granularity)
        return select_per_layer(network, dict.fromkeys(network, share), method, granularity)

    sparse, dense = select(high), select(low)
    assert all((sparse[name] <= dense[name]).all() for name in network)


@given(networks(), SHARES)
def test_global_magnitude_keeps_at_least_what_equally_many_weights_kept_per_layer_hold(network, share):
    per_layer = select_per_layer(network, dict.fromkeys(network, share), Method.MAGNITUDE, Granularity.WEIGHT)
    pruned = sum(int((~mask).sum()) for mask in per_layer.values())
    total = sum(kernel.size for kernel in network.values())
    together = select_globally(network, pruned / total, Method.MAGNITUDE, Granularity.WEIGHT)
    assert sum(int((~mask).sum()) for mask in together.values()) == pruned

    def held(masks: dict[str, np.ndarray]) -> float:
        return math.fsum(abs(float(w)) for name in network for w in network[name][masks[name]])

    assert held(together) >= held(per_layer)


@given(networks(), SHARES, GRANULARITIES, st.data())
def test_relative_magnitude_ignores_the_scale_of_a_layer(network, share, granularity, data):
    scaled = {name: kernel * np.float32(2.0 ** data.draw(st.integers(-6, 6))) for name, kernel in network.items()}
    expected = select_globally(network, share, Method.RELATIVE, granularity)
    masks = select_globally(scaled, share, Method.RELATIVE, granularity)
    assert all(np.array_equal(masks[name], expected[name]) for name in network)


@given(arrays(np.float32, SHAPES, elements=WEIGHTS), METHODS)
def test_importance_of_a_neuron_is_that_of_its_weights_alone(kernel, method):
    scores = importance(kernel, method, Granularity.NEURON)
    flat = [float(w) for w in kernel.ravel()]
    nonzero = [w for w in flat if w]
    scale = math.sqrt(math.fsum(w * w for w in nonzero) / len(nonzero)) if nonzero else 1.0
    for neuron in range(kernel.shape[-1]):
        weights = [abs(float(w)) for w in kernel[..., neuron].ravel()]
        oracle = {
            Method.MAGNITUDE: math.fsum(weights) / len(weights),
            Method.RELATIVE: math.fsum(weights) / len(weights) / (scale or 1.0),
            Method.L1: math.fsum(weights),
            Method.L2: math.sqrt(math.fsum(w * w for w in weights)),
        }[method]
        assert scores[neuron] == pytest.approx(oracle, rel=1e-9, abs=1e-30)


@given(st.integers(1, 40), SHARES, METHODS)
def test_equal_weights_are_pruned_from_the_front(size, share, method):
    mask = select_globally({"layer": np.full(size, 0.5, np.float32)}, share, method, Granularity.WEIGHT)["layer"]
    count = min(half_up(share, size), size - 1)
    assert mask.tolist() == [False] * count + [True] * (size - count)


@given(networks(), METHODS, GRANULARITIES, st.sampled_from(Scope), st.integers(0, 5), st.integers(1, 6), st.data())
def test_masks_nest_along_a_schedule_while_weights_change(network, method, granularity, scope, begin, span, data):
    schedule = PolynomialSchedule(begin=begin, end=begin + span, initial=data.draw(SHARES))
    plan = PruningPlan(method, granularity, scope, data.draw(SHARES), schedule)
    masks = {name: np.ones(kernel.shape, np.bool_) for name, kernel in network.items()}
    for step in range(begin + span + 2):
        changed = {
            name: data.draw(arrays(np.float32, kernel.shape, elements=WEIGHTS)) * masks[name]
            for name, kernel in network.items()
        }
        later = plan.masks_at(step, changed, masks)
        assert all((later[name] <= masks[name]).all() for name in network)
        masks = later
    groups = [group_masks(masks[name], granularity) for name in network]
    if scope is Scope.LAYER:
        assert [int((~g).sum()) for g in groups] == [min(half_up(plan.sparsity, g.size), g.size - 1) for g in groups]


@given(
    st.integers(0, 50), st.integers(0, 50), st.integers(1, 9), SHARES, SHARES, st.floats(0.25, 5.0), st.integers(0, 120)
)
def test_a_schedule_never_falls_and_stays_between_its_ends(begin, span, every, initial, final, power, step):
    schedule = PolynomialSchedule(begin, begin + span, every, initial, power)
    now, later = schedule.sparsity(step, final), schedule.sparsity(step + 1, final)
    assert 0.0 <= now <= later <= final
    assert schedule.sparsity(begin + span, final) == final
    assert schedule.updates_at(begin + span)
    if step < begin:
        assert now == 0.0


def test_a_schedule_follows_the_published_equation():
    schedule = PolynomialSchedule(begin=10, end=50, every=4, initial=0.2)
    for update in range(11):  # s_t = s_f + (s_i - s_f) (1 - (t - t_0) / (n delta_t))^3
        expected = 0.8 + (0.2 - 0.8) * (1 - (4 * update) / (10 * 4)) ** 3
        assert schedule.sparsity(10 + 4 * update, 0.8) == pytest.approx(expected, rel=1e-12)
        assert schedule.updates_at(10 + 4 * update)
        assert not schedule.updates_at(11 + 4 * update)


def test_what_cannot_be_pruned_is_refused():
    nan = np.array([[np.nan, 1.0]])
    with pytest.raises(InputError, match="the training diverged"):
        importance(nan, Method.L1, Granularity.WEIGHT)
    with pytest.raises(InputError, match=r"a share between 0 and 1, got 1\.5"):
        select_globally({"a": np.ones(3)}, 1.5, Method.L1, Granularity.WEIGHT)
    with pytest.raises(InputError, match=r"layer 'b' has none"):
        select_per_layer({"b": np.ones(3)}, {"a": 0.5}, Method.L1, Granularity.WEIGHT)
    with pytest.raises(InputError, match=r"layer 'a': a mask has its kernel's shape \(3,\), got \(2,\)"):
        select_globally({"a": np.ones(3)}, 0.5, Method.L1, Granularity.WEIGHT, {"a": np.ones(2, np.bool_)})
    plan = PruningPlan(
        Method.L1, Granularity.WEIGHT, Scope.LAYER, 0.5, PolynomialSchedule(0, 0), skip=frozenset({"gone"})
    )
    with pytest.raises(InputError, match="the plan names layer 'gone'; the model can prune a"):
        plan.masks_at(0, {"a": np.ones(3)}, {})
