"""Golden files: texts that a change must not alter unseen. ``pytest tests/golden --update-golden`` writes them anew."""

from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import pytest

_FOLDER = Path(__file__).parent


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update-golden", action="store_true", help="write the golden files from what the code does now")


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Callable[[str, str], None]:
    """Compare a text with a file of this folder, hwgen's version left out; or write the file, when asked to."""

    def compare(name: str, text: str) -> None:
        path = _FOLDER / name
        text = text.replace(f"hwgen {version('hwgen')}", "hwgen VERSION")
        if request.config.getoption("--update-golden", default=False):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        assert path.is_file(), f"{name} is missing; run pytest tests/golden --update-golden"
        assert text == path.read_text(), f"{name} differs; if that is meant, run pytest tests/golden --update-golden"

    return compare
