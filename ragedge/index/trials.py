"""What tuning tried, so that it can go on where it stopped. It tells of documents, so it stays with them."""

from __future__ import annotations

import json
import sqlite3
from typing import Any

from ragedge.index import noted


def add(connection: sqlite3.Connection, study: str, name: str, body: dict[str, Any]) -> None:
    """Store what came of one trial of a study."""
    noted.put(connection, "trials", study, name, json.dumps(body))


def of_study(connection: sqlite3.Connection, study: str) -> dict[str, dict[str, Any]]:
    """Return what came of each trial of a study, by its name."""
    rows = noted.read(connection, "trials", "WHERE study = ?", [study])
    return {name: json.loads(body) for _, name, body in rows}


def tried(connection: sqlite3.Connection, but: str) -> list[dict[str, Any]]:
    """Return what came of every trial, of all studies but one."""
    rows = noted.read(connection, "trials", "WHERE study != ? ORDER BY study, name", [but])
    return [json.loads(body) for _, _, body in rows]


def forget_other(connection: sqlite3.Connection, kept: tuple[str, ...]) -> None:
    """Remove all studies but some: others were of documents, questions or settings that are no more."""
    marks = ", ".join("?" * len(kept))
    connection.execute(f"DELETE FROM trials WHERE study NOT IN ({marks})", kept)  # noqa: S608
