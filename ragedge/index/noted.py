"""The small tables beside the documents: each row carries a digest, and is checked whenever it is read."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import Any

from ragedge.errors import DamagedError
from ragedge.index.digests import row_digest
from ragedge.privacy.store_failures import MEND_HINT

# What each row's digest is over. A verdict's number is not: SQLite gives it out with the insertion.
TABLES = {
    "manifest": ("key", "value"),
    "settings": ("key", "value"),
    "tuned": ("key", "value"),
    "feedback": ("question", "source", "page", "is_right", "added_at"),
    "trials": ("study", "name", "body"),
}
_RESET = "ragedge tune --reset"
_MENDS = {
    "manifest": MEND_HINT,
    "settings": MEND_HINT,
    "tuned": _RESET,
    "feedback": "take it back with ragedge feedback remove, and add it again",
    "trials": _RESET,
}
_NAMES = {
    "manifest": "what is noted of the knowledge base as a whole",
    "settings": "a stored setting",
    "tuned": "a tuned value",
    "feedback": "a verdict",
    "trials": "a trial of tuning",
}


def read(
    connection: sqlite3.Connection, table: str, where: str = "", values: Sequence[Any] = ()
) -> list[tuple[Any, ...]]:
    """Return the fields of a table's rows (those of ``TABLES``), each row checked.

    Raises:
        DamagedError: a row is not what was written; the hint is what mends it.
    """
    columns = TABLES[table]
    rows = connection.execute(
        f"SELECT {', '.join(columns)}, digest FROM {table} {where}",  # noqa: S608 -- our own names
        values,
    ).fetchall()
    return [check(table, row) for row in rows]


def check(table: str, row: Sequence[Any], *, number: int | None = None) -> tuple[Any, ...]:
    """Return a row's fields without the digest at its end.

    Raises:
        DamagedError: they differ from what was written.
    """
    *fields, digest = row
    if digest != row_digest(*fields):
        hint = f"ragedge feedback remove {number}" if number is not None else _MENDS[table]
        raise DamagedError(f"{_NAMES[table]} is damaged on the disk", hint=hint)
    return tuple(fields)


def put(connection: sqlite3.Connection, table: str, *fields: Any) -> int:
    """Write a row, in place of the one of the same key; return its number where it has one."""
    columns = (*TABLES[table], "digest")
    cursor = connection.execute(
        f"INSERT OR REPLACE INTO {table} ({', '.join(columns)}) "  # noqa: S608
        f"VALUES ({', '.join('?' * len(columns))})",
        (*fields, row_digest(*fields)),
    )
    return int(cursor.lastrowid or 0)


def add_digests(connection: sqlite3.Connection, table: str) -> None:
    """Give the rows of a table that had none their digests."""
    columns = TABLES[table]
    where = " AND ".join(f"{name} IS ?" for name in columns)
    for row in connection.execute(f"SELECT {', '.join(columns)} FROM {table}").fetchall():  # noqa: S608
        connection.execute(f"UPDATE {table} SET digest = ? WHERE {where}", (row_digest(*row), *row))  # noqa: S608
