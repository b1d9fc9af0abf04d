"""How deep the FIFOs of a dataflow have to be: computed by running its processes step by step.

Two demands, both on a frame that comes a pixel a cycle. It must pass although no process keeps a beat of its own, so
that nothing deadlocks whatever latencies the HLS compiler chooses. And with the latencies of the plan it must take no
longer than it would with FIFOs without bounds. Depths are the smallest that meet both: each, made one smaller while the
others stay, breaks one of them, unless it is 2, the smallest FIFO that is built. A process network whose frame passes
once passes any number of frames, since all of its FIFOs are empty afterwards.
"""

from collections import deque
from collections.abc import Mapping

from hwgen.emit.stream_plan import Process, StreamPlan

SMALLEST = 2
_UNBOUNDED = 1 << 60


def fifo_depths(plan: StreamPlan) -> Mapping[str, int]:
    """The depth of every FIFO, by name."""
    free = {fifo.name: _UNBOUNDED for fifo in plan.fifos}
    run = _Run(plan, free, atomic=False)
    best = run.cycles()
    assert best is not None, "a dataflow without bounds deadlocks"
    # With the most that ever waited in each, nothing would have been different; more is never worse.
    depths = {name: max(SMALLEST, most) for name, most in run.most_waiting.items()}
    atomic = _Run(plan, free, atomic=True)
    assert atomic.cycles() is not None, "a dataflow without bounds deadlocks"
    depths = {name: max(depth, atomic.most_waiting[name]) for name, depth in depths.items()}
    smallest = dict.fromkeys(depths, SMALLEST)
    if _suffices(plan, smallest, best):
        return smallest
    for name in depths:
        low, high = SMALLEST, depths[name]
        middle = high - 1  # most often one less is too little
        while low < high:
            if _suffices(plan, depths | {name: middle}, best):
                high = middle
            else:
                low = middle + 1
            middle = (low + high) // 2
        depths[name] = high
    return depths


def _suffices(plan: StreamPlan, depths: Mapping[str, int], best: int) -> bool:
    in_time = _Run(plan, depths, atomic=False).cycles(most=best) is not None
    return in_time and _Run(plan, depths, atomic=True).cycles() is not None


class _Run:
    """One frame through all processes, cycle by cycle."""

    def __init__(self, plan: StreamPlan, depths: Mapping[str, int], atomic: bool) -> None:
        """Start with everything empty.

        Args:
            atomic: beats are written in the cycle in which a step reads, so that none is ever under way.
        """
        number = {fifo.name: at for at, fifo in enumerate(plan.fifos)}
        self.names = [fifo.name for fifo in plan.fifos]
        self.depths = [depths[name] for name in self.names]
        self.waiting = [0] * len(self.names)
        self.most = [0] * len(self.names)
        self.running = [_Running(process, number, 0 if atomic else process.latency) for process in plan.processes]

    @property
    def most_waiting(self) -> Mapping[str, int]:
        """The depth of each FIFO that would not have been noticed."""
        return dict(zip(self.names, self.most, strict=True))

    def cycles(self, most: int = _UNBOUNDED) -> int | None:
        """Cycles until the last process is done; None for a deadlock, or if there would be more than ``most``."""
        active, cycle = list(self.running), 0
        while active:
            if cycle == most:
                return None
            changes: list[tuple[int, int]] = []
            moved = False
            for process in active:
                moved |= process.cycle(self.waiting, self.depths, changes)
            if not moved:
                return None
            for fifo, change in changes:
                if change > 0 and self.most[fifo] <= self.waiting[fifo]:
                    self.most[fifo] = self.waiting[fifo] + 1
            for fifo, change in changes:
                self.waiting[fifo] += change
            if any(process.done for process in active):
                active = [process for process in active if not process.done]
            cycle += 1
        return cycle


class _Running:
    """A process under way: a pipeline that empties itself, and stops where a beat finds its FIFO full."""

    def __init__(self, process: Process, number: Mapping[str, int], latency: int) -> None:
        reads = [number[name] for name in process.reads]
        needs = {
            bits: tuple(fifo for at, fifo in enumerate(reads) if bits >> at & 1) for bits in set(process.program.reads)
        }
        # By step, and finished: what runs a cycle is run millions of times.
        self.needs = [needs[bits] for bits in process.program.reads]
        self.pulls = [[(fifo, -1) for fifo in need] for need in self.needs]
        self.writes = process.program.writes
        self.targets = [number[name] for name in process.writes]
        self.pushes = [(fifo, 1) for fifo in self.targets]
        self.steps = process.program.steps
        self.step = 0
        self.line = deque([False] * latency)
        self.under_way = 0

    @property
    def done(self) -> bool:
        return self.step == self.steps and not self.under_way

    def cycle(self, waiting: list[int], depths: list[int], changes: list[tuple[int, int]]) -> bool:
        """Do what one cycle allows, as FIFOs stood at its start; whether anything moved."""
        starts = self.step < self.steps and all(map(waiting.__getitem__, self.needs[self.step]))
        if not starts and not self.under_way:
            return False
        leaves = self.line[0] if self.line else starts and self.writes[self.step]
        if leaves:
            if any(waiting[fifo] >= depths[fifo] for fifo in self.targets):
                return False
            changes += self.pushes
        enters = False
        if starts:
            changes += self.pulls[self.step]
            enters = self.writes[self.step]
            self.step += 1
        if self.line:
            self.line.popleft()
            self.line.append(enters)
            self.under_way += enters - leaves
        return True
