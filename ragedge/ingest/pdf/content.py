"""Runs a page's content stream and collects its runs of text with their places.

pypdf's own extractor gives lines without widths; a scanner that looks at text operators alone is faster
and knows where each run begins and ends, which columns and tables are read by.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import pypdf
from pypdf.generic import ArrayObject, ContentStream, DictionaryObject, StreamObject

from ragedge.ingest.pdf.annotations import show_annotations
from ragedge.ingest.pdf.fonts import RunFont, load_font
from ragedge.ingest.pdf.layers import Layers
from ragedge.ingest.pdf.lines import IDENTITY, PATH_OPERATORS, Line, LineCollector, Matrix, multiply
from ragedge.ingest.pdf.scanner import operations
from ragedge.ingest.pdf.visibility import PAINT_OPERATORS, Box, Visibility, box_of

_GAPS = re.compile(r" {2,}|\t+")
MAX_FORM_DEPTH = 12
_MAX_FORMS = 2000
_MAX_OPERATIONS = 3_000_000  # of one page, its forms included
_MAX_RUNS = 200_000
# Kerning of over a fifth of the size is a space between words; of over one and a half, a gap between cells.
_SPACE_EM, _CELL_EM = 0.2, 1.5
_LETTER = 0.7  # of the size: the height of a capital


@dataclass(slots=True)
class Run:
    """Text shown in one go.

    Attributes:
        text: As decoded.
        x: Left end, in points from the left of the page as it is looked at.
        y: Baseline, in points from the bottom.
        end: Right end.
        size: Height of the font in points.
        bold: Whether the font is.
        turn: Direction of the text in quarter turns against the page.
        hidden: Why nobody sees it, one of ``HIDDEN_REASONS``; empty where they do.
    """

    text: str
    x: float
    y: float
    end: float
    size: float
    bold: bool
    turn: int = 0
    hidden: str = ""


@dataclass(slots=True)
class PageContent:
    """What a page shows. ``images`` counts pictures that cover a good part of it; ``lines`` are upright or level."""

    runs: list[Run]
    width: float
    height: float
    images: int
    lines: list[Line]


class FontCache:
    """The fonts of a document, built once each, and what else its pages share."""

    def __init__(self) -> None:
        self._fonts: dict[tuple[int, int] | int, RunFont | None] = {}
        self._kept: list[Any] = []  # an id is only good while its object lives
        self._layers: Layers | None = None

    def layers(self, pdf: Any) -> Layers:
        """Return the document's layers."""
        if self._layers is None:
            self._layers = Layers(getattr(pdf, "root_object", None))
        return self._layers

    def find(self, fonts: Any, name: str) -> RunFont | None:
        """Return the named font of a page's resources; None if there is none or it is broken."""
        if not isinstance(fonts, DictionaryObject) or name not in fonts:
            return None
        raw = fonts.raw_get(name)
        key = (raw.idnum, raw.generation) if hasattr(raw, "idnum") else id(raw)
        if key not in self._fonts:
            self._kept.append(raw)
            self._fonts[key] = load_font(raw)
        return self._fonts[key]


def read_page(page: pypdf.PageObject, cache: FontCache) -> PageContent:
    """Collect a page's runs, turned as the page is looked at."""
    box = page.cropbox
    left, bottom, width, height = float(box.left), float(box.bottom), float(box.width), float(box.height)
    turn = int(page.rotation or 0) % 360
    base: Matrix = (1, 0, 0, 1, -left, -bottom)
    if turn == 90:
        base, width, height = (0, -1, 1, 0, -bottom, width + left), height, width
    elif turn == 180:
        base = (-1, 0, 0, -1, width + left, height + bottom)
    elif turn == 270:
        base, width, height = (0, 1, -1, 0, height + bottom, -left), height, width
    reader = ContentReader(cache, page.pdf, abs(width), abs(height))
    contents = page.get("/Contents")
    if contents is not None:
        data = ContentStream(contents.get_object(), page.pdf, "bytes").get_data()
        reader.run(data, _resources(page), base, 0)
    show_annotations(reader, page.get("/Annots"), base)
    reader.visibility.finish()
    return PageContent(reader.runs, abs(width), abs(height), reader.images, reader.ruler.lines)


def _resources(holder: DictionaryObject) -> DictionaryObject:
    seen = 0
    node: Any = holder
    while isinstance(node, DictionaryObject) and seen < 64:
        found = node.get("/Resources")
        found = found.get_object() if found is not None else None
        if isinstance(found, DictionaryObject):
            return found
        node = node.get("/Parent")
        node = node.get_object() if node is not None else None
        seen += 1
    return DictionaryObject()


class ContentReader:
    """The text state machine of PDF 32000-1, section 9; everything else is passed over."""

    def __init__(self, cache: FontCache, pdf: Any, width: float, height: float) -> None:
        self.runs: list[Run] = []
        self.images = 0
        self.operations = 0
        self.ruler = LineCollector()
        self.visibility = Visibility(width, height, cache.layers(pdf))
        self._cache, self._pdf, self._page_area = cache, pdf, max(width * height, 1.0)
        self._forms = 0

    def run(self, data: bytes, resources: DictionaryObject, ctm: Matrix, depth: int) -> None:
        """Run one stream; forms that it shows are run inside."""
        visibility = self.visibility
        outer = visibility.paint
        self._run(data, resources, ctm, depth)
        visibility.paint = outer

    def _run(self, data: bytes, resources: DictionaryObject, ctm: Matrix, depth: int) -> None:
        visibility = self.visibility
        fonts = _entry(resources, "/Font")
        stack: list[tuple[Any, ...]] = []
        font: RunFont | None = None
        size = leading = char_space = word_space = rise = 0.0
        scale = 1.0
        text_matrix = line_matrix = IDENTITY
        for operator, operands in operations(data):
            self.operations += 1
            if self.operations > _MAX_OPERATIONS or len(self.runs) > _MAX_RUNS:
                return
            try:
                if operator == b"Tj" or operator == b"TJ" or operator == b"'" or operator == b'"':
                    if operator == b"'" or operator == b'"':
                        if operator == b'"':
                            word_space, char_space = float(operands[-3]), float(operands[-2])
                        line_matrix = text_matrix = multiply((1, 0, 0, 1, 0, -leading), line_matrix)
                    shown = operands[-1]
                    text_matrix = self._show(
                        shown if isinstance(shown, list) else [shown],
                        font, size, scale, char_space, word_space, rise, text_matrix, ctm,
                    )  # fmt: skip
                elif operator == b"Td" or operator == b"TD":
                    x, y = float(operands[-2]), float(operands[-1])
                    if operator == b"TD":
                        leading = -y
                    a, b, c, d, e, f = line_matrix
                    line_matrix = text_matrix = (a, b, c, d, x * a + y * c + e, x * b + y * d + f)
                elif operator == b"Tm":
                    line_matrix = text_matrix = tuple(map(float, operands[-6:]))  # type: ignore[assignment]
                elif operator == b"Tf":
                    font, size = self._cache.find(fonts, operands[-2]), float(operands[-1])
                elif operator == b"BT":
                    text_matrix = line_matrix = IDENTITY
                elif operator == b"T*":
                    line_matrix = text_matrix = multiply((1, 0, 0, 1, 0, -leading), line_matrix)
                elif operator == b"cm":
                    ctm = multiply(tuple(map(float, operands[-6:])), ctm)  # type: ignore[arg-type]
                elif operator == b"q":
                    if len(stack) < 512:
                        stack.append(
                            (ctm, font, size, scale, leading, char_space, word_space, rise, visibility.paint)
                        )
                elif operator == b"Q":
                    if stack:
                        ctm, font, size, scale, leading, char_space, word_space, rise, visibility.paint = (
                            stack.pop()
                        )
                elif operator == b"Tc":
                    char_space = float(operands[-1])
                elif operator == b"Tw":
                    word_space = float(operands[-1])
                elif operator == b"Tz":
                    scale = float(operands[-1]) / 100 or 1.0
                elif operator == b"TL":
                    leading = float(operands[-1])
                elif operator == b"Ts":
                    rise = float(operands[-1])
                elif operator == b"Do":
                    self._object(resources, operands[-1], ctm, depth)
                elif operator == b"ID":
                    self._count_image(ctm)
                else:
                    if operator in PAINT_OPERATORS:
                        visibility.take(operator, operands, ctm, resources)
                    if operator in PATH_OPERATORS:
                        self.ruler.take(operator, operands, ctm)
            except (IndexError, ValueError, TypeError, KeyError, AttributeError):
                continue  # too few operands, or the wrong kind: pass over it

    def _show(
        self,
        parts: list[Any],
        font: RunFont | None,
        size: float,
        scale: float,
        char_space: float,
        word_space: float,
        rise: float,
        text_matrix: Matrix,
        ctm: Matrix,
    ) -> Matrix:
        """Show strings and kernings; returns the text matrix after them."""
        a, b, c, d, e, f = multiply(text_matrix, ctm)
        advance = start = ended = 0.0  # in text space; where what is shown last ended
        held = (
            0.0  # width of spaces shown since; kerning may take them back, as some writers do after ligatures
        )
        pieces: list[str] = []
        space = min(max((font.space if font else 250.0) * 0.0005, 0.12), _SPACE_EM) * abs(size)
        for part in parts:
            if isinstance(part, float):
                shift = -part / 1000 * size * scale
                advance += shift
                gap = advance - ended
                if gap > space * scale and shift > 0 and pieces:
                    if gap > _CELL_EM * abs(size) * scale:
                        self.add("".join(pieces), start, ended, size, rise, font, (a, b, c, d, e, f))
                        pieces, start, held = [], advance, 0.0
                    elif not pieces[-1].endswith(" "):
                        pieces.append(" ")
                elif not pieces:
                    start = advance
            elif isinstance(part, bytes):
                text, width, codes = (
                    font.decode(part) if font else (part.decode("latin-1"), 500.0 * len(part), len(part))
                )
                advance_by = (width / 1000 * size + char_space * codes) * scale
                if word_space:
                    advance_by += word_space * part.count(b" ") * scale
                if text == " ":
                    held = held + max(advance_by, 1e-6) if pieces else 0.0
                    start = start if pieces else advance + advance_by
                    advance += advance_by
                    continue
                if held and text:
                    gap = advance - ended
                    taken_back = gap < 0.4 * space * scale and gap - held < -0.1 * abs(size) * scale
                    if not taken_back and not pieces[-1].endswith(" "):
                        pieces.append(" ")
                    held = 0.0
                if "  " in text or "\t" in text:
                    pieces, start = self._gapped(
                        text, pieces, start, advance, advance_by, size, rise, font, (a, b, c, d, e, f)
                    )
                elif text:
                    pieces.append(_spread(text) if char_space > 0.6 * abs(size) and len(text) > 1 else text)
                advance += advance_by
                ended = advance
        if pieces:
            self.add("".join(pieces), start, ended, size, rise, font, (a, b, c, d, e, f))
        return multiply((1, 0, 0, 1, advance, 0), text_matrix)

    def _gapped(
        self,
        text: str,
        pieces: list[str],
        start: float,
        at: float,
        width: float,
        size: float,
        rise: float,
        font: RunFont | None,
        matrix: Matrix,
    ) -> tuple[list[str], float]:
        """Break a string at runs of spaces that stand in for a gap; places inside it are estimated."""
        done = 0
        for gap in _GAPS.finditer(text):
            pieces.append(text[done : gap.start()])
            self.add("".join(pieces), start, at + width * gap.start() / len(text), size, rise, font, matrix)
            pieces, done = [], gap.end()
            start = at + width * gap.end() / len(text)
        pieces.append(text[done:])
        return pieces, start

    def add(
        self,
        text: str,
        start: float,
        end: float,
        size: float,
        rise: float,
        font: RunFont | None,
        matrix: Matrix,
    ) -> None:
        """Add a run; places are in the space of the text before ``matrix``."""
        if not text or text.isspace():
            return
        stripped = text.strip(" ")
        if len(stripped) != len(text):  # spaces at the ends are seen again as gaps
            each = (end - start) / len(text)
            start += each * (len(text) - len(text.lstrip(" ")))
            end = start + each * len(stripped)
        a, b, c, d, e, f = matrix
        x0, y0 = start * a + rise * c + e, start * b + rise * d + f
        x1, y1 = end * a + rise * c + e, end * b + rise * d + f
        height = abs(size) * (c * c + d * d) ** 0.5
        turn = (0 if a >= 0 else 2) if abs(a) >= abs(b) else (1 if b > 0 else 3)
        if turn == 1:
            x0, y0, x1 = y0, -x0, y1
        elif turn == 2:
            x0, y0, x1 = -x0, -y0, -x1
        elif turn == 3:
            x0, y0, x1 = -y0, x0, -y1
        if size < 0:
            x0, x1 = min(x0, x1), max(x0, x1)
        run = Run(stripped, x0, y0, max(x1, x0), height or 1.0, bool(font and font.bold), turn)
        if b == 0 == c:
            foot, top = rise * d + f, (rise + _LETTER * size) * d + f
            left, right = start * a + e, end * a + e
            box: Box = (min(left, right), min(foot, top), max(left, right), max(foot, top))
        else:
            box = box_of(start, rise, end, rise + _LETTER * size, matrix)
        run.hidden = self.visibility.why_hidden(run, box, scaled=font is None or font.scaled)
        self.runs.append(run)

    def _object(self, resources: DictionaryObject, name: str, ctm: Matrix, depth: int) -> None:
        """Show a named object: a form is run, an image counted."""
        objects = _entry(resources, "/XObject")
        shown = objects.get(name) if objects is not None else None
        shown = shown.get_object() if shown is not None else None
        if not isinstance(shown, StreamObject):
            return
        if shown.get("/Subtype") == "/Image":
            self._count_image(ctm)
        elif shown.get("/Subtype") == "/Form" and depth < MAX_FORM_DEPTH and self._forms < _MAX_FORMS:
            self._forms += 1
            matrix = shown.get("/Matrix")
            if isinstance(matrix, ArrayObject) and len(matrix) == 6:
                ctm = multiply(tuple(float(v) for v in matrix), ctm)  # type: ignore[arg-type]
            inner = shown.get("/Resources")
            inner = inner.get_object() if inner is not None else None
            outer = self.visibility.paint
            self.visibility.enter(shown)
            box = shown.get("/BBox")
            if isinstance(box, ArrayObject) and len(box) == 4:
                left, foot, right, top = (float(v) for v in box)
                self.visibility.clip_to(box_of(left, foot, right, top, ctm))
            self.run(
                shown.get_data(), inner if isinstance(inner, DictionaryObject) else resources, ctm, depth + 1
            )
            self.visibility.paint = outer

    def _count_image(self, ctm: Matrix) -> None:
        area = abs(ctm[0] * ctm[3] - ctm[1] * ctm[2])  # an image fills the unit square
        if area > self._page_area * 0.05:
            self.images += 1
        self.visibility.add_image(ctm)


def _entry(resources: DictionaryObject, key: str) -> DictionaryObject | None:
    value = resources.get(key)
    value = value.get_object() if value is not None else None
    return value if isinstance(value, DictionaryObject) else None


def _spread(text: str) -> str:
    """Put spaces between letters that stand far apart."""
    return " ".join(text)
