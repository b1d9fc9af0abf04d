"""Mutants of generated C++: types, sums, tables, loops and calls.

None leaves an array: what an index out of bounds does is not the C++'s to say, and no equivalence could be shown. C++
has no registers; the arrays between layers, which hardware keeps in registers, take their place.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import pairwise

from oracle.mutants import Code, Kind, Mutant, code_lines, matches, other_numbers, swapped

_LEFT_OUT = ("ap_types", "trace.h", "_unused.h", "parameters.h")
_FUNCTION = re.compile(r"^(?:static |inline )*(?:void|\w+_t) (\w+)\((.*)\) \{")
_PARAMETER = re.compile(r"([\w<>]+) (\w+)\[(\d+)\]")
_TYPEDEF = re.compile(r"^typedef .* (\w+);")
_TABLE = re.compile(r"^static const ap_u?int<\d+> (\w+)((?:\[\d+\])+)")
_NUMBER = r"(?<![\w.\]])(-?\d+)(?![\w.])"
_COMPARED = {" > ": (" >= ", " < "), " < ": (" <= ", " > "), " >= ": (" > ", " < ")}
_ROUNDINGS = ("AP_TRN", "AP_TRN_ZERO", "AP_RND", "AP_RND_INF", "AP_RND_MIN_INF", "AP_RND_ZERO", "AP_RND_CONV")
_OVERFLOWS = ("AP_WRAP", "AP_SAT", "AP_SAT_ZERO", "AP_SAT_SYM")
_FIXED_SIZES = frozenset({"channels", "out_channels", "window_rows", "window_columns"})
_LARGEST = 1 << 20


@dataclass
class _Known:
    """Names of a project.

    Attributes:
        tables: by their dimensions; ``functions`` by their parameters; ``arrays`` of the top function by type and size.
        words: how often each word is in the sources.
    """

    tables: dict[str, str] = field(default_factory=dict)
    functions: dict[str, str] = field(default_factory=dict)
    arrays: dict[str, tuple[str, str]] = field(default_factory=dict)
    words: dict[str, int] = field(default_factory=dict)


def cpp_mutants(files: Mapping[str, bytes]) -> list[Mutant]:
    """Every mutant of the sources and headers in ``firmware/`` that take part in a simulation."""
    sources = {
        path: _read(content.decode())
        for path, content in sorted(files.items())
        if path.startswith("firmware/")
        and path.endswith((".cpp", ".h"))
        and not any(part in path for part in _LEFT_OUT)
    }
    known = _Known()
    for lines in sources.values():
        for code in lines:
            _learn(known, code.text)
    found: list[Mutant] = []
    for path, lines in sources.items():
        found.extend(_of_file(path, lines, known))
    return found


def _read(text: str) -> list[Code]:
    """The code that is simulated: no directives, nothing that only a trace or a synthesis has."""
    found, traced = [], False
    for code in code_lines(text):
        directive = code.text.strip()
        if directive.startswith("#"):
            if directive.startswith(("#ifdef HWGEN_TRACE", "#if defined(__SYNTHESIS__)")):
                traced = True
            elif directive.startswith(("#else", "#endif")):
                traced = False
        elif not traced:
            found.append(code)
    return found


def _learn(known: _Known, text: str) -> None:
    for word in re.findall(r"\w+", text):
        known.words[word] = known.words.get(word, 0) + 1
    if match := _TABLE.match(text):
        known.tables[match[1]] = match[2]
    if match := _FUNCTION.match(text):
        known.functions[match[1]] = re.sub(r"\w+\[", "[", match[2])
    if match := re.match(r"^    (\w+_code_t) (\w+_code)\[(\d+)\];", text):
        known.arrays[match[2]] = (match[1], match[3])


def _of_file(path: str, lines: list[Code], known: _Known) -> Iterator[Mutant]:
    sizes: dict[str, int] = {}
    for code in lines:
        if match := _FUNCTION.match(code.text):
            sizes = {name: int(size) for _, name, size in _PARAMETER.findall(match[2])}
        if match := _TYPEDEF.match(code.text):
            if known.words[match[1]] > 1:
                yield from _types(path, code)
            continue
        yield from _types(path, code)
        if _FUNCTION.match(code.text) or re.match(r"^(void|template|static void|    \w+_t \w+\[)", code.text):
            continue
        yield from _shifts(path, code)
        yield from _operands(path, code, known, sizes)
        yield from _comparisons(path, code)
        yield from _constants(path, code)


def _types(path: str, code: Code) -> Iterator[Mutant]:
    """One bit narrower, another binary point, another mode."""
    for match in matches(r"ap_u?int<(\d+)>", code.text):
        if int(match[1]) > 1:
            yield code.replaced(path, Kind.WIDTH, match.start(1), match.end(1), str(int(match[1]) - 1))
    for match in matches(r"ap_u?fixed<(\d+), (-?\d+)((?:, AP_\w+)*)>", code.text):
        if int(match[1]) > 1:
            yield code.replaced(path, Kind.WIDTH, match.start(1), match.end(1), str(int(match[1]) - 1))
        for by in (1, -1):
            yield code.replaced(path, Kind.SHIFT, match.start(2), match.end(2), str(int(match[2]) + by))
        for mode in matches(r"AP_\w+", match[3]):
            for other in _ROUNDINGS if mode[0] in _ROUNDINGS else _OVERFLOWS:
                if other != mode[0]:
                    at = match.start(3)
                    yield code.replaced(path, Kind.OPERAND, at + mode.start(), at + mode.end(), other)


def _shifts(path: str, code: Code) -> Iterator[Mutant]:
    for pattern in (r"\bshifted<(\d+)>", r">> (\d+)", r"\bfixed_of<(-?\d+)>"):
        for match in matches(pattern, code.text):
            for by in (1, -1):
                if "fixed" in match[0] or int(match[1]) + by >= 0:
                    yield code.replaced(path, Kind.SHIFT, match.start(1), match.end(1), str(int(match[1]) + by))


def _operands(path: str, code: Code, known: _Known, sizes: Mapping[str, int]) -> Iterator[Mutant]:
    text = code.text
    for old, new in ((" += ", " -= "), (" -= ", " += "), (") * x", ") + x"), ("] * x", "] + x"), ("] + ", "] - ")):
        for match in matches(re.escape(old), text):
            yield code.replaced(path, Kind.OPERAND, match.start(), match.end(), new)
    for match in matches(r"\b(\w+)\[(\d+)\]", text):
        kind = Kind.REGISTER if text[match.end() :].startswith(" = ") else Kind.OPERAND
        for other in range(sizes.get(match[1], 0)):
            if other != int(match[2]):
                yield code.replaced(path, kind, match.start(2), match.end(2), str(other))
    for match in matches(r"\b\w+\b", text):
        for names, kind in (
            (known.tables, Kind.OPERAND),
            (known.functions, Kind.OPERAND),
            (known.arrays, Kind.REGISTER),
        ):
            if match[0] in names:
                for other, alike in names.items():
                    if other != match[0] and alike == names[match[0]] and not _TABLE.match(text):
                        yield code.replaced(path, kind, match.start(), match.end(), other)
    if re.match(r"^    (\{?-?\d|\{)", text):
        numbers = matches(_NUMBER, text)
        for first, second in pairwise(numbers):
            if first[0] != second[0]:
                after = swapped(text, (first.span(), second.span()))
                yield code.replaced(path, Kind.OPERAND, 0, len(text), after)


def _comparisons(path: str, code: Code) -> Iterator[Mutant]:
    """Of conditions; those that keep an index within an array only get stricter."""
    if not re.match(r"^\s*(if \(|const bool )", code.text):
        return
    if " && " in code.text:
        for match in matches(" >= ", code.text):
            yield code.replaced(path, Kind.COMPARISON, match.start(), match.end(), " > ")
        return
    for old, others in _COMPARED.items():
        for match in matches(re.escape(old), code.text):
            for new in others:
                yield code.replaced(path, Kind.COMPARISON, match.start(), match.end(), new)


def _constants(path: str, code: Code) -> Iterator[Mutant]:
    text = code.text
    if text.strip().startswith("for ("):
        if match := re.search(r"< (\d+);", text):
            yield code.replaced(path, Kind.CONSTANT, match.start(1), match.end(1), str(int(match[1]) - 1))
        if match := re.search(r"= 0;", text):
            yield code.replaced(path, Kind.CONSTANT, match.start(), match.end(), "= 1;")
        return
    if text.strip().startswith("const int"):
        yield from _sizes(path, code)
        return
    if text.strip().startswith("static const") or " && " in text:
        return
    for match in matches(_NUMBER, text):
        inside = text[: match.start()].count("[") > text[: match.start()].count("]")
        generic = text[: match.start()].endswith("<") or text[: match.start()].endswith(">> ")
        if not inside and not generic:
            for other in other_numbers(int(match[1]), -_LARGEST, _LARGEST):
                yield code.replaced(path, Kind.CONSTANT, match.start(1), match.end(1), str(other))
    for match in matches(r"\w+ \+ 1\]", text):
        yield code.replaced(path, Kind.CONSTANT, match.end() - 2, match.end() - 1, "0")


def _sizes(path: str, code: Code) -> Iterator[Mutant]:
    """Of windows and images: paddings and strides either way, sizes only smaller."""
    for match in matches(r"(\w+) = (\d+)", code.text):
        name, value = match[1], int(match[2])
        if name in _FIXED_SIZES or "*" in code.text:
            continue
        guarded = name.startswith(("padding", "stride", "dilation"))
        least = 0 if name.startswith("padding") else 1
        for other in (value - 1, value + 1) if guarded else (value - 1,):
            if other >= least:
                yield code.replaced(path, Kind.CONSTANT, match.start(2), match.end(2), str(other))
