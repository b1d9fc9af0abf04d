"""A ``Program`` as C++ of its own: every sum written out, weights as constants, in units that compile side by side."""

from collections.abc import Iterator
from dataclasses import astuple, dataclass
from enum import Enum

import numpy as np

from hwgen.emulator.lanes import Lane
from hwgen.emulator.placing import place
from hwgen.emulator.program import Finish, Kind, Operation, Program

_TERMS_A_UNIT = 4000
_TYPES = {Lane.INT8: "int8_t", Lane.INT16: "int16_t", Lane.INT32: "int32_t", Lane.INT64: "int64_t"}


@dataclass(frozen=True, slots=True)
class Sources:
    """Generated files.

    Attributes:
        files: by name.
        units: those that are compiled.
    """

    files: dict[str, str]
    units: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Chunk:
    """Some sums of an operation: a function that runs them at every place."""

    name: str
    text: str
    terms: int


def generate(program: Program, wide: bool) -> Sources:
    """C++ for a program.

    Args:
        wide: for the wider target of templates/emulator/target.hpp.
    """
    begins, _ = place(program)
    calls: list[str] = []
    chunks: list[_Chunk] = []
    for number, operation in enumerate(program.operations):
        if operation.kind is not Kind.SUM:
            calls.append(f"others(p, p.operations[{number}], arena);")
            continue
        of_operation = list(_chunks(program, number, operation, begins.tolist()))
        calls += [f"{chunk.name}(p, arena);" for chunk in of_operation]
        chunks += of_operation
    files = {}
    for number, members in enumerate(_packed(chunks)):
        files[f"sums{number}.cpp"] = _unit(["compiled.hpp"], "\n".join(chunk.text for chunk in members), wide)
    declared = [f"void {chunk.name}(const Program &p, char *arena);" for chunk in chunks]
    main = "\n".join(["static void compute(const Program &p, char *arena) {", *(f"    {call}" for call in calls), "}"])
    # Other kinds are run by the interpreter.
    headers = ["interpreter.hpp"] if any(each.kind is not Kind.SUM for each in program.operations) else []
    if headers:
        main = "#define compute interpreted\n" + '#include "interpreter.hpp"\n' + "#undef compute\n" + main
    files["network.cpp"] = _unit([], main + '\n#include "blocks.hpp"\n', wide, before="\n".join(declared)) + _ENTRY
    return Sources(files, tuple(files))


_ENTRY = """
#include "target.hpp"

extern "C" int64_t hwgen_run(
    const Program *program, const void *const *inputs, const int64_t *bytes, int64_t *const *outputs, int64_t samples,
    int64_t
) {
    return run(*program, inputs, bytes, outputs, samples);
}
"""


def _unit(headers: list[str], text: str, wide: bool, before: str = "") -> str:
    begin, end = ('#include "avx2_begin.hpp"\n', '#include "avx2_end.hpp"\n') if wide else ("", "")
    included = "".join(f'#include "{header}"\n' for header in ["lanes.hpp", *headers])
    return (
        f'#include "common.hpp"\n{before}\n#define VECTOR_BYTES {32 if wide else 16}\n'
        f"{begin}{included}{text}\n{end}"
    )


def _packed(chunks: list[_Chunk]) -> Iterator[list[_Chunk]]:
    """Chunks in units of some thousand terms."""
    members: list[_Chunk] = []
    for chunk in chunks:
        if members and sum(each.terms for each in members) + chunk.terms > _TERMS_A_UNIT:
            yield members
            members = []
        members.append(chunk)
    if members:
        yield members


def _chunks(program: Program, number: int, operation: Operation, begins: list[int]) -> Iterator[_Chunk]:
    """The sums of an operation, at most a unit's terms together."""
    begin_of_part = np.concatenate([[0], np.cumsum(operation.parts)]).tolist()
    ends = operation.ends.tolist()
    lines: list[str] = []
    calls: list[str] = []
    terms, start, count = 0, 0, 0
    for position in range(len(operation.bias)):
        cuts = [start, *ends[begin_of_part[position] : begin_of_part[position + 1]]]
        start = cuts[-1]
        lines += _sum(operation, number, position, cuts, begins)
        calls.append(f"        sum_{number}_{position}(p, arena + place->from, arena + place->to + "
                     f"{begins[int(operation.target[position])]});")
        terms += cuts[-1] - cuts[0] + 1
        if terms >= _TERMS_A_UNIT or position == len(operation.bias) - 1:
            yield _Chunk(f"chunk_{number}_{count}", _function(program, number, count, lines, calls), terms)
            lines, calls, terms, count = [], [], 0, count + 1


def _function(program: Program, number: int, count: int, lines: list[str], calls: list[str]) -> str:
    finish = program.operations[number].finish
    values = ", ".join(_number(each) for each in _flat(finish))
    return "\n".join(
        [
            f"static const Finish finish_{number}_{count} = {{{values}}};",
            *(line.replace("FINISH", f"finish_{number}_{count}") for line in lines),
            f"void chunk_{number}_{count}(const Program &p, char *arena) {{",
            f"    const Operation &o = p.operations[{number}];",
            "    for (const Place *place = p.places + o.first_place; place < p.places + o.first_place + o.places; "
            "++place) {",
            *calls,
            "    }",
            "}",
        ]
    )


def _flat(finish: Finish) -> list[int]:
    return [int(each.value) if isinstance(each, Enum) else int(each) for each in astuple(finish)]


def _number(value: int) -> str:
    """A literal of 64 bits; the lowest one has none of its own."""
    return "INT64_MIN" if value == Lane.INT64.low else f"{value}LL"


def _sum(operation: Operation, number: int, position: int, cuts: list[int], begins: list[int]) -> list[str]:
    given, part, total = (_TYPES[lane] for lane in (operation.given, operation.part, operation.total))
    bias = _number(int(operation.bias[position]))
    source, weight = operation.source.tolist(), operation.weight.tolist()

    def terms(begin: int, end: int) -> list[str]:
        return [
            f"    HWGEN_TERM({part}, {begins[source[term]]}, {_number(weight[term])})" for term in range(begin, end)
        ]

    head = f"static void sum_{number}_{position}(const Program &p, const char *from, char *to) {{"
    end = f"{_TYPES[operation.result]}, %s, FINISH, {int(operation.step[position])})"
    if part == total:
        body = [f"    HWGEN_SUM({given}, {total}, {bias})", *terms(cuts[0], cuts[-1])]
        tail = f"    HWGEN_END({total}, {end % 'VECTORS, sum'}"
    else:
        body = [f"    HWGEN_PARTS({given}, {bias})"]
        for begin, stop in zip(cuts[:-1], cuts[1:], strict=True):
            body += ["    HWGEN_PART_BEGIN", *terms(begin, stop), "    HWGEN_PART_END"]
        tail = f"    HWGEN_END({total}, {end % '2 * VECTORS, whole'}"
    return [head, *body, tail, "}"]
