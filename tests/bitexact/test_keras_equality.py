"""hwgen's codes equal the exact meaning of QKeras models, and Keras's own predictions wherever float32 is exact."""

import json
import os
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import pytest
from oracle.keras_equality import check_equality

SLICE = 40
FUZZ = int(os.environ.get("HWGEN_FUZZ", "300"))

Record = Callable[[str, object], None]


@pytest.mark.parametrize("seed", range(SLICE))
def test_random_model_has_the_codes_of_its_exact_meaning(seed: int, tmp_path: Path, record_property: Record) -> None:
    record_property("keras_equality", json.dumps(asdict(check_equality(seed, tmp_path))))


@pytest.mark.fuzz
@pytest.mark.parametrize("seed", range(SLICE, SLICE + FUZZ))
def test_more_random_models_have_the_codes_of_their_exact_meaning(
    seed: int, tmp_path: Path, record_property: Record
) -> None:
    record_property("keras_equality", json.dumps(asdict(check_equality(seed, tmp_path))))
