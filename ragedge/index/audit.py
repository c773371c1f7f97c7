"""The audit log: what was done, when, under which settings, and nothing that was said.

Its records are rows beside the documents, so that they are encrypted, copied and given new keys with them, and a
crash leaves a record whole or not at all. ``privacy.audit_chain`` says what ties them together.
"""

from __future__ import annotations

import datetime
import json
import secrets
import sqlite3
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ragedge.errors import DamagedError
from ragedge.index import manifest
from ragedge.index.connections import Connections
from ragedge.privacy import audit_seals
from ragedge.privacy.audit_chain import FIRST, ChainKey, Head
from ragedge.privacy.finding import Finding
from ragedge.privacy.store_failures import store_failures
from ragedge.privacy.vault import Vault

Facts = Callable[[Callable[[str, str], str]], Mapping[str, Any]]

BROKEN = "log broken"  # the action of a record that was added to a log that is not what was sealed
_NOTE = "audit"
_MEND = "compare it with a head or an export that was kept elsewhere; restore the newer copy of the folder"


@dataclass(frozen=True, slots=True)
class AuditRecord:
    """One record.

    Attributes:
        number: From 1.
        log: Names the key it was made under.
        body: The JSON that was tagged.
        tag: Over the tag before it, the number and the body; 32 bytes.
    """

    number: int
    log: str
    body: str
    tag: bytes

    @property
    def facts(self) -> dict[str, Any]:
        """What was recorded: ``time``, ``action`` and what belongs to the action."""
        try:
            found = json.loads(self.body)
        except ValueError:
            found = None
        return found if isinstance(found, dict) else {"time": "", "action": "unreadable"}

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON of ``ragedge audit show``."""
        return {"number": self.number, **self.facts}


class AuditLog:
    """Of one knowledge base. May be shared by threads; processes take turns."""

    def __init__(self, vault: Vault, connections: Connections) -> None:
        self._vault = vault
        self._connections = connections

    def append(self, action: str, facts: Facts) -> int:
        """Add a record, and seal the new head; return its number.

        A process that is killed in between leaves a seal that is one behind, which the next record makes good.

        Args:
            action: A word or two.
            facts: Given the log's digest of a kind and a text, returns what belongs to the action.

        Raises:
            StoreError: the record or the seal cannot be written.
        """
        with self._vault.writer():
            with self._connections.write() as connection:
                log, key = self._log_for_writing(connection)
                last = _last(connection)
                sealed = audit_seals.kept_seal(log)
                if sealed is not None and not _follows(connection, sealed.head):
                    # Going on as if nothing were missing would seal the gap over: the log says so from here on.
                    told = {"sealed": str(sealed.head), "found": last.count}
                    last = _add(connection, log, key, last, BROKEN, told)
                head = _add(connection, log, key, last, action, facts(key.digest))
            with store_failures(self._vault.path):
                audit_seals.keep_seal(log, self._vault.path.as_posix(), head, key)
        return head.count

    def digest(self, kind: str, text: str) -> str | None:
        """Return the digest under which a question, name or passage stands in the log; None without its key."""
        with self._connections.read() as connection:
            key = self._log(connection)[1]
        return None if key is None else key.digest(kind, text)

    def head(self) -> Head:
        """Return how many records there are and the last tag: to be noted elsewhere."""
        with self._connections.read() as connection:
            return _last(connection)

    def last_action(self) -> str | None:
        """Return what was recorded last; None where nothing was."""
        with self._connections.read() as connection:
            found = _records(connection, "ORDER BY id DESC LIMIT 1")
        return str(found[0].facts["action"]) if found else None

    def records(self, *, since: int = 1) -> list[AuditRecord]:
        """Return the records from a number on, in order."""
        with self._connections.read() as connection:
            return _records(connection, "WHERE id >= ? ORDER BY id", since)

    def verify(self, expected: Head | None = None) -> list[Finding]:
        """Look for records that were changed, moved, inserted, dropped or cut off.

        Args:
            expected: A head that was noted elsewhere: the log must hold it still.
        """
        with self._connections.read() as connection:
            records = _records(connection, "ORDER BY id")
            log, key = self._log(connection)
        found = [self._kept(records), *self._chain(records), self._sealed(records, log, key)]
        if expected is not None:
            found.append(_expected(records, expected))
        return found

    # The key

    def _log(self, connection: sqlite3.Connection) -> tuple[str, ChainKey | None]:
        """Return the log's name and key; the name is empty where none was begun, the key None where it is not here."""
        noted = manifest.note(connection, _NOTE)
        if not isinstance(noted, dict):
            return "", None
        log = str(noted.get("log", ""))
        if self._vault.cipher is not None:
            # Without a key it is a copy of a plain one, whose log goes on there; this one begins its own.
            return (log, ChainKey(bytes.fromhex(noted["key"]))) if "key" in noted else ("", None)
        kept = audit_seals.kept_key(log)
        return log, None if kept is None else ChainKey(kept)

    def _log_for_writing(self, connection: sqlite3.Connection) -> tuple[str, ChainKey]:
        """Return the log's name and key; begin one where there is none, or none that this device has the key of."""
        log, key = self._log(connection)
        if key is not None:
            return log, key
        log, secret = audit_seals.new_log()
        if self._vault.cipher is not None:
            manifest.set_note(connection, _NOTE, {"log": log, "key": secret.hex()})
        else:
            audit_seals.keep_key(log, secret)
            manifest.set_note(connection, _NOTE, {"log": log})
        return log, ChainKey(secret)

    # What verify looks at

    def _kept(self, records: list[AuditRecord]) -> Finding:
        """The records are numbered from 1 without a gap, and none says that the log was broken before it."""
        numbers = [record.number for record in records]
        if numbers != list(range(1, len(records) + 1)):
            missing = sorted(set(range(1, max(numbers) + 1)) - set(numbers))
            detail = f"record {missing[0]} is missing" + (
                f", and {len(missing) - 1} more" if missing[1:] else ""
            )
            return Finding("records", False, detail, _MEND)
        for record in records:
            if record.facts["action"] == BROKEN:
                told = (
                    f"from record {record.number} on it was added to a log that was not what had been sealed"
                )
                return Finding("records", False, told, _MEND)
        return Finding("records", True, f"{len(records)}, numbered without a gap")

    def _chain(self, records: list[AuditRecord]) -> list[Finding]:
        """Every record follows from the one before it, under the key of its log."""
        wrong, keyless, before = [], [], FIRST
        keys: dict[str, ChainKey | None] = {}
        with self._connections.read() as connection:
            log, key = self._log(connection)
        keys[log] = key
        for record in records:
            if record.log not in keys:
                kept = audit_seals.kept_key(record.log)
                keys[record.log] = None if kept is None else ChainKey(kept)
            under = keys[record.log]
            if under is None:
                keyless.append(record.number)
            elif not secrets.compare_digest(record.tag, under.tag(before, record.number, record.body)):
                wrong.append(record.number)
            before = record.tag
        if wrong:
            more = f", and {len(wrong) - 1} more" if wrong[1:] else ""
            return [Finding("chain", False, f"record {wrong[0]} is not what was written{more}", _MEND)]
        if keyless:
            detail = f"{len(keyless)} records cannot be checked: the key they were made under is not here"
            return [Finding("chain", False, detail, "copy the .key file from the audit folder of its device")]
        return [Finding("chain", True, "every record follows from the one before it")]

    def _sealed(self, records: list[AuditRecord], log: str, key: ChainKey | None) -> Finding:
        """The log goes at least as far as was sealed on this device, and holds the sealed head."""
        folder = self._vault.path.as_posix()
        others = [seal for seal in audit_seals.seals_of(folder) if seal.log != log]
        known = {record.log for record in records}
        lost = [seal for seal in others if seal.log not in known]
        if lost:
            told = f"a log of {lost[0].head.count} records was kept for this folder, and is gone"
            return Finding("seal", False, told, _MEND)
        try:
            seal = audit_seals.kept_seal(log) if log else None
        except DamagedError as exc:
            return Finding("seal", False, exc.message, _MEND)
        if seal is None and not records:
            return Finding("seal", True, "nothing was recorded, and nothing sealed")
        if seal is None:
            told = "none on this device: what was cut off at the end, or an older copy, would not be seen"
            return Finding("seal", False, told, "ragedge audit verify --expect COUNT:TAG")
        if key is None or not seal.holds(key):
            return Finding("seal", False, "it was not made under the key of this log", _MEND)
        if not _holds(records, seal.head):
            told = f"{seal.head.count} records were sealed; the log has {len(records)} and does not hold their head"
            return Finding("seal", False, told, _MEND)
        return Finding("seal", True, f"{seal.head.count} records were sealed, and are here")


def _expected(records: list[AuditRecord], expected: Head) -> Finding:
    if _holds(records, expected):
        return Finding("expected", True, f"the head after record {expected.count} is in the log")
    return Finding("expected", False, f"the head after record {expected.count} is not in the log", _MEND)


def _holds(records: list[AuditRecord], head: Head) -> bool:
    if head.count == 0:
        return head.tag == FIRST
    at = [record for record in records if record.number == head.count]
    return bool(at) and secrets.compare_digest(at[0].tag, head.tag)


def _follows(connection: sqlite3.Connection, sealed: Head) -> bool:
    return _holds(_records(connection, "WHERE id = ?", sealed.count), sealed)


def _last(connection: sqlite3.Connection) -> Head:
    found = connection.execute("SELECT id, tag FROM audit ORDER BY id DESC LIMIT 1").fetchone()
    return Head(*found) if found else Head(0, FIRST)


def _add(
    connection: sqlite3.Connection,
    log: str,
    key: ChainKey,
    last: Head,
    action: str,
    facts: Mapping[str, Any],
) -> Head:
    now = datetime.datetime.now(datetime.UTC).isoformat(timespec="milliseconds")
    body = json.dumps({"time": now, "action": action, **facts}, ensure_ascii=False, separators=(",", ":"))
    head = Head(last.count + 1, key.tag(last.tag, last.count + 1, body))
    connection.execute("INSERT INTO audit VALUES (?, ?, ?, ?)", (head.count, log, body, head.tag))
    return head


def _records(connection: sqlite3.Connection, rest: str, *values: Any) -> list[AuditRecord]:
    rows = connection.execute(f"SELECT id, log, body, tag FROM audit {rest}", values)  # noqa: S608 -- our own words
    return [AuditRecord(*row) for row in rows]
