"""Rows that say the same of another market or variant: who does not name one is shown all of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ragedge.generate.applies import OPPOSED, Asked
from ragedge.generate.evidence import Findings
from ragedge.generate.passages import Passage, read_passage
from ragedge.generate.procedure import Neighbours
from ragedge.generate.quotes import Quote, as_quote
from ragedge.generate.sentences import cells
from ragedge.generate.terms import codes, content_terms, fold

_LOOKED_AT = 2  # rows of an answer; what follows them is less sure to be meant
_MOST = 6  # rows besides
_MARKETS = frozenset().union(*OPPOSED)


def with_variants(
    findings: Findings, quotes: Sequence[Quote], neighbours: Neighbours
) -> tuple[Findings, list[Quote]]:
    """Return an answer with the rows for other markets and variants behind the row for one.

    The rows stand in the same table, or in one with the same column heads under a title that differs in the market,
    year or model alone ("5.3 EU schedule", "5.4 US schedule"). What a question names itself is not widened.

    Returns:
        The findings, with the passages of such rows behind the hits, and the quotes.
    """
    asked = Asked(findings.question.text)
    passages = list(findings.passages)
    found: list[Quote] = []
    seen = {quote.text + _section(passages[quote.passage], quote.units[0]) for quote in quotes}
    rows = [q for q in quotes if passages[q.passage].units[q.units[0]].kind == "row"]
    for quote in rows[:_LOOKED_AT]:
        here, index = passages[quote.passage], quote.units[0]
        subject = _subject(here, index)
        if subject is None or asked.settles(_section(here, index)):
            continue
        for chunk in neighbours(here.hit):
            part = read_passage(chunk)
            place = next((i for i, p in enumerate(passages) if p.hit.chunk_id == chunk.chunk_id), None)
            if place is not None:
                part = passages[place]
            for other, unit in enumerate(part.units):
                if unit.kind != "row" or len(found) >= _MOST or _subject(part, other) != subject:
                    continue
                title = _section(part, other)
                if asked.conflicts(f"{title}\n{part.text(unit)}") or not _differ_by_variant(
                    _section(here, index), title
                ):
                    continue
                if place is None:
                    place = len(passages)
                    passages.append(part)
                again = as_quote(part, place, other)
                if again.text + title not in seen:
                    seen.add(again.text + title)
                    found.append(again)
    if not found:
        return findings, list(quotes)
    after = quotes.index(rows[0]) + 1
    return replace(findings, passages=tuple(passages)), [*quotes[:after], *found, *quotes[after:]]


def _section(passage: Passage, index: int) -> str:
    return (passage.section(index) or ("",))[-1]


def _subject(passage: Passage, index: int) -> tuple[frozenset[str], tuple[str, ...]] | None:
    """Return what a row is of, its market or model left out, and its column heads; None where nothing tells."""
    heads = passage.heads(index)
    first = cells(passage.text(passage.units[index]))[0]
    named = frozenset(content_terms(first)) - codes(first)
    subject = named - _MARKETS
    if not heads or not (subject or named):
        return None
    return subject, tuple(fold(head) for head in heads)


def _differ_by_variant(one: str, other: str) -> bool:
    """Whether two titles are the same, or the same but for the market, year or model."""
    differ = frozenset(content_terms(one)) ^ frozenset(content_terms(other))
    named = codes(one) | codes(other) | _MARKETS
    return all(term in named or term.replace(".", "").isdecimal() for term in differ)
