"""FIFOs of the generated dataflow: what the compiled functions really read and write, run with bounded FIFOs.

The compiled C++ writes down every step: a stream that logs takes the place of ``hls_stream.h``, and each pipelined loop
says when it starts a turn. That log, not the generator's own idea of it, is then run as a dataflow.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
from emit_library import compile_library
from emit_networks import random_inputs
from stream_networks import pyramid, residual, strided, turned

from hwgen.circuit import Interface
from hwgen.emit import FileSet, Strategy, hls_project
from hwgen.ir import Conv, Dense, Network
from hwgen.reference import simulate

LOGGING_STREAM = """
#ifndef LOGGING_STREAM_H_
#define LOGGING_STREAM_H_
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <string>
inline void hwgen_log(const char *what, const char *name) {
    const char *path = std::getenv("STREAM_LOG");
    FILE *file = path ? std::fopen(path, "a") : NULL;
    if (!file) return;
    std::fprintf(file, "%s %s\\n", what, name);
    std::fclose(file);
}
namespace hls {
template <class T> class stream {
    std::string name;
    std::deque<T> beats;
  public:
    stream(const char *called) : name(called) {}
    T read() {
        hwgen_log("read", name.c_str());
        if (beats.empty()) std::abort();
        const T beat = beats.front();
        beats.pop_front();
        return beat;
    }
    void write(const T &beat) {
        hwgen_log("write", name.c_str());
        beats.push_back(beat);
    }
    ~stream() { if (!beats.empty()) std::abort(); }
};
}
#endif
"""


@dataclass
class Step:
    """One turn of a function's loop: the FIFOs that it reads, and those that it writes."""

    reads: list[str] = field(default_factory=list)
    writes: list[str] = field(default_factory=list)


@dataclass
class Function:
    steps: list[Step]
    latency: int


def written_depths(files: Mapping[str, bytes], network: Network) -> dict[str, int]:
    text = files[f"firmware/{network.name}.cpp"].decode()
    return {name: int(n) for name, n in re.findall(r"#pragma HLS STREAM variable=(\w+) depth=(\d+)", text)}


def project(network: Network) -> FileSet:
    return hls_project(network, strategy=Strategy.MULTIPLIERS, part="xcvu13p", clock_ns=5.0, interface=Interface.STREAM)


def logged_functions(
    network: Network, files: FileSet, directory: Path, cxx: str, monkeypatch: pytest.MonkeyPatch
) -> list[Function]:
    """Compile with the stream that logs, run samples, check their codes, and sort the log of one by function."""
    top = f"firmware/{network.name}.cpp"
    text = re.sub(r"#pragma HLS PIPELINE.*", 'hwgen_log("step", __func__);', files.text(top))
    changed = {top: text.encode(), "firmware/ap_types/hls_stream.h": LOGGING_STREAM.encode()}
    library = compile_library(network, FileSet({**files, **changed}), directory, cxx, ("-O0", "-DNDEBUG"))
    inputs = random_inputs(network, 20)
    for codes, wanted in zip(library.run(inputs), simulate(network, inputs), strict=True):
        np.testing.assert_array_equal(codes, wanted)
    monkeypatch.setenv("STREAM_LOG", str(directory / "log.txt"))
    library.run([codes[:1] for codes in inputs])
    return _by_function(network, (directory / "log.txt").read_text(), set(written_depths(files, network)))


def _by_function(network: Network, log: str, fifos: set[str]) -> list[Function]:
    steps: dict[str, list[Step]] = {}
    for line in log.splitlines():
        what, name = line.split()
        if what == "step":
            steps.setdefault(name, []).append(Step())
            newest = steps[name][-1]
        elif name in fifos:  # what is behind a port of the network is always ready
            (newest.reads if what == "read" else newest.writes).append(name)
    return [Function(turns, _assumed_latency(network, name)) for name, turns in steps.items()]


def _assumed_latency(network: Network, function: str) -> int:
    """A cycle, and one for each level of a tree that adds the most terms of a sum and its bias."""
    for layer in network.layers:
        if isinstance(layer, Dense | Conv) and function == f"compute_{layer.name}":
            weight = layer.weight.dense().reshape(-1, layer.weight.shape[-1])
            most = int(np.count_nonzero(weight, axis=0).max())
            return 1 + int(np.floor(np.log2(most + 1))) + 1
    return 1


def cycles(functions: list[Function], depths: Mapping[str, float], frames: int = 1) -> int | None:
    """Cycles until frames have passed, None for a deadlock.

    A function starts a step a cycle, if all that it reads is there. Its writes come ``latency`` cycles later; while one
    of them finds a FIFO full, the function stands still.
    """
    held = dict.fromkeys(depths, 0)
    left = [function.steps * frames for function in functions]
    pipes: list[list[Step | None]] = [[None] * function.latency for function in functions]
    places = [0] * len(functions)
    now = 0
    while any(places[k] < len(left[k]) or any(pipes[k]) for k in range(len(functions))):
        before, moved = dict(held), False
        for k in range(len(functions)):
            leaving = pipes[k][-1]
            if leaving and any(before[name] >= depths[name] for name in leaving.writes):
                continue
            moved |= any(pipes[k])
            for name in leaving.writes if leaving else []:
                held[name] += 1
            entering = left[k][places[k]] if places[k] < len(left[k]) else None
            if entering and all(before[name] for name in entering.reads):
                for name in entering.reads:
                    held[name] -= 1
                places[k] += 1
                moved = True
            else:
                entering = None
            pipes[k] = [entering if entering and entering.writes else None, *pipes[k][:-1]]
        if not moved:
            return None
        now += 1
    return now


def passes_without_any_register(functions: list[Function], depths: Mapping[str, float], frames: int) -> bool:
    """Whether frames pass if a step happens as a whole, and only where all that it writes has room."""
    held = dict.fromkeys(depths, 0)
    left = [list(reversed(function.steps * frames)) for function in functions]
    moved = True
    while moved:
        moved = False
        for steps in left:
            while steps and _happens(steps[-1], held, depths):
                steps.pop()
                moved = True
    return not any(left)


def _happens(step: Step, held: dict[str, int], depths: Mapping[str, float]) -> bool:
    if not all(held[name] for name in step.reads) or any(held[name] >= depths[name] for name in step.writes):
        return False
    for name in step.reads:
        held[name] -= 1
    for name in step.writes:
        held[name] += 1
    return True


@pytest.mark.parametrize(
    "make",
    [residual, turned, pytest.param(strided, marks=pytest.mark.fuzz), pytest.param(pyramid, marks=pytest.mark.fuzz)],
    ids=lambda make: make.__name__,
)
def test_fifos_are_as_deep_as_the_graph_needs_and_no_deeper(
    make: Callable[[], Network], tmp_path: Path, cxx: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    network = make()
    files = project(network)
    depths = written_depths(files, network)
    functions = logged_functions(network, files, tmp_path / "project", cxx, monkeypatch)
    best = cycles(functions, dict.fromkeys(depths, float("inf")))
    assert cycles(functions, depths) == best
    assert passes_without_any_register(functions, depths, frames=3)
    deep = [name for name, depth in depths.items() if depth > 2]
    assert deep, "branches that meet again need a FIFO that is deeper than others"
    for name in deep:
        shallower = {**depths, name: depths[name] - 1}
        after = cycles(functions, shallower)
        stuck = not passes_without_any_register(functions, shallower, frames=1)
        assert after is None or after > best or stuck, f"{name}: {depths[name] - 1} would do"
    assert cycles(functions, dict.fromkeys(depths, 2), frames=2) is None, "with the smallest FIFOs nothing gets through"
