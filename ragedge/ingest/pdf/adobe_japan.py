"""Reads Adobe-Japan1 character codes where a font says nothing about Unicode.

Japanese PDFs that name standard fonts without embedding them (as dvipdfmx writes them) hold Adobe-Japan1
CIDs alone. Their order is that of JIS X 0208, which Python's codec knows, so no table is needed.
Source: Adobe Technical Note 5078, The Adobe-Japan1 Character Collection, ranges of Supplement 0 and 1.
"""

from __future__ import annotations

import functools
from typing import Any

from pypdf.generic import DictionaryObject


@functools.cache
def unicode_by_cid() -> dict[int, str]:
    """Return the text of each CID of JIS X 0208, ASCII and half-width katakana."""
    table: dict[int, str] = {}
    for first in (1, 231):  # proportional and half-width Latin; the yen sign stands for the backslash
        table |= {first + i: chr(32 + i) for i in range(95)} | {first + 60: "¥"}
    table |= {138: "—", 152: "©"}
    table |= {327 + i: chr(0xFF61 + i) for i in range(63)}
    _fill(table, 633, range(1, 8))
    _fill(table, 1125, range(16, 85))
    _fill(table, 7479, range(8, 9))
    return table


def _fill(table: dict[int, str], cid: int, rows: range) -> None:
    for row in rows:
        for cell in range(1, 95):
            try:
                table[cid] = bytes((0xA0 + row, 0xA0 + cell)).decode("euc_jp")
            except UnicodeDecodeError:  # not assigned: the CIDs leave it out, too
                continue
            cid += 1


def is_adobe_japan(font: DictionaryObject) -> bool:
    """Whether a composite font shows Adobe-Japan1 CIDs and has no map to Unicode of its own."""
    if (
        "/ToUnicode" in font
        or font.get("/Subtype") != "/Type0"
        or font.get("/Encoding") not in ("/Identity-H", "/Identity-V")
    ):
        return False
    descendants: Any = font["/DescendantFonts"].get_object()
    info = descendants[0].get_object()["/CIDSystemInfo"].get_object()
    return str(info.get("/Ordering")) == "Japan1"
