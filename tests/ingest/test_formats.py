"""Every kind of file through the parser process, told by its content; and kinds that a plugin adds."""

from __future__ import annotations

import io
import textwrap

import docx as python_docx
import pytest

from ragedge.config import IngestConfig
from ragedge.errors import PluginError, SourceError
from ragedge.ingest.parser_process import CounterSpec, Parser
from tests.ingest.small_book import book

COUNTER = CounterSpec("ragedge.testing.word_counter:create")


def word_document():
    made = python_docx.Document()
    made.add_heading("Oil", 1)
    made.add_paragraph("Open the drain plug.")
    out = io.BytesIO()
    made.save(out)
    return out.getvalue()


FILES = {
    "a.docx": (word_document, "wordprocessingml.document"),
    "b.epub": (book, "application/epub+zip"),
    "c.csv": (lambda: b"part;Nm\ndrain plug;25\ncover;9\n", "text/csv"),
    "d.md": (lambda: b"# Oil\n\nOpen the drain plug.\n", "text/markdown"),
    "e.html": (lambda: b"<h1>Oil</h1><p>Open the drain plug.", "text/html"),
    "f.txt": (lambda: b"Open the drain plug.\n", "text/plain"),
}


def test_each_kind_is_told_by_its_content_and_read_in_the_parser_process():
    with Parser(IngestConfig(), COUNTER) as parser:
        for name, (make, media_type) in FILES.items():
            # A name that says nothing: only Markdown, HTML and CSV this short need theirs.
            named = name if name[0] in "cde" else "file"
            parsed = parser.parse(named, make())
            assert parsed.document.media_type.endswith(media_type), name
            assert any("drain plug" in chunk.text for chunk in parsed.chunks), name


def test_a_type_can_be_switched_off():
    with Parser(IngestConfig(loaders={"text/csv": "none"}), COUNTER) as parser:
        with pytest.raises(SourceError, match="no loader is set") as caught:
            parser.parse("c.csv", FILES["c.csv"][0]())
        assert caught.value.code == "unsupported"
        assert parser.parse("f.txt", b"The others are still read.").chunks


LOADER = """
from ragedge.datatypes import Document, Page

def create(options):
    return TorqueLoader()

class TorqueLoader:
    media_types = ("application/x-torque",)
    {recognize}
    def load(self, data, source, /):
        return Document(source, self.media_types[0], (Page(None, data[4:].decode()),))
"""
RECOGNIZE = """
    def recognize(self, data, source, /):
        return self.media_types[0] if data.startswith(b"TRQ1") else None
"""


def install(folder, monkeypatch, recognize):
    info = folder / "torque-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: torque\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[ragedge.loader]\ntorque = torque_loader:create\n")
    (folder / "torque_loader.py").write_text(textwrap.dedent(LOADER).replace("    {recognize}", recognize))
    monkeypatch.syspath_prepend(folder)


def test_a_loader_plugin_adds_a_type_of_its_own(tmp_path, monkeypatch):
    install(tmp_path, monkeypatch, RECOGNIZE)
    with Parser(IngestConfig(loaders={"application/x-torque": "torque"}), COUNTER) as parser:
        parsed = parser.parse("list.txt", b"TRQ1drain plug 25 Nm")
        assert (parsed.document.media_type, parsed.document.pages[0].text) == (
            "application/x-torque",
            "drain plug 25 Nm",
        )
        assert parser.parse("words.txt", b"drain plug").document.media_type == "text/plain"


def test_a_loader_that_cannot_tell_its_files_is_refused(tmp_path, monkeypatch):
    install(tmp_path, monkeypatch, "")
    with (
        Parser(IngestConfig(loaders={"application/x-torque": "torque"}), COUNTER) as parser,
        pytest.raises(PluginError, match="cannot tell application/x-torque files"),
    ):
        parser.parse("list.txt", b"TRQ1drain plug 25 Nm")
