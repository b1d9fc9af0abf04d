"""Every sentence with which the package refuses something, read from its source, and the tests that state it whole.

A sentence with values in it is a template: what is written between the values. ``python -m oracle.refusals`` (with
``tests`` on the path) prints the templates that no string in the tests matches from the first word to the last.
"""

import ast
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import hwgen.errors

ROOT = Path(__file__).resolve().parents[2]
HOLE = "\ue000"  # stands for a value; no source has this character
_ERRORS = {name for name, found in vars(hwgen.errors).items() if isinstance(found, type)} | {"_FieldError"}
_METHODS = {"refuse": "", "refusal": "."}  # what each puts behind its text
_FEWEST_LETTERS = 10
# These only put a place before the sentence of another, which is found where it is written.
_PASSED_ON = {("hwgen/frontend/options.py", f"{HOLE}: {HOLE}"), ("hwgen/ir/json_object.py", f"{HOLE}.")}
# What says where: "{where}: ", "layer {name!r}: ", "layer {name!r} ({class_name}): ", "{path}: layer {name!r}: ".
_PLACE = re.compile(rf"^(?:[a-z ]{{0,20}}['\"]?{HOLE}['\"]?(?: \({HOLE}\))?(?:, [a-z ]+)?: )+")


@dataclass(frozen=True, slots=True)
class Sentence:
    """One template.

    Attributes:
        place: file and line.
        text: with ``HOLE`` for each value.
    """

    place: str
    text: str

    def __str__(self) -> str:
        return f"{self.place}: {self.shown}"

    @property
    def shown(self) -> str:
        """The template with ``{}`` for each value."""
        return self.text.replace(HOLE, "{}")

    @property
    def says_something(self) -> bool:
        """Whether there are words of its own; a sentence that only passes on another has none."""
        return _letters(self.text) >= _FEWEST_LETTERS

    @property
    def words(self) -> list[str]:
        """What a test's string has to hold between the values; the place before the first colon may stand apart."""
        place = _PLACE.match(self.text)
        rest = self.text[place.end() :] if place else self.text
        return (rest if _letters(rest) >= _FEWEST_LETTERS else self.text).split(HOLE)


def _letters(text: str) -> int:
    return sum(letter.isascii() and letter.isalpha() for letter in text)


def sentences(paths: Iterable[Path]) -> Iterator[Sentence]:
    """The templates of all errors of hwgen that the files construct."""
    for path in paths:
        module = ast.parse(path.read_text(encoding="utf-8"))
        functions = {node.name: node for node in ast.walk(module) if isinstance(node, ast.FunctionDef)}
        owner = {
            inner: node for node in ast.walk(module) if isinstance(node, ast.FunctionDef) for inner in ast.walk(node)
        }
        for node in ast.walk(module):
            if not isinstance(node, ast.Call) or not node.args:
                continue
            called = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
            if called in _ERRORS or called in _METHODS:
                place = f"{path.relative_to(ROOT).as_posix()}:{node.lineno}"
                for text in sorted(set(_texts(node.args[0], owner.get(node), functions))):
                    text += _METHODS.get(called, "")
                    if (place.rpartition(":")[0], text) not in _PASSED_ON:
                        yield Sentence(place, text)


def _texts(node: ast.expr, inside: ast.FunctionDef | None, functions: Mapping[str, ast.FunctionDef]) -> list[str]:
    """What an expression can say; a value that is not known here is a hole."""
    match node:
        case ast.Constant(value=str(text)):
            return [text]
        case ast.JoinedStr(values=values):
            own = "".join(str(value.value) for value in values if isinstance(value, ast.Constant))
            says_little = _letters(own) < _FEWEST_LETTERS
            found = [""]
            for value in values:
                if isinstance(value, ast.Constant):
                    ends = [value.value]
                else:
                    ends = _choices(value, inside) if says_little else [HOLE]
                found = [f"{start}{end}" for start in found for end in ends]
            return found
        case ast.BinOp(op=ast.Add(), left=left, right=right):
            ends = _texts(right, inside, functions)
            return [f"{start}{end}" for start in _texts(left, inside, functions) for end in ends]
        case ast.IfExp(body=body, orelse=other):
            return [*_texts(body, inside, functions), *_texts(other, inside, functions)]
        case ast.Name(id=name) if inside is not None:
            values = [
                assigned.value
                for assigned in ast.walk(inside)
                if isinstance(assigned, ast.Assign)
                and any(isinstance(target, ast.Name) and target.id == name for target in assigned.targets)
            ]
            return [text for value in values for text in _texts(value, None, functions)] or [HOLE]
        case ast.Call(func=ast.Name(id=name)) if name in functions:
            returned = [
                inner.value
                for inner in ast.walk(functions[name])
                if isinstance(inner, ast.Return) and inner.value is not None
            ]
            return [text for value in returned for text in _texts(value, functions[name], {})] or [HOLE]
        case _:
            return [HOLE]


def _choices(value: ast.expr, inside: ast.FunctionDef | None) -> list[str]:
    """What stands in a place of a template, where it is one of two texts; else a hole."""
    if isinstance(value, ast.FormattedValue) and isinstance(value.value, ast.Name) and inside is not None:
        for node in ast.walk(inside):
            match node:
                case ast.Assign(targets=[ast.Name(id=value.value.id)], value=ast.IfExp() as either):
                    return _texts(either, None, {})
    return [HOLE]


class TestedTexts:
    """Every string in the tests."""

    def __init__(self, paths: Iterable[Path]) -> None:
        found: set[str] = set()
        for path in paths:
            found |= _strings(ast.parse(path.read_text(encoding="utf-8")))
        self._texts = found | {re.sub(r"\\(.)", r"\1", text) for text in found if "\\" in text}

    @cached_property
    def _all(self) -> list[str]:
        return sorted(text for text in self._texts if " " in text)

    def state(self, sentence: Sentence) -> bool:
        """Whether one of the strings is the sentence, from the first word to the last."""
        words = sentence.words
        pattern = re.compile(rf"(?:.*: )?{'.*'.join(map(re.escape, words))}", re.DOTALL)
        longest = max(words, key=len)
        return any(longest in text and pattern.fullmatch(text) is not None for text in self._all)


def _strings(module: ast.Module) -> set[str]:
    """Texts of a file, with values of its constants put in and holes for the others."""
    constants: dict[str, ast.expr] = {
        target.id: node.value
        for node in module.body
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    }

    def text(node: ast.expr) -> str | None:
        match node:
            case ast.Constant(value=str(value)):
                return value
            case ast.JoinedStr(values=values):
                return "".join(text(value) or HOLE for value in values)
            case ast.BinOp(op=ast.Add(), left=left, right=right):
                return f"{text(left) or HOLE}{text(right) or HOLE}"
            case ast.FormattedValue(value=value):
                return text(value)
            case ast.Name(id=name) if name in constants:
                return text(constants[name])
            case ast.Call(func=ast.Attribute(value=ast.Name(id=name), attr="format")) if name in constants:
                return re.sub(r"\{\w*\}", HOLE, text(constants[name]) or "").replace("{{", "{").replace("}}", "}")
            case ast.Call(func=ast.Attribute(attr="escape"), args=[value]):
                return text(value)
            case _:
                return None

    return {found for node in ast.walk(module) if isinstance(node, ast.expr) and (found := text(node))}


def package_files(*folders: str) -> list[Path]:
    """Python files of the package's folders, or files."""
    found: list[Path] = []
    for folder in folders:
        place = ROOT / "hwgen" / folder
        found += sorted(place.rglob("*.py")) if place.is_dir() else [place]
    return found


def files_of_tests() -> list[Path]:
    return sorted((ROOT / "tests").rglob("test_*.py"))


FOLDERS = (
    *(
        "fixed",
        "ir",
        "circuit",
        "estimate",
        "frontend",
        "reference",
        "emulator",
        "emit",
        "verify",
        "regression",
        "mapping",
        "compare",
    ),
    *("hls4ml_backend", "api"),
)


def untested() -> list[Sentence]:
    tested = TestedTexts(files_of_tests())
    return [each for each in sentences(package_files(*FOLDERS)) if not each.says_something or not tested.state(each)]


if __name__ == "__main__":
    for each in untested():
        print(each)
