"""The seal on a plain database: one digest over all its pages, for what no row's digest covers.

A flipped bit in the full text's segments, in an index's pages or in the tables' definitions leaves every row as
it was and changes what is found. So the file ``kb.sqlite-seal`` holds a digest of the whole database, and the
stamp of the last transaction: a number drawn anew by each. While the stamp in the database is the one in the
seal, the pages must be those that were sealed; a killed writer leaves another stamp, and the seal says nothing
until the next change. An encrypted database needs none: SQLCipher authenticates each page that it reads.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import logging
import os
import sqlite3
import threading
from typing import Literal

from ragedge.errors import DamagedError
from ragedge.index import manifest
from ragedge.index.connections import Connections
from ragedge.privacy.database_pages import descriptor_of, pieces
from ragedge.privacy.vault import DATABASE, Vault

log = logging.getLogger(__name__)

FILE = f"{DATABASE}-seal"
# As models are hashed in full under 1 GB. Beyond, rows alone.
LARGEST = 1 << 30
# Where its file cannot be read in place (a log that others keep open, Windows) it is copied into memory, twice.
LARGEST_COPY = 128 << 20

State = Literal["sound", "unsealed", "broken"]


class Seal:
    """Of one store. Looked at once, before the first search or change; put on again after changes."""

    def __init__(self, vault: Vault, connections: Connections) -> None:
        self._vault = vault
        self._connections = connections
        self._guard = threading.Lock()
        self._state: State | None = "sound" if vault.cipher is not None else None
        self._due = self._written = False
        connections.before_write = self._before_write
        connections.before_commit = self._before_commit

    @property
    def is_broken(self) -> bool:
        """Whether the pages are not those that were sealed."""
        with self._guard:
            if self._state is None:
                self._state = self._look()
            return self._state == "broken"

    @property
    def has_written(self) -> bool:
        """Whether something was written since it was looked at."""
        return self._written

    def put_on(self, *, mended: bool = False) -> None:
        """Seal the database as it is now; one that is broken stays so unless it was mended."""
        if self._vault.cipher is not None or self._vault.read_only:
            return
        if mended:
            with self._connections.write() as connection:
                manifest.stamp(connection)
            with self._guard:
                self._state = "unsealed"
        elif self.is_broken or not self._due:
            return
        with self._connections.read() as connection:
            stamp = manifest.stamp_of(connection)
            digest = self._digest(connection, stamp)
        if stamp is not None and digest is not None:
            self._vault.write_atomic(FILE, _as_bytes(stamp, digest))
        with self._guard:
            self._state, self._due, self._written = "sound", False, False

    def _look(self) -> State:
        try:
            sealed = _parse(self._vault.read(FILE))
        except (FileNotFoundError, ValueError):
            self._due = True
            return "unsealed"  # a damaged seal says nothing of the database
        with self._connections.read() as connection:
            if manifest.stamp_of(connection) != sealed[0]:
                self._due = True
                return "unsealed"
            digest = self._digest(connection, sealed[0])
        if digest is None or hmac.compare_digest(digest, sealed[1]):
            return "sound"
        log.warning("the database is not as it was written")
        return "broken"

    def _digest(self, connection: sqlite3.Connection, stamp: str | None) -> str | None:
        """Return the digest of all pages as this transaction sees them; None where they are too many."""
        pages, size = (
            int(connection.execute(f"PRAGMA {name}").fetchone()[0]) for name in ("page_count", "page_size")
        )
        if pages * size > LARGEST:
            return None
        if (digest := self._digest_in_place(pages * size, stamp)) is not None:
            return digest
        if pages * size > LARGEST_COPY or not hasattr(connection, "serialize"):
            return None
        return hashlib.blake2b(connection.serialize(), digest_size=32).hexdigest()

    def _digest_in_place(self, size: int, stamp: str | None) -> str | None:
        """Return the digest of the file where it is what this transaction sees; None where that cannot be told.

        It is so while this transaction lasts once the log is folded in as a whole and nothing was written since.
        """
        path = self._vault.path / DATABASE
        descriptor = descriptor_of(path) if hasattr(os, "pread") else None
        if descriptor is None or not self._is_folded(stamp):
            return None
        state = hashlib.blake2b(digest_size=32)
        read = 0
        for piece in pieces(descriptor, size):
            state.update(piece)
            read += len(piece)
        same = descriptor_of(path) == descriptor
        return state.hexdigest() if same and read == size else None

    def _is_folded(self, stamp: str | None) -> bool:
        log_file = self._vault.path / f"{DATABASE}-wal"
        if self._vault.read_only:
            return not log_file.exists() or log_file.stat().st_size == 0
        with self._connections.bare() as connection:
            busy, frames, folded = connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
            return not busy and frames == folded and manifest.stamp_of(connection) == stamp

    def _before_write(self) -> None:
        _ = self.is_broken  # while it can still be told

    def _before_commit(self, connection: sqlite3.Connection) -> None:
        self._written = True
        # The stamp of a broken one stays, so that it is found to be so until it is mended.
        if self._state != "broken":
            manifest.stamp(connection)
            self._due = True


def _as_bytes(stamp: str, digest: str) -> bytes:
    body = json.dumps({"stamp": stamp, "pages": digest})
    return f"{body}\n{hashlib.sha256(body.encode()).hexdigest()}\n".encode()


def _parse(data: bytes) -> tuple[str, str]:
    body, _, own = data.decode("ascii").partition("\n")
    if hashlib.sha256(body.encode()).hexdigest() != own.strip():
        raise ValueError
    facts = json.loads(body)
    return facts["stamp"], facts["pages"]


def broken(vault: Vault) -> DamagedError:
    """Return the error for a database whose rows are whole and whose pages are not."""
    return DamagedError(
        f"the database in {vault.path} is not as it was written, though its documents are whole",
        hint=f"ragedge index rebuild --kb {vault.path}",
    )
