"""Arguments of hwgen's functions, checked before anything is read or written."""

from collections.abc import Callable, Mapping
from functools import wraps
from inspect import signature
from numbers import Integral, Real
from os import PathLike
from types import NoneType
from typing import ParamSpec, TypeVar

import numpy as np

from hwgen.api.models import Model
from hwgen.circuit import ClockPlan, Interface, Target
from hwgen.errors import InputError
from hwgen.ir import Network

_T = TypeVar("_T")
_Parameters = ParamSpec("_Parameters")

# Arguments by name: the types they may have, and what to call those. What is not here says by itself what it should
# be: names out of a list, types of numbers, arrays.
_PATH = ((str, PathLike), "a path")
_PATH_OR_NONE = ((str, PathLike, NoneType), "a path or None")
_TEXT_OR_NONE = ((str, NoneType), "text or None")
_INTEGER = ((Integral,), "an integer")
_TRUTH = ((bool, np.bool_), "True or False")
_ARGUMENTS: Mapping[str, tuple[tuple[type, ...], str]] = {
    "path": _PATH,
    "config": _PATH,
    "directory": _PATH,
    "frozen": _PATH_OR_NONE,
    "tolerance_percent": ((Real,), "a number"),
    "run": _TRUTH,
    "simulate": _TRUTH,
    "weights": _PATH_OR_NONE,
    "masks": _PATH_OR_NONE,
    "quantize": ((Mapping, NoneType), "a mapping from layers to types, or None"),
    "head": ((str,), "text"),
    "waveform": _PATH_OR_NONE,
    "model": ((Model,), "what hwgen.load returns"),
    "network": ((Model, Network), "what hwgen.load returns, or its network"),
    "part": _TEXT_OR_NONE,
    "compiler": _TEXT_OR_NONE,
    "family": ((str,), "a family's name"),
    "fpga": ((str, Target, NoneType), "a family's name, a Target or None"),
    "plan": ((ClockPlan, NoneType), "a ClockPlan or None"),
    "io": ((str, Interface, NoneType), "'parallel', 'stream', an Interface or None"),
    "clock_ns": ((Real,), "a number"),
    "samples": ((Integral, NoneType), "an integer or None"),
    "seed": _INTEGER,
    "gap_percent": _INTEGER,
    "stall_percent": _INTEGER,
    "overwrite": _TRUTH,
    "pristine": _TRUTH,
    "axis": _TRUTH,
    "cache": _TRUTH,
}


def checked(function: Callable[_Parameters, _T]) -> Callable[_Parameters, _T]:
    """Refuse arguments of another type with an InputError, before anything is read or written."""

    @wraps(function)
    def call(*positional: _Parameters.args, **named: _Parameters.kwargs) -> _T:
        for name, given in signature(function).bind(*positional, **named).arguments.items():
            if name not in _ARGUMENTS:
                continue
            types, words = _ARGUMENTS[name]
            # Python counts True as an integer.
            if not isinstance(given, types) or (isinstance(given, bool) and bool not in types):
                raise InputError(f"{function.__name__}: {name} should be {words}, got {given!r}.")
        return function(*positional, **named)

    return call
