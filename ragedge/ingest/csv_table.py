"""Reads tables kept as text (CSV, TSV): delimiter, encoding and column heads are found in the content."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from ragedge.datatypes import Document
from ragedge.errors import SourceError
from ragedge.ingest import detect
from ragedge.ingest.clean import clean
from ragedge.ingest.delimited import find_delimiter, read_rows
from ragedge.ingest.options import no_options
from ragedge.ingest.page_builder import PageBuilder
from ragedge.ingest.table_text import SEPARATOR, names_columns, render_table
from ragedge.ingest.text_encoding import decode_text

_SAMPLE_CHARS = 65536
_HEAD_ROWS = 20  # a title and remarks may stand above the heads
# Longer heads would fill a chunk before its first row; then each row names its own columns.
_LONGEST_HEADS = 240


def create(options: Mapping[str, Any]) -> CsvLoader:
    """Build the loader; it has no options."""
    no_options("loader", "csv", options)
    return CsvLoader()


class CsvLoader:
    """Reads ``text/csv``; the whole file is one page without a number, and one table."""

    @property
    def media_types(self) -> Sequence[str]:
        """What it reads."""
        return (detect.CSV,)

    def load(self, data: bytes, source: str, /) -> Document:
        """Read a file's bytes.

        Raises:
            SourceError: no text is in it.
        """
        text = clean(decode_text(data))
        rows = [_stripped(row) for row in read_rows(text, find_delimiter(text[:_SAMPLE_CHARS]) or ",")]
        builder = PageBuilder()
        _add([row for row in rows if row], builder)
        if not len(builder):
            raise SourceError("no_text", f"{source} holds no text")
        return Document(source, detect.CSV, (builder.build(None),))


def _stripped(row: list[str]) -> list[str]:
    cells = [" ".join(cell.split()) for cell in row]
    while cells and not cells[-1]:
        cells.pop()
    return cells


def _add(rows: list[list[str]], builder: PageBuilder) -> None:
    """Add what stands above the table as paragraphs, then the table."""
    width = max(
        Counter(len(row) for row in rows).items(), key=lambda item: (item[1], item[0]), default=(0, 0)
    )[0]
    top = 0
    while top < min(len(rows), _HEAD_ROWS) and len(rows[top]) == 1 < width:
        builder.add("paragraph", rows[top][0])
        top += 1
    rows = rows[top:]
    if not rows:
        return
    if width == 1:
        for row in rows:
            builder.add("paragraph", " ".join(row))
    elif len(rows) < 2 or not names_columns(rows[0]):
        builder.add("table", render_table(rows))
    elif len(SEPARATOR.join(rows[0])) <= _LONGEST_HEADS:
        builder.add("table", render_table(rows), header_rows=1)
    else:
        builder.add("table", "\n".join(_named(rows[0], row) for row in rows[1:]))


def _named(heads: Sequence[str], row: Sequence[str]) -> str:
    """Write a row with the head of each cell before it."""
    named = [
        f"{heads[i]}: {cell}" if i < len(heads) and heads[i] else cell for i, cell in enumerate(row) if cell
    ]
    return SEPARATOR.join(named)
