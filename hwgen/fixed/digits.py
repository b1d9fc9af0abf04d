"""Canonical signed digits: an integer as the fewest signed powers of two, no two of them neighbours."""


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
