"""What test vectors exercise: events of quantizing layers, ends and bits of words."""

from dataclasses import dataclass

from hwgen.fixed import IntArray
from hwgen.verify.extremes import samples_affordable
from hwgen.verify.space import Space
from hwgen.verify.words import Words


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


@dataclass(frozen=True, slots=True)
class WordCoverage:
    """What the samples brought the words of a circuit to, or else the channels of a network's layers.

    Attributes:
        called: which of the two, for people.
        words: that can change at all, and were watched.
        ends: of the words' intervals, two each. Behind a quantizer, an interval may promise more than any input gives.
        bits: that were both 0 and 1.
    """

    called: str
    words: int
    ends: Hits
    bits: Hits

    def __str__(self) -> str:
        ends, bits = self.ends, self.bits
        return (
            f"Of {self.words} {self.called}: {ends.hit} of {ends.possible} ends of intervals reached, {bits.hit} of "
            f"{bits.possible} bits both 0 and 1."
        )


def word_coverage(words: Words, space: Space, rows: IntArray) -> WordCoverage | None:
    """Of as many of the samples, (samples, codes), as run in seconds; None where nothing changes."""
    count = len(words.low)
    if not count or not len(rows):
        return None
    tally = words.tally(space, rows[: samples_affordable(words)])
    changing = words.changing_bits()
    both = (tally.ones & tally.zeros).tolist()
    return WordCoverage(
        words.called,
        count,
        Hits(int((tally.low == words.low).sum() + (tally.high == words.high).sum()), 2 * count),
        Hits(
            sum((mask & ((1 << bits) - 1)).bit_count() for mask, bits in zip(both, changing, strict=True)),
            sum(changing),
        ),
    )
