"""Options of a layer or a quantizer, taken out one by one: what nobody took is not known to hwgen, and refused."""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from hwgen.errors import UnsupportedError

_LONGEST = 600  # characters of a reason


class Options:
    """The options of one thing that a file configures.

    Args:
        where: the thing, for messages.
        values: option to value; not changed.
    """

    def __init__(self, where: str, values: Mapping[str, Any]) -> None:
        self.where = where
        self._left = dict(values)

    def refuse(self, why: str) -> UnsupportedError:
        return UnsupportedError(f"{self.where}: {shortened(why)}")

    def take(self, key: str, default: Any = None) -> Any:
        return self._left.pop(key, default)

    def ignore(self, *keys: str) -> None:
        """Options that change nothing at inference."""
        for key in keys:
            self._left.pop(key, None)

    def required(self, key: str) -> None:
        """An option that the file must state: its default is not hwgen's to choose."""
        if key not in self._left:
            raise self.refuse(f"the file does not state {key}.")

    def flag(self, key: str, default: bool) -> bool:
        value = self.take(key, default)
        if not isinstance(value, (bool, int, float)) or value not in (0, 1):
            raise self.refuse(f"{key} must be true or false, got {value!r}.")
        return bool(value)

    def whole(self, key: str, low: int, high: int, default: int | None = None) -> int:
        """A whole number from low to high; without a default the file must state it."""
        if default is None:
            self.required(key)
        value = self.take(key, default)
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        if isinstance(value, bool) or not isinstance(value, int):
            raise self.refuse(f"{key} must be one whole number, got {value!r}.")
        if not low <= value <= high:
            raise self.refuse(f"{key}={value} is outside the {low} to {high} that hwgen computes exactly.")
        return value

    def number(self, key: str, default: float | None = None) -> float | None:
        """A number that float32 holds, or None."""
        value = self.take(key, default)
        if value is None:
            return None
        if isinstance(value, bool) or not is_number(value):
            raise self.refuse(f"{key} must be a number within float32, got {value!r}.")
        return float(value)

    def only(self, key: str, *allowed: Any) -> None:
        """An option of which only some values are supported; the first of them is its default."""
        value = self.take(key, allowed[0])
        if value not in allowed:
            raise self.refuse(f"option {key}={value!r} is not supported; only {allowed[0]!r} is.")

    def finish(self) -> None:
        """Refuse what is left; None says that an option is not used."""
        for key, value in self._left.items():
            if value is not None:
                raise self.refuse(f"option {key}={value!r} is not known to hwgen, so it cannot be honoured.")


def shortened(text: str) -> str:
    """What a file holds may be longer than anyone reads."""
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST // 2]}…{text[-_LONGEST // 2 :]}"


def is_number(value: Any) -> bool:
    """Whether a value is a number (or a truth value, which multiplies as one) that float32 holds."""
    if not isinstance(value, (int, float)):
        return False
    return math.isfinite(value) and abs(value) <= float(np.finfo(np.float32).max)
