"""How commands print a comparison."""

from typing import Annotated

import typer

from hwgen.cli.tables import console, table
from hwgen.compare import Comparison, Format, cells, footnotes, headings, rendered
from hwgen.errors import InputError

FormatText = Annotated[str, typer.Option("--format", metavar="FORMAT", help="table, markdown, csv or json.")]


def chosen_format(form: str) -> Format:
    """The format of that name.

    Raises:
        InputError: there is none.
    """
    try:
        return Format(form)
    except ValueError:
        known = ", ".join(each.value for each in Format)
        raise InputError(f"format {form!r} is unknown; it is one of {known}.") from None


def print_comparison(found: Comparison, form: Format, title: str) -> None:
    """To standard output; the title belongs to a table only."""
    if form is not Format.TABLE:
        typer.echo(rendered(found, form), nl=False)
        return
    columns = headings(found)
    rows = table(title, {heading: "left" if at < 3 else "right" for at, heading in enumerate(columns)})
    for row in found.rows:
        rows.add_row(*cells(found, row))
    console.print(rows)
    for line in footnotes(found):
        console.print(line, markup=False)
