"""Tables and figures on the terminal, the same look everywhere."""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.table import Table

# A pipe or a file has no width of its own: give whole lines.
_PIPED_WIDTH = 200

_known = sys.stdout.isatty() or "COLUMNS" in os.environ
console = Console(highlight=False, soft_wrap=True, width=None if _known else _PIPED_WIDTH)
errors = Console(stderr=True, highlight=False)


def table(title: str, columns: dict[str, str]) -> Table:
    """An empty table.

    Args:
        columns: heading to "left" or "right".
    """
    result = Table(
        title=title, title_justify="left", title_style="bold", box=None, pad_edge=False, padding=(0, 2, 0, 0)
    )
    for number, (heading, justify) in enumerate(columns.items()):
        in_one_piece = number == 0  # names
        result.add_column(
            heading, justify="right" if justify == "right" else "left", overflow="fold", no_wrap=in_one_piece
        )
    return result


def shape_text(shape: tuple[int, ...]) -> str:
    """``(8, 8, 3)`` as ``8x8x3``."""
    return "x".join(str(size) for size in shape)


def percent(part: int, whole: int) -> str:
    """A share of a whole as a percentage."""
    return f"{part / whole:.1%}" if whole else "-"


@contextmanager
def doing(what: str) -> Iterator[Callable[[str, int, int], None]]:
    """A spinner on standard error, and the function that tells it what is being done and how far it is."""
    with errors.status(what) as status:
        yield lambda step, done, total: status.update(f"{step} ({done} of {total})")
