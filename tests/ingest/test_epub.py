"""EPUB books: the order of the spine, titles, locks, and archives that are bombs."""

from __future__ import annotations

import pytest

from ragedge.errors import SourceError
from ragedge.ingest import archive, epub
from ragedge.ingest.archive import Archive
from ragedge.ingest.xml_tree import parse_xml
from ragedge.testing.loader_contract import LoaderContract
from tests.ingest.small_book import PACKAGE, book


class TestEpub(LoaderContract):
    plugin = "epub"

    def make_loader(self):
        return epub.create({})

    def sample(self):
        return book()


def test_chapters_are_pages_in_the_order_of_the_spine():
    document = epub.create({}).load(book(), "a.epub")
    assert document.title == "Pump book"
    assert document.metadata == {"date": "2031"}
    found = [
        (p.number, b.kind, b.header_rows, p.text[b.start : b.end]) for p in document.pages for b in p.blocks
    ]
    assert found == [
        (1, "heading", 0, "Brakes"),  # from the table of contents: the chapter has no heading of its own
        (1, "paragraph", 0, "Check the pads."),
        (1, "table", 1, "Pad | mm\nfront | 3"),
        (2, "heading", 0, "Oil"),
        (2, "paragraph", 0, "Open the drain plug."),
    ]


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"META-INF/container.xml": None}, "damaged"),
        ({"OEBPS/book.opf": "<package"}, "damaged"),
        ({"OEBPS/book.opf": PACKAGE.replace("text/a", "no/a").replace("text/c", "no/c")}, "no_text"),
        (
            {
                "META-INF/encryption.xml": "<encryption><EncryptedData><CipherData>"
                "<CipherReference URI='OEBPS/text/c.xhtml'/></CipherData></EncryptedData></encryption>"
            },
            "encrypted",
        ),
    ],
)
def test_what_cannot_be_read_says_why(changes, code):
    with pytest.raises(SourceError) as caught:
        epub.create({}).load(book(**changes), "a.epub")
    assert caught.value.code == code


def test_encrypted_fonts_do_no_harm():
    fonts = "<encryption><CipherReference URI='OEBPS/font.otf'/></encryption>"
    assert len(epub.create({}).load(book(**{"META-INF/encryption.xml": fonts}), "a.epub").pages) == 2


def test_a_bomb_is_refused_by_what_it_unpacks_to(monkeypatch):
    monkeypatch.setattr(archive, "_MOST_MEMBER_BYTES", 1 << 20)
    bomb = book(**{"OEBPS/text/c.xhtml": "x" * (2 << 20)})
    with pytest.raises(SourceError, match="unpacks to over 1 MB") as caught:
        epub.create({}).load(bomb, "a.epub")
    assert caught.value.code == "too_large"


def test_a_bomb_that_lies_about_its_size_is_refused_as_well(monkeypatch):
    monkeypatch.setattr(archive, "_MOST_MEMBER_BYTES", 1 << 20)
    data = bytearray(book(**{"OEBPS/text/c.xhtml": "x" * (2 << 20)}))
    honest = (2 << 20).to_bytes(4, "little")
    assert data.count(honest) == 2  # in the local header and in the central directory
    lying = Archive(bytes(data.replace(honest, (100).to_bytes(4, "little"))), "a.epub")
    with pytest.raises(SourceError) as caught:
        lying.read("OEBPS/text/c.xhtml")
    assert caught.value.code in ("too_large", "damaged")


def test_many_members_together_are_refused(monkeypatch):
    monkeypatch.setattr(archive, "_MOST_BYTES", 1 << 20)
    opened = Archive(book(one="x" * 700_000, two="y" * 700_000), "a.epub")
    opened.read("one")
    with pytest.raises(SourceError) as caught:
        opened.read("two")
    assert caught.value.code == "too_large"


def test_entities_are_refused_before_they_grow():
    bomb = '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;">]><x>&b;</x>'
    with pytest.raises(SourceError, match="entities"):
        parse_xml(bomb.encode(), "a")


def test_a_file_of_the_device_cannot_be_drawn_in():
    with pytest.raises(SourceError, match="entities"):
        parse_xml(b'<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]><x>&a;</x>', "a")


def test_bottomless_nesting_is_refused():
    with pytest.raises(SourceError, match="deep"):
        parse_xml(b"<x>" * 100_000, "a")
