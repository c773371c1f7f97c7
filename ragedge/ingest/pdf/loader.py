"""The PDF loader: opens the file, reads each page, and turns what goes wrong into a reason."""

from __future__ import annotations

import logging
import re
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field

import pypdf

from ragedge.datatypes import Document, Page
from ragedge.errors import SourceError
from ragedge.ingest import detect
from ragedge.ingest.clean import clean
from ragedge.ingest.hidden_text import append_hidden
from ragedge.ingest.pdf.blocks import PageWriter, open_notice
from ragedge.ingest.pdf.content import FontCache, PageContent, Run, read_page
from ragedge.ingest.pdf.continued import OpenTable
from ragedge.ingest.pdf.furniture import find_furniture, printed_label, strip_page_counts, turned_furniture
from ragedge.ingest.pdf.headings import learn, read_outline
from ragedge.ingest.pdf.joining import LineJoiner
from ragedge.ingest.pdf.labels import mend_labels
from ragedge.ingest.pdf.lines import turn_line
from ragedge.ingest.pdf.opening import open_pdf, page_list
from ragedge.ingest.pdf.rows import Row, build_rows, reading_order
from ragedge.ingest.pdf.ruled import read_ruled

logging.getLogger("pypdf").setLevel(logging.CRITICAL)  # it warns of every oddity, quoting the file

_SPECK = re.compile(r"[.,'`´:;^-](?: ?[.,'`´:;^-])?")  # alone on a line: dirt that OCR read


@dataclass(slots=True)
class _PageRows:
    """A page between reading and writing: upright rows, those of text that is turned, and what nobody sees."""

    height: float
    rows: list[Row]
    turned: list[list[Row]]
    images: int
    hidden: dict[str, str] = field(default_factory=dict)


class PdfLoader:
    """Reads ``application/pdf``."""

    @property
    def media_types(self) -> Sequence[str]:
        """What it reads."""
        return (detect.PDF,)

    def load(self, data: bytes, source: str, /) -> Document:
        """Read a file's bytes.

        Raises:
            SourceError: ``encrypted``, ``damaged`` or ``no_text``.
        """
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return _load(data, source)


def _load(data: bytes, source: str) -> Document:
    reader = open_pdf(data, source)
    pages = _read_pages(reader, source)
    for page in pages:
        page.rows = strip_page_counts(page.height, page.rows)
    edges = [(page.height, page.rows) for page in pages]
    furniture = find_furniture(edges)
    labels = _labels(reader, len(pages))
    turned = [[row for rows in page.turned for row in rows] for page in pages]
    gone = turned_furniture(turned, [[p.rows[i] for i in f] for p, f in zip(pages, furniture, strict=True)])
    if not any(labels):
        labels = mend_labels(
            [printed_label(p.height, p.rows, f) for p, f in zip(pages, furniture, strict=True)]
        )
    for page, rows, drop in zip(pages, turned, gone, strict=True):
        dropped = {id(rows[i]) for i in drop}
        page.turned = [[row for row in part if id(row) not in dropped] for part in page.turned]
    for page, drop in zip(pages, furniture, strict=True):
        if drop:
            page.rows = [row for index, row in enumerate(page.rows) if index not in drop]
    rules = learn(((page.height, page.rows) for page in pages), _outline(reader))
    joiner = LineJoiner(row.text for page in pages for row in page.rows)
    written: list[Page] = []
    table: OpenTable | None = None
    for index, page in enumerate(pages):
        writer = PageWriter(index, rules, joiner, open_notice(written[-1]) if written else None, table)
        for region in [*reading_order(page.rows), *page.turned]:
            writer.write(region)
        writer.flush()
        table = writer.open_table
        # A page that is one picture with a running head above it was not read either.
        image_only = page.images > 0 and not len(writer.builder)
        written.append(writer.builder.build(index + 1, label=labels[index], has_image_only=image_only))
    written = [append_hidden(page, read.hidden) for page, read in zip(written, pages, strict=True)]
    if not any(page.text or page.has_image_only for page in written):
        raise SourceError("no_text", f"{source} has neither text nor pictures on its {len(written)} pages")
    return Document(source, detect.PDF, tuple(written), _title(reader))


def _read_pages(reader: pypdf.PdfReader, source: str) -> list[_PageRows]:
    cache = FontCache()
    pages: list[_PageRows] = []
    failed = 0
    listed = page_list(reader, source)
    for index in range(len(listed)):
        try:
            pages.append(_page_rows(read_page(listed[index], cache)))
        except (RecursionError, MemoryError):
            raise
        except Exception:  # pypdf raises anything over a broken page, which must not cost the others
            failed += 1
            pages.append(_PageRows(0.0, [], [], 0))
    if failed == len(pages):
        raise SourceError(
            "damaged",
            f"{source}: none of its {failed} pages could be read",
            hint="save it again from its original",
        )
    return pages


def _page_rows(content: PageContent) -> _PageRows:
    hidden: dict[str, list[Run]] = {}
    for run in content.runs:
        if run.hidden:
            hidden.setdefault(run.hidden, []).append(run)
    if hidden:
        content.runs = [run for run in content.runs if not run.hidden]
    turns: dict[int, list[object]] = {}
    for run in content.runs:
        turns.setdefault(run.turn, []).append(run)
    counts = {turn: sum(len(run.text) for run in content.runs if run.turn == turn) for turn in turns}
    main = max(counts, key=lambda turn: (counts[turn], -turn)) if counts else 0
    upright = [run for run in content.runs if run.turn == main]
    tables, rest, boxes = read_ruled(
        [turn_line(line, main) for line in content.lines], upright, content.width * content.height
    )
    rows = [row for row in build_rows(rest) if not _SPECK.fullmatch(row.text)]
    for number, box in enumerate(boxes, 1):
        for row in rows:
            if box[0] < row.cells[0].x and row.cells[-1].end < box[2] and box[1] < row.y < box[3]:
                row.box = number
    rows = sorted([*rows, *tables], key=lambda row: -row.y)
    turned = [
        build_rows([run for run in content.runs if run.turn == turn])
        for turn in sorted(counts)
        if turn != main
    ]
    height = content.height
    if main:  # a sideways page has its own top and bottom: measure from its text
        low, high = min(row.y for row in rows), max(row.y for row in rows)
        margin = 0.05 * (high - low) + 20
        for row in rows:
            row.y += margin - low
        height = high - low + 2 * margin
    unseen = {why: "\n".join(row.text for row in build_rows(runs)) for why, runs in hidden.items()}
    return _PageRows(height, rows, turned, content.images, unseen)


def _labels(reader: pypdf.PdfReader, count: int) -> list[str | None]:
    """Return the file's own page labels; pypdf makes up 1, 2, 3 where it has none."""
    try:
        if "/PageLabels" not in reader.root_object:
            return [None] * count
        labels: list[str | None] = [clean(label).strip() or None for label in reader.page_labels]
    except Exception:
        return [None] * count
    return (labels + [None] * count)[:count]


def _outline(reader: pypdf.PdfReader) -> dict[int, dict[str, int]]:
    try:
        if "/Outlines" not in reader.root_object:
            return {}
        pages = {
            page.indirect_reference.idnum: index
            for index, page in enumerate(reader.pages)
            if page.indirect_reference is not None
        }
        return read_outline(reader, pages)
    except Exception:
        return {}


def _title(reader: pypdf.PdfReader) -> str:
    try:
        metadata = reader.metadata
        return " ".join(clean(str(metadata.title or "")).split()) if metadata else ""
    except Exception:
        return ""
