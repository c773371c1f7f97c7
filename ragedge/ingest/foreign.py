"""Names what ragedge cannot read by its first bytes, so that the reader knows what to convert."""

from __future__ import annotations

from ragedge.ingest.text_encoding import has_few_controls, is_text

# (offset, magic, what to call it).
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
# (a member of the archive that tells, what to call it)
_ZIP_KINDS: tuple[tuple[str, str], ...] = (
    ("xl/", "an Excel workbook (xlsx)"),
    ("ppt/", "a PowerPoint file (pptx)"),
    ("content.xml", "an OpenDocument file"),
)


def name_foreign(data: bytes) -> str:
    """Name a file that is no text; empty if it may be text.

    Args:
        data: The whole file, not a ZIP archive.
    """
    for offset, magic, kind in _MAGIC:
        # A short magic may also begin a text: "BMW service plan".
        if data[offset : offset + len(magic)] == magic and not (len(magic) <= 3 and has_few_controls(data)):
            return kind
    return "" if is_text(data) else "a binary file"


def name_archive(members: list[str]) -> str:
    """Name a ZIP archive that is neither a Word document nor a book, by its members."""
    return next(
        (kind for mark, kind in _ZIP_KINDS if any(name.startswith(mark) for name in members)), "a ZIP archive"
    )
