"""Writes tables as lines of text: one row a line, cells apart by `` | ``."""

from __future__ import annotations

from collections.abc import Sequence

SEPARATOR = " | "


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
