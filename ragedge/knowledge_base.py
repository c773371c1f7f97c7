"""The pipeline, top to bottom: ingest, search, ask.

``KnowledgeBase`` is the only writer of documents. It may be shared by threads: reads run side by side,
generation queues inside the generator. What is heavy (embedder, generator, index) is built on first use: ``parts``.
"""

from __future__ import annotations

import functools
import logging
import os
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any, Concatenate, Literal, ParamSpec, TypeVar

from ragedge.answer_stream import AnswerStream
from ragedge.config import Config, EffectiveConfig
from ragedge.datatypes import Answer, IngestReport, SearchResult
from ragedge.errors import RagedgeError, SourceError
from ragedge.parts import Parts
from ragedge.privacy import egress as network
from ragedge.question_text import clean_question

if TYPE_CHECKING:
    from types import TracebackType

    from ragedge.index.store import Store
    from ragedge.protocols import Embedder

log = logging.getLogger(__name__)

Where = Sequence[str] | Mapping[str, str | int | float | bool] | None
Progress = Callable[[str, int, int | None], None]
Egress = Literal["off", "calls", "process"]
# For an answer: a page of tables holds the question's words in one and the fact in another.
_PASSAGES_PER_PAGE = 2
_CALIBRATION_SHARE = 0.1  # of the time an ingest took
P = ParamSpec("P")
R = TypeVar("R")


def _no_progress(stage: str, done: int, total: int | None) -> None:
    """Nobody is watching."""


def _staged(stage: str, progress: Progress | None) -> Callable[[int, int], None] | None:
    return None if progress is None else lambda done, total: progress(stage, done, total)


def guarded(
    method: Callable[Concatenate[KnowledgeBase, P], R],
) -> Callable[Concatenate[KnowledgeBase, P], R]:
    """Refuse connections that would leave the device while a method of ``KnowledgeBase`` runs."""

    @functools.wraps(method)
    def call(self: KnowledgeBase, *args: P.args, **kwargs: P.kwargs) -> R:
        with self._guard():
            return method(self, *args, **kwargs)

    return call  # type: ignore[return-value]  # functools types it as a keyword-callable wrapper


class KnowledgeBase:
    """Documents that answer questions. Open one with ``ragedge.open``; it is a context manager.

    Attributes:
        path: Its folder.
        config: The effective settings.
    """

    def __init__(self, parts: Parts, egress: Egress) -> None:
        self.path = parts.vault.path
        self.config: Config = parts.effective.config
        self._parts = parts
        self._egress = egress

    def __enter__(self) -> KnowledgeBase:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the database; the knowledge base cannot be used afterwards."""
        self._parts.close()

    # Ingest

    @guarded
    def ingest(
        self,
        *paths: str | os.PathLike[str],
        metadata: Mapping[str, str | int | float | bool] | None = None,
        include: Sequence[str] = (),
        exclude: Sequence[str] = (),
        prefix: str = "",
        progress: Progress | None = None,
    ) -> IngestReport:
        """Take in files and folders. Each document is replaced in one transaction, or not at all.

        Args:
            paths: Files, or folders that are walked whole.
            metadata: Put on every document taken in, over what the document says of itself.
            include: Take only files of folders that match one of these patterns.
            exclude: Leave out files of folders that match one.
            prefix: Put before each source, to keep equal names of two folders apart.
            progress: Called with a stage, how much of it is done, and how much there is.

        Raises:
            StoreError: the disk is full or the medium read-only, or a source of that name came from another
                folder; what was taken in before it stays.
        """
        from ragedge.intake import Intake

        parts = self._parts
        embedder, store = parts.embedder(), parts.store_if_any()
        if store is not None:
            store.check_embedder(embedder.name, embedder.fingerprint)
        intake = Intake(
            store, parts.create_store, embedder, self.config, metadata or {}, progress or _no_progress
        )
        report = intake.run(paths, include, exclude, prefix)
        if parts.store_if_any() is not None:
            parts.vectors().refresh(_staged("building the index", progress))
            if self.config.generate.calibrate and (report.documents or report.removed):
                self._calibrate(_CALIBRATION_SHARE * report.seconds)
        return report

    @guarded
    def remove(self, *sources: str) -> list[str]:
        """Remove documents by source.

        Raises:
            SourceError: one of them is not in the knowledge base; none is removed then.
        """
        store = self._parts.store()
        known = {record.source for record in store.sources()}
        for source in sources:
            if source not in known:
                raise SourceError(
                    "not_found",
                    f"no document named {source!r} among {len(known)}",
                    hint="ragedge status lists them",
                )
        for source in sources:
            store.remove(source)
        store.forget_removed()
        self._parts.vectors().refresh()
        return list(sources)

    # Search

    @guarded
    def search(self, question: str, *, top_k: int | None = None, where: Where = None) -> SearchResult:
        """Find the chunks that bear on a question, best first.

        Args:
            question: In plain words or codes.
            top_k: How many; None takes the configured number.
            where: Metadata filters, as ``"key=value"`` (also ``>=``, ``<=``) or a mapping.

        Raises:
            QuestionError: the question is empty or too long.
            IndexMismatchError: the documents were embedded by another model.
        """
        return self._parts.retriever().search(
            question, top_k=top_k or self.config.retrieve.top_k, where=where
        )

    # Ask

    def ask(
        self,
        question: str,
        *,
        where: Where = None,
        max_new_tokens: int | None = None,
        budget_ms: float | None = None,
        seed: int | None = None,
    ) -> Answer:
        """Answer a question from the documents, with the pages; see ``stream`` for the arguments."""
        with self.stream(
            question, where=where, max_new_tokens=max_new_tokens, budget_ms=budget_ms, seed=seed
        ) as stream:
            return stream.result()

    @guarded
    def stream(
        self,
        question: str,
        *,
        where: Where = None,
        max_new_tokens: int | None = None,
        budget_ms: float | None = None,
        seed: int | None = None,
    ) -> AnswerStream:
        """Answer a question sentence by sentence: what is handed out stands in the final text.

        Args:
            question: In plain words or codes.
            where: Metadata filters; see ``search``.
            max_new_tokens: Longest answer; None takes the configured number.
            budget_ms: Quote instead of generating once this time is spent.
            seed: Makes sampling repeatable.

        Raises:
            QuestionError: the question is empty or too long.
            ModelNotFoundError: a configured model is not installed.
        """
        from ragedge.calibration.calibrate import in_force
        from ragedge.generate.answerer import Answerer
        from ragedge.generate.unit_vectors import by_vectors
        from ragedge.retrieve.neighbours import around
        from ragedge.retrieve.word_counts import word_counts

        started = time.perf_counter()
        question = clean_question(question)
        hits = self._parts.retriever().search(question, where=where, per_page=_PASSAGES_PER_PAGE)
        settings = in_force(self._parts.store(), self._parts.effective).config.generate
        answerer = Answerer(None, settings, by_vectors(self._parts.embedder()))
        run = answerer.start(
            question,
            hits,
            started=started,
            max_new_tokens=max_new_tokens,
            budget_ms=budget_ms,
            seed=seed,
            neighbours=functools.partial(around, self._parts.store()),
            counts=word_counts(self._parts.store(), question),
        )
        if run.may_generate:
            # Only now: opening a session holds the interpreter's lock, and would delay what comes before.
            run.use(self._parts.generator_loading())
        return AnswerStream(run, self._guard, hits.notes)

    # What is in it

    @guarded
    def status(self) -> dict[str, Any]:
        """Return what the knowledge base holds and every effective setting, as ``status --json`` prints it."""
        from ragedge.status import status

        return status(self._parts)

    @guarded
    def inspect(self, source: str, *, page: int | None = None) -> list[dict[str, Any]]:
        """Return what was read from a source, page by page, as ``inspect --json`` prints it.

        Args:
            source: As ``status`` lists it.
            page: Only this one, counted from 1.

        Raises:
            SourceError: there is no such source or page.
        """
        from ragedge.index.inspection import read_pages

        return read_pages(self._parts.store(), source, page)

    @guarded
    def original(self, source: str, *, file: str | os.PathLike[str] | None = None) -> bytes:
        """Return the bytes of the file that a source was read from; the knowledge base itself keeps no copy.

        Args:
            source: As ``status`` lists it.
            file: Where the file is now; None takes the place that it was ingested from.

        Raises:
            SourceError: there is no such source, or its file is gone or has changed since.
        """
        from ragedge.index.inspection import require
        from ragedge.ingest.scan import read_original

        record = require(self._parts.store(), source)
        return read_original(source, file or record.origin, record.sha256)

    @guarded
    def rebuild_index(self, *, progress: Progress | None = None) -> dict[str, Any]:
        """Build the vector index anew from the rows; return its kind, state and count."""
        from ragedge.status import index_status

        self._parts.vectors().refresh(_staged("building the index", progress), anew=True)
        return index_status(self._parts.store(), self._parts.vectors())

    @guarded
    def verify_rows(self) -> str:
        """Check every stored row against its digest; return what was checked, in words.

        Raises:
            DamagedError: the first that is not what was written.
        """
        store = self._parts.store()
        for problem in store.verify():
            raise problem
        return f"{store.counts().chunks} chunks as written"

    @guarded
    def verify_embedder(self) -> str:
        """Compare the configured embedder with the one that built the vectors; return its name.

        Raises:
            IndexMismatchError: they differ.
        """
        self._parts.retriever()
        return f"{self._parts.store().embedder.name} built the vectors"

    # For what measures and tunes it

    @property
    def store(self) -> Store:
        """Its rows."""
        return self._parts.store()

    @property
    def embedder(self) -> Embedder:
        """What turns texts into its vectors."""
        return self._parts.embedder()

    @property
    def encrypted(self) -> bool:
        """Whether what lies in its folder takes a key to read."""
        return self._parts.vault.cipher is not None

    @property
    def settings(self) -> EffectiveConfig:
        """The effective settings and where each came from."""
        return self._parts.effective

    @guarded
    def beside(self, effective: EffectiveConfig, wrap: Callable[[Embedder], Embedder]) -> KnowledgeBase:
        """Return one over the same rows under other settings of the search; close this one, not that.

        Args:
            effective: Its settings; those of ``ingest`` and ``embed`` are as they were.
            wrap: Given the embedder that both share, returns the one that the new one uses.
        """
        return KnowledgeBase(self._parts.beside(effective, wrap), self._egress)

    def _guard(self) -> AbstractContextManager[None]:
        return network.guarded(self._egress)

    def _calibrate(self, limit_s: float) -> None:
        """Fit the threshold of abstaining to the documents; what cannot be fitted leaves the one in force."""
        from ragedge.calibration.calibrate import recalibrate
        from ragedge.generate.unit_vectors import by_vectors

        found = {
            k: fact["value"]
            for k, fact in self._parts.effective.as_dict().items()
            if k.startswith("retrieve.")
        }
        try:
            similarity = by_vectors(self._parts.embedder())
            search = functools.partial(self._parts.retriever().search, per_page=_PASSAGES_PER_PAGE)
            recalibrate(self._parts.store(), search, similarity, limit_s=limit_s, settings=found)
        except RagedgeError as exc:
            log.warning("not calibrated: %s", type(exc).__name__)
