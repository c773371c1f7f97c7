"""Codes that the documents give one thing: in the row "Plug-in | P16 | QE16-P" the P16 is what has the engine QE16-P.

Looked up where what was found for a question leaves out its code, in the rows that hold the code in a cell by itself.
Another code counts only if it stands in no row with a code of the same make: "QE16-P" with P16, and never with H16.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ragedge.index.rows import StoredChunk
    from ragedge.index.store import Store

_CODE = re.compile(r"(?=[^\W_]*[\d-])(?=[\d-]*[^\W\d_])[^\W_]+(?:-[^\W_]+)*")
_CELLS = re.compile(r"\s\|\s|\t")
_ROWS = 40  # chunks read for a code
_SHORTEST = 3  # characters


@dataclass(frozen=True, slots=True)
class OtherCode:
    """Another code of the same thing, and the row that says so."""

    code: str
    other: str
    source: str
    page: int | None


def other_codes(store: Store, question: str) -> list[OtherCode]:
    """Return codes that stand for the same thing as one of a question's; often none."""
    found: dict[tuple[str, str], OtherCode] = {}
    for code in dict.fromkeys(_CODE.findall(question)):
        if len(code) < _SHORTEST:
            continue
        rows = list(_rows(store, code))
        for hit, cells in rows:
            for other in cells:
                if len(other) < _SHORTEST or not _CODE.fullmatch(other) or other in question:
                    continue
                if _make(other) != _make(code):
                    found.setdefault((code, other), OtherCode(code, other, hit.source, hit.spans[0].page))
    return [one for one in found.values() if not _of_another(store, one)]


def _rows(store: Store, code: str) -> Iterator[tuple[StoredChunk, list[str]]]:
    """Yield the rows in which a code is a cell, and their cells."""
    phrase = " ".join(re.findall(r"[^\W_]+", code.lower()))
    for hit in store.hits(store.words.rows_of(f'"{phrase}"')[:_ROWS]):
        for line in hit.text.splitlines():
            cells = [cell.strip() for cell in _CELLS.split(line)]
            if len(cells) > 1 and code in cells:
                yield hit, cells


def _of_another(store: Store, one: OtherCode) -> bool:
    """Whether the other code stands in a row with a code of the same make as the first."""
    make = _make(one.code)
    return any(
        cell != one.code and cell != one.other and _CODE.fullmatch(cell) and _make(cell) == make
        for _, cells in _rows(store, one.other)
        for cell in cells
    )


def _make(code: str) -> str:
    return re.sub(r"[^\W\d_]", "a", re.sub(r"\d", "9", code))
