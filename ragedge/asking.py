"""From a question to an answer under way: search, evidence, and the generator once it may be needed."""

from __future__ import annotations

import functools
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from ragedge.calibration.calibrate import in_force, recalibrate
from ragedge.errors import RagedgeError
from ragedge.generate.answerer import Answerer
from ragedge.generate.unit_vectors import by_vectors
from ragedge.retrieve.neighbours import around
from ragedge.retrieve.word_counts import word_counts

if TYPE_CHECKING:
    from ragedge.datatypes import ScoredChunk, SearchResult
    from ragedge.generate.answer_run import AnswerRun
    from ragedge.parts import Parts
    from ragedge.protocols import Generator

log = logging.getLogger("ragedge")

# For an answer: a page of tables holds the question's words in one and the fact in another.
PASSAGES_PER_PAGE = 2


def begin(
    parts: Parts,
    question: str,
    *,
    where: Any = None,
    carried: Sequence[ScoredChunk] = (),
    ready: Callable[[Generator], str | None] | None = None,
    **options: Any,
) -> tuple[AnswerRun, SearchResult]:
    """Search, and begin to answer from what was found.

    Args:
        parts: Of the knowledge base.
        question: Cleaned, and whole.
        where: Metadata filters.
        carried: Passages of the conversation that are still right; they come after those found.
        ready: Called with the generator before it reads the prompt; what it returns is told in ``degraded``.
        options: See ``Answerer.start``.
    """
    started = time.perf_counter()
    hits = with_carried(parts.retriever().search(question, where=where, per_page=PASSAGES_PER_PAGE), carried)
    settings = in_force(parts.store(), parts.effective).config.generate
    answerer = Answerer(None, settings, by_vectors(parts.embedder()), parts.prompts, ready, parts.tools())
    run = answerer.start(
        question,
        hits,
        started=started,
        neighbours=functools.partial(around, parts.store()),
        counts=word_counts(parts.store(), question),
        **options,
    )
    if run.may_generate:
        # Only now: opening a session holds the interpreter's lock, and would delay what comes before.
        run.use(parts.generator_loading())
    return run, hits


def with_carried(hits: SearchResult, carried: Sequence[ScoredChunk]) -> SearchResult:
    """Return hits with the passages that a conversation carries over behind them."""
    found = {hit.chunk_id for hit in hits}
    new = [hit for hit in carried if hit.chunk_id not in found]
    if not new:
        return hits
    ranked = [replace(hit, rank=rank) for rank, hit in enumerate(new, len(hits) + 1)]
    notes: Mapping[str, str] = hits.notes
    return type(hits)([*hits, *ranked], hits.timings, dict(notes))


def calibrate(parts: Parts, limit_s: float) -> None:
    """Fit the threshold of abstaining to the documents; what cannot be fitted leaves the one in force."""
    values = parts.effective.as_dict().items()
    found = {key: fact["value"] for key, fact in values if key.startswith("retrieve.")}
    try:
        similarity = by_vectors(parts.embedder())
        search = functools.partial(parts.retriever().search, per_page=PASSAGES_PER_PAGE)
        recalibrate(parts.store(), search, similarity, limit_s=limit_s, settings=found)
    except RagedgeError as exc:
        log.warning("not calibrated: %s", type(exc).__name__)
