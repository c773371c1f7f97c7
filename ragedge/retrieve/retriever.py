"""From a question to ranked chunks: vectors and full text side by side, fused, each hit with its page."""

from __future__ import annotations

import math
import re
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from ragedge.config import RetrieveConfig
from ragedge.datatypes import Metadata, PlacedSpan, ScoredChunk, SearchResult, SearchTimings, Why
from ragedge.errors import DamagedError
from ragedge.index.cache import VectorCache
from ragedge.index.exact import row_products
from ragedge.index.rows import SourceRecord, StoredChunk
from ragedge.index.store import Store
from ragedge.question_text import clean_question
from ragedge.retrieve import revisions
from ragedge.retrieve.abbreviations import Abbreviations
from ragedge.retrieve.filter import Condition, Where, conditions, predicate
from ragedge.retrieve.fusion import reciprocal_rank, score_based
from ragedge.retrieve.query import TextQuery, build_query, places_of_terms
from ragedge.retrieve.rerank import reranked
from ragedge.retrieve.rescore import Candidate, rescored
from ragedge.retrieve.synonyms import check_synonyms, with_synonyms
from ragedge.retrieve.widen import widened

if TYPE_CHECKING:
    from ragedge.protocols import Embedder, Float32, Int64, Reranker

    Ranking = tuple[Int64, Float32]

# What a question's rare codes add, in best full-text matches of its words. At 1, abbreviations that abstracts
# share with a question (SciFact) outvote its words; at 0.5 nothing is lost and exact codes still win.
_CODE_BONUS = 0.5
# Candidates read and ranked anew: from 30 on, nothing is gained (docs/decisions/017).
_POOL = 30
_SENTENCE = re.compile(r"[^\n.!?]+")


class Retriever:
    """Finds the chunks that a question is about."""

    def __init__(
        self,
        store: Store,
        vectors: VectorCache,
        embedder: Embedder,
        config: RetrieveConfig,
        reranker: Reranker | None = None,
    ) -> None:
        self._store, self._vectors, self._embedder, self._config = store, vectors, embedder, config
        self._reranker = reranker
        self._abbreviations = Abbreviations(store)
        self._known_revisions: tuple[int, dict[str, SourceRecord], dict[str, str]] | None = None
        check_synonyms(config.synonyms)

    def search(
        self, question: str, top_k: int | None = None, where: Where | None = None, *, per_page: int = 1
    ) -> SearchResult:
        """Find chunks.

        Args:
            question: In the user's words.
            top_k: How many; the configured number by default.
            where: Conditions that a chunk's metadata must meet; applied before ranking.
            per_page: A page's further hits come after those of all other pages.

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
        question = self._with_other_names(clean_question(question))
        wanted = conditions(where)
        query = self._embedder.embed_query(question)
        embedded = time.perf_counter()
        with self._store.snapshot():
            allowed = self._allowed(wanted)
            found = self._find(question, query, max(self._config.candidates, top_k), allowed, top_k, per_page)
            notes = self._revision_notes(found)
        ended = time.perf_counter()
        timings = SearchTimings((embedded - started) * 1e3, (ended - embedded) * 1e3, (ended - started) * 1e3)
        return SearchResult(found, timings, notes)

    def _with_other_names(self, question: str) -> str:
        """Return a question with the names that the user and the documents give to what it names."""
        question = with_synonyms(question, self._config.synonyms)
        if not self._config.abbreviations:
            return question
        with self._store.snapshot():
            return " ".join([question, *self._abbreviations.other_names(question)])

    def _revisions(self) -> tuple[dict[str, SourceRecord], dict[str, str]]:
        generation = self._store.generation()
        if self._known_revisions is None or self._known_revisions[0] != generation:
            try:
                records = {record.source: record for record in self._store.sources()}
            except DamagedError:  # told where it is searched or verified; what is sound is found still
                records = {}
            self._known_revisions = (generation, records, revisions.superseded(records.values()))
        return self._known_revisions[1:]

    def _allowed(self, wanted: Sequence[Condition]) -> Int64 | None:
        """Return the rows that conditions and revisions leave; None for all of them."""
        without = {} if revisions.includes_old(wanted) else self._revisions()[1]
        return self._store.allowed_rows(predicate(wanted), without) if wanted or without else None

    def _revision_notes(self, hits: Sequence[ScoredChunk]) -> dict[str, str]:
        records, replaced = self._revisions()
        if not replaced:
            return {}
        told = {hit.source: revisions.notes(replaced, records, hit.source) for hit in hits}
        return {source: lines[0] for source, lines in told.items() if lines}

    def _find(
        self, question: str, query: Float32, candidates: int, allowed: Int64 | None, top_k: int, per_page: int
    ) -> list[ScoredChunk]:
        dense = self._vectors.search(query, candidates, allowed) if self._config.dense_weight else _nothing()
        text_query = build_query(question, self._store)
        text = self._search_text(text_query, candidates, allowed) if self._config.text_weight else _nothing()
        background = self._vectors.background(query)
        ids, scores = self._fuse(query, background, dense, text)
        pool = max(_POOL, 2 * top_k)
        score_of = dict(zip(ids.tolist(), scores.tolist(), strict=True))
        read = [
            Candidate(chunk, _best_span(chunk, text_query, self._store), score_of[chunk.row])
            for chunk in self._store.hits(ids[:pool].tolist())
        ]
        total = rescored(read, text_query, query, background, self._store, self._vectors, self._config)
        places = [_places(*ranking) for ranking in (dense, text)]
        ranked = [
            _hit(candidate, total[candidate.chunk.row], _why(candidate.chunk.row, *places))
            for candidate in sorted(read, key=lambda c: (-total[c.chunk.row], c.chunk.row))
        ]
        if self._reranker is not None:
            settings = self._config
            ranked = reranked(ranked, question, self._reranker, settings.rerank_depth, settings.rerank_weight)
        spread = _spread(widened(self._store, ranked), per_page)
        named = self._named_in_contents(text_query, read)
        # Stable: only what names pages goes behind.
        ranked = sorted(spread, key=lambda hit: _is_contents(hit.metadata) and hit.chunk_id not in named)
        return [replace(hit, rank=rank) for rank, hit in enumerate(ranked[:top_k], 1)]

    def _search_text(self, query: TextQuery, candidates: int, allowed: Int64 | None) -> Ranking:
        """Rank by BM25, chunks that hold the question's rare codes before all others."""
        weights = (self._config.heading_weight, 1.0, 1.0)
        ids, scores = self._store.words.ranked(query.phrases, candidates, allowed, weights=weights)
        if not query.codes or not len(ids):
            return ids, scores
        total = dict(zip(ids.tolist(), scores.tolist(), strict=True))
        best = float(scores[0])
        for phrase, weight in query.codes.items():
            for row in self._store.words.ranked([phrase], candidates, allowed)[0].tolist():
                total[row] = total.get(row, 0.0) + _CODE_BONUS * weight * best
        order = sorted(total, key=lambda row: (-total[row], row))[:candidates]
        return np.array(order, np.int64), np.array([total[row] for row in order], np.float32)

    def _named_in_contents(self, query: TextQuery, candidates: Sequence[Candidate]) -> set[str]:
        """Return the chunks of contents that hold a rare code of the question which no other candidate holds."""
        contents = {c.chunk.row: c.chunk.chunk_id for c in candidates if _is_contents(c.chunk.metadata)}
        named: set[str] = set()
        for phrase in query.codes if contents else ():
            holding = self._store.words.holding(phrase, [c.chunk.row for c in candidates])
            if holding <= contents.keys():
                named |= {contents[row] for row in holding}
        return named

    def _fuse(
        self, query: Float32, background: tuple[float, float], dense: Ranking, text: Ranking
    ) -> Ranking:
        config = self._config
        weights = (config.dense_weight, config.text_weight)
        if config.fusion == "rank":
            return reciprocal_rank([dense, text], weights, config.rrf_k)
        unseen = np.setdiff1d(text[0], dense[0], assume_unique=True)  # unique() would import numpy.ma
        ids = np.concatenate([dense[0], unseen])
        scores = np.concatenate([dense[1], row_products(self._vectors.rows(unseen), query)])
        return score_based((ids, scores), text, background, weights)


def _nothing() -> Ranking:
    return np.empty(0, np.int64), np.empty(0, np.float32)


def _spread(hits: Iterable[ScoredChunk], per_page: int) -> list[ScoredChunk]:
    """Move a page's hits beyond a number behind all others, so that one page cannot fill the list."""
    seen: Counter[tuple[str, int | None]] = Counter()
    first: list[ScoredChunk] = []
    later: list[ScoredChunk] = []
    for hit in hits:
        place = (hit.source, hit.page)
        seen[place] += 1
        (later if hit.page is not None and seen[place] > per_page else first).append(hit)
    return first + later


def _is_contents(metadata: Metadata) -> bool:
    """Whether a chunk is of a table of contents or an index, which holds every subject's words and no answer."""
    return metadata.get("contents") is True


def _places(ids: Int64, scores: Float32) -> dict[int, tuple[int, float]]:
    return {
        row: (rank, score)
        for rank, (row, score) in enumerate(zip(ids.tolist(), scores.tolist(), strict=True), 1)
    }


def _why(row: int, dense: dict[int, tuple[int, float]], text: dict[int, tuple[int, float]]) -> Why:
    dense_rank, dense_score = dense.get(row, (None, None))
    text_rank, text_score = text.get(row, (None, None))
    return Why(dense_rank, dense_score, text_rank, text_score)


def _hit(candidate: Candidate, score: float, why: Why) -> ScoredChunk:
    chunk, span = candidate.chunk, candidate.span
    pages = tuple(sorted({placed.page for placed in chunk.spans if placed.page is not None}))
    return ScoredChunk(
        0, chunk.chunk_id, chunk.source, span.page, span.page_label, pages, chunk.heading, chunk.kind,
        chunk.text, span.start, span.end, score, why, chunk.metadata, chunk.context, chunk.spans,
    )  # fmt: skip


def _best_span(chunk: StoredChunk, query: TextQuery, store: Store) -> PlacedSpan:
    """Return the span whose best sentence holds most of the question, rare words counting more."""
    if len(chunk.spans) == 1:
        return chunk.spans[0]
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
    rarity = {token: -math.log(share + 1e-6) for token, share in query.stems.items()}
    for owner, found in zip(owners, places_of_terms(rarity, sentences, store), strict=True):
        held = dict.fromkeys(token for _, token in found)
        best[owner] = max(best[owner], sum(rarity[token] for token in held))
    return chunk.spans[best.index(max(best))]
