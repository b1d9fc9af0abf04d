"""Thousands of mutated model files: each loads or is refused in one sentence, within 10 seconds and 2 GiB."""

import os

import pytest
from oracle.mutated_files import mutated
from oracle.reading_campaign import MEMORY_BYTES, Findings, campaign

SLICE = 160
FILES = 10_000


def _check(found: Findings, count: int) -> None:
    assert not found.wrong, "\n\n".join(f"seed {seed}: {what}" for seed, what in found.wrong.items())
    assert found.outcomes.total() == count
    assert found.outcomes["loaded"] > 0
    assert found.outcomes["refused"] > count / 2
    assert found.peak_bytes < MEMORY_BYTES


def test_a_seed_is_always_the_same_file() -> None:
    assert mutated(3) == mutated(3)
    assert mutated(3) != mutated(3 + 1)


def test_mutated_files_are_refused_or_load() -> None:
    _check(campaign(range(SLICE), processes=1), SLICE)


@pytest.mark.fuzz
def test_many_mutated_files_are_refused_or_load() -> None:
    """``HWGEN_MUTATED`` sets how many, and else their share of a fuzz run."""
    count = int(os.environ.get("HWGEN_MUTATED", FILES * int(os.environ.get("HWGEN_FUZZ", "300")) // 300))
    _check(campaign(range(SLICE, SLICE + count), processes=2), count)
