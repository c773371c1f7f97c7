"""The facts about a knowledge base as a whole, in the table ``manifest``: one key, one JSON value."""

from __future__ import annotations

import json
import secrets
import sqlite3
from typing import Any

from ragedge.errors import DamagedError
from ragedge.index import noted
from ragedge.index.rows import EmbedderRecord
from ragedge.privacy.store_failures import MEND_HINT

# There from a removal until its words are off the disk.
_REMOVED = "removed"
_STAMP = "stamp"


def begin(connection: sqlite3.Connection, embedder: EmbedderRecord) -> None:
    """Note who builds the vectors; what was noted of an existing knowledge base stays."""
    for key, value in {**embedder.as_dict(), "generation": 0}.items():
        if _value(connection, key) is None:
            noted.put(connection, "manifest", key, json.dumps(value))


def embedder(connection: sqlite3.Connection) -> EmbedderRecord:
    """Return who built the vectors.

    Raises:
        DamagedError: that cannot be read.
    """
    found = dict(noted.read(connection, "manifest"))
    try:
        return EmbedderRecord(*(json.loads(found[key]) for key in ("name", "fingerprint", "dim")))
    except (KeyError, ValueError) as exc:
        raise DamagedError("the manifest of the knowledge base is damaged", hint=MEND_HINT) from exc


def generation(connection: sqlite3.Connection) -> int:
    """Return a number that grows with every change to the rows."""
    value = _value(connection, "generation")
    if value is None:
        raise DamagedError("the manifest of the knowledge base is damaged", hint=MEND_HINT)
    return int(value)


def next_generation(connection: sqlite3.Connection) -> None:
    """Say that the rows changed."""
    noted.put(connection, "manifest", "generation", json.dumps(generation(connection) + 1))


def has_removed(connection: sqlite3.Connection) -> bool:
    """Say whether words of removed documents may still stand on the disk."""
    return _value(connection, _REMOVED) is not None


def set_removed(connection: sqlite3.Connection, removed: bool) -> None:
    """Say that words of removed documents may stand on the disk, or that they are off it."""
    if removed:
        noted.put(connection, "manifest", _REMOVED, "true")
    else:
        connection.execute("DELETE FROM manifest WHERE key = ?", [_REMOVED])


def note(connection: sqlite3.Connection, key: str) -> Any:
    """Return what was noted under a key; None where nothing was."""
    value = _value(connection, f"note.{key}")
    return None if value is None else json.loads(value)


def set_note(connection: sqlite3.Connection, key: str, value: Any) -> None:
    """Note something, in place of what was noted under that key."""
    noted.put(connection, "manifest", f"note.{key}", json.dumps(value))


def stamp(connection: sqlite3.Connection) -> None:
    """Mark this transaction, so that a seal tells whether it is of this very state."""
    noted.put(connection, "manifest", _STAMP, json.dumps(secrets.token_hex(12)))


def stamp_of(connection: sqlite3.Connection) -> str | None:
    """Return the mark of the last transaction; None where none was marked yet."""
    value = _value(connection, _STAMP)
    return None if value is None else str(json.loads(value))


def _value(connection: sqlite3.Connection, key: str) -> str | None:
    rows = noted.read(connection, "manifest", "WHERE key = ?", [key])
    return str(rows[0][1]) if rows else None


def noted_under(connection: sqlite3.Connection, prefix: str) -> list[str]:
    """Return the keys under which something was noted that begin so."""
    whole = f"note.{prefix}"
    rows = noted.read(connection, "manifest", "WHERE substr(key, 1, ?) = ?", [len(whole), whole])
    return [str(row[0]).removeprefix("note.") for row in rows]


def forget_note(connection: sqlite3.Connection, key: str) -> None:
    """Forget what was noted under a key; SQLite overwrites it on the disk (``secure_delete``)."""
    connection.execute("DELETE FROM manifest WHERE key = ?", [f"note.{key}"])
