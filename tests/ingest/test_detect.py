"""What a file is, by its bytes."""

from __future__ import annotations

import io
import zipfile

import pytest

from ragedge.errors import SourceError
from ragedge.ingest.detect import CSV, DOCX, EPUB, HTML, MARKDOWN, PDF, TEXT, media_type
from ragedge.ingest.text_encoding import decode_text


@pytest.mark.parametrize(
    ("data", "name", "expected"),
    [
        (b"%PDF-1.7\n...", "a.bin", PDF),
        (b"\n\njunk %PDF-1.4", "manual", PDF),
        (b"# Title\n\ntext", "a.md", MARKDOWN),
        (b"# Title\n\n- [ ] a\n\n| a | b |\n", "README", MARKDOWN),
        (b"<!doctype html><p>x", "page", HTML),
        (b"<p>x", "page.htm", HTML),
        (b"just words", "a", TEXT),
        (b"[1] See the other manual.\nMore.", "a.txt", TEXT),
        (b"BMW service plan", "a.txt", TEXT),
        (b"MZ is how this text begins, and it goes on", "a.txt", TEXT),
        ("冷却液".encode("utf-16"), "a.txt", TEXT),
        ("plain words".encode("utf-16-le"), "a.txt", TEXT),
        (b"a;b\n1;2\n", "list.csv", CSV),
        (b"one column\nof words\n", "list.csv", TEXT),
        (b"part\ttorque\tthread\n" * 4, "export", CSV),
        (b"Open it, drain it, close it.\nThen, if cold, warm it.\n" * 4, "a.txt", TEXT),
    ],
)
def test_kinds(data, name, expected):
    assert media_type(data, name) == expected


def zipped(*names):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name in names:
            archive.writestr(name, "application/epub+zip" if name == "mimetype" else "x")
    return out.getvalue()


@pytest.mark.parametrize(
    ("data", "name", "code", "named"),
    [
        (b"", "a.pdf", "empty", "empty"),
        (b"\xef\xbb\xbf", "a.txt", "empty", "empty"),
        (b" \n\t\r\n", "a.txt", "empty", "empty"),
        (b"\x7fELF" + bytes(range(256)) * 9, "a.pdf", "unsupported", "program"),
        (b"\x89PNG\r\n\x1a\n" + bytes(99), "a.png", "unsupported", "PNG"),
        (zipped("xl/workbook.xml"), "a.xlsx", "unsupported", "Excel"),
        (zipped("xl/workbook.xml"), "a.docx", "unsupported", "in spite of its name"),
        (
            b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + "EncryptedPackage".encode("utf-16-le"),
            "a.docx",
            "encrypted",
            "password",
        ),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(99), "a.doc", "unsupported", "old Microsoft"),
        (b"just words", "a.docx", "damaged", "DOCX header"),
        (zipped("a.txt"), "a.zip", "unsupported", "ZIP"),
        (bytes(range(256)) * 40, "a.txt", "unsupported", "binary"),
        (b"not a pdf at all", "a.pdf", "damaged", "header"),
        (b'{"id": 1, "question": "x"}\n{"id": 2}\n', "qa.txt", "unsupported", "data or program"),
        (b'{"a":\n [1, 2]}\n', "a", "unsupported", "data or program"),
        (b"key = 1\n", "ragedge.toml", "unsupported", "data or program"),
    ],
)
def test_refused_with_its_name(data, name, code, named):
    with pytest.raises(SourceError, match=named) as caught:
        media_type(data, name)
    assert caught.value.code == code
    assert name in caught.value.message


@pytest.mark.parametrize(
    ("members", "name", "expected"),
    [
        (["word/document.xml"], "a.docx", DOCX),
        (["word/document.xml"], "no name", DOCX),
        (["mimetype", "META-INF/container.xml"], "a.zip", EPUB),
    ],
)
def test_archives_are_told_by_their_members_whole_or_cut_off(members, name, expected):
    data = zipped(*members)
    assert media_type(data, name) == expected
    assert media_type(data[:-10], name) == expected


class TorqueFiles:
    """A loader of a type that ragedge does not know."""

    def recognize(self, data, source):
        return "application/x-torque" if data.startswith(b"TRQ1") else None


def test_a_recognizer_is_asked_first():
    assert media_type(b"TRQ1 drain plug", "a.txt", [TorqueFiles()]) == "application/x-torque"
    assert media_type(b"drain plug", "a.txt", [TorqueFiles()]) == TEXT


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "cp1252"])
def test_western_encodings(encoding):
    text = "Anzugsdrehmoment für Räder: 120 Nm – größer als üblich"
    assert decode_text(text.encode(encoding)) == text


@pytest.mark.parametrize("encoding", ["utf-8", "shift_jis", "utf-16"])
def test_japanese_encodings(encoding):
    text = "警告：高電圧の部品にさわらないでください。トルクは25 Nmです。"
    assert decode_text(text.encode(encoding)) == text
