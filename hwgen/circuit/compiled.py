"""Which kernels are run: compiled ones, or plain Python where there is so little to do that loading takes longer."""

import sys
from functools import cache
from importlib.util import module_from_spec, spec_from_file_location
from types import ModuleType

from hwgen.circuit import kernels as interpreted

_NAME = "hwgen.circuit.kernels_compiled"


@cache
def compiled() -> ModuleType:
    """The kernels as Numba compiles them, once for all processes: it keeps what it compiled beside the file, or in the
    user's cache where that cannot be written."""
    from numba import njit

    spec = spec_from_file_location(_NAME, interpreted.__file__)
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    module.__dict__["jit"] = njit(cache=True)
    sys.modules[_NAME] = module
    spec.loader.exec_module(module)
    return module


def kernels_for(work: int) -> ModuleType:
    """Kernels for a task of so many digits; both compute the same."""
    return compiled() if work > FEW or compiled.cache_info().currsize else interpreted


FEW = 24
