"""A ``Program`` as the tables that the compiled kernel reads: the structures of templates/emulator/common.hpp."""

import ctypes
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hwgen.emulator.placing import BLOCK, place
from hwgen.emulator.program import Port, Program, Stepping
from hwgen.errors import UnsupportedError
from hwgen.fixed import IntArray

_LARGEST_ARENA = (1 << 32) - 1  # terms hold 32 bits of a place in it

_TERM = np.dtype([("from", np.uint32), ("weight", np.int32)])


class _Pointers(ctypes.Structure):
    """``Program`` of common.hpp."""

    _fields_ = (
        *((name, ctypes.c_int64) for name in ("operation_count", "input_count", "output_count", "arena_bytes")),
        *(
            (name, ctypes.c_void_p)
            for name in (
                "operations",
                "places",
                "sums",
                "parts",
                "terms",
                "weights",
                "steps",
                "thresholds",
                "rises",
                "levels",
                "tables",
                "ports",
                "rows",
            )
        ),
    )


@dataclass(frozen=True, slots=True, eq=False)
class Tables:
    """The tables, and the structure that points at them.

    Attributes:
        arrays: by the name of the member; they live as long as the structure is used.
        arena_bytes: memory of a block.
    """

    arrays: dict[str, NDArray[np.generic]]
    pointers: ctypes.Structure
    arena_bytes: int


def tables(program: Program) -> Tables:
    """The tables of a program.

    Raises:
        UnsupportedError: a block of samples needs more memory than its places are counted in.
    """
    begins, size = place(program)
    if size > _LARGEST_ARENA:
        raise UnsupportedError(
            f"an emulated block of samples needs {size} bytes, more than {_LARGEST_ARENA}; "
            f"use the reference for a network of this size."
        )
    arrays: dict[str, NDArray[np.generic]] = {**_operations(program, begins), **_steps(program)}
    ports = (*program.inputs, *program.outputs)
    arrays["ports"], arrays["rows"] = _ports(ports, begins)
    pointers = _Pointers(len(program.operations), len(program.inputs), len(program.outputs), size)
    for name, array in arrays.items():
        setattr(pointers, name, array.ctypes.data)
    return Tables(arrays, pointers, size)


def _operations(program: Program, begins: IntArray) -> dict[str, NDArray[np.generic]]:
    operations, places, sums, parts, terms, weights = [], [], [], [], [], []
    place_count = sum_count = part_count = term_count = 0
    for each in program.operations:
        f = each.finish
        operations.append(
            [
                each.kind.value, each.given.value, each.part.value, each.total.value, each.result.value,
                place_count, len(each.moves), sum_count, len(each.bias),
                int(f.positive), f.rounding.value, f.shift, f.add, f.mask, f.negative, f.odd,
                f.overflow.value, f.low, f.high, f.unused, f.stepping.value,
            ]
        )  # fmt: skip
        places.append(each.moves * np.array([BLOCK * each.given.bytes, BLOCK * each.result.bytes]))
        # Each sum's parts are one number more than there are: where the first begins.
        begin_of_part = np.concatenate([[0], np.cumsum(each.parts)])
        first_part = begin_of_part[:-1] + np.arange(len(each.parts)) + part_count
        begin_of_term = np.concatenate([[0], each.ends])[begin_of_part[:-1]]
        bounds = np.insert(each.ends, begin_of_part[:-1], begin_of_term) + term_count
        sums.append(np.stack([each.bias, begins[each.target], first_part, each.parts, each.step], axis=1))
        parts.append(bounds)
        own = np.empty(len(each.source), dtype=_TERM)
        own["from"] = begins[each.source]
        own["weight"] = each.weight.astype(np.uint64).astype(np.uint32).view(np.int32)
        terms.append(own)
        weights.append(each.weight)
        place_count, sum_count = place_count + len(each.moves), sum_count + len(each.bias)
        part_count, term_count = part_count + len(bounds), term_count + len(each.source)
    nothing = np.zeros(0, dtype=np.int64)
    return {
        "operations": np.array(operations, dtype=np.int64),
        "places": np.concatenate([nothing, *(each.ravel() for each in places)]),
        "sums": np.concatenate([nothing, *(each.ravel() for each in sums)]),
        "parts": np.concatenate([nothing, *parts]),
        "terms": np.concatenate([np.empty(0, dtype=_TERM), *terms]),
        "weights": np.concatenate([nothing, *weights]),
    }


def _steps(program: Program) -> dict[str, NDArray[np.generic]]:
    """Step functions in the form that their operations ask for."""
    stepping = {
        number: operation.finish.stepping for operation in program.operations for number in operation.step.tolist()
    }
    found: list[tuple[int, int, int]] = []
    thresholds, rises, levels, looked_up = [], [], [], []
    threshold_count = level_count = entry_count = 0
    for number, step in enumerate(program.steps):
        match stepping.get(number, Stepping.NONE):
            case Stepping.NONE:
                found.append((0, 0, 0))
            case Stepping.COMPARE | Stepping.SEARCH as form:
                level = int(step.levels[0]) if form is Stepping.COMPARE else level_count
                found.append((threshold_count, len(step.thresholds), level))
                thresholds.append(step.thresholds)
                rises.append(np.diff(step.levels))
                levels.append(step.levels)
                threshold_count += len(step.thresholds)
                level_count += len(step.levels)
            case Stepping.TABLE:
                found.append((entry_count, 0, step.low))
                codes = np.arange(step.low, step.high + 1)
                looked_up.append(step.levels[np.searchsorted(step.thresholds, codes, side="right")].astype(np.int32))
                entry_count += len(codes)
    nothing = np.zeros(0, dtype=np.int64)
    return {
        "steps": np.array(found, dtype=np.int64).reshape(-1, 3),
        "thresholds": np.concatenate([nothing, *thresholds]),
        "rises": np.concatenate([nothing, *rises]),
        "levels": np.concatenate([nothing, *levels]),
        "tables": np.concatenate([np.zeros(0, dtype=np.int32), *looked_up]),
    }


def _ports(ports: tuple[Port, ...], begins: IntArray) -> tuple[IntArray, IntArray]:
    found, rows, count = [], [], 0
    for port in ports:
        index = port.rows.index.ravel()
        found.append([len(index), count, port.rows.lane.value, port.low, port.width])
        rows.append(np.where(index < 0, -1, begins[np.maximum(index, 0)]))
        count += len(index)
    return np.array(found, dtype=np.int64), np.concatenate(rows)
