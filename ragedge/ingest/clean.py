"""Removes from text what no reader sees: control characters, soft hyphens, ligature glyphs."""

from __future__ import annotations

import re

# NUL and the other C0/C1 controls, zero-width marks, byte-order marks and lone surrogates; tab and line feed stay.
_UNSEEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b\u200e\u200f\u2028-\u202e\u2060-\u2064\ufeff\ufff9-\uffff\ud800-\udfff]"
)
_LIGATURES = {
    0xFB00: "ff", 0xFB01: "fi", 0xFB02: "fl", 0xFB03: "ffi", 0xFB04: "ffl", 0xFB05: "st", 0xFB06: "st",
    0x00AD: None, 0x00A0: " ", 0x2007: " ", 0x202F: " ", 0x2003: " ", 0x2002: " ", 0x2009: " ",
    0x0C: "\n", 0x0B: "\n", 0x85: "\n", 0x2028: "\n", 0x2029: "\n",
}  # fmt: skip


def clean(text: str) -> str:
    """Drop control characters, write ligatures out, make odd spaces plain and line ends line feeds."""
    if text.isascii() and text.isprintable():
        return text
    return _UNSEEN.sub("", text.replace("\r\n", "\n").replace("\r", "\n").translate(_LIGATURES))
