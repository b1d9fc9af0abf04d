"""The generated C++ has the codes of the reference, on the same random QKeras models that are held against Keras."""

import os
from pathlib import Path

import pytest
from oracle.random_models import random_model

import hwgen
from hwgen.emit import Strategy
from hwgen.errors import TypeRangeError, UnsupportedError
from hwgen.ir import Network
from hwgen.verify import BatchOptions, VerifyReport, verify_networks

BATCH = 10
SLICE = 2  # batches
FUZZ = int(os.environ.get("HWGEN_FUZZ", "300")) // BATCH


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
