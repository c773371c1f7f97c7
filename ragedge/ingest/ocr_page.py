"""Turns the lines that OCR read into pages, by the same rows, columns and tables as a text layer's."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import replace

from ragedge.datatypes import Block, Chunk, Document, OcrLine, Page
from ragedge.ingest import detect
from ragedge.ingest.clean import clean
from ragedge.ingest.hidden_text import append_hidden, hidden_texts, visible
from ragedge.ingest.pdf.blocks import PageWriter
from ragedge.ingest.pdf.content import Run
from ragedge.ingest.pdf.headings import learn
from ragedge.ingest.pdf.joining import LineJoiner
from ragedge.ingest.pdf.rows import build_rows, reading_order

NO_OCR = "they are pictures: install connectors/ocr, then ingest with --set ingest.ocr=rapidocr"
# Lines under it are more often marks in a picture than words: on pictures without a word (robust_pdfs), what the
# engine made up came with 0.59 to 0.66; the blocks of real scans have 0.92 and more.
_LEAST_CONFIDENCE = 0.7
# A box is higher than the type in it, and differs by ascenders from line to line of one size.
_TYPE_SHARE, _SAME_SIZE = 0.72, 0.4


def wanted(document: Document, *, figures: bool) -> list[int]:
    """Return the indices of the pages that OCR should look at: those not read, or with figures all."""
    if document.media_type != detect.PDF:
        return []
    return [index for index, page in enumerate(document.pages) if figures or page.has_image_only]


def fill(document: Document, lines: Mapping[int, Sequence[OcrLine] | None]) -> Document:
    """Return a document with what OCR read on its pages.

    A page without text gets the lines as its text; one with text gets them as a figure behind it.

    Args:
        document: As its loader read it.
        lines: For the index of a page; None where it could not be read, and stays unread.
    """
    pages = list(document.pages)
    for index, found in lines.items():
        if found is None:
            continue
        page = replace(visible(pages[index]), has_image_only=False)
        good = [line for line in found if line.confidence >= _LEAST_CONFIDENCE and clean(line.text).strip()]
        if good:
            page = _with_figure(page, good) if page.text else _read(page, index, good)
        pages[index] = append_hidden(page, hidden_texts(pages[index]))
    return replace(document, pages=tuple(pages))


def mark(document: Document, chunks: Sequence[Chunk]) -> list[Chunk]:
    """Set ``ocr_confidence`` in the metadata of chunks that OCR read: the least of their blocks."""
    if not any(block.confidence is not None for page in document.pages for block in page.blocks):
        return list(chunks)
    marked = []
    for chunk in chunks:
        read = [
            block.confidence
            for span in chunk.spans
            for block in document.pages[span.page_index].blocks
            if block.confidence is not None and block.start < span.end and span.start < block.end
        ]
        least = {"ocr_confidence": min(read)} if read else {}
        marked.append(replace(chunk, metadata={**chunk.metadata, **least}) if read else chunk)
    return marked


def _read(page: Page, index: int, lines: Sequence[OcrLine]) -> Page:
    rows = build_rows(_runs(lines))
    bottom = max(line.y + line.height for line in lines)
    rules = learn([(bottom, rows)], {})
    writer = PageWriter(index, rules, LineJoiner(row.text for row in rows))
    for region in reading_order(rows):
        writer.write(region)
    writer.flush()
    built = writer.builder.build(page.number, label=page.label)
    return replace(built, blocks=tuple(_sure(block, built.text, lines) for block in built.blocks))


def _with_figure(page: Page, lines: Sequence[OcrLine]) -> Page:
    """Append the words in a page's pictures, as one figure."""
    text = "\n".join(row.text for row in build_rows(_runs(lines)))
    start = len(page.text) + 2
    confidence = round(statistics.fmean(line.confidence for line in lines), 3)
    figure = Block("figure", start, start + len(text), confidence=confidence)
    return replace(page, text=f"{page.text}\n\n{text}", blocks=(*page.blocks, figure))


def _runs(lines: Sequence[OcrLine]) -> list[Run]:
    """Return lines as runs of type, from the bottom of the page up as PDF counts."""
    usual = statistics.median(line.height for line in lines)
    runs = []
    for line in lines:
        same = abs(line.height - usual) <= _SAME_SIZE * usual
        size = _TYPE_SHARE * (usual if same else line.height)
        # The middle of a box stands firmer than its edges.
        middle = line.y + line.height / 2
        runs.append(Run(clean(line.text).strip(), line.x, -middle, line.x + line.width, size, False))
    return runs


def _sure(block: Block, text: str, lines: Sequence[OcrLine]) -> Block:
    """Return a block with the mean confidence of the lines whose words it holds."""
    whole = "".join(text[block.start : block.end].split())
    inside = [line for line in lines if "".join(clean(line.text).split()) in whole] or list(lines)
    weight = sum(len(line.text) for line in inside)
    mean = sum(line.confidence * len(line.text) for line in inside) / weight
    return replace(block, confidence=round(mean, 3))
