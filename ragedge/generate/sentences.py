"""Breaks a passage into units that can be quoted: sentences, steps, table rows, notices."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Literal

from ragedge.ingest.safety import is_bare_notice_word, notice_kind
from ragedge.ingest.sentences import sentence_spans
from ragedge.privacy.unread_text import pieces

UnitKind = Literal["sentence", "step", "row", "heading", "warning", "caution", "note", "order"]
NOT_QUOTED: frozenset[str] = frozenset({"heading", "warning", "caution", "order"})
"""Kinds that answers do not quote on the way: titles, notices (they reach the reader apart), planted orders."""

_STEP = re.compile(
    r"\s*(?:\(?(?:\d{1,3}|[a-zA-Z]|[ivx]{1,4})[.)]\)?\s+(?=\S)|\d{1,3}-\d{1,3}\.\s+(?-i:[A-Z][a-z]+\s[a-z\d])|[-*•‣▪–—·○●◦]\s+|[①-⑳㉑-㉟]"
    r"|(?:step|schritt)\s+\d+\b|手順\s*\d+)",
    re.I,
)
_ORDERED = re.compile(
    r"\s*(?:\(?(?:\d{1,3}|[a-z])[.)]|\d{1,3}-\d{1,3}\.\s|[①-⑳㉑-㉟]|(?:step|schritt)\s+\d+|手順\s*\d+)", re.I
)
# Of a figure's legend, of which a line may hold several: "19. LANYARD – Z33-0002-306 – QTY. 1".
_LEGEND = re.compile(r"\(?\d{1,3}[.)]\s+[A-Z][A-Z0-9 ,/&'()-]+\s[–—]\s\S+(?:\s[–—]\sQTY\.?\s\d+)?(?=\s|$)")
_CELL = re.compile(r"\S \| \S|^- \| |\t\S")
_RULE = re.compile(r"\s*\|?[\s:|-]{3,}\|?\s*$")
_TITLE = re.compile(r"\s*(?![^\n]* \| )(?=\S)[^\n]{1,119}[^\s.!?:;,。！？](?=[ \t]*\n[ \t]*\n)")
_PAGE_NUMBER = re.compile(r"\s*(?:- \d{1,4} -|\d{1,4} / \d{1,4})\s*$")
_CAPTION = re.compile(r"\s*(?:figure|fig\.|picture|photo|abb\.|abbildung|bild|図)\s?\d[\d.-]*[.:]?\s", re.I)
_LONGEST_STEP = 480  # characters; a longer item is quoted by the sentence


@dataclass(frozen=True, slots=True)
class Unit:
    """``text[start:end]`` of a passage, without the spaces around it."""

    start: int
    end: int
    kind: UnitKind
    ordered: bool = False


def read_units(text: str, headings: Collection[str] = ()) -> list[Unit]:
    """Return a passage's units in order, not overlapping; together they hold every word.

    Args:
        text: The passage, lines as the page has them.
        headings: Lines that are headings wherever they stand, flat.
    """
    units: list[Unit] = []
    for start, end, kind in _blocks(text, headings):
        if kind == "row" and _LEGEND.match(text, start, end):
            units += [Unit(a, b, "row") for a, b in _legend(text, start, end)]
        elif kind in ("row", "heading") or (kind == "step" and end - start <= _LONGEST_STEP):
            units.append(Unit(start, end, kind, bool(_ORDERED.match(text, start, end))))
        elif kind in ("warning", "caution", "note"):
            units.append(Unit(start, end, kind))
        else:
            for a, b in _numbered_whole(text, [trim(text, *s) for s in sentence_spans(text, start, end)]):
                units += _readable(text, a, b, "step" if kind == "step" and a == start else "sentence")
    return units


def _readable(text: str, start: int, end: int, kind: UnitKind) -> Iterator[Unit]:
    """Yield a sentence, cut off from what was put against it and does not read as one."""
    for first, last, is_read in pieces(text, start, end):
        a, b = trim(text, first, last)
        if b > a:
            yield Unit(a, b, ("order" if not is_read else kind if a == start else "sentence"))


def split_sentences(text: str) -> list[str]:
    """Return the sentences of running text."""
    return [text[a:b].strip() for a, b in sentence_spans(text, 0, len(text)) if text[a:b].strip()]


def trim(text: str, start: int, end: int) -> tuple[int, int]:
    """Return the range without spaces at either end; empty where it holds none but spaces."""
    while start < end and text[start].isspace():
        start += 1
    while end > start and text[end - 1].isspace():
        end -= 1
    return start, end


def flat(text: str) -> str:
    """Return text on one line, words broken over lines joined."""
    return " ".join(re.sub(r"(?<=[a-z])-\n(?=[a-z])", "", text).split())


def cells(row: str) -> list[str]:
    """Return the cells of a table row; an empty place is the empty string."""
    return ["" if cell.strip() == "-" else cell.strip() for cell in re.split(r"\s\|\s|\t", row)]


def _blocks(text: str, headings: Collection[str]) -> Iterator[tuple[int, int, UnitKind]]:
    """Yield runs of lines: a row, a step, a heading, a notice up to the next blank line, or a paragraph."""
    titles, begin = _titles(text)
    yield from titles
    open_start, open_end, open_kind = begin, begin, "sentence"  # the run under way; empty at first
    bare = False  # a signal word alone on its line: what it says follows, over a blank line too
    for start, end in _lines(text, begin):
        line = text[start:end]
        kind: UnitKind | None = None
        if not line.strip():
            if not bare and open_end > open_start:
                yield open_start, open_end, open_kind  # type: ignore[misc]
                open_start = open_end
            continue
        if notice := notice_kind(line):
            kind = notice  # type: ignore[assignment]
        elif _CELL.search(line):
            kind = "row"
        elif _RULE.match(line):
            continue
        elif _LEGEND.match(line.strip()):
            kind = "row"
        elif _STEP.match(line):
            kind = "step"
        elif flat(line) in headings or _PAGE_NUMBER.match(line):
            kind = "heading"
        elif _CAPTION.match(line):
            kind = "heading" if len(line) < 80 else None
        begun = open_end > open_start
        if begun and (kind is not None or open_kind in ("row", "heading")) and not (bare and kind == "step"):
            yield open_start, open_end, open_kind  # type: ignore[misc]
            begun = False
        if not begun:
            open_start, open_kind = trim(text, start, end)[0], kind or "sentence"
        open_end = trim(text, start, end)[1]
        bare = kind in ("warning", "caution", "note") and is_bare_notice_word(line)
    if open_end > open_start:
        yield open_start, open_end, open_kind  # type: ignore[misc]


def _legend(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """Yield the entries of a legend, and what stands between them."""
    for entry in _LEGEND.finditer(text, start, end):
        for a, b in (trim(text, start, entry.start()), entry.span()):
            if b > a:
                yield a, b
        start = entry.end()
    a, b = trim(text, start, end)
    if b > a:
        yield a, b


def _numbered_whole(text: str, spans: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Join a number that was taken for a sentence (``12-3.``) with the sentence that it numbers."""
    joined: list[tuple[int, int]] = []
    for start, end in spans:
        if joined and not any(c.isalpha() for c in text[joined[-1][0] : joined[-1][1]]):
            start = joined.pop()[0]
        if end > start:
            joined.append((start, end))
    return joined


def _titles(text: str) -> tuple[list[tuple[int, int, UnitKind]], int]:
    """Return the headings that a passage begins with, and where its body does.

    A heading is a short line, set off by a blank one, that does not end like a sentence.
    """
    titles: list[tuple[int, int, UnitKind]] = []
    at = 0
    while title := _TITLE.match(text, at):
        titles.append((*trim(text, title.start(), title.end()), "heading"))
        at = title.end()
    return titles, at


def _lines(text: str, start: int) -> Iterator[tuple[int, int]]:
    while start < len(text):
        end = text.find("\n", start)
        end = len(text) if end < 0 else end
        yield start, end
        start = end + 1
