"""The rows of a knowledge base: the truth that every index and cache can be rebuilt from.

One transaction makes a document visible, replaces it or removes it. Reads run side by side and each sees
one state; one writer at a time, over all processes. Rows that reach an answer are checked against their
digests on the way out.
"""

from __future__ import annotations

import datetime
import hashlib
import logging
import sqlite3
from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from ragedge.datatypes import Chunk, Document, Metadata
from ragedge.errors import (
    IndexMismatchError,
    KnowledgeBaseNotFoundError,
    SourceError,
    StoreError,
)
from ragedge.index import documents, feedback, full_text, manifest
from ragedge.index import redacted as redacted_values
from ragedge.index.audit import AuditLog
from ragedge.index.connections import Connections
from ragedge.index.learned import Learned
from ragedge.index.quantize import quantize_rows
from ragedge.index.rows import Counts, EmbedderRecord, SourceRecord, StoredChunk, StoredPage
from ragedge.index.schema import SCHEMA_VERSION, bring_up_to_date, check_version
from ragedge.index.wholeness import Wholeness
from ragedge.index.words import Words
from ragedge.privacy.redaction.replacing import Redacted
from ragedge.privacy.store_failures import from_sqlite
from ragedge.privacy.vault import Vault

if TYPE_CHECKING:
    from ragedge.protocols import Float32, Int8, Int64

log = logging.getLogger(__name__)


class Store:
    """The database of one knowledge base. May be shared by threads.

    Attributes:
        vault: The folder it lies in.
        embedder: Who built the vectors.
        schema_version: Of the tables.
        words: Its full text.
        learned: What is kept beside the documents: settings, verdicts, trials, notes.
        audit: What was done.
        wholeness: Whether all of it is as it was written.
    """

    schema_version = SCHEMA_VERSION

    def __init__(self, vault: Vault, connections: Connections, embedder: EmbedderRecord) -> None:
        self.vault = vault
        self.embedder = embedder
        self._connections = connections
        # Of one generation: documents that were read and checked, by id.
        self._known: tuple[int, dict[int, tuple[SourceRecord, str]]] = (-1, {})
        self.words = Words(connections)
        self.learned = Learned(connections)
        self.audit = AuditLog(vault, connections)
        self.wholeness = Wholeness(vault, connections, embedder.dim)

    @classmethod
    def create(cls, vault: Vault, *, embedder_name: str, fingerprint: str, dim: int) -> Store:
        """Make the tables and note who builds the vectors; an existing knowledge base is opened.

        Raises:
            IndexMismatchError: it exists and another embedder built it.
            BusyError: another process is writing.
        """
        connections = Connections(vault)
        embedder = EmbedderRecord(embedder_name, fingerprint, dim)
        try:
            with vault.writer():
                with connections.bare() as connection:
                    bring_up_to_date(connection)
                with connections.write() as connection:
                    manifest.begin(connection, embedder)
            store = cls._of(vault, connections)
        except BaseException:
            connections.close()
            raise
        try:
            store.check_embedder(embedder_name, fingerprint)
        except IndexMismatchError:
            store.close()
            raise
        return store

    @classmethod
    def open(cls, vault: Vault) -> Store:
        """Open the tables of an existing knowledge base, bringing an older schema up to date.

        Raises:
            KnowledgeBaseNotFoundError: the database holds no knowledge base yet.
            DamagedError: the file or its manifest cannot be read.
            StoreError: a newer ragedge made it.
        """
        connections = Connections(vault)
        try:
            with connections.bare() as connection:
                version = check_version(connection)
                if version == 0:
                    hint = f"ragedge ingest FILES --kb {vault.path}"
                    raise KnowledgeBaseNotFoundError(f"there is no knowledge base at {vault.path}", hint=hint)
                if version < SCHEMA_VERSION:
                    with vault.writer():
                        bring_up_to_date(connection)
            return cls._of(vault, connections)
        except BaseException:
            connections.close()
            raise

    @classmethod
    def _of(cls, vault: Vault, connections: Connections) -> Store:
        with connections.read() as connection:
            embedder = manifest.embedder(connection)
        return cls(vault, connections, embedder)

    def close(self) -> None:
        """Seal what was written and close; the last one to close folds SQLite's log into the database."""
        try:
            self.wholeness.put_seal_on()
        except (StoreError, ValueError) as exc:  # a full disk, or closed already: it is as whole without
            log.info("not sealed: %s", type(exc).__name__)
        self._connections.close()
        self.words.close()

    def check_embedder(self, name: str, fingerprint: str) -> None:
        """Compare an embedder with the one that built the vectors.

        Raises:
            IndexMismatchError: they differ; the hint is what mends it.
        """
        if fingerprint != self.embedder.fingerprint:
            raise IndexMismatchError(
                f"the knowledge base was built by embedder {self.embedder.name!r} "
                f" ({self.embedder.fingerprint[:12]}), not by {name!r} ({fingerprint[:12]})",
                expected=self.embedder.fingerprint,
                actual=fingerprint,
                hint=f"set embed.embedder or embed.model to {self.embedder.name} again, or ingest the documents "
                "into a new --kb",
            )

    # Documents

    def sources(self) -> list[SourceRecord]:
        """Return every document's record, by source."""
        with self._connections.read() as connection:
            return documents.records(connection)

    def document(self, source: str) -> SourceRecord | None:
        """Return one document's record; None where there is none."""
        with self._connections.read() as connection:
            found = documents.records(connection, source)
        return found[0] if found else None

    def put_document(
        self,
        source: str,
        sha256: str,
        document: Document,
        chunks: Sequence[Chunk],
        vectors: Float32,
        *,
        metadata: Metadata | None = None,
        origin: str = "",
        stamp: str = "",
        redacted: Sequence[Redacted] = (),
        was_redacted: bool = False,
    ) -> SourceRecord:
        """Make a document visible, in place of the one of the same source, in one transaction.

        Args:
            source: Its name.
            sha256: Of the file's bytes, hexadecimal.
            document: What was read.
            chunks: What is searched; their spans index the document's pages.
            vectors: One unit row per chunk, (len(chunks), dim), float32.
            metadata: The user's, over the document's own.
            origin: The folder it came from.
            stamp: Kept for the caller; see ``SourceRecord``.
            redacted: What was taken out of it; values are kept, kinds alone are not.
            was_redacted: Whether a redactor read it, found anything or not.

        Raises:
            ValueError: the vectors' shape does not fit, or they hold NaN or inf.
            SourceError: the text holds code points that are not characters.
            BusyError: another process is writing.
        """
        if vectors.shape != (len(chunks), self.embedder.dim):
            raise ValueError(f"expected vectors ({len(chunks)}, {self.embedder.dim}), got {vectors.shape}")
        codes, scale = quantize_rows(vectors)
        record = SourceRecord(
            source, sha256, document.media_type, document.title, {**document.metadata, **(metadata or {})},
            origin, stamp, _now(), len(document.pages), len(chunks),
            tuple(p.number or i for i, p in enumerate(document.pages, 1) if p.has_image_only), was_redacted,
        )  # fmt: skip
        try:
            with self._connections.write() as connection:
                if documents.put(connection, record, document, chunks, codes, scale):
                    manifest.set_removed(connection, True)
                redacted_values.add(connection, source, redacted)
                manifest.next_generation(connection)
        except UnicodeEncodeError as exc:
            raise SourceError("damaged", f"{source!r} holds code points that are not characters") from exc
        return record

    def redacted_values(self, tokens: Sequence[str]) -> dict[str, str]:
        """Return what stood where reversible tokens stand; one that is unknown is left out."""
        with self._connections.read() as connection:
            return redacted_values.values(connection, tokens)

    def touch(
        self,
        source: str,
        *,
        origin: str | None = None,
        stamp: str | None = None,
        metadata: Metadata | None = None,
        redacted: bool | None = None,
    ) -> None:
        """Note a new origin, stamp or metadata for a document whose content is unchanged.

        Raises:
            LookupError: there is no such document.
        """
        self._rewrite(
            source,
            lambda old: _changed(old, origin=origin, stamp=stamp, metadata=metadata, redacted=redacted),
        )

    def rename(self, old: str, new: str, *, origin: str | None = None) -> None:
        """Give a document a new name; its chunk ids become those of a fresh ingest under that name.

        Raises:
            LookupError: there is no such document.
            ValueError: the new name is taken.
        """
        if self.document(new) is not None:
            raise ValueError(f"there is already a document named {new!r}")
        self._rewrite(old, lambda record: _changed(record, source=new, origin=origin))

    def remove(self, source: str) -> bool:
        """Remove a document and every word of it; False where there is none."""
        with self._connections.write() as connection:
            removed = documents.remove(connection, source)
            if removed:
                feedback.remove_of(connection, source)
                manifest.set_removed(connection, True)
                manifest.next_generation(connection)
        return removed

    def has_removed(self) -> bool:
        """Say whether words of removed or replaced documents may still stand in the full text's segments.

        Noted in the transaction that removed them, so that a crash before ``forget_removed`` is made good
        by the next ingest.
        """
        with self._connections.read() as connection:
            return manifest.has_removed(connection)

    def forget_removed(self) -> None:
        """Take the words of removed and replaced documents off the disk; also makes search a little faster.

        Costs a pass over the full text, so it runs once after a batch of changes.
        """
        with self._connections.write() as connection:
            full_text.forget_removed(connection)
            manifest.set_removed(connection, False)
        with self._connections.bare() as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def pages(self, source: str) -> list[StoredPage]:
        """Return a document's pages, in order."""
        with self._connections.read() as connection:
            return documents.pages(connection, source)

    def page(self, source: str, ordinal: int) -> StoredPage | None:
        """Return the page at a place, counted from 0; None where there is none."""
        with self._connections.read() as connection:
            found = documents.pages(connection, source, ordinal)
        return found[0] if found else None

    def chunks(self, source: str) -> list[StoredChunk]:
        """Return a document's chunks, in order."""
        with self._connections.read() as connection:
            rows = documents.chunk_rows(connection, source)
            found = documents.chunks(connection, rows)
        return [found[row] for row in rows]

    def chunks_around(self, source: str, chunk_id: str, reach: int) -> list[StoredChunk]:
        """Return a chunk and up to ``reach`` chunks to either side, in order; none where it is gone."""
        ordinal = int(chunk_id.rpartition("-")[2])
        with self._connections.read() as connection:
            rows = documents.chunk_rows(connection, source)[max(0, ordinal - reach) : ordinal + reach + 1]
            found = documents.chunks(connection, rows)
        near = [found[row] for row in rows]
        return near if any(chunk.chunk_id == chunk_id for chunk in near) else []

    # Search

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        """See one state of the database in everything that this thread reads inside the block."""
        with self._connections.read():
            yield

    def hits(self, rows: Sequence[int]) -> list[StoredChunk]:
        """Return chunks by row id, in the order given; one that is gone is left out.

        Raises:
            DamagedError: a row is not what was written.
        """
        with self._connections.read() as connection:
            generation = self._connections.generation()
            known = self._known
            if known[0] != generation:
                known = self._known = (generation, {})
            found = documents.chunks(connection, rows, known[1])
        return [found[row] for row in rows if row in found]

    def allowed_rows(
        self, matches: Callable[[Mapping[str, Any]], bool], without: Container[str] = ()
    ) -> Int64:
        """Return the ids of the rows whose metadata a predicate accepts, ascending.

        The mapping it is given holds the document's metadata under the chunk's own, and ``source``,
        ``media_type`` and ``title`` where metadata does not use those names. Documents of the sources
        ``without`` are left out whatever it says.
        """
        with self._connections.read() as connection:
            return documents.allowed_rows(connection, matches, without)

    def vector_rows(self, rows: Sequence[int] | None = None) -> tuple[Int64, Int8, Float32]:
        """Return ids (n,), codes (n, dim), scales (n, 1): of all rows by id, or of those that are there."""
        with self._connections.read() as connection:
            if rows is None:
                return documents.all_vectors(connection, self.embedder.dim)
            return documents.vector_rows(connection, rows, self.embedder.dim)

    def row_ids(self) -> Int64:
        """Return the id of every row, (n,), ascending."""
        with self._connections.read() as connection:
            return documents.row_ids(connection)

    def generation(self) -> int:
        """Return a number that grows with every change to the rows."""
        return self._connections.generation()

    # What is known about it

    def counts(self) -> Counts:
        """Return how much it holds."""
        with self._connections.read() as connection:
            row = connection.execute(
                "SELECT count(*), coalesce(sum(page_count), 0), coalesce(sum(chunk_count), 0) FROM documents"
            ).fetchone()
        return Counts(*row)

    def content_digest(self) -> str:
        """Return a sha256 over sources, page texts, offsets and vector codes, in whatever order they came."""
        state = hashlib.sha256()
        with self._connections.read() as connection:
            for source, digest in documents.content_digests(connection):
                state.update(f"{len(source.encode())}:{source}".encode())
                state.update(digest)
        return state.hexdigest()

    def bytes_used(self) -> int:
        """Return the size of the folder."""
        return self.vault.bytes_used()

    def _rewrite(self, source: str, change: Callable[[SourceRecord], SourceRecord]) -> None:
        with self._connections.write() as connection:
            found = documents.records(connection, source)
            if not found:
                raise LookupError(f"there is no document named {source!r}")
            try:
                changed = change(found[0])
                documents.rewrite(connection, source, changed)
                feedback.rename(connection, source, changed.source)
            except Exception as exc:
                if not from_sqlite(exc, sqlite3.SQLITE_CONSTRAINT):
                    raise
                raise ValueError("there is already a document of that name") from exc
            manifest.next_generation(connection)


def _changed(record: SourceRecord, **changes: Any) -> SourceRecord:
    return replace(record, **{key: value for key, value in changes.items() if value is not None})


def _now() -> str:
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
