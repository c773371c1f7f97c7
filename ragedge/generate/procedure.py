"""A procedure whole: chunking cuts a section in parts, and retrieval finds some of them; steps must not be lost."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from ragedge.datatypes import ScoredChunk
from ragedge.generate.evidence import Findings
from ragedge.generate.passages import Passage, is_title, read_passage, repeated_lines
from ragedge.generate.quotes import Quote, as_quote, one_procedure
from ragedge.generate.sentences import NOT_QUOTED, flat
from ragedge.generate.subject import speaks_of
from ragedge.generate.terms import content_terms

Neighbours = Callable[[ScoredChunk], Sequence[ScoredChunk]]
"""Returns the chunks around a hit, itself among them, in the order of the document."""

_LONGEST = 4000  # characters of all steps; a section that goes on for longer is a chapter
_FEWEST_STEPS = 2
_LEADING = 2  # sentences before the first step that are kept: what it applies to, what to have ready
_RANK = 0.2  # what the first hit's section has over the title of another that says as much
_SENTENCE_ENDS = (".", "!", ")", ":", "。", ";")
_LEAST_TITLE = 0.5  # share of the question that a section's title path must hold
_SHORT = 900  # characters of a section that says how in running text


@dataclass(frozen=True, slots=True)
class Procedure:
    """The quotes of a procedure, and the passages they and the notices over them stand in.

    Attributes:
        findings: As they were, with the section's other passages behind the hits.
        quotes: The steps in order.
        places: Every passage of the section, for its notices.
    """

    findings: Findings
    quotes: tuple[Quote, ...]
    places: tuple[int, ...]


def find_procedure(findings: Findings, neighbours: Neighbours) -> Procedure | None:
    """Return the steps of the section that the question names best; None where no section does.

    A short section of running text under such a title says how, too, where it does so better than any with steps.
    """
    best: tuple[float, list[Passage]] | None = None
    total = sum(findings.weights.values()) or 1.0
    for rank, passage in enumerate(findings.passages):
        title = _title(passage)
        if title is None:
            continue
        path = frozenset(content_terms(" ".join((*passage.hit.heading, title))))
        named = sum(w for term, w in findings.weights.items() if term in path) / total
        score = named + _RANK / (1 + rank)
        if named < _LEAST_TITLE or (best and score <= best[0]):
            continue
        section = _section(passage, title, neighbours)
        if (_is_procedure(section) or _is_short(section)) and _is_about(findings, section, title):
            best = score, section
    if best is None:
        return None
    passages = list(findings.passages)
    places = []
    for part in best[1]:
        at = next((i for i, p in enumerate(passages) if p.hit.chunk_id == part.hit.chunk_id), len(passages))
        if at == len(passages):
            passages.append(part)
        places.append(at)
    quotes = one_procedure(findings, _quotes(passages, places))
    extended = replace(findings, passages=tuple(passages))
    return Procedure(extended, tuple(quotes), tuple(places))


def _is_procedure(section: Sequence[Passage]) -> bool:
    """Tell steps from a numbered parts list: most steps are sentences, and they are more than the rows."""
    steps = [part.text(unit).rstrip() for part in section for unit in part.units if unit.kind == "step"]
    rows = sum(unit.kind == "row" for part in section for unit in part.units)
    sentences = sum(step.endswith(_SENTENCE_ENDS) for step in steps)
    return len(steps) >= _FEWEST_STEPS and rows < len(steps) and 2 * sentences >= len(steps)


def _is_short(section: Sequence[Passage]) -> bool:
    """Tell a section of a few sentences, which is quoted whole."""
    units = [(part.text(unit), unit.kind) for part in section for unit in part.units]
    sentences = sum(kind == "sentence" and text.rstrip().endswith(_SENTENCE_ENDS) for text, kind in units)
    listed = any(kind in ("row", "step") for _, kind in units)
    return sentences > 0 and not listed and sum(len(text) for text, _ in units) <= _SHORT


def _is_about(findings: Findings, section: Sequence[Passage], title: str) -> bool:
    """Whether a section tells what the question asks to be done, rather than to mention it on the way."""
    said = [part.text(unit) for part in section for unit in part.units if unit.kind in ("step", "sentence")]
    return speaks_of(findings.weights, (*section[0].hit.heading, title), said)


def _title(passage: Passage) -> str | None:
    """Return the heading that a passage stands under: one it begins with, or the last of its path."""
    own = [flat(passage.text(unit)) for unit in passage.units if unit.kind == "heading"]
    numbered = [title for title in own if title[:1].isdigit() and is_title(title)]
    if numbered:
        return numbered[-1]
    return flat(passage.hit.heading[-1]) if passage.hit.heading else None


def _section(passage: Passage, title: str, neighbours: Neighbours) -> list[Passage]:
    """Return the passages under the same title, unbroken around the one that was found."""
    chunks = list(neighbours(passage.hit))
    furniture = repeated_lines(chunks)
    parts = [read_passage(chunk, furniture) for chunk in chunks]
    here = next((i for i, part in enumerate(parts) if part.hit.chunk_id == passage.hit.chunk_id), None)
    if here is None:
        return [passage]
    first = last = here
    while first > 0 and _title(parts[first - 1]) == title:
        first -= 1
    while last + 1 < len(parts) and _title(parts[last + 1]) == title:
        last += 1
    return parts[first : last + 1]


def _quotes(passages: Sequence[Passage], places: Sequence[int]) -> list[Quote]:
    found: list[Quote] = []
    length = 0
    begun = False
    for place in places:
        passage = passages[place]
        for index, unit in enumerate(passage.units):
            text = passage.text(unit)
            if unit.kind in NOT_QUOTED or (unit.kind == "row" and not begun):
                continue  # notices reach the reader by themselves
            if unit.kind == "step" and not begun:
                begun = True
                del found[:-_LEADING]
            if unit.kind == "sentence" and not text.rstrip().endswith(_SENTENCE_ENDS):
                continue  # a call-out of a figure
            length += len(text)
            if length > _LONGEST:
                return found
            found.append(as_quote(passage, place, index))
    while found and passages[found[-1].passage].units[found[-1].units[0]].kind == "row":
        found.pop()  # a table after the last step is no part of it
    return found
