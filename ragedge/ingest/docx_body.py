"""Turns the body of a Word document into blocks (ECMA-376 part 1, 17: WordprocessingML)."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from xml.etree.ElementTree import Element

from ragedge.datatypes import BlockKind
from ragedge.ingest.clean import clean
from ragedge.ingest.docx_styles import Numbering, Style, Styles, is_on, is_on_paper, value, why_hidden
from ragedge.ingest.page_builder import PageBuilder
from ragedge.ingest.safety import is_bare_notice_word, notice_kind
from ragedge.ingest.table_text import joined_heads, names_columns, render_table

# Wrappers whose content stands in the text as if they were not there.
_WRAPPERS = {
    "sdt",
    "sdtContent",
    "ins",
    "moveTo",
    "customXml",
    "smartTag",
    "hyperlink",
    "fldSimple",
    "dir",
    "bdo",
}
_REMOVED = {"del", "moveFrom", "instrText", "delText", "pPr", "rPr", "sdtPr", "sdtEndPr", "tblPr", "tblGrid"}
_CONTENTS_STYLE = re.compile(r"toc \d|table of figures|index \d")
_MOST_COLUMNS = 200
_DEEPEST_LIST = 8
_TITLE_CHARS, _TITLE_WORDS = 80, 10
_SENTENCE_END = (".", ";", ",", ":", "!", "?", "。", "、", "：")


@dataclass(slots=True)
class _Paragraph:
    """A paragraph as it was read; ``boxes`` are the text boxes anchored in it, ``notes`` its footnotes."""

    text: str
    style: Style
    number: str
    list_level: int
    bold: bool
    boxes: list[Element]
    notes: list[str]


class BodyReader:
    """Reads one document's body.

    Args:
        styles: Its styles.
        numbering: Its lists, not yet counted.
        notes: Elements of footnotes and endnotes, by kind and id.
    """

    def __init__(
        self, styles: Styles, numbering: Numbering, notes: Mapping[str, Mapping[str, Element]]
    ) -> None:
        self.title = ""
        self._styles, self._numbering, self._notes = styles, numbering, notes
        self._builder = PageBuilder()
        self._items: list[str] = []
        self._items_kind: BlockKind = "list"
        self._bare_notice = ""
        self._under_title = 0
        self._last_level = 0
        self._note_count = 0
        self._hidden: dict[str, list[str]] = {}
        self._on_paper = False

    def read(self, body: Element) -> PageBuilder:
        """Return the blocks of the body."""
        self._on_paper = is_on_paper(body)
        self._walk(body)
        self._end_list()
        self._end_notice()
        for why, words in self._hidden.items():
            self._builder.add("paragraph", clean(" ".join("\n".join(words).split())), hidden=why)
        return self._builder

    def _walk(self, parent: Element) -> None:
        for element in parent:
            if element.tag == "p":
                self._paragraph(element)
            elif element.tag == "tbl":
                self._table(element)
            elif element.tag == "AlternateContent":
                self._walk(_chosen(element))
            elif element.tag in _WRAPPERS:
                self._walk(element)

    def _paragraph(self, element: Element) -> None:
        paragraph = self._read_paragraph(element)
        if paragraph.text.strip():
            self._add(paragraph)
        self._after(paragraph)

    def _after(self, paragraph: _Paragraph) -> None:
        """Add what hangs on a paragraph: its footnotes, and the text boxes anchored in it."""
        for note in paragraph.notes:
            self._end_list()
            self._builder.add("paragraph", note)
        for box in paragraph.boxes:
            self._walk(box)

    def _add(self, paragraph: _Paragraph) -> None:
        text, style = paragraph.text.strip(), paragraph.style
        level = self._heading_level(paragraph)
        if level:
            self._end_list()
            self._end_notice()
            title = " ".join(
                f"{paragraph.number} {text}".split() if paragraph.number != "-" else text.split()
            )
            self.title = self.title or title
            self._builder.add("heading", title, level=level)
        elif _CONTENTS_STYLE.match(style.name):
            self._item(re.sub(r"\s*\t\s*(?=\S+$)", " … ", text).replace("\t", " "), "paragraph")
        elif paragraph.number:
            indent = "  " * min(paragraph.list_level, _DEEPEST_LIST)
            self._item(f"{indent}{paragraph.number} {_flat(text)}", "list")
        elif style.name == "caption":
            self._end_list()
            self._builder.add("caption", _flat(text))
        elif is_bare_notice_word(text):
            self._end_list()
            self._end_notice()
            self._bare_notice = text
        else:
            self._end_list()
            self._plain(_flat(text))

    def _plain(self, text: str) -> None:
        if self._bare_notice:
            text, self._bare_notice = f"{self._bare_notice}\n{text}", ""
        self._builder.add(notice_kind(text.split("\n")[0]) or "paragraph", text)

    def _heading_level(self, paragraph: _Paragraph) -> int:
        """Return a heading's depth; 0 for body text. A title stands over all that follows it."""
        style = paragraph.style
        if style.name == "title":
            self._under_title = 1
            return 1
        if style.level:
            self._last_level = style.level + self._under_title
            return self._last_level
        if style.name == "caption" or paragraph.number or self._bare_notice or notice_kind(paragraph.text):
            return 0
        # A line in bold that no style calls a heading stands below those that one does.
        return self._last_level + 1 if paragraph.bold and _is_title(paragraph.text) else 0

    def _item(self, text: str, kind: BlockKind) -> None:
        if kind != self._items_kind:
            self._end_list()
        self._items_kind = kind
        self._items.append(text)

    def _end_list(self) -> None:
        if not self._items:
            return
        text, kind, self._items = "\n".join(self._items), self._items_kind, []
        if self._bare_notice:
            kind, text, self._bare_notice = (
                notice_kind(self._bare_notice) or kind,
                f"{self._bare_notice}\n{text}",
                "",
            )
        self._builder.add(kind, text)

    def _end_notice(self) -> None:
        if self._bare_notice:
            self._builder.add(notice_kind(self._bare_notice) or "note", self._bare_notice)
            self._bare_notice = ""

    def _read_paragraph(self, element: Element) -> _Paragraph:
        about = element.find("pPr")
        style = self._styles.of(value(about, "pStyle"))
        outline = value(about, "outlineLvl")
        if outline and outline.isdecimal() and int(outline) < 9:
            style = Style(style.name, int(outline) + 1, style.numbering, style.bold)
        parts: list[str] = []
        paragraph = _Paragraph("", style, "", 0, bold=True, boxes=[], notes=[])
        self._runs(element, parts, paragraph)
        paragraph.text = clean("".join(parts))
        numbering = about.find("numPr") if about is not None else None
        listed = style.numbering
        if numbering is not None:
            own, depth = value(numbering, "numId"), value(numbering, "ilvl") or "0"
            number = own or (listed[0] if listed else "0")
            level = int(depth) if depth.isdecimal() and len(depth) < 3 else 0
            listed = (number, level) if number != "0" else None
        if listed and paragraph.text.strip():
            paragraph.number = self._numbering.next(*listed)
            paragraph.list_level = listed[1]
        return paragraph

    def _runs(self, parent: Element, parts: list[str], paragraph: _Paragraph) -> None:
        for element in parent:
            if element.tag == "r":
                self._run(element, parts, paragraph)
            elif element.tag == "AlternateContent":
                self._runs(_chosen(element), parts, paragraph)
            elif element.tag in ("oMath", "oMathPara"):
                parts.append("".join(text.text or "" for text in element.iter("t")))
            elif element.tag not in _REMOVED:
                self._runs(element, parts, paragraph)

    def _run(self, run: Element, parts: list[str], paragraph: _Paragraph) -> None:
        style = run.find("rPr")
        if why := why_hidden(style, on_paper=self._on_paper):
            self._hidden.setdefault(why, []).extend(text.text or "" for text in run.iter("t"))
            return
        before = len(parts)
        for element in run:
            if element.tag == "t":
                parts.append(element.text or "")
            elif element.tag == "tab":
                parts.append("\t")
            elif element.tag in ("br", "cr"):
                parts.append("\n")
            elif element.tag == "noBreakHyphen":
                parts.append("-")
            elif element.tag in ("footnoteReference", "endnoteReference"):
                self._note(element, parts, paragraph)
            elif element.tag in ("drawing", "pict", "object", "AlternateContent"):
                chosen = _chosen(element) if element.tag == "AlternateContent" else element
                paragraph.boxes.extend(_outermost(chosen, "txbxContent"))
        if any(part.strip() for part in parts[before:]):
            bold = (
                is_on(style, "b")
                if style is not None and style.find("b") is not None
                else paragraph.style.bold
            )
            paragraph.bold = paragraph.bold and bold

    def _note(self, reference: Element, parts: list[str], paragraph: _Paragraph) -> None:
        """Put a mark in the text, and keep the note's own words for the block after it."""
        note = self._notes.get(reference.tag.removesuffix("Reference"), {}).get(reference.get("id", ""))
        if note is None:
            return
        words = clean(" ".join(_flat(_all_text(p)) for p in note.iter("p"))).strip()
        if words:
            self._note_count += 1
            parts.append(f" [{self._note_count}]")
            paragraph.notes.append(f"[{self._note_count}] {words}")

    # Tables

    def _table(self, table: Element) -> None:
        self._end_list()
        rows = list(_children(table, "tr"))
        notes: list[_Paragraph] = []
        grid = [self._row(row, notes) for row in rows]
        goes_on = len(grid) > 1 and any(cell.goes_on for cell in grid[1])
        _fill_merged(grid)
        texts = [[cell.text for cell in row] for row in grid]
        filled = [[text for text in row if text.strip()] for row in texts]
        if sum(1 for row in filled if row) <= 1 or max(map(len, filled), default=0) <= 1:
            self._box(filled)
        else:
            self._end_notice()
            heads = _head_rows(rows, texts, goes_on=goes_on)
            kept = [row for row in texts if any(cell.strip() for cell in row)]
            if heads > 1:  # heads over several lines become one, column by column
                kept = [joined_heads(kept[:heads]), *kept[heads:]]
            self._builder.add("table", render_table(kept), header_rows=min(heads, 1))
        for paragraph in notes:
            self._after(paragraph)

    def _box(self, rows: list[list[str]]) -> None:
        """Add a table that is only a frame: a notice beside its sign, or text in a box."""
        for row in rows:
            if not row:
                continue
            if len(row) > 1 and is_bare_notice_word(row[0]):
                self._end_notice()
                self._bare_notice, row = row[0].strip(), row[1:]
            for text in row:
                if is_bare_notice_word(text):
                    self._end_notice()
                    self._bare_notice = text.strip()
                else:
                    self._plain(text)
        self._end_notice()

    def _row(self, row: Element, notes: list[_Paragraph]) -> list[_Cell]:
        cells: list[_Cell] = []
        skipped = value(row.find("trPr"), "gridBefore") or "0"
        cells += [_Cell("")] * (int(skipped) if skipped.isdecimal() and len(skipped) < 3 else 0)
        for element in _children(row, "tc"):
            about = element.find("tcPr")
            merge = about.find("vMerge") if about is not None else None
            goes_on = merge is not None and merge.get("val", "continue") != "restart"
            span = value(about, "gridSpan") or "1"
            width = int(span) if span.isdecimal() and 0 < int(span) <= _MOST_COLUMNS else 1
            cells.append(_Cell(self._cell_text(element, notes), width, goes_on))
            cells += [_Cell("", 0)] * (width - 1)
        return cells[:_MOST_COLUMNS]

    def _cell_text(self, cell: Element, notes: list[_Paragraph]) -> str:
        texts: list[str] = []
        for element in _content(cell):
            if element.tag == "p":
                paragraph = self._read_paragraph(element)
                notes.append(paragraph)
                number = f"{paragraph.number} " if paragraph.number not in ("", "-") else ""
                texts.append(number + _flat(paragraph.text))
            elif element.tag == "tbl":  # a table in a cell is read row by row
                for row in _children(element, "tr"):
                    texts += [self._cell_text(inner, notes) for inner in _children(row, "tc")]
        return "\n".join(text for text in texts if text.strip())


@dataclass(slots=True)
class _Cell:
    """One cell of a table's grid; ``width`` is 0 for the places that a wider cell covers."""

    text: str
    width: int = 1
    goes_on: bool = False


def _fill_merged(grid: list[list[_Cell]]) -> None:
    """Repeat cells merged over rows in each of them, so that every row says all that holds for it."""
    for above, row in itertools.pairwise(grid):
        for at, cell in enumerate(row):
            if cell.goes_on and at < len(above) and not cell.text:
                cell.text = above[at].text


def _head_rows(rows: list[Element], texts: list[list[str]], *, goes_on: bool) -> int:
    """Return how many rows are column heads: those marked to repeat on each page, else a first row of words."""
    marked = 0
    while marked < len(rows) and is_on(rows[marked].find("trPr"), "tblHeader"):
        marked += 1
    if marked:
        return min(marked, len(texts) - 1)
    if len(texts) < 2 or not names_columns(texts[0]):
        return 0
    # A head over two rows: the cells beside it in the second one are heads as well.
    return 2 if goes_on and len(texts) > 2 and names_columns(texts[1]) else 1


def _is_title(text: str) -> bool:
    """Whether a line in bold reads as a heading: short, no sentence, words in it."""
    text = text.strip()
    return (
        2 <= len(text) <= _TITLE_CHARS
        and "\n" not in text
        and not text.endswith(_SENTENCE_END)
        and not text[0].islower()
        and len(text.split()) <= _TITLE_WORDS
        and any(c.isalpha() for c in text)
    )


def _chosen(alternate: Element) -> Element:
    """Return the form of an ``mc:AlternateContent`` to read; both say the same."""
    choice = alternate.find("Choice")
    fallback = alternate.find("Fallback")
    return choice if choice is not None else fallback if fallback is not None else Element("none")


def _content(parent: Element) -> Iterator[Element]:
    """Yield a cell's paragraphs and tables, wrappers opened."""
    for element in parent:
        if element.tag in _WRAPPERS:
            yield from _content(element)
        elif element.tag not in _REMOVED:
            yield element


def _children(parent: Element, tag: str) -> Iterator[Element]:
    return (element for element in _content(parent) if element.tag == tag)


def _outermost(parent: Element, tag: str) -> Iterator[Element]:
    """Yield elements of a tag that stand in no other of it; what Word draws twice is read once."""
    for element in parent:
        if element.tag == tag:
            yield element
        elif element.tag == "AlternateContent":
            yield from _outermost(_chosen(element), tag)
        else:
            yield from _outermost(element, tag)


def _all_text(paragraph: Element) -> str:
    return "".join(element.text or "" for element in paragraph.iter("t"))


def _flat(text: str) -> str:
    """Return text with tabs as spaces and each line trimmed."""
    return "\n".join(" ".join(line.split()) for line in text.split("\n")).strip()
