"""Names out of a list, as text or as they are."""

from enum import Enum
from typing import TypeVar

from hwgen.errors import InputError

_Choice = TypeVar("_Choice", bound=Enum)


def choice(kind: type[_Choice], chosen: str | _Choice, what: str) -> _Choice:
    if isinstance(chosen, kind):
        return chosen
    try:
        return kind(chosen)
    except ValueError:
        known = " or ".join(repr(each.value) for each in kind)
        raise InputError(f"{what} {chosen!r} is unknown; it is {known}.") from None
