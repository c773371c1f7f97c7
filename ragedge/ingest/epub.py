"""Reads EPUB books: chapters in the order of the spine, each a page."""

from __future__ import annotations

import posixpath
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import unquote
from xml.etree.ElementTree import Element

from ragedge.datatypes import Document, MetadataValue, Page
from ragedge.errors import SourceError
from ragedge.ingest import detect
from ragedge.ingest.archive import Archive
from ragedge.ingest.clean import clean
from ragedge.ingest.html import read_html
from ragedge.ingest.options import no_options
from ragedge.ingest.page_builder import PageBuilder
from ragedge.ingest.text_encoding import decode_text
from ragedge.ingest.xml_tree import parse_xml

_CONTAINER, _RIGHTS = "META-INF/container.xml", "META-INF/encryption.xml"
_CHAPTER_TYPES = ("application/xhtml+xml", "text/html", "application/x-dtbook+xml")
# Dublin Core elements that say what a book is; the rest is about who may read it.
_KEPT_METADATA = ("creator", "publisher", "date", "language")


def create(options: Mapping[str, Any]) -> EpubLoader:
    """Build the loader; it has no options."""
    no_options("loader", "epub", options)
    return EpubLoader()


class EpubLoader:
    """Reads ``application/epub+zip``; page numbers count the chapters in reading order, from 1."""

    @property
    def media_types(self) -> Sequence[str]:
        """What it reads."""
        return (detect.EPUB,)

    def load(self, data: bytes, source: str, /) -> Document:
        """Read a file's bytes.

        Raises:
            SourceError: it is damaged, under a publisher's lock, unpacks to too much, or no text is in it.
        """
        archive = Archive(data, source)
        package_path = _package_path(archive, source)
        package = parse_xml(archive.read(package_path), source)
        chapters = _chapters(package, posixpath.dirname(package_path))
        _refuse_locked(archive, chapters, source)
        titles = _titles(archive, package, posixpath.dirname(package_path), source)
        pages = tuple(
            _page(archive, path, number, titles.get(path, "")) for number, path in enumerate(chapters, 1)
        )
        if not any(page.text for page in pages):
            raise SourceError("no_text", f"{source} holds no text")
        title, metadata = _about(package)
        return Document(source, detect.EPUB, pages, title, metadata)


def _package_path(archive: Archive, source: str) -> str:
    container = parse_xml(archive.read(_CONTAINER), source)
    paths = [root.get("full-path", "") for root in container.iter("rootfile")]
    if not paths or not paths[0]:
        raise SourceError("damaged", f"{source} does not name its package file")
    return paths[0]


def _chapters(package: Element, folder: str) -> list[str]:
    """Return the members of the archive that hold the text, in reading order."""
    items = {item.get("id"): item for item in package.iter("item")}
    found = []
    for reference in package.iter("itemref"):
        item = items.get(reference.get("idref"))
        # The navigation document repeats the headings of all the others.
        if item is None or "nav" in (item.get("properties") or "").split():
            continue
        if item.get("media-type") in _CHAPTER_TYPES:
            found.append(_member(folder, item.get("href", "")))
    return list(dict.fromkeys(found))


def _member(folder: str, reference: str) -> str:
    """Return the member that a reference from a folder means."""
    return posixpath.normpath(posixpath.join(folder, unquote(reference.partition("#")[0])))


def _refuse_locked(archive: Archive, chapters: Sequence[str], source: str) -> None:
    """Refuse a book whose chapters are encrypted; that its fonts are is common and does no harm."""
    if _RIGHTS not in archive:
        return
    locked = {
        _member("", item.get("URI", ""))
        for item in parse_xml(archive.read(_RIGHTS), source).iter("CipherReference")
    }
    if locked & set(chapters):
        raise SourceError("encrypted", f"{source} is under its publisher's copy protection")


def _titles(archive: Archive, package: Element, folder: str, source: str) -> dict[str, str]:
    """Return what the book's table of contents calls its chapters; empty where it has none that can be read."""
    titles: dict[str, str] = {}
    for item in package.iter("item"):
        is_nav = "nav" in (item.get("properties") or "").split()
        if not is_nav and item.get("media-type") != "application/x-dtbncx+xml":
            continue
        path = _member(folder, item.get("href", ""))
        try:
            tree = parse_xml(archive.read(path), source)
        except SourceError:  # the chapters can be read without it
            continue
        pairs = _nav_entries(tree) if is_nav else _ncx_entries(tree)
        for reference, title in pairs:
            if title and "#" not in reference:
                titles.setdefault(_member(posixpath.dirname(path), reference), title)
    return titles


def _nav_entries(tree: Element) -> list[tuple[str, str]]:
    return [(link.get("href", ""), _words(link)) for link in tree.iter("a")]


def _ncx_entries(tree: Element) -> list[tuple[str, str]]:
    entries = []
    for point in tree.iter("navPoint"):
        content, label = point.find("content"), point.find("navLabel")
        if content is not None and label is not None:
            entries.append((content.get("src", ""), _words(label)))
    return entries


def _words(element: Element) -> str:
    return clean(" ".join("".join(element.itertext()).split()))


def _page(archive: Archive, path: str, number: int, title: str) -> Page:
    """Read one chapter; a chapter without a heading gets its title in the table of contents as one."""
    if path not in archive:  # a chapter that was left out of the archive keeps its number
        return Page(number, "")
    body, _ = read_html(decode_text(archive.read(path)))
    page = body.build(number)
    if not title or not page.text or any(block.kind == "heading" for block in page.blocks):
        return page
    builder = PageBuilder()
    builder.add("heading", title, level=1)
    for block in page.blocks:
        builder.add(
            block.kind, page.text[block.start : block.end], header_rows=block.header_rows, hidden=block.hidden
        )
    return builder.build(number)


def _about(package: Element) -> tuple[str, dict[str, MetadataValue]]:
    found: dict[str, MetadataValue] = {}
    title = ""
    about = package.find("metadata")
    for element in about.iter() if about is not None else ():
        words = _words(element)
        if element.tag == "title":
            title = title or words
        elif element.tag in _KEPT_METADATA and words:
            found.setdefault(element.tag, words)
    return title, found
