"""The best candidates are scored anew, by what costs too much for all: their words, and what they have in common."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from ragedge.config import RetrieveConfig
from ragedge.datatypes import ScoredChunk
from ragedge.index.cache import VectorCache
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


def rescored(
    hits: Mapping[int, ScoredChunk],
    text_query: TextQuery,
    query: Float32,
    store: Store,
    vectors: VectorCache,
    config: RetrieveConfig,
) -> dict[int, float]:
    """Return the new score of each candidate.

    Args:
        hits: By row; their scores are those of the fusion.
        text_query: The question's words.
        query: Its vector, (dim,).
        store: Where the full text is.
        vectors: Where the candidates' vectors are.
        config: A half with the weight 0 has no say here either.
    """
    scores = {row: hit.score for row, hit in hits.items()}
    whole = config.text_weight + config.dense_weight
    if config.text_weight:
        worth = _worth_of_words(hits, text_query, store)
        scores = {row: score + config.text_weight / whole * worth[row] for row, score in scores.items()}
    # By vectors alone the leaders mislead as often as not: of what was like the best, words tell which was meant.
    if config.text_weight and config.dense_weight and config.fusion == "score":
        so_far = np.array(list(scores.values()), np.float32)
        gain = cosine_gain(query, vectors.rows(np.array(list(scores), np.int64)), so_far)
        _, deviation = vectors.background(query)
        factor = config.dense_weight / whole / deviation / SURE_DEVIATIONS
        for row, change in zip(scores, gain.tolist(), strict=True):
            scores[row] += factor * change
    return scores


def _worth_of_words(hits: Mapping[int, ScoredChunk], query: TextQuery, store: Store) -> dict[int, float]:
    match = WordMatch(query.terms, query.length)
    headings = list({hit.heading for hit in hits.values()})
    texts = ["\n".join(heading) for heading in headings]
    texts += [f"{hit.context}\n{hit.text}" for hit in hits.values()]
    places = places_of_terms(query.terms, texts, store)
    above = {
        heading: frozenset(term for _, term in found)
        for heading, found in zip(headings, places, strict=False)
    }
    held: dict[int, Held] = {}
    on_page: defaultdict[tuple[str, int | None], frozenset[str]] = defaultdict(frozenset)
    for (row, hit), found in zip(hits.items(), places[len(headings) :], strict=True):
        held[row] = match.read(found, above[hit.heading])
        if hit.page is not None:
            on_page[hit.source, hit.page] |= held[row].terms
    named = dict.fromkeys(hits, 0.0)
    for expression, weight in query.named.items():
        for row in store.words.holding(expression, list(hits)):
            named[row] += weight
    return {
        row: match.score(held[row], on_page[hit.source, hit.page] or held[row].terms)
        + NAMED_BONUS * named[row]
        for row, hit in hits.items()
    }
