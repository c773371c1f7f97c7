"""Reads tables by the rules drawn around their cells, and finds boxes drawn around text.

Rules say what the places of words cannot: that lines are one cell, that a cell reaches over several rows or
columns, where two columns stand close. A drawing may look like a grid; so what text makes of it decides.
"""

from __future__ import annotations

import bisect
import itertools
import statistics
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from ragedge.ingest.pdf.content import Run
from ragedge.ingest.pdf.lines import Line
from ragedge.ingest.pdf.rows import Cell, Row, Table, build_rows
from ragedge.ingest.pdf.tables import header_rows, place_rows

_NEAR = 3.0  # points within which lines meet
_MAX_CROSSINGS = 200_000  # pairs of lines looked at; a drawing with more is no table
_MAX_CELLS = 20_000
_LONG_CELL = 500  # characters; where several columns hold such cells, the rules are a page's layout
_SPANNED = 60  # characters of a cell over several rows that are said again in each


@dataclass(slots=True)
class _Grid:
    """Places of rules that meet, and which elementary cells no rule parts."""

    xs: list[float]
    ys: list[float]  # from the top down
    area_of: list[list[int]]  # row, column -> number of the merged cell
    runs: dict[int, list[Run]] = field(default_factory=lambda: defaultdict(list))
    also: dict[int, list[int]] = field(default_factory=lambda: defaultdict(list))  # areas read with another


def read_ruled(
    lines: Sequence[Line], runs: Sequence[Run], page_area: float
) -> tuple[list[Row], list[Run], list[tuple[float, float, float, float]]]:
    """Take tables out of a page.

    Args:
        lines: What the page draws.
        runs: Its upright text.
        page_area: In square points.

    Returns:
        A row for each table, the runs that stand in none, and the boxes (left, foot, right, top) around text.
    """
    tables: list[Row] = []
    boxes: list[tuple[float, float, float, float]] = []
    taken: set[int] = set()
    for level, upright in _components(lines):
        grid = _grid(level, upright)
        if grid is None:
            continue
        outline = (grid.xs[0], grid.ys[-1], grid.xs[-1], grid.ys[0])
        if len(grid.xs) == 2 and len(grid.ys) == 2:
            if (outline[2] - outline[0]) * (outline[3] - outline[1]) < 0.4 * page_area:
                boxes.append(outline)
            continue
        inside = [run for run in runs if id(run) not in taken and _holds(outline, run)]
        table = _table(grid, inside)
        if table is not None:
            text = " ".join(text for row in table.rows for text in row if text)
            size = statistics.median(run.size for run in inside)
            cell = Cell(text, outline[0], outline[2], size, False)
            tables.append(Row(max(run.y for run in inside), [cell], [cell], table))
            taken.update(
                id(run) for run in runs if _holds((outline[0], grid.ys[-1], outline[2], grid.ys[0]), run)
            )
    return tables, [run for run in runs if id(run) not in taken], boxes


def _holds(box: tuple[float, float, float, float], run: Run) -> bool:
    x, y = (run.x + run.end) / 2, run.y + 0.3 * run.size
    return box[0] - 1 < x < box[2] + 1 and box[1] - 1 < y < box[3] + 1


def _components(lines: Sequence[Line]) -> Iterable[tuple[list[Line], list[Line]]]:
    """Yield level and upright lines that hang together, pieces of one line joined."""
    level = _joined([line for line in lines if line.x1 - line.x0 > line.y1 - line.y0])
    flipped = [Line(y0, x0, y1, x1) for x0, y0, x1, y1 in lines if y1 - y0 >= x1 - x0]
    upright = [Line(x0, y0, x1, y1) for y0, x0, y1, x1 in _joined(flipped)]
    if not level or not upright or len(level) * len(upright) > _MAX_CROSSINGS:
        return
    leader = list(range(len(level) + len(upright)))

    def find(i: int) -> int:
        while leader[i] != i:
            leader[i] = leader[leader[i]]
            i = leader[i]
        return i

    for i, h in enumerate(level):
        for j, v in enumerate(upright):
            if h.x0 - _NEAR <= v.x0 <= h.x1 + _NEAR and v.y0 - _NEAR <= h.y0 <= v.y1 + _NEAR:
                leader[find(i)] = find(len(level) + j)
    parts: dict[int, tuple[list[Line], list[Line]]] = defaultdict(lambda: ([], []))
    for i in range(len(leader)):
        parts[find(i)][i >= len(level)].append((level + upright)[i])
    yield from (part for part in parts.values() if part[0] and part[1])


def _joined(lines: list[Line]) -> list[Line]:
    """Join pieces of level lines."""
    joined: list[Line] = []
    at: list[Line] = []
    for line in sorted(lines, key=lambda line: (-line.y0, line.x0)):
        at = [other for other in at if other.y0 - line.y0 <= 1.5]
        for i, other in enumerate(at):
            if line.x0 <= other.x1 + _NEAR and other.x0 <= line.x1 + _NEAR:
                joined.remove(other)
                line = Line(min(other.x0, line.x0), other.y0, max(other.x1, line.x1), other.y0)
                del at[i]
                break
        joined.append(line)
        at.append(line)
    return joined


def _clusters(values: Iterable[float]) -> list[float]:
    """Return values from the least up, those that are near each other as one."""
    found: list[float] = []
    for value in sorted(values):
        if not found or value - found[-1] > _NEAR:
            found.append(value)
    return found


def _grid(level: Sequence[Line], upright: Sequence[Line]) -> _Grid | None:
    """Lay a grid through lines; where an outer rule is missing, the others end where it would be."""
    left, right = min(line.x0 for line in level), max(line.x1 for line in level)
    foot, top = min(line.y0 for line in upright), max(line.y1 for line in upright)
    xs = _clusters([line.x0 for line in upright] + [left, right])
    ys = _clusters([line.y0 for line in level] + [foot, top])[::-1]
    rows, columns = len(ys) - 1, len(xs) - 1
    if rows < 1 or columns < 1 or rows * columns > _MAX_CELLS:
        return None
    leader = list(range(rows * columns))

    def find(i: int) -> int:
        while leader[i] != i:
            i = leader[i]
        return i

    walls: dict[int, list[Line]] = defaultdict(list)
    floors: dict[int, list[Line]] = defaultdict(list)
    for line in upright:
        walls[_nearest(xs, line.x0)].append(line)
    for line in level:
        floors[_nearest(ys[::-1], line.y0)].append(line)
    for row, column in itertools.product(range(rows), range(columns)):
        y, x = (ys[row] + ys[row + 1]) / 2, (xs[column] + xs[column + 1]) / 2
        if column + 1 < columns and not any(v.y0 <= y <= v.y1 for v in walls[column + 1]):
            leader[find(row * columns + column + 1)] = find(row * columns + column)
        if row + 1 < rows and not any(h.x0 <= x <= h.x1 for h in floors[rows - row - 1]):
            leader[find((row + 1) * columns + column)] = find(row * columns + column)
    return _Grid(xs, ys, [[find(row * columns + column) for column in range(columns)] for row in range(rows)])


def _nearest(values: Sequence[float], value: float) -> int:
    at = bisect.bisect_left(values, value)
    return min((i for i in (at - 1, at) if 0 <= i < len(values)), key=lambda i: abs(values[i] - value))


def _table(grid: _Grid, runs: Sequence[Run]) -> Table | None:
    """Read a grid's text; None where it is no table."""
    crossing = 0
    descending = grid.ys[::-1]
    for run in _parted(runs, grid.xs):
        row = len(grid.ys) - 1 - bisect.bisect(descending, run.y + 0.3 * run.size)
        row = min(max(row, 0), len(grid.area_of) - 1)
        inset = min(1.5, 0.25 * (run.end - run.x))
        first, last = (_column(grid, x) for x in (run.x + inset, run.end - inset))
        area = grid.area_of[row][first]
        crossing += area != grid.area_of[row][last] and run.end - grid.xs[last] > 3
        grid.runs[area].append(run)
    if len(grid.runs) < 4 or crossing > 0.15 * len(runs):
        return None
    read = {area: build_rows(inside) for area, inside in grid.runs.items()}
    long = {area for area, rows in read.items() if sum(len(row.text) for row in rows) > _LONG_CELL}
    areas = {area for row in grid.area_of for area in row}
    prose = {column for row in grid.area_of for column, area in enumerate(row) if area in long}
    if len(prose) > 1 or len(read) < 0.2 * len(areas):
        return None
    if sum(any(area in read for area in row) for row in grid.area_of) < 2 or not _has_columns(grid, read):
        return None
    _share_columns(grid)
    return _rows(grid, read) if len(grid.area_of) > 1 and len(grid.xs) > 2 else None


def _parted(runs: Sequence[Run], xs: Sequence[float]) -> Iterable[Run]:
    """Yield runs, those that a rule goes through parted at the space that stands there."""
    for run in runs:
        for x in xs:
            each = (run.end - run.x) / len(run.text)
            if not run.x + 2 < x < run.end - 2 or " " not in run.text:
                continue
            spaces = [i for i, char in enumerate(run.text) if char == " "]
            at = min(spaces, key=lambda i: abs(run.x + (i + 0.5) * each - x))
            if abs(run.x + (at + 0.5) * each - x) < 1.2 * run.size:
                yield replace(run, text=run.text[:at], end=min(run.x + at * each, x - 1))
                run = replace(run, text=run.text[at + 1 :], x=max(run.x + (at + 1) * each, x + 1))
        yield run


def _share_columns(grid: _Grid) -> None:
    """Leave out what is no part of a table's body: a form's head and foot, and rules that part those alone."""
    rows = grid.area_of
    count = len(rows[0])
    walls = [[row[i] != row[i + 1] for i in range(count - 1)] for row in rows]
    shared = [sum(column) >= 0.2 * len(rows) for column in zip(*walls, strict=True)]
    own_walls = [any(w and not s for w, s in zip(row, shared, strict=True)) for row in walls]
    first, last = 0, len(rows)
    # Cells that rules of their own part, or one cell over all columns, at the top; the latter at the foot.
    while first < last and (own_walls[first] or not any(walls[first])):
        first += 1
    while last > first and not any(walls[last - 1]):
        last -= 1
    kept = [0] + [i + 1 for i, is_shared in enumerate(shared) if is_shared]
    ends = [*kept[1:], count]
    areas = []
    for row in rows[first:last]:
        own = []
        for i, j in zip(kept, ends, strict=True):
            filled = [area for area in dict.fromkeys(row[i:j]) if area in grid.runs]
            own.append(filled[0] if filled else row[i])
            if len(filled) > 1:
                grid.also[filled[0]] = filled[1:]
        areas.append(own)
    grid.area_of, grid.ys = areas, grid.ys[first : last + 1]
    grid.xs = [grid.xs[i] for i in kept] + [grid.xs[-1]]


def _column(grid: _Grid, x: float) -> int:
    return min(max(bisect.bisect(grid.xs, x) - 1, 0), len(grid.xs) - 2)


def _has_columns(grid: _Grid, read: dict[int, list[Row]]) -> bool:
    """Whether at least two rows hold text in more than one cell."""
    return sum(len({area for area in row if area in read}) > 1 for row in grid.area_of) >= 2


def _rows(grid: _Grid, read: dict[int, list[Row]]) -> Table | None:
    texts: dict[int, str] = {}
    for area in read:
        shown = dict.fromkeys([area, *grid.also.get(area, ())])
        texts[area] = "\n".join(row.text for part in shown for row in read[part])
    placed: list[list[str]] = []
    wide: list[list[str]] = []  # the same, with a cell over several columns said in each
    bold: list[bool] = []
    seen: set[int] = set()
    columns = list(itertools.pairwise(grid.xs))
    bands = sum(any(area in read for area in areas) for areas in grid.area_of)
    heads = 0
    open_heads: set[int] = set()  # areas of heads that reach into rows below
    for areas in grid.area_of:
        own = [area for area in dict.fromkeys(areas) if area in read]
        if not own or all(area in seen for area in own):
            continue
        if several := _lines_of_rows(own, read, seen, bands):
            heads = heads or min(len(placed), 1)  # what upright rules alone part stands below the heads
            for texts_of_row in place_rows(several, columns):
                placed.append(texts_of_row)
                wide.append(texts_of_row)
                bold.append(False)
            seen.update(own)
            continue
        spans = len(own) > 1 and any(a == b and a in read for a, b in itertools.pairwise(areas))
        if len(placed) == heads < 3 and (spans or open_heads & set(own)):
            heads += 1
            open_heads.update(own)
        narrow, over = [""] * len(areas), [""] * len(areas)
        for at, area in enumerate(areas):
            if area not in texts or (area in seen and len(texts[area]) > _SPANNED):
                continue
            over[at] = texts[area]
            if at == 0 or areas[at - 1] != area:
                narrow[at] = texts[area]
        placed.append(narrow)
        wide.append(over)
        bold.append(all(cell.bold for area in own for line in read[area] for cell in line.cells))
        seen.update(own)
    if len(placed) < 2:
        return None
    if heads >= len(placed):
        heads = 1
    heads = heads or _heads(placed, bold)
    if heads > 1:  # heads of several rows as one: "Fitting" over "Capacity" is "Fitting Capacity"
        named = ["\n".join(dict.fromkeys(filter(None, column))) for column in zip(*wide[:heads], strict=True)]
        placed[:heads], bold[:heads], heads = [named], [all(bold[:heads])], 1
    return Table(placed, heads, columns, bold)


def _heads(rows: Sequence[Sequence[str]], bold: Sequence[bool]) -> int:
    """Count column heads where no cell over several columns or rows tells: the first row, if it may be one."""
    first = rows[0]
    full = all(first) and not any(text[0].isdigit() or len(text) > 40 for text in first)
    return 1 if full and len(rows) > 2 else min(header_rows(rows, bold), 1)


def _lines_of_rows(own: Sequence[int], read: dict[int, list[Row]], seen: set[int], bands: int) -> list[Row]:
    """Return the text rows of a band that holds several of the table's rows, between upright rules alone."""
    if len(own) < 2 or any(area in seen for area in own):
        return []
    first = [row.y for row in read[own[0]]]
    others = [row.y for area in own[1:] for row in read[area]]
    level = sum(any(abs(y - other) < 3 for other in others) for y in first)
    counts = [len(read[area]) for area in own]
    # Three cells that wrap into as many lines each are rarer than rows without a rule between them.
    alike = level == len(first) > 2 and len(own) > 2 and counts[0] == counts[1] == counts[2]
    # All that stands below the heads.
    alike = alike or (bands <= 2 and counts[0] == counts[1] == level > 1)
    if not alike and (bands > 4 or level < 3 or level < 0.85 * len(first)):
        return []
    merged: list[Row] = []
    for row in sorted((row for area in own for row in read[area]), key=lambda row: -row.y):
        if merged and abs(merged[-1].y - row.y) < 3:
            merged[-1].cells += row.cells
        else:
            merged.append(Row(row.y, list(row.cells)))
    for row in merged:
        row.cells.sort(key=lambda cell: cell.x)
        row.fine = row.cells
    return merged
