"""What redaction took out of documents, where that is to be undone; it goes with its document."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence

from ragedge.index.digests import check_row, row_digest
from ragedge.privacy.redaction.replacing import Redacted

# Of a document's row before it said whether it was redacted, in the order of its digest.
_BEFORE = (
    "source, sha256, media_type, title, metadata, origin, stamp, added_at, page_count, chunk_count, unread, "
    "content_digest"
)


def note_documents(connection: sqlite3.Connection) -> None:
    """Bring documents' rows under a digest that holds ``redacted``: set where values of theirs are kept."""
    kept = {row for (row,) in connection.execute("SELECT document_id FROM redacted")}
    rows = connection.execute(f"SELECT id, digest, {_BEFORE} FROM documents").fetchall()  # noqa: S608 -- our own names
    for number, digest, *fields in rows:
        if digest == row_digest(*fields):  # a damaged row stays one
            noted = int(number in kept)
            connection.execute(
                "UPDATE documents SET redacted = ?, digest = ? WHERE id = ?",
                (noted, row_digest(*fields, noted), number),
            )


def add(connection: sqlite3.Connection, source: str, taken: Iterable[Redacted]) -> None:
    """Keep values with the document that they stood in."""
    document = connection.execute("SELECT id FROM documents WHERE source = ?", [source]).fetchone()[0]
    for one in {item.token: item for item in taken if item.value}.values():
        row = (document, one.token, one.kind, one.value)
        connection.execute("INSERT INTO redacted VALUES (?, ?, ?, ?, ?)", (*row, row_digest(*row)))


def values(connection: sqlite3.Connection, tokens: Sequence[str]) -> dict[str, str]:
    """Return what stood where tokens stand; one that is unknown is left out.

    Raises:
        DamagedError: a value is not what was written.
    """
    found: dict[str, str] = {}
    for token in tokens:
        rows = connection.execute(
            "SELECT source, document_id, token, kind, value, redacted.digest FROM redacted "
            "JOIN documents ON documents.id = document_id WHERE token = ?",
            [token],
        )
        for source, *fields, digest in rows:
            check_row(digest, source, "a redacted value", *fields)
            found[token] = fields[-1]
    return found
