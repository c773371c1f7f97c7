"""Undoes what hides words from a search: codes, escapes, letters moved along, turned about or swapped for others."""

from __future__ import annotations

import base64
import binascii
import codecs
import html
import re
import unicodedata
import zlib
from collections.abc import Iterator
from urllib.parse import unquote

_RUN = re.compile(r"[^\s,;:\"'()<>]{24,}")
_BROKEN = re.compile(r"(?:[A-Za-z0-9+/=_-]{16,}\n){2,}[A-Za-z0-9+/=_-]{4,}")  # one code over several lines
_LONG_RUN = re.compile(r"[^\s\"']{32,}")
_BINARY = re.compile(r"(?:[01]{8}[ ]?){8,}")
_HEX = re.compile(r"(?:(?:0x)?[0-9a-fA-F]{2}[ :,]?[ ]?){16,}")
_NUMBERS = re.compile(r"(?:\d{2,3}[ ,;-]{1,2}){15,}\d{2,3}")
_ESCAPES = re.compile(r"(?:\\x[0-9a-fA-F]{2}|\\u[0-9a-fA-F]{4}){8,}")
_SPACED = re.compile(r"(?<!\w)(?:\w[ .·*_-]){3,}\w(?!\w)")
_GLUED = re.compile(r"[A-Za-z]{24,}")
_LETTERS = str.maketrans("аеорсухіјѕԁԛ", "aeopcyxijsdq")
_LEET = str.maketrans("0134578@$", "oieastbas")
_ROT47 = str.maketrans({chr(code): chr(33 + (code + 14) % 94) for code in range(33, 127)})
_ATBASH = str.maketrans("abcdefghijklmnopqrstuvwxyz", "zyxwvutsrqponmlkjihgfedcba")
# What is looked for in letters that were moved: words that orders to a model hardly do without.
_TELLING = ("ignore", "instruction", "prompt", "answer", "override", "reveal", "assistant", "disregard")
_SHIFTS = {
    shift: str.maketrans(
        "abcdefghijklmnopqrstuvwxyz",
        "abcdefghijklmnopqrstuvwxyz"[shift:] + "abcdefghijklmnopqrstuvwxyz"[:shift],
    )
    for shift in range(1, 26)
}
_MOVED = tuple((word.translate(table), 26 - shift) for shift, table in _SHIFTS.items() for word in _TELLING)
_TAGS = range(0xE0020, 0xE007F)  # letters that nobody sees (Unicode, block Tags)
_MOST_UNPACKED = 10_000


def plain(text: str) -> str:
    """Return text without odd forms of letters, marks that nobody sees, and letters set apart."""
    if not text.isascii():
        text = "".join(chr(ord(c) - 0xE0000) if ord(c) in _TAGS else c for c in text)
        text = unicodedata.normalize("NFKC", text)
        text = "".join(c for c in text if unicodedata.category(c) != "Cf")
        text = text.translate(_LETTERS) if re.search("[a-z]", text) else text
    text = re.sub(r"(?<=\S)[ ]{2}(?=\S)", " ", text)
    return _SPACED.sub(lambda match: re.sub(r"[ .·*_-]", "", match.group().replace("-_-", " ")), text)


def decoded(text: str, plain_text: str) -> Iterator[str]:
    """Yield what a text might be under codes that hide words, as far as it decodes to text.

    Args:
        text: As it stands in the document.
        plain_text: The same after ``plain``.
    """
    lower = plain_text.lower()
    yield from (lower.translate(_SHIFTS[back]) for back in {back for word, back in _MOVED if word in lower})
    if any(word.translate(_ATBASH) in lower for word in _TELLING):
        yield lower.translate(_ATBASH)
    if any(word.translate(_ROT47) in plain_text for word in _TELLING):
        yield plain_text.translate(_ROT47)
    if any(word[::-1] in lower for word in _TELLING):
        yield plain_text[::-1]
        yield re.sub(r"\w+", lambda match: match.group()[::-1], plain_text)
    if re.search(r"[a-z][0134578@$][a-z]", plain_text, re.I):
        yield plain_text.translate(_LEET)
        yield plain_text.translate(str.maketrans("1", "l")).translate(_LEET)
    if "%" in text and re.search(r"(?:%[0-9a-fA-F]{2}){8,}", text):
        yield unquote(text)
    if "&#" in text:
        yield html.unescape(text)
    for match in _ESCAPES.finditer(text):
        yield codecs.decode(match.group(), "unicode_escape")
    if _GLUED.search(plain_text):
        yield _parted(lower)
    yield from _codes(text)


def _codes(text: str) -> Iterator[str]:
    for match in _BINARY.finditer(text):
        digits = match.group().replace(" ", "")
        yield _as_text(int(digits, 2).to_bytes(len(digits) // 8, "big"))
    for match in _HEX.finditer(text):
        yield _as_text(bytes.fromhex(re.sub(r"0x|[ :,]", "", match.group())))
    for match in _NUMBERS.finditer(text):
        numbers = re.findall(r"\d+", match.group())
        for base in (10, 8):
            if all(set(number) <= set("01234567") or base == 10 for number in numbers):
                codes = [int(number, base) for number in numbers]
                yield _as_text(bytes(code for code in codes if code < 256))
    broken = _BROKEN.sub(lambda match: "".join(match.group().split()), text)
    for match in (*_RUN.finditer(broken), *_LONG_RUN.finditer(text)):
        run = match.group().rstrip(".")
        for decode in (_base64, base64.b32decode, base64.b85decode, base64.a85decode):
            try:
                data = decode(run.encode())
            except (ValueError, binascii.Error):
                continue
            yield _as_text(_unpacked(data))
            if data[1::2].count(0) > len(data) // 3:
                yield _as_text(data.decode("utf-16-le", "replace").encode())


def _parted(lower: str) -> str:
    """Set apart the words of a run of letters without spaces, as far as telling ones are in it."""
    for word in (*_TELLING, "previous", "system", "your", "all", "and", "the"):
        lower = lower.replace(word, f" {word} ")
    return re.sub(r"(instruction) s\b", r"\1s", " ".join(lower.split()))


def _base64(run: bytes) -> bytes:
    run = run.replace(b"-", b"+").replace(b"_", b"/").rstrip(b"=")
    return base64.b64decode(run + b"=" * (-len(run) % 4), validate=True)


def _unpacked(data: bytes) -> bytes:
    try:
        return zlib.decompressobj(zlib.MAX_WBITS | 32).decompress(data, _MOST_UNPACKED)
    except zlib.error:
        return data


def _as_text(data: bytes) -> str:
    text = data.decode("utf-8", "replace")
    readable = sum(c.isprintable() or c.isspace() for c in text) - text.count("\ufffd")
    return text if readable >= 0.9 * len(text) else ""
