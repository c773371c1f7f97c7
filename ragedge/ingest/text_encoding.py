"""Turns the bytes of text files into text: byte-order marks, UTF-8, declared encodings, the usual legacy ones."""

from __future__ import annotations

import codecs

BYTE_ORDER_MARKS: dict[bytes, str] = {
    codecs.BOM_UTF8: "utf-8",
    codecs.BOM_UTF32_LE: "utf-32-le",
    codecs.BOM_UTF32_BE: "utf-32-be",
    codecs.BOM_UTF16_LE: "utf-16-le",
    codecs.BOM_UTF16_BE: "utf-16-be",
}
_CONTROL = frozenset(range(32)) - {7, 8, 9, 10, 11, 12, 13, 27}


def decode_text(data: bytes, declared: str | None = None) -> str:
    """Decode text: byte-order mark, then UTF-8, then what the file declares, then Shift-JIS or Windows-1252.

    Args:
        data: The bytes.
        declared: The encoding that the file names itself, if it does.

    Returns:
        Text, always: what fits no encoding becomes replacement characters.
    """
    for mark, encoding in BYTE_ORDER_MARKS.items():
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


def is_text(data: bytes) -> bool:
    """Tell text, in any of the encodings above, from binary data."""
    return (
        any(data.startswith(mark) for mark in BYTE_ORDER_MARKS)
        or bool(_utf16_without_mark(data))
        or has_few_controls(data)
    )


def has_few_controls(data: bytes) -> bool:
    """Tell whether hardly any byte is a control character that text does not hold."""
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
