"""A hit as answers read it: cut into units, its headings and column heads at hand."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from ragedge.datatypes import ScoredChunk
from ragedge.generate.sentences import Unit, cells, flat, read_units
from ragedge.generate.terms import content_terms, quantities
from ragedge.ingest.planted import MARK
from ragedge.privacy.instructions import is_to_the_writer, may_be_an_order
from ragedge.privacy.planted_text import is_planted
from ragedge.privacy.unread_text import says_nothing

_QUANTITY = re.compile(r"[±<>≤≥~-]?\s?[\d.,]+\s?[^\s\d()]+")
# The number of a section: "9.2", "2-7.", "Section XVI."; the groups tell how deep it stands.
_SECTION_NUMBER = re.compile(
    r"(?:section\s+)?(?P<number>\d{1,3}(?:[.-]\d{1,3})*[a-z]?|[IVXLC]+(?=\.))[.)]?\s+(?=\S)", re.I
)
_CAPTION = re.compile(r"(?:figure|fig\.|table|picture|photo|abb\.|bild|frame|図|表)\s?\d", re.I)
_LONGEST_TITLE = 90  # characters


@dataclass(frozen=True, slots=True)
class Passage:
    """A hit, cut into units, and what else makes it readable."""

    hit: ScoredChunk
    units: tuple[Unit, ...]
    unit_terms: tuple[frozenset[str], ...]
    heading_terms: frozenset[str]
    terms: frozenset[str]
    furniture: frozenset[int] = frozenset()  # where running heads and feet begin

    @property
    def is_suspicious(self) -> bool:
        """Whether text for the model that reads it was found here, at ingest or now."""
        return self.hit.metadata.get(MARK) is True or any(unit.kind == "order" for unit in self.units)

    def is_strange(self, index: int) -> bool:
        """Whether a unit may be planted: it speaks of telling or says nothing, and of nothing the passage is about."""
        others = self.heading_terms.union(*(t for i, t in enumerate(self.unit_terms) if i != index))
        text = self.text(self.units[index])
        return not self.unit_terms[index] & others and (may_be_an_order(text) or says_nothing(text))

    def titles(self) -> list[str]:
        """Return the headings over the passage and those it begins with."""
        return [*self.hit.heading, *(flat(self.text(unit)) for unit in self.units if unit.kind == "heading")]

    def section(self, index: int) -> tuple[str, ...]:
        """Return the headings over a unit, outermost first: those over the passage, and the nearest one in it."""
        own = [
            flat(self.text(unit))
            for unit in self.units[: index + 1]
            if unit.kind == "heading" and unit.start not in self.furniture
        ]
        over = self.hit.heading
        numbered = (
            bool(over) and _depth(over[-1]) > 0
        )  # then a line without a number is none of the document's
        titles = [t for t in own if is_title(t) and (_depth(t) or not numbered)]
        if not titles or titles[-1] in over:
            return over
        depth = _depth(titles[-1])
        while depth and over and _depth(over[-1]) >= depth:
            over = over[:-1]  # it ended where this one begins
        return (*over, titles[-1])

    def text(self, unit: Unit) -> str:
        """Return a unit's words, verbatim."""
        return self.hit.text[unit.start : unit.end]

    def is_head(self, index: int) -> bool:
        """Whether a row is the column heads over the rows that follow it."""
        if self.units[index].kind != "row" or (index and self.units[index - 1].kind == "row"):
            return False
        following = index + 1 < len(self.units) and self.units[index + 1].kind == "row"
        row = cells(self.text(self.units[index]))
        return following and (not _measured(row) or _names_columns(row))

    def heads(self, index: int) -> list[str]:
        """Return the column heads over a table row; empty where none are known or they do not fit it."""
        row = cells(self.text(self.units[index]))
        if self.hit.context:
            lines = [line for line in self.hit.context.splitlines() if line.strip()]
            if lines and len(cells(lines[-1])) >= len(row):
                return cells(lines[-1])
        first = index
        while first > 0 and self.units[first - 1].kind == "row":
            first -= 1
        head = cells(self.text(self.units[first]))
        # Heads name and do not measure: a first row with as many numbers as this one is data too.
        names = not _holds_data(head) and (_measured(head) < max(1, _measured(row)) or _names_columns(head))
        return head if first < index and len(head) >= len(row) and names else []


def repeated_lines(hits: Sequence[ScoredChunk]) -> frozenset[str]:
    """Return the lines that begin or end passages from several pages of one source: running heads and feet."""
    seen: dict[tuple[str, str], set[int | None]] = {}
    for hit in hits:
        lines = [flat(line) for line in hit.text.splitlines() if line.strip()]
        for line in {*lines[:1], *lines[-1:]}:
            seen.setdefault((hit.source, line), set()).add(hit.page)
    return frozenset(line for (_, line), pages in seen.items() if len(pages) > 1)


def read_passage(hit: ScoredChunk, furniture: frozenset[str] = frozenset()) -> Passage:
    """Cut a hit into units and collect its terms; lines in ``furniture`` are read as headings."""
    # What an ingest marked is looked at as closely as there; the rest need not be, and costs nothing.
    is_order = is_planted if hit.metadata.get(MARK) is True else is_to_the_writer
    units = tuple(
        replace(unit, kind="order") if is_order(hit.text[unit.start : unit.end]) else unit
        for unit in read_units(hit.text, {flat(title) for title in hit.heading[-1:]} | furniture)
    )
    terms = tuple(frozenset(content_terms(hit.text[u.start : u.end])) for u in units)
    own = (t for t, unit in zip(terms, units, strict=True) if unit.kind == "heading")
    heading = frozenset(content_terms(" \n ".join((*hit.heading, hit.context)))).union(*own)
    running = frozenset(u.start for u in units if flat(hit.text[u.start : u.end]) in furniture)
    return Passage(hit, units, terms, heading, heading.union(*terms), running)


def is_title(line: str) -> bool:
    """Whether a line that stands as a heading is a section's title: no caption, no page number, no line of codes."""
    words = [word for word in line.split() if word.isalpha() and len(word) > 1]
    if not words or not line[0].isalnum() or len(line) > _LONGEST_TITLE or line[-1].isdigit():
        return False
    return " – " not in line and not _CAPTION.match(line)


def _depth(title: str) -> int:
    """Return how many numbers a title begins with; 0 where it is not numbered."""
    found = _SECTION_NUMBER.match(title)
    return len(re.split(r"[.-]", found["number"])) if found else 0


def _measured(row: Sequence[str]) -> int:
    return sum(any(c.isdigit() for c in cell) for cell in row)


def _holds_data(row: Sequence[str]) -> bool:
    """Whether a cell after the first is a number with its unit and nothing else: ``370 A``."""
    return any(_QUANTITY.fullmatch(cell) and quantities(cell) for cell in row[1:])


def _names_columns(row: Sequence[str]) -> bool:
    """Whether cells name columns that differ in a number: ``Item | Type 1 (2021) | Type 2 (2022)``."""
    first, *others = row
    shapes = {re.sub(r"\d", "9", cell) for cell in others}
    return (
        not any(c.isdigit() for c in first)
        and len(others) > 1
        and len(set(others)) == len(others)
        and len(shapes) == 1
        and sum(c.isalpha() for c in others[0]) > 2
        and not any(quantities(cell) for cell in others)
    )
