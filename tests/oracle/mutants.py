"""``Mutant``: one operand, shift, width, constant, comparison or register of a project's text changed.

``oracle.mutants_verilog`` and ``oracle.mutants_cpp`` find all that a project allows; what they share is here. They look
at text only, at what generated Verilog and C++ have in common, and know nothing of how it was generated.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from random import Random


class Kind(Enum):
    """What was changed."""

    OPERAND = "operand"
    SHIFT = "shift"
    WIDTH = "width"
    CONSTANT = "constant"
    COMPARISON = "comparison"
    REGISTER = "register"


@dataclass(frozen=True, slots=True)
class Mutant:
    """One changed line.

    Attributes:
        line: its number, from 1.
        before, after: the whole line.
    """

    path: str
    line: int
    kind: Kind
    before: str
    after: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line} {self.kind.value}: {self.before.strip()}  ->  {self.after.strip()}"


@dataclass(frozen=True, slots=True)
class Code:
    """The code on a line: comments are gone, columns are those of the line.

    Attributes:
        number: of the line, from 1.
        text: without what a comment says.
    """

    number: int
    text: str
    whole: str

    def replaced(self, path: str, kind: Kind, start: int, end: int, new: str) -> Mutant:
        """The mutant in which ``new`` stands from column ``start`` to ``end``."""
        return Mutant(path, self.number, kind, self.whole, self.whole[:start] + new + self.whole[end:])


def code_lines(text: str) -> list[Code]:
    """Every line that holds code."""
    found = []
    for number, line in enumerate(text.split("\n"), start=1):
        code = line.split("//", maxsplit=1)[0].rstrip()
        if code.strip():
            found.append(Code(number, code, line))
    return found


def applied(files: Mapping[str, bytes], mutant: Mutant) -> dict[str, bytes]:
    """The files with the mutant in place.

    Raises:
        ValueError: the line is not what the mutant was made from.
    """
    lines = files[mutant.path].decode().split("\n")
    if lines[mutant.line - 1] != mutant.before:
        raise ValueError(f"line {mutant.line} of {mutant.path} is not {mutant.before!r}.")
    lines[mutant.line - 1] = mutant.after
    return {**files, mutant.path: "\n".join(lines).encode()}


def chosen(candidates: Iterable[Mutant], count: int, random: Random, first: int = 0) -> list[Mutant]:
    """``count`` different ones, of every kind in turn, the ``first`` kind first; fewer where there are not so many."""
    kinds = list(Kind)
    by_kind: dict[Kind, list[Mutant]] = {kinds[(first + turn) % len(kinds)]: [] for turn in range(len(kinds))}
    for mutant in dict.fromkeys(candidates):
        by_kind[mutant.kind].append(mutant)
    for mutants in by_kind.values():
        random.shuffle(mutants)
    found: list[Mutant] = []
    while len(found) < count and any(by_kind.values()):
        for mutants in by_kind.values():
            if mutants and len(found) < count:
                found.append(mutants.pop())
    return found


def other_numbers(value: int, low: int, high: int) -> Iterator[int]:
    """What may stand instead of a number: one more, one less, one of its three lowest bits flipped, within bounds."""
    yield from (
        other
        for other in dict.fromkeys((value + 1, value - 1, value ^ 1, value ^ 2, value ^ 4))
        if low <= other <= high and other != value
    )


def swapped(text: str, places: Sequence[tuple[int, int]]) -> str:
    """The text with two pieces, given by their columns, in each other's place."""
    (first, first_end), (second, second_end) = places
    return text[:first] + text[second:second_end] + text[first_end:second] + text[first:first_end] + text[second_end:]


def matches(pattern: str, text: str, start: int = 0) -> list[re.Match[str]]:
    """Every place where a pattern matches."""
    return list(re.compile(pattern).finditer(text, start))
