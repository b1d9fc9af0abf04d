"""``Stream``: words that are valid together, one beat after another; and when each beat comes.

A parallel circuit has one stream, a sample a beat. Where an image comes a pixel a beat, every sliding window starts a
stream of its own, whose beats are the window's positions; gathering a whole image starts one with a beat a sample.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from hwgen.circuit.window import Window
from hwgen.fixed import IntArray


@dataclass(frozen=True, slots=True)
class Stream:
    """Words that are valid together.

    Attributes:
        name: of the layer that starts it.
        beats: of one sample.
        source: index of the stream that its words are taken from; None for that of the inputs.
        source_stage: stage of the source in which they are taken.
        window: that slides over the source; None where all of a sample's beats are gathered, and for the inputs.
    """

    name: str
    beats: int
    source: int | None = None
    source_stage: int = 0
    window: Window | None = None

    @property
    def gathers(self) -> bool:
        """Whether a beat of it holds all beats of its source."""
        return self.source is not None and self.window is None


def beat_cycles(streams: Sequence[Stream]) -> list[IntArray]:
    """The cycle in which each beat of a sample is in stage 0 of each stream, for a sample whose beats come without
    gaps from cycle 0 on and that no other follows."""
    cycles: list[IntArray] = []
    for stream in streams:
        if stream.source is None:
            cycles.append(np.arange(stream.beats, dtype=np.int64))
            continue
        arrival = cycles[stream.source] + stream.source_stage
        if stream.window is None:
            cycles.append(arrival[-1:] + 1)
            continue
        # After the last pixel, the line buffers go on by themselves, a step a cycle.
        steps = np.concatenate([arrival, arrival[-1] + 1 + np.arange(stream.window.lead)])
        anchors = np.add.outer(
            np.array(stream.window.anchors(0)) * stream.window.frame[1], np.array(stream.window.anchors(1))
        )
        cycles.append(steps[anchors.ravel() + stream.window.lead] + 1)
    return cycles
