"""Asks a knowledge base every question of a set and judges what comes back, question by question."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ragedge import opening, plugins
from ragedge.effective_config import load
from ragedge.errors import SourceError
from ragedge.measure.answer_figures import holds, rouge_l, unsupported_numbers
from ragedge.measure.beir import DEPTH, build_corpus
from ragedge.measure.questions import Half, Query, Question, half_of, read_queries, read_questions
from ragedge.measure.ranking import ranking_figures

if TYPE_CHECKING:
    from ragedge.datatypes import Answer, ScoredChunk, SearchResult
    from ragedge.knowledge_base import KnowledgeBase

Progress = Callable[[str, int, int | None], None]

PAGE_HITS = (1, 3, 5)


@dataclass(frozen=True, slots=True)
class Judged:
    """What came of one question.

    Attributes:
        id: The question's.
        type: Of what kind it is; may be empty.
        figures: A value for each metric that this question has a say in; 0 or 1 where it is a yes or no.
        latency_ms: Of the search.
        ranked: Documents with their scores, best first; for a corpus only.
    """

    id: str
    type: str
    figures: Mapping[str, float]
    latency_ms: float
    ranked: tuple[tuple[str, float], ...] = ()


@dataclass(frozen=True, slots=True)
class Evaluation:
    """A measurement: of what, under which settings, and what came of each question."""

    dataset: str
    split: str
    config_digest: str
    judged: tuple[Judged, ...]


def evaluate_corpus(
    folder: Path,
    *,
    split: str | None = None,
    half: Half | None = None,
    config: Path | None = None,
    settings: Mapping[str, Any] | None = None,
    progress: Progress | None = None,
) -> Evaluation:
    """Measure retrieval on a BEIR folder, taken into a temporary knowledge base that is deleted.

    Args:
        folder: Holds ``corpus.jsonl``, ``queries.jsonl`` and ``qrels/<split>.tsv``.
        split: Which judgements; None takes the only ones there are.
        half: Only the first or second half of their queries.
        config: A settings file.
        settings: Dotted keys over it.
        progress: Called with a stage, how much of it is done, and how much there is.

    Raises:
        SourceError: the folder's files are missing or not what is expected.
        ConfigError: no such split, or a setting is not allowed.
        MissingExtraError: the extra ``eval`` is not installed.
    """
    named, queries = read_queries(folder, split)
    queries = half_of(queries, half)
    if not queries:
        raise SourceError(
            "empty", f"{folder}: split {named!r} judges no query", hint="name another with --split"
        )
    effective = load(file=config, flags=settings).config
    options = {
        **effective.embed.plugin_options(),
        "threads": effective.runtime.threads,
        "backend": effective.runtime.backend,
    }
    embedder = plugins.create("embedder", effective.embed.embedder, options)
    with tempfile.TemporaryDirectory(prefix="ragedge-eval-") as scratch:
        names = build_corpus(folder, Path(scratch) / "kb", effective, embedder, progress=progress)
        with opening.open(Path(scratch) / "kb", config=config, settings=settings) as kb:
            judged = judge_queries(kb, queries, names, progress)
    return Evaluation(folder.resolve().name, _half_name(named, half), effective.digest(), tuple(judged))


def evaluate_questions(
    path: Path,
    kb: KnowledgeBase,
    *,
    half: Half | None = None,
    answers: bool = True,
    progress: Progress | None = None,
) -> Evaluation:
    """Measure pages found, and answers given, on a ``qa.jsonl``.

    Args:
        path: The questions; see ``read_questions``.
        kb: Holds the documents they are about.
        half: Only the first or second half of them.
        answers: Ask for answers as well; without, only the search is measured.
        progress: Called with a stage, how much of it is done, and how much there is.

    Raises:
        SourceError: a line is not what is expected.
    """
    questions = half_of(read_questions(path), half)
    if not questions:
        raise SourceError("empty", f"{path} holds no question", hint="docs/evaluation.md shows what it holds")
    judged = judge_questions(kb, questions, answers=answers, progress=progress)
    name = f"{path.resolve().parent.name}/{path.name}"
    return Evaluation(name, _half_name("all", half), kb.config.digest(), tuple(judged))


def judge_queries(
    kb: KnowledgeBase, queries: Sequence[Query], names: Sequence[str], progress: Progress | None = None
) -> list[Judged]:
    """Rank documents for each query; a document's place is that of its best chunk, a page its name's index."""
    ranked: dict[str, list[tuple[str, float]]] = {}
    times: list[float] = []
    kb.search(queries[0].text, top_k=DEPTH)  # loads what is loaded on first use
    for number, query in enumerate(queries, 1):
        hits = kb.search(query.text, top_k=DEPTH)
        times.append(hits.timings.total_ms)
        best: dict[str, float] = {}
        for hit in hits:
            assert hit.page is not None  # build_corpus numbers every page
            best.setdefault(names[hit.page - 1], hit.score)
        ranked[query.id] = list(best.items())
        _step(progress, number, len(queries))
    figures = ranking_figures(
        {query.id: query.relevant for query in queries},
        {query: [name for name, _ in documents] for query, documents in ranked.items()},
    )
    return [
        Judged(query.id, query.type, figures[query.id], latency, tuple(ranked[query.id]))
        for query, latency in zip(queries, times, strict=True)
    ]


def judge_questions(
    kb: KnowledgeBase, questions: Sequence[Question], *, answers: bool, progress: Progress | None = None
) -> list[Judged]:
    """Search, and answer, each question."""
    judged = []
    depth = max(kb.config.retrieve.top_k, *PAGE_HITS)
    kb.search(questions[0].text, top_k=depth)  # loads what is loaded on first use
    for number, question in enumerate(questions, 1):
        hits = kb.search(question.text, top_k=depth)
        figures = page_figures(question, hits)
        if answers:
            figures |= answer_figures(question, kb.ask(question.text))
        judged.append(Judged(question.id, question.type, figures, hits.timings.total_ms))
        _step(progress, number, len(questions))
    return judged


def page_figures(question: Question, hits: SearchResult | Sequence[ScoredChunk]) -> dict[str, float]:
    """Say whether a right page is among the first hits; a hit stands for one page, the one it names."""
    if not (question.answerable and question.places):
        return {}
    right = [any(place.holds(hit.source, hit.page) for place in question.places) for hit in hits]
    return {f"page_hit@{k}": float(any(right[:k])) for k in PAGE_HITS}


def answer_figures(question: Question, answer: Answer) -> dict[str, float]:
    """Judge an answer: its facts, its words, its numbers, and whether silence was right."""
    figures = {"unsupported_numbers": float(unsupported_numbers(answer))}
    if question.answerable and question.facts:
        figures["fact_recall"] = float(holds(question.facts, answer.text))
        passages = "\n".join(hit.text for hit in answer.passages)
        figures["facts_in_passages"] = float(holds(question.facts, passages))
    if question.answerable and question.answers:
        figures["rouge_l"] = max(rouge_l(expected, answer.text) for expected in question.answers)
    if answer.abstained:
        figures["abstain_precision"] = float(not question.answerable)
    if not question.answerable:
        figures["abstain_recall"] = float(answer.abstained)
    return figures


def _half_name(split: str, half: Half | None) -> str:
    return f"{split}, {half} half" if half else split


def _step(progress: Progress | None, done: int, total: int) -> None:
    if progress is not None:
        progress("asking", done, total)
