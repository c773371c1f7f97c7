"""Writes tables as lines of text: one row a line, cells apart by `` | ``; finds and joins their heads."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

SEPARATOR = " | "
_NUMBER = re.compile(r"[-+±~≈<>≤≥]?\s*\d[\d.,\s/:%-]*$")
_MOST_SPAN = 200


@dataclass(slots=True)
class Cell:
    """A cell as it was read; ``columns`` and ``rows`` are how many of each it covers."""

    text: str
    columns: int = 1
    rows: int = 1


def expanded(rows: Sequence[Sequence[Cell]]) -> list[list[str]]:
    """Return rows in which every cell stands in its own column.

    A cell over several rows is repeated in each, so that every row says all that holds for it; of a cell over
    several columns the others stay empty.
    """
    grid: list[list[str]] = []
    hanging: dict[int, tuple[str, int]] = {}  # column -> text and rows that it goes on for
    for row in rows:
        line: list[str] = []
        waiting = list(row)
        while waiting or any(column >= len(line) for column in hanging):
            column = len(line)
            if column in hanging:
                text, left = hanging.pop(column)
                line.append(text)
                if left > 1:
                    hanging[column] = (text, left - 1)
                continue
            cell = waiting.pop(0) if waiting else Cell("")
            for offset in range(min(max(cell.columns, 1), _MOST_SPAN)):
                if offset and column + offset in hanging:
                    break
                text = "" if offset else cell.text
                line.append(text)
                if cell.rows > 1:
                    hanging[column + offset] = (text, cell.rows - 1)
        hanging = {column: kept for column, kept in hanging.items() if column < _MOST_SPAN}
        grid.append(line)
    return grid


def names_columns(row: Sequence[str]) -> bool:
    """Whether a first row reads as column heads: several words, none twice, no number."""
    heads = [cell.strip() for cell in row if cell.strip()]
    return len(heads) > 1 and len(set(heads)) == len(heads) and not any(_NUMBER.match(cell) for cell in heads)


def joined_heads(rows: Sequence[Sequence[str]]) -> list[str]:
    """Write head rows as one, column by column; a head over several columns is repeated in each."""
    width = max(map(len, rows))
    columns: list[list[str]] = [[] for _ in range(width)]
    for number, row in enumerate(rows):
        last = ""
        for at in range(width):
            text = row[at] if at < len(row) else ""
            last = text if text.strip() or number == len(rows) - 1 else last
            if last.strip() and last not in columns[at]:
                columns[at].append(last)
    return [" ".join(column) for column in columns]


def render_table(rows: Sequence[Sequence[str]]) -> str:
    """Write rows as lines.

    An empty cell stays as an empty place, so that the cells of a row still count off against the heads;
    empty cells at a row's end and rows without words are left out.
    """
    lines = []
    for row in rows:
        cells = [" ".join(cell.split()) for cell in row]
        while cells and not cells[-1]:
            cells.pop()
        if cells:
            lines.append(SEPARATOR.join(cell or "-" for cell in cells))
    return "\n".join(lines)
