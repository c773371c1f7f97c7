"""Puts runs of text together into rows of cells, and rows into the order they are read in."""

from __future__ import annotations

import itertools
import re
import statistics
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from ragedge.ingest.pdf.content import Run

# In sizes of the font: nearer is one word, nearer than the second is one sentence, farther is another cell.
_WORD_GAP, _CELL_GAP = 0.16, 1.25
_SCAN_GAP, _FINE_GAP = 0.045, 0.62
_ROW_TOLERANCE = 0.45
_MARKER = re.compile(r"^(?:[-*•‣▪–—·○●◦]|\(?(?:\d{1,3}|[a-zA-Z]{1,2}|[ivx]{1,4})[.)]|[①-⑳])$")
_DOUBLED = re.compile(r"\b(?:([A-Za-z])\1){3,}")
_SPACED = re.compile(r"(?<!\S)\S(?: \S){4,}(?!\S)")
_LEADERS = re.compile(r"(?:\s*[.·…_‥](?:\s?[.·…_‥]){3,})\s*")
_MIN_COLUMN_ROWS = 5


@dataclass(slots=True)
class Cell:
    """Text without a wide gap in it, in points of the page."""

    text: str
    x: float
    end: float
    size: float
    bold: bool


@dataclass(slots=True)
class Table:
    """Rows of cells, whose lines are apart by newlines; the first ``header_rows`` are column heads.

    Attributes:
        columns: Left and right end of each column, in points.
        bold: For each row, whether all of it is.
    """

    rows: list[list[str]]
    header_rows: int
    columns: list[tuple[float, float]] = field(default_factory=list)
    bold: list[bool] = field(default_factory=list)


@dataclass(slots=True)
class Row:
    """Cells on one baseline, from left to right; or a whole ruled table as one cell."""

    y: float
    cells: list[Cell]
    fine: list[Cell] = field(default_factory=list)  # broken at every gap that is wider than between words
    table: Table | None = None
    box: int = 0  # number of the box drawn around it; 0 for none

    @property
    def text(self) -> str:
        """Everything on the row."""
        return " ".join(cell.text for cell in self.cells)

    @property
    def size(self) -> float:
        """Height of most of its text."""
        return max(self.cells, key=lambda cell: len(cell.text)).size


def build_rows(runs: Sequence[Run]) -> list[Row]:
    """Put runs of one direction into rows, from the top down.

    What is drawn twice in one place, for want of a bold font, is read once.
    """
    rows: list[list[Run]] = []
    for run in sorted(runs, key=lambda run: (-run.y, run.x)):
        # Superscripts and OCR jitter stand a little off the baseline; look back over the last rows.
        for row in rows[-1:-3:-1]:
            if abs(row[0].y - run.y) <= _ROW_TOLERANCE * max(min(run.size, row[0].size), 4.0):
                row.append(run)
                break
        else:
            rows.append([run])
    built = []
    for row in _with_raised(rows):
        row.sort(key=lambda run: run.x)
        cells = _join_markers(_cells(row, _CELL_GAP))
        if cells:
            built.append(
                Row(row[0].y, cells, _join_markers(_cells(row, _FINE_GAP)) if len(row) > 1 else cells)
            )
    return built


def _with_raised(rows: list[list[Run]]) -> list[list[Run]]:
    """Set raised and lowered figures ("m" and a small "2") into the row of what they stand beside."""
    kept: list[list[Run]] = []
    for index, row in enumerate(rows):
        left = []
        for run in row:
            found = None
            if len(run.text) <= 3:
                for other in (rows[i] for i in (index + 1, index - 1, index + 2) if 0 <= i < len(rows)):
                    found = next(
                        (
                            other
                            for big in other
                            if run.size < 0.85 * big.size
                            and abs(big.y - run.y) < 0.6 * big.size
                            and -0.1 * big.size < run.x - big.end < 0.2 * big.size
                        ),
                        None,
                    )
                    if found:
                        break
            if found:
                found.append(run)
            else:
                left.append(run)
        row[:] = left
        kept.append(row)
    return [row for row in kept if row]


def _cells(runs: Sequence[Run], cell_gap: float) -> list[Cell]:
    cells: list[Cell] = []
    last: Run | None = None
    light = 0  # characters of the open cell that are not bold
    for run in runs:
        drawn_again = 0.6 * min(
            0.4 * run.size, run.end - run.x
        )  # the second "l" of "full" stands hardly farther
        if last is not None and run.text == last.text and abs(run.x - last.x) < drawn_again:
            continue
        cell = cells[-1] if cells else None
        gap = run.x - cell.end if cell else 0.0
        size = max(run.size, cell.size) if cell else run.size
        last = run
        # Typewriters set two spaces after a sentence.
        wide = cell_gap * size * (1.35 if cell and cell.text.endswith((".", ":", "?")) else 1.0)
        if cell is None or gap > wide or gap < -0.9 * max(cell.end - cell.x, size):
            cells.append(Cell(run.text, run.x, run.end, run.size, run.bold))
            light = 0 if run.bold else len(run.text)
            continue
        # Text laid over a scan has words as runs whose widths are guesses: there less is a space, too.
        words = (
            len(run.text) > 1 and cell.text[-2:].isalnum() and len(cell.text) > 1 and run.text[:2].isalnum()
        )
        resized = words and abs(run.size - cell.size) > 0.1 * size
        apart = gap > (_SCAN_GAP if words else _WORD_GAP) * size or (resized and gap > -0.1 * size)
        cell.text += f" {run.text}" if apart and not cell.text.endswith(" ") else run.text
        cell.end = max(cell.end, run.end)
        light += 0 if run.bold else len(run.text)
        if len(run.text) * 2 > len(cell.text):
            cell.size = run.size
        cell.bold = light * 4 < len(cell.text)  # one bold word before a sentence is no heading
    for cell in cells:
        cell.text = _tidy(cell.text)
    return [cell for cell in cells if cell.text]


def _tidy(text: str) -> str:
    """Mend letters that were set apart or drawn twice; shorten leaders of dots."""
    if "..." in text or ". ." in text or "___" in text or "…" in text or "··" in text:
        text = _LEADERS.sub(" … ", text)
    if _SPACED.search(text):
        text = _SPACED.sub(lambda found: found[0].replace(" ", ""), text)
    if _DOUBLED.search(text):
        text = re.sub(r"\b(?:(\w)\1){3,}\b", lambda found: found[0][::2], text)
    return " ".join(text.split())


def _join_markers(cells: list[Cell]) -> list[Cell]:
    """Set the number or bullet of a step before its words."""
    joined: list[Cell] = []
    for cell in cells:
        before = joined[-1] if joined else None
        if (
            before
            and _MARKER.match(before.text)
            and cell.x - before.end < 5 * cell.size
            and not _MARKER.match(cell.text)
        ):
            joined[-1] = replace(cell, text=f"{before.text} {cell.text}", x=before.x)
        else:
            joined.append(cell)
    return joined


def reading_order(rows: list[Row], depth: int = 0) -> list[list[Row]]:
    """Break rows into regions in reading order: columns of prose one after the other, the rest as it stands."""
    if depth > 3 or len(rows) < _MIN_COLUMN_ROWS:
        return [rows] if rows else []
    for gutter in _gutters(rows):
        bands = _bands(rows, gutter)
        if any(columns for _, columns in bands):
            break
    else:
        return [rows]
    regions: list[list[Row]] = []
    for band, columns in bands:
        for part in _halves(band, gutter) if columns else [band]:
            regions += reading_order(part, depth + 1)
    return regions


def _bands(rows: Sequence[Row], gutter: float) -> list[tuple[list[Row], bool]]:
    """Break rows where one writes over the gutter; tell which bands are columns of prose, join the others."""
    bands: list[tuple[list[Row], bool]] = []
    for crosses, group in itertools.groupby(
        rows, key=lambda row: any(cell.x < gutter < cell.end for cell in row.cells)
    ):
        band = list(group)
        columns = not crosses and _is_columns(band, gutter)
        if bands and not columns and not bands[-1][1]:
            bands[-1][0].extend(band)
        else:
            bands.append((band, columns))
    return bands


def _halves(rows: Sequence[Row], gutter: float) -> list[list[Row]]:
    """Return what stands left of the gutter, then what stands right of it."""
    return [
        [
            replace(row, cells=cells, fine=[c for c in row.fine if (c.x < gutter) == left])
            for row in rows
            if (cells := [c for c in row.cells if (c.x < gutter) == left])
        ]
        for left in (True, False)
    ]


def _gutters(rows: Sequence[Row]) -> list[float]:
    """Return places that may lie between two columns: the gap that most rows share, then left edges.

    Lines of two columns need not stand on the same height; then no row shows the gap between them.
    """
    found = [gap] if (gap := _shared_gap(rows)) is not None else []
    left, right = min(row.cells[0].x for row in rows), max(row.cells[-1].end for row in rows)
    edges = Counter(
        round(cell.x / 2)
        for row in rows
        for cell in row.cells
        if 0.35 < (cell.x - left) / max(right - left, 1.0) < 0.65
    )
    found += [edge * 2 - 3.0 for edge, count in edges.most_common(2) if count >= _MIN_COLUMN_ROWS]
    return found


def _shared_gap(rows: Sequence[Row]) -> float | None:
    """Find the place between cells that most rows share."""
    edges: list[tuple[float, int]] = []
    for row in rows:
        for a, b in zip(row.cells, row.cells[1:], strict=False):
            if b.x > a.end:
                edges += [(a.end, 1), (b.x, -1)]
    best = depth = 0
    place = None
    edges.sort()
    for (x, step), (after, _) in itertools.pairwise(edges):
        depth += step
        if depth > best and after > x:
            best, place = depth, (x + after) / 2
    return place if best >= _MIN_COLUMN_ROWS else None


def _is_columns(rows: Sequence[Row], gutter: float) -> bool:
    """Whether rows are two columns of prose: alike in width, long lines, both sides filled."""
    left = [[c for c in row.cells if c.x < gutter] for row in rows]
    right = [[c for c in row.cells if c.x >= gutter] for row in rows]
    both = sum(bool(a and b) for a, b in zip(left, right, strict=True))
    # In a table some cell of each row stands beside its neighbours; lines of prose keep to their own heights.
    apart = min(sum(map(bool, left)), sum(map(bool, right))) - both >= 0.2 * len(rows)
    if len(rows) < _MIN_COLUMN_ROWS or not (apart or both >= max(_MIN_COLUMN_ROWS, 0.45 * len(rows))):
        return False
    split = [sum(len(cells) > 1 for cells in side) > 0.34 * sum(map(bool, side)) for side in (left, right)]
    # A long table may stand beside prose; a short one, or one with fewer rows, has its last column there.
    fewest, most = sorted(sum(map(bool, side)) for side in (left, right))
    if all(split) or (any(split) and not (apart and fewest >= max(12, 0.65 * most))):
        return False
    for side in (left, right):
        lines = [cells for cells in side if cells]
        words = statistics.mean(len(" ".join(c.text for c in cells)) for cells in lines)
        cjk = any("\u3040" <= char <= "\u9fff" for cells in lines[:5] for char in cells[0].text)
        if words < (10 if cjk else 20):
            return False
    widths = [max(c[-1].end for c in side if c) - min(c[0].x for c in side if c) for side in (left, right)]
    return 0.6 < widths[0] / max(widths[1], 1.0) < 1.7
