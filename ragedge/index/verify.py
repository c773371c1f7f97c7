"""Looks whether everything stored is as it was written: pages, definitions, rows, and that no row is gone."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable
from functools import partial

from ragedge.errors import DamagedError
from ragedge.index import documents, feedback, noted
from ragedge.index.digests import damaged
from ragedge.index.rows import SourceRecord
from ragedge.index.schema import definitions, definitions_of
from ragedge.privacy.store_failures import MEND_HINT


def page_problems(connection: sqlite3.Connection, rebuild: str) -> list[DamagedError]:
    """Check SQLite's own pages, the full text's structure and the tables' definitions.

    Args:
        connection: To the database.
        rebuild: The command that mends what can be made again from the rows.
    """
    problems = [str(row[0]) for row in connection.execute("PRAGMA integrity_check(20)") if row[0] != "ok"]
    found: list[DamagedError] = []
    again = [problem for problem in problems if "index" in problem or "fts" in problem]
    if len(again) < len(problems):
        found.append(DamagedError("the database's pages contradict each other", hint=MEND_HINT))
    elif again:
        found.append(DamagedError("an index of the database is not as it was written", hint=rebuild))
    if definitions_of(connection) != definitions():
        found.append(DamagedError("the definition of a table is not as it was written", hint=MEND_HINT))
    return found


def noted_problems(
    connection: sqlite3.Connection, tables: Iterable[str] = noted.TABLES
) -> list[DamagedError]:
    """Check what is noted beside the documents, row by row."""
    found: list[DamagedError] = []
    for table in tables:
        try:
            if table == "feedback":
                feedback.records(connection)
            else:
                noted.read(connection, table)
        except DamagedError as exc:
            found.append(exc)
    return found


def row_problems(connection: sqlite3.Connection, dim: int) -> list[DamagedError]:
    """Check every row of the documents against its digest, and that each still has all of its own."""
    found: list[DamagedError] = []

    def attempt(check: Callable[[], object]) -> None:
        try:
            check()
        except DamagedError as exc:
            found.append(exc)

    for (source,) in connection.execute("SELECT source FROM documents ORDER BY source").fetchall():
        before = len(found)
        attempt(partial(documents.pages, connection, source))
        rows = documents.chunk_rows(connection, source)
        attempt(partial(documents.chunks, connection, rows))
        attempt(partial(documents.vector_rows, connection, rows, dim))
        if len(found) == before:
            attempt(partial(_check_counts, connection, source, rows))
    return found


def _check_counts(connection: sqlite3.Connection, source: str, rows: list[int]) -> None:
    records: list[SourceRecord] = documents.records(connection, source)
    if not records:
        raise damaged(source, "the document row")
    pages = connection.execute(
        "SELECT count(*) FROM pages JOIN documents ON documents.id = document_id WHERE source = ?", [source]
    ).fetchone()[0]
    vectors = 0
    for start in range(0, len(rows), 500):
        part = rows[start : start + 500]
        vectors += connection.execute(
            f"SELECT count(*) FROM vectors WHERE id IN ({', '.join('?' * len(part))})",  # noqa: S608
            part,
        ).fetchone()[0]
    if (pages, len(rows), vectors) != (records[0].pages, records[0].chunks, records[0].chunks):
        raise damaged(source, "a row")
