"""What users said of pages: right or wrong for a question. Kept in the knowledge base, for tuning alone."""

from __future__ import annotations

import sqlite3
from dataclasses import asdict, dataclass
from typing import Any

from ragedge.index import noted
from ragedge.index.digests import row_digest


@dataclass(frozen=True, slots=True)
class Feedback:
    """One verdict.

    Attributes:
        id: Its number, for taking it back.
        question: What was asked.
        source: The document.
        page: Its page, from 1; None for the whole document.
        right: The page answers the question; False: it does not, although it was offered.
        added_at: UTC, ISO 8601.
    """

    id: int
    question: str
    source: str
    page: int | None
    right: bool
    added_at: str

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON that ``ragedge feedback --json`` prints."""
        return asdict(self)


def add(
    connection: sqlite3.Connection, question: str, source: str, page: int | None, right: bool, at: str
) -> int:
    """Store a verdict, in place of an earlier one on the same page and question; return its number."""
    connection.execute(
        "DELETE FROM feedback WHERE question = ? AND source = ? AND page IS ?", (question, source, page)
    )
    return noted.put(connection, "feedback", question, source, page, int(right), at)


def records(connection: sqlite3.Connection) -> list[Feedback]:
    """Return every verdict, oldest first.

    Raises:
        DamagedError: one is not what was written; the hint takes it back.
    """
    columns = ", ".join(noted.TABLES["feedback"])
    rows = connection.execute(f"SELECT id, {columns}, digest FROM feedback ORDER BY id").fetchall()  # noqa: S608
    found = []
    for number, *row in rows:
        question, source, page, right, at = noted.check("feedback", row, number=number)
        found.append(Feedback(number, question, source, page, bool(right), at))
    return found


def remove(connection: sqlite3.Connection, number: int) -> bool:
    """Take back a verdict; False where there is none of that number."""
    return bool(connection.execute("DELETE FROM feedback WHERE id = ?", [number]).rowcount)


def remove_of(connection: sqlite3.Connection, source: str) -> None:
    """Remove the verdicts on a document."""
    connection.execute("DELETE FROM feedback WHERE source = ?", [source])


def rename(connection: sqlite3.Connection, old: str, new: str) -> None:
    """Let the verdicts on a document follow its name."""
    for number, *row in connection.execute(
        "SELECT id, question, source, page, is_right, added_at, digest FROM feedback WHERE source = ?", [old]
    ).fetchall():
        question, _, *rest = noted.check("feedback", row, number=number)
        connection.execute(
            "UPDATE feedback SET source = ?, digest = ? WHERE id = ?",
            (new, row_digest(question, new, *rest), number),
        )
