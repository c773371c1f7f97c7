"""From a question to ranked chunks: vectors and full text side by side, fused, each hit with its page."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING

import numpy as np

from ragedge.config import RetrieveConfig
from ragedge.datatypes import PlacedSpan, ScoredChunk, SearchResult, SearchTimings, Why
from ragedge.index.cache import VectorCache
from ragedge.index.rows import StoredChunk
from ragedge.index.store import Store
from ragedge.retrieve.filter import Where, conditions, predicate
from ragedge.retrieve.fusion import reciprocal_rank
from ragedge.retrieve.query import TextQuery, build_query, clean_question

if TYPE_CHECKING:
    from ragedge.protocols import Embedder, Float32, Int64

_SENTENCE = re.compile(r"[^\n.!?]+")


class Retriever:
    """Finds the chunks that a question is about."""

    def __init__(
        self, store: Store, vectors: VectorCache, embedder: Embedder, config: RetrieveConfig
    ) -> None:
        self._store, self._vectors, self._embedder, self._config = store, vectors, embedder, config

    def search(self, question: str, top_k: int | None = None, where: Where | None = None) -> SearchResult:
        """Find chunks.

        Args:
            question: In the user's words.
            top_k: How many; the configured number by default.
            where: Conditions that a chunk's metadata must meet; applied before ranking.

        Raises:
            QuestionError: the question is empty or too long.
            ConfigError: a condition is malformed.
            DamagedError: a chunk that was found is not what was written.
            ValueError: top_k is below 1.
        """
        top_k = self._config.top_k if top_k is None else top_k
        if top_k < 1:
            raise ValueError(f"top_k must be at least 1, got {top_k}")
        started = time.perf_counter()
        question = clean_question(question)
        wanted = conditions(where)
        query = self._embedder.embed_query(question)
        embedded = time.perf_counter()
        allowed = self._store.allowed_rows(predicate(wanted)) if wanted else None
        found = self._find(question, query, max(self._config.candidates, top_k), allowed, top_k)
        ended = time.perf_counter()
        timings = SearchTimings((embedded - started) * 1e3, (ended - embedded) * 1e3, (ended - started) * 1e3)
        return SearchResult(found, timings)

    def _find(
        self, question: str, query: Float32, candidates: int, allowed: Int64 | None, top_k: int
    ) -> list[ScoredChunk]:
        config = self._config
        dense = self._vectors.search(query, candidates, allowed)
        text_query = build_query(question, self._store)
        text = (np.empty(0, np.int64), np.empty(0, np.float32))
        if text_query.match:
            weights = (config.heading_weight, 1.0, 1.0)
            text = self._store.search_text(text_query.match, candidates, allowed, weights=weights)
        ids, scores = reciprocal_rank([dense, text], [config.dense_weight, config.text_weight], config.rrf_k)
        places = [_places(*ranking) for ranking in (dense, text)]
        best = dict(zip(ids[:top_k].tolist(), scores[:top_k].tolist(), strict=True))
        chunks = self._store.hits(list(best))
        return [
            _hit(rank, chunk, best[chunk.row], _why(chunk.row, *places), text_query, self._store)
            for rank, chunk in enumerate(chunks, 1)
        ]


def _places(ids: Int64, scores: Float32) -> dict[int, tuple[int, float]]:
    return {
        row: (rank, score)
        for rank, (row, score) in enumerate(zip(ids.tolist(), scores.tolist(), strict=True), 1)
    }


def _why(row: int, dense: dict[int, tuple[int, float]], text: dict[int, tuple[int, float]]) -> Why:
    dense_rank, dense_score = dense.get(row, (None, None))
    text_rank, text_score = text.get(row, (None, None))
    return Why(dense_rank, dense_score, text_rank, text_score)


def _hit(
    rank: int, chunk: StoredChunk, score: float, why: Why, query: TextQuery, store: Store
) -> ScoredChunk:
    span = chunk.spans[0] if _one_page(chunk) else _best_span(chunk, query, store)
    pages = tuple(sorted({placed.page for placed in chunk.spans if placed.page is not None}))
    return ScoredChunk(
        rank, chunk.chunk_id, chunk.source, span.page, span.page_label, pages, chunk.heading, chunk.kind,
        chunk.text, span.start, span.end, score, why, chunk.metadata, chunk.context, chunk.spans,
    )  # fmt: skip


def _one_page(chunk: StoredChunk) -> bool:
    return len(chunk.spans) == 1


def _best_span(chunk: StoredChunk, query: TextQuery, store: Store) -> PlacedSpan:
    """Return the span whose best sentence holds most of the question, rare words counting more."""
    sentences: list[str] = []
    owners: list[int] = []
    start = 0
    for number, span in enumerate(chunk.spans):
        text = chunk.text[start : start + span.end - span.start]
        start += len(text) + 1  # spans are joined by one line feed
        for sentence in _SENTENCE.findall(text):
            sentences.append(sentence)
            owners.append(number)
    best = [0.0] * len(chunk.spans)
    for owner, tokens in zip(owners, store.stems(sentences), strict=True):
        score = sum(
            -np.log(share + 1e-6) for token in set(tokens) if (share := query.stems.get(token)) is not None
        )
        best[owner] = max(best[owner], float(score))
    return chunk.spans[best.index(max(best))]
