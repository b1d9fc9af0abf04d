"""Canonical signed digits: an integer as the fewest signed powers of two, no two of them neighbours; and the others."""

from collections.abc import Iterator
from functools import cache


def signed_digits(number: int) -> tuple[tuple[int, int], ...]:
    """Return (sign, exponent) pairs, exponents ascending, with ``sum(sign << exponent) == number``.

    Source: Reitwiesner, "Binary arithmetic", Advances in Computers 1, 1960: the form is unique and has the fewest
    non-zero digits of all signed binary forms.
    """
    digits: list[tuple[int, int]] = []
    exponent = 0
    while number:
        if number & 1:
            sign = 2 - (number & 3)  # 1 where the number ends in 01, -1 where it ends in 11
            digits.append((sign, exponent))
            number -= sign
        number >>= 1
        exponent += 1
    return tuple(digits)


@cache
def minimal_forms(number: int) -> tuple[tuple[tuple[int, int], ...], ...]:
    """Every signed binary form of a number with as few non-zero digits as the canonical one, which comes first."""
    canonical = signed_digits(number)
    found = [form for form in _forms(number, len(canonical), 0) if form != canonical]
    return (canonical, *found[: MOST_FORMS - 1])


MOST_FORMS = 16


def _forms(number: int, digits: int, exponent: int) -> Iterator[tuple[tuple[int, int], ...]]:
    if number == 0:
        if digits == 0:
            yield ()
        return
    while number & 1 == 0:
        number >>= 1
        exponent += 1
    if len(signed_digits(number)) > digits:
        return
    for sign in (1, -1):
        for rest in _forms((number - sign) >> 1, digits - 1, exponent + 1):
            yield ((sign, exponent), *rest)
