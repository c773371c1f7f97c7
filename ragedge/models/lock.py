"""Keeps two processes from writing one model at once: a lock that ends with its process."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

_POLL_S = 0.2


@contextmanager
def exclusive(path: Path, on_wait: Callable[[], None] | None = None) -> Iterator[None]:
    """Hold a lock file; wait for another process that holds it.

    The file stays behind, empty: removing it while another process waits on it would let two in.

    Args:
        path: The lock file; made with its folder.
        on_wait: Called once when the lock is taken elsewhere.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    told = False
    try:
        while not _try_lock(descriptor):
            if on_wait is not None and not told:
                on_wait()
                told = True
            time.sleep(_POLL_S)
        yield
    finally:
        os.close(descriptor)  # which also lets go of the lock


def _try_lock(descriptor: int) -> bool:
    try:
        if sys.platform == "win32":
            import msvcrt

            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):
        return False
    return True
