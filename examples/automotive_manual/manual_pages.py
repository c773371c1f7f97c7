"""Page templates and typesetting of the example manual: blocks of Markdown to reportlab flowables."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from html import escape
from typing import IO, Any

from figures import FIGURES
from manual_markdown import Chapter, Part
from reportlab.lib.colors import HexColor, black, white
from reportlab.lib.enums import TA_CENTER
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import (
    BaseDocTemplate,
    CondPageBreak,
    Flowable,
    Frame,
    KeepTogether,
    NextPageTemplate,
    PageBreak,
    PageTemplate,
    Paragraph,
    Spacer,
    Table,
    TableStyle,
)

WIDTH, HEIGHT = 160 * mm, 225 * mm  # a usual size for printed handbooks
MARGIN, TOP, BOTTOM, GUTTER = 17 * mm, 21 * mm, 19 * mm, 7 * mm
NOTICE_COLOURS = {"WARNING": "#b3261e", "CAUTION": "#a85b00", "NOTE": "#2b4c7e", "REVISION": "#4a4a4a"}
SHORT_TABLE = 10  # rows, heads included, up to which a table is never cut
INK, PALE, RULE = HexColor("#1f2a38"), HexColor("#e9edf2"), HexColor("#9aa5b1")

BODY = ParagraphStyle("body", fontName="Helvetica", fontSize=9.2, leading=12.6, spaceAfter=5)
BOLD = ParagraphStyle("bold", BODY, fontName="Helvetica-Bold")
STYLES = {
    "body": BODY,
    "h1": ParagraphStyle("h1", BOLD, fontSize=19, leading=23, spaceAfter=12, textColor=INK),
    "h2": ParagraphStyle("h2", BOLD, fontSize=12.5, leading=16, spaceBefore=12, textColor=INK),
    "h3": ParagraphStyle("h3", BOLD, fontSize=10, leading=13, spaceBefore=7, spaceAfter=3),
    "item": ParagraphStyle("item", BODY, leftIndent=15, bulletIndent=0, spaceAfter=3),
    "caption": ParagraphStyle("caption", BOLD, fontSize=8.8, leading=11.5, spaceAfter=0),
    "figure": ParagraphStyle(
        "figure", BODY, fontName="Helvetica-Oblique", spaceBefore=3, alignment=TA_CENTER
    ),
    "cell": ParagraphStyle("cell", BODY, fontSize=8.3, leading=10.4, spaceAfter=0),
    "head": ParagraphStyle("head", BOLD, fontSize=8.3, leading=10.4, spaceAfter=0),
    "cover": ParagraphStyle("cover", BOLD, fontSize=30, leading=36, textColor=INK),
    "cover2": ParagraphStyle("cover2", BODY, fontSize=13, leading=18),
}


@dataclass
class Layout:
    """What one pass found out and the next one prints: labels, and sections by page."""

    labels: list[str] = field(default_factory=list)
    starts: dict[str, int] = field(default_factory=dict)  # section number -> page position
    sections: dict[int, str] = field(default_factory=dict)  # page position -> first section starting there
    entries: list[tuple[int, str, int]] = field(default_factory=list)  # (depth, heading, page position)

    def label_of(self, section: str) -> str:
        """Return the printed label of a section's page; a placeholder on the first pass."""
        return self.labels[self.starts[section] - 1] if section in self.starts else "0-00"

    def section_at(self, position: int) -> str:
        """Return the section that a page's header names."""
        known = [p for p in self.sections if p <= position]
        return self.sections[max(known)] if known else ""


def markup(text: str, layout: Layout) -> str:
    """Turn inline Markdown into reportlab's markup."""
    text = re.sub(r"\{page:([\d.]+)\}", lambda m: layout.label_of(m[1]), text)
    text = escape(text, quote=False).replace("&lt;br&gt;", "<br/>")
    text = re.sub(r"\*\*(.+?)\*\*", r"<b>\1</b>", text)
    text = re.sub(r"(?<!\*)\*(?!\s)(.+?)\*", r"<i>\1</i>", text)
    return re.sub(r"`(.+?)`", r'<font face="Courier">\1</font>', text)


class ManualDocument(BaseDocTemplate):
    """Counts pages by chapter, prints headers and footers, and records where each heading came to stand."""

    def __init__(self, out: IO[bytes], known: Layout, *, title: str, number: str) -> None:
        super().__init__(
            out, pagesize=(WIDTH, HEIGHT), title=title, author="Quillane Motor Works", subject=number,
            invariant=1, pageCompression=1, allowSplitting=1,
        )  # fmt: skip
        self.known, self.found = known, Layout()
        self.heading, self.number = title, number
        self.prefix, self.count, self.chapter_title = "front", 0, ""
        inner, tall = WIDTH - 2 * MARGIN, HEIGHT - TOP - BOTTOM
        half = (inner - GUTTER) / 2
        pads = dict.fromkeys(("leftPadding", "rightPadding", "topPadding", "bottomPadding"), 0)
        one = Frame(MARGIN, BOTTOM, inner, tall, id="one", **pads)
        two = [Frame(MARGIN + n * (half + GUTTER), BOTTOM, half, tall, id=f"two{n}", **pads) for n in (0, 1)]
        wide = Frame(MARGIN, BOTTOM, HEIGHT - 2 * MARGIN, WIDTH - TOP - BOTTOM, id="wide", **pads)
        templates = [
            PageTemplate("cover", [one], onPage=self.cover),
            PageTemplate("one", [one], onPage=self.furniture),
            PageTemplate("two", two, onPage=self.furniture),
            PageTemplate("wide", [wide], onPage=self.turned, pagesize=(HEIGHT, WIDTH)),
        ]
        templates[-1].rotation = 90
        self.addPageTemplates(templates)

    def label(self) -> str:
        """Count one page and return its printed label."""
        self.count += 1
        label = roman(self.count) if self.prefix == "front" else f"{self.prefix}-{self.count}"
        self.found.labels.append(label)
        style, prefix = ("ROMAN_LOWER", "") if self.prefix == "front" else ("ARABIC", f"{self.prefix}-")
        self.canv.addPageLabel(self.page - 1, style=style, start=self.count, prefix=prefix)
        return label

    def cover(self, canvas: Canvas, _: Any) -> None:
        """Draw the title page's band; it is counted and not numbered."""
        self.label()
        canvas.setFillColor(INK)
        canvas.rect(0, HEIGHT - 42 * mm, WIDTH, 42 * mm, stroke=0, fill=1)
        canvas.rect(0, 0, WIDTH, 9 * mm, stroke=0, fill=1)
        canvas.setFillColor(black)

    def furniture(self, canvas: Canvas, _: Any, width: float = WIDTH, height: float = HEIGHT) -> None:
        """Draw the running header and footer; even positions are left-hand pages."""
        label = self.label()
        section = self.known.section_at(self.page)
        left, right = (section, self.chapter_title) if self.page % 2 else (self.chapter_title, section)
        canvas.setFont("Helvetica", 8)
        canvas.setStrokeColor(RULE)
        canvas.drawString(MARGIN, height - 13 * mm, left)
        canvas.drawRightString(width - MARGIN, height - 13 * mm, right)
        canvas.line(MARGIN, height - 15 * mm, width - MARGIN, height - 15 * mm)
        canvas.line(MARGIN, 14 * mm, width - MARGIN, 14 * mm)
        canvas.drawString(MARGIN, 10 * mm, f"{self.heading}  {self.number}")
        canvas.setFont("Helvetica-Bold", 9)
        canvas.drawRightString(width - MARGIN, 10 * mm, label)

    def turned(self, canvas: Canvas, document: Any) -> None:
        """Draw a landscape page sideways on the portrait sheet, and say so with /Rotate."""
        canvas.translate(WIDTH, 0)
        canvas.rotate(90)
        self.furniture(canvas, document, width=HEIGHT, height=WIDTH)


def roman(number: int) -> str:
    """Return a small Roman numeral up to xxxix."""
    return "x" * (number // 10) + ["", "i", "ii", "iii", "iv", "v", "vi", "vii", "viii", "ix"][number % 10]


class StartChapter(Flowable):
    """Takes no room; from the next page on, labels count in this chapter."""

    def __init__(self, document: ManualDocument, prefix: str, title: str) -> None:
        super().__init__()
        self.document, self.prefix, self.title = document, prefix, title

    def wrap(self, *_: float) -> tuple[float, float]:
        return 0, 0

    def draw(self) -> None:
        if self.prefix != self.document.prefix:
            self.document.count = 0
        self.document.prefix, self.document.chapter_title = self.prefix, self.title


class Heading(Paragraph):
    """A heading that enters itself in the outline, the contents and the running header."""

    def __init__(self, text: str, style: ParagraphStyle, document: ManualDocument, depth: int) -> None:
        super().__init__(escape(text, quote=False), style)
        self.plain, self.document, self.depth = text, document, depth

    def draw(self) -> None:
        super().draw()
        found, page = self.document.found, self.document.page
        key = f"h{page}.{self.plain}"
        self.canv.bookmarkPage(key)
        front = self.document.prefix == "front"
        self.canv.addOutlineEntry(self.plain, key, level=0 if front else self.depth, closed=True)
        if not front:
            found.entries.append((self.depth, self.plain, page))
        if number := re.match(r"[\d.]+", self.plain):
            found.starts[number[0]] = page
        if self.depth:
            found.sections.setdefault(page, self.plain)
        elif page not in found.sections:
            found.sections[page] = ""


class Drawing(Flowable):
    """A figure of ``figures.py``, centred."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.width, self.height, self.paint = FIGURES[name]
        self.hAlign = "CENTER"

    def wrap(self, *_: float) -> tuple[float, float]:
        return self.width * mm, self.height * mm

    def draw(self) -> None:
        self.canv.saveState()
        self.paint(self.canv)
        self.canv.restoreState()


class ManualTable(Table):
    """A table whose caption and heads are repeated on every page, the caption with "(continued)"."""

    caption = ""

    def split(self, width: float, height: float) -> list[Flowable]:
        parts = super().split(width, height)
        for first, part in enumerate(parts):
            part.caption = self.caption
            if first and self.caption:
                text = f"{self.caption} (continued)"
                # The parts share the repeated rows, so the first row is replaced, not changed.
                head = [[Paragraph(text, STYLES["caption"])], *part._cellvalues[0][1:]]
                part._cellvalues = [head, *part._cellvalues[1:]]
        return parts


class Typesetter:
    """Turns the blocks of a chapter into flowables."""

    def __init__(self, document: ManualDocument, known: Layout) -> None:
        self.document, self.known = document, known

    def chapter(self, chapter: Chapter) -> list[Flowable]:
        """Set one chapter, on a new page."""
        meta, cover = chapter.meta, any(part.kind == "cover" for part in chapter.parts)
        story: list[Flowable] = [StartChapter(self.document, meta["chapter"], meta["title"])]
        if not cover:
            story += [NextPageTemplate("two" if meta.get("columns") == "2" else "one"), PageBreak()]
        story += self.parts(chapter.parts)
        if chapter.parts[-1].kind in ("two-columns", "landscape"):
            story.pop()  # the next chapter breaks the page itself
        return story

    def parts(self, parts: tuple[Part, ...]) -> list[Flowable]:
        """Set blocks in order; headings, scopes and notices stay with the block that follows them."""
        story: list[Flowable] = []
        lead: list[Flowable] = []
        for part in parts:
            made = self.part(part)
            if part.kind in ("h2", "h3") and lead and not isinstance(lead[0], Paragraph):
                story, lead = story + lead, []  # a notice at the end of the section before
            if part.kind in ("h2", "h3", "notice") or part.text.startswith("*Applies to"):
                lead += made
                continue
            if lead and part.kind == "table" and len(part.rows) > SHORT_TABLE:
                story += [CondPageBreak(75 * mm), *lead, *made]
            elif lead:
                first = made[0]._content if isinstance(made[0], KeepTogether) else made[:1]
                story += [KeepTogether([*lead, *first]), *made[1:]]
            else:
                story += made
            lead = []
        return story + lead

    def part(self, part: Part) -> list[Flowable]:
        """Set one block."""
        if part.kind in ("h1", "h2"):
            return [Heading(part.text, STYLES[part.kind], self.document, int(part.kind[1]) - 1)]
        if part.kind == "h3":
            return [Paragraph(self.inline(part.text), STYLES["h3"])]
        if part.kind == "paragraph":
            return [Paragraph(self.inline(part.text), BODY)]
        if part.kind == "item":
            mark = "•" if part.options == "-" else part.options
            return [Paragraph(self.inline(part.text), STYLES["item"], bulletText=mark)]
        if part.kind == "notice":
            return self.notice(part)
        if part.kind == "table":
            return self.table(part)
        if part.kind == "figure":
            caption = Paragraph(self.inline(part.text), STYLES["figure"])
            return [KeepTogether([Spacer(1, 4), Drawing(part.options), caption])]
        if part.kind == "two-columns":
            return self.turned_to("two", part)
        if part.kind == "landscape":
            return self.turned_to("wide", part)
        if part.kind == "cover":
            return self.cover(part)
        if part.kind == "contents":
            return self.contents()
        raise ValueError(f"unknown block {part.kind!r}")

    def turned_to(self, template: str, part: Part) -> list[Flowable]:
        """Set blocks on pages of another template, then go back."""
        return [
            NextPageTemplate(template),
            PageBreak(),
            *self.parts(part.parts),
            NextPageTemplate("one"),
            PageBreak(),
        ]

    def notice(self, part: Part) -> list[Flowable]:
        """Set a WARNING, CAUTION, NOTE or REVISION box."""
        colour = HexColor(NOTICE_COLOURS[part.options])
        head = ParagraphStyle("notice-head", STYLES["head"], textColor=white, fontSize=8.8)
        word = "REVISION NOTE" if part.options == "REVISION" else part.options
        rows = [[Paragraph(word, head)], [Paragraph(self.inline(part.text), STYLES["cell"])]]
        style = TableStyle([
            ("BOX", (0, 0), (-1, -1), 0.9, colour),
            ("BACKGROUND", (0, 0), (-1, 0), colour),
            ("TOPPADDING", (0, 0), (-1, 0), 1.5), ("BOTTOMPADDING", (0, 0), (-1, 0), 2.5),
        ])  # fmt: skip
        return [Table(rows, colWidths=["100%"], style=style, spaceBefore=4, spaceAfter=6)]

    def table(self, part: Part) -> list[Flowable]:
        """Set a pipe table; its caption is a first row, so that it repeats with the heads."""
        columns = len(part.rows[0])
        if any(len(row) != columns for row in part.rows):
            raise ValueError(f"rows of unequal length in {part.text or part.rows[0]}")
        shares = re.search(r"widths=([\d.,]+)", part.options)
        numbers = [float(n) for n in shares[1].split(",")] if shares else [1.0] * columns
        widths = [f"{100 * n / sum(numbers):.3f}%" for n in numbers]
        unruled = "unruled" in part.options
        cells = [
            [Paragraph(self.inline(c), STYLES["head" if at == 0 else "cell"]) for c in row]
            for at, row in enumerate(part.rows)
        ]
        lead = 1 if part.text else 0
        if part.text:
            cells.insert(0, [Paragraph(self.inline(part.text), STYLES["caption"]), *[""] * (columns - 1)])
        style: list[tuple[Any, ...]] = [
            ("VALIGN", (0, 0), (-1, -1), "TOP"),
            ("TOPPADDING", (0, 0), (-1, -1), 2), ("BOTTOMPADDING", (0, 0), (-1, -1), 2.6),
            ("LEFTPADDING", (0, 0), (-1, -1), 3.5), ("RIGHTPADDING", (0, 0), (-1, -1), 3.5),
        ]  # fmt: skip
        if part.text:
            style += [("SPAN", (0, 0), (-1, 0)), ("LEFTPADDING", (0, 0), (-1, 0), 0)]
        if not unruled:
            style += [("GRID", (0, lead), (-1, -1), 0.4, RULE), ("BACKGROUND", (0, lead), (-1, lead), PALE)]
        table = ManualTable(cells, colWidths=widths, style=TableStyle(style), repeatRows=lead + 1)
        table.caption = self.inline(part.text)
        table.spaceBefore, table.spaceAfter = 5, 9
        return [KeepTogether([table]) if len(part.rows) <= SHORT_TABLE else table]

    def cover(self, part: Part) -> list[Flowable]:
        """Set the title page: its first block large."""
        story: list[Flowable] = [Spacer(1, 52 * mm)]
        for at, block in enumerate(part.parts):
            story.append(Paragraph(self.inline(block.text), STYLES["cover" if at == 0 else "cover2"]))
            story.append(Spacer(1, 9 * mm))
        return [*story, NextPageTemplate("one"), PageBreak()]

    def contents(self) -> list[Flowable]:
        """Set the table of contents from the pass before."""
        rows = [
            [Paragraph(("" if depth else "<b>") + escape(text, quote=False) + ("" if depth else "</b>"),
                       ParagraphStyle("toc", STYLES["cell"], leftIndent=10 * depth)),
             Paragraph(self.known.labels[page - 1], STYLES["cell"])]
            for depth, text, page in self.known.entries
        ] or [["", ""]]  # fmt: skip
        style = TableStyle([("TOPPADDING", (0, 0), (-1, -1), 0.6), ("BOTTOMPADDING", (0, 0), (-1, -1), 0.6)])
        return [Table(rows, colWidths=["88%", "12%"], style=style)]

    def inline(self, text: str) -> str:
        """Return reportlab markup for inline Markdown."""
        return markup(text, self.known)
