"""Reads a database's file beside SQLite, without losing the locks that this process holds on it.

POSIX drops every lock of a process on a file when the process closes any descriptor of it
(sqlite.org/howtocorrupt.html, 2.2). So nothing is opened here: SQLite's own descriptor is read, at places of our own.
SQLite keeps it open for as long as a connection of this process holds a lock, which each does that reads.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

_PIECE = 1 << 20
_OPEN_FILES = Path("/dev/fd")


def descriptor_of(path: Path) -> int | None:
    """Return a descriptor by which this process has a file open; None where there is none, or none can be seen."""
    try:
        file = path.stat()
        numbers = [int(name) for name in os.listdir(_OPEN_FILES) if name.isdigit()]  # noqa: PTH208 -- names alone
    except OSError:
        return None
    for number in numbers:
        with suppress(OSError):
            if os.path.samestat(os.fstat(number), file):
                return number
    return None


def pieces(descriptor: int, size: int) -> Iterator[bytes]:
    """Yield the first ``size`` bytes of a file, a megabyte at a time; less where it is shorter."""
    at = 0
    while at < size and (piece := os.pread(descriptor, min(_PIECE, size - at), at)):
        yield piece
        at += len(piece)
