"""The tables of ``kb.sqlite`` and how they came about, one numbered migration at a time.

::

    documents 1─n pages             what was read, for `inspect` and for quotes
        └── 1─n chunks 1─1 vectors  what is searched: int8 codes and a scale per row
                  └── 1─1 fts       full text: heading, body, codes (contentless: the text stands in chunks)
    manifest, settings, tuned       who built it, what the user set, what tuning found
    feedback, trials                what users said of pages, what tuning tried
    redacted                        what redaction took out, where that is to be undone
    audit                           what was done, and nothing that was said

Every row carries a digest of its fields; the full text, which is SQLite's own, lies under the ``seal``.

A released migration is never edited; a change is a new one. Chunk rowids are never used twice, so an index
that knows which ids it holds can tell exactly what it lacks.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

from ragedge.errors import StoreError
from ragedge.index import manifest, noted, redacted

if TYPE_CHECKING:
    from sqlite_utils import Database
    from sqlite_utils.migrations import Migrations

SCHEMA_VERSION = 6
_SET = "ragedge"
# Porter over unicode61 without diacritics: the tokenizer FTS5 has that suits English manuals best.
TOKENIZER = "porter unicode61 remove_diacritics 2"


def bring_up_to_date(connection: sqlite3.Connection) -> None:
    """Apply the migrations that a database lacks; the caller holds the writer lock.

    Raises:
        StoreError: a newer ragedge made it.
    """
    version = check_version(connection)
    if version == SCHEMA_VERSION:
        return  # the usual case does not pay for importing sqlite-utils
    from sqlite_utils import Database

    database = Database(connection)
    _migrations().apply(database)
    connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
    manifest.stamp(connection)  # what sealed the older tables does not seal these


def check_version(connection: sqlite3.Connection) -> int:
    """Return the schema version of a database; 0 for a new one.

    Raises:
        StoreError: a newer ragedge made it.
    """
    version = int(connection.execute("PRAGMA user_version").fetchone()[0])
    if version > SCHEMA_VERSION:
        raise StoreError(
            f"the knowledge base has schema version {version}; this ragedge knows up to {SCHEMA_VERSION}",
            hint="upgrade ragedge",
        )
    return version


def _migrations() -> Migrations:
    from sqlite_utils.migrations import Migrations

    migrations = Migrations(_SET)
    migrations(name="m001_first_tables")(_m001_first_tables)
    migrations(name="m002_feedback_and_trials")(_m002_feedback_and_trials)
    migrations(name="m003_audit")(_m003_audit)
    migrations(name="m004_digests_of_what_is_noted")(_m004_digests_of_what_is_noted)
    migrations(name="m005_redacted")(_m005_redacted)
    migrations(name="m006_documents_that_were_redacted")(_m006_documents_that_were_redacted)
    return migrations


def _m001_first_tables(database: Database) -> None:
    _run(database, _M001)


def _m002_feedback_and_trials(database: Database) -> None:
    _run(database, _M002)


def _m003_audit(database: Database) -> None:
    _run(database, _M003)


def _m004_digests_of_what_is_noted(database: Database) -> None:
    for table in ("manifest", "settings", "tuned", "feedback", "trials"):
        database.execute(f"ALTER TABLE {table} ADD COLUMN digest BLOB NOT NULL DEFAULT x''")
        noted.add_digests(database.conn, table)


def _m005_redacted(database: Database) -> None:
    _run(database, _M005)


def _m006_documents_that_were_redacted(database: Database) -> None:
    database.execute("ALTER TABLE documents ADD COLUMN redacted INTEGER NOT NULL DEFAULT 0")
    redacted.note_documents(database.conn)


def definitions() -> dict[str, str]:
    """Return how each table, index and trigger of an up-to-date database is defined, by name."""
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        bring_up_to_date(connection)
        return definitions_of(connection)


def definitions_of(connection: sqlite3.Connection) -> dict[str, str]:
    """Return how each of a database's own is defined; those of sqlite-utils are its own affair."""
    rows = connection.execute("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL")
    return {name: sql for name, sql in rows if not str(name).startswith(("sqlite_", "_sqlite_"))}


def _run(database: Database, script: str) -> None:
    for statement in script.split(";"):
        if statement.strip():
            database.execute(statement)


_M001 = f"""
CREATE TABLE manifest (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE settings (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE tuned (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE documents (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    source TEXT NOT NULL UNIQUE,
    key TEXT NOT NULL UNIQUE,
    sha256 TEXT NOT NULL,
    media_type TEXT NOT NULL,
    title TEXT NOT NULL,
    metadata TEXT NOT NULL,
    origin TEXT NOT NULL,
    stamp TEXT NOT NULL,
    added_at TEXT NOT NULL,
    page_count INTEGER NOT NULL,
    chunk_count INTEGER NOT NULL,
    unread TEXT NOT NULL,
    content_digest BLOB NOT NULL,
    digest BLOB NOT NULL
);
CREATE TABLE pages (
    document_id INTEGER NOT NULL REFERENCES documents (id) ON DELETE CASCADE,
    ordinal INTEGER NOT NULL,
    number INTEGER,
    label TEXT,
    text TEXT NOT NULL,
    blocks TEXT NOT NULL,
    unread INTEGER NOT NULL,
    digest BLOB NOT NULL,
    PRIMARY KEY (document_id, ordinal)
) WITHOUT ROWID;
CREATE TABLE chunks (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    document_id INTEGER NOT NULL REFERENCES documents (id) ON DELETE CASCADE,
    ordinal INTEGER NOT NULL,
    heading TEXT NOT NULL,
    kind TEXT NOT NULL,
    context TEXT NOT NULL,
    text TEXT NOT NULL,
    spans TEXT NOT NULL,
    metadata TEXT NOT NULL,
    digest BLOB NOT NULL,
    UNIQUE (document_id, ordinal)
);
CREATE INDEX chunks_with_metadata ON chunks (document_id) WHERE metadata != '{{}}';
CREATE TABLE vectors (
    id INTEGER PRIMARY KEY REFERENCES chunks (id) ON DELETE CASCADE,
    codes BLOB NOT NULL,
    scale REAL NOT NULL,
    digest BLOB NOT NULL
);
CREATE VIRTUAL TABLE fts USING fts5 (heading, body, codes, content = '', tokenize = '{TOKENIZER}')
"""

_M002 = """
CREATE TABLE feedback (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    question TEXT NOT NULL,
    source TEXT NOT NULL,
    page INTEGER,
    is_right INTEGER NOT NULL,
    added_at TEXT NOT NULL
);
CREATE TABLE trials (
    study TEXT NOT NULL,
    name TEXT NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (study, name)
) WITHOUT ROWID
"""

_M003 = """
CREATE TABLE audit (
    id INTEGER PRIMARY KEY,
    log TEXT NOT NULL,
    body TEXT NOT NULL,
    tag BLOB NOT NULL
)
"""

_M005 = """
CREATE TABLE redacted (
    document_id INTEGER NOT NULL REFERENCES documents (id) ON DELETE CASCADE,
    token TEXT NOT NULL,
    kind TEXT NOT NULL,
    value TEXT NOT NULL,
    digest BLOB NOT NULL,
    PRIMARY KEY (document_id, token)
) WITHOUT ROWID
"""
