"""Pages out of the lines that OCR read, and what an engine that misbehaves costs."""

from __future__ import annotations

import sys

import pytest

from ragedge.config import IngestConfig
from ragedge.datatypes import Block, Chunk, Document, OcrLine, Page, Span
from ragedge.errors import PluginError, SourceError
from ragedge.ingest import ocr_page
from ragedge.ingest.ocr_process import OcrProcess
from ragedge.ingest.parser_process import CounterSpec, Parser

TYPED = Page(1, "Typed words.", blocks=(Block("paragraph", 0, 12),))
PICTURE = Page(2, "", has_image_only=True)
DOCUMENT = Document("a.pdf", "application/pdf", (TYPED, PICTURE))


def lines(*texts, confidence=0.9):
    return [
        OcrLine(text, confidence, 72.0, 72.0 + 20 * n, 7.0 * len(text), 14.0) for n, text in enumerate(texts)
    ]


def test_pages_without_text_are_wanted_and_with_figures_all():
    assert ocr_page.wanted(DOCUMENT, figures=False) == [1]
    assert ocr_page.wanted(DOCUMENT, figures=True) == [0, 1]
    assert ocr_page.wanted(Document("a.md", "text/markdown", (TYPED,)), figures=True) == []


def test_lines_become_the_pages_text_with_their_confidence():
    page = ocr_page.fill(DOCUMENT, {1: lines("Tighten the drain plug", "to 31 N·m.", confidence=0.8)}).pages[
        1
    ]
    assert page.text.split() == ["Tighten", "the", "drain", "plug", "to", "31", "N·m."]
    assert not page.has_image_only
    assert page.number == 2
    assert {block.confidence for block in page.blocks} == {0.8}


def test_columns_are_read_one_after_the_other():
    left = [OcrLine(f"left words number {n} go on", 0.9, 60, 60 + 20 * n, 200, 14) for n in range(8)]
    right = [OcrLine(f"right words number {n} go on", 0.9, 330, 60 + 20 * n, 200, 14) for n in range(8)]
    text = ocr_page.fill(DOCUMENT, {1: [*right, *left]}).pages[1].text
    assert text.index("left words number 7") < text.index("right words number 0")


def test_words_of_a_figure_stand_behind_the_typed_words():
    page = ocr_page.fill(DOCUMENT, {0: lines("Valve A")}).pages[0]
    assert page.text == "Typed words.\n\nValve A"
    assert page.blocks[-1] == Block("figure", 14, 21, confidence=0.9)


def test_what_could_not_be_read_stays_unread_and_what_was_white_does_not():
    assert ocr_page.fill(DOCUMENT, {1: None}).pages[1].has_image_only
    assert not ocr_page.fill(DOCUMENT, {1: []}).pages[1].has_image_only
    assert ocr_page.fill(DOCUMENT, {1: lines("~,", confidence=0.6)}).pages[1].text == ""


def test_a_chunk_has_the_least_confidence_of_its_blocks():
    page = Page(1, "ab cd ef", blocks=(
        Block("paragraph", 0, 2, confidence=0.9), Block("paragraph", 3, 5, confidence=0.7), Block("paragraph", 6, 8),
    ))  # fmt: skip
    chunks = [Chunk("ab cd", (Span(0, 0, 5),)), Chunk("ab", (Span(0, 0, 2),)), Chunk("ef", (Span(0, 6, 8),))]
    marked = ocr_page.mark(Document("a.pdf", "application/pdf", (page,)), chunks)
    assert [chunk.metadata.get("ocr_confidence") for chunk in marked] == [0.7, 0.9, None]


ENGINE = """
import os, time
from ragedge.datatypes import OcrLine
class Engine:
    def read(self, data, page, figures):
        order = data.split()[page].decode()
        if order == "hang":
            while True: time.sleep(0.01)
        if order == "crash": os.kill(os.getpid(), 11)
        if order == "raise": raise ValueError(order)
        if order == "fetch":
            import socket
            socket.create_connection(("192.0.2.1", 80), timeout=1)
        return [OcrLine(order, 0.9, 0.0, 0.0, 50.0, 10.0)]
def create(options): return Engine()
"""


@pytest.fixture
def engine(tmp_path, monkeypatch):
    """An OCR plugin that does on each page what the file's word for it says."""
    package = tmp_path / "wayward-1.0.dist-info"
    package.mkdir()
    (package / "METADATA").write_text("Metadata-Version: 2.1\nName: wayward\nVersion: 1.0\n")
    (package / "entry_points.txt").write_text("[ragedge.ocr]\nwayward = wayward:create\n")
    (tmp_path / "wayward.py").write_text(ENGINE)
    monkeypatch.syspath_prepend(str(tmp_path))
    process = OcrProcess(IngestConfig(ocr="wayward", ocr_page_s=1.5))
    yield process
    process.close()


def words(found):
    return {page: read and read[0][0] for page, read in found.items()}


@pytest.mark.skipif(sys.platform == "win32", reason="a crash is a signal")
def test_a_page_that_hangs_or_crashes_costs_that_page_only(engine):
    found = engine.read(b"one hang three crash raise six", range(6))
    assert words(found) == {0: "one", 1: None, 2: "three", 3: None, 4: None, 5: "six"}


def test_an_engine_that_would_fetch_something_is_stopped(engine):
    with pytest.raises(PluginError, match="network access was refused"):
        engine.read(b"one fetch", (0, 1))


def test_one_process_reads_many_files(engine):
    assert words(engine.read(b"one two", (0, 1))) == {0: "one", 1: "two"}
    worker = engine._worker
    assert words(engine.read(b"other", (0,))) == {0: "other"}
    assert engine._worker is worker


def test_a_plugin_that_is_not_there_is_told():
    with pytest.raises(PluginError, match="nowhere"):
        OcrProcess(IngestConfig(ocr="nowhere")).read(b"x", (0,))


def test_without_ocr_a_file_of_pictures_is_no_text_with_a_way_out(tmp_path):
    from reportlab.lib.utils import ImageReader
    from reportlab.pdfgen.canvas import Canvas

    image = pytest.importorskip("PIL.Image").new("RGB", (300, 400), "gray")
    canvas = Canvas(str(tmp_path / "a.pdf"))
    canvas.drawImage(ImageReader(image), 0, 0, 595, 842)
    canvas.save()
    counter = CounterSpec("ragedge.testing.word_counter:create")
    with (
        Parser(IngestConfig(), counter) as parser,
        pytest.raises(SourceError, match="connectors/ocr") as caught,
    ):
        parser.parse("a.pdf", (tmp_path / "a.pdf").read_bytes())
    assert caught.value.code == "no_text"
