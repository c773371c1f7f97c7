"""Turns a page's rows, in reading order, into typed blocks of joined text."""

from __future__ import annotations

import itertools
import re
import statistics
from collections.abc import Sequence

from ragedge.datatypes import BlockKind, Page
from ragedge.ingest.page_builder import PageBuilder
from ragedge.ingest.pdf.continued import OpenTable, goes_on, opened, rest, says_continued
from ragedge.ingest.pdf.headings import HeadingRules, run_in_heading
from ragedge.ingest.pdf.joining import LineJoiner
from ragedge.ingest.pdf.rows import Row, Table
from ragedge.ingest.pdf.tables import join_unfinished, split_tables
from ragedge.ingest.safety import is_bare_notice_word, notice_kind
from ragedge.ingest.table_text import render_table

_ITEM = re.compile(
    r"^(?:[-*•‣▪–—·○●◦☐■□]\s*\S|\(?(?:\d{1,3}|[a-zA-Z]|[ivx]{1,4})[.)]\s+\S|\((?:\d{1,3}|[a-z])\)\s*\S|[①-⑳])"
)
_PARAGRAPH = re.compile(r"^\d{1,2}(?:\.[A-Z])?-\d{1,2}\. [A-Z]")  # "3-6. Measure" begins a line of its own
_LABELLED = re.compile(r"^[A-Z][A-Z ]{2,30}\s?:\s")  # "TOOLS: none" begins a line of its own
_CALL_OUT = re.compile(
    r"^(?:[\W_]*(?:\d{1,3}|[A-Z])\b[\W_]*){1,6}$|^[\W_]+$"
)  # numbers that point into a picture
_CAPTION = re.compile(
    r"^(?:fig(?:ure|\.)?|picture|photo|illustration|diagram|table|tab\.|abb(?:ildung|\.)?|tabelle|bild|図|表)"
    r"\s*[\dA-Z][\d.\-–]*\b",
    re.I,
)
_PLATE = re.compile(r"^[A-Z]{1,3}[ -]?\d{4,}[A-Z]?$")  # the number of a drawing
_LEGEND = re.compile(r"^\d{1,3}\. (?=[^a-z]*$)[A-Z]{2}")  # "24. FUSE WIRE ASSEMBLY" beside a figure
_REFERRED = re.compile(r"^(?:\(\d{1,3}\)[\s.,;]*)+$")  # "(2)." ends a sentence of the line before
_INITIAL = re.compile(r"^(?:[A-Z]|\d{1,3})\.\s")
_LED = re.compile(r"… (?:[A-Z\d]{1,3}[-–.])?(?:\d{1,4}|[ivxl]{1,6})$")  # an entry of a table of contents
_LEADS_ON = re.compile(r"\b(?:in|of|to|see|and|or|from|with|by|per|under|siehe|nach|und|oder|von|mit|im|zu)$")
_END = (".", "!", "?", ":", ";", "。", "！", "？", "…")


def _is_legend(text: str, before: Row | None, after: Row | None) -> bool:
    """Whether a numbered line in capitals names a part of a figure: it stands among its like, or above a caption."""
    if after is None or _CAPTION.match(after.text):
        return "–" in text or "-" in text or (before is not None and bool(_LEGEND.match(before.text)))
    return bool(_LEGEND.match(after.text)) or (before is not None and bool(_LEGEND.match(before.text)))


def open_notice(page: Page) -> BlockKind | None:
    """Return the kind of the notice that a page ends with the signal word of; None if it does not."""
    last = page.blocks[-1] if page.blocks else None
    return last.kind if last and is_bare_notice_word(page.text[last.start : last.end]) else None


class PageWriter:
    """Writes one page's blocks.

    Args:
        page: Index of the page.
        rules: What headings look like in this document.
        joiner: Joins lines.
        notice: Kind of the notice whose signal word ended the page before.
        table: The table that ended the page before.

    Attributes:
        open_table: The table that ends this page, once all of it is written.
    """

    def __init__(
        self,
        page: int,
        rules: HeadingRules,
        joiner: LineJoiner,
        notice: BlockKind | None = None,
        table: OpenTable | None = None,
    ) -> None:
        self._notice = notice
        self.open_table: OpenTable | None = None
        self._before = table  # until something else is written
        self._caption = ""
        self.builder = PageBuilder()
        self._page, self._rules, self._joiner = page, rules, joiner
        self._kind: BlockKind = "paragraph"
        self._lines: list[str] = []
        self._heading = (0, 0.0)  # depth and size of the heading that is open
        self._last: Row | None = None
        self._step = 0.0
        self._item_x = 0.0  # where the open list's items begin

    def write(self, rows: Sequence[Row]) -> None:
        """Write one region: a column, or the page."""
        gaps = [a.y - b.y for a, b in itertools.pairwise(rows) if 0 < a.y - b.y < 2.4 * max(b.size, 5)]
        self._step = statistics.median_low(gaps) if gaps else 1.3 * self._rules.body_size
        left = min((row.cells[0].x for row in rows), default=0.0)
        right = max((row.cells[-1].end for row in rows), default=0.0)
        self._last = None
        if self._before and not self._lines and (found := rest(self._before, rows)):
            table, count = found
            self._table(table)
            rows = rows[count:]
        parts = split_tables(rows)
        for index, part in enumerate(parts):
            if isinstance(part, Table):
                self.flush()
                self._table(part)
                self._last = None
                continue
            after = parts[index + 1] if index + 1 < len(parts) else None
            self._row(part, left, right, after if isinstance(after, Row) else None)
            self._last = part
        if self._kind != "paragraph" or not self._runs_on():
            self.flush()

    def _table(self, table: Table) -> None:
        before, self._before = self._before, None
        rows, heads = join_unfinished(table)
        cells = [[self._joined(text) for text in row] for row in rows]
        if before and goes_on(before, table):
            self.builder.add("table", render_table(cells), heads=before.heads)
            self.open_table = before
        else:
            self.builder.add("table", render_table(cells), header_rows=heads)
            self.open_table = opened(table, render_table(cells[:heads]).split("\n"), self._caption)
        self._caption = ""

    def _joined(self, text: str) -> str:
        """Join the lines of a cell; leaders at its end lead to the next."""
        whole = ""
        for line in text.split("\n"):
            whole = self._joiner.join(whole, line) if line else whole
        return whole.removesuffix(" …")

    def flush(self) -> None:
        """End the block that is open."""
        if self._lines:
            text = "\n".join(self._lines)
            if not says_continued(text):
                self._before = self.open_table = None
            self._caption = " ".join(self._lines) if self._kind == "caption" else ""
            self.builder.add(self._kind, text, level=self._heading[0])
        self._kind, self._lines, self._heading = "paragraph", [], (0, 0.0)

    def _runs_on(self) -> bool:
        """Whether the open paragraph goes on in the next column."""
        return bool(self._lines) and not self._lines[-1].endswith(_END) and len(self._lines[-1]) > 60

    def _row(self, row: Row, left: float, right: float, after: Row | None) -> None:
        text = row.text
        gap = self._last.y - row.y if self._last else 0.0
        apart = self._last is None or gap > 1.3 * self._step + 0.5 or row.box != self._last.box
        outdented = self._kind == "list" and row.cells[0].x < self._item_x - 0.8 * row.size
        alone = apart or outdented or self._kind == "heading" or self._short_before(row, right)
        bold = all(cell.bold for cell in row.cells)
        notice = notice_kind(text)
        level = 0
        if not notice and len(row.cells) == 1:
            level = self._rules.level(
                text,
                row.size,
                bold=bold,
                page=self._page,
                alone=alone,
                follows=after is not None and not row.box and not _PLATE.match(after.text),
            )
        if level and (_CAPTION.match(text) or (_LEGEND.match(text) and _is_legend(text, self._last, after))):
            level = 0
        if (
            level
            and not apart
            and self._lines
            and self._kind != "heading"
            and _LEADS_ON.search(self._lines[-1])
        ):
            level = 0  # "installed in" / "Section XXIX."
        steps = self._kind == "list" and not (outdented or apart)
        if level and steps and _ITEM.match(text) and text.upper() != text[0].upper() + text[1:]:
            level = 0  # "b. Remove bolt." among steps is a step
        if level:
            same = (
                self._kind == "heading"
                and self._heading[0] == level
                and abs(self._heading[1] - row.size) < 0.6
            )
            close = not apart or (gap < 1.5 * row.size and row.box == (self._last.box if self._last else 0))
            if same and close and not _ITEM.match(text) and not re.match(r"^[\dA-Z]+[-.]\d", text):
                self._lines = [self._joiner.join(self._lines[-1], text)]
            else:
                self._begin("heading", text)
            self._heading = (level, row.size)
        elif notice:
            self._begin(notice, text)
        elif self._lines and _REFERRED.match(text) and self._kind not in ("heading", "figure") and gap < 30:
            self._lines[-1] = self._joiner.join(self._lines[-1], text)
        elif (_PLATE.match(text) and apart) or (
            _CALL_OUT.match(text) and not (self._kind == "list" and not apart)
        ):
            if self._kind == "figure":
                self._lines = [f"{self._lines[0]} {text}"]
            else:
                self._begin("figure", text)
        elif head := run_in_heading(text):
            self._begin("heading", text[:head].strip())
            self._heading = (len(re.split(r"[-–.]", text.split()[0].rstrip("."))) + 1, row.size)
            self._begin("paragraph", text[head:].strip())
        elif self._open_heading() and not apart and (head := run_in_heading(text, numbered=False)):
            self._lines = [self._joiner.join(self._lines[-1], text[:head].strip())]
            if text[head:].strip():
                self._begin("paragraph", text[head:].strip())
        elif self._in_title(row, text, gap):
            self._lines = [self._joiner.join(self._lines[-1], text)]
        elif self._lines and is_bare_notice_word(self._lines[-1]) and self._kind != "heading":
            self._lines.append(text)
        elif self._goes_on(row, text, left, right, apart=apart):
            self._lines[-1] = self._joiner.join(self._lines[-1], text)
        elif _ITEM.match(text):
            in_notice = self._kind in ("warning", "caution", "note") and not apart and len(self._lines) > 1
            if self._kind == "list" or in_notice or (self._kind == "note" and self._lines[-1].endswith(":")):
                self._lines.append(text)
            else:
                self._begin("list", text)
                self._item_x = row.cells[0].x
        elif self._kind in ("warning", "caution", "note") and not apart and row.cells[0].x > left + row.size:
            self._lines.append(text)
        elif _CAPTION.match(text) and len(text) < 140 and alone:
            self._begin("caption", text)
        elif self._kind == "paragraph" and self._lines and not apart and self._last is not None:
            self._lines.append(text)
        else:
            self._begin("paragraph", text)

    def _begin(self, kind: BlockKind, text: str) -> None:
        self.flush()
        if self._notice and kind in ("paragraph", "list"):
            kind = self._notice
        self._notice = None
        self._kind, self._lines = kind, [text]

    def _open_heading(self) -> bool:
        """Whether a heading is open that its line did not end."""
        return self._kind == "heading" and not self._lines[-1].endswith((".", ":"))

    def _in_title(self, row: Row, text: str, gap: float) -> bool:
        """Whether a line in capitals goes on with a long heading in capitals."""
        capitals = self._open_heading() and text.isupper() and self._lines[-1].isupper()
        close = 0 < gap < 1.5 * row.size and abs(self._heading[1] - row.size) < 0.6
        return capitals and close and len(self._lines[-1]) > 40 and not _ITEM.match(text)

    def _short_before(self, row: Row, right: float) -> bool:
        """Whether the line above ended early, so that this one begins something."""
        return self._last is not None and self._last.cells[-1].end < right - 0.2 * (right - row.cells[0].x)

    def _goes_on(self, row: Row, text: str, left: float, right: float, *, apart: bool) -> bool:
        """Whether a line belongs to the sentence or step before it."""
        if not self._lines or self._kind == "heading" or is_bare_notice_word(self._lines[-1]):
            return False
        before = self._lines[-1]
        if self._last and _CAPTION.match(text) and row.cells[0].x > self._last.cells[0].x + 4 * row.size:
            return False  # centred below
        if _PARAGRAPH.match(text) or _LED.search(before) or (_LED.search(text) and before[-1:].isdigit()):
            return False
        if self._last is None:  # the first line of a column
            return self._kind == "paragraph" and not _ITEM.match(text) and not before.endswith(_END)
        full_line = self._last.cells[-1].end > right - 0.12 * (right - left)
        inside = _INITIAL.match(text) and full_line and not apart and not before.endswith(_END)
        inside = (
            inside and self._kind == "paragraph" and abs(row.cells[0].x - self._last.cells[0].x) < row.size
        )
        if _ITEM.match(text) and not (text[:1].isalnum() and text[1:2] == ")") and not inside:
            return False
        hangs = row.cells[0].x > self._last.cells[0].x - 0.5 * row.size
        if apart and not (
            self._kind == "list" and hangs and not before.endswith(_END) and text[:1].islower()
        ):
            return False
        if abs(row.size - self._last.size) > 0.18 * max(row.size, self._last.size):
            return False
        if before.endswith(_END) and self._short_before(row, right):
            return False
        if row.cells[0].x < self._last.cells[0].x - 2.5 * row.size and self._last.cells[
            -1
        ].end < right - 0.1 * (right - left):
            return False
        if self._kind == "list":
            # The second line hangs under the words, or goes back to the margin after a full line.
            full = self._last.cells[-1].end > right - 0.12 * (right - left)
            return row.cells[0].x > self._item_x - 0.8 * row.size or full
        if _LABELLED.match(text):
            return False
        indented = row.cells[0].x > self._last.cells[0].x + 1.2 * row.size
        if indented and before.endswith(_END) and self._last.cells[0].x < left + row.size:
            return False
        # A line that ends well before the margin ends what it says: an address, a list without marks.
        width = right - left
        ended = self._last.cells[-1].end < left + 0.55 * width and not text[:1].islower()
        return not ended
