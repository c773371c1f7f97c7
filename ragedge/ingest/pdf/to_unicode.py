"""Reads ``/ToUnicode`` maps that pypdf makes nothing of: broken over lines, or with the bytes of each value swapped."""

from __future__ import annotations

import re
from typing import Any

from pypdf.generic import DictionaryObject, StreamObject

_SECTION = re.compile(rb"beginbfchar(.*?)endbfchar", re.S)
_PAIR = re.compile(rb"<([0-9A-Fa-f\s]{2,12})>\s*<([0-9A-Fa-f\s]{2,64})>")
_MOST_BYTES = 1 << 20


def loose_map(font: DictionaryObject) -> dict[int, str]:
    """Return the text of each code that a font's map names one by one; empty where it has none."""
    stream: Any = font.get("/ToUnicode")
    stream = stream.get_object() if stream is not None else None
    if not isinstance(stream, StreamObject):
        return {}
    found = {
        int(code, 16): bytes.fromhex(value)
        for section in _SECTION.findall(stream.get_data()[:_MOST_BYTES])
        for code, value in (
            tuple(b"".join(part.split()).decode("ascii") for part in pair) for pair in _PAIR.findall(section)
        )
        if code and len(value) % 4 == 0
    }
    # <2800> for a parenthesis: written on a machine of the other byte order. No text is in such characters alone.
    swapped = all(value[1::2] == bytes(len(value) // 2) and 32 <= value[0] < 127 for value in found.values())
    codec = "utf-16-le" if swapped else "utf-16-be"
    return {code: value.decode(codec, "ignore") for code, value in found.items()}
