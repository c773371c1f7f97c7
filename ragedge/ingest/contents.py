"""Finds tables of contents and indexes by their lines: a title, then the page it stands on.

They name every subject of a manual and explain none, so that search would give them for nearly any question.
They stay in the pages and in the chunks; a mark lets retrieval rank them last.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from ragedge.datatypes import Chunk, Document

_PAGE = r"(?:(?:[A-Z]{1,2}|\d{1,3})\s?[-–.]\s?)?\d{1,4}"
# Read from the end of a line alone, so that a long one costs no more than a short one.
_TAIL_CHARS = 40
_ENTRY = re.compile(rf"(?P<leader>\s?…[\s|…-]*|\s?\|[\s|-]*|,?\s+)(?P<page>{_PAGE}|[ivxl]{{1,6}})$")
_INDEXED = re.compile(rf"(?:,|\s?…)\s?(?:{_PAGE}(?:,\s?|\s?[-–]\s?|$))+$")
_WORD = re.compile(r"[^\W\d_]{2}")
_INITIAL = re.compile(r"[\s•*–-]*([^\W\d_])")
_NUMBER = re.compile(r"\d+|[A-Z]+")
# A parts list also ends its rows in numbers, but those neither rise nor differ from row to row.
_LINES_SHARE, _ORDER_SHARE = 0.55, 0.8
_MIN_ENTRIES = 8
_MIN_LEADERS = 3  # dots that lead to a number are evidence by themselves
_CHUNK_SHARE = 0.5


def mark(document: Document, chunks: Sequence[Chunk]) -> list[Chunk]:
    """Set ``contents`` in the metadata of the chunks that hold hardly anything but such lines."""
    entries = [entry_lines(page.text) for page in document.pages]
    if not any(entries):
        return list(chunks)
    return [
        replace(chunk, metadata={**chunk.metadata, "contents": True})
        if _share(chunk, entries) >= _CHUNK_SHARE
        else chunk
        for chunk in chunks
    ]


def _share(chunk: Chunk, entries: Sequence[Sequence[tuple[int, int]]]) -> float:
    """Return how much of a chunk stands in lines of contents."""
    inside = total = 0
    for span in chunk.spans:
        total += span.end - span.start
        inside += sum(
            max(0, min(span.end, end) - max(span.start, start)) for start, end in entries[span.page_index]
        )
    return inside / max(total, 1)


def entry_lines(text: str) -> list[tuple[int, int]]:
    """Return the places of a page's lines of contents or index; none where the page is another kind.

    Args:
        text: The page's text.
    """
    lines = [(m.start(), m.end()) for m in re.finditer(r"[^\n]*\S[^\n]*", text)]
    listed = [
        (place, found)
        for place in lines
        if (found := _ENTRY.search(text, max(place[0], place[1] - _TAIL_CHARS), place[1]))
        and _WORD.search(text, place[0], found.start())
    ]
    led = sum("…" in found["leader"] for _, found in listed)
    enough = len(listed) >= _MIN_ENTRIES or led >= max(_MIN_LEADERS, len(listed) // 2)
    if enough and len(listed) >= _LINES_SHARE * len(lines):
        pages = [_order(found["page"]) for _, found in listed]
        if len(set(pages)) * 3 > len(pages) and _rising(pages):
            return [place for place, _ in listed]
    indexed = [
        (place, initial[1].casefold())
        for place in lines
        if (initial := _INITIAL.match(text, *place))
        and _INDEXED.search(text, max(initial.end(), place[1] - _TAIL_CHARS), place[1])
        and "|" not in text[place[0] : place[1]]
    ]
    if len(indexed) >= max(_MIN_ENTRIES, _LINES_SHARE * len(lines)):
        initials = [(0, initial) for _, initial in indexed]
        if len(set(initials)) > 1 and _rising(initials):
            return [place for place, _ in indexed]
    return []


def _rising(keys: Sequence[tuple[int, Any]]) -> bool:
    pairs = list(itertools.pairwise(keys))
    return sum(a <= b for a, b in pairs) >= _ORDER_SHARE * len(pairs)


def _order(page: str) -> tuple[int, Any]:
    """Return what pages sort by: Roman numbers of the front matter, then chapters, then appendices."""
    if page.islower():
        return (0, page)
    parts = _NUMBER.findall(page)
    return (1, tuple((part.isalpha(), part.zfill(6)) for part in parts))
