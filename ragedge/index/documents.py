"""Writes and reads documents, pages, chunks and vectors; each call runs in its caller's transaction."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import astuple
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from ragedge.datatypes import Block, Chunk, Document, PlacedSpan
from ragedge.index import full_text
from ragedge.index.digests import check_row, damaged, row_digest
from ragedge.index.rows import SourceRecord, StoredChunk, StoredPage

if TYPE_CHECKING:
    from ragedge.protocols import Float32, Int8, Int64

_DOCUMENT_FIELDS = (
    "source", "sha256", "media_type", "title", "metadata", "origin", "stamp", "added_at", "page_count",
    "chunk_count", "unread", "content_digest", "redacted",
)  # fmt: skip
_DOCUMENT = ", ".join(_DOCUMENT_FIELDS)
_CHUNK = "document_id, ordinal, heading, kind, context, text, spans, metadata"
# Fewer host parameters than the oldest limit SQLite has had (999).
_BATCH = 500


def document_key(source: str, sha256: str) -> str:
    """Return the first part of a document's chunk ids."""
    return hashlib.sha256(f"{source}\0{sha256}".encode("utf-8", "surrogatepass")).hexdigest()[:12]


def put(
    connection: sqlite3.Connection,
    record: SourceRecord,
    document: Document,
    chunks: Sequence[Chunk],
    codes: Int8,
    scale: Float32,
) -> bool:
    """Write a document with everything that belongs to it; True where it replaced one of the same source."""
    replaced = remove(connection, record.source)
    placed = [_placed(document, chunk) for chunk in chunks]
    content = _content_digest(document, placed, codes)
    fields = _document_fields(record, content)
    values = (*fields, document_key(record.source, record.sha256), row_digest(*fields))
    cursor = connection.execute(
        f"INSERT INTO documents ({_DOCUMENT}, key, digest) VALUES ({_marks(len(values))})",  # noqa: S608 -- our own names
        values,
    )
    document_id = cursor.lastrowid
    connection.executemany(
        f"INSERT INTO pages VALUES ({_marks(8)})",  # noqa: S608
        (_page_row(document_id, ordinal, page) for ordinal, page in enumerate(document.pages)),
    )
    for ordinal, (chunk, spans) in enumerate(zip(chunks, placed, strict=True)):
        row = (
            document_id, ordinal, _json(list(chunk.heading)), chunk.kind, chunk.context, chunk.text,
            _json([astuple(span) for span in spans]), _json(dict(chunk.metadata)),
        )  # fmt: skip
        row_id = connection.execute(
            f"INSERT INTO chunks ({_CHUNK}, digest) VALUES ({_marks(9)})",  # noqa: S608
            (*row, row_digest(*row)),
        ).lastrowid
        assert row_id is not None
        data, step = codes[ordinal].tobytes(), float(scale[ordinal, 0])
        connection.execute(
            "INSERT INTO vectors VALUES (?, ?, ?, ?)", (row_id, data, step, row_digest(data, step))
        )
        full_text.add(connection, [(row_id, full_text.columns(chunk.heading, chunk.context, chunk.text))])
    return replaced


def remove(connection: sqlite3.Connection, source: str) -> bool:
    """Delete a document, damaged or not; False where there is none."""
    found = connection.execute("SELECT id FROM documents WHERE source = ?", [source]).fetchone()
    if found is None:
        return False
    rows = connection.execute(
        f"SELECT id, digest, {_CHUNK} FROM chunks WHERE document_id = ?",  # noqa: S608
        found,
    ).fetchall()
    sound = all(digest == row_digest(*fields) for _, digest, *fields in rows)
    if sound:
        full_text.remove(connection, ((row[0], _text_columns(*row[4:8])) for row in rows))
    connection.execute("DELETE FROM documents WHERE id = ?", found)
    if not sound:
        # The full text can only forget words that it is told, and these are not the ones it learnt.
        index_text_again(connection)
    return True


def index_text_again(connection: sqlite3.Connection) -> None:
    """Fill the full text anew from the chunks."""
    full_text.clear(connection)
    rows = connection.execute("SELECT id, heading, kind, context, text FROM chunks")
    full_text.add(connection, ((row, _text_columns(*fields)) for row, *fields in rows))


def _text_columns(heading: str, _kind: str, context: str, text: str) -> tuple[str, str, str]:
    try:
        path = json.loads(heading)
    except ValueError:  # a damaged row: searched by what is left of it, refused by its digest when found
        path = [str(heading)]
    return full_text.columns([str(part) for part in path], str(context), str(text))


def rewrite(connection: sqlite3.Connection, old: str, record: SourceRecord) -> bool:
    """Replace a document's own row, its pages and chunks staying; False where ``old`` is not there."""
    found = connection.execute("SELECT id, content_digest FROM documents WHERE source = ?", [old]).fetchone()
    if found is None:
        return False
    fields = _document_fields(record, found[1])
    names = [*_DOCUMENT_FIELDS, "key", "digest"]
    connection.execute(
        f"UPDATE documents SET {', '.join(f'{name} = ?' for name in names)} WHERE id = ?",  # noqa: S608
        (*fields, document_key(record.source, record.sha256), row_digest(*fields), found[0]),
    )
    return True


def records(connection: sqlite3.Connection, source: str | None = None) -> list[SourceRecord]:
    """Return the documents, or the one of a source, by source."""
    where, values = ("WHERE source = ?", [source]) if source is not None else ("", [])
    rows = connection.execute(
        f"SELECT {_DOCUMENT}, digest FROM documents {where} ORDER BY source",  # noqa: S608
        values,
    )
    return [_record(row) for row in rows]


def content_digests(connection: sqlite3.Connection) -> list[tuple[str, bytes]]:
    """Return each source with its content's digest, by source."""
    return connection.execute("SELECT source, content_digest FROM documents ORDER BY source").fetchall()


def pages(connection: sqlite3.Connection, source: str, ordinal: int | None = None) -> list[StoredPage]:
    """Return the pages of a source, or one of them, each checked."""
    one = "" if ordinal is None else "AND ordinal = ?"
    rows = connection.execute(
        "SELECT document_id, ordinal, number, label, text, blocks, pages.unread, pages.digest FROM pages "  # noqa: S608
        f"JOIN documents ON documents.id = document_id WHERE source = ? {one} ORDER BY ordinal",
        [source] if ordinal is None else [source, ordinal],
    )
    return [_page(source, *row) for row in rows]


def chunk_rows(connection: sqlite3.Connection, source: str) -> list[int]:
    """Return the row ids of a source's chunks, in order."""
    rows = connection.execute(
        "SELECT chunks.id FROM chunks JOIN documents ON documents.id = document_id "
        "WHERE source = ? ORDER BY ordinal",
        [source],
    )
    return [row for (row,) in rows]


def chunks(
    connection: sqlite3.Connection,
    rows: Sequence[int],
    known: dict[int, tuple[SourceRecord, str]] | None = None,
) -> dict[int, StoredChunk]:
    """Return chunks by row id, each checked; an id that is gone is left out.

    Args:
        connection: Where.
        rows: Their ids.
        known: Documents by id, read and checked before; those that are met are added.
    """
    found: dict[int, StoredChunk] = {}
    documents = {} if known is None else known
    for batch in _batches(rows):
        for row, digest, *fields in connection.execute(
            f"SELECT id, digest, {_CHUNK} FROM chunks WHERE id IN ({_marks(len(batch))})",  # noqa: S608
            batch,
        ).fetchall():
            document_id = fields[0]
            if document_id not in documents:
                documents[document_id] = _document_of(connection, document_id)
            record, key = documents[document_id]
            check_row(digest, record.source, f"chunk {fields[1]}", *fields)
            found[row] = _chunk(row, record.source, key, record.metadata, *fields[1:])
    return found


def vector_rows(connection: sqlite3.Connection, rows: Sequence[int], dim: int) -> tuple[Int64, Int8, Float32]:
    """Return ids (n,), codes (n, dim) and scales (n, 1) of the rows that are there, each checked."""
    ids: list[int] = []
    scales: list[float] = []
    parts: list[bytes] = []
    for batch in _batches(rows):
        for row, data, step, digest in connection.execute(
            f"SELECT id, codes, scale, digest FROM vectors WHERE id IN ({_marks(len(batch))})",  # noqa: S608
            batch,
        ).fetchall():
            _check_vector(connection, row, data, step, digest, dim)
            ids.append(row)
            scales.append(step)
            parts.append(data)
    return _vectors(ids, parts, scales, dim)


def all_vectors(connection: sqlite3.Connection, dim: int) -> tuple[Int64, Int8, Float32]:
    """Return ids (n,), codes (n, dim) and scales (n, 1) of every row, by id, each checked."""
    ids: list[int] = []
    scales: list[float] = []
    parts: list[bytes] = []
    for row, data, step, digest in connection.execute(
        "SELECT id, codes, scale, digest FROM vectors ORDER BY id"
    ):
        _check_vector(connection, row, data, step, digest, dim)
        ids.append(row)
        scales.append(step)
        parts.append(data)
    return _vectors(ids, parts, scales, dim)


def row_ids(connection: sqlite3.Connection) -> Int64:
    """Return the id of every row, (n,), ascending."""
    rows = connection.execute("SELECT id FROM vectors ORDER BY id").fetchall()
    return np.array([row for (row,) in rows], dtype=np.int64)


def allowed_rows(
    connection: sqlite3.Connection, matches: Callable[[Mapping[str, Any]], bool], without: Container[str] = ()
) -> Int64:
    """Return the ids of the chunks whose metadata a predicate accepts, ascending; none of some sources."""
    accepted: list[int] = []
    inherited: dict[int, Mapping[str, Any]] = {}
    names: dict[int, str] = {}
    for (document_id,) in connection.execute("SELECT id FROM documents").fetchall():
        record, _ = _document_of(connection, document_id)
        names[document_id] = record.source
        if record.source in without:
            continue
        named = {"source": record.source, "media_type": record.media_type, "title": record.title}
        inherited[document_id] = named | dict(record.metadata)
        if matches(inherited[document_id]):
            accepted.append(document_id)
    rows = connection.execute(
        "SELECT id FROM chunks WHERE document_id IN (SELECT value FROM json_each(?))", [_json(accepted)]
    )
    found = {row for (row,) in rows}
    own = connection.execute(f"SELECT id, digest, {_CHUNK} FROM chunks WHERE metadata != '{{}}'")  # noqa: S608
    for row, digest, *fields in own:
        document_id, metadata = fields[0], fields[-1]
        check_row(digest, names.get(document_id, "an unknown source"), f"chunk {row}", *fields)
        if document_id in inherited and matches({**inherited[document_id], **json.loads(metadata)}):
            found.add(row)
        else:
            found.discard(row)
    return np.array(sorted(found), dtype=np.int64)


def _vectors(
    ids: list[int], parts: list[bytes], scales: list[float], dim: int
) -> tuple[Int64, Int8, Float32]:
    codes = np.frombuffer(b"".join(parts), dtype=np.int8).reshape(len(ids), dim)
    return np.array(ids, dtype=np.int64), codes, np.array(scales, dtype=np.float32).reshape(len(ids), 1)


def _check_vector(
    connection: sqlite3.Connection, row: int, data: object, step: object, digest: bytes, dim: int
) -> None:
    if (
        isinstance(data, bytes)
        and isinstance(step, float)
        and len(data) == dim
        and digest == row_digest(data, step)
    ):
        return
    found = connection.execute(
        "SELECT source FROM documents JOIN chunks ON documents.id = document_id WHERE chunks.id = ?", [row]
    ).fetchone()
    raise damaged(found[0] if found else "an unknown source", "a vector")


def _document_of(connection: sqlite3.Connection, document_id: int) -> tuple[SourceRecord, str]:
    row = connection.execute(
        f"SELECT {_DOCUMENT}, digest, key FROM documents WHERE id = ?",  # noqa: S608
        [document_id],
    ).fetchone()
    if row is None:
        raise damaged("an unknown source", "the document row")
    record = _record(row[:-1])
    if row[-1] != document_key(record.source, record.sha256):
        raise damaged(record.source, "the document row")
    return record, row[-1]


def _document_fields(record: SourceRecord, content: bytes) -> tuple[Any, ...]:
    return (
        record.source, record.sha256, record.media_type, record.title, _json(dict(record.metadata)),
        record.origin, record.stamp, record.added_at, record.pages, record.chunks,
        _json(list(record.unread_pages)), content, int(record.redacted),
    )  # fmt: skip


def _record(row: Sequence[Any]) -> SourceRecord:
    *fields, digest = row
    check_row(digest, str(fields[0]), "the document row", *fields)
    (
        source,
        sha256,
        media_type,
        title,
        metadata,
        origin,
        stamp,
        added_at,
        pages_,
        chunks_,
        unread,
        _,
        redacted,
    ) = fields
    return SourceRecord(
        source, sha256, media_type, title, json.loads(metadata), origin, stamp, added_at, pages_, chunks_,
        tuple(json.loads(unread)), bool(redacted),
    )  # fmt: skip


def _page_row(document_id: int | None, ordinal: int, page: Any) -> tuple[Any, ...]:
    fields = (
        document_id, ordinal, page.number, page.label, page.text,
        _json([astuple(block) for block in page.blocks]), int(page.has_image_only),
    )  # fmt: skip
    return (*fields, row_digest(*fields))


def _page(source: str, *row: Any) -> StoredPage:
    *fields, digest = row
    _, ordinal, number, label, text, blocks, unread = fields
    check_row(digest, source, f"page {number if number is not None else ordinal + 1}", *fields)
    return StoredPage(
        ordinal, number, label, text, tuple(Block(*block) for block in json.loads(blocks)), bool(unread)
    )


def _placed(document: Document, chunk: Chunk) -> tuple[PlacedSpan, ...]:
    spans = []
    for span in chunk.spans:
        page = document.pages[span.page_index]
        spans.append(PlacedSpan(page.number, page.label, span.start, span.end))
    return tuple(spans)


def _chunk(
    row: int, source: str, key: str, document_metadata: Mapping[str, Any], *fields: Any
) -> StoredChunk:
    ordinal, heading, kind, context, text, spans, metadata = fields
    own = dict(document_metadata) if metadata == "{}" else {**document_metadata, **json.loads(metadata)}
    return StoredChunk(
        row, f"{key}-{ordinal}", source, ordinal, _heading(heading), kind, context, text,
        tuple([PlacedSpan(*span) for span in json.loads(spans)]), own,
    )  # fmt: skip


@lru_cache(maxsize=4096)
def _heading(text: str) -> tuple[str, ...]:
    return tuple(json.loads(text))  # hundreds of chunks stand under one


def _content_digest(document: Document, placed: Iterable[Sequence[PlacedSpan]], codes: Int8) -> bytes:
    """Digest what answers are made from: page texts, where chunks stand, and vector codes."""
    state = hashlib.sha256()
    for page in document.pages:
        state.update(row_digest(page.number, page.label, page.text))
    for spans in placed:
        state.update(row_digest(*(part for span in spans for part in astuple(span))))
    state.update(np.ascontiguousarray(codes).tobytes())
    return state.digest()


def _batches(rows: Sequence[int]) -> Iterator[list[int]]:
    for start in range(0, len(rows), _BATCH):
        yield [int(row) for row in rows[start : start + _BATCH]]


def _marks(count: int) -> str:
    return ", ".join("?" * count)


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), sort_keys=True)
