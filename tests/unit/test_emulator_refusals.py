"""What an emulator refuses, each as its whole sentence."""

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from oracle.example_network import example_network

import hwgen
from hwgen.emulator import EmulatorEngine, emulator
from hwgen.emulator.kernel import Kernel
from hwgen.emulator.lanes import Lane
from hwgen.emulator.lower import lower
from hwgen.emulator.tables import tables
from hwgen.errors import HwgenError, InputError, ToolFailedError, TypeRangeError, UnsupportedError
from hwgen.fixed import FixedType
from hwgen.ir import Dense, Input, Network, SparseTensor, Value
from hwgen.tools import Build


def sentence(kind: type[HwgenError], call: Callable[[], object]) -> str:
    with pytest.raises(kind) as caught:
        call()
    return str(caught.value)


IMAGE, VECTOR = np.zeros((2, 6, 5, 1), np.int64), np.zeros((2, 3), np.int64)


@pytest.mark.parametrize(
    ("inputs", "says"),
    [
        ([IMAGE], "an emulator of network 'example' takes 2 arrays, one an input; got 1."),
        (
            [IMAGE, VECTOR.astype(float)],
            "input 'vector': an emulator takes signed integers of shape (samples, 3), got float64 of shape (2, 3).",
        ),
        (
            [IMAGE[..., 0], VECTOR],
            "input 'image': an emulator takes signed integers of shape (samples, 6, 5, 1), got int64 of shape "
            "(2, 6, 5).",
        ),
        ([IMAGE, VECTOR[:1]], "an emulator needs the same number of samples of every input, got [2, 1]."),
        (
            [IMAGE, VECTOR + 32],
            "input 'vector': an emulator was given codes from 32 to 32, and fixed<6,4> holds -32 to 31.",
        ),
        (
            [IMAGE - 1, VECTOR],
            "input 'image': an emulator was given codes from -1 to -1, and ufixed<4,0> holds 0 to 15.",
        ),
    ],
)
def test_codes_that_do_not_fit_are_refused(inputs: list[Any], says: str) -> None:
    network = example_network()
    assert sentence(InputError, lambda: emulator(network, EmulatorEngine.INTERPRETER).codes(inputs)) == says


def test_a_code_out_of_range_is_found_in_any_sample() -> None:
    emulated = emulator(example_network(), EmulatorEngine.INTERPRETER)
    for sample in (0, 127, 128, 299):
        image = np.zeros((300, 6, 5, 1), np.int64)
        image[sample, 5, 4, 0] = 16
        with pytest.raises(InputError):
            emulated.codes([image, np.zeros((300, 3), np.int64)])


def test_there_is_no_lane_beyond_64_bits() -> None:
    assert sentence(TypeRangeError, lambda: Lane.holding(0, 2**63)) == (
        f"codes from 0 to {2**63} were found, and an emulator's lanes have at most 64 bits; "
        "use fewer bits in the network's types."
    )


def test_a_sum_of_more_than_62_bits_is_refused() -> None:
    x = Value("x", (2,), FixedType(True, 40, 0))
    weight = SparseTensor.from_dense(np.full((2, 1), 2**23), FixedType(True, 25, 0))
    dense = Dense("dense", "x", Value("y", (1,), FixedType(True, 64, 0)), weight, np.zeros(1, np.int64))
    network = Network("net", (Input(x, None),), (dense,), ("y",))
    assert sentence(TypeRangeError, lambda: emulator(network)) == (
        "layer 'dense': magnitudes of products and bias add up to about 2**63.0, and hwgen computes below 2**62; "
        "use fewer bits in its inputs, weights or scales."
    )


def test_a_block_beyond_4_gib_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hwgen.emulator.tables._LARGEST_ARENA", 1000)
    program = lower(example_network())
    needed = program and sentence(UnsupportedError, lambda: tables(program))
    size = needed.split()[6]
    assert int(size) > 1000
    assert needed == (
        f"an emulated block of samples needs {size} bytes, more than 1000; "
        "use the reference for a network of this size."
    )


def test_no_memory_is_an_error() -> None:
    def hwgen_run(*_: object) -> int:
        return -1

    kernel = Kernel(SimpleNamespace(hwgen_run=hwgen_run), Build(0.0, from_cache=False), "g++ 12", False)
    given = tables(lower(example_network()))
    assert sentence(ToolFailedError, lambda: kernel.run(given, [IMAGE, VECTOR], [])) == (
        f"an emulated block of samples needs {given.arena_bytes} bytes of memory; free some."
    )


def test_an_unknown_engine_is_refused() -> None:
    model = hwgen.Model(example_network())
    assert sentence(InputError, lambda: hwgen.emulate(model, "csim")) == (
        "engine 'csim' is unknown; it is 'interpreter' or 'compiled'."
    )
    assert sentence(InputError, lambda: model.codes([IMAGE, VECTOR], engine="numpy")) == (
        "engine 'numpy' is unknown; it is 'reference' or 'emulator'."
    )
    assert sentence(InputError, lambda: hwgen.emulate(Path("model.h5"))) == (  # type: ignore[arg-type]
        f"emulate: network should be what hwgen.load returns, or its network, got {Path('model.h5')!r}."
    )
