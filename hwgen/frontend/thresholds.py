"""``Threshold``: where a level of a step function begins."""

from dataclasses import dataclass

from hwgen.frontend.points import Point


@dataclass(frozen=True, slots=True)
class Threshold:
    """Where the next level begins: at ``at`` itself, or just above it where ``strict``."""

    at: Point
    strict: bool
