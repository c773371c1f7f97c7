"""From a question to an answer under way: search, evidence, and the generator once it may be needed."""

from __future__ import annotations

import functools
import logging
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from ragedge.calibration.calibrate import in_force, recalibrate
from ragedge.errors import RagedgeError
from ragedge.generate.answerer import Answerer
from ragedge.generate.question_parts import parts_of
from ragedge.generate.unit_vectors import by_vectors
from ragedge.retrieve.neighbours import around
from ragedge.retrieve.same_thing import other_codes
from ragedge.retrieve.word_counts import word_counts

if TYPE_CHECKING:
    from ragedge.datatypes import ScoredChunk, SearchResult
    from ragedge.generate.answer_run import AnswerRun
    from ragedge.index.store import Store
    from ragedge.parts import Parts
    from ragedge.protocols import Generator

log = logging.getLogger("ragedge")

# For an answer: a page of tables holds the question's words in one and the fact in another.
PASSAGES_PER_PAGE = 2
_FOR_A_PART = 4  # passages that each of several questions in one is answered from
_MOST_CODES = 2  # tried in the place of one that what was found does not hold


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
    store = parts.store()
    search = functools.partial(parts.retriever().search, where=where, per_page=PASSAGES_PER_PAGE)
    settings = in_force(store, parts.effective).config.generate
    answerer = Answerer(None, settings, by_vectors(parts.embedder()), parts.prompts, ready, parts.tools())

    def answered_from(hits: SearchResult, question: str, several: Sequence[str] = ()) -> AnswerRun:
        return answerer.start(
            question,
            hits,
            started=started,
            neighbours=functools.partial(around, store),
            counts=word_counts(store, question),
            parts=several,
            **options,
        )

    def best_words(question: str) -> tuple[AnswerRun, SearchResult, str]:
        """Search for a question, and in other words where what is asked for was not found."""
        hits = with_carried(search(question), carried)
        run, words = answered_from(hits, question), question
        for again, note in other_words(store, question, hits, run):
            found = with_carried(search(again), carried)
            other = answered_from(found, again)
            if (not other.wants_value, other.confidence) > (not run.wants_value, run.confidence):
                notes = {hit.source: f"{note} {found.notes.get(hit.source, '')}".strip() for hit in found}
                run, words = other, again
                hits = type(found)(list(found), found.timings, notes if note else dict(found.notes))
        return run, hits, words

    several = parts_of(question)
    if several:
        found = [best_words(part) for part in several]
        first = found[0][1]
        hits = type(first)(list(first[:_FOR_A_PART]), first.timings, {})
        for _, more, _ in found:
            hits = with_carried(hits, more[:_FOR_A_PART])
            hits.notes.update(more.notes)
        run = answered_from(hits, question, [words for _, _, words in found])
    else:
        run, hits, _ = best_words(question)
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


def other_words(store: Store, question: str, hits: SearchResult, run: AnswerRun) -> Iterator[tuple[str, str]]:
    """Yield a question in words that may find what is missing, each with what the reader should know of it."""
    headed = run.headed_as if run.wants_value else ""
    if headed:
        yield f"{question.rstrip(' ?')} {headed}?", ""
    if run.wants_codes or run.wants_value:
        yield from by_other_codes(store, question, hits, headed)


def by_other_codes(
    store: Store, question: str, hits: SearchResult, headed: str = ""
) -> Iterator[tuple[str, str]]:
    """Yield a question with another code of the same thing, as the passages use it, and what says that it is one."""
    passages = "\n".join(hit.text for hit in hits)
    named = [
        one
        for one in other_codes(store, question)
        if one.other in passages or (headed and _digits(one.code) & _digits(one.other))
    ]
    question = f"{question.rstrip(' ?')} {headed}?" if headed else question
    for one in sorted(named, key=lambda one: passages.find(one.other) % (len(passages) + 1))[:_MOST_CODES]:
        page = "" if one.page is None else f", page {one.page}"
        yield (
            question.replace(one.code, one.other),
            f"{one.code} is read as {one.other} ({one.source}{page}).",
        )


def _digits(code: str) -> set[str]:
    return set(re.findall(r"\d{2,}", code))


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
