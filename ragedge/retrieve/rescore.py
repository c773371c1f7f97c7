"""The best candidates are scored anew, by what costs too much for all: their words, and what they have in common."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ragedge.config import RetrieveConfig
from ragedge.datatypes import PlacedSpan
from ragedge.index.cache import VectorCache
from ragedge.index.rows import StoredChunk
from ragedge.index.store import Store
from ragedge.retrieve.feedback import cosine_gain
from ragedge.retrieve.fusion import SURE_DEVIATIONS
from ragedge.retrieve.query import TextQuery, places_of_terms
from ragedge.retrieve.word_match import Held, WordMatch

if TYPE_CHECKING:
    from ragedge.protocols import Float32

# What a question's exact terms add, rare or not, where a passage or its headings hold them all: a model's name,
# say. In best full-text matches; chosen on those sets too.
NAMED_BONUS = 0.4
# Once words are counted, so that scores keep their size: the confidence in an answer rests on it.
_KEPT = 0.8


@dataclass(frozen=True, slots=True)
class Candidate:
    """A chunk that may be an answer, where its best sentence stands, and what the fusion made of it."""

    chunk: StoredChunk
    span: PlacedSpan
    score: float


def rescored(
    candidates: Sequence[Candidate],
    text_query: TextQuery,
    query: Float32,
    background: tuple[float, float],
    store: Store,
    vectors: VectorCache,
    config: RetrieveConfig,
) -> dict[int, float]:
    """Return the new score of each candidate, by row.

    Args:
        candidates: As the fusion ranks them.
        text_query: The question's words.
        query: Its vector, (dim,).
        background: Mean and standard deviation of its cosine with rows at large.
        store: Where the full text is.
        vectors: Where the candidates' vectors are.
        config: A half with the weight 0 has no say here either.
    """
    scores = {candidate.chunk.row: candidate.score for candidate in candidates}
    whole = config.text_weight + config.dense_weight
    if config.text_weight and config.words_weight:
        worth = _worth_of_words(candidates, text_query, store)
        factor = config.words_weight * config.text_weight / whole
        scores = {row: score + factor * worth[row] for row, score in scores.items()}
    # By vectors alone the leaders mislead as often as not: of what was like the best, words tell which was meant.
    if config.text_weight and config.dense_weight and config.fusion == "score":
        so_far = np.array(list(scores.values()), np.float32)
        gain = cosine_gain(query, vectors.rows(np.array(list(scores), np.int64)), so_far)
        factor = config.dense_weight / whole / background[1] / SURE_DEVIATIONS
        for row, change in zip(scores, gain.tolist(), strict=True):
            scores[row] += factor * change
    if config.text_weight and config.words_weight:
        scores = {row: _KEPT * score for row, score in scores.items()}
    return scores


def _worth_of_words(candidates: Sequence[Candidate], query: TextQuery, store: Store) -> dict[int, float]:
    match = WordMatch(query.terms, query.length)
    headings = list({candidate.chunk.heading for candidate in candidates})
    texts = ["\n".join(heading) for heading in headings]
    texts += [f"{candidate.chunk.context}\n{candidate.chunk.text}" for candidate in candidates]
    places = places_of_terms(query.terms, texts, store)
    above = {
        heading: frozenset([term for _, term in found])
        for heading, found in zip(headings, places, strict=False)
    }
    held: dict[int, Held] = {}
    on_page: defaultdict[tuple[str, int | None], frozenset[str]] = defaultdict(frozenset)
    for candidate, found in zip(candidates, places[len(headings) :], strict=True):
        chunk = candidate.chunk
        held[chunk.row] = match.read(found, above[chunk.heading])
        if candidate.span.page is not None:
            on_page[chunk.source, candidate.span.page] |= held[chunk.row].terms
    named = dict.fromkeys(held, 0.0)
    for expression, weight in query.named.items():
        for row in store.words.holding(expression, list(held)):
            named[row] += weight
    return {
        candidate.chunk.row: NAMED_BONUS * named[candidate.chunk.row]
        + match.score(
            held[candidate.chunk.row],
            on_page[candidate.chunk.source, candidate.span.page] or held[candidate.chunk.row].terms,
        )
        for candidate in candidates
    }
