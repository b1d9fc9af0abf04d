"""Mutants of generated Verilog: what is declared, assigned, compared, sliced, connected or kept on one line."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from oracle.mutants import Code, Kind, Mutant, code_lines, matches, other_numbers, swapped

_DECLARATION = re.compile(r"\b(wire|reg)\s+(?:signed\s+)?(?:\[(\d+):0\]\s+)?(\w+)")
_IDENTIFIER = r"(?<![\w'.`])[A-Za-z_]\w*"
_LITERAL = r"(\d+)'(s?)([db])(\d+)"
_SLICE = r"(\w+)\[(\d+)(?::(\d+))?\]"
_INSTANCE = re.compile(r"^\s*\w+ (#\(.*\) )?\w+ \(")
_COMPARED = {" > ": (" >= ", " < "), " < ": (" <= ", " > "), " >= ": (" > ", " < "), " <= ": (" < ", " >= ")}
_LOGIC = {" == ": " != ", " != ": " == ", " && ": " || ", " || ": " && "}
_WRAPPER = "_axis.v"
_FLOW = frozenset({"ce", "rst", "valid", "in_valid", "out_valid"})


@dataclass(frozen=True, slots=True)
class _Declared:
    """A signal.

    Attributes:
        line: where it is declared.
        direction: "input", "output", or empty within the module.
    """

    name: str
    width: int
    line: int
    direction: str


def verilog_mutants(files: Mapping[str, bytes], library: Sequence[str] = ()) -> list[Mutant]:
    """Every mutant of the modules below ``rtl/``, the AXI4-Stream wrapper left out, and of some of the library."""
    found: list[Mutant] = []
    for path, content in sorted(files.items()):
        generated = path.startswith("rtl/") and path.count("/") == 1 and path.endswith(".v")
        used = path in [f"rtl/lib/{name}.v" for name in library]
        if used or (generated and not path.endswith(_WRAPPER)):
            found.extend(_of_module(path, content.decode()))
    return found


def stream_mutants(files: Mapping[str, bytes], library: Sequence[str]) -> list[Mutant]:
    """Those of what makes a circuit a stream: the library's modules, what is told them, and what is done with ``valid``
    and ``step``."""
    return [
        mutant
        for mutant in verilog_mutants(files, library=library)
        if mutant.path.startswith("rtl/lib/")
        or mutant.path.endswith(("_window.v", "_gather.v", "_join.v"))
        or re.search(r"valid|step|row|column", mutant.before)
    ]


def axis_mutants(files: Mapping[str, bytes]) -> list[Mutant]:
    """Those of the AXI4-Stream wrapper and of its register slice."""
    paths = [path for path in sorted(files) if path.endswith((_WRAPPER, "/hwgen_register_slice.v"))]
    return [mutant for path in paths for mutant in _of_module(path, files[path].decode())]


def _of_module(path: str, text: str) -> Iterator[Mutant]:
    lines = _read(text)
    declared: dict[str, _Declared] = {}
    for code in lines:
        match = _DECLARATION.search(code.text)
        if match:
            direction = code.text.split()[0] if code.text.split()[0] in ("input", "output") else ""
            declared[match[3]] = _Declared(match[3], int(match[2] or 0) + 1, code.number, direction)
    times: dict[str, int] = {}
    for code in lines:
        for match in matches(_IDENTIFIER, code.text):
            times[match[0]] = times.get(match[0], 0) + 1
    for code in lines:
        yield from _width(path, code, declared, times)
        if not code.text.strip().startswith(("input", "output")):
            yield from _of_statement(path, code, declared)


def _read(text: str) -> list[Code]:
    """The code, without directives and without what only collects unread bits."""
    found, collecting = [], False
    for code in code_lines(text):
        collecting = collecting or "wire unused" in code.text
        if not collecting and not code.text.startswith(("`", "module", "endmodule")):
            found.append(code)
        collecting = collecting and not code.text.endswith(";")
    return found


def _width(path: str, code: Code, declared: Mapping[str, _Declared], times: Mapping[str, int]) -> Iterator[Mutant]:
    match = _DECLARATION.search(code.text)
    if match and match[2] and int(match[2]) > 0 and (times[match[3]] > 1 or declared[match[3]].direction):
        yield code.replaced(path, Kind.WIDTH, match.start(2), match.end(2), str(int(match[2]) - 1))
    for match in matches(r"\.WIDTH\((\d+)\)", code.text):
        if int(match[1]) > 1:
            yield code.replaced(path, Kind.WIDTH, match.start(1), match.end(1), str(int(match[1]) - 1))
    for match in matches(r"\{(\d+)\{", code.text):
        if int(match[1]) > 1:
            yield code.replaced(path, Kind.WIDTH, match.start(1), match.end(1), str(int(match[1]) - 1))


def _of_statement(path: str, code: Code, declared: Mapping[str, _Declared]) -> Iterator[Mutant]:
    start, clocked, made = _read_from(code.text)
    yield from _parameters(path, code)
    yield from _logic(path, code)
    kind = Kind.REGISTER if clocked else Kind.OPERAND
    yield from _flow(path, code)
    if _INSTANCE.match(code.text):
        for match in matches(r"\.NEGATE\(3'b([01]{3})\)", code.text):
            for bit in range(match.start(1), match.end(1)):
                yield code.replaced(path, Kind.OPERAND, bit, bit + 1, "10"[int(code.text[bit])])
        return
    yield from _signals(path, code, start, kind, made, declared)
    if start == 0 and code.text.strip().startswith("."):
        return
    yield from _slices(path, code, start, declared)
    if "= DEPTH - " not in code.text:
        yield from _constants(path, code, start)
    yield from _comparisons(path, code, start)
    for old, new in ((" + ", " - "), (" - ", " + "), (" & (|", " | (|"), ("(|", "(&")):
        for place in _places(code.text, old, start):
            yield code.replaced(path, Kind.OPERAND, place, place + len(old), new)


def _parameters(path: str, code: Code) -> Iterator[Mutant]:
    """What an instance is told: a size, a number of beats. Not how deep a FIFO is: that is a bound, and which smaller
    FIFOs are never full either is not known."""
    for match in matches(r"\.(\w+)\((?:32'd)?(\d+)\)", code.text):
        name, value = match[1], int(match[2])
        if name.isupper() and name not in ("WIDTH", "NEGATE", "DEPTH") and not name.endswith("_BITS"):
            for other in other_numbers(value, 0, 2 * value + 2):
                yield code.replaced(path, Kind.CONSTANT, match.start(2), match.end(2), str(other))


def _logic(path: str, code: Code) -> Iterator[Mutant]:
    """Conditions turned round."""
    if "unused" in code.text or "parameter" in code.text or re.search(r"if \([A-Z]+ ==", code.text):
        return
    for old, new in _LOGIC.items():
        for place in _places(code.text, old, 0):
            yield code.replaced(path, Kind.COMPARISON, place, place + len(old), new)
    for match in matches(r"!(?=[a-z(])", code.text):
        yield code.replaced(path, Kind.COMPARISON, match.start(), match.end(), "")


def _read_from(text: str) -> tuple[int, bool, str]:
    """The column where what is read starts, whether a register takes it, and the name of what it makes."""
    taken = re.match(r"\s*(?:(?:else )?if \(\w+\) )?(\w+) <= ", text)
    if taken:
        return taken.end(), True, taken[1]
    made = re.search(r"(\w+) = ", text)
    if made:
        return made.end(), False, made[1]
    return (len(text), False, "") if _DECLARATION.search(text) else (0, False, "")


def _flow(path: str, code: Code) -> Iterator[Mutant]:
    """Clock enable and reset ignored."""
    for condition in ("ce", "rst"):
        for place in _places(code.text, f"if ({condition})", 0):
            for constant in ("1'b1", "1'b0"):
                yield code.replaced(path, Kind.REGISTER, place + 4, place + 4 + len(condition), constant)


def _signals(
    path: str, code: Code, start: int, kind: Kind, made: str, declared: Mapping[str, _Declared]
) -> Iterator[Mutant]:
    """Another signal instead: of as many bits, or of more where only a slice is read."""
    for match in matches(_IDENTIFIER, code.text, start):
        name = match[0]
        if name not in declared or name == "clk" or (name in _FLOW and code.text.strip().startswith("if")):
            continue
        sliced = code.text[match.end() : match.end() + 1] == "["
        for other in declared.values():
            fits = other.width == declared[name].width or (sliced and other.width > declared[name].width)
            earlier = other.line < code.number and other.direction != "output"
            if other.name in (name, made) or not fits or other.name == "clk":
                continue
            same = _base(other.name) == _base(name)
            # A register may take what an output shows: no loop comes of it.
            if earlier or (kind is Kind.REGISTER and other.direction == "output"):
                changed = Kind.REGISTER if same or name in _FLOW else kind
                yield code.replaced(path, changed, match.start(), match.end(), other.name)


def _base(name: str) -> str:
    """The name of a word, whatever stage it is kept for."""
    return re.sub(r"_s\d+$", "", name)


def _slices(path: str, code: Code, start: int, declared: Mapping[str, _Declared]) -> Iterator[Mutant]:
    """A bit higher or lower; zeros below a number moved above it."""
    for match in matches(_SLICE, code.text, start):
        if match[1] not in declared:
            continue
        high, low = int(match[2]), int(match[3] or match[2])
        kind = Kind.REGISTER if match[1] in _FLOW else Kind.SHIFT
        for by in (1, -1):
            if low + by >= 0 and high + by < declared[match[1]].width:
                text = f"{match[1]}[{high + by}" + (f":{low + by}]" if match[3] else "]")
                yield code.replaced(path, kind, match.start(), match.end(), text)
    for match in matches(r", (\d+)'d0\}", code.text, start):
        zeros = int(match[1])
        yield code.replaced(path, Kind.SHIFT, match.start(), match.end(), f", {zeros + 1}'d0}}")
        less = f", {zeros - 1}'d0}}" if zeros > 1 else "}"
        yield code.replaced(path, Kind.SHIFT, match.start(), match.end(), less)


def _constants(path: str, code: Code, start: int) -> Iterator[Mutant]:
    for match in matches(_LITERAL, code.text, start):
        width, value = int(match[1]), int(match[4], 2 if match[3] == "b" else 10)
        negative = code.text[: match.start()].endswith("-")
        most = (1 << (width - 1)) - (0 if negative else 1) if match[2] else (1 << width) - 1
        for other in other_numbers(value, 0, most):
            digits = f"{other:b}" if match[3] == "b" else str(other)
            yield code.replaced(path, Kind.CONSTANT, match.start(4), match.end(4), digits)


def _comparisons(path: str, code: Code, start: int) -> Iterator[Mutant]:
    for old, others in _COMPARED.items():
        for place in _places(code.text, old, start):
            for new in others:
                yield code.replaced(path, Kind.COMPARISON, place, place + len(old), new)
    for match in matches(r"\? ([^?:]+) : ([^?:;]+);", code.text, start):
        text = swapped(code.text, (match.span(1), match.span(2)))
        yield code.replaced(path, Kind.COMPARISON, 0, len(code.text), text)


def _places(text: str, wanted: str, start: int) -> Iterator[int]:
    place = text.find(wanted, start)
    while place >= 0:
        yield place
        place = text.find(wanted, place + 1)
