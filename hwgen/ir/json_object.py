"""One JSON object, read field by field: each of the kind asked for, none missing, none left over."""

from collections.abc import Callable
from enum import Enum
from typing import TypeVar

import numpy as np

from hwgen.errors import HwgenError, NetworkError
from hwgen.fixed import IntArray

_Part = TypeVar("_Part")
_Scalar = TypeVar("_Scalar", str, int, bool)
_Member = TypeVar("_Member", bound=Enum)

_KINDS = {str: "a text", int: "an integer", bool: "true or false"}
_INT64 = range(-(2**63), 2**63)


class JsonObject:
    """A JSON object and where it stands, for the sentence that refuses it.

    Every method takes the name of a field and raises NetworkError where the field is missing or of another kind.
    """

    def __init__(self, document: object, where: str) -> None:
        self._where = where
        if not isinstance(document, dict):
            raise self.refusal(f"an object was expected, got {_short(document)}")
        if isinstance(document.get("name"), str):
            self._where = f"{where} {document['name']!r}"
        self._fields = document
        self._unread = set(document)

    def refusal(self, reason: str) -> NetworkError:
        """The exception that says what is wrong here; the reason is a clause."""
        return _FieldError(f"the JSON form of a network: {self._where}: {reason}.")

    def read(self, read: Callable[["JsonObject"], _Part]) -> _Part:
        """Make a part of a network of this object.

        Raises:
            NetworkError: a field is missing, unknown or wrong, or its values break a rule of the part.
        """
        try:
            part = read(self)
        except _FieldError:
            raise
        except HwgenError as error:
            raise self.refusal(str(error).removesuffix(".")) from error
        if self._unread:
            raise self.refusal(f"unknown field {min(self._unread)!r}")
        return part

    def text(self, name: str) -> str:
        return self._scalar(self._field(name), str, name)

    def integer(self, name: str) -> int:
        return self._scalar(self._field(name), int, name)

    def flag(self, name: str) -> bool:
        return self._scalar(self._field(name), bool, name)

    def texts(self, name: str) -> tuple[str, ...]:
        return tuple(self._scalar(entry, str, name) for entry in self._list(self._field(name), name))

    def integers(self, name: str) -> tuple[int, ...]:
        return tuple(self._scalar(entry, int, name) for entry in self._list(self._field(name), name))

    def pairs(self, name: str) -> tuple[tuple[int, int], ...]:
        rows = [self._list(row, name) for row in self._list(self._field(name), name)]
        if any(len(row) != 2 for row in rows):
            raise self.refusal(f"{name!r} should be a list of pairs, got {_short(rows)}")
        return tuple((self._scalar(one, int, name), self._scalar(two, int, name)) for one, two in rows)

    def array(self, name: str, axes: int = 1) -> IntArray:
        """A list of int64 codes, or a list of such lists of one length."""
        document = self._list(self._field(name), name)
        rows = [document] if axes == 1 else [self._list(row, name) for row in document]
        if len({len(row) for row in rows}) > 1:
            raise self.refusal(f"the rows of {name!r} should have one length")
        for row in rows:
            for code in row:
                if self._scalar(code, int, name) not in _INT64:
                    raise self.refusal(f"{name!r} should hold integers of 64 bits, got {_short(code)}")
        array = np.array(rows, dtype=np.int64)
        return array.reshape(-1) if axes == 1 else array

    def member(self, name: str, kind: type[_Member]) -> _Member:
        chosen = self.text(name)
        if chosen not in kind.__members__:
            raise self.refusal(f"{name!r} should be one of {', '.join(kind.__members__)}, got {chosen!r}")
        return kind[chosen]

    def part(self, name: str, read: Callable[["JsonObject"], _Part]) -> _Part:
        return JsonObject(self._field(name), f"{self._where}, {name}").read(read)

    def part_or_none(self, name: str, read: Callable[["JsonObject"], _Part]) -> _Part | None:
        """None where the field is null."""
        return None if self._field(name) is None else self.part(name, read)

    def parts(self, name: str, read: Callable[["JsonObject"], _Part]) -> tuple[_Part, ...]:
        entries = self._list(self._field(name), name)
        return tuple(JsonObject(entry, f"{name}[{at}]").read(read) for at, entry in enumerate(entries))

    def _field(self, name: str) -> object:
        if name not in self._fields:
            raise self.refusal(f"field {name!r} is missing")
        self._unread.discard(name)
        return self._fields[name]

    def _list(self, document: object, name: str) -> list[object]:
        if not isinstance(document, list):
            raise self.refusal(f"{name!r} should be a list, got {_short(document)}")
        return document

    def _scalar(self, document: object, kind: type[_Scalar], name: str) -> _Scalar:
        # Not isinstance: to Python, true is an integer.
        if type(document) is not kind:
            raise self.refusal(f"{name!r} should be {_KINDS[kind]}, got {_short(document)}")
        return document


class _FieldError(NetworkError):
    """Says already where it happened."""


def _short(document: object) -> str:
    shown = repr(document)
    return shown if len(shown) < 60 else f"{shown[:57]}..."
