"""What was learned about a knowledge base beside its documents: settings, verdicts, trials and notes.

It tells of the documents, so it lies in the same database; search and answers are right without it.
"""

from __future__ import annotations

import datetime
import json
from collections.abc import Mapping
from typing import Any, Literal

from ragedge.index import documents, feedback, manifest, noted, trials
from ragedge.index.connections import Connections

Table = Literal["settings", "tuned"]


class Learned:
    """Of one knowledge base; ``Store.learned``. May be shared by threads."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections

    def values(self, table: Table) -> dict[str, Any]:
        """Return the settings the user stored, or the tuned values, by dotted key."""
        with self._connections.read() as connection:
            rows = noted.read(connection, _table(table), "ORDER BY key")
        return {key: json.loads(value) for key, value in rows}

    def set_values(self, table: Table, values: Mapping[str, Any]) -> None:
        """Replace all of them."""
        name = _table(table)
        with self._connections.write() as connection:
            connection.execute(f"DELETE FROM {name}")  # noqa: S608
            for key, value in values.items():
                noted.put(connection, name, key, json.dumps(value))

    def clear(self, table: Table) -> list[str]:
        """Remove all of them, damaged ones too; return their keys."""
        name = _table(table)
        with self._connections.write() as connection:
            keys = connection.execute(f"SELECT key FROM {name} ORDER BY key").fetchall()  # noqa: S608
            connection.execute(f"DELETE FROM {name}")  # noqa: S608
        return [str(key) for (key,) in keys]

    def add_feedback(self, question: str, source: str, page: int | None, *, right: bool) -> int:
        """Store what a user said of a page for a question, in place of an earlier verdict; return its number.

        Raises:
            LookupError: there is no such document, or no such page of it.
        """
        with self._connections.read() as connection:
            found = documents.records(connection, source)
        if not found or (page is not None and not 1 <= page <= found[0].pages):
            raise LookupError(f"there is no page {page} of a document named {source!r}")
        now = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
        with self._connections.write() as connection:
            return feedback.add(connection, question, source, page, right, now)

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

    def tried(self, but: str) -> list[dict[str, Any]]:
        """Return what came of every trial, of all studies but one."""
        with self._connections.read() as connection:
            return trials.tried(connection, but)

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
            return manifest.note(connection, key)

    def noted(self, prefix: str) -> list[str]:
        """Return the keys that begin so and have something noted under them."""
        with self._connections.read() as connection:
            return manifest.noted_under(connection, prefix)

    def forget_note(self, key: str) -> None:
        """Forget what was noted under a key, on the disk too."""
        with self._connections.write() as connection:
            manifest.forget_note(connection, key)

    def set_note(self, key: str, value: Any) -> None:
        """Note something about the knowledge base, in place of what was noted under that key."""
        with self._connections.write() as connection:
            manifest.set_note(connection, key, value)


def _table(name: Table) -> str:
    if name not in ("settings", "tuned"):
        raise ValueError(f"no such table: {name!r}")
    return name
