"""Finds the first layer of a Verilog project that is wrong: replays the failing samples and reads every layer's codes.

Where a sample is one beat, the replay feeds the same samples with the same gaps and stalls, so that also a fault that
only some of these bring out happens again; a code of stage s is read in the s-th enabled cycle after its sample. Where
a sample is many beats, only the failing one is replayed, if need be with the one before; a beat is then found by
counting valid bits.
"""

import re
from bisect import bisect_left
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import product
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hwgen.errors import ToolError
from hwgen.fixed import IntArray
from hwgen.ir import Network, Value
from hwgen.reference import trace
from hwgen.verify.mismatch import LayerDifference, Mismatch, first_in_outputs, first_in_trace
from hwgen.verify.rtl_engine import RtlEngine, Simulated, block_size
from hwgen.verify.rtl_project import RtlProject, ValueSignals
from hwgen.verify.rtl_report import RtlMismatch
from hwgen.verify.rtl_waveform import Name, Waveform, read_waveform
from hwgen.verify.vectors import TestVectors, VectorKind

_CODES_TRACED = 400_000  # of all values of all samples that are replayed
_MOST_TRACED = 64
_NOWHERE = (
    "Every layer computes the right codes in these samples: the difference arises behind the last layer, in the "
    "output's wiring or the valid bits, or in words that signals.json does not name."
)
_NOT_AGAIN = (
    "Simulated by itself the sample comes out right: the difference depends on what came before it, on gaps or on "
    "stalls."
)
_COPY = re.compile(r"_s\d+$")  # a signal's registers in later stages are called <signal>_s<stage>


@dataclass(slots=True, eq=False)
class _Seen:
    """Codes of one value as they were seen.

    Attributes:
        codes: (samples, size); the expected ones where nothing was seen.
        visible: (samples, size) whether it was.
        places: signal and cycle of the codes that differ, by row and place.
    """

    codes: IntArray
    visible: NDArray[np.bool_]
    places: dict[tuple[int, int], tuple[str, int]]


def explain(
    project: RtlProject,
    engine: RtlEngine,
    vectors: TestVectors,
    simulated: Simulated,
    wrong_samples: IntArray,
    folder: Path,
) -> RtlMismatch:
    """Explain the first of the samples that came out wrong, and name the first layer that differs in any nearby one."""
    network = project.network
    expected = [array.reshape(vectors.samples, -1) for array in vectors.outputs]
    samples = _window(project, wrong_samples)
    engine.tell("explaining the difference", 0, len(network.layers))
    try:
        replay = _replay(project, engine, vectors, samples, folder)
    except (ToolError, OSError) as error:
        note = f"The layers could not be compared: {str(error).splitlines()[0]}"
    else:
        found = None if replay is None else _first_layer(project, replay, vectors)
        if found is not None:
            return found
        note = _NOWHERE if replay is not None else _NOT_AGAIN
    kind_of = {int(sample): vectors.kind(int(sample)) for sample in samples}
    mismatch = first_in_outputs(
        network,
        [array[: samples[-1] + 1] for array in expected],
        [array[: samples[-1] + 1] for array in simulated.outputs],
        kind_of,
        note,
    )
    port = next(port.name for port in project.outputs if port.value.name == mismatch.value)
    return RtlMismatch.seen(mismatch, f"{project.top}.{port}", int(simulated.cycle_out[mismatch.sample]))


def _window(project: RtlProject, wrong_samples: IntArray) -> IntArray:
    """The failing samples that are replayed: the first, and what follows closely in the same block."""
    codes = sum(value.size for value in project.network.values().values())
    room = int(np.clip(_CODES_TRACED // codes, 1, _MOST_TRACED))
    first = int(wrong_samples[0])
    end = min(first + room, (first // block_size(project) + 1) * block_size(project))
    return wrong_samples[wrong_samples < end]


@dataclass(frozen=True, slots=True, eq=False)
class _BlockReplay:
    """Failing samples of one beat, simulated once more; ``cycles`` are the enabled ones of each from its input on."""

    samples: IntArray
    waveform: Waveform
    cycles: list[list[int]]

    def cycle(self, signals: ValueSignals, row: int, beat: int, stage: int) -> int | None:
        """The cycle in which a beat of a replayed sample is in a stage; None where it never is."""
        return self.cycles[row][stage] if stage < len(self.cycles[row]) else None


@dataclass(frozen=True, slots=True, eq=False)
class _StreamReplay:
    """Failing samples of many beats, simulated once more from reset on."""

    samples: IntArray
    waveform: Waveform
    top: str
    seen: dict[tuple[str, int], list[int]] = field(default_factory=dict)

    def cycle(self, signals: ValueSignals, row: int, beat: int, stage: int) -> int | None:
        """As of a block; beats are counted by their valid bit."""
        key = signals.valid, stage
        if key not in self.seen:
            valid = self.waveform.waves.get((self.top, signals.valid))
            enabled = () if valid is None else self.waveform.enabled_cycles(self.top)
            self.seen[key] = [
                cycle for cycle in enabled if valid is not None and (valid.code(cycle, signed=False) or 0) >> stage & 1
            ]
        number = row * signals.beats + beat
        return self.seen[key][number] if number < len(self.seen[key]) else None


_Replay = _BlockReplay | _StreamReplay


def _replay(
    project: RtlProject, engine: RtlEngine, vectors: TestVectors, samples: IntArray, folder: Path
) -> _Replay | None:
    """Simulate failing samples once more; None where they then come out right."""
    library = folder / "traced.so"
    engine.build(project, library, traced=True)
    if project.one_beat:
        return _replay_block(project, engine, vectors, samples, library)
    first = int(samples[0])
    for again in ([first], [max(first - 1, 0), first]):
        inputs = [array[again] for array in vectors.inputs]
        result, path = engine.trace(project, library, inputs, 0, 0, len(again) - 1)
        expected = [array[again].reshape(len(again), -1) for array in vectors.outputs]
        if any((wanted != came).any() for wanted, came in zip(expected, result.outputs, strict=True)):
            waveform = read_waveform(path, _wanted(project))
            return _StreamReplay(np.array(again, dtype=np.int64), waveform, project.top)
    return None


def _wanted(project: RtlProject) -> Callable[[Name], bool]:
    """Which signals are read: codes, their registers in later stages, valid bits, the clock enable."""
    names = {
        (code.instance, code.name) for signals in project.signals.values() for code in signals.codes if code is not None
    }
    names |= {(project.top, signals.valid) for signals in project.signals.values()} | {(project.top, "ce")}
    return lambda name: name in names or (name[0], _COPY.sub("", name[1])) in names


def _replay_block(
    project: RtlProject, engine: RtlEngine, vectors: TestVectors, samples: IntArray, library: Path
) -> _Replay:
    """The failing samples within their block, with the same gaps and stalls."""
    size = block_size(project)
    block = int(samples[0]) // size
    start = block * size
    inputs = [array[start : start + size] for array in vectors.inputs]
    within = samples - start
    result, path = engine.trace(project, library, inputs, block, int(within[0]), int(within[-1]))
    waveform = read_waveform(path, _wanted(project))
    enabled = waveform.enabled_cycles(project.top)
    cycles = []
    for fed in result.cycle_in[within].tolist():
        at = bisect_left(enabled, fed) if fed >= 0 else len(enabled)
        cycles.append(list(enabled[at : at + project.latency_cycles + 1]))
    return _BlockReplay(samples, waveform, cycles)


def _first_layer(project: RtlProject, replay: _Replay, vectors: TestVectors) -> RtlMismatch | None:
    """The first value, inputs included, with a code that differs."""
    network, samples = project.network, replay.samples
    kinds = [vectors.kind(int(sample)) for sample in samples]
    expected = trace(network, [array[samples] for array in vectors.inputs])
    nothing = ValueSignals(1, "", ())
    seen = {
        name: _look(project, replay, project.signals.get(name, nothing), expected[name].reshape(len(samples), -1))
        for name in network.values()
    }
    table = tuple(
        LayerDifference(
            layer.name,
            type(layer).__name__,
            len(seen[layer.output.name].places),
            int(seen[layer.output.name].visible.sum()),
        )
        for layer in network.layers
    )
    for port in project.inputs:
        if seen[port.value.name].places:
            return _input_mismatch(port.value, seen[port.value.name], expected, samples, kinds, table)
    found = first_in_trace(
        network, expected, [seen[layer.output.name].codes for layer in network.layers], samples, kinds
    )
    if found is None:
        return None
    return _located(replace(found, layers=table), network, seen, samples)


def _located(found: Mismatch, network: Network, seen: Mapping[str, _Seen], samples: IntArray) -> RtlMismatch:
    row = int(np.flatnonzero(samples == found.sample)[0])
    place = int(np.ravel_multi_index(found.index, network.value(found.value).shape))
    return RtlMismatch.seen(found, *seen[found.value].places[row, place])


def _input_mismatch(
    value: Value,
    seen: _Seen,
    expected: Mapping[str, IntArray],
    samples: IntArray,
    kinds: Sequence[VectorKind],
    table: tuple[LayerDifference, ...],
) -> RtlMismatch:
    (row, place), (signal, cycle) = min(seen.places.items())
    return RtlMismatch(
        layer=value.name,
        kind="input",
        value=value.name,
        type=value.type,
        index=tuple(int(i) for i in np.unravel_index(place, value.shape)),
        sample=int(samples[row]),
        vector_kind=kinds[row],
        expected=int(expected[value.name].reshape(len(samples), -1)[row, place]),
        got=int(seen.codes[row, place]),
        layers=table,
        note="",
        signal=signal,
        cycle=cycle,
    )


def _look(project: RtlProject, replay: _Replay, signals: ValueSignals, expected: IntArray) -> _Seen:
    """Read a value's codes in every sample: as computed, and, where these are right, from their registers."""
    seen = _Seen(expected.copy(), np.zeros(expected.shape, dtype=np.bool_), {})
    for number, signal in enumerate(signals.codes):
        if signal is None:
            continue
        for stage in range(signal.stage, project.latency_cycles + 1):
            name = signal.name if stage == signal.stage else f"{signal.name}_s{stage}"
            wave = replay.waveform.waves.get((signal.instance, name))
            if wave is None:
                break
            for row, beat in product(range(len(expected)), range(signals.beats)):
                place = beat * len(signals.codes) + number
                cycle = replay.cycle(signals, row, beat, stage)
                code = None if cycle is None else wave.code(cycle, signal.signed)
                if cycle is None or code is None or (row, place) in seen.places:
                    continue
                seen.visible[row, place] = True
                if code != expected[row, place]:
                    seen.codes[row, place] = code
                    seen.places[row, place] = (f"{project.top}.{signal.instance}.{name}", cycle)
    return seen
