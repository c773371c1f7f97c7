"""Tells what a file is from its bytes; the name only breaks ties between kinds of text."""

from __future__ import annotations

import codecs
import json
import re

from ragedge.errors import SourceError

PDF, MARKDOWN, HTML, TEXT = "application/pdf", "text/markdown", "text/html", "text/plain"

# (offset, magic, what to call it). What cannot be read is named, so that the reader knows what to convert.
_MAGIC: tuple[tuple[int, bytes, str], ...] = (
    (0, b"\x89PNG\r\n\x1a\n", "a PNG image"),
    (0, b"\xff\xd8\xff", "a JPEG image"),
    (0, b"GIF8", "a GIF image"),
    (0, b"II*\x00", "a TIFF image"),
    (0, b"MM\x00*", "a TIFF image"),
    (0, b"BM", "a BMP image"),
    (8, b"WEBP", "a WebP image"),
    (4, b"ftyp", "a video or HEIF image"),
    (0, b"\x7fELF", "a program (ELF)"),
    (0, b"MZ", "a program (Windows)"),
    (0, b"\xcf\xfa\xed\xfe", "a program (Mach-O)"),
    (0, b"\xca\xfe\xba\xbe", "a program (Mach-O or Java)"),
    (0, b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an old Microsoft Office file (doc, xls or ppt)"),
    (0, b"{\\rtf", "an RTF document"),
    (0, b"%!PS", "a PostScript file"),
    (0, b"\x1f\x8b", "a gzip archive"),
    (0, b"BZh", "a bzip2 archive"),
    (0, b"\xfd7zXZ\x00", "an xz archive"),
    (0, b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive"),
    (0, b"Rar!\x1a\x07", "a RAR archive"),
    (257, b"ustar", "a tar archive"),
    (0, b"SQLite format 3\x00", "an SQLite database"),
    (0, b"GGUF", "a GGUF model"),
)
_ZIP_KINDS: tuple[tuple[bytes, str], ...] = (
    (b"word/", "a Word document (docx)"),
    (b"xl/", "an Excel workbook (xlsx)"),
    (b"ppt/", "a PowerPoint file (pptx)"),
    (b"mimetypeapplication/epub+zip", "an EPUB book"),
    (b"mimetypeapplication/vnd.oasis", "an OpenDocument file"),
)
# A PDF header may stand anywhere in the first kilobyte (PDF 32000-1, implementation note 13).
_PDF_WINDOW = 1024
_CONTROL = frozenset(range(32)) - {7, 8, 9, 10, 11, 12, 13, 27}
_HTML_START = re.compile(
    rb"^\s*(?:<!--.*?-->\s*|<\?xml[^>]*>\s*)*<(?:!doctype\s+html|html|head|body)\b", re.I | re.S
)
_HTML_TAG = re.compile(r"</?(?:html|body|div|p|h[1-6]|table|tr|td|ul|ol|li|span|a|br)\b[^>]*>", re.I)
_MARKDOWN_LINE = re.compile(r"^(?:#{1,6} \S|```|\|.+\|\s*$|\s*[-*] \[[ x]\]|!?\[[^\]]+\]\([^)]+\)|>\s)", re.M)
_MARKDOWN_NAMES = (".md", ".markdown", ".mdown", ".mkd")
_HTML_NAMES = (".html", ".htm", ".xhtml")
# Text that is no document: in an answer it would be noise, and a set of test questions would be worse.
_DATA_NAMES = (
    ".json", ".jsonl", ".ndjson", ".toml", ".yaml", ".yml", ".ini", ".cfg", ".xml", ".css", ".py", ".js", ".ts",
    ".c", ".h", ".cpp", ".hpp", ".java", ".go", ".rs", ".sh", ".bat", ".ps1", ".sql", ".lock", ".svg",
)  # fmt: skip


def media_type(data: bytes, source: str) -> str:
    """Tell what a file is.

    Args:
        data: The whole file.
        source: Its name; only decides between kinds of text, and is quoted in errors.

    Returns:
        One of ``application/pdf``, ``text/markdown``, ``text/html``, ``text/plain``.

    Raises:
        SourceError: ``empty``, or ``unsupported`` with what the file is instead.
    """
    if not data or not data.strip(b"\0\t\n\r\f ") or data in _BOMS:
        raise SourceError("empty", f"{source} is empty", hint="nothing to read")
    if b"%PDF-" in data[:_PDF_WINDOW] and not data.startswith(b"PK\x03\x04"):
        return PDF
    named = _foreign(data)
    if named:
        claims = (
            " in spite of its name"
            if source.lower().endswith((".pdf", ".txt", *_MARKDOWN_NAMES, *_HTML_NAMES))
            else ""
        )
        raise SourceError(
            "unsupported", f"{source} is {named}{claims}", hint="supported: PDF, Markdown, HTML, plain text"
        )
    name = source.lower()
    if name.endswith(".pdf"):
        raise SourceError(
            "damaged", f"{source} has no PDF header", hint="save it again as PDF from its original"
        )
    if name.endswith(_MARKDOWN_NAMES):
        return MARKDOWN
    if name.endswith(_HTML_NAMES) or _HTML_START.match(data[:4096]):
        return HTML
    head = decode_text(data[:65536], source)
    if len(_HTML_TAG.findall(head)) >= 5 and head.lstrip().startswith("<"):
        return HTML
    if name.endswith(_DATA_NAMES) or _is_json(head):
        raise SourceError(
            "unsupported", f"{source} is data or program text, not a document",
            hint="supported: PDF, Markdown, HTML, plain text",
        )  # fmt: skip
    if not name.endswith(".txt") and len(_MARKDOWN_LINE.findall(head)) >= 3:
        return MARKDOWN
    return TEXT


def _is_json(head: str) -> bool:
    """Tell whether text is JSON or JSON Lines: its first line, or all of it, is an object or an array."""
    if not head.lstrip().startswith(("{", "[")):
        return False
    for text in (head.lstrip().splitlines()[0], head):
        try:
            return isinstance(json.loads(text), dict | list)
        except (ValueError, RecursionError):
            continue
    return False


def decode_text(data: bytes, source: str, declared: str | None = None) -> str:
    """Decode text: byte-order mark, then UTF-8, then what the file declares, then Shift-JIS or Windows-1252.

    Args:
        data: The bytes.
        source: Quoted in errors.
        declared: The encoding that the file names itself, if it does.

    Raises:
        SourceError: ``unsupported``; it is not text.
    """
    for mark, encoding in _BOMS.items():
        if data.startswith(mark):
            return data[len(mark) :].decode(encoding, errors="replace")
    wide = _utf16_without_mark(data)
    if wide:
        return data.decode(wide, errors="replace")
    try:
        return codecs.getincrementaldecoder("utf-8")().decode(
            data, final=False
        )  # a cut last character is no error
    except UnicodeDecodeError:
        pass
    for encoding in filter(None, (declared, _legacy(data))):
        try:
            return data.decode(encoding)
        except (UnicodeDecodeError, LookupError):
            continue
    return data.decode("cp1252", errors="replace")


_BOMS: dict[bytes, str] = {
    codecs.BOM_UTF8: "utf-8",
    codecs.BOM_UTF32_LE: "utf-32-le",
    codecs.BOM_UTF32_BE: "utf-32-be",
    codecs.BOM_UTF16_LE: "utf-16-le",
    codecs.BOM_UTF16_BE: "utf-16-be",
}


def _foreign(data: bytes) -> str:
    """Name what is neither PDF nor text; empty if it may be text."""
    if data.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        head = data[:8192]
        return next(
            (kind for mark, kind in _ZIP_KINDS if mark in head or mark in data[-65536:]), "a ZIP archive"
        )
    for offset, magic, kind in _MAGIC:
        if data[offset : offset + len(magic)] == magic and not (len(magic) <= 3 and _looks_like_text(data)):
            return kind
    if any(data.startswith(mark) for mark in _BOMS) or _utf16_without_mark(data) or _looks_like_text(data):
        return ""
    return "a binary file"


def _looks_like_text(data: bytes) -> bool:
    sample = data[:65536]
    return sum(byte in _CONTROL for byte in sample) <= len(sample) // 100


def _utf16_without_mark(data: bytes) -> str:
    """Name the UTF-16 byte order whose high bytes are mostly zero; empty if neither's are."""
    sample = data[: 4096 - len(data) % 2]
    pairs = len(sample) // 2
    if pairs < 4:
        return ""
    if sample[1::2].count(0) > pairs * 0.6 and sample[0::2].count(0) < pairs * 0.05:
        return "utf-16-le"
    if sample[0::2].count(0) > pairs * 0.6 and sample[1::2].count(0) < pairs * 0.05:
        return "utf-16-be"
    return ""


def _legacy(data: bytes) -> str:
    """Choose Shift-JIS if the bytes decode as it into mostly kana and kanji, else Windows-1252."""
    sample = data[:65536]
    for cut in (0, 1):  # the sample may end inside a two-byte character
        try:
            text = sample[: len(sample) - cut].decode("cp932")
        except UnicodeDecodeError:
            continue
        wide = sum("\u3040" <= c <= "\u30ff" or "\u4e00" <= c <= "\u9fff" for c in text)
        kana = sum("\u3040" <= c <= "\u30ff" for c in text)
        foreign = sum(ord(c) > 127 for c in text)
        return "cp932" if wide > foreign * 0.7 and kana * 5 > wide else "cp1252"
    return "cp1252"
