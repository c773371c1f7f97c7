"""Reads Adobe's CJK character codes where a font says nothing about Unicode.

East Asian PDFs that name standard fonts without embedding them, or lean on a table that every reader is meant to have
(``usecmap Adobe-Korea1-UCS2``), hold CIDs of Adobe's collections alone. Their order is that of the national character
sets, which Python's codecs know, so no table is needed.
Source: Adobe Technical Notes 5078 (Japan1), 5079 (GB1) and 5093 (Korea1), their Supplements 0 and 1.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable
from typing import Any

from pypdf.generic import DictionaryObject, StreamObject

_LATIN = {1 + i: chr(32 + i) for i in range(95)}  # proportional, the same in all
_LATER = "€®"  # put into KS X 1001 after the CIDs were given


@functools.cache
def unicode_by_cid(ordering: str) -> dict[int, str]:
    """Return the text of each CID of ``Japan1``, ``Korea1`` or ``GB1`` that is known; else nothing."""
    table = dict(_LATIN)
    if ordering == "Japan1":
        table |= {231 + i: chr(32 + i) for i in range(95)} | {61: "¥", 291: "¥", 138: "—", 152: "©"}
        table |= {327 + i: chr(0xFF61 + i) for i in range(63)}
        for cid, rows in ((633, range(1, 8)), (1125, range(16, 85)), (7479, range(8, 9))):
            _fill(table, cid, _cells("euc_jp", rows))
    elif ordering == "Korea1":
        standard = [
            char
            for char in _cells("euc_kr", range(1, 94))
            if char not in _LATER
            and not "\uf900" <= char <= "\ufaff"  # said twice in the set, once in the CIDs
        ]
        _fill(table, 101, standard)
        known = set(standard)
        _fill(table, 9333, (chr(code) for code in range(0xAC00, 0xD7A4) if chr(code) not in known))
    elif ordering == "GB1":
        symbols = list(_cells("gb2312", range(8, 9)))
        for cid, chars in (
            (96, _cells("gb2312", range(1, 7))),
            (602, [*_cells("gb2312", range(7, 8)), *symbols[:26]]),
            (700, symbols[26:]),
            (738, _cells("gb2312", range(9, 10))),
            (940, _cells("gb2312", range(16, 88))),
        ):
            _fill(table, cid, chars)
    else:
        return {}
    return table


def _cells(codec: str, rows: range) -> Iterable[str]:
    """Yield the characters of rows of a 94 by 94 set; cells that are not assigned are left out, as the CIDs do."""
    for row in rows:
        for cell in range(1, 95):
            try:
                yield bytes((0xA0 + row, 0xA0 + cell)).decode(codec)
            except UnicodeDecodeError:
                continue


def _fill(table: dict[int, str], cid: int, chars: Iterable[str]) -> None:
    table.update(enumerate(chars, cid))


def collection(font: DictionaryObject) -> str:
    """Return the collection whose CIDs a composite font shows without a map of its own; empty if it has one."""
    if font.get("/Subtype") != "/Type0" or font.get("/Encoding") not in ("/Identity-H", "/Identity-V"):
        return ""
    mapping: Any = font.get("/ToUnicode")
    mapping = mapping.get_object() if mapping is not None else None
    if isinstance(mapping, StreamObject) and b" usecmap" not in mapping.get_data():
        return ""
    descendants: Any = font["/DescendantFonts"].get_object()
    info = descendants[0].get_object()["/CIDSystemInfo"].get_object()
    return str(info.get("/Ordering"))
