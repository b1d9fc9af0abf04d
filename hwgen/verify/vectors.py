"""Test vectors for a network: simple extremes, random codes, and codes that the network itself finds awkward."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

import numpy as np

from hwgen.circuit import Circuit
from hwgen.errors import InputError
from hwgen.fixed import IntArray
from hwgen.ir import Network
from hwgen.reference import trace
from hwgen.verify.boundary import boundary_samples
from hwgen.verify.coverage import Hits, LayerCoverage, WordCoverage, word_coverage
from hwgen.verify.critical import Critical, critical_points, turning_points
from hwgen.verify.entries import Entries, entry_samples
from hwgen.verify.extremes import affordable, far_samples
from hwgen.verify.faults import exposing_samples
from hwgen.verify.search import Coverage, samples_at_once, search, unsaturated
from hwgen.verify.space import Space
from hwgen.verify.targets import extreme_samples
from hwgen.verify.words import CircuitWords, NetworkWords, Words, small_circuit

_ONE_HOT_MOST = 512
_CORNERS_MOST = 512
_BOUNDARY_MOST = 1024
_INSIDE_MOST = 1024
_TIMES_MORE = 3
_ROUNDS_MORE = 3
_POOL = 512  # samples of which pairs are made, beside those already found


class VectorKind(Enum):
    """Why a sample is there."""

    GIVEN = "given"  # by the caller
    EVERY = "every possible input"
    ZERO = "all zero"
    MINIMUM = "all at the minimum"
    MAXIMUM = "all at the maximum"
    ALTERNATING = "minimum and maximum in turn"
    EXTREME_SUM = "a sum of the first layer at an end"
    FAR_WORD = "words as far down or up as was found"
    CORNER = "every input at one of its ends"
    BOUNDARY = "beside an input with another output"
    FAULT = "a fault of one word would change an output"
    ONE_HOT = "one input at an extreme, the others zero"
    CRITICAL = "found for ties, saturation edges and thresholds"
    ENTRY = "found for entries of tables and both sides of thresholds"
    INSIDE = "of every magnitude, with the fewest codes saturated"
    RANDOM = "uniform over the whole range"


@dataclass(frozen=True, slots=True)
class VectorGroup:
    """Consecutive samples of one kind."""

    kind: VectorKind
    samples: int


@dataclass(frozen=True, slots=True, eq=False)
class TestVectors:
    """Inputs, and what the reference computes from them.

    Attributes:
        inputs: (samples, *shape) int64, one array a network input.
        outputs: (samples, *shape) int64, one array a network output.
        groups: in the order of the samples.
        coverage: one a quantizing layer, in network order.
        words: of the samples made, as far as it can be found in seconds; None without any.
    """

    __test__ = False  # not for pytest to collect

    inputs: tuple[IntArray, ...]
    outputs: tuple[IntArray, ...]
    groups: tuple[VectorGroup, ...]
    coverage: tuple[LayerCoverage, ...]
    words: WordCoverage | None = None

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


def make_vectors(
    network: Network,
    samples: int,
    seed: int = 0,
    given: Sequence[IntArray] | None = None,
    circuit: Circuit | None = None,
) -> TestVectors:
    """Make test vectors; the same arguments give the same vectors.

    Of ``samples``, the five constant ones come first, then up to an eighth with a sum of the first layer at an end, a
    quarter in which words are at their ends, a sixteenth at corners of the input space (at most 512), a quarter
    where an output is about to change (at most 1024), an eighth in which a fault would change an output, an eighth
    one-hot (at most 512), up to a half critical ones, up to a quarter that meet entries of tables and both sides of
    thresholds where no other does, and ones of which little is saturated (at most 1024). Uniform ones fill the rest. A
    network with no more possible inputs than that gets every one of them instead, once: that is a proof.

    Args:
        samples: how many to make, beside those given.
        given: codes to put first, (samples, *shape) int64 an input.
        circuit: what computes the network: its words, partial sums among them, are brought to their ends. Without one,
            it is those of one that is made for this; where that would take long, sums and other values of the network.
    Raises:
        InputError: a negative number of samples, none at all, a negative seed, or given codes of a wrong shape or
            outside their type.
    """
    check_request(network, samples, given, seed)
    collected = _Collected(Space.of(network), critical_points(network))
    words = _watched(network, circuit)
    if given is not None:
        collected.put(VectorKind.GIVEN, np.concatenate([array.reshape(len(array), -1) for array in given], axis=1))
    if samples:
        _put_made(collected, samples, seed, words)
    return collected.vectors(words)


def _watched(network: Network, circuit: Circuit | None) -> Words:
    circuit = small_circuit(network) if circuit is None else circuit
    if circuit is not None and affordable(words := CircuitWords(circuit)):
        return words
    return NetworkWords(network)


def _put_made(collected: "_Collected", samples: int, seed: int, words: Words) -> None:
    space, before = collected.space, collected.samples
    every = space.every(samples)
    if every is not None:
        collected.put(VectorKind.EVERY, every)
        return
    generators = [np.random.default_rng(child) for child in np.random.SeedSequence(seed).spawn(8)]
    for_one_hot, for_search, for_random, for_far, for_corners, for_boundary, for_faults, for_entries = generators

    def left(part: int = 1) -> int:
        """Samples to be made yet, at most one in ``part`` of all."""
        return min(samples // part, samples - (collected.samples - before))

    for kind, rows in (
        (VectorKind.ZERO, np.zeros((1, space.size), dtype=np.int64)),
        (VectorKind.MINIMUM, space.low[None, :]),
        (VectorKind.MAXIMUM, space.high[None, :]),
        (VectorKind.ALTERNATING, space.alternating()),
    ):
        collected.put(kind, rows[: left()])
    extreme = extreme_samples(space.network, space.low, space.high, left(8))
    collected.put(VectorKind.EXTREME_SUM, extreme)
    far = far_samples(space, words, extreme, left(4), for_far)
    collected.put(VectorKind.FAR_WORD, far)
    corners = space.corners(min(left(16), _CORNERS_MOST), for_corners)
    collected.put(VectorKind.CORNER, corners)
    ends = np.concatenate([extreme, far])
    varied = space.varied(min(_POOL, samples_at_once(space.network)), for_boundary)
    pool = np.concatenate([ends, corners, varied])
    boundary = boundary_samples(space, pool, ends, min(left(4), _BOUNDARY_MOST), for_boundary)
    collected.put(VectorKind.BOUNDARY, boundary)
    if isinstance(words, CircuitWords):
        collected.put(VectorKind.FAULT, exposing_samples(space, words, collected.rows, left(8), for_faults))
    one_hot = min(left(8), _ONE_HOT_MOST)
    collected.put(VectorKind.ONE_HOT, space.one_hot(one_hot, for_one_hot))
    # What these reach by chance need not be looked for.
    certain = left() - left(2)
    inside = unsaturated(space, collected.reported, min(certain // 2, _INSIDE_MOST), for_random)
    collected.put(VectorKind.INSIDE, inside)
    collected.put(VectorKind.RANDOM, space.random(certain - len(inside), for_random))
    collected.put(VectorKind.CRITICAL, search(space, collected.coverage, left(), for_search))
    collected.put(VectorKind.ENTRY, entry_samples(space, collected.entries, left(4), for_entries))
    for _ in range(_TIMES_MORE):
        # Whatever surrounds an event may hide what is wrong with it, so each is looked for again.
        again = Coverage(collected.coverage.points)
        collected.put(VectorKind.CRITICAL, search(space, again, left(4), for_search, _ROUNDS_MORE))
    collected.put(VectorKind.RANDOM, space.random(left(), for_random))


class _Collected:
    """Samples of every kind, with what the reference computes from them and what they exercise."""

    def __init__(self, space: Space, points: tuple[Critical, ...]) -> None:
        self.space, self.reported = space, points
        self.entries = Entries.of(space.network, points)
        self.coverage = Coverage((*points, *turning_points(space.network)))
        self._parts: list[tuple[VectorKind, IntArray, tuple[IntArray, ...]]] = []

    @property
    def samples(self) -> int:
        return sum(len(rows) for _, rows, _ in self._parts)

    @property
    def rows(self) -> IntArray:
        """(samples, codes), all of them."""
        return np.concatenate([rows for _, rows, _ in self._parts])

    def put(self, kind: VectorKind, rows: IntArray) -> None:
        """Run samples through the reference, block by block, and keep them."""
        network = self.space.network
        at_once = samples_at_once(network)
        for start in range(0, len(rows), at_once):
            block = rows[start : start + at_once]
            values = dict(trace(network, self.space.split(block)))
            self.coverage.add(values)
            self.entries.add(values)
            self._parts.append((kind, block, tuple(values[name] for name in network.outputs)))

    def vectors(self, words: Words) -> TestVectors:
        """Everything that was put, kind by kind."""
        order = list(VectorKind)
        parts = sorted(self._parts, key=lambda part: order.index(part[0]))
        counts = {kind: sum(len(rows) for k, rows, _ in parts if k is kind) for kind in order}
        made = [rows for kind, rows, _ in self._parts if kind is not VectorKind.GIVEN]
        return TestVectors(
            inputs=self.space.split(np.concatenate([rows for _, rows, _ in parts])),
            outputs=tuple(np.concatenate(blocks) for blocks in zip(*(part[2] for part in parts), strict=True)),
            groups=tuple(VectorGroup(kind, count) for kind, count in counts.items() if count),
            coverage=_layer_coverage(self.reported, self.coverage),
            words=word_coverage(words, self.space, np.concatenate(made)) if made else None,
        )


def check_request(network: Network, samples: int, given: Sequence[IntArray] | None, seed: int) -> None:
    """Say what is wrong with the arguments of ``make_vectors``, without making any.

    Raises:
        InputError: see there.
    """
    if samples < 0 or (samples == 0 and given is None):
        raise InputError(f"at least one sample is needed to verify anything, got {samples}.")
    if seed < 0:
        raise InputError(f"a seed is 0 or more, got {seed}.")
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
    if not len(given[0]):
        raise InputError("at least one sample of given data is needed, got none.")
    if len({len(array) for array in given}) != 1:
        raise InputError(f"every input needs the same number of samples, got {[len(array) for array in given]}.")
    for array, source in zip(given, network.inputs, strict=True):
        value = source.value
        low, high = int(array.min()), int(array.max())
        if not value.type.holds(low, high):
            raise InputError(
                f"input {value.name!r}: codes from {low} to {high} do not fit its type {value.type} "
                f"({value.type.min_code} to {value.type.max_code})."
            )


def _layer_coverage(points: tuple[Critical, ...], coverage: Coverage) -> tuple[LayerCoverage, ...]:
    """Of the points that are reported, which are the coverage's first."""
    found = []
    for point, seen in zip(points, coverage.seen, strict=False):
        hit = seen & point.possible

        def hits(columns: slice, hit: np.ndarray = hit, possible: np.ndarray = point.possible) -> Hits:
            return Hits(int(hit[:, columns].sum()), int(possible[:, columns].sum()))

        found.append(LayerCoverage(point.layer, point.kind, hits(point.edges), hits(point.ties), hits(point.ends)))
    return tuple(found)


def project_vectors(
    network: Network, samples: int = 200, seed: int = 0, circuit: Circuit | None = None
) -> tuple[IntArray, ...]:
    """Input codes for a project's own testbench: (samples, *shape) int64 an input, every kind of vector among them.

    Args:
        circuit: the project's, where it has one; as of ``make_vectors``.
    """
    return make_vectors(network, samples, seed, circuit=circuit).inputs
