"""Finds tables by the columns that rows share, and puts cells of several lines back together.

Half of the manuals' tables have no rules around their cells; those that have them are read by ``ruled``.
"""

from __future__ import annotations

import itertools
import re
import statistics
from collections.abc import Sequence

from ragedge.ingest.pdf.rows import Cell, Row, Table

Column = tuple[float, float]  # left and right end, in points

_DIGITS = re.compile(r"\d")
_OPEN = re.compile(r"\b(?:and|or|of|with|for|to|und|oder|mit|von)$")
_STEP = re.compile(r"^\(?(?:\d{1,3}|[a-z])[.)]\s")


def split_tables(rows: Sequence[Row]) -> list[Row | Table]:
    """Replace runs of rows that share columns by tables."""
    parts: list[Row | Table] = []
    at = 0
    while at < len(rows):
        if (ruled := rows[at].table) is not None:
            parts.append(ruled)
            at += 1
            continue
        end = table_end(rows, at) if len(rows[at].cells) > 1 else at
        table = _table(rows[at:end]) if end - at >= 2 else None
        if table is None:
            parts.append(rows[at])
            at += 1
        else:
            parts.append(table)
            at = end
    return parts


def table_end(rows: Sequence[Row], start: int) -> int:
    """Return one past the last row that may belong to a table beginning at ``start``."""
    end, single = start + 1, 0
    left = min(cell.x for cell in rows[start].cells)
    right = max(cell.end for cell in rows[start].cells)
    for at in range(start + 1, len(rows)):
        row, before = rows[at], rows[at - 1]
        if row.table is not None or before.y - row.y > 4.5 * max(row.size, 6.0):
            break
        if len(row.cells) > 1:
            left, right = min(left, row.cells[0].x), max(right, row.cells[-1].end)
            end, single = at + 1, 0
            continue
        cell = row.cells[0]
        single += 1
        hangs = cell.x > left + 2 * cell.size and before.y - row.y < 1.45 * cell.size
        hangs = hangs and any(abs(cell.x - c.x) < 0.4 * cell.size for r in rows[start:at] for c in r.fine)
        wide = cell.end - cell.x > 0.62 * (right - left) and not hangs
        step = _STEP.match(cell.text) and not _STEP.match(rows[start].cells[0].text)
        if single > 4 or wide or step or before.y - row.y > 2.2 * max(row.size, before.size, 6.0):
            break
        if at + 1 == len(rows) or len(rows[at + 1].cells) > 1 or cell.x > left + 2 * cell.size:
            end = at + 1
    return end


def _table(rows: Sequence[Row]) -> Table | None:
    many = [row for row in rows if len(row.cells) > 1]
    if len(many) < 2:
        return None
    # Columns may stand closer than sentences do; with enough rows, gaps that line up are no accident.
    fine = len(many) >= 4
    columns = _columns(
        [row.fine if fine else row.cells for row in many], statistics.median(r.size for r in many)
    )
    if len(columns) < 2 or (len(columns) == 2 and len(many) < 3):
        return None
    grid, bold = _grid(rows, columns, fine=fine)
    if len(grid) < 2:
        return None
    return Table(grid, header_rows(grid, bold), columns, bold)


def join_unfinished(table: Table) -> tuple[list[list[str]], int]:
    """Join rows that go on with what the row before left open: "Carrier," above "with winch" beside no key.

    Returns:
        The rows, and how many of them are column heads.
    """
    rows: list[list[str]] = []
    for index, row in enumerate(table.rows):
        filled = [i for i, text in enumerate(row) if text]
        before = rows[-1] if rows else []
        if index > table.header_rows and filled and filled[0] > 0 and any(before):
            first = filled[0]
            end, start = before[first].rstrip() if len(before) > first else "", row[first]
            alone = [i for i in filled if i < len(before) and before[i]] == [first]
            open_end = end.endswith((",", "-", "–", "(")) or _OPEN.search(end)
            if end and (open_end or (alone and (end.endswith(":") or start[0].islower() or start[0] == "("))):
                rows[-1] = [_joined(before[i] if i < len(before) else "", text) for i, text in enumerate(row)]
                continue
        rows.append(list(row))
    return rows, table.header_rows


def place_cells(rows: Sequence[Row], columns: Sequence[Column]) -> tuple[list[list[str]], list[bool]]:
    """Return rows as cells of known columns, and whether all of each is bold."""
    return _grid(rows, columns, fine=False)


def place_rows(rows: Sequence[Row], columns: Sequence[Column]) -> list[list[str]]:
    """Return rows as cells of known columns, lines that go on with the row before joined to it."""
    return _grid(rows, columns, fine=False)[0]


def _grid(
    rows: Sequence[Row], columns: Sequence[Column], *, fine: bool
) -> tuple[list[list[str]], list[bool]]:
    """Return the cells of each row, and whether all of the row is bold."""
    many = [row for row in rows if len(row.cells) > 1]
    size = statistics.median(row.size for row in rows)
    grid: list[list[str]] = []
    bold: list[bool] = []
    last_y = rows[0].y
    pitch = _row_pitch(rows, columns)
    numbered = sum(bool(_STEP.match(row.text)) for row in many) >= max(2, 0.5 * len(many))
    for row in rows:
        texts = _placed(row.fine if fine else row.cells, columns)
        gap = last_y - row.y
        last_y = row.y
        filled = [i for i, text in enumerate(texts) if text]
        goes_on = bool(grid) and gap < 1.45 * size and not texts[0] and any(grid[-1])
        # In a numbered table, a row without a number belongs to the one before.
        unnumbered = bool(grid) and numbered and gap < 1.45 * size and not _STEP.match(texts[0] + " ")
        unnumbered = unnumbered and bool(_STEP.match(grid[-1][0]))
        sparse = len(filled) <= max(len(columns) // 2, 1) or (
            bool(grid) and not all(grid[-1][i] for i in filled)
        )
        goes_on = unnumbered or (goes_on and sparse)
        # Lines closer than rows are: a cell's second line, in all columns or in the first alone.
        if grid and gap < 0.88 * pitch and (not texts[0] or len(filled) == 1):
            goes_on = True
        if goes_on:
            for i in filled:
                grid[-1][i] = _joined(grid[-1][i], texts[i])
        else:
            grid.append(texts)
            bold.append(all(cell.bold for cell in row.cells))
    return grid, bold


def _row_pitch(rows: Sequence[Row], columns: Sequence[Column]) -> float:
    """Return the usual distance above a row that fills its first column and others; 0 where rows are few."""
    edge = columns[0][1]
    gaps = [
        above.y - row.y
        for above, row in itertools.pairwise(rows)
        if row.cells[0].x < edge and len(row.cells) * 2 > len(columns)
    ]
    return statistics.median(gaps) if len(gaps) >= 3 else 0.0


def _joined(before: str, after: str) -> str:
    return f"{before}\n{after}" if before and after else before or after


def _columns(rows: Sequence[Sequence[Cell]], size: float) -> list[Column]:
    """Return the columns' extents: the stretches between places that hardly a row writes over."""
    edges: list[tuple[float, int]] = []
    for cells in rows:
        for cell in cells:
            edges += [(cell.x, 1), (cell.end, -1)]
    edges.sort()
    allowed = len(rows) // 6  # a head over several columns, a stray line
    columns: list[Column] = []
    depth, start = 0, None
    for x, step in edges:
        was, depth = depth, depth + step
        if was <= allowed < depth and start is None:
            start = x
        elif depth <= allowed < was and start is not None:
            if columns and start - columns[-1][1] < 0.55 * size:
                columns[-1] = (columns[-1][0], x)
            else:
                columns.append((start, x))
            start = None
    return columns


def _placed(cells: Sequence[Cell], columns: Sequence[Column]) -> list[str]:
    texts = [""] * len(columns)
    for cell in cells:
        overlaps = [min(cell.end, right) - max(cell.x, left) for left, right in columns]
        # A cell over several columns stands in the first that it fills.
        best = max(
            range(len(columns)), key=lambda i: (round(min(overlaps[i], columns[i][1] - columns[i][0])), -i)
        )
        texts[best] = f"{texts[best]} {cell.text}".strip()
    return texts


def _figures_follow(grid: Sequence[Sequence[str]]) -> bool:
    """Whether the second row holds a cell of figures, so that the first, which has none, names columns."""
    return len(grid) > 1 and any(_DIGITS.search(text) for text in grid[1][1:])


def header_rows(grid: Sequence[Sequence[str]], bold: Sequence[bool]) -> int:
    """Count leading rows that are column heads: without figures, in capitals or bold where the rest is not."""
    count = 0
    for texts, is_bold in zip(grid[:4], bold, strict=False):
        words = [text for text in texts if text]
        figures = any(text[0].isdigit() or sum(c.isdigit() for c in text) * 3 > len(text) for text in words)
        if figures or not words or max(map(len, words)) > 60:
            break
        letters = "".join(words)
        stands_out = letters.upper() == letters or (is_bold and not all(bold))
        # Heads that do not stand out must fill the row; so do their second lines.
        if not stands_out and len(words) < len(texts):
            break
        if not stands_out and not count and not _figures_follow(grid):
            break
        count += 1
    return count if count < len(grid) else (1 if len(grid) > 1 else 0)
