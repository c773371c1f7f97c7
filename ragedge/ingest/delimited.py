"""Finds the delimiter of a table that is kept as text, and tells such a table from prose."""

from __future__ import annotations

import csv
import itertools
from collections import Counter
from collections.abc import Iterator

# In the order in which a draw is decided: a comma is also a decimal point in half of the world.
DELIMITERS = ("\t", ";", "|", ",")
_SAMPLE_ROWS = 200
_FIELD_LIMIT = 1 << 20
_EVEN_SHARE = 0.8
_TABLE_ROWS = 4
_TABLE_COLUMNS = 3
_LONGEST_CELL = 120
_SENTENCE_END = (".", "!", "?", ",", ":", "。")


def read_rows(text: str, delimiter: str) -> Iterator[list[str]]:
    """Yield the rows of a table, quotes resolved; broken quoting ends a row early and nothing else."""
    csv.field_size_limit(_FIELD_LIMIT)
    lines = text.splitlines(keepends=True)
    reader = csv.reader(lines, delimiter=delimiter, skipinitialspace=True)
    while True:
        try:
            yield next(reader)
        except StopIteration:
            return
        except csv.Error:  # a field over the limit: a quote that never closes
            yield from (line.rstrip("\r\n").split(delimiter) for line in lines[reader.line_num :])
            return


def find_delimiter(text: str) -> str:
    """Return the delimiter that cuts most rows into one number of fields; empty where none cuts any.

    Args:
        text: The beginning of the file, or all of it.
    """
    best, best_score = "", 0.0
    for delimiter in DELIMITERS:
        widths = _widths(text, delimiter)
        if not widths:
            continue
        width, rows = max(Counter(widths).items(), key=lambda item: (item[1] * (item[0] > 1), item[0]))
        score = rows / len(widths)
        if width > 1 and score > best_score:
            best, best_score = delimiter, score
    return best


def is_tabular(text: str) -> bool:
    """Tell whether text is a table although its name does not say so: even rows of several short cells."""
    delimiter = find_delimiter(text)
    if not delimiter:
        return False
    rows = [row for row in itertools.islice(read_rows(text, delimiter), _SAMPLE_ROWS) if any(row)]
    widths = {len(row) for row in rows}
    if len(rows) < _TABLE_ROWS or len(widths) != 1 or next(iter(widths)) < _TABLE_COLUMNS:
        return False
    if sum(row[-1].rstrip().endswith(_SENTENCE_END) for row in rows) * 2 > len(rows):
        return False  # prose, whose sentences happen to have as many commas
    short = sum(len(cell) <= _LONGEST_CELL for row in rows for cell in row)
    return short >= _EVEN_SHARE * sum(map(len, rows))


def _widths(text: str, delimiter: str) -> list[int]:
    rows = itertools.islice(read_rows(text, delimiter), _SAMPLE_ROWS)
    return [len(row) for row in rows if any(cell.strip() for cell in row)]
