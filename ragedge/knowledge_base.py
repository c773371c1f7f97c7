"""The pipeline, top to bottom: ingest, search, ask.

``KnowledgeBase`` is the only writer of documents. It may be shared by threads: reads run side by side,
generation queues inside the generator. What is heavy (embedder, generator, index) is built on first use: ``parts``.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, Concatenate, Literal, ParamSpec, TypeVar

from ragedge.answer_stream import AnswerStream
from ragedge.changes import Changes, Progress, staged
from ragedge.config import Config
from ragedge.datatypes import Answer, IngestReport, SearchResult
from ragedge.effective_config import EffectiveConfig
from ragedge.errors import SourceError
from ragedge.home import models_at
from ragedge.parts import Parts
from ragedge.privacy import egress as network
from ragedge.question_text import clean_question
from ragedge.recording import Recorder

if TYPE_CHECKING:
    from types import TracebackType

    from ragedge.conversation import Conversations
    from ragedge.generate.adapter_store import AdapterStore
    from ragedge.index.rows import SourceRecord, StoredPage
    from ragedge.index.store import Store
    from ragedge.models.store import ModelFolder
    from ragedge.protocols import Embedder, Generator

Where = Sequence[str] | Mapping[str, str | int | float | bool] | None
Egress = Literal["off", "calls", "process"]
P = ParamSpec("P")
R = TypeVar("R")


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

    def __init__(self, parts: Parts, egress: Egress, *, record: bool = True) -> None:
        self.path = parts.vault.path
        self.config: Config = parts.effective.config
        self._parts = parts
        self._egress = egress
        self._recorder = Recorder(parts, silent=not record)
        self._conversations: Conversations | None = None
        self._changes = Changes(parts, self._recorder, lambda: self.conversations)

    def __enter__(self) -> KnowledgeBase:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the database; the knowledge base cannot be used afterwards."""
        if self._conversations is not None:
            self._conversations.close()
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
        return self._changes.take_in(
            lambda intake: intake.run(paths, include, exclude, prefix), metadata or {}, progress
        )

    @guarded
    def ingest_upload(
        self,
        source: str,
        data: bytes,
        *,
        metadata: Mapping[str, str | int | float | bool] | None = None,
        progress: Progress | None = None,
    ) -> IngestReport:
        """Take in one document from memory; its file is kept in the knowledge base's folder, for ``original``.

        Where redaction is on it is not kept: what is taken out of the text stands in it.

        Args:
            source: The name it gets.
            data: The file.
            metadata: Put on the document, over what it says of itself.
            progress: As ``ingest`` calls it.

        Raises:
            StoreError: the disk is full or the medium read-only, or a file outside has that name.
        """
        return self._changes.take_in_upload(source, data, metadata or {}, progress)

    @guarded
    def remove(self, *sources: str) -> list[str]:
        """Remove documents by source.

        Raises:
            SourceError: one of them is not in the knowledge base; none is removed then.
        """
        return self._changes.remove(sources)

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
        self._recorder.ready()
        hits = self._parts.retriever().search(
            question, top_k=top_k or self.config.retrieve.top_k, where=where
        )
        self._recorder.search(clean_question(question), hits)
        return hits

    # Ask

    def ask(
        self,
        question: str,
        *,
        where: Where = None,
        max_new_tokens: int | None = None,
        budget_ms: float | None = None,
        seed: int | None = None,
        session: str | None = None,
        adapter: str | None = None,
    ) -> Answer:
        """Answer a question from the documents, with the pages; see ``stream`` for the arguments."""
        options: dict[str, Any] = {"max_new_tokens": max_new_tokens, "budget_ms": budget_ms, "seed": seed}
        with self.stream(question, where=where, session=session, adapter=adapter, **options) as stream:
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
        session: str | None = None,
        adapter: str | None = None,
    ) -> AnswerStream:
        """Answer a question sentence by sentence: what is handed out stands in the final text.

        Args:
            question: In plain words or codes.
            where: Metadata filters; see ``search``.
            max_new_tokens: Longest answer; None takes the configured number.
            budget_ms: Quote instead of generating once this time is spent.
            seed: Makes sampling repeatable.
            session: The conversation that the question belongs to, by name; one that is not there begins.
            adapter: Of the knowledge base's adapters, which one writes; None takes the configured one.

        Raises:
            QuestionError: the question is empty or too long.
            ModelNotFoundError: a configured model is not installed.
            ValueError: a number is not positive, or no session can have that name.
        """
        from ragedge.asking import begin

        self._recorder.ready()
        asked = clean_question(question)
        whole, carried = (asked, []) if session is None else self.conversations.whole(session, asked)
        run, hits = begin(
            self._parts,
            whole,
            where=where,
            carried=() if where else carried,  # a filter holds for all that is shown
            ready=None if session is None else self.conversations.ready(session),
            max_new_tokens=max_new_tokens,
            budget_ms=budget_ms,
            seed=seed,
            adapter=adapter,
        )

        def record(answer: Answer, closed: bool) -> None:
            generator = self._parts.generator_fingerprint()
            self._recorder.answer(asked, answer, closed=closed, generator=generator)
            if session is not None:
                self.conversations.add(session, asked, whole, answer, finished=not closed)

        return AnswerStream(run, self._guard, hits.notes, record)

    @guarded
    def warm_up(self) -> None:
        """Load what searching and answering take, ahead of the first question.

        Raises:
            ModelNotFoundError: a configured model is not installed.
            IndexMismatchError: the documents were embedded by another model.
        """
        self._parts.retriever()
        loading = self._parts.generator_loading()
        if loading is not None:
            loading.result()

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

        found = read_pages(self._parts.store(), source, page)
        self._recorder.sources("inspect", [source], page=page)
        return found

    @guarded
    def read_page(self, source: str, page: int = 1) -> tuple[SourceRecord, StoredPage]:
        """Return a document's record and one of its pages, without what ``inspect`` gathers of its chunks.

        Args:
            source: As ``status`` lists it.
            page: Counted from 1.

        Raises:
            SourceError: there is no such source or page.
        """
        from ragedge.index.inspection import read_page

        found = read_page(self._parts.store(), source, page)
        self._recorder.sources("inspect", [source], page=page)
        return found

    @guarded
    def original(self, source: str, *, file: str | os.PathLike[str] | None = None) -> bytes:
        """Return the bytes of the file that a source was read from; only of uploads a copy is kept here.

        Args:
            source: As ``status`` lists it.
            file: Where the file is now; None takes the place that it was ingested from.

        Raises:
            SourceError: there is no such source, or its file is gone or has changed since, or it was redacted: its
                file shows what was taken out.
        """
        from ragedge.index.inspection import require
        from ragedge.originals import read

        record = require(self._parts.store(), source)
        if record.redacted or self.config.privacy.redactors:
            raise SourceError("redacted", f"the file of {source!r} would show what redaction takes out")
        content = read(self._parts.vault, source, file or record.origin, record.sha256)
        self._recorder.sources("original", [source])
        return content

    @guarded
    def rebuild_index(self, *, progress: Progress | None = None) -> dict[str, Any]:
        """Build the vector index and the full text anew from the rows; return kind, state and count of the first."""
        from ragedge.status import index_status

        self._parts.store().wholeness.put_seal_on(anew=True)
        self._parts.vectors().refresh(staged("building the index", progress), anew=True)
        self._recorder.record("index rebuild")
        return index_status(self._parts.store(), self._parts.vectors())

    @guarded
    def verify_rows(self) -> str:
        """Check every stored row against its digest; return what was checked, in words.

        Raises:
            DamagedError: the first that is not what was written.
        """
        store = self._parts.store()
        for problem in store.wholeness.verify():
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

    @property
    def conversations(self) -> Conversations:
        """Its sessions: what was asked and answered under a name."""
        from ragedge.conversation import Conversations

        if self._conversations is None:
            self._conversations = Conversations(self._parts)
        return self._conversations

    @property
    def adapters(self) -> AdapterStore:
        """Its LoRA adapters; those added while the generator is loaded are there from the next opening on."""
        from ragedge.generate.adapter_store import AdapterStore

        return AdapterStore(self._parts.store())

    # For what measures and tunes it

    @property
    def store(self) -> Store:
        """Its rows."""
        return self._parts.store()

    @property
    def embedder(self) -> Embedder:
        """What turns texts into its vectors."""
        return self._parts.embedder()

    @guarded
    def generator(self) -> Generator | None:
        """Return what writes, loaded; None where the settings name none.

        Raises:
            ModelNotFoundError: the configured model is not installed.
        """
        loading = self._parts.generator_loading()
        return None if loading is None else loading.result()

    @guarded
    def model_folders(self) -> dict[str, ModelFolder]:
        """Return the installed models of the settings, by ``embedder`` and ``generator``; not those of plugins."""
        from ragedge.errors import ModelNotFoundError
        from ragedge.models import store

        found = {}
        for kind, name in (("embedder", self.config.embed.model), ("generator", self.config.generate.model)):
            with suppress(ModelNotFoundError):
                found[kind] = store.find(name)
        return found

    @property
    def has_documents(self) -> bool:
        """Whether anything was taken in yet."""
        return self._parts.store_if_any() is not None

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
        return KnowledgeBase(self._parts.beside(effective, wrap), self._egress, record=False)

    def record(self, action: str, **facts: int | str | bool) -> None:
        """Add a record of something done from outside to the audit log, if that is on; facts hold no content.

        Raises:
            StoreError: it cannot be written.
        """
        self._recorder.record(action, lambda _: facts)

    @contextmanager
    def _guard(self) -> Iterator[None]:
        slot = self._parts.slot
        with models_at(None if slot is None else slot.models), network.guarded(self._egress):
            yield
