"""``Stream``: words that are valid together, one beat after another; and when each beat comes.

A parallel circuit has one stream, a sample a beat. Where an image comes a pixel a beat, every sliding window starts a
stream of its own, whose beats are the window's positions; gathering a whole image starts one with a beat a sample; and
where branches meet again, beats of several streams are joined, the early ones waiting in a FIFO.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from hwgen.circuit.window import Window
from hwgen.fixed import IntArray


@dataclass(frozen=True, slots=True)
class Source:
    """Where a stream takes its words from.

    Attributes:
        stream: index of another stream.
        stage: of that stream, in which its words are taken.
        depth: beats that can wait, where several streams are joined; 0 elsewhere.
    """

    stream: int
    stage: int = 0
    depth: int = 0


@dataclass(frozen=True, slots=True)
class Stream:
    """Words that are valid together.

    Attributes:
        name: of the layer that starts it.
        beats: of one sample.
        sources: one; none for the stream of the inputs, several where streams of as many beats are joined.
        window: that slides over the source; None where all of a sample's beats are gathered, and for the inputs.
    """

    name: str
    beats: int
    sources: tuple[Source, ...] = ()
    window: Window | None = None

    @property
    def joins(self) -> bool:
        """Whether a beat of it holds a beat of each of its sources."""
        return len(self.sources) > 1

    @property
    def gathers(self) -> bool:
        """Whether a beat of it holds all beats of its source."""
        return len(self.sources) == 1 and self.window is None


def beat_cycles(streams: Sequence[Stream]) -> list[IntArray]:
    """The cycle in which each beat of a sample is in stage 0 of each stream, for a sample whose beats come without
    gaps from cycle 0 on and that no other follows."""
    cycles: list[IntArray] = []
    for stream in streams:
        if not stream.sources:
            cycles.append(np.arange(stream.beats, dtype=np.int64))
            continue
        arrivals = [cycles[source.stream] + source.stage for source in stream.sources]
        arrival = np.max(arrivals, axis=0)
        if stream.joins:
            cycles.append(arrival + 1)
        elif stream.window is None:
            cycles.append(arrival[-1:] + 1)
        else:
            # After the last pixel, the line buffers go on by themselves, a step a cycle.
            steps = np.concatenate([arrival, arrival[-1] + 1 + np.arange(stream.window.lead)])
            cycles.append(steps[_anchor_steps(stream.window)] + 1)
    return cycles


def _anchor_steps(window: Window) -> IntArray:
    """The step, counted from a frame's first pixel, in which each output's anchor stands in its place."""
    rows, columns = np.array(window.anchors(0)), np.array(window.anchors(1))
    steps: IntArray = np.add.outer(rows * window.frame[1], columns) + window.lead
    return steps.ravel()


def with_depths(streams: Sequence[Stream]) -> tuple[Stream, ...]:
    """The streams, each FIFO of a join as deep as any input needs, whatever the gaps between its beats and samples.

    A beat waits from the cycle after it came until the last of its partners came. How many can wait at once follows
    from what they wait for. After so many input beats, a source has brought at most what it can compute from them, with
    its line buffers emptied by themselves behind a sample; another has brought at least what its own steps, one for
    each input beat, have pushed out, for a sample that starts and pauses stops them from emptying. Where the other's
    pipeline is longer, as many beats more as it has cycles more.
    """
    most, least, delay = _supply(streams)
    found = list(streams)
    for number, stream in enumerate(streams):
        if stream.joins:
            found[number] = Stream(
                stream.name,
                stream.beats,
                tuple(
                    Source(
                        source.stream,
                        source.stage,
                        max(
                            _waiting(
                                most[source.stream],
                                least[other.stream],
                                delay[other.stream] + other.stage - delay[source.stream] - source.stage,
                            )
                            for other in stream.sources
                        ),
                    )
                    for source in stream.sources
                ),
                None,
            )
    return tuple(found)


_FRAMES = 4  # beyond the second frame nothing new happens; leads may reach into a third and fourth


def _supply(streams: Sequence[Stream]) -> tuple[list[IntArray], list[IntArray], list[int]]:
    """For each stream: after which input beat each of its beats can have come, at the earliest; after which it must
    have come; and the cycles from the one to the other. Beats are those of ``_FRAMES`` samples."""
    most: list[IntArray] = []
    least: list[IntArray] = []
    delay: list[int] = []
    for stream in streams:
        if not stream.sources:
            most.append(np.arange(stream.beats * _FRAMES, dtype=np.int64))
            least.append(most[-1])
            delay.append(0)
            continue
        delay.append(1 + max(delay[source.stream] + source.stage for source in stream.sources))
        if stream.joins:
            most.append(np.max([most[source.stream] for source in stream.sources], axis=0))
            least.append(np.max([least[source.stream] for source in stream.sources], axis=0))
            continue
        early, late = most[stream.sources[0].stream], least[stream.sources[0].stream]
        beats = len(early) // _FRAMES
        if stream.window is None:
            most.append(early[beats - 1 :: beats])
            least.append(late[beats - 1 :: beats])
            continue
        steps = _anchor_steps(stream.window)
        frames = np.arange(_FRAMES)[:, None] * beats
        most.append(early[(frames + np.minimum(steps, beats - 1)).ravel()])
        pushed = (frames + steps).ravel()
        never = np.iinfo(np.int64).max
        least.append(np.where(pushed < len(late), late[np.minimum(pushed, len(late) - 1)], never))
    return most, least, delay


def _waiting(most: IntArray, least: IntArray, longer: int) -> int:
    """How many beats of a source can have come while the same ones of another have not.

    Args:
        most, least: after which input beats those of the one can, and those of the other must have come.
        longer: cycles that the other's pipeline is longer.
    """
    inputs = int(most[-1]) + 1
    came = np.searchsorted(most, np.arange(inputs), side="right")
    # A cycle later than the last of them came, all of them leave.
    partners = np.searchsorted(least, np.arange(inputs) - max(longer + 1, 0), side="right")
    return int((came - partners).max())
