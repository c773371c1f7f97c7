"""The facts about a knowledge base as a whole, in the table ``manifest``: one key, one JSON value."""

from __future__ import annotations

import json
import sqlite3
from typing import Any

from ragedge.errors import DamagedError
from ragedge.index.rows import EmbedderRecord
from ragedge.privacy.store_failures import MEND_HINT

# There from a removal until its words are off the disk.
_REMOVED = "removed"


def begin(connection: sqlite3.Connection, embedder: EmbedderRecord) -> None:
    """Note who builds the vectors; what was noted of an existing knowledge base stays."""
    for key, value in {**embedder.as_dict(), "generation": 0}.items():
        connection.execute("INSERT OR IGNORE INTO manifest VALUES (?, ?)", (key, json.dumps(value)))


def embedder(connection: sqlite3.Connection) -> EmbedderRecord:
    """Return who built the vectors.

    Raises:
        DamagedError: that cannot be read.
    """
    found = dict(connection.execute("SELECT key, value FROM manifest").fetchall())
    try:
        return EmbedderRecord(*(json.loads(found[key]) for key in ("name", "fingerprint", "dim")))
    except (KeyError, ValueError) as exc:
        raise DamagedError("the manifest of the knowledge base is damaged", hint=MEND_HINT) from exc


def generation(connection: sqlite3.Connection) -> int:
    """Return a number that grows with every change to the rows."""
    row = connection.execute("SELECT value FROM manifest WHERE key = 'generation'").fetchone()
    return int(row[0])


def next_generation(connection: sqlite3.Connection) -> None:
    """Say that the rows changed."""
    connection.execute("UPDATE manifest SET value = CAST(value AS INTEGER) + 1 WHERE key = 'generation'")


def has_removed(connection: sqlite3.Connection) -> bool:
    """Say whether words of removed documents may still stand on the disk."""
    return connection.execute("SELECT 1 FROM manifest WHERE key = ?", [_REMOVED]).fetchone() is not None


def set_removed(connection: sqlite3.Connection, removed: bool) -> None:
    """Say that words of removed documents may stand on the disk, or that they are off it."""
    if removed:
        connection.execute("INSERT OR REPLACE INTO manifest VALUES (?, 'true')", [_REMOVED])
    else:
        connection.execute("DELETE FROM manifest WHERE key = ?", [_REMOVED])


def note(connection: sqlite3.Connection, key: str) -> Any:
    """Return what was noted under a key; None where nothing was."""
    row = connection.execute("SELECT value FROM manifest WHERE key = ?", [f"note.{key}"]).fetchone()
    return json.loads(row[0]) if row else None


def set_note(connection: sqlite3.Connection, key: str, value: Any) -> None:
    """Note something, in place of what was noted under that key."""
    connection.execute("INSERT OR REPLACE INTO manifest VALUES (?, ?)", (f"note.{key}", json.dumps(value)))
