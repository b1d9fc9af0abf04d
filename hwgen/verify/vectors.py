"""Test vectors for a network: simple extremes, random codes, and codes that the network itself finds awkward."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

import numpy as np

from hwgen.errors import InputError
from hwgen.fixed import IntArray
from hwgen.ir import Network
from hwgen.reference import trace
from hwgen.verify.critical import critical_points
from hwgen.verify.search import Coverage, Space, samples_at_once, search

_ONE_HOT_MOST = 512


class VectorKind(Enum):
    """Why a sample is there."""

    GIVEN = "given"  # by the caller
    ZERO = "all zero"
    MINIMUM = "all at the minimum"
    MAXIMUM = "all at the maximum"
    ALTERNATING = "minimum and maximum in turn"
    ONE_HOT = "one input at an extreme, the others zero"
    CRITICAL = "found for ties, saturation edges and thresholds"
    RANDOM = "uniform over the whole range"


@dataclass(frozen=True, slots=True)
class VectorGroup:
    """Consecutive samples of one kind."""

    kind: VectorKind
    samples: int


@dataclass(frozen=True, slots=True)
class Hits:
    """How many of the events that interval arithmetic allows were exercised."""

    hit: int
    possible: int


@dataclass(frozen=True, slots=True)
class LayerCoverage:
    """What the samples exercised in one quantizing layer, summed over its channels.

    Attributes:
        edges: codes exactly at a threshold or saturation edge, and exactly one below.
        ties: of the four kinds of rounding ties in each channel.
        ends: channels saturated low and high; for a step function, below its first and above its last threshold.
    """

    layer: str
    kind: str
    edges: Hits
    ties: Hits
    ends: Hits


@dataclass(frozen=True, slots=True, eq=False)
class TestVectors:
    """Inputs, and what the reference computes from them.

    Attributes:
        inputs: (samples, *shape) int64, one array a network input.
        outputs: (samples, *shape) int64, one array a network output.
        groups: in the order of the samples.
        coverage: one a quantizing layer, in network order.
    """

    __test__ = False  # not for pytest to collect

    inputs: tuple[IntArray, ...]
    outputs: tuple[IntArray, ...]
    groups: tuple[VectorGroup, ...]
    coverage: tuple[LayerCoverage, ...]

    @property
    def samples(self) -> int:
        return len(self.inputs[0])

    def kind(self, sample: int) -> VectorKind:
        """Why a sample is there."""
        for group in self.groups:
            if sample < group.samples:
                return group.kind
            sample -= group.samples
        raise IndexError(sample)


def make_vectors(network: Network, samples: int, seed: int = 0, given: Sequence[IntArray] | None = None) -> TestVectors:
    """Make test vectors; the same arguments give the same vectors.

    Of ``samples``, the five constant ones come first, then up to a quarter one-hot (at most 512), up to a half critical
    ones, and random ones fill the rest.

    Args:
        samples: how many to make, beside those given.
        given: codes to put first, (samples, *shape) int64 an input.
    Raises:
        InputError: a negative number of samples, none at all, or given codes of a wrong shape or outside their type.
    """
    check_request(network, samples, given)
    space = Space.of(network)
    one_hot_seed, search_seed, random_seed = np.random.SeedSequence(seed).spawn(3)
    coverage = Coverage(critical_points(network))
    parts: list[tuple[VectorKind, IntArray]] = []
    outputs: list[tuple[IntArray, ...]] = []

    def put(kind: VectorKind, rows: IntArray) -> None:
        if len(rows):
            parts.append((kind, rows))
            outputs.extend(_evaluate(space, rows, coverage))

    if given is not None:
        put(VectorKind.GIVEN, np.concatenate([array.reshape(len(array), -1) for array in given], axis=1))
    left = samples
    for kind, rows in _constant_rows(space):
        put(kind, rows[:left])
        left -= len(rows[:left])
    put(VectorKind.ONE_HOT, _one_hot(space, min(samples // 4, left), np.random.default_rng(one_hot_seed)))
    left = samples - sum(len(rows) for kind, rows in parts if kind is not VectorKind.GIVEN)
    # Random samples come for free; what they reach need not be looked for.
    random = space.random(left, np.random.default_rng(random_seed))
    random_outputs = _evaluate(space, random[: left - min(left, samples // 2)], coverage)
    found = search(space, coverage, min(left, samples // 2), np.random.default_rng(search_seed))
    put(VectorKind.CRITICAL, found)
    kept = left - len(found)
    certain = left - min(left, samples // 2)
    outputs.extend(random_outputs)
    if certain:
        parts.append((VectorKind.RANDOM, random[:certain]))
    put(VectorKind.RANDOM, random[certain:kept])
    rows = np.concatenate([rows for _, rows in parts])
    return TestVectors(
        inputs=space.split(rows),
        outputs=tuple(np.concatenate(blocks) for blocks in zip(*outputs, strict=True)),
        groups=_groups(parts),
        coverage=_layer_coverage(coverage),
    )


def _groups(parts: Sequence[tuple[VectorKind, IntArray]]) -> tuple[VectorGroup, ...]:
    groups: list[VectorGroup] = []
    for kind, rows in parts:
        if groups and groups[-1].kind is kind:
            groups[-1] = VectorGroup(kind, groups[-1].samples + len(rows))
        else:
            groups.append(VectorGroup(kind, len(rows)))
    return tuple(groups)


def _evaluate(space: Space, rows: IntArray, coverage: Coverage) -> list[tuple[IntArray, ...]]:
    """Outputs of the reference, block by block; what the samples exercise is added to the coverage."""
    at_once = samples_at_once(space.network)
    outputs = []
    for start in range(0, len(rows), at_once):
        values = trace(space.network, space.split(rows[start : start + at_once]))
        coverage.add(dict(values))
        outputs.append(tuple(values[name] for name in space.network.outputs))
    return outputs


def check_request(network: Network, samples: int, given: Sequence[IntArray] | None) -> None:
    """Say what is wrong with the arguments of ``make_vectors``, without making any.

    Raises:
        InputError: see there.
    """
    if samples < 0 or (samples == 0 and given is None):
        raise InputError(f"at least one sample is needed to verify anything, got {samples}.")
    if given is None:
        return
    if len(given) != len(network.inputs):
        raise InputError(f"network {network.name!r} has {len(network.inputs)} inputs, got {len(given)} arrays.")
    for array, source in zip(given, network.inputs, strict=True):
        value = source.value
        if not isinstance(array, np.ndarray) or array.dtype != np.int64 or array.shape[1:] != value.shape:
            got = f"{array.dtype} of shape {array.shape}" if isinstance(array, np.ndarray) else type(array).__name__
            raise InputError(
                f"input {value.name!r}: int64 codes of shape (samples, {', '.join(map(str, value.shape))}) were "
                f"expected, got {got}; hwgen.reference.encode turns real data into codes."
            )
    if len({len(array) for array in given}) != 1 or not len(given[0]):
        raise InputError(f"every input needs the same number of samples, got {[len(array) for array in given]}.")
    for array, source in zip(given, network.inputs, strict=True):
        value = source.value
        low, high = int(array.min()), int(array.max())
        if not value.type.holds(low, high):
            raise InputError(
                f"input {value.name!r}: codes from {low} to {high} do not fit its type {value.type} "
                f"({value.type.min_code} to {value.type.max_code})."
            )


def _constant_rows(space: Space) -> list[tuple[VectorKind, IntArray]]:
    turn = np.arange(space.size) % 2 == 0
    return [
        (VectorKind.ZERO, np.zeros((1, space.size), dtype=np.int64)),
        (VectorKind.MINIMUM, space.low[None, :]),
        (VectorKind.MAXIMUM, space.high[None, :]),
        (
            VectorKind.ALTERNATING,
            np.stack([np.where(turn, space.low, space.high), np.where(turn, space.high, space.low)]),
        ),
    ]


def _one_hot(space: Space, at_most: int, generator: np.random.Generator) -> IntArray:
    """One input at its maximum, or its minimum, the others zero; a random choice of inputs where they are many."""
    extremes = [(place, extreme) for place in range(space.size) for extreme in (space.low, space.high)]
    wanted = [(place, int(extreme[place])) for place, extreme in extremes if extreme[place] != 0]
    most = min(len(wanted), at_most, _ONE_HOT_MOST)
    chosen = sorted(generator.choice(len(wanted), size=most, replace=False).tolist()) if most < len(wanted) else None
    rows = np.zeros((most, space.size), dtype=np.int64)
    for row, k in enumerate(range(most) if chosen is None else chosen):
        place, code = wanted[k]
        rows[row, place] = code
    return rows


def _layer_coverage(coverage: Coverage) -> tuple[LayerCoverage, ...]:
    found = []
    for point, seen in zip(coverage.points, coverage.seen, strict=True):
        hit = seen & point.possible

        def hits(columns: slice, hit: np.ndarray = hit, possible: np.ndarray = point.possible) -> Hits:
            return Hits(int(hit[:, columns].sum()), int(possible[:, columns].sum()))

        found.append(LayerCoverage(point.layer, point.kind, hits(point.edges), hits(point.ties), hits(point.ends)))
    return tuple(found)


def project_vectors(network: Network, samples: int = 200, seed: int = 0) -> tuple[IntArray, ...]:
    """Input codes for a project's own testbench: (samples, *shape) int64 an input, every kind of vector among them."""
    return make_vectors(network, samples, seed).inputs
