"""The best candidates are scored anew, by what costs too much for all: their words, and what they have in common."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from ragedge.config import RetrieveConfig
from ragedge.datatypes import ScoredChunk
from ragedge.index.quantize import dequantize_rows
from ragedge.index.store import Store
from ragedge.retrieve.feedback import cosine_gain
from ragedge.retrieve.fusion import SURE_DEVIATIONS
from ragedge.retrieve.query import TextQuery, passage_tokens
from ragedge.retrieve.word_match import Held, WordMatch

if TYPE_CHECKING:
    from ragedge.protocols import Float32

# What a question's exact terms add, rare or not, where a passage or its headings hold them all: a model's name,
# say. In best full-text matches; fitted by benchmarks/fit_word_match.py.
NAMED_BONUS = 0.4


def rescored(
    hits: Mapping[int, ScoredChunk],
    text_query: TextQuery,
    query: Float32,
    store: Store,
    background: tuple[float, float],
    config: RetrieveConfig,
) -> dict[int, float]:
    """Return the new score of each candidate.

    Args:
        hits: By row; their scores are those of the fusion.
        text_query: The question's words.
        query: Its vector, (dim,).
        store: Where the candidates' vectors and words are.
        background: Mean and standard deviation of the question's cosine with rows at large.
        config: A half with the weight 0 has no say here either.
    """
    scores = {row: hit.score for row, hit in hits.items()}
    whole = config.text_weight + config.dense_weight
    if config.text_weight:
        worth = _worth_of_words(hits, text_query, store)
        scores = {row: score + config.text_weight / whole * worth[row] for row, score in scores.items()}
    if config.dense_weight and config.fusion == "score":
        rows, codes, scale = store.vector_rows(list(hits))
        so_far = np.array([scores[row] for row in rows.tolist()], np.float32)
        gain = cosine_gain(query, dequantize_rows(codes, scale), so_far)
        factor = config.dense_weight / whole / background[1] / SURE_DEVIATIONS
        for row, change in zip(rows.tolist(), gain.tolist(), strict=True):
            scores[row] += factor * change
    return scores


def _worth_of_words(hits: Mapping[int, ScoredChunk], query: TextQuery, store: Store) -> dict[int, float]:
    match = WordMatch(query.terms, query.length)
    held: dict[int, Held] = {}
    on_page: defaultdict[tuple[str, int | None], frozenset[str]] = defaultdict(frozenset)
    for row, hit in hits.items():
        body = passage_tokens(f"{hit.context}\n{hit.text}", store)
        held[row] = match.read(body, passage_tokens("\n".join(hit.heading), store))
        if hit.page is not None:
            on_page[hit.source, hit.page] |= held[row].terms
    named = dict.fromkeys(hits, 0.0)
    for expression, weight in query.named.items():
        for row in store.holding(expression, list(hits)):
            named[row] += weight
    return {
        row: match.score(held[row], on_page[hit.source, hit.page] or held[row].terms)
        + NAMED_BONUS * named[row]
        for row, hit in hits.items()
    }
