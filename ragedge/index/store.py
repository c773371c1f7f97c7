"""The rows of a knowledge base: the truth that every index and cache can be rebuilt from.

One transaction makes a document visible, replaces it or removes it. Reads run side by side and each sees
one state; one writer at a time, over all processes. Rows that reach an answer are checked against their
digests on the way out.
"""

from __future__ import annotations

import datetime
import hashlib
import json
import sqlite3
from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal

from ragedge.datatypes import Chunk, Document, Metadata
from ragedge.errors import DamagedError, IndexMismatchError, KnowledgeBaseNotFoundError, SourceError
from ragedge.index import documents, feedback, full_text, spelling, trials
from ragedge.index.connections import Connections
from ragedge.index.quantize import quantize_rows
from ragedge.index.rows import Counts, EmbedderRecord, SourceRecord, StoredChunk, StoredPage
from ragedge.index.schema import SCHEMA_VERSION, bring_up_to_date, check_version
from ragedge.privacy.store_failures import MEND_HINT, from_sqlite
from ragedge.privacy.vault import Vault

if TYPE_CHECKING:
    from ragedge.protocols import Float32, Int8, Int64

Table = Literal["settings", "tuned"]
# A key of the manifest: there from a removal until its words are off the disk.
_REMOVED = "removed"


class Store:
    """The database of one knowledge base. May be shared by threads.

    Attributes:
        vault: The folder it lies in.
        embedder: Who built the vectors.
        schema_version: Of the tables.
    """

    schema_version = SCHEMA_VERSION

    def __init__(self, vault: Vault, connections: Connections, embedder: EmbedderRecord) -> None:
        self.vault = vault
        self.embedder = embedder
        self._connections = connections
        self._stemmer = full_text.Stemmer()
        self._frequencies: tuple[int, dict[str, int]] = (-1, {})

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
                    for key, value in {**embedder.as_dict(), "generation": 0}.items():
                        connection.execute(
                            "INSERT OR IGNORE INTO manifest VALUES (?, ?)", (key, json.dumps(value))
                        )
            store = cls(vault, connections, _embedder(connections))
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
            return cls(vault, connections, _embedder(connections))
        except BaseException:
            connections.close()
            raise

    def close(self) -> None:
        """Close the connections; the last one to close folds SQLite's log into the database."""
        self._connections.close()
        self._stemmer.close()

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
            tuple(p.number or i for i, p in enumerate(document.pages, 1) if p.has_image_only),
        )  # fmt: skip
        try:
            with self._connections.write() as connection:
                if documents.put(connection, record, document, chunks, codes, scale):
                    _note_removal(connection)
                _next_generation(connection)
        except UnicodeEncodeError as exc:
            raise SourceError("damaged", f"{source!r} holds code points that are not characters") from exc
        return record

    def touch(
        self,
        source: str,
        *,
        origin: str | None = None,
        stamp: str | None = None,
        metadata: Metadata | None = None,
    ) -> None:
        """Note a new origin, stamp or metadata for a document whose content is unchanged.

        Raises:
            LookupError: there is no such document.
        """
        self._rewrite(source, lambda old: _changed(old, origin=origin, stamp=stamp, metadata=metadata))

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
                _note_removal(connection)
                _next_generation(connection)
        return removed

    def has_removed(self) -> bool:
        """Say whether words of removed or replaced documents may still stand in the full text's segments.

        Noted in the transaction that removed them, so that a crash before ``forget_removed`` is made good
        by the next ingest.
        """
        with self._connections.read() as connection:
            found = connection.execute("SELECT 1 FROM manifest WHERE key = ?", [_REMOVED]).fetchone()
        return found is not None

    def forget_removed(self) -> None:
        """Take the words of removed and replaced documents off the disk; also makes search a little faster.

        Costs a pass over the full text, so it runs once after a batch of changes.
        """
        with self._connections.write() as connection:
            full_text.forget_removed(connection)
            connection.execute("DELETE FROM manifest WHERE key = ?", [_REMOVED])
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

    def hits(self, rows: Sequence[int]) -> list[StoredChunk]:
        """Return chunks by row id, in the order given; one that is gone is left out.

        Raises:
            DamagedError: a row is not what was written.
        """
        with self._connections.read() as connection:
            found = documents.chunks(connection, rows)
        return [found[row] for row in rows if row in found]

    def search_text(
        self,
        match: str,
        limit: int,
        allowed: Int64 | None = None,
        *,
        weights: tuple[float, float, float] = (1.0, 1.0, 1.0),
    ) -> tuple[Int64, Float32]:
        """Rank rows by BM25; see ``full_text.search``."""
        with self._connections.read() as connection:
            return full_text.search(connection, match, limit, allowed, weights)

    def stems(self, words: Sequence[str]) -> list[tuple[str, ...]]:
        """Return the tokens that each text becomes in the full text."""
        return self._stemmer.tokens(words)

    def word_tokens(self, words: Iterable[str]) -> Mapping[str, tuple[str, ...]]:
        """Return the tokens that single words become, at least of those given."""
        return self._stemmer.word_tokens(words)

    def nearest_token(self, token: str) -> str | None:
        """Return the token of the full text that a misspelt one was meant to be; see ``spelling``."""
        with self._connections.read() as connection:
            return spelling.nearest_token(connection, token)

    def holding(self, match: str, rows: Sequence[int]) -> set[int]:
        """Return which of a few rows a full-text expression matches."""
        with self._connections.read() as connection:
            return full_text.holding(connection, match, rows)

    def document_counts(self, tokens: Sequence[str]) -> dict[str, int]:
        """Return in how many chunks each token stands, and under ``""`` how many chunks there are."""
        with self._connections.read() as connection:
            generation = _generation(connection)
            known = self._frequencies[1] if self._frequencies[0] == generation else {}
            missing = [token for token in {*tokens, ""} if token not in known]
            if missing:
                counts = dict(zip(missing, full_text.document_counts(connection, missing), strict=True))
                if "" in counts:
                    counts[""] = connection.execute("SELECT count(*) FROM vectors").fetchone()[0]
                # A new mapping, not a changed one: other threads may be reading it.
                known = (known if len(known) < 50_000 else {"": known[""]}) | counts
                self._frequencies = (generation, known)
        return {token: known[token] for token in (*tokens, "")}

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
        with self._connections.read() as connection:
            return _generation(connection)

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

    def values(self, table: Table) -> dict[str, Any]:
        """Return the settings the user stored, or the tuned values, by dotted key."""
        with self._connections.read() as connection:
            rows = connection.execute(f"SELECT key, value FROM {_table(table)} ORDER BY key").fetchall()  # noqa: S608
        return {key: json.loads(value) for key, value in rows}

    def set_values(self, table: Table, values: Mapping[str, Any]) -> None:
        """Replace all of them."""
        name = _table(table)
        with self._connections.write() as connection:
            connection.execute(f"DELETE FROM {name}")  # noqa: S608
            connection.executemany(
                f"INSERT INTO {name} VALUES (?, ?)",  # noqa: S608
                [(key, json.dumps(value)) for key, value in values.items()],
            )

    def add_feedback(self, question: str, source: str, page: int | None, *, right: bool) -> int:
        """Store what a user said of a page for a question, in place of an earlier verdict; return its number.

        Raises:
            LookupError: there is no such document, or no such page of it.
        """
        record = self.document(source)
        if record is None or (page is not None and not 1 <= page <= record.pages):
            raise LookupError(f"there is no page {page} of a document named {source!r}")
        with self._connections.write() as connection:
            return feedback.add(connection, question, source, page, right, _now())

    def feedback(self) -> list[feedback.Feedback]:
        """Return what users said of pages, oldest first."""
        with self._connections.read() as connection:
            return feedback.records(connection)

    def remove_feedback(self, number: int) -> bool:
        """Take back a verdict; False where there is none of that number."""
        with self._connections.write() as connection:
            return feedback.remove(connection, number)

    def trials(self, study: str) -> dict[str, dict[str, Any]]:
        """Return what tuning tried in one study, by the trial's name."""
        with self._connections.read() as connection:
            return trials.of_study(connection, study)

    def add_trial(self, study: str, name: str, body: dict[str, Any]) -> None:
        """Store what came of a trial."""
        with self._connections.write() as connection:
            trials.add(connection, study, name, body)

    def forget_trials(self, kept: tuple[str, ...] = ()) -> None:
        """Remove every study but some."""
        with self._connections.write() as connection:
            trials.forget_other(connection, kept)

    def note(self, key: str) -> Any:
        """Return what was noted about the knowledge base under a key; None where nothing was."""
        with self._connections.read() as connection:
            row = connection.execute("SELECT value FROM manifest WHERE key = ?", [f"note.{key}"]).fetchone()
        return json.loads(row[0]) if row else None

    def set_note(self, key: str, value: Any) -> None:
        """Note something about the knowledge base, in place of what was noted under that key."""
        with self._connections.write() as connection:
            connection.execute(
                "INSERT OR REPLACE INTO manifest VALUES (?, ?)", (f"note.{key}", json.dumps(value))
            )

    def verify(self) -> list[DamagedError]:
        """Check the database's pages and every row against its digest; an empty list is good news."""
        with self._connections.read() as connection:
            return documents.verify(connection, self.embedder.dim)

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
            _next_generation(connection)


def _embedder(connections: Connections) -> EmbedderRecord:
    with connections.read() as connection:
        found = dict(connection.execute("SELECT key, value FROM manifest").fetchall())
    try:
        return EmbedderRecord(*(json.loads(found[key]) for key in ("name", "fingerprint", "dim")))
    except (KeyError, ValueError) as exc:
        raise DamagedError("the manifest of the knowledge base is damaged", hint=MEND_HINT) from exc


def _generation(connection: sqlite3.Connection) -> int:
    row = connection.execute("SELECT value FROM manifest WHERE key = 'generation'").fetchone()
    return int(row[0])


def _next_generation(connection: sqlite3.Connection) -> None:
    connection.execute("UPDATE manifest SET value = CAST(value AS INTEGER) + 1 WHERE key = 'generation'")


def _note_removal(connection: sqlite3.Connection) -> None:
    connection.execute("INSERT OR REPLACE INTO manifest VALUES (?, 'true')", [_REMOVED])


def _changed(record: SourceRecord, **changes: Any) -> SourceRecord:
    return replace(record, **{key: value for key, value in changes.items() if value is not None})


def _table(name: Table) -> str:
    if name not in ("settings", "tuned"):
        raise ValueError(f"no such table: {name!r}")
    return name


def _now() -> str:
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
