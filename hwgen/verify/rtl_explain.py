"""Finds the first layer of a Verilog project that is wrong: replays the failing samples and reads every layer's codes.

The replay feeds the same samples with the same gaps and stalls, so that also a fault that only some of these bring out
happens again. A code of stage s is read in the s-th enabled cycle after its sample went in.
"""

import re
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hwgen.errors import ToolError
from hwgen.fixed import IntArray
from hwgen.ir import Network, Value
from hwgen.reference import trace
from hwgen.verify.mismatch import LayerDifference, Mismatch, first_in_outputs, first_in_trace
from hwgen.verify.rtl_engine import RtlEngine, Simulated, block_size
from hwgen.verify.rtl_project import CodeSignal, RtlProject
from hwgen.verify.rtl_report import RtlMismatch
from hwgen.verify.rtl_waveform import Name, Waveform, read_waveform
from hwgen.verify.vectors import TestVectors, VectorKind

_CODES_TRACED = 400_000  # of all values of all samples that are replayed
_MOST_TRACED = 64
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
    kinds = [vectors.kind(int(sample)) for sample in samples]
    engine.tell("explaining the difference", 0, len(network.layers))
    try:
        waveform, cycles = _replay(project, engine, vectors, samples, folder)
    except (ToolError, OSError) as error:
        note = f"The layers could not be compared: {str(error).splitlines()[0]}"
    else:
        found = _first_layer(project, waveform, cycles, [array[samples] for array in vectors.inputs], samples, kinds)
        if found is not None:
            return found
        note = (
            "Every layer computes the right codes in these samples: the difference arises behind the last layer, in "
            "the output's wiring or the valid bits, or in words that signals.json does not name."
        )
    kind_of = dict(zip(samples.tolist(), kinds, strict=True))
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


def _replay(
    project: RtlProject, engine: RtlEngine, vectors: TestVectors, samples: IntArray, folder: Path
) -> tuple[Waveform, list[list[int]]]:
    """The waveform, and for each sample the enabled cycles from its input on, as many as there are stages."""
    size = block_size(project)
    block = int(samples[0]) // size
    start = block * size
    library = folder / "traced.so"
    engine.build(project, library, traced=True)
    inputs = [array[start : start + size] for array in vectors.inputs]
    within = samples - start
    result, path = engine.trace(project, library, inputs, block, int(within[0]), int(within[-1]))
    names = {
        (code.instance, code.name) for codes in _signals(project).values() for code in codes if code is not None
    } | {(project.top, "ce")}

    def wanted(name: Name) -> bool:
        return name in names or (name[0], _COPY.sub("", name[1])) in names

    waveform = read_waveform(path, wanted)
    enabled = waveform.enabled_cycles(project.top)
    cycles = []
    for fed in result.cycle_in[within].tolist():
        at = bisect_left(enabled, fed) if fed >= 0 else len(enabled)
        cycles.append(list(enabled[at : at + project.latency_cycles + 1]))
    return waveform, cycles


def _signals(project: RtlProject) -> dict[str, tuple[CodeSignal | None, ...]]:
    """Signals of every value in network order. An input's codes stand in a module of their own, in stage 0."""
    signals: dict[str, tuple[CodeSignal | None, ...]] = {}
    for port in project.inputs:
        value = port.value
        codes = [CodeSignal(f"u_{value.name}", f"{value.name}_{i}", 0, value.type.signed) for i in range(value.size)]
        signals[value.name] = tuple(codes)
    return signals | dict(project.signals)


def _first_layer(
    project: RtlProject,
    waveform: Waveform,
    cycles: list[list[int]],
    inputs: Sequence[IntArray],
    samples: IntArray,
    kinds: Sequence[VectorKind],
) -> RtlMismatch | None:
    """The first value, inputs included, with a code that differs."""
    network = project.network
    expected = trace(network, inputs)
    signals = _signals(project)
    seen = {
        name: _look(project, waveform, cycles, signals.get(name, ()), expected[name].reshape(len(samples), -1))
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


def _look(
    project: RtlProject,
    waveform: Waveform,
    cycles: list[list[int]],
    signals: Sequence[CodeSignal | None],
    expected: IntArray,
) -> _Seen:
    """Read a value's codes in every sample: as computed, and, where these are right, from their registers."""
    seen = _Seen(expected.copy(), np.zeros(expected.shape, dtype=np.bool_), {})
    for place, signal in enumerate(signals):
        if signal is None:
            continue
        for stage in range(signal.stage, project.latency_cycles + 1):
            name = signal.name if stage == signal.stage else f"{signal.name}_s{stage}"
            wave = waveform.waves.get((signal.instance, name))
            if wave is None:
                break
            for row, path in enumerate(cycles):
                code = wave.code(path[stage], signal.signed) if stage < len(path) else None
                if code is None or (row, place) in seen.places:
                    continue
                seen.visible[row, place] = True
                if code != expected[row, place]:
                    seen.codes[row, place] = code
                    seen.places[row, place] = (f"{project.top}.{signal.instance}.{name}", path[stage])
    return seen
