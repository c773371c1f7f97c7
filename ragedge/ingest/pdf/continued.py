"""Follows a table over the end of its page: the rows there get the column heads that only its first page shows.

A table goes on where it is the last thing on a page, the first on the next, its columns stand in the same places and
no heads of its own stand over it there. What looks like heads is told by what heads looked like before.
"""

from __future__ import annotations

import itertools
import re
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from ragedge.ingest.pdf.rows import Cell, Row, Table
from ragedge.ingest.pdf.tables import Column, header_rows, place_cells, table_end

_NEAR = 5.0  # points by which a column may stand elsewhere on its next page
_OVER = 3.0  # points by which a cell may reach into the next column
_ALIGNED = 0.6  # of the cells stand where their column begins, ends or has its middle
_FILLED = 0.6  # of the columns, by the first row that goes on; any two words in a row fit somewhere
_FIGURES = 0.8  # of a column's cells that hold a digit: its head does not
_CAPTION_CHARS = 120
_DIGIT = re.compile(r"\d")
_CONTINUED = re.compile(
    r"\b(?:continue[sd]|cont['’.]?d|cont\.|fortsetzung|fortgesetzt|suite|continuación|segue)(?!\w)|続き|つづき|続く|次ページ",
    re.I,
)
_CONTINUED_CHARS = 140

_Style = tuple[bool, bool]


@dataclass(frozen=True, slots=True)
class OpenTable:
    """A table that ends its page, with what is needed to know its next part.

    Attributes:
        columns: Left and right end of each, in points.
        heads: Caption and column heads, line by line, as rows carry them.
        names: The last row of heads, cell by cell.
        head_style: Whether the heads are bold, and whether they are in capitals.
        body_style: The same for most of the rows.
        figures: For each column, the share of its cells that hold a digit.
    """

    columns: tuple[Column, ...]
    heads: str
    names: tuple[str, ...]
    head_style: _Style
    body_style: _Style
    figures: tuple[float, ...]


def opened(table: Table, lines: Sequence[str], caption: str) -> OpenTable | None:
    """Return what a table leaves open at the end of its page; None where it has no heads.

    Args:
        table: As it was read.
        lines: Its heads as they are written.
        caption: What stands above it; may be empty.
    """
    count = table.header_rows
    if not count or not table.columns or len(table.rows) <= count:
        return None
    body = table.rows[count:]
    styles = [_style(row, bold) for row, bold in zip(table.rows, table.bold, strict=True)]
    shares = []
    for at in range(len(table.columns)):
        cells = [row[at] for row in body if at < len(row) and row[at]]
        shares.append(sum(bool(_DIGIT.search(cell)) for cell in cells) / len(cells) if cells else 0.0)
    carried = "\n".join(part for part in (caption[:_CAPTION_CHARS], *lines) if part)
    return OpenTable(
        tuple(table.columns), carried, tuple(table.rows[count - 1]), styles[count - 1],
        statistics.mode(styles[count:]), tuple(shares),
    )  # fmt: skip


def goes_on(before: OpenTable, table: Table) -> bool:
    """Whether a table that begins a page is the rest of the one that ended the page before, without its heads."""
    if not _same_columns(before.columns, table.columns):
        return False
    if not table.header_rows:
        return True
    first = table.rows[0]
    if _words(first) == _words(before.names):
        return False
    if before.head_style != before.body_style and _style(first, table.bold[0]) == before.head_style:
        return False
    return not _unlike(before, first)


def rest(before: OpenTable, rows: Sequence[Row]) -> tuple[Table, int] | None:
    """Read the rest of a table from the first rows of a page, by the columns that it has.

    Few rows do not show their columns, and a single one is no table by itself.

    Returns:
        The table, and how many rows are in it; None where the page does not begin with such rows.
    """
    if not rows or rows[0].table is not None or len(rows[0].cells) < 2:
        return None
    for shift in dict.fromkeys((0.0, round(rows[0].cells[0].x - before.columns[0][0], 1))):
        columns = [(left + shift, right + shift) for left, right in before.columns]
        end = 0
        for row in rows[: table_end(rows, 0)]:
            if not _fits(row, columns):
                break
            end += 1
        while end and len(rows[end - 1].cells) == 1 and rows[end - 1].cells[0].x < columns[0][1]:
            end -= 1
        if not end or len(rows[0].cells) < _FILLED * len(columns):
            continue
        cells = [cell for row in rows[:end] for cell in row.cells]
        if sum(_aligned(cell, columns) for cell in cells) < _ALIGNED * len(cells):
            continue
        grid, bold = place_cells(rows[:end], columns)
        table = Table(grid, header_rows(grid, bold) if len(grid) > 1 else 0, columns, bold)
        if (
            _words(grid[0]) != _words(before.names)
            and goes_on(before, table)
            and not _unlike(before, grid[0])
        ):
            return table, end
    return None


def says_continued(text: str) -> bool:
    """Whether a line only says that a table goes on."""
    return len(text) <= _CONTINUED_CHARS and bool(_CONTINUED.search(text))


def _same_columns(before: Sequence[Column], after: Sequence[Column]) -> bool:
    if len(before) != len(after):
        return False
    # Left and right pages of a book have different margins.
    return any(
        all(_near(a, (b[0] - shift, b[1] - shift)) for a, b in zip(before, after, strict=True))
        for shift in (0.0, after[0][0] - before[0][0])
    )


def _near(one: Column, other: Column) -> bool:
    left, right = abs(one[0] - other[0]), abs(one[1] - other[1])
    return left < _NEAR or right < _NEAR or abs(sum(one) - sum(other)) / 2 < _NEAR


def _fits(row: Row, columns: Sequence[Column]) -> bool:
    """Whether each cell stands in a column of its own."""
    walls = [(a[1] + b[0]) / 2 for a, b in itertools.pairwise(columns)]
    taken = []
    for cell in row.cells:
        middle = (cell.x + cell.end) / 2
        at = sum(middle > wall for wall in walls)
        left = walls[at - 1] if at else columns[0][0] - _NEAR
        right = walls[at] if at < len(walls) else max(columns[-1][1], cell.end)
        if cell.x < left - _OVER or cell.end > right + _OVER:
            return False
        taken.append(at)
    return len(set(taken)) == len(taken)


def _aligned(cell: Cell, columns: Sequence[Column]) -> bool:
    if all(abs(a[1] - b[0]) < 1 for a, b in itertools.pairwise(columns)):
        return True  # rules say where columns are, not where their text begins
    return any(_near((cell.x, cell.end), column) for column in columns)


def _unlike(before: OpenTable, row: Sequence[str]) -> bool:
    """Whether a row has words where the table has figures."""
    return any(
        share >= _FIGURES and text and not _DIGIT.search(text)
        for share, text in zip(before.figures, row, strict=False)
    )


def _style(row: Sequence[str], bold: bool) -> _Style:
    text = "".join(row)
    return bold, text.isupper()


def _words(row: Sequence[str]) -> list[str]:
    return " ".join(row).casefold().split()
