"""A comparison as text: Markdown, CSV, JSON."""

import csv
import io
import json
from enum import Enum
from typing import assert_never

from hwgen.compare.table import COLUMNS, Comparison, Row


class Format(Enum):
    """How a comparison is written."""

    TABLE = "table"  # for a terminal; the command line draws it
    MARKDOWN = "markdown"
    CSV = "csv"
    JSON = "json"


def rendered(found: Comparison, form: Format) -> str:
    """The text of a comparison, ending in a newline."""
    match form:
        case Format.MARKDOWN | Format.TABLE:
            return _markdown(found)
        case Format.CSV:
            return _csv(found)
        case Format.JSON:
            return _json(found)
        case _:
            assert_never(form)


def headings(found: Comparison) -> tuple[str, ...]:
    """Of the columns of a table for people."""
    return ("design", "stage", "by", *(COLUMNS[name] for name in found.columns))


def cells(found: Comparison, row: Row) -> tuple[str, ...]:
    """Of a row of a table for people: figures, their ratios and what they are of the part."""
    return (row.design, row.stage.value, row.by, *(_figure(found, row, name) for name in found.columns))


def _figure(found: Comparison, row: Row, name: str) -> str:
    if name not in row.figures:
        return ""
    value = row.figures[name]
    text = f"{value:,}" if isinstance(value, int) else f"{value:,.6g}"
    if name == "luts" and row.error is not None:
        text += f" ±{row.error:.0%}"
    ratio, used = found.ratio(row, name), found.used(row, name)
    if ratio is not None:
        text += f" (x{ratio:.2f})"
    return text if used is None else f"{text} {used:.1%}"


def _markdown(found: Comparison) -> str:
    lines = [
        f"| {' | '.join(headings(found))} |",
        "|" + "---|" * 3 + "---:|" * len(found.columns),
        *(f"| {' | '.join(cells(found, row))} |" for row in found.rows),
    ]
    lines += ["", *(f"- {line}" for line in footnotes(found))] if footnotes(found) else []
    return "\n".join(lines) + "\n"


def footnotes(found: Comparison) -> tuple[str, ...]:
    """What the table's marks mean, and its notes."""
    lines = []
    if found.baseline is not None:
        lines.append(f"x: ratio to {found.baseline} at the same stage")
    if any(row.error is not None for row in found.rows):
        lines.append("±: the worst error of estimated LUTs on networks that they were not fitted to (make calibrate)")
    if found.part is not None:
        lines.append(f"%: of what {found.part.name} has")
    return (*lines, *found.notes)


def _csv(found: Comparison) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    names = found.columns
    ratios = names if found.baseline is not None else ()
    writer.writerow(["design", "stage", "by", "peer", *names, *(f"{name}_ratio" for name in ratios)])
    for row in found.rows:
        figures = [row.figures.get(name, "") for name in names]
        found_ratios = (found.ratio(row, name) for name in ratios)
        writer.writerow(
            [row.design, row.stage.value, row.by, int(row.peer), *figures]
            + ["" if ratio is None else f"{ratio:.4f}" for ratio in found_ratios]
        )
    return text.getvalue()


def _json(found: Comparison) -> str:
    rows = []
    for row in found.rows:
        entry: dict[str, object] = {
            "design": row.design,
            "stage": row.stage.value,
            "by": row.by,
            "family": row.family or None,
            "peer": row.peer,
            "error": row.error,
            "figures": dict(row.figures),
        }
        ratios = {name: found.ratio(row, name) for name in found.columns}
        used = {name: found.used(row, name) for name in found.columns}
        entry["ratios"] = {name: ratio for name, ratio in ratios.items() if ratio is not None}
        entry["used"] = {name: share for name, share in used.items() if share is not None}
        rows.append(entry)
    document = {
        "baseline": found.baseline,
        "part": None if found.part is None else found.part.document(),
        "rows": rows,
        "notes": list(found.notes),
    }
    return json.dumps(document, indent=2) + "\n"
