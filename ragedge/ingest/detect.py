"""Tells what a file is from its bytes; the name only breaks ties between kinds of text."""

from __future__ import annotations

import io
import json
import re
import zipfile
from collections.abc import Sequence

from ragedge.errors import SourceError
from ragedge.ingest.delimited import find_delimiter, is_tabular
from ragedge.ingest.foreign import name_archive, name_foreign
from ragedge.ingest.text_encoding import BYTE_ORDER_MARKS, decode_text
from ragedge.protocols import Recognizer

PDF, MARKDOWN, HTML, TEXT = "application/pdf", "text/markdown", "text/html", "text/plain"
CSV, EPUB = "text/csv", "application/epub+zip"
DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
# What is told apart here; any other type needs a loader that recognizes it.
MEDIA_TYPES = (PDF, DOCX, EPUB, MARKDOWN, HTML, CSV, TEXT)
_SUPPORTED = "supported: PDF, DOCX, EPUB, Markdown, HTML, CSV, plain text"

# A PDF header may stand anywhere in the first kilobyte (PDF 32000-1, implementation note 13).
_PDF_WINDOW = 1024
_ZIP_HEADS = (b"PK\x03\x04", b"PK\x05\x06")
_OLE_HEAD = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_ENCRYPTED_STREAM = "EncryptedPackage".encode("utf-16-le")  # MS-OFFCRYPTO 2.3.4
_TEXT_SAMPLE = 65536
_HTML_START = re.compile(
    rb"^\s*(?:<!--.*?-->\s*|<\?xml[^>]*>\s*)*<(?:!doctype\s+html|html|head|body)\b", re.I | re.S
)
_HTML_TAG = re.compile(r"</?(?:html|body|div|p|h[1-6]|table|tr|td|ul|ol|li|span|a|br)\b[^>]*>", re.I)
_MARKDOWN_LINE = re.compile(r"^(?:#{1,6} \S|```|\|.+\|\s*$|\s*[-*] \[[ x]\]|!?\[[^\]]+\]\([^)]+\)|>\s)", re.M)
_MARKDOWN_NAMES = (".md", ".markdown", ".mdown", ".mkd")
_HTML_NAMES = (".html", ".htm", ".xhtml")
_CSV_NAMES = (".csv", ".tsv", ".tab")
_ZIP_NAMES = (".docx", ".docm", ".dotx", ".epub")
# Text that is no document: in an answer it would be noise, and a set of test questions would be worse.
_DATA_NAMES = (
    ".json", ".jsonl", ".ndjson", ".toml", ".yaml", ".yml", ".ini", ".cfg", ".xml", ".css", ".py", ".js", ".ts",
    ".c", ".h", ".cpp", ".hpp", ".java", ".go", ".rs", ".sh", ".bat", ".ps1", ".sql", ".lock", ".svg",
)  # fmt: skip


def media_type(data: bytes, source: str, recognizers: Sequence[Recognizer] = ()) -> str:
    """Tell what a file is.

    Args:
        data: The whole file.
        source: Its name; only decides between kinds of text, and is quoted in errors.
        recognizers: Loaders that know further types; they are asked first, in order.

    Returns:
        One of ``MEDIA_TYPES``, or what a recognizer says.

    Raises:
        SourceError: ``empty``; ``encrypted``; or ``unsupported`` or ``damaged`` with what the file is instead.
    """
    if not data or not data.strip(b"\0\t\n\r\f ") or data in BYTE_ORDER_MARKS:
        raise SourceError("empty", f"{source} is empty", hint="nothing to read")
    for recognizer in recognizers:
        named = recognizer.recognize(data, source)
        if named:
            return named
    name = source.lower()
    if data.startswith(_ZIP_HEADS):
        return _archive_type(data, source)
    if b"%PDF-" in data[:_PDF_WINDOW]:
        return PDF
    if data.startswith(_OLE_HEAD) and _ENCRYPTED_STREAM in data:
        raise SourceError(
            "encrypted", f"{source} is a Microsoft Office file under a password", hint="save it without one"
        )
    foreign = name_foreign(data)
    if foreign:
        raise _unsupported(source, foreign)
    if name.endswith((".pdf", *_ZIP_NAMES)):
        kind = name.rpartition(".")[2].upper()
        raise SourceError(
            "damaged", f"{source} has no {kind} header", hint=f"save it again as {kind} from its original"
        )
    return _text_type(data, name, source)


def _text_type(data: bytes, name: str, source: str) -> str:
    """Tell kinds of text apart."""
    if name.endswith(_MARKDOWN_NAMES):
        return MARKDOWN
    if name.endswith(_HTML_NAMES) or _HTML_START.match(data[:4096]):
        return HTML
    head = decode_text(data[:_TEXT_SAMPLE])
    if len(_HTML_TAG.findall(head)) >= 5 and head.lstrip().startswith("<"):
        return HTML
    if name.endswith(_DATA_NAMES) or _is_json(head):
        raise SourceError("unsupported", f"{source} is data or program text, not a document", hint=_SUPPORTED)
    if name.endswith(_CSV_NAMES):
        return CSV if find_delimiter(head) else TEXT
    if not name.endswith(".txt") and len(_MARKDOWN_LINE.findall(head)) >= 3:
        return MARKDOWN
    whole = head if len(data) <= _TEXT_SAMPLE else head.rpartition("\n")[0]
    return CSV if is_tabular(whole) else TEXT


def _archive_type(data: bytes, source: str) -> str:
    """Tell what a ZIP archive is by its members, or by its first bytes where its directory is lost."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            members = archive.namelist()
    except (zipfile.BadZipFile, ValueError, NotImplementedError, OSError):
        head = data[:8192]
        members = [m for m in ("word/document.xml", "META-INF/container.xml") if m.encode() in head]
        if b"mimetypeapplication/epub+zip" in head or source.lower().endswith(".epub"):
            members.append("META-INF/container.xml")
        elif source.lower().endswith(_ZIP_NAMES):
            members.append("word/document.xml")
    if "word/document.xml" in members:
        return DOCX
    if "META-INF/container.xml" in members:
        return EPUB
    raise _unsupported(source, name_archive(members))


def _unsupported(source: str, kind: str) -> SourceError:
    claims = source.lower().endswith(
        (".pdf", ".txt", *_ZIP_NAMES, *_CSV_NAMES, *_MARKDOWN_NAMES, *_HTML_NAMES)
    )
    return SourceError(
        "unsupported", f"{source} is {kind}{' in spite of its name' if claims else ''}", hint=_SUPPORTED
    )


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
