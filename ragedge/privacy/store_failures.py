"""The one seam where SQLite's and the system's errors become ours."""

from __future__ import annotations

import errno
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ragedge.errors import BusyError, DamagedError, RagedgeError, StoreError

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_READ_ONLY = frozenset({errno.EROFS, errno.EACCES, errno.EPERM})
_BUSY_HINT = "another process is writing to it: wait for it to end, then run the command again"
# What SQLite maps at once for the index of its log, and a page of each file besides.
_LEAST_ROOM = 64 << 10
_FULL_HINT = "nothing was lost: free some disk space and run the same command again"
MEND_HINT = "restore a copy of the folder, or ingest the documents into a new one"


@contextmanager
def store_failures(folder: Path) -> Iterator[None]:
    """Turn whatever SQLite or the system raises inside the block into a StoreError.

    Raises:
        BusyError: another connection holds the lock.
        DamagedError: the file is not a database, or its pages contradict each other.
        StoreError: the disk is full, the medium is read-only, or anything else of theirs.
    """
    try:
        yield
    except RagedgeError:
        raise
    except UnicodeDecodeError as exc:  # SQLite's own message quotes a definition that is no text any more
        raise DamagedError(f"the database in {folder} is damaged", hint=MEND_HINT) from exc
    except OSError as exc:
        raise _from_system(exc, folder) from exc
    except Exception as exc:
        if not from_sqlite(exc):
            raise
        raise _from_sqlite(exc, folder) from exc


def from_sqlite(exc: Exception, code: int | None = None) -> bool:
    """Tell whether SQLite raised an error, with that primary code if one is given.

    SQLCipher's module has exceptions of its own, which are not those of ``sqlite3`` and carry the same codes.
    """
    if not isinstance(exc, sqlite3.Error) and type(exc).__module__.partition(".")[0] != "sqlcipher3":
        return False
    return code is None or _primary(exc) == code


def _primary(exc: Exception) -> int:
    # Extended codes add detail above the low byte (sqlite.org/rescode.html).
    return int(getattr(exc, "sqlite_errorcode", 0)) & 0xFF


def _from_sqlite(exc: Exception, folder: Path) -> StoreError:
    code = _primary(exc)
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return BusyError(f"the knowledge base {folder} is locked", hint=_BUSY_HINT)
    # Of the index of its log SQLite says only that it could not make it so long; the room may be back by now.
    if code == sqlite3.SQLITE_FULL or getattr(exc, "sqlite_errorcode", 0) == sqlite3.SQLITE_IOERR_SHMSIZE:
        return StoreError(f"the disk that holds {folder} is full", hint=_FULL_HINT)
    # Python's module gives no code to text that is not UTF-8, which nothing of ours ever writes.
    if code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB) or "decode to UTF-8" in str(exc):
        return DamagedError(f"the database in {folder} is damaged", hint=MEND_HINT)
    if code in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM, sqlite3.SQLITE_AUTH):
        return StoreError(
            f"the knowledge base {folder} cannot be written", hint="check its permissions and medium"
        )
    if _has_no_room(folder):  # SQLite may name the call that failed and nothing else
        return StoreError(f"the disk that holds {folder} is full", hint=_FULL_HINT)
    name = getattr(exc, "sqlite_errorname", type(exc).__name__)
    return StoreError(f"the database in {folder} failed: {name}", hint="check the disk; then run it again")


def _has_no_room(folder: Path) -> bool:
    try:
        return shutil.disk_usage(folder).free < _LEAST_ROOM
    except OSError:
        return False


def _from_system(exc: OSError, folder: Path) -> StoreError:
    if exc.errno in _FULL:
        return StoreError(f"the disk that holds {folder} is full", hint=_FULL_HINT)
    if exc.errno in _READ_ONLY:
        return StoreError(f"no permission to use {folder}", hint="check its permissions and medium")
    name = errno.errorcode.get(exc.errno or 0, "unknown error")
    return StoreError(
        f"the knowledge base {folder} could not be read or written: {name}", hint="check the disk"
    )
