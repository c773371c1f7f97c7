"""The pipeline, top to bottom: ingest, search, ask.

``KnowledgeBase`` is the only writer of documents. It may be shared by threads: reads run side by side,
generation queues inside the generator. Heavy parts (embedder, generator, index) are built on first use.
"""

from __future__ import annotations

import contextvars
import functools
import hashlib
import json
import logging
import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Concatenate, Literal, ParamSpec, TypeVar

from ragedge import __version__, plugins
from ragedge.config import Config, EffectiveConfig, load
from ragedge.datatypes import Answer, IngestReport, Renamed, SearchResult, Sentence, Skipped, UnreadPages
from ragedge.errors import ConfigError, KnowledgeBaseNotFoundError, SourceError
from ragedge.ingest import plan
from ragedge.privacy import egress as network
from ragedge.privacy.vault import DATABASE, SETTINGS, Vault

if TYPE_CHECKING:
    from types import TracebackType

    from ragedge.generate.answerer import AnswerRun
    from ragedge.index.cache import VectorCache
    from ragedge.index.store import Store
    from ragedge.ingest.parser_process import ParsedDocument, Parser
    from ragedge.ingest.scan import Found
    from ragedge.protocols import Embedder, Float32, Generator
    from ragedge.retrieve.retriever import Retriever

log = logging.getLogger(__name__)

Where = Sequence[str] | Mapping[str, str | int | float | bool] | None
Progress = Callable[[str, int, int | None], None]
Egress = Literal["off", "calls", "process"]
P = ParamSpec("P")
R = TypeVar("R")

# Chunks embedded between two steps of the progress bar.
_EMBED_STEP = 64


def guarded(
    method: Callable[Concatenate[KnowledgeBase, P], R],
) -> Callable[Concatenate[KnowledgeBase, P], R]:
    """Refuse connections that would leave the device while a method of ``KnowledgeBase`` runs."""

    @functools.wraps(method)
    def call(self: KnowledgeBase, *args: P.args, **kwargs: P.kwargs) -> R:
        with self._guard():
            return method(self, *args, **kwargs)

    return call


@dataclass(frozen=True, slots=True)
class _FileRead:
    """A file on its way in; ``parsed`` is None where its content need not be read again."""

    source: str
    origin: str
    sha256: str
    action: plan.Action
    old_source: str
    parsed: Future[ParsedDocument] | None


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
        from ragedge.ingest.scan import scan

        started = time.perf_counter()
        report = IngestReport()
        tell = progress or (lambda stage, done, total: None)
        found = scan(paths, include=include, exclude=exclude)
        report.skipped += found.skipped
        if not found.files:
            report.seconds = time.perf_counter() - started
            return report
        store = self._open_store()
        known = {r.source: plan.KnownSource(r.sha256, r.origin, r.stamp) for r in store.sources()}
        files = plan.named(found.files, prefix)
        plan.refuse_namesakes(files, known)
        stamp = self._ingest_stamp(metadata or {})
        for number, item in enumerate(self._read_ahead(files, known, stamp, report)):
            tell("reading", number + 1, len(files))
            self._take_in(item, known, metadata or {}, stamp, report, tell)
        for source in plan.deleted(found.folders, known):
            store.remove(source)
            report.removed.append(source)
        if report.updated or report.removed:
            store.forget_removed()
        self._vectors().refresh()
        report.seconds = time.perf_counter() - started
        log.info("ingest added=%d updated=%d skipped=%d s=%.1f", len(report.added), len(report.updated), len(report.skipped), report.seconds)
        return report

    def _ingest_stamp(self, metadata: Mapping[str, Any]) -> str:
        """Digest what decides how a file is read and cut: another digest means reading it again."""
        settings = self.config.ingest.model_dump(mode="json", exclude={"timeout_s", "memory_mb", "max_file_mb"})
        state = json.dumps([__version__, settings, dict(metadata)], sort_keys=True)
        return hashlib.sha256(state.encode()).hexdigest()[:16]

    def _read_ahead(
        self, files: Sequence[tuple[str, Found]], known: Mapping[str, plan.KnownSource], stamp: str, report: IngestReport
    ) -> Iterator[_FileRead]:
        """Yield each file that could be read; the next one is parsed while the caller works on this one."""
        from ragedge.ingest.scan import read

        parser: Parser | None = None
        waiting: _FileRead | None = None
        try:
            for source, file in files:
                try:
                    data, sha256 = read(file, self.config.ingest.max_file_mb << 20)
                except SourceError as exc:
                    report.skipped.append(Skipped(source, exc.code, exc.message))
                    continue
                action, old_source = plan.action(source, sha256, stamp, known)
                parsed = None
                if action in ("add", "update"):
                    parser = parser or self._parser()
                    parsed = parser.parse_async(source, data)
                if waiting is not None:
                    yield waiting
                waiting = _FileRead(source, str(file.path.resolve()), sha256, action, old_source, parsed)
            if waiting is not None:
                yield waiting
        finally:
            if parser is not None:
                parser.close()

    def _parser(self) -> Parser:
        from ragedge.ingest.parser_process import CounterSpec, Parser

        embedder = self._loaded_embedder()
        counter = CounterSpec(options={"tokenizer": str(embedder.tokenizer_path)})
        return Parser(self.config.ingest, counter, embedder_max_tokens=embedder.max_tokens)

    def _take_in(
        self, item: _FileRead, known: dict[str, plan.KnownSource], metadata: Mapping[str, Any], stamp: str,
        report: IngestReport, tell: Progress,
    ) -> None:  # fmt: skip
        """Make one file visible, or say in the report why not; an older version stays until then."""
        store = self._open_store()
        if item.action == "keep":
            report.unchanged.append(item.source)
        elif item.action == "rename":
            store.rename(item.old_source, item.source, origin=item.origin)
            known[item.source] = known.pop(item.old_source)
            report.renamed.append(Renamed(item.old_source, item.source))
        else:
            assert item.parsed is not None
            try:
                parsed = item.parsed.result()
                vectors = self._embed([chunk.index_text for chunk in parsed.chunks], item.source, tell)
                record = store.put_document(
                    item.source, item.sha256, parsed.document, parsed.chunks, vectors,
                    metadata=metadata, origin=item.origin, stamp=stamp,
                )  # fmt: skip
            except SourceError as exc:
                report.skipped.append(Skipped(item.source, exc.code, exc.message))
                return
            (report.added if item.action == "add" else report.updated).append(item.source)
            if record.unread_pages:
                report.unread_pages.append(UnreadPages(item.source, record.unread_pages))
            report.documents += 1
            report.pages += record.pages
            report.chunks += record.chunks
        known[item.source] = plan.KnownSource(item.sha256, item.origin, stamp)

    def _embed(self, texts: Sequence[str], source: str, tell: Progress) -> Float32:
        import numpy as np

        embedder = self._loaded_embedder()
        parts = []
        for start in range(0, len(texts), _EMBED_STEP):
            parts.append(embedder.embed_passages(texts[start : start + _EMBED_STEP]))
            tell(f"embedding {Path(source).name}", min(start + _EMBED_STEP, len(texts)), len(texts))
        return np.concatenate(parts) if parts else np.zeros((0, embedder.dim), np.float32)

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
                raise SourceError("not_found", f"no document named {source!r} among {len(known)}", hint="ragedge status lists them")
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
        return self._loaded_retriever().search(question, top_k=top_k or self.config.retrieve.top_k, where=where)

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
        with self.stream(question, where=where, max_new_tokens=max_new_tokens, budget_ms=budget_ms, seed=seed) as stream:
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

        started = time.perf_counter()
        generator = self._generator_loading()
        hits = self.search(question, where=where)
        answerer = Answerer(generator, self.config.generate)
        run = answerer.start(
            question, hits, started=started, max_new_tokens=max_new_tokens, budget_ms=budget_ms, seed=seed
        )
        return AnswerStream(run, self._guard)

    # What is in it

    @guarded
    def status(self) -> dict[str, Any]:
        """Return what the knowledge base holds and every effective setting, as ``status --json`` prints it."""
        store = self._open_store(create=False)
        counts = store.counts()
        return {
            "schema": 1,
            "schema_version": store.schema_version,
            "documents": counts.documents,
            "pages": counts.pages,
            "chunks": counts.chunks,
            "sources": [
                {"source": r.source, "sha256": r.sha256, "pages": r.pages, "chunks": r.chunks, "metadata": dict(r.metadata)}
                for r in store.sources()
            ],
            "embedder": dict(store.embedder.as_dict()),
            "index": self._index_status(),
            "settings": self._effective.as_dict(),
            "encrypted": False,
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
        store = self._open_store(create=False)
        if store.document(source) is None:
            raise SourceError("not_found", f"no document named {source!r}", hint="ragedge status lists them")
        pages = store.pages(source)
        if page is not None and not 1 <= page <= len(pages):
            raise SourceError("not_found", f"{source!r} has pages 1 to {len(pages)}; page {page} was asked for")
        chunks = store.chunks(source)
        return [
            {
                "page": item.number,
                "page_label": item.label,
                "text": item.text,
                "blocks": [{"kind": b.kind, "text": item.text[b.start : b.end], "start": b.start, "end": b.end} for b in item.blocks],
                "chunks": [
                    {"chunk_id": chunk.chunk_id, "text": item.text[span.start : span.end], "start": span.start, "end": span.end}
                    for chunk in chunks
                    for span in chunk.spans
                    if span.page == item.number
                ],
            }
            for number, item in enumerate(pages, 1)
            if page in (None, number)
        ]

    @guarded
    def rebuild_index(self) -> dict[str, Any]:
        """Build the vector index anew from the rows; return its kind, state and count."""
        self._vectors().refresh(anew=True)
        return self._index_status()

    @guarded
    def verify_rows(self) -> str:
        """Check every stored row against its digest; return what was checked, in words.

        Raises:
            DamagedError: the first that is not what was written.
        """
        store = self._open_store(create=False)
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
        return f"{self.config.embed.model} built the vectors"

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
                options = {"model": settings.model, **self._runtime_options()}
                self._embedder = plugins.create("embedder", settings.embedder, options)
            return self._embedder

    def _open_store(self, *, create: bool = True) -> Store:
        from ragedge.index.store import Store

        with self._building:
            if self._store is None:
                if not create:
                    raise KnowledgeBaseNotFoundError(f"nothing was taken into {self.path} yet", hint=f"ragedge ingest FILES --kb {self.path}")
                embedder = self._loaded_embedder()
                self._store = Store.create(
                    self._vault, embedder_name=embedder.name, fingerprint=embedder.fingerprint, dim=embedder.dim
                )
            return self._store

    def _vectors(self) -> VectorCache:
        from ragedge.index.cache import VectorCache

        with self._building:
            if self._cache is None:
                settings = self.config.index
                options = {"m": settings.m, "ef_construction": settings.ef_construction, "ef_search": settings.ef_search}
                self._cache = VectorCache(
                    self._open_store(create=False), kind=settings.kind, exact_below=settings.exact_below, options=options
                )
            return self._cache

    def _loaded_retriever(self) -> Retriever:
        from ragedge.retrieve.retriever import Retriever

        with self._building:
            if self._retriever is None:
                store, embedder = self._open_store(create=False), self._loaded_embedder()
                store.check_embedder(embedder.name, embedder.fingerprint)
                self._retriever = Retriever(store, self._vectors(), embedder, self.config.retrieve)
            return self._retriever

    def _index_status(self) -> dict[str, Any]:
        cache = self._vectors()
        return {"kind": cache.kind, "state": cache.state(), "count": self._open_store(create=False).counts().chunks}

    def _generator_loading(self) -> Future[Generator] | None:
        """Begin to load the generator beside the search, which needs the other core less than the clock."""
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
                with ThreadPoolExecutor(1, thread_name_prefix="ragedge-load") as pool:
                    self._generator = pool.submit(
                        context.run, plugins.create, "generator", settings.generator, options
                    )
            return self._generator


class AnswerStream:
    """An answer under way: iterate it for verified sentences, or take ``result()``; closing it aborts.

    Attributes:
        sentences: What was handed out so far, with its origin and citations.
    """

    def __init__(self, run: AnswerRun, guard: Callable[[], AbstractContextManager[None]]) -> None:
        self.sentences: list[Sentence] = []
        self._run = run
        self._guard = guard

    def __enter__(self) -> AnswerStream:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __iter__(self) -> Iterator[str]:
        sentences = iter(self._run)
        while True:
            with self._guard():
                sentence = next(sentences, None)
            if sentence is None:
                return
            self.sentences.append(sentence)
            yield sentence.text

    def result(self) -> Answer:
        """Return the whole answer, once the rest of it is written."""
        with self._guard():
            return self._run.result()

    def close(self) -> None:
        """Stop generating; what was handed out stands."""
        self._run.close()


def open(  # noqa: A001 -- the public name is ragedge.open
    path: str | os.PathLike[str],
    *,
    create: bool = False,
    config: str | os.PathLike[str] | None = None,
    settings: Mapping[str, Any] | None = None,
    egress: Egress | None = None,
) -> KnowledgeBase:
    """Open a knowledge base.

    Args:
        path: Its folder.
        create: Make it where there is none; it comes to life with the first ingest.
        config: A TOML file to use instead of the folder's own ``ragedge.toml``.
        settings: Dotted keys and values over everything else, such as ``{"retrieve.top_k": 8}``.
        egress: Refuse network access in ragedge's own ``calls`` (the default), in the whole ``process``, or
            not at all (``off``); over the setting of that name.

    Raises:
        KnowledgeBaseNotFoundError: nothing is there and ``create`` is False.
        ConfigError: a setting is unknown or not allowed.
        StoreError: the path holds something else, or is damaged.
    """
    from ragedge.index.store import Store

    vault = Vault.open(path, create=create)
    store = None
    if vault.exists(DATABASE):
        try:
            store = Store.open(vault)
        except KnowledgeBaseNotFoundError:
            if not create:
                raise
    try:
        effective = _effective_settings(vault, store, config, dict(settings or {}))
        scope: Egress = egress or effective.config.privacy.egress
        if scope == "process":
            network.arm_process()
        return KnowledgeBase(vault, effective, store, scope)
    except BaseException:
        if store is not None:
            store.close()
        raise


def ask(question: str, *, kb: str | os.PathLike[str], **options: Any) -> Answer:
    """Answer one question from a knowledge base: ``KnowledgeBase.ask`` in one line."""
    with open(kb) as knowledge_base:
        return knowledge_base.ask(question, **options)


def _effective_settings(
    vault: Vault, store: Store | None, file: str | os.PathLike[str] | None, flags: Mapping[str, Any]
) -> EffectiveConfig:
    tuned = store.values("tuned") if store is not None else {}
    if file is not None:
        return load(file=Path(file), tuned=tuned, flags=flags)
    try:
        text = vault.read(SETTINGS).decode()
    except FileNotFoundError:
        return load(tuned=tuned, flags=flags)
    except UnicodeDecodeError as exc:
        raise ConfigError(f"{vault.path / SETTINGS} is not UTF-8 text", hint="save it as UTF-8") from exc
    return load(file=vault.path / SETTINGS, text=text, tuned=tuned, flags=flags)
