"""The FIFOs where streams meet again, against a model of the streams' control that is written cycle by cycle."""

from collections import deque
from random import Random

from oracle.streams import stream_circuit, stream_networks

from hwgen.circuit import Circuit, Stream

FRAMES = 4


class _Window:
    """What says when a sliding window steps and brings an output; a step brings a pixel or, behind a frame, nothing."""

    def __init__(self, stream: Stream) -> None:
        assert stream.window is not None
        window = stream.window
        self.size, self.lead = window.frame[0] * window.frame[1], window.lead
        self.anchors = {r * window.frame[1] + c for r in window.anchors(0) for c in window.anchors(1)}
        self.came = 0  # pixels of all frames
        self.line: deque[int | None] = deque([None] * (window.lead + 1), maxlen=window.lead + 1)

    def cycle(self, valid: bool) -> bool:
        """Whether an output comes in the next cycle."""
        waiting = any(pixel is not None for pixel in list(self.line)[1:])
        if not valid and not (self.came % self.size == 0 and waiting):
            return False
        self.line.append(self.came if valid else None)
        self.came += valid
        anchor = self.line[0]
        return anchor is not None and anchor % self.size in self.anchors


class _Gather:
    def __init__(self, beats: int) -> None:
        self.beats, self.came = beats, 0

    def cycle(self, valid: bool) -> bool:
        self.came += valid
        return valid and self.came % self.beats == 0


def fullest(circuit: Circuit, inputs: list[bool]) -> dict[tuple[int, int], int]:
    """For each join and source: how many beats wait at most, where inputs come in such cycles."""
    streams = circuit.streams
    starts: list[_Window | _Gather | None] = []
    for stream in streams:
        if stream.window is not None:
            starts.append(_Window(stream))
        else:
            starts.append(_Gather(streams[stream.sources[0].stream].beats) if stream.gathers else None)
    stages = [
        max([s.stage for t in streams for s in t.sources if s.stream == n], default=0) for n in range(len(streams))
    ]
    valid = [deque([False] * (last + 1), maxlen=last + 1) for last in stages]  # by stage, the last one first
    held = {(n, source.stream): 0 for n, stream in enumerate(streams) if stream.joins for source in stream.sources}
    most = dict.fromkeys(held, 0)
    registered = [False] * len(streams)
    for arriving in [*inputs, *[False] * 400]:
        # Words in stage 0 of each stream in this cycle: from registers, or from FIFOs that all hold a beat.
        for n, stream in enumerate(streams):
            if not stream.sources:
                now = arriving
            elif stream.joins:
                now = all(held[n, source.stream] for source in stream.sources)
            else:
                now = registered[n]
            valid[n].append(now)
        for n, stream in enumerate(streams):
            for source in stream.sources:
                comes = valid[source.stream][-1 - source.stage]
                if stream.joins:
                    held[n, source.stream] += comes - valid[n][-1]
                    most[n, source.stream] = max(most[n, source.stream], held[n, source.stream])
                else:
                    start = starts[n]
                    assert start is not None
                    registered[n] = start.cycle(comes)
    assert not any(held.values())
    return most


def patterns(random: Random, beats: int) -> list[list[bool]]:
    """When input beats come: without gaps, with random ones, with long ones between samples or within one."""
    total = beats * FRAMES
    found = [[True] * total]
    for share in (0.2, 0.5, 0.8):
        cycles: list[bool] = []
        while sum(cycles) < total:
            cycles.append(random.random() < share)
        found.append(cycles)
    for pause in (random.randint(1, 12), 60):
        for after in {1, 2, random.randint(1, beats)}:
            frame = [True] * min(after, beats) + [False] * pause + [True] * (beats - min(after, beats))
            found.append((frame + [False] * random.choice([0, 1, 3, 60])) * FRAMES)
    return found


def test_no_fifo_ever_holds_more_than_its_depth_and_most_are_no_deeper_than_needed() -> None:
    needed: list[int] = []
    for seed, network in stream_networks(range(100)):
        circuit = stream_circuit(seed, network)
        depths = {
            (n, source.stream): source.depth
            for n, stream in enumerate(circuit.streams)
            if stream.joins
            for source in stream.sources
        }
        if not depths:
            continue
        seen = dict.fromkeys(depths, 0)
        random = Random(seed)
        for inputs in patterns(random, circuit.streams[0].beats):
            for fifo, count in fullest(circuit, inputs).items():
                seen[fifo] = max(seen[fifo], count)
        for fifo, depth in depths.items():
            assert seen[fifo] <= depth, (seed, fifo)
            needed.append(depth - seen[fifo])
    assert len(needed) > 100
    assert needed.count(0) > len(needed) * 0.6
