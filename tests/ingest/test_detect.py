"""What a file is, by its bytes."""

from __future__ import annotations

import io
import zipfile

import pytest

from ragedge.errors import SourceError
from ragedge.ingest.detect import HTML, MARKDOWN, PDF, TEXT, decode_text, media_type


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
        (zipped("word/document.xml"), "a.docx", "unsupported", "Word"),
        (zipped("mimetype"), "a.epub", "unsupported", "EPUB"),
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


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "cp1252"])
def test_western_encodings(encoding):
    text = "Anzugsdrehmoment für Räder: 120 Nm – größer als üblich"
    assert decode_text(text.encode(encoding), "a.txt") == text


@pytest.mark.parametrize("encoding", ["utf-8", "shift_jis", "utf-16"])
def test_japanese_encodings(encoding):
    text = "警告：高電圧の部品にさわらないでください。トルクは25 Nmです。"
    assert decode_text(text.encode(encoding), "a.txt") == text
