"""What tuning asks, and how it judges: questions of users, verdicts on pages, or queries of a BEIR folder."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from ragedge.measure.questions import Place, Query, Question

if TYPE_CHECKING:
    from ragedge.datatypes import ScoredChunk
    from ragedge.index.feedback import Feedback

Origin = Literal["given", "feedback", "made"]
_RIGHT = "right"


@dataclass(frozen=True, slots=True)
class Asked:
    """One question and what its ranking is judged by.

    Attributes:
        id: Unlike every other's.
        text: What is asked.
        origin: Who asked it.
        relevant: Grade of each right name.
        name: What a hit counts as: a document's name, or ``right`` for a right page.
        avoid: The names are wrong ones: the better the lower they stand.
    """

    id: str
    text: str
    origin: Origin
    relevant: dict[str, int]
    name: Callable[[ScoredChunk], str] = field(compare=False, repr=False)
    avoid: bool = False


def from_questions(questions: Sequence[Question], origin: Origin = "given") -> list[Asked]:
    """Keep the questions that name a right place; its first hit in the ranking is what counts."""
    kept = [q for q in questions if q.answerable and q.places]
    return [Asked(f"{origin}-{q.id}", q.text, origin, {_RIGHT: 1}, _page_name(q.places)) for q in kept]


def from_feedback(verdicts: Sequence[Feedback]) -> list[Asked]:
    """Turn verdicts into questions: pages said right for one question are right together."""
    asked: list[Asked] = []
    for right in (True, False):
        places: dict[str, list[Place]] = {}
        for verdict in verdicts:
            if verdict.right is right:
                pages = frozenset() if verdict.page is None else frozenset([verdict.page])
                places.setdefault(verdict.question, []).append(Place(verdict.source, pages))
        for text, where in places.items():
            name = f"{'right' if right else 'wrong'}-{_digest(text)}"
            asked.append(Asked(name, text, "feedback", {_RIGHT: 1}, _page_name(where), avoid=not right))
    return asked


def from_queries(queries: Sequence[Query], names: Sequence[str]) -> list[Asked]:
    """Turn queries of a BEIR folder into questions; page ``i + 1`` of its knowledge base is ``names[i]``."""

    def name(hit: ScoredChunk) -> str:
        return names[(hit.page or 1) - 1]

    return [Asked(f"given-{q.id}", q.text, "given", dict(q.relevant), name) for q in queries]


def digest_of(asked: Sequence[Asked]) -> str:
    """Return a sha256 over questions and what is right for them."""
    return _digest([(a.id, a.text, sorted(a.relevant.items()), a.avoid) for a in asked])


def _page_name(places: Sequence[Place]) -> Callable[[ScoredChunk], str]:
    def name(hit: ScoredChunk) -> str:
        right = any(place.holds(hit.source, hit.page) for place in places)
        return _RIGHT if right else f"{hit.source} {hit.page} {hit.chunk_id}"

    return name


def _digest(value: object) -> str:
    return hashlib.sha256(json.dumps(value, ensure_ascii=False).encode()).hexdigest()
