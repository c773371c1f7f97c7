"""Reads Word documents: headings by style, numbered lists, tables with heads, captions, footnotes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from xml.etree.ElementTree import Element

from ragedge.datatypes import Document
from ragedge.errors import SourceError
from ragedge.ingest import detect
from ragedge.ingest.archive import Archive
from ragedge.ingest.clean import clean
from ragedge.ingest.docx_body import BodyReader
from ragedge.ingest.docx_styles import Numbering, Styles
from ragedge.ingest.options import no_options
from ragedge.ingest.xml_tree import parse_xml

_MAIN = "word/document.xml"


def create(options: Mapping[str, Any]) -> DocxLoader:
    """Build the loader; it has no options."""
    no_options("loader", "docx", options)
    return DocxLoader()


class DocxLoader:
    """Reads DOCX; the whole file is one page without a number, as only a layout engine knows its pages."""

    @property
    def media_types(self) -> Sequence[str]:
        """What it reads."""
        return (detect.DOCX,)

    def load(self, data: bytes, source: str, /) -> Document:
        """Read a file's bytes.

        Raises:
            SourceError: it is damaged, unpacks to too much, or no text is in it.
        """
        archive = Archive(data, source)

        def part(name: str) -> Element | None:
            return parse_xml(archive.read(name), source) if name in archive else None

        tree = parse_xml(archive.read(_MAIN), source)
        body = tree.find("body")
        if body is None:
            raise SourceError("damaged", f"{source} has no document body")
        notes = {
            kind: {note.get("id", ""): note for note in found.iter(kind)}
            for kind in ("footnote", "endnote")
            if (found := part(f"word/{kind}s.xml")) is not None
        }
        reader = BodyReader(Styles(part("word/styles.xml")), Numbering(part("word/numbering.xml")), notes)
        page = reader.read(body).build(None)
        if not page.text:
            raise SourceError("no_text", f"{source} holds no text")
        about = part("docProps/core.xml")
        title = (about.findtext("title") or "") if about is not None else ""
        return Document(source, detect.DOCX, (page,), clean(" ".join(title.split())) or reader.title)
