"""Compares a model folder with its manifest: sizes at once, digests in full beside other work."""

from __future__ import annotations

import hashlib
import mmap
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from ragedge.errors import ModelError, ModelIntegrityError
from ragedge.models.manifest import MANIFEST_NAME, FileRecord, Manifest

_BLOCK_BYTES = 1 << 20
# Mapped and hashed by one call, which holds no interpreter lock: opening a session holds it for a quarter of a
# second, and a hash that came back for the lock after every block would wait until the session is open. Larger
# windows would wait less for a larger model, and are counted in the process's peak memory.
_WINDOW_BYTES = 64 << 20


def record_of(path: Path) -> FileRecord:
    """Hash a file."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        for start in range(0, size, _WINDOW_BYTES):
            length = min(_WINDOW_BYTES, size - start)
            with mmap.mmap(file.fileno(), length, access=mmap.ACCESS_READ, offset=start) as window:
                digest.update(window)
    return FileRecord(sha256=digest.hexdigest(), bytes=size)


def digest_of(file: BinaryIO) -> tuple[str, int]:
    """Return the sha256 and the length of what is left in a file."""
    digest, size = hashlib.sha256(), 0
    block = bytearray(_BLOCK_BYTES)
    view = memoryview(block)
    while count := file.readinto(block):  # type: ignore[attr-defined]
        digest.update(view[:count])
        size += count
    return digest.hexdigest(), size


def size_problems(folder: Path, manifest: Manifest) -> list[str]:
    """Compare presence and length of every file; reads none of them. Each problem names its file."""
    problems = []
    for name, record in sorted(manifest.files.items()):
        path = folder / name
        if not path.is_file():
            problems.append(f"{name} is missing")
        elif path.stat().st_size != record.bytes:
            problems.append(f"{name} has {path.stat().st_size} bytes, recorded are {record.bytes}")
    return problems


def problems(folder: Path, manifest: Manifest) -> list[str]:
    """Compare every file in full, and look for files that nobody recorded. Each problem names its file."""
    found = size_problems(folder, manifest)
    named = {problem.partition(" ")[0] for problem in found}
    for name, record in sorted(manifest.files.items()):
        if name not in named and record_of(folder / name).sha256 != record.sha256:
            found.append(f"{name} differs from its recorded sha256")
    known = {*manifest.files, MANIFEST_NAME}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if not path.is_dir() and name not in known:
            found.append(f"{name} is not part of the model")
    return found


def integrity_error(name: str, found: list[str]) -> ModelIntegrityError:
    """Return the error that names a model's damaged files and the command that mends it."""
    return ModelIntegrityError(
        f"model {name} is damaged: {'; '.join(found)}", hint=f"ragedge models pull {name}"
    )


class BackgroundCheck:
    """Hashes every file of a model in a thread, from construction on.

    Hashing holds no interpreter lock and reads the pages that loading reads, so on a second core it is over
    before the load is. ``finish`` must be called before anything the model made is handed out.
    """

    def __init__(self, folder: Path, manifest: Manifest) -> None:
        self._name = manifest.name
        self._found: list[str] = []
        self._thread = threading.Thread(
            target=self._check, args=(folder, manifest), name="ragedge-verify", daemon=True
        )
        self._thread.start()

    def _check(self, folder: Path, manifest: Manifest) -> None:
        try:
            self._found = problems(folder, manifest)
        except OSError as exc:
            self._found = [f"{Path(str(exc.filename)).name} cannot be read: {exc.strerror}"]

    def finish(self) -> None:
        """Wait for the last digest.

        Raises:
            ModelIntegrityError: a file differs from what was recorded.
        """
        self._thread.join()
        if self._found:
            raise integrity_error(self._name, self._found)


@contextmanager
def checked_beside(folder: Path, manifest: Manifest) -> Iterator[None]:
    """Check every file while the block loads the model; leave only if all digests are right.

    Raises:
        ModelIntegrityError: a file differs. It takes the place of a ``ModelError`` from the block, since
            damage is why the load failed.
    """
    check = BackgroundCheck(folder, manifest)
    try:
        yield
    except ModelError as exc:
        try:
            check.finish()
        except ModelIntegrityError as damage:
            raise damage from exc
        raise
    check.finish()
