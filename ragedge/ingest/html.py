"""Reads HTML with the standard library's tolerant parser; no tree is kept, so no dependency is needed."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from html.parser import HTMLParser
from typing import Any

from ragedge.datatypes import BlockKind, Document
from ragedge.errors import SourceError
from ragedge.ingest import detect
from ragedge.ingest.clean import clean
from ragedge.ingest.options import no_options
from ragedge.ingest.page_builder import PageBuilder
from ragedge.ingest.safety import is_bare_notice_word, notice_kind
from ragedge.ingest.table_text import Cell, expanded, joined_heads, names_columns, render_table
from ragedge.ingest.text_encoding import decode_text
from ragedge.ingest.wrapped_lines import without_cjk_breaks

_CHARSET = re.compile(rb"""<meta[^>]+charset\s*=\s*["']?\s*([\w.:-]+)""", re.I)
_UNREAD = {
    "script",
    "style",
    "template",
    "noscript",
    "svg",
    "math",
    "iframe",
    "object",
    "select",
    "button",
    "nav",
}
_VOID = {"br", "hr", "img", "input", "meta", "link", "area", "base", "col", "embed", "source", "track", "wbr"}
_BLOCKS = {
    "p", "div", "section", "article", "header", "footer", "aside", "main", "blockquote", "figure", "figcaption",
    "dl", "dt", "dd", "address", "fieldset", "form", "details", "summary", "ul", "ol", "body", "html", "center", "hr",
}  # fmt: skip
_MAX_DEPTH = 20
# Elements that end without a tag of their own where the next begins.
_ENDED_BY = {
    "p": _BLOCKS | {"table", "li"}, "li": {"li"}, "dt": {"dt", "dd"}, "dd": {"dt", "dd"},
    "td": {"td", "th", "tr"}, "th": {"td", "th", "tr"}, "tr": {"tr"},
}  # fmt: skip
_HIDING = re.compile(
    r"(?<![-\w])color\s*:\s*transparent|(?:left|top|text-indent)\s*:\s*-\d{3,}|display\s*:\s*none|visibility\s*:\s*hidden|(?:opacity|font-size)\s*:\s*0*\.?0+(?:[a-z%]*\s*(?:;|!|$))",
    re.I,
)
_MOST_OPEN_COMMENTS = 100
_HEADED_ROWS = 2  # fewer rows are no table that needs heads


_WHITE = re.compile(
    r"(?<![-\w])color\s*:\s*(?:white\b|#f[b-f]f[b-f]f[b-f]\b|#fff\b|rgba?\(\s*25[0-5]\s*,\s*25[0-5]\s*,\s*25[0-5])",
    re.I,
)
# White is the colour of the ground where nothing says that there is another.
_GROUND = re.compile(r"background|bgcolor|<link\b|@import", re.I)


def create(options: Mapping[str, Any]) -> HtmlLoader:
    """Build the loader; it has no options."""
    no_options("loader", "html", options)
    return HtmlLoader()


class HtmlLoader:
    """Reads ``text/html``; the whole file is one page without a number."""

    @property
    def media_types(self) -> Sequence[str]:
        """What it reads."""
        return (detect.HTML,)

    def load(self, data: bytes, source: str, /) -> Document:
        """Read a file's bytes.

        Raises:
            SourceError: no text is in it.
        """
        declared = _CHARSET.search(data[:2048])
        text = decode_text(data, declared[1].decode("ascii") if declared else None)
        builder, title = read_html(text)
        page = builder.build(None)
        if not page.text:
            raise SourceError("no_text", f"{source} holds no text")
        return Document(source, detect.HTML, (page,), title)


def read_html(text: str) -> tuple[PageBuilder, str]:
    """Read HTML or XHTML into blocks; returns them with the ``title`` element's words."""
    reader = _Reader(on_paper=_GROUND.search(text) is None)
    reader.feed(_ended(clean(text)))
    reader.close()
    return reader.finish(), reader.title


def _ended(text: str) -> str:
    """Return HTML without the comments and tags that its end leaves open: the parser looks for an end anew at each."""
    closed = text.rfind("-->") + 1
    if text.count("<!--", closed) > _MOST_OPEN_COMMENTS:  # one or two stand in scripts
        text = text[: text.find("<!--", closed)]
    last = text.rfind(">") + 1
    return text[:last] + text[last:].replace("<", "&lt;")


class _OpenElements:
    """Elements that have begun and not ended, counted so that millions that never end cost no search."""

    def __init__(self) -> None:
        self._tags: list[str] = []
        self._counts: Counter[str] = Counter()

    def __bool__(self) -> bool:
        return bool(self._tags)

    @property
    def last(self) -> str:
        """The innermost."""
        return self._tags[-1]

    @property
    def kinds(self) -> set[str]:
        """The tags among them."""
        return set(self._counts)

    def begin(self, tag: str) -> None:
        """Open one."""
        self._tags.append(tag)
        self._counts[tag] += 1

    def end(self, tag: str) -> bool:
        """End the innermost of a tag with the unclosed ones in it; False where none is open."""
        if tag not in self._counts:
            return False
        while self._tags:
            ended = self._tags.pop()
            self._counts[ended] -= 1
            if not self._counts[ended]:
                del self._counts[ended]
            if ended == tag:
                break
        return True


class _Reader(HTMLParser):
    """Turns tags into blocks as they come."""

    def __init__(self, *, on_paper: bool) -> None:
        super().__init__(convert_charrefs=True)
        self.title = ""
        self._builder = PageBuilder()
        self._text: list[str] = []
        self._kind: BlockKind = "paragraph"
        self._level = 0
        self._skipping = _OpenElements()  # whose text is not read
        self._hiding = _OpenElements()  # that a browser does not show
        self._hidden: list[str] = []
        self._on_paper = on_paper
        self._lists: list[int] = []  # next number of each open list; 0 for bullets
        self._items: list[str] = []
        self._rows: list[list[Cell]] | None = None
        self._head_rows = 0
        self._cell_open = False
        self._table_depth = 0
        self._bare_notice = ""
        self._in_title = self._in_pre = False

    def parse_marked_section(self, i: int, report: bool = True) -> int:
        """Skip a ``<![...`` that is none of those the standard library knows, which it answers with an assertion."""
        try:
            return super().parse_marked_section(i, report)
        except AssertionError:
            end = self.rawdata.find(">", i)
            return len(self.rawdata) if end < 0 else end + 1

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if self._skipping or (tag in _UNREAD and tag not in _VOID):
            if tag not in _VOID:
                self._skipping.begin(tag)
            return
        if self._hides(tag, dict(attrs)):
            return
        if tag == "title":
            self._in_title = True
        elif tag == "table":
            self._table_depth += 1
            if self._table_depth == 1:
                self._flush()
                self._rows, self._head_rows = [], 0
        elif self._rows is not None:
            self._table_tag(tag, dict(attrs))
        elif tag == "br":
            self._text.append("\n")
        elif tag == "li":
            self._end_item()
            number = self._lists[-1] if self._lists else 0
            indent = "  " * (min(len(self._lists), _MAX_DEPTH) - 1)
            self._text.append(f"{indent}{number}. " if number else f"{indent}- ")
            if number:
                self._lists[-1] += 1
        elif tag in ("ul", "ol"):
            self._end_item() if self._lists else self._flush()
            start = dict(attrs).get("start") or "1"
            self._lists.append(
                (int(start) if start.isdecimal() and len(start) < 9 else 1) if tag == "ol" else 0
            )
        elif re.fullmatch("h[1-6]", tag):
            self._flush()
            self._kind, self._level = "heading", int(tag[1])
        elif tag == "pre":
            self._flush()
            self._kind, self._in_pre = "code", True
        elif tag in ("figcaption", "caption"):
            self._flush()
            self._kind = "caption"
        elif tag in _BLOCKS and not self._lists:
            self._flush()

    def handle_endtag(self, tag: str) -> None:
        if self._skipping:
            self._skipping.end(tag)
            return
        if self._hiding:
            if self._hiding.end(tag) or not _ENDED_BY.keys() >= self._hiding.kinds:
                return
            self._hiding = _OpenElements()  # what they stand in ends here, and they with it
        if tag == "title":
            self._in_title = False
        elif tag == "table" and self._table_depth:
            self._table_depth -= 1
            if self._table_depth == 0 and self._rows is not None:
                self._end_cell()
                rows, heads = self._rows, self._head_rows
                self._rows = None
                self._table(rows, heads)
        elif self._rows is not None:
            self._end_cell() if tag in ("td", "th", "tr") else None
        elif tag == "li":
            self._end_item()
        elif tag in ("ul", "ol") and self._lists:
            self._end_item()
            self._lists.pop()
            if not self._lists:
                self._builder.add("list", "\n".join(self._items))
                self._items = []
        elif tag == "pre" or re.fullmatch("h[1-6]", tag) or (tag in _BLOCKS and not self._lists):
            self._flush()

    def handle_data(self, data: str) -> None:
        if self._skipping:
            return
        if self._hiding:
            self._hidden.append(data)
            return
        if self._in_title:
            self.title = " ".join((self.title + data).split())
        elif self._in_pre:
            self._text.append(data)
        elif self._rows is None or self._cell_open:
            self._text.append(re.sub(r"\s+", " ", without_cjk_breaks(data)))

    def finish(self) -> PageBuilder:
        """Return the builder with everything that was left open."""
        self._skipping, self._hiding = _OpenElements(), _OpenElements()
        if self._rows is not None:
            self._table_depth = 1
            self.handle_endtag("table")
        while self._lists:
            self.handle_endtag("ul")
        self._flush()
        if self._bare_notice:
            self._builder.add(notice_kind(self._bare_notice) or "note", self._bare_notice)
        self._builder.add("paragraph", " ".join("".join(self._hidden).split()), hidden="marked_hidden")
        return self._builder

    def _hides(self, tag: str, attributes: Mapping[str, str | None]) -> bool:
        """Whether an element that begins here is not shown, or stands in one that is not."""
        while self._hiding and tag in _ENDED_BY.get(self._hiding.last, ()):
            self._hiding.end(self._hiding.last)  # "<p hidden>one<p>two"
        style = attributes.get("style") or ""
        hides = bool(self._hiding) or "hidden" in attributes or bool(_HIDING.search(style))
        hides = hides or (self._on_paper and bool(_WHITE.search(style)))
        if not hides or tag in _VOID:
            return hides
        if not self._hiding:
            self._hidden.append("\n")
        self._hiding.begin(tag)
        if self._rows is not None and tag in ("td", "th", "tr"):
            self._end_cell()
        return True

    def _table(self, cells: list[list[Cell]], heads: int) -> None:
        """Add a table; one of a single column is layout."""
        rows = expanded(cells)
        empty = [i for i, row in enumerate(rows) if not any(cell.strip() for cell in row)]
        heads -= sum(i < heads for i in empty)
        rows = [row for i, row in enumerate(rows) if i not in empty]
        if not any(len([cell for cell in row if cell.strip()]) > 1 for row in rows):
            for row in rows:
                self._builder.add("paragraph", " ".join(cell for cell in row if cell))
            return
        if not heads and len(rows) > _HEADED_ROWS and names_columns(rows[0]):
            heads = 1  # a table without th
        heads = min(heads, len(rows) - 1)
        if heads > 1:
            rows, heads = [joined_heads(rows[:heads]), *rows[heads:]], 1
        self._builder.add("table", render_table(rows), header_rows=heads)

    def _table_tag(self, tag: str, attributes: Mapping[str, str | None]) -> None:
        assert self._rows is not None
        if tag == "tr" and self._table_depth == 1:
            self._end_cell()
            self._rows.append([])
        elif tag in ("td", "th") and self._table_depth == 1:
            self._end_cell()
            if not self._rows:
                self._rows.append([])
            if tag == "th" and not self._rows[-1] and self._head_rows == len(self._rows) - 1:
                self._head_rows += 1
            elif tag == "td" and self._head_rows == len(self._rows) and self._rows[-1]:
                self._head_rows -= 1  # the first cell alone was a row's head, not a column's
            self._rows[-1].append(Cell("", _span(attributes, "colspan"), _span(attributes, "rowspan")))
            self._cell_open = True
        elif tag in _BLOCKS or tag in ("br", "li", "td", "tr"):
            self._text.append(" ")

    def _end_cell(self) -> None:
        if self._cell_open and self._rows and self._rows[-1]:
            self._rows[-1][-1].text = "".join(self._text).strip()
        self._text, self._cell_open = [], False

    def _end_item(self) -> None:
        text = re.sub(r"(?<=\S) {2,}", " ", "".join(self._text)).rstrip()
        if text.strip().strip("-").strip():
            self._items.append(text)
        self._text = []

    def _flush(self) -> None:
        """End the block that is open."""
        text = "".join(self._text)
        if not self._in_pre:
            text = "\n".join(line.strip() for line in text.split("\n")).strip()
        kind, level = self._kind, self._level
        self._text, self._kind, self._level, self._in_pre = [], "paragraph", 0, False
        if not text.strip():
            return
        if kind == "paragraph" and is_bare_notice_word(text):
            self._bare_notice = text
            return
        if kind in ("paragraph", "list") and self._bare_notice:
            text, self._bare_notice = f"{self._bare_notice}\n{text}", ""
        if kind == "paragraph":
            kind = notice_kind(text.split("\n")[0]) or kind
        self._builder.add(kind, text, level=level)


def _span(attributes: Mapping[str, str | None], name: str) -> int:
    """Return how many columns or rows a cell covers; 1 where it does not say, or says nonsense."""
    text = attributes.get(name) or "1"
    return int(text) if text.isdecimal() and 0 < len(text) < 4 and int(text) else 1
