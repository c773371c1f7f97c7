"""The only place that opens a file inside a knowledge base's folder.

Everything else asks the vault for bytes or for a connection: whether they are encrypted on the disk is
decided here, and no caller knows.

The database runs in WAL mode. Readers then never wait for the writer nor it for them; a killed process
leaves a log that the next one replays; and one document costs one sync. What WAL would cost is paid
here: the log is cut to nothing when the last connection closes, so deleted words do not linger in it,
and on a read-only medium, where the log's index cannot be made, the database is opened as immutable.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from ragedge.errors import BusyError, DamagedError, KnowledgeBaseNotFoundError, StoreError
from ragedge.privacy.cipher import Cipher
from ragedge.privacy.keys import KEYS, KeyFile, Secret
from ragedge.privacy.store_failures import MEND_HINT, store_failures

DATABASE = "kb.sqlite"
SETTINGS = "ragedge.toml"
KEPT_FOLDER = "originals"
# "RAGE": tells our databases from everybody's (sqlite.org/pragma.html#pragma_application_id).
APPLICATION_ID = 0x52414745
_LOCK = ".lock"
_WRITING = ".writing-"
# Never encrypted: the user's own settings, and what unlocks the rest.
_PLAIN = frozenset({SETTINGS, KEYS})
# What may lie in a folder before the first ingest.
_HARMLESS = frozenset({SETTINGS, KEYS, _LOCK, ".gitignore", ".DS_Store", "Thumbs.db", "desktop.ini"})
_BUSY_WAIT_S = 30.0
_POLL_S = 0.05
# A file under way is without its lock for the moments after it is made and before it is renamed.
_ABANDONED_S = 2.0


class Vault:
    """A knowledge base's folder.

    Attributes:
        path: The folder, absolute.
        read_only: Nothing in it can be written: a read-only medium, or no permission.
        cipher: How it is encrypted; None if it is not.
    """

    def __init__(self, path: Path, *, cipher: Cipher | None = None, lock_timeout_s: float = 10.0) -> None:
        self.path = path
        self.cipher = cipher
        self.read_only = not os.access(path, os.W_OK)
        self._lock_timeout_s = lock_timeout_s
        self._in_process = threading.RLock()
        self._depth = 0
        self._lock_file: int | None = None

    @classmethod
    def open(
        cls,
        path: str | os.PathLike[str],
        *,
        create: bool = False,
        secret: Secret | None = None,
        lock_timeout_s: float = 10.0,
    ) -> Vault:
        """Open a knowledge base's folder.

        Args:
            path: The folder.
            create: Make it, and what it needs, where it is missing or empty.
            secret: Unlocks an encrypted one; with ``create``, a new one is encrypted under it.
            lock_timeout_s: How long a writer waits for another one.

        Raises:
            KnowledgeBaseNotFoundError: nothing is there and ``create`` is False.
            LockedError: it is encrypted and the secret is missing or wrong.
            StoreError: the path is a file, or a folder that holds something else, or it is not encrypted and
                a secret was given.
        """
        folder = Path(path).expanduser().absolute()
        with store_failures(folder):
            if folder.exists() and not folder.is_dir():
                raise StoreError(f"{folder} is a file, not a knowledge base", hint="name a folder with --kb")
            if not (folder / DATABASE).is_file():
                if not create:
                    raise KnowledgeBaseNotFoundError(
                        f"there is no knowledge base at {folder}", hint=f"ragedge ingest FILES --kb {folder}"
                    )
                _refuse_foreign(folder)
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
                folder.chmod(0o700)
        vault = cls(folder, lock_timeout_s=lock_timeout_s)
        if vault.exists(KEYS):
            vault.cipher = vault._unlocked(secret)
        elif secret is not None:
            if vault.exists(DATABASE):
                raise StoreError(
                    f"the knowledge base {folder} is not encrypted, and a key was given",
                    hint=f"ragedge key encrypt --kb {folder} --to NEW_FOLDER",
                )
            keys, root = KeyFile.make(secret)
            vault.cipher = Cipher(root)
            vault.write_atomic(KEYS, keys.as_bytes())
        return vault

    @classmethod
    def unlocked_by(cls, path: str | os.PathLike[str]) -> str | None:
        """Say what kind of secret unlocks a folder: passphrase, key_file or key_store; None if it is plain.

        Raises:
            DamagedError: its key file is not what was written.
        """
        vault = cls(Path(path).expanduser().absolute())
        return str(KeyFile.parse(vault.read(KEYS)).wrapped["kind"]) if vault.exists(KEYS) else None

    def _unlocked(self, secret: Secret | None) -> Cipher:
        ciphers = [Cipher(root) for root in KeyFile.parse(self.read(KEYS)).unlock(secret)]
        if len(ciphers) == 1 or not self.exists(DATABASE):
            return ciphers[0]
        for cipher in ciphers:
            self.cipher = cipher
            try:
                self.connect().close()
            except DamagedError:
                continue
            return cipher
        raise DamagedError(f"the database in {self.path} opens with neither of its keys", hint=MEND_HINT)

    def read(self, name: str) -> bytes:
        """Return a file's content.

        Raises:
            FileNotFoundError: there is none of that name.
            StoreError: it cannot be read.
        """
        target = self._inside(name)
        if not target.is_file():
            raise FileNotFoundError(name)
        with store_failures(self.path):
            content = target.read_bytes()
        return content if self.cipher is None or name in _PLAIN else self.cipher.unseal(name, content)

    def write_atomic(self, name: str, data: bytes | memoryview) -> None:
        """Replace a file's content: after a crash it holds the old content or the new, never a part.

        Raises:
            StoreError: it cannot be written; the old content stands.
        """
        target = self._inside(name)
        if self.cipher is not None and name not in _PLAIN:
            data = self.cipher.seal(name, data)
        with store_failures(self.path):
            target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            # mkstemp makes it 0600, in the same folder so that the replacement is one rename.
            handle, temporary = tempfile.mkstemp(prefix=_WRITING, dir=target.parent)
            try:
                with os.fdopen(handle, "wb") as file:
                    _try_lock(handle)  # tells it from one that a killed process left
                    file.write(data)
                    file.flush()
                    os.fsync(file.fileno())
                os.replace(temporary, target)  # noqa: PTH105 -- the call that POSIX promises to be atomic
            except BaseException:
                Path(temporary).unlink(missing_ok=True)
                raise
            sync_folder(target.parent)

    def exists(self, name: str) -> bool:
        """Say whether a file of that name is there."""
        return self._inside(name).is_file()

    def delete(self, name: str) -> None:
        """Delete a file; a missing one is no error."""
        with store_failures(self.path):
            self._inside(name).unlink(missing_ok=True)

    def caches(self) -> list[str]:
        """Return the files that can be made again: all but the database, its log, keys, settings and the lock."""
        kept = (*_HARMLESS, DATABASE)
        return [
            entry.name
            for entry in sorted(self.path.iterdir())
            if entry.is_file() and entry.name not in kept and not entry.name.startswith((f"{DATABASE}-", "."))
        ]

    def kept(self) -> list[str]:
        """Return the files of documents that were uploaded."""
        return [f"{KEPT_FOLDER}/{entry.name}" for entry in sorted((self.path / KEPT_FOLDER).glob("*"))]

    def bytes_used(self) -> int:
        """Return the size of everything in the folder."""
        with store_failures(self.path):
            return sum(entry.stat().st_size for entry in self.path.rglob("*") if entry.is_file())

    def connect(self) -> sqlite3.Connection:
        """Open the database, making it where it is missing.

        The connection is in autocommit mode (transactions are explicit), may be used by any one thread at a
        time, and keeps SQLite's temporary tables in memory.

        Raises:
            DamagedError: the file is not a database.
            StoreError: it is another application's, or cannot be opened.
        """
        with store_failures(self.path):
            if self.read_only:
                connection = self._connect_read_only()
            else:
                # SQLite gives its log and its index the permissions of the file itself. One that is there is not
                # opened: closing it would drop the locks of this process's other connections, and a second process
                # would take itself for the last one and delete the log (sqlite.org/howtocorrupt.html, 2.2).
                with contextlib.suppress(FileExistsError):
                    os.close(os.open(self.path / DATABASE, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
                connection = self._connect(_uri(self.path / DATABASE, "rwc"))
            try:
                self._configure(connection)
            except BaseException:
                connection.close()
                raise
            return connection

    def copy_plain(self, target: Path) -> Vault:
        """Write a plain copy of the database, one state of it, into a new folder of its owner's alone.

        Raises:
            StoreError: it cannot be read or written.
        """
        copy = Vault.open(target, create=True)
        with store_failures(self.path):
            if self.cipher is not None:
                self.cipher.export_plain(self.path / DATABASE, target / DATABASE)
            else:
                connection = self.connect()
                try:
                    connection.execute("VACUUM INTO ?", (os.fspath(target / DATABASE),))
                finally:
                    connection.close()
            (target / DATABASE).chmod(0o600)
        return copy

    @contextmanager
    def writer(self) -> Iterator[None]:
        """Hold the folder's writer lock, shared with every process; reentrant in one thread.

        Raises:
            BusyError: another writer held it for longer than ``lock_timeout_s``.
            StoreError: the folder is read-only.
        """
        if self.read_only:
            raise StoreError(
                f"the knowledge base {self.path} cannot be written", hint="check its permissions and medium"
            )
        deadline = time.monotonic() + self._lock_timeout_s
        if not self._in_process.acquire(timeout=self._lock_timeout_s):
            raise self._busy()
        try:
            if self._depth == 0:
                self._lock_file = self._acquire(deadline)
                self._clear_abandoned()
            self._depth += 1
            try:
                yield
            finally:
                self._depth -= 1
                if self._depth == 0 and self._lock_file is not None:
                    os.close(self._lock_file)  # closing releases the lock; a killed process releases it too
                    self._lock_file = None
        finally:
            self._in_process.release()

    def _acquire(self, deadline: float) -> int:
        with store_failures(self.path):
            handle = os.open(self.path / _LOCK, os.O_RDWR | os.O_CREAT, 0o600)
            try:
                while not _try_lock(handle):
                    if time.monotonic() >= deadline:
                        raise self._busy()
                    time.sleep(_POLL_S)
            except BaseException:
                os.close(handle)
                raise
            return handle

    def _clear_abandoned(self) -> None:
        """Delete what a process that was killed in ``write_atomic`` left; one that is at it holds a lock."""
        for left in self.path.glob(f"{_WRITING}*"):
            with contextlib.suppress(OSError):
                handle = os.open(left, os.O_RDWR)
                try:
                    abandoned = time.time() - left.stat().st_mtime > _ABANDONED_S and _try_lock(handle)
                finally:
                    os.close(handle)
                if abandoned:
                    left.unlink()

    def _busy(self) -> BusyError:
        return BusyError(
            f"another process has been writing to {self.path} for over {self._lock_timeout_s:g} s",
            hint="wait for it to end, then run the command again",
        )

    def _connect_read_only(self) -> sqlite3.Connection:
        log = self.path / f"{DATABASE}-wal"
        # A log that holds something must be read; immutable would skip it and show an older state.
        mode = "ro" if log.exists() and log.stat().st_size else "ro&immutable=1"
        return self._connect(_uri(self.path / DATABASE, mode))

    def _connect(self, uri: str) -> sqlite3.Connection:
        if self.cipher is not None:
            return self.cipher.connect(uri, _BUSY_WAIT_S)
        return sqlite3.connect(
            uri, uri=True, timeout=_BUSY_WAIT_S, isolation_level=None, check_same_thread=False
        )

    def _configure(self, connection: sqlite3.Connection) -> None:
        connection.execute("PRAGMA temp_store = MEMORY")  # no plaintext in a temporary file
        found = connection.execute("PRAGMA application_id").fetchone()[0]
        if found != APPLICATION_ID:
            if connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
                if found == 0 and connection.execute("PRAGMA user_version").fetchone()[0]:
                    raise DamagedError(f"the database in {self.path} has lost its mark", hint=MEND_HINT)
                raise StoreError(
                    f"{self.path / DATABASE} is another application's database",
                    hint="name a folder with --kb",
                )
            if not self.read_only:
                connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        if not self.read_only:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute("PRAGMA secure_delete = ON")
            connection.execute("PRAGMA journal_size_limit = 16777216")
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("PRAGMA trusted_schema = OFF")

    def _inside(self, name: str) -> Path:
        parts = PurePosixPath(name).parts
        if not parts or any(part in ("..", "/") or "\\" in part or "\0" in part for part in parts):
            raise ValueError(f"{name!r} is not a name inside a knowledge base")
        return self.path.joinpath(*parts)


def _refuse_foreign(folder: Path) -> None:
    if folder.exists():
        others = [entry.name for entry in folder.iterdir() if entry.name not in _HARMLESS]
        if others:
            raise StoreError(
                f"{folder} holds {len(others)} other file(s) and no knowledge base",
                hint="name an empty or a new folder with --kb",
            )


def _uri(database: Path, mode: str) -> str:
    return f"{database.as_uri()}?mode={mode}"


def sync_folder(folder: Path) -> None:
    """Make the names in a folder as durable as the files."""
    if os.name == "nt":  # Windows has no handle to sync on a folder; its rename is journalled
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


if os.name == "nt":
    import msvcrt

    def _try_lock(handle: int) -> bool:
        try:
            msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined,unused-ignore]
        except OSError:
            return False
        return True

else:
    import fcntl

    def _try_lock(handle: int) -> bool:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True
