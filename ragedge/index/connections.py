"""Connections to the database: readers side by side, one writer, all returned to a pool."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from ragedge.index import manifest
from ragedge.privacy.store_failures import store_failures
from ragedge.privacy.vault import Vault


class Connections:
    """A pool over one vault. A connection serves one thread at a time and is kept for the next.

    Attributes:
        before_write: Called before each transaction that writes.
        before_commit: Called with the connection at the end of each.
    """

    def __init__(self, vault: Vault) -> None:
        self._vault = vault
        self._idle: list[sqlite3.Connection] = []
        self._guard = threading.Lock()
        self._closed = False
        self._reading = threading.local()
        self.before_write: Callable[[], None] | None = None
        self.before_commit: Callable[[sqlite3.Connection], None] | None = None

    @contextmanager
    def read(self) -> Iterator[sqlite3.Connection]:
        """Lend a connection whose queries all see one state of the database; a read inside a read sees the same."""
        held: sqlite3.Connection | None = getattr(self._reading, "connection", None)
        if held is not None:
            yield held
            return
        with store_failures(self._vault.path):
            connection = self._take()
            try:
                connection.execute("BEGIN")
                self._reading.connection, self._reading.generation = connection, None
                try:
                    yield connection
                finally:
                    self._reading.connection = None
                    connection.rollback()
            finally:
                self._give(connection)

    def generation(self) -> int:
        """Return a number that grows with every change to the rows; asked for once a read."""
        with self.read() as connection:
            if self._reading.generation is None:
                self._reading.generation = manifest.generation(connection)
            found: int = self._reading.generation
            return found

    @contextmanager
    def write(self) -> Iterator[sqlite3.Connection]:
        """Lend a connection inside a transaction: committed at the end, undone by any error.

        Raises:
            BusyError: another process is writing.
        """
        with self._vault.writer(), store_failures(self._vault.path):
            if self.before_write is not None:
                self.before_write()
            connection = self._take()
            try:
                connection.execute("BEGIN IMMEDIATE")
                try:
                    yield connection
                    if self.before_commit is not None:
                        self.before_commit(connection)
                    connection.execute("COMMIT")
                finally:
                    # After a failed COMMIT (a full disk) SQLite may have rolled back already.
                    if connection.in_transaction:
                        connection.rollback()
            finally:
                self._give(connection)

    @contextmanager
    def bare(self) -> Iterator[sqlite3.Connection]:
        """Lend a connection outside any transaction, for migrations and maintenance."""
        with store_failures(self._vault.path):
            connection = self._take()
            try:
                yield connection
            finally:
                self._give(connection)

    def close(self) -> None:
        """Close every idle connection; one that is lent out closes when it comes back."""
        with self._guard:
            self._closed = True
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()

    def _take(self) -> sqlite3.Connection:
        with self._guard:
            if self._closed:
                raise ValueError("the knowledge base is closed")
            if self._idle:
                return self._idle.pop()
        return self._vault.connect()

    def _give(self, connection: sqlite3.Connection) -> None:
        with self._guard:
            if not self._closed:
                self._idle.append(connection)
                return
        connection.close()
