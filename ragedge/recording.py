"""What the audit log is told of each action: times, counts, decisions and digests; never a word of what was said."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ragedge.errors import StoreError
from ragedge.parts import Parts

if TYPE_CHECKING:
    from ragedge.datatypes import Answer, IngestReport, ScoredChunk, SearchResult

_SWITCHED_OFF, _SWITCHED_ON = "audit off", "audit on"
_SHOWN = 16  # characters of a sha256: enough to tell models, settings and contents apart

Digest = Callable[[str, str], str]


class Recorder:
    """Of one open knowledge base; does nothing unless ``privacy.audit`` is set."""

    def __init__(self, parts: Parts, *, silent: bool = False) -> None:
        """Take the parts; ``silent`` records nothing, for the trials of tuning."""
        self._parts = parts
        self._silent = silent
        self._looked = False
        self._content: tuple[int, str] = (-1, "")
        self._guard = threading.Lock()

    def ready(self) -> None:
        """Refuse what could not be recorded, before it is done.

        Raises:
            StoreError: the log is on, and lies on a medium that cannot be written.
        """
        if self._on and self._parts.vault.read_only:
            raise StoreError(
                f"the audit log is on, and {self._parts.vault.path} cannot be written",
                hint="put the knowledge base where it can be written, or set privacy.audit = false",
            )

    def record(self, action: str, facts: Callable[[Digest], Mapping[str, Any]] | None = None) -> None:
        """Add a record of what was done.

        Raises:
            StoreError: it cannot be written.
        """
        store = self._parts.store_if_any()
        if store is None or self._silent:
            return
        self._note_switch()
        if self._on:
            store.audit.append(action, lambda digest: {**(facts(digest) if facts else {}), **self._state()})

    def ingest(self, report: IngestReport) -> None:
        """Record what an ingest did."""
        counts = {"documents": report.documents, "pages": report.pages, "chunks": report.chunks}

        def facts(digest: Digest) -> dict[str, Any]:
            lists = {
                "added": report.added,
                "updated": report.updated,
                "removed": report.removed,
                "skipped": [item.source for item in report.skipped],
                "renamed": [item.new for item in report.renamed],
            }
            named = {key: [digest("source", name) for name in names] for key, names in lists.items() if names}
            return {**named, "counts": counts, "ms": {"total": round(report.seconds * 1e3)}}

        self.record("ingest", facts)

    def sources(self, action: str, names: Sequence[str], **facts: Any) -> None:
        """Record what was done to documents."""
        self.record(action, lambda digest: {"sources": [digest("source", name) for name in names], **facts})

    def search(self, question: str, hits: SearchResult) -> None:
        """Record a search and what it found."""
        times = hits.timings
        self.record(
            "search",
            lambda digest: {
                "question": digest("question", question),
                "passages": passages(digest, hits),
                "decision": {"hits": len(hits)},
                "ms": {"embed": round(times.embed_ms, 1), "total": round(times.total_ms, 1)},
            },
        )

    def answer(self, question: str, answer: Answer, *, closed: bool, generator: str) -> None:
        """Record an answer, or as much of it as was handed out."""
        times = answer.timings
        decision = {
            "method": answer.method,
            "abstained": answer.abstain_reason,
            "grounded": answer.grounded,
            "confidence": round(answer.confidence, 4),
            "degraded": len(answer.degraded),
            "closed": closed,
        }
        self.record(
            "ask",
            lambda digest: {
                "question": digest("question", question),
                "answer": digest("answer", answer.text),
                "passages": passages(digest, answer.passages),
                "cited": [digest("quote", item.quote) for item in answer.citations],
                "model": answer.model,
                "generator": generator[:_SHOWN],
                "decision": decision,
                "ms": {"retrieve": round(times.retrieve_ms, 1), "total": round(times.total_ms, 1)},
            },
        )

    @property
    def _on(self) -> bool:
        return self._parts.effective.config.privacy.audit

    def _note_switch(self) -> None:
        """Let the log say that it was switched off, or on again: a gap nobody ordered would look the same."""
        with self._guard:
            if self._looked:
                return
            self._looked = True
        if self._parts.vault.read_only:
            return
        audit = self._parts.store().audit
        was_off = audit.last_action() in (None, _SWITCHED_OFF)
        if was_off == self._on:
            audit.append(_SWITCHED_ON if self._on else _SWITCHED_OFF, lambda _: self._state())

    def _state(self) -> dict[str, Any]:
        """Return what the action was done with: the vectors' model, the rows, the settings."""
        store = self._parts.store()
        generation = store.generation()
        if self._content[0] != generation:
            self._content = generation, store.content_digest()
        return {
            "embedder": store.embedder.fingerprint[:_SHOWN],
            "index": {"generation": generation, "content": self._content[1][:_SHOWN]},
            "settings": self._parts.effective.config.digest()[:_SHOWN],
        }


def passages(digest: Digest, hits: Sequence[ScoredChunk]) -> list[str]:
    """Return the digests of passages, best first."""
    return [digest("passage", hit.chunk_id) for hit in hits]
