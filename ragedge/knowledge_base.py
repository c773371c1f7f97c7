"""The pipeline, top to bottom: ingest, search, ask.

``KnowledgeBase`` is the only writer of documents. It may be shared by threads: reads run side by side,
generation queues inside the generator. Heavy parts (embedder, generator, index) are built on first use.
"""

from __future__ import annotations

import contextvars
import functools
import logging
import os
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any, Concatenate, Literal, ParamSpec, TypeVar

from ragedge import plugins
from ragedge.answer_stream import AnswerStream
from ragedge.config import Config, EffectiveConfig
from ragedge.datatypes import Answer, IngestReport, SearchResult
from ragedge.errors import KnowledgeBaseNotFoundError, RagedgeError, SourceError
from ragedge.privacy import egress as network
from ragedge.privacy.vault import Vault
from ragedge.question_text import clean_question

if TYPE_CHECKING:
    from types import TracebackType

    from ragedge.index.cache import VectorCache
    from ragedge.index.store import Store
    from ragedge.protocols import Embedder, Generator
    from ragedge.retrieve.retriever import Retriever

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

    def __init__(self, vault: Vault, effective: EffectiveConfig, store: Store | None, egress: Egress) -> None:
        self.path = vault.path
        self.config: Config = effective.config
        self._vault = vault
        self._effective = effective
        self._store = store
        self._egress = egress
        self._building = threading.RLock()
        self._embedder: Embedder | None = None
        self._cache: VectorCache | None = None
        self._retriever: Retriever | None = None
        self._generator: Future[Generator] | None = None

    def __enter__(self) -> KnowledgeBase:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the database; the knowledge base cannot be used afterwards."""
        with self._building:
            if self._cache is not None:
                self._cache.close()
                self._cache = None
            if self._store is not None:
                self._store.close()
                self._store = None

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

        embedder = self._loaded_embedder()
        if self._store is not None:
            self._store.check_embedder(embedder.name, embedder.fingerprint)
        intake = Intake(
            self._store, self._create_store, embedder, self.config, metadata or {}, progress or _no_progress
        )
        report = intake.run(paths, include, exclude, prefix)
        if self._store is not None:
            self._vectors().refresh(_staged("building the index", progress))
            if self.config.generate.calibrate and (report.documents or report.removed):
                self._calibrate(_CALIBRATION_SHARE * report.seconds)
        return report

    @guarded
    def remove(self, *sources: str) -> list[str]:
        """Remove documents by source.

        Raises:
            SourceError: one of them is not in the knowledge base; none is removed then.
        """
        store = self._open_store()
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
        self._vectors().refresh()
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
        return self._loaded_retriever().search(
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
        from ragedge.generate.answerer import Answerer
        from ragedge.generate.unit_vectors import by_vectors
        from ragedge.retrieve.neighbours import around
        from ragedge.retrieve.word_counts import word_counts

        started = time.perf_counter()
        question = clean_question(question)
        hits = self._loaded_retriever().search(question, where=where, per_page=_PASSAGES_PER_PAGE)
        answerer = Answerer(None, self._in_force().config.generate, by_vectors(self._loaded_embedder()))
        run = answerer.start(
            question,
            hits,
            started=started,
            max_new_tokens=max_new_tokens,
            budget_ms=budget_ms,
            seed=seed,
            neighbours=functools.partial(around, self._open_store()),
            counts=word_counts(self._open_store(), question),
        )
        if run.may_generate:
            # Only now: opening a session holds the interpreter's lock, and would delay what comes before.
            run.use(self._generator_loading())
        return AnswerStream(run, self._guard, hits.notes)

    # What is in it

    @guarded
    def status(self) -> dict[str, Any]:
        """Return what the knowledge base holds and every effective setting, as ``status --json`` prints it."""
        from ragedge.calibration.calibrate import abstention
        from ragedge.retrieve.revisions import superseded

        store = self._open_store()
        counts = store.counts()
        records = store.sources()
        replaced = superseded(records)
        in_force = self._in_force()
        return {
            "schema": 1,
            "schema_version": store.schema_version,
            "documents": counts.documents,
            "pages": counts.pages,
            "chunks": counts.chunks,
            "sources": [
                {
                    "source": r.source,
                    "sha256": r.sha256,
                    "pages": r.pages,
                    "chunks": r.chunks,
                    "metadata": dict(r.metadata),
                    "superseded_by": replaced.get(r.source),
                }
                for r in records
            ],
            "embedder": dict(store.embedder.as_dict()),
            "index": self._index_status(),
            "settings": in_force.as_dict(),
            "abstention": abstention(store, in_force),
            "encrypted": self.encrypted,
            "bytes": store.bytes_used(),
            "content_digest": store.content_digest(),
        }

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

        return read_pages(self._open_store(), source, page)

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

        record = require(self._open_store(), source)
        return read_original(source, file or record.origin, record.sha256)

    @guarded
    def rebuild_index(self, *, progress: Progress | None = None) -> dict[str, Any]:
        """Build the vector index anew from the rows; return its kind, state and count."""
        self._vectors().refresh(_staged("building the index", progress), anew=True)
        return self._index_status()

    @guarded
    def verify_rows(self) -> str:
        """Check every stored row against its digest; return what was checked, in words.

        Raises:
            DamagedError: the first that is not what was written.
        """
        store = self._open_store()
        for problem in store.verify():
            raise problem
        return f"{store.counts().chunks} chunks as written"

    @guarded
    def verify_embedder(self) -> str:
        """Compare the configured embedder with the one that built the vectors; return its name.

        Raises:
            IndexMismatchError: they differ.
        """
        self._loaded_retriever()
        return f"{self._open_store().embedder.name} built the vectors"

    # For what measures and tunes it

    @property
    def store(self) -> Store:
        """Its rows."""
        return self._open_store()

    @property
    def embedder(self) -> Embedder:
        """What turns texts into its vectors."""
        return self._loaded_embedder()

    @property
    def encrypted(self) -> bool:
        """Whether what lies in its folder takes a key to read."""
        return self._vault.cipher is not None

    @property
    def settings(self) -> EffectiveConfig:
        """The effective settings and where each came from."""
        return self._effective

    @guarded
    def beside(self, effective: EffectiveConfig, wrap: Callable[[Embedder], Embedder]) -> KnowledgeBase:
        """Return one over the same rows under other settings of the search; close this one, not that.

        Args:
            effective: Its settings; those of ``ingest`` and ``embed`` are as they were.
            wrap: Given the embedder that both share, returns the one that the new one uses.
        """
        other = KnowledgeBase(self._vault, effective, self._open_store(), self._egress)
        with self._building:
            other._embedder = wrap(self._loaded_embedder())
            if effective.config.index == self.config.index:
                other._cache = self._vectors()
            else:
                other._cache = other._new_cache(keep=False)
                other._cache.refresh()
        return other

    # Parts, built on first use

    def _guard(self) -> AbstractContextManager[None]:
        return network.guarded(self._egress)

    def _runtime_options(self) -> dict[str, Any]:
        settings = self.config.runtime
        return {"threads": settings.threads, "backend": settings.backend}

    def _loaded_embedder(self) -> Embedder:
        with self._building:
            if self._embedder is None:
                settings = self.config.embed
                options = {**settings.plugin_options(), **self._runtime_options()}
                self._embedder = plugins.create("embedder", settings.embedder, options)
            return self._embedder

    def _create_store(self) -> Store:
        from ragedge.index.store import Store

        embedder = self._loaded_embedder()
        with self._building:
            self._store = Store.create(
                self._vault, embedder_name=embedder.name, fingerprint=embedder.fingerprint, dim=embedder.dim
            )
        return self._store

    def _open_store(self) -> Store:
        if self._store is None:
            raise KnowledgeBaseNotFoundError(
                f"nothing was taken into {self.path} yet", hint=f"ragedge ingest FILES --kb {self.path}"
            )
        return self._store

    def _vectors(self) -> VectorCache:
        with self._building:
            if self._cache is None:
                self._cache = self._new_cache()
            return self._cache

    def _new_cache(self, *, keep: bool = True) -> VectorCache:
        from ragedge.index.cache import VectorCache

        settings = self.config.index
        options = {
            "m": settings.m,
            "ef_construction": settings.ef_construction,
            "ef_search": settings.ef_search,
        }
        return VectorCache(
            self._open_store(),
            kind=settings.kind,
            exact_below=settings.exact_below,
            options=options,
            keep=keep,
        )

    def _loaded_retriever(self) -> Retriever:
        from ragedge.retrieve.retriever import Retriever

        with self._building:
            if self._retriever is None:
                store, embedder = self._open_store(), self._loaded_embedder()
                store.check_embedder(embedder.name, embedder.fingerprint)
                self._retriever = Retriever(store, self._vectors(), embedder, self.config.retrieve)
            return self._retriever

    def _index_status(self) -> dict[str, Any]:
        cache = self._vectors()
        return {"kind": cache.kind, "state": cache.state(), "count": self._open_store().counts().chunks}

    def _calibrate(self, limit_s: float) -> None:
        """Fit the threshold of abstaining to the documents; what cannot be fitted leaves the one in force."""
        from ragedge.calibration.calibrate import recalibrate
        from ragedge.generate.unit_vectors import by_vectors

        found = {
            k: fact["value"] for k, fact in self._effective.as_dict().items() if k.startswith("retrieve.")
        }
        try:
            similarity = by_vectors(self._loaded_embedder())
            search = functools.partial(self._loaded_retriever().search, per_page=_PASSAGES_PER_PAGE)
            recalibrate(self._open_store(), search, similarity, limit_s=limit_s, settings=found)
        except RagedgeError as exc:
            log.warning("not calibrated: %s", type(exc).__name__)

    def _in_force(self) -> EffectiveConfig:
        """Return the settings with the threshold of abstaining that was fitted to the documents, if one was."""
        from ragedge.calibration.calibrate import fitted_threshold

        fitted = fitted_threshold(self._open_store()) if self.config.generate.calibrate else None
        return self._effective if fitted is None else self._effective.calibrated(fitted)

    def _generator_loading(self) -> Future[Generator] | None:
        """Begin to load the generator, while the first quotes are chosen and handed out."""
        settings = self.config.generate
        if settings.generator == "none":
            return None
        with self._building:
            if self._generator is None:
                options = {
                    "model": settings.model,
                    "context_window": settings.context_window,
                    **self._runtime_options(),
                }
                context = contextvars.copy_context()  # the network guard goes along
                pool = ThreadPoolExecutor(1, thread_name_prefix="ragedge-load")
                self._generator = pool.submit(
                    context.run, plugins.create, "generator", settings.generator, options
                )
                pool.shutdown(wait=False)  # the thread ends with its one task
            return self._generator
