"""Tables and figures on the terminal, the same look everywhere."""

from rich.console import Console
from rich.table import Table

console = Console(highlight=False, soft_wrap=True)
errors = Console(stderr=True, highlight=False)


def table(title: str, columns: dict[str, str]) -> Table:
    """An empty table.

    Args:
        columns: heading to "left" or "right".
    """
    result = Table(title=title, title_justify="left", title_style="bold", box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for heading, justify in columns.items():
        result.add_column(heading, justify="right" if justify == "right" else "left", no_wrap=True)
    return result


def shape_text(shape: tuple[int, ...]) -> str:
    """``(8, 8, 3)`` as ``8x8x3``."""
    return "x".join(str(size) for size in shape)


def percent(part: int, whole: int) -> str:
    """A share of a whole as a percentage."""
    return f"{part / whole:.1%}" if whole else "-"
