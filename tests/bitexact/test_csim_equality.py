"""The generated C++ has the codes of the reference, on the same random QKeras models that are held against Keras."""

import os
from pathlib import Path

import numpy as np
import pytest
from oracle.random_models import random_model

import hwgen
from hwgen.emit import Strategy
from hwgen.errors import TypeRangeError, UnsupportedError
from hwgen.fixed import FixedType, Overflow, Quantizer, Rounding
from hwgen.ir import Dense, Input, Network, SparseTensor, Value
from hwgen.verify import BatchOptions, VerifyReport, verify_networks

BATCH = 10
SLICE = 1  # batches
FUZZ = -(-int(os.environ.get("HWGEN_FUZZ", "300")) // BATCH)


def networks(seeds: range, folder: Path) -> list[Network]:
    """The models of these seeds that have an exact form; the others are refused, which test_keras_equality checks."""
    found = []
    for seed in seeds:
        random = random_model(seed)
        place = folder / str(seed)
        place.mkdir()
        path, weights = random.save(place, "h5")
        try:
            found.append(hwgen.load(path, weights=weights, input_type=random.input_type).network)
        except (UnsupportedError, TypeRangeError):
            continue
    return found


def check(batch: int, strategy: Strategy, folder: Path, compiler: str | None = None) -> None:
    """Compile, run and compare one batch of models."""
    seeds = range(batch * BATCH, (batch + 1) * BATCH)
    chosen = networks(seeds, folder)
    assert len(chosen) >= BATCH // 2, f"most models of seeds {seeds} were refused, so this would test nothing."
    for network, result in zip(
        chosen, verify_networks(chosen, strategy, BatchOptions(samples=300, compiler=compiler)), strict=True
    ):
        assert isinstance(result, VerifyReport), f"{network.name}: {result}"
        bits = sum(source.value.size * source.value.type.width for source in network.inputs)
        assert result.samples >= min(300, 2**bits)  # a few bits of input have no more samples than that
        assert result.equal, result.summary()


@pytest.mark.parametrize("strategy", Strategy, ids=lambda strategy: strategy.value)
@pytest.mark.parametrize("batch", range(SLICE))
def test_generated_code_has_the_codes_of_the_reference(
    batch: int, strategy: Strategy, cxx: str, tmp_path: Path
) -> None:
    check(batch, strategy, tmp_path, cxx)


@pytest.mark.fuzz
@pytest.mark.parametrize("strategy", Strategy, ids=lambda strategy: strategy.value)
@pytest.mark.parametrize("batch", range(SLICE, SLICE + FUZZ))
def test_more_generated_code_has_the_codes_of_the_reference(
    batch: int, strategy: Strategy, cxx: str, tmp_path: Path
) -> None:
    check(batch, strategy, tmp_path, cxx)


def test_input_with_a_symmetric_quantizer_is_equal(cxx: str) -> None:
    kind = FixedType(True, 4, 2)
    source = Input(Value("x", (3,), kind), Quantizer(kind, Rounding.RND_CONV, Overflow.SAT_SYM))
    weight = SparseTensor.from_dense(np.array([[1, 2], [3, -4], [0, 1]]), FixedType(True, 4, 0))
    dense = Dense("d", "x", Value("d", (2,), FixedType(True, 8, 2)), weight, np.array([1, 0]))
    network = Network("symmetric", (source,), (dense,), ("d",))
    (result,) = verify_networks([network], Strategy.MULTIPLIERS, BatchOptions(samples=5000, compiler=cxx))
    assert isinstance(result, VerifyReport), result
    assert result.samples == 15**3  # every input that can occur: -8 cannot
    assert result.equal, result.summary()
