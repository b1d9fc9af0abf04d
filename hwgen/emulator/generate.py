"""A ``Program`` as C++ of its own: every sum written out, weights as constants, in units that compile side by side."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from hwgen.emulator.lanes import Lane
from hwgen.emulator.placing import place
from hwgen.emulator.program import Finish, Kind, Operation, OverflowForm, Program, RoundingForm, Stepping

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
    return f'#include "common.hpp"\n{before}\n#define VECTOR_BYTES {32 if wide else 16}\n{begin}{included}{text}\n{end}'


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
        calls.append(
            f"        sum_{number}_{position}(p, arena + place->from, arena + place->to + "
            f"{begins[int(operation.target[position])]});"
        )
        terms += cuts[-1] - cuts[0] + 1
        if terms >= _TERMS_A_UNIT or position == len(operation.bias) - 1:
            yield _Chunk(f"chunk_{number}_{count}", _function(program, number, count, lines, calls), terms)
            lines, calls, terms, count = [], [], 0, count + 1


def _function(program: Program, number: int, count: int, lines: list[str], calls: list[str]) -> str:
    operation = program.operations[number]
    name = f"finish_{number}_{count}"
    return "\n".join(
        [
            *_finish(name, operation),
            *(line.replace("FINISH", name) for line in lines),
            f"void chunk_{number}_{count}(const Program &p, char *arena) {{",
            f"    const Operation &o = p.operations[{number}];",
            "    for (const Place *place = p.places + o.first_place; place < p.places + o.first_place + o.places; "
            "++place) {",
            *calls,
            "    }",
            "}",
        ]
    )


def _finish(name: str, operation: Operation) -> list[str]:
    """What happens to a vector of sums before it is stored."""
    f, total = operation.finish, _TYPES[operation.total]
    steps = [f"    code = {code};" for code in (*_rounded(f, total), *_resolved(f, total))]
    if f.stepping is not Stepping.NONE:
        steps.append(f"    step<{total}, 1>(&code, {f.stepping.value}, p.steps[number], p);")
    head = f"static INLINE Vector<{total}> {name}(Vector<{total}> code, const Program &p, int64_t number) {{"
    return [head, *steps, "    return code;", "}"]


def _rounded(f: Finish, total: str) -> Iterator[str]:
    def constant(value: int) -> str:
        return f"({total}){_number(value)}"

    shift = constant(f.shift)
    if f.positive:
        yield f"larger<{total}>(code, Vector<{total}>{{}})"
    match f.rounding:
        case RoundingForm.NONE:
            return
        case RoundingForm.LEFT:
            yield f"code << {shift}"
        case RoundingForm.ADD:
            yield f"(code + {constant(f.add)}) >> {shift}" if f.add else f"code >> {shift}"
        case RoundingForm.EVEN:
            yield f"(code + {constant(f.add)} + ((code >> {shift}) & {constant(1)})) >> {shift}"
        case RoundingForm.REST:
            values = ", ".join(constant(each) for each in (f.shift, f.mask, f.add, f.negative, f.odd))
            yield f"by_rest<{total}>(code, {values})"


def _resolved(f: Finish, total: str) -> Iterator[str]:
    low, high = f"all<{total}>(({total}){_number(f.low)})", f"all<{total}>(({total}){_number(f.high)})"
    match f.overflow:
        case OverflowForm.NONE:
            return
        case OverflowForm.CLIP:
            yield f"smaller<{total}>(larger<{total}>(code, {low}), {high})"
        case OverflowForm.ZERO:
            yield f"code & (Vector<{total}>)(code >= {low}) & (Vector<{total}>)(code <= {high})"
        case OverflowForm.SIGNED:
            yield f"(code << ({total}){f.unused}) >> ({total}){f.unused}"
        case OverflowForm.UNSIGNED:
            yield f"code & {high}"


def _number(value: int) -> str:
    """A literal of 64 bits; the lowest one has none of its own."""
    return "INT64_MIN" if value == Lane.INT64.low else f"{value}LL"


def _sum(operation: Operation, number: int, position: int, cuts: list[int], begins: list[int]) -> list[str]:
    given, part, total = (_TYPES[lane] for lane in (operation.given, operation.part, operation.total))
    bias, result, step = int(operation.bias[position]), _TYPES[operation.result], int(operation.step[position])
    lines = [f"static NOINLINE void sum_{number}_{position}(const Program &p, const char *from, char *to) {{"]
    if part == total:
        lines += [f"    HWGEN_SUM({given}, {total}, {_number(bias)})", *_terms(operation, cuts[0], cuts[-1], begins)]
        return [*lines, f"    HWGEN_END({result}, FINISH, {step})", "}"]
    lines.append(f"    HWGEN_PARTS({_number(bias)})")
    for begin, end in pairwise(cuts):
        lines += [f"    HWGEN_SUM({given}, {part}, 0)", *_terms(operation, begin, end, begins), "    HWGEN_PART_END"]
    return [*lines, f"    HWGEN_WHOLE_END({result}, FINISH, {step})", "}"]


def _terms(operation: Operation, begin: int, end: int, begins: list[int]) -> Iterator[str]:
    size = operation.given.bytes
    terms = zip(operation.source[begin:end].tolist(), operation.weight[begin:end].tolist(), strict=True)
    for source, weight in terms:
        at = begins[source] // size
        match weight:
            case 1:
                yield f"    HWGEN_PLUS({at})"
            case -1:
                yield f"    HWGEN_MINUS({at})"
            case _:
                yield f"    HWGEN_TERM({at}, {_number(weight)})"
